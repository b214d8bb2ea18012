"""Likelihood, search, verdict, result: fits of one subject, of pooled data, and of populations.

What fits of populations need is loaded when it is first asked for. Their steps, one by one, are in `pkpd.fit.steps`.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from pkpd.fit.individual import fit_individuals
from pkpd.fit.options import Options
from pkpd.fit.pooled import fit_pooled
from pkpd.fit.result import Fit, Fits
from pkpd.fit.start import initial_estimates
from pkpd.population import KINDS, ResidualError, residual_error

if TYPE_CHECKING:
    from pkpd.fit.mixed.options import PopulationOptions
    from pkpd.fit.mixed.result.individual_estimates import individual_estimates
    from pkpd.fit.mixed.result.population_fit import PopulationFit
    from pkpd.fit.mixed.result.store import load
    from pkpd.fit.mixed.verb import explain, fit_population

# Where each name of population fits stands.
_LATER = {
    "PopulationFit": "pkpd.fit.mixed.result.population_fit",
    "PopulationOptions": "pkpd.fit.mixed.options",
    "explain": "pkpd.fit.mixed.verb",
    "fit_population": "pkpd.fit.mixed.verb",
    "individual_estimates": "pkpd.fit.mixed.result.individual_estimates",
    "load": "pkpd.fit.mixed.result.store",
}

__all__ = [
    "KINDS",
    "Fit",
    "Fits",
    "Options",
    "PopulationFit",
    "PopulationOptions",
    "ResidualError",
    "explain",
    "fit_individuals",
    "fit_pooled",
    "fit_population",
    "individual_estimates",
    "initial_estimates",
    "load",
    "residual_error",
]


def __getattr__(name: str) -> object:
    """Load what population fits offer, when it is asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'pkpd.fit' has no attribute {name!r}")
    found: object = getattr(import_module(_LATER[name]), name)
    setattr(sys.modules[__name__], name, found)  # from now on it is there at once
    return found


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
