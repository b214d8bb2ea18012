"""The tables of this room: what is known of every patient's follow-up, and times until an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pkpd.errors import InputError, few, nearest
from pkpd.trial.recist.scans import SUBJECT
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

MONTH = 30.4375
"""Days of a month: 365.25/12."""

PATIENTS = (
    SUBJECT,
    Column("death", "number", "day of death; empty for who lives", required=False, filled=False, also=("deathday",)),
    Column("new_therapy", "number", "day on which another treatment of the disease began", required=False, filled=False,
           also=("newtherapy",)),
    Column("last_contact", "number", "last day on which the patient was known to live", required=False, filled=False,
           also=("lastcontact", "lastalive", "lstalvdt")),
    Column("arm", "text", "arm or group", required=False, filled=False, also=("trt01a", "trta", "treatment")),
)  # fmt: skip
TIMES = (
    Column(
        "duration", "number", "time until the event or until it is censored", low=0, also=("aval", "time", "futime")
    ),
    Column("event", "flag", "True if it happened, False if it is censored", also=("evnt",)),
)


def read_patients(patients: Any, named: Mapping[str, str] | None) -> pandas.DataFrame:
    """Return follow-up, one row per patient, with every column (NaN or "" where the table has none).

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    table = read_table(patients, PATIENTS, "patients", named=named, unique=("subject",))
    for name in ("death", "new_therapy", "last_contact"):
        if name not in table:
            table[name] = float("nan")
    if "arm" not in table:
        table["arm"] = ""
    return table


def read_times(
    times: Any, more: Sequence[str], named: Mapping[str, str] | None, what: str = "times"
) -> pandas.DataFrame:
    """Return durations and events, with other columns as they came.

    Parameters
    ----------
    times : DataFrame, path, or mapping of column to values
        With ``duration`` and ``event``.
    more : sequence of str
        Columns that must be there, too.
    named : mapping, optional
        Our name → its heading.
    what : str
        What the table is, for messages.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    try:
        table = read_table(times, TIMES, what, named=named)
    except InputError as error:
        if not any(
            str(name).casefold() == "cnsr" for name in getattr(times, "columns", times if named is None else ())
        ):
            raise
        hint = "of CNSR 0 is the event: pkpd.io.cdisc.read_adtte turns it round"
        raise InputError([*error.problems, hint], what) from None
    lacking = [
        f"no column {name!r}; {nearest(name, [c for c in table if c != 'row'])}" for name in more if name not in table
    ]
    if lacking:
        raise InputError(lacking, what)
    return table


def groups_of(table: pandas.DataFrame, by: str | None, what: str) -> tuple[list[Any], Any]:
    """Return the groups in order, and the group of every row; without a column one group, "all".

    Raises
    ------
    InputError
        If a row has no group, or there are as many groups as nobody can look at.
    """
    import numpy as np
    import pandas

    if by is None:
        return ["all"], np.full(len(table), "all", dtype=object)
    cells = table[by]
    empty = cells.isna() | (cells.astype(str).str.strip() == "")
    if empty.any():
        rows = few([str(row) for row in table.loc[empty, "row"]])
        raise InputError(f"column {by!r}: {int(empty.sum())} rows have no group (row {rows})", what)
    texts = cells.map(lambda cell: cell if isinstance(cell, str) else str(int(cell)) if _is_whole(cell) else str(cell))
    names = list(dict.fromkeys(texts))
    if len(names) > 50:
        raise InputError(f"column {by!r} has {len(names)} groups; expected at most 50", what)
    numbers = pandas.to_numeric(pandas.Series(names), errors="coerce")
    order = numbers.argsort(kind="stable") if numbers.notna().all() else pandas.Series(names).argsort(kind="stable")
    return [names[k] for k in order], texts.to_numpy(dtype=object)


def _is_whole(cell: Any) -> bool:
    try:
        return not isinstance(cell, bool) and float(cell) == int(cell)
    except (TypeError, ValueError, OverflowError):
        return False
