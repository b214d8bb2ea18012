"""Intervals that the user sets: profiles cut out of a study between two times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas

from pkpd.arrays import Array, Flags, Integers
from pkpd.decimals import difference, total
from pkpd.errors import InputError, shown, unknown_names
from pkpd.nca.kernel.interval_end import SAME
from pkpd.nca.kernel.profiles import BOLUS, NO_ROUTE, Profiles
from pkpd.nca.study.dose_events import DoseEvents, as_text, dose_events, treatment
from pkpd.nca.study.intervals import interval_lengths, predose
from pkpd.nca.study.one_per_time import one_per_time
from pkpd.nca.study.periods import by_period
from pkpd.study import Study

Interval = tuple[float, float]


def check_intervals(intervals: object, study: Study) -> pandas.DataFrame:
    """Return intervals as a table with the columns subject, start and end, one row per subject and interval.

    Parameters
    ----------
    intervals : sequence of (start, end), or DataFrame
        Times on the study's clock, the end may be infinite; a table may name a subject per row.
    study : Study
        Whose subjects and clock are meant.

    Raises
    ------
    InputError
        If an interval is not a pair of numbers in order, or a subject does not exist; all at once.
    """
    if isinstance(intervals, pandas.DataFrame):
        problems = [f"intervals: no column {c!r}; expected start and end" for c in ("start", "end")
                    if c not in intervals]  # fmt: skip
        rows = [] if problems else _rows(intervals)
    else:
        problems, rows = [], [(None, pair) for pair in _listed(intervals)]
    known = [name for name, _ in rows if name is not None]
    problems += unknown_names(dict.fromkeys(known), study.subject_ids, "subject")
    found = []
    for k, (name, pair) in enumerate(rows, start=1):
        ends = _pair(pair)
        if ends is None:
            problems.append(f"interval {k} is {shown(pair)}; expected (start, end), two numbers with end after start")
            continue
        found += [(who, *ends) for who in (study.subject_ids if name is None else (name,))]
    if problems:
        raise InputError(problems, "intervals")
    return pandas.DataFrame(found, columns=["subject", "start", "end"])


def _rows(table: pandas.DataFrame) -> list[tuple[Any, object]]:
    names = table["subject"] if "subject" in table else [None] * len(table)
    ends = [None if pandas.isna(end) else end for end in table["end"]]
    pairs = [(start, float("inf") if end is None else end) for start, end in zip(table["start"], ends, strict=True)]
    return list(zip(names, pairs, strict=True))


def _listed(intervals: object) -> Sequence[object]:
    if isinstance(intervals, str) or not isinstance(intervals, Sequence):
        raise InputError(f"intervals is {shown(intervals)}; expected a list of (start, end)", "intervals")
    return intervals


def _pair(pair: object) -> Interval | None:
    try:
        start, end = (float(x) for x in pair)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError):
        return None
    return (start, end) if np.isfinite(start) and end > start else None


def profiles_between(
    study: Study, analyte: str, dose_unit: str | None, intervals: pandas.DataFrame, tau: float | None = None
) -> Profiles:
    """Return one profile per subject and interval that has samples.

    A sample at the end belongs to the interval unless it was drawn after a dose given then; one at the beginning
    belongs to it, as the value before a dose given then unless marked "post". The dose is the sum of the doses from
    the beginning on and before the end.

    Parameters
    ----------
    study, analyte, dose_unit, tau
        As for `pkpd.nca.profiles_of`.
    intervals : DataFrame
        What `check_intervals` returned.

    Returns
    -------
    Profiles
        Times from the beginning of the interval; labels as for `pkpd.nca.profiles_of`, with ``interval`` the number
        of the last dose given up to the beginning, and ``dose_time`` the beginning. Of a subject with several
        periods every period has the interval, on its own clock.
    """
    if (parts := by_period(study)) is not None:
        return parts.labelled(profiles_between(parts.study, analyte, dose_unit, parts.intervals(intervals), tau))
    table = one_per_time(study.used(analyte))
    events = dose_events(study, dose_unit or study.units.get("dose", "mg"))
    whose = pandas.Index(study.subject_ids).get_indexer(pandas.Index(table["subject"])).astype(np.intp)
    numbers = pandas.Index(study.subject_ids).get_indexer(pandas.Index(intervals["subject"])).astype(np.intp)
    begin, end = intervals["start"].to_numpy(dtype=float), intervals["end"].to_numpy(dtype=float)
    lengths = interval_lengths(events, tau)
    cuts = [
        _cut(table, whose, events, lengths, int(who), (float(a), float(b)))
        for who, a, b in zip(numbers, begin, end, strict=True)
    ]
    keep = np.array([bool((cut.place == 0).any()) for cut in cuts], dtype=bool)
    cuts = [cut for cut, kept in zip(cuts, keep, strict=True) if kept]
    numbers, begin, end = numbers[keep], begin[keep], end[keep]
    return _profiles(study, table, cuts, (numbers, begin, end), predose(table, whose, numbers, begin))


@dataclass(frozen=True)
class _Cut:
    """Samples and doses of one interval of one subject."""

    rows: Integers  # also those outside of it that stand under the same dose
    place: npt.NDArray[np.int8]  # -1 before, 0 inside, 1 after the interval
    before: Flags
    doses_before: Integers
    on_dose: Flags
    dose: float
    route: int
    duration: float
    at_dose: bool
    delay: float
    first: bool
    number: int
    under: int  # route of the dose under which it begins
    dosed_before: float  # time of the last dose before the beginning


def _cut(
    table: pandas.DataFrame, whose: Integers, events: DoseEvents, lengths: Array, who: int, ends: Interval
) -> _Cut:
    a, b = ends
    mine = np.flatnonzero(whose == who)
    own = mine[:]
    time = table["time"].to_numpy(dtype=float)[own]
    mark = table["mark"].fillna("").to_numpy(dtype=object)[own]
    given = np.flatnonzero((events.subject == who) & np.isfinite(events.time))
    when = events.time[given]
    inside = (when >= a) & (when < b)
    at_end = bool((when == b).any())
    take = (time >= a) & ((time < b) | ((time == b) & ~(at_end & (mark == "post"))))
    at_dose = bool((when == a).any())
    doses = given[inside]
    alike = len(doses) > 0 and len({(int(r), float(d)) for r, d in zip(events.route[doses], events.duration[doses],
                                                                       strict=True)}) == 1  # fmt: skip
    earlier, route = given[when < a], int(events.route[doses[0]]) if alike else NO_ROUTE
    since = float(events.time[earlier[-1]]) if len(earlier) else -np.inf
    until = when[when >= b].min(initial=np.inf)
    begun = int(events.route[earlier[-1]]) if len(earlier) and not at_dose else route
    ahead = (time < a) & ((time > since) | ((time == since) & ((mark == "post") | (begun != BOLUS)))) & (not at_dose)
    behind = (time > b) & ((time < until) | ((time == until) & (mark != "post")))
    if (np.abs(b - a - lengths[given][when == a]) <= SAME * lengths[given][when == a]).any():
        good = table["blq"].to_numpy(dtype=bool)[own] | (table["value"].to_numpy(dtype=float)[own] >= 0)
        behind &= _of_dosing_interval(time, good & (take | behind), ends)
    rows = np.flatnonzero(take | ahead | behind)
    return _Cut(
        rows=own[rows], place=(behind[rows].astype(np.int8) - ahead[rows]).astype(np.int8),
        before=(at_dose & (time == a) & (mark != "post"))[rows],
        doses_before=np.searchsorted(when[when >= a], time[rows]), on_dose=np.isin(time[rows], when),
        dose=float(events.amount[doses].sum()) if alike else np.nan, route=route,
        duration=float(events.duration[doses[0]]) if alike else 0.0, at_dose=at_dose,
        delay=float(difference(events.time[doses[-1]], a)) if len(doses) else 0.0, first=not len(earlier),
        number=int((when <= a).sum()), under=begun, dosed_before=since,
    )  # fmt: skip


def _of_dosing_interval(time: Array, usable: Flags, ends: Interval) -> Flags:
    """Samples that a dosing interval may rest on: up to the one at its end, or else the first one after it."""
    (a, b), when = ends, time[usable]
    closed = (np.abs(when - b) <= SAME * (b - a)).any()
    found: Flags = time <= (b if closed else when[when > b].min(initial=np.inf))
    return found


def _profiles(
    study: Study, table: pandas.DataFrame, cuts: list[_Cut], ends: tuple[Integers, Array, Array], earlier: Array
) -> Profiles:
    numbers, begin, end = ends
    offsets = np.concatenate([[0], np.cumsum([len(cut.rows) for cut in cuts])]).astype(np.intp)
    pick = np.concatenate([np.zeros(0, dtype=np.intp), *(cut.rows for cut in cuts)])
    rows = table.iloc[pick]
    outside = np.full((len(cuts), 4), np.nan)
    # A sample before the last dose says nothing about the beginning of an interval after it.
    seen = total(earlier[:, 0], 1, begin) > np.array([cut.dosed_before for cut in cuts], dtype=float)
    outside[seen, :2] = earlier[seen]
    place = np.concatenate([np.zeros(0, dtype=np.int8), *(cut.place for cut in cuts)])
    begins = np.array([np.argmax(cut.place == 0) for cut in cuts], dtype=np.intp) + offsets[:-1]
    occasion = as_text(rows["occasion"])[begins] if len(rows) else np.zeros(0, dtype=object)
    return Profiles(
        times=difference(rows["time"], np.repeat(begin, np.diff(offsets))),
        values=rows["value"].to_numpy(dtype=float), blq=rows["blq"].to_numpy(dtype=bool),
        lloq=rows["lloq"].to_numpy(dtype=float, na_value=np.nan), alq=rows["alq"].to_numpy(dtype=bool),
        uloq=rows["uloq"].to_numpy(dtype=float, na_value=np.nan),
        before=np.concatenate([np.zeros(0, dtype=bool), *(cut.before for cut in cuts)]),
        doses_before=np.concatenate([np.zeros(0, dtype=np.intp), *(cut.doses_before for cut in cuts)]),
        on_dose=np.concatenate([np.zeros(0, dtype=bool), *(cut.on_dose for cut in cuts)]),
        offsets=offsets, dose=np.array([cut.dose for cut in cuts], dtype=float),
        duration=np.array([cut.duration for cut in cuts], dtype=float),
        route=np.array([cut.route for cut in cuts], dtype=np.int8),
        first=np.array([cut.first for cut in cuts], dtype=bool), tau=difference(end, begin),
        at_dose=np.array([cut.at_dose for cut in cuts], dtype=bool),
        delay=np.array([cut.delay for cut in cuts], dtype=float), outside=outside, place=place,
        under=np.array([cut.under for cut in cuts], dtype=np.int8),
        labels={
            "subject": np.asarray(study.subject_ids, dtype=object)[numbers],
            "interval": np.array([cut.number for cut in cuts], dtype=np.int64),
            "occasion": occasion, "dose_time": begin, "interval_end": difference(end, begin),
            **treatment(rows, offsets),
        },
    ).in_time_order()  # fmt: skip


def joined(parts: Sequence[Profiles]) -> Profiles:
    """Return the profiles of several sets as one set, in their order."""
    if len(parts) == 1:
        return parts[0]
    shift = np.concatenate([[0], np.cumsum([len(p.times) for p in parts])])
    flat = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in (*Profiles.OF_SAMPLES, *Profiles.OF_PROFILES)
    }
    offsets = np.concatenate(
        [np.zeros(1, dtype=np.intp), *(p.offsets[1:] + s for p, s in zip(parts, shift, strict=False))]
    )
    labels = {name: np.concatenate([p.labels[name] for p in parts]) for name in parts[0].labels}
    return replace(parts[0], **flat, offsets=offsets.astype(np.intp), labels=labels)
