"""The value and the derivative of an equation's text for whole arrays: no code is made, nothing is evaluated."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import ModelError, nearest
from pkpd.model import expressions
from pkpd.model.words import NUMBERS


def _log_gamma(x: Array) -> Array:
    from scipy.special import gammaln

    return np.where(x > 0, gammaln(x), np.nan)


_OPERATIONS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Not: np.logical_not,
}  # fmt: skip
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs, "sin": np.sin, "cos": np.cos, "tanh": np.tanh,
    "floor": np.floor, "ceil": np.ceil, "mod": lambda a, b: a - b * np.floor(a / b), "lgamma": _log_gamma,
}  # fmt: skip
_SEVERAL: Mapping[str, Callable[..., Any]] = {"min": np.minimum, "max": np.maximum}


@lru_cache(maxsize=1024)
def _tree(text: str) -> ast.expr:
    expressions.names(text)  # checks the text against the whitelist
    return expressions.tree_of(text)


def evaluate_text(text: str, values: Mapping[str, Any]) -> Array:
    """Return the value of an equation; what is not defined (a logarithm of −1) is NaN.

    Parameters
    ----------
    text : str
        An equation in the words of `pkpd.model.expressions`.
    values : mapping
        Name → number or array; all arrays fit each other by NumPy's rules of broadcasting.

    Raises
    ------
    ModelError
        If the text is no equation, or one of its names has no value.
    """
    values = {**NUMBERS, **values}
    if missing := sorted(expressions.names(text) - set(values)):
        raise ModelError([f"{name!r} in {text!r} has no value; {nearest(name, values)}" for name in missing])
    with np.errstate(all="ignore"):
        return np.asarray(_value(_tree(text), values), dtype=float)


def _value(node: ast.AST, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value):
            return np.float64(value)
        case ast.Name(id=name):
            return np.asarray(values[name], dtype=float)
        case ast.UnaryOp(op=op, operand=operand):
            return _OPERATIONS[type(op)](_value(operand, values))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as power)):
            return _value(left, values) ** power
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATIONS[type(op)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            inner = [_value(argument, values) for argument in arguments]
            return reduce(_SEVERAL[name], inner) if name in _SEVERAL else _FUNCTIONS[name](*inner)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return np.where(_value(test, values), _value(body, values), _value(orelse, values))
        case ast.BoolOp(op=op, values=parts):
            joined = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return reduce(joined, [_value(part, values) for part in parts])
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_value(side, values) for side in (left, *others)]
            pairs = zip(sides[:-1], ops, sides[1:], strict=True)
            return reduce(np.logical_and, [_OPERATIONS[type(op)](a, b) for a, op, b in pairs])
    raise AssertionError(f"unchecked node {ast.dump(node)}")


@lru_cache(maxsize=1024)
def derivative_text(text: str, name: str) -> str:
    """Return the derivative of an equation with respect to one of its names, as text.

    Raises
    ------
    ModelError
        If the text is no equation, or its derivative cannot be written as one (that of ``max(a, b)``, say).
    """
    expression = expressions.parse(text)
    slope = expressions.text_of(expression.diff(expressions.symbol(name)))
    try:
        expressions.names(slope)
    except ModelError:
        raise ModelError(f"{text!r} has no derivative by {name!r} that can be written as an equation") from None
    return slope
