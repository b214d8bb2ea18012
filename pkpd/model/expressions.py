"""Text to SymPy without evaluation: Python's own grammar is parsed, and only a whitelist is let through."""

from __future__ import annotations

import ast
import keyword
import math
import unicodedata
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from pkpd.errors import ModelError, nearest, shown
from pkpd.model.functions import computable, whole
from pkpd.model.texts import one_line, text_of, tree_of, without_steps
from pkpd.model.words import (
    COMPARISONS,
    DOSE,
    FUNCTIONS,
    NUMBERS,
    OF_NUMBERS,
    OPERATIONS,
    TAD,
    TIME,
    instead_of,
    unreadable,
    wrong_count,
)

_LONGEST = 10_000
_EXACT, _HIGHEST, _TOWER = 1e15, 100, 5
__all__ = [
    "DOSE", "FUNCTIONS", "TAD", "TIME", "computable", "equated", "is_name", "name_advice", "names", "one_line", "parse",
    "rename", "substitute_names", "symbol", "text_of", "tree_of", "with_numbers", "without_steps",
]  # fmt: skip


@lru_cache(maxsize=4096)
def names(text: str) -> frozenset[str]:
    """Return the names that stand in an equation, after checking it against the whitelist (without SymPy).

    Allowed are numbers, names, ``+ - * / ** ^``, parentheses, ``exp log sqrt abs min max sin cos tanh floor ceil mod
    lgamma``, and ``a if x < y else b``. Time is ``t``, time after the last dose ``tad``. A text may have several
    lines; what stands behind a ``#`` in a line is a comment.

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
    if text in FUNCTIONS:
        return "in equations it is a function"
    if plain != text and is_name(plain):
        return f"two letters look alike here: write {plain!r} (as equations are read)"
    return "expected letters and digits, with _ inside"


def _too_deep(text: str) -> ModelError:
    return ModelError(
        f"equation {text[:60]!r}… is nested too deeply or has too many terms; name parts of it as outputs"
    )


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
        why = unreadable(text) or str(getattr(error, "msg", error))
        raise ModelError(f"equation {shown(text)} cannot be read: {why}") from None


def symbol(name: str) -> Any:
    """Return the real SymPy symbol of a name."""
    import sympy

    return sympy.Symbol(name, real=True)


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
            return None if known is None else _finite(_constant(OPERATIONS[type(op)], *known), node, text)
        case ast.Call(func=func, args=arguments, keywords=keywords):
            name = _check_call(func, len(arguments), bool(keywords), text)
            values = [_check(argument, text, names_found) for argument in arguments]
            numbers = [value for value in values if value is not None]
            return _finite(_constant(OF_NUMBERS[name], *numbers), node, text) if len(numbers) == len(values) else None
        case ast.IfExp(test=test, body=body, orelse=orelse):
            inner = [*_compared(test, text), body, orelse]
        case _:
            raise ModelError(f"equation {shown(text)} contains {ast.unparse(node)[:60]!r}; {_way_out(node)}")
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


def _way_out(node: ast.AST) -> str:
    """What to write in the place of something that equations do not have."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            condition = ast.unparse(node)[:60]
            return f"a condition is no number: write '1 if {condition} else 0'"
        case ast.BinOp(op=ast.Mod(), left=left, right=right):
            return f"write mod({ast.unparse(left)[:60]}, {ast.unparse(right)[:60]})"
        case ast.BinOp(op=ast.FloorDiv(), left=left, right=right):
            return f"write floor(({ast.unparse(left)[:60]})/({ast.unparse(right)[:60]}))"
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
            return "conditions are joined with 'and', 'or'"
        case ast.Tuple():
            return "a decimal has a point, not a comma"
        case ast.Subscript(value=ast.Name(id=name)):
            return f"nothing is counted here: write a name of its own, such as {name}1"
        case ast.Constant(value=str()):
            return "values of covariates are numbers (0 and 1, say), in equations and in tables"
    return (
        "allowed are numbers, names, pi, + - * / ** (or ^), 'a if x < y else b' (with and, or, not; == for covariates) "
        + "and "
        + ", ".join(FUNCTIONS)
    )


def _compared(test: ast.expr, text: str) -> list[ast.expr]:
    """Return the sides of the comparisons in the condition of an ``a if … else b``."""
    if isinstance(test, ast.BoolOp):
        return [side for value in test.values for side in _compared(value, text)]
    if isinstance(test, ast.Compare) and all(type(op) in COMPARISONS for op in test.ops):
        return [test.left, *test.comparators]
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
            way = f"write '{name} == 0' if it is a covariate that is 0 or 1, or '{name} <= 0'"
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
            way = "conditions are joined with 'and', 'or'"
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()]):
            way = f"write '{ast.unparse(left)} == 1 or {ast.unparse(left)} == 2', for each value"
        case ast.Name(id=name):
            way = f"write '{name} == 1' if it is a covariate that is 0 or 1, or '{name} > 0'"
        case _:
            way = "allowed are < <= > >= (and == != for covariates) with and, or, not"
    raise ModelError(f"equation {shown(text)}: {ast.unparse(test)!r} is not a condition; {way}")


@lru_cache(maxsize=4096)
def equated(text: str) -> frozenset[str]:
    """Return the names that stand in comparisons with ``==`` or ``!=``."""
    names(text)  # checks the text
    found: set[str] = set()
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            pairs = [(a, b) for a, op, b in zip(sides, node.ops, sides[1:], strict=False) if _is_equality(op)]
            parts = [part for pair in pairs for side in pair for part in ast.walk(side)]
            found |= {part.id for part in parts if isinstance(part, ast.Name)}
    return frozenset(found - set(FUNCTIONS))


def _is_equality(op: ast.cmpop) -> bool:
    return isinstance(op, ast.Eq | ast.NotEq)


def _check_call(func: ast.expr, count: int, keywords: bool, text: str) -> str:
    """Return the name of the function that is called."""
    name = func.id if isinstance(func, ast.Name) else ast.unparse(func)
    if name not in FUNCTIONS:
        way = instead_of(name) or nearest(name, FUNCTIONS)
        raise ModelError(f"equation {shown(text)} calls {name[:60]!r}; {way}")
    if wrong := "values by their places" if keywords else wrong_count(name, count):
        raise ModelError(f"equation {shown(text)}: {name} takes {wrong}")
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
        case ast.Call(func=ast.Name(id="floor" | "ceil" as name), args=[inner]):
            sign = 1 if name == "floor" else -1  # ceil(x) = -floor(-x)
            above, below = _quotient(inner, text)
            return sign * whole(sign * above, below)
        case ast.Call(func=ast.Name(id="mod"), args=arguments):
            a, b = (_convert(argument, text) for argument in arguments)
            return a - b * whole(a, b)
        case ast.Call(func=ast.Name(id="lgamma"), args=[inner]):
            return sympy.loggamma(_convert(inner, text))
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
            return sympy.And(*(getattr(sympy, COMPARISONS[type(op)])(a, b) for a, op, b in pairs))
    raise AssertionError(f"unchecked node {ast.dump(node)}")


def _quotient(node: ast.expr, text: str) -> tuple[Any, Any]:
    """Numerator and denominator of what is rounded, as they are written: t/24 is a whole number at 24."""
    import sympy

    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _convert(node.left, text), _convert(node.right, text)
    inner = _convert(node, text)
    halves = {f: sympy.Rational(f) for f in inner.atoms(sympy.Float) if float(f * 64).is_integer()}
    above, below = sympy.fraction(sympy.together(inner.xreplace(halves)))
    return above, below


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


def with_numbers(text: str, own: Collection[str]) -> str:
    """Return the equation with ``pi`` as a number, unless somebody has given this name to something of his own."""
    if not any(name in text for name in NUMBERS):  # the usual case: nothing has to be read
        return text
    used = {name: repr(value) for name, value in NUMBERS.items() if name in names(text) and name not in own}
    return substitute_names(text, used) if used else text


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
