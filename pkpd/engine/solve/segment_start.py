"""How a segment begins for the integrated states: restart, steady state, what doses do, values of its time."""

from __future__ import annotations

from pkpd.engine.machine.jit import jit
from pkpd.engine.machine.pointer import call
from pkpd.engine.solve.modes import enter
from pkpd.engine.timeline.segments import RESTART


@jit
def begin_segment(rhs, i, s, local, t, y, q, given, dydt, clock):  # type: ignore[no-untyped-def]
    """Bring state and arguments of subject i to the start of its ``local``-th segment, which is segment s of all.

    A delivery whose time depends on a parameter makes the sensitivities jump by the difference of dy/dt before and
    after it.

    Parameters
    ----------
    rhs : int
        Address of the right-hand side for one subject.
    i, s, local : int
        Subject, segment among all, segment among the subject's.
    t : float
        Start of the segment.
    y : array, shape (components,)
        States, then sensitivities; changed in place.
    q : array, shape (numbers read by the right-hand side,)
        Its arguments; those of the segment before when called, those of this one after.
    given : tuple of tuples of arrays
        See `start_arrays`, which makes it. Values and scales, initial states (by row of values); what doses add, rates,
        derivatives of the rates, which of these are read, time of the last dose (by segment); what the segment begins
        with, its row of values, each subject's first row, what states are multiplied with, steady states, where each
        subject's stand, whether a train adds; derivatives of the segments' starts, place and scale of every
        sensitivity; the closed-form block that drives (see `modes.enter`).
    dydt, clock : arrays, (components,) and (1,)
        Scratch.
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
    if moved and not fresh:  # with the arguments of the segment before, which still stand in q
        clock[0] = t
        call(rhs, clock, y, q, dydt)
        shift(y, dydt, dstart[s], places, sizes[i], 1.0)
    row = first_row[i] + segment_row[s]
    for j in range(width):
        q[j] = q0[row, j]
    q[width] = dosed[s]
    width += 1  # q: inputs, scales and floor, time of the last dose; then rates, their derivatives, the closed form
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
    if moved:  # with the arguments of this segment
        clock[0] = t
        call(rhs, clock, y, q, dydt)
        shift(y, dydt, dstart[s], places, sizes[i], -1.0)


@jit
def shift(y, dydt, moved, places, sizes, sign):  # type: ignore[no-untyped-def]
    """Move the sensitivities by ``sign`` times dy/dt of the states times the derivative of the time.

    ``y`` and ``dydt`` are (components,), ``moved`` and ``sizes`` (parameters,): derivatives of the time, scales of the
    sensitivities; ``places`` (parameters × states): where each sensitivity stands in y, -1 where there is none.
    """
    for j in range(places.shape[0]):
        if moved[j] != 0.0:
            for k in range(places.shape[1]):
                if places[j, k] >= 0:
                    y[places[j, k]] += sign * dydt[k] * moved[j] * sizes[j]
