"""Non-compartmental analysis: kernel on arrays, profiles of a study, labelled result, what is made of it.

The module is the verb itself, ``pkpd.nca(study, "drug")``, and holds what follows on it, such as `pkpd.nca.summarise`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pkpd.errors import warn
from pkpd.nca.after.attainment import stable_trough, time_to_steady_state, trough_approach
from pkpd.nca.after.compare import Comparison, accumulation, relative, relative_by
from pkpd.nca.after.criterion import criterion
from pkpd.nca.after.explain import why
from pkpd.nca.after.proportionality import PowerModel, dose_proportionality, power_model
from pkpd.nca.after.regimens import superpose_study
from pkpd.nca.after.summary import lambda_z_line, summarise
from pkpd.nca.after.superposition import SteadyState, steady_state, superpose
from pkpd.nca.after.wide import wide_table
from pkpd.nca.again import choose_points, rerun
from pkpd.nca.kernel.area import Area, area
from pkpd.nca.kernel.compute import Asked, Computed, compute
from pkpd.nca.kernel.extrapolation import Extrapolation
from pkpd.nca.kernel.interpolation import interpolate, interpolate_dosed
from pkpd.nca.kernel.parameters import ALIASES, NAMES, PARAMETERS, parameter_name
from pkpd.nca.kernel.profiles import Marked, Profiles
from pkpd.nca.kernel.row import NcaParameter
from pkpd.nca.response import (
    LIMIT_PARAMETERS,
    RESPONSE_PARAMETERS,
    RESPONSE_PRESETS,
    ResponseRules,
    nca_response,
)
from pkpd.nca.result import nca
from pkpd.nca.rules import PRESETS, Rules
from pkpd.nca.settings import NcaSettings, Points
from pkpd.nca.sparse import (
    SPARSE_PARAMETERS,
    SPARSE_PRESETS,
    SparseResult,
    SparseRules,
    nca_sparse,
    sparse_difference,
    sparse_ratio,
)
from pkpd.nca.study.intervals import profiles_of
from pkpd.nca.study.tau import find_tau
from pkpd.nca.verb import make_verb

if TYPE_CHECKING:
    from pkpd.nca.sparse.pooled import sparse
else:
    from pkpd.nca import sparse  # the folder, which is a verb as well

__all__ = [
    "ALIASES",
    "LIMIT_PARAMETERS",
    "NAMES",
    "PARAMETERS",
    "PRESETS",
    "RESPONSE_PARAMETERS",
    "RESPONSE_PRESETS",
    "SPARSE_PARAMETERS",
    "SPARSE_PRESETS",
    "Area",
    "Asked",
    "Comparison",
    "Computed",
    "Extrapolation",
    "Marked",
    "NcaParameter",
    "NcaSettings",
    "Points",
    "PowerModel",
    "Profiles",
    "ResponseRules",
    "Rules",
    "SparseResult",
    "SparseRules",
    "SteadyState",
    "accumulation",
    "area",
    "choose_points",
    "compute",
    "criterion",
    "dose_proportionality",
    "find_tau",
    "interpolate",
    "interpolate_dosed",
    "lambda_z_line",
    "nca",
    "nca_response",
    "nca_sparse",
    "parameter_name",
    "power_model",
    "profiles_of",
    "relative",
    "relative_by",
    "rerun",
    "sparse",
    "sparse_difference",
    "sparse_ratio",
    "stable_trough",
    "steady_state",
    "summarise",
    "superpose",
    "superpose_study",
    "time_to_steady_state",
    "trough_approach",
    "why",
    "wide_table",
]


def __getattr__(name: str) -> object:
    """Find a name under which something stood until it became more specific."""
    if name in _OLD_NAMES:
        new = _OLD_NAMES[name]
        warn(f"pkpd.nca.{name} is called pkpd.nca.{new} now", FutureWarning)
        return globals()[new]
    raise AttributeError(f"module 'pkpd.nca' has no attribute {name!r}")


_OLD_NAMES = {"Parameter": "NcaParameter", "Settings": "NcaSettings"}

make_verb(__name__, nca)
