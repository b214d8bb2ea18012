"""A simulated trial while its doses are still being decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.dosing import Dose, Regimen
from pkpd.engine import Compiled, Settings, Solution, compile_model
from pkpd.errors import InputError, naming, warn
from pkpd.population import Population
from pkpd.simulate.designs import (
    concrete,
    covariate_units,
    doses_for,
    one_occasion,
    plain_column,
    require_covariates,
)
from pkpd.simulate.noise import draw_measured
from pkpd.simulate.pieces import DECISIONS, ERRORS, blocks, drawn, stream

if TYPE_CHECKING:
    import pandas
    import xarray

START = 0
"""Decision by which the doses of the start were given."""


class AdaptiveTrial:
    """The subjects of one replicate, the doses decided so far, and what was seen.

    Parameters
    ----------
    people : Population
        Whom to simulate.
    start : Regimen
        What everybody gets whatever happens; its units are those of the trial.
    subjects : int
        How many.
    seed, replicate : int
        They name the random streams. Parameters and residual errors have those of `simulate`, so the same seed gives
        the same people and measurements; every decision has one of its own.
    settings : Settings
        Tolerances.
    """

    def __init__(
        self, people: Population, start: Regimen, subjects: int, seed: int, replicate: int, settings: Settings
    ) -> None:
        one_occasion(people, start, "simulate_adaptive")
        self._seed, self._replicate = seed, replicate
        self.model, self.population, self.start, self.settings = (
            concrete(people.model, start), people, start, settings
        )  # fmt: skip
        self.values = drawn(people, seed, replicate, subjects)
        if missing := [n for n in self.code.inputs if n not in self.values]:
            raise InputError([f"covariate {n!r} has no value" for n in missing], "simulate_adaptive")
        require_covariates(people, self.model.covariates)
        self.names = list(range(1, subjects + 1))
        self.doses: list[list[tuple[Dose, int]]] = [[(dose, START) for dose in start] for _ in self.names]
        self.exact: list[Array] = []  # by decision: subjects × outputs
        self.measured: list[dict[str, Array]] = []
        self.when: list[float] = []

    @property
    def code(self) -> Compiled:
        """The compiled model: made once in every process, for it cannot be sent to another."""
        return compile_model(self.model)

    @property
    def people(self) -> pandas.DataFrame:
        """Covariates of the subjects."""
        import pandas

        names = [n for n in self.values if n not in self.population.parameters]
        return pandas.DataFrame({n: self.values[n] for n in names}, index=pandas.Index(self.names, name="subject"))

    def add(self, subject: Any, doses: Sequence[Dose], decision: int) -> None:
        """Give a subject more doses."""
        self.doses[self.names.index(subject)] += [(dose, decision) for dose in doses]

    def see(self, time: float, decision: int) -> None:
        """Look at every subject at a decision: the course of all doses decided so far, before those of now."""
        self.when.append(time)
        solution = self.solve(np.array(self.when), False)
        exact = solution.outputs.reshape(len(self.names), decision, -1)[:, -1]
        self.exact.append(exact)
        self.measured.append(self.drawn(exact[:, :, None], self._decision(decision - 1)))

    def solve(self, times: Array, late: bool) -> Solution:
        """Solve everybody from the start; rows are subjects × times."""
        table = np.column_stack([self.values[n].astype(float) for n in self.code.inputs])
        clock = product(times, units.factor(self.start.time_unit, self.model.base["time"]))
        after = [np.full(clock.shape, late)] * len(table)
        with naming(self.names):
            plan = self.code.schedule(table, self._plans(), [clock] * len(table), after)
        return self.code.run(table, plan, self.settings)

    def _plans(self) -> list[Any]:
        """Everybody's doses in the units of the model, equal plans converted together."""
        groups: dict[tuple[Dose, ...], list[int]] = {}
        for k, given in enumerate(self.doses):
            groups.setdefault(tuple(dose for dose, _ in given), []).append(k)
        plans: list[Any] = [()] * len(self.names)
        for doses, who in groups.items():
            regimen = Regimen(doses, self.start.unit, self.start.time_unit)
            values = {n: column[who] for n, column in self.values.items()}
            for k, plan in zip(who, doses_for(regimen, self.population, self.model, values, len(who)), strict=True):
                plans[k] = plan
        return plans

    def drawn(self, exact: Array, rng: np.random.Generator) -> dict[str, Array]:
        """Return measurements of the outputs that have a residual error (subjects × times)."""
        values, place = self.population.parameters, self.code.outputs.index
        return {e.output: draw_measured(e, exact[:, place(e.output)], values, rng) for e in self.population.errors}

    def measurements(self, exact: Array) -> dict[str, Array]:
        """Return measurements of the whole course, as `simulate` draws them."""
        parts = [
            self.drawn(exact[members], stream(self._seed, self._replicate, block, ERRORS))
            for block, members in blocks(len(self.names))
        ]
        return {output: np.concatenate([part[output] for part in parts]) for output in parts[0]}

    def _decision(self, number: int) -> np.random.Generator:
        """The random stream of a decision, counted from 0."""
        key = (self._replicate, DECISIONS, number)
        return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=key))

    @property
    def seen(self) -> pandas.DataFrame:
        """One row per subject and decision so far."""
        import pandas

        grid = pandas.MultiIndex.from_product([self.when, self.names], names=["time", "subject"])
        table = grid.to_frame(index=False)[["subject", "time"]]
        for k, name in enumerate(self.code.outputs):
            table[name] = np.concatenate([exact[:, k] for exact in self.exact])
        for name in self.measured[0]:
            table[f"{name}_measured"] = np.concatenate([values[name][:, 0] for values in self.measured])
        return table

    @property
    def given(self) -> pandas.DataFrame:
        """One row per dose decided so far."""
        import pandas

        rows = [
            (name, d.time, d.amount, d.route, d.duration, d.additional, d.interval, decision)
            for name, doses in zip(self.names, self.doses, strict=True)
            for d, decision in sorted(doses, key=lambda pair: pair[0].time)
        ]
        names = ["subject", "time", "amount", "route", "duration", "additional", "interval", "decision"]
        return pandas.DataFrame(rows, columns=names)


def default_times(trials: Sequence[AdaptiveTrial], decisions: Array) -> Array:
    """Return 150 times up to a week after the last dose or decision."""
    doses = [d for trial in trials for given in trial.doses for d, _ in given]
    ends = [d.time + d.additional * d.interval + d.duration for d in doses]
    week = units.factor("week", trials[0].start.time_unit)
    return np.linspace(min([0.0, *(d.time for d in doses)]), max([*ends, *decisions]) + week, 150)


def as_dataset(trials: Sequence[AdaptiveTrial], decisions: Array, times: Array, late: bool) -> xarray.Dataset:
    """Solve the whole regimen of everybody and lay it out with the doses and what was seen."""
    import xarray

    first = trials[0]
    dims, clock = ("replicate", "subject", "time"), first.start.time_unit
    solved = [trial.solve(times, late) for trial in trials]
    exact = [s.outputs.reshape(len(first.names), times.size, s.outputs.shape[1]).transpose(0, 2, 1) for s in solved]
    status = np.stack([s.status for s in solved])
    if failed := int((status != 0).sum()):
        k, j = np.argwhere(status)[0]
        text = f"{failed} of {status.size} subjects could not be solved and are NaN: {solved[k].advice(int(j))}"
        warn(text)
    measured = [trial.measurements(course) for trial, course in zip(trials, exact, strict=True)]
    data: dict[str, Any] = {}
    seen = (*dims[:2], "decision")
    for k, name in enumerate(first.code.outputs):
        about = {"units": first.model.units.get(name, "")}
        data[name] = (dims, np.stack([course[:, k] for course in exact]), about | {"long_name": name})
        shown = np.stack([np.stack([e[:, k] for e in trial.exact], axis=-1) for trial in trials])
        data[f"{name}_seen"] = (seen, shown, about | {"long_name": f"{name} at the decision"})
    for error in first.population.errors:
        name = error.output
        about = {"units": first.model.units.get(name, ""), "long_name": f"{name} with {error.kind} residual error"}
        data[f"{name}_measured"] = (dims, np.stack([values[name] for values in measured]), about)
        shown = np.stack([np.concatenate([m[name] for m in trial.measured], axis=-1) for trial in trials])
        data[f"{name}_measured_seen"] = (seen, shown, about)
    for name in first.values:
        column = np.stack([plain_column(trial.values[name]) for trial in trials])
        if (column != column.flat[0]).any() and name not in data:
            inside = name in first.model.parameters
            unit = first.model.parameters.get(name).unit if inside else covariate_units(first.population).get(name, "")
            data[name] = (dims[:2], column, {"units": unit, "long_name": f"individual {name}"})
    data["status"] = (dims[:2], status, {"long_name": "0 = solved"})
    data |= _doses(trials, decisions)
    coords = {
        "replicate": np.arange(1, len(trials) + 1),
        "subject": first.names,
        "time": ("time", times, {"units": clock, "long_name": "time"}),
        "decision_time": ("decision", decisions, {"units": clock}),
    }
    return xarray.Dataset(data, coords)


def _doses(trials: Sequence[AdaptiveTrial], decisions: Array) -> Mapping[str, Any]:
    """The doses as a tidy table along ``dose``, and the amount that each decision gave."""
    tables = [trial.given.assign(replicate=k) for k, trial in enumerate(trials, start=1)]
    unit, clock = {"units": trials[0].start.unit}, {"units": trials[0].start.time_unit}
    about = {"time": clock, "duration": clock, "interval": clock, "amount": unit}
    amounts = np.zeros((len(trials), len(trials[0].names), decisions.size))
    for r, trial in enumerate(trials):
        for k, given in enumerate(trial.doses):
            for dose, decision in given:
                if decision != START:
                    amounts[r, k, decision - 1] += dose.amount * (1 + dose.additional)
    variables: dict[str, Any] = {
        "amount_decided": (("replicate", "subject", "decision"), amounts, unit | {"long_name": "amount decided"})
    }
    for name in ("replicate", "subject", "time", "amount", "route", "duration", "additional", "interval", "decision"):
        column = np.concatenate([t[name].to_numpy() for t in tables])
        column = column.astype(str) if name == "route" else column
        variables[f"dose_{name}"] = ("dose", column, about.get(name, {}))
    return variables
