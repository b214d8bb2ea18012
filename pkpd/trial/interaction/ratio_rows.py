"""One parameter of two treatments: ratios of geometric means, or differences, each by its methods."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca.after.descriptive import mean_difference, mean_interval
from pkpd.trial.interaction.hodges_lehmann import rank_sum_shift, signed_rank_shift
from pkpd.trial.interaction.random_intercept import random_intercept

COLUMNS = (
    "parameter", "unit", "measure", "method", "n_test", "n_reference", "pairs", "dropped", "test", "reference",
    "cv_test", "cv_reference", "correlation", "estimate", "low", "high", "level", "freedom", "excludes_none",
    "excluded", "detectable", "reason",
)  # fmt: skip
RATIO, DIFFERENCE = "ratio of geometric means", "difference"
_FLAT = "the values do not scatter: no interval"


class Two(NamedTuple):
    """Values of two treatments: NaN where a subject has none."""

    test: Array
    reference: Array
    within: bool  # whether a place is one subject on both sides; else the sides are independent

    def kept(self) -> tuple[Array, Array]:
        """Return the numbers of either side."""
        return self.test[np.isfinite(self.test)], self.reference[np.isfinite(self.reference)]

    def paired(self) -> Flags:
        """Return which subjects have both; none of independent groups."""
        if not self.within:
            return np.zeros(0, dtype=bool)
        return np.isfinite(self.test) & np.isfinite(self.reference)


class _Found(NamedTuple):
    """What a method says on its own scale: an estimate, its standard error, degrees of freedom."""

    method: str
    estimate: float
    se: float
    freedom: float
    reason: str = ""


def ratio_rows(two: Two, level: float, power: float) -> list[dict[str, Any]]:
    """Return the rows of a ratio of geometric means: mixed model and pairs, or Welch and pooled."""
    x, y = two.kept()
    if low := int((x <= 0).sum() + (y <= 0).sum()):
        why = (f"{low} of {len(x) + len(y)} values are zero or negative and have no logarithm; "
               "scale={…: 'difference'} compares them by ranks")  # fmt: skip
        return [_empty(RATIO, "", two, level, why)]
    with np.errstate(divide="ignore"):
        logs = Two(np.log(two.test), np.log(two.reference), two.within)
    found = [_mixed(logs), _pairs(logs, level)] if two.within else [_groups(logs, level, p) for p in (False, True)]
    return [_ratio_row(logs, one, level, power) for one in found]


def difference_row(two: Two, level: float) -> dict[str, Any]:
    """Return the row of a difference by Hodges and Lehmann, from signed ranks of pairs or rank sums of groups."""
    x, y = two.kept()
    if two.within:
        both = two.paired()
        x, y = two.test[both], two.reference[both]
        found = signed_rank_shift(x - y, level)
    else:
        found = rank_sum_shift(x, y, level)
    method = f"Hodges–Lehmann, {found.method}" if found.method else "Hodges–Lehmann"
    there = bool(np.isfinite(found.low))
    return _empty(DIFFERENCE, method, two, level, found.reason) | {
        "test": _or_nan(np.median, x), "reference": _or_nan(np.median, y),
        "estimate": found.estimate, "low": found.low, "high": found.high,
        "excludes_none": there and bool(found.low > 0 or found.high < 0),
        "excluded": max(found.high - found.estimate, found.estimate - found.low) if there else np.nan,
    }  # fmt: skip


def _ratio_row(logs: Two, found: _Found, level: float, power: float) -> dict[str, Any]:
    """A method's answer as a ratio, with what was and could have been found."""
    x, y = logs.kept()
    row = _empty(RATIO, found.method, logs, level, found.reason)
    both = logs.paired()
    if found.method == "paired t":
        x, y = logs.test[both], logs.reference[both]
    if logs.within and both.sum() > 2 and not found.reason:
        a, b = logs.test[both], logs.reference[both]
        row["correlation"] = float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan
    t = float(stdtrit(found.freedom, 0.5 + level / 2.0)) if found.freedom > 0 else np.nan
    find = float(stdtrit(found.freedom, power)) if found.freedom > 0 else np.nan
    with np.errstate(over="ignore"):
        ratio, low, high, excluded, detectable = (float(np.exp(v)) for v in (
            found.estimate, found.estimate - t * found.se, found.estimate + t * found.se, t * found.se,
            (t + find) * found.se,
        ))  # fmt: skip
        return row | {
            "test": float(np.exp(_or_nan(np.mean, x))), "reference": float(np.exp(_or_nan(np.mean, y))),
            "cv_test": _cv(x), "cv_reference": _cv(y), "estimate": ratio, "low": low, "high": high,
            "freedom": found.freedom, "excludes_none": bool(low > 1 or high < 1), "excluded": excluded,
            "detectable": detectable,
        }  # fmt: skip


def _groups(logs: Two, level: float, pooled: bool) -> _Found:
    """Independent groups by t."""
    x, y = logs.kept()
    name = "pooled" if pooled else "Welch"
    if not len(x) or not len(y):
        return _Found(name, np.nan, np.nan, np.nan, "a side has no number")
    mean, low, _, freedom = mean_difference(x, y, level, pooled)
    if not np.isfinite(low):
        return _Found(name, mean, np.nan, np.nan, "too few subjects for an interval")
    if low == mean:
        return _Found(name, mean, np.nan, np.nan, _FLAT)
    return _Found(name, mean, (mean - low) / float(stdtrit(freedom, 0.5 + level / 2.0)), freedom)


def _pairs(logs: Two, level: float) -> _Found:
    """Subjects with both sides, by t of their own differences."""
    both = logs.paired()
    own = logs.test[both] - logs.reference[both]
    mean, low, _ = mean_interval(own, level)
    if len(own) < 2:
        return _Found(
            "paired t", mean, np.nan, np.nan, ("no subject has both sides", "one pair has no interval")[len(own)]
        )
    if low == mean:
        return _Found("paired t", mean, np.nan, np.nan, _FLAT)
    freedom = len(own) - 1.0
    return _Found("paired t", mean, (mean - low) / float(stdtrit(freedom, 0.5 + level / 2.0)), freedom)


def _mixed(logs: Two) -> _Found:
    """All subjects, those with one side too: a random intercept by restricted likelihood, as nlme counts freedom."""
    name = "mixed model"
    pairs = int(logs.paired().sum())
    if pairs < 2:
        return _Found(name, np.nan, np.nan, np.nan, f"{pairs} subjects have both sides; expected at least two")
    own = (logs.test - logs.reference)[logs.paired()]
    if np.ptp(own) <= 1e-12 * max(1.0, float(np.abs(own).max())):
        return _Found(name, float(own.mean()), np.nan, np.nan, "the ratios of the subjects do not scatter: no interval")
    there = [np.isfinite(logs.test), np.isfinite(logs.reference)]
    who: Integers = np.concatenate([np.flatnonzero(side) for side in there])
    codes: Integers = np.unique(who, return_inverse=True)[1]
    is_test = np.concatenate([np.ones(int(there[0].sum())), np.zeros(int(there[1].sum()))])
    fit = random_intercept(np.concatenate(logs.kept()), np.column_stack([np.ones(len(who)), is_test]), codes)
    freedom = float(len(who) - (int(codes.max()) + 1) - 1)
    return _Found(name, float(fit.beta[1]), float(np.sqrt(fit.covariance[1, 1])), freedom)


def _empty(measure: str, method: str, two: Two, level: float, reason: str) -> dict[str, Any]:
    """A row without numbers, but for how many subjects there are."""
    x, y = two.kept()
    both = int(two.paired().sum()) if two.within else 0
    places = len(two.test) if two.within else len(two.test) + len(two.reference)
    used = len(x) + len(y) - both  # subjects with a number on any side
    if two.within and method not in ("mixed model", ""):
        used, x, y = both, x[:both], y[:both]
    return dict.fromkeys(COLUMNS[2:], np.nan) | {
        "measure": measure, "method": method, "n_test": len(x), "n_reference": len(y), "pairs": both,
        "dropped": places - used, "level": level, "excludes_none": False, "reason": reason,
    }  # fmt: skip


def _cv(logs: Array) -> float:
    """Geometric coefficient of variation, %."""
    with np.errstate(over="ignore"):
        return 100.0 * float(np.sqrt(np.expm1(logs.var(ddof=1)))) if len(logs) > 1 else float("nan")


def _or_nan(statistic: Any, values: Array) -> float:
    return float(statistic(values)) if len(values) else float("nan")
