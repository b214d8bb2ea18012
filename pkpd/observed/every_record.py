"""Every record of a study as a question to a model: doses, samples, and records that are neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.decimals import product
from pkpd.dosing import Dose
from pkpd.model import Model
from pkpd.observed.compartments import compartments_of
from pkpd.observed.rows import values_of
from pkpd.observed.sequence import EventSequence, event_sequence
from pkpd.records import Changes
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class CompartmentSwitch:
    """A compartment is turned on or off.

    Attributes
    ----------
    time : float
        When.
    state : str
        Which; "" means all of them.
    on : bool
        Whether it is on afterwards.
    place : int
        How many of the subject's doses stand before it.
    """

    time: float
    state: str
    on: bool
    place: int


@dataclass(frozen=True, eq=False)
class EveryRecord:
    """What happens to each subject and when its model is asked, in the order of the records, in the model's units.

    Attributes
    ----------
    subjects : tuple
        Identifiers of the subjects that have a record.
    doses : tuple, one item per subject
        Doses in the order of the records; `Dose.into` holds the state, or "".
    times, after : tuple, one item per subject
        Time of every record, and how many of the subject's doses act before it is answered.
    changes : tuple of Changes, one item per subject
        Times from which the subject's second, third … row of covariates holds.
    dose_rows, time_rows : tuple, one item per subject
        Which of the subject's rows of covariates belongs to each dose and to each record.
    covariates : array, (value rows, covariates of the model)
        The rows of all subjects one after the other.
    switches : tuple of CompartmentSwitch, one item per subject
        Compartments that are turned on or off, in their order.
    sequence : EventSequence
        The records themselves.
    """

    subjects: tuple[Any, ...]
    doses: tuple[tuple[Dose, ...], ...]
    times: tuple[Array, ...]
    after: tuple[Integers, ...]
    changes: tuple[Changes, ...]
    dose_rows: tuple[Integers, ...]
    time_rows: tuple[Integers, ...]
    covariates: Array
    switches: tuple[tuple[CompartmentSwitch, ...], ...]
    sequence: EventSequence


def every_record(model: Model, study: Study, compartments: Mapping[int, str] | None = None) -> EveryRecord:
    """Return all records of a study in the units of a model, which has its own.

    Raises
    ------
    InputError
        If a covariate or a compartment is missing.
    """
    places = compartments_of(model, study, compartments)
    sequence = event_sequence(study)
    kept = np.unique(sequence.subject)
    clock = study.time_factor(model.base["time"])
    edges = np.searchsorted(sequence.subject, [*kept, len(study.subject_ids)])
    parts = [slice(a, b) for a, b in pairwise(edges)]
    ids = tuple(study.subject_ids[k] for k in kept)
    given = study.doses_in(model.base["amount"], model.base["time"])
    doses = tuple(places.place(given[name]) for name in ids)
    values = values_of(model, study, sequence, kept)
    of_record = np.zeros(len(sequence.time), dtype=np.int64) if values.of_record is None else values.of_record
    return EveryRecord(
        ids, doses, tuple(product(sequence.time[p], clock) for p in parts), tuple(sequence.after[p] for p in parts),
        values.changes, values.dose_rows or tuple(np.zeros(len(own), dtype=np.int64) for own in doses),
        tuple(of_record[p] for p in parts), values.covariates, _switches(study, ids, doses, places.states), sequence,
    )  # fmt: skip


def _switches(
    study: Study, ids: tuple[Any, ...], doses: tuple[tuple[Dose, ...], ...], states: Mapping[str, str]
) -> tuple[tuple[CompartmentSwitch, ...], ...]:
    """What doses turn on and off; a reset turns everything on again."""
    table = study._doses
    if not (table["switch"] != "").any():
        return ((),) * len(ids)
    by_subject: dict[Any, pandas.DataFrame] = dict(iter(table.groupby("subject", sort=False)))
    every = []
    for name, given in zip(ids, doses, strict=True):
        switches: list[CompartmentSwitch] = []
        off: set[str] = set()
        rows = by_subject[name].itertuples() if given else ()
        for place, (row, dose) in enumerate(zip(rows, given, strict=True)):
            if row.reset and (off or not (row.amount or row.steady_state)):
                switches.append(CompartmentSwitch(dose.time, "", True, place + 1))
                off = set()
            if row.switch:
                switches.append(CompartmentSwitch(dose.time, states[row.into], row.switch == "on", place + 1))
                off = off - {row.into} if row.switch == "on" else off | {row.into}
        every.append(tuple(switches))
    return tuple(every)
