"""The adaptive loop around Rodas5P: what `solver` does for equations that are not stiff, for those that are."""

from __future__ import annotations

import numpy as np

from pkpd.engine.machine.jit import jit
from pkpd.engine.machine.pointer import call
from pkpd.engine.machine.steps.dop853 import LANDINGS
from pkpd.engine.solve.rodas import STAGES, lu_factor, rodas_dense, rodas_interpolate, rodas_stages
from pkpd.engine.solve.segment_start import Scratch, begin_segment
from pkpd.engine.status import NOT_FINITE, OK, STILL_TOO_MANY, UNDERFLOW

INTERPOLATED = 0.1  # the error that a step with interpolated values may have, in units of the tolerance
GROW, SHRINK, SAFE = 6.0, 0.2, 0.95


@jit
def first_step(rhs, t, y, f, w, g, q, clock, rtol, atol, longest):  # type: ignore[no-untyped-def]
    """Return a first step size (Hairer, Nørsett & Wanner, II.4).

    ``y`` and ``f`` (components,) are the state and dy/dt there; ``atol`` (components,) the absolute tolerance; ``q``
    (arguments,) what the right-hand side reads; ``w`` and ``g`` (components,) and ``clock`` (1,) are scratch.
    """
    n = y.shape[0]
    size, rate = 0.0, 0.0
    for i in range(n):
        scale = atol[i] + rtol * abs(y[i])
        size += (y[i] / scale) ** 2
        rate += (f[i] / scale) ** 2
    size, rate = np.sqrt(size / n), np.sqrt(rate / n)
    h = 1e-6 if size < 1e-5 or rate < 1e-5 else 0.01 * size / rate
    h = min(h, longest)
    for i in range(n):
        w[i] = y[i] + h * f[i]
    clock[0] = t + h
    call(rhs, clock, w, q, g)
    bend = 0.0
    for i in range(n):
        bend += ((g[i] - f[i]) / (atol[i] + rtol * abs(y[i]))) ** 2
    bend = np.sqrt(bend / n) / h
    top = max(rate, bend)
    h1 = max(1e-6, h * 1e-3) if not top > 1e-15 else (0.01 / top) ** (1.0 / 6.0)
    return min(100.0 * h, h1, longest)


@jit
def linearise(model, t, y, q, dydt, jac, clock, sums):  # type: ignore[no-untyped-def]
    """Fill dy/dt, the Jacobian and ∂f/∂t at a point.

    A derivative that is no number (a root at zero) is taken as zero: the step is then of lower order, not wrong,
    because its error is measured.

    Parameters
    ----------
    model : tuple of int
        Addresses of the right-hand side and of its Jacobian.
    t, y, q : float, arrays (components,) and (arguments,)
        The point, and what the right-hand side reads.
    dydt : array, shape (components,)
        Written.
    jac : array, components × (states + 1)
        ∂f/∂(states), and ∂f/∂t in the last column, written.
    clock, sums : arrays, (1,) and (states + 1,)
        Scratch.
    """
    clock[0] = t
    call(model[0], clock, y, q, dydt)
    call(model[1], clock, y, q, jac)
    nothing = 0.0
    for j in range(jac.shape[1]):
        sums[j] = 0.0
    for i in range(jac.shape[0]):
        for j in range(jac.shape[1]):  # column by column: the sums do not wait for each other
            sums[j] += 0.0 * jac[i, j]
    for j in range(jac.shape[1]):
        nothing += sums[j]
    if nothing != 0.0:  # NaN: some derivative is not a number
        for i in range(jac.shape[0]):
            for j in range(jac.shape[1]):
                if not np.isfinite(jac[i, j]):
                    jac[i, j] = 0.0


@jit
def step_error(error, y, new, rtol, atol):  # type: ignore[no-untyped-def]
    """Return the weighted error of a step, at most 1 if it is good; arrays are (components,): error, states before and
    after the step, absolute tolerance."""
    n = y.shape[0]
    total = 0.0
    for i in range(n):
        total += (error[i] / (atol[i] + rtol * max(abs(y[i]), abs(new[i])))) ** 2
    return np.sqrt(total / n)


@jit
def next_step(h, error, before):  # type: ignore[no-untyped-def]
    """Return the next step size after a good step (Gustafsson's predictive control; Hairer & Wanner, IV.8).

    ``before`` (2,) holds the last good step and the fifth root of its error, and is brought up to date.
    """
    root = max(error, 1e-10) ** 0.2
    change = SAFE / root
    if before[0] > 0.0:
        change = min(change, SAFE * h / before[0] * before[1] / (root * root))
    before[0], before[1] = h, max(root, 0.4)
    return h * min(GROW, max(SHRINK, change))


@jit
def integrate(model, t, end, y, times, out, q, control, atol, work):  # type: ignore[no-untyped-def]
    """Integrate one segment in place, write the states at ``times`` and return a status.

    A step ends on a requested time; where many lie inside one step they are interpolated.

    Parameters
    ----------
    model : tuple of int
        Addresses of the right-hand side and of its Jacobian.
    t, end : float
        The segment.
    y : array, shape (components,)
        State at its start, replaced by that at its end.
    times, out : arrays, (times,) and times × components
        Requested times inside the segment, sorted, and the states there (written).
    q : array, shape (arguments,)
        What the right-hand side reads.
    control : array, shape (2,)
        rtol, and the steps that are left (counted down).
    atol : array, shape (components,)
        Absolute tolerance.
    work : tuple of arrays
        Scratch: stages (8 × components); state after a step (components,); interpolant (3 × components); the last good
        step and its error (2,); dy/dt and two more (3 × components); Jacobian (components × (states + 1)); its factors
        (states × states) and their order (states,). Then where each sensitivity stands (parameters × states), and
        scratch again: right sides (states × parameters), time (1,), sums (states + 1,).
    """
    k, new, f, before, row, jac, lu, order, places, side, clock, sums = work
    dydt, w = row[0], row[1]
    rhs, rtol = model[0], control[0]
    n, count, done = y.shape[0], times.shape[0], 0
    while done < count and times[done] <= t:
        out[done] = y
        done += 1
    if end <= t:
        return OK
    linearise(model, t, y, q, dydt, jac, clock, sums)
    for i in range(n):
        if not np.isfinite(dydt[i]):
            return NOT_FINITE
    h = first_step(rhs, t, y, dydt, w, row[2], q, clock, rtol, atol, end - t)
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
        if lu_factor(h, jac, lu, order):
            rodas_stages(rhs, t, h, y, new, k, row, jac, lu, order, places, side, q, clock)
            error = step_error(k[STAGES - 1], y, new, rtol, atol) / good
        if not error <= 1.0:
            h = min(h, planned)  # h itself may have been rounded up, for ever
            h *= max(SHRINK, SAFE * error**-0.2) if np.isfinite(error) else SHRINK
            rejected = True
            continue
        if inside > LANDINGS:
            rodas_dense(k, f)
        while done < count and times[done] <= ahead:
            if times[done] == ahead:
                out[done] = new
            else:
                rodas_interpolate(f, y, new, (times[done] - t) / h, out[done])
            done += 1
        for i in range(n):
            y[i] = new[i]
        if ahead >= end:
            return OK
        t = ahead
        linearise(model, t, y, q, dydt, jac, clock, sums)
        # After a refusal the step does not grow at once; one cut to land on a time goes back to what was planned.
        grown = next_step(h, error, before)
        h = max(min(h, grown) if rejected else grown, planned if h < 0.99 * planned else 0.0)
        rejected = False


@jit
def solve_stiff(who, model, begin, lines, control, atol, out, status):  # type: ignore[no-untyped-def]
    """Integrate the subjects of ``who`` one after the other; arguments are as for `explicit.solve_explicit`.

    Except: ``model`` holds the addresses of the right-hand side and of its Jacobian, both for one subject, and how many
    numbers they read; ``control`` (2,) is rtol and the steps that may be taken.
    """
    line_of_subject, segments, start, end, first, time, times, rows = lines
    n, places = out.shape[1], begin.places
    states = places.shape[1]
    clock, y, q, dydt = np.empty(1), np.empty(n), np.zeros(model[2]), np.empty(n)
    scratch = Scratch(y, np.zeros((1, 1)), dydt, clock)
    work = (
        np.empty((STAGES, n)), np.empty(n), np.empty((3, n)), np.empty(2), np.empty((3, n)),
        np.zeros((n, states + 1)), np.empty((states, states)), np.empty(states, dtype=np.int64), places,
        np.empty((states, places.shape[0])), clock, np.empty(states + 1),
    )  # fmt: skip
    limits = np.empty(2)  # rtol and the steps left, counted down by `integrate`
    for i in who:
        line = line_of_subject[i]
        limits[:] = control[:2]
        status[i] = OK
        for s in range(segments[line], segments[line + 1]):
            begin_segment(model[0], i, s, begin, q, scratch)
            lower, upper = first[s + line], first[s + line + 1]
            target = out[rows[i] + lower - times[line] : rows[i] + upper - times[line]]
            status[i] = integrate(model, start[s], end[s], y, time[lower:upper], target, q, limits, atol[i], work)
            if status[i] != OK:
                break
