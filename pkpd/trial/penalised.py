"""The maximum of a penalised likelihood and intervals from its profile, for every model with Firth's penalty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import chdtrc, chdtri

from pkpd.arrays import Array

_MOST = 200
_FARTHEST = 60.0  # of a covariate of SD 1; beyond it a limit of an interval is infinite

Likelihood = Callable[[Array], tuple[float, Array, Array]]
"""Coefficients → penalised log likelihood, its score, and Fisher's information (without the penalty)."""


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


def maximise(of: Likelihood, start: Array, fixed: int = -1, at: float = 0.0, exact: float = 1e-15) -> Maximum:
    """Return the maximum, with one coefficient held if wanted.

    Parameters
    ----------
    of : callable
        The penalised likelihood.
    start : array, shape (columns,)
        Where the search begins.
    fixed : int
        Column whose coefficient is held at `at`; −1: none.
    at : float
        Where it is held.
    exact : float
        How much of the penalised likelihood, relative to it, may still be missing.
    """
    beta = start.copy()
    free = np.arange(len(beta)) != fixed
    if fixed >= 0:
        beta[fixed] = at
    here, score, information = of(beta)
    for _ in range(_MOST):
        step = np.zeros_like(beta)
        step[free] = inverse(information[np.ix_(free, free)]) @ score[free]
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        if float(score @ step) < exact * (1.0 + abs(here)):
            break
        for _ in range(30):
            there, next_score, next_information = of(beta + step)
            if there >= here:
                break
            step = step / 2.0
        else:
            break
        beta, here, score, information = beta + step, there, next_score, next_information
    return Maximum(beta, here, information)


def inverse(matrix: Array) -> Array:
    """Return the inverse, or the pseudo-inverse of a matrix that has none."""
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrix, hermitian=True))


def profile(of: Likelihood, top: Maximum, column: int, level: float) -> tuple[float, float, float]:
    """Return the limits of the profile interval of a coefficient, and p of its penalised likelihood-ratio test.

    At the limits twice the drop of the penalised log likelihood is the quantile of χ² with one degree of freedom.
    """
    from scipy.optimize import brentq

    held = partial(maximise, of, fixed=column)
    allowed = float(chdtri(1, 1.0 - level))
    nearby = [top.beta]

    centre = float(top.beta[column])
    known = {centre: -allowed}

    def drop(value: float) -> float:
        # One answer a value: where the likelihood is nearly flat a search ends a little elsewhere from another start.
        if value not in known:
            starts = (nearby[0], top.beta)  # far from the maximum the information of the first may have no determinant
            found = max((held(one, at=value, exact=1e-12) for one in starts), key=lambda one: one.value)
            nearby[0] = found.beta  # the next search begins there
            known[value] = 2.0 * (top.value - found.value) - allowed
        return known[value]

    scale = float(np.sqrt(max(inverse(top.information)[column, column], 1e-12)))
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
    test = max(2.0 * (top.value - held(top.beta, at=0.0).value), 0.0)
    return limits[0], limits[1], float(chdtrc(1, test))
