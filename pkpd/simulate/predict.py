"""The outputs of a model at every record of an event table (floor 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pkpd.arrays import Array
from pkpd.dosing import Dose
from pkpd.engine import Compiled, Settings, compile_model
from pkpd.errors import InputError, nearest, warn
from pkpd.model import Model, expressions
from pkpd.records import Changes, Records
from pkpd.simulate.switching import arrivals, covariate, rows_of, switched

if TYPE_CHECKING:
    import pandas


def predict(
    model: Model,
    records: Records,
    compartments: Mapping[int, str] | None = None,
    settings: Settings | None = None,
    *,
    linear: str = "closed form",
) -> pandas.DataFrame:
    """Return the outputs of a model at every record, for its default values and the records' covariates.

    Parameters
    ----------
    model : Model
        Its covariates are columns of the records (upper and lower case do not matter).
    records : Records
        What `pkpd.io.read_nonmem` returned; its amounts and times are in the model's units.
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
        The records with one column per output; NaN for a subject that could not be solved.

    Raises
    ------
    InputError
        If a covariate is missing, a compartment does not exist, or a parameter has no value.

    Warns
    -----
    DataWarning
        If subjects could not be solved, with the reason of the first.
    """
    states = dict(compartments or dict(enumerate(model.states, start=1)))
    names = _names(records, states, model)
    _check(model, records, states, names)
    doses = [tuple(replace(d, into=names[d.into]) if d.into else d for d in given) for given in records.doses]
    off = sorted({names[s.compartment] for own in records.switches for s in own if not s.on})
    asked = switched(model, off) if off else model
    code = compile_model(asked, linear=linear)
    plain = _Lines(_table(asked, records), [*records.changes], [*records.dose_rows], [*records.time_rows])
    lines = _with_switches(code, records, plain, doses, off, names) if off else plain
    plan = code.schedule(
        lines.table, doses, records.times, records.after, lines.changes, lines.dose_rows, lines.time_rows
    )
    found = code.run(lines.table, plan, settings)
    failed = np.flatnonzero(found.status)
    if failed.size:
        warn(
            f"{failed.size} of {len(doses)} subjects could not be solved and are NaN; subject "
            f"{records.subjects[int(failed[0])]!r}: {found.advice(int(failed[0]))}"
        )  # fmt: skip
    result = records.table.copy()
    for k, name in enumerate(code.outputs):
        result[name] = found.outputs[:, k]
    return result


@dataclass(frozen=True, eq=False)
class _Lines:
    """The table of values, and by subject when its rows hold and which belong to doses and records."""

    table: Array
    changes: list[Changes]
    dose_rows: list[tuple[int, ...]]
    time_rows: list[tuple[int, ...]]


def _names(records: Records, states: Mapping[int, str], model: Model) -> dict[str, str]:
    """The state that every compartment of the records is, "" where there is none."""
    used = {dose.into for given in records.doses for dose in given if dose.into}
    used |= {switch.compartment for own in records.switches for switch in own if switch.compartment}
    found = {name: states.get(int(name), "") if name.isdigit() else name for name in used}
    return {name: state if state in model.states else "" for name, state in found.items()}


def _check(model: Model, records: Records, states: Mapping[int, str], names: Mapping[str, str]) -> None:
    folded = {name.casefold() for name in records.covariates}
    problems = [
        f"covariate {name!r} is no column of the records; {nearest(name, records.covariates)}"
        for name in model.covariates
        if name.casefold() not in folded
    ]
    problems += [
        f"compartment {number} is no state; the model has {states}" for number in sorted(names) if not names[number]
    ]
    clock = np.concatenate(records.times)
    anew = np.flatnonzero(clock != records.table["TIME"].to_numpy(dtype=float))
    texts = [*model.equations.values(), *model.outputs.values()]
    if anew.size and any(expressions.TIME in expressions.names(text) for text in texts):
        problems.append(
            f"row {anew[0] + 1}, column TIME: time starts anew, and the model uses {expressions.TIME!r}; expected "
            "times that never fall within a subject"
        )
    problems += [f"parameter {p.name!r} has no value" for p in model.parameters if not np.isfinite(p.value)]
    if problems:
        raise InputError(problems, "predict")


def _table(model: Model, records: Records) -> Array:
    values = {p.name: p.value for p in model.parameters}
    columns = {name.casefold(): column for name, column in records.covariates.items()}
    inputs = (*model.parameters.names, *model.covariates)
    ones = np.ones(records.rows)
    return np.column_stack([ones * values[n] if n in values else columns.get(n.casefold(), ones) for n in inputs])


def _with_switches(
    code: Compiled, records: Records, plain: _Lines, doses: Sequence[Sequence[Dose]], off: Sequence[str],
    names: Mapping[str, str],
) -> _Lines:  # fmt: skip
    """The same with rows in which compartments are on or off."""
    base = np.concatenate(([0], np.cumsum([1 + len(own) for own in records.changes]))).astype(int)
    rows = [[int(start) + k for k in own] for start, own in zip(base[:-1], records.dose_rows, strict=True)]
    terms = code.dosing.of(plain.table, doses, rows, code.entries, code.states) if code.dosing else None
    where = [code.inputs.index(covariate(state)) for state in off]
    tables, lines = [], _Lines(plain.table, [], [], [])
    for k, given in enumerate(doses):
        lags = [float(t.lag[0]) for t in terms[k]] if terms else [0.0] * len(given)
        until = float(records.times[k].max(initial=-np.inf))
        found = rows_of(records, k, off, {**names, "": ""}, arrivals(given, lags, until))
        part = plain.table[base[k] + found.row]
        part[:, where] = found.status
        tables.append(part)
        lines.changes.append(found.changes)
        lines.dose_rows.append(found.dose_rows)
        lines.time_rows.append(found.time_rows)
    return replace(lines, table=np.concatenate(tables))
