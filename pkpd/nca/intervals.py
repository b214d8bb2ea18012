"""Cutting a study into dosing intervals: one profile per subject and dose that has samples (floor 3).

A sample at the time of a dose was drawn before it unless it is marked "post". It then closes the interval before;
at a subject's first dose it is the value at time zero. A trough also opens the interval that follows
(it is the concentration from which the next dose starts), except after a bolus, whose curve starts at C0.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas

from pkpd import units
from pkpd.dosing import ROUTES
from pkpd.errors import DataWarning
from pkpd.nca.profiles import BOLUS, NO_ROUTE, Bools, Floats, Ints, Profiles
from pkpd.study import Study

TIE_RULE = (
    "a sample at the time of a dose was drawn before it unless marked 'post'; it closes the interval before, "
    "and opens the next one unless the dose is a bolus"
)


@dataclass(frozen=True)
class _Events:
    """Distinct dose times of every subject, in order of subject and time.

    A subject without a dose has one event at time −∞ with number 0, no route and no amount.
    """

    subject: Ints
    time: Floats
    amount: Floats
    route: npt.NDArray[np.int8]
    duration: Floats
    number: Ints  # 1, 2, … within the subject
    until: Floats  # time of the subject's next dose, infinite for the last
    occasion: npt.NDArray[Any]


def profiles_of(study: Study, analyte: str, dose_unit: str | None = None) -> Profiles:
    """Return the profiles of one analyte, one per subject and dosing interval that has samples.

    Parameters
    ----------
    study : Study
        Observations and doses.
    analyte : str
        What was measured; samples set aside in the study take no part.
    dose_unit : str, optional
        Unit of the amounts in the result; by default the study's own. Between absolute doses and doses per
        kilogram the subject's weight is used.

    Returns
    -------
    Profiles
        Times in the study's time unit after the interval's dose; labels ``subject``, ``interval`` (1, 2, … the
        number of the dose), ``occasion``, ``dose_time`` and ``interval_end`` (time from this dose to the next).
        Subjects without a dose give one profile on the study's own clock.

    Raises
    ------
    InputError
        If the study has no such analyte, or a weight is needed and missing.

    Warns
    -----
    DataWarning
        If samples lie before the first dose, or a quantifiable unmarked sample lies at the time of a first bolus.
    """
    table = study.used(analyte)
    events = _events(study, dose_unit or study.units.get("dose", "mg"))
    subject = pandas.Index(study.subject_ids).get_indexer(pandas.Index(table["subject"])).astype(np.intp)
    time = table["time"].to_numpy(dtype=np.float64)
    mark = table["mark"].fillna("").to_numpy(dtype=object)
    post: Bools = mark == "post"
    event = _last_event(events, subject, time, post)
    opening = np.searchsorted(events.subject, subject)  # every subject's first dose
    at_first = (event < 0) & (time == events.time[opening])
    lost = (event < 0) & ~at_first
    event = np.where(at_first, opening, event)
    _warn(table, lost, at_first & (mark == "") & (events.route[opening] == BOLUS))
    rows = np.flatnonzero(~lost)
    return _assemble(_Samples(table, rows, time[rows], event[rows], at_first[rows]), events, study)


@dataclass(frozen=True)
class _Samples:
    """Rows of the observation table with the dose that each belongs to."""

    table: pandas.DataFrame
    rows: Ints
    time: Floats
    event: Ints
    before: Bools


def _events(study: Study, unit: str) -> _Events:
    """Every subject's distinct dose times; doses at one time add up if route and duration agree."""
    doses = study.doses.reset_index(drop=True)
    subject = pandas.Index(study.subject_ids).get_indexer(pandas.Index(doses["subject"])).astype(np.intp)
    time = doses["time"].to_numpy(dtype=np.float64)
    amount = _amounts(study, doses, unit)
    route = pandas.Index(ROUTES).get_indexer(pandas.Index(doses["route"])).astype(np.int8)
    duration = doses["duration"].to_numpy(dtype=np.float64, na_value=0.0)
    occasion = _text(doses["occasion"]) if "occasion" in doses else np.full(len(time), "", dtype=object)
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
    return _Events(
        subject, time, np.where(mixed, np.nan, total), route[start], duration[start],
        np.where(np.isinf(time), 0, number), until, occasion[start],
    )  # fmt: skip


def _amounts(study: Study, doses: pandas.DataFrame, unit: str) -> Floats:
    """Amounts in `unit`, in the order of the dose table; weights only where they are needed."""
    if doses.empty:
        return np.zeros(0)
    own = study.units["dose"]
    if units.per_kg(own) == units.per_kg(unit):
        found: Floats = doses["amount"].to_numpy(dtype=np.float64) * units.factor(own, unit)
        return found
    by_subject = {
        name: [dose.amount for dose in given] for name, given in study.doses_in(unit, study.units["time"]).items()
    }
    amount = np.zeros(len(doses))
    for name, rows in doses.groupby("subject", sort=False).indices.items():
        amount[rows] = by_subject[name]
    return amount


def _last_event(events: _Events, subject: Ints, time: Floats, post: Bools) -> Ints:
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


def _warn(table: pandas.DataFrame, lost: Bools, doubtful: Bools) -> None:
    if lost.any():
        people = table["subject"][lost].nunique()
        warnings.warn(
            f"{int(lost.sum())} samples of {people} subjects lie before the first dose and take no part in the NCA",
            DataWarning, stacklevel=4,
        )  # fmt: skip
    doubtful = doubtful & ~table["blq"].to_numpy(dtype=bool) & (table["value"].to_numpy(dtype=np.float64) > 0)
    if doubtful.any():
        warnings.warn(
            f"{int(doubtful.sum())} quantifiable samples at the time of a first bolus are not marked 'pre' or 'post'; "
            "they count as drawn before it, so C0 is back-extrapolated",
            DataWarning, stacklevel=4,
        )  # fmt: skip


def _assemble(samples: _Samples, events: _Events, study: Study) -> Profiles:
    """Put the samples in order of profile, let troughs open the next interval, and label the profiles."""
    opens = _opening_troughs(samples, events)
    event = np.concatenate([samples.event, samples.event[opens] + 1])
    order = np.argsort(event, kind="stable")
    pick = np.concatenate([np.arange(len(samples.event)), opens])[order]
    before = np.concatenate([samples.before, np.ones(len(opens), dtype=bool)])[order]
    mine, start = np.unique(event[order], return_index=True)
    offsets = np.append(start, len(event)).astype(np.intp)
    dose_time = np.where(np.isinf(events.time[mine]), np.nan, events.time[mine])
    origin = np.nan_to_num(dose_time)  # without a dose: the study's own clock
    table = samples.table.iloc[samples.rows[pick]]
    occasion = events.occasion[mine]
    return Profiles(
        times=samples.time[pick] - np.repeat(origin, np.diff(offsets)),
        values=table["value"].to_numpy(dtype=np.float64),
        blq=table["blq"].to_numpy(dtype=bool),
        lloq=table["lloq"].to_numpy(dtype=np.float64, na_value=np.nan),
        before=before,
        offsets=offsets,
        dose=events.amount[mine],
        duration=events.duration[mine],
        route=events.route[mine],
        first=events.number[mine] <= 1,
        labels={
            "subject": np.asarray(study.subject_ids, dtype=object)[events.subject[mine]],
            "interval": events.number[mine].astype(np.int64),
            "occasion": np.where(occasion == "", _text(table["occasion"])[offsets[:-1]], occasion),
            "dose_time": dose_time,
            "interval_end": events.until[mine] - origin,
        },
    ).in_time_order()


def _opening_troughs(samples: _Samples, events: _Events) -> Ints:
    """Samples at the time of the next dose that also open its interval, if that has samples of its own."""
    closing = ~samples.before & (samples.time == events.until[samples.event])
    own = np.zeros(len(events.time) + 1, dtype=bool)
    own[samples.event] = True
    following = np.where(closing, samples.event + 1, len(events.time))
    route = np.append(events.route, BOLUS)[following]
    return np.flatnonzero(closing & own[following] & (route != BOLUS))


def _text(column: pandas.Series) -> npt.NDArray[Any]:
    """Labels as text, "" where there is none."""
    found: npt.NDArray[Any] = column.astype(object).where(column.notna(), "").map(str).to_numpy(dtype=object)
    return found
