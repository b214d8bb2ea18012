"""A subject's doses, changes and sample times as segments: inside one, everything is smooth.

Doses, starts and ends of infusions, resets and changes of covariates cut the time line. Every requested time belongs to
exactly one segment, which settles the rule for equal times once: *before* a dose is the end of the segment that it
closes, *after* is the start of the next. What happens at one time in an order makes segments without length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing import Dose
from pkpd.engine.deliveries import Train, plan
from pkpd.engine.segments import FIRST, KEEP, LAST, RESTART, Layout, cut, happenings, placed
from pkpd.engine.terms import Clock, Terms
from pkpd.errors import InputError
from pkpd.records import Changes

__all__ = ["KEEP", "RESTART", "Layout", "Schedule", "Timeline", "build", "schedule"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
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
    trains: tuple[tuple[Train, bool], ...]
    first: Integers
    times: Array
    order: Integers


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
    instants = happenings(steps, moments)
    begin = min([0.0, *(i.time for i in instants[:1]), *wanted[:1]])
    finish = float(wanted[-1]) if wanted.size else begin
    rows = cut(instants, begin, finish, layout, exact)
    start = np.array([row.time for row in rows])
    segment = placed(start, [row.record for row in rows], wanted, position[order])
    first = np.searchsorted(segment, np.arange(start.size + 1))
    parts: dict[str, Any] = {part: np.array([getattr(row, part) for row in rows]) for part in _PARTS}
    marks = [row.mark for row in rows if row.mark is not None]
    return Timeline(
        start=start, end=np.append(start[1:], finish), first=first.astype(np.int64), times=wanted,
        order=order.astype(np.int64), trains=tuple((m.train, m.adds) for m in marks if m.train is not None), **parts,
    )  # fmt: skip


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
    trains: tuple[tuple[Train, bool], ...]
    first: Integers
    time: Array
    rows: Integers
    order: Integers
    base: Integers
    observed: Integers | None = None

    @property
    def subjects(self) -> int:
        """Number of subjects."""
        return int(self.which.size)

    @property
    def row_subject(self) -> Integers:
        """Subject index of every row."""
        return np.repeat(np.arange(self.subjects), np.diff(self.rows))

    @property
    def is_plain(self) -> bool:
        """Whether nothing happens but doses that add to a state, for values that stay the same."""
        return bool((self.begins == KEEP).all() and (self.scale == 1).all() and (self.use == 0).all())

    @property
    def row_time(self) -> Array:
        """Time of every row, in the order asked for."""
        out = np.empty(self.rows[-1])
        for k, line in enumerate(self.which):
            rows = slice(self.rows[k], self.rows[k + 1])
            out[self.order[rows]] = self.time[self.times[line] : self.times[line + 1]]
        return out

    @property
    def row_values(self) -> Integers:
        """Row of the table of values for every requested output, in the order asked for."""
        if self.observed is not None:
            return self.observed
        out = np.empty(self.rows[-1], dtype=np.int64)
        for k, line in enumerate(self.which):
            rows = slice(self.rows[k], self.rows[k + 1])
            first = self.first[self.segments[line] + line : self.segments[line + 1] + line + 1]
            use = np.repeat(self.use[self.segments[line] : self.segments[line + 1]], np.diff(first))
            out[self.order[rows]] = self.base[k] + use
        return out


def schedule(
    doses: Sequence[Sequence[Dose]], times: Sequence[Any], after: Sequence[Any], entries: Mapping[str, int],
    states: Sequence[str] | int, terms: Sequence[Sequence[Terms]] | None = None,
    changes: Sequence[Sequence[float]] | None = None, slopes: int = 0,
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
    """
    layout = Layout.of(entries, states, slopes)
    if not len(doses):
        raise InputError("there is no subject to solve")
    known: dict[Any, int] = {}
    lines: list[Timeline] = []
    problems: list[str] = []
    which = np.empty(len(doses), dtype=np.int64)
    moments = changes or [()] * len(doses)
    base = np.concatenate(([0], np.cumsum([1 + len(own) for own in moments]))).astype(np.int64)
    for k, (own, when, late) in enumerate(zip(doses, times, after, strict=True)):
        clock, flags = np.asarray(when, dtype=float), np.asarray(late)
        said = terms[k] if terms is not None else None
        if said is not None and not said:
            said = None
        own_moments = tuple(moments[k]), getattr(moments[k], "late", ())
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
        for part in ("start", "end", "scale", "jumps", "rates", "use", "djumps", "drates", "dstart")
    }
    passed = np.cumsum([0, *(len(line.trains) for line in lines)])
    begins = np.concatenate(
        [np.where(line.begins >= 0, line.begins + past, line.begins) for line, past in zip(lines, passed, strict=False)]
    ).astype(np.int64)
    return Schedule(
        which, segments, counts, begins=begins, trains=tuple(t for line in lines for t in line.trains), first=first,
        time=np.concatenate([line.times for line in lines]), rows=rows, order=order, base=base, **joined,
    )  # fmt: skip
