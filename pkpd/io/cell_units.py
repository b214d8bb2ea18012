"""Units that stand in the cells: ``10 mg`` in the column of doses is 10, and the column is in mg."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pkpd.errors import few
from pkpd.io.cells import NUMBER, is_missing
from pkpd.io.findings import Findings
from pkpd.io.headings import fold, of_kind, split_heading, unit_of
from pkpd.io.table import Columns

_WITH_UNIT = re.compile(rf"([<>]?=?\s*{NUMBER})\s*([^\d\s,.;<>=+-][^,;<>=]*)", re.ASCII)


def without_cell_units(name: str, loaded: Columns, words: Mapping[str, str], findings: Findings) -> Columns:
    """Return a table in which columns known here hold numbers, and their headings the one unit of all their cells.

    A column of other names keeps its texts: ``100 mg`` is the name of a group.

    Parameters
    ----------
    name : str
        What the table is called.
    loaded : tuple
        Headings and columns.
    words : mapping
        Folded spellings and the column each one means.
    findings : Findings
        Where the line goes.
    """
    headings, columns = list(loaded[0]), list(loaded[1])
    for k, (heading, cells) in enumerate(zip(headings, columns, strict=True)):
        column = words.get(fold(heading), "")
        if not column or split_heading(heading, words)[1] or not any(isinstance(cell, str) for cell in cells):
            continue
        told = [_WITH_UNIT.fullmatch(cell.strip()) if isinstance(cell, str) else None
                for cell in cells if not is_missing(cell)]  # fmt: skip
        units = {unit_of(match[2].strip()) or match[2].strip() for match in told if match is not None}
        if not told or None in told or not all(of_kind(column, unit) for unit in units):
            continue
        if len(units) > 1:
            findings.problem(f"{name}: the cells of '{heading}' are in {few(sorted(units))}; expected one unit")
            continue
        unit = units.pop()
        columns[k] = [cell if is_missing(cell) else _WITH_UNIT.fullmatch(str(cell).strip())[1] for cell in cells]  # type: ignore[index]
        headings[k] = f"{heading} [{unit}]"
        findings.altered(f"{name}: the cells of '{heading}' are numbers with the unit {unit}; read as '{headings[k]}'")
    return headings, columns
