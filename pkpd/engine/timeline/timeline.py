"""A subject's doses, changes and sample times as segments: inside one, everything is smooth.

Doses, starts and ends of infusions, resets and changes of covariates cut the time line. Every requested time belongs to
exactly one segment, which settles the rule for equal times once: *before* a dose is the end of the segment that it
closes, *after* is the start of the next. What happens at one time in an order makes segments without length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.arrays import Array, Integers
from pkpd.dosing import Dose
from pkpd.engine.timeline.deliveries import Train, plan
from pkpd.engine.timeline.proportional import arriving
from pkpd.engine.timeline.segments import FIRST, KEEP, LAST, RESTART, Layout, cut, happenings, placed
from pkpd.engine.timeline.terms import Clock, Terms
from pkpd.errors import InputError
from pkpd.records import Changes

__all__ = ["KEEP", "RESTART", "Layout", "Schedule", "Timeline", "build", "schedule"]

_PARTS = ("scale", "jumps", "rates", "begins", "use", "djumps", "drates", "dstart")


@dataclass(frozen=True, eq=False)
class Timeline:
    """One subject's segments.

    Attributes
    ----------
    start, end : arrays, shape (segments,)
        Where each segment begins and ends.
    scale, jumps, rates : arrays, shape (segments, states)
        What each state is multiplied with and what is added at the start of the segment, and per unit time during it.
    begins : array of int, shape (segments,)
        `KEEP` the state, `RESTART` from the initial values, or the number of the train whose steady state begins.
    use : array of int, shape (segments,)
        Which of the subject's rows of values holds in the segment.
    djumps, drates : arrays, shape (segments, slopes, states)
        Derivatives of jumps and rates with respect to the parameters asked for.
    dstart : array, shape (segments, slopes)
        Derivatives of the time at which the segment begins.
    dosed : array, shape (segments,)
        Time of the last dose (its record; a lag does not count); infinite before the first.
    trains : tuple of (Train, bool)
        Doses repeated for ever, and whether their steady state is added to what is there.
    first : array, shape (segments + 1,)
        Requested times ``first[k]:first[k + 1]`` (in sorted order) belong to segment k.
    times : array, shape (times,)
        The requested times, sorted.
    order : array, shape (times,)
        ``order[k]`` is the position, as asked, of the k-th sorted time.
    """

    start: Array
    end: Array
    scale: Array
    jumps: Array
    rates: Array
    begins: Integers
    use: Integers
    djumps: Array
    drates: Array
    dstart: Array
    dosed: Array
    trains: tuple[tuple[Train, bool], ...]
    first: Integers
    times: Array
    order: Integers

    def scaled(self, parts: Array) -> Timeline:
        """Return the time line of whole doses with what arrives of them (states × (1 + slopes))."""
        part, slopes = parts[:, 0], parts[:, 1:].T
        return replace(
            self, jumps=self.jumps * part, rates=self.rates * part,
            djumps=self.jumps[:, None, :] * slopes, drates=self.rates[:, None, :] * slopes,
        )  # fmt: skip


def build(
    doses: Sequence[Dose], layout: Layout, times: Array, after: NDArray[Any],
    terms: Sequence[Terms] | None = None, changes: Sequence[float] = (), row: int = 0,
) -> Timeline:  # fmt: skip
    """Cut one subject's time line.

    The initial values hold at time 0, or at the first dose or requested time if that is earlier.

    Parameters
    ----------
    doses : sequence of Dose
        In the engine's units; records at one time act in their order.
    layout : Layout
        Where doses enter.
    times : array, shape (times,)
        Requested times in any order.
    after : array of bool or int, shape (times,)
        Whether a time that coincides with a dose means the value after it; or how many of the doses, which then stand
        in order of time, come before it.
    terms : sequence of Terms, optional
        What the model says of each dose.
    changes : sequence of float
        Times from which the subject's second, third … row of values holds (`pkpd.records.Changes`).
    row : int
        The subject's first row of values.

    Raises
    ------
    InputError
        If the model has no entry for a route, or a time is not finite.
    """
    ordered = sorted(range(len(doses)), key=lambda k: doses[k].time)
    given = terms or [Terms.plain(layout.slopes)] * len(doses)
    problems: list[str] = [] if np.isfinite(times).all() else ["a requested time is not finite"]
    chosen, until = [doses[k] for k in ordered], float(times.max(initial=-np.inf))
    moments = changes if isinstance(changes, Changes) else Changes(changes)
    clock = Clock(row, moments) if terms and moments else None
    try:
        steps = plan(chosen, [given[k] for k in ordered], layout.entries, layout.states, until, clock).steps
    except InputError as error:
        problems = [*error.problems, *problems]
    if problems:
        raise InputError(problems)
    exact = after.dtype != np.bool_
    position = after.astype(np.int64) if exact else np.where(after, LAST + 1, FIRST)
    order = np.lexsort((position, times))
    wanted = times[order]
    given_at = record_times(chosen, until) if layout.tad else np.empty(0)
    instants = happenings(steps, moments, given_at.tolist())
    begin = min([0.0, *(i.time for i in instants[:1]), *wanted[:1]])
    finish = float(wanted[-1]) if wanted.size else begin
    rows = cut(instants, begin, finish, layout, exact)
    start = np.array([row.time for row in rows])
    last = np.searchsorted(given_at, start, side="right") - 1
    last[0] = np.searchsorted(given_at, start[0]) - 1  # the first segment stands before whatever happens at its time
    dosed = np.where(last >= 0, given_at[np.maximum(last, 0)], np.inf) if len(given_at) else np.full(len(rows), np.inf)
    segment = placed(start, [row.record for row in rows], wanted, position[order])
    first = np.searchsorted(segment, np.arange(start.size + 1))
    parts: dict[str, Any] = {part: np.array([getattr(row, part) for row in rows]) for part in _PARTS}
    marks = [row.mark for row in rows if row.mark is not None]
    return Timeline(
        start=start, end=np.append(start[1:], finish), dosed=dosed, first=first.astype(np.int64), times=wanted,
        order=order.astype(np.int64), trains=tuple((m.train, m.adds) for m in marks if m.train is not None), **parts,
    )  # fmt: skip


def record_times(doses: Sequence[Dose], until: float) -> Array:
    """Times of all dose records, additional ones too, up to the last time of interest."""
    found = []
    for dose in doses:
        if dose.amount > 0 or dose.rate > 0:
            seen = (until - dose.time) // dose.interval if dose.additional else 0.0
            found += [dose.time + k * dose.interval for k in range(int(min(dose.additional, max(seen, 0.0))) + 1)]
    return np.unique(np.array(found))


@dataclass(frozen=True, eq=False)
class Schedule:
    """The time lines of many subjects, equal ones stored once, laid end to end for the solver.

    Attributes
    ----------
    which : array, shape (subjects,)
        Time line of each subject.
    segments, times : arrays, shape (time lines + 1,)
        Where each time line's segments and requested times begin.
    rows : array, shape (subjects + 1,)
        Where each subject's rows begin in a result.
    order : array, shape (rows,)
        Row (sorted within its subject) → row as asked.
    base : array, shape (subjects + 1,)
        Where each subject's rows begin in the table of values.
    begins : array, shape (segments,)
        As in `Timeline`, with trains counted through all time lines.
    observed : array, shape (rows,), optional
        Row of the table of values with which every requested output is computed, in the order asked for, where it is
        not the one that holds at its time.
    source, past : arrays, optional
        For a model with times of its own: the row of the caller's table behind every row of values, and which of these
        times are past in it (rows × times).
    """

    which: Integers
    segments: Integers
    times: Integers
    start: Array
    end: Array
    scale: Array
    jumps: Array
    rates: Array
    begins: Integers
    use: Integers
    djumps: Array
    drates: Array
    dstart: Array
    dosed: Array
    trains: tuple[tuple[Train, bool], ...]
    first: Integers
    time: Array
    rows: Integers
    order: Integers
    base: Integers
    observed: Integers | None = None
    source: Integers | None = None
    past: Array | None = None

    @property
    def subjects(self) -> int:
        """Number of subjects."""
        return int(self.which.size)

    @property
    def lines(self) -> tuple[Any, ...]:
        """What the solvers read of the time lines."""
        return self.which, self.segments, self.start, self.end, self.first, self.time, self.times, self.rows

    @cached_property
    def row_subject(self) -> Integers:
        """Subject index of every row."""
        return np.repeat(np.arange(self.subjects), np.diff(self.rows))

    @cached_property
    def _sorted(self) -> Integers:
        """Position in ``time`` of every row, sorted within its subject."""
        shift = self.times[self.which] - self.rows[:-1]
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
        found: Integers = np.repeat(self.base[:-1], np.diff(self.rows)) + self._by_row(self.use)
        return found

    @cached_property
    def row_dosed(self) -> Array:
        """Time of the last dose for every row, sorted within its subject."""
        found: Array = self._by_row(self.dosed)
        return found

    def _by_row(self, of_segment: Any) -> Any:
        """What belongs to the segment in which every row stands."""
        line = np.repeat(np.arange(len(self.segments) - 1), np.diff(self.segments))
        at = np.arange(len(self.start)) + line
        return np.repeat(of_segment, self.first[at + 1] - self.first[at])[self._sorted]

    def part(self, subjects: slice | Integers) -> Schedule:
        """Return the schedule of some of the subjects; their rows of values follow one another."""
        chosen = np.arange(self.subjects)[subjects]
        known, which = np.unique(self.which[chosen], return_inverse=True)
        one = [slice(int(self.segments[w]), int(self.segments[w + 1])) for w in known]
        seconds = [slice(int(self.times[w]), int(self.times[w + 1])) for w in known]

        def joined(array: Any, pieces: list[slice]) -> Any:
            if len(pieces) == len(self.segments) - 1:
                return array
            return np.concatenate([array[p] for p in pieces]) if pieces else array[:0]

        segments, times = (
            np.concatenate(([0], np.cumsum([p.stop - p.start for p in pieces]))).astype(np.int64)
            for pieces in (one, seconds)
        )
        first = [
            self.first[p.start + int(w) : p.stop + int(w) + 1] - self.times[w] + t
            for p, w, t in zip(one, known, times[:-1], strict=True)
        ]
        begins = joined(self.begins, one)
        trains = sorted({int(k) for k in begins if k >= 0})
        begins = np.array([trains.index(k) if k >= 0 else k for k in begins], dtype=np.int64) if trains else begins
        sizes = np.diff(self.rows)[chosen]
        rows = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        mine = np.repeat(self.rows[:-1][chosen] - rows[:-1], sizes) + np.arange(rows[-1])
        order = self.order[mine] - np.repeat(self.rows[:-1][chosen] - rows[:-1], sizes)
        base = np.concatenate(([0], np.cumsum(np.diff(self.base)[chosen]))).astype(np.int64)
        observed = None  # as are `source` and `past`: whoever cuts has put the values together
        if self.observed is not None:
            observed = self.observed[mine] - np.repeat(self.base[:-1][chosen] - base[:-1], sizes)
        parts = {
            part: joined(getattr(self, part), one)
            for part in ("start", "end", "scale", "jumps", "rates", "use", "djumps", "drates", "dstart", "dosed")
        }
        return Schedule(
            which.astype(np.int64), segments, times, begins=begins, trains=tuple(self.trains[k] for k in trains),
            first=np.concatenate(first), time=joined(self.time, seconds), rows=rows, order=order, base=base,
            observed=observed, **parts,
        )  # fmt: skip


def schedule(
    doses: Sequence[Sequence[Dose]], times: Sequence[Any], after: Sequence[Any], entries: Mapping[str, int],
    states: Sequence[str] | int, terms: Sequence[Sequence[Terms]] | None = None,
    changes: Sequence[Sequence[float]] | None = None, slopes: int = 0, tad: bool = False,
) -> Schedule:  # fmt: skip
    """Lay out the time lines of many subjects.

    Parameters
    ----------
    doses, times, after : sequences, one item per subject
        Doses, requested times and whether each means "after the dose" (or its place among them, as in `build`).
    entries : mapping
        Route → index of the state that it enters.
    states : sequence of str or int
        Names of the states (or how many there are: then no dose can name one).
    terms : sequence, one item per subject, optional
        What the model says of each dose; without it nothing is late, lost or modelled.
    changes : sequence, one item per subject, optional
        Times at which the subject's values change.
    slopes : int
        Number of derivatives that the terms carry.
    tad : bool
        Whether the time after dose matters.
    """
    layout = Layout.of(entries, states, slopes, tad)
    if not len(doses):
        raise InputError("there is no subject to solve")
    known: dict[Any, int] = {}
    templates: dict[Any, Timeline] = {}
    lines: list[Timeline] = []
    problems: list[str] = []
    which = np.empty(len(doses), dtype=np.int64)
    moments = changes or [()] * len(doses)
    base = np.concatenate(([0], np.cumsum([1 + len(own) for own in moments]))).astype(np.int64)
    for k, (own, when, late) in enumerate(zip(doses, times, after, strict=True)):
        said = (terms[k] if terms is not None else None) or None
        if k and said is None and _same(k, doses, times, after, moments) and not problems:
            which[k] = which[k - 1]
            continue
        clock, flags = np.asarray(when, dtype=float), np.asarray(late)
        own_moments = tuple(moments[k]), getattr(moments[k], "late", ()), getattr(moments[k], "key", b"")
        parts = arriving(own, said, layout) if said is not None and not len(moments[k]) else None
        if parts is not None:
            whole = (tuple(own), clock.tobytes(), flags.dtype, flags.tobytes())
            if whole not in templates:
                templates[whole] = build(own, layout, clock, flags)
            which[k] = len(lines)
            lines.append(templates[whole].scaled(parts))
            continue
        key = (tuple(own), clock.tobytes(), flags.dtype, flags.tobytes(), own_moments) if said is None else k
        if key not in known:
            known[key] = len(lines)
            try:
                lines.append(build(own, layout, clock, flags, said, moments[k], int(base[k])))
            except InputError as error:
                who = f"subject {k + 1}: " if len(doses) > 1 else ""
                problems += [f"{who}{p}" for p in error.problems]
                known.pop(key)
                continue
        which[k] = known[key]
    if problems:
        raise InputError(problems)
    segments = np.concatenate(([0], np.cumsum([line.start.size for line in lines]))).astype(np.int64)
    counts = np.concatenate(([0], np.cumsum([line.times.size for line in lines]))).astype(np.int64)
    sizes = np.diff(counts)[which]
    rows = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    order = np.concatenate([lines[w].order + r for w, r in zip(which, rows[:-1], strict=True)]).astype(np.int64)
    first = np.concatenate([line.first + c for line, c in zip(lines, counts[:-1], strict=True)])
    joined = {
        part: np.concatenate([getattr(line, part) for line in lines])
        for part in ("start", "end", "scale", "jumps", "rates", "use", "djumps", "drates", "dstart", "dosed")
    }
    passed = np.cumsum([0, *(len(line.trains) for line in lines)])
    begins = np.concatenate(
        [np.where(line.begins >= 0, line.begins + past, line.begins) for line, past in zip(lines, passed, strict=False)]
    ).astype(np.int64)
    return Schedule(
        which, segments, counts, begins=begins, trains=tuple(t for line in lines for t in line.trains), first=first,
        time=np.concatenate([line.times for line in lines]), rows=rows, order=order, base=base, **joined,
    )  # fmt: skip


def _same(k: int, *parts: Sequence[Any]) -> bool:
    """Whether a subject's records are the very objects of the one before: then they need not be compared."""
    return all(part[k] is part[k - 1] for part in parts)
