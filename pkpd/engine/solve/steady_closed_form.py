"""Steady states of linear blocks in closed form: the point that one interval of repeated dosing returns to itself.

With the state before a dose x, one interval is an affine map x → Mx + c, so the steady state is (I − M)⁻¹c; a constant
infusion holds −K⁻¹(b + r). Derivatives go through the same interval: (I − M)dx = what it makes of x with dx = 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pkpd.engine.machine.jit import bare_jit
from pkpd.engine.solve.linear_tables import block_of
from pkpd.engine.solve.matrix_exponential import (
    Block,
    Exponential,
    Extended,
    Vector,
    copy_vector,
    extend,
    extended_matrix,
    matrix_exponential,
    propagate,
)
from pkpd.engine.status import NO_STEADY_STATE


@bare_jit
def solve_dense(a, b, n, m):  # type: ignore[no-untyped-def]
    """Solve a·x = b in place for m right sides by elimination with partial pivoting; return whether a is regular.

    ``a`` is at least n × n and is destroyed; ``b``, at least n × m, becomes the solution.
    """
    for k in range(n):
        best, top = k, abs(a[k, k])
        for i in range(k + 1, n):
            if abs(a[i, k]) > top:
                best, top = i, abs(a[i, k])
        if not top > 0.0:
            return False
        if best != k:
            for j in range(n):
                a[k, j], a[best, j] = a[best, j], a[k, j]
            for j in range(m):
                b[k, j], b[best, j] = b[best, j], b[k, j]
        for i in range(k + 1, n):
            ratio = a[i, k] / a[k, k]
            if ratio != 0.0:
                for j in range(k + 1, n):
                    a[i, j] -= ratio * a[k, j]
                for j in range(m):
                    b[i, j] -= ratio * b[k, j]
    for j in range(m):
        for i in range(n - 1, -1, -1):
            for k in range(i + 1, n):
                b[i, j] -= a[i, k] * b[k, j]
            b[i, j] /= a[i, i]
    return True


class Trains(NamedTuple):
    """Doses repeated for ever: the state of the block (-1: none), (trains,); whether the dose has just been given at
    phase 0, whether it is a constant infusion, whether it is added to what is there (trains × 3); amount and phase
    (trains × 2) and their derivatives (trains × 2 × p); where each one's pieces begin (trains + 1,); length and rate of
    the pieces (pieces × 2) and their derivatives (pieces × 2 × p)."""

    state: Any
    flags: Any
    number: Any
    dnumber: Any
    first: Any
    pieces: Any
    dpieces: Any


class Dosing(NamedTuple):
    """One of them: the state that is dosed; amount and its derivatives (p,); length and rate of the pieces of its
    interval (pieces × 2) and their derivatives (pieces × 2 × p)."""

    state: int
    amount: float
    damount: Any
    pieces: Any
    dpieces: Any


class SteadyRoom(NamedTuple):
    """Where a steady state is found, m = n + 2: the extended matrix and its exponential (m × m), their derivatives (p ×
    m × m), scratch of the exponential (4 × m × m); infusion rates (n,) and their derivatives (p × n); a length and its
    derivatives, two of them (1 + p,); equations (n × n) twice and right sides (n × (1 + p)); states with derivatives
    before the interval, at a piece's begin, at its end; zeros (n,) and (p,); time in the interval (1 + p,); the pieces
    of a train (most × 2), their derivatives (most × 2 × p), and the pieces without rates (most × 2)."""

    a: Any
    e: Any
    da: Any
    de: Any
    w: Any
    rates: Any
    drates: Any
    length: Any
    whole: Any
    left: Any
    keep: Any
    right: Any
    start: Vector
    now: Vector
    later: Vector
    none: Any
    still: Any
    phase: Any
    pieces: Any
    dpieces: Any
    lengths: Any


def steady_room(n: int, p: int, most: int) -> SteadyRoom:
    """Return room for a block of n states and p parameters, and trains of at most so many pieces."""
    m = n + 2
    start, now, later = (Vector(np.zeros(n), np.zeros((p, n))) for _ in range(3))
    return SteadyRoom(
        np.zeros((m, m)), np.zeros((m, m)), np.zeros((p, m, m)), np.zeros((p, m, m)), np.zeros((4, m, m)), np.zeros(n),
        np.zeros((p, n)), np.zeros(1 + p), np.zeros(1 + p), np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, 1 + p)),
        start, now, later, np.zeros(n), np.zeros(p), np.zeros(1 + p), np.zeros((most, 2)), np.zeros((most, 2, p)),
        np.zeros((most, 2)),
    )  # fmt: skip


@bare_jit
def advance(block, state, piece, dpiece, length, room, count):  # type: ignore[no-untyped-def]
    """Take the state in ``room.now`` through a piece of constant infusion rate into one state, to ``room.later``.

    A negative length goes back in time: forward in the system with every flow reversed.

    Parameters
    ----------
    block : Block
        The block.
    state : int
        Into which the infusion goes.
    piece, dpiece : arrays, (2,) and 2 × p
        Its rate stands in the second place.
    length : array, shape (1 + p,)
        Of the piece, and its derivatives.
    room : SteadyRoom
        Read and written.
    count : int
        Number of derivatives that are wanted: p or 0.
    """
    a, rates, n = room.a, room.rates, room.rates.shape[0]
    rates[:] = 0.0
    rates[state] = piece[1]
    room.drates[:, :] = 0.0
    for p in range(count):
        room.drates[p, state] = dpiece[1, p]
    extended = extend(block, rates, room.drates[:count], a, room.da[:count])
    tau = length[0]
    if tau < 0.0:  # reversed flows are negative: nothing is conserved in the sense of `conserve`
        for i in range(n + 2):
            for j in range(n + 2):
                a[i, j] = -a[i, j] if i != n else 0.0
                for p in range(count):
                    room.da[p, i, j] = -room.da[p, i, j] if i != n else 0.0
        extended = Extended(a, room.da[:count], n, extended.m, extended.scale, False)
    exponential = Exponential(room.e, room.de[:count])
    matrix_exponential(extended, abs(tau), exponential, room.w)
    before, after = Vector(room.now.x, room.now.dx[:count]), Vector(room.later.x, room.later.dx[:count])
    propagate(exponential, extended, before, after)
    sign = -1.0 if tau < 0.0 else 1.0
    for p in range(count):  # the end of the piece moves with the parameter
        if length[1 + p] != 0.0:
            for i in range(n):
                dydt = block.constant[i] + rates[i]
                for j in range(n):
                    dydt += sign * a[i, j] * after.x[j]
                after.dx[p, i] += dydt * length[1 + p]


@bare_jit
def dosing_interval(block, dosing, until, room, count):  # type: ignore[no-untyped-def]
    """Take the state in ``room.start`` from just before a dose through the interval, up to a time, to ``room.later``.

    A negative time goes back from just after the dose.

    Parameters
    ----------
    block : Block
        The block.
    dosing : Dosing
        The dose.
    until : array, shape (1 + p,)
        The time, and its derivatives.
    room : SteadyRoom
        Read and written.
    count : int
        Number of derivatives that are wanted: p or 0.
    """
    (x, dx), (now, dnow), (y, dy), length = room.start, room.now, room.later, room.length
    n, pieces, dpieces = x.shape[0], dosing.pieces, dosing.dpieces
    for i in range(n):
        y[i] = x[i] + (dosing.amount if i == dosing.state else 0.0)
        for p in range(count):
            dy[p, i] = dx[p, i] + (dosing.damount[p] if i == dosing.state else 0.0)
    gone = 0.0
    for k in range(pieces.shape[0]):
        last = gone + pieces[k, 0] >= until[0]
        length[0] = until[0] - gone if last else pieces[k, 0]
        for p in range(count):
            length[1 + p] = until[1 + p] if last else dpieces[k, 0, p]
            for m in range(k if last else 0):
                length[1 + p] -= dpieces[m, 0, p]
        for i in range(n):
            now[i] = y[i]
            for p in range(count):
                dnow[p, i] = dy[p, i]
        if length[0] != 0.0:
            advance(block, dosing.state, pieces[k], dpieces[k], length, room, count)
        gone += length[0]
        if last:
            return


@bare_jit
def at_rest(block, dosing, room):  # type: ignore[no-untyped-def]
    """Find the state of a block under a constant infusion, the first piece; return whether there is one.

    It is written to ``room.later``, with its derivatives.
    """
    (x, dx), a, left, right, rates = room.later, room.a, room.left, room.right, room.rates
    n, count = x.shape[0], dx.shape[0]
    rates[:] = 0.0
    rates[dosing.state] = dosing.pieces[0, 1]
    extended_matrix(block, rates, a)
    for i in range(n):
        right[i, 0] = -(block.constant[i] + rates[i])
        for j in range(n):
            left[i, j] = a[i, j]
    if not solve_dense(left, right, n, np.int64(1)):
        return False
    for i in range(n):
        x[i] = right[i, 0]
    for i in range(n):
        for j in range(n):
            left[i, j] = a[i, j]
        for p in range(count):
            right[i, p] = -block.dconstant[p, i] - (dosing.dpieces[0, 1, p] if i == dosing.state else 0.0)
            for j in range(n):
                right[i, p] -= block.dmatrix[p, i, j] * x[j]
    solve_dense(left, right, n, count)
    for p in range(count):
        for i in range(n):
            dx[p, i] = right[i, p]
    return True


@bare_jit
def steady_linear(block, unfed, dosing, flags, phase, room):  # type: ignore[no-untyped-def]
    """Find the state of a block at the record of a dose repeated for ever; return whether there is one.

    It is written to ``room.later``, with its derivatives.

    Parameters
    ----------
    block, unfed : Block
        The block, and the same without its constant input.
    dosing : Dosing
        The dose.
    flags : array of int, shape (3,)
        Whether the dose has just been given at phase 0; whether it is a constant infusion; (not read here) whether it
        is added to what is there.
    phase : array, shape (1 + p,)
        Time in the interval at which the record stands, and its derivatives.
    room : SteadyRoom
        Read and written.
    """
    (x, dx), (y, dy), whole, left, right = room.start, room.later, room.whole, room.left, room.right
    n, count = x.shape[0], dx.shape[0]
    if flags[1] == 1:
        return at_rest(block, dosing, room)
    whole[:] = 0.0
    for k in range(dosing.pieces.shape[0]):
        whole[0] += dosing.pieces[k, 0]
        for p in range(count):
            whole[1 + p] += dosing.dpieces[k, 0, p]
    # The interval as an affine map x → Mx + c: c is what it makes of nothing, the columns of M are what it makes of
    # unit states without doses and inputs. Neither needs derivatives.
    x[:] = 0.0
    dosing_interval(block, dosing, whole, room, np.int64(0))
    for i in range(n):
        right[i, 0] = y[i]
    nothing = Dosing(dosing.state, 0.0, room.still, room.lengths[: dosing.pieces.shape[0]], dosing.dpieces)
    for k in range(dosing.pieces.shape[0]):
        room.lengths[k, 0], room.lengths[k, 1] = dosing.pieces[k, 0], 0.0
    for j in range(n):
        x[:] = 0.0
        x[j] = 1.0
        dosing_interval(unfed, nothing, whole, room, np.int64(0))
        for i in range(n):
            left[i, j] = (1.0 if i == j else 0.0) - y[i]
    for i in range(n):  # elimination destroys it, and the derivatives need it again
        for j in range(n):
            room.keep[i, j] = left[i, j]
    if not solve_dense(left, right, n, np.int64(1)):
        return False
    for i in range(n):
        x[i] = right[i, 0]
    if count > 0:
        dx[:, :] = 0.0
        dosing_interval(block, dosing, whole, room, count)
        for i in range(n):
            for p in range(count):
                right[i, p] = dy[p, i]
        solve_dense(room.keep, right, n, count)
        for i in range(n):
            for p in range(count):
                dx[p, i] = right[i, p]
    if flags[0] == 0 and phase[0] >= whole[0]:  # the record stands just before a dose
        copy_vector(x, dx, y, dy)
        return True
    dosing_interval(block, dosing, phase, room, count)
    return True


@bare_jit
def solve_steady(system, lines, marks, trains, room, steady, status):  # type: ignore[no-untyped-def]
    """Write the steady state at the start of every segment that begins with one, and its derivatives.

    Parameters
    ----------
    system : linear_tables.BlockSystem
        The block by row of values.
    lines, marks : schedule.Lines, linear_tables.Marks
        The time lines, and what segments begin with.
    trains : Trains
        The repeated doses.
    room : SteadyRoom
        Room to work in.
    steady : tuple of arrays, places × n and places × p × n
        Written where a segment begins with a steady state.
    status : array of int, shape (subjects,)
        Written where a subject has no steady state.
    """
    n, count, phase = room.rates.shape[0], room.drates.shape[0], room.phase
    for i in range(lines.line_of_subject.shape[0]):
        line = lines.line_of_subject[i]
        for s in range(lines.segments[line], lines.segments[line + 1]):
            k = marks.begins[s]
            if k < 0:
                continue
            row, place = marks.first_row[i] + marks.segment_row[s], marks.first_place[i] + s - lines.segments[line]
            block = block_of(system, row)
            unfed = Block(block.matrix, block.loss, room.none, block.dmatrix, block.dloss, block.dconstant)
            pieces = room.pieces[: trains.first[k + 1] - trains.first[k]]
            dpieces = room.dpieces[: trains.first[k + 1] - trains.first[k]]
            inside = trains.state[k] >= 0  # else it enters no state of the block, which is at rest with its own inputs
            for m in range(pieces.shape[0]):
                for part in range(2):
                    given = part == 0 or inside
                    pieces[m, part] = trains.pieces[trains.first[k] + m, part] if given else 0.0
                    for p in range(count):
                        dpieces[m, part, p] = trains.dpieces[trains.first[k] + m, part, p] if given else 0.0
            amount = trains.number[k, 0] if inside else 0.0
            damount = trains.dnumber[k, 0] if inside else room.still
            phase[0] = trains.number[k, 1]
            for p in range(count):
                phase[1 + p] = trains.dnumber[k, 1, p]
            dosing = Dosing(max(trains.state[k], 0), amount, damount, pieces, dpieces)
            if steady_linear(block, unfed, dosing, trains.flags[k], phase, room):
                copy_vector(room.later.x, room.later.dx, steady[0][place], steady[1][place])
            else:
                status[i] = NO_STEADY_STATE
                for j in range(n):
                    steady[0][place, j] = np.nan
