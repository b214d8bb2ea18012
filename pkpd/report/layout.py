"""Tables as text that fits a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

WIDTH = 100
"""Most characters of a line of the job's output."""
_GAP = "  "
_NARROWEST = 8


def table_text(title: str, table: pandas.DataFrame, width: int = WIDTH) -> str:
    """Return a table as lines of text below its title; cells that are too long go on in the next line.

    Parameters
    ----------
    title : str
        What stands above it.
    table : DataFrame
        With a named index, which is the first column.
    width : int
        Most characters of a line. Only a single word that is longer than its column goes beyond.
    """
    cells = [[str(c) for c in (table.index.name, *table.columns)]]
    cells += [[str(c) for c in row] for row in table.itertuples()]
    widths = column_widths(cells, width)
    lines = [_row(row, widths) for row in cells]
    rule = "─" * max(len(line) for row in lines for line in row)
    return "\n".join([title, rule, *lines[0], rule, *(line for row in lines[1:] for line in row), ""])


def column_widths(cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the width of each column: what its cells ask for, and less of the widest where a line is too long.

    No column is made narrower than its longest word: numbers stay whole.

    Parameters
    ----------
    cells : sequence of sequence of str
        Rows of equally many cells.
    width : int
        Most characters of a line.
    """
    columns = list(zip(*cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    words = [max((len(w) for cell in column for w in cell.split()), default=1) for column in columns]
    least = [min(own, max(word, _NARROWEST)) for own, word in zip(widths, words, strict=True)]
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and any(own > low for own, low in zip(widths, least, strict=True)):
        widest = max((k for k in range(len(widths)) if widths[k] > least[k]), key=lambda k: widths[k])
        widths[widest] -= 1
    return widths


def _row(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """One row of a table as one line or more."""
    parts = [textwrap.wrap(c, w, break_long_words=False, break_on_hyphens=False) or [""]
             for c, w in zip(row, widths, strict=True)]  # fmt: skip
    if len(parts[0]) > 1 and max(map(len, row[0].split())) <= widths[0] - 2:  # so that one sees where a row begins
        parts[0] = textwrap.wrap(
            row[0], widths[0], break_long_words=False, break_on_hyphens=False, subsequent_indent="  "
        )
    height = max(map(len, parts))
    full = [part + [""] * (height - len(part)) for part in parts]
    lines = zip(*full, strict=True)
    return [_GAP.join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]


def paragraph(text: str, width: int = WIDTH) -> str:
    """Return lines of text indented by two, each wrapped to the width.

    Parameters
    ----------
    text : str
        Lines.
    width : int
        Most characters of a line.
    """
    wrapper = textwrap.TextWrapper(
        width, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(map(wrapper.fill, text.splitlines())) + "\n"
