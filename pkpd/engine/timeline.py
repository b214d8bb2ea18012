"""A subject's doses and sample times as segments: inside one, everything is smooth.

Doses, starts and ends of infusions cut the time line. Every requested time belongs to exactly one segment, which
settles the rule for equal times once: *before* a dose is the end of the segment that it closes, *after* is the start
of the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing import Dose
from pkpd.errors import InputError, nearest

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Timeline:
    """One subject's segments.

    Attributes
    ----------
    start, end : arrays, shape (segments,)
        Where each segment begins and ends.
    jumps, rates : arrays, shape (segments, states)
        What is added to each state at the start of the segment, and per unit time during it.
    first : array, shape (segments + 1,)
        Requested times ``first[k]:first[k + 1]`` (in sorted order) belong to segment k.
    times : array, shape (times,)
        The requested times, sorted.
    order : array, shape (times,)
        ``order[k]`` is the position, as asked, of the k-th sorted time.
    """

    start: Array
    end: Array
    jumps: Array
    rates: Array
    first: Integers
    times: Array
    order: Integers


def build(
    doses: Sequence[Dose], entries: Mapping[str, int], states: int, times: Array, after: NDArray[np.bool_]
) -> Timeline:
    """Cut one subject's time line.

    The initial values hold at time 0, or at the first dose or requested time if that is earlier.

    Parameters
    ----------
    doses : sequence of Dose
        In the engine's units.
    entries : mapping
        Route → index of the state that it enters.
    states : int
        Number of states.
    times : array, shape (times,)
        Requested times in any order.
    after : array of bool, shape (times,)
        Whether a time that coincides with a dose means the value after it.

    Raises
    ------
    InputError
        If the model has no entry for a route, or a time is not finite.
    """
    problems = sorted(
        {
            f"the model takes no dose by route {d.route!r}; {nearest(d.route, entries)}"
            for d in doses
            if d.route not in entries
        }
    )
    if not np.isfinite(times).all():
        problems.append("a requested time is not finite")
    if problems:
        raise InputError(problems)
    order = np.lexsort((after, times))
    wanted, late = times[order], after[order]
    # An infusion shorter than the clock's resolution is a bolus.
    lasting = [d.time + d.duration > d.time for d in doses]
    cuts = np.array(
        [d.time for d in doses] + [d.time + d.duration for d, lasts in zip(doses, lasting, strict=True) if lasts]
    )
    begin = min([0.0, *cuts, *wanted[:1]])
    finish = wanted[-1] if wanted.size else begin
    cuts = np.unique(np.append(cuts, begin))
    cuts = cuts[cuts <= finish]
    # The first segment has no length: it holds "before" whatever happens at the very start.
    start = np.concatenate(([begin], cuts))
    end = np.concatenate(([begin], cuts[1:], [finish]))
    jumps, rates = np.zeros((start.size, states)), np.zeros((start.size, states))
    for dose, lasts in zip(doses, lasting, strict=True):
        state = entries[dose.route]
        if lasts:
            rates[1:][(cuts >= dose.time) & (cuts < dose.time + dose.duration), state] += dose.amount / dose.duration
        else:
            jumps[1:][cuts == dose.time, state] += dose.amount
    before = np.searchsorted(cuts, wanted, side="left")
    segment = np.where(late, np.searchsorted(cuts, wanted, side="right"), before)
    first = np.searchsorted(segment, np.arange(start.size + 1))
    return Timeline(start, end, jumps, rates, first.astype(np.int64), wanted, order.astype(np.int64))


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
    """

    which: Integers
    segments: Integers
    times: Integers
    start: Array
    end: Array
    jumps: Array
    rates: Array
    first: Integers
    time: Array
    rows: Integers
    order: Integers

    @property
    def subjects(self) -> int:
        """Number of subjects."""
        return int(self.which.size)

    @property
    def row_subject(self) -> Integers:
        """Subject index of every row."""
        return np.repeat(np.arange(self.subjects), np.diff(self.rows))

    @property
    def row_time(self) -> Array:
        """Time of every row, in the order asked for."""
        out = np.empty(self.rows[-1])
        for k, line in enumerate(self.which):
            rows = slice(self.rows[k], self.rows[k + 1])
            out[self.order[rows]] = self.time[self.times[line] : self.times[line + 1]]
        return out


def schedule(
    doses: Sequence[Sequence[Dose]], times: Sequence[Any], after: Sequence[Any], entries: Mapping[str, int], states: int
) -> Schedule:
    """Lay out the time lines of many subjects.

    Parameters
    ----------
    doses, times, after : sequences, one item per subject
        Doses, requested times and whether each means "after the dose".
    entries : mapping
        Route → index of the state that it enters.
    states : int
        Number of states.
    """
    if not len(doses):
        raise InputError("there is no subject to solve")
    known: dict[Any, int] = {}
    lines: list[Timeline] = []
    which = np.empty(len(doses), dtype=np.int64)
    for k, (own, when, late) in enumerate(zip(doses, times, after, strict=True)):
        clock, flags = np.asarray(when, dtype=float), np.asarray(late, dtype=bool)
        key = (tuple(own), clock.tobytes(), flags.tobytes())
        if key not in known:
            known[key] = len(lines)
            lines.append(build(own, entries, states, clock, flags))
        which[k] = known[key]
    segments = np.concatenate(([0], np.cumsum([line.start.size for line in lines]))).astype(np.int64)
    counts = np.concatenate(([0], np.cumsum([line.times.size for line in lines]))).astype(np.int64)
    sizes = np.diff(counts)[which]
    rows = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    order = np.concatenate([lines[w].order + r for w, r in zip(which, rows[:-1], strict=True)]).astype(np.int64)
    first = np.concatenate([line.first + c for line, c in zip(lines, counts[:-1], strict=True)])
    joined = {
        part: np.concatenate([getattr(line, part) for line in lines]) for part in ("start", "end", "jumps", "rates")
    }
    time = np.concatenate([line.times for line in lines])
    return Schedule(which, segments, counts, first=first, time=time, rows=rows, order=order, **joined)
