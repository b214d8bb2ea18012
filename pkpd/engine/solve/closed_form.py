"""The linear block subject by subject: where there is no numba, or the block is too large for lanes.

It computes what `linear_lanes` does, with whole matrices, and proves it in tests.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pkpd.engine.machine.jit import bare_jit, inner_jit
from pkpd.engine.solve.linear_tables import block_of
from pkpd.engine.solve.matrix_exponential import (
    Exponential,
    Vector,
    copy_vector,
    extend,
    extended_matrix,
    matrix_exponential,
    propagate,
)
from pkpd.engine.timeline.segments import RESTART

KEPT = 16  # exponentials of a subject that are remembered: schedules repeat their intervals


class ClosedFormRoom(NamedTuple):
    """Where a subject is solved, with n states and p parameters, m = n + 2.

    The extended matrix and its derivatives; scratch of the exponential (4 × m × m); exponentials that are remembered:
    their intervals (KEPT,), how many there are and where the next one goes (2,), they (KEPT × m × m) and their
    derivatives (KEPT × p × m × m); infusion rates (n,) and their derivatives (p × n); dx/dt (n,); and states with
    derivatives at the start of the segment, at its end, and at the requested time before.
    """

    a: Any
    da: Any
    w: Any
    taus: Any
    filled: Any
    es: Any
    des: Any
    rates: Any
    drates: Any
    dydt: Any
    now: Vector
    later: Vector
    before: Vector


def room_of(n: int, p: int) -> ClosedFormRoom:
    """Return room for a block of n states and p parameters."""
    m = n + 2
    vectors = [Vector(np.zeros(n), np.zeros((p, n))) for _ in range(3)]
    return ClosedFormRoom(
        np.zeros((m, m)), np.zeros((p, m, m)), np.zeros((4, m, m)), np.zeros(KEPT),
        np.zeros(2, dtype=np.int64), np.zeros((KEPT, m, m)), np.zeros((KEPT, p, m, m)), np.zeros(n), np.zeros((p, n)),
        np.zeros(n), *vectors,
    )  # fmt: skip


@inner_jit
def moved_start(s, row, sign, system, places, tables, room):  # type: ignore[no-untyped-def]
    """Add sign · dx/dt · dt/dθ to the derivatives: the start of segment s moves with the parameters.

    The rates are those in ``room.rates``, K and b those of a row of values.
    """
    x, dx = room.now
    n, dstart = x.shape[0], tables.doses.dstart
    if dstart.shape[1] == 0:
        return
    block = block_of(system, row)
    extended_matrix(block, room.rates, room.a)
    for i in range(n):
        room.dydt[i] = block.constant[i] + room.rates[i]
        for j in range(n):
            room.dydt[i] += room.a[i, j] * x[j]
    for p in range(dx.shape[0]):
        moves = dstart[s, places.varied[p]]
        if moves != 0.0:
            for i in range(n):
                dx[p, i] += sign * room.dydt[i] * moves


@inner_jit
def enter_rates(s, places, doses, room):  # type: ignore[no-untyped-def]
    """Write the rates of segment s to the room; return whether they are others than before."""
    others = False
    for j in range(places.where.shape[0]):
        rate = doses.rates[s, places.where[j]]
        others = others or room.rates[j] != rate
        room.rates[j] = rate
        if doses.dstart.shape[1] > 0:
            for p in range(places.varied.shape[0]):
                rate = doses.drates[s, places.varied[p], places.where[j]]
                others = others or room.drates[p, j] != rate
                room.drates[p, j] = rate
    return others


@inner_jit
def enter_state(s, place, row, system, places, tables, room):  # type: ignore[no-untyped-def]
    """Bring the state in the room to what segment s begins with: initial values, a steady state, what doses do."""
    x, dx = room.now
    doses, marks, n, count = tables.doses, tables.marks, x.shape[0], dx.shape[0]
    kind = marks.begins[s]
    for j in range(n):
        kept = 0.0 if kind == RESTART or (kind >= 0 and marks.adds[kind] == 0) else 1.0
        x[j] = x[j] * kept if kept == 1.0 else 0.0
        if kind == RESTART:
            x[j] = system.x0[row, j]
        elif kind >= 0:
            x[j] += marks.steady[place, j]
        x[j] = x[j] * doses.scale[s, places.where[j]] + doses.jumps[s, places.where[j]]
        for p in range(count):
            dx[p, j] = dx[p, j] if kept == 1.0 else 0.0
            if kind == RESTART:
                dx[p, j] = system.dx0[row, p, j]
            elif kind >= 0:
                dx[p, j] += marks.dsteady[place, p, j]
            dx[p, j] *= doses.scale[s, places.where[j]]
            if doses.dstart.shape[1] > 0:
                dx[p, j] += doses.djumps[s, places.varied[p], places.where[j]]


@inner_jit
def through(s, asked, extended, lines, room, found):  # type: ignore[no-untyped-def]
    """Write the states at the requested times of segment s, and leave those at its end in the room.

    A time is reached from the start of the segment, or from the requested time before it if the exponential of that
    interval is remembered. ``asked`` is the first of the times, the one behind the last, and the row of the result that
    belongs to time 0.
    """
    taus, filled = room.taus, room.filled
    lower, upper, row_of_time = asked
    start, end = lines.start[s], lines.end[s]
    last = start
    (y, dy), (before, dbefore) = room.later, room.before
    for k in range(lower, upper + 1):
        now = end if k == upper else lines.time[k]
        place, beyond = -1, -1
        for j in range(filled[0]):  # regimens repeat their intervals to the bit, so equality is enough
            if taus[j] == now - start:
                place = j
            if taus[j] == now - last and last > start:
                beyond = j
        if place < 0 and beyond >= 0:
            propagate(Exponential(room.es[beyond], room.des[beyond]), extended, room.before, room.later)
        else:
            if place < 0:
                place = filled[1]
                exponential = Exponential(room.es[place], room.des[place])
                matrix_exponential(extended, now - start, exponential, room.w)
                taus[place] = now - start
                filled[0], filled[1] = min(filled[0] + 1, KEPT), (place + 1) % KEPT
            propagate(Exponential(room.es[place], room.des[place]), extended, room.now, room.later)
        if k < upper:
            copy_vector(y, dy, found.out[row_of_time + k], found.dout[row_of_time + k])
            copy_vector(y, dy, before, dbefore)
            last = now
    copy_vector(y, dy, room.now.x, room.now.dx)


@bare_jit
def solve_linear(span, system, places, tables, room, found):  # type: ignore[no-untyped-def]
    """Solve subjects in closed form, segment by segment, with derivatives for p parameters (p may be 0).

    Parameters
    ----------
    span : tuple of int
        The first subject, and the one behind the last.
    system : System
        The block by row of values.
    places : Places
        Which of the model's states and sensitivities are the block's.
    tables : Tables
        What is read.
    room : ClosedFormRoom
        Where a subject is solved.
    found : Found
        Written: states sorted, those at the segments' starts, and their derivatives.
    """
    lines, marks = tables.lines, tables.marks
    x, dx = room.now
    for i in range(span[0], span[1]):
        line = lines.line_of_subject[i]
        first = lines.segments[line]
        row = marks.first_row[i] + marks.segment_row[first]
        copy_vector(system.x0[row], system.dx0[row], x, dx)
        for s in range(first, lines.segments[line + 1]):
            if s > first:  # the state where the segment before ends moves with its end, by the inputs of that segment …
                moved_start(s, row, 1.0, system, places, tables, room)
            others = enter_rates(s, places, tables.doses, room)
            if s == first or row != marks.first_row[i] + marks.segment_row[s] or others:
                room.filled[:] = 0  # another matrix: what is remembered does not hold
            row, place = marks.first_row[i] + marks.segment_row[s], marks.first_place[i] + s - first
            enter_state(s, place, row, system, places, tables, room)
            if found.starts.shape[0] > 0:
                copy_vector(x, dx[:0], found.starts[place], dx)
            if s > first:  # … and with the start of this one, the other way, by what flows from here on
                moved_start(s, row, -1.0, system, places, tables, room)
            if found.dstarts.shape[0] > 0:
                copy_vector(x, dx, room.dydt, found.dstarts[place])
            extended = extend(block_of(system, row), room.rates, room.drates, room.a, room.da)
            asked = lines.first[s + line], lines.first[s + line + 1], lines.rows[i] - lines.times[line]
            through(s, asked, extended, lines, room, found)
