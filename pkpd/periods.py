"""Periods of one subject: what follows a reset, or a clock that starts anew, as columns of observations and doses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas

PERIOD_COLUMNS = (
    "period",  # 1, 2, …: how often the subject's system has begun anew (a reset, or a clock that restarts)
    "clock",  # time as the table gives it, on the period's own clock
    "clock_until",  # end of a collection on that clock; observations only
)
"""Columns of observations and doses that are there where a subject has several periods; `time` never falls."""


def own_clock(table: pandas.DataFrame) -> pandas.Series:
    """Return the time of every sample or dose as its table gives it, on the clock of its period."""
    return table["clock"] if "clock" in table else table["time"]


def in_one_period(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return observations or doses with their `PERIOD_COLUMNS`; without any they are all of the first period."""
    if "period" in table:
        return table
    ends = {"clock_until": table["until"]} if "until" in table else {}
    return table.assign(period=np.ones(len(table), dtype=np.int64), clock=table["time"], **ends)


def only_sets_back(doses: pandas.DataFrame) -> pandas.Series:
    """Return which rows of doses stand in no table: the resets between periods that a reader put in."""
    return doses["reset"] & (doses["amount"] == 0) & (doses["row"] == 0)
