"""How a segment begins for the integrated states: restart, steady state, what doses do, values of its time."""

from __future__ import annotations

from typing import Any, NamedTuple

from pkpd.engine.machine.jit import inner_jit
from pkpd.engine.machine.pointer import call
from pkpd.engine.solve.switches import set_sides
from pkpd.engine.timeline.segments import RESTART

# Columns of `StartTables.subjects`: first segment and end of its segments, its time line, row of the result that is of
# requested time 0, first row of values, place of its first segment among all subjects' segments, first steady state.
FIRST, LAST, LINE, RESULT, ROW, PLACE, SLOT = range(7)
# First columns of `StartTables.segments`: start and end, time of the last dose, what it begins with, row of values
# counted from the subject's first, whether a steady state is added to what is there, whether its start depends on
# parameters.
START, END, DOSED, KIND, VALUES, ADDS, MOVES = range(7)


class StartTables(NamedTuple):
    """All that happens when segments begin; `start_arrays.start_tables` makes it.

    Attributes
    ----------
    subjects : array of int, subjects × 7
        Columns are named above.
    segments : array, segments × columns
        The columns named above; then, where `columns` says: what components are multiplied with, what is added
        (components each), rates of infusions (states), their derivatives that are read, and derivatives of the start
        (parameters).
    values : array, value rows × (arguments + components)
        What the right-hand side reads of a row of values, then the initial vector.
    closed : array, segments of all subjects × numbers
        The closed form's numbers that the right-hand side reads (see `modes.closed_numbers`).
    steady : array, places × components
        Steady states.
    places : array of int, parameters × states
        Where each sensitivity stands in the vector; -1: nowhere.
    sizes : array, subjects × parameters
        Scales of the sensitivities.
    columns : Columns
        Where the blocks of `segments` begin.
    """

    subjects: Any
    segments: Any
    values: Any
    closed: Any
    steady: Any
    places: Any
    sizes: Any
    columns: Columns


class Columns(NamedTuple):
    """Where the blocks of `StartTables.segments` begin, and its width."""

    scale: int
    jump: int
    rates: int
    drates: int
    dstart: int
    width: int


class Scratch(NamedTuple):
    """For one subject at a time: the vector (components,), arguments of the right-hand side of every lane (lanes ×
    arguments), dy/dt (components,) and time (1,)."""

    y: Any
    q: Any
    dydt: Any
    clock: Any


@inner_jit
def begin_segment(rhs, i, s, tables, q, scratch, watch, room):  # type: ignore[no-untyped-def]
    """Bring the vector in ``scratch.y`` and the arguments q to the start of a segment of subject i.

    A delivery whose time depends on a parameter makes the sensitivities jump by the difference of dy/dt before and
    after it.

    Parameters
    ----------
    rhs : int
        Address of the right-hand side for one subject.
    i, s : int
        Subject, segment among all.
    tables : StartTables
        What happens.
    q : array, shape (numbers read by the right-hand side,)
        Its arguments; those of the segment before when called, those of this one after.
    scratch : Scratch
        Its ``y`` is changed in place.
    watch, room
        As for `switches.set_sides`.
    """
    y, segment, columns = scratch.y, tables.segments[s], tables.columns
    n, local = y.shape[0], s - tables.subjects[i, FIRST]
    fresh, kind = local == 0, int(segment[KIND])
    moves = segment[MOVES] != 0.0
    if moves and not fresh:  # with the arguments of the segment before, which still stand in q
        shift(rhs, i, s, tables, q, scratch, 1.0)
    values = tables.values[tables.subjects[i, ROW] + int(segment[VALUES])]
    width = values.shape[0] - n
    if kind == RESTART or fresh:
        for j in range(n):
            y[j] = values[width + j]
    if kind >= 0:
        for j in range(n):
            y[j] = y[j] * segment[ADDS] + tables.steady[tables.subjects[i, SLOT] + kind, j]
    for j in range(n):
        y[j] = y[j] * segment[columns.scale + j] + segment[columns.jump + j]
    for j in range(width):
        q[j] = values[j]
    q[width] = segment[DOSED]
    width += 1  # q: inputs, scales and floor, time of the last dose; then rates, their derivatives, the closed form
    for j in range(columns.rates, columns.dstart):
        q[width] = segment[j]
        width += 1
    place = tables.subjects[i, PLACE] + local
    for j in range(tables.closed.shape[1]):
        q[width + j] = tables.closed[place, j]
    if watch.many > 0:
        scratch.clock[0] = segment[START]
        set_sides(watch, room, scratch.clock, y, q)
    if moves:  # with the arguments of this segment
        shift(rhs, i, s, tables, q, scratch, -1.0)


@inner_jit
def shift(rhs, i, s, tables, q, scratch, sign):  # type: ignore[no-untyped-def]
    """Move the sensitivities by ``sign`` times dy/dt of the states times the derivative of the time.

    Arguments are as for `begin_segment`.
    """
    y, dydt = scratch.y, scratch.dydt
    scratch.clock[0] = tables.segments[s, START]
    call(rhs, scratch.clock, y, q, dydt)
    for j in range(tables.places.shape[0]):
        moved = tables.segments[s, tables.columns.dstart + j]
        if moved != 0.0:
            for k in range(tables.places.shape[1]):
                if tables.places[j, k] >= 0:
                    y[tables.places[j, k]] += sign * dydt[k] * moved * tables.sizes[i, j]
