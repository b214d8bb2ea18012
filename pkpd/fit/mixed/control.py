r"""Conditional means with less noise: weights of draws that know what is certainly zero.

Under the conditional density :math:`\pi` of a subject's random effects, :math:`\Delta P + \nabla P\cdot\nabla\log\pi` has the mean 0 for
every polynomial P (Stein's identity). With the draws standardised by mode and curvature, P runs through all polynomials of degree one and two.
A weighted regression on these takes out of any conditional mean what they explain, which is everything where the conditional density is
normal and the quantity a quadratic. The intercept of a regression is a sum with weights of its own, whatever the quantity: these weights are
returned.

Without it, a nearly singular Ω would drown Fisher's identity: the score of the complete data grows with Ω⁻¹, its conditional mean does not.

References
----------
Mira A, Solgi R, Imparato D. Zero variance Markov chain Monte Carlo for Bayesian estimators. Stat Comput 2013;23:653-662.
"""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.mixed.importance import Weighted
from pkpd.fit.mixed.integral import Frame
from pkpd.fit.mixed.problem import Point

_PER_VARIATE = 5  # effective draws for each thing that is taken out
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
    count, draws, size = drawn.eta.shape
    shares = drawn.share.copy()
    with np.errstate(all="ignore"):
        effective = 1.0 / (shares**2).sum(axis=1)
    per = max(1, _NUMBERS // (draws * (1 + size * (size + 3) // 2)))
    for lo in range(0, count, per):
        part = slice(lo, lo + per)
        rest = np.arange(count)[part]
        for degree in (2, 1):
            many = size if degree == 1 else size * (size + 3) // 2
            mine = rest[effective[rest] >= _PER_VARIATE * many]
            rest = np.setdiff1d(rest, mine)
            if mine.size:
                x = _zeros(drawn, frame, point, effects, mine, degree)
                shares[mine] = _intercepts(x, drawn.share[mine])
    return shares


def _zeros(drawn: Weighted, frame: Frame, point: Point, effects: Array, who: Array, degree: int) -> Array:
    """Return 1 and what has the mean 0, shape (subjects, draws, 1 + variates)."""
    eta, root = drawn.eta[who], frame.root[who]
    lower = np.swapaxes(np.linalg.inv(root), 1, 2)
    z = (eta - frame.eta[who, None]) @ lower
    slope = -0.5 * (drawn.by_shift[who] @ effects + 2.0 * eta @ point.inverse) @ root  # of log π, by z
    count, draws, size = z.shape
    pairs = [(a, b) for a in range(size) for b in range(a + 1)] if degree == 2 else []
    x = np.empty((count, draws, 1 + size + len(pairs)))
    x[..., 0] = 1.0
    x[..., 1 : 1 + size] = slope
    for k, (a, b) in enumerate(pairs, 1 + size):
        x[..., k] = z[..., a] * slope[..., b] + (1.0 if a == b else z[..., b] * slope[..., a])
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
