"""A row of units below the headings: ``time, conc`` over ``h, ng/mL``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pkpd.io.cells import is_missing, number
from pkpd.io.findings import Findings, shown
from pkpd.io.headings import is_unit, split_unit, unit_of

_BRACKETS = re.compile(r"\s*[\[(]\s*(.*?)\s*[\])]\s*")
_NONE = frozenset({"-", "--", "–", "none", "unitless", "no unit", "text", "n/a", "id", "#", "(-)", "[]", "()"})
_AMOUNT = re.compile(r"[+-]?\d[\d.,]*\s*(?!e\d)[a-zµμ%]", re.IGNORECASE)  # 12 mg; not 10^9/L, 1/h, 10E9/L
_LETTER = re.compile(r"[^\W\d_]|[%‰°]")  # 2014-13-41 has none
_LOOKED_AT = 20  # rows by which a column is known to be of numbers


def with_units_row(
    name: str, headings: Sequence[str], columns: Sequence[list[object]], findings: Findings
) -> tuple[list[str], list[list[object]]]:
    """Return headings that carry the units of a first row which holds nothing but units, and the rows below it.

    Such a row has a unit or nothing in every cell, one unit at least, and numbers below every unit.

    Parameters
    ----------
    name : str
        What the table is called in messages.
    headings : sequence of str
        The headings.
    columns : sequence of list
        Cells by column.
    findings : Findings
        Where the line goes.
    """
    if len(columns[0]) < 2:
        return list(headings), list(columns)
    units = [_unit(cells[0]) for cells in columns]
    given = [k for k, unit in enumerate(units) if unit]
    if not given or None in units or not all(_of_numbers(columns[k]) for k in given):
        return list(headings), list(columns)
    named = [
        f"{heading} [{unit}]" if unit and not split_unit(heading)[1] else heading
        for heading, unit in zip(headings, units, strict=True)
    ]
    told = ", ".join(shown(named[k]) for k in given)
    findings.altered(f"{name}: the first row is of units ({told}); rows are counted from the one below it")
    return named, [cells[1:] for cells in columns]


def _unit(cell: object) -> str | None:
    """The unit in a cell, "" if it is empty or says that there is none, None if it is something else."""
    if is_missing(cell):
        return ""
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    if text.casefold() in _NONE:
        return ""
    if number(text) is not None or _AMOUNT.match(text) or not _LETTER.search(text):
        return None
    match = _BRACKETS.fullmatch(text)
    text = match[1] if match else text
    return (text if is_unit(text) else unit_of(text)) or None


def _of_numbers(cells: Sequence[object]) -> bool:
    below = [cell for cell in cells[1 : _LOOKED_AT + 1] if not is_missing(cell)]
    return 2 * sum(bool(re.match(r"\s*[<>]?\s*[+-]?[\d.]", str(cell))) for cell in below) >= len(below) > 0
