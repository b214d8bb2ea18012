"""Steady states of linear blocks in closed form: the point that one interval of repeated dosing returns to itself.

With the state before a dose x, one interval is an affine map x → Mx + c, so the steady state is (I − M)⁻¹c; a constant
infusion holds −K⁻¹(b + r). Derivatives go through the same interval: (I − M)dx = what it makes of x with dx = 0.
"""

from __future__ import annotations

import numpy as np

from pkpd.engine.machine.jit import jit
from pkpd.engine.solve.matrix_exponential import extended_matrix, matrix_exponential, propagate
from pkpd.engine.status import NO_STEADY_STATE


@jit
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


@jit
def advance(matrix, loss, constant, derivatives, state, rate, drate, tau, dtau, x, dx, y, dy, work):  # type: ignore[no-untyped-def]
    """Write the state after a piece of constant infusion rate into one state, and its derivatives.

    A negative length goes back in time: forward in the system with every flow reversed.

    Parameters
    ----------
    matrix, loss, constant : arrays, n × n, (n,), (n,)
        K, what each state loses to nowhere, constant input.
    derivatives : tuple of arrays
        Those of the three: p × n × n, p × n, p × n.
    state : int
        Into which the infusion goes.
    rate, drate : float, array (p,)
        Of the infusion, and its derivatives.
    tau, dtau : float, array (p,)
        Length of the piece, and its derivatives.
    x, dx, y, dy : arrays, (n,), p × n, (n,), p × n
        State and derivatives at the beginning of the piece, and at its end (written).
    work : tuple of arrays
        Scratch: extended matrix and exponential ((n + 2) × (n + 2)), four more of these, the derivatives of both
        (p × (n + 2) × (n + 2)), rates (n,).
    """
    a, e, w, da, de, rates = work
    dmatrix, dloss, dconstant = derivatives
    n, count = x.shape[0], dx.shape[0]
    rates[:] = 0.0
    rates[state] = rate
    size, scale, conserving = extended_matrix(matrix, loss, constant, rates, a)
    if count > 0:
        size = n + 2
    for p in range(count):
        da[p, :, :] = 0.0
        da[p, :n, :n] = dmatrix[p]
        da[p, n, :n] = dloss[p]
        for i in range(n):
            da[p, i, n + 1] = (dconstant[p, i] + (drate[p] if i == state else 0.0)) / scale
    if tau < 0.0:  # reversed flows are negative: nothing is conserved in the sense of `conserve`
        conserving = False
        for i in range(n + 2):
            for j in range(n + 2):
                a[i, j] = -a[i, j] if i != n else 0.0
                for p in range(count):
                    da[p, i, j] = -da[p, i, j] if i != n else 0.0
    matrix_exponential(a, da, n, size, conserving, abs(tau), e, de, w)
    propagate(e, de, size, scale, x, dx, y, dy)
    sign = -1.0 if tau < 0.0 else 1.0
    for p in range(count):  # the end of the piece moves with the parameter
        if dtau[p] != 0.0:
            for i in range(n):
                dydt = constant[i] + rates[i]
                for j in range(n):
                    dydt += sign * a[i, j] * y[j]
                dy[p, i] += dydt * dtau[p]


@jit
def dosing_interval(matrix, loss, constant, derivatives, train, until, x, dx, y, dy, work):  # type: ignore[no-untyped-def]
    """Take a state from just before a dose through the interval, up to the time ``until``; write it to y, dy.

    A negative ``until`` goes back from just after the dose.

    Parameters
    ----------
    matrix, loss, constant, derivatives, x, dx, y, dy, work
        As for `advance`.
    train : tuple
        State that is dosed; amount and its derivatives (p,); length and rate of the interval's pieces (pieces × 2) and
        their derivatives (pieces × 2 × p).
    until : array, shape (1 + p,)
        A time, and its derivatives.
    """
    state, amount, damount, pieces, dpieces = train
    n, count = x.shape[0], dx.shape[0]
    y[:] = x
    dy[:, :] = dx
    y[state] += amount
    for p in range(count):
        dy[p, state] += damount[p]
    gone = 0.0
    now, dnow = np.empty(n), np.empty((count, n))
    for k in range(pieces.shape[0]):
        length = pieces[k, 0]
        dlength = dpieces[k, 0]
        last = gone + length >= until[0]
        if last:
            length = until[0] - gone
            dlength = until[1:].copy()
            for m in range(k):
                dlength -= dpieces[m, 0]
        now[:] = y
        dnow[:, :] = dy
        if length != 0.0:
            advance(
                matrix, loss, constant, derivatives, state, pieces[k, 1], dpieces[k, 1], length, dlength, now, dnow, y,
                dy, work,
            )  # fmt: skip
        gone += length
        if last:
            return


@jit
def at_rest(matrix, loss, constant, derivatives, train, x, dx, work):  # type: ignore[no-untyped-def]
    """Write the state of a linear block under a constant infusion, and its derivatives; return whether there is one.

    Arguments are as for `dosing_interval`; the infusion is the first piece of ``train``, and ``x`` (n,) and ``dx``
    (p × n) are written.
    """
    state, _, _, pieces, dpieces = train
    n, count = x.shape[0], dx.shape[0]
    a = work[0]
    left, right = np.zeros((n, n)), np.zeros((n, 1))
    work[5][:] = 0.0
    work[5][state] = pieces[0, 1]
    extended_matrix(matrix, loss, constant, work[5], a)
    left[:, :] = a[:n, :n]
    for i in range(n):
        right[i, 0] = -(constant[i] + work[5][i])
    if not solve_dense(left, right, n, 1):
        return False
    x[:] = right[:, 0]
    if count > 0:
        left[:, :] = a[:n, :n]
        right = np.zeros((n, count))
        for p in range(count):
            for i in range(n):
                dydt = derivatives[2][p, i] + (dpieces[0, 1, p] if i == state else 0.0)
                for j in range(n):
                    dydt += derivatives[0][p, i, j] * x[j]
                right[i, p] = -dydt
        solve_dense(left, right, n, count)
        for p in range(count):
            dx[p] = right[:, p]
    return True


@jit
def steady_linear(matrix, loss, constant, derivatives, train, flags, phase, x, dx, work):  # type: ignore[no-untyped-def]
    """Write the state of a linear block at the record of a dose repeated for ever; return whether there is one.

    Parameters
    ----------
    matrix, loss, constant, derivatives, train, work
        As for `dosing_interval`.
    flags : array of int, shape (3,)
        Whether the dose has just been given at phase 0; whether it is a constant infusion; (not read here) whether it
        is added to what is there.
    phase : array, shape (1 + p,)
        Time in the interval at which the record stands, and its derivatives.
    x, dx : arrays, (n,) and p × n
        The state and its derivatives, written.
    """
    state, amount, damount, pieces, dpieces = train
    n, count = x.shape[0], dx.shape[0]
    if flags[1] == 1:
        return at_rest(matrix, loss, constant, derivatives, train, x, dx, work)
    left, right = np.zeros((n, n)), np.zeros((n, 1 + count))
    whole = np.zeros(1 + count)
    for k in range(pieces.shape[0]):
        whole[0] += pieces[k, 0]
        whole[1:] += dpieces[k, 0]
    # The interval as an affine map x → Mx + c: c is what it makes of nothing, the columns of M are what it makes of
    # unit states without doses and inputs. Neither needs derivatives.
    y, none, still = np.zeros(n), np.zeros((0, n)), np.zeros((count, n))
    plain = (derivatives[0][:0], derivatives[1][:0], derivatives[2][:0])
    start = np.zeros(n)
    unmoved = np.zeros((pieces.shape[0], 2, 0))
    no_moves = (state, amount, damount[:0], pieces, unmoved)
    dosing_interval(matrix, loss, constant, plain, no_moves, whole[:1], start, none, y, none.copy(), work_without(work))
    offset = y.copy()
    empty = (state, 0.0, damount[:0], np.zeros_like(pieces), unmoved)
    for k in range(pieces.shape[0]):
        empty[3][k, 0] = pieces[k, 0]
    for j in range(n):
        start[:] = 0.0
        start[j] = 1.0
        dosing_interval(
            matrix, loss, np.zeros(n), plain, empty, whole[:1], start, none, y, none.copy(), work_without(work)
        )
        for i in range(n):
            left[i, j] = (1.0 if i == j else 0.0) - y[i]
    keep = left.copy()  # elimination destroys it, and the derivatives need it again
    right = np.zeros((n, 1))
    right[:, 0] = offset
    if not solve_dense(left, right, n, 1):
        return False
    start[:] = right[:, 0]
    dstart = np.zeros((count, n))
    if count > 0:
        dy = np.zeros((count, n))
        dosing_interval(matrix, loss, constant, derivatives, train, whole, start, still, y, dy, work)
        right = np.zeros((n, count))
        for p in range(count):
            right[:, p] = dy[p]
        solve_dense(keep, right, n, count)
        for p in range(count):
            dstart[p] = right[:, p]
    if flags[0] == 0 and phase[0] >= whole[0]:  # the record stands just before a dose
        x[:] = start
        dx[:, :] = dstart
        return True
    dosing_interval(matrix, loss, constant, derivatives, train, phase, start, dstart, x, dx, work)
    return True


@jit
def work_without(work):  # type: ignore[no-untyped-def]
    """Return the work space of `advance` for a run without derivatives."""
    a, e, w, da, de, rates = work
    return a, e, w, da[:0], de[:0], rates


@jit
def solve_steady(system, derivatives, lines, starts_with, trains, found, status):  # type: ignore[no-untyped-def]
    """Write the steady state at the start of every segment that begins with one, and its derivatives.

    Parameters
    ----------
    system, derivatives
        As for `closed_form.solve_linear`.
    lines : tuple of arrays of int
        Line of each subject (subjects,); where each line's segments begin (lines + 1,); where each subject's begin
        among those of all (subjects + 1,).
    starts_with : tuple of arrays of int
        What each segment begins with, and its row of values (segments,); where each subject's rows of values begin
        (subjects + 1,).
    trains : tuple of arrays
        The repeated doses, see `linear_block.trains_as_arrays`: state, (trains,); flags, trains × 3; amount and phase,
        trains × 2, and their derivatives, trains × 2 × p; where each one's pieces begin, (trains + 1,); length and rate
        of the pieces, pieces × 2, and their derivatives, pieces × 2 × p.
    found : tuple of arrays, subject segments × n and × p × n
        Steady states and their derivatives, written where a segment begins with a steady state.
    status : array of int, shape (subjects,)
        Written where a subject has no steady state.
    """
    line_of_subject, segments, begins = lines
    steady, dsteady = found
    kind, segment_row, first_row = starts_with
    train_state, train_flags, train_number, dtrain, train_first, pieces, dpieces = trains
    matrix, loss, constant = system
    dmatrix, dloss, dconstant, _ = derivatives
    n, count = matrix.shape[1], dmatrix.shape[1]
    work = (np.zeros((n + 2, n + 2)), np.zeros((n + 2, n + 2)), np.zeros((4, n + 2, n + 2)),
            np.zeros((count, n + 2, n + 2)), np.zeros((count, n + 2, n + 2)), np.zeros(n))  # fmt: skip
    phase = np.zeros(1 + count)
    for i in range(line_of_subject.shape[0]):
        line = line_of_subject[i]
        for s in range(segments[line], segments[line + 1]):
            k = kind[s]
            if k < 0:
                continue
            row, place = first_row[i] + segment_row[s], begins[i] + s - segments[line]
            one = slice(train_first[k], train_first[k + 1])
            part = (max(train_state[k], 0), train_number[k, 0], dtrain[k, 0], pieces[one].copy(), dpieces[one].copy())
            if train_state[k] < 0:  # it enters no state of the block: the block is at rest with its own inputs
                part = (0, 0.0, np.zeros(count), part[3], part[4])
                part[3][:, 1] = 0.0
                part[4][:, 1] = 0.0
            phase[0] = train_number[k, 1]
            phase[1:] = dtrain[k, 1]
            good = steady_linear(
                matrix[row], loss[row], constant[row], (dmatrix[row], dloss[row], dconstant[row]), part,
                train_flags[k], phase, steady[place], dsteady[place], work,
            )  # fmt: skip
            if not good:
                status[i] = NO_STEADY_STATE
                steady[place] = np.nan
