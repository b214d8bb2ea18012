"""The parameters of responses, and why one is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Flags
from pkpd.decimals import difference
from pkpd.nca.response.courses import Course, curves_of
from pkpd.nca.response.curve import Curves, area, first_across, first_back, sides, time_between
from pkpd.nca.response.parameters import LIMIT_PARAMETERS, RESPONSE_PARAMETERS, SLOPE_PARAMETERS, VISIT_PARAMETERS
from pkpd.nca.response.rules import ResponseRules

Reasons = npt.NDArray[Any]
NO_SPAN = "the curve covers no time: it has one point"
NOT_POSITIVE = "the baseline is not positive, so nothing is a percentage or a multiple of it"
NO_CHANGE = "the response never left its baseline"
NOT_RECOVERED = "not recovered by the last sample"
OTHER_WAY = "the response never went {} its baseline, which is the direction that the rules ask for"
NOT_CROSSED = "the response does not cross the limit"
NOT_BACK = "the response is still across the limit at the last sample"
AT_BASELINE = "the limit is the baseline, so no side of it is across"


class Numbers:
    """Values and reasons by name; a number that is missing takes the first reason that is given for it."""

    def __init__(self, names: Sequence[str], n: int) -> None:
        self.values = {name: np.full(n, np.nan) for name in names}
        self.reasons: dict[str, Reasons] = {name: np.full(n, "", dtype=object) for name in names}

    def put(self, name: str, values: Any, *why: tuple[Flags, str] | tuple[Flags, Reasons]) -> None:
        """Put the values of a parameter; where a reason applies there is none."""
        value, reason = np.array(values, dtype=float), self.reasons[name]
        for where, text in why:
            new = where & (reason == "")
            reason[new] = text[new] if isinstance(text, np.ndarray) else text
        lost = reason != ""
        reason[~lost & ~np.isfinite(value)] = "the result is outside the range of floating-point numbers"
        self.values[name] = np.where(reason == "", value, np.nan)


def parameters_of(courses: Sequence[Course], rules: ResponseRules) -> Numbers:
    """Return every parameter of `RESPONSE_PARAMETERS`, one number per course."""
    found, curves = Numbers(list(RESPONSE_PARAMETERS), len(courses)), curves_of(courses, rules)
    no_curve, no_base, base = _missing(courses)
    found.put("n_samples", [int(one.inside.sum()) for one in courses])
    found.put("n_blq", [int((one.inside & one.samples.blq).sum()) for one in courses])
    found.put("baseline", base, no_base)
    first, last = (_at(courses, "times", k) for k in (0, -1))
    end = _at(courses, "values", -1)
    span = last - first
    empty = (span == 0, NO_SPAN)
    for name, values in (("t_first", first), ("t_last", last), ("r_last", end)):
        found.put(name, values, no_curve)
    for end_name, sign in (("max", 1.0), ("min", -1.0)):
        when, value = _extremes(courses, rules, sign)
        found.put(f"r_{end_name}", value, no_curve)
        found.put(f"t_{end_name}", when, no_curve)
        found.put(f"change_{end_name}", difference(value, base), no_curve, no_base)
        relative = (no_curve, no_base, (base <= 0, NOT_POSITIVE))
        with np.errstate(all="ignore"):
            found.put(f"percent_change_{end_name}", 100.0 * difference(value, base) / base, *relative)
            found.put(f"fold_{end_name}", value / base, *relative)
    whole, part = area(curves), sides(curves, base)
    found.put("auec", whole, no_curve, empty)
    with np.errstate(all="ignore"):
        found.put("r_avg", whole / span, no_curve, empty)
        for name, values in (
            ("auc_above_b", part.above), ("auc_below_b", part.below), ("auc_net_b", part.above - part.below),
            ("time_above_b", part.time_above), ("time_below_b", part.time_below),
            ("time_percent_below_b", 100.0 * part.time_below / span), ("change_avg", (part.above - part.below) / span),
        ):  # fmt: skip
            found.put(name, values, no_curve, no_base, empty)
    _recovery(found, curves, rules, (no_curve, no_base, end))
    return found


def _missing(courses: Sequence[Course]) -> tuple[tuple[Flags, Reasons], tuple[Flags, Reasons], Array]:
    """Where there is no curve, where no baseline, and why; the baselines."""
    why, none = (np.array([getattr(one, name) for one in courses], dtype=object) for name in ("reason", "no_baseline"))
    return (why != "", why), (none != "", none), np.array([one.baseline for one in courses], dtype=float)


def _at(courses: Sequence[Course], name: str, place: int) -> Array:
    """Time or value of one point of every curve, NaN where there is none."""
    return np.array([getattr(one, name)[place] if len(one.times) else np.nan for one in courses], dtype=float)


def _extremes(courses: Sequence[Course], rules: ResponseRules, sign: float) -> tuple[Array, Array]:
    """Time and value of the first largest (sign 1) or smallest (−1) sample of every course."""
    when, value = np.full(len(courses), np.nan), np.full(len(courses), np.nan)
    for k, one in enumerate(courses):
        if one.reason:
            continue
        among = np.flatnonzero(one.inside if rules.extremes == "all" else one.after)
        best = among[np.argmax(sign * one.samples.value[among])]
        when[k], value[k] = one.samples.time[best], one.samples.value[best]
    return when, value


def _recovery(found: Numbers, curves: Curves, rules: ResponseRules, known: tuple[Any, Any, Array]) -> None:
    """The peak or nadir that counts, and the way back from it."""
    no_curve, no_base, last = known
    base = found.values["baseline"]
    rise, fall = found.values["r_max"] - base, base - found.values["r_min"]
    with np.errstate(invalid="ignore"):
        up = rise >= fall if rules.direction == "largest" else np.full(len(base), rules.direction == "up")
        change = np.where(up, rise, fall)
        still = (change <= 0, NO_CHANGE if rules.direction == "largest" else
                 OTHER_WAY.format("above" if rules.direction == "up" else "below"))  # fmt: skip
    extreme = np.where(up, found.values["r_max"], found.values["r_min"])
    when = np.where(up, found.values["t_max"], found.values["t_min"])
    why = (no_curve, no_base, still)
    found.put("r_extreme", extreme, *why)
    found.put("t_extreme", when, *why)
    level = np.where(rules.recovery == 1.0, base, extreme - rules.recovery * (extreme - base))
    back = first_back(curves, level, up, when)
    never = (np.isnan(back), NOT_RECOVERED)
    found.put("t_recovery", back, *why, never)
    found.put("time_to_recovery", difference(back, when), *why, never)
    with np.errstate(all="ignore"):
        found.put("percent_recovered", 100.0 * (1.0 - (last - base) / (extreme - base)), *why)


def limits_of(courses: Sequence[Course], rules: ResponseRules, level: Array) -> Numbers:
    """Return every parameter of `LIMIT_PARAMETERS` for one limit.

    Parameters
    ----------
    courses : sequence of Course
        The responses.
    rules : ResponseRules
        The choices.
    level : (courses,)
        The limit of each; NaN where it is a percentage of a baseline that is missing.
    """
    found, curves = Numbers(list(LIMIT_PARAMETERS), len(courses)), curves_of(courses, rules)
    no_curve, no_base, base = _missing(courses)
    unknown = (np.isnan(level), no_base[1])
    first, last = (_at(courses, "times", k) for k in (0, -1))
    span, part = last - first, sides(curves, level)
    why = (no_curve, unknown, (span == 0, NO_SPAN))
    with np.errstate(all="ignore"):
        for name, values in (
            ("auc_above_t", part.above), ("auc_below_t", part.below), ("auc_net_t", part.above - part.below),
            ("time_above_t", part.time_above), ("time_below_t", part.time_below),
            ("time_percent_below_t", 100.0 * part.time_below / span),
        ):  # fmt: skip
            found.put(name, values, *why)
        found.put("time_between_bt", time_between(curves, base, level), *why, no_base)
        onset = first_across(curves, level, level > base, first)
    sided = (no_curve, unknown, no_base, (level == base, AT_BASELINE))
    crossed = (*sided, (np.isnan(onset), NOT_CROSSED))
    found.put("t_onset", onset, *crossed)
    offset = first_back(curves, level, level > base, onset)
    returned = (*crossed, (np.isnan(offset), NOT_BACK))
    found.put("t_offset", offset, *returned)
    found.put("time_across", offset - onset, *returned)
    return found


def visits_of(courses: Sequence[Course], rules: ResponseRules, visit: str | float) -> Numbers:
    """Return every parameter of `VISIT_PARAMETERS` at one visit: an occasion's label, or a time after the first dose.

    A time means the sample whose planned time it is, as the table gives it; of samples without a planned time the
    one at that time after the first dose; else the nearest one, no farther than the rules allow. Of several samples of
    one occasion, or equally near, the first counts.
    """
    found = Numbers(list(VISIT_PARAMETERS), len(courses))
    _, no_base, base = _missing(courses)
    value = _at_visit(courses, rules, visit)
    none = (np.isnan(value), "no sample at this visit")
    found.put("visit_value", value, none)
    found.put("visit_change", difference(value, base), none, no_base)
    with np.errstate(all="ignore"):
        found.put("visit_percent_change", 100.0 * difference(value, base) / base, none, no_base,
                  (base <= 0, NOT_POSITIVE))  # fmt: skip
    return found


def _at_visit(courses: Sequence[Course], rules: ResponseRules, visit: str | float) -> Array:
    """The values at a visit, NaN where there is none."""
    value = np.full(len(courses), np.nan)
    if isinstance(visit, str):
        for k, one in enumerate(courses):
            there = one.inside & (one.samples.occasion == visit)
            value[k] = one.samples.value[np.argmax(there)] if there.any() else np.nan
        return value
    planned = [one.samples.planned[one.inside] for one in courses]
    away = np.abs(difference(np.concatenate([np.zeros(0), *planned]), visit))
    ends = np.cumsum([len(one) for one in planned], dtype=np.intp)
    for k, (one, mine) in enumerate(zip(courses, np.split(away, ends[:-1]), strict=True)):
        if len(mine) and mine.min() <= rules.visit_window:
            value[k] = one.samples.value[one.inside][np.argmin(mine)]
    return value


def slopes_of(courses: Sequence[Course], stretch: tuple[float, float]) -> Numbers:
    """Return every parameter of `SLOPE_PARAMETERS`: a straight line through the samples of a stretch of time.

    Parameters
    ----------
    courses : sequence of Course
        The responses.
    stretch : (begin, end)
        Times after the first dose, both of them included.
    """
    found = Numbers(list(SLOPE_PARAMETERS), len(courses))
    slope, points, r2 = (np.full(len(courses), np.nan) for _ in range(3))
    for k, one in enumerate(courses):
        inside = one.inside & (one.samples.time >= stretch[0]) & (one.samples.time <= stretch[1])
        t, y = one.samples.time[inside], one.samples.value[inside]
        points[k] = len(t)
        if len(t) > 1 and np.ptp(t) > 0:
            t, y = t - t.mean(), y - y.mean()
            slope[k] = (t @ y) / (t @ t)
            r2[k] = (t @ y) ** 2 / ((t @ t) * (y @ y)) if np.any(y != 0) else np.nan
    few = (np.isnan(slope), "fewer than two samples at different times in this stretch")
    found.put("slope_points", points)
    found.put("slope", slope, few)
    found.put("slope_r2", r2, few, (np.isnan(r2), "every response in this stretch is the same"))
    return found
