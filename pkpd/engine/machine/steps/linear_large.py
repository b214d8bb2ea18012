"""What `linear` writes, for blocks whose code would be too long: loops over tables of products.

Everything is a list of *rows*: an entry of the memory, and the pairs of entries whose products add up to it. The
tables stand beside the code, which is the same for every block; it takes two to three times as long as code without
loops. The steps are those of `linear`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from pkpd.engine.machine import vector_math
from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.machine.steps.linear import LaneSystem, most_halvings, one_state
from pkpd.engine.machine.steps.linear_layout import AGAIN, MOVES, SCALE, BlockLayout, Label, parts_of

Row = tuple[int, list[tuple[int, int]]]
"""An entry, and the pairs whose products add up to it."""


class LargeScratch:
    """Entries of the memory behind those of the layout, given out one after the other."""

    def __init__(self, b: LaneWriter, layout: BlockLayout) -> None:
        self.b, self.next, self.end = b, layout.size, layout.memory
        self._known: dict[int, int] = {}
        self._values: list[Value] = []  # an identity is one's own as long as the value lives
        self.one = self.put(b.number(1.0))

    def room(self, count: int) -> int:
        """Return the first of so many entries."""
        first, self.next = self.next, self.next + count
        if self.next > self.end:
            raise RuntimeError("the memory of a linear block is too small")
        return first

    def put(self, value: Value) -> int:
        """Store a value once and return its entry."""
        if id(value) not in self._known:
            self._known[id(value)] = self.room(1)
            self._values.append(value)
            self.b.store(0, self._known[id(value)], value)
        return self._known[id(value)]


def write_large_exponential(module: Any, name: str, layout: BlockLayout) -> None:
    """Write ``exponential(memory, ·, ·)`` as `linear.write_exponential` does."""
    b = LaneWriter(module, name, 3)
    scratch = LargeScratch(b, layout)
    system = LaneSystem(b, layout)
    other = scratch.room(len(layout.entries)) - layout.exponential  # added to an entry: its place beside the old values
    _series(b, layout, system, scratch, other)

    def turn(index: Any, _: list[Value]) -> None:
        active = b.compare("<", b.counted(index), system.halvings)
        rows = []
        for key, entry in layout.entries.items():
            products = [(layout.entries[left], layout.entries[right]) for left, right in layout.squared(key)]
            rows.append((other + entry, [*products, *([(scratch.one, entry)] if layout.stays(key) else [])]))
        _accumulate(b, rows)
        _conserve(b, layout, system, other)
        _each(b, layout, lambda e: b.store(0, e, b.choose(active, b.load(0, b.plus(other, e)), b.load(0, e))))

    most_halvings(b, system, turn)
    if layout.n == 1:
        one_state(b, layout, system)
    b.finish()


def _series(b: LaneWriter, layout: BlockLayout, system: LaneSystem, scratch: LargeScratch, other: int) -> None:
    """Write the series by Horner's scheme: E ← B·E + I/k!, with derivatives; then conserve its sums."""
    rates = {(end, start): scratch.put(b.mul(rate, system.step)) for (start, end), rate in system.flows.items()}
    rates |= {(j, j): scratch.put(b.mul(entry, system.step)) for j, entry in enumerate(system.shifted)}
    shift = b.mul(system.shift, system.step)
    rates[layout.gone, layout.gone] = scratch.put(shift)
    given = {key: scratch.put(b.mul(value, system.step)) for key, value in system.sources.items()}
    pushed: dict[Label, list[tuple[int, int, int]]] = {}
    for which in layout.matrices[1:]:
        for (start, end), entry in layout.change(which):
            rate = b.number(1.0) if entry is None else b.mul(system.step, b.load(0, entry))
            coming, going = scratch.put(rate), scratch.put(b.minus(rate))
            pushed.setdefault(which, []).extend([(start, start, going), (end, start, coming)])
    factor, whole = scratch.room(1), scratch.room(1)
    b.store(0, whole, b.number(0.0))
    rows: list[Row] = []
    for (which, i, j), entry in layout.entries.items():
        known = [(rate, (which, k, j)) for (row, k), rate in rates.items() if row == i]
        for part, rest in parts_of(which):
            known += [(rate, (rest, column, j)) for row, column, rate in pushed.get(part, ()) if row == i]
        products = [(rate, layout.entries[key]) for rate, key in known if key in layout.entries]
        if not which and i == j:
            products.append((factor, scratch.one))
        if not which and j >= layout.column:
            products.append((given[layout.sources[j - layout.column], i], whole))
        rows.append((other + entry, products))
    _each(b, layout, lambda e: b.store(0, e, b.number(0.0)))
    factors = _Table(b, [1.0 / math.factorial(layout.terms - k) for k in range(layout.terms + 1)])

    def turn(index: Any, _: list[Value]) -> None:
        b.store(0, factor, b._everywhere(factors.at(index), b.kind))
        _accumulate(b, rows)
        b.store(0, whole, b.fma(shift, b.load(0, whole), b.load(0, factor)))
        _each(b, layout, lambda e: b.store(0, e, b.load(0, b.plus(other, e))))

    b.loop(layout.terms + 1, turn)
    unit = vector_math.exp(b.build, b.minus(shift))
    start = layout.exponential
    for order in range(layout.shape.order + 1):
        count = sum(len(which) == order for which, _, _ in layout.entries)

        def scaled(index: Any, _: list[Value], first: int = start, unit: Value = unit) -> None:
            entry = b.plus(first, index)
            b.store(0, b.plus(other, entry), b.mul(b.load(0, entry), unit))

        if count:
            b.loop(count, scaled)
        start += count
        unit = b.mul(unit, system.step) if layout.by_flow else unit
    _conserve(b, layout, system, other)
    _each(b, layout, lambda e: b.store(0, e, b.load(0, b.plus(other, e))))


def _conserve(b: LaneWriter, layout: BlockLayout, system: LaneSystem, other: int) -> None:
    """Make the columns of the exponential at `other` add to one, and those of its derivatives to nothing."""
    zero, one = b.number(0.0), b.number(1.0)
    place = {key: other + entry for key, entry in layout.entries.items()}
    spans = [(place[(), layout.rows((), j)[0], j], len(layout.rows((), j))) for j in range(layout.n)]
    firsts, counts = _Table(b, [first for first, _ in spans]), _Table(b, [count for _, count in spans])

    def column(index: Any, _: list[Value]) -> None:
        first, count = firsts.at(index), counts.at(index)
        total = b.loop(count, lambda k, sums: [b.add(sums[0], b.load(0, b.build.add(first, k)))], [zero])[0]
        share = b.choose(system.conserving, b.div(one, total), one)
        b.loop(count, lambda k, _: b.store(0, b.build.add(first, k), b.mul(b.load(0, b.build.add(first, k)), share)))

    b.loop(layout.n, column)
    columns = [(which, j, layout.rows(which, j)) for which in layout.matrices[1:] for j in range(layout.n)]
    columns = [(which, j, rows) for which, j, rows in columns if rows]
    if not columns:
        return
    first_of = _Table(b, [place[which, rows[0], j] for which, j, rows in columns])
    count_of = _Table(b, [len(rows) for _, _, rows in columns])
    twin = {place[which, i, j]: place[(), i, j] for which, j, rows in columns for i in rows}  # the same place in E
    lowest = min(twin)
    twins = _Table(b, [twin.get(e, 0) for e in range(lowest, max(twin) + 1)])

    def derivative(index: Any, _: list[Value]) -> None:
        first, count = first_of.at(index), count_of.at(index)

        def look(k: Any, sums: list[Value]) -> list[Value]:
            entry = b.build.add(first, k)
            whole = b.load(0, twins.at(b.build.sub(entry, b.index(lowest))))
            return [b.add(sums[0], b.load(0, entry)), b.add(sums[1], whole)]

        moved, part = b.loop(count, look, [zero, zero])
        share = b.choose(b.compare(">", part, zero), b.div(moved, part), zero)
        share = b.choose(system.conserving, b.minus(share), zero)

        def take(k: Any, _: list[Value]) -> None:
            entry = b.build.add(first, k)
            whole = b.load(0, twins.at(b.build.sub(entry, b.index(lowest))))
            b.store(0, entry, b.fma(share, whole, b.load(0, entry)))

        b.loop(count, take)

    b.loop(len(columns), derivative)


def write_large_apply(module: Any, name: str, layout: BlockLayout) -> None:
    """Write ``apply(memory, ·, ·)`` as `linear.write_apply` does."""
    b = LaneWriter(module, name, 3)
    scratch = LargeScratch(b, layout)
    again = b.compare(">", b.load(0, AGAIN), b.number(0.0))
    moves = b.compare(">", b.load(0, MOVES), b.number(0.0))
    names = [*(((), i) for i in range(layout.n)), *layout.shape.moved]
    before, after = scratch.room(len(names)), scratch.room(len(names))
    number = {name: k for k, name in enumerate(names)}

    def choose(k: Any, _: list[Value]) -> None:
        chosen = b.choose(again, b.load(0, b.plus(layout.reached, k)), b.load(0, b.plus(layout.start, k)))
        b.store(0, b.plus(before, k), chosen)

    b.loop(len(names), choose)
    first: list[Row] = []
    known: dict[tuple[Label, Label, int], int | None] = {}

    def made(which: Label, label: Label, i: int) -> int | None:
        """Entry i of a derivative of the exponential times a derivative of the vector, the source included."""
        if (which, label, i) not in known:
            pairs = [((which, i, j), number[label, j] + before) for j in range(layout.n) if (label, j) in number]
            if label in layout.sources:
                pairs.append(((which, i, layout.column + layout.sources.index(label)), SCALE))
            products = [(layout.entries[key], entry) for key, entry in pairs if key in layout.entries]
            known[which, label, i] = scratch.room(1) if products else None
            if products:
                first.append((scratch.next - 1, products))
        return known[which, label, i]

    factors: list[Row] = []
    kept: dict[tuple[tuple[int, ...], ...], int] = {}

    def factor(rates: Sequence[tuple[int, ...]]) -> int:
        """The entry of a sum of products of rates."""
        if not rates:
            return scratch.one
        if len(rates) == len(rates[0]) == 1:
            return rates[0][0]
        key = tuple(rates)
        if key not in kept:
            kept[key] = scratch.room(1)
            factors.append((kept[key], [(each[0], each[-1]) for each in rates]))
        return kept[key]

    last: list[Row] = []
    for k, (label, i) in enumerate(names):
        products = []
        for rates, which, rest in [([], (), label), *layout.chain(label)]:
            value = made(which, rest, i)
            if value is not None:
                products.append((factor(rates), value))
        last.append((after + k, products))
    for rows in (factors, first, last):
        _accumulate(b, [row for row in rows if row[1]])
    for target, pairs in last:
        if not pairs:
            b.store(0, target, b.number(0.0))

    def write(k: Any, _: list[Value]) -> None:
        new = b.add(b.load(0, b.plus(after, k)), b.number(0.0))  # no negative zero, which a source would take away
        b.store(0, b.plus(layout.reached, k), b.choose(moves, new, b.load(0, b.plus(before, k))))

    b.loop(len(names), write)
    b.finish()


class _Table:
    """Numbers beside the code."""

    def __init__(self, b: LaneWriter, values: Sequence[float]) -> None:
        whole = all(isinstance(v, int) for v in values)
        kind = b.ir.ArrayType(b.int64 if whole else b.double, len(values))
        self.b = b
        self.table = b.ir.GlobalVariable(b.module, kind, name=b.module.get_unique_name("table"))
        self.table.linkage, self.table.global_constant = "internal", True
        self.table.initializer = b.ir.Constant(kind, list(values))

    def at(self, index: Any) -> Any:
        """Return the number at an index of a loop."""
        return self.b.build.load(self.b.build.gep(self.table, [self.b.index(0), index]))


def _accumulate(b: LaneWriter, rows: Sequence[Row]) -> None:
    """Write a loop that stores to every row's entry the sum of its products."""
    if not rows:
        return
    pairs = [pair for _, products in rows for pair in products]
    ends = [0]
    for _, products in rows:
        ends.append(ends[-1] + len(products))
    targets, limits = _Table(b, [target for target, _ in rows]), _Table(b, ends)
    lefts, rights = _Table(b, [left for left, _ in pairs]), _Table(b, [right for _, right in pairs])

    def row(index: Any, _: list[Value]) -> None:
        first, end = limits.at(index), limits.at(b.build.add(index, b.index(1)))

        def product(k: Any, sums: list[Value]) -> list[Value]:
            at = b.build.add(first, k)
            return [b.fma(b.load(0, lefts.at(at)), b.load(0, rights.at(at)), sums[0])]

        total = b.loop(b.build.sub(end, first), product, [b.number(0.0)])[0]
        b.store(0, targets.at(index), total)

    b.loop(len(rows), row)


def _each(b: LaneWriter, layout: BlockLayout, body: Callable[[Any], None]) -> None:
    """Write a loop over the entries of the exponential."""
    b.loop(len(layout.entries), lambda index, _: body(b.plus(layout.exponential, index)))
