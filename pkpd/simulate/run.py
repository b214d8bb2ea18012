"""One simulation: draw everybody, solve everybody, lay out the result."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.dosing import Dose, Regimen
from pkpd.engine import Settings, Solution, compile_model
from pkpd.errors import DataWarning, InputError
from pkpd.fit.data import in_study_units, match_outputs
from pkpd.fit.residual import ResidualError, draw
from pkpd.model import Model
from pkpd.simulate.designs import concrete, doses_for, own_values
from pkpd.simulate.population import Population
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas
    import xarray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Run:
    """Everything that one simulation needs beside its design.

    Attributes
    ----------
    people : Population
        Whom to simulate.
    streams : sequence of SeedSequence
        One random stream per replicate.
    settings : Settings
        Tolerances of the solver.
    at_dose : {"before", "after"}
        Which value stands at the time of a dose.
    """

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

        model = concrete(self.people.model, regimen)
        people = replace(self, people=replace(self.people, model=model))
        values, noise = people._draws(subjects)
        total = subjects * len(self.streams)
        doses = doses_for(regimen, model, values, total)
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
        values |= own_values(self.people, model, study, ids, len(self.streams), values)
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
        if missing := [n for n in code.inputs if n not in values]:
            raise InputError([f"covariate {n!r} has no value" for n in missing])
        late = self.at_dose == "after"
        flags = after if after is not None else [np.full(t.shape, late) for t in times[:1]] * len(times)
        table = np.column_stack([values[n].astype(float) for n in code.inputs])
        plan = code.schedule(table, doses, times, flags)
        solution = code.run(table, plan, self.settings)
        bad = np.flatnonzero(solution.status)
        if bad.size:
            text = (
                f"{bad.size} of {len(table)} subjects could not be solved and are NaN: {solution.advice(int(bad[0]))}"
            )
            warnings.warn(text, DataWarning, stacklevel=4)
        return solution
