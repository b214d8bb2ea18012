"""Dates as programs write them (``05JAN2024:08:30``, ``2024/01/05 08:30``, ``5-Jan-2024 8:30 AM``), as ISO 8601."""

from __future__ import annotations

import re
from functools import lru_cache

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: k + 1 for k, name in enumerate(_NAMES)}
_TIME = r"(?P<h>\d{1,2}):(?P<m>\d{2})(?P<s>:\d{2}(?:[.,]\d+)?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
_DAY = (
    r"(?P<d>\d{1,2})[\s\-/.]?(?P<mon>[A-Za-z]{3})[A-Za-z]*\.?[\s\-/.,]{0,2}(?P<y>\d{4})",
    r"(?P<mon>[A-Za-z]{3})[A-Za-z]*\.?[\s\-](?P<d>\d{1,2}),?\s(?P<y>\d{4})",
    r"(?P<y>\d{4})[/.](?P<n>\d{1,2})[/.](?P<d>\d{1,2})",
    r"(?P<y>\d{4})(?P<n>\d{2})(?P<d>\d{2})(?=T)",
    r"(?P<y>\d{4})-(?P<n>\d{1,2})-(?P<d>\d{1,2})(?=[T ]+\d+:\d{2}(?::\d{2})?\s*[AaPp]|[T ]\d:|\Z)",
)
_FORMS = tuple(re.compile(rf"{day}(?:(?:[:T]|,?\s+){_TIME})?", re.ASCII) for day in _DAY)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2}):?(\d{2})(?::?(\d{2}))?", re.ASCII)
_HALF_DAY = re.compile(_TIME, re.ASCII)
_SLASHED = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{2}|\d{4})(?:[\s,T:]+\d{1,2}:\d{2}.*)?", re.ASCII)


@lru_cache(maxsize=4096)
def as_iso(text: str) -> str:
    """Return a date, or a date with a time of day, as ISO 8601; a text that is none, or may be two, as it is.

    A day and a month that are both numbers come in this order in one country and in the other in the next
    (``05/01/2024``): such a text stays as it is.
    """
    compact = _COMPACT.fullmatch(text)
    if compact:
        year, month, day, hour, minute, second = compact.groups()
        return f"{year}-{month}-{day}T{hour}:{minute}" + (f":{second}" if second else "")
    half = _HALF_DAY.fullmatch(text)
    if half and half["half"]:
        return _time(half) or text
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is None:
            continue
        parts = match.groupdict()
        month_number = int(parts["n"]) if parts.get("n") else _MONTHS.get(str(parts.get("mon")).lower(), 0)
        if not month_number:
            return text
        iso_day = f"{parts['y']}-{month_number:02d}-{int(parts['d']):02d}"
        clock = _time(match) if match["h"] else ""
        return text if clock is None else iso_day + (f"T{clock}" if clock else "")
    return text


def looks_like(cell: object) -> str:
    """What a date that is not read may be, as a hint behind a problem; "" if it is none."""
    match = _SLASHED.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if match is None:
        return ""
    first, second = int(match[1]), int(match[2])
    if first > 31 or second > 31 or (first > 12 and second > 12):
        return ""
    meant = (
        "it has the day first: pandas.to_datetime(column, dayfirst=True)" if first > 12
        else "it has the month first: pandas.to_datetime(column, dayfirst=False)" if second > 12
        else "day or month may come first: say which with pandas.to_datetime(column, dayfirst=True) or dayfirst=False"
    )  # fmt: skip
    return f" ({meant})"


def _time(match: re.Match[str]) -> str | None:
    """The time of day with 24 hours; None where AM and PM do not fit."""
    hour, half = int(match["h"]), (match["half"] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + 12 * half.startswith("p")
    return f"{hour:02d}:{match['m']}{(match['s'] or '').replace(',', '.')}"
