"""What a rule that decides doses is shown, how it is asked, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pkpd.dosing import Dose, Regimen
from pkpd.errors import InputError, nearest
from pkpd.model import Model

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Situation:
    """What is known when doses are decided.

    Attributes
    ----------
    decision : int
        Number of the decision, from 1.
    time : float
        When, in `time_unit`.
    seen : DataFrame
        One row per subject and decision so far, this one included: ``subject``, ``time``, every output (exact, before
        what is given at that time) and ``<output>_measured`` for those that have a residual error; NaN for a subject
        that could not be solved.
    given : DataFrame
        One row per dose decided so far: ``subject``, ``time``, ``amount`` (in `unit`), ``route``, ``duration``,
        ``additional`` and ``interval`` (so many more doses like it, every so often), ``decision`` (0 = planned at the
        start). A dose may lie ahead.
    people : DataFrame
        Covariates, one row per subject (the index).
    replicate : int
        Number of the replicate, from 1.
    unit, time_unit : str
        Units of amounts and times.
    """

    decision: int
    time: float
    seen: pandas.DataFrame
    given: pandas.DataFrame
    people: pandas.DataFrame
    replicate: int
    unit: str
    time_unit: str

    @property
    def now(self) -> pandas.DataFrame:
        """What is seen at this decision, one row per subject (the index)."""
        rows: pandas.DataFrame = self.seen[self.seen["time"] == self.time].set_index("subject")
        return rows

    def of(self, subject: Any) -> Situation:
        """Return the same for one subject."""
        seen, given = (t[t["subject"] == subject] for t in (self.seen, self.given))
        return replace(self, seen=seen, given=given, people=self.people.loc[[subject]])


Decided = Regimen | Mapping[Any, Regimen] | None
Rule = Callable[[Situation], Decided]


def _where(now: Situation) -> str:
    several = f" of replicate {now.replicate}" if now.replicate > 1 else ""
    return f"decision {now.decision} at {now.time:g} {now.time_unit}{several}"


def decide(rule: Rule, now: Situation, each: bool) -> Mapping[Any, Regimen]:
    """Ask the rule; return what everybody gets, by subject."""
    names = now.people.index.tolist()
    if not each:
        return _by_subject(_asked(rule, now, ""), names, _where(now))
    answers = {name: _asked(rule, now.of(name), f", subject {name!r}") for name in names}
    if wrong := [n for n, a in answers.items() if not (a is None or isinstance(a, Regimen))]:
        problems = [f"subject {n!r}: the rule returned {answers[n]!r}; expected a Regimen or None" for n in wrong[:20]]
        raise InputError(problems, _where(now))
    return {n: a for n, a in answers.items() if isinstance(a, Regimen)}


def _asked(rule: Rule, now: Situation, whom: str) -> Any:
    try:
        return rule(now)
    except Exception as error:
        raise InputError(f"the rule failed: {type(error).__name__}: {error}", f"{_where(now)}{whom}") from error


def _by_subject(answer: Any, names: list[Any], where: str) -> Mapping[Any, Regimen]:
    if answer is None:
        return {}
    if isinstance(answer, Regimen):
        return dict.fromkeys(names, answer)
    if not isinstance(answer, Mapping):
        raise InputError(f"the rule returned {answer!r}; expected a Regimen, a mapping of subject to Regimen, or None",
                         where)  # fmt: skip
    problems = [f"unknown subject {n!r}; {nearest(n, names)}" for n in answer if n not in names]
    problems += [
        f"subject {n!r}: the rule gives {r!r}; expected a Regimen (leave out who gets nothing)"
        for n, r in answer.items()
        if n in names and not isinstance(r, Regimen)
    ]
    if problems:
        raise InputError(problems[:20], where)
    return answer


def accepted_doses(regimen: Regimen, now: Situation, subject: Any, model: Model) -> tuple[Dose, ...]:
    """Return the doses in the units of the trial, after looking at each."""
    where = f"{_where(now)}, subject {subject!r}"
    try:
        doses = regimen.in_units(now.unit, now.time_unit).doses
    except InputError as error:
        raise InputError(error.problems, where) from error
    problems = []
    for dose in doses:
        if dose.time < now.time:
            problems.append(f"a dose at {dose.time:g} {now.time_unit} is in the past")
        if dose.into and dose.into not in model.states:
            problems.append(f"a dose enters {dose.into!r}, which is no state; {nearest(dose.into, model.states)}")
        elif not dose.into and dose.route not in model.doses:
            problems.append(f"the model takes no dose by route {dose.route!r}; {nearest(dose.route, model.doses)}")
    if problems:
        raise InputError(problems, where)
    return doses
