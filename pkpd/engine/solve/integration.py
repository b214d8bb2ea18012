"""Which method integrates a job: an explicit one, the stiff one for what is stiff, SciPy's where numba is absent."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.machine.jit import AVAILABLE, announce
from pkpd.engine.solve import adaptive, scipy_solver, stiff
from pkpd.engine.solve.integrated import IntegrationJob
from pkpd.engine.solve.segment_start import Tables
from pkpd.engine.solve.start_arrays import start_tables
from pkpd.engine.solve.steady_integrated import steady_states
from pkpd.engine.status import NO_STEADY_STATE, STIFF, TOO_MANY, UNDERFLOW

_UNFINISHED = (STIFF, TOO_MANY, UNDERFLOW)  # what the stiff method may still solve


def integrate_job(job: IntegrationJob, who: Integers) -> tuple[Array, Integers]:
    """Return the integrated components (rows × components) and a status per subject, for the named subjects."""
    subjects = job.schedule.subjects
    steady, slot, good = (
        np.zeros((0, job.z0.shape[1])),
        np.zeros(subjects, dtype=np.int64),
        np.ones(subjects, dtype=bool),
    )
    if job.schedule.trains:
        steady, slot, good = steady_states(job, _from_steady)
    out, status = _integrate(job, who, start_tables(job, steady, slot))
    status = np.where(good, status, NO_STEADY_STATE)
    return out, status


def _from_steady(job: IntegrationJob, steady: Array) -> tuple[Array, Integers]:
    """Integrate a job in which subject i begins with steady state i."""
    everyone = np.arange(len(steady), dtype=np.int64)
    return _integrate(job, everyone, start_tables(job, steady, everyone))


def _integrate(job: IntegrationJob, who: Integers, begin: Tables) -> tuple[Array, Integers]:
    method = job.settings.method
    if not AVAILABLE:
        return scipy_solver.solve_with_scipy(job, who, "Radau" if method == "stiff" else "DOP853", begin)
    out = np.full((job.rows, job.z0.shape[1]), np.nan)
    status = np.zeros(job.schedule.subjects, dtype=np.int64)
    if method == "stiff":
        _stiff(job, who, begin, out, status)
        return out, status
    _lanes(job, who, begin, out, status)
    if method == "automatic":
        hard = np.flatnonzero(np.isin(status, _UNFINISHED))
        if hard.size:
            status[hard] = 0
            _stiff(job, hard, begin, out, status)
    return out, status


def _lanes(job: IntegrationJob, who: Integers, begin: Tables, out: Array, status: Integers) -> None:
    """Integrate the named subjects over lanes."""
    integrated = job.integrated
    _, method, sizes = integrated.method(job.settings)
    asked = adaptive.Asked(job.schedule.first, job.schedule.time)
    control = np.array([job.settings.rtol, job.part, float(job.settings.method == "automatic")])
    space = adaptive.space_of(sizes, out.shape[1], integrated.width)
    announce(adaptive.solve_lanes)
    adaptive.solve_lanes(who, method, (begin, asked, job.limits), control, space, out, status)


def _stiff(job: IntegrationJob, who: Integers, begin: Tables, out: Array, status: Integers) -> None:
    """Integrate the named subjects with the stiff method."""
    control = np.array([job.settings.rtol, float(job.settings.max_steps)])
    code = job.integrated.code
    model = (code.address("rhs_1"), code.address("jacobian_1"), job.integrated.width)
    announce(stiff.solve_stiff)
    stiff.solve_stiff(who, model, begin, job.schedule.lines, control, job.absolute_tolerance, out, status)
