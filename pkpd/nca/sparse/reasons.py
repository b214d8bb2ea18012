"""Sentences for numbers that a sparse analysis cannot give."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.nca.sparse.curve import MeanCurve
from pkpd.nca.sparse.estimates import tail_of
from pkpd.nca.sparse.parameters import NAMES, SAMPLING_TIMES, SPARSE_PARAMETERS, TO_INFINITY
from pkpd.nca.sparse.rules import SparseRules

NO_SAMPLES = "no sample with a usable time and value"
ONE_TIME = "fewer than two times with a mean, so there is no area"
NO_STRETCH = "the curve ends at the time at which it begins, so there is no area"
NO_START = "the first mean is not at time zero, where the rules begin the area (start='time zero')"
NO_POSITIVE_MEAN = "no mean is above zero"
SHORT_TAIL = "the curve has fewer times than the terminal regression takes"
TAIL_NOT_POSITIVE = "a mean or a value among the last {tail} times is zero or below, so it has no logarithm"
NOT_FALLING = "the terminal slope is not negative over the last {tail} times"
NO_DOSE = "no dose known (none given, or different doses within the group)"
ZERO_DOSE = "the dose is zero"
NO_AREA = "the area to infinity is not positive"
NEGATIVE_RESIDENCE = "the mean residence time less half the infusion is not positive: sampling stopped too early"
OUT_OF_RANGE = "the result is outside the range of floating-point numbers"
NO_SE = "one of the sampling times, which has no standard error"
SINGLE_VALUE = "a mean that takes part is of a single value, so there is no variance"
NEGATIVE_VARIANCE = "the variance estimate is negative: times share too few subjects"
NO_DF = "the variance is zero or of no known shape, so there are no degrees of freedom"
NO_ESTIMATE = "there is no estimate"
FEW_REPLICATES = "fewer than half of the bootstrap replicates have a standard error"


def missing(curve: MeanCurve, value: Array, log_mean: Array, rules: SparseRules, dose: float) -> dict[str, str]:
    """Return why a parameter of the first replicate cannot be had, "" where it can; the first reason counts."""
    nothing = not curve.points[0].any()
    one = int(curve.points[0].sum()) < 2
    late = rules.start == "time zero" and not nothing and curve.times[np.argmax(curve.points[0])] != 0
    flat = not bool((np.nan_to_num(curve.mean[0]) > 0).any()) and rules.last == "last mean above zero"
    general = NO_SAMPLES if nothing else ""
    short = bool(curve.kept[0].sum() == 1 and curve.mean[0, curve.last[0]] > 0 and not curve.start.length[0] > 0)
    area = general or (ONE_TIME if one else NO_START if late else NO_STRETCH if short else "")
    found = dict.fromkeys(NAMES, general)
    for name in ("auc_last", "aumc_last", "auc_last_dose"):
        found[name] = area
    for name in ("clast", "tlast"):
        found[name] = general or (NO_POSITIVE_MEAN if flat else "")
    tail = general or _tail(curve, log_mean, rules)
    of = dict(zip(NAMES, value[0], strict=True))
    for name in TO_INFINITY:
        found[name] = tail if name in ("lambda_z", "half_life") else area or tail
        if not found[name] and name not in ("lambda_z", "half_life", "auc_inf_obs", "aumc_inf_obs"):
            found[name] = "" if of["auc_inf_obs"] > 0 else NO_AREA
    for name in ("mrt_inf_obs", "mrt_half_life", "vss_obs"):
        found[name] = found[name] or ("" if of["mrt_inf_obs"] > 0 else NEGATIVE_RESIDENCE)
    undosed = NO_DOSE if np.isnan(dose) else ZERO_DOSE if dose == 0 else ""
    for name, row in SPARSE_PARAMETERS.items():
        if row.needs_dose:
            found[name] = found[name] or undosed
    return found


def _tail(curve: MeanCurve, log_mean: Array, rules: SparseRules) -> str:
    """Why there is no terminal regression."""
    tail = tail_of(curve, rules)[0]
    if tail.sum() < rules.tail:
        return SHORT_TAIL
    level = log_mean[0] if rules.tail_mean == "geometric" else curve.mean[0]
    if not bool((np.isfinite(level) & (curve.mean[0] > 0))[tail].all()):
        return TAIL_NOT_POSITIVE.format(tail=rules.tail)
    t, y = curve.times[tail], (level if rules.tail_mean == "geometric" else np.log(np.abs(level)))[tail]
    return "" if float(((t - t.mean()) * y).sum()) < 0 else NOT_FALLING.format(tail=rules.tail)


def missing_error(name: str, variance: float, single: bool) -> str:
    """Return why a parameter that has an estimate has no standard error, "" if it has one."""
    if name in SAMPLING_TIMES:
        return NO_SE
    if single:
        return SINGLE_VALUE
    if variance < 0:
        return NEGATIVE_VARIANCE
    return "" if np.isfinite(variance) else OUT_OF_RANGE
