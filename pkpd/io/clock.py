"""Times of all kinds on one axis: numbers, day numbers, clock times with a day, dates with a time of day.

* A number is the time in the study's unit.
* A clock time (``"08:30"``) needs the column ``day``; day 1 at 00:00 is time 0.
* A date with a time of day (``"2014-03-01 08:30"``, or a clock time whose ``day`` is a date) is counted from the
  subject's first dose, or from its first sample when the study has no dose of that subject.
"""

from __future__ import annotations

import datetime
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas

from pkpd import units as unit_tools
from pkpd.arrays import Array, Flags
from pkpd.decimals import product, total
from pkpd.io.cells import is_missing, number, plain_numbers
from pkpd.io.columns import fold, missing_column, split_unit
from pkpd.io.findings import Findings, say
from pkpd.io.table import Table

_WORDS = {
    "number": "a number",
    "clock": "a clock time (HH:MM with a day number)",
    "date": "a date with a time of day",
    "zoned": "a date with a time of day and a time zone",
}
_EXPECTED = "a number, a clock time such as 08:30 with a day, or a date with a time such as 2014-03-01 08:30"
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?", re.ASCII)
_TIME_LIKE = re.compile(
    r"t|ta[fl]?d|tsl?d|.*time.*|.*elapsed.*|.*clock.*"
    r"|(?:t|rel|relative|sampling|sample|actual|real|nominal|post|postdose|since)?(?:h|hr|hrs|hours?|mins?|minutes?)"
)  # folded headings
_EPOCH = datetime.datetime(1970, 1, 1)


@dataclass(frozen=True)
class Times:
    """Times of one table before they are on the study's axis: numbers, hours from day 1, or seconds of a calendar."""

    kind: str
    values: Array
    bad: Flags


def read_times(table: Table, unit: str, findings: Findings) -> Times:
    """Return the times of every record; missing and unreadable ones are problems.

    Parameters
    ----------
    table : Table
        Records with one of the columns time, datetime, clock, nominal_time or day.
    unit : str
        The study's time unit, for day numbers.
    findings : Findings
        Where problems and notes go.
    """
    count = len(table)
    source = next((s for s in ("time", "datetime", "clock", "nominal_time", "day") if s in table), None)
    if source is None:
        missing_column(table, "time", "the time of every record", findings)
        return Times("number", np.full(count, np.nan), np.ones(count, dtype=bool))
    if source in ("nominal_time", "day"):
        _no_other_clock(table, source, findings)
        findings.altered(f"{table.name}: no actual times; {source.replace('_', ' ')} stands for {count} records")
    unused = [table.headings.get(s, s) for s in ("datetime", "clock") if s in table and source == "time"]
    if unused:
        told = ", ".join(map(repr, unused))
        findings.fact(f"{table.name}: not used: {told}; the times are those of '{table.headings.get('time', 'time')}'")
    per_day = unit_tools.factor("day", unit)
    plain = plain_numbers(table.columns[source]) if "day" not in table else None
    if plain is not None and not np.isnan(plain).any():
        return Times("number", plain, np.zeros(count, dtype=bool))
    kinds, values = [], np.full(count, np.nan)
    for i in range(count):
        kind, values[i] = _classify(table.cell(source, i))
        if kind == "clock":
            kind, values[i] = _on_day(table, i, values[i], findings)
        elif kind in ("bad", "missing"):
            table.complain(findings, source, i, _EXPECTED)
        elif source == "day":
            kind, values[i] = _day_start(table, i, kind, values[i], per_day, findings)
        elif kind == "number" and "day" in table and not is_missing(table.cell("day", i)):
            _check_day(table, i, values[i] / per_day, findings)
        kinds.append(kind)
    good = Counter(kind for kind in kinds if kind in _WORDS)
    common = min(good, key=lambda kind: (-good[kind], kind), default="number")
    for i, kind in enumerate(kinds):
        if kind in _WORDS and kind != common:
            table.complain(findings, source, i, f"{_WORDS[common]} as in the other records")
    bad = np.array([kind != common for kind in kinds], dtype=bool)
    return Times(common, np.where(bad, np.nan, values), bad)


def _no_other_clock(table: Table, source: str, findings: Findings) -> None:
    """Days and planned times stand for the times only where nothing else in the table could be them."""
    others = [key for key in table.open if _is_a_clock(table.headings.get(key, key), table.columns[key])]
    if others:
        heading, like = table.headings.get(source, source), [table.headings.get(key, key) for key in others]
        findings.problem(
            f"{table.name}: the columns {', '.join(map(repr, [heading, *like]))} could each be the time of the "
            f"records; say which with {say(like[0], 'time')}, or that {like[0]!r} is none with "
            f"{say(like[0], 'covariate')}"
        )


def _is_a_clock(heading: str, cells: Sequence[object]) -> bool:
    """Whether a heading sounds like a time, and everything under it is one."""
    if not _TIME_LIKE.fullmatch(fold(split_unit(heading)[0])):
        return False
    kinds = {_classify(cell)[0] for cell in cells} - {"missing"}
    return bool(kinds) and "bad" not in kinds


def is_of_the_calendar(table: Table) -> bool:
    """Say whether the times of a table are dates or clock times, which need no unit."""
    source = next((s for s in ("time", "datetime", "clock") if s in table), "")
    kinds = {_classify(cell)[0] for cell in table.columns.get(source, ())} - {"missing", "bad"}
    return bool(kinds) and "number" not in kinds


def _classify(cell: object) -> tuple[str, float]:
    if is_missing(cell):
        return "missing", math.nan
    value = number(cell)
    if value is not None:
        return ("number", value) if math.isfinite(value) else ("bad", math.nan)
    if isinstance(cell, np.datetime64):
        cell = pandas.Timestamp(cell)
    if isinstance(cell, datetime.time):
        return "clock", (3600 * cell.hour + 60 * cell.minute + cell.second) / 3600
    if isinstance(cell, str):
        text = cell.strip()
        match = _CLOCK.fullmatch(text)
        if match:
            hours, minutes, seconds = int(match[1]), int(match[2]), float(match[3] or 0)
            sensible = hours < 24 and minutes < 60 and seconds < 60
            return ("clock", (3600 * hours + 60 * minutes + seconds) / 3600) if sensible else ("bad", math.nan)
        cell = _iso(text) if _DATE_TIME.fullmatch(text) else None
    if not isinstance(cell, datetime.datetime):
        return "bad", math.nan
    try:
        zoned = cell.tzinfo is not None
        epoch = _EPOCH.replace(tzinfo=datetime.UTC) if zoned else _EPOCH
        return ("zoned" if zoned else "date"), (cell - epoch).total_seconds()
    except (OverflowError, ValueError):
        return "bad", math.nan


def _iso(text: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return None


def _on_day(table: Table, i: int, hours: float, findings: Findings) -> tuple[str, float]:
    """Put a clock time on its day, which is a number from 1 on or a date."""
    cell = table.cell("day", i)
    day = number(cell)
    if day is not None and day >= 1 and day == math.floor(day) and math.isfinite(day):
        return "clock", float(total(hours, day - 1, 24.0))
    if isinstance(cell, str) and _DATE.fullmatch(cell.strip()):
        cell = _iso(cell.strip())
    if isinstance(cell, datetime.date):
        midnight = datetime.datetime(cell.year, cell.month, cell.day)
        return "date", (midnight - _EPOCH).total_seconds() + hours * 3600
    table.complain(findings, "day", i, "the day of the clock time: a whole number from 1 on, or a date")
    return "bad", math.nan


def _day_start(table: Table, i: int, kind: str, day: float, per_day: float, findings: Findings) -> tuple[str, float]:
    if kind == "number" and day >= 1 and day == math.floor(day):
        return "number", (day - 1) * per_day
    table.complain(findings, "day", i, "a whole number from 1 on, or a column 'time'")
    return "bad", math.nan


def _check_day(table: Table, i: int, elapsed: float, findings: Findings) -> None:
    """A time that does not lie on its day (half a day is forgiven) was counted from another zero: say so."""
    day = number(table.cell("day", i))
    if day is not None and not -0.5 <= elapsed - (day - 1) <= 1.5:
        where = "the time since day 1 at 00:00, or a clock time HH:MM"
        findings.problem(f"{table.place('time', i)}: does not lie on day {day:g} of the column 'day'; expected {where}")


def on_one_axis(
    samples: Times, doses: Times | None, owners: tuple[Sequence[str], Sequence[str]], unit: str, findings: Findings
) -> tuple[Array, Array]:
    """Return the times of samples and doses in the study's unit, on one axis.

    Parameters
    ----------
    samples, doses : Times
        What was read; no doses is None.
    owners : pair of sequences of str
        Subject of every sample and of every dose.
    unit : str
        The study's time unit.
    findings : Findings
        Where problems and notes go.
    """
    if doses is not None and doses.kind != samples.kind and not (doses.bad.all() or samples.bad.all()):
        findings.problem(
            f"observations and doses have no common clock: the times of the observations are {_WORDS[samples.kind]}, "
            f"those of the doses {_WORDS[doses.kind]}; expected the same for both"
        )
    if samples.kind == "number" and (doses is None or doses.kind == "number"):
        return samples.values, doses.values if doses else np.empty(0)
    per_hour = unit_tools.factor(unit, "h")
    per_second = unit_tools.factor(unit, "s")
    start: dict[str, float] = {}
    # Doses first: a subject's first dose is its time zero, whatever was sampled before.
    for name, value in zip(owners[1], doses.values if doses else (), strict=True):
        if not math.isnan(value):
            start[name] = min(value, start.get(name, value))
    dosed = set(start)
    for name, value in zip(owners[0], samples.values, strict=True):
        if name not in dosed and not math.isnan(value):
            start[name] = min(value, start.get(name, value))
    undosed = sorted(set(start) - dosed)
    if samples.kind in ("date", "zoned") and undosed:
        findings.altered(
            f"observations: {len(undosed)} subjects have no dose; their dates are counted from their first sample"
        )

    def onto_axis(times: Times, names: Sequence[str]) -> Array:
        if times.kind == "number":
            return times.values
        if times.kind == "clock":
            return np.asarray(times.values / per_hour) if per_hour >= 1 else product(times.values, 1 / per_hour)
        zero = np.array([start.get(name, math.nan) for name in names], dtype=float)
        return np.asarray((times.values - zero) / per_second)

    return onto_axis(samples, owners[0]), onto_axis(doses, owners[1]) if doses else np.empty(0)
