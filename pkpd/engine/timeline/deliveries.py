"""What doses do to the states, and when, as NONMEM has it: lags, repetition, steady state, resets.

Records act in their order. A reset, and a dose at steady state that takes the place of what was there, end infusions
in progress and cancel what is still to come of earlier records.

References: NONMEM Users Guide VI (PREDPP), chapter V; NONMEM help, "SS data item", "ADDL data item", "EVID data item";
for lags at steady state the runs of NONMEM 7.6 in FeRx-NLME/ferx-core (nonmem_anchor: ss_lag_infusion, ss_lag_ge_ii,
evid_reset_lag, ss_infusion_stop).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pkpd.decimals import total
from pkpd.dosing import Dose
from pkpd.engine.symbolic.dual_numbers import Dual, dual_constant, dual_product, dual_quotient
from pkpd.engine.timeline.terms import Clock, Terms
from pkpd.errors import DoseError, InputError, nearest

_MOST = 1_000_000  # doses that one record may come to


@dataclass(frozen=True, eq=False)
class Delivery:
    """Something that enters a state: all at once at `start`, or at a constant rate until `end`.

    `size` is an amount, or a rate if `end` is given; `action` is that of the dose, and `record` its number.
    """

    state: int
    start: Dual
    size: Dual
    end: Dual | None = None
    action: str = "add"
    record: int = 0


@dataclass(frozen=True, eq=False)
class Train:
    """A dose repeated for ever: what one interval holds, and the moment in it at which the record stands.

    Attributes
    ----------
    state : int
        Where it enters.
    amount : Dual
        What enters at once when an interval begins; zero for an infusion.
    lengths, rates : tuple of Dual
        Pieces of the interval from its beginning and the infusion rate in each.
    phase : Dual
        Time from the beginning of the interval to the record; the whole interval: just before a dose. Negative in a
        linear model whose lag is longer than the interval: from the beginning of the interval backward.
    after : bool
        Whether at phase 0 the dose has just been given.
    constant : bool
        A constant infusion of the first rate instead.
    """

    state: int
    amount: Dual
    lengths: tuple[Dual, ...]
    rates: tuple[Dual, ...]
    phase: Dual
    after: bool = False
    constant: bool = False


@dataclass(frozen=True, eq=False)
class Mark:
    """Something that happens to all states at a time: a return to the initial values, or a steady state.

    `row` is the subject's row of values with which it is done, where it is not the one that holds.
    """

    time: float
    train: Train | None = None
    adds: bool = False
    record: int = 0
    row: int | None = None


@dataclass
class Plan:
    """What the records of one subject come to, in their order."""

    steps: list[Delivery | Mark] = field(default_factory=list)

    def cancel(self, at: float) -> None:
        """End what is going on at a time, and take back what is still to come; what is given then is lost later."""
        kept: list[Delivery | Mark] = []
        for step in self.steps:
            if isinstance(step, Mark) or (step.end is None and step.start[0] <= at):
                kept.append(step)
            elif step.end is not None and step.start[0] < at:
                cut = dual_constant(at, len(step.start) - 1)
                kept.append(step if step.end[0] <= at else replace(step, end=cut))
        self.steps = kept


def plan(
    doses: Sequence[Dose],
    terms: Sequence[Terms],
    entries: Mapping[str, int],
    states: Mapping[str, int],
    until: float = math.inf,
    clock: Clock | None = None,
) -> Plan:
    """Return what doses do, in their order.

    Parameters
    ----------
    doses : sequence of Dose
        Of one subject, in order of time (and of record where times are equal).
    terms : sequence of Terms
        What the model says of each.
    entries, states : mapping
        Route → index of the state that it enters; name → index of every state.
    until : float
        Last time of interest: additional doses after it are left out.
    clock : Clock, optional
        When the subject's values change. The lag is that of the record, for additional doses too; bioavailability,
        rate and length are those of the time at which a dose arrives, and a modelled rate changes with the values.

    Raises
    ------
    InputError
        Naming every dose that enters no state, or whose modelled rate or length is not positive.
    """
    planned = Plan()
    found: list[tuple[None, int, str]] = []
    for record, (dose, said) in enumerate(zip(doses, terms, strict=True)):
        nothing = dose.reset and dose.amount == 0 and not dose.steady_state
        try:
            state = None if nothing else _state(dose, entries, states)
            steps = [] if state is None else _steps(dose, state, said, record, until, clock)
        except InputError as error:
            found += [(None, record, problem) for problem in error.problems]
            continue
        if dose.reset or dose.steady_state == "instead":
            planned.cancel(dose.time)
        row = said.row - clock.first_row if clock is not None and said.row >= 0 else None
        if dose.reset:
            planned.steps.append(Mark(dose.time, record=record, row=row))
        planned.steps += [replace(step, row=row) if isinstance(step, Mark) else step for step in steps]
    if found:
        first = {text: record for _, record, text in reversed(found)}  # of doses with one problem the first is named
        raise DoseError((None, first[text], text) for text in sorted(first))
    return planned


def _steps(
    dose: Dose, state: int, said: Terms, record: int, until: float, clock: Clock | None
) -> list[Delivery | Mark]:
    steps: list[Delivery | Mark] = []
    if dose.steady_state:
        size, length = _size(dose, said)
        steps += _steady(dose, state, size, length, said, record)
        if dose.amount == 0:  # a constant infusion ends with its record
            return steps
    return steps + _given(dose, state, said, record, until, clock)


def _state(dose: Dose, entries: Mapping[str, int], states: Mapping[str, int]) -> int:
    if dose.into:
        if dose.into not in states:
            raise InputError(f"a dose enters {dose.into!r}, which is no state; {nearest(dose.into, states)}")
        return states[dose.into]
    if dose.route not in entries:
        raise InputError(f"the model takes no dose by route {dose.route!r}; {nearest(dose.route, entries)}")
    return entries[dose.route]


def _size(dose: Dose, said: Terms) -> tuple[Dual, Dual | None]:
    """Amount of a bolus, or rate and length of an infusion; an infusion without length is a bolus."""
    derivatives = len(said.lag) - 1
    amount = _amount(dose, said)
    if dose.route != "infusion":
        return amount, None
    if dose.rate or dose.modelled == "rate":
        rate = said.rate if dose.modelled else dual_constant(dose.rate, derivatives)
        if not rate[0] > 0:
            raise InputError(f"the modelled rate of the infusion at time {dose.time:g} is {rate[0]:g}; expected > 0")
        with np.errstate(over="ignore", invalid="ignore"):
            lasts = dual_quotient(amount, rate)
        if not np.isfinite(lasts[0]):
            raise InputError(f"the infusion at time {dose.time:g} lasts {lasts[0]:g}; expected a finite time")
        return rate, lasts
    length = said.duration if dose.modelled else dual_constant(dose.duration, derivatives)
    if not length[0] > 0:
        raise InputError(f"the modelled duration of the infusion at time {dose.time:g} is {length[0]:g}; expected > 0")
    if dose.time + length[0] == dose.time:
        return amount, None  # shorter than the clock's resolution
    return dual_quotient(amount, length), length


def _amount(dose: Dose, said: Terms) -> Dual:
    """What arrives of a dose."""
    part = said.bioavailability if dose.action == "add" else dual_constant(1.0, len(said.lag) - 1)
    return part * dose.amount


def _given(
    dose: Dose, state: int, said: Terms, record: int, until: float, clock: Clock | None
) -> list[Delivery | Mark]:
    """The dose and its additional ones."""
    steps: list[Delivery | Mark] = []
    seen = max(until - dose.time, 0.0) / dose.interval if dose.additional else 0.0
    count = min(dose.additional, seen)
    if not count <= _MOST:
        raise InputError(f"the dose at time {dose.time:g} has {count:g} additional doses; expected at most {_MOST}")
    given = [dose.time]
    if count:
        given = total(dose.time, np.arange(math.ceil(count) + 1), dose.interval).tolist()
    for k, time in enumerate(given):
        start = said.lag.copy()
        start[0] += time
        now = said
        if clock is not None and (k or said.lag[0] > 0):
            now = said.at(clock.row(float(start[0])))
            size, length = _size(dose, now)
        elif k == 0:
            size, length = _size(dose, said)
        if length is not None and start[0] + length[0] == start[0]:
            # Shorter than the clock's resolution where it arrives: its end must not come before its beginning.
            steps.append(Delivery(state, start, _amount(dose, now), None, dose.action, record))
            continue
        if clock is not None and length is not None and dose.modelled == "rate":
            steps += _changing(dose, state, said, start, dual_product(size, length), record, clock)
            continue
        end = None if length is None else start + length
        steps.append(Delivery(state, start, size, end, dose.action, record))
    return steps


def _changing(
    dose: Dose, state: int, said: Terms, start: Dual, left: Dual, record: int, clock: Clock
) -> list[Delivery | Mark]:
    """An infusion whose modelled rate changes while it runs: it ends when the whole amount has entered."""
    steps: list[Delivery | Mark] = []
    while True:
        row, change = clock.next(float(start[0]))
        rate, length = _size(dose, said.at(row))[0], dual_quotient(left, said.at(row).rate)
        if not start[0] + length[0] > change:
            return [*steps, Delivery(state, start, rate, start + length, record=record)]
        cut = dual_constant(change, len(start) - 1)
        steps.append(Delivery(state, start, rate, cut, record=record))
        start, left = cut, left - dual_product(rate, cut - start)


def _steady(dose: Dose, state: int, size: Dual, length: Dual | None, said: Terms, record: int) -> list[Delivery | Mark]:
    """The steady state at the record, and what of earlier infusions still runs then.

    The record stands `interval − lag` after the last arrival. Where the lag is longer than the interval, NONMEM's
    closed forms go back from the arrival by the difference, as if the first piece of the interval had always been; its
    integrators let the record stand just after the arrival. Either way infusions end when the difference is over, too.
    Where going back would lead below zero (``said.whole``) the doses are taken as they are: the record stands where it
    stands between two arrivals, and what is under way then arrives.
    """
    derivatives = len(said.lag) - 1
    interval = dual_constant(dose.interval, derivatives)
    zero = dual_constant(0.0, derivatives)
    adds = dose.steady_state == "added"
    if dose.amount == 0:
        return [Mark(dose.time, Train(state, zero, (), (size,), zero, constant=True), adds, record)]
    phase, under_way = interval - said.lag, 0
    if said.whole and phase[0] < 0:
        under_way = math.ceil(-phase[0] / dose.interval)
        phase = phase + under_way * interval
    late = bool(phase[0] <= 0)
    at = phase if phase[0] > 0 or said.linear else zero
    now = dual_constant(dose.time, derivatives)
    begin = [now + said.lag - j * interval for j in range(1, under_way + 1)]
    ends = [None if length is None else start + length for start in begin]
    coming = [Delivery(state, start, size, end, record=record) for start, end in zip(begin, ends, strict=True)]
    if length is None:
        return [Mark(dose.time, Train(state, size, (interval,), (zero,), at, after=late), adds, record), *coming]
    if not max(length[0] / dose.interval, under_way) <= _MOST:
        raise InputError(f"too many infusions run at the steady state at time {dose.time:g}; expected at most {_MOST}")
    whole = math.floor(length[0] / dose.interval)
    rest = length - whole * interval
    pieces = ((rest, interval - rest), (size * (whole + 1), size * whole))
    keep = [k for k in (0, 1) if pieces[0][k][0] > 0]
    train = Train(state, zero, tuple(pieces[0][k] for k in keep), tuple(pieces[1][k] for k in keep), at, after=late)
    left = [length - phase - m * interval for m in range(whole + (1 if rest[0] > 0 else 0))]
    running = (Delivery(state, now, size, now + x, record=record) for x in left if x[0] > 0)
    return [Mark(dose.time, train, adds, record), *running, *coming]
