"""The adaptive solver: integrates one subject segment by segment; compiled once per machine, for every model."""

from __future__ import annotations

import numpy as np

from pkpd.engine.dop853 import dense, errors, stages
from pkpd.engine.entry import begin
from pkpd.engine.forcing import (
    CONSERVING,
    DRIVERS,
    EIGEN,
    INDEX,
    MATRIX,
    MODE,
    SCRATCH,
    SIGN,
    SIZE,
    SLOT,
    STATE,
    evaluate,
)
from pkpd.engine.jit import jit
from pkpd.engine.linear import assemble

LANDINGS = 2  # requested times in a step; with more of them the step is not cut but interpolated
INTERPOLATED = 0.02  # the error that such a step may have, in units of the tolerance
OK, UNDERFLOW, TOO_MANY, NOT_FINITE, STIFF, STILL_TOO_MANY = 0, 1, 2, 3, 4, 5
EDGE = 6.1  # |h·λ| at which the step is held by stability and not by accuracy (Hairer's dop853)
PROOF, WORTH_IT = 15, 500  # steps at the edge, and steps still to come, before equations are called stiff
ADVICE = {
    OK: "",
    UNDERFLOW: "the step size fell to rounding error: the solution blows up or jumps; check signs and units",
    TOO_MANY: "the step limit was reached: the equations are stiff for these values; try method='stiff'",
    NOT_FINITE: "the equations give a value that is not a number: look for a logarithm, a root or a division by zero",
    STIFF: "the equations are stiff for these values: the explicit method was stopped; try method='stiff'",
    STILL_TOO_MANY: "the stiff method reached the step limit: loosen the tolerances, raise max_steps, or look for"
    " equations that jump",
}


@jit
def first_step(rhs, t, y, k, w, q, info, drive, box, rtol, atol, longest, order):  # type: ignore[no-untyped-def]
    """Return a first step size (Hairer, Nørsett & Wanner, II.4); k[0] holds the derivative.

    ``order`` is that of the local error.
    """
    n = y.shape[0]
    size, slope = 0.0, 0.0
    for i in range(n):
        scale = atol[i] + rtol * abs(y[i])
        size += (y[i] / scale) ** 2
        slope += (k[0, i] / scale) ** 2
    size, slope = np.sqrt(size / n), np.sqrt(slope / n)
    h = 1e-6 if size < 1e-5 or slope < 1e-5 else 0.01 * size / slope
    h = min(h, longest)
    for i in range(n):
        w[i] = y[i] + h * k[0, i]
    evaluate(rhs, t + h, w, q, k[1], info, drive, box)
    bend = 0.0
    for i in range(n):
        bend += ((k[1, i] - k[0, i]) / (atol[i] + rtol * abs(y[i]))) ** 2
    bend = np.sqrt(bend / n) / h
    top = max(slope, bend)
    h1 = max(1e-6, h * 1e-3) if not top > 1e-15 else (0.01 / top) ** (1.0 / order)
    return min(100.0 * h, h1, longest)


@jit
def step_error(h, y, new, k, rtol, atol):  # type: ignore[no-untyped-def]
    """Return the weighted error of a step; at most 1 is good."""
    n = y.shape[0]
    five, three = 0.0, 0.0
    for i in range(n):
        scale = atol[i] + rtol * max(abs(y[i]), abs(new[i]))
        e5, e3 = errors(h, k, i)
        five += (e5 / scale) ** 2
        three += (e3 / scale) ** 2
    below = five + 0.01 * three
    return 0.0 if below == 0.0 else abs(h) * five / np.sqrt(below * n)


@jit
def at_the_edge(h, new, w, k):  # type: ignore[no-untyped-def]
    """Whether stability holds the step: |h·λ| of the fastest mode, from the last two stages (Hairer & Wanner, IV.2)."""
    slopes, states = 0.0, 0.0
    for i in range(new.shape[0]):
        slopes += (k[12, i] - k[11, i]) ** 2
        states += (new[i] - w[i]) ** 2
    return h * h * slopes > EDGE * EDGE * states


@jit
def interpolate(f, y, x, out):  # type: ignore[no-untyped-def]
    """Write the interpolant at the share x of the step."""
    x1 = 1.0 - x
    for i in range(y.shape[0]):
        inner = f[3, i] + x * (f[4, i] + x1 * (f[5, i] + x * f[6, i]))
        out[i] = y[i] + x * (f[0, i] + x1 * (f[1, i] + x * (f[2, i] + x1 * inner)))


@jit
def integrate(rhs, t, end, y, times, out, q, info, drive, box, control, atol, work):  # type: ignore[no-untyped-def]
    """Integrate one segment in place, write the states at ``times`` (sorted, inside it) and return a status.

    ``control`` holds rtol, the steps that are left, and 1 where stiff equations are to be reported. A step ends on a
    requested time; where many lie inside one step they are interpolated, and the step is held to a tighter tolerance,
    because the interpolant is of lower order than the step.
    """
    k, w, new, f = work
    rtol = control[0]
    n, count, done = y.shape[0], times.shape[0], 0
    while done < count and times[done] <= t:
        out[done] = y
        done += 1
    if end <= t:
        return OK
    evaluate(rhs, t, y, q, k[0], info, drive, box)
    for i in range(n):
        if not np.isfinite(k[0, i]):
            return NOT_FINITE
    h = first_step(rhs, t, y, k, w, q, info, drive, box, rtol, atol, end - t, 8.0)
    rejected, edge, off = False, 0, 0
    while True:
        planned = h
        ahead = end if t + 1.0000001 * h >= end else t + h
        inside = 0
        while done + inside < count and inside <= LANDINGS and times[done + inside] < ahead:
            inside += 1
        good = 1.0
        if inside > LANDINGS:
            good = INTERPOLATED
        elif inside > 0:
            ahead = times[done]
        h = ahead - t
        if control[1] <= 0.0:
            return TOO_MANY
        control[1] -= 1.0
        stages(rhs, t, h, y, new, k, w, q, info, drive, box)
        error = step_error(h, y, new, k, rtol, atol) / good
        if not error <= 1.0:
            h = min(h, planned)  # h itself may have been rounded up, for ever
            h *= 0.2 if not np.isfinite(error) else max(0.2, 0.9 * error**-0.125)
            rejected = True
            if h < 4e-16 * max(abs(t), abs(end)) or h == 0.0:
                return UNDERFLOW if np.isfinite(error) else NOT_FINITE
            continue
        if control[2] == 1.0 and at_the_edge(h, new, w, k):
            edge, off = edge + 1, 0
            if edge >= PROOF and end - ahead > WORTH_IT * h:
                return STIFF
        elif edge > 0:
            off += 1
            if off == 6:
                edge = 0
        if inside > LANDINGS:
            dense(rhs, t, h, y, new, k, w, q, info, drive, box, f)
        while done < count and times[done] <= ahead:
            if times[done] == ahead:
                out[done] = new
            else:
                interpolate(f, y, (times[done] - t) / h, out[done])
            done += 1
        for i in range(n):
            y[i] = new[i]
            k[0, i] = k[12, i]
        if ahead >= end:
            return OK
        t = ahead
        grow = 6.0 if error < 1e-10 else min(6.0, max(0.333, 0.9 * error**-0.125))
        h = max(h * (min(1.0, grow) if rejected else grow), planned if h < 0.99 * planned else 0.0)
        rejected = False


@jit
def modal(inverse, vectors, back, source, x, info, drive):  # type: ignore[no-untyped-def]
    """Write x(tau) = offset + sum of weights·exp(rate·tau) of the driving states from the eigenvectors of K."""
    n = x.shape[0]
    count = info[DRIVERS]
    for j in range(count):
        drive[j + 1, n] = 0.0
        for m in range(n):
            drive[j + 1, n] -= inverse[info[INDEX + j], m] * source[m]
    for m in range(n):
        along = 0.0
        for r in range(n):
            centre = 0.0
            for c in range(n):
                centre -= inverse[r, c] * source[c]
            along += back[m, r] * (x[r] - centre)
        for j in range(count):
            drive[j + 1, m] = vectors[info[INDEX + j], m] * along


@jit
def enter(i, s, since, place, driver, source, info, drive, box):  # type: ignore[no-untyped-def]
    """Let the closed-form block of a row of values drive through segment s; its state there stands in row ``place``."""
    matrix, loss, constant, inverse, vectors, back, lam, modes, _, x_rates, starts, _ = driver
    nx = matrix.shape[1]
    x = starts[place]
    box[STATE, 0, :nx] = x
    size, scale, conserving = assemble(matrix[i], loss[i], constant[i], x_rates[s], box[MATRIX])
    info[SIZE], info[CONSERVING], box[STATE, 1, 0] = size, 1 if conserving else 0, scale
    drive[0, :nx], drive[0, nx] = lam[i], since
    if modes[i] == EIGEN:
        for j in range(nx):
            source[j] = constant[i, j] + x_rates[s, j]
        modal(inverse[i], vectors[i], back[i], source, x, info, drive)


@jit
def solve_segments(  # type: ignore[no-untyped-def]
    lo, hi, rhs, q0, z0, jumps, rate_slots, lines, driver, events, control, atol, out, status
):
    """Integrate subjects lo … hi and write their states at the requested times (rows × integrated states).

    Parameters
    ----------
    rhs : int
        Address of the compiled right-hand side.
    q0 : array, subjects × inputs
        Parameter values (and scales of sensitivities) that the right-hand side reads.
    z0 : array, subjects × states
        Initial values.
    jumps : tuple of arrays
        What doses add to the integrated states, and their infusion rates, both segments × states.
    rate_slots : array of int
        States that an infusion may enter; their rates follow the driving states in what the right-hand side reads.
    driver : tuple
        The closed-form block: K, its losses, b, inverse, eigenvectors and their inverse, eigenvalues, mode and sign
        flag of each row of values, infusion rates, states at the start of segments, indices of the states that drive.
    events : tuple
        What else happens when a segment begins, see `entry.begin`.
    """
    which, segments, start, end, _, _, first, time, times, rows, begins = lines
    modes, flags, index = driver[7], driver[8], driver[11]
    n, nx, count = z0.shape[1], driver[0].shape[1], index.shape[0]
    y, new, w = np.empty(n), np.empty(n), np.empty(n)
    work = (np.empty((16, n)), w, new, np.empty((7, n)))
    q = np.empty(q0.shape[1] + count + rate_slots.shape[0] + events[8].shape[0])
    info = np.zeros(INDEX + count, dtype=np.int64)
    info[SLOT], info[DRIVERS] = q0.shape[1], count
    info[INDEX:] = index
    drive, box = np.zeros((count + 1, nx + 1)), np.zeros((SCRATCH + 4, nx + 2, nx + 2))
    limits, source = np.empty(3), np.empty(nx)
    for i in range(lo, hi):
        line = which[i]
        limits[:] = control
        for s in range(segments[line], segments[line + 1]):
            fresh = s == segments[line]
            begin(rhs, i, s, fresh, start[s], y, q, (q0, z0), jumps, rate_slots, count, events, info, drive, box)
            row = events[2][i] + events[1][s]
            info[MODE], info[SIGN] = modes[row], flags[row]
            if count > 0:
                enter(row, s, start[s], begins[i] + s - segments[line], driver, source, info, drive, box)
            lower, upper = first[s + line], first[s + line + 1]
            target = out[rows[i] + lower - times[line] : rows[i] + upper - times[line]]
            status[i] = integrate(
                rhs, start[s], end[s], y, time[lower:upper], target, q, info, drive, box, limits, atol[i], work
            )
            if status[i] != OK:
                break
