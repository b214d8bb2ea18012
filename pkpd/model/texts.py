"""Equations as text, on the way in and on the way out: lines and comments, Python's tree, SymPy written as text."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any

from pkpd.errors import ModelError, shown
from pkpd.model.functions import computable


def one_line(text: str) -> str:
    """Return a text on one line, without what stands behind a ``#`` in each of its lines."""
    return " ".join(word for line in text.splitlines() for word in line.partition("#")[0].split())


def tree_of(text: str) -> ast.expr:
    """Return Python's tree of a text in the grammar of equations; ``^`` is a power, ``#`` begins a comment.

    Every reader of equations and inequalities begins here, so that all read the same.

    Raises
    ------
    SyntaxError, ValueError, RecursionError, MemoryError
        If Python cannot read it.
    """
    return ast.parse(one_line(text).replace("^", "**"), mode="eval").body


def text_of(expression: Any) -> str:
    """Return an equation as text that `parse` reads back, from text or from SymPy (floats keep all their digits)."""
    if isinstance(expression, (int, float)):  # numpy's numbers are among them, and write themselves otherwise
        return repr(int(expression) if isinstance(expression, int) else float(expression))
    if isinstance(expression, str):
        line = one_line(expression)
        return line or expression  # a comment alone is refused where it is read
    if not hasattr(expression, "free_symbols"):  # nothing of SymPy's
        raise ModelError(f"{shown(expression)} is not an equation; expected text such as '-CL/V1*A1'")
    text: str = _printer().doprint(expression)
    return text


def without_steps(expression: Any) -> Any:
    """Write the derivatives of abs, max and min as an ``a if … else b``, which equations can say; a text stays."""
    import sympy

    if isinstance(expression, str):
        return expression
    step = expression.replace(sympy.sign, lambda x: sympy.Piecewise((1, x > 0), (-1, x < 0), (0, True)))
    return step.replace(sympy.Heaviside, lambda x, *_: sympy.Piecewise((1, x > 0), (0, True)))


@lru_cache(maxsize=1)
def _printer() -> Any:
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):  # type: ignore[misc]
        def _print_Float(self, expr: Any) -> str:
            return repr(float(expr))

        _print_NumberSymbol = _print_Pi = _print_Float

        def _print_Exp1(self, expr: Any) -> str:
            return "exp(1)"

        def _print_Piecewise(self, expr: Any) -> str:
            *cases, (last, condition) = expr.args
            text: str = self._print(last)
            if condition != True:  # noqa: E712  (a SymPy truth value)
                raise ModelError(f"a Piecewise needs a last case that is always true: {expr}")
            for value, condition in reversed(cases):
                text = f"(({self._print(value)}) if {self._print(condition)} else ({text}))"
            return text

        def _print_And(self, expr: Any) -> str:
            return " and ".join(f"({self._print(a)})" for a in expr.args)

        def _print_Or(self, expr: Any) -> str:
            return " or ".join(f"({self._print(a)})" for a in expr.args)

        def _print_Relational(self, expr: Any) -> str:
            return f"({self._print(expr.lhs)}) {expr.rel_op} ({self._print(expr.rhs)})"

        def _print_Max(self, expr: Any) -> str:
            return f"max({', '.join(self._print(a) for a in expr.args)})"

        def _print_Min(self, expr: Any) -> str:
            return f"min({', '.join(self._print(a) for a in expr.args)})"

        def _print_ceiling(self, expr: Any) -> str:
            return f"ceil({self._print(expr.args[0])})"

        def _print_Mod(self, expr: Any) -> str:
            return f"mod({self._print(expr.args[0])}, {self._print(expr.args[1])})"

        def _print_loggamma(self, expr: Any) -> str:
            return f"lgamma({self._print(expr.args[0])})"

        def _print_polygamma(self, expr: Any) -> str:
            return f"({self._print(computable(expr))})"

        def _print_Abs(self, expr: Any) -> str:
            return f"abs({self._print(expr.args[0])})"

    return Printer()
