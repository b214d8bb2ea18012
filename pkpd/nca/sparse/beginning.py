"""In words, how the area of a mean curve begins, and whether that calls for caution."""

from __future__ import annotations

import numpy as np

from pkpd.nca.sparse.curve import MeanCurve
from pkpd.nca.sparse.rules import SparseRules


def beginning(curve: MeanCurve, rules: SparseRules, clock: int, size: int, back: float) -> tuple[str, str]:
    """Return how the area begins where no mean stands at the dose, and the caution that follows; "" where none does.

    Parameters
    ----------
    curve : MeanCurve
        The estimate is its first replicate.
    rules : SparseRules
        With a start that says what to do.
    clock, size : int
        Powers of two by which times and values were divided.
    back : float
        Part (%) of the area before the first mean.
    """
    kept = np.flatnonzero(curve.kept[0])
    first = float(np.ldexp(curve.times[kept[0]], clock)) if len(kept) else 0.0
    if not first > 0 or rules.start == "time zero":
        return "", ""
    if rules.start == "first time":
        text = f"the area begins at the first sampling time, {first:g} after the dose, not at the dose"
        return text, text
    if rules.start == "zero":
        return f"a mean of 0 was put in at the dose, {first:g} before the first sampling time", ""
    c0 = float(np.ldexp(curve.start.value[0], size))
    falls = np.count_nonzero(curve.start.gradient[0]) > 1
    how = "back-extrapolated through the logarithms of the first two means" if falls else "the first mean, as they rise"
    text = f"C0 {c0:.6g} was put in at the dose, {how}; {back:.1f} % of AUC lies before the first sampling time"
    limit = rules.accept_back_extrapolated
    beyond = limit is not None and np.isfinite(back) and back > limit
    return text, f"% AUC back-extrapolated {back:.4g} > {limit:g}" if beyond and limit is not None else ""
