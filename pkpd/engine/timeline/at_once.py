"""The time lines of many subjects computed at once, where doses are only added: what `build_timeline` does, in arrays.

Doses may be late, lost in part, repeated, and infusions of any kind; nothing may be at steady state, reset, replaced
or multiplied, and no values change. Every number is computed by the same operations in the same order as one by one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers, in_order
from pkpd.decimals import total
from pkpd.engine.timeline.columns import DURATION, RATE, DoseColumns, TimeColumns
from pkpd.engine.timeline.dosing_terms import SaidOfDoses, usual_duals
from pkpd.engine.timeline.lines import LineArrays, lengths, offsets, spread
from pkpd.engine.timeline.segments import KEEP, LineLayout

_MOST = 1_000_000  # additional doses of one record that are worth an array


class LineRequests(NamedTuple):
    """The time lines to be built.

    Attributes
    ----------
    doses, times : DoseColumns, TimeColumns
        The sets of doses and of times.
    dose_set, time_set : arrays of int, shape (lines,)
        Which of them each line has.
    row : array of int, shape (lines,)
        Row of values with which the model says something of its doses; -1: it says nothing.
    said : SaidOfDoses or None
        What it says.
    """

    doses: DoseColumns
    times: TimeColumns
    dose_set: Integers
    time_set: Integers
    row: Integers
    said: SaidOfDoses | None

    def chosen(self, lines: Integers | Flags) -> LineRequests:
        """Return some of them."""
        return self._replace(dose_set=self.dose_set[lines], time_set=self.time_set[lines], row=self.row[lines])

    def duals(self, kind: str, place: Integers, line: Integers, derivatives: int) -> Array:
        """Return what is said of doses (by their places in the columns) on lines, shape (doses, 1 + derivatives)."""
        if self.said is None:
            return usual_duals(kind, len(place), derivatives)
        return self.said.duals(kind, self.doses.state[place], self.row[line], self.doses.amount[place])


class Deliveries(NamedTuple):
    """What enters states, line by line in the order of the records.

    Attributes
    ----------
    line, state : arrays of int, shape (deliveries,)
        On which line, into which state.
    start, size, end : arrays, shape (deliveries, 1 + derivatives)
        When it begins, its amount or rate, and when an infusion ends, with derivatives.
    lasts : array of bool, shape (deliveries,)
        Whether it is an infusion.
    """

    line: Integers
    state: Integers
    start: Array
    size: Array
    end: Array
    lasts: Flags


class LineEvents(NamedTuple):
    """What happens, in order of line and time: deliveries that begin and infusions that end.

    Attributes
    ----------
    delivery : array of int, shape (events,)
        Which delivery it is.
    ends : array of bool, shape (events,)
        Whether it ends.
    row : array of int, shape (events,)
        The segment in which it stands, among those of all lines.
    """

    delivery: Integers
    ends: Flags
    row: Integers


def lines_at_once(asked: LineRequests, layout: LineLayout) -> tuple[LineArrays, Flags]:
    """Build time lines.

    Parameters
    ----------
    asked : LineRequests
        Of sets that are simple.
    layout : LineLayout
        What they have in common.

    Returns
    -------
    LineArrays
        Those that could be built, in their order.
    array of bool, shape (lines,)
        Which could: not those with a rate or a length that is no number > 0, or too short for the clock.
    """
    with np.errstate(all="ignore"):
        given, sound = _deliveries(asked, layout.derivatives)
        if not sound.all():
            asked = asked.chosen(sound)
            given, _ = _deliveries(asked, layout.derivatives)
    return _cut(asked, given, layout), sound


def _deliveries(asked: LineRequests, derivatives: int) -> tuple[Deliveries, Flags]:
    """What the doses come to, and the lines on which all of it is sound."""
    doses, lines = asked.doses, len(asked.dose_set)
    place, sizes = doses.of(asked.dose_set)
    line = np.arange(lines).repeat(sizes)
    sound: Flags = np.ones(lines, dtype=bool)
    number: Integers | float = 0.0
    if doses.additional.any():
        seen = np.maximum(_last(asked)[line] - doses.time[place], 0.0) / doses.interval[place]
        more = np.where(doses.additional[place] > 0, np.minimum(doses.additional[place], seen), 0.0)
        sound[line[~(more <= _MOST)]] = False
        many = 1 + np.ceil(np.where(more <= _MOST, more, 0.0)).astype(np.int64)
        number = spread(np.zeros(len(many), dtype=np.int64), many)
        place, line = place.repeat(many), line.repeat(many)
    state = doses.state[place]
    start = asked.duals("lag", place, line, derivatives)
    start[:, 0] += total(doses.time[place], number, doses.interval[place])
    size = asked.duals("bioavailability", place, line, derivatives) * doses.amount[place][:, None]
    lasts, end = doses.infusion[place].copy(), start.copy()
    which = np.flatnonzero(lasts)
    if which.size:
        rate, length, good = _infusions(asked, place[which], line[which], size[which])
        recorded = doses.time[place[which]]
        short = recorded + length[:, 0] == recorded
        short &= (doses.rate[place[which]] == 0) & (doses.modelled[place[which]] != RATE)
        short |= start[which, 0] + length[:, 0] == start[which, 0]
        size[which[~short]], end[which] = rate[~short], start[which] + length
        lasts[which[short]] = False  # shorter than the clock's resolution: all at once
        good &= short | (end[which, 0] > start[which, 0])
        sound[line[which[~good]]] = False
    sound[line[~(np.isfinite(start[:, 0]) & np.isfinite(end[:, 0]))]] = False
    return Deliveries(line, state, start, size, end, lasts), sound


def _infusions(asked: LineRequests, place: Integers, line: Integers, amount: Array) -> tuple[Array, Array, Flags]:
    """Rate and length of infusions with derivatives, and whether they are sound; `amount` is what arrives."""
    doses, derivatives = asked.doses, amount.shape[1] - 1
    modelled = doses.modelled[place]
    rate = asked.duals("infusion_rate", place, line, derivatives)
    length = asked.duals("infusion_duration", place, line, derivatives)
    for said, given, kind in ((rate, doses.rate, RATE), (length, doses.duration, DURATION)):
        known = modelled != kind
        said[known] = 0.0
        said[known, 0] = given[place[known]]
    by_rate = (doses.rate[place] != 0) | (modelled == RATE)
    good = np.where(by_rate, rate[:, 0] > 0, length[:, 0] > 0)
    length[by_rate] = _quotient(amount[by_rate], rate[by_rate])
    rate[~by_rate] = _quotient(amount[~by_rate], length[~by_rate])
    return rate, length, good & np.isfinite(length[:, 0])


def _quotient(a: Array, b: Array) -> Array:
    """a/b of numbers with derivatives, row by row, as `dual_quotient` does it."""
    value = a[:, :1] / b[:, :1]
    quotient: Array = (a - value * b) / b[:, :1]
    quotient[:, 0] = value[:, 0]
    return quotient


def _last(asked: LineRequests) -> Array:
    """The last requested time of every line; minus infinity where none is asked for."""
    return _edge(asked, asked.times.begin[1:] - 1, -np.inf)


def _edge(asked: LineRequests, place: Integers, none: float) -> Array:
    """A requested time of every line, by its place in every set."""
    some = lengths(asked.times.begin) > 0
    of_set = np.full(len(some), none)
    of_set[some] = asked.times.time[place[some]]
    edge: Array = of_set[asked.time_set]
    return edge


def _cut(asked: LineRequests, given: Deliveries, layout: LineLayout) -> LineArrays:
    """Cut every line at what happens on it."""
    lines, n, p = len(asked.dose_set), len(layout.states), layout.derivatives
    what, ends, moment = _in_time(given)
    line = given.line[what]
    begin, finish = _bounds(asked, line, moment[:, 0])
    seen = moment[:, 0] <= finish[line]
    if not seen.all():
        what, ends, moment, line = what[seen], ends[seen], moment[seen], line[seen]
    time = moment[:, 0]
    new: Flags = np.greater(time, begin[line])
    apart = time[1:] > time[:-1]
    moves = np.zeros(0, dtype=np.int64)
    if p:
        moving = np.count_nonzero(moment[:, 1:], axis=1) > 0
        apart |= moving[1:] | moving[:-1]
        moves = np.flatnonzero(moving)
    new[1:] = np.where(line[1:] == line[:-1], apart, new[1:])
    segments = offsets(2 + np.bincount(line[new], minlength=lines))
    # The first segment has no length: it holds "before" whatever happens at the very start.
    row = segments[line] + 1 + _counted(new, line, lines)
    height = int(segments[-1])
    start, dstart = np.empty(height), np.zeros((height, p))
    start[segments[:-1]] = start[segments[:-1] + 1] = begin
    start[row[new]] = time[new]
    dstart[row[moves]] = moment[moves, 1:]
    end = np.append(start[1:], 0.0)
    end[segments[1:] - 1] = finish
    events = LineEvents(what, ends, row)
    jumps, djumps = _at_once(given, events, height, n)
    rates, drates = _for_a_while(given, events, segments, n)
    times = offsets(lengths(asked.times.begin)[asked.time_set])
    wanted = spread(asked.times.begin[asked.time_set], lengths(times))
    return LineArrays(
        start=start, end=end, scale=np.ones((height, n)), jumps=jumps, rates=rates,
        begins=np.full(height, KEEP, dtype=np.int64), segment_row=np.zeros(height, dtype=np.int64), djumps=djumps,
        drates=drates, dstart=dstart, dosed=np.full(height, np.inf), trains=(), segments=segments, times=times,
        first=_first(asked, start, segments, times), time=asked.times.time[wanted], order=asked.times.order[wanted],
    )  # fmt: skip


def _in_time(given: Deliveries) -> tuple[Integers, Flags, Array]:
    """Deliveries in order of line and time, those that last also when they end: which, whether they end, and when.

    At one time infusions end first; beginnings keep the order of the records.
    """
    what, ends, moment = np.arange(len(given.line)), np.zeros(len(given.line), dtype=bool), given.start
    if given.lasts.any():
        what = what.repeat(1 + given.lasts)
        ends = np.zeros(len(what), dtype=bool)
        ends[1:] = what[1:] == what[:-1]
        moment = np.where(ends[:, None], given.end[what], given.start[what])
    order = np.lexsort((~ends, moment[:, 0], given.line[what]))
    return what[order], ends[order], moment[order]


def _bounds(asked: LineRequests, line: Integers, time: Array) -> tuple[Array, Array]:
    """Where every line begins and ends: initial values hold at 0, or at what comes first if that is earlier."""
    lines = len(asked.dose_set)
    begin = np.zeros(lines)
    others = np.ones(len(line), dtype=bool)
    np.not_equal(line[1:], line[:-1], out=others[1:])
    first = np.flatnonzero(others)
    earlier = time[first] < begin[line[first]]
    begin[line[first[earlier]]] = time[first[earlier]]
    asked_first = _edge(asked, asked.times.begin[:-1], np.inf)
    begin = np.where(asked_first < begin, asked_first, begin)
    last = _last(asked)
    return begin, np.where(np.isfinite(last), last, begin)


def _counted(new: Flags, line: Integers, lines: int) -> Integers:
    """How many of the line's events up to each begin a segment of their own."""
    here: Integers = new.cumsum()
    if lines > 1:
        here -= offsets(np.bincount(line[new], minlength=lines))[line]
    return here


def _at_once(given: Deliveries, events: LineEvents, height: int, n: int) -> tuple[Array, Array]:
    """Amounts that enter when segments begin, shape (segments, states), and their derivatives.

    Those of one segment are added in the order of the events.
    """
    derivatives = given.size.shape[1] - 1
    what, row = events.delivery, events.row
    if given.lasts.any():
        now = ~given.lasts[what]
        what, row = what[now], row[now]
    jumps, djumps = np.zeros(height * n), np.zeros(height * derivatives * n)
    np.add.at(jumps, row * n + given.state[what], given.size[what, 0])
    _add_derivatives(djumps, row, given, what, n)
    return jumps.reshape(height, n), djumps.reshape(height, derivatives, n)


def _add_derivatives(out: Array, row: Integers, given: Deliveries, what: Integers, n: int) -> None:
    """Add derivatives of sizes to a flat array of (segments, derivatives, states)."""
    derivatives = given.size.shape[1] - 1
    if derivatives and len(what):
        places = (row[:, None] * derivatives + np.arange(derivatives)) * n + given.state[what][:, None]
        np.add.at(out, places.ravel(), given.size[what, 1:].ravel())


def _for_a_while(given: Deliveries, events: LineEvents, segments: Integers, n: int) -> tuple[Array, Array]:
    """Rates during segments, shape (segments, states), and their derivatives.

    In each segment the infusions that run are added up anew, in the order in which they began.
    """
    height, derivatives = int(segments[-1]), given.size.shape[1] - 1
    rates, drates = np.zeros(height * n), np.zeros(height * derivatives * n)
    if not given.lasts.any():
        return rates.reshape(height, n), drates.reshape(height, derivatives, n)
    until = segments[given.line + 1]  # what does not end in time runs to the end of its line
    until[events.delivery[events.ends]] = events.row[events.ends]
    begins = ~events.ends & given.lasts[events.delivery]
    what, since = events.delivery[begins], events.row[begins]
    runs = until[what] - since
    row = spread(since, runs)
    what = what.repeat(runs)
    np.add.at(rates, row * n + given.state[what], given.size[what, 0])
    _add_derivatives(drates, row, given, what, n)
    return rates.reshape(height, n), drates.reshape(height, derivatives, n)


def _first(asked: LineRequests, start: Array, segments: Integers, times: Integers) -> Integers:
    """Which requested times belong to which segment: as `SegmentArrays.first`.

    A time belongs to a later segment than s − 1 if segment s begins before it, or at it and the value after is meant.
    """
    columns, sizes = asked.times, lengths(segments)
    set_of_time = np.repeat(np.arange(len(columns.begin) - 1), lengths(columns.begin))
    line = np.arange(len(sizes)).repeat(sizes)
    of_set = asked.time_set[line]
    known: Any = columns.time
    wanted: Any = start
    if len(columns.begin) > 2:
        known, wanted = in_order(set_of_time, known), in_order(of_set, wanted)
    low, high = known.searchsorted(wanted, side="left"), known.searchsorted(wanted, side="right")
    early = offsets(~columns.late)
    before = low + early[high] - early[low] - columns.begin[of_set]
    before[segments[:-1]] = 0
    first = np.empty(len(start) + len(sizes), dtype=np.int64)
    first[np.arange(len(start)) + line] = before + times[line]
    first[segments[1:] + np.arange(len(sizes))] = times[1:]
    return first
