"""A study as arrays in the units of a model: what every fit and every simulation of a study starts from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from pkpd import units
from pkpd.arrays import Array, Flags, Integers
from pkpd.decimals import product
from pkpd.dosing import Dose
from pkpd.errors import InputError, nearest, warn
from pkpd.model import Model
from pkpd.observed.clock import require_one_clock
from pkpd.observed.compartments import compartments_of
from pkpd.observed.matching import in_study_units, match_outputs
from pkpd.observed.output_units import with_output_units
from pkpd.observed.sequence import EventSequence, event_sequence, occasion_labels, only, value_rows
from pkpd.records import Changes
from pkpd.study import Study

MEASURED, BELOW, ABOVE, INTERVAL, NO_LIMIT = 0, 1, 2, 3, 4
"""Kinds of row: a value; below its upper end; above its lower end; between the two; censored without a known limit."""
INDICATOR = "occasion_"


@dataclass(frozen=True, eq=False)
class Observed:
    """The samples of a study, one row each and output, subject by subject, in the units of a model.

    Attributes
    ----------
    model : Model
        The model with concrete units.
    subjects : tuple
        Identifiers of the subjects that have a row.
    subject, output, occasion, record : arrays of int, shape (rows,)
        Place among the subjects, the outputs and the occasions (-1: none), and which rows come from one sample: equal
        numbers stand beside each other.
    kind : array of int, shape (rows,)
        `MEASURED`, `BELOW`, `ABOVE`, `INTERVAL` or `NO_LIMIT`.
    time, lower, upper : arrays, shape (rows,)
        A measured row has its value in both; one below a limit has −∞ and the limit; one above it the limit and ∞.
    position : array of int, shape (rows,)
        Row of the study's observations.
    doses : tuple of tuples of Dose, one per subject
        In the order in which they act.
    times : tuple of arrays, one per subject
        The subject's part of `time`.
    after : tuple of arrays, one per subject
        Whether each sample was drawn after a dose given at its time; or how many doses act before it.
    changes : tuple of Changes, one per subject
        Times from which the subject's second, third … row of `covariates` holds; all empty where nothing changes.
    dose_rows, time_rows : tuple of arrays of int, one per subject; or None
        Which of the subject's rows of covariates holds at each dose and each sample; None where nothing changes.
    covariates : array, shape (value rows, covariates)
        In the model's order; the rows of each subject one after the other.
    occasions : tuple of str
        Labels of the study's occasions.
    analytes : mapping
        Output → analyte.
    dose_records : tuple of sequences of int, one per subject; or None
        Row of the source from which each dose was read; None when it is not known.
    """

    model: Model
    subjects: tuple[Any, ...]
    subject: Integers
    output: Integers
    occasion: Integers
    record: Integers
    kind: Integers
    time: Array
    lower: Array
    upper: Array
    position: Integers
    doses: tuple[tuple[Dose, ...], ...]
    times: tuple[Array, ...]
    after: tuple[Flags | Integers, ...]
    changes: tuple[Changes, ...]
    dose_rows: tuple[Integers, ...] | None
    time_rows: tuple[Integers, ...] | None
    covariates: Array
    occasions: tuple[str, ...]
    analytes: Mapping[str, str]
    dose_records: tuple[Sequence[int], ...] | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs."""
        return tuple(self.model.outputs)

    @cached_property
    def value_subject(self) -> Integers:
        """The subject of every row of `covariates`, shape (value rows,)."""
        return np.repeat(np.arange(len(self.subjects)), [1 + len(own) for own in self.changes])

    @property
    def value(self) -> Array:
        """The measured value, or the limit of a censored row; the upper end of an interval, shape (rows,)."""
        return np.where(self.kind == ABOVE, self.lower, self.upper)

    def of(self, output: str) -> Flags:
        """Return which rows observe an output."""
        mask: Flags = self.output == self.outputs.index(output)
        return mask

    def measured(self, output: str) -> Array:
        """Return the measured (not censored) values of an output."""
        values: Array = self.upper[self.of(output) & (self.kind == MEASURED)]
        return values

    def keep(self, rows: Flags) -> Observed:
        """Return the same subjects with some of the rows."""
        edges = np.searchsorted(self.subject, np.arange(len(self.subjects) + 1))
        parts = [rows[a:b] for a, b in pairwise(edges)]
        changed: dict[str, Any] = {name: getattr(self, name)[rows] for name in _ROWS}
        for name in ("times", "after", "time_rows"):
            items = getattr(self, name)
            changed[name] = items and tuple(own[p] for own, p in zip(items, parts, strict=True))
        return replace(self, **changed)

    def part(self, places: Sequence[int]) -> Observed:
        """Return the part that concerns some subjects, by their places; what `keep` would leave empty is gone."""
        where = np.asarray(places, dtype=np.int64)
        number = np.full(len(self.subjects), -1, dtype=np.int64)
        number[where] = np.arange(len(where))
        edges = np.searchsorted(self.subject, np.arange(len(self.subjects) + 1))
        rows = np.concatenate([np.arange(edges[k], edges[k + 1]) for k in where]) if len(where) else where
        starts = np.searchsorted(self.value_subject, np.arange(len(self.subjects) + 1))
        values = np.concatenate([np.arange(starts[k], starts[k + 1]) for k in where]) if len(where) else where
        changed: dict[str, Any] = {name: getattr(self, name)[rows] for name in _ROWS}
        changed["subject"] = number[changed["subject"]]
        for name in _LISTS:
            items = getattr(self, name)
            changed[name] = items and tuple(items[k] for k in where)
        return replace(self, **changed, covariates=self.covariates[values])

    def usable(self) -> Observed:
        """Return the rows that a likelihood can use; those without a limit are left out, subjects without a row too.

        Raises
        ------
        InputError
            If nothing is left.

        Warns
        -----
        DataWarning
            With the count of censored samples that have no limit.
        """
        lost = self.kind == NO_LIMIT
        if not lost.any():
            return self
        for k, count in enumerate(np.bincount(self.output[lost], minlength=len(self.outputs))):
            if count:
                analyte = self.analytes[self.outputs[k]]
                warn(f"{count} censored samples of {analyte} have no limit and are left out of the fit")
        rest = self.keep(~lost)
        if not len(rest.time):
            analytes = sorted(self.analytes.values())
            raise InputError(f"no usable observation of {analytes}: every sample is censored, and no limit is known")
        return rest.part(np.unique(rest.subject).tolist())


_ROWS = ("subject", "output", "occasion", "record", "kind", "time", "lower", "upper", "position")
_LISTS = ("subjects", "doses", "times", "after", "changes", "dose_rows", "time_rows", "dose_records")


def observe(model: Model, study: Study, analytes: Mapping[str, str] | None = None) -> Observed:
    """Return the samples of a study that a model can be asked for, in the model's units.

    Parameters
    ----------
    model : Model
        A model without units takes those of the study. Covariates called ``occasion_1`` … are 1 on that occasion.
    study : Study
        Observations, doses, covariates.
    analytes : mapping, optional
        Output → analyte, where the names do not say it.

    Raises
    ------
    InputError
        If nothing matches, a covariate or a compartment is missing, units do not fit, or no sample is left.
    """
    if (switched := study._doses["switch"] != "").any():
        row = study._doses["row"][switched].iloc[0]
        raise InputError(f"row {row} turns a compartment on or off, which only predict can compute", "study")
    matched = match_outputs(model, study, analytes)
    model = with_output_units(in_study_units(model, study, matched), study, matched)
    require_one_clock(model, study)
    labels = occasion_labels(study)
    samples = _samples(model, study, matched, labels)
    if not len(samples["subject"]):
        raise InputError(f"no usable observation of {sorted(matched.values())}")
    kept = np.unique(samples["subject"])
    doses = _doses(model, study, kept)
    if model.doses and not any(dose.amount > 0 for given in doses for dose in given):
        raise InputError("the study has no doses, or only doses of 0, for the subjects that were observed")
    subject = np.searchsorted(kept, samples["subject"])
    edges = np.searchsorted(subject, np.arange(len(kept) + 1))
    parts = [slice(a, b) for a, b in pairwise(edges)]
    sequence = event_sequence(study) if study.in_order or _changing(model, study) else None
    time, after = samples["time"], _after(study, sequence, samples)
    values = values_of(model, study, sequence, kept)
    at_samples = None
    if values.of_record is not None and sequence is not None:
        own = values.of_record[sequence.sample_place[samples["position"]]]
        at_samples = tuple(own[p] for p in parts)
    return Observed(
        model, tuple(study.subject_ids[k] for k in kept), subject, samples["output"], samples["occasion"],
        _records(samples), samples["kind"], time, samples["lower"], samples["upper"], samples["position"],
        doses, tuple(time[p] for p in parts), tuple(after[p] for p in parts),
        values.changes, values.dose_rows, at_samples, values.covariates, labels, matched,
        dose_records(study, [study.subject_ids[k] for k in kept]),
    )  # fmt: skip


def _samples(model: Model, study: Study, matched: Mapping[str, str], labels: Sequence[str]) -> dict[str, NDArray[Any]]:
    """One row per sample and output, as columns, sorted by subject and time; `labels` are those of the occasions."""
    every = study._observations
    used = ~every["excluded"].to_numpy(bool)
    analyte = every["analyte"].to_numpy(object)
    place = pandas.Index(study.subject_ids).get_indexer(pandas.Index(every["subject"])).astype(np.int64)
    occasion = np.full(len(every), -1, dtype=np.int64)
    if labels:
        occasion = pandas.Index(labels, dtype=object).get_indexer(every["occasion"].map(str)).astype(np.int64)
    parts: list[tuple[NDArray[Any], ...]] = []
    for output, name in matched.items():
        position = np.flatnonzero(used & (analyte == name))
        index = np.full(len(position), list(model.outputs).index(output), dtype=np.int64)
        parts.append((position, index, *_ends(every.iloc[position], unit_ratio(model, study, output, name))))
    position, index, kind, lower, upper = (np.concatenate(part) for part in zip(*parts, strict=True))
    samples = {
        "subject": place[position], "position": position, "kind": kind, "lower": lower, "upper": upper, "output": index,
        "time": product(every["time"].to_numpy(float)[position], study.time_factor(model.base["time"])),
        "row": every["row"].to_numpy(np.int64)[position],
        "after": (every["mark"].to_numpy(object) == "post")[position], "occasion": occasion[position],
    }  # fmt: skip
    keys = ["subject", "time", "row", "output"] if study.in_order else ["subject", "time", "after", "output"]
    order = np.lexsort([samples[key] for key in reversed(keys)])
    return {name: column[order] for name, column in samples.items()}


def unit_ratio(model: Model, study: Study, output: str, analyte: str) -> float:
    """Return what a measured value is multiplied with to be in the unit of its output."""
    own = study.units.get(analyte, "")
    return 1.0 if analyte in study.assumed_units else units.factor(own, model.units.get(output, "") or own)


def _ends(table: pandas.DataFrame, ratio: float) -> tuple[Integers, Array, Array]:
    """Kind, lower and upper end of every observation, in the unit of the output."""
    below, above = table["blq"].to_numpy(bool), table["alq"].to_numpy(bool)
    value, lloq, uloq = (product(table[name], ratio) for name in ("value", "lloq", "uloq"))
    floor = product(table["lower"], ratio) if "lower" in table else np.full(len(table), np.nan)
    within = below & np.isfinite(floor)
    kind = np.select([within, below, above], [INTERVAL, BELOW, ABOVE], MEASURED).astype(np.int64)
    lower = np.select([within, below, above], [floor, -np.inf, uloq], value)
    upper = np.select([below, above], [lloq, np.inf], value)
    known = np.where(kind == MEASURED, np.isfinite(value), np.isfinite(np.where(above, uloq, lloq)))
    return np.where(known, kind, NO_LIMIT), lower, upper


def _records(samples: Mapping[str, NDArray[Any]]) -> Integers:
    """Number the samples: what one subject gave at one time, on one side of a dose, was drawn at once."""
    new = np.zeros(len(samples["time"]), dtype=bool)
    new[:1] = True
    for key in ("subject", "time", "after"):
        new[1:] |= samples[key][1:] != samples[key][:-1]
    numbers: Integers = np.cumsum(new) - 1
    return numbers


def _doses(model: Model, study: Study, kept: Integers) -> tuple[tuple[Dose, ...], ...]:
    given = study.doses_in(model.base["amount"], model.base["time"])
    ids = study.subject_ids
    compartments = compartments_of(model, study)
    return tuple(compartments.place(given[ids[k]]) for k in kept)


def dose_records(study: Study, subjects: Sequence[Any]) -> tuple[Sequence[int], ...]:
    """Return, for each of these subjects, the row of the source of each of its doses."""
    rows = study._doses.groupby("subject", sort=False)["row"]
    known: dict[Any, Sequence[int]] = {name: own.tolist() for name, own in rows}
    return tuple(known.get(name, ()) for name in subjects)


def _after(study: Study, sequence: EventSequence | None, samples: Mapping[str, NDArray[Any]]) -> Any:
    """Whether samples were drawn after the doses of their time; in an event table how many doses act before them."""
    if sequence is None or not study.in_order:
        return samples["after"]
    return sequence.after[sequence.sample_place[samples["position"]]]


@dataclass(frozen=True, eq=False)
class Values:
    """Rows of covariates, and what says when each holds (see `Observed`)."""

    covariates: Array
    changes: tuple[Changes, ...]
    dose_rows: tuple[Integers, ...] | None
    of_record: Integers | None


def _changing(model: Model, study: Study) -> tuple[list[str], list[str]] | None:
    """The model's covariates that change in this study, and its indicators of occasions; None if there are none."""
    moving = [name for name in model.covariates if study.covariate(name) in study.changing]
    indicators = [name for name in model.covariates if name not in moving and _is_indicator(name, study)]
    return (moving, indicators) if moving or indicators else None


def _is_indicator(name: str, study: Study) -> bool:
    number = name.removeprefix(INDICATOR)
    return name.startswith(INDICATOR) and number.isdigit() and study.covariate(name) is None


def values_of(model: Model, study: Study, sequence: EventSequence | None, kept: Integers) -> Values:
    """Return the rows of a model's covariates for some subjects of a study, by their places."""
    changing = _changing(model, study)
    if changing is None or sequence is None:
        ids = [study.subject_ids[k] for k in kept]
        return Values(constant_covariates(model, study, ids), (Changes(),) * len(kept), None, None)
    moving, indicators = changing
    columns = only(sequence, [str(study.covariate(name)) for name in moving], indicators)
    rows = value_rows(sequence, columns, len(study.subject_ids), study.carried)
    clock = study.time_factor(model.base["time"])
    changes = tuple(Changes(product(tuple(rows.changes[k]), clock), rows.changes[k].late) for k in kept)
    record = rows.record[np.isin(sequence.subject[rows.record], kept)]
    ids = [study.subject_ids[k] for k in sequence.subject[record]]
    place = {name: k for k, name in enumerate([*moving, *indicators])}
    fixed = constant_covariates(model, study, ids, skip=place)
    table = np.column_stack(
        [columns[record, place[name]] if name in place else fixed[:, k] for k, name in enumerate(model.covariates)]
    )
    own = rows.of_record[sequence.dose_place]
    edges = np.searchsorted(sequence.subject[sequence.dose_place], np.arange(len(study.subject_ids) + 1))
    dose_rows = tuple(own[edges[k] : edges[k + 1]] for k in kept)
    _check_values(table, ids, model.covariates)
    return Values(table, changes, dose_rows, rows.of_record)


def constant_covariates(model: Model, study: Study, subjects: Sequence[Any], skip: Iterable[str] = ()) -> Array:
    """Return the covariates that the model names, subjects × covariates; NaN for those that are skipped.

    Raises
    ------
    InputError
        If a covariate is not in the study, is no number, or is missing for a subject.
    """
    names = {name: study.covariate(name) for name in model.covariates if name not in set(skip)}
    people = study._subjects
    known = [*map(str, people.columns[1:]), *study.changing]
    problems = [f"unknown covariate {c!r}; {nearest(c, known)}" for c, theirs in names.items() if theirs is None]
    if problems:
        raise InputError(problems)
    place = pandas.Index(people["subject"]).get_indexer(pandas.Index(list(subjects)))
    table = np.full((len(place), len(model.covariates)), np.nan)
    for k, name in enumerate(model.covariates):
        if name in names:
            column = people[names[name]]
            if column.dtype.kind not in "biuf":
                raise InputError(f"covariate {name!r} is not a number; it holds {column.unique().tolist()[:5]}")
            table[:, k] = column.to_numpy(float)[place]
    if names:
        _check_values(table[:, [model.covariates.index(name) for name in names]], subjects, list(names))
    return table


def _check_values(table: Array, subjects: Sequence[Any], names: Sequence[str]) -> None:
    missing = dict.fromkeys((names[k], subjects[i]) for i, k in np.argwhere(~np.isfinite(table)))
    if missing:
        raise InputError([f"covariate {name!r} of subject {who!r} is missing" for name, who in missing])
