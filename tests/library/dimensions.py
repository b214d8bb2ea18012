"""Dimensions of a model's equations, from the units that it declares: what is added must be of one kind."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from pkpd.library import typical
from pkpd.model import Model
from pkpd.units import resolve
from pkpd.units.parsed import parsed

Dimension = dict[str, float]
BASE = {"time": "h", "amount": "mg", "volume": "L"}


class Wrong(Exception):
    """An equation whose parts do not fit together."""


def of_unit(unit: str) -> Dimension:
    """Return the exponents of a unit's dimensions."""
    return {d: float(p) for d, p in parsed(unit).dimension.items()}


def problems(model: Model, needs: Mapping[str, str]) -> list[str]:
    """Return what does not fit in a model; `needs` gives the units of what another model brings."""
    own = typical(model)
    table = {p.name: of_unit(p.unit) for p in own.parameters} | {"t": of_unit("h"), "tad": of_unit("h")}
    table |= {n: of_unit(resolve(u, BASE)) for n, u in {**needs, **own.units}.items()}
    numbers = own.parameters.as_dict()
    found = [f"{n!r} has no unit" for n in {*own.states, *own.outputs} - set(own.units)]
    amount, time = of_unit("mg"), of_unit("h")
    wanted = [(f"d{s}/dt", e, minus(table[s], time)) for s, e in own.equations.items()]
    wanted += [(o, e, table[o]) for o, e in own.outputs.items()]
    wanted += [(f"{s}(0)", e, table[s]) for s, e in own.initial.items()]
    wanted += [(f"dose into {s}", s, amount) for s in own.doses.values()]
    for kind, unit in (("lag", "h"), ("bioavailability", ""), ("infusion_duration", "h"), ("infusion_rate", "mg/h")):
        wanted += [(f"{kind} of {s}", e, of_unit(unit)) for s, e in getattr(own, kind).items()]
    for what, text, expected in wanted:
        try:
            dimension = walk(ast.parse(text.replace("^", "**"), mode="eval").body, table, numbers)
            if dimension is not None and not same(dimension, expected):
                found.append(f"{what} is {dimension}, expected {expected}: {text}")
        except Wrong as error:
            found.append(f"{what}: {error}")
    return found


def minus(a: Dimension, b: Dimension, times: float = 1.0) -> Dimension:
    """Return the dimension of a quotient a / b**times."""
    return {d: a.get(d, 0.0) - times * b.get(d, 0.0) for d in {*a, *b}}


def same(a: Dimension, b: Dimension) -> bool:
    return all(abs(x) < 1e-9 for x in minus(a, b).values())


def walk(node: ast.AST, table: Mapping[str, Dimension], numbers: Mapping[str, float]) -> Dimension | None:
    """Return the dimension of an expression; None for the number 0, which fits everywhere."""
    match node:
        case ast.Constant(value=value):
            return None if value == 0 else {}
        case ast.Name(id=name):
            return table[name]
        case ast.UnaryOp(operand=operand):
            return walk(operand, table, numbers)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return alike([left, right], table, numbers)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            bare(right, table, numbers)
            power = float(eval(ast.unparse(right), {"__builtins__": {}}, dict(numbers)))
            return minus({}, walk(left, table, numbers) or {}, -power)
        case ast.BinOp(left=left, op=op, right=right):
            sign = -1.0 if isinstance(op, ast.Mult) else 1.0
            return minus(walk(left, table, numbers) or {}, walk(right, table, numbers) or {}, sign)
        case ast.Call(func=ast.Name(id="max" | "min" | "abs"), args=arguments):
            return alike(arguments, table, numbers)
        case ast.Call(func=ast.Name(id="sqrt"), args=[argument]):
            return minus({}, walk(argument, table, numbers) or {}, -0.5)
        case ast.Call(args=[argument]):
            bare(argument, table, numbers)
            return {}
    raise Wrong(f"not expected: {ast.unparse(node)}")


def alike(nodes: list[ast.expr], table: Mapping[str, Dimension], numbers: Mapping[str, float]) -> Dimension | None:
    found = [(n, d) for n in nodes if (d := walk(n, table, numbers)) is not None]
    for node, dimension in found[1:]:
        if not same(found[0][1], dimension):
            raise Wrong(f"{ast.unparse(found[0][0])} ({found[0][1]}) with {ast.unparse(node)} ({dimension})")
    return found[0][1] if found else None


def bare(node: ast.expr, table: Mapping[str, Dimension], numbers: Mapping[str, float]) -> None:
    if not same(walk(node, table, numbers) or {}, {}):
        raise Wrong(f"{ast.unparse(node)} is not a pure number")
