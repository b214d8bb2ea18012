"""The verb: when a course is highest and lowest, turns, or crosses a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.about import package_version
from pkpd.arguments import checked
from pkpd.arrays import Array, Integers
from pkpd.decimals import product
from pkpd.dosing import Regimen
from pkpd.engine import Settings
from pkpd.errors import InputError, unknown_names, warn
from pkpd.loops import mapped
from pkpd.model import Model
from pkpd.population import Population, Source, population_of
from pkpd.simulate.designs import concrete, doses_for, one_occasion, require_covariates
from pkpd.simulate.locate.course import Course
from pkpd.simulate.locate.summary import (
    KIND,
    KINDS,
    LIMIT,
    PER_SUBJECT,
    SUBJECT,
    TIME,
    VALUE,
    CourseSummary,
    course_summary,
)  # fmt: skip
from pkpd.simulate.pieces import drawn
from pkpd.simulate.resources import one_each

if TYPE_CHECKING:
    import pandas
    import xarray


FINE = Settings(rtol=1e-10, atol=1e-10)
"""Tolerances by default: the time of an extremum is as exact as the slope that is zero there."""
TOGETHER = 250  # subjects that are solved at a time; results do not depend on it


@checked
def locate(
    source: Population | Source | Model,
    regimen: Regimen,
    output: str,
    *,
    thresholds: Sequence[float] | Array | float = (),
    between: tuple[float, float] | None = None,
    individuals: pandas.DataFrame | None = None,
    subjects: int = 1,
    seed: int = 0,
    step: float | None = None,
    settings: Settings | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Find every minimum, maximum and crossing of an output, and how long it is below and above each threshold.

    An extremum is a zero of the exact derivative
    :math:`\dot y = \partial y/\partial t + \sum_x \partial y/\partial x\,(f_x + r_x)` (states x with equations f and
    infusion rates r), a jump at a dose or a kink at the beginning or end of an infusion; the peak of a bolus is the
    value after it, the trough the value before it. A jump over a threshold crosses it at the time of the dose. What is
    flat has no extremum inside, and one at its beginning if it lies between a rise and a fall; touching a threshold,
    or leaving it from where the course stood on it, is not a crossing.

    Parameters
    ----------
    source : Population, Fit, Fits or Model
        Whose course (`population_of`). Subjects are those that `simulate` draws for the same seed in its first
        replicate.
    regimen : Regimen
        The plan, given to everybody.
    output : str
        Name of an output or a state.
    thresholds : float or sequence of float
        In the unit of the output.
    between : (float, float), optional
        Window in the regimen's time unit, from just after what happens at its beginning to just before what happens at
        its end (windows that follow one another share nothing); a jump at the beginning counts as a crossing. By
        default from 0, or the first dose if that is earlier, to a week after the last dose.
    individuals : DataFrame, optional
        One row per subject (its index are their names) with values of parameters and covariates, in place of draws;
        what it does not name has its typical value.
    subjects, seed : int
        How many virtual subjects are drawn, and their seed.
    step : float, optional
        Longest step of the first grid, for courses with a rhythm much faster than a twelfth of the time between doses.
    settings : Settings, optional
        Tolerances; `FINE` by default. Ups and downs below 20·rtol of the subject's largest value count as flat.
    executor : concurrent.futures.Executor, optional
        Who locates, 250 subjects at a time; here and one after the other if none is given.
    progress : bool
        Show a progress bar after two seconds.

    Returns
    -------
    xarray.Dataset
        Along ``event`` (sorted by subject, time and the order of `KINDS`): ``event_subject``, ``kind`` (`KINDS`),
        ``event_time``, ``value`` and ``event_threshold`` (NaN for an extremum). Along ``subject``: ``nadir``,
        ``nadir_time``, ``peak``, ``peak_time`` (the first of equal ones) and ``status`` (0 = located). Along
        ``subject`` and ``threshold``: ``time_below`` and ``time_above``.
        ``found.drop_dims(["subject", "threshold"]).to_dataframe()`` is the table of events.

    Raises
    ------
    InputError
        Listing what is missing or does not fit.

    Warns
    -----
    DataWarning
        If subjects could not be solved, or their output is not a number: they have no events and NaN, and are counted.

    Examples
    --------
    >>> import pkpd
    >>> pk = pkpd.define({"A": "-k*A"}, {"k": 0.1}, outputs={"y": "A"}, doses={"bolus": "A"})
    >>> found = pkpd.locate(pk, pkpd.bolus("100 mg"), "y", thresholds=50.0, between=(0, 24))
    >>> found["kind"].values.tolist()
    ['maximum', 'rising', 'falling']
    >>> round(float(found["event_time"][2]), 6)  # log(2)/0.1
    6.931472
    """
    limits = np.atleast_1d(np.asarray(thresholds, dtype=float))
    people, window = population_of(source), _window(regimen, between)
    _check(people, limits, window, individuals, subjects, seed, step)
    one_occasion(people, regimen, "locate")
    model = concrete(people.model, regimen)
    names, values = _people(people, model, individuals, int(subjects), seed)
    ratio = units.factor(regimen.time_unit, model.base["time"])
    inputs = [*model.parameters.names, *model.covariates]
    if missing := [n for n in inputs if n not in values]:
        raise InputError([f"covariate {n!r} has no value" for n in missing], "locate")
    if individuals is None:
        require_covariates(people, model.covariates)
    table = np.column_stack([np.asarray(values[n], dtype=float) for n in inputs])
    whose = people if individuals is None else replace(people, covariates=None)
    doses = doses_for(regimen, whose, model, values, len(table))
    ends = (float(product(window[0], ratio)), float(product(window[1], ratio)))
    begins = range(0, len(table), TOGETHER)
    one = partial(_located, model, output, limits, ends, None if step is None else step * ratio,
                  one_each(settings or FINE, executor))  # fmt: skip
    parts = mapped(
        one, [(lo, table[lo : lo + TOGETHER], doses[lo : lo + TOGETHER]) for lo in begins],
        [f"subjects from {lo + 1}" for lo in begins], executor=executor, progress=progress, desc="locate", unit="part",
    )  # fmt: skip
    summaries = [part[0] for part in parts]
    status = np.concatenate([part[1] for part in parts])
    advice = {lo + k: text for lo, part in zip(begins, parts, strict=True) for k, text in part[2].items()}
    if (bad := np.flatnonzero(status)).size:
        text = f"{bad.size} of {len(table)} subjects have no located course and are NaN; subject {names[bad[0]]!r}: "
        warn(text + advice[int(bad[0])])
    unit = model.units.get(output, "")
    result = _dataset(summaries, names, limits, status, output, (unit, regimen.time_unit, ratio))
    result.attrs = {
        "title": f"extremes and crossings of {output}, {model.name}", "design": str(regimen), "seed": seed,
        "between": list(window), "pkpd_version": package_version(),
    }  # fmt: skip
    return result


def _located(
    model: Model, output: str, limits: Array, ends: tuple[float, float], step: float | None, settings: Settings,
    part: tuple[int, Array, list[Any]],
) -> tuple[CourseSummary, Integers, dict[int, str]]:  # fmt: skip
    """Locate what happens in the courses of some subjects, counted from the first one's place."""
    first, table, doses = part
    course = Course(model, output, table, doses, ends, settings)
    return course_summary(course, limits, step, first), course.status, dict(course.advice)


def _window(regimen: Regimen, between: tuple[float, float] | None) -> tuple[float, float]:
    if between is not None:
        begin, end = map(float, between)
        return begin, end
    last = max((d.time + d.additional * d.interval + d.duration for d in regimen), default=0.0)
    return min([0.0, *regimen.times]), last + units.factor("week", regimen.time_unit)


def _check(
    people: Population, limits: Array, window: tuple[float, float], individuals: Any, subjects: int, seed: int,
    step: float | None,
) -> None:  # fmt: skip
    problems = [f"threshold is {x}; expected a finite number" for x in limits.ravel() if not math.isfinite(x)]
    if limits.ndim > 1:
        problems.append(f"thresholds have shape {limits.shape}; expected a number or a list of numbers")
    if not (math.isfinite(window[0]) and math.isfinite(window[1]) and window[0] < window[1]):
        problems.append(f"between is {window}; expected two times, the first before the second")
    if int(subjects) != subjects or subjects < 1:
        problems.append(f"subjects is {subjects}; expected a whole number ≥ 1")
    if not (isinstance(seed, (int, np.integer)) and seed >= 0):
        problems.append(f"seed is {seed!r}; expected a whole number ≥ 0")
    if step is not None and not (math.isfinite(step) and step > 0):
        problems.append(f"step is {step}; expected a time > 0")
    if individuals is not None:
        known = [*people.model.parameters.names, *people.model.covariates, "weight"]
        problems += unknown_names(map(str, individuals.columns), known, "parameter or covariate")
        if not len(individuals) or not individuals.index.is_unique:
            problems.append("individuals need one row per subject, each with a name of its own")
        if subjects != 1:
            problems.append(f"subjects is {subjects}, but individuals bring their own; leave it out")
    if problems:
        raise InputError(problems, "locate")


def _people(
    people: Population, model: Model, individuals: pandas.DataFrame | None, subjects: int, seed: int
) -> tuple[list[Any], dict[str, Array]]:
    """Names and values of the subjects: those of a table, or those whom `simulate` draws for its first replicate."""
    if individuals is None:
        return list(range(1, subjects + 1)), drawn(people, seed, 0, subjects)
    typical = {n: np.full(len(individuals), people.parameters[n]) for n in model.parameters.names}
    return individuals.index.tolist(), typical | {str(n): individuals[n].to_numpy(float) for n in individuals.columns}


def _dataset(
    summaries: list[CourseSummary],
    names: list[Any],
    limits: Array,
    status: Integers,
    output: str,
    unit: tuple[str, str, float],
) -> xarray.Dataset:
    """Lay out events and summaries, times in the unit of the regimen."""
    import xarray

    of_output, of_time, ratio = unit
    value, when = {"units": of_output}, {"units": of_time}
    events = np.concatenate([s.events for s in summaries])
    whole = {name: np.concatenate([getattr(s, name) for s in summaries]) for name in PER_SUBJECT}
    failed = status != 0
    for name, column in whole.items():
        column[failed] = np.nan
        if "time" in name:
            column /= ratio
    label = np.array(names)
    data: dict[str, Any] = {
        "event_subject": ("event", label[events[:, SUBJECT].astype(int)]),
        "kind": ("event", np.array(KINDS)[events[:, KIND].astype(int)], {"long_name": "what happens"}),
        "event_time": ("event", events[:, TIME] / ratio, when | {"long_name": "time of the event"}),
        "value": ("event", events[:, VALUE], value | {"long_name": f"{output} at the event"}),
        "event_threshold": ("event", events[:, LIMIT], value | {"long_name": "threshold that is crossed"}),
    }
    for name in ("nadir", "peak"):
        what = f"{'lowest' if name == 'nadir' else 'highest'} {output}"
        data[name] = ("subject", whole[name], value | {"long_name": what})
        data[f"{name}_time"] = ("subject", whole[f"{name}_time"], when | {"long_name": f"time of the {what}"})
    for name in ("below", "above"):
        about = when | {"long_name": f"time with {output} {name} the threshold"}
        data[f"time_{name}"] = (("subject", "threshold"), whole[f"time_{name}"], about)
    data["status"] = ("subject", status, {"long_name": "0 = located"})
    return xarray.Dataset(data, {"subject": label, "threshold": ("threshold", limits, value)})
