"""The linear block of every subject, segment by segment: doses, steady states, resets, changes of values."""

from __future__ import annotations

import numpy as np

from pkpd.engine.machine.jit import jit
from pkpd.engine.solve.matrix_exponential import extended_matrix, matrix_exponential, propagate
from pkpd.engine.timeline.segments import RESTART

KEPT = 16  # exponentials of a subject that are remembered: schedules repeat their intervals


@jit
def linear_dydt(a, n, constant, rates, x, out):  # type: ignore[no-untyped-def]
    """Write dx/dt = Kx + b + rates to ``out``; ``a`` (n + 2, n + 2) holds K in its corner, all others are (n,)."""
    for i in range(n):
        total = constant[i] + rates[i]
        for j in range(n):
            total += a[i, j] * x[j]
        out[i] = total


@jit
def through(a, da, n, size, scale, conserving, start, end, time, x, dx, y, dy, out, dout, kept, w):  # type: ignore[no-untyped-def]
    """Write the states at the requested times of a segment, and leave those at its end in y, dy.

    A time is reached from the start of the segment, or from the requested time before it if the exponential of that
    interval is remembered.

    Parameters
    ----------
    a, da : arrays, (n + 2) × (n + 2) and p × (n + 2) × (n + 2)
        The extended matrix of the segment and its derivatives.
    n, size : int
        States, and how much of the extended matrix matters.
    scale, conserving : float, bool
        What `extended_matrix` has returned.
    start, end : float
        Of the segment.
    time : array, shape (times,)
        Its requested times, sorted.
    x, dx : arrays, (n,) and p × n
        States at the start and their derivatives; not changed.
    y, dy : arrays, (n,) and p × n
        The same at the end, written.
    out, dout : arrays, times × n and times × p × n
        The same at the requested times, written.
    kept : tuple of arrays
        Exponentials of this matrix: their times (KEPT,); how many there are and where the next one goes (2,); the
        exponentials, KEPT × (n + 2) × (n + 2), and their derivatives, KEPT × p × (n + 2) × (n + 2).
    w : array, 4 × (n + 2) × (n + 2)
        Scratch.
    """
    taus, filled, es, des = kept
    before, dbefore = x.copy(), dx.copy()
    last = start
    for k in range(time.shape[0] + 1):
        now = end if k == time.shape[0] else time[k]
        place, beyond = -1, -1
        for j in range(filled[0]):  # regimens repeat their intervals to the bit, so equality is enough
            if taus[j] == now - start:
                place = j
            if taus[j] == now - last and last > start:
                beyond = j
        if place < 0 and beyond >= 0:
            propagate(es[beyond], des[beyond], size, scale, before, dbefore, y, dy)
        else:
            if place < 0:
                place = filled[1]
                matrix_exponential(a, da, n, size, conserving, now - start, es[place], des[place], w)
                taus[place] = now - start
                filled[0], filled[1] = min(filled[0] + 1, KEPT), (place + 1) % KEPT
            propagate(es[place], des[place], size, scale, x, dx, y, dy)
        if k < time.shape[0]:
            out[k] = y
            dout[k] = dy
            before[:] = y
            dbefore[:, :] = dy
            last = now


@jit
def same_inputs(s, previous, rates, drates):  # type: ignore[no-untyped-def]
    """Whether segments s and ``previous`` have the same ``rates`` (segments × n) and ``drates`` (segments × p × n)."""
    for j in range(rates.shape[1]):
        if rates[s, j] != rates[previous, j]:
            return False
        for p in range(drates.shape[1]):
            if drates[s, p, j] != drates[previous, p, j]:
                return False
    return True


@jit
def solve_linear(lo, hi, system, x0, derivatives, lines, events, out, dout, starts, dstarts):  # type: ignore[no-untyped-def]
    """Solve subjects lo … hi in closed form, segment by segment, with derivatives for p parameters (p may be 0).

    Parameters
    ----------
    lo, hi : int
        The subjects.
    system : tuple of arrays
        By row of values: K (value rows × n × n), what each state loses to nowhere (value rows × n) and the constant
        input b (value rows × n).
    x0 : array, value rows × n
        Initial values.
    derivatives : tuple of arrays
        Those of K (value rows × p × n × n), and of losses, inputs and initial values (value rows × p × n each).
    lines : tuple of arrays
        The time lines: line of each subject (subjects,); where each line's segments begin (lines + 1,); start and end
        of the segments (segments,); what doses add and infusion rates (segments × n); first requested time of each
        segment (segments + lines,); the times (times,); where each line's begin (lines + 1,); where each subject's rows
        begin (subjects + 1,), and its segments in ``starts`` (subjects + 1,).
    events : tuple of arrays
        What states are multiplied with (segments × n); what a segment begins with, and its row of values (segments,);
        where each subject's rows of values begin (subjects + 1,); derivatives of jumps and rates (segments × p × n) and
        of the segments' starts (segments × p); whether a train's steady state is added (trains,); the steady states
        that `steady_closed_form.solve_steady` has found, and their derivatives (subject segments × n, × p × n).
    out, dout : arrays, rows × n and rows × p × n
        States at the requested times and their derivatives, written.
    starts, dstarts : arrays, subject segments × n and × p × n
        The same at the start of every segment of every subject, written; the latter may be empty.
    """
    line_of_subject, segments, start, end, jumps, rates, first, time, times, rows, begins = lines
    scale_by, kind, segment_row, first_row, djumps, drates, dstart, adds, steady, dsteady = events
    matrix, loss, constant = system
    dmatrix, dloss, dconstant, dx0 = derivatives
    n, count = matrix.shape[1], dmatrix.shape[1]
    a, w, da = np.zeros((n + 2, n + 2)), np.zeros((4, n + 2, n + 2)), np.zeros((count, n + 2, n + 2))
    kept = (np.zeros(KEPT), np.zeros(2, dtype=np.int64), np.zeros((KEPT, n + 2, n + 2)),
            np.zeros((KEPT, count, n + 2, n + 2)))  # fmt: skip
    x, y, dx, dy = np.zeros(n), np.zeros(n), np.zeros((count, n)), np.zeros((count, n))
    before, after = np.zeros(n), np.zeros(n)
    for i in range(lo, hi):
        line = line_of_subject[i]
        row = first_row[i] + segment_row[segments[line]]
        x[:] = x0[row]
        dx[:] = dx0[row]
        for s in range(segments[line], segments[line + 1]):
            if s == segments[line] or row != first_row[i] + segment_row[s] or not same_inputs(s, s - 1, rates, drates):
                kept[1][:] = 0  # another matrix: what is remembered does not hold
            moves = False
            for p in range(count):
                moves = moves or dstart[s, p] != 0.0
            if moves:  # the state where the segment before ends moves with its end, by the inputs of that segment …
                extended_matrix(matrix[row], loss[row], constant[row], rates[s - 1], a)
                linear_dydt(a, n, constant[row], rates[s - 1], x, before)
                for p in range(count):
                    for j in range(n):
                        dx[p, j] += before[j] * dstart[s, p]
            row, place = first_row[i] + segment_row[s], begins[i] + s - segments[line]
            if kind[s] == RESTART:
                x[:] = x0[row]
                dx[:] = dx0[row]
            elif kind[s] >= 0:  # a steady state, in place of what is there or on top of it
                kept_part = 1.0 if adds[kind[s]] == 1 else 0.0
                for j in range(n):
                    x[j] = x[j] * kept_part + steady[place, j]
                    for p in range(count):
                        dx[p, j] = dx[p, j] * kept_part + dsteady[place, p, j]
            for j in range(n):
                x[j] = x[j] * scale_by[s, j] + jumps[s, j]
                starts[place, j] = x[j]
                for p in range(count):
                    dx[p, j] = dx[p, j] * scale_by[s, j] + djumps[s, p, j]
            size, scale, conserving = extended_matrix(matrix[row], loss[row], constant[row], rates[s], a)
            if moves:  # … and with the start of this one, the other way, by what flows from here on
                linear_dydt(a, n, constant[row], rates[s], x, after)
                for p in range(count):
                    for j in range(n):
                        dx[p, j] -= after[j] * dstart[s, p]
            if count > 0:
                size = n + 2  # the derivative of an input may be there where the input itself is zero
            for p in range(count):
                da[p, :n, :n] = dmatrix[row, p]
                da[p, n, :n] = dloss[row, p]
                for j in range(n):
                    da[p, j, n + 1] = (dconstant[row, p, j] + drates[s, p, j]) / scale
            if dstarts.shape[0] > 0:
                dstarts[place] = dx
            lower, upper = first[s + line], first[s + line + 1]
            rows_here = slice(rows[i] + lower - times[line], rows[i] + upper - times[line])
            through(
                a, da, n, size, scale, conserving, start[s], end[s], time[lower:upper], x, dx, y, dy, out[rows_here],
                dout[rows_here], kept, w,
            )  # fmt: skip
            x[:] = y
            dx[:] = dy
