"""What happens to the integrated states besides flowing, as arrays for the compiled solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.engine.rest import Job


def events_of(
    job: Job, steady: NDArray[np.float64], slot: NDArray[np.int64]
) -> tuple[NDArray[np.float64], tuple[Any, ...]]:
    """Return what `begin` reads, for all components, and the amounts that doses add by segment.

    Parameters
    ----------
    job : Job
        The run.
    steady, slot : arrays
        Steady states (rows × components), and the row at which each subject's would begin with train 0.
    """
    rest, plan = job.rest, job.schedule
    segments, width, p = len(plan.start), job.z0.shape[1], len(rest.system.sensitivities)
    scale, jump = np.ones((segments, width)), np.zeros((segments, width))
    n = len(rest.where)
    scale[:, :n], jump[:, :n] = plan.scale[:, rest.where], plan.jumps[:, rest.where]
    known = plan.dstart.shape[1] == p  # otherwise the doses depend on none of the parameters
    sizes = job.scale[plan.base[:-1]]
    owner = np.zeros(segments, dtype=np.int64)  # time lines whose doses depend on parameters have one subject each
    for i, line in enumerate(plan.which):
        owner[plan.segments[line] : plan.segments[line + 1]] = i
    for (i, j), k in rest.full.where.items():
        scale[:, k] = scale[:, i]
        if known:
            jump[:, k] = plan.djumps[:, j, rest.where[i]] * sizes[owner, j]
    slots = np.array([(rest.where[i], j) for i, j in rest.rate_slopes], dtype=np.int64).reshape(-1, 2)
    adds = np.array([a for _, a in plan.trains], dtype=np.int64)
    nothing = (np.zeros((segments, p, plan.jumps.shape[1])), np.zeros((segments, p)))
    drates, dstart = (plan.drates, plan.dstart) if known else nothing
    events = (
        plan.begins, plan.use, plan.base, scale, np.ascontiguousarray(steady), slot, adds,
        np.ascontiguousarray(drates), slots, np.ascontiguousarray(dstart), rest.places, np.ascontiguousarray(sizes),
    )  # fmt: skip
    return jump, events
