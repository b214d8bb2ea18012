"""Text to SymPy without evaluation: Python's own grammar is parsed, and only a whitelist is let through."""

from __future__ import annotations

import ast
import keyword
import math
import operator
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from pkpd.errors import ModelError, nearest, shown

TIME = "t"
TAD = "tad"  # time after the last dose
FUNCTIONS = ("exp", "log", "sqrt", "abs", "min", "max", "sin", "cos", "tanh")
_LONGEST = 10_000
_EXACT, _HIGHEST, _TOWER = 1e15, 100, 5
_FLOAT_OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
_FLOAT_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "abs": abs, "min": min, "max": max, "sin": math.sin,
    "cos": math.cos, "tanh": math.tanh,
}  # fmt: skip
_COMPARISONS = {ast.Lt: "Lt", ast.LtE: "Le", ast.Gt: "Gt", ast.GtE: "Ge"}


@lru_cache(maxsize=4096)
def names(text: str) -> frozenset[str]:
    """Return the names that stand in an equation, after checking it against the whitelist (without SymPy).

    Allowed are numbers, names, ``+ - * / ** ^``, parentheses, ``exp log sqrt abs min max sin cos tanh``, and
    ``a if x < y else b``. Time is ``t``, time after the last dose ``tad``. A text may have several lines; what stands
    behind a ``#`` in a line is a comment.

    Raises
    ------
    ModelError
        If anything else stands in the text, saying what and what is allowed.
    """
    names_found: set[str] = set()
    try:
        tree = _tree(text)
        _check(tree, text, names_found)
        if _tower(tree) > _TOWER:
            raise ModelError(f"equation {shown(text)} has more than {_TOWER} exponentials in one another")
    except RecursionError:
        raise _too_deep(text) from None
    return frozenset(names_found)


@lru_cache(maxsize=4096)
def parse(text: str) -> Any:
    """Return the SymPy expression of an equation written as text; every symbol is real.

    Raises
    ------
    ModelError
        As `names`.
    """
    import sympy

    names(text)
    try:
        expression = _convert(_tree(text), text)
    except RecursionError:
        raise _too_deep(text) from None
    if expression.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I):
        raise ModelError(f"equation {shown(text)} contains a value that is not a finite number: {expression}")
    return expression


def is_name(text: str) -> bool:
    """Say whether a text can name a state, a parameter or an output; a leading underscore is the engine's own."""
    plain = unicodedata.normalize("NFKC", text) == text
    return plain and text.isidentifier() and not keyword.iskeyword(text) and text[0] != "_" and text not in FUNCTIONS


def name_advice(text: str) -> str:
    """Say what a name should look like instead."""
    plain = unicodedata.normalize("NFKC", text)
    if plain != text and is_name(plain):
        return f"two letters look alike here: write {plain!r} (as equations are read)"
    return "expected letters and digits, with _ inside"


def _too_deep(text: str) -> ModelError:
    return ModelError(
        f"equation {text[:60]!r}… is nested too deeply or has too many terms; name parts of it as outputs"
    )


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


def _tree(text: str) -> ast.expr:
    if not isinstance(text, str):
        raise ModelError(f"{text!r} is not an equation; expected text such as '-CL/V1*A1'")
    if len(text) > _LONGEST:
        raise ModelError(f"equation {text[:60]!r}… has {len(text)} characters; expected at most {_LONGEST}")
    if "#" in text and not one_line(text):
        raise ModelError(f"equation {text!r} is a comment only; expected an equation, too")
    try:
        return tree_of(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ModelError(f"equation {shown(text)} cannot be read: {getattr(error, 'msg', error)}") from None


def symbol(name: str) -> Any:
    """Return the real SymPy symbol of a name."""
    import sympy

    return sympy.Symbol(name, real=True)


def text_of(expression: Any) -> str:
    """Return an equation as text that `parse` reads back, from text or from SymPy (floats keep all their digits)."""
    if isinstance(expression, (int, float)):  # numpy's numbers are among them, and write themselves otherwise
        return repr(int(expression) if isinstance(expression, int) else float(expression))
    if isinstance(expression, str):
        line = one_line(expression)
        return line or expression  # a comment alone is refused where it is read
    text: str = _printer().doprint(expression)
    return text


@lru_cache(maxsize=1)
def without_steps(expression: Any) -> Any:
    """Write the derivatives of abs, max and min as an ``a if … else b``, which equations can say; a text stays."""
    import sympy

    if isinstance(expression, str):
        return expression
    step = expression.replace(sympy.sign, lambda x: sympy.Piecewise((1, x > 0), (-1, x < 0), (0, True)))
    return step.replace(sympy.Heaviside, lambda x, *_: sympy.Piecewise((1, x > 0), (0, True)))


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

        def _print_Abs(self, expr: Any) -> str:
            return f"abs({self._print(expr.args[0])})"

    return Printer()


def _check(node: ast.AST, text: str, names_found: set[str]) -> float | None:
    """Walk the tree, collect the names, refuse whatever is not on the whitelist, and return the value of a constant.

    Constants are computed in floating point on the way: an exact 9**9**9 would be computed for ever, and a value that
    is no finite number is refused where it is written, not when somebody simulates.
    """
    inner: list[Any]
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _finite(_constant(float, value), node, text)
        case ast.Name(id=name):
            names_found.add(name)
            return None
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            inside = _check(operand, text, names_found)
            return -inside if inside is not None and isinstance(node.op, ast.USub) else inside
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow() as op, left=left, right=right):
            a, b = _check(left, text, names_found), _check(right, text, names_found)
            if isinstance(op, ast.Pow) and b is not None and not abs(b) <= _HIGHEST:
                problem = f"has the exponent {ast.unparse(right)[:60]}; expected at most {_HIGHEST}"
                raise ModelError(f"equation {shown(text)} {problem}")
            if isinstance(op, ast.Div) and b == 0:
                raise ModelError(f"equation {shown(text)} divides by zero")
            known = None if a is None or b is None else (a, b)
            return None if known is None else _finite(_constant(_FLOAT_OPERATIONS[type(op)], *known), node, text)
        case ast.Call(func=func, args=arguments, keywords=keywords):
            name = _check_call(func, len(arguments), bool(keywords), text)
            values = [_check(argument, text, names_found) for argument in arguments]
            numbers = [value for value in values if value is not None]
            return (
                _finite(_constant(_FLOAT_FUNCTIONS[name], *numbers), node, text)
                if len(numbers) == len(values)
                else None
            )
        case ast.IfExp(test=test, body=body, orelse=orelse):
            inner = [*_compared(test, text), body, orelse]
        case _:
            raise ModelError(
                f"equation {shown(text)} contains {ast.unparse(node)[:60]!r}; allowed are numbers, names, + - * / ** "
                f"(or ^), 'a if x < y else b' and {', '.join(FUNCTIONS)}"
            )
    for child in inner:
        _check(child, text, names_found)
    return None


def _tower(node: ast.AST) -> int:
    """How many exponentials stand in one another at most; SymPy asks of each what it is, for ever."""
    own = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "exp"
    return own + max(map(_tower, ast.iter_child_nodes(node)), default=0)


def _constant(function: Callable[..., Any], *numbers: float) -> float:
    """A function of numbers, NaN where it is no real number, infinite where it overflows."""
    try:
        value = function(*numbers)
    except (OverflowError, ZeroDivisionError):
        return math.inf
    except ValueError:  # the logarithm of a number below 0
        return math.nan
    return math.nan if isinstance(value, complex) else float(value)


def _finite(value: float, node: ast.AST, text: str) -> float:
    if not math.isfinite(value):
        what = ast.unparse(node)[:60]
        raise ModelError(f"equation {shown(text)} contains {what}, which is not a finite (real) number")
    return value


def _compared(test: ast.expr, text: str) -> list[ast.expr]:
    """Return the sides of the comparisons in the condition of an ``a if … else b``."""
    if isinstance(test, ast.BoolOp):
        return [side for value in test.values for side in _compared(value, text)]
    if isinstance(test, ast.Compare) and all(type(op) in _COMPARISONS for op in test.ops):
        return [test.left, *test.comparators]
    raise ModelError(
        f"equation {shown(text)}: {ast.unparse(test)!r} is not a condition; allowed are < <= > >= with and, or"
    )


def _check_call(func: ast.expr, count: int, keywords: bool, text: str) -> str:
    """Return the name of the function that is called."""
    name = func.id if isinstance(func, ast.Name) else ast.unparse(func)
    if name not in FUNCTIONS:
        raise ModelError(f"equation {shown(text)} calls {name[:60]!r}; {nearest(name, FUNCTIONS)}")
    many = name in ("min", "max")
    if keywords or (count < 2 if many else count != 1):
        raise ModelError(f"equation {shown(text)}: {name} takes {'two or more values' if many else 'one value'}")
    return name


def _convert(node: ast.AST, text: str) -> Any:
    """Build the SymPy expression of a checked tree."""
    import sympy

    match node:
        case ast.Constant(value=value):
            return sympy.Integer(value) if isinstance(value, int) else sympy.Float(value)
        case ast.Name(id=name):
            return symbol(name)
        case ast.UnaryOp(op=op, operand=operand):
            inner = _convert(operand, text)
            return -inner if isinstance(op, ast.USub) else inner
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(_convert(left, text), op, _convert(right, text), text)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            function = getattr(sympy, {"min": "Min", "max": "Max", "abs": "Abs"}.get(name, name))
            return function(*(_convert(a, text) for a in arguments))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return sympy.Piecewise((_convert(body, text), _convert(test, text)), (_convert(orelse, text), True))
        case ast.BoolOp(op=op, values=values):
            joined = sympy.And if isinstance(op, ast.And) else sympy.Or
            return joined(*(_convert(value, text) for value in values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_convert(side, text) for side in (left, *others)]
            pairs = zip(sides[:-1], ops, sides[1:], strict=True)
            return sympy.And(*(getattr(sympy, _COMPARISONS[type(op)])(a, b) for a, op, b in pairs))
    raise AssertionError(f"unchecked node {ast.dump(node)}")


def _binary(a: Any, op: ast.operator, b: Any, text: str) -> Any:
    import sympy

    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div():
            if b.is_zero:
                raise ModelError(f"equation {shown(text)} divides by zero")
            return a / b
    # A constant power that is not a small whole number is a float: exact ones grow without end.
    try:
        size = float(a) ** float(b) if a.is_number and b.is_number and a.is_real and b.is_real and a > 0 else 0.0
    except OverflowError:
        raise ModelError(f"equation {shown(text)} contains a power that is not a finite number") from None
    return sympy.Float(size) if size > _EXACT else a**b


def rename(text: str, new: Mapping[str, str]) -> str:
    """Return the equation with names exchanged, all at once."""
    tree = _tree(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
    try:
        return ast.unparse(tree)
    except RecursionError:
        raise _too_deep(text) from None


def substitute_names(text: str, new: Mapping[str, str]) -> str:
    """Return the equation with whole equations in the place of names, all at once; parentheses are set as needed.

    Raises
    ------
    ModelError
        If one of the texts is no equation, or the result is longer or deeper than what is read.
    """
    trees = {name: _tree(other) for name, other in new.items()}

    class Exchange(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return trees.get(node.id, node)

        def visit_Call(self, node: ast.Call) -> ast.Call:
            node.args = [self.visit(argument) for argument in node.args]  # the function's own name stays
            return node

    try:
        return ast.unparse(Exchange().visit(_tree(text)))
    except RecursionError:
        raise _too_deep(text) from None
