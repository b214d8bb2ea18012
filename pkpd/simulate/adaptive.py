"""The verb: doses that a rule decides on the way, from what was seen so far (floor 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.dosing import Dose, Regimen
from pkpd.engine import Settings
from pkpd.errors import InputError, nearest
from pkpd.fit.result import Fit, Fits
from pkpd.model import Model
from pkpd.model.model import WORDS
from pkpd.simulate.population import Population, population
from pkpd.simulate.ongoing import Ongoing, as_dataset, default_times

if TYPE_CHECKING:
    import pandas
    import xarray

Array = NDArray[np.float64]
AT_DOSE = ("before", "after")


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
        ``decision`` (0 = planned at the start). A dose may lie ahead.
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


def simulate_adaptive(
    source: Population | Fit | Fits | Model,
    rule: Rule,
    decisions: Sequence[float] | Array,
    *,
    start: Regimen | None = None,
    each: bool = False,
    subjects: int = 1,
    replicates: int = 1,
    seed: int = 0,
    times: Sequence[float] | Array | None = None,
    at_dose: str = "before",
    settings: Settings | None = None,
) -> xarray.Dataset:
    """Simulate virtual subjects whose doses a rule decides on the way.

    Every decision sees the solution, from the start, of the doses decided so far, and the result is the solution of
    the whole regimen that was given: what `simulate` returns for that regimen, bit for bit. (What a rule saw equals
    the course at that time to the tolerance of the solver, whose steps end on other times there.)

    Parameters
    ----------
    source : Population, Fit, Fits or Model
        Whom to simulate (`population`); the subjects are those of `simulate` for the same seed.
    rule : callable
        ``rule(situation)`` returns the doses to add: a `Regimen` for everybody, a mapping of subject → Regimen (who is
        not named gets none), or None. Doses at or after the time of the decision; what was decided stays, so a rule
        that wants to hold or stop a dose does not give it before it must. A rule that draws random numbers must seed
        them from the situation.
    decisions : array-like
        Times of the decisions, increasing, in the time unit of `start`.
    start : Regimen, optional
        What is given whatever happens; its units are those of amounts and times. By default nothing, in hours and in
        the model's unit of amount (mg if it has none).
    each : bool
        Call the rule for one subject at a time, with a situation that holds this subject alone; it returns a Regimen
        or None.
    subjects, replicates, seed, at_dose, settings
        As in `simulate`; a replicate is a trial of its own.
    times : array-like, optional
        Times of the result; by default 150 up to a week after the last dose or decision.

    Returns
    -------
    xarray.Dataset
        What `simulate` returns (replicate, subject, time), and: ``<output>_seen`` and ``<output>_measured_seen``
        (replicate, subject, decision), what the rule was shown; ``amount_decided`` (replicate, subject, decision);
        and along ``dose``, sorted by replicate and subject, every dose: ``dose_replicate``, ``dose_subject``,
        ``dose_time``, ``dose_amount``, ``dose_route``, ``dose_duration``, ``dose_decision`` (0 = start). Measurements
        shown to the rule are samples of their own, with residual errors of their own stream.

    Raises
    ------
    InputError
        Listing what does not fit, with the decision and the subject; an exception of the rule is its cause.

    Warns
    -----
    DataWarning
        If subjects could not be solved: they are NaN, and counted.

    Examples
    --------
    >>> import pkpd
    >>> pk = pkpd.define({"A": "-k*A"}, {"k": 0.1}, outputs={"y": "A"}, doses={"bolus": "A"})
    >>> def rule(now):  # half the dose where more than 50 is left
    ...     return pkpd.bolus("50 mg" if now.now["y"].iloc[0] > 50 else "100 mg", at=[now.time])
    >>> found = pkpd.simulate_adaptive(pk, rule, [0, 6, 24], each=True)
    >>> found["dose_amount"].values.tolist()
    [100.0, 50.0, 100.0]
    """
    clock = np.asarray(decisions, dtype=float)
    _check(rule, clock, subjects, replicates, seed, at_dose, start)
    people = population(source)
    plan = start if start is not None else Regimen((), _unit(people.model), "h")
    trials = []
    for number, stream in enumerate(np.random.SeedSequence(seed).spawn(int(replicates)), start=1):
        trial = Ongoing(people, plan, int(subjects), stream, clock.size, settings or Settings())
        for k, time in enumerate(clock, start=1):
            trial.see(float(time), k)
            situation = Situation(
                k, float(time), trial.seen, trial.given, trial.people, number, plan.unit, plan.time_unit
            )
            for subject, regimen in _decide(rule, situation, each).items():
                trial.add(subject, _accepted(regimen, situation, subject, trial.model), k)
        trials.append(trial)
    when = default_times(trials, clock) if times is None else np.asarray(times, dtype=float)
    result = as_dataset(trials, clock, when, at_dose == "after")
    result.attrs = {
        "title": f"adaptive simulation of {people.model.name}", "synthetic": "virtual subjects: nobody was measured",
        "design": f"doses decided by {getattr(rule, '__name__', type(rule).__name__)} at {clock.size} times",
        "seed": seed, "at_dose": f"a value at the time of a dose is the one {at_dose} it", "pkpd_version": version("pkpd"),
    }  # fmt: skip
    return result


def _unit(model: Model) -> str:
    return "mg" if model.base == WORDS else model.base["amount"]


def _check(
    rule: Any, clock: Array, subjects: int, replicates: int, seed: int, at_dose: str, start: Regimen | None
) -> None:
    problems = [
        f"{what} is {n}; expected a whole number ≥ 1"
        for what, n in (("subjects", subjects), ("replicates", replicates))
        if int(n) != n or n < 1
    ]
    if not callable(rule):
        problems.append(f"rule is {rule!r}; expected a function of a Situation")
    if clock.ndim != 1 or not clock.size or not np.isfinite(clock).all() or not (np.diff(clock) > 0).all():
        problems.append(f"decisions are {clock.tolist()}; expected increasing times")
    if not (isinstance(seed, (int, np.integer)) and seed >= 0):
        problems.append(f"seed is {seed!r}; expected a whole number ≥ 0")
    if at_dose not in AT_DOSE:
        problems.append(f"unknown at_dose {at_dose!r}; {nearest(at_dose, AT_DOSE)}")
    if start is not None and not isinstance(start, Regimen):
        problems.append(f"start is {start!r}; expected a Regimen (such as pkpd.bolus('100 mg'))")
    if problems:
        raise InputError(problems, "simulate_adaptive")


def _where(now: Situation) -> str:
    several = f" of replicate {now.replicate}" if now.replicate > 1 else ""
    return f"decision {now.decision} at {now.time:g} {now.time_unit}{several}"


def _decide(rule: Rule, now: Situation, each: bool) -> Mapping[Any, Regimen]:
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


def _accepted(regimen: Regimen, now: Situation, subject: Any, model: Model) -> tuple[Dose, ...]:
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
