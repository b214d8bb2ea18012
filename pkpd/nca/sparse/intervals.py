"""Intervals from estimate, standard error, degrees of freedom and bootstrap replicates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from pkpd.arrays import Array

Interval = tuple[Array, Array]


def normal_interval(estimate: npt.ArrayLike, se: npt.ArrayLike, level: float) -> Interval:
    """Return ``estimate ± z·se`` with z the quantile of the normal distribution."""
    x, spread = np.asarray(estimate, dtype=np.float64), np.asarray(se, dtype=np.float64)
    half = float(special.ndtri(0.5 + 0.5 * level)) * spread
    return x - half, x + half


def t_interval(estimate: npt.ArrayLike, se: npt.ArrayLike, df: npt.ArrayLike, level: float) -> Interval:
    """Return ``estimate ± t·se`` with t the quantile of Student's distribution with `df` degrees of freedom."""
    x, spread = np.asarray(estimate, dtype=np.float64), np.asarray(se, dtype=np.float64)
    half = special.stdtrit(np.asarray(df, dtype=np.float64), 0.5 + 0.5 * level) * spread
    return x - half, x + half


def bootstrap_t_interval(estimate: Array, se: Array, values: Array, variances: Array, level: float) -> Interval:
    """Return the bootstrap-t intervals ``(estimate − q_hi·se, estimate − q_lo·se)``.

    q are the quantiles of ``(estimate* − estimate)/se*`` over the replicates that have a positive variance; NaN if
    fewer than half of them do.

    Parameters
    ----------
    estimate, se : (P,)
        Estimates and standard errors.
    values, variances : (B, P)
        Those of the replicates.
    level : float
        Level of the interval.

    References
    ----------
    Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 12.
    """
    low, high = np.full(len(estimate), np.nan), np.full(len(estimate), np.nan)
    for p in range(len(estimate)):
        usable = np.isfinite(values[:, p]) & np.isfinite(variances[:, p]) & (variances[:, p] > 0)
        if not np.isfinite(se[p]) or 2 * usable.sum() < len(usable):
            continue
        ratio = (values[usable, p] - estimate[p]) / np.sqrt(variances[usable, p])
        lower, upper = np.quantile(ratio, [0.5 - 0.5 * level, 0.5 + 0.5 * level])
        low[p], high[p] = estimate[p] - upper * se[p], estimate[p] - lower * se[p]
    return low, high
