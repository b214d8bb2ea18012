"""A rule that reduces, interrupts and ends treatment by the grade of a toxicity, visit by visit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arguments import brief, checked, checked_fields
from pkpd.arrays import Array, Integers
from pkpd.decimals import product, total
from pkpd.dosing import ROUTES, Dose, Regimen
from pkpd.errors import InputError, UnitError, nearest, shown
from pkpd.trial.reduction.adaptive import AdaptiveReduction
from pkpd.trial.reduction.explained import explained
from pkpd.trial.reduction.steps import ACTIONS, CONTINUE, HOLD, REDUCE, STOP, DoseState, Steps, advance, begin

if TYPE_CHECKING:
    import pandas

_GRADED = ("grade_2", "grade_3", "grade_4")


@dataclass(frozen=True)
class DoseReduction:
    """Dose levels, and what each grade of a toxicity does to a patient's dose at a visit.

    One step is one visit. Grades 0 and 1 change nothing, grade 5 ends treatment. The others:

    ===============  ==============================================================================================
    ``"continue"``   nothing changes
    ``"hold"``       no doses for `hold` visits at least and until the grade is at most `resume`; then as before
    ``"reduce"``     the same, then one level lower (`hold` = 0: one level lower at once). Below the lowest level
                     there is none: treatment ends
    ``"stop"``       treatment ends
    ===============  ==============================================================================================

    A hold costs one level at most: a grade that goes on during it lengthens it and does not reduce again.

    Attributes
    ----------
    levels : tuple of (str, float)
        Amount with its unit and interval in hours of every level; each gives less per day than the one before.
    grade_2, grade_3, grade_4 : {"continue", "hold", "reduce", "stop"}
        What the grade does; a worse grade does not do less.
    tolerated : int
        So many visits with grade 2 change nothing, however far apart they are.
    hold : int
        Least number of visits without a dose, the one that begins the hold included.
    resume : int
        Highest grade at which doses are resumed.
    longest_hold : int
        After so many visits without a dose treatment ends unless doses can be resumed; 0: without an end.
    raise_after : int
        So many visits in succession with a grade of at most `resume`, each after dosing at a reduced level, raise the
        dose by one level; 0: a reduced dose stays reduced.
    route : {"oral", "bolus"}
        Route of the doses.

    Raises
    ------
    InputError
        Listing everything that cannot be used.

    Notes
    -----
    The sorafenib label's table for skin toxicity, at weekly visits, is ``levels=(("400 mg", 12), ("400 mg", 24),
    ("400 mg", 48)), tolerated=1`` and the defaults: the first grade 2 is treated and tolerated, one that is not better
    after 7 days (or the second) interrupts and reduces, so does the third, and the fourth ends treatment; so do, of
    grade 3, the first two and the third. The table ends at grade 3; that grade 4 ends treatment is what the label says
    of other toxicities.

    References
    ----------
    Nexavar (sorafenib), US prescribing information of 2005, as quoted in Table 2 of Oncologist 2009;14:800-805
    (PMC6626665). Ends after a hold of 30 days and after two reductions, in a trial's protocol: Radiat Oncol 2010;5:12,
    Table 2.

    Examples
    --------
    >>> rule = DoseReduction((("400 mg", 12), ("400 mg", 24), ("400 mg", 48)))
    >>> level, held = rule.step([0, 0, 1, 2, -1], [0, 0, 1, 0, 0], [1, 3, 0, 2, 0])
    >>> level.tolist(), held.tolist()
    ([0, 1, 1, -1, -1], [0, 1, 0, 0, 0])
    """

    levels: tuple[tuple[str, float], ...]
    grade_2: str = "reduce"
    grade_3: str = "reduce"
    grade_4: str = "stop"
    tolerated: int = 0
    hold: int = 1
    resume: int = 1
    longest_hold: int = 0
    raise_after: int = 0
    route: str = "oral"

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "DoseReduction")
        problems = [*_of_levels(self.levels), *_of_actions(self)]
        for name in ("tolerated", "hold", "longest_hold", "raise_after"):
            if getattr(self, name) < 0:
                problems.append(f"{name} is {getattr(self, name)}; expected a whole number ≥ 0")
        if not 0 <= self.resume <= 3:
            problems.append(f"resume is {self.resume}; expected a grade from 0 to 3")
        if 0 < self.longest_hold < self.hold:
            problems.append(f"longest_hold is {self.longest_hold}; expected 0 or at least hold ({self.hold})")
        if self.route not in ROUTES or self.route == "infusion":
            problems.append(f"route is {shown(self.route)}; {nearest(self.route, ('oral', 'bolus'))}")
        if problems:
            raise InputError(problems, "DoseReduction")

    @property
    def unit(self) -> str:
        """Unit of amounts: that of the first level."""
        return units.quantity(self.levels[0][0])[1]

    @property
    def per_day(self) -> Array:
        """What every level gives per day, in `unit`, shape (levels,)."""
        return np.array(_per_day(self.levels))

    @property
    def remembers(self) -> bool:
        """Whether a step depends on more than level, hold and grade; then `step` refuses and `follow` is for it."""
        actions = self.steps.action
        return bool(self.tolerated or self.longest_hold or self.raise_after or (HOLD in actions and REDUCE in actions))

    @property
    def steps(self) -> Steps:
        """The rule in numbers."""
        by_grade = tuple(ACTIONS.index(getattr(self, name)) for name in _GRADED)
        return Steps(
            len(self.levels), (CONTINUE, CONTINUE, *by_grade, STOP), self.hold, self.longest_hold, self.resume,
            self.tolerated, self.raise_after,
        )  # fmt: skip

    def start(self, shape: int | tuple[int, ...] = ()) -> DoseState:
        """Return patients who begin at the first level.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of every array.
        """
        return begin(shape)

    @checked
    def follow(self, state: DoseState, grade: Integers) -> DoseState:
        """Return where patients stand after one more visit.

        Parameters
        ----------
        state : DoseState
            After the visit before; `start` for the first.
        grade : array of int, shape of the state
            Grades at this visit, 0 to 5.

        Raises
        ------
        InputError
            If something is no grade, level or number of visits.
        """
        arrays = _whole(self, {**state._asdict(), "grade": grade})
        grades = arrays.pop()
        return advance(self.steps, DoseState(*arrays), grades)[0]

    @checked
    def step(self, level: Integers, held: Integers, grade: Integers) -> tuple[Integers, Integers]:
        """Return level and visits of hold after one visit, for a rule that needs to remember nothing else.

        Parameters
        ----------
        level, held, grade : array of int, shapes that broadcast
            Level (−1: stopped) and visits of hold left after the visit before, and the grade at this one (0 to 5).

        Returns
        -------
        level, held : array of int, the broadcast shape
            With held 0 and a level ≥ 0 doses are given at this level until the next visit; with held > 0 they are
            not, and the level is that of the next dose.

        Raises
        ------
        InputError
            If something is no grade, level or number of visits; or if the rule counts (tolerated, longest_hold,
            raise_after) or both holds and reduces: then `follow` is for it.
        """
        if self.remembers:
            raise InputError(
                "this rule depends on earlier visits (tolerated, longest_hold, raise_after, or grades that hold beside "
                "grades that reduce); expected start() and follow(state, grade) for it", "step",
            )  # fmt: skip
        levels, holds, grades = _whole(self, {"level": level, "held": held, "grade": grade})
        none = np.zeros_like(levels)
        # Whatever a hold was for has had its effect: no grade but one that ends treatment weighs more.
        before = DoseState(levels, holds, np.where(holds > 0, self._heaviest, 0), none, none, none)
        after, _ = advance(self.steps, before, grades)
        return after.level, after.held

    @property
    def _heaviest(self) -> int:
        """A grade that holds or reduces as much as any does."""
        actions = self.steps.action
        return max((g for g in range(5) if actions[g] in (HOLD, REDUCE)), key=actions.__getitem__, default=0)

    @checked
    def explain(self, grades: Any, *, columns: Mapping[str, str] | None = None) -> pandas.DataFrame:
        """Return what the rule decides at every visit of a table of grades, and why.

        Parameters
        ----------
        grades : DataFrame, path or mapping of columns
            One row per patient and visit: ``subject``, ``visit`` (1, 2, …), ``grade`` (0 to 5).
        columns : mapping, optional
            Our name → its heading.

        Returns
        -------
        DataFrame
            ``subject, visit, grade, action, level`` (from 1; 0: stopped), ``dose`` (from this visit on; "" without),
            ``reason``.

        Raises
        ------
        InputError
            Listing every cell that cannot be used and every visit that lacks.
        """
        return explained(self.steps, [self._words(level) for level in range(len(self.levels))], grades, columns)

    @checked
    def for_adaptive(self, toxicity: Callable[[Any], Any], *, every: str = "1 week") -> AdaptiveReduction:
        """Return the rule that `pkpd.simulate_adaptive` takes: doses of every patient from decision to decision.

        Parameters
        ----------
        toxicity : callable
            ``toxicity(situation)`` returns the grade of every subject at that decision: a Series or mapping by
            subject, or an array in the order of ``situation.people``. It must return the same whenever it is asked for
            the same situation, so one that draws random numbers seeds them from it. A function of a module can be sent
            to other processes. It is not asked at the first decision, before which nobody had a dose.
        every : str
            Time from decision to decision.
        """
        return AdaptiveReduction(self, toxicity, every)

    def plan(self, level: int, start: float, end: float, time_unit: str) -> Regimen:
        """Return the doses of a level from a time until before another.

        Parameters
        ----------
        level : int
            Place of the level, from 0.
        start, end : float
            Times in `time_unit`.
        time_unit : str
            Unit of all times.
        """
        amount, unit = units.quantity(self.levels[level][0])
        interval = self.interval(level, time_unit)
        number = max(0, math.ceil(round((end - start) / interval, 9)))
        times = total(start, np.arange(number), interval).tolist()
        return Regimen(tuple(Dose(time, amount, self.route) for time in times), unit, time_unit)

    def interval(self, level: int, time_unit: str) -> float:
        """Return the interval of a level in a unit of time."""
        return float(product(self.levels[level][1], units.factor("h", time_unit)))

    def _words(self, level: int) -> str:
        amount, hours = self.levels[level]
        return f"{amount} every {hours:g} h"


def _per_day(levels: tuple[tuple[str, float], ...]) -> list[float]:
    unit = units.quantity(levels[0][0])[1]
    found = []
    for amount, hours in levels:
        number, own = units.quantity(amount)
        found.append(float(product(number, units.factor(own, unit))) * 24.0 / hours)
    return found


def _of_levels(levels: tuple[tuple[str, float], ...]) -> list[str]:
    """What is wrong with the dose levels."""
    if not levels:
        return ["there is no level; expected at least one (amount, interval in hours)"]
    problems = []
    for k, (amount, hours) in enumerate(levels, start=1):
        try:
            number, unit = units.quantity(amount)
            units.require(unit, "amount", "amount per kg", what="the dose")
            if not 0 < number < math.inf:
                problems.append(f"level {k} gives {shown(amount)}; expected an amount > 0")
        except (InputError, UnitError) as error:
            problems += [f"level {k}: {problem}" for problem in error.problems]
        if not 0 < hours < math.inf:
            problems.append(f"level {k} has the interval {shown(hours)}; expected hours > 0")
    if problems:
        return problems
    try:
        daily = _per_day(levels)
    except (InputError, UnitError) as error:
        return [f"levels: {problem}" for problem in error.problems]
    return [
        f"level {k + 1} gives {daily[k]:g} per day, level {k} {daily[k - 1]:g}; expected less"
        for k in range(1, len(daily))
        if not daily[k] < daily[k - 1]
    ]


def _of_actions(rule: DoseReduction) -> list[str]:
    """What is wrong with what the grades do."""
    problems = [
        f"{name} is {shown(getattr(rule, name))}; {nearest(getattr(rule, name), ACTIONS)}"
        for name in _GRADED
        if getattr(rule, name) not in ACTIONS
    ]
    if problems:
        return problems
    weights = [ACTIONS.index(getattr(rule, name)) for name in _GRADED]
    problems += [
        f"{_GRADED[k]} does less ({ACTIONS[weights[k]]}) than {_GRADED[k - 1]} ({ACTIONS[weights[k - 1]]})"
        for k in (1, 2)
        if weights[k] < weights[k - 1]
    ]
    if HOLD in weights and rule.hold == 0:
        problems.append(f"hold is 0 and {_GRADED[weights.index(HOLD)]} is 'hold'; expected hold ≥ 1")
    if rule.resume <= 3 and any(2 + k <= rule.resume and weights[k] in (HOLD, REDUCE) for k in range(3)) and rule.hold:
        problems.append(f"resume is {rule.resume}, a grade that itself holds doses; expected one that does not")
    return problems


_RANGES = {"level": (-1, None), "held": (0, None), "grade": (0, 5), "worst": (0, 4)}


def _whole(rule: DoseReduction, given: Mapping[str, Any]) -> list[Integers]:
    """The arrays of a step as integers of one shape, after a look at every number."""
    problems, arrays = [], []
    for name, value in given.items():
        array = np.asarray(value)
        low, high = _RANGES.get(name, (0, None))
        high = len(rule.levels) - 1 if name == "level" else high
        words = f"whole numbers ≥ {low}" if high is None else f"whole numbers from {low} to {high}"
        exact = array.dtype.kind in "iu"
        with np.errstate(invalid="ignore"):
            fits = (array >= low) & (True if exact else array == np.rint(array))
            fits = fits if high is None else fits & (array <= high)
        if array.dtype.kind == "b" or not np.all(fits):
            odd = array[~fits] if array.dtype.kind != "b" else array.ravel()
            what = f"{name} has {odd.size} of {array.size} values that cannot be ({shown(odd.flat[0].item())})"
            problems.append(f"{what}; expected {words}")
        arrays.append(array)
    if not problems:
        try:
            return [np.array(a, dtype=np.int64) for a in np.broadcast_arrays(*arrays)]
        except ValueError:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(given, arrays, strict=True))
            problems.append(f"shapes do not fit together: {shapes}")
    raise InputError(problems, "a visit of a dose reduction")


__all__ = ["DoseReduction"]
