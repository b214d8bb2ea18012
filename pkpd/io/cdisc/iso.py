"""Dates, times and durations of ISO 8601, read and written without rounding: a time is an exact fraction of seconds."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas

from pkpd import units as unit_tools
from pkpd.errors import InputError
from pkpd.io.cells import is_missing
from pkpd.io.dates import as_iso

_MOMENT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,40}))?)?(Z|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)
_PARTIAL = re.compile(r"(\d{4}|-)(-(\d{2}|-)){0,2}(T(\d{2}|-)(:(\d{2}|-))?(:-)?)?", re.ASCII)
_NUMBER = r"(\d{1,9}(?:[.,]\d{1,40})?)"
_DURATION = re.compile(
    rf"([+-]?)P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?", re.ASCII
)
_EPOCH = datetime.datetime(1970, 1, 1)
_DIGITS = 30  # decimals of a second; sixteen digits of any time in hours need fewer


@dataclass(frozen=True)
class Moment:
    """A point of the calendar: exact seconds from 1970-01-01 00:00, and whether a time zone was given."""

    seconds: Fraction
    zoned: bool = False


def moment(cell: object) -> Moment | str:
    """Return the date with a time of day in a cell, or what is wrong with it: "missing", "partial" or "bad"."""
    if is_missing(cell):
        return "missing"
    if isinstance(cell, np.datetime64):
        cell = pandas.Timestamp(cell)
    if isinstance(cell, pandas.Timestamp):
        return Moment(Fraction(cell.value, 10**9), cell.tzinfo is not None)
    if isinstance(cell, datetime.datetime):
        naive = cell.replace(tzinfo=None)
        shift = cell.utcoffset() or datetime.timedelta()
        return Moment(Fraction((naive - _EPOCH - shift) // datetime.timedelta(microseconds=1), 10**6),
                      cell.tzinfo is not None)  # fmt: skip
    if isinstance(cell, datetime.date):
        return "partial"
    text = cell.strip() if isinstance(cell, str) else ""
    match = _MOMENT.fullmatch(text) or _MOMENT.fullmatch(as_iso(text))
    if match is None:
        return "partial" if _PARTIAL.fullmatch(as_iso(text)) else "bad"
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        whole = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        return "bad"
    seconds = Fraction((whole - _EPOCH) // datetime.timedelta(seconds=1))
    if match[7]:
        seconds += Fraction(int(match[7]), 10 ** len(match[7]))
    return Moment(seconds - _offset(match[8] or "Z"), match[8] is not None)


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (-1 if zone[0] == "-" else 1) * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)


def duration(cell: object) -> Fraction | None:
    """Return the seconds of a duration such as ``PT1H30M`` or ``-PT5M``; None when the cell holds none.

    Years and months have no fixed length and are not read.
    """
    text = cell.strip() if isinstance(cell, str) else ""
    match = _DURATION.fullmatch(f"-PT{text[3:]}" if text.startswith("PT-") else text)  # as SAS code often writes it
    if match is None or not any(match[k] for k in (2, 3, 5, 6, 7)):
        return None
    lengths = {2: 604800, 3: 86400, 5: 3600, 6: 60, 7: 1}
    total = sum((Fraction((match[k] or "0").replace(",", ".")) * each for k, each in lengths.items()), Fraction(0))
    return -total if match[1] == "-" else total


def per_unit(unit: str) -> Fraction:
    """Return the seconds of a time unit."""
    return Fraction(unit_tools.factor(unit, "s"))


def shortest(exact: Fraction, good: Callable[[Fraction], bool]) -> Fraction:
    """Return the seconds with the fewest decimals that are still `good`, the exact ones rounded if none are."""
    for digits in range(_DIGITS):
        rounded = Fraction(round(exact * 10**digits), 10**digits)
        if good(rounded):
            return rounded
    return Fraction(round(exact * 10**_DIGITS), 10**_DIGITS)


def _seconds(value: Fraction) -> str:
    """Write 0 ≤ seconds < 60 with two digits before the point and as many behind as there are."""
    whole, rest = divmod(value, 1)
    tail = f"{int(rest * 10**_DIGITS):0{_DIGITS}d}".rstrip("0")
    return f"{int(whole):02d}" + (f".{tail}" if tail else "")


def write_moment(seconds: Fraction) -> str:
    """Write a moment as ``2000-01-01T08:30:00``, with decimals of a second where there are any.

    Raises
    ------
    InputError
        If the year is not between 1 and 9999.
    """
    minutes, rest = divmod(seconds, 60)
    try:
        whole = _EPOCH + datetime.timedelta(minutes=int(minutes))
    except OverflowError:
        raise InputError(f"a time {float(seconds):g} s from 1970 has no date; expected a year from 1 to 9999") from None
    return f"{whole.isoformat(timespec='minutes')}:{_seconds(rest)}"


def write_duration(seconds: Fraction) -> str:
    """Write a duration as ``PT1H30M``, a negative one with a sign in front."""
    minutes, rest = divmod(abs(seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{_seconds(rest).lstrip('0') if rest >= 1 else '0' + _seconds(rest)[2:]}S" if rest else ""
    text = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "") + tail
    return f"{'-' if seconds < 0 else ''}PT{text or '0M'}"
