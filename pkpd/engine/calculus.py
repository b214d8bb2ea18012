"""Derivatives that can be computed where a concentration is zero.

SymPy writes the derivative of ``C**h`` as ``C**h·h/C`` and ``C**h·log(C)``, which are 0/0 and 0·(−∞) before the first
dose. Here a power is differentiated as ``h·C**(h − 1)``, and as 0 with respect to its exponent where C is 0.
"""

from __future__ import annotations

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
                return exponent * sympy.Pow(base, exponent - 1)
            return sympy.Piecewise((sympy.log(base) * sympy.Pow(base, exponent), base > 0), (sympy.Integer(0), True))

    return Power


def slope(expression: Any, symbol: Any) -> Any:
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
    found = sympy.diff(hidden, symbol).replace(power, sympy.Pow)
    # The corner of an Abs, Max or Min leaves a spike without width.
    return found.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
