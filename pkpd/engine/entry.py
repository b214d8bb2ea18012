"""How a segment begins for the integrated states: restart, steady state, what doses do, values of its time."""

from __future__ import annotations

import numpy as np

from pkpd.engine.forcing import evaluate
from pkpd.engine.jit import jit

RESTART = -2  # see pkpd.engine.timeline


@jit
def begin(rhs, i, s, fresh, t, y, q, values, jumps, rate_slots, count, events, info, drive, box):  # type: ignore[no-untyped-def]
    """Bring state and arguments of subject i to the start of segment s.

    ``values`` are the rows of arguments and of initial states, ``jumps`` the amounts and infusion rates by segment,
    ``count`` the number of driving states in ``q``. ``events`` holds, besides what `timeline.Schedule` names: the
    steady state of every subject and train and where a subject's begin, the slots of the derivatives of rates, and the
    place and scale of every sensitivity. A delivery whose time depends on a parameter makes the sensitivities jump
    by the difference of the flows before and after it.
    """
    q0, z0 = values
    jump, rates = jumps
    begins, use, base, scale, steady, slot, adds, drates, slots, dstart, places, sizes = events
    n, width = y.shape[0], q0.shape[1]
    moves = False
    for j in range(dstart.shape[1]):
        moves = moves or dstart[s, j] != 0.0
    if moves and not fresh:
        flow = np.zeros(n)
        evaluate(rhs, t, y, q, flow, info, drive, box)
        shift(y, flow, dstart[s], places, sizes[i], 1.0)
    row = base[i] + use[s]
    q[:width] = q0[row]
    kind = begins[s]
    if kind == RESTART or fresh:
        y[:] = z0[row]
    if kind >= 0:
        for j in range(n):
            y[j] = (y[j] if adds[kind] == 1 else 0.0) + steady[slot[i] + kind, j]
    for j in range(n):
        y[j] = y[j] * scale[s, j] + jump[s, j]
    for j in range(rate_slots.shape[0]):
        q[width + count + j] = rates[s, rate_slots[j]]
    for j in range(slots.shape[0]):
        q[width + count + rate_slots.shape[0] + j] = drates[s, slots[j, 1], slots[j, 0]]
    if moves:
        flow = np.zeros(n)
        evaluate(rhs, t, y, q, flow, info, drive, box)
        shift(y, flow, dstart[s], places, sizes[i], -1.0)


@jit
def shift(y, flow, moved, places, sizes, sign):  # type: ignore[no-untyped-def]
    """Move the sensitivities by the flow of the states times the derivative of the time."""
    for j in range(places.shape[0]):
        if moved[j] != 0.0:
            for k in range(places.shape[1]):
                if places[j, k] >= 0:
                    y[places[j, k]] += sign * flow[k] * moved[j] * sizes[j]
