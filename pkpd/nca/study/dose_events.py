"""The doses of a study as arrays: distinct dose times of every subject, with what was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas

from pkpd.arrays import Array, Flags, Integers, in_order
from pkpd.dosing import ROUTES
from pkpd.errors import warn
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
    steady: Flags  # whether it stands at steady state
    interval: Array  # length of the interval that the dose itself names, NaN where it names none


def dose_events(study: Study, unit: str) -> DoseEvents:
    """Every subject's distinct dose times; doses at one time add up if route and duration agree.

    Additional doses are doses like any other. What is no dose of a known amount is named in a warning.
    """
    doses, left_out = study.given_doses(unit)
    for what, count in left_out.items():
        warn(f"{count} {what} take no part in the NCA")
    subject = pandas.Index(study.subject_ids).get_indexer(pandas.Index(doses["subject"])).astype(np.intp)
    time = doses["time"].to_numpy(dtype=np.float64)
    amount = doses["amount"].to_numpy(dtype=np.float64)
    steady, interval = doses["steady"].to_numpy(dtype=bool), doses["interval"].to_numpy(dtype=np.float64)
    route = pandas.Index(ROUTES).get_indexer(pandas.Index(doses["route"])).astype(np.int8)
    duration = doses["duration"].to_numpy(dtype=np.float64, na_value=0.0)
    _warn_of_unknown_lengths(doses)
    occasion = as_text(doses["occasion"]) if "occasion" in doses else np.full(len(time), "", dtype=object)
    undosed = np.setdiff1d(np.arange(len(study.subject_ids)), subject)
    subject = np.concatenate([subject, undosed])
    time = np.concatenate([time, np.full(len(undosed), -np.inf)])
    amount = np.concatenate([amount, np.full(len(undosed), np.nan)])
    route = np.concatenate([route, np.full(len(undosed), NO_ROUTE, dtype=np.int8)])
    duration = np.concatenate([duration, np.zeros(len(undosed))])
    occasion = np.concatenate([occasion, np.full(len(undosed), "", dtype=object)])
    steady = np.concatenate([steady, np.zeros(len(undosed), dtype=bool)])
    interval = np.concatenate([np.where(interval > 0, interval, np.nan), np.full(len(undosed), np.nan)])
    order = np.lexsort((time, subject))
    subject, time, amount = subject[order], time[order], amount[order]
    route, duration, occasion = route[order], duration[order], occasion[order]
    steady, interval = steady[order], interval[order]
    new = np.ones(len(time), dtype=bool)
    new[1:] = (subject[1:] != subject[:-1]) | (time[1:] != time[:-1])
    group = np.cumsum(new) - 1
    start = np.flatnonzero(new)
    mixed = np.zeros(len(start), dtype=bool)
    np.logical_or.at(mixed, group, (route != route[start][group]) | (duration != duration[start][group]))
    total = np.zeros(len(start))
    np.add.at(total, group, amount)
    at_steady_state = np.zeros(len(start), dtype=bool)
    np.logical_or.at(at_steady_state, group, steady)
    subject, time = subject[start], time[start]
    same = subject[1:] == subject[:-1]
    until = np.full(len(start), np.inf)
    until[:-1][same] = time[1:][same]
    number = np.arange(len(start)) - np.searchsorted(subject, subject) + 1
    return DoseEvents(
        subject, time, np.where(mixed, np.nan, total), route[start], duration[start],
        np.where(np.isinf(time), 0, number), until, occasion[start], at_steady_state, interval[start],
    )  # fmt: skip


def _warn_of_unknown_lengths(doses: pandas.DataFrame) -> None:
    """Warn of infusions whose length is a parameter of a model: half of it would come off the MRT."""
    unknown = doses["duration"].isna().to_numpy(dtype=bool)
    if unknown.any():
        people = len({getattr(who, "subject", who) for who in doses["subject"][unknown]})  # of periods: theirs
        warn(
            f"{int(unknown.sum())} infusions of {people} subjects last as long as a model says (RATE -1, -2): the NCA "
            "takes their length as 0, so that MRT and Vss of these profiles are too large"
        )


def last_event(events: DoseEvents, subject: Integers, time: Array, post: Flags) -> Integers:
    """Index of the last dose before each sample (at its time, if drawn after it); -1 if there is none."""
    known = in_order(events.subject, events.time)
    # A sample without a time stands after all doses of its subject.
    wanted = in_order(subject, np.where(np.isnan(time), np.inf, time))
    last = np.searchsorted(known, wanted, side="left") - 1
    late = np.flatnonzero(post)
    last[late] = np.searchsorted(known, wanted[late], side="right") - 1
    return np.where((last >= 0) & (events.subject[last] == subject), last, -1)


def treatment(table: pandas.DataFrame, offsets: Integers) -> dict[str, npt.NDArray[Any]]:
    """Return the label ``treatment`` of profiles from their samples, {} where no treatment differs within a subject."""
    if "treatment" not in table:
        return {}
    last = as_text(table["treatment"])[offsets[1:] - 1]  # the first may be a trough of the period before
    return {"treatment": last}


def as_text(column: pandas.Series) -> npt.NDArray[Any]:
    """Return labels as text, "" where there is none."""
    if not column.notna().any():
        return np.full(len(column), "", dtype=object)
    found: npt.NDArray[Any] = column.astype(object).where(column.notna(), "").map(str).to_numpy(dtype=object)
    return found
