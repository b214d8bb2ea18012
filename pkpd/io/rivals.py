"""Two headings that could mean the same column: who decides, and what is said when nobody can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pkpd.io.cells import is_missing, label, number
from pkpd.io.findings import Findings, say

Cells = Sequence[Sequence[object]]


class Rival(NamedTuple):
    """A heading that could mean a column: whether the user gave it this meaning, and whether it has that name."""

    heading: str
    told: bool
    plain: bool


def choose_heading(
    table: str, column: str, rivals: Sequence[Rival], cells: Cells, findings: Findings
) -> tuple[int, list[int]]:
    """Return which of several headings means a column, and which say the same, by their places.

    One that the user has named comes first. Headings that say the same in every row are no choice; identifiers that
    name the same subjects, and codes that name the same analytes, are none either. Where nobody can decide, that is a
    problem.

    Parameters
    ----------
    table, column : str
        The table, for messages, and the column that is meant.
    rivals : sequence of Rival
        The headings.
    cells : sequence of columns
        What stands under each.
    findings : Findings
        Where problems and notes go.
    """
    named = [k for k, rival in enumerate(rivals) if rival.told]
    # Of equals a name is kept before a code, and our own heading before another.
    coded = [column == "analyte" and all(number(cell) is not None for cell in own) for own in cells]
    among = sorted(named or range(len(rivals)), key=lambda k: (coded[k], not rivals[k].plain))
    first, *others = among
    agree = _name_the_same if column in ("subject", "analyte") else _say_the_same
    if not all(agree(cells[first], cells[k]) for k in others):
        same = [rivals[k].heading for k in sorted(among)]
        shown = ", ".join(map(repr, same))
        findings.problem(
            f"{table}: the columns {shown} could each be {column!r}; say which with {say(same[0], column)}; the others "
            "are then columns like any other ('drop' leaves one out)"
        )
    elif others:
        rest = ", ".join(repr(rivals[k].heading) for k in others)
        findings.fact(f"{table}: {rest} says the same as {rivals[first].heading!r}, which is read as {column!r}")
    return first, others


def _say_the_same(cells: Sequence[object], others: Sequence[object]) -> bool:
    return all(map(_equal, cells, others))


def _equal(cell: object, other: object) -> bool:
    if is_missing(cell) or is_missing(other):
        return is_missing(cell) and is_missing(other)
    a, b = number(cell), number(other)
    if a is not None and b is not None:
        return a == b
    return (label(cell) or str(cell)) == (label(other) or str(other))


def _name_the_same(cells: Sequence[object], others: Sequence[object]) -> bool:
    """Whether two columns of identifiers tell the same subjects apart."""
    pairs = {(label(cell), label(other)) for cell, other in zip(cells, others, strict=True)}
    return len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
