"""Every dose of a plan up to a patient's last day, and which of them was given."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Regimen
from pkpd.errors import InputError

_PLACES = 9  # of a day: a time that is a whole number of days but for rounding is one
_MOST = 1_000_000


class Planned(NamedTuple):
    """The planned doses in the order of their times.

    Attributes
    ----------
    day : array of int, shape (doses,)
        Study day; that of time 0 is 1.
    amount : array, shape (doses,)
        Amount.
    block : array of int, shape (doses,)
        Number of the series of days in succession that it belongs to, from 0.
    """

    day: Integers
    amount: Array
    block: Integers


def planned_doses(plan: Regimen, end: float) -> Planned:
    """Return the doses of a plan (times in days) up to the end of a study day.

    Raises
    ------
    InputError
        If they are more than anybody can have got.
    """
    last = math.floor(end)
    whole = sum(_count(d.time, d.additional, d.interval, last) for d in plan if d.amount > 0)
    if whole > _MOST:
        raise InputError(f"the plan has {whole} doses up to day {end:g}; expected at most {_MOST}", "dose_intensity")
    times: list[Any] = [np.empty(0)]
    amounts: list[Any] = [np.empty(0)]
    for dose in plan:
        if dose.amount > 0:
            number = _count(dose.time, dose.additional, dose.interval, last)
            times.append(dose.time + dose.interval * np.arange(number))
            amounts.append(np.full(number, dose.amount))
    clock, amount = np.concatenate(times), np.concatenate(amounts)
    order = np.argsort(clock, kind="stable")
    day = study_days(clock[order] + 1.0)
    block = np.cumsum(np.diff(day, prepend=day[:1]) > 1, dtype=np.int64)
    return Planned(day, amount[order], block)


def study_days(day: Array) -> Integers:
    """Return the study day on which something happens: 1.5 is on day 1."""
    found: Integers = np.floor(np.round(day, _PLACES)).astype(np.int64)
    return found


def _count(time: float, additional: int, interval: float, last: int) -> int:
    """How many of a repeated dose fall on days up to the last one; day 1 is time 0 to below 1."""
    left = last - time
    if left <= 0:
        return 0
    if not additional:
        return 1
    return int(min(additional, math.ceil(round(left / interval, _PLACES)) - 1)) + 1


class Matched(NamedTuple):
    """What was given of the planned doses.

    Attributes
    ----------
    filled : array of bool, shape (doses,)
        Whether the planned dose was given, in any amount.
    lower : array of bool, shape (doses,)
        Whether less than the planned amount was given in its place, and less on that day than the doses of that day
        that were given should have been.
    delays : array of int, shape (blocks,)
        By how many days each block began late; 0 for one that was not given.
    unplanned : int
        Doses given on days or in numbers that were not planned.
    """

    filled: Flags
    lower: Flags
    delays: Integers
    unplanned: int


def match(plan: Planned, day: Integers, amount: Array) -> Matched:
    """Find the planned dose of every dose that was given: the first of its day is the first that was planned for it.

    A block that begins late is a delay if, shifted, more of its doses were given than without; else its first doses
    were left out. What is given beyond the number planned for a day is added to the last dose of the day.

    Parameters
    ----------
    plan : Planned
        What was planned.
    day : array of int, shape (given,)
        Study days of the doses that were given, not decreasing.
    amount : array, shape (given,)
        Their amounts.
    """
    blocks = int(plan.block[-1]) + 1 if len(plan.block) else 0
    filled, lower = np.zeros(len(plan.day), dtype=bool), np.zeros(len(plan.day), dtype=bool)
    delays = np.zeros(blocks, dtype=np.int64)
    used = 0
    starts = np.array([plan.day[plan.block == b][0] for b in range(blocks)], dtype=np.int64)
    for b in range(blocks):
        places = np.flatnonzero(plan.block == b)
        until = starts[b + 1] if b + 1 < blocks else np.iinfo(np.int64).max
        mine = (day >= starts[b]) & (day < until)
        if not mine.any():
            continue
        days, wanted = day[mine], plan.day[places]
        late = int(days[0] - wanted[0])
        if _fitting(days, wanted + late) <= _fitting(days, wanted):
            late = 0
        delays[b] = late
        got = _amounts(wanted + late, days, amount[mine])
        filled[places] = got > 0
        lower[places] = (
            (got > 0) & _below(got, plan.amount[places]) & _below(*_by_day(wanted, got, plan.amount[places]))
        )
        used += int((got > 0).sum())
    return Matched(filled, lower, delays, len(day) - used)


def _fitting(days: Integers, wanted: Integers) -> int:
    """How many planned doses have a dose on their day."""
    return sum(min(int((days == d).sum()), int((wanted == d).sum())) for d in np.unique(wanted))


def _amounts(wanted: Integers, days: Integers, amount: Array) -> Array:
    """What was given in the place of each planned dose."""
    got = np.zeros(len(wanted))
    for d in np.unique(wanted):
        places, doses = np.flatnonzero(wanted == d), amount[days == d]
        number = min(len(places), len(doses))
        got[places[:number]] = doses[:number]
        if number and len(doses) > number:
            got[places[number - 1]] += doses[number:].sum()
    return got


def _below(got: Array, planned: Array) -> Flags:
    """Where less was given than planned, rounding aside."""
    found: Flags = got < planned * (1 - 1e-9)
    return found


def _by_day(day: Integers, got: Array, planned: Array) -> tuple[Array, Array]:
    """What was given and planned on the day of each dose, of the doses that were given."""
    _, place = np.unique(day, return_inverse=True)
    given = got > 0
    sums = (np.bincount(place, weights)[place].astype(float) for weights in (got, np.where(given, planned, 0.0)))
    return next(sums), next(sums)
