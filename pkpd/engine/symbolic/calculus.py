"""Derivatives that can be computed where a concentration is zero.

SymPy writes the derivative of ``C**h`` as ``C**h·h/C`` and ``C**h·log(C)``, which are 0/0 and 0·(−∞) before the first
dose. Here a power is differentiated as ``h·C**(h − 1)``, and as 0 with respect to its exponent where C is 0. With h < 1
that is infinite at C = 0, where it only ever stands beside a derivative of C that goes to zero faster: 0 is the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _power() -> Any:
    import sympy

    class Power(sympy.Function):  # type: ignore[misc]
        """A power with a symbolic or broken exponent that differentiates without dividing by its base."""

        nargs = 2

        def fdiff(self, argindex: int = 1) -> Any:
            base, exponent = self.args
            if argindex == 1:
                steep = exponent * sympy.Pow(base, exponent - 1)
                flat = exponent >= 1
                if flat == True:  # noqa: E712  (a SymPy truth value)
                    return steep
                return sympy.Piecewise((steep, sympy.Or(base > 0, flat)), (sympy.Integer(0), True))
            return sympy.Piecewise((sympy.log(base) * sympy.Pow(base, exponent), base > 0), (sympy.Integer(0), True))

    return Power


def derivative(expression: Any, symbol: Any) -> Any:
    """Return the derivative of an expression with respect to a symbol.

    Parameters
    ----------
    expression : sympy.Expr
        Of real symbols.
    symbol : sympy.Symbol
        With respect to which.
    """
    import sympy

    if symbol not in expression.free_symbols:
        return sympy.Integer(0)
    power = _power()
    hidden = expression.replace(
        lambda e: e.is_Pow and not e.exp.is_Integer and e.base != sympy.E, lambda e: power(*e.args)
    )
    differentiated = sympy.diff(hidden, symbol).replace(power, sympy.Pow)
    # The corner of an Abs, Max or Min leaves a spike without width.
    return differentiated.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))


@dataclass(frozen=True, eq=False)
class Chain:
    """The chain rule through the states: symbols of the states, the parameters and the states' derivatives."""

    states: list[Any]
    theta: list[Any]
    moved: dict[tuple[int, int], Any]
    twice: dict[tuple[int, int, int], Any]

    def first(self, e: Any, j: int) -> Any:
        """The derivative of an expression by parameter j."""
        import sympy

        total = [derivative(e, self.theta[j])]
        for i, x in enumerate(self.states):
            if (i, j) in self.moved:
                total += _times([derivative(e, x)], self.moved[i, j])
        return sympy.Add(*total)

    def second(self, e: Any, j: int, k: int) -> Any:
        """The derivative by parameters j and k."""
        import sympy

        direct = derivative(e, self.theta[j])
        total = [self.first(direct, k)]
        for i, x in enumerate(self.states):
            steep = derivative(e, x)
            if steep == 0:
                continue
            if (i, j) in self.moved:
                total += _times([self.first(steep, k)], self.moved[i, j])
            if (i, j, k) in self.twice:
                total += _times([steep], self.twice[i, j, k])
        return sympy.Add(*total)


def _times(steep: list[Any], moves: Any) -> list[Any]:
    """Products with how a state moves: one that does not move adds nothing, however steep the rest."""
    import sympy

    return [
        d * moves if d.is_number else sympy.Piecewise((d * moves, sympy.Ne(moves, 0)), (0, True))
        for d in steep
        if d != 0
    ]
