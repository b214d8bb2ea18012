"""What happens to the integrated states besides flowing, as tables for the compiled loop."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.solve.integrated import IntegrationJob
from pkpd.engine.solve.segment_start import Columns, Tables


def start_tables(job: IntegrationJob, steady: Array, slot: Integers) -> Tables:
    """Return what `segment_start.begin_segment` reads.

    Parameters
    ----------
    job : IntegrationJob
        The run.
    steady, slot : arrays
        Steady states (rows × components), and the row at which each subject's would begin with train 0.
    """
    integrated, plan, layout = job.integrated, job.schedule, job.integrated.structure
    line, p = plan.line_of_subject, len(layout.sensitivities)
    begins = plan.segments[line]
    subjects = np.stack(
        [begins, plan.segments[line + 1], line, plan.rows[:-1] - plan.times[line], plan.first_row[:-1],
         job.block.begins[:-1], slot], axis=1,
    )  # fmt: skip
    n, width, pairs = len(integrated.where), job.z0.shape[1], layout.rate_sensitivities
    columns = Columns(*np.cumsum([7, width, width, n, len(pairs), p]).tolist())
    table = np.zeros((len(plan.start), columns.width))
    adds = np.array([a for _, a in plan.trains], dtype=float)
    table[:, 0], table[:, 1], table[:, 2], table[:, 3] = plan.start, plan.end, plan.dosed, plan.begins
    table[:, 4] = plan.segment_row
    if len(adds):
        table[:, 5] = np.where(plan.begins >= 0, adds[np.maximum(plan.begins, 0)], 0.0)
    scale, jump = table[:, columns.scale : columns.jump], table[:, columns.jump : columns.rates]
    scale[:, :n], jump[:, :n] = plan.scale[:, integrated.where], plan.jumps[:, integrated.where]
    table[:, columns.rates : columns.drates] = plan.rates[:, integrated.where]
    sizes = job.scale[plan.first_row[:-1]]
    known = p > 0 and plan.dstart.shape[1] == p  # otherwise the doses depend on none of the parameters
    if known:
        table[:, columns.dstart :] = plan.dstart
        table[:, 6] = plan.dstart.any(axis=1)
        for k, (i, j) in enumerate(pairs):
            table[:, columns.drates + k] = plan.drates[:, j, integrated.where[i]]
    owner = _owners(plan.line_of_subject, plan.segments) if known else np.empty(0, dtype=np.int64)
    for i, j, k in layout.where:
        scale[:, k] = scale[:, i]
        if known:
            djump = plan.djumps[:, j, integrated.where[i]]
            some = djump != 0  # a shared time line has none, and whoever owns it may have a scale that is no number
            jump[some, k] = djump[some] * sizes[owner[some], j]
    return Tables(
        subjects, table, np.concatenate([job.q0, job.z0], axis=1), job.modes.closed, np.ascontiguousarray(steady),
        integrated.places, np.ascontiguousarray(sizes), columns,
    )  # fmt: skip


def _owners(line_of_subject: Integers, segments: Integers) -> Integers:
    """A subject of every segment; time lines whose doses depend on parameters have one subject each."""
    first = np.zeros(len(segments) - 1, dtype=np.int64)
    first[line_of_subject[::-1]] = np.arange(len(line_of_subject))[::-1]
    return np.repeat(first, np.diff(segments))
