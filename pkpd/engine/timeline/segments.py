"""What happens to a subject, in order of time, cut into segments in which everything is smooth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.symbolic.dual_numbers import Dual
from pkpd.engine.timeline.deliveries import Delivery, Mark
from pkpd.records import Changes

FIRST, LAST = -1, 2**31  # positions before and after all doses of a time
KEEP, RESTART = -1, -2  # what a segment begins with besides its jump, where it is not the number of a train


@dataclass(frozen=True)
class LineLayout:
    """What the time lines of a model have in common.

    Attributes
    ----------
    entries : mapping
        Route → index of the state that it enters.
    states : mapping
        Name → index of every state.
    derivatives : int
        Number of parameters with respect to which derivatives are wanted.
    tad : bool
        Whether the time after dose matters: the time line is then cut at every dose record.
    """

    entries: Mapping[str, int]
    states: Mapping[str, int]
    derivatives: int = 0
    tad: bool = False

    @classmethod
    def of(
        cls, entries: Mapping[str, int], states: Sequence[str] | int, derivatives: int = 0, tad: bool = False
    ) -> LineLayout:
        """Make one from the names of the states, or from their number."""
        names = map(str, range(states)) if isinstance(states, int) else states
        return cls(entries, {name: k for k, name in enumerate(names)}, derivatives, tad)


def placed(start: Array, records: Sequence[int], wanted: Array, position: Integers) -> Integers:
    """The segment of every requested time: the last that begins before it, or at it with what comes before it."""
    low, high = (np.searchsorted(start[1:], wanted, side=side) for side in ("left", "right"))
    segment = np.where(position > LAST, high, low).astype(np.int64)
    for k in np.flatnonzero((low < high) & (position >= 0) & (position <= LAST)):
        s = int(high[k])
        while s > low[k] and records[s] >= position[k]:
            s -= 1
        segment[k] = s
    return segment


@dataclass(frozen=True, eq=False)
class Happening:
    """One thing that happens: a delivery that begins, an infusion that ends, a mark, or a change of values."""

    time: float
    rank: int  # 0: infusions end first; 1: the doses in the order of the records; 2: what acts after them
    what: Delivery | Mark | int | None  # nothing: the clock of the time after dose starts again
    moves: Dual | None = None  # its time with derivatives, if it has any
    ends: bool = False

    @property
    def record(self) -> int:
        """Number of the dose that it belongs to."""
        if self.rank == 0 or self.what is None:
            return -1
        return LAST if isinstance(self.what, int) else self.what.record


def happenings(steps: Sequence[Delivery | Mark], changes: Changes, records: Sequence[float] = ()) -> list[Happening]:
    """Return everything that happens in its order; ``records`` are times at which there is only to be a cut."""
    late, moves = changes.late, changes.moves or (None,) * len(changes)
    events = [Happening(t, 0, None) for t in records]
    events += [Happening(t, 2 if late[k - 1] else 0, k, moves[k - 1]) for k, t in enumerate(changes, start=1)]
    for step in steps:
        if isinstance(step, Mark):
            events.append(Happening(step.time, 1, step))
            continue
        events.append(Happening(float(step.start[0]), 1, step, _moving(step.start)))
        if step.end is not None:
            events.append(Happening(float(step.end[0]), 0, step, _moving(step.end), ends=True))
    return sorted(events, key=lambda i: (i.time, i.rank))


def _moving(time: Dual) -> Dual | None:
    return time if time[1:].any() else None


@dataclass(eq=False)
class Row:
    """One segment under construction."""

    time: float
    rates: Array
    drates: Array
    segment_row: int
    dstart: Array
    jumps: Array = field(init=False)
    scale: Array = field(init=False)
    djumps: Array = field(init=False)
    begins: int = KEEP
    mark: Mark | None = None
    blank: bool = True
    record: int = -1

    def __post_init__(self) -> None:
        self.jumps, self.scale, self.djumps = (
            np.zeros_like(self.rates),
            np.ones_like(self.rates),
            np.zeros_like(self.drates),
        )


def cut(instants: Sequence[Happening], begin: float, finish: float, layout: LineLayout, exact: bool) -> list[Row]:
    """Return the segments of a subject from what happens to it, in order of time."""
    n, p = len(layout.states), layout.derivatives
    zero, still = np.zeros(n), np.zeros((p, n))
    # The first segment has no length: it holds "before" whatever happens at the very start.
    rows = [Row(begin, zero, still, 0, np.zeros(p)), Row(begin, zero, still, 0, np.zeros(p))]
    running: list[Delivery] = []
    trains, segment_row = 0, 0
    for now in instants:
        if now.time > finish:
            break
        row = rows[-1]
        alone = now.moves is not None or now.rank == 2 or isinstance(now.what, Mark) or _changes_scale(now.what)
        alone = alone or (exact and now.record != row.record)
        if now.time > row.time or (not row.blank and (alone or row.dstart.any())):
            row = Row(now.time, row.rates, row.drates, segment_row, np.zeros(p))
            rows.append(row)
        row.blank, row.record = False, now.record
        if now.moves is not None:
            row.dstart = now.moves[1:]
        if now.what is None:
            continue
        if isinstance(now.what, int):
            row.segment_row = segment_row = now.what
        elif isinstance(now.what, Mark):
            row.mark, row.begins = now.what, RESTART
            if now.what.train is not None:
                row.begins, trains = trains, trains + 1
            if now.what.row not in (None, segment_row):  # done with its record's values, which do not hold from here
                row.segment_row = now.what.row
                row = Row(now.time, row.rates, row.drates, segment_row, np.zeros(p), record=now.record)
                rows.append(row)
        elif now.what.end is None:
            _put(row, now.what)
        else:
            running = [d for d in running if d is not now.what] if now.ends else [*running, now.what]
            row.rates, row.drates = _sum(running, zero, still)
    return rows


def _changes_scale(what: object) -> bool:
    return isinstance(what, Delivery) and what.action != "add"


def _put(row: Row, what: Delivery) -> None:
    """A bolus into a state, or what replaces or multiplies the amount there."""
    if what.action == "multiply":
        row.scale[what.state] *= what.size[0]
        return
    if what.action == "replace":
        row.scale[what.state] = 0.0
    row.jumps[what.state] += what.size[0]
    row.djumps[:, what.state] += what.size[1:]


def _sum(running: Sequence[Delivery], zero: Array, still: Array) -> tuple[Array, Array]:
    """Rates of the infusions that run; summed anew, so that nothing is left when the last one ends."""
    rates, derivatives = zero.copy(), still.copy()
    for delivery in running:
        rates[delivery.state] += delivery.size[0]
        derivatives[:, delivery.state] += delivery.size[1:]
    return rates, derivatives
