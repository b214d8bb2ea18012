"""Units of parameters that state none, as far as the equations tell them: what is added must be of one kind.

Every name is a product of powers of time, amount and volume. An equation says which products are equal, and those are
linear equations in the powers. Doses are amounts and ``t`` is a time; outputs bring the units that they state. What
these leave open is not named.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pkpd import units
from pkpd.arrays import Array
from pkpd.errors import UnitError
from pkpd.model import expressions
from pkpd.model.model import Model

_WORDS = ("time", "amount", "volume")
_TIME, _AMOUNT = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
_KNOWN: Mapping[str, tuple[float, ...]] = {
    "time": (1, 0, 0), "1/time": (-1, 0, 0), "volume": (0, 0, 1), "volume/time": (-1, 0, 1), "amount": (0, 1, 0),
    "amount/time": (-1, 1, 0), "amount/volume": (0, 1, -1),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Kind:
    """Powers of time, amount and volume: known ones, and those of names that are not known yet, times a number."""

    known: Array
    open: Mapping[str, float] = field(default_factory=dict)

    def times(self, other: _Kind, sign: float = 1.0) -> _Kind:
        names = {**self.open, **other.open}
        both = {n: self.open.get(n, 0.0) + sign * other.open.get(n, 0.0) for n in names}
        return _Kind(self.known + sign * other.known, both)

    def power(self, exponent: float) -> _Kind:
        return _Kind(exponent * self.known, {n: exponent * p for n, p in self.open.items()})


_PURE = _Kind(np.zeros(3))


def inferred_units(model: Model) -> dict[str, str]:
    """Return the units of parameters that state none and that the equations determine, in the model's base.

    Parameters
    ----------
    model : Model
        With concrete units.

    Returns
    -------
    dict
        Parameter → unit, such as ``{"CL": "mL/h"}``; pure numbers are left out, and if the equations contradict one
        another, all are.
    """
    bare = [p.name for p in model.parameters if not p.unit]
    if not bare:
        return {}
    rules = _Rules({p.name: _stated(p.unit, model) for p in model.parameters if p.unit})
    rules.known |= {n: _stated(unit, model) for n, unit in model.units.items() if unit}
    rules.known |= {expressions.TIME: _Kind(_TIME), expressions.TAD: _Kind(_TIME)}
    rules.known |= {state: _Kind(_AMOUNT) for state in model.doses.values()}
    for state, text in model.equations.items():
        rules.same(rules.kind(text), rules.name(state).times(_Kind(_TIME), -1.0))
    for name, text in [*model.outputs.items(), *model.initial.items()]:
        if name != text:
            rules.same(rules.kind(text), rules.name(name))
    solved = rules.solved()
    return {n: unit for n in bare if n in solved and (unit := _written(solved[n], model.base))}


def _stated(unit: str, model: Model) -> _Kind:
    """The kind of a stated unit; one that is not made of the model's units is a kind of its own."""
    for words, powers in _KNOWN.items():
        try:
            same = abs(units.factor(unit, units.resolve(words, model.base)) - 1.0) < 1e-9
        except UnitError:
            continue
        if not same:  # a response in g beside doses in mg is on a scale of its own
            break
        return _Kind(np.array(powers, dtype=float))
    return _Kind(np.zeros(3), {f"unit {unit}": 1.0})


def _written(powers: Array, base: Mapping[str, str]) -> str:
    whole = np.round(powers)
    if np.abs(whole - powers).max() > 1e-6 or not whole.any():
        return ""
    text = "".join(f"*{w}**{int(p)}" for w, p in zip(_WORDS, whole, strict=True) if p)
    return units.resolve(text[1:], base)


@dataclass(eq=False)
class _Rules:
    """What the equations demand, collected while their texts are walked."""

    known: dict[str, _Kind]
    demands: list[_Kind] = field(default_factory=list)
    fresh: int = 0

    def name(self, name: str) -> _Kind:
        return self.known.get(name, _Kind(np.zeros(3), {name: 1.0}))

    def same(self, one: _Kind | None, other: _Kind | None) -> None:
        if one is not None and other is not None:
            self.demands.append(one.times(other, -1.0))

    def kind(self, text: str) -> _Kind | None:
        expressions.names(text)  # checks the text
        return self.walk(ast.parse(text.strip().replace("^", "**"), mode="eval").body)

    def walk(self, node: ast.expr) -> _Kind | None:
        """The kind of an expression; None where any will do (a 0, a number that is added)."""
        match node:
            case ast.Constant(value=value):
                return _PURE if value == 1 else None
            case ast.Name(id=name):
                return self.name(name)
            case ast.UnaryOp(operand=operand):
                return self.walk(operand)
            case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
                return self.product(left, right, 1.0 if isinstance(op, ast.Mult) else -1.0)
            case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
                return self.raised(base, exponent)
            case ast.BinOp(left=left, right=right):
                return self.alike([left, right])
            case ast.Call(func=ast.Name(id="min" | "max" | "abs" | "mod"), args=inner):
                return self.alike(inner)
            case ast.Call(func=ast.Name(id="floor" | "ceil")):
                return None  # floor(t/24) counts days: a number in it may have any unit
            case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
                found = self.walk(inner)
                return found.power(0.5) if found is not None else None
            case ast.Call(args=inner):
                for each in inner:
                    self.same(self.walk(each), _PURE)
                return _PURE
            case ast.IfExp(test=test, body=body, orelse=other):
                for part in ast.walk(test):
                    if isinstance(part, ast.Compare):
                        self.alike([part.left, *part.comparators])
                return self.alike([body, other])
        return None

    def product(self, left: ast.expr, right: ast.expr, sign: float) -> _Kind | None:
        a, b = (_PURE if _is_number(side) else self.walk(side) for side in (left, right))
        return a.times(b, sign) if a is not None and b is not None else None

    def raised(self, base: ast.expr, exponent: ast.expr) -> _Kind | None:
        found = self.walk(base)
        if isinstance(exponent, ast.Constant) and isinstance(exponent.value, int | float):
            return found.power(float(exponent.value)) if found is not None else None
        self.same(self.walk(exponent), _PURE)
        return self.name(f"power {ast.unparse(base)} ** {ast.unparse(exponent)}")  # some kind, the same each time

    def alike(self, nodes: list[ast.expr]) -> _Kind | None:
        kinds = [kind for each in nodes if (kind := self.walk(each)) is not None]
        for other in kinds[1:]:
            self.same(kinds[0], other)
        return kinds[0] if kinds else None

    def solved(self) -> dict[str, Array]:
        """Powers of the names that the demands determine; none if they contradict one another."""
        names = sorted({n for demand in self.demands for n in demand.open})
        if not names:
            return {}
        matrix = np.array([[demand.open.get(n, 0.0) for n in names] for demand in self.demands])
        right = -np.array([demand.known for demand in self.demands])
        found = np.linalg.lstsq(matrix, right, rcond=None)[0]
        if np.abs(matrix @ found - right).max() > 1e-6:
            return {}
        _, sizes, rows = np.linalg.svd(matrix)
        free = rows[int((sizes > 1e-9 * sizes.max()).sum()) :]
        settled = np.abs(free).max(axis=0) < 1e-9 if len(free) else np.ones(len(names), dtype=bool)
        return {n: found[k] for k, n in enumerate(names) if settled[k]}


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and _is_number(node.operand))
