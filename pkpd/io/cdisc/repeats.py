"""Rows of EX that stand for many doses: ``QD`` from one date to another, spread into a row for every dose."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from pkpd.io.cdisc import iso
from pkpd.io.cdisc.iso import Moment
from pkpd.io.cdisc.spelling import INTRAVENOUS
from pkpd.io.cdisc.tabular import text
from pkpd.io.cells import is_missing, label
from pkpd.io.findings import Findings
from pkpd.io.table import Table

_HOURS = {
    "QD": 24, "Q24H": 24, "DAILY": 24, "ONCE DAILY": 24, "QM": 24, "QN": 24, "QAM": 24, "QPM": 24, "QHS": 24, "BID": 12,
    "TID": 8, "QID": 6, "QOD": 48, "Q2D": 48, "EVERY OTHER DAY": 48, "QW": 168, "QS": 168, "WEEKLY": 168,
    "ONCE A WEEK": 168, "EVERY WEEK": 168, "BIWEEKLY": 0,
}  # fmt: skip
"""Hours between doses by EXDOSFRQ; "Q8H", "Q3D" and "Q4W" are read by their letters."""
_EVERY = re.compile(r"Q(\d{1,3})(H|D|W)|EVERY (\d{1,3}) (HOUR|DAY|WEEK)S?")
_LENGTH = {"H": 1, "D": 24, "W": 168}
_MOST = 10_000  # doses of one row


def spread(ex: Table, findings: Findings) -> Table:
    """Return the table with one row per dose where a row lasts for days and EXDOSFRQ says how often.

    The first dose is at EXSTDTC and the others follow at the interval; the last is at EXENDTC, where that has a time
    of day. Infusions are not spread without EXDUR: how long each lasted is not known from such a row. Rows that stay
    as they are become problems when their lengths are read.

    Parameters
    ----------
    ex : Table
        Columns under the names of CDISC.
    findings : Findings
        Where the count goes.
    """
    if "EXDOSFRQ" not in ex or "EXENDTC" not in ex:
        return ex
    sources: list[int] = []
    columns = {name: list(cells) for name, cells in ex.columns.items()}
    starts: list[object] = []
    ends: list[object] = []
    rows = doses = 0
    for i in range(len(ex)):
        times = _times(ex, i)
        if times is None:
            sources.append(i)
            starts.append(ex.cell("EXSTDTC", i))
            ends.append(ex.cell("EXENDTC", i))
            continue
        rows, doses = rows + 1, doses + len(times)
        sources += [i] * len(times)
        starts += times
        ends += [None] * len(times)
    if not rows:
        return ex
    findings.altered(
        f"{ex.name}: {rows} rows last for days with EXDOSFRQ and were spread into {doses} doses at even intervals"
    )
    spread_out = {name: [cells[i] for i in sources] for name, cells in columns.items()}
    return replace(ex, columns={**spread_out, "EXSTDTC": starts, "EXENDTC": ends}, rows=[ex.rows[i] for i in sources])


def hours_between(frequency: str) -> int:
    """Return the hours between two doses of a frequency of CDISC, 0 if it says none."""
    word = " ".join(frequency.upper().split())
    match = _EVERY.fullmatch(word)
    if match is None:
        return _HOURS.get(word, 0)
    return int(match[1] or match[3]) * _LENGTH[(match[2] or match[4])[0]]


def _times(ex: Table, i: int) -> list[object] | None:
    """The starts of the doses of a row that stands for several, None if it is one dose or cannot be spread."""
    every = Fraction(3600 * hours_between(text(ex, "EXDOSFRQ", i)))
    route = text(ex, "EXROUTE", i).upper()
    infused = route in INTRAVENOUS and route != "INTRAVENOUS BOLUS"
    if not every or (infused and is_missing(ex.cell("EXDUR", i))):
        return None
    start, last, timed = _moment(ex, "EXSTDTC", i), _moment(ex, "EXENDTC", i), False
    end = iso.moment(ex.cell("EXENDTC", i))
    day_only = isinstance(iso.moment(ex.cell("EXSTDTC", i)), str)
    if start is None or last is None:
        return None
    if isinstance(end, Moment) and not day_only:
        timed = True
        count = round((last.seconds - start.seconds) / every) + 1
    else:
        midnight = last.seconds - last.seconds % 86400
        count = int((midnight + 86400 - start.seconds - Fraction(1, 10**6)) // every) + 1
    if not 1 < count <= _MOST:
        return None
    times = [start.seconds + k * every for k in range(count)]
    if timed and isinstance(end, Moment):
        if end.zoned != start.zoned:
            return None
        times[-1] = last.seconds
    zone = "Z" if start.zoned else ""
    return [iso.write_moment(t)[:10] if day_only else iso.write_moment(t) + zone for t in times]


def _moment(ex: Table, column: str, i: int) -> Moment | None:
    """The moment in a cell; of a date alone its midnight."""
    cell = ex.cell(column, i)
    found = iso.moment(cell)
    if isinstance(found, str):
        found = iso.moment(f"{(label(cell) or '').strip()}T00:00") if found == "partial" else found
    return found if isinstance(found, Moment) else None
