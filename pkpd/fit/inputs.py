"""What a fit is given, put into the model's units and checked: start values, residual errors, known parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arguments import NAMED, optional
from pkpd.arrays import Array
from pkpd.engine import sd_function
from pkpd.errors import InputError, few, unknown_names, warn
from pkpd.fit.result import Fit, Fits
from pkpd.model import Model
from pkpd.model.drug import measures_drug
from pkpd.observed import MEASURED, Observed
from pkpd.observed.naming import name_rows
from pkpd.parameters import Parameter, Parameters
from pkpd.population import KINDS, ErrorKind, ResidualError, residual_error
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas


A_KIND_BY_OUTPUT = optional(NAMED._replace(words="a mapping from output to kind, such as {'C': 'proportional'}"))
"""The residual errors that a fit is given."""


def align(
    start: Parameters, model: Model, settled: Sequence[str] = (), errors: Sequence[ResidualError] = ()
) -> Parameters:
    """Return the model's parameters with the start values, converted to the model's units.

    Parameters
    ----------
    start : Parameters
        Start values; may also name residual errors.
    model : Model
        The model, with its own values.
    settled : sequence of str
        Parameters that keep the model's own value.
    errors : sequence of ResidualError
        Whose parameters the start values may name, too.

    Raises
    ------
    InputError
        Listing unknown names, units that do not fit and values that are missing.
    """
    # A start may also name residual errors, of outputs that are not observed here too: they belong to `with_errors`.
    noise = [n for output in model.outputs for kind in KINDS for n in residual_error(output, kind).names]
    noise += [n for error in errors for n in error.names]
    problems = unknown_names(start.names, dict.fromkeys([*model.parameters.names, *noise]), "parameter")
    items = []
    for own in model.parameters:
        if own.name not in start or own.name in settled:
            items.append(own)
            continue
        theirs = start.get(own.name)
        try:
            ratio = ratio_of(theirs.unit, own.unit)
            scaled = {part: getattr(theirs, part) * ratio for part in ("value", "lower", "upper")}
            items.append(replace(theirs, unit=own.unit or theirs.unit, meaning=own.meaning, **scaled))
        except InputError as error:
            problems += [f"parameter {own.name!r}: {p}" for p in error.problems]
            items.append(own)
    problems += [f"parameter {p.name!r} has no start value" for p in items if math.isnan(p.value)]
    if problems:
        raise InputError(problems, "start values")
    return Parameters(tuple(items))


def residual_errors(data: Observed, kinds: Mapping[str, ErrorKind] | None) -> tuple[ResidualError, ...]:
    """Return the residual error of every observed output, as told or by default.

    Raises
    ------
    InputError
        If an output or a kind does not exist, or an error meets a value that it cannot hold.
    """
    kinds = dict(kinds or {})
    outputs = {analyte: output for output, analyte in data.analytes.items()}
    problems = [
        f"{name!r} is an analyte, and errors go by output; its output is {own!r}, so say error={{{own!r}: …}}"
        for name, own in outputs.items() if name in kinds and name not in data.analytes
    ]  # fmt: skip
    problems += unknown_names([n for n in kinds if n not in outputs], data.analytes, "observed output")
    if problems:
        raise InputError(problems, "error")
    errors = []
    for output in data.analytes:
        default = "proportional" if measures_drug(data.model, output) else "log"
        errors.append(residual_error(output, kinds.get(output, default)))
    problems = [problem for error in errors for problem in _cannot_hold(error, data)]
    if problems:
        raise InputError(problems, "error")
    return tuple(errors)


def _cannot_hold(error: ResidualError, data: Observed) -> list[str]:
    """Say which measured values an error has no density for: they leave its scale, or its SD is 0 there."""
    problems, output = [], error.output
    mine = data.of(output) & (data.kind == MEASURED)
    outside = mine.copy()
    outside[mine] = ~np.isfinite(error.transform.to(data.value[mine]))
    if outside.any():
        problems.append(
            f"{outside.sum()} values of {output} are not positive ({name_rows(data, outside)}): "
            f"a {error.kind} residual error cannot hold; {_other_error(output)}"
        )
    zero = mine & (data.value == 0)
    values = data.value[zero]
    with np.errstate(all="ignore"):
        sd = sd_function(error)(np.column_stack([values, values]), error.start(data.value[mine], "").values)[:, 0]
    if not outside.any() and (sd == 0).any():
        problems.append(
            f"some values of {output} are 0 ({name_rows(data, zero)}): a {error.kind} residual error cannot hold, "
            f"because it has no spread there; {_other_error(output)}"
        )
    return problems


def _other_error(output: str) -> str:
    return (
        'use error={"' + output + '": "additive"}, give an LLOQ so that they are BLQ, or leave them out (a column '
        "'excluded')"
    )


def with_errors(
    parameters: Parameters, start: Parameters, errors: tuple[ResidualError, ...], data: Observed
) -> Parameters:
    """Return the parameters with those of the residual errors: from the start values, else from the data."""
    for error in errors:
        own = error.start(data.measured(error.output), data.model.units.get(error.output, ""))
        chosen = [_as_told(p, start.get(p.name)) if p.name in start else p for p in own]
        parameters = parameters + Parameters(tuple(chosen))
    return parameters


def _as_told(own: Parameter, told: Parameter) -> Parameter:
    """Return a residual error's parameter with the value and the bounds that were told, in its own unit."""
    ratio = ratio_of(told.unit, own.unit)
    return replace(
        own, value=told.value * ratio, lower=told.lower * ratio, upper=told.upper * ratio, fixed=told.fixed
    )  # fmt: skip


def other_starts(
    parameters: Parameters, start: Parameters, errors: tuple[ResidualError, ...], data: Observed
) -> list[Parameters]:
    """Return a second start where an error has two optima and the user did not say where to begin."""
    changed: dict[str, float] = {}
    for error in errors:
        if not set(error.names) & set(start.names):
            changed |= error.second_start(data.measured(error.output))
    return [parameters.with_values(changed)] if changed else []


def given_table(given: Fits | Fit | pandas.DataFrame | None, model: Model) -> pandas.DataFrame | None:
    """Return subject × parameter, only parameters that the model has."""
    if given is None or isinstance(given, Fit):
        return None
    if isinstance(given, Fits):
        own = [p.name for p in next(iter(given.values())).model.parameters]
        table = given.values_table().loc[list(given.usable()), own]
    else:
        table = given.set_index("subject") if "subject" in given.columns else given
    inside = [c for c in table.columns if c in model.parameters]
    if not inside:
        raise InputError(f"given has columns {list(table.columns)}, none of which is a parameter of the model")
    return table[inside]


def provenance(study: Study) -> dict[str, Any]:
    """Return what a fit says of its data: what the study says of itself, and its hash."""
    return {**study.attrs, "data_hash": study.data_hash}


def ratio_of(source: str, target: str) -> float:
    """What a value is multiplied with; 1 where one of the two has no unit, or none yet (then it is the model's)."""
    known = source and target and not units.is_open(source) and not units.is_open(target)
    return units.factor(source, target) if known else 1.0


def in_model_units(
    table: pandas.DataFrame, given: Fits | Fit | pandas.DataFrame | None, data: Observed
) -> dict[str, Array]:
    """Return the given values of the subjects in the model's units; a bare table is taken to be in them."""
    own = next(iter(given.values())).parameters if isinstance(given, Fits) else data.model.parameters
    rows = table.loc[list(data.subjects)]
    ratios = {n: ratio_of(own.get(n).unit, data.model.parameters.get(n).unit) for n in map(str, table.columns)}
    return {n: rows[n].to_numpy(float) * ratio for n, ratio in ratios.items()}


def with_given(study: Study, table: pandas.DataFrame, notes: list[str]) -> Study:
    """Return the part of the study whose subjects have given values; who is left out is noted and warned about."""
    have = [s for s in study.subject_ids if s in table.index]
    lost = [s for s in study.subject_ids if s not in table.index]
    if not have:
        raise InputError("given names no subject of the study")
    if lost:
        why = "because they have no given values (no converged fit)"
        notes.append(f"{len(lost)} subjects are left out {why}: {few(lost)}")
        warn(notes[-1])
    return study.select(subjects=have)


def observed_baselines(data: Observed) -> dict[str, Array]:
    """Return, for every parameter that is the start of an observed state, each subject's mean before the first dose.

    Raises
    ------
    InputError
        If a subject has no measured value before its first dose.
    """
    first = np.array([min((dose.time for dose in doses), default=np.inf) for doses in data.doses])
    early = (data.time <= first[data.subject]) & (data.kind == MEASURED)
    baselines: dict[str, Array] = {}
    problems = []
    for output in data.outputs:
        parameter = data.model.initial.get(output, "")
        if parameter not in data.model.parameters or output not in data.analytes:
            continue
        values = np.full(len(data.subjects), np.nan)
        for i, subject in enumerate(data.subjects):
            rows = early & data.of(output) & (data.subject == i)
            if rows.any():
                values[i] = data.value[rows].mean()
            else:
                problems.append(
                    f"subject {subject!r} has no measured {output} before its first dose: no observed baseline"
                )
        baselines[parameter] = values
    if problems:
        raise InputError(problems)
    return baselines
