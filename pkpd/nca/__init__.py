"""Non-compartmental analysis: kernel on arrays, profiles of a study, labelled result, summaries (floor 3)."""

from __future__ import annotations

from pkpd.nca.explain import why
from pkpd.nca.intervals import profiles_of
from pkpd.nca.kernel import Asked, Computed, compute
from pkpd.nca.parameters import ALIASES, NAMES, PARAMETERS, Parameter, parameter_name
from pkpd.nca.profiles import Profiles
from pkpd.nca.result import choose_points, nca, rerun
from pkpd.nca.rules import PRESETS, Rules
from pkpd.nca.settings import Points, Settings
from pkpd.nca.summary import lambda_z_line, summarise
from pkpd.nca.tau import find_tau

__all__ = [
    "ALIASES",
    "NAMES",
    "PARAMETERS",
    "PRESETS",
    "Asked",
    "Computed",
    "Parameter",
    "Points",
    "Profiles",
    "Rules",
    "Settings",
    "choose_points",
    "compute",
    "find_tau",
    "lambda_z_line",
    "nca",
    "parameter_name",
    "profiles_of",
    "rerun",
    "summarise",
    "why",
]
