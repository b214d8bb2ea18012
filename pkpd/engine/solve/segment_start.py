"""How a segment begins for the integrated states: restart, steady state, what doses do, values of its time."""

from __future__ import annotations

from typing import Any, NamedTuple

from pkpd.engine.machine.jit import bare_jit
from pkpd.engine.machine.pointer import call
from pkpd.engine.solve.modes import Driver, enter
from pkpd.engine.timeline.segments import RESTART


class Values(NamedTuple):
    """Of every row of values: what the right-hand side reads of it (value rows × numbers) and the initial vector
    (value rows × components)."""

    q0: Any
    z0: Any


class Doses(NamedTuple):
    """Of every segment: what is added (segments × components); rates of infusions (segments × states) and their
    derivatives (segments × parameters × states); the time of the last dose (segments,). And which derivatives of rates
    are read: states and parameters (pairs × 2)."""

    jump: Any
    rates: Any
    drates: Any
    rate_pairs: Any
    dosed: Any


class Marks(NamedTuple):
    """What a segment begins with and its row of values (segments,); each subject's first row of values (subjects + 1,);
    what components are multiplied with (segments × components); steady states (places × components), where each
    subject's stand (subjects,), whether a train adds its own (trains,)."""

    begins: Any
    segment_row: Any
    first_row: Any
    scale: Any
    steady: Any
    slot: Any
    adds: Any


class Moves(NamedTuple):
    """Derivatives of the segments' starts (segments × parameters); where each sensitivity stands (parameters × states;
    -1: nowhere); its scale (subjects × parameters)."""

    dstart: Any
    places: Any
    sizes: Any


class Begin(NamedTuple):
    """All that happens when segments begin; `start_arrays.start_arrays_of` makes it."""

    values: Values
    doses: Doses
    marks: Marks
    moves: Moves
    driver: Driver


class Scratch(NamedTuple):
    """For one subject at a time: the vector (components,), arguments of the right-hand side of every lane (lanes ×
    arguments), dy/dt (components,), time (1,), and what `modes.enter` needs (4 × modes)."""

    y: Any
    q: Any
    dydt: Any
    clock: Any
    modal: Any


@bare_jit
def begin_segment(rhs, i, s, local, t, begin, q, scratch):  # type: ignore[no-untyped-def]
    """Bring the vector in ``scratch.y`` and the arguments q to the start of a segment of subject i.

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
    begin : Begin
        What happens.
    q : array, shape (numbers read by the right-hand side,)
        Its arguments; those of the segment before when called, those of this one after.
    scratch : Scratch
        Its ``y`` is changed in place.
    """
    y, dydt, clock = scratch.y, scratch.dydt, scratch.clock
    q0, doses, marks, moves = begin.values.q0, begin.doses, begin.marks, begin.moves
    fresh, n, width, states = local == 0, y.shape[0], q0.shape[1], doses.rates.shape[1]
    moved = False
    for j in range(moves.dstart.shape[1]):
        moved = moved or moves.dstart[s, j] != 0.0
    if moved and not fresh:  # with the arguments of the segment before, which still stand in q
        clock[0] = t
        call(rhs, clock, y, q, dydt)
        shift(y, dydt, moves.dstart[s], moves.places, moves.sizes[i], 1.0)
    row = marks.first_row[i] + marks.segment_row[s]
    for j in range(width):
        q[j] = q0[row, j]
    q[width] = doses.dosed[s]
    width += 1  # q: inputs, scales and floor, time of the last dose; then rates, their derivatives, the closed form
    kind = marks.begins[s]
    if kind == RESTART or fresh:
        for j in range(n):
            y[j] = begin.values.z0[row, j]
    if kind >= 0:
        for j in range(n):
            y[j] = (y[j] if marks.adds[kind] == 1 else 0.0) + marks.steady[marks.slot[i] + kind, j]
    for j in range(n):
        y[j] = y[j] * marks.scale[s, j] + doses.jump[s, j]
    for j in range(states):
        q[width + j] = doses.rates[s, j]
    width += states
    for j in range(doses.rate_pairs.shape[0]):
        q[width + j] = doses.drates[s, doses.rate_pairs[j, 1], doses.rate_pairs[j, 0]]
    width += doses.rate_pairs.shape[0]
    if begin.driver.pairs.shape[0] > 0:
        enter(begin.driver.begins[i] + local, row, s, t, begin.driver, scratch.modal, q[width:])
    if moved:  # with the arguments of this segment
        clock[0] = t
        call(rhs, clock, y, q, dydt)
        shift(y, dydt, moves.dstart[s], moves.places, moves.sizes[i], -1.0)


@bare_jit
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
