"""Rows that a table itself marks as not to be read: NONMEM's IGNORE, and columns such as C or EXCLUDE."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from pkpd.io.cells import flag, is_missing, number
from pkpd.io.columns import fold
from pkpd.io.findings import Findings
from pkpd.io.table import Table

_MARKS = frozenset({"c", "#", "@", "i", "ign", "ignore", "x"})
"""Texts, in lower case, that mark a row in a column of marks."""
_OF_MARKS = frozenset({"c", "", "com", "comm", "ign"})
"""Headings of columns of marks, folded; what else such a column holds leaves it a column like any other."""
_OF_FLAGS = frozenset({"ignore", "ignored", "excl", "exclude", "excluded", "exclusion", "omit", "omitted", "skip"})
"""Headings that say yes or no, folded."""


def without_ignored(
    table: Table, named: Collection[str], findings: Findings, first: str = "", flags: bool = False
) -> Table:
    """Return a table without the rows that it marks, and without the column of marks; the rows are counted.

    Parameters
    ----------
    table : Table
        Rows.
    named : collection of str
        Names in `units`: a column C may hold concentrations.
    findings : Findings
        Where the count goes.
    first : str
        Of a NONMEM data set, its first column: a row that begins with ``#`` or ``@`` is ignored.
    flags : bool
        Whether rows with a yes under a heading such as EXCLUDE are left out, too (a sample is set aside instead).
    """
    taken = {fold(name) for name in named}
    gone: dict[int, str] = {}
    columns = dict(table.columns)
    for key in table.extras:
        marked = None if fold(key) in taken else _marked(fold(key), table.columns[key], flags)
        if marked is not None:
            gone.update(dict.fromkeys(marked, table.headings.get(key, key)))
            del columns[key]
    if first:
        heading = table.headings.get(first, first)
        gone.update({i: heading for i, cell in enumerate(table.columns[first]) if _is_comment(cell)})
    if len(columns) < len(table.columns):
        table = replace(table, columns=columns, extras=tuple(key for key in table.extras if key in columns))
    if not gone:
        return table
    for heading in dict.fromkeys(gone.values()):
        rows = [table.rows[i] for i, column in sorted(gone.items()) if column == heading]
        shown = ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
        findings.altered(
            f"{table.name}: {len(rows)} rows are marked in the column '{heading}' and were left out ({shown})"
        )
    return table.take([i for i in range(len(table)) if i not in gone])


def _is_comment(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip()[:1] in ("#", "@") and cell.strip() != ""


def _marked(heading: str, cells: Sequence[object], flags: bool) -> list[int] | None:
    """The rows that a column marks; None where it is no column of marks."""
    if heading in _OF_FLAGS and flags:
        said = [flag(cell) for cell in cells]
        return None if None in said else [i for i, yes in enumerate(said) if yes]
    if heading not in _OF_MARKS:
        return None
    filled = [i for i, cell in enumerate(cells) if not is_missing(cell)]
    marked = [i for i in filled if isinstance(cells[i], str) and str(cells[i]).strip().casefold() in _MARKS]
    rest = [i for i in filled if i not in set(marked) and number(cells[i]) != 0]
    return marked if marked and not rest else None
