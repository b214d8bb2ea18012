"""The outputs of a model at every record of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.engine import Compiled, Settings, compile_model
from pkpd.errors import InputError, naming, warn
from pkpd.model import Model
from pkpd.observed.clock import anew_problem
from pkpd.observed.every_record import EveryRecord, every_record
from pkpd.observed.matching import in_study_units
from pkpd.observed.rows import dose_records
from pkpd.periods import only_sets_back
from pkpd.records import Changes
from pkpd.simulate.switching import arrivals, covariate, rows_of, switched
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas


@checked
def predict(
    model: Model,
    study: Study,
    compartments: Mapping[int, str] | None = None,
    settings: Settings | None = None,
    *,
    linear: str = "closed form",
) -> pandas.DataFrame:
    """Return the outputs of a model at every record, for its default values and the study's covariates.

    Parameters
    ----------
    model : Model
        Its covariates are those of the study (upper and lower case do not matter); without units it takes the study's.
    study : Study
        What `pkpd.io.read_nonmem` or `pkpd.read_study` returned. Of a NONMEM data set every record is answered, of
        another study every sample and every dose.
    compartments : mapping of int to str, optional
        Number of a compartment → state; by default the states in the model's order. A dose without a compartment
        enters by the model's routes ``bolus`` and ``infusion``.
    settings : Settings, optional
        Tolerances of what is integrated.
    linear : {"closed form", "ode"}
        How states that are linear are solved; the answers are the same to the tolerances.

    Returns
    -------
    pandas.DataFrame
        One row per record: subject, time, kind, ``clock`` where a subject has several periods, what changes in time,
        and one column per output; NaN for a subject that could not be solved. A covariate that changes and has an
        output's name stands as ``name (study)``, which is warned about.

    Raises
    ------
    InputError
        If a covariate is missing, a compartment does not exist, a parameter has no value, or an output is called as
        what every record has (``time``, ``subject``, ``kind`` …).

    Warns
    -----
    DataWarning
        If subjects could not be solved, with the reason of the first; if a covariate of the study has an output's name.
    """
    model = in_study_units(model, study, {name: name for name in model.outputs if name in study.analytes})
    _check(model, study)
    records = every_record(model, study, compartments)
    off = sorted({switch.state for own in records.switches for switch in own if not switch.on})
    asked = switched(model, off) if off else model
    code = compile_model(asked, linear=linear)
    plain = _Lines(_table(asked, records), [*records.changes], [*records.dose_rows], [*records.time_rows])
    with naming(records.subjects, dose_records(study, records.subjects)):
        lines = _with_switches(code, records, plain, off) if off else plain
        plan = code.schedule(
            lines.table, records.doses, records.times, records.after, lines.changes, lines.dose_rows, lines.time_rows
        )
    solution = code.run(lines.table, plan, settings)
    failed = np.flatnonzero(solution.status)
    if failed.size:
        warn(
            f"{failed.size} of {len(records.subjects)} subjects could not be solved and are NaN; subject "
            f"{records.subjects[int(failed[0])]!r}: {solution.advice(int(failed[0]))}"
        )  # fmt: skip
    result = _beside(_shown(study, records), code.outputs)
    for k, name in enumerate(code.outputs):
        result[name] = solution.outputs[:, k]
    put_in = only_sets_back(study._doses).to_numpy(bool)
    return result.drop(index=records.sequence.dose_place[put_in]).reset_index(drop=True) if put_in.any() else result


@dataclass(frozen=True, eq=False)
class _Lines:
    """The table of values, and by subject when its rows hold and which belong to doses and records."""

    table: Array
    changes: list[Changes]
    dose_rows: list[Any]
    time_rows: list[Any]


def _check(model: Model, study: Study) -> None:
    problems = [problem] if (problem := anew_problem(model, study)) else []
    taken = study.records.columns if study.in_order else ("subject", "time", "kind")
    problems += [
        f"the output {name!r} is called as a column that every record has; rename it, {{'{name}_model': ...}}"
        for name in model.outputs
        if name in taken and name not in study.changing
    ]
    problems += [f"parameter {p.name!r} has no value" for p in model.parameters if not np.isfinite(p.value)]
    if problems:
        raise InputError(problems, "predict")


def _table(model: Model, records: EveryRecord) -> Array:
    """Parameters, covariates of the study, and (after them) whether compartments are on: all of them, at first."""
    parameters = np.tile(model.parameters.values, (len(records.covariates), 1))
    extra = len(model.covariates) - records.covariates.shape[1]
    return np.column_stack([parameters, records.covariates, np.ones((len(parameters), extra))])


def _shown(study: Study, records: EveryRecord) -> pandas.DataFrame:
    """What the study says of every record."""
    import pandas

    if study.in_order:
        return study.records
    sequence = records.sequence
    ids = np.array(study.subject_ids, dtype=object)
    columns = {"subject": ids[sequence.subject], "time": sequence.time, "kind": sequence.kind}
    if study.several_periods:
        columns |= {"clock": sequence.clock}
    return pandas.DataFrame(columns).join(sequence.covariates)


def _beside(table: pandas.DataFrame, outputs: Sequence[str]) -> pandas.DataFrame:
    """Rename what the study gives under an output's name, so that neither is lost."""
    again = [name for name in outputs if name in table]
    if again:
        told = ", ".join(f"{name!r} as {f'{name} (study)'!r}" for name in again)
        warn(f"{len(again)} covariates of the study have an output's name and stand beside it: {told}")
    return table.rename(columns={name: f"{name} (study)" for name in again})


def _with_switches(code: Compiled, records: EveryRecord, plain: _Lines, off: Sequence[str]) -> _Lines:
    """The same with rows in which compartments are on or off."""
    base = np.concatenate(([0], np.cumsum([1 + len(own) for own in records.changes]))).astype(int)
    rows = [[int(start) + k for k in own] for start, own in zip(base[:-1], records.dose_rows, strict=True)]
    terms = code.dosing.of(plain.table, records.doses, rows, code.entries, code.states) if code.dosing else None
    where = [code.inputs.index(covariate(state)) for state in off]
    tables, lines = [], _Lines(plain.table, [], [], [])
    for k, given in enumerate(records.doses):
        lags = [float(t.lag[0]) for t in terms[k]] if terms else [0.0] * len(given)
        until = float(records.times[k].max(initial=-np.inf))
        own = rows_of(records, k, off, arrivals(given, lags, until))
        part = plain.table[base[k] + own.row]
        part[:, where] = own.status
        tables.append(part)
        lines.changes.append(own.changes)
        lines.dose_rows.append(own.dose_rows)
        lines.time_rows.append(own.time_rows)
    return replace(lines, table=np.concatenate(tables))
