"""A rule for dose reductions as the rule of an adaptive simulation: from decision to decision, patient by patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pkpd import units
from pkpd.arrays import Integers
from pkpd.dosing import Regimen
from pkpd.errors import InputError, few, shown
from pkpd.simulate import Situation
from pkpd.trial.reduction.steps import DoseState, Steps, advance, begin

if TYPE_CHECKING:
    import pandas


class Reduces(Protocol):
    """What is needed of a rule for dose reductions."""

    @property
    def steps(self) -> Steps:
        """The rule in numbers."""
        ...

    def plan(self, level: int, start: float, end: float, time_unit: str) -> Regimen:
        """Return the doses of a level from a time until before another."""
        ...

    def interval(self, level: int, time_unit: str) -> float:
        """Return the interval of a level."""
        ...


@dataclass(frozen=True, eq=False)
class AdaptiveReduction:
    """What `pkpd.simulate_adaptive` takes as its rule: `DoseReduction.for_adaptive` makes it.

    Nothing is remembered between decisions: where a patient stands follows from the grades at all decisions so far,
    for which `toxicity` is asked again. So the same situation always gets the same answer, in any process.

    Attributes
    ----------
    rule : DoseReduction
        The rule.
    toxicity : callable
        Grades of a situation.
    every : str
        Time from decision to decision.
    """

    rule: Reduces
    toxicity: Callable[[Situation], Any]
    every: str

    def __post_init__(self) -> None:
        if not callable(self.toxicity):
            raise InputError(f"toxicity is {shown(self.toxicity)}; expected a function", "for_adaptive")
        if not self.gap("h") > 0:
            raise InputError(f"every is {shown(self.every)}; expected a time > 0, such as '1 week'", "for_adaptive")

    @property
    def __name__(self) -> str:
        """What the result of the simulation calls it."""
        return "a rule for dose reductions"

    def gap(self, time_unit: str) -> float:
        """Return the time from decision to decision.

        Raises
        ------
        InputError
            If `every` is no time.
        """
        number, unit = units.quantity(self.every)
        units.require(unit, "time", what="every")
        return number * units.factor(unit, time_unit)

    def __call__(self, now: Situation) -> Mapping[Any, Regimen]:
        """Return the doses from this decision to the next, by subject; who is held or stopped is left out.

        Who goes on at the same interval keeps to it across decisions, also where it does not divide `every`.
        """
        gap = self.gap(now.time_unit)
        times = np.unique(now.seen["time"].to_numpy())
        odd = np.abs(np.diff(times) - gap) > 1e-9 * gap
        if odd.any():
            k = int(np.flatnonzero(odd)[0])
            problem = f"decisions at {times[k]:g} and {times[k + 1]:g} {now.time_unit} follow each other"
            raise InputError(f"{problem}; expected one every {self.every} (say every=)", "dose reduction")
        states = self.states(now)
        names, clock = now.people.index.tolist(), now.time_unit
        last = now.given[now.given["decision"] > 0].groupby("subject")["time"].max()
        plans: dict[Any, Regimen] = {}
        for j, name in enumerate(names):
            if not states[-1].dosed[j]:
                continue
            level, start = int(states[-1].level[j]), now.time
            if name in last.index:
                before = next(int(s.level[j]) for s in reversed(states[:-1]) if s.dosed[j])
                due = min(self.rule.interval(level, clock), self.rule.interval(before, clock))
                start = max(start, float(last[name]) + due)
            plan = self.rule.plan(level, start, now.time + gap, clock)
            if len(plan):
                plans[name] = plan
        return plans

    def states(self, now: Situation) -> list[DoseState]:
        """Return where everybody stood after every decision, this one included."""
        found = [begin(len(now.people))]
        for earlier in earlier_situations(now)[1:]:
            found.append(advance(self.rule.steps, found[-1], self.grades(earlier))[0])
        return found

    def grades(self, now: Situation) -> Integers:
        """Return the grades of a situation in the order of its people.

        Raises
        ------
        InputError
            Naming whose grade lacks or is none.
        """
        names = now.people.index.tolist()
        answer = self.toxicity(now)
        if isinstance(answer, Mapping) or hasattr(answer, "reindex"):
            given = [answer.get(name) for name in names]
        else:
            given = np.atleast_1d(np.asarray(answer)).tolist()
            if len(given) != len(names):
                raise InputError(f"toxicity returned {len(given)} grades; expected one for each of {len(names)} "
                                 "subjects", f"decision {now.decision}")  # fmt: skip
        wrong = [k for k, grade in enumerate(given) if not _is_grade(grade)]
        if wrong:
            whose = few([names[k] for k in wrong])
            raise InputError(f"toxicity returned {shown(given[wrong[0]])} for subject {whose}; expected a grade from "
                             "0 to 5", f"decision {now.decision}")  # fmt: skip
        return np.array(given, dtype=np.int64)


def _is_grade(value: Any) -> bool:
    try:
        return bool(0 <= value <= 5 and value == int(value))
    except (TypeError, ValueError):
        return False


def earlier_situations(now: Situation) -> list[Situation]:
    """Return the situations of all decisions so far, this one last, as they were shown then."""
    times = np.unique(now.seen["time"].to_numpy()).tolist()
    first = now.decision - len(times) + 1

    def then(number: int, time: float) -> Situation:
        seen: pandas.DataFrame = now.seen[now.seen["time"] <= time]
        given = now.given[now.given["decision"] < number]
        return replace(now, decision=number, time=time, seen=seen, given=given)

    return [*(then(number, time) for number, time in enumerate(times[:-1], start=first)), now]


__all__ = ["AdaptiveReduction"]
