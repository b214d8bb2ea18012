"""Functions that SymPy has otherwise than equations need them: whole parts, and the logarithm of the gamma function."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_SHIFT = 10
# B_2k / (2k (2k − 1)): Stirling's series of ln Γ at x ≥ 10 ends below 1e-17 (Abramowitz & Stegun 1964, 6.1.41).
_STIRLING = ((1, 12), (-1, 360), (1, 1260), (-1, 1680), (1, 1188), (-691, 360360), (1, 156))


@lru_cache(maxsize=1)
def whole_part() -> Any:
    """Return the class of ``whole(a, b)``, the largest whole number that is not above a/b.

    Numerator and denominator stay apart: a/24 written as 0.041666…·a is less than 1 at 24 for some numbers like 24.
    It stays the same between its jumps: its derivatives are 0.
    """
    import sympy

    class WholePart(sympy.Function):  # type: ignore[misc]
        """The whole part of a quotient."""

        nargs = 2
        is_integer = True

        @classmethod
        def eval(cls, a: Any, b: Any) -> Any:
            return sympy.floor(a / b) if a.is_number and b.is_number and b != 0 else None

        def fdiff(self, argindex: int = 1) -> Any:
            return sympy.Integer(0)

        def _numpycode(self, printer: Any) -> str:
            a, b = (printer._print(part) for part in self.args)
            return f"{printer._module_format('numpy.floor')}(({a})/({b}))"

        def _latex(self, printer: Any, **_: Any) -> str:
            return rf"\left\lfloor {printer._print(self.args[0] / self.args[1])} \right\rfloor"

        def _sympystr(self, printer: Any) -> str:
            a, b = self.args
            quotient = printer._print(a) if b == 1 else f"({printer._print(a)})/({printer._print(b)})"
            return f"floor({quotient})"

    return WholePart


def whole(a: Any, b: Any) -> Any:
    """Return the whole part of a quotient of SymPy expressions."""
    return whole_part()(a, b)


def wholes(expression: Any) -> set[Any]:
    """Return the whole parts in an expression."""
    found: set[Any] = expression.atoms(whole_part())
    return found


def log_gamma(x: Any) -> Any:
    """Return ln Γ(x) for x > 0 in logarithms and powers, to 15 digits of the largest of their terms; NaN for others."""
    import sympy

    z = x + _SHIFT
    series = sum(sympy.Rational(a, b) / z ** (2 * k + 1) for k, (a, b) in enumerate(_STIRLING))
    stirling = (z - sympy.Rational(1, 2)) * sympy.log(z) - z + sympy.log(2 * sympy.pi).evalf(20) / 2 + series
    return stirling - sympy.log(x) - sympy.log(sympy.Mul(*(x + k for k in range(1, _SHIFT))))


def computable(expression: Any) -> Any:
    """Return an expression in functions that are computed everywhere: no gamma function and none of its derivatives."""
    import sympy

    if not expression.has(sympy.loggamma, sympy.polygamma):
        return expression
    written = expression.replace(sympy.polygamma, lambda n, x: _slope(int(n), x))
    return written.replace(sympy.loggamma, log_gamma)


def _slope(order: int, x: Any) -> Any:
    """The derivative of the logarithm of the gamma function, one more than the order of ψ."""
    import sympy

    at = sympy.Dummy(positive=True)
    return sympy.diff(log_gamma(at), at, order + 1).xreplace({at: x})
