"""Whether what a model adds, compares and calls by one name is of one kind, sizes included (mg and ng are two units).

Every name has a unit, stated or not. An equation says which products of units are equal. In logarithms these are
linear equations; they are taken one by one, and the first that contradicts those before it is said. Names without a
unit are unknowns, and so is every number in a product: ``1000*A/V`` converts, ``exp(-0.1*t)`` has a rate in it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from pkpd import units
from pkpd.errors import ModelError, UnitError
from pkpd.model import expressions

_SIZE = "size"  # the component that holds the logarithm of how large a unit is
_BLUR = 1e-6
_PLAIN_ONLY = ("what ", "an exponent")  # how a message begins that asks for a pure number
_WORDS = ("time", "amount", "volume")


@dataclass(frozen=True, eq=False)
class _Kind:
    """A product of powers: of known dimensions (with a size), and of names whose unit is not known."""

    known: Mapping[str, float] = field(default_factory=dict)
    open: Mapping[str, float] = field(default_factory=dict)

    def times(self, other: _Kind, power: float = 1.0) -> _Kind:
        return _Kind(_sum(self.known, other.known, power), _sum(self.open, other.open, power))

    def power(self, exponent: float) -> _Kind:
        return _Kind().times(self, exponent)


_PURE = _Kind()
_Told = str | ast.expr  # what a message shows, written out only if there is one
_Demand = tuple[str, _Told, _Kind, _Told, _Kind]


def _sum(a: Mapping[str, float], b: Mapping[str, float], factor: float) -> dict[str, float]:
    if not b:
        return dict(a)
    both = dict(a)
    for name, value in b.items():
        both[name] = both.get(name, 0.0) + factor * value
        if abs(both[name]) < 1e-9:
            del both[name]
    return both


@lru_cache(maxsize=1024)
def _of_unit(text: str) -> tuple[_Kind, bool]:
    """The kind of a unit, and whether its size is known; a unit that nobody knows is a name."""
    try:
        size, dimension = units.size(text)
    except UnitError:
        return _Kind({}, {f"unit {text}": 1.0}), True
    return _Kind(_sum(dimension, {_SIZE: math.log10(size)} if size else {}, 1.0)), size > 0


@lru_cache(maxsize=1024)
def _resolved(text: str, *base: tuple[str, str]) -> str:
    return units.resolve(text, dict(base))


M = TypeVar("M")


def consistent(model: M, before: Any = None) -> M:
    """Return a model, unless its stated units contradict its equations.

    Parameters
    ----------
    model : Model
        The model; sizes count where its units of time, amount and volume were chosen.
    before : Model, optional
        The same before they were chosen: if it states no unit of its own, such as those of the library, all is well.

    Raises
    ------
    ModelError
        Naming the equation, both units and the way out.
    """
    stated = (*(p.unit for p in before.parameters), *before.units.values()) if before is not None else ()
    if before is not None and all(units.is_open(unit) for unit in stated if unit):
        return model
    if problems := contradictions(model):
        raise ModelError(problems, f"model {model.name!r}")  # type: ignore[attr-defined]
    return model


def contradictions(model: Any) -> list[str]:
    """Return where stated units and equations contradict one another, one sentence each; a model may state none.

    Parameters
    ----------
    model : Model
        The model. Parameters, states and outputs without a unit take whatever the equations ask for.
    """
    stated = {**{p.name: p.unit for p in model.parameters}, **model.units}
    stated = {name: unit for name, unit in stated.items() if unit and name not in model.covariates}
    if not stated:
        return []
    chosen = dict(model.base) != {word: word for word in _WORDS}
    rules = _Rules(model, tuple(model.base.items()) if chosen else (), sized=chosen)
    rules.read(stated)
    return [sentence for demand in rules.demands() if (sentence := rules.contradiction(*demand))]


@dataclass(eq=False)
class _Rules:
    """What is known of the names so far: units that were stated, and what the equations before demanded."""

    model: Any
    base: tuple[tuple[str, str], ...]
    sized: bool
    named: dict[str, _Kind] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    solved: dict[str, _Kind] = field(default_factory=dict)
    numbers: int = 0
    problems: list[_Demand] = field(default_factory=list)

    def read(self, stated: Mapping[str, str]) -> None:
        """Take what was stated: units of names, and what time, amounts and volumes are counted in."""
        self.texts = dict(stated)
        self.named = {name: self.unit(unit) for name, unit in stated.items()}
        for name in (expressions.TIME, expressions.TAD):
            self.named.setdefault(name, self.unit("time"))

    def unit(self, text: str) -> _Kind:
        """The kind of a unit; a word that stands for no unit yet is a name, and so is a unit that nobody knows."""
        whole = _resolved(text, *self.base) if self.base else text
        if units.is_open(whole):
            try:
                return self.in_words(ast.parse(whole.replace("^", "**"), mode="eval").body)
            except (SyntaxError, UnitError):
                return _Kind({}, {f"unit {text}": 1.0})
        kind, sized = _of_unit(whole)
        self.sized &= sized
        return kind

    def in_words(self, node: ast.expr) -> _Kind:
        match node:
            case ast.Constant(value=1):
                return _PURE
            case ast.Name(id=name):
                return _Kind({}, {f"the unit of {name}": 1.0}) if name in _WORDS else self.unit(name)
            case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
                return self.in_words(left).times(self.in_words(right), 1.0 if isinstance(op, ast.Mult) else -1.0)
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() | float() as power)):
                return self.in_words(left).power(power)
        raise UnitError(f"{ast.unparse(node)!r} is no unit")

    def demands(self) -> Iterator[_Demand]:
        """Yield what must be equal: where, what, of which kind, what else, of which kind."""
        model, amount, time = self.model, self.unit("amount"), self.unit("time")
        for state in dict.fromkeys(model.doses.values()):
            share = model.bioavailability.get(state)
            part = self.kind(share) if share is not None else _PURE
            yield from self.inside(f"bioavailability[{state!r}]")
            if part is not None:
                yield f"doses into {state!r}", "a dose", amount.times(part), state, self.name(state)
        for group, own in (("equations", time), ("outputs", None), ("initial", None)):
            for name, text in getattr(model, group).items():
                kind = self.kind(text)
                yield from self.inside(f"{group}[{name!r}]")
                if kind is not None and text != name:
                    whole = self.name(name) if own is None else self.name(name).times(own, -1.0)
                    yield f"{group}[{name!r}]", text, kind, name if own is None else f"d{name}/dt", whole
        rate = amount.times(time, -1.0)
        wanted = (("lag", "a lag", time), ("infusion_duration", "the length of an infusion", time),
                  ("infusion_rate", "the rate of an infusion", rate))  # fmt: skip
        for group, what, whole in wanted:
            for state, text in getattr(model, group).items():
                kind = self.kind(text)
                yield from self.inside(f"{group}[{state!r}]")
                if kind is not None:
                    yield f"{group}[{state!r}]", text, kind, what, whole

    def inside(self, where: str) -> Iterator[_Demand]:
        """Yield what a text demands of its own parts, found on the way through it."""
        found, self.problems = self.problems, []
        for _, text, kind, other, whole in found:
            yield where, text, kind, other, whole

    def name(self, name: str) -> _Kind:
        return self.named.get(name) or _Kind({}, {name: 1.0})

    def kind(self, text: str) -> _Kind | None:
        return self.walk(expressions.tree_of(text))

    def walk(self, node: ast.expr) -> _Kind | None:
        """The kind of an expression; None where any will do: a number that is added or compared."""
        match node:
            case ast.Constant():
                return None
            case ast.Name(id=name):
                return self.name(name)
            case ast.UnaryOp(operand=operand):
                return self.walk(operand)
            case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
                a, b = self.factor(left), self.factor(right)
                return a.times(b, 1.0 if isinstance(op, ast.Mult) else -1.0)
            case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
                return self.raised(base, exponent)
            case ast.BinOp(left=left, right=right):
                return self.alike([left, right])
            case ast.Call(func=ast.Name(id="min" | "max" | "abs" | "mod"), args=inner):
                return self.alike(inner)
            case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
                return self.factor(inner).power(0.5)
            case ast.Call(func=ast.Name(id="floor" | "ceil" | "log"), args=[inner]):
                self.walk(inner)  # log(C) is a scale of its own; floor(t/24) counts days
                return None
            case ast.Call(func=ast.Name(id=function), args=[inner]):
                found = self.walk(inner)
                if found is not None and not _only_time(inner):
                    self.problems.append(("", inner, found, f"what {function}() takes", _PURE))
                return _PURE
            case ast.IfExp(test=test, body=body, orelse=other):
                for part in ast.walk(test):
                    if isinstance(part, ast.Compare):
                        self.alike([part.left, *part.comparators])
                return self.alike([body, other])
        return None

    def factor(self, node: ast.expr) -> _Kind:
        """The kind of a part of a product: a number other than 1 may have any unit, another one each time."""
        found = _PURE if isinstance(node, ast.Constant) and node.value == 1 else self.walk(node)
        if found is None:
            self.numbers += 1
            return _Kind({}, {f"number {self.numbers}": 1.0})
        return found

    def raised(self, base: ast.expr, exponent: ast.expr) -> _Kind | None:
        walked, number = self.walk(base), _number(exponent)
        found = None if walked is None else self.reduced(walked)
        if number is not None:
            return found.power(number) if found is not None else None
        power = self.walk(exponent)
        if power is not None:
            self.problems.append(("", exponent, power, "an exponent", _PURE))
        told = ast.unparse(exponent)
        if found is None or found.open:  # some kind, the same each time
            return _Kind({}, {f"{ast.unparse(base)} ** {told}": 1.0})
        return _Kind({f"{part} ** {told}": size for part, size in found.known.items()})

    def alike(self, nodes: list[ast.expr]) -> _Kind | None:
        kinds = [(each, kind) for each in nodes if (kind := self.walk(each)) is not None]
        for other, kind in kinds[1:]:
            self.problems.append(("", other, kind, kinds[0][0], kinds[0][1]))
        return kinds[0][1] if kinds else None

    def contradiction(self, where: str, text: _Told, kind: _Kind, other: _Told, whole: _Kind) -> str:
        """Take one demand: learn a unit from it, or say what it contradicts."""
        a, b = self.reduced(kind), self.reduced(whole)
        left = a.times(b, -1.0)
        if left.open:
            name = min(left.open, key=lambda n: (not n.startswith("number "), n))
            share = left.open[name]
            rest = _Kind(left.known, {n: p for n, p in left.open.items() if n != name}).power(-1.0 / share)
            self.solved = {n: _replaced(k, name, rest) for n, k in self.solved.items()} | {name: rest}
            return ""
        wrong = {n: v for n, v in left.known.items() if abs(v) > _BLUR and (self.sized or not n.startswith(_SIZE))}
        if not wrong:
            return ""
        head = f"{where}: '{_short(text)}' is {self.written(a)}, and {_short(other)} is {self.written(b)}"
        if set(wrong) == {_SIZE}:
            ratio = 10 ** wrong[_SIZE]
            number = f"{ratio:.6g}" if ratio >= 1 else f"1/{1 / ratio:.6g}"
            return f"{head}: they differ by the factor {number}; convert one ({number}*(…)), or state its unit"
        if not isinstance(other, ast.expr) and other.startswith(_PLAIN_ONLY):
            return f"{head}; divide by what has the same unit, a parameter or a number"
        return f"{head}; expected one unit on both sides"

    def reduced(self, kind: _Kind) -> _Kind:
        for name in [n for n in kind.open if n in self.solved]:
            kind = _replaced(kind, name, self.solved[name])
        return kind

    def written(self, kind: _Kind) -> str:
        """Write a kind as a unit: as somebody stated it, else in the units of the model."""
        if kind.open:
            return "in a unit of its own"
        if not kind.known:
            return "a pure number"
        sizes: dict[float, str] = {}
        for text in (*self.texts.values(), *_products(dict(self.base))):
            there = self.unit(text)
            rest = {n: v for n, v in _sum(kind.known, there.known, -1.0).items() if abs(v) >= _BLUR}
            if not there.open and {*rest} <= {_SIZE}:
                sizes.setdefault(rest.get(_SIZE, 0.0), _resolved(text, *self.base) if self.base else text)
        if sizes:
            nearest = min(sizes, key=abs)
            return f"in {f'{10**nearest:g} ' if nearest else ''}{sizes[nearest]}"
        dimensions = {n.strip("[]").replace("_", " "): p for n, p in kind.known.items() if not n.startswith(_SIZE)}
        parts = (name if p == 1 else f"{name}^{p:g}" for name, p in dimensions.items())
        return f"of the dimension {'·'.join(parts)}" if dimensions else "a number of another size"


def _replaced(kind: _Kind, name: str, by: _Kind) -> _Kind:
    share = kind.open.get(name, 0.0)
    if not share:
        return kind
    return _Kind(kind.known, {n: p for n, p in kind.open.items() if n != name}).times(by, share)


def _products(base: Mapping[str, str]) -> Iterable[str]:
    """Products of the model's units, simple ones first."""
    if not base:
        return
    powers = [(t, a, v) for t in (0, -1, 1, -2) for a in (0, 1, -1, 2) for v in (0, -1, 1) if t or a or v]
    for powers_of in sorted(powers, key=lambda each: sum(map(abs, each))):
        yield "*".join(f"{w}**{p}" for w, p in zip(_WORDS, powers_of, strict=True) if p)


def _only_time(node: ast.expr) -> bool:
    """Whether it is t or tad alone: exp(-t) is meant as exp(-1*t), with a rate of 1."""
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(inner, ast.Name) and inner.id in (expressions.TIME, expressions.TAD)


def _number(node: ast.expr) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            a, b = _number(left), _number(right)
            return a / b if a is not None and b else None
    return None


def _short(told: str | ast.expr) -> str:
    text = told if isinstance(told, str) else ast.unparse(told)
    return text if len(text) <= 80 else f"{text[:77]}…"
