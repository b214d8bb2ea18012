"""pkpd: from sparse samples to a simulated trial.

Non-compartmental analysis, ODE models from equations, maximum-likelihood fits and simulation for pharmacometrics.
One verb is one task: `read_study`, `nca`, `initial_estimates`, `fit_individuals`, `fit_pooled`, `simulate`.
"""

from pkpd import data, il21, library, units
from pkpd.about import __version__ as __version__
from pkpd.diagnostics import design_bias
from pkpd.dosing import Dose, Regimen, bolus, infusion, oral
from pkpd.engine import Settings
from pkpd.errors import DataWarning, FitWarning, InputError, ModelError, PkpdError, UnitError
from pkpd.fit import Fit, Fits, Options, fit_individuals, fit_pooled, initial_estimates
from pkpd.io import read_study
from pkpd.model import Model, define
from pkpd.nca import (
    Points,
    Rules,
    accumulation,
    choose_points,
    dose_proportionality,
    nca,
    nca_sparse,
    relative,
    rerun,
    summarise,
    superpose_study,
    why,
    wide_table,
)
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
    "Points",
    "Population",
    "Regimen",
    "Rules",
    "Settings",
    "Situation",
    "Study",
    "UnitError",
    "accumulation",
    "block",
    "bolus",
    "choose_points",
    "combine",
    "data",
    "define",
    "design_bias",
    "dose_proportionality",
    "fit_individuals",
    "fit_pooled",
    "il21",
    "infusion",
    "initial_estimates",
    "library",
    "locate",
    "nca",
    "nca_sparse",
    "open_simulation",
    "oral",
    "plot",
    "predict",
    "read_study",
    "relative",
    "rerun",
    "simulate",
    "simulate_adaptive",
    "simulated_study",
    "summarise",
    "superpose_study",
    "units",
    "why",
    "wide_table",
]


def __getattr__(name: str) -> object:
    """Load the pictures when they are first asked for (matplotlib takes half a second), and warn about old names."""
    if name == "Variability":
        import warnings

        text = "pkpd.Variability is now pkpd.Omega; its limits and shared factors belong to the Population"
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return Omega
    if name == "plot":
        import importlib

        return importlib.import_module("pkpd.plot")
    raise AttributeError(f"module 'pkpd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
