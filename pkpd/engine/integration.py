"""Which solver integrates a job: the explicit one, the stiff one for what is stiff, SciPy's where numba is absent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.engine import scipy_solver, solver, stiff
from pkpd.engine.closed_form import NO_STEADY_STATE
from pkpd.engine.events import events_of
from pkpd.engine.jit import AVAILABLE, announce
from pkpd.engine.periodic import steady_states
from pkpd.engine.rest import Job
from pkpd.engine.threads import in_parts

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
_UNFINISHED = (solver.STIFF, solver.TOO_MANY, solver.UNDERFLOW)  # what the stiff method may still solve


def integrate_job(job: Job) -> tuple[Array, Integers]:
    """Return the integrated components (rows × components) and a status per subject."""
    subjects = job.schedule.subjects
    steady, slot, good = (
        np.zeros((0, job.z0.shape[1])),
        np.zeros(subjects, dtype=np.int64),
        np.ones(subjects, dtype=bool),
    )
    if job.schedule.trains:
        steady, slot, good = steady_states(job, _from_steady)
    out, status = _integrate(job, *events_of(job, steady, slot))
    status = np.where(good, status, NO_STEADY_STATE)
    return out, status


def _from_steady(job: Job, steady: Array) -> tuple[Array, Integers]:
    """Integrate a job in which subject i begins with steady state i."""
    return _integrate(job, *events_of(job, steady, np.arange(len(steady), dtype=np.int64)))


def _integrate(job: Job, jump: Array, events: tuple[Any, ...]) -> tuple[Array, Integers]:
    everyone = np.arange(job.schedule.subjects)
    method = job.settings.method
    if not AVAILABLE:
        return scipy_solver.solve(job, everyone, "Radau" if method == "stiff" else "DOP853", (jump, events))
    out = np.full((job.rows, job.z0.shape[1]), np.nan)
    status = np.zeros(job.schedule.subjects, dtype=np.int64)
    given = (*_given(job, jump), events)
    if method == "stiff":
        _stiff(job, everyone, given, out, status)
        return out, status
    _explicit(job, given, out, status)
    if method == "automatic":
        hard = np.flatnonzero(np.isin(status, _UNFINISHED))
        if hard.size:
            _stiff(job, hard, given, out, status)
    return out, status


def _explicit(job: Job, given: tuple[Any, ...], out: Array, status: Integers) -> None:
    """Integrate everyone with the explicit method; only where another can follow does it stop at stiffness."""
    report = 1.0 if job.settings.method == "automatic" else 0.0
    control = np.array([job.settings.rtol, float(job.settings.max_steps), report])
    atol, rest = job.absolute_tolerance, job.rest
    announce(solver.solve_segments)

    def part(lo: int, hi: int) -> None:
        solver.solve_segments(lo, hi, rest.address, *given, control, atol, out, status)

    in_parts(part, job.schedule.subjects, job.settings.workers)


def _stiff(job: Job, who: Integers, given: tuple[Any, ...], out: Array, status: Integers) -> None:
    """Integrate the named subjects with the stiff method."""
    control = np.array([job.settings.rtol, float(job.settings.max_steps)])
    atol, places = job.absolute_tolerance, job.rest.places
    model = (job.rest.address, job.rest.jacobian)
    announce(stiff.solve_segments)

    def part(lo: int, hi: int) -> None:
        stiff.solve_segments(lo, hi, who, model, *given, places, control, atol, out, status)

    in_parts(part, who.size, job.settings.workers)


def _given(job: Job, jump: Array) -> tuple[Any, ...]:
    """Values, initial states, doses, time lines and the driving block, as both compiled solvers read them."""
    rest, schedule = job.rest, job.schedule
    jumps = (jump, np.ascontiguousarray(schedule.rates[:, rest.where]))
    slots = np.array(rest.rate_slots, dtype=np.int64)
    return job.q0, job.z0, jumps, slots, job.block.lines, job.block.driver(rest.driving)
