"""The order of groups as one would write it down: placebo, then doses by their size, then names with their numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from pkpd.arguments import checked

__all__ = ["ordered", "place_of"]

_UNDOSED = re.compile(r"\W*(placebo|vehicle|untreated|undosed|sham|saline|control)\b", re.IGNORECASE)
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)(?:e[+-]?\d+)?"
_PARTS = re.compile(rf"((?:^\s*[-−+])?{_NUMBER})\s*([a-zµμ]+(?:/[a-zµμ0-9^²]+)*)?", re.IGNORECASE)
_PREFIXES = {"": 1.0, "k": 1e3, "m": 1e-3, "u": 1e-6, "mc": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_TIMES = {
    "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "hr": 3600.0, "d": 86400.0, "day": 86400.0, "wk": 604800.0,
    "week": 604800.0, "month": 2629800.0, "y": 31557600.0, "yr": 31557600.0, "year": 31557600.0,
}  # fmt: skip
_SIZES = {f"{prefix}{unit}": (unit, size) for unit in ("g", "mol", "iu", "u", "l", "bq", "ci")
          for prefix, size in _PREFIXES.items()} | {name: ("s", size) for name, size in _TIMES.items()}  # fmt: skip
_FIRST, _NUMBERS, _TEXTS, _LAST = range(4)
Place = tuple[Any, ...]


@checked
def ordered(labels: Iterable[Any]) -> list[Any]:
    """Return the different labels of groups in the order in which one would write them down.

    Placebo, vehicle and untreated come first, then numbers, then texts: numbers in them by their size, with their unit
    (``"30 ug"`` before ``"1 mg"``, ``"Cohort 2"`` before ``"Cohort 10"``), the rest by the alphabet; what is missing
    comes last.

    Parameters
    ----------
    labels : iterable
        Numbers or texts.
    """
    return sorted(dict.fromkeys(labels), key=place_of)


def place_of(label: Any) -> Place:
    """Return what labels of groups are sorted by, see `ordered`; of several labels together one after another."""
    if isinstance(label, tuple):
        return tuple(place_of(one) for one in label)
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, int | float) and not math.isnan(label):
        return _NUMBERS, label
    text = str(label)
    if label is None or text.strip().casefold() in ("", "nan", "nat", "<na>", "none"):
        return _LAST, text
    kind = _FIRST if _UNDOSED.match(text) else _TEXTS
    return kind, _parts(text), text


def _parts(text: str) -> tuple[tuple[Any, ...], ...]:
    """A text as what is compared one after another: numbers with their dimension and size, and what stands between."""
    found: list[tuple[Any, ...]] = []
    end = 0
    for match in _PARTS.finditer(text):
        before = text[end : match.start()].strip().casefold()
        if before:
            found.append((1, before, 0.0))
        of, size = _size((match[2] or "").casefold())
        number = match[1].replace("−", "-").replace(" ", "")
        thousands = re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?:e[+-]?\d+)?", number, re.IGNORECASE)
        found.append((0, of, float(number.replace(",", "" if thousands else ".")) * size))
        end = match.end() if of or not match[2] else match.end(1)
    if rest := text[end:].strip().casefold():
        found.append((1, rest, 0.0))
    return tuple(found)


def _size(unit: str) -> tuple[str, float]:
    """What a unit measures, and how much of it one unit is; "" for what is none of those that doses are given in."""
    first, *per = unit.replace("µ", "u").replace("μ", "u").split("/")
    of, size = _SIZES.get(first, _SIZES.get(first.removesuffix("s"), ("", 1.0)))
    return "/".join([of, *per]) if of else "", size


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not what it is made of."""
    return [*__all__]
