"""Doses and regimens in the field's words: ``bolus("30 ug/kg", days=[*range(1, 6), *range(15, 20)])``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pkpd import units
from pkpd.arguments import brief, checked, checked_fields
from pkpd.decimals import product, total
from pkpd.errors import InputError, nearest, shown
from pkpd.files import Part, Saved

ROUTES = ("bolus", "infusion", "oral")
"""The routes a dose can take: into the veins at once, into the veins over time, by first-order absorption."""


MOST_DOSES = 1_000_000
_SHOWN = 10  # doses that a regimen lists when it is printed
MOST_ADDITIONAL = 2**53  # counted exactly; nobody writes them out: those after the last time cost nothing
"""More doses than this in one plan are a slip of the pen, and would fill the memory."""

_STEADY = ("", "instead", "added")
_MODELLED = ("", "rate", "duration")
_ACTIONS = ("add", "replace", "multiply")


@dataclass(frozen=True, order=True, slots=True)
class Dose(Part):
    """One dose: when, how much, by which route and, for an infusion, for how long or how fast.

    Parameters
    ----------
    time : float
        Time of the dose (start of an infusion), in the time unit of whatever holds the dose.
    amount : float
        Amount, in the dose unit of whatever holds the dose; not negative.
    route : {"bolus", "infusion", "oral"}
        How the dose is given.
    duration : float
        Length of an infusion that is given by its length; 0 otherwise.
    rate : float
        Rate of an infusion that is given by its rate; bioavailability then acts on its length. 0 otherwise.
    modelled : {"", "rate", "duration"}
        Rate or length of the infusion is a quantity of the model (`Model.infusion_rate`, `infusion_duration`).
    into : str
        State that it enters, in place of the one that the model names for the route.
    additional, interval : int, float
        So many more doses like this one, every `interval`.
    steady_state : {"", "instead", "added"}
        The dose has been repeated every `interval` for ever: the steady state takes the place of what was there and
        ends what was going on, or is added to it. With amount 0: a constant infusion (of its rate, of the modelled one,
        or of nothing) that ends now.
    action : {"add", "replace", "multiply"}
        What it does to the amount in its state (a bolus only).
    reset : bool
        The system is first set back to its initial values, and what was going on ends.
    """

    time: float
    amount: float
    route: str = "bolus"
    duration: float = 0.0
    rate: float = 0.0
    modelled: str = ""
    into: str = ""
    additional: int = 0
    interval: float = 0.0
    steady_state: str = ""
    action: str = "add"
    reset: bool = False

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "dose")
        problems = [*_amounts(self), *_repetition(self)]
        if self.route not in ROUTES:
            problems.append(f"unknown route {self.route!r}; {nearest(self.route, ROUTES)}")
        if self.route == "infusion":
            problems += _infusion(self)
        elif self.duration != 0 or self.rate != 0 or self.modelled:
            what = f"duration {self.duration}" if self.duration != 0 else f"a rate ({self.rate or self.modelled})"
            problems.append(f"a dose by route {self.route!r} has {what}; only an infusion has one")
        if problems:
            raise InputError(problems, f"dose at time {self.time}")

    @property
    def is_plain(self) -> bool:
        """Whether it is one dose of a known amount, route and length, and nothing else."""
        return (
            not (self.rate or self.modelled or self.into or self.additional or self.steady_state or self.reset)
            and self.action == "add"
        )


def _amounts(dose: Dose) -> list[str]:
    problems = []
    if not math.isfinite(dose.time):
        problems.append(f"dose time is {dose.time}; expected a finite number")
    if not (math.isfinite(dose.amount) and dose.amount >= 0):
        problems.append(f"dose amount is {dose.amount}; expected a number ≥ 0")
    for name, known in (("steady_state", _STEADY), ("modelled", _MODELLED), ("action", _ACTIONS)):
        value = getattr(dose, name)
        if value not in known:
            problems.append(f"{name} is {value!r}; {nearest(value, [k for k in known if k])}")
    if dose.action != "add" and (dose.route == "infusion" or dose.steady_state or dose.additional):
        problems.append(
            f"action {dose.action!r} is for a single bolus; expected no infusion, repetition or steady state"
        )
    return problems


def _repetition(dose: Dose) -> list[str]:
    problems = []
    if not 0 <= dose.additional <= MOST_ADDITIONAL:
        problems.append(f"additional is {shown(dose.additional)}; expected a whole number from 0 to {MOST_ADDITIONAL}")
    if not (math.isfinite(dose.interval) and dose.interval >= 0):
        problems.append(f"interval is {dose.interval}; expected a number ≥ 0")
    elif dose.additional and not dose.interval > 0:
        problems.append(f"{dose.additional} additional doses have no interval between them")
    if dose.steady_state and not dose.interval > 0 and dose.amount != 0:
        problems.append("a dose at steady state has no interval; expected one > 0 (or the amount 0)")
    if dose.steady_state and dose.amount == 0 and (dose.additional or dose.duration or dose.modelled == "duration"):
        problems.append("a constant infusion to steady state has additional doses or a duration; expected a rate only")
    return problems


def _infusion(dose: Dose) -> list[str]:
    given = [name for name in ("duration", "rate", "modelled") if getattr(dose, name)]
    if len(given) > 1:
        return [f"an infusion has {' and '.join(given)}; expected one of them"]
    if dose.rate or dose.modelled:
        return [] if math.isfinite(dose.rate) and dose.rate >= 0 else [f"rate is {dose.rate}; expected a number > 0"]
    if not (math.isfinite(dose.duration) and dose.duration > 0):
        return [f"duration of the infusion is {dose.duration}; expected a number > 0"]
    return []


@dataclass(frozen=True, slots=True)
class Regimen(Saved):
    """A dosing plan: doses in time order with their units; regimens add up with ``+``.

    Parameters
    ----------
    doses : tuple of Dose
        The doses; kept sorted by time.
    unit : str
        Unit of every amount, e.g. ``"ug/kg"``.
    time_unit : str
        Unit of every time and duration.
    occasions : tuple of float
        Times at which the second, third … occasion begins; kept sorted. What differs between occasions changes there.
    """

    doses: tuple[Dose, ...]
    unit: str
    time_unit: str = "h"
    occasions: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        checked_fields(self, "regimen")
        units.require(self.unit, "amount", "amount per kg", what="the dose")
        units.require(self.time_unit, "time", what="the dose times")
        object.__setattr__(self, "doses", tuple(sorted(self.doses, key=lambda dose: dose.time)))
        begins = tuple(sorted({float(time) for time in self.occasions}))
        if not all(math.isfinite(time) for time in begins):
            raise InputError(f"occasions are {self.occasions}; expected finite times", "regimen")
        object.__setattr__(self, "occasions", begins)

    def __iter__(self) -> Iterator[Dose]:
        return iter(self.doses)

    def __len__(self) -> int:
        return len(self.doses)

    def __add__(self, other: Regimen) -> Regimen:
        if not isinstance(other, Regimen):
            return NotImplemented
        same = other.in_units(self.unit, self.time_unit)
        return replace(self, doses=self.doses + same.doses, occasions=self.occasions + same.occasions)

    @property
    def times(self) -> tuple[float, ...]:
        """Times of all doses in order, additional ones too."""
        return tuple(sorted(time for d in self.doses for time in _repeats(d)))

    @checked
    def in_units(self, unit: str, time_unit: str = "h") -> Regimen:
        """Return the same regimen with amounts in `unit` and times in `time_unit`."""
        a, b = units.factor(self.unit, unit), units.factor(self.time_unit, time_unit)
        if (a, b) == (1.0, 1.0) and unit == self.unit and time_unit == self.time_unit:
            return self
        begins = tuple(product(self.occasions, b).tolist())
        return Regimen(tuple(converted(d, a, b) for d in self.doses), unit, time_unit, begins)

    @checked
    def scaled(self, ratio: float) -> Regimen:
        """Return the same plan with every amount multiplied by `ratio`."""
        return replace(self, doses=tuple(converted(d, ratio, 1.0) for d in self.doses))

    def written_out(self) -> Regimen:
        """Return the same plan with every additional dose as one of its own, and rates as durations.

        Raises
        ------
        InputError
            If a dose is at steady state, modelled, resets, replaces or names a state: that is more than a time, an
            amount and a route.
        """
        doses: list[Dose] = []
        problems = []
        for dose in self.doses:
            length = dose.amount / dose.rate if dose.rate else dose.duration
            if dose.steady_state or dose.modelled or dose.into or dose.reset or dose.action != "add":
                problems.append(f"the dose at {dose.time:g} is more than a time, an amount and a route")
                continue
            plain = replace(dose, rate=0.0, duration=length, additional=0, interval=0.0)
            doses += [replace(plain, time=time) for time in _repeats(dose)]
        if problems:
            raise InputError(problems, "regimen")
        return replace(self, doses=tuple(doses))

    @checked
    def delayed(self, by: str) -> Regimen:
        """Return the same plan starting later (``by="7 weeks"``) ."""
        shift = _hours(by, self.time_unit)
        doses = tuple(replace(d, time=float(total(d.time, 1, shift))) for d in self.doses)
        return replace(self, doses=doses, occasions=tuple(total(self.occasions, 1, shift).tolist()))

    @checked
    def repeated(self, courses: int, every: str, occasions: bool = False) -> Regimen:
        """Return the plan given `courses` times, one course starting `every` so long (``every="7 weeks"``).

        Parameters
        ----------
        courses : int
            How many times.
        every : str
            From the start of one course to the start of the next.
        occasions : bool
            Whether each course is an occasion of its own, which begins with its first dose. Occasions that begin
            within a course are repeated in any case.

        Raises
        ------
        InputError
            If `courses` is not a whole number ≥ 1 or `every` is not a time > 0.
        """
        most = MOST_DOSES // max(1, len(self.times))
        if not 1 <= courses <= most:
            each = f"{len(self.times)} doses each"
            raise InputError(f"courses is {shown(courses)}; expected a whole number from 1 to {most} ({each})")
        shift = _hours(every, self.time_unit)
        if not shift > 0:
            raise InputError(f"every is {every!r}; expected a time > 0")
        starts = total(np.array([d.time for d in self.doses]), np.arange(courses)[:, None], shift).tolist()
        doses = (replace(d, time=time) for own in starts for d, time in zip(self.doses, own, strict=True))
        begins = total(np.array(self.occasions), np.arange(courses)[:, None], shift).ravel().tolist()
        if occasions and self.doses:
            begins += [own[0] for own in starts[1:]]
        return replace(self, doses=tuple(doses), occasions=tuple(begins))

    def __str__(self) -> str:
        if not self.doses:
            return "no doses"
        first = self.doses[0]
        same = all((d.amount, d.route) == (first.amount, first.route) for d in self.doses)
        count, more = len(self.times), ", from steady state" if any(d.steady_state for d in self.doses) else ""
        what = f"{count} × {first.amount:g} {self.unit} {first.route}" if same else f"{count} doses ({self.unit})"
        if self.occasions:
            more += f", {1 + len(self.occasions)} occasions"
        last = f" to {self.times[-1]:g}" if count > 1 else ""
        return f"{what}, {'' if last else 'at '}{self.times[0]:g}{last} {self.time_unit}{more}"

    def __repr__(self) -> str:
        shown = [f"  {_in_a_line(dose, self.unit, self.time_unit)}" for dose in self.doses[:_SHOWN]]
        rest = len(self.doses) - len(shown)
        return "\n".join([f"<Regimen: {self}>", *shown, *([f"  and {rest} more"] if rest else [])])


def _in_a_line(dose: Dose, unit: str, time_unit: str) -> str:
    """Say of a dose when, how much and how; what is not usual stands at the end."""
    length = f" over {dose.duration:g} {time_unit}" if dose.duration else ""
    length += f" at {dose.rate:g} {unit}/{time_unit}" if dose.rate else ""
    more = [f"{name}={value!r}" for name in ("modelled", "into", "steady_state") if (value := getattr(dose, name))]
    more += [f"and {dose.additional} more every {dose.interval:g} {time_unit}"] if dose.additional else []
    more += [f"every {dose.interval:g} {time_unit}"] if dose.steady_state and not dose.additional else []
    more += [f"action={dose.action!r}"] if dose.action != "add" else []
    more += ["after a reset"] if dose.reset else []
    return f"{dose.time:g} {time_unit}: {dose.amount:g} {unit} {dose.route}{length}{''.join(f', {m}' for m in more)}"


def _repeats(dose: Dose) -> list[float]:
    """Times of a dose and its additional ones."""
    if not dose.additional:
        return [dose.time]
    times: list[float] = total(dose.time, np.arange(dose.additional + 1), dose.interval).tolist()
    return times


def converted(dose: Dose, amount: float, time: float) -> Dose:
    """Return a dose in other units: amounts multiplied by `amount`, times by `time`."""
    if dose.action == "multiply":
        amount = 1.0  # its amount is a factor without a unit
    clock = (dose.time, dose.duration, dose.interval)
    if time != 1.0:  # a subject's amounts are often all that changes, for thousands of subjects
        clock = tuple(product(clock, time).tolist())
    return replace(
        dose, time=clock[0], amount=dose.amount * amount, duration=clock[1], rate=dose.rate * amount / time,
        interval=clock[2],
    )  # fmt: skip


@checked
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


@checked
def infusion(
    amount: str, duration: str, *, days: Iterable[float] | float | None = None, at: Iterable[float] | str | None = None
) -> Regimen:
    """Return a plan of intravenous infusions of constant rate; `duration` is a time such as ``"30 min"``.

    The other parameters and the errors are those of `bolus`.
    """
    return _plan(amount, "infusion", days, at, _hours(duration, "h"))


@checked
def oral(
    amount: str, *, days: Iterable[float] | float | None = None, at: Iterable[float] | str | None = None
) -> Regimen:
    """Return a plan of doses that are absorbed (by mouth, under the skin); parameters as in `bolus`."""
    return _plan(amount, "oral", days, at, 0.0)


def _hours(text: str, unit: str) -> float:
    number, time_unit = units.quantity(text)
    units.require(time_unit, "time", what=f"{text!r}")
    return float(product(number, units.factor(time_unit, unit)))


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
