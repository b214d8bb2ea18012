"""Means and their confidence intervals, on the plain and on the logarithmic scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from pkpd.arrays import Array


def mean_interval(x: Array, level: float) -> tuple[float, float, float]:
    """Return the mean and its t interval, ``x̄ ± t(n − 1)·s/√n``; NaN limits for fewer than two values.

    Parameters
    ----------
    x : (n,)
        Finite values.
    level : float
        Confidence level, e.g. 0.9.
    """
    n = len(x)
    if n == 0:
        return np.nan, np.nan, np.nan
    # Scaled by the largest value, sums of very large or very small numbers stay in range.
    top = float(np.abs(x).max()) or 1.0
    mean = float((x / top).mean()) * top
    if n < 2:
        return mean, np.nan, np.nan
    reach = quantile(n - 1, level) * float((x / top).std(ddof=1)) * top / np.sqrt(n)
    return mean, float(mean - reach), float(mean + reach)


def mean_difference(x: Array, y: Array, level: float, pooled: bool) -> tuple[float, float, float, float]:
    """Return ``x̄ − ȳ``, its t interval and the degrees of freedom, for two independent groups.

    Pooled: one variance for both, n₁ + n₂ − 2 degrees of freedom. Otherwise Welch: ``s₁²/n₁ + s₂²/n₂`` with the
    degrees of freedom of Satterthwaite.

    References
    ----------
    Welch BL. Biometrika 34 (1947) 28-35; Satterthwaite FE. Biometrics Bulletin 2 (1946) 110-114.
    """
    n, m = len(x), len(y)
    if n == 0 or m == 0:
        return np.nan, np.nan, np.nan, np.nan
    mean = float(x.mean() - y.mean())
    if pooled and n + m > 2:
        freedom = float(n + m - 2)
        variance = (((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum()) / freedom * (1 / n + 1 / m)
    elif not pooled and min(n, m) > 1:
        a, b = x.var(ddof=1) / n, y.var(ddof=1) / m
        variance = a + b
        freedom = float(variance**2 / (a**2 / (n - 1) + b**2 / (m - 1))) if variance > 0 else float(n + m - 2)
    else:
        return mean, np.nan, np.nan, np.nan
    reach = quantile(freedom, level) * float(np.sqrt(variance))
    return mean, mean - reach, mean + reach, freedom


def quantile(freedom: float, level: float) -> float:
    """Return the two-sided t quantile of a confidence level."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + 0.5 * level))


def level_problem(level: Any) -> list[str]:
    """Return what is wrong with a confidence level."""
    good = isinstance(level, int | float) and 0 < level < 1
    return [] if good else [f"level is {level!r}; expected a number between 0 and 1, e.g. 0.9"]
