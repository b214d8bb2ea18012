"""The plain tables of a trial: one row a laboratory value, an event, a scan; checked once, every problem at once.

A verb of the trial layer says with `Column`s what it reads. A table may have other columns: they are kept as they came.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Flags
from pkpd.errors import MOST_NAMES, InputError, few, nearest, warn
from pkpd.io.cells import all_integers
from pkpd.io.findings import Findings, shown
from pkpd.io.table import Table, load
from pkpd.trial.sources import patients_in

if TYPE_CHECKING:
    import pandas

Check = Callable[["pandas.DataFrame"], Iterable[str]]
"""What looks at a whole table and says what is wrong with it."""
KINDS = ("text", "number", "whole", "flag")


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes
    ----------
    name : str
        Our name of it.
    kind : {"text", "number", "whole", "flag"}
        Texts come back as str ("" for an empty cell), numbers as float (NaN), whole numbers as float, too (they may be
        missing), flags as bool (an empty cell is a no).
    meaning : str
        What it is, for messages: "day of the scan, counted from the first dose".
    required : bool
        Whether the table must have it.
    filled : bool
        Whether every row must have a value.
    also : tuple of str
        Other headings that mean the same, lower case, without spaces and underscores.
    low, high : float
        Smallest and largest number.
    positive : bool
        Whether a number must be above 0.
    choices : tuple of str
        What a text may be, in any case of letters; empty: anything.
    """

    name: str
    kind: str
    meaning: str
    required: bool = True
    filled: bool = True
    also: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    positive: bool = False
    choices: tuple[str, ...] = ()

    def expected(self) -> str:
        """Return what a cell should hold, in words."""
        if self.kind == "flag":
            return "yes or no (1 or 0)"
        if self.kind == "text":
            return "one of " + ", ".join(self.choices) if self.choices else f"a text ({self.meaning})"
        words = "a whole number" if self.kind == "whole" else "a number"
        if self.positive:
            words += " > 0"
        elif math.isfinite(self.low) and math.isfinite(self.high):
            words += f" from {self.low:g} to {self.high:g}"
        elif math.isfinite(self.low):
            words += f" ≥ {self.low:g}"
        elif math.isfinite(self.high):
            words += f" ≤ {self.high:g}"
        return f"{words} ({self.meaning})"


def read_table(
    source: Any,
    columns: Sequence[Column],
    what: str,
    *,
    named: Mapping[str, str] | None = None,
    unique: Sequence[str] = (),
    checks: Sequence[Check] = (),
) -> pandas.DataFrame:
    """Return a table with our column names and types, and ``row``: where each row stood, from 1 below the header.

    Parameters
    ----------
    source : DataFrame, path, mapping of column to values, Study, or Dataset
        The table; of a study a row per subject, of a simulation per virtual patient, of a result of NCA per profile.
    columns : sequence of Column
        What it must and may hold.
    what : str
        What it is, for messages: ``"scans"``.
    named : mapping, optional
        Our name → its heading, where it is none of those that are known.
    unique : sequence of str
        Columns that together name a row once.
    checks : sequence of callable
        From the table to the problems that cells have with one another. They are asked even where single cells cannot
        be used (which are empty for them), so that everything is said at once; not where a column lacks.

    Returns
    -------
    pandas.DataFrame
        The columns that were found, in the order of `columns`, then ``row``, then all others as they came.
        Subjects that are all whole numbers come back as such.

    Raises
    ------
    InputError
        Listing every column that lacks and every cell that cannot be used, by row, subject and column.
    """
    import pandas

    findings = Findings()
    source = patients_in(source)
    if isinstance(source, Mapping):
        source = _frame_of(source, what)
    loaded = load(what, source, findings)
    if loaded is None:
        raise InputError(findings.problems, what)
    headings, cells = loaded
    where = _places(headings, columns, dict(named or {}), findings, what)
    table = Table(
        what,
        {name: cells[k] for name, k in where.items()},
        range(1, len(cells[0]) + 1),
        {name: headings[k] for name, k in where.items()},
    )
    complete = not findings.problems
    found: dict[str, Any] = {}
    spoilt: dict[str, Flags] = {}
    for column in columns:
        if column.name in where:
            found[column.name], spoilt[column.name] = _values(table, column, findings)
    if complete and unique:
        _once(table, {name: found[name] for name in unique if name in found}, spoilt, findings)
    whole = "subject" in found and all_integers(found["subject"])
    if whole:
        found["subject"] = [int(name) for name in found["subject"]]
    result = pandas.DataFrame({**found, "row": np.arange(1, len(table) + 1)})
    others = _others(headings, cells, {*where.values()}, {*result}, what)
    if others:  # at once: a table of many columns is not made one by one
        result = pandas.concat([result, pandas.DataFrame(others)], axis=1)
    if complete:
        for check in checks:
            for problem in check(result.copy() if len(checks) > 1 else result):
                findings.problem(problem)
    if findings.problems:
        raise InputError(findings.problems, what)
    return result


def read_all(what: str, *readers: Callable[[], Any]) -> list[Any]:
    """Return what several readers return; what is wrong with any of their tables is said at once.

    Subjects are whole numbers in all of the tables, or texts in all of them: 1 is then the same patient as "1".

    Raises
    ------
    InputError
        Listing the problems of all.
    """
    found: list[Any] = []
    problems: list[str] = []
    for reader in readers:
        try:
            found.append(reader())
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems, what)
    named = [table for table in found if "subject" in table]
    if len({*(table["subject"].dtype.kind for table in named)}) > 1:
        for table in named:
            table["subject"] = table["subject"].map(str)
    return found


def _frame_of(source: Mapping[str, Any], what: str) -> pandas.DataFrame:
    import pandas

    try:
        return pandas.DataFrame(dict(source))
    except (ValueError, TypeError) as error:
        raise InputError(f"the columns make no table ({error})", what) from None


def _others(
    headings: Sequence[str], cells: Sequence[list[object]], taken: set[int], ours: set[str], what: str
) -> dict[str, list[object]]:
    """The columns that nobody asked for, as they came; one whose name is taken is left out, which is said."""
    kept: dict[str, list[object]] = {}
    lost = []
    for k, heading in enumerate(headings):
        if k in taken:
            continue
        if heading in ours or heading in kept:
            lost += [heading] if heading != "row" else []  # rows are counted anew in every table
        else:
            kept[heading] = cells[k]
    if lost:
        warn(f"{what}: {len(lost)} columns are left out, for another column has their name: {few(map(shown, lost))}")
    return kept


def _places(
    headings: Sequence[str], columns: Sequence[Column], named: dict[str, str], findings: Findings, what: str
) -> dict[str, int]:
    """Where each column stands."""
    folded = [_folded(heading) for heading in headings]
    known = {column.name: column for column in columns}
    for ours, heading in named.items():
        if ours not in known:
            findings.problem(f"{what} have no column called {shown(ours)}; {nearest(ours, known)}")
        elif heading not in headings:
            findings.problem(f"{ours} is said to be in {shown(heading)}; {nearest(heading, headings)}")
    where: dict[str, int] = {}
    for column in columns:
        if named.get(column.name) in headings:
            where[column.name] = headings.index(named[column.name])
            continue
        spellings = (_folded(column.name), *column.also)
        places = [k for k, heading in enumerate(folded) if heading in spellings and k not in where.values()]
        exact = [k for k in places if headings[k] == column.name]
        if len(exact) == 1 or len(places) == 1:
            where[column.name] = (exact or places)[0]
        elif places:
            rivals = ", ".join(shown(headings[k]) for k in places)
            findings.problem(f"{rivals} could each be {column.name}; say which: columns={{{column.name!r}: …}}")
        elif column.required and column.name not in named:
            listed = ", ".join(headings[:MOST_NAMES]) + ("" if len(headings) <= MOST_NAMES else ", …")
            findings.problem(
                f"no column {column.name!r} ({column.meaning}); the table has {listed}. "
                f"If it has another name: columns={{{column.name!r}: 'the heading'}}"
            )
    return where


def _folded(heading: str) -> str:
    return heading.casefold().replace(" ", "").replace("_", "")


def _values(table: Table, column: Column, findings: Findings) -> tuple[Any, Flags]:
    """The cells of one column as what they mean, empty where they cannot be used; and which these are."""
    name = column.name
    wrong = np.zeros(len(table), dtype=bool)
    if column.kind == "flag":
        return table.flags(name, findings), wrong
    if column.kind == "text":
        texts = table.labels(name, findings)
        known = {choice.casefold(): choice for choice in column.choices}
        for i, text in enumerate(texts):
            if not text:
                if column.filled:
                    wrong[i] = True
                    table.complain(findings, name, i, column.expected())
            elif known:
                wrong[i] = text.casefold() not in known
                if wrong[i]:
                    table.complain(findings, name, i, column.expected())
                texts[i] = known.get(text.casefold(), "")
        return texts, wrong
    values, bad = table.numbers(name, findings, column.expected())
    wrong = ~bad & ((values < column.low) | (values > column.high))
    if column.positive:
        wrong |= ~bad & (values <= 0)
    if column.kind == "whole":
        wrong |= ~bad & np.isfinite(values) & (values != np.rint(values))
    if column.filled:
        wrong |= ~bad & np.isnan(values)
    for i in np.flatnonzero(wrong).tolist():
        table.complain(findings, name, i, column.expected())
    wrong |= bad
    return (np.where(wrong, np.nan, values) if wrong.any() else values), wrong


def _once(table: Table, columns: Mapping[str, Sequence[Any]], spoilt: Mapping[str, Flags], findings: Findings) -> None:
    """Find rows that say the same thing twice; a cell that cannot be used is like no other."""
    seen: dict[tuple[str, ...], int] = {}
    usable = ~np.any([spoilt[name] for name in columns], axis=0)
    keys = zip(*(map(str, columns[name]) for name in columns), strict=True)
    for i, key in enumerate(keys):
        if not usable[i]:
            continue
        if key in seen:
            first = table.rows[seen[key]]
            findings.problem(f"{table.place([*columns][-1], i)}: row {first} has the same {', '.join(columns)}")
        else:
            seen[key] = i


def handed_on(
    result: pandas.DataFrame, table: pandas.DataFrame, used: Iterable[str], by: str = "subject"
) -> pandas.DataFrame:
    """Return a result with what else the table says of each patient: the columns that are the same in all of its rows.

    Parameters
    ----------
    result : DataFrame
        With a column `by`.
    table : DataFrame
        What it was made of.
    used : iterable of str
        Columns that the verb reads, or that belong to single rows.
    by : str
        Column of the patients.
    """
    others = [name for name in table if name not in {*result, *used, by, "row"}]
    if not others or not len(result):
        return result
    groups = table[by].map(str)
    same = [name for name in others if (table[name].map(str).groupby(groups, sort=False).nunique() == 1).all()]
    found = result.merge(table.drop_duplicates(by)[[by, *same]], on=by, how="left")
    found.attrs.update(result.attrs)
    return found


def known_subjects(asked: Iterable[Any], there: Iterable[Any], what: str) -> list[str]:
    """Return a problem for every subject of one table that another does not know, at most five with names."""
    others = {*there}
    lacking = [name for name in dict.fromkeys(asked) if name not in others]
    return [f"{what} have no row of subject {few(lacking)}"] if lacking else []
