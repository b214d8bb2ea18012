"""One step of Newton's method towards a state that an interval returns to itself, and when such a state is accepted.

Near saturation an interval moves a state by next to nothing of itself, however far the steady state is. What is judged
is how far Newton's method would still go, and what an interval moves as a part of what is given in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array

KEPT_FOR_EVER = 1e-8  # a direction that an interval shrinks by less is held for ever: a sum that is conserved
NEAR = 30.0  # what Newton's method may still go, in units of the tolerance
OFF = 1e-6  # what an interval may move a state, as a part of its size
MOST = 1e10  # amounts that become so many times what two doses make of them have no steady state


class Interval(NamedTuple):
    """What an interval does near a state: how far it moves it (states,), the derivative of its end (states × states),
    and the sizes of the states (states,)."""

    moved: Array
    matrix: Array
    sizes: Array


class Direction(NamedTuple):
    """The inverse of I − M where it has one, and whether the interval adds to what is kept for ever."""

    inverse: Array
    fed: bool
    unstable: bool


def direction(interval: Interval) -> Direction | None:
    """Invert I − M; a sum that the equations conserve stays what it was at the start. None where nothing is a number.

    Parameters
    ----------
    interval : Interval
        What an interval does.
    """
    sizes, n = interval.sizes, len(interval.sizes)
    scaled = np.eye(n) - interval.matrix * sizes / sizes[:, None]
    if not np.isfinite(scaled).all():
        return None
    try:
        left, strength, _ = np.linalg.svd(scaled)
        rates = np.linalg.eigvals(np.eye(n) - scaled)
    except np.linalg.LinAlgError:
        return None
    held = strength <= KEPT_FOR_EVER * max(float(strength[0]), 1e-300)
    unstable = bool((np.abs(rates) > 1.0 + 1e-6).any())
    if not held.any():
        return Direction(np.linalg.inv(scaled) * sizes[:, None] / sizes, False, unstable)
    # What is conserved are the left null vectors: Newton's step must leave them as they are.
    laws = left[:, held].T
    fed = bool((np.abs(laws @ (interval.moved / sizes)) > OFF).any())
    whole = np.concatenate([scaled, laws])
    inverse = np.linalg.pinv(whole, rcond=1e-12)[:, :n]
    return Direction(inverse * sizes[:, None] / sizes, fed, unstable)
