"""A study as a fit sees it: rows of one vector, in the model's units, with doses on a time line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Dose
from pkpd.errors import InputError, nearest, warn
from pkpd.model import Model
from pkpd.observed import ABOVE, BELOW, MEASURED, in_study_units, match_outputs
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas


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

    def part(self, subjects: Sequence[Any]) -> FitData:
        """Return the rows, doses and covariates of some subjects, in the order that they have here."""
        wanted = set(subjects)
        places = [k for k, s in enumerate(self.subjects) if s in wanted]
        edges = np.searchsorted(self.subject, np.arange(len(self.subjects) + 1))
        rows = np.concatenate([np.arange(edges[k], edges[k + 1]) for k in places])
        renumbered = np.full(len(self.subjects), -1)
        renumbered[places] = np.arange(len(places))
        return FitData(
            self.model, tuple(self.subjects[k] for k in places), renumbered[self.subject[rows]], self.output[rows],
            self.censor[rows], self.time[rows], self.value[rows], tuple(self.doses[k] for k in places),
            tuple(self.times[k] for k in places), tuple(self.after[k] for k in places), self.covariates[places],
            self.observed,
        )  # fmt: skip

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
    records = (
        tuple(doses[s] for s in subjects), tuple(time[p] for p in parts), tuple(after[p] for p in parts),
    )  # fmt: skip
    return FitData(
        model, subjects, rows["subject"].to_numpy(np.int64), rows["output"].to_numpy(np.int64),
        rows["censor"].to_numpy(np.int64), time, rows["value"].to_numpy(float), *records,
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
