"""The tables of this room: what is known of every patient's follow-up, and times until an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pkpd.errors import InputError, few, nearest
from pkpd.trial.recist.scans import SUBJECT
from pkpd.trial.tables import Check, Column, read_table

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
FOLLOW_UP = ("death", "new_therapy", "last_contact")
TIMES = (
    Column(
        "duration", "number", "time until the event or until it is censored", low=0, also=("aval", "time", "futime")
    ),
    Column("event", "flag", "True if it happened, False if it is censored", also=("evnt",)),
)


def read_patients(patients: Any, named: Mapping[str, str] | None, checks: Sequence[Check] = ()) -> pandas.DataFrame:
    """Return follow-up, one row per patient, with every column (NaN or "" where the table has none).

    Parameters
    ----------
    patients : DataFrame, path, or mapping of column to values
        With ``subject``.
    named : mapping, optional
        Our name → its heading.
    checks : sequence of callable
        See `read_table`.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    table = read_table(patients, PATIENTS, "patients", named=named, unique=("subject",), checks=checks)
    for name in FOLLOW_UP:
        if name not in table:
            table[name] = float("nan")
    return table


def read_times(
    times: Any,
    more: Sequence[str],
    named: Mapping[str, str] | None,
    groups: Sequence[str | None] = (),
    checks: Sequence[Check] = (),
) -> pandas.DataFrame:
    """Return durations and events, with other columns as they came.

    Parameters
    ----------
    times : DataFrame, path, mapping of column to values, Study, or Dataset
        With ``duration`` and ``event``.
    more : sequence of str
        Columns that must be there, too.
    named : mapping, optional
        Our name → its heading.
    groups : sequence of str or None
        Columns in which no cell may be empty.
    checks : sequence of callable
        See `read_table`.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """

    by = [name for name in groups if name is not None]

    def problems_of(table: pandas.DataFrame) -> list[str]:
        there = [c for c in table if c != "row"]
        lacking = [f"no column {name!r}; {nearest(name, there)}" for name in (*by, *more) if name not in table]
        return lacking + [problem for name in by if name in table for problem in _no_group(table, name)]

    try:
        return read_table(times, TIMES, "times", named=named, checks=(problems_of, *checks))
    except InputError as error:
        headings = getattr(times, "columns", times if isinstance(times, Mapping) else ())
        if not any(str(name).casefold() == "cnsr" for name in headings):
            raise
        hint = "of CNSR 0 is the event: pkpd.io.cdisc.read_adtte turns it round"
        raise InputError([*error.problems, hint], "times") from None


def _no_group(table: pandas.DataFrame, by: str) -> list[str]:
    cells = table[by]
    empty = cells.isna() | (cells.astype(str).str.strip() == "")
    rows = few([str(row) for row in table.loc[empty, "row"]])
    return [f"column {by!r}: {int(empty.sum())} rows have no group (row {rows})"] if empty.any() else []


def groups_of(table: pandas.DataFrame, by: str | None, what: str) -> tuple[list[Any], Any]:
    """Return the groups in order, and the group of every row; without a column one group, "all".

    Raises
    ------
    InputError
        If there are as many groups as nobody can look at.
    """
    import numpy as np
    import pandas

    if by is None:
        return ["all"], np.full(len(table), "all", dtype=object)
    texts = table[by].map(
        lambda cell: cell if isinstance(cell, str) else str(int(cell)) if _is_whole(cell) else str(cell)
    )
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
