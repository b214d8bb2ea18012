"""Steady states of linear blocks in closed form: the point that one interval of repeated dosing returns to itself.

With the state before a dose x, one interval is an affine map x → Mx + c, so the steady state is (I − M)⁻¹c; a constant
infusion holds −K⁻¹(b + r). A state that nothing reads gathers for ever and starts at 0 instead. Derivatives go through
the same interval: (I − M)dx = what it makes of x with dx = 0.
"""

from __future__ import annotations

import numpy as np

from pkpd.engine.machine.jit import bare_jit, inner_jit
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
from pkpd.engine.solve.steady_room import Dosing, solve_dense
from pkpd.engine.status import NO_STEADY_STATE, OK, TOO_LATE

OFF = 1e-6  # what a steady state may be off in an interval, as a part of what is given in it
MOST = 1e-10  # more than so many doses never come together: what is lost of them is less than rounding


@inner_jit
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


@inner_jit
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
        # A piece that ends at the record itself is over: what follows it there is not met again.
        last = gone + pieces[k, 0] > until[0] or k == pieces.shape[0] - 1
        length[0] = until[0] - gone if last else pieces[k, 0]
        for p in range(count):
            length[1 + p] = until[1 + p] if last else dpieces[k, 0, p]
            for m in range(k if last else 0):
                length[1 + p] -= dpieces[m, 0, p]
        for i in range(n):
            now[i] = y[i]
            for p in range(count):
                dnow[p, i] = dy[p, i]
        moves = False
        for p in range(count):
            moves = moves or length[1 + p] != 0.0
        if length[0] != 0.0 or moves:  # a record at the arrival itself stays there only for this value of the lag
            advance(block, dosing.state, pieces[k], dpieces[k], length, room, count)
        gone += length[0]
        if last:
            return


@inner_jit
def start_at_zero(left, right, dosing, room):  # type: ignore[no-untyped-def]
    """Put "this state is 0" in the place of the equation of every state that nothing reads and no dose enters."""
    for i in range(room.gathers.shape[0]):
        if room.gathers[i] and i != dosing.state:
            left[i, :] = 0.0
            left[i, i] = 1.0
            right[i, :] = 0.0


@inner_jit
def is_reached(amount, off, given):  # type: ignore[no-untyped-def]
    """Return whether a state that is dosed is a steady one: what it is off in an interval is nothing of what is given.

    The amount itself is no measure: a sum of doses that are never lost is off by next to nothing of itself.
    """
    return given == 0.0 or (abs(off) <= OFF * abs(given) and abs(amount) * MOST <= abs(given))


@inner_jit
def grows(block, rates, x):  # type: ignore[no-untyped-def]
    """Return whether amounts are negative where none can be: then what is found is not what doses come to.

    Where flows go from one state to another and inputs are not negative, nothing ever falls below zero.
    """
    n, largest = x.shape[0], 0.0
    for i in range(n):
        largest = max(largest, abs(x[i]))
        if block.constant[i] < 0.0 or rates[i] < 0.0:
            return False
        for j in range(n):
            if i != j and block.matrix[i, j] < 0.0:
                return False
    lowest = 0.0
    for i in range(n):
        lowest = min(lowest, x[i])
    return not lowest >= -1e-9 * largest


@inner_jit
def at_rest(block, dosing, room):  # type: ignore[no-untyped-def]
    """Find the state of a block under a constant infusion, the first piece; return the status.

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
    start_at_zero(left, right, dosing, room)
    if not solve_dense(left, right, n, np.int64(1)):
        return NO_STEADY_STATE
    for i in range(n):
        x[i] = right[i, 0]
    s = dosing.state
    if s >= 0:
        off = block.constant[s] + rates[s]
        for j in range(n):
            off += a[s, j] * x[j]
        if not is_reached(x[s] * a[s, s], off, rates[s]):
            return NO_STEADY_STATE
    if grows(block, rates, x):
        return NO_STEADY_STATE
    for i in range(n):
        for j in range(n):
            left[i, j] = a[i, j]
        for p in range(count):
            right[i, p] = -block.dconstant[p, i] - (dosing.dpieces[0, 1, p] if i == dosing.state else 0.0)
            for j in range(n):
                right[i, p] -= block.dmatrix[p, i, j] * x[j]
    start_at_zero(left, right, dosing, room)
    solve_dense(left, right, n, count)
    for p in range(count):
        for i in range(n):
            dx[p, i] = right[i, p]
    return OK


@inner_jit
def steady_linear(block, unfed, dosing, flags, phase, room):  # type: ignore[no-untyped-def]
    """Find the state of a block at the record of a dose repeated for ever; return the status.

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
    start_at_zero(left, right, dosing, room)
    for i in range(n):  # elimination destroys it, and the derivatives need it again
        for j in range(n):
            room.keep[i, j] = left[i, j]
    if not solve_dense(left, right, n, np.int64(1)):
        return NO_STEADY_STATE
    for i in range(n):
        x[i] = right[i, 0]
    dx[:, :] = 0.0
    dosing_interval(block, dosing, whole, room, count)
    s, given = dosing.state, dosing.amount
    for k in range(dosing.pieces.shape[0]):
        given += dosing.pieces[k, 0] * dosing.pieces[k, 1]
    if (s >= 0 and not is_reached(x[s], y[s] - x[s], given)) or grows(block, room.none, x):
        return NO_STEADY_STATE
    if count > 0:
        for i in range(n):
            for p in range(count):
                right[i, p] = dy[p, i]
        start_at_zero(room.keep, right, dosing, room)
        solve_dense(room.keep, right, n, count)
        for i in range(n):
            for p in range(count):
                dx[p, i] = right[i, p]
    if flags[0] == 0 and phase[0] >= whole[0]:  # the record stands just before a dose
        copy_vector(x, dx, y, dy)
        return OK
    dosing_interval(block, dosing, phase, room, count)
    for i in range(n):  # since the beginning of the interval it has gathered: the record is where it starts
        if room.gathers[i] and i != dosing.state:
            y[i] = 0.0
            dy[:, i] = 0.0
    # From the arrival back to a record that stands before it there may have been less than nothing.
    return TOO_LATE if phase[0] < 0.0 and grows(block, room.none, y) else OK


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
            dosing = Dosing(trains.state[k], amount, damount, pieces, dpieces)
            found = steady_linear(block, unfed, dosing, trains.flags[k], phase, room)
            if found == OK:
                copy_vector(room.later.x, room.later.dx, steady[0][place], steady[1][place])
            else:
                status[i] = found
                for j in range(n):
                    steady[0][place, j] = np.nan
