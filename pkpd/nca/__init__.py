"""Non-compartmental analysis: kernel on arrays, profiles of a study, labelled result, summaries (floor 3)."""

from __future__ import annotations

from pkpd.nca.area import Area, area
from pkpd.nca.explain import why
from pkpd.nca.intervals import profiles_of
from pkpd.nca.kernel import Asked, Computed, compute
from pkpd.nca.parameters import ALIASES, NAMES, PARAMETERS, Parameter, parameter_name
from pkpd.nca.profiles import Profiles
from pkpd.nca.result import choose_points, nca, rerun
from pkpd.nca.rules import PRESETS, Rules
from pkpd.nca.settings import Points, Settings
from pkpd.nca.sparse import (
    SPARSE_PARAMETERS,
    SPARSE_PRESETS,
    SparseResult,
    SparseRules,
    nca_sparse,
    sparse,
    sparse_difference,
    sparse_ratio,
)
from pkpd.nca.summary import lambda_z_line, summarise
from pkpd.nca.tau import find_tau

__all__ = [
    "ALIASES",
    "NAMES",
    "PARAMETERS",
    "PRESETS",
    "SPARSE_PARAMETERS",
    "SPARSE_PRESETS",
    "Area",
    "Asked",
    "Computed",
    "Parameter",
    "Points",
    "Profiles",
    "Rules",
    "Settings",
    "SparseResult",
    "SparseRules",
    "area",
    "choose_points",
    "compute",
    "find_tau",
    "lambda_z_line",
    "nca",
    "nca_sparse",
    "parameter_name",
    "profiles_of",
    "rerun",
    "sparse",
    "sparse_difference",
    "sparse_ratio",
    "summarise",
    "why",
]
