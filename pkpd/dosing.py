"""Doses and regimens in the field's words: ``bolus("30 ug/kg", days=[*range(1, 6), *range(15, 20)])`` (floor 1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pkpd import units
from pkpd.errors import InputError, nearest

ROUTES = ("bolus", "infusion", "oral")
"""The routes a dose can take: into the veins at once, into the veins over time, by first-order absorption."""


@dataclass(frozen=True, order=True, slots=True)
class Dose:
    """One dose: when, how much, by which route and, for an infusion, for how long.

    Parameters
    ----------
    time : float
        Time of the dose (start of an infusion), in the time unit of whatever holds the dose.
    amount : float
        Amount, in the dose unit of whatever holds the dose; not negative.
    route : {"bolus", "infusion", "oral"}
        How the dose is given.
    duration : float
        Length of an infusion; 0 otherwise.
    """

    time: float
    amount: float
    route: str = "bolus"
    duration: float = 0.0

    def __post_init__(self) -> None:
        problems = []
        if not math.isfinite(self.time):
            problems.append(f"dose time is {self.time}; expected a finite number")
        if not (math.isfinite(self.amount) and self.amount >= 0):
            problems.append(f"dose amount is {self.amount}; expected a number ≥ 0")
        if self.route not in ROUTES:
            problems.append(f"unknown route {self.route!r}; {nearest(self.route, ROUTES)}")
        if self.route == "infusion" and not (math.isfinite(self.duration) and self.duration > 0):
            problems.append(f"duration of the infusion is {self.duration}; expected a number > 0")
        if self.route != "infusion" and self.duration != 0:
            problems.append(f"a dose by route {self.route!r} has duration {self.duration}; only an infusion has one")
        if problems:
            raise InputError(problems, f"dose at time {self.time}")


@dataclass(frozen=True, slots=True)
class Regimen:
    """A dosing plan: doses in time order with their units; regimens add up with ``+``.

    Parameters
    ----------
    doses : tuple of Dose
        The doses; kept sorted by time.
    unit : str
        Unit of every amount, e.g. ``"ug/kg"``.
    time_unit : str
        Unit of every time and duration.
    """

    doses: tuple[Dose, ...]
    unit: str
    time_unit: str = "h"

    def __post_init__(self) -> None:
        units.require(self.unit, "amount", "amount per kg", what="the dose")
        units.require(self.time_unit, "time", what="the dose times")
        object.__setattr__(self, "doses", tuple(sorted(self.doses, key=lambda dose: dose.time)))

    def __iter__(self) -> Iterator[Dose]:
        return iter(self.doses)

    def __len__(self) -> int:
        return len(self.doses)

    def __add__(self, other: Regimen) -> Regimen:
        same = other.in_units(self.unit, self.time_unit)
        return replace(self, doses=self.doses + same.doses)

    @property
    def times(self) -> tuple[float, ...]:
        """Times of the doses."""
        return tuple(dose.time for dose in self.doses)

    def in_units(self, unit: str, time_unit: str = "h") -> Regimen:
        """Return the same regimen with amounts in `unit` and times in `time_unit`."""
        a, b = units.factor(self.unit, unit), units.factor(self.time_unit, time_unit)
        if (a, b) == (1.0, 1.0) and unit == self.unit and time_unit == self.time_unit:
            return self
        doses = (replace(d, time=d.time * b, amount=d.amount * a, duration=d.duration * b) for d in self.doses)
        return Regimen(tuple(doses), unit, time_unit)

    def scaled(self, ratio: float) -> Regimen:
        """Return the same plan with every amount multiplied by `ratio`."""
        return replace(self, doses=tuple(replace(d, amount=d.amount * ratio) for d in self.doses))

    def delayed(self, by: str) -> Regimen:
        """Return the same plan starting later (``by="7 weeks"``) ."""
        shift = _hours(by, self.time_unit)
        return replace(self, doses=tuple(replace(d, time=d.time + shift) for d in self.doses))

    def repeated(self, courses: int, every: str) -> Regimen:
        """Return the plan given `courses` times, one course starting `every` so long (``every="7 weeks"``).

        Raises
        ------
        InputError
            If `courses` is not a whole number ≥ 1 or `every` is not a time > 0.
        """
        if int(courses) != courses or courses < 1:
            raise InputError(f"courses is {courses}; expected a whole number ≥ 1")
        shift = _hours(every, self.time_unit)
        if not shift > 0:
            raise InputError(f"every is {every!r}; expected a time > 0")
        doses = (replace(d, time=d.time + k * shift) for k in range(int(courses)) for d in self.doses)
        return replace(self, doses=tuple(doses))

    def __str__(self) -> str:
        if not self.doses:
            return "no doses"
        first = self.doses[0]
        same = all((d.amount, d.route) == (first.amount, first.route) for d in self.doses)
        what = (
            f"{len(self)} × {first.amount:g} {self.unit} {first.route}" if same else f"{len(self)} doses ({self.unit})"
        )
        return f"{what}, {self.times[0]:g} to {self.times[-1]:g} {self.time_unit}"


def bolus(
    amount: str, *, days: Iterable[float] | float | None = None, at: Iterable[float] | str | None = None
) -> Regimen:
    """Return a plan of intravenous bolus doses.

    Parameters
    ----------
    amount : str
        Amount of every dose with its unit, e.g. ``"30 ug/kg"``.
    days : iterable of float, optional
        Days on which a dose is given; day 1 starts at time 0, so day ``d`` is at ``24·(d − 1)`` h.
    at : iterable of float, optional
        Times in hours instead of days; neither means one dose at time 0.

    Raises
    ------
    InputError, UnitError
        If the amount is negative, has no unit, or both `days` and `at` are given.

    Examples
    --------
    >>> len(bolus("30 ug/kg", days=[*range(1, 6), *range(15, 20)]))
    10
    """
    return _plan(amount, "bolus", days, at, 0.0)


def infusion(
    amount: str, duration: str, *, days: Iterable[float] | float | None = None, at: Iterable[float] | str | None = None
) -> Regimen:
    """Return a plan of intravenous infusions of constant rate; `duration` is a time such as ``"30 min"``.

    The other parameters and the errors are those of `bolus`.
    """
    return _plan(amount, "infusion", days, at, _hours(duration, "h"))


def oral(
    amount: str, *, days: Iterable[float] | float | None = None, at: Iterable[float] | str | None = None
) -> Regimen:
    """Return a plan of doses that are absorbed (by mouth, under the skin); parameters as in `bolus`."""
    return _plan(amount, "oral", days, at, 0.0)


def _hours(text: str, unit: str) -> float:
    number, found = units.quantity(text)
    units.require(found, "time", what=f"{text!r}")
    return number * units.factor(found, unit)


def _plan(
    amount: str, route: str, days: Iterable[float] | float | None, at: Iterable[float] | str | None, duration: float
) -> Regimen:
    number, unit = units.quantity(amount)
    if days is not None and at is not None:
        raise InputError("give days or at, not both")
    times: Sequence[float]
    if days is not None:
        wanted = [float(day) for day in (days if isinstance(days, Iterable) else [days])]
        if early := [day for day in wanted if not day >= 1]:
            raise InputError(f"days are {early}; expected days ≥ 1 (day 1 starts at time 0)")
        times = [24.0 * (day - 1.0) for day in wanted]
    elif isinstance(at, str):
        times = [_hours(at, "h")]
    else:
        times = [0.0] if at is None else [float(time) for time in at]
    return Regimen(tuple(Dose(time, number, route, duration) for time in times), unit, "h")
