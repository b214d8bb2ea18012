"""The table of laboratory values: what it holds, limits of normal from a table of their own, baselines."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.errors import InputError, few, nearest, warn
from pkpd.io.cells import flag, is_missing
from pkpd.io.findings import shown
from pkpd.trial.recist.scans import SUBJECT
from pkpd.trial.tables import Column, read_table
from pkpd.trial.toxicity.lab_units import by_mass, known_test

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
    values: Any, limits: Any, named: Mapping[str, str] | None, tests: Sequence[str] = ()
) -> pandas.DataFrame:
    """Return laboratory values with their limits of normal; every other column as it came.

    Parameters
    ----------
    values, limits, named
        See `grades`.
    tests : sequence of str
        Tests that criteria know, whose other names are known, too.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    table = read_table(values, VALUES, "laboratory values", named=named)
    for name, empty in (("day", np.nan), ("unit", ""), ("lln", np.nan), ("uln", np.nan)):
        if name not in table:
            table[name] = empty
    if limits is not None:
        _fill_limits(table, read_table(limits, LIMITS, "limits of normal"), tests)
    swapped = table[(table["lln"] > table["uln"]).to_numpy(bool)]
    if len(swapped):
        raise InputError(
            [f"row {row}, subject {who}: lln {low:g} is above uln {high:g}"
             for row, who, low, high in swapped[["row", "subject", "lln", "uln"]].itertuples(index=False)],
            "laboratory values",
        )  # fmt: skip
    return table


def _fill_limits(table: pandas.DataFrame, limits: pandas.DataFrame, tests: Sequence[str]) -> None:
    """Give values without limits those of their test, laboratory, sex and date: the most special, then the latest."""
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
    known = {name: known_test(name, [*tests]) or name.casefold() for name in {*limits["test"], *table["test"]}}
    sets: dict[tuple[str, ...], dict[float, dict[str, Any]]] = {}
    for row in limits.to_dict("records"):
        key = (known[row["test"]], *(row[name].casefold() for name in by))
        same = sets.setdefault(key, {}).setdefault(days[row["since"]] if dated else -np.inf, row)
        if same is not row:
            problems.append(f"row {row['row']}: {row['test']} has limits in row {same['row']} already")
    _limits_of_nothing(limits["test"], table["test"], known, tests)
    lln, uln = table["lln"].to_numpy(float).copy(), table["uln"].to_numpy(float).copy()
    scales: dict[tuple[str, str, str], float | None] = {}
    for i, row in enumerate(table.to_dict("records")):
        own = [str(row[name]).casefold() for name in by]
        keys = [(known[row["test"]], *own)]
        for k in range(len(by)):  # an empty cell of the limits holds for all
            keys += [(*key[: k + 1], "", *key[k + 2 :]) for key in keys]
        day = days[str(row["date"])] if dated else 0.0
        fits = [(sets[key], then) for key in keys if (then := [s for s in sets.get(key, ()) if s <= day])]
        if not fits or not (np.isnan(lln[i]) or np.isnan(uln[i])):
            continue
        one = fits[0][0][max(fits[0][1])]
        what = (known[row["test"]], one.get("unit", ""), row["unit"])
        if what not in scales:
            scales[what] = by_mass(what[1], what[2], what[0]) if what[1] and what[2] and what[1] != what[2] else 1.0
        scale = scales[what]
        if scale is None:
            problems.append(f"row {row['row']}, subject {row['subject']}: {row['test']} in {shown(row['unit'])}, "
                            f"its limits of normal in {shown(what[1])}")  # fmt: skip
            continue
        low, high = product([one.get("lln", np.nan), one.get("uln", np.nan)], scale)
        lln[i] = low if np.isnan(lln[i]) else lln[i]
        uln[i] = high if np.isnan(uln[i]) else uln[i]
    for test in dict.fromkeys(test for test, unit, _ in scales if not unit):
        units_ = list(dict.fromkeys(unit for one, own, unit in scales if one == test and not own))
        if any(by_mass(unit, units_[0], test) != 1.0 for unit in units_[1:]):  # else one unit, spelled twice
            problems.append(f"{test} is in {few(map(shown, units_))}, its limits of normal in no unit; "
                            "expected a column 'unit' in the limits")  # fmt: skip
    if problems:
        raise InputError(problems, "limits of normal")
    table["lln"], table["uln"] = lln, uln


def _limits_of_nothing(
    names: pandas.Series, used: pandas.Series, known: Mapping[str, str], tests: Sequence[str]
) -> None:
    """Warn of limits of tests that nobody knows and no value is of: the name may be misspelt."""
    there = {known[name] for name in used}
    strange = [name for name in dict.fromkeys(names) if known[name] not in there and known[name] not in tests]
    if strange:
        first = nearest(strange[0], [*dict.fromkeys([*used, *tests])])
        warn(f"limits of normal of {len(strange)} tests belong to no value: {few(strange)}; {first}")


def baseline_rows(table: pandas.DataFrame) -> npt.NDArray[np.bool_]:
    """Say which rows are baselines: those that are marked, else the last value up to day 1 of a patient and test.

    Raises
    ------
    InputError
        If a patient has two of one test.
    """
    keys = [table["subject"], table["test"]]
    marked = table["baseline"].to_numpy(bool) if "baseline" in table else np.zeros(len(table), dtype=bool)
    if marked.any():
        number = table.assign(marked=marked).groupby(["subject", "test"], sort=False)["marked"].sum()
        twice = [f"subject {who}, {test}: {count} values are marked as baseline; expected one"
                 for (who, test), count in number.items() if count > 1]  # fmt: skip
        if twice:
            raise InputError(twice, "laboratory values")
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
