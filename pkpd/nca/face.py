"""What a type checker knows of `pkpd.nca`: a module can be no verb for it, so a class stands in its place.

Nothing runs this file. A test holds it against `pkpd.nca.__all__`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from pkpd.nca import (  # isort: skip
    ALIASES as _ALIASES, LIMIT_PARAMETERS as _LIMIT_PARAMETERS, NAMES as _NAMES,
    PARAMETERS as _PARAMETERS, PRESETS as _PRESETS,
    RESPONSE_PARAMETERS as _RESPONSE_PARAMETERS, RESPONSE_PRESETS as _RESPONSE_PRESETS,
    SPARSE_PARAMETERS as _SPARSE_PARAMETERS, SPARSE_PRESETS as _SPARSE_PRESETS, Area as _Area, Asked as _Asked,
    Comparison as _Comparison, Computed as _Computed, Extrapolation as _Extrapolation, Marked as _Marked,
    NcaParameter as _NcaParameter, NcaSettings as _NcaSettings, Points as _Points, PowerModel as _PowerModel,
    Profiles as _Profiles, ResponseRules as _ResponseRules,
    Rules as _Rules, SparseResult as _SparseResult, SparseRules as _SparseRules,
    SteadyState as _SteadyState, accumulation as _accumulation, area as _area, choose_points as _choose_points,
    compute as _compute, criterion as _criterion, dose_proportionality as _dose_proportionality,
    find_tau as _find_tau, interpolate as _interpolate, interpolate_dosed as _interpolate_dosed,
    lambda_z_line as _lambda_z_line, nca as _nca, nca_response as _nca_response,
    nca_sparse as _nca_sparse, parameter_name as _parameter_name,
    power_model as _power_model, profiles_of as _profiles_of, relative as _relative, relative_by as _relative_by,
    rerun as _rerun, sparse as _sparse, sparse_difference as _sparse_difference, sparse_ratio as _sparse_ratio,
    stable_trough as _stable_trough, steady_state as _steady_state, summarise as _summarise, superpose as _superpose,
    superpose_study as _superpose_study, time_to_steady_state as _time_to_steady_state,
    trough_approach as _trough_approach, why as _why, wide_table as _wide_table,
)  # fmt: skip
from pkpd.study import Study


class NcaVerb:
    """`pkpd.nca`: the verb, with what the module holds as its attributes."""

    def __new__(cls, study: Study, analyte: str | Sequence[str] | None = None, **options: Any) -> Any:
        """Return the non-compartmental parameters of an analyte, see `pkpd.nca.result.nca`."""
        return _nca(study, analyte, **options)

    ALIASES = _ALIASES
    LIMIT_PARAMETERS = _LIMIT_PARAMETERS
    NAMES = _NAMES
    PARAMETERS = _PARAMETERS
    PRESETS = _PRESETS
    RESPONSE_PARAMETERS = _RESPONSE_PARAMETERS
    RESPONSE_PRESETS = _RESPONSE_PRESETS
    SPARSE_PARAMETERS = _SPARSE_PARAMETERS
    SPARSE_PRESETS = _SPARSE_PRESETS
    Area: TypeAlias = _Area
    Asked: TypeAlias = _Asked
    Comparison: TypeAlias = _Comparison
    Computed: TypeAlias = _Computed
    Extrapolation: TypeAlias = _Extrapolation
    Marked: TypeAlias = _Marked
    NcaParameter: TypeAlias = _NcaParameter
    NcaSettings: TypeAlias = _NcaSettings
    Points: TypeAlias = _Points
    PowerModel: TypeAlias = _PowerModel
    Profiles: TypeAlias = _Profiles
    ResponseRules: TypeAlias = _ResponseRules
    Rules: TypeAlias = _Rules
    SparseResult: TypeAlias = _SparseResult
    SparseRules: TypeAlias = _SparseRules
    SteadyState: TypeAlias = _SteadyState
    accumulation = staticmethod(_accumulation)
    area = staticmethod(_area)
    choose_points = staticmethod(_choose_points)
    compute = staticmethod(_compute)
    criterion = staticmethod(_criterion)
    dose_proportionality = staticmethod(_dose_proportionality)
    find_tau = staticmethod(_find_tau)
    interpolate = staticmethod(_interpolate)
    interpolate_dosed = staticmethod(_interpolate_dosed)
    lambda_z_line = staticmethod(_lambda_z_line)
    nca = staticmethod(_nca)
    nca_response = staticmethod(_nca_response)
    nca_sparse = staticmethod(_nca_sparse)
    parameter_name = staticmethod(_parameter_name)
    power_model = staticmethod(_power_model)
    profiles_of = staticmethod(_profiles_of)
    relative = staticmethod(_relative)
    relative_by = staticmethod(_relative_by)
    rerun = staticmethod(_rerun)
    sparse = staticmethod(_sparse)
    sparse_difference = staticmethod(_sparse_difference)
    sparse_ratio = staticmethod(_sparse_ratio)
    stable_trough = staticmethod(_stable_trough)
    steady_state = staticmethod(_steady_state)
    summarise = staticmethod(_summarise)
    superpose = staticmethod(_superpose)
    superpose_study = staticmethod(_superpose_study)
    time_to_steady_state = staticmethod(_time_to_steady_state)
    trough_approach = staticmethod(_trough_approach)
    why = staticmethod(_why)
    wide_table = staticmethod(_wide_table)
