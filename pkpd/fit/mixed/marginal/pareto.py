r"""How heavy the tail of importance weights is: the shape k̂ of a generalised Pareto distribution fitted to the largest.

References
----------
Vehtari A, Simpson D, Gelman A, Yao Y, Gabry J. Pareto smoothed importance sampling. J Mach Learn Res 2024;25(72):1-58
(section 3.1: the number of the largest; appendix: the weakly informative prior). Zhang J, Stephens MA. A new and
efficient estimation method for the generalized Pareto distribution. Technometrics 2009;51:316-325.
"""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array

DOUBTFUL = 0.7
"""From this k̂ on, weights do not represent what they are drawn for."""
_PRIOR_WEIGHT, _PRIOR_SHAPE = 10, 0.5


def pareto_shape(log_weights: Array) -> Array:
    """Return k̂ of every row of logarithms of weights, shape (rows,).

    Parameters
    ----------
    log_weights : array, shape (rows, draws)
        Up to a constant of each row; −∞ for a weight of 0. NaN comes out where there are fewer than 25 draws, −∞ where
        the largest weights are all equal.
    """
    rows, draws = log_weights.shape
    tail = int(np.ceil(min(0.2 * draws, 3.0 * np.sqrt(draws))))
    if tail < 5:
        return np.full(rows, np.nan)
    largest = np.sort(np.partition(log_weights, draws - tail - 1, axis=1)[:, draws - tail - 1 :], axis=1)
    with np.errstate(all="ignore"):
        weights = np.exp(largest - largest[:, -1:])
        excess = weights[:, 1:] - weights[:, :1]
    return _zhang_stephens(excess)


def _zhang_stephens(x: Array) -> Array:
    """Return the shape of the generalised Pareto distribution of sorted excesses, shape (rows, count) → (rows,)."""
    count = x.shape[1]
    grid = 30 + int(np.sqrt(count))
    with np.errstate(all="ignore"):
        quartile = x[:, int(count / 4 + 0.5) - 1]
        j = np.arange(1, grid + 1)
        theta = 1.0 / x[:, -1:] + (1.0 - np.sqrt(grid / (j - 0.5))) / (3.0 * quartile[:, None])
        shape = np.log1p(-theta[:, :, None] * x[:, None, :]).mean(axis=2)
        profile = count * (np.log(-theta / shape) - shape - 1.0)
        share = np.exp(profile - profile.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        best = (theta * share).sum(axis=1)
        k = np.log1p(-best[:, None] * x).mean(axis=1)
        k = (count * k + _PRIOR_WEIGHT * _PRIOR_SHAPE) / (count + _PRIOR_WEIGHT)
    flat = x[:, -1] <= 0.0
    result: Array = np.where(flat, -np.inf, np.where(np.isfinite(k), k, np.inf))
    return result
