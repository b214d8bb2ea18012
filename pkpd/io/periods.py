"""Periods of a crossover whose clock starts anew: found by their labels, and put one after the other.

A label (``occasion``, ``period``, ``visit``) separates periods where the same times occur again under another label.
Every period but a subject's first begins with a reset: nothing of the period before is left.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, groupby, pairwise
from typing import Any

import numpy as np
import pandas

from pkpd.arrays import Array, Flags, Integers
from pkpd.io.doses import dose_columns
from pkpd.io.findings import Findings
from pkpd.records import COVARIATE, RECORD_COLUMNS, complete_doses

_TOGETHER = 0.05  # part of the shorter of two spans: so near to each other two periods begin on clocks of their own
_FEW = 3  # rows of a label that show a course
DOSE = "dose\x00"
"""What a dose is among records, whatever an analyte may be called."""
_NO_PERIODS: Mapping[tuple[str, str], int] = {}


@dataclass
class _Span:
    """When one label of one subject has records, and which: pairs of what and when."""

    low: float = math.inf
    high: float = -math.inf
    records: set[tuple[str, float]] = field(default_factory=set)

    def add(self, what: str, time: float) -> None:
        self.low, self.high = min(self.low, time), max(self.high, time)
        self.records.add((what, time))


def periods_of(
    owners: Sequence[str], labels: Sequence[str], times: Array, what: Sequence[str]
) -> Mapping[tuple[str, str], int]:
    """Return the period, 1, 2 …, of every subject and label; empty where no subject's clock starts anew.

    Two labels have clocks of their own if, in any subject, a sample of one analyte or a dose stands at one time under
    both (but for the end of the one that is the beginning of the other); or if the rows of one follow those of the
    other, the time falls there, and both begin together.

    Parameters
    ----------
    owners, labels : sequence of str, one per record
        Subject and label; "" is no label.
    times : array, shape (records,)
        When; NaN does not count.
    what : sequence of str, one per record
        What the record is: its analyte, or `DOSE`.
    """
    if len(set(labels) - {""}) < 2:
        return _NO_PERIODS
    spans: dict[str, dict[str, _Span]] = defaultdict(lambda: defaultdict(_Span))
    courses: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for owner, label, time, kind in zip(owners, labels, times.tolist(), what, strict=True):
        if owner and label and time == time:
            spans[owner][label].add(kind, time)
            if kind != DOSE:
                courses[owner, kind].append((label, time))
    anew = {
        frozenset(pair) for own in spans.values() for pair in combinations(own, 2) if _again(own[pair[0]], own[pair[1]])
    }
    anew |= {pair for course in courses.values() for pair in _falls(course)}
    found: dict[tuple[str, str], int] = {}
    for owner, own in spans.items() if anew else ():
        period, current, end = 1, list[str](), -math.inf
        for label in sorted(own, key=natural):
            restarts = any(frozenset((label, other)) in anew for other in current)
            if current and (restarts or (own[label].low < end and any(label in pair for pair in anew))):
                period, current, end = period + 1, [], -math.inf
            current.append(label)
            end = max(end, own[label].high)
            found[owner, label] = period
    return found


def _again(one: _Span, other: _Span) -> bool:
    """Whether the same times occur under two labels."""
    first, second = (one, other) if one.low <= other.low else (other, one)
    shared = {time for _, time in first.records & second.records}
    if first.low < first.high == second.low:
        shared -= {second.low}
    return bool(shared)


def _falls(course: Sequence[tuple[str, float]]) -> list[frozenset[str]]:
    """Pairs of labels whose rows stand one after the other, the time falling between, and that begin together."""
    parts = [(label, [time for _, time in rows]) for label, rows in groupby(course, key=lambda row: row[0])]
    if len({label for label, _ in parts}) < len(parts):
        return []
    whole = all(len(t) >= _FEW and all(a <= b for a, b in pairwise(t)) for _, t in parts)
    return [
        frozenset((one, other))
        for (one, a), (other, b) in pairwise(parts)
        if whole and b[0] < a[-1] and abs(b[0] - a[0]) <= _TOGETHER * min(a[-1] - a[0], b[-1] - b[0])
    ]


def natural(label: str) -> tuple[tuple[int, float, str], ...]:
    """Return what sorts labels as one reads them: ``Day 2`` before ``Day 10``."""
    parts = re.split(r"(\d+(?:\.\d+)?)", label.casefold())
    return tuple((0, float(p), "") if k % 2 else (1, 0.0, p) for k, p in enumerate(parts) if p)


@dataclass(frozen=True, eq=False)
class Separated:
    """Samples and doses on a clock that never falls within a subject, and the resets between periods.

    Attributes
    ----------
    samples, doses : DataFrame
        With `pkpd.records.PERIOD_COLUMNS` where a subject has several periods; the doses without the resets.
    resets : DataFrame
        Doses that only set the system back, before the first record of every further period.
    """

    samples: pandas.DataFrame
    doses: pandas.DataFrame
    resets: pandas.DataFrame

    def all_doses(self) -> pandas.DataFrame:
        """Return the doses with the resets."""
        if not len(self.resets):
            return self.doses
        given = [complete_doses(table) for table in (self.doses, self.resets) if len(table)]
        return pandas.concat(given, ignore_index=True)

    def from_the_start(self, changing: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return covariates that change, the first value of a period holding from its reset on."""
        if changing is None or not len(self.resets):
            return changing
        table = pandas.DataFrame(changing)
        names = [name for name in table if name not in RECORD_COLUMNS]
        starts = {owner: part["time"].to_numpy() for owner, part in self.resets.groupby("subject", sort=False)}
        number = [int(np.searchsorted(starts.get(s, []), t)) for s, t in zip(table["subject"], table["time"],
                                                                            strict=True)]  # fmt: skip
        shift = {(r.subject, r.period): r.time - r.clock for r in self.resets.itertuples()}
        moved = [shift.get((s, k + 1), 0.0) for s, k in zip(table["subject"], number, strict=True)]
        table = table.assign(clock=table["time"] - moved)
        first = table.groupby([table["subject"], np.array(number) + 1], sort=False)[names].first()
        rows = [
            {"subject": r.subject, "time": r.time, "clock": r.clock, "row": 0, "kind": COVARIATE, "compartment": "",
             "occasion": r.occasion, **first.loc[(r.subject, r.period)]}
            for r in self.resets.itertuples() if (r.subject, r.period) in first.index
        ]  # fmt: skip
        whole = pandas.concat([table, pandas.DataFrame(rows, columns=table.columns)], ignore_index=True)
        return {str(name): whole[name].to_numpy() for name in whole}


def separate(samples: pandas.DataFrame, doses: pandas.DataFrame, plan: bool, findings: Findings) -> Separated:
    """Put the periods of every subject whose clock starts anew one after the other.

    Parameters
    ----------
    samples, doses : DataFrame
        Observations and doses with their times; subjects and occasions are texts.
    plan : bool
        Whether the doses are a plan, which then is given in every period.
    findings : Findings
        Where problems and notes go.
    """
    nothing = pandas.DataFrame(dose_columns([]))
    used = samples[~samples["excluded"]]
    parts = (used, doses)
    owners, labels = ([text for one in parts for text in one[c].tolist()] for c in ("subject", "occasion"))
    times = np.concatenate([one["time"].to_numpy(float) for one in parts])
    found = periods_of(owners, labels, times, [*used["analyte"].tolist(), *[DOSE] * len(doses)])
    several = {owner for (owner, _), period in found.items() if period > 1}
    if not several:
        return _set_back(samples, doses, nothing)
    if plan:
        doses = _in_every_period(doses, found)
    if not _told_apart(samples, doses, several, findings):
        return Separated(samples, doses, nothing)
    samples, doses = (
        one.assign(period=_periods(one, found), clock=one["time"].astype(float)) for one in (samples, doses)
    )
    samples = samples.assign(clock_until=samples["until"])
    shifts, resets = _one_after_the_other(samples, doses)
    count = len(resets)
    findings.fact(
        f"the clock starts anew in {count} periods of {len(several)} subjects: every period is a profile of its own, "
        "and before it the system is set back, so that nothing of the period before is left"
    )
    moved = []
    for one in (samples, doses):
        by = np.array([shifts.get(key, 0.0) for key in zip(one["subject"], one["period"], strict=True)], dtype=float)
        one = one.assign(time=one["clock"] + by)
        moved.append(one.assign(until=one["until"] + by) if "until" in one else one)
    return Separated(moved[0], moved[1], resets)


def _periods(table: pandas.DataFrame, found: Mapping[tuple[str, str], int]) -> Integers:
    pairs = zip(table["subject"].tolist(), table["occasion"].tolist(), strict=True)
    return np.array([found.get(pair, 1) for pair in pairs], dtype=np.int64)


def _in_every_period(doses: pandas.DataFrame, found: Mapping[tuple[str, str], int]) -> pandas.DataFrame:
    """A plan once in every period, under the first of its labels."""
    first: dict[tuple[str, int], str] = {}
    for (owner, label), period in found.items():
        first.setdefault((owner, period), label)
    by_owner: dict[str, list[str]] = defaultdict(list)
    for (owner, _), label in first.items():
        by_owner[owner].append(label)
    copies = [own.assign(occasion=label) for owner, own in doses.groupby("subject", sort=False)
              for label in by_owner.get(str(owner), [""])]  # fmt: skip
    return pandas.concat(copies, ignore_index=True) if copies else doses


def _told_apart(samples: pandas.DataFrame, doses: pandas.DataFrame, several: set[str], findings: Findings) -> bool:
    """Whether every sample and dose of subjects with several periods says its period; if not, problems."""
    before = len(findings.problems)
    for name, table in (("observations", samples), ("doses", doses)):
        silent = table[table["subject"].isin(several) & (table["occasion"] == "")]
        if len(silent):
            findings.problem(
                f"{name}: {len(silent)} rows of {silent['subject'].nunique()} subjects say no period (the first is row "
                f"{silent['row'].iloc[0]}, subject {silent['subject'].iloc[0]}), and the clock of these subjects "
                "starts anew in every period; expected a column 'period' that says to which each row belongs"
                + (", or doses= with a regimen, which is then given in every period" if name == "doses" else "")
            )
    if len(findings.problems) > before:
        return False
    for owner in sorted(several & set(doses["subject"])):
        sampled, dosed = (set(t["occasion"][t["subject"] == owner]) for t in (samples, doses))
        if not sampled & dosed:
            findings.problem(
                f"doses: the periods of subject {owner} are {', '.join(sorted(dosed, key=natural))}, those of its "
                f"samples {', '.join(sorted(sampled, key=natural))}; expected the same names"
            )
    return len(findings.problems) == before


def _one_after_the_other(
    samples: pandas.DataFrame, doses: pandas.DataFrame
) -> tuple[dict[tuple[str, int], float], pandas.DataFrame]:
    """What every period's times are moved by, and a reset before each period but a subject's first."""
    keys, every = ["subject", "period"], [samples[["subject", "period", "clock", "occasion"]]]
    ends = samples[["subject", "period", "clock_until", "occasion"]].rename(columns={"clock_until": "clock"})
    every += [ends[ends["clock"].notna()], doses[["subject", "period", "clock", "occasion"]]]
    whole = pandas.concat([one for one in every if len(one)], ignore_index=True)
    whole["clock"] = whole["clock"].astype(float)
    spans = whole.groupby(keys, sort=True).agg(low=("clock", "min"), high=("clock", "max"), label=("occasion", "first"))
    routes = doses.drop_duplicates(keys).set_index(keys)["route"].to_dict() if len(doses) else {}
    shifts: dict[tuple[str, int], float] = {}
    rows, last = [], ("", 0.0)
    for (owner, period), low, high, label in spans.itertuples():  # no known time: a problem was found
        shift = 0.0
        if owner == last[0] and low == low:
            end = last[1]
            shift = float(math.ceil(end + max(1.0, abs(end) * 1e-9) - low))
            when = 0.5 * (end + low + shift)
            rows.append({
                "subject": owner, "time": when, "amount": 0.0, "occasion": label, "row": 0, "reset": True,
                "route": "bolus" if (route := routes.get((owner, period))) in (None, "infusion") else route,
            })  # fmt: skip
            rows[-1] |= {"period": period, "clock": when - shift}
        shifts[owner, int(period)] = shift
        last = (owner, high + shift)
    resets = pandas.DataFrame(dose_columns(rows))
    more = {name: [row[name] for row in rows] for name in ("period", "clock")}
    return shifts, resets.assign(**more)


def _set_back(samples: pandas.DataFrame, doses: pandas.DataFrame, nothing: pandas.DataFrame) -> Separated:
    """Periods between doses that reset the system; their clock runs on."""
    anew = doses["reset"].to_numpy(bool) if "reset" in doses else np.zeros(0, dtype=bool)
    if not anew.any():
        return Separated(samples, doses, nothing)
    late = (samples["mark"] == "post").to_numpy()
    begins = {owner: np.sort(part["time"].to_numpy(float)) for owner, part in doses[anew].groupby("subject")}
    known = samples[~late].groupby("subject")["time"].min()
    given = doses.groupby("subject")["time"].min()
    for owner, times in begins.items():  # with nothing before it a reset begins no further period
        if not (known.get(owner, np.inf) <= times[0] or given[owner] < times[0]):
            begins[owner] = times[1:]
    if not any(map(len, begins.values())):
        return Separated(samples, doses, nothing)

    def periods(table: pandas.DataFrame, after: Flags) -> Integers:
        rows = zip(table["subject"], table["time"].tolist(), after.tolist(), strict=True)
        none = np.zeros(0)
        return np.array([1 + np.searchsorted(begins.get(s, none), t, side="right" if a else "left")
                         for s, t, a in rows], dtype=np.int64)  # fmt: skip

    samples = samples.assign(period=periods(samples, late), clock=samples["time"], clock_until=samples["until"])
    return Separated(
        samples, doses.assign(period=periods(doses, np.ones(len(doses), dtype=bool)), clock=doses["time"]), nothing
    )
