"""How long a grade lasted, from dated values or dated events: the shortest and the longest time that it can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Spell(NamedTuple):
    """A run of days at or above a grade.

    Attributes
    ----------
    first, last : float
        First and last day on which it was seen.
    before, after : float
        Last day before and first day after on which it was known not to be there; NaN: it was not looked for.
    """

    first: float
    last: float
    before: float
    after: float

    @property
    def shortest(self) -> float:
        """Days from the first to the last on which it was seen, both counted."""
        return self.last - self.first + 1

    @property
    def longest(self) -> float:
        """Days between those on which it was known not to be there, neither counted; infinite where none was."""
        if np.isnan(self.before) or np.isnan(self.after):
            return np.inf
        return self.after - self.before - 1


def spells(days: Sequence[float], there: Sequence[bool]) -> list[Spell]:
    """Return the runs of a grade among dated values, days increasing; between two values it is taken to have lasted.

    Parameters
    ----------
    days : sequence of float
        Days of the values; of several on one day the worst counts.
    there : sequence of bool
        Whether the value is at or above the grade.
    """
    worst: dict[float, bool] = {}
    for day, is_there in zip(days, there, strict=True):
        worst[day] = worst.get(day, False) or bool(is_there)
    order = sorted(worst)
    found: list[Spell] = []
    k = 0
    while k < len(order):
        if not worst[order[k]]:
            k += 1
            continue
        begin = k
        while k + 1 < len(order) and worst[order[k + 1]]:
            k += 1
        before = order[begin - 1] if begin else np.nan
        after = order[k + 1] if k + 1 < len(order) else np.nan
        found.append(Spell(order[begin], order[k], before, after))
        k += 1
    return found


def longer_than(shortest: float, longest: float, days: float) -> str:
    """Say whether a time that lies between two is longer than so many days: yes, no or undetermined."""
    if shortest > days:
        return "yes"
    return "no" if longest <= days else "undetermined"
