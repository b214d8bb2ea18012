"""What the solvers hold every component to: its size, its absolute tolerance, whether it may become negative."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pkpd.engine.machine.jit import bare_jit
from pkpd.engine.machine.steps.frame import KEPT, OFFSPRING

NOTHING = 1e-4  # a state that starts from nothing is held to be this part of the largest amount
FEWEST = (
    1e-140  # of the size of a state that multiplies: below, nothing is left of it (in these units a square is a number)
)
LEAST = 1e-290  # an absolute tolerance next to nothing, so that nothing is divided by zero
STEPS, FIRST_PEAK = 0, 1  # columns of the limits: by component the first peak, then the fixed tolerance, then whether
# it is kept


class Known(NamedTuple):
    """What is known of every subject at the start.

    Attributes
    ----------
    values : array, value rows × inputs
        Parameters and covariates whose signs matter.
    z0 : array, value rows × components
        The vector at the start: states, then sensitivities.
    floor : array, shape (value rows,)
        0 where nothing that drives can be negative, else minus infinity.
    first_row : array of int, subjects + 1
        Where each subject's rows of values begin.
    given : array, subjects × (states + 1)
        The largest amount that is given into each state, and into any.
    rising : array of bool, subjects
        Whether doses only add.
    state_of : array of int, components
        State to which each component belongs.
    kept : array of bool, states
        Whether the state's equation lets it not become negative.
    multiply : array of bool, states
        Whether the state grows by a multiple of itself.
    """

    values: Any
    z0: Any
    floor: Any
    first_row: Any
    given: Any
    rising: Any
    state_of: Any
    kept: Any
    multiply: Any


@bare_jit
def find_limits(known, atol, out):  # type: ignore[no-untyped-def]
    """Write the limits of every subject.

    The size of a component is what it starts from, or is given; that of a sensitivity is its state's. A state that
    starts from nothing has a small part of the largest of its subject. A fixed tolerance is less where amounts are
    below 1 of their unit, so that a dose of 1e-9 mol is solved like one of 1 nmol. A state is kept from becoming
    negative if its equation lets it not and nothing that it sees is negative. A state that multiplies is held to a
    part of what it is at the time, if the caller gave no tolerance.

    Parameters
    ----------
    known : Known
        What is known.
    atol : float
        The absolute tolerance that the caller gave; 0 where none.
    out : array, subjects × (1 + 3 · components)
        Written, but for the first column.
    """
    n, states = known.state_of.shape[0], known.kept.shape[0]
    for i in range(out.shape[0]):
        first, last = known.first_row[i], known.first_row[i + 1]
        everything = known.given[i, states]
        for k in range(states):
            everything = max(everything, known.given[i, k], abs(known.z0[first, k]))
        if not np.isfinite(everything):
            everything = 1.0
        positive = known.rising[i]
        for row in range(first, last):
            positive = positive and known.floor[row] == 0.0
            for j in range(known.values.shape[1]):
                positive = positive and known.values[row, j] >= 0.0
            for k in range(states):
                positive = positive and known.z0[row, k] >= 0.0
        for c in range(n):
            k = known.state_of[c]
            size = max(known.given[i, k], abs(known.z0[first, k]))
            if not size > 0.0:
                size = NOTHING * everything
            if not np.isfinite(size):
                size = 1.0
            out[i, 1 + c] = size
            scale = size if size > 0.0 else 1.0
            out[i, 1 + n + c] = atol * min(scale, 1.0) if atol > 0.0 else LEAST
            kept = c < states and positive and known.kept[k]
            if known.multiply[k] and atol == 0.0:
                out[i, 1 + n + c] = FEWEST * scale
                out[i, 1 + 2 * n + c] = -OFFSPRING if kept else OFFSPRING
            else:
                out[i, 1 + 2 * n + c] = KEPT if kept else 0.0
