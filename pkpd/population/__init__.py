"""What is fitted and what is simulated, as one value: typical values, random effects, covariates, errors."""

import sys
import types
import warnings

from pkpd.model import Model
from pkpd.population.constraints import Constraint
from pkpd.population.correlation import ErrorCorrelation, correlated
from pkpd.population.omega import Omega, block
from pkpd.population.population import Population
from pkpd.population.priors import InverseWishart, NormalPrior
from pkpd.population.protocol import Source, population_of
from pkpd.population.residual import KINDS, ErrorKind, ErrorParameter, ResidualError, residual_error
from pkpd.population.subject_rows import SubjectRows

__all__ = [
    "KINDS",
    "Constraint",
    "ErrorCorrelation",
    "ErrorKind",
    "ErrorParameter",
    "InverseWishart",
    "NormalPrior",
    "Omega",
    "Population",
    "ResidualError",
    "Source",
    "SubjectRows",
    "block",
    "correlated",
    "population_of",
    "residual_error",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]


class _OldName(types.ModuleType):
    """``pkpd.population(fit)`` was a function before it was a package: it still works, with a warning."""

    def __call__(self, source: Population | Source | Model) -> Population:
        text = "pkpd.population(source) is now source.population(), or pkpd.population.population_of(source)"
        warnings.warn(text, FutureWarning, stacklevel=2)
        return population_of(source)


sys.modules[__name__].__class__ = _OldName
