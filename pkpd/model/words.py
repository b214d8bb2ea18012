"""The words of equations: names that always mean the same, functions, comparisons, and what others write for them."""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Mapping

TIME = "t"
TAD = "tad"  # time after the last dose
DOSE = "dose"  # amount of the dose, where a model speaks of doses and nothing else has this name
NUMBERS: Mapping[str, float] = {"pi": math.pi}
"""Names that are numbers where nothing else has them."""
_COUNTS = {"min": (2, None), "max": (2, None), "mod": (2, 2)}


def _modulo(a: float, b: float) -> float:
    """What is left of a beyond a whole number of b, as it is computed everywhere else."""
    return a - b * math.floor(a / b)


def _log_gamma(x: float) -> float:
    return math.lgamma(x) if x > 0 else math.nan


OF_NUMBERS: Mapping[str, Callable[..., float]] = {
    "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "abs": abs, "min": min, "max": max, "sin": math.sin,
    "cos": math.cos, "tanh": math.tanh, "floor": math.floor, "ceil": math.ceil, "mod": _modulo, "lgamma": _log_gamma,
}  # fmt: skip
"""The functions of equations, for plain numbers."""
FUNCTIONS = tuple(OF_NUMBERS)
OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "Lt", ast.LtE: "Le", ast.Gt: "Gt", ast.GtE: "Ge", ast.Eq: "Eq", ast.NotEq: "Ne",
}  # fmt: skip
"""Comparisons, with SymPy's names."""
_RESERVED = {*keyword.kwlist} - {"if", "else", "and", "or", "not", "in", "is", "True", "False", "None"}
_OTHERS = {
    "ln": "log(x), which is the natural logarithm", "log10": "log(x)/log(10)", "log2": "log(x)/log(2)",
    "log1p": "log(1 + x)", "expm1": "exp(x) - 1", "exp10": "10**x", "pow": "x**y", "square": "x**2", "cbrt": "x**(1/3)",
    "fabs": "abs(x)", "tan": "sin(x)/cos(x)", "sinh": "(exp(x) - exp(-x))/2", "cosh": "(exp(x) + exp(-x))/2",
    "gamma": "exp(lgamma(x))", "gammaln": "lgamma(x)", "loggamma": "lgamma(x)", "factorial": "exp(lgamma(x + 1))",
    "int": "floor(x)", "trunc": "floor(x)", "round": "floor(x + 0.5)", "ceiling": "ceil(x)", "modulo": "mod(x, y)",
    "fmod": "mod(x, y)", "rem": "mod(x, y)", "sign": "(1 if x > 0 else -1)", "heaviside": "(1 if x > 0 else 0)",
    "expit": "1/(1 + exp(-x))", "inv_logit": "1/(1 + exp(-x))", "logit": "log(x/(1 - x))",
    "erf": "tanh(1.128*x + 0.1009*x**3), to 0.0005", "erfc": "1 - tanh(1.128*x + 0.1009*x**3), to 0.0005",
    "atan": "a smooth step such as tanh(x)", "arctan": "a smooth step such as tanh(x)",
    "asinh": "log(x + sqrt(x**2 + 1))", "sum": "a + b", "sec": "1/cos(x)", "coth": "1/tanh(x)",
    "invlogit": "1/(1 + exp(-x))", "sigmoid": "1/(1 + exp(-x))", "step": "(1 if x > 0 else 0)",
    "theta": "the name of a parameter, such as CL", "eta": "the name of a parameter; Omega says who varies",
    "ifelse": "a if x < y else b", "where": "a if x < y else b", "piecewise": "a if x < y else b",
}  # fmt: skip


def instead_of(function: str) -> str:
    """Return what to write in the place of a function that equations do not have; empty if that is not known."""
    known = _OTHERS.get(function.rpartition(".")[2].casefold())
    return f"write {known}" if known else ""


_SIGNS = {
    "&&": "and", "||": "or", "²": "**2", "³": "**3", "×": "*", "·": "*", "∙": "*", "÷": "/", "−": "-", "–": "-",
    "√": "sqrt(…)", "≤": "<=", "≥": ">=", "≠": "!=", "<>": "!=", "∞": "a large number",
}  # fmt: skip
_SHAPES = (  # what is written in other languages, and what to write here
    (r"\bif\b(?!.*\belse\b)", "a condition has two cases: write 'a if x < y else b'"),
    (r"\bif\b[^:]*:|\bthen\b", "write 'a if x < y else b'"),
    (r"!\s*[\w(]", "write 'not' for '!'"),
    (r"(?<![<>=!])=(?!=)", "the right-hand side alone is an equation; the name before '=' is the key"),
    (r";", "one equation is one text, without ';'"),
    (r"\b\d+(?:\.\d+)?\s*[A-Za-zµ]", "a product is written with '*', and numbers stand without a unit"),
    (r"'", "a derivative has no name of its own; write its equation"),
)


def unreadable(text: str) -> str:
    """Return what to write in the place of what Python cannot read; empty if nothing is known of it."""
    if signs := [sign for sign in _SIGNS if sign in text]:
        return "; ".join(f"write {_SIGNS[sign]} for {sign}" for sign in signs)
    if reserved := [word for word in re.findall(r"[^\W\d]\w*", text) if word in _RESERVED]:
        return f"{reserved[0]!r} is a word of Python; give it another name, such as {reserved[0]}_1"
    return next((way for shape, way in _SHAPES if re.search(shape, text)), "")


def wrong_count(function: str, count: int) -> str:
    """Return how many values a function takes if that is not so many; else an empty text."""
    least, most = _COUNTS.get(function, (1, 1))
    if count >= least and (most is None or count <= most):
        return ""
    return "two or more values" if most is None else "two values" if most == 2 else "one value"
