"""The mean curve: means, which of them are points of it, where it ends, trapezoid weights.

Everything works on replicates at once: the first axis (B) is the replicate, of which the estimate itself is the only
one and a bootstrap has many.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca.sparse.rules import SparseRules
from pkpd.nca.sparse.start import StartRule, start_of


class MeanCurve(NamedTuple):
    """The mean curve of every replicate.

    Attributes
    ----------
    times : (J,)
    n : (B, J)
        Values in each mean.
    observed : (B, J)
        Means of the values; 0 where there is none.
    mean : (B, J)
        Means as the rules have them; NaN where there is none.
    by_rule : (B, J) of bool
        Means that a rule set to zero.
    kept : (B, J) of bool
        Means that are points of the curve up to its end.
    points : (B, J) of bool
        Means that are points of the curve, beyond its end too.
    last : (B,) of int
        Position of the end.
    weights : (B, J)
        Linear trapezoid weights, half the distance between the neighbours on the curve.
    start : StartRule
        The mean put in at the dose.
    """

    times: Array
    n: Array
    observed: Array
    mean: Array
    by_rule: Flags
    kept: Flags
    points: Flags
    last: Integers
    weights: Array
    start: StartRule


def curve_of_means(times: Array, values: Array, seen: Flags, empty: Flags, rules: SparseRules) -> MeanCurve:
    """Return the mean curve.

    The area is ``Σ wⱼ·ȳⱼ`` with ``wⱼ = (tⱼ₊₁ − tⱼ₋₁)/2`` (linear trapezoids), at the ends half the only distance.

    Parameters
    ----------
    times : (J,)
    values, seen, empty : (B, S, J)
        As in `Pooled`.
    rules : SparseRules
        The choices.

    References
    ----------
    Bailer, J Pharmacokinet Biopharm 16:303-309 (1988).
    """
    present = ~np.isnan(values)
    n = present.sum(axis=1).astype(np.float64)
    observed = np.where(present, values, 0.0).sum(axis=1) / np.maximum(n, 1.0)
    mean = np.where(n > 0, observed, np.nan)
    by_rule = np.zeros(n.shape, dtype=bool)
    if rules.mean == "zero if most are blq":
        by_rule = 2 * (empty & seen).sum(axis=1) > seen.sum(axis=1)
        mean = np.where(by_rule, 0.0, mean)
    points = ~np.isnan(mean)
    if rules.start == "C0":  # a sample of a bolus at its time without drug was drawn before it
        points = points & ~((times == 0) & ~(mean > 0))
    positive = points & (mean > 0)
    if rules.zero_between == "drop":
        after_first = np.logical_or.accumulate(positive, axis=1)
        before_last = np.logical_or.accumulate(positive[:, ::-1], axis=1)[:, ::-1]
        points = points & ~((mean == 0) & after_first & before_last)
    width = len(times)
    ends = positive if rules.last == "last mean above zero" else points
    last = np.where(ends.any(axis=1), width - 1 - np.argmax(ends[:, ::-1], axis=1), np.argmax(points, axis=1))
    kept = points & (np.arange(width) <= last[:, None])
    start = start_of(times, mean, kept, rules.start)
    weights = trapezoid_weights(times, kept)
    weights[np.arange(len(kept)), np.argmax(kept, axis=1)] += 0.5 * start.length
    return MeanCurve(times, n, observed, mean, by_rule, kept, points, last, weights, start)


def trapezoid_weights(times: Array, kept: Flags) -> Array:
    """Return the linear trapezoid weights (B, J) of the kept times (B, J); zero for the others."""
    low = np.where(kept, times, -np.inf)
    high = np.where(kept, times, np.inf)
    edge = np.full((len(kept), 1), np.inf)
    before = np.maximum.accumulate(np.hstack([-edge, low[:, :-1]]), axis=1)
    after = np.minimum.accumulate(np.hstack([high[:, 1:], edge])[:, ::-1], axis=1)[:, ::-1]
    before = np.where(np.isinf(before), times, before)
    after = np.where(np.isinf(after), times, after)
    return np.where(kept, 0.5 * (after - before), 0.0)
