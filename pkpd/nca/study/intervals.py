"""Cutting a study into dosing intervals: one profile per subject and dose that has samples.

A sample at the time of a dose was drawn before it unless it is marked "post". It then closes the interval before;
at a subject's first dose it is the value at time zero. A trough also opens the interval that follows
(it is the concentration from which the next dose starts), except after a bolus, whose curve starts at C0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas

from pkpd.arguments import checked
from pkpd.arrays import Array, Flags, Integers, in_order
from pkpd.decimals import difference, product
from pkpd.errors import warn
from pkpd.nca.kernel.profiles import BOLUS, Profiles
from pkpd.nca.study.dose_events import DoseEvents, as_text, dose_events, last_event, treatment
from pkpd.nca.study.one_per_time import one_per_time
from pkpd.nca.study.periods import by_period
from pkpd.nca.study.troughs_only import warn_troughs_only
from pkpd.study import Study

TIE_RULE = (
    "a sample at the time of a dose was drawn before it unless marked 'post'; it closes the interval before, "
    "and opens the next one unless the dose is a bolus"
)
_SAME_GAP = 0.01  # relative difference of two dosing intervals of the same length


@checked
def profiles_of(
    study: Study, analyte: str, dose_unit: str | None = None, *, tau: float | None = None, steady_state: bool = False
) -> Profiles:
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
    tau : float, optional
        Length of the dosing interval after a subject's last dose, in the study's time unit. By default that of
        the interval before, if it is the only one or the most frequent one of the subject.
    steady_state : bool
        Whether the first recorded dose continues earlier ones.

    Returns
    -------
    Profiles
        Times in the study's time unit after the interval's dose; labels ``subject``, ``interval`` (1, 2, … the
        number of the dose), ``occasion``, ``dose_time`` and ``interval_end`` (time from this dose to the next).
        Subjects without a dose give one profile on the study's own clock. Where a subject has several periods (after
        a reset, or by a clock that starts anew) each is cut by itself, and there is a label ``period``.

    Raises
    ------
    InputError
        If the study has no such analyte, or a weight is needed and missing.

    Warns
    -----
    DataWarning
        If samples lie before the first dose, a quantifiable unmarked sample lies at the time of a first bolus, or
        doses with a trough before them have no sample of their own, so that they give no profile.
    """
    if (parts := by_period(study)) is not None:
        return parts.labelled(profiles_of(parts.study, analyte, dose_unit, tau=tau, steady_state=steady_state))
    table = one_per_time(study.used(analyte))
    events = dose_events(study, dose_unit or study.units.get("dose", "mg"))
    subject = pandas.Index(study.subject_ids).get_indexer(pandas.Index(table["subject"])).astype(np.intp)
    time = table["time"].to_numpy(dtype=np.float64)
    mark = table["mark"].fillna("").to_numpy(dtype=object)
    event = last_event(events, subject, time, mark == "post")
    opening = np.searchsorted(events.subject, subject)  # every subject's first dose
    at_first = (event < 0) & (time == events.time[opening])
    lost = (event < 0) & ~at_first
    event = np.where(at_first, opening, event)
    _warn(table, lost, at_first & (mark == "") & (events.route[opening] == BOLUS))
    rows = np.flatnonzero(~lost)
    samples = _Samples(table, subject, rows, time[rows], event[rows], at_first[rows])
    warn_troughs_only(events, samples.event, samples.time, study.subject_ids)
    return _assemble(samples, events, study, interval_lengths(events, tau), steady_state)


@dataclass(frozen=True)
class _Samples:
    """Rows of the observation table with the dose that each belongs to."""

    table: pandas.DataFrame
    subject: Integers  # of every row of the table
    rows: Integers
    time: Array
    event: Integers
    before: Flags


def _warn(table: pandas.DataFrame, lost: Flags, doubtful: Flags) -> None:
    if lost.any():
        people = table["subject"][lost].nunique()
        warn(
            f"{int(lost.sum())} samples of {people} subjects lie before the first dose and take no part in the NCA "
            "(but as the value at time zero if the rules ask for a predose sample)"
        )  # fmt: skip
    doubtful = doubtful & ~table["blq"].to_numpy(dtype=bool) & (table["value"].to_numpy(dtype=np.float64) > 0)
    if doubtful.any():
        warn(
            f"{int(doubtful.sum())} quantifiable samples at the time of a first bolus are not marked 'pre' or 'post'; "
            "they count as drawn before it, so C0 is back-extrapolated"
        )  # fmt: skip


def interval_lengths(events: DoseEvents, tau: float | None) -> Array:
    """Return the length of every dosing interval; after the last dose as given, or as before if that is the usual one.

    Parameters
    ----------
    events : DoseEvents
        The doses.
    tau : float or None
        Length after a subject's last dose; None: see `profiles_of`.
    """
    length = difference(events.until, events.time)
    last = np.flatnonzero(np.isinf(events.until) & np.isfinite(events.time))
    if tau is not None:
        length[last] = tau
        return np.where(np.isfinite(events.time), length, np.nan)
    begin = np.searchsorted(events.subject, events.subject[last])
    length[last] = events.interval[last]  # a dose at steady state or with additional ones says it itself
    for start, end in zip(begin[last > begin], last[last > begin], strict=True):
        gaps = difference(events.time[start + 1 : end + 1], events.time[start:end])
        alike = np.abs(difference(gaps[:, None], gaps)) <= product(gaps, _SAME_GAP)
        votes = alike.sum(axis=1)
        if np.isfinite(length[end]):
            continue
        if votes[-1] == votes.max() and (votes[-1] > 1 or len(gaps) == 1):
            length[end] = gaps[-1]
    return np.where(np.isfinite(length), length, np.nan)


def _assemble(samples: _Samples, events: DoseEvents, study: Study, length: Array, steady_state: bool) -> Profiles:
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
    outside = np.full((len(mine), 4), np.nan)
    outside[:, :2] = predose(samples.table, samples.subject, events.subject[mine], origin)
    return Profiles(
        times=difference(samples.time[pick], np.repeat(origin, np.diff(offsets))),
        values=table["value"].to_numpy(dtype=np.float64),
        blq=table["blq"].to_numpy(dtype=bool),
        lloq=table["lloq"].to_numpy(dtype=np.float64, na_value=np.nan),
        alq=table["alq"].to_numpy(dtype=bool),
        uloq=table["uloq"].to_numpy(dtype=np.float64, na_value=np.nan),
        before=before,
        offsets=offsets,
        dose=events.amount[mine],
        duration=events.duration[mine],
        route=events.route[mine],
        first=(events.number[mine] <= 1) & ~events.steady[mine] & (not steady_state),
        tau=length[mine],
        outside=outside,
        labels={
            "subject": np.asarray(study.subject_ids, dtype=object)[events.subject[mine]],
            "interval": events.number[mine].astype(np.int64),
            "occasion": np.where(occasion == "", as_text(table["occasion"])[offsets[:-1]], occasion),
            "dose_time": dose_time,
            **treatment(table, offsets),
            "interval_end": difference(events.until[mine], origin),
        },
    ).in_time_order()


def _opening_troughs(samples: _Samples, events: DoseEvents) -> Integers:
    """Samples at the time of the next dose that also open its interval, if that has samples of its own."""
    closing = ~samples.before & (samples.time == events.until[samples.event])
    own = np.zeros(len(events.time) + 1, dtype=bool)
    own[samples.event] = True
    following = np.where(closing, samples.event + 1, len(events.time))
    route = np.append(events.route, BOLUS)[following]
    return np.flatnonzero(closing & own[following] & (route != BOLUS))


def predose(table: pandas.DataFrame, subject: Integers, whose: Integers, when: Array) -> Array:
    """Return the last usable sample before a time, (profiles, 2): time relative to it and value, BLQ as zero.

    Parameters
    ----------
    table : DataFrame
        Observations of one analyte, sorted by subject and time.
    subject : (samples,) of int
        Number of every sample's subject.
    whose : (profiles,) of int
        Subjects asked about.
    when : (profiles,)
        Times on the study's clock.
    """
    value = np.where(table["blq"].to_numpy(dtype=bool), 0.0, table["value"].to_numpy(dtype=np.float64))
    time = table["time"].to_numpy(dtype=np.float64)
    good = np.flatnonzero(np.isfinite(time) & np.isfinite(value) & (value >= 0))
    pairs = in_order(subject[good], time[good])
    if (pairs[1:] < pairs[:-1]).any():
        order = np.argsort(pairs, kind="stable")
        good, pairs = good[order], pairs[order]
    found = np.full((len(when), 2), np.nan)
    if not len(good):
        return found
    place = np.searchsorted(pairs, in_order(whose, when)) - 1
    there = (place >= 0) & (subject[good][np.maximum(place, 0)] == whose)
    row = good[np.maximum(place, 0)]
    found[there, 0], found[there, 1] = difference(time[row], when)[there], value[row][there]
    return found
