"""Bootstrap replicates of estimate and variance: subjects drawn again within their batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca.sparse.covariance import covariance_of_means, variance
from pkpd.nca.sparse.curve import curve_of_means
from pkpd.nca.sparse.estimates import estimates
from pkpd.nca.sparse.rules import SparseRules
from pkpd.nca.sparse.samples import Pooled

_BLOCK = 2_000_000  # numbers in an array of a block of replicates


class Evaluated(NamedTuple):
    """Values (B, P) and variances (B, P) of the parameters."""

    value: Array
    variance: Array


def evaluate(pooled: Pooled, rows: Integers, rules: SparseRules, dose: float, duration: float) -> Evaluated:
    """Return the parameters and variances from these subjects, one replicate per row of `rows` (B, S)."""
    with np.errstate(all="ignore"):
        values = pooled.values[rows]
        mean_curve = curve_of_means(pooled.times, values, pooled.seen[rows], pooled.empty[rows], rules)
        found = covariance_of_means(values, mean_curve, rules.covariance == "bounded")
        value, gradient = estimates(mean_curve, found.log_mean, rules, dose, duration)
        return Evaluated(value, variance(gradient, found))


def replicates(pooled: Pooled, rules: SparseRules, dose: float, duration: float) -> Evaluated:
    """Return `rules.replicates` bootstrap replicates.

    Subjects are drawn with replacement within their batch, i.e. among those seen at the same times: in a serial
    design that is sampling per time, in a complete one among all subjects. If some batch has one subject, subjects
    are drawn from all of them.

    Parameters
    ----------
    pooled : Pooled
        The samples.
    rules : SparseRules
        Number of replicates, seed, and the rules that every replicate is evaluated by.
    dose, duration : float
        As in `estimates`.

    References
    ----------
    Mager & Göller, J Pharm Sci 87:372-378 (1998); Jaki & Wolfsegger, Stat Med 31:1059-1073 (2012).
    """
    rng = np.random.default_rng(rules.seed)
    people, width = pooled.values.shape
    step = max(1, _BLOCK // max(1, people * 2 * width + 4 * width * width))
    parts = []
    for begin in range(0, rules.replicates, step):
        rows = drawn_subjects(pooled.seen, min(step, rules.replicates - begin), rng)
        parts.append(evaluate(pooled, rows, rules, dose, duration))
    return Evaluated(np.vstack([p.value for p in parts]), np.vstack([p.variance for p in parts]))


def drawn_subjects(seen: Flags, count: int, rng: np.random.Generator) -> Integers:
    """Return `count` draws (count, S) of subjects, each with replacement within its batch."""
    _, batch, sizes = np.unique(seen, axis=0, return_inverse=True, return_counts=True)
    if (sizes < 2).any():
        return rng.integers(0, len(seen), size=(count, len(seen)))
    rows = np.empty((count, len(seen)), dtype=np.intp)
    for b in range(len(sizes)):
        members = np.flatnonzero(batch.ravel() == b)
        rows[:, members] = members[rng.integers(0, len(members), size=(count, len(members)))]
    return rows
