"""A simulation that is ready to be carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from numpy.typing import NDArray

from pkpd.simulate.layout import Layout
from pkpd.simulate.pieces import Cut, Part, Piece


class SimulationJob(Protocol):
    """What a worker needs; it is pickled, so it holds equations and tables but no code."""

    def compute(self, piece: Piece) -> Part:
        """Draw and solve one piece."""


@dataclass(frozen=True, eq=False)
class Task:
    """A job, its pieces, and where their results belong.

    Attributes
    ----------
    job : SimulationJob
        Computes any piece.
    layout : Layout
        Of the result.
    cut : Cut
        The pieces.
    first : mapping
        Parameters and covariates of the first piece: what a function that draws covariates does, as far as one can
        tell from outside.
    """

    job: SimulationJob
    layout: Layout
    cut: Cut
    first: Mapping[str, NDArray[Any]]

    def with_attrs(self, attrs: Mapping[str, Any]) -> Task:
        """Return the same task with the attributes of its result."""
        return replace(self, layout=self.layout.with_attrs(attrs))
