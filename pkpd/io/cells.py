"""One cell of somebody's table: is it missing, and which number, flag or label does it hold?"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

import numpy as np
import pandas

from pkpd.arrays import Array

Answer = TypeVar("Answer")
MISSING = frozenset({"", ".", "na", "n/a", "nan", "none", "null", "<na>", "nat", "missing"})
"""Texts, in lower case, that stand for an empty cell."""

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMERIC = re.compile(rf"{NUMBER}|[+-]?inf(?:inity)?", re.IGNORECASE | re.ASCII)
_WHOLE = re.compile(r"(-?\d+)\.0*", re.ASCII)
_PRINTED = re.compile(r"-?\d\.\d{3,}[eE][+-]\d{2,3}", re.ASCII)  # a number as Fortran prints it, no name
_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
_PLAIN = {str, int, float, bool, type(None)}
_YES = frozenset({"1", "true", "t", "yes", "y", "x", "blq", "bql", "bloq", "alq"})
_NO = frozenset({"0", "false", "f", "no", "n", "-"})


def of_each(function: Callable[[object], Answer], cells: Sequence[object]) -> list[Answer]:
    """Return what a function says of every cell; where cells are plain, equal ones are looked at once.

    The function must not tell 0.0 from −0.0.
    """
    kinds = {*map(type, cells)}
    # 1, 1.0 and True are equal: of numbers there may be one kind only.
    if kinds <= _PLAIN and len(kinds - {str, type(None)}) <= 1:
        said = {cell: function(cell) for cell in {*cells}}
        return [*map(said.__getitem__, cells)]
    return [*map(function, cells)]


def plain_numbers(cells: Sequence[object]) -> Array | None:
    """Return cells as numbers if all are floats or integers, none of them infinite; NaN is an empty cell."""
    if not {*map(type, cells)} <= {int, float}:
        return None
    try:
        values = np.array(cells, dtype=float)
    except OverflowError:
        return None
    return None if np.isinf(values).any() else values


def is_missing(cell: object) -> bool:
    """Say whether a cell is empty: None, NaN, NaT, an empty text, ``.``, ``NA`` or ``missing``."""
    if cell is None or cell is pandas.NA or cell is pandas.NaT:
        return True
    if isinstance(cell, str):
        return cell.strip().casefold() in MISSING
    if isinstance(cell, (float, np.floating)):
        return math.isnan(cell)
    if isinstance(cell, Decimal):
        return cell.is_nan()
    return isinstance(cell, (np.datetime64, np.timedelta64)) and bool(np.isnat(cell))


def number(cell: object) -> float | None:
    """Return the number in a cell, NaN when the cell is empty, None when it holds something else."""
    if type(cell) is float:
        return cell
    if is_missing(cell):
        return math.nan
    if isinstance(cell, str):
        text = cell.strip()
        return float(text) if _NUMERIC.fullmatch(text) else None
    if isinstance(cell, (bool, np.bool_)) or not isinstance(
        cell, (int, float, np.integer, np.floating, Decimal, Fraction)
    ):
        return None
    try:
        return float(cell)
    except OverflowError:
        return math.inf


def flag(cell: object) -> bool | None:
    """Return the yes or no in a cell, None when it holds something else; an empty cell is a no."""
    if is_missing(cell):
        return False
    if isinstance(cell, (bool, np.bool_)):
        return bool(cell)
    value = number(cell)
    if value is not None:
        return bool(value) if value in (0.0, 1.0) else None
    text = cell.strip().casefold() if isinstance(cell, str) else ""
    return True if text in _YES else False if text in _NO else None


def label(cell: object) -> str | None:
    """Return the text of an identifier, "" when the cell is empty, None when it is neither number nor text.

    A whole number is written without decimals however it was stored, so that 7, 7.0 and "7" are the same subject.
    """
    if type(cell) is int:
        return str(cell) if abs(cell) < 10**30 else None
    if is_missing(cell):
        return ""
    if isinstance(cell, str):
        text = cell.strip()
        whole = _WHOLE.fullmatch(text)
        if whole:
            return whole[1]
        return label(float(text)) if _PRINTED.fullmatch(text) and float(text).is_integer() else text
    if isinstance(cell, (bool, np.bool_)) or not isinstance(cell, (int, float, np.integer, np.floating, Decimal)):
        return None
    if isinstance(cell, (int, np.integer)):
        return str(int(cell)) if abs(int(cell)) < 10**30 else None  # Python refuses to print very long integers
    value = float(cell)
    if not math.isfinite(value):
        return None
    return str(int(value)) if value.is_integer() and abs(value) < 1e18 else repr(value)


def all_integers(labels: Iterable[str]) -> bool:
    """Say whether every label is a plain integer; ``007`` is not one: its zeros would be lost."""
    return all(_INTEGER.fullmatch(text) for text in labels)
