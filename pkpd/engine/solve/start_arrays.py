"""What happens to the integrated states besides flowing, as tables for the compiled loop."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.solve.integrated import IntegrationJob
from pkpd.engine.solve.segment_start import (
    ADDS,
    DOSED,
    END,
    FIRST,
    KIND,
    LAST,
    LINE,
    MOVES,
    PLACE,
    RESULT,
    ROW,
    SLOT,
    START,
    VALUES,
    Columns,
    StartTables,
)


def start_tables(job: IntegrationJob, steady: Array, slot: Integers) -> StartTables:
    """Return what `segment_start.begin_segment` reads.

    Parameters
    ----------
    job : IntegrationJob
        The run.
    steady, slot : arrays
        Steady states (rows × components), and the row at which each subject's would begin with train 0.
    """
    integrated, plan = job.integrated, job.schedule
    sizes = np.ascontiguousarray(job.scale[plan.first_row[:-1]])
    known = integrated.kept(plan).tables
    if "segments" not in known:
        known |= {"segments": _segments(job), "subjects": _subjects(job)}
    (segments, columns), subjects = known["segments"], known["subjects"]
    if plan.trains:
        subjects = subjects.copy()
        subjects[:, SLOT] = slot
    if columns.dstart < columns.width and plan.dstart.shape[1]:
        segments = segments.copy()
        _scale_jumps(job, segments[:, columns.jump : columns.rates], sizes)
    return StartTables(
        subjects, segments, np.concatenate([job.q0, job.z0], axis=1), job.modes.closed, np.ascontiguousarray(steady),
        integrated.places, sizes, columns,
    )  # fmt: skip


def _subjects(job: IntegrationJob) -> Integers:
    """What is told of every subject; the steady states are still to come."""
    plan, line = job.schedule, job.schedule.line_of_subject
    table = np.zeros((plan.subjects, SLOT + 1), dtype=np.int64)
    table[:, FIRST], table[:, LAST], table[:, LINE] = plan.segments[line], plan.segments[line + 1], line
    table[:, RESULT], table[:, ROW] = plan.rows[:-1] - plan.times[line], plan.first_row[:-1]
    table[:, PLACE] = job.block.begins[:-1]
    return table


def _segments(job: IntegrationJob) -> tuple[Array, Columns]:
    """What is told of every segment, and where the blocks of it begin."""
    integrated, plan, layout = job.integrated, job.schedule, job.integrated.structure
    n, width, pairs = len(integrated.where), job.z0.shape[1], layout.rate_sensitivities
    p = len(layout.sensitivities)
    second, known = layout.rate_curvatures, p > 0 and plan.dstart.shape[1] > 0
    columns = Columns(*np.cumsum([MOVES + 1, width, width, n, len(pairs) + len(second), p]).tolist())
    table = np.zeros((len(plan.start), columns.width))
    table[:, START], table[:, END], table[:, DOSED], table[:, KIND] = plan.start, plan.end, plan.dosed, plan.begins
    table[:, VALUES] = plan.segment_row
    if plan.trains:
        adds = np.array([a for _, a in plan.trains], dtype=float)
        table[:, ADDS] = np.where(plan.begins >= 0, adds[np.maximum(plan.begins, 0)], 0.0)
    scale, jump = table[:, columns.scale : columns.jump], table[:, columns.jump : columns.rates]
    scale[:] = plan.scale[:, integrated.where][:, integrated.state_of]
    jump[:, :n] = plan.jumps[:, integrated.where]
    table[:, columns.rates : columns.drates] = plan.rates[:, integrated.where]
    if known:  # otherwise the doses depend on none of the parameters
        table[:, columns.dstart :] = plan.dstart[:, :p]
        table[:, MOVES] = plan.dstart[:, :p].any(axis=1)
        for k, (i, j) in enumerate(pairs):
            table[:, columns.drates + k] = plan.drates[:, j, integrated.where[i]]
        for k, (i, a, b) in enumerate(second, start=len(pairs)):
            table[:, columns.drates + k] = plan.drates[:, p + layout.pairs.index((a, b)), integrated.where[i]]
    return table, columns


def _scale_jumps(job: IntegrationJob, jump: Array, sizes: Array) -> None:
    """Write what doses add to the sensitivities, in their scales (segments × components)."""
    plan, where, layout = job.schedule, job.integrated.where, job.integrated.structure
    owner, p = _owners(plan.line_of_subject, plan.segments), len(layout.sensitivities)
    first = [(i, j, (j,), k) for i, j, k in layout.where]
    second = [(i, p + layout.pairs.index((a, b)), (a, b), k) for i, a, b, k in layout.where2]
    for i, column, by, k in (*first, *second):
        djump = plan.djumps[:, column, where[i]]
        some = djump != 0  # a shared time line has none, and whoever owns it may have a scale that is no number
        jump[some, k] = djump[some] * sizes[owner[some]][:, by].prod(axis=1)


def _owners(line_of_subject: Integers, segments: Integers) -> Integers:
    """A subject of every segment; time lines whose doses depend on parameters have one subject each."""
    first = np.zeros(len(segments) - 1, dtype=np.int64)
    first[line_of_subject[::-1]] = np.arange(len(line_of_subject))[::-1]
    return np.repeat(first, np.diff(segments))
