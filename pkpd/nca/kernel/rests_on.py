"""What a parameter rests on: areas, peak, terminal line. What is doubtful there makes the parameter doubtful."""

from __future__ import annotations

from functools import cache

TAU, LAST, ALL, INFINITY = "tau", "last", "all", "infinity"
LINE, PEAK, START, END, EVERYTHING = "lambda_z", "peak", "start", "end", "everything"

_COUNTS = ("n_samples", "n_blq", "n_alq", "n_measured", "n_unusable", "n_after_end")
_ITS_OWN = {
    "half_life": (LINE,), "clast_pred": (LINE,), "accumulation_index": (LINE,),
    "cavg": (TAU,), "fluctuation": (TAU, PEAK), "fluctuation_tau": (TAU, PEAK, END), "swing": (PEAK,),
    "swing_tau": (PEAK, END), "peak_trough": (PEAK, END), "cmax": (PEAK,), "tmax": (PEAK,), "c0": (START,),
    "ctrough": (END,), "ctau": (END,), "clast": (END,), "auc_above_start": (ALL,), "auc_above_trough": (ALL,),
}  # fmt: skip
_INFINITE = (LAST, LINE, INFINITY)
_BY_END = {"_last": (LAST,), "_all": (ALL,), "_tau": (TAU,), "_obs": _INFINITE, "_pred": _INFINITE}


@cache
def rests_on(name: str) -> frozenset[str]:
    """Return what a parameter rests on; a count of samples rests on nothing.

    Parameters
    ----------
    name : str
        Name of a parameter; windows and thresholds are no parameters.
    """
    if name in _COUNTS:
        return frozenset()
    name = name.removesuffix("_dose")
    found: tuple[str, ...] = (EVERYTHING,)
    if name in _ITS_OWN:
        return frozenset(found + _ITS_OWN[name])
    if name.startswith("lambda_z"):
        return frozenset((*found, LINE))
    for end, bases in _BY_END.items():
        if name.endswith(end):
            found += bases
    if "_ss_" in name:
        found += (TAU,)
    if name.startswith("vz_"):
        found += (LINE,)
    return frozenset(found)
