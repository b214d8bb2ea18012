r"""Conditional means with less noise: weights of draws that know what is certainly zero.

Under the conditional density :math:`\pi` of a subject's random effects, :math:`\nabla\cdot F + F\cdot\nabla\log\pi`
has the mean 0 for every smooth field F (Stein's identity). With the draws standardised by mode and curvature, F runs
through all constant and all linear fields. A weighted regression on these takes out of any conditional mean what they
explain, which is everything where the conditional density is normal and the quantity a quadratic. The intercept of a
regression is a sum with weights of its own, whatever the quantity: these weights are returned.

Without it, a nearly singular Ω would drown Fisher's identity: the score of the complete data grows with Ω⁻¹, its
conditional mean does not.

References
----------
Mira A, Solgi R, Imparato D. Zero variance Markov chain Monte Carlo for Bayesian estimators. Stat Comput
2013;23:653-662.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.fit.mixed.marginal.draws import Weighted
from pkpd.fit.mixed.marginal.integral import Frame
from pkpd.fit.mixed.problem.problem import Point

_PER_VARIATE = 3  # effective draws for each thing that is taken out
_NUMBERS = 2_000_000


def controlled_shares(drawn: Weighted, frame: Frame, point: Point, effects: Array) -> Array:
    """Return weights that add up to 1 and may be negative, shape (subjects, draws).

    Parameters
    ----------
    drawn : Weighted
        Draws with their slopes.
    frame : Frame
        Modes and half curvatures, by which the draws are standardised.
    point : Point
        Where they were drawn.
    effects : array, shape (differentiated, random effects)
        How random effects make up the shifts.
    """
    shares = drawn.share.copy()
    for who, degree in _groups(drawn):
        shares[who] = _intercepts(_zeros(drawn, frame, point, effects, who, degree), drawn.share[who])
    return shares


def _groups(drawn: Weighted) -> Iterator[tuple[Integers, int]]:
    """Yield subjects some at a time, with the degree of the fields for which they have enough draws."""
    count, draws, size = drawn.eta.shape
    with np.errstate(all="ignore"):
        effective = np.nan_to_num(1.0 / (drawn.share**2).sum(axis=1), nan=0.0, posinf=0.0)
    per = max(1, _NUMBERS // (draws * (1 + size + size * size)))
    for lo in range(0, count, per):
        rest = np.arange(count)[lo : lo + per]
        for degree in (2, 1):
            many = size if degree == 1 else size + size * size
            mine = rest[effective[rest] >= _PER_VARIATE * many]
            rest = np.setdiff1d(rest, mine)
            if mine.size and size:
                yield mine, degree


def _zeros(drawn: Weighted, frame: Frame, point: Point, effects: Array, who: Integers, degree: int) -> Array:
    """Return 1 and what has the mean 0, shape (subjects, draws, 1 + variates)."""
    white, root = drawn.white[who], frame.root[who]
    lower = np.swapaxes(np.linalg.inv(root), 1, 2)
    z = (white - frame.white[who, None]) @ lower
    slope = -0.5 * (drawn.by_shift[who] @ effects @ point.root + 2.0 * white) @ root  # of log π, by z
    count, draws, size = z.shape
    x = np.empty((count, draws, 1 + size + (size * size if degree == 2 else 0)))
    x[..., 0] = 1.0
    x[..., 1 : 1 + size] = slope
    if degree == 2:
        x[..., 1 + size :] = (z[..., :, None] * slope[..., None, :] + np.eye(size)).reshape(count, draws, -1)
    x[drawn.share[who] == 0.0] = 0.0  # also where the subject could not be solved
    return x


def _intercepts(x: Array, shares: Array) -> Array:
    """Return the weights whose sum with a quantity is the intercept of its weighted regression on x."""
    weighted = shares[..., None] * x
    matrix = np.swapaxes(weighted, 1, 2) @ x
    scale = np.sqrt(np.maximum(np.einsum("iaa->ia", matrix), 1e-300))
    matrix = matrix / (scale[:, :, None] * scale[:, None, :]) + 1e-12 * np.eye(matrix.shape[1])
    first = np.zeros((*scale.shape, 1))
    first[:, 0, 0] = 1.0 / scale[:, 0]
    with np.errstate(all="ignore"):
        found = np.linalg.solve(matrix, first)[:, :, 0] / scale
        result = np.einsum("ika,ia->ik", weighted, found)
        total = result.sum(axis=1, keepdims=True)
        sound = np.isfinite(total) & (np.abs(total - 1.0) < 1e-3)
        return np.where(sound, result / total, shares)
