"""Likelihood, search, verdict, result: fits of one subject and of pooled data."""

from pkpd.fit.individual import fit_individuals
from pkpd.fit.options import Options
from pkpd.fit.pooled import fit_pooled
from pkpd.fit.result import Fit, Fits
from pkpd.fit.start import initial_estimates
from pkpd.population import KINDS, ResidualError, residual_error

__all__ = [
    "KINDS",
    "Fit",
    "Fits",
    "Options",
    "ResidualError",
    "fit_individuals",
    "fit_pooled",
    "initial_estimates",
    "residual_error",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
