"""Columns of a table as covariates: numbers as they are, words as a column per level against the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.errors import InputError, few, nearest, shown, warn
from pkpd.io.cells import is_missing, label, number

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Covariates:
    """The design matrix.

    Attributes
    ----------
    x : array, shape (rows, columns)
        Of the rows that are complete.
    names : tuple of str
        Of the columns; ``"arm: B"`` is level B of arm.
    terms : tuple of str
        The column of the table from which each comes.
    complete : array of bool
        Which rows of the table are used.
    """

    x: Array
    names: tuple[str, ...]
    terms: tuple[str, ...]
    complete: Flags


def covariates_of(
    table: pandas.DataFrame, columns: Sequence[str], reference: Mapping[str, Any], what: str
) -> Covariates:
    """Return the covariates of a table, in columns that say something each.

    Parameters
    ----------
    table : DataFrame
        Which has the columns.
    columns : sequence of str
        The covariates.
    reference : mapping
        Covariate → the level with which the others are compared; else the first in order.
    what : str
        Who asks, for messages.

    Raises
    ------
    InputError
        If a covariate is the same in all rows, or a combination of others; if a reference does not exist.
    """
    problems = [f"reference of {name!r}, which is no covariate; {nearest(name, columns)}"
                for name in reference if name not in columns]  # fmt: skip
    if not columns:
        problems.append("no covariate is named; expected at least one")
    problems += [problem for name in dict.fromkeys(columns) for problem in odd_cells(table, name, reference)]
    if problems:
        raise InputError(problems, what)
    parts: list[tuple[str, str, Array]] = []
    complete = np.ones(len(table), dtype=bool)
    lacking: list[str] = []
    for name in dict.fromkeys(columns):
        cells = table[name].tolist()
        missing = np.array([is_missing(cell) for cell in cells])
        complete &= ~missing
        lacking += [name] if missing.any() else []
        numbers = [None if lost else _number(cell) for cell, lost in zip(cells, missing, strict=True)]
        if all(value is not None for value, lost in zip(numbers, missing, strict=True) if not lost) and (
            name not in reference
        ):
            parts.append((name, name, np.array([np.nan if value is None else value for value in numbers])))
            continue
        texts = ["" if lost else (label(cell) or str(cell)) for cell, lost in zip(cells, missing, strict=True)]
        levels = sorted({text for text in texts if text})
        if len(levels) > 20:
            problems.append(
                f"covariate {name!r} has {len(levels)} levels ({few(levels)}); expected numbers or ≤ 20 words"
            )
            continue
        first = label(reference[name]) if name in reference else (levels[0] if levels else "")
        if first not in levels:
            problems.append(f"reference {shown(reference.get(name, first))} of {name!r}; "
                            f"{nearest(first, levels)}")  # fmt: skip
            continue
        parts += [(f"{name}: {level}", name, np.array([float(text == level) for text in texts]))
                  for level in levels if level != first]  # fmt: skip
        if len(levels) < 2:
            problems.append(f"covariate {name!r} is {first!r} in all rows; it can explain nothing")
    if not problems and not complete.any():
        problems.append("no row has all covariates")
    if problems:
        raise InputError(problems, what)
    x = np.column_stack([column for *_, column in parts])[complete]
    with np.errstate(over="ignore"):
        width = np.ptp(x, axis=0)
    for (name, _, _), column, reach in zip(parts, x.T, width, strict=True):
        if reach == 0:
            problems.append(f"covariate {name!r} is {column[0]:g} in all rows; it can explain nothing")
        elif not np.isfinite(reach):
            problems.append(f"covariate {name!r} has numbers that are not finite")
    if not problems:
        scaled = (x - x.min(axis=0)) / width  # first, so that squares of huge numbers stay finite
        scaled = (scaled - scaled.mean(axis=0)) / scaled.std(axis=0)
        _, r = np.linalg.qr(scaled) if len(x) >= x.shape[1] else (None, np.zeros((x.shape[1],) * 2))
        problems += [f"covariate {parts[k][0]!r} is a combination of those before it"
                     for k in np.flatnonzero(np.abs(np.diag(r)) < 1e-8 * np.sqrt(len(x)))]  # fmt: skip
    if problems:
        raise InputError(problems, what)
    if not complete.all():
        warn(f"{int((~complete).sum())} of {len(table)} rows lack a covariate ({', '.join(lacking)}); left out")
    return Covariates(x, tuple(p[0] for p in parts), tuple(p[1] for p in parts), complete)


def _number(cell: Any) -> float | None:
    return float(cell) if isinstance(cell, (bool, np.bool_)) else number(cell)


def odd_cells(table: pandas.DataFrame, name: str, reference: Mapping[str, Any]) -> list[str]:
    """Return a problem for every word among the numbers of a covariate, and for every number above 1e100.

    A typing error would otherwise make levels of all numbers. Whoever wants levels names the reference.
    """
    if name in reference or name not in table:
        return []
    cells = [(row, cell, _number(cell)) for row, cell in zip(table["row"], table[name].tolist(), strict=True)
             if not is_missing(cell)]  # fmt: skip
    if all(value is None for _, _, value in cells):
        return []
    wanted = f"a number as in other rows, or levels throughout (reference={{{name!r}: …}})"
    return [f"row {row}, covariate {name}: {shown(cell)}; expected {wanted}"
            for row, cell, value in cells if value is None or not abs(value) <= 1e100]  # fmt: skip
