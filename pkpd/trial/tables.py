"""The plain tables of a trial: one row a laboratory value, an event, a scan; checked once, every problem at once.

A verb of the trial layer says with `Column`s what it reads. A table may have other columns: they are kept as they came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.errors import MOST_NAMES, InputError, few, nearest
from pkpd.io.cells import all_integers
from pkpd.io.findings import Findings, shown
from pkpd.io.table import Table, load

if TYPE_CHECKING:
    import pandas

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
) -> pandas.DataFrame:
    """Return a table with our column names and types, and ``row``: where each row stood, from 1 below the header.

    Parameters
    ----------
    source : DataFrame, path, or mapping of column to values
        The table.
    columns : sequence of Column
        What it must and may hold.
    what : str
        What it is, for messages: ``"scans"``.
    named : mapping, optional
        Our name → its heading, where it is none of those that are known.
    unique : sequence of str
        Columns that together name a row once.

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
    found: dict[str, Any] = {}
    for column in columns:
        if column.name in where:
            found[column.name] = _values(table, column, findings)
    if not findings.problems and unique:
        _once(table, [name for name in unique if name in found], findings)
    if findings.problems:
        raise InputError(findings.problems, what)
    if "subject" in found and all_integers(found["subject"]):
        found["subject"] = [int(name) for name in found["subject"]]
    taken = {*where.values()}
    others = {h: cells[k] for k, h in reversed([*enumerate(headings)]) if k not in taken and h not in (*found, "row")}
    # All at once: a result of NCA has more than a hundred columns, and each that is added alone copies the table.
    return pandas.DataFrame({**found, "row": np.arange(1, len(table) + 1), **dict(reversed(others.items()))})


def _frame_of(source: Mapping[str, Any], what: str) -> pandas.DataFrame:
    import pandas

    try:
        return pandas.DataFrame(dict(source))
    except (ValueError, TypeError) as error:
        raise InputError(f"the columns make no table ({error})", what) from None


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


def _values(table: Table, column: Column, findings: Findings) -> Any:
    """The cells of one column as what they mean."""
    name = column.name
    if column.kind == "flag":
        return table.flags(name, findings)
    if column.kind == "text":
        texts = table.labels(name, findings)
        known = {choice.casefold(): choice for choice in column.choices}
        for i, text in enumerate(texts):
            if not text:
                if column.filled:
                    table.complain(findings, name, i, column.expected())
            elif known:
                if text.casefold() not in known:
                    table.complain(findings, name, i, column.expected())
                else:
                    texts[i] = known[text.casefold()]
        return texts
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
    return values


def _once(table: Table, names: Sequence[str], findings: Findings) -> None:
    """Find rows that say the same thing twice."""
    seen: dict[tuple[str, ...], int] = {}
    for i in range(len(table)):
        key = tuple(str(table.cell(name, i)) for name in names)
        if key in seen:
            first = table.rows[seen[key]]
            findings.problem(f"{table.place(names[-1], i)}: row {first} has the same {', '.join(names)}")
        else:
            seen[key] = i


def known_subjects(asked: Iterable[Any], there: Iterable[Any], what: str) -> list[str]:
    """Return a problem for every subject of one table that another does not know, at most five with names."""
    others = {*there}
    lacking = [name for name in dict.fromkeys(asked) if name not in others]
    return [f"{what} have no row of subject {few(lacking)}"] if lacking else []
