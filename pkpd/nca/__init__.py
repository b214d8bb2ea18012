"""Non-compartmental analysis: kernel on arrays, profiles of a study, labelled result, summaries (floor 3)."""

from __future__ import annotations

from pkpd.nca.intervals import profiles_of
from pkpd.nca.kernel import Computed, compute
from pkpd.nca.parameters import NAMES, PARAMETERS, Parameter
from pkpd.nca.profiles import Profiles
from pkpd.nca.result import nca, why
from pkpd.nca.rules import PRESETS, Rules
from pkpd.nca.summary import lambda_z_line, summarise

__all__ = [
    "NAMES",
    "PARAMETERS",
    "PRESETS",
    "Computed",
    "Parameter",
    "Profiles",
    "Rules",
    "compute",
    "lambda_z_line",
    "nca",
    "profiles_of",
    "summarise",
    "why",
]
