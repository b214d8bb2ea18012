"""Simulation: a population of virtual subjects under a regimen, or under the design of an observed study (floor 5)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.dosing import Dose, Regimen
from pkpd.engine import Settings, Solution, compile_model, schedule
from pkpd.errors import DataWarning, InputError, nearest
from pkpd.fit.data import covariates as study_covariates
from pkpd.fit.data import in_study_units, match_outputs
from pkpd.fit.residual import ResidualError, draw
from pkpd.fit.result import Fit, Fits
from pkpd.model import Model
from pkpd.model.model import WORDS
from pkpd.parameters import Parameters, Variability
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas
    import xarray

Array = NDArray[np.float64]
AT_DOSE = ("before", "after")


@dataclass(frozen=True, eq=False)
class Population:
    """What virtual subjects are drawn from: a model, its typical values, and how subjects and measurements vary.

    Attributes
    ----------
    model : Model
        The equations, with or without units of their own.
    parameters : Parameters
        Typical values; those of the residual errors (``prop_C`` …) too.
    variability : Variability, optional
        Between subjects.
    errors : tuple of ResidualError
        Of the outputs that are measured.
    table : DataFrame, optional
        Individual parameters, one row per known subject: virtual subjects take whole rows, with replacement.
    covariates : DataFrame or callable, optional
        Rows to take covariates from (with replacement), or a function of (generator, subjects) that draws them.
    """

    model: Model
    parameters: Parameters
    variability: Variability | None = None
    errors: tuple[ResidualError, ...] = ()
    table: pandas.DataFrame | None = None
    covariates: pandas.DataFrame | Callable[[np.random.Generator, int], pandas.DataFrame] | None = None

    def __post_init__(self) -> None:
        if self.variability is not None and not isinstance(self.variability, Variability):
            kind = type(self.variability).__name__
            raise InputError(f"variability is a {kind}; expected Variability, such as Variability.independent(CL=0.3)")

    def draw(self, subjects: int, rng: np.random.Generator) -> dict[str, Array]:
        """Return every model parameter and covariate of `subjects` virtual subjects, one array each."""
        values = {n: np.full(subjects, self.parameters[n]) for n in self.model.parameters.names}
        if self.table is not None:
            rows = rng.integers(len(self.table), size=subjects)
            values |= {str(n): self.table[n].to_numpy(float)[rows] for n in self.table.columns}
        if self.variability is not None:
            values |= self.variability.draw(self.parameters.as_dict(), subjects, rng)
        if self.covariates is not None:
            people = self._people(subjects, rng)
            values |= {str(n): people[n].to_numpy() for n in people.columns if n != "subject"}
        return values

    def _people(self, subjects: int, rng: np.random.Generator) -> pandas.DataFrame:
        if callable(self.covariates):
            return self.covariates(rng, subjects)
        assert self.covariates is not None
        return self.covariates.iloc[rng.integers(len(self.covariates), size=subjects)]


def population(source: Population | Fit | Fits | Model) -> Population:
    """Return what a fit or a model says about a population.

    A pooled fit whose PK was given per subject hands these subjects' values on as whole rows; individual fits hand on
    their typical values and their empirical variability; a model alone has its default values and no variability.

    Raises
    ------
    InputError
        If a model has parameters without a value.
    """
    if isinstance(source, Population):
        return source
    if isinstance(source, Fits):
        typical, spread = source.typical(), source.variability()
        first = next(iter(source.values()))
        return Population(first.model, typical, spread, first.errors)
    if isinstance(source, Fit):
        return Population(source.model, source.parameters, None, source.errors, source.given)
    if source.parameters.missing:
        missing = ", ".join(source.parameters.missing)
        raise InputError(f"the model has no value for {missing}; set them by with_values")
    return Population(source, source.parameters)


def simulate(
    source: Population | Fit | Fits | Model,
    design: Regimen | Study,
    *,
    subjects: int = 1,
    replicates: int = 1,
    seed: int = 0,
    times: Sequence[float] | Array | None = None,
    at_dose: str = "before",
    settings: Settings | None = None,
) -> xarray.Dataset:
    """Simulate virtual subjects under a regimen or under the design of an observed study.

    Parameters
    ----------
    source : Population, Fit, Fits or Model
        Whom to simulate (`population`).
    design : Regimen or Study
        A plan given to every subject, or a study whose subjects, doses, times, covariates and limits are used.
    subjects : int
        Virtual subjects per replicate (a regimen only; a study brings its own).
    replicates : int
        Independent repetitions; each has a random stream of its own, spawned from `seed`.
    seed : int
        Seed of `numpy.random.SeedSequence`; the same seed gives the same result on any number of workers.
    times : array-like, optional
        Times in the regimen's time unit; by default 150 times up to a week after the last dose, and 0, 5, 15,
        30 min, 1, 2, 4 and 8 h after every dose.
    at_dose : {"before", "after"}
        Which value is returned at the time of a dose.
    settings : Settings, optional
        Tolerances of the solver.

    Returns
    -------
    xarray.Dataset
        Under a regimen: every output with dimensions (replicate, subject, time), ``<output>_measured`` with residual
        error, and the parameters that vary. Under a study: ``value``, ``measured`` and ``blq`` with dimensions
        (replicate, record) and the record's subject, output and time.

    Raises
    ------
    InputError
        Listing what is missing or does not fit.
    """
    problems = [
        f"{what} is {n}; expected a whole number ≥ 1"
        for what, n in (("subjects", subjects), ("replicates", replicates))
        if int(n) != n or n < 1
    ]
    if not isinstance(design, (Regimen, Study)):
        problems.append(f"design is {design!r}; expected a Regimen (such as pkpd.bolus('100 mg')) or a Study")
    if isinstance(design, Study) and subjects != 1:
        problems.append(f"subjects is {subjects}, but a study brings its own subjects; leave it out")
    if not (isinstance(seed, (int, np.integer)) and seed >= 0):
        problems.append(f"seed is {seed!r}; expected a whole number ≥ 0")
    if at_dose not in AT_DOSE:
        problems.append(f"unknown at_dose {at_dose!r}; {nearest(at_dose, AT_DOSE)}")
    if problems:
        raise InputError(problems, "simulate")
    people = population(source)
    streams = (
        [np.random.SeedSequence(seed).spawn(1)[0]]
        if replicates == 1
        else np.random.SeedSequence(seed).spawn(replicates)
    )
    run = _Run(people, streams, settings or Settings(), at_dose)
    if isinstance(design, Study):
        result = run.under_study(design)
    else:
        clock = _default_times(design) if times is None else np.asarray(times, dtype=float)
        result = run.under_regimen(design, int(subjects), clock)
    result.attrs |= _provenance(people, design, seed, at_dose)
    return result


def _default_times(regimen: Regimen) -> Array:
    week = 7 * units.factor("day", regimen.time_unit)
    last = max(regimen.times, default=0.0)
    after = week / 168 * np.array([0.0, 1 / 12, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0])
    ends = [dose.time + dose.duration for dose in regimen if dose.duration > 0]
    near = np.add.outer(np.array([*regimen.times, *ends]), after).ravel()
    return np.unique(np.concatenate([np.linspace(0.0, last + week, 150), near]))


def _provenance(people: Population, design: Regimen | Study, seed: int, at_dose: str) -> dict[str, Any]:
    return {
        "title": f"simulation of {people.model.name}",
        "synthetic": "virtual subjects: nobody was measured",
        "design": str(design),
        "seed": seed,
        "at_dose": _tie_rule(design, at_dose),
        "pkpd_version": version("pkpd"),
    }


def simulated_study(result: xarray.Dataset, study: Study, replicate: int = 0) -> Study:
    """Return one replicate of a simulated study as a study: the same design with simulated measurements.

    Parameters
    ----------
    result : xarray.Dataset
        What `simulate` returned for `study`.
    study : Study
        The design that was simulated.
    replicate : int
        Which replicate, from 0.

    Raises
    ------
    InputError
        If `result` was not simulated from a study.
    """
    if not 0 <= replicate < result.sizes.get("replicate", 0):
        raise InputError(f"replicate is {replicate}; expected 0 to {result.sizes.get('replicate', 0) - 1}")
    if "observation" not in result or int(result["observation"].max()) >= len(study.observations):
        raise InputError("the result was not simulated from this study")
    table = study.observations
    where = result["observation"].values
    values = result["measured"].values[replicate]
    column = table["value"].to_numpy(float, copy=True)
    column[where] = values
    below, above = table["blq"].to_numpy(bool, copy=True), table["alq"].to_numpy(bool, copy=True)
    below[where] = values < table["lloq"].to_numpy(float)[where]
    above[where] = values > table["uloq"].to_numpy(float)[where]
    column[below] = math.nan
    table = table.assign(value=column, blq=below, alq=above)
    source = f"{result.attrs.get('title', 'simulation')}, replicate {replicate}"
    attrs = {**study.attrs, "synthetic": True, "source": source}
    return replace(study, _observations=table, attrs=attrs)


def _tie_rule(design: Regimen | Study, at_dose: str) -> str:
    if isinstance(design, Study):
        return "a value at the time of a dose is the one before it, unless the sample is marked 'post'"
    return f"a value at the time of a dose is the one {at_dose} it"


@dataclass(frozen=True, eq=False)
class _Run:
    people: Population
    streams: Sequence[np.random.SeedSequence]
    settings: Settings
    at_dose: str

    def _draws(self, subjects: int) -> tuple[dict[str, Array], list[np.random.Generator]]:
        """Draw all replicates; parameters and residual errors have streams of their own."""
        noise, drawn = [], []
        for stream in self.streams:
            first, second = stream.spawn(2)
            drawn.append(self.people.draw(subjects, np.random.default_rng(first)))
            noise.append(np.random.default_rng(second))
        return {n: np.concatenate([d[n] for d in drawn]) for n in drawn[0]}, noise

    def under_regimen(self, regimen: Regimen, subjects: int, times: Array) -> xarray.Dataset:
        """Give everybody the same plan."""
        import xarray

        model = _concrete(self.people.model, regimen)
        people = replace(self, people=replace(self.people, model=model))
        values, noise = people._draws(subjects)
        total = subjects * len(self.streams)
        doses = _doses(regimen, model, values, total)
        clock = times * units.factor(regimen.time_unit, model.base["time"])
        solution = self._solve(model, values, doses, [clock] * total)
        shape = (len(self.streams), subjects, times.size)
        dims = ("replicate", "subject", "time")
        data: dict[str, Any] = {}
        for k, name in enumerate(model.outputs):
            about = {"units": model.units.get(name, ""), "long_name": name}
            data[name] = (dims, solution.outputs[:, k].reshape(shape), about)
        for error in self.people.errors:
            exact = data[error.output][1]
            measured = np.stack([draw(error, exact[r], self._sd(error), rng) for r, rng in enumerate(noise)])
            about = {
                "units": model.units.get(error.output, ""),
                "long_name": f"{error.output} with {error.kind} residual error",
            }
            data[f"{error.output}_measured"] = (dims, measured, about)
        for name, column in values.items():
            if np.ptp(column.astype(float)) > 0 and name not in data:
                unit = model.parameters.get(name).unit if name in model.parameters else ""
                data[name] = (dims[:2], column.reshape(shape[:2]), {"units": unit, "long_name": f"individual {name}"})
        data["status"] = (dims[:2], solution.status.reshape(shape[:2]), {"long_name": "0 = solved"})
        coords = {
            "replicate": np.arange(1, shape[0] + 1),
            "subject": np.arange(1, subjects + 1),
            "time": ("time", times, {"units": regimen.time_unit, "long_name": "time"}),
            "dose_time": ("dose", np.array(regimen.times), {"units": regimen.time_unit}),
        }
        return xarray.Dataset(data, coords)

    def under_study(self, study: Study) -> xarray.Dataset:
        """Repeat an observed study: its subjects, doses, times, marks, covariates and limits."""
        import pandas
        import xarray

        matched = match_outputs(self.people.model, study)
        model = in_study_units(self.people.model, study, matched)
        people = replace(self, people=replace(self.people, model=model, covariates=None))
        everything = study.observations.assign(position=lambda t: range(len(t)))
        everything = everything[~everything["excluded"]]
        rows = pandas.concat([everything[everything["analyte"] == a].assign(output=o) for o, a in matched.items()])
        ids = [s for s in study.subject_ids if s in set(rows["subject"])]
        rows["index"] = rows["subject"].map({s: k for k, s in enumerate(ids)})
        rows = rows.sort_values(["index", "time", "output"], kind="stable", ignore_index=True)
        values, noise = people._draws(len(ids))
        values |= _own_values(self.people, model, study, ids, len(self.streams), values)
        plan = study.doses_in(model.base["amount"], model.base["time"]) if len(study.doses) else dict.fromkeys(ids, ())
        clock = rows["time"].to_numpy(float) * units.factor(study.units["time"], model.base["time"])
        edges = np.searchsorted(rows["index"], np.arange(len(ids) + 1))
        parts = [slice(a, b) for a, b in pairwise(edges)]
        after = (rows["mark"] == "post").to_numpy()
        repeat = len(self.streams)
        solution = self._solve(
            model,
            values,
            [plan[s] for s in ids] * repeat,
            [clock[p] for p in parts] * repeat,
            [after[p] for p in parts] * repeat,
        )
        column = rows["output"].map({o: k for k, o in enumerate(model.outputs)}).to_numpy()
        exact = solution.outputs[np.arange(len(solution.outputs)), np.tile(column, repeat)].reshape(repeat, len(rows))
        return xarray.Dataset(self._records(model, study, matched, rows, exact, noise))

    def _records(
        self,
        model: Model,
        study: Study,
        matched: Mapping[str, str],
        rows: pandas.DataFrame,
        exact: Array,
        noise: list[Any],
    ) -> dict[str, Any]:
        measured = np.full(exact.shape, np.nan)
        for error in self.people.errors:
            mine = (rows["output"] == error.output).to_numpy()
            measured[:, mine] = np.stack(
                [draw(error, exact[r, mine], self._sd(error), rng) for r, rng in enumerate(noise)]
            )
        own = {o: study.units[a] for o, a in matched.items()}
        ratio = (
            rows["output"].map({o: units.factor(model.units.get(o) or own[o], own[o]) for o in matched}).to_numpy(float)
        )
        exact, measured = exact * ratio, measured * ratio
        record = ("record",)
        return {
            "value": (("replicate", "record"), exact, {"long_name": "exact value"}),
            "measured": (("replicate", "record"), measured, {"long_name": "value with residual error"}),
            "blq": (("replicate", "record"), measured < rows["lloq"].to_numpy(float), {"long_name": "below LLOQ"}),
            "subject": (record, rows["subject"].to_numpy().astype(str)),
            "output": (record, rows["output"].to_numpy().astype(str)),
            "analyte": (record, rows["analyte"].to_numpy().astype(str)),
            "units": (record, rows["output"].map(own).to_numpy().astype(str)),
            "time": (record, rows["time"].to_numpy(float), {"units": study.units["time"]}),
            "observed": (record, rows["value"].to_numpy(float)),
            "lloq": (record, rows["lloq"].to_numpy(float)),
            "observation": (record, rows["position"].to_numpy(int), {"long_name": "row of the study's observations"}),
        }

    def _sd(self, error: ResidualError) -> dict[str, float]:
        return {n: self.people.parameters[n] for n in error.names}

    def _solve(
        self, model: Model, values: Mapping[str, Array], doses: Sequence[Sequence[Dose]], times: Sequence[Array],
        after: Sequence[Any] | None = None,
    ) -> Solution:  # fmt: skip
        code = compile_model(model)
        if missing := [n for n in code.system.inputs if n not in values]:
            raise InputError([f"covariate {n!r} has no value" for n in missing])
        late = self.at_dose == "after"
        flags = after if after is not None else [np.full(t.shape, late) for t in times[:1]] * len(times)
        plan = schedule(doses, times, flags, code.entries, len(code.states))
        table = np.column_stack([values[n].astype(float) for n in code.system.inputs])
        solution = code.run(table, plan, self.settings)
        bad = np.flatnonzero(solution.status)
        if bad.size:
            text = (
                f"{bad.size} of {len(table)} subjects could not be solved and are NaN: {solution.advice(int(bad[0]))}"
            )
            warnings.warn(text, DataWarning, stacklevel=4)
        return solution


def _concrete(model: Model, regimen: Regimen) -> Model:
    """Give a model without units those of its parameters' values and of the regimen."""
    if model.base != WORDS:
        return model
    volume = next((p.unit for p in model.parameters if p.unit and not _is_word(p.unit) and _volume(p.unit)), "L")
    tail = "/kg" if units.per_kg(volume) else ""
    amount = regimen.unit if units.per_kg(regimen.unit) == bool(tail) else "mg" + tail
    return model.in_units(time="h", amount=amount, volume=volume)


def _is_word(unit: str) -> bool:
    return any(word in unit for word in WORDS)


def _volume(unit: str) -> bool:
    return units.is_kind(unit, "volume") or (units.per_kg(unit) and units.is_kind(f"{unit}*kg", "volume"))


def _doses(regimen: Regimen, model: Model, values: Mapping[str, Array], total: int) -> list[Any]:
    """Return every subject's doses in the model's units; a plan per kg for an absolute model needs weights."""
    unit, clock = model.base["amount"], model.base["time"]
    if units.per_kg(regimen.unit) == units.per_kg(unit):
        return [regimen.in_units(unit, clock).doses] * total
    if "weight" not in values:
        raise InputError(f"the regimen is in {regimen.unit!r} and the model in {unit!r}: covariates need a weight (kg)")
    if units.per_kg(regimen.unit):
        plain = replace(regimen, unit=regimen.unit.replace("/kg", "")).in_units(unit, clock)
        return [plain.scaled(float(w)).doses for w in values["weight"]]
    plain = replace(regimen, unit=f"{regimen.unit}/kg").in_units(unit, clock)
    return [plain.scaled(1.0 / float(w)).doses for w in values["weight"]]


def _own_values(
    people: Population, model: Model, study: Study, ids: list[Any], repeat: int, drawn: Mapping[str, Array]
) -> dict[str, Array]:
    """What a study's subjects bring themselves: covariates, and their own rows of individual parameters."""
    found: dict[str, Array] = {}
    if model.covariates:
        table = study_covariates(model, study, tuple(ids))
        found |= {n: np.tile(table[:, k], repeat) for k, n in enumerate(model.covariates)}
    if people.table is not None:
        known = [k for k, s in enumerate(ids) if s in people.table.index]
        if len(known) < len(ids) and known:
            text = f"{len(ids) - len(known)} of {len(ids)} subjects have no individual values and take another's"
            warnings.warn(text, DataWarning, stacklevel=4)
        rows = np.add.outer(len(ids) * np.arange(repeat), known).ravel().astype(int)
        for name in map(str, people.table.columns):
            column = drawn[name].copy()
            column[rows] = np.tile(people.table.loc[[ids[k] for k in known], name].to_numpy(float), repeat)
            found[name] = column
    return found
