"""A subject's doses, changes and sample times as segments: inside one, everything is smooth.

Doses, starts and ends of infusions, resets and changes of covariates cut the time line. Every requested time belongs to
exactly one segment, which settles the rule for equal times once: *before* a dose is the end of the segment that it
closes, *after* is the start of the next. What happens at one time in an order makes segments without length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.arrays import Array, Integers
from pkpd.decimals import total
from pkpd.dosing import Dose
from pkpd.engine.timeline.deliveries import Train, plan
from pkpd.engine.timeline.segments import FIRST, LAST, LineLayout, cut, happenings, placed
from pkpd.engine.timeline.terms import Clock, Terms
from pkpd.errors import DoseError
from pkpd.records import Changes

_CUT = (
    "scale",
    "jumps",
    "rates",
    "begins",
    "segment_row",
    "djumps",
    "drates",
    "dstart",
)  # what `cut` says of a segment


@dataclass(frozen=True, eq=False, kw_only=True)
class SegmentArrays:
    """Segments as arrays: those of one time line, or those of many laid end to end.

    Attributes
    ----------
    start, end : arrays, shape (segments,)
        Where each segment begins and ends.
    scale, jumps, rates : arrays, shape (segments, states)
        What each state is multiplied with and what is added at the start of the segment, and per unit time during it.
    begins : array of int, shape (segments,)
        `KEEP` the state, `RESTART` from the initial values, or the number of the train whose steady state begins.
    segment_row : array of int, shape (segments,)
        Which of the subject's rows of values holds in the segment, counted from the subject's first.
    djumps, drates : arrays, shape (segments, derivatives, states)
        Derivatives of jumps and rates with respect to the parameters asked for.
    dstart : array, shape (segments, derivatives)
        Derivatives of the time at which the segment begins.
    dosed : array, shape (segments,)
        Time of the last dose (its record; a lag does not count); infinite before the first.
    trains : tuple of (Train, bool)
        Doses repeated for ever, and whether their steady state is added to what is there.
    first : array of int, shape (segments + time lines,)
        Requested times ``first[s + l]:first[s + l + 1]`` (in sorted order) belong to segment s, which is one of time
        line l; every time line has one entry more than segments.
    time : array, shape (times,)
        The requested times, sorted within their time line.
    order : array of int, shape (times,); of a schedule (rows,)
        ``order[k]`` is the position, as asked, of the k-th sorted time.
    """

    start: Array
    end: Array
    scale: Array
    jumps: Array
    rates: Array
    begins: Integers
    segment_row: Integers
    djumps: Array
    drates: Array
    dstart: Array
    dosed: Array
    trains: tuple[tuple[Train, bool], ...]
    first: Integers
    time: Array
    order: Integers


@dataclass(frozen=True, eq=False, kw_only=True)
class Timeline(SegmentArrays):
    """One subject's segments."""

    def scaled(self, parts: Array) -> Timeline:
        """Return the time line of whole doses with what arrives of them (states × (1 + derivatives))."""
        part, derivatives = parts[:, 0], parts[:, 1:].T
        return replace(
            self, jumps=self.jumps * part, rates=self.rates * part,
            djumps=self.jumps[:, None, :] * derivatives, drates=self.rates[:, None, :] * derivatives,
        )  # fmt: skip


def build_timeline(
    doses: Sequence[Dose], layout: LineLayout, times: Array, after: NDArray[Any],
    terms: Sequence[Terms] | None = None, changes: Sequence[float] = (), first_row: int = 0,
) -> Timeline:  # fmt: skip
    """Cut one subject's time line.

    The initial values hold at time 0, or at the first dose or requested time if that is earlier.

    Parameters
    ----------
    doses : sequence of Dose
        In the engine's units; records at one time act in their order.
    layout : LineLayout
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
    first_row : int
        The subject's first row of values.

    Raises
    ------
    InputError
        If the model has no entry for a route, or a time is not finite.
    """
    ordered = sorted(range(len(doses)), key=lambda k: doses[k].time)
    given = terms or [Terms.plain(layout.derivatives)] * len(doses)
    found: list[tuple[None, int | None, str]] = []
    chosen, until = [doses[k] for k in ordered], float(times.max(initial=-np.inf))
    changes = changes if isinstance(changes, Changes) else Changes(changes)
    clock = Clock(first_row, changes) if terms and changes else None
    try:
        steps = plan(chosen, [given[k] for k in ordered], layout.entries, layout.states, until, clock).steps
    except DoseError as error:
        found = [(None, None if k is None else ordered[k], text) for _, k, text in error.found]
    if not np.isfinite(times).all():
        found.append((None, None, "a requested time is not finite"))
    if found:
        raise DoseError(found)
    exact = after.dtype != np.bool_
    position = after.astype(np.int64) if exact else np.where(after, LAST + 1, FIRST)
    order = np.lexsort((position, times))
    wanted = times[order]
    given_at = record_times(chosen, until) if layout.tad else np.empty(0)
    instants = happenings(steps, changes, given_at.tolist())
    begin = min([0.0, *(i.time for i in instants[:1]), *wanted[:1]])
    finish = float(wanted[-1]) if wanted.size else begin
    rows = cut(instants, begin, finish, layout, exact)
    start = np.array([row.time for row in rows])
    last = np.searchsorted(given_at, start, side="right") - 1
    last[0] = np.searchsorted(given_at, start[0]) - 1  # the first segment stands before whatever happens at its time
    dosed = np.where(last >= 0, given_at[np.maximum(last, 0)], np.inf) if len(given_at) else np.full(len(rows), np.inf)
    segment = placed(start, [row.record for row in rows], wanted, position[order])
    first = np.searchsorted(segment, np.arange(start.size + 1))
    parts: dict[str, Any] = {part: np.array([getattr(row, part) for row in rows]) for part in _CUT}
    marks = [row.mark for row in rows if row.mark is not None]
    return Timeline(
        start=start, end=np.append(start[1:], finish), dosed=dosed, first=first.astype(np.int64), time=wanted,
        order=order.astype(np.int64), trains=tuple((m.train, m.adds) for m in marks if m.train is not None), **parts,
    )  # fmt: skip


def record_times(doses: Sequence[Dose], until: float) -> Array:
    """Times of all dose records, additional ones too, up to the last time of interest."""
    times = []
    for dose in doses:
        if dose.amount > 0 or dose.rate > 0:
            times.append(dose.time)
            if dose.additional:
                count = math.ceil(min(dose.additional, max((until - dose.time) / dose.interval, 0.0)))
                more = total(dose.time, np.arange(1, count + 1), dose.interval)
                times += more[more <= until].tolist()
    return np.unique(np.array(times))
