"""A study as a fit sees it: rows of one vector, in the model's units, with doses on a time line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Dose
from pkpd.engine import Schedule, schedule
from pkpd.errors import InputError, nearest, warn
from pkpd.model import Model
from pkpd.observed.matching import in_study_units, match_outputs
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

MEASURED, BELOW, ABOVE = 0, 1, 2


@dataclass(frozen=True, eq=False)
class FitData:
    """Observations of a study as arrays, one row each, subject by subject.

    Attributes
    ----------
    model : Model
        The model with concrete units.
    subjects : tuple
        Identifiers.
    subject, output, censor : arrays of int, shape (rows,)
        Subject index, output index, and 0 measured, 1 below LLOQ, 2 above ULOQ.
    time, value : arrays, shape (rows,)
        In the model's units; for a censored row the value is its limit.
    doses, times, after : tuple
        Doses, sample times and whether each means "after the dose", one item per subject.
    schedule : Schedule
        The same as time lines, for a model that says nothing of its doses.
    covariates : array, subjects × covariates
        In the model's order.
    observed : mapping
        Output → analyte.
    """

    model: Model
    subjects: tuple[Any, ...]
    subject: Integers
    output: Integers
    censor: Integers
    time: Array
    value: Array
    doses: tuple[tuple[Dose, ...], ...]
    times: tuple[Array, ...]
    after: tuple[Flags, ...]
    schedule: Schedule
    covariates: Array
    observed: Mapping[str, str]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs."""
        return tuple(self.model.outputs)

    def of(self, output: str) -> Flags:
        """Return which rows observe an output."""
        mask: Flags = self.output == self.outputs.index(output)
        return mask

    def measured(self, output: str) -> Array:
        """Return the measured (not censored) values of an output."""
        values: Array = self.value[self.of(output) & (self.censor == MEASURED)]
        return values


def prepare(model: Model, study: Study, observed: Mapping[str, str] | None = None) -> FitData:
    """Turn a study into the rows of a fit.

    Raises
    ------
    InputError
        If nothing matches, a covariate is missing, units do not fit, or no observation is left.
    """
    matched = match_outputs(model, study, observed)
    model = in_study_units(model, study, matched)
    tables = [_rows(model, study, output, analyte) for output, analyte in matched.items()]
    import pandas

    rows = pandas.concat(tables, ignore_index=True)
    if rows.empty:
        raise InputError(f"no usable observation of {sorted(matched.values())}")
    kept = set(rows["subject"])
    subjects = tuple(s for s in study.subject_ids if s in kept)
    place = {s: k for k, s in enumerate(subjects)}
    rows["subject"] = rows["subject"].map(place)
    rows = rows.sort_values(["subject", "time", "after", "output"], kind="stable", ignore_index=True)
    edges = np.searchsorted(rows["subject"], np.arange(len(subjects) + 1))
    parts = [slice(a, b) for a, b in pairwise(edges)]
    time, after = rows["time"].to_numpy(float), rows["after"].to_numpy(bool)
    doses = (
        study.doses_in(model.base["amount"], model.base["time"]) if len(study.doses) else dict.fromkeys(subjects, ())
    )
    if model.doses and not any(dose.amount > 0 for s in subjects for dose in doses[s]):
        raise InputError("the study has no doses, or only doses of 0, for the subjects that were observed")
    entries = {route: model.states.index(state) for route, state in model.doses.items()}
    records = (
        tuple(doses[s] for s in subjects), tuple(time[p] for p in parts), tuple(after[p] for p in parts),
    )  # fmt: skip
    plan = schedule(*records, entries, model.states)
    return FitData(
        model, subjects, rows["subject"].to_numpy(np.int64), rows["output"].to_numpy(np.int64),
        rows["censor"].to_numpy(np.int64), time, rows["value"].to_numpy(float), *records, plan,
        covariates(model, study, subjects), matched,
    )  # fmt: skip


def _rows(model: Model, study: Study, output: str, analyte: str) -> pandas.DataFrame:
    import pandas

    table = study.used(analyte)
    own, clock = study.units[analyte], units.factor(study.units["time"], model.base["time"])
    target = model.units.get(output, "") or own
    ratio = units.factor(own, target)
    censor = np.where(table["blq"], BELOW, np.where(table["alq"], ABOVE, MEASURED))
    limit = np.where(table["blq"], table["lloq"], table["uloq"])
    value = np.where(censor == MEASURED, table["value"], limit).astype(float) * ratio
    unusable = ~np.isfinite(value)
    if unusable.any():
        warn(f"{unusable.sum()} censored samples of {analyte} have no limit and are left out of the fit")
    out = pandas.DataFrame(
        {
            "subject": table["subject"],
            "time": table["time"].to_numpy(float) * clock,
            "after": (table["mark"] == "post").to_numpy(),
            "output": list(model.outputs).index(output),
            "censor": censor,
            "value": value,
        }
    )
    return out[~unusable]


def covariates(model: Model, study: Study, subjects: tuple[Any, ...]) -> Array:
    """Return the covariates that the model names, subjects × covariates.

    Raises
    ------
    InputError
        If a covariate is not in the study, or is missing for a subject.
    """
    people = study.subjects.set_index("subject").loc[list(subjects)]
    problems = [f"unknown covariate {c!r}; {nearest(c, people.columns)}" for c in model.covariates if c not in people]
    if problems:
        raise InputError(problems)
    table: Array = people[list(model.covariates)].to_numpy(dtype=float)
    bad = [
        f"covariate {model.covariates[k]!r} of subject {subjects[i]!r} is missing"
        for i, k in np.argwhere(~np.isfinite(table))
    ]
    if bad:
        raise InputError(bad)
    return table


def observed_baselines(data: FitData, study: Study) -> dict[str, Array]:
    """Return, for every parameter that is the start of an observed state, each subject's mean before the first dose.

    Raises
    ------
    InputError
        If a subject has no measured value before its first dose.
    """
    found: dict[str, Array] = {}
    problems = []
    for k, output in enumerate(data.outputs):
        parameter = data.model.initial.get(output, "")
        if parameter not in data.model.parameters or output not in data.observed:
            continue
        values = np.full(len(data.subjects), np.nan)
        for i, subject in enumerate(data.subjects):
            line = study.select(subjects=[subject]).doses["time"]
            first = line.min() * units.factor(study.units["time"], data.model.base["time"]) if len(line) else np.inf
            rows = (data.subject == i) & (data.output == k) & (data.time <= first) & (data.censor == MEASURED)
            if rows.any():
                values[i] = data.value[rows].mean()
            else:
                problems.append(
                    f"subject {subject!r} has no measured {output} before its first dose: no observed baseline"
                )
        found[parameter] = values
    if problems:
        raise InputError(problems)
    return found
