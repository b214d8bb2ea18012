"""Probabilities of toxicity that do not fall as the dose rises: isotonic regression, for many trials at once."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers

_HALF_EVENT, _EVENTS = 0.05, 0.1  # what BOIN adds to toxicities and to patients of every dose


def isotonic(values: Array, weights: Array) -> Array:
    r"""Return the non-decreasing values that are nearest to given ones by weighted least squares.

    .. math:: \hat p_i = \max_{j \le i}\, \min_{k \ge i}\, \frac{\sum_{l=j}^{k} w_l p_l}{\sum_{l=j}^{k} w_l}

    Parameters
    ----------
    values, weights : array, shape (trials, levels)
        A level of weight 0 does not count; its result is NaN.

    Returns
    -------
    array, shape (trials, levels)

    References
    ----------
    Barlow RE et al. Statistical Inference under Order Restrictions. Wiley 1972, equation 1.9.
    """
    trials, levels = values.shape
    sums = np.zeros((trials, levels, levels))  # (trial, from, to)
    sizes = np.zeros_like(sums)
    weighted = np.where(weights > 0, weights * np.where(weights > 0, values, 0.0), 0.0)
    for j in range(levels):
        sums[:, j, j:] = np.cumsum(weighted[:, j:], axis=1)
        sizes[:, j, j:] = np.cumsum(weights[:, j:], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(sizes > 0, sums / sizes, np.nan)
    found = np.full((trials, levels), np.nan)
    for i in range(levels):
        here = weights[:, i] > 0
        found[here, i] = means[here, : i + 1, i:].min(axis=2).max(axis=1)
    return found


def isotonic_toxicity(treated: Integers, toxic: Integers) -> Array:
    r"""Return isotonic estimates of the probabilities of toxicity as BOIN makes them, NaN where nobody was treated.

    The estimate of a dose alone is :math:`(y + 0.05)/(n + 0.1)`, weighted by the inverse variance of a
    Beta(y + 0.05, n − y + 0.05).

    Parameters
    ----------
    treated, toxic : array of int, shape (trials, levels)
        n and y.

    References
    ----------
    Liu S, Yuan Y. J R Stat Soc C 2015;64:507-523; weights as in the R package BOIN.
    """
    a, b = toxic + _HALF_EVENT, treated - toxic + _HALF_EVENT
    total = treated + _EVENTS
    return isotonic(a / total, np.where(treated > 0, total**2 * (total + 1) / (a * b), 0.0))


__all__ = ["isotonic", "isotonic_toxicity"]
