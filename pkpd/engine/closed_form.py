"""The linear block of every subject, segment by segment: doses, steady states, resets, changes of values."""

from __future__ import annotations

import numpy as np

from pkpd.engine.jit import jit
from pkpd.engine.linear import assemble, exponential, propagate
from pkpd.engine.steady import steady_linear

RESTART = -2  # see pkpd.engine.timeline
NO_STEADY_STATE = 9


@jit
def flow(a, n, constant, rates, x, out):  # type: ignore[no-untyped-def]
    """Write Kx + b + rates."""
    for i in range(n):
        total = constant[i] + rates[i]
        for j in range(n):
            total += a[i, j] * x[j]
        out[i] = total


@jit
def solve_linear(lo, hi, system, x0, slopes, lines, events, out, dout, starts, status):  # type: ignore[no-untyped-def]
    """Solve subjects lo … hi in closed form.

    Writes the states at the requested times (``out``, rows × states), their derivatives (``dout``, rows × parameters
    × states; no parameters is allowed) and the states at the start of every segment (``starts``). ``system`` holds K,
    what each state loses, and b by row of values; ``slopes`` their derivatives and that of the initial values;
    ``events`` what happens besides doses that add to a state (see `pkpd.engine.block`). A subject that has no steady
    state gets a status.
    """
    which, segments, start, end, jumps, rates, first, time, times, rows, begins = lines
    scale_by, kind, use, base, djumps, drates, dstart, trains = events
    train_state, train_flags, train_number, dtrain, train_first, pieces, dpieces = trains
    matrix, loss, constant = system
    dmatrix, dloss, dconstant, dx0 = slopes
    n, count = matrix.shape[1], dmatrix.shape[1]
    a, e, w = np.zeros((n + 2, n + 2)), np.zeros((n + 2, n + 2)), np.zeros((4, n + 2, n + 2))
    da, de = np.zeros((count, n + 2, n + 2)), np.zeros((count, n + 2, n + 2))
    work = (np.zeros((n + 2, n + 2)), np.zeros((n + 2, n + 2)), w, np.zeros((count, n + 2, n + 2)),
            np.zeros((count, n + 2, n + 2)), np.zeros(n))  # fmt: skip
    x, y, dx, dy = np.zeros(n), np.zeros(n), np.zeros((count, n)), np.zeros((count, n))
    steady, dsteady, before, after = np.zeros(n), np.zeros((count, n)), np.zeros(n), np.zeros(n)
    for i in range(lo, hi):
        line = which[i]
        row = base[i] + use[segments[line]]
        x[:] = x0[row]
        dx[:] = dx0[row]
        for s in range(segments[line], segments[line + 1]):
            moves = False
            for p in range(count):
                moves = moves or dstart[s, p] != 0.0
            if moves:
                assemble(matrix[row], loss[row], constant[row], rates[s - 1], a)
                flow(a, n, constant[row], rates[s - 1], x, before)
                for p in range(count):
                    for j in range(n):
                        dx[p, j] += before[j] * dstart[s, p]
            row = base[i] + use[s]
            if kind[s] == RESTART:
                x[:] = x0[row]
                dx[:] = dx0[row]
            elif kind[s] >= 0:
                k = kind[s]
                one = slice(train_first[k], train_first[k + 1])
                if train_flags[k, 2] == 0:
                    x[:] = 0.0
                    dx[:] = 0.0
                if train_state[k] >= 0:
                    part = (train_state[k], train_number[k, 0], dtrain[k, 0], pieces[one], dpieces[one])
                else:  # it enters no state of the block: the block is at rest with its own inputs
                    part = (0, 0.0, np.zeros(count), pieces[one] * 1.0, dpieces[one] * 1.0)
                    part[3][:, 1] = 0.0
                    part[4][:, 1] = 0.0
                phase = np.zeros(1 + count)
                phase[0] = train_number[k, 1]
                phase[1:] = dtrain[k, 1]
                good = steady_linear(
                    matrix[row], loss[row], constant[row], (dmatrix[row], dloss[row], dconstant[row]), part,
                    train_flags[k], phase, steady, dsteady, work,
                )  # fmt: skip
                if not good:
                    status[i] = NO_STEADY_STATE
                    steady[:] = np.nan
                for j in range(n):
                    x[j] += steady[j]
                    for p in range(count):
                        dx[p, j] += dsteady[p, j]
            for j in range(n):
                x[j] = x[j] * scale_by[s, j] + jumps[s, j]
                starts[begins[i] + s - segments[line], j] = x[j]
                for p in range(count):
                    dx[p, j] = dx[p, j] * scale_by[s, j] + djumps[s, p, j]
            size, scale, conserving = assemble(matrix[row], loss[row], constant[row], rates[s], a)
            if moves:
                flow(a, n, constant[row], rates[s], x, after)
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
            last = first[s + line + 1]
            for k in range(first[s + line], last + 1):  # the requested times, then the end
                tau = (end[s] if k == last else time[k]) - start[s]
                exponential(a, da, n, size, conserving, tau, e, de, w)
                propagate(e, de, size, scale, x, dx, y, dy)
                if k < last:
                    place = rows[i] + k - times[line]
                    out[place] = y
                    dout[place] = dy
            x[:] = y
            dx[:] = dy
