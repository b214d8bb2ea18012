"""The doses of a study as arrays: distinct dose times of every subject, with what was given (floor 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas

from pkpd import units
from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import ROUTES
from pkpd.nca.kernel.profiles import NO_ROUTE
from pkpd.study import Study


@dataclass(frozen=True)
class DoseEvents:
    """Distinct dose times of every subject, in order of subject and time.

    A subject without a dose has one event at time −∞ with number 0, no route and no amount.
    """

    subject: Integers
    time: Array
    amount: Array
    route: npt.NDArray[np.int8]
    duration: Array
    number: Integers  # 1, 2, … within the subject
    until: Array  # time of the subject's next dose, infinite for the last
    occasion: npt.NDArray[Any]


def dose_events(study: Study, unit: str) -> DoseEvents:
    """Every subject's distinct dose times; doses at one time add up if route and duration agree."""
    doses = study.doses.reset_index(drop=True)
    subject = pandas.Index(study.subject_ids).get_indexer(pandas.Index(doses["subject"])).astype(np.intp)
    time = doses["time"].to_numpy(dtype=np.float64)
    amount = _amounts(study, doses, unit)
    route = pandas.Index(ROUTES).get_indexer(pandas.Index(doses["route"])).astype(np.int8)
    duration = doses["duration"].to_numpy(dtype=np.float64, na_value=0.0)
    occasion = as_text(doses["occasion"]) if "occasion" in doses else np.full(len(time), "", dtype=object)
    undosed = np.setdiff1d(np.arange(len(study.subject_ids)), subject)
    subject = np.concatenate([subject, undosed])
    time = np.concatenate([time, np.full(len(undosed), -np.inf)])
    amount = np.concatenate([amount, np.full(len(undosed), np.nan)])
    route = np.concatenate([route, np.full(len(undosed), NO_ROUTE, dtype=np.int8)])
    duration = np.concatenate([duration, np.zeros(len(undosed))])
    occasion = np.concatenate([occasion, np.full(len(undosed), "", dtype=object)])
    order = np.lexsort((time, subject))
    subject, time, amount = subject[order], time[order], amount[order]
    route, duration, occasion = route[order], duration[order], occasion[order]
    new = np.ones(len(time), dtype=bool)
    new[1:] = (subject[1:] != subject[:-1]) | (time[1:] != time[:-1])
    group = np.cumsum(new) - 1
    start = np.flatnonzero(new)
    mixed = np.zeros(len(start), dtype=bool)
    np.logical_or.at(mixed, group, (route != route[start][group]) | (duration != duration[start][group]))
    total = np.zeros(len(start))
    np.add.at(total, group, amount)
    subject, time = subject[start], time[start]
    same = subject[1:] == subject[:-1]
    until = np.full(len(start), np.inf)
    until[:-1][same] = time[1:][same]
    number = np.arange(len(start)) - np.searchsorted(subject, subject) + 1
    return DoseEvents(
        subject, time, np.where(mixed, np.nan, total), route[start], duration[start],
        np.where(np.isinf(time), 0, number), until, occasion[start],
    )  # fmt: skip


def _amounts(study: Study, doses: pandas.DataFrame, unit: str) -> Array:
    """Amounts in `unit`, in the order of the dose table; weights only where they are needed."""
    if doses.empty:
        return np.zeros(0)
    own = study.units["dose"]
    if units.per_kg(own) == units.per_kg(unit):
        found: Array = doses["amount"].to_numpy(dtype=np.float64) * units.factor(own, unit)
        return found
    by_subject = {
        name: [dose.amount for dose in given] for name, given in study.doses_in(unit, study.units["time"]).items()
    }
    amount = np.zeros(len(doses))
    for name, rows in doses.groupby("subject", sort=False).indices.items():
        amount[rows] = by_subject[name]
    return amount


def last_event(events: DoseEvents, subject: Integers, time: Array, post: Flags) -> Integers:
    """Index of the last dose before each sample (at its time, if drawn after it); -1 if there is none."""
    n = len(events.time)
    who = np.concatenate([events.subject, subject])
    when = np.concatenate([events.time, time])
    turn = np.concatenate([np.ones(n), np.where(post, 2, 0)])  # before the dose, the dose, after the dose
    order = np.lexsort((turn, when, who))
    seen = np.cumsum(order < n)
    found = np.empty(n + len(time), dtype=np.intp)
    found[order] = seen - 1
    last = found[n:]
    return np.where((last >= 0) & (events.subject[last] == subject), last, -1)


def as_text(column: pandas.Series) -> npt.NDArray[Any]:
    """Return labels as text, "" where there is none."""
    found: npt.NDArray[Any] = column.astype(object).where(column.notna(), "").map(str).to_numpy(dtype=object)
    return found
