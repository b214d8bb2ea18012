"""Which solver integrates a job: the compiled one, and SciPy's for what it cannot finish."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pkpd.engine import scipy_solver, solver
from pkpd.engine.jit import AVAILABLE, announce
from pkpd.engine.rest import Job
from pkpd.engine.threads import in_parts

Array = NDArray[np.float64]


def integrate_job(job: Job) -> tuple[Array, NDArray[np.int64]]:
    """Return the integrated components (rows × components) and a status per subject."""
    everyone = np.arange(job.schedule.subjects)
    if job.settings.method == "stiff":
        return scipy_solver.solve(job, everyone)
    if not AVAILABLE:
        return scipy_solver.solve(job, everyone, "DOP853")
    out, status = compiled(job)
    hard = np.flatnonzero((status == solver.TOO_MANY) | (status == solver.UNDERFLOW))
    if hard.size and job.settings.method == "automatic":
        again, other = scipy_solver.solve(job, hard)
        rows = np.isin(job.schedule.row_subject, hard)
        out[rows], status[hard] = again[rows], other[hard]
    return out, status


def compiled(job: Job) -> tuple[Array, NDArray[np.int64]]:
    """Integrate with the compiled solver."""
    rest, schedule, settings = job.rest, job.schedule, job.settings
    out = np.full((job.rows, job.z0.shape[1]), np.nan)
    status = np.zeros(schedule.subjects, dtype=np.int64)
    jump = np.zeros((len(schedule.start), job.z0.shape[1]))
    jump[:, : len(rest.where)] = schedule.jumps[:, rest.where]
    jumps = (jump, np.ascontiguousarray(schedule.rates[:, rest.where]))
    slots = np.array(rest.rate_slots, dtype=np.int64)
    driver = job.block.driver(rest.driving)
    control = np.array([settings.rtol, float(settings.max_steps)])
    atol = job.absolute_tolerance
    announce(solver.solve_segments)

    def part(lo: int, hi: int) -> None:
        solver.solve_segments(
            lo, hi, rest.address, job.q0, job.z0, jumps, slots, job.block.lines, driver, control, atol, out, status
        )

    in_parts(part, schedule.subjects, settings.workers)
    return out, status
