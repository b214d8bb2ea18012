"""The adaptive loop around Rodas5P: what `solver` does for equations that are not stiff, for those that are."""

from __future__ import annotations

import numpy as np

from pkpd.engine.entry import begin
from pkpd.engine.forcing import (
    DRIVERS,
    EIGEN,
    INDEX,
    MATRIX,
    MODE,
    POWER,
    SCRATCH,
    SIGN,
    SIZE,
    SLOT,
    STATE,
    call_pointer,
    evaluate,
)
from pkpd.engine.jit import jit
from pkpd.engine.rodas import STAGES, dense, factor, interpolate, stages
from pkpd.engine.solver import LANDINGS, NOT_FINITE, OK, STILL_TOO_MANY, UNDERFLOW, enter, first_step

INTERPOLATED = 0.1  # the error that a step with interpolated values may have, in units of the tolerance
GROW, SHRINK, SAFE = 6.0, 0.2, 0.95


@jit
def linearise(jacobian, t, y, q, jac, info, drive, box):  # type: ignore[no-untyped-def]
    """Fill the Jacobian and ∂f/∂t at a point where the right-hand side was just evaluated.

    The driving states move within a segment: their derivatives, at the end of ``q``, are exact (Kx + b, from the
    eigenvectors or from the exponential that `evaluate` left in ``box``), and the compiled function puts them into
    ∂f/∂t. A slope that is no number (a root at zero) is taken as zero: the step is then of lower order, not wrong,
    because its error is measured.
    """
    count = info[DRIVERS]
    slot, n = q.shape[0] - count, drive.shape[1] - 1
    if count > 0 and info[MODE] == EIGEN:
        tau = t - drive[0, n]
        for j in range(count):
            q[slot + j] = 0.0
        for m in range(n):
            flow = drive[0, m] * np.exp(drive[0, m] * tau)
            for j in range(count):
                q[slot + j] += drive[j + 1, m] * flow
    elif count > 0:
        size, power, matrix, scale = info[SIZE], box[POWER], box[MATRIX], box[STATE, 1, 0]
        for j in range(count):
            q[slot + j] = matrix[info[INDEX + j], n + 1] * scale if size > n + 1 else 0.0
        for r in range(n):
            x = power[r, n + 1] * scale if size > n + 1 else 0.0
            for m in range(n):
                x += power[r, m] * box[STATE, 0, m]
            for j in range(count):
                q[slot + j] += matrix[info[INDEX + j], r] * x
    call_pointer(jacobian, t, y, q, jac)
    nothing = 0.0
    for i in range(jac.shape[0]):
        for j in range(jac.shape[1]):
            nothing += 0.0 * jac[i, j]
    if nothing != 0.0:  # NaN: some slope is not a number
        for i in range(jac.shape[0]):
            for j in range(jac.shape[1]):
                if not np.isfinite(jac[i, j]):
                    jac[i, j] = 0.0


@jit
def step_error(error, y, new, rtol, atol):  # type: ignore[no-untyped-def]
    """Return the weighted error of a step; at most 1 is good."""
    n = y.shape[0]
    total = 0.0
    for i in range(n):
        total += (error[i] / (atol[i] + rtol * max(abs(y[i]), abs(new[i])))) ** 2
    return np.sqrt(total / n)


@jit
def next_step(h, error, before):  # type: ignore[no-untyped-def]
    """Return the next step size after a good step (Gustafsson's predictive control; Hairer & Wanner, IV.8).

    ``before`` holds the last good step and the fifth root of its error.
    """
    root = max(error, 1e-10) ** 0.2
    change = SAFE / root
    if before[0] > 0.0:
        change = min(change, SAFE * h / before[0] * before[1] / (root * root))
    before[0], before[1] = h, max(root, 0.4)
    return h * min(GROW, max(SHRINK, change))


@jit
def integrate(model, t, end, y, times, out, q, info, drive, box, control, atol, work):  # type: ignore[no-untyped-def]
    """Integrate one segment in place, write the states at ``times`` (sorted, inside it) and return a status.

    ``model`` holds the addresses of the right-hand side and of its Jacobian; the rest is as in `solver.integrate`.
    """
    rhs, jacobian = model
    k, new, f, before, row, jac, lu, order, places, side = work
    derivative, w = row[0], row[1]
    rtol = control[0]
    n, count, done = y.shape[0], times.shape[0], 0
    while done < count and times[done] <= t:
        out[done] = y
        done += 1
    if end <= t:
        return OK
    evaluate(rhs, t, y, q, derivative, info, drive, box)
    for i in range(n):
        if not np.isfinite(derivative[i]):
            return NOT_FINITE
        k[0, i] = derivative[i]
    h = first_step(rhs, t, y, k, w, q, info, drive, box, rtol, atol, end - t, 6.0)
    evaluate(rhs, t, y, q, derivative, info, drive, box)
    linearise(jacobian, t, y, q, jac, info, drive, box)
    before[0], error, rejected = 0.0, 0.0, False
    while True:
        if h <= max(4e-16 * abs(t), 1e-290) and t + h < end:  # not of the end: h may begin as 1e-16 of the whole
            return UNDERFLOW if np.isfinite(error) else NOT_FINITE
        planned = h
        ahead = end if t + 1.0000001 * h >= end else t + h
        inside = 0
        while done + inside < count and inside <= LANDINGS and times[done + inside] < ahead:
            inside += 1
        good = INTERPOLATED if inside > LANDINGS else 1.0
        if 0 < inside <= LANDINGS:
            ahead = times[done]
        h = ahead - t
        if control[1] <= 0.0:
            return STILL_TOO_MANY
        control[1] -= 1.0
        error = np.inf
        if factor(h, jac, lu, order):
            stages(rhs, t, h, y, new, k, row, jac, lu, order, places, side, q, info, drive, box)
            error = step_error(k[STAGES - 1], y, new, rtol, atol) / good
        if not error <= 1.0:
            h = min(h, planned)  # h itself may have been rounded up, for ever
            h *= max(SHRINK, SAFE * error**-0.2) if np.isfinite(error) else SHRINK
            rejected = True
            continue
        if inside > LANDINGS:
            dense(k, f)
        while done < count and times[done] <= ahead:
            if times[done] == ahead:
                out[done] = new
            else:
                interpolate(f, y, new, (times[done] - t) / h, out[done])
            done += 1
        for i in range(n):
            y[i] = new[i]
        if ahead >= end:
            return OK
        t = ahead
        evaluate(rhs, t, y, q, derivative, info, drive, box)
        linearise(jacobian, t, y, q, jac, info, drive, box)
        grown = next_step(h, error, before)
        h = max(min(h, grown) if rejected else grown, planned if h < 0.99 * planned else 0.0)
        rejected = False


@jit
def solve_segments(  # type: ignore[no-untyped-def]
    lo, hi, who, model, q0, z0, jumps, rate_slots, lines, driver, events, places, control, atol, out, status
):
    """Integrate the subjects ``who[lo:hi]`` and write their states at the requested times.

    Parameters
    ----------
    who : array of int
        Subjects to solve; nothing of the others is touched.
    model : tuple of int
        Addresses of the compiled right-hand side and of its Jacobian.
    places : array of int, parameters × states
        Where each sensitivity stands in the integrated vector, -1 where it is zero by structure.
    q0, z0, jumps, rate_slots, lines, driver, events, control, atol, out, status
        As in `solver.solve_segments`.
    """
    which, segments, start, end, _, _, first, time, times, rows, begins = lines
    n, nx, count, slots = z0.shape[1], driver[0].shape[1], driver[11].shape[0], rate_slots.shape[0]
    states, inputs = places.shape[1], q0.shape[1]
    work = (
        np.empty((STAGES, n)), np.empty(n), np.empty((3, n)), np.empty(2), np.empty((3, n)),
        np.zeros((n, states + 1)), np.empty((states, states)), np.empty(states, dtype=np.int64), places,
        np.empty((states, places.shape[0])),
    )  # fmt: skip
    y, q = np.empty(n), np.empty(inputs + 2 * count + slots + events[8].shape[0])
    info = np.zeros(INDEX + count, dtype=np.int64)
    info[SLOT], info[DRIVERS] = inputs, count
    info[INDEX:] = driver[11]
    drive, box = np.zeros((count + 1, nx + 1)), np.zeros((SCRATCH + 4, nx + 2, nx + 2))
    limits, source = np.empty(2), np.empty(nx)
    for i in who[lo:hi]:
        line = which[i]
        limits[:] = control[:2]
        for s in range(segments[line], segments[line + 1]):
            fresh = s == segments[line]
            begin(model[0], i, s, fresh, start[s], y, q, (q0, z0), jumps, rate_slots, count, events, info, drive, box)
            row = events[2][i] + events[1][s]
            info[MODE], info[SIGN] = driver[7][row], driver[8][row]
            if count > 0:
                enter(row, s, start[s], begins[i] + s - segments[line], driver, source, info, drive, box)
            lower, upper = first[s + line], first[s + line + 1]
            target = out[rows[i] + lower - times[line] : rows[i] + upper - times[line]]
            status[i] = integrate(
                model, start[s], end[s], y, time[lower:upper], target, q, info, drive, box, limits, atol[i], work
            )
            if status[i] != OK:
                break
