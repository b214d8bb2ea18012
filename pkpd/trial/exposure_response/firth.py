"""Logistic regression with Firth's penalty: finite where the data separate, and less biased in small samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, expit

from pkpd.arrays import Array

_MOST = 200
_FARTHEST = 60.0  # of a covariate of SD 1; beyond it a limit of an interval is infinite


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where a penalised likelihood is greatest.

    Attributes
    ----------
    beta : array, shape (columns,)
        The estimates.
    value : float
        Penalised log likelihood there.
    information : array, shape (columns, columns)
        Fisher's.
    """

    beta: Array
    value: float
    information: Array


def maximise(
    x: Array, y: Array, fixed: int = -1, at: float = 0.0, start: Array | None = None, exact: float = 1e-15
) -> Maximum:
    r"""Return the maximum of :math:`\ell(\beta) + \tfrac12 \ln\det I(\beta)`, with one coefficient held if wanted.

    Parameters
    ----------
    x : array, shape (rows, columns)
        With a column of ones.
    y : array, shape (rows,)
        0 or 1.
    fixed : int
        Column whose coefficient is held at `at`; −1: none.
    start : array, optional
        Where the search begins.
    exact : float
        How much of the penalised likelihood, relative to it, may still be missing.

    References
    ----------
    Firth D. Biometrika 1993;80:27-38. Heinze G, Schemper M. Stat Med 2002;21:2409-2419.
    """
    beta = np.zeros(x.shape[1]) if start is None else start.copy()
    free = np.arange(x.shape[1]) != fixed
    if fixed >= 0:
        beta[fixed] = at
    here, information = _value(x, y, beta)
    for _ in range(_MOST):
        p = expit(x @ beta)
        weight = p * (1.0 - p)
        inverse = _inverse(information)
        leverage = weight * np.einsum("ij,jk,ik->i", x, inverse, x)
        score = (x.T @ (y - p + leverage * (0.5 - p)))[free]
        step = np.zeros_like(beta)
        step[free] = (inverse if fixed < 0 else _inverse(information[np.ix_(free, free)])) @ score
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        if float(score @ step[free]) < exact * (1.0 + abs(here)):
            break
        for _ in range(30):
            there, next_information = _value(x, y, beta + step)
            if there >= here:
                break
            step = step / 2.0
        else:
            break
        beta, here, information = beta + step, there, next_information
    return Maximum(beta, here, information)


def _inverse(matrix: Array) -> Array:
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrix, hermitian=True))


def _value(x: Array, y: Array, beta: Array) -> tuple[float, Array]:
    """The penalised log likelihood and the information."""
    eta = x @ beta
    p = expit(eta)
    information = x.T @ (x * (p * (1.0 - p))[:, None])
    sign, log_determinant = np.linalg.slogdet(information)
    likelihood = -float(np.logaddexp(0.0, np.where(y > 0.5, -eta, eta)).sum())
    return (likelihood + 0.5 * float(log_determinant) if sign > 0 else -np.inf), information


def profile(x: Array, y: Array, top: Maximum, column: int, level: float) -> tuple[float, float, float]:
    """Return the limits of the profile interval of a coefficient, and p of its penalised likelihood-ratio test.

    At the limits twice the drop of the penalised log likelihood is the quantile of χ² with one degree of freedom.
    """
    from scipy.optimize import brentq

    allowed = float(chdtri(1, 1.0 - level))

    nearby = [top.beta]

    def drop(value: float) -> float:
        nearby[0] = (held := maximise(x, y, column, value, nearby[0], 1e-12)).beta  # the next search begins there
        return 2.0 * (top.value - held.value) - allowed

    centre = float(top.beta[column])
    scale = float(np.sqrt(max(_inverse(top.information)[column, column], 1e-12)))
    limits = []
    for side in (-1.0, 1.0):
        reach, nearby[0] = 2.0 * scale, top.beta
        while drop(centre + side * reach) < 0.0 and reach < _FARTHEST:
            reach *= 1.7
        if reach >= _FARTHEST:
            limits.append(side * np.inf)
            continue
        ends = sorted((centre, centre + side * reach))
        limits.append(float(brentq(drop, *ends, xtol=1e-8)))
    test = max(2.0 * (top.value - maximise(x, y, column, 0.0, top.beta.copy()).value), 0.0)
    return limits[0], limits[1], float(chdtrc(1, test))
