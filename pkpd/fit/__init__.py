"""Residual error, likelihood, search, verdict, result: fits of one subject and of pooled data (floor 4)."""

from pkpd.fit.estimate import Options, fit_individuals, fit_pooled
from pkpd.fit.residual import KINDS, ResidualError
from pkpd.fit.result import Fit, Fits
from pkpd.fit.start import initial_estimates

__all__ = ["KINDS", "Fit", "Fits", "Options", "ResidualError", "fit_individuals", "fit_pooled", "initial_estimates"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
