"""pkpd: from sparse samples to a simulated trial.

Non-compartmental analysis, ODE models from equations, maximum-likelihood fits of subjects and of populations, and
simulation for pharmacometrics.
One verb is one task: `read_study`, `nca`, `initial_estimates`, `fit_individuals`, `fit_pooled`, `fit_population`,
`simulate`.

A name is loaded from the file it stands in when it is first asked for, so that ``import pkpd`` costs next to nothing
and a job pays for what it uses. A new public name stands in two places here: in `_HOMES`, and for type checkers.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from pkpd.about import __version__ as __version__

if TYPE_CHECKING:
    from pkpd import data, il21, library, plot, units
    from pkpd.diagnostics import design_bias
    from pkpd.dosing import Dose, Regimen, bolus, infusion, oral
    from pkpd.engine import Settings
    from pkpd.errors import DataWarning, FitWarning, InputError, ModelError, PkpdError, UnitError
    from pkpd.fit import (
        Fit,
        Fits,
        Options,
        fit_individuals,
        fit_pooled,
        fit_population,
        individual_estimates,
        initial_estimates,
    )
    from pkpd.io import read_study
    from pkpd.model import Model, define
    from pkpd.nca.after.explain import why
    from pkpd.nca.face import NcaVerb as nca
    from pkpd.parameters import Parameter, Parameters
    from pkpd.population import Omega, Population, block
    from pkpd.simulate import Situation, open_simulation, simulate, simulate_adaptive, simulated_study
    from pkpd.simulate.locate.verb import locate
    from pkpd.simulate.predict import predict
    from pkpd.study import Study, combine

# Where each public name stands; a folder of tasks stands for itself.
_HOMES = {
    "pkpd.diagnostics": ("design_bias",),
    "pkpd.dosing": ("Dose", "Regimen", "bolus", "infusion", "oral"),
    "pkpd.engine": ("Settings",),
    "pkpd.errors": ("DataWarning", "FitWarning", "InputError", "ModelError", "PkpdError", "UnitError"),
    "pkpd.fit": (
        "Fit",
        "Fits",
        "Options",
        "fit_individuals",
        "fit_pooled",
        "fit_population",
        "individual_estimates",
        "initial_estimates",
    ),
    "pkpd.io": ("read_study",),
    "pkpd.model": ("Model", "define"),
    "pkpd.nca.after.explain": ("why",),
    "pkpd.parameters": ("Parameter", "Parameters"),
    "pkpd.population": ("Omega", "Population", "block"),
    "pkpd.simulate": ("Situation", "open_simulation", "simulate", "simulate_adaptive", "simulated_study"),
    "pkpd.simulate.locate.verb": ("locate",),
    "pkpd.simulate.predict": ("predict",),
    "pkpd.study": ("Study", "combine"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

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
    "fit_population",
    "il21",
    "individual_estimates",
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
    """Load what is asked for: a public name, a folder or file of the package, or what has moved."""
    if name in _HOME:
        found = getattr(import_module(_HOME[name]), name)
        setattr(sys.modules[__name__], name, found)  # from now on it is there at once
        return found
    if name in _UNDER_NCA:
        from pkpd.errors import warn

        warn(f"pkpd.{name} stands under pkpd.nca.{name} now", FutureWarning)
        return getattr(import_module("pkpd.nca"), name)
    if name == "Variability":
        import warnings

        text = "pkpd.Variability is pkpd.Omega now; its limits and shared factors belong to the Population"
        warnings.warn(text, FutureWarning, stacklevel=2)
        return __getattr__("Omega")
    if not name.startswith("_"):
        try:
            return import_module(f"pkpd.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"pkpd.{name}":
                raise
    raise AttributeError(f"module 'pkpd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class _Face(ModuleType):
    """The package as a module in which `simulate` is the verb, although a folder has that name.

    Python puts every folder that it imports into the package under the folder's name, whenever that happens.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
