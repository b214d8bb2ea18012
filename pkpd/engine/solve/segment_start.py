"""How a segment begins for the integrated states: restart, steady state, what doses do, values of its time."""

from __future__ import annotations

from pkpd.engine.machine.jit import jit
from pkpd.engine.machine.pointer import call
from pkpd.engine.solve.modes import enter
from pkpd.engine.timeline.segments import RESTART


@jit
def begin_segment(rhs, i, s, local, t, y, q, given, dydt, clock):  # type: ignore[no-untyped-def]
    """Bring state and arguments of subject i to the start of its ``local``-th segment, which is segment s of all.

    ``given`` holds, as tuples of arrays (see `start_arrays`): values and initial states by row of values; what
    doses add and their rates by segment; restarts and steady states; derivatives of the times at which segments begin,
    with the place and scale of every sensitivity; the closed-form block that drives. ``rhs`` is the address of the
    right-hand side for one subject. A delivery whose time depends on a parameter makes the sensitivities jump by the
    difference of the flows before and after it.
    """
    values, doses, marks, moves, driver = given
    q0, z0 = values
    jump, rates, drates, rate_pairs, dosed = doses
    begins, segment_row, first_row, scale, steady, slot, adds = marks
    dstart, places, sizes = moves
    fresh, n, width, states = local == 0, y.shape[0], q0.shape[1], rates.shape[1]
    moved = False
    for j in range(dstart.shape[1]):
        moved = moved or dstart[s, j] != 0.0
    if moved and not fresh:
        clock[0] = t
        call(rhs, clock, y, q, dydt)
        shift(y, dydt, dstart[s], places, sizes[i], 1.0)
    row = first_row[i] + segment_row[s]
    for j in range(width):
        q[j] = q0[row, j]
    q[width] = dosed[s]
    width += 1
    kind = begins[s]
    if kind == RESTART or fresh:
        for j in range(n):
            y[j] = z0[row, j]
    if kind >= 0:
        for j in range(n):
            y[j] = (y[j] if adds[kind] == 1 else 0.0) + steady[slot[i] + kind, j]
    for j in range(n):
        y[j] = y[j] * scale[s, j] + jump[s, j]
    for j in range(states):
        q[width + j] = rates[s, j]
    for j in range(rate_pairs.shape[0]):
        q[width + states + j] = drates[s, rate_pairs[j, 1], rate_pairs[j, 0]]
    if driver[13].shape[0] > 0:
        enter(i, row, s, local, t, driver, q, width + states + rate_pairs.shape[0])
    if moved:
        clock[0] = t
        call(rhs, clock, y, q, dydt)
        shift(y, dydt, dstart[s], places, sizes[i], -1.0)


@jit
def shift(y, dydt, moved, places, sizes, sign):  # type: ignore[no-untyped-def]
    """Move the sensitivities by the dydt of the states times the derivative of the time."""
    for j in range(places.shape[0]):
        if moved[j] != 0.0:
            for k in range(places.shape[1]):
                if places[j, k] >= 0:
                    y[places[j, k]] += sign * dydt[k] * moved[j] * sizes[j]
