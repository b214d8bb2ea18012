"""What the paper prints, all of it at once; a test can put another table in place of one (`dataclasses.replace`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkpd.arguments import brief
from pkpd.il21.comparison.rows import numbers
from pkpd.il21.paper import published_table

if TYPE_CHECKING:
    import pandas

NAMES = ("baseline", "toxicity", "response", "responders", "cohorts", "text")


@dataclass(frozen=True, eq=False)
class Printed:
    """The tables of the paper, and the numbers of its text by name."""

    baseline: pandas.DataFrame
    toxicity: pandas.DataFrame
    response: pandas.DataFrame
    responders: pandas.DataFrame
    cohorts: pandas.DataFrame
    said: Mapping[str, str]
    places: Mapping[str, str]

    __repr__ = brief

    def number(self, key: str) -> float:
        """Return the first number of what is said under this name."""
        return float(numbers(self.said[key])[0])

    def counts(self, reviewer: str) -> dict[str, int]:
        """Return one reviewer's patients by best response."""
        return dict(zip(self.response["response"], self.response[f"{reviewer}_n"].astype(int), strict=True))


def printed() -> Printed:
    """Return what the paper prints."""
    every = {name: published_table(name) for name in NAMES}
    text = every.pop("text")
    return Printed(
        **every, said=dict(zip(text["key"], text["printed"], strict=True)),
        places=dict(zip(text["key"], text["place"], strict=True)),
    )  # fmt: skip
