"""Several samples of one subject, time and side of a dose become one: a curve has one value at a time."""

from __future__ import annotations

import numpy as np
import pandas

from pkpd.errors import warn


def one_per_time(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return the samples of one analyte with one per subject, time, side of a dose and end of a collection.

    Measured values are averaged; beside a measured one a sample below or above its limit does not count, but that one
    was above stays known (``alq``). Readers refuse equal times in plain tables, so only event tables have them.

    Parameters
    ----------
    table : DataFrame
        Used observations of one analyte (`Study.used`), sorted by subject and time.

    Warns
    -----
    DataWarning
        With the count of samples that were put together.
    """
    after = (table["mark"] == "post").to_numpy()
    keys = [table["subject"], table["time"], after, table["until"].fillna(-np.inf)]
    same = table.duplicated(["subject", "time", "until"], keep=False).to_numpy()
    if not same.any():
        return table
    group = table.groupby(keys, sort=False).ngroup().to_numpy()
    size = np.bincount(group)[group]
    if not (size > 1).any():
        return table
    censored = (table["blq"] | table["alq"]).to_numpy(bool)
    value = table["value"].to_numpy(float)
    measured = np.bincount(group, ~censored)[group]
    total = np.bincount(group, np.where(censored, 0.0, value))[group]
    first = np.zeros(len(table), dtype=bool)
    counts = ~censored | (measured == 0)  # a group without a measured value keeps its first sample
    places = np.flatnonzero(counts)
    first[places[np.unique(group[places], return_index=True)[1]]] = True
    warn(
        f"{int((size > 1).sum())} samples stand at {int(((size > 1) & first).sum())} times that have several: the "
        "NCA takes the mean of the measured ones"
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where((size > 1) & (measured > 0), total / measured, value)
    above = np.bincount(group, table["alq"].to_numpy(bool))[group] > 0
    return table.assign(value=mean, alq=above)[first].reset_index(drop=True)
