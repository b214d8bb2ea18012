"""The time lines of many subjects, equal ones stored once, laid end to end for the solvers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Dose
from pkpd.engine.timeline.at_once import LineRequests, lines_at_once
from pkpd.engine.timeline.columns import DoseColumns, TimeColumns
from pkpd.engine.timeline.dosing_terms import SaidOfDoses
from pkpd.engine.timeline.lines import PER_SEGMENT, LineArrays, laid_end_to_end, lengths, offsets, scaled, spread
from pkpd.engine.timeline.one_by_one import OneByOne
from pkpd.engine.timeline.segments import LineLayout
from pkpd.engine.timeline.terms import Terms
from pkpd.errors import DoseError, InputError


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


class LineRequest(NamedTuple):
    """What time lines were asked for, one item per subject; see `compiled.Compiled.schedule`."""

    doses: Sequence[Sequence[Dose]]
    times: Sequence[Any]
    after: Sequence[Any]
    changes: Sequence[Sequence[float]] | None
    dose_rows: Sequence[Sequence[int]] | None
    time_rows: Sequence[Sequence[int]] | None

    def of(self, subjects: Integers) -> LineRequest:
        """Return the same of some subjects."""

        def some(part: Any) -> Any:
            return None if part is None else [part[i] for i in subjects]

        return LineRequest(*map(some, self))


@dataclass(frozen=True, eq=False, kw_only=True)
class Schedule(LineArrays):
    """The time lines of many subjects, laid end to end; trains are counted through all of them.

    Attributes
    ----------
    line_of_subject : array of int, shape (subjects,)
        Time line of each subject.
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
    unsteady : array of bool, subjects, optional
        Who has a dose at steady state though equations change inside the interval that it repeats.
    request : LineRequest, optional
        What was asked for, where time lines depend on values: these may have to be others.
    kept : dict
        What solvers have derived from it and may want again.
    """

    line_of_subject: Integers
    rows: Integers
    first_row: Integers
    observed: Integers | None = None
    source: Integers | None = None
    past: Array | None = None
    unsteady: Flags | None = None
    request: LineRequest | None = None
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
        return np.arange(self.subjects).repeat(lengths(self.rows))

    @cached_property
    def _sorted(self) -> Integers:
        """Position in ``time`` of every row, sorted within its subject."""
        shift = self.times[self.line_of_subject] - self.rows[:-1]
        places: Integers = np.arange(self.rows[-1]) + shift.repeat(lengths(self.rows))
        return places

    @cached_property
    def row_time(self) -> Array:
        """Time of every row, sorted within its subject."""
        return self.time[self._sorted]

    @cached_property
    def row_values(self) -> Integers:
        """Row of the table of values for every row, sorted within its subject."""
        if self.observed is not None:
            return self.observed[self.order]
        holding: Integers = np.repeat(self.first_row[:-1], lengths(self.rows)) + self._by_row(self.segment_row)
        return holding

    @cached_property
    def row_dosed(self) -> Array:
        """Time of the last dose for every row, sorted within its subject."""
        dosed: Array = self._by_row(self.dosed)
        return dosed

    def _by_row(self, of_segment: Any) -> Any:
        """What belongs to the segment in which every row stands."""
        line = np.repeat(np.arange(len(self.segments) - 1), lengths(self.segments))
        at = np.arange(len(self.start)) + line
        return of_segment.repeat(self.first[at + 1] - self.first[at])[self._sorted]

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

        segments, times = (offsets([p.stop - p.start for p in pieces]) for pieces in (of_segments, of_times))
        first = [
            self.first[p.start + int(w) : p.stop + int(w) + 1] - self.times[w] + t
            for p, w, t in zip(of_segments, kept, times[:-1], strict=True)
        ]
        begins = joined(self.begins, of_segments)
        trains = sorted({int(k) for k in begins if k >= 0})
        begins = np.array([trains.index(k) if k >= 0 else k for k in begins], dtype=np.int64) if trains else begins
        sizes = lengths(self.rows)[chosen]
        rows = offsets(sizes)
        first_row = offsets(lengths(self.first_row)[chosen])
        observed = None  # as are `source` and `past`: whoever cuts has put the values together
        if isinstance(subjects, slice) and len(chosen) and chosen[-1] - chosen[0] == len(chosen) - 1:
            lo, hi = int(chosen[0]), int(chosen[-1]) + 1
            mine: Any = slice(int(self.rows[lo]), int(self.rows[hi]))
            shift, values_shift = self.rows[lo], self.first_row[lo]
        else:
            shift = np.repeat(self.rows[:-1][chosen] - rows[:-1], sizes)
            values_shift = np.repeat(self.first_row[:-1][chosen] - first_row[:-1], sizes)
            mine = shift + np.arange(rows[-1])
        order = self.order[mine] - shift
        if self.observed is not None:
            observed = self.observed[mine] - values_shift
        return Schedule(
            line_of_subject=line_of_subject.astype(np.int64), segments=segments, times=times, begins=begins,
            trains=tuple(self.trains[k] for k in trains), first=np.concatenate(first),
            time=joined(self.time, of_times), rows=rows, order=order, first_row=first_row, observed=observed,
            **{name: joined(getattr(self, name), of_segments) for name in PER_SEGMENT},
        )  # fmt: skip


_COUNTED = ("begins", "trains", "first", "time", "segments", "times")


class SubjectPlans(NamedTuple):
    """What the time lines of many subjects are made of; sequences have one item per subject.

    Attributes
    ----------
    doses, times, after : sequences
        Doses, requested times and whether each means "after the dose".
    terms : SaidOfDoses, sequence or None
        What the model says of each dose.
    changes : sequence
        Times at which the subject's values change.
    first_row : array of int, shape (subjects + 1,)
        Where each subject's rows begin in the table of values.
    """

    doses: Sequence[Sequence[Dose]]
    times: Sequence[Any]
    after: Sequence[Any]
    terms: SaidOfDoses | Sequence[Sequence[Terms]] | None
    changes: Sequence[Sequence[float]]
    first_row: Integers


def schedule(
    doses: Sequence[Sequence[Dose]], times: Sequence[Any], after: Sequence[Any], entries: Mapping[str, int],
    states: Sequence[str] | int, terms: SaidOfDoses | Sequence[Sequence[Terms]] | None = None,
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
    terms : SaidOfDoses or sequence, one item per subject, optional
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
    changes = changes or [()] * len(doses)
    asked = SubjectPlans(doses, times, after, terms, changes, offsets([1 + len(changed) for changed in changes]))
    return _of_subjects(*_lines(asked, layout), asked.first_row)


def _lines(asked: SubjectPlans, layout: LineLayout) -> tuple[LineArrays, Integers]:
    """The time lines that differ, in the order of the first subject of each, and which of them each subject has."""
    dose_columns, time_columns = DoseColumns(asked.doses, layout), TimeColumns(asked.times, asked.after)
    simple = dose_columns.simple[dose_columns.of_subject] & time_columns.simple[time_columns.of_subject]
    simple &= lengths(asked.first_row) == 1
    if layout.tad or not isinstance(asked.terms, SaidOfDoses | None):
        simple[:] = False
    at_once, line_of_subject = _at_once(asked, dose_columns, time_columns, layout, np.flatnonzero(simple))
    left = np.flatnonzero(line_of_subject < 0)
    if not left.size and at_once is not None:
        return at_once, line_of_subject
    built = OneByOne(layout)
    found: list[tuple[int | None, int | None, str]] = []
    for k in left.tolist():
        said = asked.terms[k] if asked.terms is not None else ()
        try:
            own = (asked.doses[k], (asked.times[k], asked.after[k]), said, asked.changes[k], int(asked.first_row[k]))
            line_of_subject[k] = built.line(*own)
        except DoseError as error:
            found += error.of_subject(k).found
    if found:
        raise DoseError(found)
    before = len(at_once.segments) - 1 if at_once is not None else 0
    line_of_subject[left] += before
    first, number = _first_of_each(line_of_subject)  # lines are counted as their first subjects are
    lines = [*([at_once.line(k) for k in range(before)] if at_once is not None else ()), *built.lines]
    return laid_end_to_end([lines[k] for k in line_of_subject[first]]), number


def _at_once(
    asked: SubjectPlans, doses: DoseColumns, times: TimeColumns, layout: LineLayout, who: Integers
) -> tuple[LineArrays | None, Integers]:
    """The lines of simple subjects, and which of them each has; -1: none."""
    line_of_subject = np.full(len(asked.doses), -1, dtype=np.int64)
    said = asked.terms if isinstance(asked.terms, SaidOfDoses) else None
    row = np.full(len(who), -1, dtype=np.int64)
    if said is not None:
        row[:] = [said.first_row(k) for k in who.tolist()]
    requests = LineRequests(doses, times, doses.of_subject[who], times.of_subject[who], row, said)
    whole = requests.dose_set * len(times.begin) + requests.time_set
    if said is None:
        built, which = _first_of_each(whole)
        lines, sound = lines_at_once(requests.chosen(built), layout)
        if sound.all():
            line_of_subject[who] = which
            return lines, line_of_subject
    parts, in_part = _arriving(requests, layout)
    # Lines are built of whole doses, and for who has doses that are late or modelled; the others share them.
    row = np.where(in_part, -1, row)
    built, which = _first_of_each(np.where(row >= 0, -1 - np.arange(len(who)), whole))
    lines, sound = lines_at_once(requests._replace(row=row).chosen(built), layout)
    number = np.where(sound, np.cumsum(sound) - 1, -1)[which]
    good = np.flatnonzero(number >= 0)
    # Whoever has something said of the doses has a line alone.
    first, line_of_subject[who[good]] = _first_of_each(np.where(in_part, -1 - np.arange(len(who)), number)[good])
    if in_part.any():
        lines = scaled(lines, number[good[first]], parts[good[first]], in_part[good[first]])
    return (lines if good.size else None), line_of_subject


def _first_of_each(keys: Integers) -> tuple[Integers, Integers]:
    """Return where each key stands first, in that order, and which of these belongs to each."""
    if len(keys) == 1:
        return np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse]


def _arriving(requests: LineRequests, layout: LineLayout) -> tuple[Array, Flags]:
    """What arrives of doses into every state, and on which lines that is all that is said of them.

    As `proportional.arriving`, for many; shapes (lines, states, 1 + derivatives) and (lines,).
    """
    doses, lines = requests.doses, len(requests.dose_set)
    parts = np.zeros((lines, len(layout.states), 1 + layout.derivatives))
    parts[:, :, 0] = 1.0
    said = requests.row >= 0
    if not said.any():
        return parts, said
    place, sizes = doses.of(requests.dose_set)
    line, state = np.arange(lines).repeat(sizes), doses.state[place]
    late = requests.duals("lag", place, line, layout.derivatives).any(axis=1)
    arriving = requests.duals("bioavailability", place, line, layout.derivatives)
    parts[line, state] = arriving
    if requests.said is not None and requests.said.by_amount:  # doses into one state may arrive in different parts
        late |= (parts[line, state] != arriving).any(axis=1)
    timely = np.bincount(line[late], minlength=lines) == 0
    return parts, timely & doses.proportional[requests.dose_set] & said


def _of_subjects(lines: LineArrays, line_of_subject: Integers, first_row: Integers) -> Schedule:
    """Say which subject has which line, and in which order the rows of each were asked for."""
    many = lengths(lines.times)[line_of_subject]
    rows = offsets(many)
    asked = lines.order[spread(lines.times[line_of_subject], many)]
    own = {name: getattr(lines, name) for name in (*PER_SEGMENT, *_COUNTED)}
    order = asked + rows[:-1].repeat(many)
    return Schedule(line_of_subject=line_of_subject, rows=rows, order=order, first_row=first_row, **own)
