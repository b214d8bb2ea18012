"""The verb: doses that a rule decides on the way, from what was seen so far."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pkpd.about import package_version
from pkpd.arguments import at_least, checked, one_of, optional, some_times
from pkpd.arrays import Array
from pkpd.dosing import Regimen
from pkpd.engine import Settings
from pkpd.errors import InputError
from pkpd.loops import mapped
from pkpd.model import Model
from pkpd.model.model import WORDS
from pkpd.population import Population, Source, population_of
from pkpd.simulate.adaptive.rule import Rule, Situation, accepted_doses, decide
from pkpd.simulate.adaptive.trial import AdaptiveTrial, as_dataset, default_times
from pkpd.simulate.resources import Resources, one_each

if TYPE_CHECKING:
    import xarray

AT_DOSE = ("before", "after")


@checked(
    decisions=some_times(increasing=True),
    subjects=at_least(1),
    replicates=at_least(1),
    seed=at_least(0),
    times=optional(some_times()),
    at_dose=one_of(AT_DOSE),
)
def simulate_adaptive(
    source: Population | Source | Model,
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
    executor: Executor | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    """Simulate virtual subjects whose doses a rule decides on the way.

    Every decision sees the solution, from the start, of the doses decided so far, and the result is the solution of
    the whole regimen that was given: what `simulate` returns for that regimen, bit for bit. (What a rule saw equals
    the course at that time to the tolerance of the solver, whose steps end on other times there.)

    Parameters
    ----------
    source : Population, Fit, Fits or Model
        Whom to simulate (`population_of`); the subjects are those of `simulate` for the same seed.
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
    executor : concurrent.futures.Executor, optional
        Who carries out replicates; here and one after the other if none is given. Processes need a rule that can be
        pickled.
    progress : bool
        Show a progress bar after two seconds.

    Returns
    -------
    xarray.Dataset
        What `simulate` returns (replicate, subject, time), and: ``<output>_seen`` and ``<output>_measured_seen``
        (replicate, subject, decision), what the rule was shown; ``amount_decided`` (replicate, subject, decision);
        and along ``dose``, sorted by replicate and subject, every dose: ``dose_replicate``, ``dose_subject``,
        ``dose_time``, ``dose_amount``, ``dose_route``, ``dose_duration``, ``dose_additional`` and ``dose_interval``
        (so many more like it), ``dose_decision`` (0 = start). Measurements shown to the rule are samples of their own,
        with residual errors of their own stream.

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
    people = population_of(source)
    if special := (*people.error_exponents, *(c.name for c in people.correlations)):
        what = f"random effects on residual errors and their correlations ({', '.join(special)})"
        raise InputError(f"an adaptive simulation knows no {what}; simulate knows them", "simulate_adaptive")
    values = 8.0 * subjects * replicates * (clock.size + (150 if times is None else len(times)))
    Resources().require(values, f"{replicates} replicates of {subjects} subjects take", "simulate_adaptive")
    plan = start if start is not None else Regimen((), _unit(people.model), "h")
    carry_out = partial(
        _carried_out, people=people, rule=rule, clock=clock, plan=plan, each=each, subjects=int(subjects), seed=seed,
        settings=one_each(settings, executor),
    )  # fmt: skip
    numbers = range(1, int(replicates) + 1)
    if executor is None and replicates == 1:
        trials = [carry_out(1)]
    else:
        trials = mapped(
            carry_out, numbers, [f"replicate {k}" for k in numbers], executor=executor, progress=progress,
            desc="adaptive simulation", unit="replicate",
        )  # fmt: skip
    when = default_times(trials, clock) if times is None else np.asarray(times, dtype=float)
    result = as_dataset(trials, clock, when, at_dose == "after")
    result.attrs = {
        "title": f"adaptive simulation of {people.model.name}", "synthetic": "virtual subjects: nobody was measured",
        "design": f"doses decided by {getattr(rule, '__name__', type(rule).__name__)} at {clock.size} times",
        "seed": seed, "at_dose": f"a value at the time of a dose is the one {at_dose} it",
        "pkpd_version": package_version(),
    }  # fmt: skip
    return result


def _carried_out(
    number: int, people: Population, rule: Rule, clock: Array, plan: Regimen, each: bool, subjects: int, seed: int,
    settings: Settings,
) -> AdaptiveTrial:  # fmt: skip
    """One replicate: a trial in which every decision was taken."""
    trial = AdaptiveTrial(people, plan, subjects, seed, number - 1, settings)
    for k, time in enumerate(clock, start=1):
        trial.see(float(time), k)
        situation = Situation(k, float(time), trial.seen, trial.given, trial.people, number, plan.unit, plan.time_unit)
        for subject, regimen in decide(rule, situation, each).items():
            trial.add(subject, accepted_doses(regimen, situation, subject, trial.model), k)
    return trial


def _unit(model: Model) -> str:
    return "mg" if model.base == WORDS else model.base["amount"]
