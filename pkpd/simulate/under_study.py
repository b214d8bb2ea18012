"""An observed study is repeated: its subjects, doses, times, marks, covariates and limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Dose
from pkpd.observed.matching import in_study_units, match_outputs
from pkpd.simulate.designs import Own, own_values
from pkpd.simulate.layout import Layout, Variable, chosen
from pkpd.simulate.pieces import Cut, Part, Piece
from pkpd.simulate.run import Run, inputs_of, solve
from pkpd.simulate.task import Task
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

_DIMS = ("replicate", "record")


@dataclass(frozen=True, eq=False)
class StudyJob:
    """What a worker needs to compute any piece.

    Attributes
    ----------
    run : Run
        Whom, from which streams.
    own : tuple of Own
        What the subjects bring themselves.
    doses, times, after : tuple
        Per subject.
    output : array of int, shape (records,)
        Which output each record is of.
    ratio, lloq : arrays, shape (records,)
        From the model's unit to the study's, and the limit in the study's.
    kept : frozenset of str
        Variables to return.
    """

    run: Run
    own: tuple[Own, ...]
    doses: tuple[tuple[Dose, ...], ...]
    times: tuple[Array, ...]
    after: tuple[Flags, ...]
    output: Integers
    ratio: Array
    lloq: Array
    kept: frozenset[str]

    def values(self, piece: Piece) -> dict[str, NDArray[Any]]:
        """Draw a piece, then put in what the subjects bring themselves."""
        values = self.run.draw(piece)
        for own in self.own:
            values[own.name] = own.into(values.get(own.name), *piece.shape)
        return values

    def compute(self, piece: Piece) -> Part:
        """Draw and solve one piece."""
        model, repeat = self.run.people.model, piece.shape[0]
        doses, times, after = self.doses * repeat, self.times * repeat, self.after * repeat
        solved = solve(model, self.values(piece), doses, times, after, self.run.settings)
        rows = np.arange(len(solved.outputs))
        exact = solved.outputs[rows, np.tile(self.output, repeat)].reshape(repeat, -1)
        measured = np.full(exact.shape, np.nan)
        mine = {name: self.output == k for k, name in enumerate(model.outputs)}
        for name, values in self.run.measured({n: exact[:, own] for n, own in mine.items()}, piece).items():
            measured[:, mine[name]] = values
        exact, measured = exact * self.ratio, measured * self.ratio
        arrays = {"value": exact, "measured": measured, "blq": measured < self.lloq}
        kept = {name: array for name, array in arrays.items() if name in self.kept}
        return Part(kept, int(np.count_nonzero(solved.status)), solved.advice)


def study_task(run: Run, study: Study, replicates: int, keep: Iterable[str] | str | None) -> Task:
    """Check everything that can be checked beforehand and lay out the result.

    Raises
    ------
    InputError
        Listing what is missing.
    """
    matched = match_outputs(run.people.model, study)
    model = in_study_units(run.people.model, study, matched)
    run = replace(run, people=replace(run.people, model=model, covariates=None))
    rows, ids = _rows(study, matched)
    edges = np.searchsorted(rows["index"], np.arange(len(ids) + 1))
    clock = rows["time"].to_numpy(float) * units.factor(study.units["time"], model.base["time"])
    late = (rows["mark"] == "post").to_numpy()
    plan = study.doses_in(model.base["amount"], model.base["time"]) if len(study.doses) else dict.fromkeys(ids, ())
    names = {"value": "exact value", "measured": "value with residual error", "blq": "below LLOQ"}
    possible = {n: Variable(_DIMS, {"long_name": t}, "bool" if n == "blq" else "float64") for n, t in names.items()}
    variables = chosen(possible, possible, keep)
    own = {o: study.units[a] for o, a in matched.items()}
    ratio = {o: units.factor(model.units.get(o) or unit, unit) for o, unit in own.items()}
    job = StudyJob(
        run,
        own_values(run.people, model, study, ids),
        tuple(tuple(plan[s]) for s in ids),
        tuple(clock[a:b] for a, b in pairwise(edges)),
        tuple(late[a:b] for a, b in pairwise(edges)),
        rows["output"].map({o: k for k, o in enumerate(model.outputs)}).to_numpy(np.int64),
        rows["output"].map(ratio).to_numpy(float),
        rows["lloq"].to_numpy(float),
        frozenset(variables),
    )
    cut = Cut.of(replicates, len(ids), whole=True)
    first = job.values(cut[0])
    inputs_of(model, first)
    sizes = {"replicate": replicates, "record": len(rows)}
    layout = Layout(sizes, {**sizes, "replicate": cut.together}, variables, _fixed(study, rows, own))
    return Task(job, layout, cut, first)


def _rows(study: Study, matched: Mapping[str, str]) -> tuple[pandas.DataFrame, list[Any]]:
    """Return the records of the matched analytes, subject by subject in time, and the subjects."""
    import pandas

    everything = study.observations.assign(position=lambda t: range(len(t)))
    everything = everything[~everything["excluded"]]
    rows = pandas.concat([everything[everything["analyte"] == a].assign(output=o) for o, a in matched.items()])
    ids = [s for s in study.subject_ids if s in set(rows["subject"])]
    rows["index"] = rows["subject"].map({s: k for k, s in enumerate(ids)})
    return rows.sort_values(["index", "time", "output"], kind="stable", ignore_index=True), ids


def _fixed(study: Study, rows: pandas.DataFrame, own: Mapping[str, str]) -> Any:
    """What is the same in every replicate."""
    import xarray

    record = ("record",)
    return xarray.Dataset(
        {
            "subject": (record, rows["subject"].to_numpy().astype(str)),
            "output": (record, rows["output"].to_numpy().astype(str)),
            "analyte": (record, rows["analyte"].to_numpy().astype(str)),
            "units": (record, rows["output"].map(own).to_numpy().astype(str)),
            "time": (record, rows["time"].to_numpy(float), {"units": study.units["time"]}),
            "observed": (record, rows["value"].to_numpy(float)),
            "lloq": (record, rows["lloq"].to_numpy(float)),
            "observation": (record, rows["position"].to_numpy(int), {"long_name": "row of the study's observations"}),
        }
    )
