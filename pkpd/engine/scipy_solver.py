"""The same job by SciPy: the oracle of the tests, and what solves where numba is absent.

Each subject and segment is integrated with Radau and the symbolic Jacobian (with DOP853 unless ``method='stiff'``); the
closed-form block drives through SciPy's exponential. Much slower than the compiled solver, and independent of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.engine import solver
from pkpd.engine.arrays import Array
from pkpd.engine.calculus import slope
from pkpd.engine.events import events_of
from pkpd.engine.rest import Job, Rest
from pkpd.engine.timeline import RESTART


def solve(
    job: Job, subjects: NDArray[Any], method: str = "Radau", happening: tuple[Array, tuple[Any, ...]] | None = None
) -> tuple[Array, NDArray[np.int64]]:
    """Integrate the named subjects with one of SciPy's methods; rows of the others stay NaN.

    `happening` is what `events.events_of` returns; without it there are no steady states.
    """
    if happening is None:
        none = np.zeros(job.schedule.subjects, dtype=np.int64)
        happening = events_of(job, np.zeros((0, job.z0.shape[1])), none)
    schedule = job.schedule
    out = np.full((job.rows, job.z0.shape[1]), np.nan)
    status = np.zeros(schedule.subjects, dtype=np.int64)
    functions = functions_of(job.rest)
    with np.errstate(all="ignore"):
        for i in subjects:
            status[i] = _subject(job, int(i), functions, method, out, happening)
    return out, status


@lru_cache(maxsize=128)
def functions_of(rest: Rest) -> tuple[Any, Any]:
    """Right-hand side and Jacobian, made once per model: a fit solves hundreds of times."""
    import sympy

    arguments = [rest.time, list(rest.full.symbols), rest.arguments]
    rhs = sympy.lambdify(arguments, list(rest.rhs), modules="numpy", cse=True, dummify=True)
    jacobian = [[slope(f, y) for y in rest.full.symbols] for f in rest.rhs]
    return rhs, sympy.lambdify(arguments, jacobian, modules="numpy", cse=True, dummify=True)


def _subject(
    job: Job, i: int, functions: tuple[Any, Any], method: str, out: Array, happening: tuple[Array, tuple[Any, ...]]
) -> int:
    from scipy.integrate import solve_ivp

    rest, schedule = job.rest, job.schedule
    line = int(schedule.which[i])
    tolerance = job.absolute_tolerance[i]
    base, rows0 = int(schedule.times[line]), int(schedule.rows[i])
    where = rest.where
    z = job.z0[schedule.base[i]].copy()
    rhs: Any = None
    for s in range(int(schedule.segments[line]), int(schedule.segments[line + 1])):
        row = int(schedule.base[i] + schedule.use[s])
        drive = _drive(job, i, s, row)
        rate = schedule.rates[s, where][list(rest.rate_slots)]
        events = happening[1]
        moved = [events[7][s, j, k] for k, j in events[8]]

        def bound(f: Any, row: int = row, drive: Any = drive, rate: Array = rate, moved: list[Any] = moved) -> Any:
            return lambda t, y: np.asarray(
                f(np.float64(t), y, np.concatenate([job.q0[row], drive(t), rate, moved])), dtype=float
            )

        before, rhs, jacobian = rhs, bound(functions[0]), bound(functions[1])
        z = _begin(job, i, s, z, (before, rhs), happening)
        lo, hi = int(schedule.first[s + line]), int(schedule.first[s + line + 1])
        times = schedule.time[lo:hi]
        rows = slice(rows0 + lo - base, rows0 + hi - base)
        begin, end = float(schedule.start[s]), float(schedule.end[s])
        if end <= begin:
            out[rows] = z
            continue
        if not np.isfinite(rhs(begin, z)).all():
            return solver.NOT_FINITE
        options = {"rtol": max(job.settings.rtol, 2.3e-14), "atol": tolerance}
        if method == "Radau":
            options["jac"] = jacobian
        try:
            clock = np.unique(np.append(times, end))
            found = solve_ivp(rhs, (begin, end), z, method=method, t_eval=clock, **options)
        except (ValueError, FloatingPointError, np.linalg.LinAlgError):
            return solver.NOT_FINITE
        if found.status != 0:
            return solver.UNDERFLOW
        out[rows] = found.y.T[np.searchsorted(clock, times)]
        z = found.y[:, -1].copy()
    return solver.OK


def _begin(
    job: Job, i: int, s: int, z: Array, flows: tuple[Any, Any], happening: tuple[Array, tuple[Any, ...]]
) -> Array:
    """The state at the start of a segment: what `entry.begin` does, in NumPy."""
    jump, (begins, use, base, scale, steady, slot, adds, _, _, dstart, places, sizes) = happening
    t, row, kind = float(job.schedule.start[s]), base[i] + use[s], begins[s]
    if dstart[s].any() and flows[0] is not None:
        z = _shift(z, flows[0](t, z), dstart[s], places, sizes[i])
    if kind == RESTART:
        z = job.z0[row].copy()
    elif kind >= 0:
        z = (z if adds[kind] else 0.0) + steady[slot[i] + kind]
    z = z * scale[s] + jump[s]
    if dstart[s].any():
        z = _shift(z, -flows[1](t, z), dstart[s], places, sizes[i])
    return z


def _shift(z: Array, flow: Array, moved: Array, places: NDArray[np.int64], sizes: Array) -> Array:
    """Move the sensitivities by the flow of the states times the derivative of the time."""
    found = z.copy()
    for j, row in enumerate(places):
        for k, place in enumerate(row):
            if place >= 0:
                found[place] += flow[k] * moved[j] * sizes[j]
    return found


def _drive(job: Job, i: int, s: int, row: int) -> Any:
    """Return the driving states as a function of time within a segment, by SciPy's matrix exponential."""
    from scipy.linalg import expm

    block, driving = job.block, list(job.rest.driving)
    if not driving:
        return lambda t: np.empty(0)
    n = block.matrix.shape[1]
    begins, which = block.lines[-1], int(job.schedule.which[i])
    x = np.append(block.starts[begins[i] + s - job.schedule.segments[which]], 1.0)
    a = np.zeros((n + 1, n + 1))
    a[:n, :n], a[:n, n] = block.matrix[row], block.constant[row] + block.rates[s]
    begin = float(job.schedule.start[s])
    return lambda t: (expm(a * (t - begin)) @ x)[driving]
