"""What happens to each subject of a study, one record after the other: doses, samples, and what changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas

from pkpd.arrays import Array, Flags, Integers
from pkpd.periods import own_clock
from pkpd.records import DOSE, OBSERVATION, QUESTION, RESET, Changes
from pkpd.study import Study

_WIDE = 1 << 40  # more than any number of rows: a subject and a row make one sortable number


@dataclass(frozen=True, eq=False)
class EventSequence:
    """The records of a study, subject by subject, in the order in which they act.

    Attributes
    ----------
    subject : array of int, shape (records,)
        Place of the subject in `Study.subject_ids`.
    time : array, shape (records,)
        In the study's unit; never falls within a subject.
    clock : array, shape (records,)
        The same as the study's table gives it, on the clock of its period.
    kind : array of str, shape (records,)
        One of `pkpd.records.RECORD_KINDS`.
    after : array of int, shape (records,)
        How many of the subject's doses act before the record is answered.
    dose_place : array of int, shape (doses,)
        Which record each row of the study's doses is.
    sample_place : array of int, shape (observations,)
        Which record each row of the study's observations is; -1 for one that is excluded.
    occasion : array of int, shape (records,)
        Place in `occasions`; -1 where no occasion is known.
    occasions : tuple of str
        Labels of the occasions, in order.
    covariates : DataFrame
        Covariates that change in time, one row per record, as given at it or last given before it.
    """

    subject: Integers
    time: Array
    clock: Array
    kind: np.ndarray[tuple[int], np.dtype[np.object_]]
    after: Integers
    dose_place: Integers
    sample_place: Integers
    occasion: Integers
    occasions: tuple[str, ...]
    covariates: pandas.DataFrame


@dataclass(frozen=True, eq=False)
class ValueRows:
    """Rows of values of every subject: a further row where something changes.

    Attributes
    ----------
    record : array of int, shape (rows,)
        The record whose values each row holds.
    changes : tuple of Changes, one item per subject
        Times, in the study's unit, from which the subject's second, third … row holds.
    of_record : array of int, shape (records,)
        Which of its subject's rows holds at a record.
    """

    record: Integers
    changes: tuple[Changes, ...]
    of_record: Integers


def event_sequence(study: Study) -> EventSequence:
    """Return the records of a study in the order in which they act."""
    return _in_order(study) if study.in_order else _by_marks(study)


def occasion_labels(study: Study) -> tuple[str, ...]:
    """Return the labels of a study's occasions: numbers by size, texts by alphabet."""
    columns = [study._observations["occasion"], study._doses["occasion"]]
    if not any(column.notna().any() for column in columns):
        return ()
    return _codes(pandas.concat(columns))[1]


def _codes(labels: pandas.Series) -> tuple[Integers, tuple[str, ...]]:
    """Place of every label among the known ones (-1 where there is none), and these."""
    known = labels.dropna().unique().tolist()
    known.sort(key=lambda label: (isinstance(label, str), label))
    return pandas.Index(known, dtype=object).get_indexer(labels).astype(np.int64), tuple(map(str, known))


def _places(study: Study, subjects: pandas.Series) -> Integers:
    places: Integers = pandas.Index(study.subject_ids).get_indexer(pandas.Index(subjects)).astype(np.int64)
    return places


def _in_order(study: Study) -> EventSequence:
    """The records of an event table; a sample comes before the doses of its own row, all else after them."""
    assert study._records is not None  # a study in order has its records
    records, doses, samples = study._records, study._doses, study._observations
    subject, row = _places(study, records["subject"]), records["row"].to_numpy(np.int64)
    order = np.lexsort((row, subject))
    records, subject, row = records.iloc[order].reset_index(drop=True), subject[order], row[order]
    key = subject * _WIDE + row
    dose_key = _places(study, doses["subject"]) * _WIDE + doses["row"].to_numpy(np.int64)
    sample_key = _places(study, samples["subject"]) * _WIDE + samples["row"].to_numpy(np.int64)
    kind = records["kind"].to_numpy(object)
    given = np.sort(dose_key)
    asks = (kind == OBSERVATION) | (kind == QUESTION)
    before = np.where(asks, np.searchsorted(given, key, side="left"), np.searchsorted(given, key, side="right"))
    occasion, labels = _codes(records["occasion"])
    return EventSequence(
        subject, records["time"].to_numpy(float), records["clock"].to_numpy(float), kind,
        before - np.searchsorted(given, subject * _WIDE),
        np.searchsorted(key, dose_key), np.searchsorted(key, sample_key), _carry(occasion, subject), labels,
        records[list(study.changing)],
    )  # fmt: skip


def _by_marks(study: Study) -> EventSequence:
    """Samples and doses by time: a sample at the time of a dose before it, unless it is marked "post"."""
    doses, every = study._doses, study._observations
    used = np.flatnonzero(~every["excluded"].to_numpy(bool))
    samples = every.iloc[used]
    subject = np.concatenate([_places(study, samples["subject"]), _places(study, doses["subject"])])
    time = np.concatenate([samples["time"].to_numpy(float), doses["time"].to_numpy(float)])
    is_dose = np.arange(len(time)) >= len(samples)
    turn = np.where(is_dose, 1, np.concatenate([np.where(samples["mark"] == "post", 2, 0), np.zeros(len(doses))]))
    order = np.lexsort((turn, time, subject))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    subject, time, is_dose = subject[order], time[order], is_dose[order]
    count = np.cumsum(is_dose)
    earlier = np.concatenate(([0], count))[np.searchsorted(subject, subject)]
    sample_place = np.full(len(every), -1, dtype=np.int64)
    sample_place[used] = place[: len(samples)]
    occasion, labels = _codes(pandas.concat([samples["occasion"], doses["occasion"]]))
    clock = np.concatenate([own_clock(samples).to_numpy(float), own_clock(doses).to_numpy(float)])[order]
    sets_back = np.concatenate([np.zeros(len(samples), dtype=bool), doses["reset"] & (doses["amount"] == 0)])[order]
    return EventSequence(
        subject, time, clock, np.select([sets_back, is_dose], [RESET, DOSE], OBSERVATION).astype(object),
        count - earlier,
        place[len(samples) :], sample_place, _carry(occasion[order], subject), labels,
        _covariates_by_time(study, subject, time),
    )  # fmt: skip


def _carry(occasion: Integers, subject: Integers) -> Integers:
    """Give a record without an occasion that of the record before, the first ones that of the first known one."""
    column = pandas.Series(occasion, dtype=float).where(occasion >= 0)
    groups = column.groupby(subject)
    carried: Integers = groups.ffill().fillna(groups.bfill()).fillna(-1).to_numpy().astype(np.int64)
    return carried


def _covariates_by_time(study: Study, subject: Integers, time: Array) -> pandas.DataFrame:
    """The last value given at or before each record; before the first, the first."""
    names = list(study.changing)
    if not names:
        return pandas.DataFrame(index=range(len(time)))
    given = study.records.assign(place=_places(study, study.records["subject"]))
    asked = pandas.DataFrame({"place": subject, "time": time, "asked": np.arange(len(time))})
    columns = {}
    for name in names:
        known = given.loc[given[name].notna(), ["place", "time", name]].sort_values("time", kind="stable")
        found = pandas.merge_asof(asked.sort_values("time", kind="stable"), known, on="time", by="place")
        first = known.groupby("place")[name].first()
        column = found.set_index("asked")[name].sort_index()
        columns[name] = column.fillna(pandas.Series(first.reindex(subject).to_numpy(), index=column.index)).to_numpy()
    return pandas.DataFrame(columns)


def value_rows(sequence: EventSequence, values: Array, subjects: int, carried: str) -> ValueRows:
    """Return the rows of values that a study's subjects need.

    Parameters
    ----------
    sequence : EventSequence
        The records; every subject has at least one.
    values : array, shape (records, names)
        What changes, at every record.
    subjects : int
        How many subjects.
    carried : {"last", "next"}
        Whether a value holds from its record on, or from the record before on.
    """
    first: Flags = np.ones(len(values), dtype=bool)
    first[1:] = sequence.subject[1:] != sequence.subject[:-1]
    new = first.copy()
    new[1:] |= (values[1:] != values[:-1]).any(axis=1)
    record = np.flatnonzero(new)
    of_record = np.cumsum(new) - 1
    start = of_record[np.flatnonzero(first)]  # the subject's first row of values
    moving = record[~first[record]]
    when = sequence.time[moving - 1] if carried == "next" else sequence.time[moving]
    edges = np.searchsorted(sequence.subject[moving], np.arange(subjects + 1))
    late = carried == "next"
    changes = tuple(Changes(when[a:b], late) for a, b in pairwise(edges))
    return ValueRows(record, changes, of_record - start[np.cumsum(first) - 1])


def only(sequence: EventSequence, names: Sequence[str], indicators: Sequence[str]) -> Array:
    """Return what changes: covariates by name, and occasions as 0 and 1, shape (records, names + indicators).

    Parameters
    ----------
    sequence : EventSequence
        The records.
    names : sequence of str
        Columns of its covariates.
    indicators : sequence of str
        ``occasion_1`` for the first of its occasions, and so on.
    """
    covariates = sequence.covariates[list(names)].to_numpy(float).reshape(len(sequence.time), len(names))
    numbers = np.array([int(name.rpartition("_")[2]) - 1 for name in indicators], dtype=np.int64)
    return np.column_stack([covariates, (sequence.occasion[:, None] == numbers).astype(float)])
