"""Derivatives that can be computed where a concentration is zero.

SymPy writes the derivative of ``C**h`` as ``C**h·h/C`` and ``C**h·log(C)``, which are 0/0 and 0·(−∞) before the first
dose. Here a power is differentiated as ``h·C**(h − 1)``, and as 0 with respect to its exponent where C is 0. With h < 1
that is infinite at C = 0, where it only ever stands beside a derivative of C that goes to zero faster: 0 is the limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def rewritten(wanted: Iterable[Any], values: Mapping[Any, Any]) -> list[Any]:
    """Return expressions with others in the place of symbols; what they share is rewritten once."""
    known: dict[Any, Any] = dict(values)

    def new(e: Any) -> Any:
        if e not in known:
            parts = [new(a) for a in e.args]
            known[e] = e.func(*parts) if any(other is not old for other, old in zip(parts, e.args, strict=True)) else e
        return known[e]

    return [new(e) for e in wanted]


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
