"""The doses of a virtual trial: of the drug that is escalated, and of its partner, reduced by toxicity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Dose
from pkpd.trial.reduction.rule import DoseReduction
from pkpd.trial.reduction.steps import STOPPED

DAY, WEEK = 24.0, 168.0
"""Hours."""


def amounts(
    level: Integers, doses: Sequence[float], days: Sequence[int], courses: int, limited: Flags, limit_day: Array
) -> Array:
    """Return every planned dose of the escalated drug as it is given, shape (patients, courses, days).

    After a dose-limiting toxicity the other doses of the first course are left out, and further courses are given at
    the next lower level; from the lowest level the drug is stopped.

    Parameters
    ----------
    level : array of int, shape (patients,)
        Dose level; a patient below 0 gets nothing.
    doses : sequence of float
        Dose of every level.
    days : sequence of int
        Days of a course on which it is given, from 1.
    courses : int
        How many.
    limited : array of bool, shape (patients,)
        Who has a dose-limiting toxicity.
    limit_day : array, shape (patients,)
        Day of the first course on which it appears.
    """
    table = np.array([0.0, *doses])
    given = np.broadcast_to(table[level + 1][:, None, None], (len(level), courses, len(days))).copy()
    late = limited[:, None] & (np.asarray(days)[None, :] > limit_day[:, None])
    given[:, 0][late] = 0.0
    given[limited, 1:] = table[np.maximum(level[limited], 0)][:, None, None]
    return given


def dose_times(days: Sequence[int], courses: int, weeks: float) -> Array:
    """Return the times of the planned doses in hours, shape (courses, days)."""
    first = WEEK * weeks * np.arange(courses)
    times: Array = first[:, None] + DAY * (np.asarray(days, dtype=float)[None, :] - 1)
    return times


def as_doses(given: Array, times: Array, route: str) -> list[tuple[Dose, ...]]:
    """Return every patient's doses; patients with the same ones share a tuple.

    Parameters
    ----------
    given : array, shape (patients, courses, days)
        Amounts; 0 is no dose.
    times : array, shape (courses, days)
        In hours.
    """
    rows, when = given.reshape(len(given), -1), times.ravel()
    known: dict[bytes, tuple[Dose, ...]] = {}
    found = []
    for row in rows:
        key = row.tobytes()
        if key not in known:
            known[key] = tuple(Dose(float(t), float(a), route) for t, a in zip(when, row, strict=True) if a > 0)
        found.append(known[key])
    return found


def partner_levels(
    rule: DoseReduction, daily: Array, chance: Callable[[Array], Array], severe: float, uniform: Array
) -> tuple[Integers, Integers]:
    """Return the level of the partner in every week and the grade seen at its end, shape (patients, weeks).

    At the end of each week with doses a toxicity is drawn, by a link from exposure; the rule then decides on the next
    week. A week without doses brings no toxicity, and its level is `STOPPED`.

    Parameters
    ----------
    rule : DoseReduction
        What a grade does; a visit is a week.
    daily : array, shape (patients, levels)
        Exposure of a day at each level.
    chance : callable
        Exposure → probability per week of a toxicity of grade 2 or more.
    severe : float
        Share of them that are of grade 3.
    uniform : array, shape (patients, weeks)
        Numbers from 0 to 1, one a week.
    """
    patients, weeks = uniform.shape
    levels, grades = np.zeros((patients, weeks), dtype=np.int64), np.zeros((patients, weeks), dtype=np.int64)
    state, every, by_level = rule.start(patients), np.arange(patients), chance(daily)
    for week in range(weeks):
        levels[:, week] = np.where(state.dosed, state.level, STOPPED)
        p = np.where(state.dosed, by_level[every, np.maximum(state.level, 0)], 0.0)
        grades[:, week] = np.where(uniform[:, week] < severe * p, 3, np.where(uniform[:, week] < p, 2, 0))
        state = rule.follow(state, grades[:, week])
    return levels, grades


def partner_doses(
    levels: Integers, regimens: Sequence[tuple[float, float]], route: str, end: float
) -> list[tuple[Dose, ...]]:
    """Return every patient's doses of the partner: one `Dose` that repeats for every stretch at one level.

    Parameters
    ----------
    levels : array of int, shape (patients, weeks)
        Level of each week, `STOPPED` for a week without doses.
    regimens : sequence of (amount, interval in hours)
        Of every level.
    end : float
        Hours; no dose is given at or after it.
    """
    known: dict[bytes, tuple[Dose, ...]] = {}
    found = []
    for row in levels:
        key = row.tobytes()
        if key not in known:
            known[key] = _stretches(row, regimens, route, end)
        found.append(known[key])
    return found


def _stretches(
    row: Integers, regimens: Sequence[tuple[float, float]], route: str, end: float
) -> tuple[Dose, ...]:  # fmt: skip
    begins = np.flatnonzero(np.diff(row, prepend=-2))
    stops = [*begins[1:], len(row)]
    doses: list[Any] = []
    for begin, stop in zip(begins, stops, strict=True):
        if row[begin] == STOPPED:
            continue
        amount, interval = regimens[row[begin]]
        start, until = begin * WEEK, min(stop * WEEK, end)
        repeats = int(np.ceil((until - start) / interval)) - 1
        if repeats >= 0:
            doses.append(Dose(float(start), float(amount), route, additional=repeats, interval=float(interval)))
    return tuple(doses)


__all__ = ["DAY", "STOPPED", "WEEK", "amounts", "as_doses", "dose_times", "partner_doses", "partner_levels"]
