"""Steps of a search that go no further than they can be trusted, and curvature learned from gradients."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array


def bounded_move(score: Array, curvature: Array, reach: float) -> tuple[Array, float]:
    """Return the move within a reach that promises most, and what it promises of the objective.

    Parameters
    ----------
    score : array, shape (free,)
        Gradient.
    curvature : array, shape (free, free)
        Second derivatives or what stands for them, positive semi-definite.
    reach : float
        Longest move.
    """
    sizes, axes = np.linalg.eigh(curvature)
    sizes, along = np.maximum(sizes, 0.0), axes.T @ score
    low, high = 0.0, float(np.linalg.norm(along)) / reach
    with np.errstate(all="ignore"):
        free = np.where(along == 0.0, 0.0, along / sizes)
    if not np.isfinite(free).all() or np.linalg.norm(free) > reach:
        for _ in range(60):
            middle = 0.5 * (low + high)
            if np.linalg.norm(along / (sizes + middle)) > reach:
                low = middle
            else:
                high = middle
        free = along / (sizes + high)
    return -axes @ free, float(along @ free - 0.5 * (sizes * free) @ free)


def learned(curvature: Array, move: Array, change: Array) -> Array:
    """Return a curvature that knows how the gradient changed along a move (BFGS, damped by Powell to stay positive)."""
    ahead = curvature @ move
    expected, seen = float(move @ ahead), float(move @ change)
    if not expected > 0:
        return curvature
    if seen < 0.2 * expected:
        part = 0.8 * expected / (expected - seen)
        change = part * change + (1.0 - part) * ahead
        seen = float(move @ change)
    return curvature - np.outer(ahead, ahead) / expected + np.outer(change, change) / seen
