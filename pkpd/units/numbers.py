"""Numbers, and texts that hold them, from one unit to another."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from pkpd.errors import InputError
from pkpd.units.exchange import without_logarithm
from pkpd.units.factors import factor
from pkpd.units.scaling import times_ratio

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_LABEL = re.compile(rf"({_NUMBER}|-?inf)(?:–({_NUMBER}|inf|end))?")


def changed(values: Any, old: str, new: str) -> Any:
    """Return values in another unit.

    Parameters
    ----------
    values : array or number
        Numbers, or labels such as ``"0–24"``; other texts stay.
    old, new : str
        Units; of logarithms both ``ln(…)``.

    Raises
    ------
    InputError
        If the values are neither.
    """
    (inner, log), (target, _) = without_logarithm(old), without_logarithm(new)
    ratio = factor(inner, target)
    kind = getattr(getattr(values, "dtype", None), "kind", "f" if isinstance(values, float | int) else "")
    if kind in "fiu" and kind:
        return values + math.log(ratio) if log else times_ratio(values, ratio)
    if kind in "OUT" and kind:
        cells = [_cell(one, ratio) for one in np.asarray(values, dtype=object).ravel().tolist()]
        found = np.empty(len(cells), dtype=object)
        found[:] = cells
        return found.reshape(np.shape(values)) if kind == "O" else found.reshape(np.shape(values)).astype(str)
    raise InputError(f"has the unit {old} and no numbers")


def _cell(value: Any, ratio: float) -> Any:
    """One label, or a number among objects."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return times_ratio(float(value), ratio)
    match = _LABEL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    return "–".join(_number(part, ratio) for part in match.groups() if part is not None)


def _number(text: str, ratio: float) -> str:
    """A number in a label; "inf" and "end" stay."""
    if text.strip("-").isalpha():
        return text
    number = times_ratio(float(text), ratio)
    short = f"{number:.15g}"
    return short if float(short) == number else repr(number)  # the way back leads to the same label
