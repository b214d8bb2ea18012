"""Whether a response was seen a second time, late enough and with nothing against it in between."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pkpd.decimals import difference
from pkpd.trial.recist.rules import RecistRules


@dataclass
class Run:
    """Responses of one patient that may confirm one another; fed with one assessment after the other.

    `counts` are the responses that count: CR alone, or CR and PR.
    """

    rules: RecistRules
    counts: Collection[str]
    first: float | None = None
    confirmed_on: float | None = None
    _stable: int = 0
    _unknown: int = 0

    def add(self, day: float, response: str) -> bool:
        """Take the next assessment and say whether the response is confirmed by now."""
        if self.confirmed_on is not None:
            return True
        if response in self.counts:
            if self.first is None:
                self.first = day
            elif apart(self.first, day) >= self.rules.confirmation_days:
                self.confirmed_on = day
            self._stable = self._unknown = 0
        elif self.first is not None:
            if response == "NE":
                self._unknown += 1
            else:
                self._stable += 1
            if response == "PD" or self._stable > self.rules.stable_between or (
                self._unknown > self.rules.not_evaluable_between
            ):  # fmt: skip
                self.first = None
                self._stable = self._unknown = 0
        return self.confirmed_on is not None


def apart(first: float, last: float) -> float:
    """Return the days between two days, as decimals: 29 is 28 days after 1."""
    if first == int(first) and last == int(last):
        return last - first
    return float(difference(last, first))
