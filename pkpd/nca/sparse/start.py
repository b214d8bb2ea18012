"""The mean that is put in at the time of the dose where nobody was sampled then."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags


class StartRule(NamedTuple):
    """The mean put in at the dose, of every replicate.

    Attributes
    ----------
    length : (B,)
        Time from the dose to the first mean of the curve; 0 where nothing is put in.
    value : (B,)
        The mean; 0 where nothing is put in.
    gradient : (B, J)
        Its derivatives by the means.
    """

    length: Array
    value: Array
    gradient: Array


def start_of(times: Array, mean: Array, kept: Flags, rule: str) -> StartRule:
    """Return the mean at the time of the dose by the rule.

    C0 is ``c₁·(c₁/c₂)^r``, ``r = t₁/(t₂ − t₁)``, on the straight line through the logarithms of the first two means;
    c₁ where they do not fall.

    Parameters
    ----------
    times : (J,)
        Times after the dose.
    mean : (B, J)
        Means as the rules have them.
    kept : (B, J) of bool
        Which are points of the curve.
    rule : str
        See `SparseRules.start`; ``"zero"`` and ``"C0"`` put a mean in.
    """
    rows = np.arange(len(kept))
    first = np.argmax(kept, axis=1)
    second = np.argmax(kept & (np.arange(len(times)) > first[:, None]), axis=1)
    late = kept.any(axis=1) & (times[first] > 0) & (rule in ("zero", "C0"))
    length, value, gradient = np.where(late, times[first], 0.0), np.zeros(len(kept)), np.zeros(kept.shape)
    if rule != "C0":
        return StartRule(length, value, gradient)
    c1, c2 = mean[rows, first], mean[rows, second]
    falls = (second > first) & (c2 > 0) & (c1 > c2)
    with np.errstate(all="ignore"):
        ratio = np.where(falls, times[first] / (times[second] - times[first]), 0.0)
        c0 = np.where(falls, c1 * np.exp(ratio * np.log(c1 / c2)), c1)
        by_first = np.where(falls, c0 * (1.0 + ratio) / c1, 1.0)
        by_second = np.where(falls, -c0 * ratio / c2, 0.0)
    gradient[rows, first] = np.where(late, by_first, 0.0)
    gradient[rows, second] += np.where(late, by_second, 0.0)
    return StartRule(length, np.where(late, c0, 0.0), gradient)
