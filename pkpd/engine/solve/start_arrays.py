"""What happens to the integrated states besides flowing, as arrays for the compiled solvers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.solve.integrated import Job


def events_of(job: Job, steady: Array, slot: Integers) -> tuple[Any, ...]:
    """Return what `entry.begin` reads.

    Parameters
    ----------
    job : Job
        The run.
    steady, slot : arrays
        Steady states (rows × components), and the row at which each subject's would begin with train 0.
    """
    rest, plan = job.rest, job.schedule
    segments, width, p = len(plan.start), job.z0.shape[1], len(rest.structure.sensitivities)
    scale, jump = np.ones((segments, width)), np.zeros((segments, width))
    n = len(rest.where)
    scale[:, :n], jump[:, :n] = plan.scale[:, rest.where], plan.jumps[:, rest.where]
    known = p > 0 and plan.dstart.shape[1] == p  # otherwise the doses depend on none of the parameters
    sizes = job.scale[plan.base[:-1]]
    owner = np.zeros(segments, dtype=np.int64)  # time lines whose doses depend on parameters have one subject each
    owner[:] = np.repeat(_first_subject(plan.which, len(plan.segments) - 1), np.diff(plan.segments))
    for i, j, k in rest.structure.where:
        scale[:, k] = scale[:, i]
        if known:
            slope = plan.djumps[:, j, rest.where[i]]
            some = slope != 0  # a shared time line has none, and whoever owns it may have a scale that is no number
            jump[some, k] = slope[some] * sizes[owner[some], j]
    slopes = np.array(rest.structure.rate_slopes, dtype=np.int64).reshape(-1, 2)
    adds = np.array([a for _, a in plan.trains], dtype=np.int64)
    dstart, drates = np.zeros((segments, p)), np.zeros((segments, p, n))
    if known:
        dstart, drates = np.ascontiguousarray(plan.dstart), np.ascontiguousarray(plan.drates[:, :, rest.where])
    return (
        (job.q0, job.z0),
        (jump, np.ascontiguousarray(plan.rates[:, rest.where]), drates, slopes, plan.dosed),
        (plan.begins, plan.use, plan.base, scale, np.ascontiguousarray(steady), slot, adds),
        (dstart, rest.places, np.ascontiguousarray(sizes)),
        job.modes.driver,
    )


def _first_subject(which: Integers, lines: int) -> Integers:
    """A subject of every time line."""
    found = np.zeros(lines, dtype=np.int64)
    found[which[::-1]] = np.arange(len(which))[::-1]
    return found
