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
    tree = ast.parse(one_line(text).replace("^", "**"), mode="eval").body
    return _Opposites().visit(tree) if "not" in text else tree


_OPPOSITES = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}


class _Opposites(ast.NodeTransformer):
    """Writes ``not (a < b and c > d)`` as ``a >= b or c <= d``: nothing that comes after has to know ``not``."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.op, ast.Not) and (opposite := _opposite(node.operand)) is not None:
            return self.visit(opposite)  # type: ignore[no-any-return]
        self.generic_visit(node)
        return node


def _opposite(node: ast.expr) -> ast.expr | None:
    """The condition that holds where another does not; None where that is no condition."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return inner
        case ast.BoolOp(op=op, values=values):
            parts = [part for value in values if (part := _opposite(value)) is not None]
            joined: ast.boolop = ast.Or() if isinstance(op, ast.And) else ast.And()
            return ast.BoolOp(joined, parts) if len(parts) == len(values) else None
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _OPPOSITES for op in ops):
            sides = [left, *others]
            each: list[ast.expr] = [
                ast.Compare(a, [_OPPOSITES[type(op)]()], [b]) for a, op, b in zip(sides, ops, others, strict=False)
            ]
            return each[0] if len(each) == 1 else ast.BoolOp(ast.Or(), each)
    return None


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

        def _print_Not(self, expr: Any) -> str:
            return f"not ({self._print(expr.args[0])})"

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
