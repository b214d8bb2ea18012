"""pkpd: from sparse samples to a simulated trial.

Non-compartmental analysis, ODE models from equations, maximum-likelihood fits and simulation for pharmacometrics.
One verb is one task: `read_study`, `nca`, `initial_estimates`, `fit_individuals`, `fit_pooled`, `simulate`.
"""

from typing import TYPE_CHECKING

from pkpd import data, il21, library, units
from pkpd.about import __version__ as __version__
from pkpd.diagnostics import design_bias
from pkpd.dosing import Dose, Regimen, bolus, infusion, oral
from pkpd.engine import Settings
from pkpd.errors import DataWarning, FitWarning, InputError, ModelError, PkpdError, UnitError, warn
from pkpd.fit import Fit, Fits, Options, fit_individuals, fit_pooled, initial_estimates
from pkpd.io import read_study
from pkpd.model import Model, define
from pkpd.nca.after.explain import why
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population, block
from pkpd.simulate import (
    Situation,
    locate,
    open_simulation,
    predict,
    simulate,
    simulate_adaptive,
    simulated_study,
)
from pkpd.study import Study, combine

if TYPE_CHECKING:
    from pkpd.nca.face import NcaVerb as nca
else:
    from pkpd import nca

__all__ = [
    "DataWarning",
    "Dose",
    "Fit",
    "FitWarning",
    "Fits",
    "InputError",
    "Model",
    "ModelError",
    "Omega",
    "Options",
    "Parameter",
    "Parameters",
    "PkpdError",
    "Population",
    "Regimen",
    "Settings",
    "Situation",
    "Study",
    "UnitError",
    "block",
    "bolus",
    "combine",
    "data",
    "define",
    "design_bias",
    "fit_individuals",
    "fit_pooled",
    "il21",
    "infusion",
    "initial_estimates",
    "library",
    "locate",
    "nca",
    "open_simulation",
    "oral",
    "plot",
    "predict",
    "read_study",
    "simulate",
    "simulate_adaptive",
    "simulated_study",
    "units",
    "why",
]


# What follows on an NCA stood here until it moved to the module of its verb.
_UNDER_NCA = (
    "Points", "Rules", "accumulation", "choose_points", "dose_proportionality", "nca_sparse", "relative", "rerun",
    "summarise", "superpose_study", "wide_table",
)  # fmt: skip


def __getattr__(name: str) -> object:
    """Load the pictures when they are first asked for (matplotlib takes half a second); find what has moved."""
    if name == "plot":
        import importlib

        return importlib.import_module("pkpd.plot")
    if name in _UNDER_NCA:
        warn(f"pkpd.{name} stands under pkpd.nca.{name} now", FutureWarning)
        return getattr(nca, name)
    if name == "Variability":
        import warnings

        text = "pkpd.Variability is pkpd.Omega now; its limits and shared factors belong to the Population"
        warnings.warn(text, FutureWarning, stacklevel=2)
        return Omega
    raise AttributeError(f"module 'pkpd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
