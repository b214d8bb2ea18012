"""The study day of a record: as the table gives it, or counted from the first dose."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pandas

from pkpd.arrays import Array
from pkpd.io.cells import is_missing, number
from pkpd.io.dates import as_iso
from pkpd.io.findings import Findings
from pkpd.io.table import Table


def study_days(table: Table, day: str, date: str, start: str, findings: Findings) -> Array:
    """Return the study day of every record, NaN where nothing says it; there is no day 0.

    Parameters
    ----------
    table : Table
        Records under the names of CDISC.
    day, date, start : str
        Columns of the study day, of the date, and of the date of the first dose; the day comes first.
    findings : Findings
        Where problems go.
    """
    days, bad = table.numbers(day, findings, "a study day")
    if date not in table or start not in table:
        return days
    for i in np.flatnonzero(np.isnan(days) & ~bad).tolist():
        when, first = (_ordinal(table.cell(column, i)) for column in (date, start))
        if when is not None and first is not None:
            days[i] = when - first + (1 if when >= first else 0)
        elif not is_missing(table.cell(date, i)) and when is None:
            table.complain(findings, date, i, "a date such as 2014-03-01")
    return days


def _ordinal(cell: object) -> float | None:
    """A date as a count of days; SAS has a count already. None where there is none."""
    if is_missing(cell):
        return None
    if isinstance(cell, np.datetime64):
        cell = pandas.Timestamp(cell)
    if isinstance(cell, datetime.date):
        return float(cell.toordinal())
    count = number(cell)
    if count is not None:
        return math.floor(count) if math.isfinite(count) else None
    try:
        return float(datetime.date.fromisoformat(as_iso(str(cell).strip())[:10]).toordinal())
    except ValueError:
        return None
