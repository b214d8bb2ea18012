"""The time lines of many subjects, equal ones stored once, laid end to end for the solvers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.dosing import Dose
from pkpd.engine.timeline.proportional import arriving
from pkpd.engine.timeline.segments import LineLayout
from pkpd.engine.timeline.terms import Terms
from pkpd.engine.timeline.timeline import SegmentArrays, Timeline, build_timeline
from pkpd.errors import InputError

# Arrays whose entries stay as they are when time lines are laid end to end; the others count and are shifted.
_PER_SEGMENT = ("start", "end", "scale", "jumps", "rates", "segment_row", "djumps", "drates", "dstart", "dosed")


class Lines(NamedTuple):
    """What the solvers read of the time lines.

    Line of each subject (subjects,); where each line's segments begin (lines + 1,); start and end of the segments
    (segments,); first requested time of each (segments + lines,); the times (times,); where those of each line begin
    (lines + 1,); where each subject's rows begin (subjects + 1,).
    """

    line_of_subject: Any
    segments: Any
    start: Any
    end: Any
    first: Any
    time: Any
    times: Any
    rows: Any


class Asked(NamedTuple):
    """What time lines were made of, one item per subject; see `compiled.Compiled.schedule`."""

    doses: Sequence[Sequence[Dose]]
    times: Sequence[Any]
    after: Sequence[Any]
    changes: Sequence[Sequence[float]] | None
    dose_rows: Sequence[Sequence[int]] | None
    time_rows: Sequence[Sequence[int]] | None

    def of(self, subjects: Integers) -> Asked:
        """Return the same of some subjects."""
        return Asked(*(None if part is None else [part[i] for i in subjects] for part in self))


@dataclass(frozen=True, eq=False, kw_only=True)
class Schedule(SegmentArrays):
    """The time lines of many subjects, laid end to end; trains are counted through all of them.

    Attributes
    ----------
    line_of_subject : array of int, shape (subjects,)
        Time line of each subject.
    segments, times : arrays of int, shape (time lines + 1,)
        Where each time line's segments and requested times begin.
    rows : array of int, shape (subjects + 1,)
        Where each subject's rows begin in a result.
    first_row : array of int, shape (subjects + 1,)
        Where each subject's rows begin in the table of values.
    observed : array of int, shape (rows,), optional
        Row of the table of values with which every requested output is computed, in the order asked for, where it is
        not the one that holds at its time.
    source, past : arrays, optional
        For a model with event times: the row of the caller's table behind every row of values (value rows,), and
        which of these times are past in it (value rows × event times).
    asked : Asked, optional
        What it was made of, where it depends on values: they may have to be others.
    kept : dict
        What solvers have derived from it and may want again.
    """

    line_of_subject: Integers
    segments: Integers
    times: Integers
    rows: Integers
    first_row: Integers
    observed: Integers | None = None
    source: Integers | None = None
    past: Array | None = None
    asked: Asked | None = None
    kept: dict[str, Any] = field(default_factory=dict, init=False)

    @property
    def subjects(self) -> int:
        """Number of subjects."""
        return int(self.line_of_subject.size)

    @property
    def lines(self) -> Lines:
        """What the solvers read of the time lines."""
        return Lines(
            self.line_of_subject, self.segments, self.start, self.end, self.first, self.time, self.times, self.rows,
        )  # fmt: skip

    @cached_property
    def row_subject(self) -> Integers:
        """Subject index of every row."""
        return np.repeat(np.arange(self.subjects), np.diff(self.rows))

    @cached_property
    def _sorted(self) -> Integers:
        """Position in ``time`` of every row, sorted within its subject."""
        shift = self.times[self.line_of_subject] - self.rows[:-1]
        return np.arange(self.rows[-1]) + np.repeat(shift, np.diff(self.rows))

    @cached_property
    def row_time(self) -> Array:
        """Time of every row, sorted within its subject."""
        return self.time[self._sorted]

    @cached_property
    def row_values(self) -> Integers:
        """Row of the table of values for every row, sorted within its subject."""
        if self.observed is not None:
            return self.observed[self.order]
        holding: Integers = np.repeat(self.first_row[:-1], np.diff(self.rows)) + self._by_row(self.segment_row)
        return holding

    @cached_property
    def row_dosed(self) -> Array:
        """Time of the last dose for every row, sorted within its subject."""
        dosed: Array = self._by_row(self.dosed)
        return dosed

    def _by_row(self, of_segment: Any) -> Any:
        """What belongs to the segment in which every row stands."""
        line = np.repeat(np.arange(len(self.segments) - 1), np.diff(self.segments))
        at = np.arange(len(self.start)) + line
        return np.repeat(of_segment, self.first[at + 1] - self.first[at])[self._sorted]

    def part(self, subjects: slice | Integers) -> Schedule:
        """Return the schedule of some of the subjects; their rows of values follow one another."""
        chosen = np.arange(self.subjects)[subjects]
        kept, line_of_subject = np.unique(self.line_of_subject[chosen], return_inverse=True)
        of_segments = [slice(int(self.segments[w]), int(self.segments[w + 1])) for w in kept]
        of_times = [slice(int(self.times[w]), int(self.times[w + 1])) for w in kept]

        def joined(array: Any, pieces: list[slice]) -> Any:
            if len(pieces) == len(self.segments) - 1:
                return array
            return np.concatenate([array[p] for p in pieces]) if pieces else array[:0]

        segments, times = (_offsets([p.stop - p.start for p in pieces]) for pieces in (of_segments, of_times))
        first = [
            self.first[p.start + int(w) : p.stop + int(w) + 1] - self.times[w] + t
            for p, w, t in zip(of_segments, kept, times[:-1], strict=True)
        ]
        begins = joined(self.begins, of_segments)
        trains = sorted({int(k) for k in begins if k >= 0})
        begins = np.array([trains.index(k) if k >= 0 else k for k in begins], dtype=np.int64) if trains else begins
        sizes = np.diff(self.rows)[chosen]
        rows = _offsets(sizes)
        mine = np.repeat(self.rows[:-1][chosen] - rows[:-1], sizes) + np.arange(rows[-1])
        order = self.order[mine] - np.repeat(self.rows[:-1][chosen] - rows[:-1], sizes)
        first_row = _offsets(np.diff(self.first_row)[chosen])
        observed = None  # as are `source` and `past`: whoever cuts has put the values together
        if self.observed is not None:
            observed = self.observed[mine] - np.repeat(self.first_row[:-1][chosen] - first_row[:-1], sizes)
        return Schedule(
            line_of_subject=line_of_subject.astype(np.int64), segments=segments, times=times, begins=begins,
            trains=tuple(self.trains[k] for k in trains), first=np.concatenate(first),
            time=joined(self.time, of_times), rows=rows, order=order, first_row=first_row, observed=observed,
            **{name: joined(getattr(self, name), of_segments) for name in _PER_SEGMENT},
        )  # fmt: skip


def _offsets(sizes: Any) -> Integers:
    """Where each of several pieces begins when they are laid end to end, and where the last ends (pieces + 1)."""
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)


def schedule(
    doses: Sequence[Sequence[Dose]], times: Sequence[Any], after: Sequence[Any], entries: Mapping[str, int],
    states: Sequence[str] | int, terms: Sequence[Sequence[Terms]] | None = None,
    changes: Sequence[Sequence[float]] | None = None, derivatives: int = 0, tad: bool = False,
) -> Schedule:  # fmt: skip
    """Lay out the time lines of many subjects.

    Parameters
    ----------
    doses, times, after : sequences, one item per subject
        Doses, requested times and whether each means "after the dose" (or its place among
        them, as in `build_timeline`).
    entries : mapping
        Route → index of the state that it enters.
    states : sequence of str or int
        Names of the states (or how many there are: then no dose can name one).
    terms : sequence, one item per subject, optional
        What the model says of each dose; without it nothing is late, lost or modelled.
    changes : sequence, one item per subject, optional
        Times at which the subject's values change.
    derivatives : int
        Number of derivatives that the terms carry.
    tad : bool
        Whether the time after dose matters.
    """
    layout = LineLayout.of(entries, states, derivatives, tad)
    if not len(doses):
        raise InputError("there is no subject to solve")
    known: dict[Any, int] = {}
    templates: dict[Any, Timeline] = {}
    lines: list[Timeline] = []
    problems: list[str] = []
    line_of_subject = np.empty(len(doses), dtype=np.int64)
    changes = changes or [()] * len(doses)
    first_row = _offsets([1 + len(changed) for changed in changes])
    for k, (given, wanted, late) in enumerate(zip(doses, times, after, strict=True)):
        said = (terms[k] if terms is not None else None) or None
        if k and said is None and _same(k, doses, times, after, changes) and not problems:
            line_of_subject[k] = line_of_subject[k - 1]
            continue
        clock, flags, changed = np.asarray(wanted, dtype=float), np.asarray(late), changes[k]
        asked = (tuple(given), clock.tobytes(), flags.dtype, flags.tobytes())
        parts = arriving(given, said, layout) if said is not None and not len(changed) else None
        if parts is not None:
            if asked not in templates:
                templates[asked] = build_timeline(given, layout, clock, flags)
            line_of_subject[k] = len(lines)
            lines.append(templates[asked].scaled(parts))
            continue
        moving = tuple(changed), getattr(changed, "late", ()), getattr(changed, "key", b"")
        key = (*asked, moving) if said is None else k
        if key not in known:
            known[key] = len(lines)
            try:
                lines.append(build_timeline(given, layout, clock, flags, said, changed, int(first_row[k])))
            except InputError as error:
                who = f"subject {k + 1}: " if len(doses) > 1 else ""
                problems += [f"{who}{p}" for p in error.problems]
                known.pop(key)
                continue
        line_of_subject[k] = known[key]
    if problems:
        raise InputError(problems)
    return _end_to_end(lines, line_of_subject, first_row)


def _end_to_end(lines: Sequence[Timeline], line_of_subject: Integers, first_row: Integers) -> Schedule:
    """Lay time lines end to end: what counts segments, times, trains or rows is shifted by what stands before."""
    times = _offsets([line.time.size for line in lines])
    rows = _offsets(np.diff(times)[line_of_subject])
    trains = np.cumsum([0, *(len(line.trains) for line in lines)])
    begins = [
        np.where(line.begins >= 0, line.begins + before, line.begins)
        for line, before in zip(lines, trains, strict=False)
    ]
    order = [lines[w].order + r for w, r in zip(line_of_subject, rows[:-1], strict=True)]
    return Schedule(
        line_of_subject=line_of_subject, segments=_offsets([line.start.size for line in lines]), times=times,
        begins=np.concatenate(begins).astype(np.int64), trains=tuple(train for line in lines for train in line.trains),
        first=np.concatenate([line.first + t for line, t in zip(lines, times[:-1], strict=True)]),
        time=np.concatenate([line.time for line in lines]), rows=rows,
        order=np.concatenate(order).astype(np.int64), first_row=first_row,
        **{name: np.concatenate([getattr(line, name) for line in lines]) for name in _PER_SEGMENT},
    )  # fmt: skip


def _same(k: int, *parts: Sequence[Any]) -> bool:
    """Whether a subject's records are the very objects of the one before: then they need not be compared."""
    return all(part[k] is part[k - 1] for part in parts)
