"""Numbers with commas: ``0,5`` where the comma is the decimal sign, ``1,177.32`` where it parts thousands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pkpd.io.cells import is_missing, number
from pkpd.io.findings import Findings, shown

_SIGN = r"(?P<sign>\s*[<>]?=?\s*[+-]?)"
_DECIMAL = re.compile(
    rf"{_SIGN}(?P<whole>\d+|\d{{1,3}}(?:\.\d{{3}})+),(?P<rest>\d+)(?P<e>(?:[eE][+-]?\d+)?)\s*", re.ASCII
)
_THOUSANDS = re.compile(rf"{_SIGN}(?P<whole>[1-9]\d{{0,2}}(?:,\d{{3}})+)(?P<rest>(?:\.\d*)?)\s*", re.ASCII)
_POINT = re.compile(r"\s*[<>]?=?\s*[+-]?(?:\d*\.\d+|\d+\.\d*)(?:[eE][+-]?\d+)?\s*", re.ASCII)
_FEWEST = 2  # cells with a comma by which a column is known to write its decimals so


def with_points(
    name: str, headings: Sequence[str], columns: Sequence[list[object]], findings: Findings
) -> list[list[object]]:
    """Return the columns with numbers as Python writes them, where what the commas mean is beyond doubt.

    ``1,177.32`` and ``1,234,567`` can only part thousands. ``0,5`` and ``1.177,32`` can only be decimals, if at least
    two cells are written so and no cell of the table has a decimal point. ``1,177`` follows the other cells of the
    table: decimals if others have a decimal comma, thousands if others have a decimal point. Alone it stays as it is,
    and is a problem where a number is needed.

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
    texts = [k for k, cells in enumerate(columns) if any(isinstance(cell, str) and "," in cell for cell in cells)]
    meant = [k for k in texts if _mostly_numbers(columns[k])]
    if not meant:
        return list(columns)
    commas = [cell for k in meant for cell in columns[k] if isinstance(cell, str) and "," in cell]
    decimals = [cell for cell in commas if _DECIMAL.fullmatch(cell) and not _THOUSANDS.fullmatch(cell)]
    points = any(_has_point(cell) for cells in columns for cell in cells)
    certain = any("." in cell or cell.count(",") > 1 for cell in commas if _THOUSANDS.fullmatch(cell))
    if decimals and not points and not certain and len(commas) >= _FEWEST:
        pattern, comma = _DECIMAL, "."
    elif not decimals and (points or certain):
        pattern, comma = _THOUSANDS, ""
    else:
        return list(columns)
    result = list(columns)
    for k in meant:
        cells = [_written(cell, pattern, comma) for cell in columns[k]]
        changed = [i for i, (a, b) in enumerate(zip(cells, columns[k], strict=True)) if a is not b]
        if changed:
            what = "a decimal comma" if comma else "commas between thousands"
            first = columns[k][changed[0]]
            findings.altered(
                f"{name}: {len(changed)} cells of '{headings[k]}' have {what} ({shown(first)} is {cells[changed[0]]})"
            )
            result[k] = cells
    return result


def either(cell: object) -> str:
    """What a cell such as ``1,177`` could be, as a hint behind a problem; "" if it is none."""
    if isinstance(cell, str) and (_DECIMAL.fullmatch(cell) or _THOUSANDS.fullmatch(cell)):
        return (
            " (a comma may be a decimal sign or part thousands: say which with pandas.read_csv(path, decimal=',') "
            "or thousands=',')"
        )
    return ""


def _mostly_numbers(cells: Sequence[object]) -> bool:
    """Whether at least half of what a column holds are numbers, with or without commas."""
    filled = [cell for cell in cells if not is_missing(cell)]
    like = sum(
        number(cell) is not None
        or (isinstance(cell, str) and bool(_DECIMAL.fullmatch(cell) or _THOUSANDS.fullmatch(cell)))
        for cell in filled
    )
    return 2 * like >= len(filled) > 0


def _has_point(cell: object) -> bool:
    if isinstance(cell, str):
        return _POINT.fullmatch(cell) is not None
    return isinstance(cell, float) and not is_missing(cell) and not cell.is_integer()


def _written(cell: object, pattern: re.Pattern[str], comma: str) -> object:
    match = pattern.fullmatch(cell) if isinstance(cell, str) else None
    if match is None:
        return cell
    if comma:
        return f"{match['sign']}{match['whole'].replace('.', '')}.{match['rest']}{match['e']}".strip()
    return f"{match['sign']}{match['whole'].replace(',', '')}{match['rest']}".strip()
