"""The same job by SciPy: the oracle of the tests, the fallback without numba, and the stiff method for now.

Each subject and segment is integrated with Radau and the symbolic Jacobian (with DOP853 where numba is absent); the
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
from pkpd.engine.rest import Job, Rest


def solve(job: Job, subjects: NDArray[Any], method: str = "Radau") -> tuple[Array, NDArray[np.int64]]:
    """Integrate the named subjects with one of SciPy's methods; rows of the others stay NaN."""
    schedule = job.schedule
    out = np.full((job.rows, job.z0.shape[1]), np.nan)
    status = np.zeros(schedule.subjects, dtype=np.int64)
    functions = _functions(job.rest)
    with np.errstate(all="ignore"):
        for i in subjects:
            status[i] = _subject(job, int(i), functions, method, out)
    return out, status


@lru_cache(maxsize=128)
def _functions(rest: Rest) -> tuple[Any, Any]:
    """Right-hand side and Jacobian, made once per model: a fit solves hundreds of times."""
    import sympy

    arguments = [rest.time, list(rest.full.symbols), rest.arguments]
    rhs = sympy.lambdify(arguments, list(rest.rhs), modules="numpy", cse=True, dummify=True)
    jacobian = [[slope(f, y) for y in rest.full.symbols] for f in rest.rhs]
    return rhs, sympy.lambdify(arguments, jacobian, modules="numpy", cse=True, dummify=True)


def _subject(job: Job, i: int, functions: tuple[Any, Any], method: str, out: Array) -> int:
    from scipy.integrate import solve_ivp

    rest, schedule = job.rest, job.schedule
    line = int(schedule.which[i])
    tolerance = job.absolute_tolerance[i]
    base, rows0 = int(schedule.times[line]), int(schedule.rows[i])
    where = rest.where
    z = job.z0[i].copy()
    for s in range(int(schedule.segments[line]), int(schedule.segments[line + 1])):
        z[: len(where)] += schedule.jumps[s, where]
        lo, hi = int(schedule.first[s + line]), int(schedule.first[s + line + 1])
        times = schedule.time[lo:hi]
        rows = slice(rows0 + lo - base, rows0 + hi - base)
        begin, end = float(schedule.start[s]), float(schedule.end[s])
        if end <= begin:
            out[rows] = z
            continue
        drive = _drive(job, i, s)
        rate = schedule.rates[s, where][list(rest.rate_slots)]

        def rhs(t: float, y: Array, drive: Any = drive, rate: Array = rate) -> Any:
            return functions[0](np.float64(t), y, np.concatenate([job.q0[i], drive(t), rate]))

        def jacobian(t: float, y: Array, drive: Any = drive, rate: Array = rate) -> Any:
            return functions[1](np.float64(t), y, np.concatenate([job.q0[i], drive(t), rate]))

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


def _drive(job: Job, i: int, s: int) -> Any:
    """Return the driving states as a function of time within a segment, by SciPy's matrix exponential."""
    from scipy.linalg import expm

    block, driving = job.block, list(job.rest.driving)
    if not driving:
        return lambda t: np.empty(0)
    n = block.matrix.shape[1]
    begins, which = block.lines[-1], int(job.schedule.which[i])
    x = np.append(block.starts[begins[i] + s - job.schedule.segments[which]], 1.0)
    a = np.zeros((n + 1, n + 1))
    a[:n, :n], a[:n, n] = block.matrix[i], block.constant[i] + block.rates[s]
    begin = float(job.schedule.start[s])
    return lambda t: (expm(a * (t - begin)) @ x)[driving]
