"""The table of sparse parameters: name, symbol, unit, whether the dose is needed, powers of scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class SparseParameter:
    """One row of the table.

    Attributes
    ----------
    name, symbol, long_name : str
        Name of the variable in the result, what the field writes, and the name in words.
    unit : str
        Unit in the words time, amount and volume.
    powers : (int, int)
        Powers of the time and of the value in it; the dose is not scaled.
    needs_dose : bool
        Whether the dose is divided by, or divides, the concentration.
    """

    name: str
    symbol: str
    unit: str
    powers: tuple[int, int]
    long_name: str
    needs_dose: bool = False


_P = SparseParameter
_TABLE = (
    _P("cmax", "Cmax", "amount/volume", (0, 1), "largest mean"),
    _P("tmax", "Tmax", "time", (1, 0), "time of the largest mean, the first if there are several"),
    _P("clast", "Clast", "amount/volume", (0, 1), "mean at the end of the area"),
    _P("tlast", "Tlast", "time", (1, 0), "end of the area"),
    _P("auc_last", "AUClast", "time*amount/volume", (1, 1), "area under the mean curve to Tlast"),
    _P("aumc_last", "AUMClast", "time^2*amount/volume", (2, 1), "first moment of the mean curve to Tlast"),
    _P("cmax_dose", "Cmax/D", "1/volume", (0, 1), "Cmax by dose", True),
    _P("auc_last_dose", "AUClast/D", "time/volume", (1, 1), "AUC to Tlast by dose", True),
    _P("lambda_z", "λz", "1/time", (-1, 0), "terminal rate constant of the mean curve"),
    _P("half_life", "t1/2", "time", (1, 0), "terminal half-life, ln 2/λz"),
    _P("auc_inf_obs", "AUCinf,obs", "time*amount/volume", (1, 1), "AUC to infinity (observed last mean)"),
    _P("aumc_inf_obs", "AUMCinf,obs", "time^2*amount/volume", (2, 1), "AUMC to infinity (observed last mean)"),
    _P("mrt_inf_obs", "MRTinf,obs", "time", (1, 0), "mean residence time to infinity, less half the infusion"),
    _P("mrt_half_life", "ln2·MRT", "time", (1, 0), "non-compartmental half-life, ln 2·MRT; not the terminal one"),
    _P("auc_inf_obs_dose", "AUCinf,obs/D", "time/volume", (1, 1), "AUC to infinity by dose", True),
    _P("cl_obs", "CL,obs", "volume/time", (-1, -1), "clearance, dose by AUC to infinity", True),
    _P("vz_obs", "Vz,obs", "volume", (0, -1), "volume of distribution of the terminal phase, CL/λz", True),
    _P("vss_obs", "Vss,obs", "volume", (0, -1), "volume of distribution at steady state, CL·MRT", True),
)

SPARSE_PARAMETERS: Mapping[str, SparseParameter] = MappingProxyType({row.name: row for row in _TABLE})
"""The parameters of a sparse analysis, by name."""

NAMES = tuple(SPARSE_PARAMETERS)
SAMPLING_TIMES = frozenset({"tmax", "tlast"})
"""Parameters that are one of the sampling times, and so have no standard error."""
TO_INFINITY = NAMES[NAMES.index("lambda_z") :]
"""Parameters that need the terminal regression."""
