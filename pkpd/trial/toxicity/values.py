"""The table of laboratory values: what it holds, limits of normal from a table of their own, baselines."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array
from pkpd.errors import InputError, warn
from pkpd.io.cells import flag, is_missing
from pkpd.io.findings import shown
from pkpd.trial.recist.scans import SUBJECT
from pkpd.trial.tables import Check, Column, read_all, read_table

if TYPE_CHECKING:
    import pandas

DAY = Column("day", "number", "study day; the first dose is on day 1", required=False, filled=False,
             also=("studyday", "ady", "lbdy"))  # fmt: skip
VALUES = (
    SUBJECT,
    DAY,
    Column("test", "text", "laboratory test", also=("paramcd", "lbtestcd")),
    Column("value", "number", "result", filled=False, low=0, also=("aval", "lbstresn", "result")),
    Column("unit", "text", "unit of the result and of its limits of normal", required=False, filled=False,
           also=("avalu", "lbstresu")),
    Column("lln", "number", "lower limit of normal", required=False, filled=False, low=0, also=("anrlo", "lbstnrlo")),
    Column("uln", "number", "upper limit of normal", required=False, filled=False, positive=True,
           also=("anrhi", "lbstnrhi")),
    Column("baseline", "flag", "the value before treatment", required=False, also=("ablfl", "lbblfl")),
)  # fmt: skip
LIMITS = (
    Column("test", "text", "laboratory test"),
    Column("lln", "number", "lower limit of normal", required=False, filled=False, low=0),
    Column("uln", "number", "upper limit of normal", required=False, filled=False, positive=True),
    Column("unit", "text", "unit of the limits", required=False, filled=False),
    Column("laboratory", "text", "laboratory", required=False, filled=False),
    Column("sex", "text", "sex", required=False, filled=False),
    Column("since", "text", "first date on which the limits hold, 2014-03-01", required=False, filled=False),
)


def read_values(
    values: Any, limits: Any, named: Mapping[str, str] | None, checks: Sequence[Check] = ()
) -> pandas.DataFrame:
    """Return laboratory values with their limits of normal; every other column as it came.

    Parameters
    ----------
    values, limits : DataFrame, path, or mapping
        Of limits also None.
    named : mapping, optional
        Our name → its heading in the values.
    checks : sequence of callable
        See `read_table`.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    everything = (_swapped, _marked_twice, *checks)
    readers = [lambda: read_table(values, VALUES, "laboratory values", named=named, checks=everything)]
    if limits is not None:
        readers.append(lambda: read_table(limits, LIMITS, "limits of normal"))
    table, *given = read_all("laboratory values", *readers)
    for name, empty in (("day", np.nan), ("unit", ""), ("lln", np.nan), ("uln", np.nan)):
        if name not in table:
            table[name] = empty
    if given:
        _fill_limits(table, given[0])
        if problems := _swapped(table):
            raise InputError(problems, "laboratory values")
    return table


def _swapped(table: pandas.DataFrame) -> list[str]:
    """Rows whose lower limit of normal is above the upper one."""
    if not {"lln", "uln"} <= {*table}:
        return []
    rows = table.loc[table["lln"] > table["uln"], ["row", "subject", "lln", "uln"]].itertuples(index=False)
    return [f"row {row}, subject {who}: lln {low:g} is above uln {high:g}" for row, who, low, high in rows]


def _marked_twice(table: pandas.DataFrame) -> list[str]:
    """Patients with two values of one test that are marked as baseline."""
    if "baseline" not in table:
        return []
    number = table[table["baseline"].to_numpy(bool)].groupby(["subject", "test"], sort=False).size()
    return [f"subject {who}, {test}: {count} values are marked as baseline; expected one"
            for (who, test), count in number.items() if count > 1 and who != "" and test]  # fmt: skip


def _fill_limits(table: pandas.DataFrame, limits: pandas.DataFrame) -> None:
    """Give values without limits those of their test, laboratory, sex and date: the latest that hold."""
    by = [name for name in ("laboratory", "sex") if name in limits and (limits[name] != "").any()]
    dated = "since" in limits and (limits["since"] != "").any()
    problems = [f"limits of normal differ by {name}, and the values have no column {name!r}"
                for name in [*by, *(["date"] if dated else [])] if name not in table]  # fmt: skip
    days: dict[str, float] = {}
    for text in {*(limits["since"] if dated else ()), *(map(str, table["date"]) if dated and "date" in table else ())}:
        try:
            days[text] = float(datetime.date.fromisoformat(text[:10]).toordinal()) if text else -np.inf
        except ValueError:
            problems.append(f"{shown(text)} is no date; expected one such as 2014-03-01")
    if problems:
        raise InputError(problems, "limits of normal")
    sets: dict[tuple[str, ...], list[tuple[float, float, float, str]]] = {}
    for row in limits.to_dict("records"):
        key = (row["test"].casefold(), *(row[name].casefold() for name in by))
        since = days[row["since"]] if dated else -np.inf
        sets.setdefault(key, []).append((since, row.get("lln", np.nan), row.get("uln", np.nan), row.get("unit", "")))
    lln, uln = table["lln"].to_numpy(float).copy(), table["uln"].to_numpy(float).copy()
    for i, row in enumerate(table.to_dict("records")):
        own = [str(row[name]).casefold() for name in by]
        keys = [(row["test"].casefold(), *own)]
        for k in range(len(by)):  # an empty cell of the limits holds for all
            keys += [(*key[: k + 1], "", *key[k + 2 :]) for key in keys]
        found = [one for key in keys for one in sets.get(key, ()) if one[0] <= (days[str(row["date"])] if dated else 0)]
        if not found:
            continue
        _, low, high, unit = max(found, key=lambda one: one[0])
        if unit and row["unit"] and unit != row["unit"]:
            problems.append(f"row {row['row']}, subject {row['subject']}: {row['test']} in {shown(row['unit'])}, "
                            f"its limits of normal in {shown(unit)}")  # fmt: skip
            continue
        lln[i] = low if np.isnan(lln[i]) else lln[i]
        uln[i] = high if np.isnan(uln[i]) else uln[i]
    if problems:
        raise InputError(problems, "limits of normal")
    table["lln"], table["uln"] = lln, uln


def baseline_rows(table: pandas.DataFrame) -> npt.NDArray[np.bool_]:
    """Say which rows are baselines: those that are marked, else the last value up to day 1 of a patient and test."""
    keys = [table["subject"], table["test"]]
    marked = table["baseline"].to_numpy(bool) if "baseline" in table else np.zeros(len(table), dtype=bool)
    if marked.any():
        return np.asarray(marked)
    early = table["day"].where((table["day"] <= 1) & table["value"].notna())
    latest = early.groupby(keys).transform("max")
    found = np.array(early == latest, dtype=bool)
    again = table.loc[found, ["subject", "test"]].duplicated(keep="last").to_numpy(bool)
    if again.any():
        warn(f"{int(again.sum())} baselines are one of several values of the same day; the last row of the day counts")
        places = np.flatnonzero(found)
        found[places[again]] = False
    return np.asarray(found)


def said(table: pandas.DataFrame, name: str, problems: list[str]) -> Array:
    """Return a column of yes and no as 1 and 0, NaN where nothing is said; anything else is a problem."""
    result = np.full(len(table), np.nan)
    if name not in table:
        return result
    for i, cell in enumerate(table[name].tolist()):
        if is_missing(cell):
            continue
        found = flag(cell)
        if found is None:
            row, who = table["row"].iloc[i], table["subject"].iloc[i]
            problems.append(f"row {row}, subject {who}, column {name!r}: {shown(cell)}; expected yes, no or nothing")
        else:
            result[i] = float(found)
    return result
