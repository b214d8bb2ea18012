"""An observed study is repeated: its subjects, doses, times, marks, covariates, occasions and limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.arrays import Array, Flags, Integers
from pkpd.errors import InputError
from pkpd.observed import Observed, observe
from pkpd.observed.rows import INDICATOR
from pkpd.observed.sequence import occasion_labels
from pkpd.population import Population, SubjectRows
from pkpd.simulate.designs import Own, own_values
from pkpd.simulate.layout import Layout, Variable, chosen, coordinates_of, plain_variable
from pkpd.simulate.noise import Scatter
from pkpd.simulate.pieces import Cut, Part, Piece
from pkpd.simulate.run import Run, inputs_of, solve_observed
from pkpd.simulate.task import Task
from pkpd.study import Study

_DIMS = ("replicate", "record")
_COMPUTED = {"value": "exact value", "measured": "value with residual error", "blq": "below LLOQ"}


@dataclass(frozen=True, eq=False)
class StudyJob:
    """What a worker needs to compute any piece.

    Attributes
    ----------
    run : Run
        Whom, from which streams.
    observed : Observed
        Doses, times, and when rows of values change.
    rows : SubjectRows
        Covariates of the population's relations and occasions, in every row of values.
    own : tuple of Own
        What the subjects bring themselves.
    ratio, lloq : arrays, shape (records,)
        From the model's unit to the study's, and the limit in the study's.
    kept : frozenset of str
        Variables to return.
    """

    run: Run
    observed: Observed
    rows: SubjectRows
    own: tuple[Own, ...]
    ratio: Array
    lloq: Array
    kept: frozenset[str]

    def values(self, piece: Piece) -> dict[str, NDArray[Any]]:
        """Draw a piece, then put in what the subjects bring themselves; shape (replicates · value rows,) each."""
        values = self.run.draw_rows(piece, self.rows)
        for own in self.own:
            values[own.name] = own.into(values.get(own.name), piece.shape[0], len(self.rows.subject))
        return values

    def compute(self, piece: Piece) -> Part:
        """Draw and solve one piece."""
        model, repeat = self.run.people.model, piece.shape[0]
        values = self.values(piece)
        solved = solve_observed(model, values, self.observed, repeat, self.run.settings)
        rows = np.arange(len(solved.outputs))
        exact = solved.outputs[rows, np.tile(self.observed.output, repeat)].reshape(repeat, -1)
        measured = np.full(exact.shape, np.nan)
        mine = {name: self.observed.output == k for k, name in enumerate(model.outputs)}
        scatter = self._scatter(values, mine, repeat)
        found = self.run.measured({n: exact[:, own] for n, own in mine.items()}, piece, scatter)
        for name, drawn in found.items():
            measured[:, mine[name]] = drawn
        exact, measured = exact * self.ratio, measured * self.ratio
        arrays = {"value": exact, "measured": measured, "blq": measured < self.lloq}
        kept = {name: array for name, array in arrays.items() if name in self.kept}
        return Part(kept, int(np.count_nonzero(solved.status)), solved.advice)

    def _scatter(self, values: Mapping[str, NDArray[Any]], mine: Mapping[str, Flags], repeat: int) -> Scatter:
        """How the subjects' own residual SDs and correlations reach the rows of each output."""
        first = np.searchsorted(self.rows.subject, np.arange(self.rows.subjects))
        factors = {
            name: factor[:, first][:, self.observed.subject[mine[name]]]
            for name, factor in self.run.factors(values, (repeat, len(self.rows.subject))).items()
        }
        twins: dict[tuple[str, str], Integers | None] = {}
        for each in self.run.people.correlations:
            one, two = (self.observed.record[mine[output]] for output in each.outputs)
            place = np.minimum(np.searchsorted(one, two), max(len(one) - 1, 0))
            found = one[place] == two if len(one) else np.zeros(len(two), dtype=bool)
            twins[each.outputs] = np.where(found, place, -1)
        return Scatter(factors, twins)


def study_task(run: Run, study: Study, replicates: int, keep: Iterable[str] | str | None) -> Task:
    """Check everything that can be checked beforehand and lay out the result.

    Raises
    ------
    InputError
        Listing what is missing.
    """
    observed, rows = _observed(run.people, study)
    model = replace(observed.model, covariates=run.people.model.covariates)
    run = replace(run, people=replace(run.people, model=model, covariates=None))
    possible = {n: Variable(_DIMS, {"long_name": t}, "bool" if n == "blq" else "float64") for n, t in _COMPUTED.items()}
    variables = chosen(possible, possible, keep)
    own_units = {o: study.units[a] for o, a in observed.analytes.items()}
    known = {o for o, a in observed.analytes.items() if a not in study.assumed_units}
    ratio = {o: units.factor(model.units.get(o) or u, u) if o in known else 1.0 for o, u in own_units.items()}
    outputs = np.array(observed.outputs, dtype=object)[observed.output]
    job = StudyJob(
        run, observed, rows, own_values(run.people, observed),
        np.array([ratio[o] for o in outputs]), study._observations["lloq"].to_numpy(float)[observed.position],
        frozenset(variables),
    )  # fmt: skip
    cut = Cut.of(replicates, len(observed.subjects), whole=True)
    first = job.values(cut[0])
    inputs_of(model, first)
    sizes = {"replicate": replicates, "record": len(observed.time)}
    layout = Layout(
        sizes,
        {**sizes, "replicate": cut.together},
        variables,
        coordinates_of({}),
        _fixed(study, observed, own_units),
    )
    return Task(job, layout, cut, first)


def _observed(people: Population, study: Study) -> tuple[Observed, SubjectRows]:
    """The study's samples, with a row of values wherever an occasion or a covariate (of a relation, too) changes."""
    labels = occasion_labels(study) if people.by_occasion else ()
    if people.by_occasion and not labels:
        which = ", ".join(people.by_occasion)
        raise InputError(f"{which} differ between occasions, and the study names none", "simulate")
    marks = [f"{INDICATOR}{k + 1}" for k in range(len(labels))]
    asked = tuple(dict.fromkeys([*people.model.covariates, *people.covariate_names, *marks]))
    observed = observe(replace(people.model, covariates=asked), study)
    place = {name: k for k, name in enumerate(asked)}
    occasion = np.zeros(len(observed.covariates), dtype=np.int64)
    if marks:
        occasion = observed.covariates[:, [place[name] for name in marks]].argmax(axis=1)
    columns = {name: observed.covariates[:, place[name]] for name in people.covariate_names}
    rows = SubjectRows(len(observed.subjects), max(len(labels), 1), observed.value_subject, occasion, columns)
    return observed, rows


def _fixed(study: Study, observed: Observed, own_units: Mapping[str, str]) -> dict[str, Any]:
    """What is the same in every replicate."""

    def column(values: Any, attrs: Mapping[str, Any] | None = None) -> Any:
        return plain_variable(("record",), values, attrs)

    table = study._observations.iloc[observed.position]
    outputs = [observed.outputs[k] for k in observed.output]
    found = {
        "subject": column(table["subject"].to_numpy().astype(str)),
        "output": column(np.array(outputs).astype(str)),
        "analyte": column(table["analyte"].to_numpy().astype(str)),
        "units": column(np.array([own_units[o] for o in outputs]).astype(str)),
        "time": column(table["time"].to_numpy(float), {"units": study.units["time"]}),
        **(
            {"clock": column(table["clock"].to_numpy(float), {"units": study.units["time"]})}
            if "clock" in table
            else {}
        ),
        "observed": column(table["value"].to_numpy(float)),
        "lloq": column(table["lloq"].to_numpy(float)),
        **_first_doses(study, table["subject"], column),
        "observation": column(observed.position, {"long_name": "row of the study's observations"}),
    }
    taken = {*found, *_DIMS, *_COMPUTED, "status"}
    return found | {name: values for name, values in _covariates(study, table["subject"], column) if name not in taken}


def _covariates(study: Study, subjects: Any, column: Any) -> Iterator[tuple[str, Any]]:
    """What the study knows of each record's subject and does not change in time, by which groups differ."""
    people = study.subjects.set_index("subject")
    for name in (str(n) for n in people.columns):
        values = subjects.map(people[name]).to_numpy()
        numbers = np.issubdtype(values.dtype, np.number)
        about = {"units": study.units[name]} if name in study.units else {}
        yield name, column(values.astype(float) if numbers else values.astype(str), about)


def _first_doses(study: Study, subjects: Any, column: Any) -> dict[str, Any]:
    """The amount of the first dose of each record's subject, by which groups differ; NaN for none."""
    doses = study.given_doses()[0]
    if not len(doses):
        return {}
    first = doses.drop_duplicates("subject").set_index("subject")["amount"]
    about = {"units": study.units.get("dose", ""), "long_name": "amount of the subject's first dose"}
    return {"dose": column(subjects.map(first).to_numpy(float), about)}
