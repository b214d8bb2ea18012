"""Rows of data in words: which subject, at which time."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Flags
from pkpd.observed.rows import Observed

MOST = 5


def name_rows(data: Observed, rows: Flags, most: int = MOST) -> str:
    """Return e.g. ``"subject 1 at time 0, subject 2 at time 0 and 4 more"``.

    Parameters
    ----------
    data : Observed
        Whose rows they are.
    rows : array of bool, shape (rows,)
        Which rows are meant.
    most : int
        How many are named; the others are counted.
    """
    places = np.flatnonzero(rows)
    names = [f"subject {data.subjects[data.subject[k]]!r} at time {data.time[k]:g}" for k in places[:most]]
    rest = f" and {len(places) - most} more" if len(places) > most else ""
    return ", ".join(names) + rest
