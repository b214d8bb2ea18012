"""Which method integrates a job: an explicit one, the stiff one for what is stiff, SciPy's where numba is absent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine.machine.jit import AVAILABLE, announce
from pkpd.engine.machine.rows import kept_array
from pkpd.engine.solve import adaptive, scipy_solver
from pkpd.engine.solve.integrated import Chosen, IntegrationJob
from pkpd.engine.solve.limits import STEPS
from pkpd.engine.solve.segment_start import StartTables
from pkpd.engine.solve.start_arrays import start_tables
from pkpd.engine.solve.steady_integrated import steady_states
from pkpd.engine.status import OK, STIFF, STILL_TOO_MANY, TOO_MANY, UNDERFLOW

_UNFINISHED = (STIFF, TOO_MANY, UNDERFLOW)  # what the stiff method may still solve


def integrate_job(job: IntegrationJob, who: Integers) -> tuple[Array, Integers, Flags]:
    """Return the integrated components (rows × components), a status per subject and whether the method for stiff
    equations was used, for the named subjects."""
    subjects = job.schedule.subjects
    steady, slot, none = np.zeros((0, job.z0.shape[1])), *np.zeros((2, subjects), dtype=np.int64)
    if job.schedule.trains:
        steady, slot, none = steady_states(job, _from_steady)
    out, status, hard = _integrate(job, who, start_tables(job, steady, slot))
    return out, np.where(none == OK, status, none), hard


def _from_steady(job: IntegrationJob, steady: Array) -> tuple[Array, Integers]:
    """Integrate a job in which subject i begins with steady state i."""
    everyone = np.arange(len(steady), dtype=np.int64)
    return _integrate(job, everyone, start_tables(job, steady, everyone))[:2]


def _integrate(job: IntegrationJob, who: Integers, begin: StartTables) -> tuple[Array, Integers, Flags]:
    method = job.settings.method
    if not AVAILABLE:
        solved = scipy_solver.solve_with_scipy(job, who, "Radau" if method == "stiff" else "DOP853", begin)
        return *solved, np.full(job.schedule.subjects, method == "stiff")
    subjects, chosen = job.schedule.subjects, job.integrated
    run = _Run(
        job,
        begin,
        kept_array("integrated", (job.rows, job.z0.shape[1]), np.nan),
        np.zeros(subjects, dtype=np.int64),
        np.zeros(subjects, dtype=bool),
    )
    most = job.most_steps
    if method == "stiff":
        _lanes(run, who, chosen.stiff_method(job.settings), most)
    elif method == "explicit":
        _lanes(run, who, chosen.method(job.settings), most)
    else:
        _automatic(run, who, most)
    return run.out, run.status, run.stiff


class _Run(NamedTuple):
    """A job, what happens when its segments begin, and what is written: the vector by row; by subject the status, and
    whether the method for stiff equations was the last to try."""

    job: IntegrationJob
    begin: StartTables
    out: Array
    status: Integers
    stiff: Flags


def _automatic(run: _Run, who: Integers, most: Array) -> None:
    """Integrate by the explicit method, and what proves stiff, or cannot be finished, by the stiff one.

    What proves stiff may cost the stiff method, by count, twice what it would have cost the explicit one, which else
    finishes it.
    """
    job = run.job
    first = job.integrated.method(job.settings)
    to_come = _lanes(run, who, first, most, report=True)
    if not run.status.any():
        return
    hard, proved = np.flatnonzero(_any_of(run.status, _UNFINISHED)), run.status == STIFF
    if hard.size:
        second = job.integrated.stiff_method(job.settings)
        as_much = to_come * (2 * first.cost / second.cost)
        _lanes(run, hard, second, np.where(proved, np.minimum(most, as_much), most))
        again = np.flatnonzero(proved & _any_of(run.status, (STILL_TOO_MANY, UNDERFLOW)))
        if again.size:
            _lanes(run, again, first, most)


def _any_of(status: Integers, some: tuple[int, ...]) -> Flags:
    """Return where a status is one of some; `numpy.isin` would take longer than the equations of one subject."""
    found: Flags = status == some[0]
    for each in some[1:]:
        found |= status == each
    return found


def _lanes(run: _Run, who: Integers, chosen: Chosen, most: Array, report: bool = False) -> Array:
    """Integrate the named subjects over lanes, with so many steps at most; return how many would have been to come.

    `report` asks for subjects whose equations prove stiff to be given up.
    """
    job = run.job
    run.status[who] = OK
    run.stiff[who] = chosen.stiff
    limits = job.limits
    limits[:, STEPS] = most  # the loop leaves there what would have been to come
    asked = adaptive.RequestedTimes(job.schedule.first, job.schedule.time)
    control = np.array([job.rtol, job.part, float(report)])
    watch, parameters = chosen.method.watch, len(job.integrated.places)
    watched = watch.many, watch.timed, watch.waves, parameters
    space = adaptive.space_of(chosen.sizes, run.out.shape[1], job.integrated.width, watched)
    announce(adaptive.solve_lanes)
    adaptive.solve_lanes(who, chosen.method, (run.begin, asked, limits), control, space, run.out, run.status)
    if chosen.stiff:
        run.status[who] = np.where(run.status[who] == TOO_MANY, STILL_TOO_MANY, run.status[who])
    return limits[:, STEPS].copy()
