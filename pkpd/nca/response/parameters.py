"""What an analysis of responses gives: names, units, words, and what the field calls it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ResponseParameter:
    """One number of a response.

    Attributes
    ----------
    symbol, unit, long_name : str
        As the field writes it; its unit in the words response and time; in words.
    formula : str
        How it is computed; "" where the words say it.
    phoenix : str
        Name in Phoenix WinNonlin's drug-effect model (220).
    adam : str
        Variable of CDISC's ADaM basic data structure. CDISC's terminology of parameters (PKPARMCD) has no codes for
        responses.
    """

    symbol: str
    unit: str
    long_name: str
    formula: str = ""
    phoenix: str = ""
    adam: str = ""


_R, _T, _RT = "response", "time", "response·time"
_P = ResponseParameter
RESPONSE_PARAMETERS: Mapping[str, ResponseParameter] = MappingProxyType(
    {
        "n_samples": _P("N", "1", "samples from the beginning on", "", "N_Samples"),
        "n_blq": _P("N_BLQ", "1", "samples below the limit of quantification among them"),
        "baseline": _P("R0", _R, "baseline", "", "Baseline", "BASE"),
        "t_first": _P("tfirst", _T, "beginning of the curve"),
        "t_last": _P("tlast", _T, "time of the last sample"),
        "r_last": _P("Rlast", _R, "last response"),
        "r_max": _P("Rmax", _R, "largest response", "", "Rmax"),
        "t_max": _P("Tmax", _T, "time of the largest response, the first one of several", "", "Tmax"),
        "change_max": _P("ΔRmax", _R, "largest response less the baseline", "Rmax − R0", adam="CHG"),
        "percent_change_max": _P("%ΔRmax", "%", "the same in percent of the baseline",
                                 "100·(Rmax − R0)/R0", adam="PCHG"),
        "fold_max": _P("Rmax/R0", "1", "largest response by the baseline", "Rmax/R0"),
        "r_min": _P("Rmin", _R, "smallest response (nadir)", "", "Rmin"),
        "t_min": _P("Tmin", _T, "time of the smallest response, the first one of several", "", "Tmin"),
        "change_min": _P("ΔRmin", _R, "smallest response less the baseline", "Rmin − R0", adam="CHG"),
        "percent_change_min": _P("%ΔRmin", "%", "the same in percent of the baseline",
                                 "100·(Rmin − R0)/R0", adam="PCHG"),
        "fold_min": _P("Rmin/R0", "1", "smallest response by the baseline", "Rmin/R0"),
        "auec": _P("AUEC", _RT, "area under the effect curve to the last sample", "∫R dt"),
        "auc_above_b": _P("AUC_Above_B", _RT, "area above the baseline and below the curve", "∫max(R − R0, 0) dt",
                          "AUC_Above_B"),
        "auc_below_b": _P("AUC_Below_B", _RT, "area below the baseline and above the curve", "∫max(R0 − R, 0) dt",
                          "AUC_Below_B"),
        "auc_net_b": _P("AUC_Net_B", _RT, "area above the baseline less the area below it",
                        "AUC_Above_B − AUC_Below_B", "AUC_Net_B"),
        "time_above_b": _P("Time_Above_B", _T, "time at or above the baseline", "", "Time_Above_B"),
        "time_below_b": _P("Time_Below_B", _T, "time below the baseline", "", "Time_Below_B"),
        "time_percent_below_b": _P("Time_%Below_B", "%", "part of the time that lies below the baseline",
                                   "100·Time_Below_B/(tlast − tfirst)", "Time_%Below_B"),
        "r_avg": _P("Ravg", _R, "mean response over time", "AUEC/(tlast − tfirst)"),
        "change_avg": _P("ΔRavg", _R, "mean change from the baseline over time", "AUC_Net_B/(tlast − tfirst)"),
        "r_extreme": _P("Rext", _R, "peak or nadir from which recovery counts"),
        "t_extreme": _P("Text", _T, "its time"),
        "t_recovery": _P("Trec", _T, "time at which the response has recovered"),
        "time_to_recovery": _P("Trec − Text", _T, "time from the peak or nadir to recovery", "Trec − Text"),
        "percent_recovered": _P("%rec", "%", "part of the largest change that has gone at the last sample",
                                "100·(1 − (Rlast − R0)/(Rext − R0))"),
    }
)  # fmt: skip
"""Every parameter of a response, in the order of the result; times count from the first dose."""

LIMIT_PARAMETERS: Mapping[str, ResponseParameter] = MappingProxyType(
    {
        "auc_above_t": _P("AUC_Above_T", _RT, "area above the limit and below the curve", "∫max(R − T, 0) dt",
                          "AUC_Above_T"),
        "auc_below_t": _P("AUC_Below_T", _RT, "area below the limit and above the curve", "∫max(T − R, 0) dt",
                          "AUC_Below_T"),
        "auc_net_t": _P("AUC_Net_T", _RT, "area above the limit less the area below it",
                        "AUC_Above_T − AUC_Below_T", "AUC_Net_T"),
        "time_above_t": _P("Time_Above_T", _T, "time at or above the limit", "", "Time_Above_T"),
        "time_below_t": _P("Time_Below_T", _T, "time below the limit", "", "Time_Below_T"),
        "time_percent_below_t": _P("Time_%Below_T", "%", "part of the time that lies below the limit",
                                   "100·Time_Below_T/(tlast − tfirst)", "Time_%Below_T"),
        "t_onset": _P("Tonset", _T, "time at which the response first crosses the limit, seen from the baseline",
                      phoenix="Tonset"),
        "t_offset": _P("Toffset", _T, "time at which it first comes back across the limit", "", "Toffset"),
        "time_across": _P("Toffset − Tonset", _T, "time from the first crossing to the first return",
                          "Toffset − Tonset", "Diff_Toffset_Tonset"),
        "time_between_bt": _P("Time_Between_BT", _T, "time between the baseline and the limit", "", "Time_Between_BT"),
    }
)  # fmt: skip
"""What every limit that is asked for has, in the order of the result."""

VISIT_PARAMETERS: Mapping[str, ResponseParameter] = MappingProxyType(
    {
        "visit_value": _P("R", _R, "response at the visit", "", "", "AVAL"),
        "visit_change": _P("ΔR", _R, "response at the visit less the baseline", "R − R0", "", "CHG"),
        "visit_percent_change": _P("%ΔR", "%", "the same in percent of the baseline", "100·(R − R0)/R0", "", "PCHG"),
    }
)
"""What every visit that is asked for has."""

SLOPE_PARAMETERS: Mapping[str, ResponseParameter] = MappingProxyType(
    {
        "slope": _P("Slope", "response/time", "slope of the straight line through the samples", "", "Slope1"),
        "slope_points": _P("N", "1", "samples on which the line rests", "", "No_points_Slope1"),
        "slope_r2": _P("R²", "1", "R² of the line", "", "Rsq_Slope1"),
    }
)
"""What every stretch has of which a slope is asked for; by least squares, weights 1, not of logarithms."""
