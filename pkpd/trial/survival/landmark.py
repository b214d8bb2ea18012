"""Landmark analysis: groups by what was known on a day, times from that day on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, shown, warn
from pkpd.trial.recist.scans import provenance
from pkpd.trial.survival.patients import TIMES
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

_SINCE = Column("since", "number", "time of the response (or of whatever makes the groups); empty: never", filled=False,
                also=("start", "responseday"))  # fmt: skip


@checked
def landmark(times: Any, at: float, *, columns: Mapping[str, str] | None = None) -> pandas.DataFrame:
    """Return the patients still at risk at a landmark, grouped by what had happened by then, with times from then on.

    To compare responders with others from the start would count the time that one must live to respond as an effect of
    the response (immortal time). Groups are therefore those of the landmark, and do not change afterwards.

    Parameters
    ----------
    times : DataFrame, path, mapping of column to values, Study, or Dataset
        One row per patient: ``duration``, ``event``, and ``since``: the time of the response, from the same zero; empty
        for who never responded.
    at : float
        The landmark, in the unit of the durations.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        The rows of patients whose duration is longer than `at`, with ``duration`` from the landmark and ``group``:
        ``"yes"`` if ``since`` is not after it. ``attrs`` counts who was left out.

    Raises
    ------
    InputError
        Listing all that cannot be used; if nobody is left.

    Warns
    -----
    DataWarning
        Counting patients whose event or censoring came before the landmark.

    References
    ----------
    Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719.
    """
    if not 0 <= at < math.inf:
        raise InputError(f"at is {shown(at)}; expected a time ≥ 0", "landmark")
    table = read_table(times, (*TIMES, _SINCE), "times", named=columns, checks=(_after_the_end,))
    since, duration = table["since"].to_numpy(float), table["duration"].to_numpy(float)
    there = duration > at
    events = int((~there & table["event"].to_numpy(bool)).sum())
    if not there.any():
        raise InputError(f"no patient is at risk at {at:g}; the longest duration is {duration.max():g}", "landmark")
    if not there.all():
        left = f"{int((~there).sum())} of {len(table)} patients"
        warn(f"{left} had left by {at:g} ({events} events); not in the groups")
    result = table[there].reset_index(drop=True)
    result["group"] = np.where(since[there] <= at, "yes", "no")
    result["duration"] = duration[there] - at
    result.attrs.update(provenance(times), landmark=at, left_out=int((~there).sum()), events_before=events)
    return result


def _after_the_end(table: pandas.DataFrame) -> list[str]:
    """Responses of patients who were followed no longer."""
    late = table[table["since"] > table["duration"]]
    rows = late[["row", "since", "duration"]].itertuples(index=False)
    return [f"row {row}: since is {since:g}, after the end at {end:g}" for row, since, end in rows]
