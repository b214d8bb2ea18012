"""Hodges–Lehmann differences with intervals from rank tests: for times, which can be 0 and are not log-normal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from pkpd.arrays import Array

_EXACT_BELOW = 50  # values of a group, as in R's wilcox.test; from there on the normal approximation is good


class Shift(NamedTuple):
    """A difference with its interval, how the interval was found, and why there is none."""

    estimate: float
    low: float
    high: float
    method: str
    reason: str


def rank_sum_shift(test: Array, reference: Array, level: float) -> Shift:
    r"""Return the median of all differences :math:`x_i - y_j` with the interval that inverts the rank-sum test.

    Exact where both groups have fewer than 50 values and none is there twice; otherwise by the normal approximation
    with corrections for ties and continuity.

    Parameters
    ----------
    test, reference : array, shape (values,)
        Independent groups.
    level : float
        Of the interval.

    References
    ----------
    Hodges JL, Lehmann EL. Ann Math Stat 1963;34:598-611. Hollander M, Wolfe DA, Nonparametric Statistical Methods,
    2nd ed. (1999), sections 4.2 and 4.3.
    """
    n, m = len(test), len(reference)
    differences = np.sort((test[:, None] - reference[None, :]).ravel())
    both = np.concatenate([test, reference])
    if max(n, m) < _EXACT_BELOW and len(np.unique(both)) == n + m:
        return _between(differences, _lowest(_rank_sums(n, m), level), "exact", level)
    ties = _tie_sum(test) + _tie_sum(reference)  # at a shift in general position only these remain
    total = n + m
    variance = n * m / 12.0 * (total + 1 - ties / (total * (total - 1))) if total > 1 else 0.0
    return _between(differences, _approximate(len(differences), variance, level), "normal approximation", level)


def signed_rank_shift(differences: Array, level: float) -> Shift:
    r"""Return the median of all :math:`(d_i + d_j)/2`, i ≤ j, with the interval that inverts the signed-rank test.

    Exact where there are fewer than 50 differences, none is 0 and no two are of one size; otherwise by the normal
    approximation with corrections for ties and continuity. Differences of 0 stay in.

    Parameters
    ----------
    differences : array, shape (pairs,)
        Of subjects.
    level : float
        Of the interval.

    References
    ----------
    Hodges & Lehmann 1963; Hollander & Wolfe 1999, sections 3.2 and 3.3.
    """
    n = len(differences)
    first, second = np.triu_indices(n)
    averages = np.sort((differences[first] + differences[second]) / 2.0)
    if n < _EXACT_BELOW and (differences != 0).all() and len(np.unique(np.abs(differences))) == n:
        return _between(averages, _lowest(_signed_ranks(n), level), "exact", level)
    variance = n * (n + 1) * (2 * n + 1) / 24.0 - _tie_sum(differences) / 48.0
    return _between(averages, _approximate(len(averages), variance, level), "normal approximation", level)


def _between(ordered: Array, place: int, method: str, level: float) -> Shift:
    """The median, and the limits that stand so many places from either end (counted from 1; 0: there are none)."""
    if len(ordered) == 0:
        return Shift(np.nan, np.nan, np.nan, "", "a side has no number")
    middle = float(np.median(ordered)) + 0.0  # no minus zero
    if ordered[0] == ordered[-1]:
        return Shift(middle, np.nan, np.nan, "", "the values do not scatter: no interval")
    if place < 1:
        return Shift(middle, np.nan, np.nan, "", f"too few values for a {100 * level:g} % interval")
    low, high = float(ordered[place - 1]), float(ordered[len(ordered) - place])
    if low == high:
        return Shift(middle, np.nan, np.nan, "", f"so many values are equal that the interval shrinks to {low:g}: none")
    return Shift(middle, low, high, method, "")


def _lowest(counts: Array, level: float) -> int:
    """The smallest statistic that is reached or undercut with a probability of at least (1 − level)/2."""
    probability = np.cumsum(counts) / counts.sum()
    return int(np.searchsorted(probability, (1.0 - level) / 2.0 * (1.0 + 1e-12)))


def _approximate(many: int, variance: float, level: float) -> int:
    """The same by the normal distribution, with the correction for continuity."""
    place = int(np.ceil(many / 2.0 - 0.5 - float(ndtri(0.5 + level / 2.0)) * np.sqrt(max(variance, 0.0)) - 1e-9))
    return min(place, (many + 1) // 2)


def _rank_sums(n: int, m: int) -> Array:
    """How many choices of n of n + m ranks have each sum, from the smallest sum on; all exact below 2^53."""
    counts = np.zeros((n + 1, n * m + 1))
    counts[0, 0] = 1.0
    # Rank k + 1 as the j-th of those chosen adds k − j + 1 to the sum above the smallest.
    for k in range(n + m):
        for j in range(min(n, k + 1), max(0, n - (n + m - k)), -1):
            add = k + 1 - j
            if add <= n * m:
                counts[j, add:] += counts[j - 1, : n * m + 1 - add]
    return np.asarray(counts[n])


def _signed_ranks(n: int) -> Array:
    """How many sets of the ranks 1 … n have each sum."""
    counts = np.zeros(n * (n + 1) // 2 + 1)
    counts[0] = 1.0
    for rank in range(1, n + 1):
        counts[rank:] += counts[:-rank].copy()
    return counts


def _tie_sum(values: Array) -> float:
    """Σ(t³ − t) over groups of t equal values."""
    _, t = np.unique(values, return_counts=True)
    t = t.astype(float)
    return float((t**3 - t).sum())
