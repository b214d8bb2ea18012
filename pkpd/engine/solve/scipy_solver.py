"""The same job by SciPy: the oracle of the tests, and what solves where numba is absent.

Each subject and segment is integrated with Radau and the symbolic Jacobian (with DOP853 unless ``method='stiff'``); the
closed-form block drives through SciPy's exponential. Much slower than the compiled solver, and independent of it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.arrays import Array, Integers
from pkpd.engine import status as why
from pkpd.engine.machine.numpy_code import rhs_and_jacobian
from pkpd.engine.solve.integrated import IntegratedPart, IntegrationJob
from pkpd.engine.solve.scipy_switches import SEARCHED, Sides, Span, along
from pkpd.engine.solve.segment_start import ADDS, DOSED, KIND, ROW, SLOT, VALUES, StartTables
from pkpd.engine.solve.start_arrays import start_tables
from pkpd.engine.timeline.segments import RESTART


def solve_with_scipy(
    job: IntegrationJob, subjects: NDArray[Any], method: str = "Radau", begin: StartTables | None = None
) -> tuple[Array, Integers]:
    """Integrate the named subjects with one of SciPy's methods; rows of the others stay NaN.

    `begin` is what `start_arrays.start_tables` returns; without it there are no steady states.
    """
    if begin is None:
        none = np.zeros(job.schedule.subjects, dtype=np.int64)
        begin = start_tables(job, np.zeros((0, job.z0.shape[1])), none)
    out = np.full((job.rows, job.z0.shape[1]), np.nan)
    status = np.zeros(job.schedule.subjects, dtype=np.int64)
    functions = functions_of(job.integrated)
    with np.errstate(all="ignore"):
        for i in subjects:
            status[i] = _subject(job, int(i), functions, method, out, begin)
    return out, status


@lru_cache(maxsize=128)
def functions_of(integrated: IntegratedPart) -> tuple[Any, Any]:
    """Right-hand side and Jacobian, made once per model: a fit solves hundreds of times."""
    return rhs_and_jacobian(integrated.code.formulas)


def _subject(
    job: IntegrationJob, i: int, functions: tuple[Any, Any], method: str, out: Array, begin: StartTables
) -> int:
    schedule = job.schedule
    line = int(schedule.line_of_subject[i])
    tolerance = job.absolute_tolerance[i]
    first_time, rows0 = int(schedule.times[line]), int(schedule.rows[i])
    table, columns = begin.segments, begin.columns
    z = job.z0[schedule.first_row[i]].copy()
    rhs: Any = None
    for s in range(int(schedule.segments[line]), int(schedule.segments[line + 1])):
        row = int(schedule.first_row[i] + schedule.segment_row[s])
        drive = _drive(job, i, s, row)
        read = [table[s, DOSED], *table[s, columns.rates : columns.dstart]]
        sides = Sides(job.integrated)

        def given(
            t: float, row: int = row, drive: Any = drive, read: list[float] = read, sides: Sides = sides
        ) -> Array:
            return np.concatenate([job.q0[row], read, drive(t), sides.now])

        def bound(f: Any, given: Any = given) -> Any:
            return lambda t, y: np.asarray(f(np.float64(t), y, given(t)), dtype=float)

        sides.given, before, rhs, jacobian = given, rhs, bound(functions[0]), bound(functions[1])
        z = _begin(job, i, s, z, (before, rhs, sides), begin)
        lo, hi = int(schedule.first[s + line]), int(schedule.first[s + line + 1])
        times = schedule.time[lo:hi]
        rows = slice(rows0 + lo - first_time, rows0 + hi - first_time)
        since, end = float(schedule.start[s]), float(schedule.end[s])
        if end <= since:
            out[rows] = z
            continue
        if not np.isfinite(rhs(since, z)).all():
            return why.NOT_FINITE
        options = {"rtol": max(job.rtol, 2.3e-14), "atol": tolerance, "method": method}
        if method == "Radau":
            options["jac"] = jacobian
        span = Span(since, end, min(job.settings.max_step, (end - since) / SEARCHED if sides.watched else np.inf))
        out[rows], z, failed = along(rhs, span, z, times, sides, options)
        if failed:
            return failed
        if sides.now.size and s + 1 < int(schedule.segments[line + 1]):
            z = sides.turned(end, z, rhs)  # what switches at the very end
    return why.OK


def _begin(job: IntegrationJob, i: int, s: int, z: Array, dydt: tuple[Any, Any, Sides], begin: StartTables) -> Array:
    """The state at the start of a segment: what `segment_start.begin_segment` does, in NumPy."""
    segment, columns = begin.segments[s], begin.columns
    t, row, kind = float(job.schedule.start[s]), begin.subjects[i, ROW] + int(segment[VALUES]), int(segment[KIND])
    dstart = segment[columns.dstart :]
    if dstart.any() and dydt[0] is not None:
        z = _shift(z, dydt[0](t, z), dstart, begin.places, begin.sizes[i])
    if kind == RESTART:
        z = job.z0[row].copy()
    elif kind >= 0:
        z = z * segment[ADDS] + begin.steady[begin.subjects[i, SLOT] + kind]
    z = z * segment[columns.scale : columns.jump] + segment[columns.jump : columns.rates]
    dydt[2].begin(t, z, begin.places)
    if dstart.any():
        z = _shift(z, -dydt[1](t, z), dstart, begin.places, begin.sizes[i])
    return z


def _shift(z: Array, dydt: Array, moved: Array, places: Integers, sizes: Array) -> Array:
    """Move the sensitivities by the dydt of the states times the derivative of the time."""
    shifted = z.copy()
    for j, row in enumerate(places):
        for k, place in enumerate(row):
            if place >= 0:
                shifted[place] += dydt[k] * moved[j] * sizes[j]
    return shifted


def _drive(job: IntegrationJob, i: int, s: int, row: int) -> Any:
    """Return the driving states and their derivatives as a function of time within a segment, by SciPy's exponential.

    The block and its derivatives are one linear system, with the constant inputs as one more state.
    """
    from scipy.linalg import expm

    block, layout = job.block, job.integrated.structure
    if not layout.driving:
        return lambda t: np.empty(0)
    n, varied = block.matrix.shape[1], layout.varied if layout.driven else ()
    place = block.begins[i] + s - job.schedule.segments[job.schedule.line_of_subject[i]]
    pairs = list(combinations_with_replacement(range(len(varied)), 2)) if layout.curved else []
    size = n * (1 + len(varied) + len(pairs))
    a, x = np.zeros((size + 1, size + 1)), np.ones(size + 1)
    a[:n, :n], a[:n, size], x[:n] = block.matrix[row], block.constant[row] + block.rates[s], block.starts[place]
    for p in range(len(varied)):
        part = slice(n * (1 + p), n * (2 + p))
        a[part, part], a[part, :n] = block.matrix[row], block.dmatrix[row, p]
        a[part, size] = block.dconstant[row, p] + block.drates[s, p]
        x[part] = block.dstarts[place, p]
    drates = job.schedule.drates[s][:, list(layout.linear)]
    for k, (p, q) in enumerate(pairs):
        part = slice(n * (1 + len(varied) + k), n * (2 + len(varied) + k))
        a[part, part], a[part, :n], a[part, size] = block.matrix[row], block.d2matrix[row, k], block.d2constant[row, k]
        for one, other in ((p, q), (q, p)):
            a[part, n * (1 + one) : n * (2 + one)] += block.dmatrix[row, other]
        x[part] = block.d2starts[place, k]
        if len(drates):
            a[part, size] += drates[len(layout.sensitivities) + layout.pairs.index((varied[p], varied[q]))]
    seen = [d if j < 0 else n * (1 + varied.index(j)) + d for d, j in layout.quantities]
    number = {(varied[p], varied[q]): 1 + len(varied) + k for k, (p, q) in enumerate(pairs)}
    seen += [n * number[j, k] + d for d, j, k in layout.curved]
    begin = float(job.schedule.start[s])
    return lambda t: (expm(a * (t - begin)) @ x)[seen]
