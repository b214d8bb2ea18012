"""Sparse linear systems of one pattern in every lane: which operations there are is found once, from the pattern.

Pivots stand on the diagonal, in the order of Markowitz (the least work that a pivot can make), so what is zero by
structure is never computed. Nothing is exchanged at run time: all lanes do the same. Whoever calls must notice that a
pivot was too small; for a matrix I·γ/h − J a shorter step makes the diagonal large.

Short lists of operations are written one after the other, their numbers in registers; long ones are tables in the
module and a loop, so that the code does not grow with the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pkpd.engine.machine.lanes import LaneWriter, Value

UNROLLED = 100  # operations of one factorisation and one substitution up to which they are written one by one


class Operation(NamedTuple):
    """What is done with numbers of entries; `Elimination` says what."""

    target: int
    left: int
    right: int


@dataclass(frozen=True)
class Elimination:
    """What is done with a matrix of one pattern.

    Attributes
    ----------
    size : int
        Rows.
    entries : dict
        (row, column) → number of the entry, fill-in included.
    factor : tuple of Operation
        On entries: ``target −= left·right``; where right is −1 ``target *= left``, where both are −1
        ``target = 1/target``.
    forward, backward : tuple of Operation
        On the right side x with factors L: ``x[target] −= L[left]·x[right]``; where right is −1
        ``x[target] *= L[left]``.
    """

    size: int
    entries: dict[tuple[int, int], int]
    factor: tuple[Operation, ...]
    forward: tuple[Operation, ...]
    backward: tuple[Operation, ...]

    @property
    def unrolled(self) -> bool:
        """Whether the operations are few."""
        return len(self.factor) + len(self.forward) + len(self.backward) <= UNROLLED


def plan_elimination(size: int, pattern: Iterable[tuple[int, int]]) -> Elimination:
    """Return the operations for a matrix whose entries are the diagonal and those of the pattern."""
    columns: list[set[int]] = [{i} for i in range(size)]  # by row
    for i, j in pattern:
        columns[i].add(j)
    entries = {(i, j): k for k, (i, j) in enumerate((i, j) for i in range(size) for j in sorted(columns[i]))}
    left, order, factor = set(range(size)), [], []
    while left:
        below = {p: [r for r in sorted(left) if r != p and p in columns[r]] for p in left}
        p = min(sorted(left), key=lambda k: len(below[k]) * (len(columns[k] & left) - 1))
        left.remove(p)
        order.append(p)
        factor.append(Operation(entries[p, p], -1, -1))
        for r in below[p]:
            factor.append(Operation(entries[r, p], entries[p, p], -1))
            for j in sorted(columns[p] & left):
                columns[r].add(j)
                target = entries.setdefault((r, j), len(entries))
                factor.append(Operation(target, entries[r, p], entries[p, j]))
    place = {p: k for k, p in enumerate(order)}
    forward = [
        Operation(r, entries[r, p], p) for p in order for r in range(size) if (r, p) in entries and place[r] > place[p]
    ]
    backward = []
    for p in reversed(order):
        backward += [
            Operation(p, entries[p, j], j) for j in range(size) if (p, j) in entries and place[j] > place[p]
        ]  # fmt: skip
        backward.append(Operation(p, entries[p, p], -1))
    return Elimination(size, entries, tuple(factor), tuple(forward), tuple(backward))


class Arithmetic:
    """Numbers of one real and several complex systems side by side: (x, re, im, re, im …), a vector each."""

    def __init__(self, b: LaneWriter, parts: int) -> None:
        self.b, self.parts = b, parts

    def less(self, x: Sequence[Value], a: Sequence[Value], c: Sequence[Value]) -> list[Value]:
        """Return x − a·c."""
        b = self.b
        found = [self._less(x[0], a[0], c[0])] if self.parts % 2 else []
        for k in range(self.parts % 2, self.parts, 2):
            re = b.fma(a[k + 1], c[k + 1], self._less(x[k], a[k], c[k]))
            found += [re, self._less(self._less(x[k + 1], a[k], c[k + 1]), a[k + 1], c[k])]
        return found

    def times(self, a: Sequence[Value], c: Sequence[Value]) -> list[Value]:
        """Return a·c."""
        b = self.b
        found = [b.mul(a[0], c[0])] if self.parts % 2 else []
        for k in range(self.parts % 2, self.parts, 2):
            found.append(self._less(b.mul(a[k], c[k]), a[k + 1], c[k + 1]))
            found.append(b.fma(a[k], c[k + 1], b.mul(a[k + 1], c[k])))
        return found

    def inverse(self, a: Sequence[Value]) -> list[Value]:
        """Return 1/a."""
        b, one = self.b, self.b.number(1.0)
        found = [b.div(one, a[0])] if self.parts % 2 else []
        for k in range(self.parts % 2, self.parts, 2):
            size = b.div(one, b.fma(a[k], a[k], b.mul(a[k + 1], a[k + 1])))
            found += [b.mul(a[k], size), b.minus(b.mul(a[k + 1], size))]
        return found

    def _less(self, x: Value, a: Value, c: Value) -> Value:
        return self.b.fma(self.b.minus(a), c, x)


class Registers:
    """Numbers by entry, each a tuple of vectors, that stay in the function's registers."""

    def __init__(self, known: Callable[[int], list[Value]]) -> None:
        self.known, self.held = known, dict[int, list[Value]]()

    def get(self, entry: int) -> list[Value]:
        """Return an entry: what was set last, at first what is known of it."""
        if entry not in self.held:
            self.held[entry] = self.known(entry)
        return self.held[entry]

    def set(self, entry: int, values: list[Value]) -> None:
        """Remember an entry."""
        self.held[entry] = values


class Memory:
    """Numbers by entry in an argument of the function: part k of entry e at ``start + e·stride + k``."""

    def __init__(self, b: LaneWriter, argument: int, start: int, parts: range, stride: int) -> None:
        self.b, self.argument, self.start, self.parts, self.stride = b, argument, start, parts, stride

    def get(self, entry: Any) -> list[Value]:
        """Load an entry, which is a number or an index."""
        return [self.b.load(self.argument, place) for place in self._places(entry)]

    def set(self, entry: Any, values: list[Value]) -> None:
        """Store an entry."""
        for place, value in zip(self._places(entry), values, strict=True):
            self.b.store(self.argument, place, value)

    def _places(self, entry: Any) -> list[Any]:
        first = entry * self.stride if isinstance(entry, int) else self.b.build.mul(entry, self.b.index(self.stride))
        return [self.b.plus(self.start + part, first) for part in self.parts]


def table(b: LaneWriter, name: str, numbers: Sequence[int]) -> Any:
    """Write whole numbers into the module, once under a name."""
    known = b.module.globals.get(name)
    if known is None:
        kind = b.ir.ArrayType(b.int64, len(numbers))
        known = b.ir.GlobalVariable(b.module, kind, name)
        known.initializer = b.ir.Constant(kind, list(numbers))
        known.global_constant, known.linkage = True, "internal"
    return known


def look_up(b: LaneWriter, numbers: Any, index: Any) -> Any:
    """Return one number of a table."""
    place = index if not isinstance(index, int) else b.index(index)
    return b.build.load(b.build.gep(numbers, [b.index(0), place]))


def operate(
    arithmetic: Arithmetic, operations: Sequence[Operation], matrix: Any, x: Any, name: str | None = None
) -> None:
    """Write operations on the entries of ``x``, with factors from ``matrix`` (see `Elimination`).

    With a `name` they stand in a table of that name, and `matrix` and `x` must be in memory; otherwise they are written
    one by one.
    """
    b = arithmetic.b
    if name is None:
        for target, left, right in operations:
            if right >= 0:
                x.set(target, arithmetic.less(x.get(target), matrix.get(left), x.get(right)))
            elif left >= 0:
                x.set(target, arithmetic.times(x.get(target), matrix.get(left)))
            else:
                x.set(target, arithmetic.inverse(x.get(target)))
        return
    numbers = table(b, name, [number for operation in operations for number in operation])

    def one(k: Any, _: list[Value]) -> None:
        first = b.build.mul(k, b.index(3))
        target, left, right = (look_up(b, numbers, b.plus(n, first)) for n in range(3))
        with b.build.if_else(b.build.icmp_signed(">=", right, b.index(0))) as (update, otherwise):
            with update:
                x.set(target, arithmetic.less(x.get(target), matrix.get(left), x.get(right)))
            with otherwise, b.build.if_else(b.build.icmp_signed(">=", left, b.index(0))) as (scaled, inverted):
                with scaled:
                    x.set(target, arithmetic.times(x.get(target), matrix.get(left)))
                with inverted:
                    x.set(target, arithmetic.inverse(x.get(target)))

    b.loop(len(operations), one)
