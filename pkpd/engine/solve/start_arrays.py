"""What happens to the integrated states besides flowing, as arrays for the compiled solvers."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.solve.integrated import IntegrationJob
from pkpd.engine.solve.segment_start import Begin, Doses, Marks, Moves, Values


def start_arrays_of(job: IntegrationJob, steady: Array, slot: Integers) -> Begin:
    """Return what `segment_start.begin_segment` reads.

    Parameters
    ----------
    job : IntegrationJob
        The run.
    steady, slot : arrays
        Steady states (rows × components), and the row at which each subject's would begin with train 0.
    """
    integrated, plan = job.integrated, job.schedule
    segments, width, p = len(plan.start), job.z0.shape[1], len(integrated.structure.sensitivities)
    scale, jump = np.ones((segments, width)), np.zeros((segments, width))
    n = len(integrated.where)
    scale[:, :n], jump[:, :n] = plan.scale[:, integrated.where], plan.jumps[:, integrated.where]
    known = p > 0 and plan.dstart.shape[1] == p  # otherwise the doses depend on none of the parameters
    sizes = job.scale[plan.first_row[:-1]]
    owner = np.zeros(segments, dtype=np.int64)  # time lines whose doses depend on parameters have one subject each
    owner[:] = np.repeat(_first_subject(plan.line_of_subject, len(plan.segments) - 1), np.diff(plan.segments))
    for i, j, k in integrated.structure.where:
        scale[:, k] = scale[:, i]
        if known:
            djump = plan.djumps[:, j, integrated.where[i]]
            some = djump != 0  # a shared time line has none, and whoever owns it may have a scale that is no number
            jump[some, k] = djump[some] * sizes[owner[some], j]
    rate_pairs = np.array(integrated.structure.rate_sensitivities, dtype=np.int64).reshape(-1, 2)
    adds = np.array([a for _, a in plan.trains], dtype=np.int64)
    dstart, drates = np.zeros((segments, p)), np.zeros((segments, p, n))
    if known:
        dstart, drates = np.ascontiguousarray(plan.dstart), np.ascontiguousarray(plan.drates[:, :, integrated.where])
    rates = np.ascontiguousarray(plan.rates[:, integrated.where])
    return Begin(
        Values(job.q0, job.z0),
        Doses(jump, rates, drates, rate_pairs, plan.dosed),
        Marks(plan.begins, plan.segment_row, plan.first_row, scale, np.ascontiguousarray(steady), slot, adds),
        Moves(dstart, integrated.places, np.ascontiguousarray(sizes)),
        job.modes.driver,
    )


def _first_subject(line_of_subject: Integers, lines: int) -> Integers:
    """A subject of every time line."""
    first = np.zeros(lines, dtype=np.int64)
    first[line_of_subject[::-1]] = np.arange(len(line_of_subject))[::-1]
    return first
