"""The table of samples tested for antibodies, and what they say of the time of an exposure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError, warn
from pkpd.trial.recist.scans import SUBJECT
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

_POSITIVE = ("positive", "pos", "yes", "y", "true", "1", "1.0")
_NEGATIVE = ("negative", "neg", "no", "n", "false", "0", "0.0")
DAY = Column("day", "number", "study day; the first dose is on day 1", required=False,
             also=("studyday", "ady", "isdy"))  # fmt: skip
TIME = Column("time", "number", "hours from the first dose", required=False, also=("hours", "timeh", "time[h]"))
RESULT = Column("result", "text", "positive or negative; empty: not reportable", filled=False,
                also=("ada", "adaresult", "avalc", "isstresc"), choices=(*_POSITIVE, *_NEGATIVE))  # fmt: skip
TITRE = Column("titre", "number", "titre of a positive sample", required=False, filled=False, positive=True,
               also=("titer",))  # fmt: skip


def with_day(table: pandas.DataFrame, what: str) -> pandas.DataFrame:
    """Return a table with a column ``day``, from the hours where there is none.

    Raises
    ------
    InputError
        If there is neither.
    """
    if "day" in table:
        return table
    if "time" not in table:
        raise InputError("no column 'day' (study day; the first dose is on day 1), nor 'time' (hours from the first "
                         "dose). If it has another name: columns={'day': 'the heading'}", what)  # fmt: skip
    return table.assign(day=1.0 + table["time"].to_numpy(float) / 24.0)


def read_samples(samples: Any, named: Mapping[str, str] | None) -> pandas.DataFrame:
    """Return the reportable samples in order of subject and day: ``subject, day, positive, titre``.

    Raises
    ------
    InputError
        Listing every cell that cannot be used, and samples that stand twice.

    Warns
    -----
    DataWarning
        Counting samples without a reportable result.
    """
    samples = _in_words(samples)
    table = with_day(read_table(samples, (SUBJECT, DAY, TIME, RESULT, TITRE), "samples", named=named), "samples")
    twice = np.flatnonzero(table.duplicated(["subject", "day"]).to_numpy())
    if twice.size:
        raise InputError([f"row {table['row'].iloc[k]}, subject {table['subject'].iloc[k]}: a second sample on day "
                          f"{table['day'].iloc[k]:g}; expected one" for k in twice.tolist()], "samples")  # fmt: skip
    result = table["result"].to_numpy(object)
    empty = result == ""
    if empty.any():
        warn(f"{int(empty.sum())} of {len(table)} samples have no reportable result; left out")
    titre = table["titre"].to_numpy(float) if "titre" in table else np.full(len(table), np.nan)
    table = table[["subject", "day"]].assign(positive=np.isin(result, _POSITIVE), titre=titre)
    # Subjects without any reportable sample stay known: they count as not evaluable.
    table = table.assign(reportable=~empty)
    return table.sort_values(["subject", "day"], kind="stable", ignore_index=True, key=_order)


def _in_words(samples: Any) -> Any:
    """A table in which columns of True and False, which are no texts, are columns of yes and no."""
    import pandas

    if isinstance(samples, Mapping):
        try:
            samples = pandas.DataFrame(dict(samples))
        except (ValueError, TypeError):
            return samples  # what is wrong with it is said where it is read
    if not isinstance(samples, pandas.DataFrame):
        return samples
    return samples.apply(lambda column: column.map({True: "yes", False: "no"}) if column.dtype == bool else column)


def _order(column: pandas.Series) -> pandas.Series:
    return column.astype(str) if column.dtype == object else column


def status_at(day: Array, tested: Array, positive: Array) -> Array:
    """Return what a patient's samples say of given days: 1 positive, 0 negative, NaN unknown.

    The latest sample up to a day holds until the next one, if that says the same or there is none. Between two samples
    that differ nobody knows when it changed; before the first sample a negative one speaks for the time before it.

    Parameters
    ----------
    day : array, shape (n,)
        Days of exposures.
    tested, positive : arrays, shape (samples,)
        Days of samples in order, and whether each was positive.
    """
    found = np.full(len(day), np.nan)
    if not len(tested):
        return found
    last = np.searchsorted(tested, day, side="right") - 1
    following = np.minimum(last + 1, len(tested) - 1)
    value = positive.astype(float)
    held = np.where(last >= 0, value[np.maximum(last, 0)], np.nan)
    nearest = np.where(last >= 0, held, 0.0)  # nobody was tested before: only a negative sample speaks for that
    exact = (last >= 0) & (tested[np.maximum(last, 0)] == day)
    agrees = exact | (value[following] == nearest) | (last == len(tested) - 1)
    found[agrees] = nearest[agrees]
    return found
