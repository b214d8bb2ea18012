"""What a search and a verdict ask of a problem: a function of a vector, and a word where it cannot be computed."""

from __future__ import annotations

from typing import Protocol, TypeVar

from pkpd.arrays import Array


class Value(Protocol):
    """What is known of the objective at one point.

    Attributes
    ----------
    objective : float
        What is minimised; infinite where it cannot be computed.
    gradient : array, shape (free,)
        Its gradient; finite everywhere.
    information : array, shape (free, free), or None
        A positive semi-definite stand-in for its Hessian, if the problem has one.
    """

    @property
    def objective(self) -> float: ...
    @property
    def gradient(self) -> Array: ...
    @property
    def information(self) -> Array | None: ...


V = TypeVar("V", bound=Value)
V_co = TypeVar("V_co", bound=Value, covariant=True)


class Objective(Protocol[V_co]):
    """A problem: a function of an unbounded vector."""

    def __call__(self, vector: Array, /) -> V_co:
        """Return the objective, its gradient and its information at a point."""
        ...

    def trouble(self, vector: Array, /) -> str:
        """Say why a point cannot be computed; nothing if it can, or if nobody knows."""
        ...
