"""A linear model with a random intercept per subject, by restricted likelihood."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Integers

_SMALLEST, _LARGEST = -12.0, 14.0  # log of the ratio of the variances; below it the subjects do not differ


class Mixed(NamedTuple):
    """Estimates, their covariance, variance within and between subjects."""

    beta: Array
    covariance: Array
    within: float
    between: float


def random_intercept(y: Array, x: Array, subject: Integers) -> Mixed:
    r"""Return the REML fit of :math:`y = x\beta + b_{subject} + \varepsilon`.

    For a given ratio γ of the variances, the rows of a subject with n of them are freed of the part
    :math:`1 - 1/\sqrt{1 + n\gamma}` of their mean, and least squares do the rest. γ is found in one dimension.

    Parameters
    ----------
    y : array, shape (rows,)
        Measured, on the scale of the model.
    x : array, shape (rows, columns)
        Of full rank.
    subject : array of int, shape (rows,)
        0 … n − 1.
    """
    from scipy.optimize import minimize_scalar

    counts = np.bincount(subject).astype(float)
    freedom = len(y) - x.shape[1]

    def freed(gamma: float) -> tuple[Array, Array, float]:
        part = 1.0 - 1.0 / np.sqrt(1.0 + counts * gamma)
        columns = np.column_stack([y, x])
        means = np.stack([np.bincount(subject, column) for column in columns.T], axis=1) / counts[:, None]
        clean = columns - (part[:, None] * means)[subject]
        return clean[:, 0], clean[:, 1:], float(np.log1p(counts * gamma).sum())

    def minus(log_gamma: float) -> float:
        v, u, determinant = freed(float(np.exp(log_gamma)))
        beta, *_ = np.linalg.lstsq(u, v, rcond=None)
        rest = float(((v - u @ beta) ** 2).sum())
        return float(freedom * np.log(rest / freedom) + determinant + np.linalg.slogdet(u.T @ u)[1])

    grid = np.linspace(_SMALLEST, _LARGEST, 53)
    k = int(np.argmin([minus(at) for at in grid]))
    ends = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
    found = minimize_scalar(minus, bounds=ends, method="bounded", options={"xatol": 1e-9})
    gamma = 0.0 if k == 0 else float(np.exp(found.x))
    v, u, _ = freed(gamma)
    beta, *_ = np.linalg.lstsq(u, v, rcond=None)
    within = float(((v - u @ beta) ** 2).sum()) / freedom
    return Mixed(np.asarray(beta, dtype=float), within * np.linalg.inv(u.T @ u), within, gamma * within)
