"""Cells that are meant as numbers and are none: ``1,5``, ``1 000``, ``<5``, ``#N/A``, ``1e400``, full-width digits."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from pkpd.io.cells import is_missing, number, plain_numbers
from pkpd.io.findings import Findings, say, shown
from pkpd.io.table import Table

_MEANT = re.compile(
    r"[<>≤≥~]?=?\s*[+-]?\d[\d.,_'’ \u00a0]*(?:[eEdD][+-]?\d+)?"  # commas, spaces and signs of comparison
    r"|[+-]?0x[0-9a-f]+|#[\w/!?]+|[-–—?*]+",
    re.IGNORECASE,
)
_CLASS = re.compile(r"\s*[<>≤≥]")
_MOST = 5  # cells of one column that are named


def is_spoilt(cell: object) -> bool:
    """Say whether a cell looks like a number and is none, or is one that is not finite."""
    if is_missing(cell):
        return False
    value = number(cell)
    if value is not None:
        return math.isinf(value)
    return isinstance(cell, str) and _MEANT.fullmatch(unicodedata.normalize("NFKC", cell).strip()) is not None


def report_spoilt(columns: Sequence[tuple[Table, str]], findings: Findings) -> bool:
    """Report spoilt cells of a covariate that is numbers in more than half of its cells; return whether there are any.

    Parameters
    ----------
    columns : sequence of (Table, str)
        The tables that have the covariate, and its column in each.
    findings : Findings
        Where problems go.
    """
    bad: list[tuple[Table, str, int]] = []
    filled = numbers = 0
    for table, key in columns:
        cells = table.columns[key]
        plain = plain_numbers(cells)
        if plain is not None:
            known = int((~np.isnan(plain)).sum())
            filled, numbers = filled + known, numbers + known
            continue
        for i, cell in enumerate(cells):
            if is_missing(cell):
                continue
            filled += 1
            value = number(cell)
            if value is not None and math.isfinite(value):
                numbers += 1
            elif is_spoilt(cell):
                bad.append((table, key, i))
    if not numbers:  # classes such as '< 50' and '>= 50' are names
        bad = [(t, key, i) for t, key, i in bad if not _CLASS.match(str(t.columns[key][i]))]
    infinite = [(t, key, i) for t, key, i in bad if number(t.columns[key][i]) is not None]
    if 2 * (numbers + len(bad)) <= filled:
        bad = infinite
    for table, key, i in bad[:_MOST]:
        heading = table.headings.get(key, key)
        findings.problem(
            f"{table.place(key, i)}: {shown(table.columns[key][i])}; expected a finite number such as 1.5 or an empty "
            f"cell ({say(heading, 'drop')} leaves the column out)"
        )
    if len(bad) > _MOST:
        table, key, _ = bad[0]
        findings.problem(
            f"{table.name}, column '{table.headings.get(key, key)}': and {len(bad) - _MOST} more such cells"
        )
    return bool(bad)
