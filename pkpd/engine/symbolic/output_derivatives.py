"""Derivatives of an output with respect to parameters, through the states' derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from pkpd.engine.symbolic.calculus import derivative


class OutputDerivatives:
    """The derivatives of one output, as expressions of states, their derivatives and inputs.

    Parameters
    ----------
    output : sympy.Expr
        The output.
    states, theta : sequence of sympy.Symbol
        All states; the parameters.
    moved, curved : mapping
        (state, parameter), and (state, parameter, parameter) in order → symbol of the derivative that is not zero.
    """

    def __init__(
        self, output: Any, states: Sequence[Any], theta: Sequence[Any],
        moved: Mapping[tuple[int, int], Any], curved: Mapping[tuple[int, int, int], Any],
    ) -> None:  # fmt: skip
        self._states, self._theta, self._moved, self._curved = states, theta, moved, curved
        self._output = output

    @cached_property
    def _steep(self) -> dict[int, Any]:
        """By state: the output's derivative that is not zero."""
        steep = {i: derivative(self._output, x) for i, x in enumerate(self._states)}
        return {i: d for i, d in steep.items() if d != 0}

    @cached_property
    def _bend(self) -> dict[tuple[int, int], Any]:
        """By two states: the output's second derivative that is not zero."""
        bends = {(i, m): derivative(d, self._states[m]) for i, d in self._steep.items() for m in self._steep if m <= i}
        return {(a, b): e for (i, m), e in bends.items() if e != 0 for a, b in {(i, m), (m, i)}}

    @cached_property
    def _turned(self) -> dict[int, list[Any]]:
        """By state: the derivative of its derivative by every parameter."""
        return {i: [derivative(d, theta) for theta in self._theta] for i, d in self._steep.items()}

    @cached_property
    def _direct(self) -> list[Any]:
        """The output's own derivative by every parameter."""
        return [derivative(self._output, theta) for theta in self._theta]

    def first(self, j: int) -> Any:
        """Return the derivative with respect to a parameter."""
        import sympy

        moves = [(d, self._moved[i, j]) for i, d in self._steep.items() if (i, j) in self._moved]
        return sympy.Add(self._direct[j], *(_times(d, s) for d, s in moves))

    def second(self, j: int, k: int) -> Any:
        """Return the second derivative with respect to two parameters, the first not behind the second."""
        import sympy

        terms = [derivative(self._direct[j], self._theta[k])]
        for i, d in self._steep.items():
            for a, b in ((j, k), (k, j)):
                if (i, a) in self._moved and self._turned[i][b] != 0:
                    terms.append(_times(self._turned[i][b], self._moved[i, a]))
            if (i, j, k) in self._curved:
                terms.append(_times(d, self._curved[i, j, k]))
        for (i, m), e in self._bend.items():
            if (i, j) in self._moved and (m, k) in self._moved:
                terms.append(_times(e, self._moved[i, j], self._moved[m, k]))
        return sympy.Add(*terms)


def _times(steep: Any, *moves: Any) -> Any:
    """A product with derivatives of states: a state that does not move adds nothing, however steep the output."""
    import sympy

    product = sympy.Mul(steep, *moves)
    if steep.is_number:
        return product
    still = sympy.And(*(sympy.Ne(s, 0) for s in set(moves)))
    return sympy.Piecewise((product, still), (sympy.Integer(0), True))
