"""What a model says of one dose, and with which of the subject's values it says it."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from pkpd.engine.symbolic.dual_numbers import Dual, dual_constant
from pkpd.records import Changes


@dataclass(frozen=True)
class Terms:
    """What the model says of one dose: lag, bioavailability, and rate and length of a modelled infusion.

    `linear` says whether all states of the model are linear with constant coefficients, however they are solved;
    `whole` whether doses that have not arrived at a steady state's record arrive after it (see `deliveries`); `row` is
    the row of values from which this comes, and `elsewhere` gives what another row says.
    """

    lag: Dual
    bioavailability: Dual
    rate: Dual
    duration: Dual
    linear: bool = False
    whole: bool = False
    row: int = -1
    elsewhere: Callable[[int], Terms] | None = None

    def at(self, row: int) -> Terms:
        """Return what the model says with the values of another row."""
        return self if self.elsewhere is None or row == self.row else self.elsewhere(row)

    @classmethod
    def plain(cls, derivatives: int = 0) -> Terms:
        """No lag, everything arrives, nothing modelled."""
        zero = dual_constant(0.0, derivatives)
        return cls(zero, dual_constant(1.0, derivatives), zero, zero)


@dataclass(frozen=True)
class Clock:
    """Which row of values holds when: the subject's first row, and when the others begin."""

    first_row: int
    changes: Changes

    def row(self, time: float) -> int:
        """Return the row with which something is done that happens at a time."""
        k = bisect_left(self.changes, time)
        while k < len(self.changes) and self.changes[k] == time and not self.changes.late[k]:
            k += 1
        return self.first_row + k

    def next(self, time: float) -> tuple[int, float]:
        """Return the row that holds from a time on, and until when."""
        k = bisect_right(self.changes, time)
        return self.first_row + k, self.changes[k] if k < len(self.changes) else math.inf
