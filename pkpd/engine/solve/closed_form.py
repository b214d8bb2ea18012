"""The linear block of every subject, segment by segment: doses, steady states, resets, changes of values."""

from __future__ import annotations

import numpy as np

from pkpd.engine.machine.jit import jit
from pkpd.engine.solve.matrix_exponential import extended_matrix, matrix_exponential, propagate
from pkpd.engine.timeline.segments import RESTART

KEPT = 16  # exponentials of a subject that are remembered: schedules repeat their intervals


@jit
def linear_dydt(a, n, constant, rates, x, out):  # type: ignore[no-untyped-def]
    """Write Kx + b + rates."""
    for i in range(n):
        total = constant[i] + rates[i]
        for j in range(n):
            total += a[i, j] * x[j]
        out[i] = total


@jit
def through(a, da, n, size, scale, conserving, start, end, time, x, dx, y, dy, out, dout, kept, w):  # type: ignore[no-untyped-def]
    """Write the states at the requested times of a segment, and leave those at its end in y, dy.

    ``kept`` holds exponentials of this matrix: their times, how many there are and where the next one goes. A time is
    reached from the start of the segment, or from the requested time before it if that interval is remembered.
    """
    taus, filled, es, des = kept
    before, dbefore = x.copy(), dx.copy()
    last = start
    for k in range(time.shape[0] + 1):
        now = end if k == time.shape[0] else time[k]
        place, beyond = -1, -1
        for j in range(filled[0]):
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
    """Whether two segments have the same infusions."""
    for j in range(rates.shape[1]):
        if rates[s, j] != rates[previous, j]:
            return False
        for p in range(drates.shape[1]):
            if drates[s, p, j] != drates[previous, p, j]:
                return False
    return True


@jit
def solve_linear(lo, hi, system, x0, derivatives, lines, events, out, dout, starts, dstarts):  # type: ignore[no-untyped-def]
    """Solve subjects lo … hi in closed form.

    Writes the states at the requested times (``out``, rows × states), their derivatives (``dout``, rows × parameters
    × states; no parameters is allowed), and both at the start of every segment (``starts``, ``dstarts``; the latter may
    be empty). ``system`` holds K, what each state loses, and b by row of values; ``derivatives`` those of these and
    of the initial values; ``events`` what happens besides doses that add to a state (see `linear_block`), with the
    steady states that `steady_closed_form.solve_steady` has found.
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
                kept[1][:] = 0
            moves = False
            for p in range(count):
                moves = moves or dstart[s, p] != 0.0
            if moves:
                extended_matrix(matrix[row], loss[row], constant[row], rates[s - 1], a)
                linear_dydt(a, n, constant[row], rates[s - 1], x, before)
                for p in range(count):
                    for j in range(n):
                        dx[p, j] += before[j] * dstart[s, p]
            row, place = first_row[i] + segment_row[s], begins[i] + s - segments[line]
            if kind[s] == RESTART:
                x[:] = x0[row]
                dx[:] = dx0[row]
            elif kind[s] >= 0:
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
            if moves:
                linear_dydt(a, n, constant[row], rates[s], x, after)
                for p in range(count):
                    for j in range(n):
                        dx[p, j] -= after[j] * dstart[s, p]
            if count > 0:
                size = n + 2
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
