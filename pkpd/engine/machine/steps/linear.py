"""The exponential of a linear block with its derivatives, for several subjects at once; see `matrix_exponential`.

The method is the one described there: a shift after which nothing is negative, a series at a norm of one half,
squaring, and columns that add to one. Derivatives in the directions of `linear_layout` go through the same steps, and
their columns add to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from pkpd.engine.machine import vector_math
from pkpd.engine.machine.jit import LANES
from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.machine.steps.linear_layout import AGAIN, MOVES, SCALE, TAU, BlockLayout, Key, Label, parts_of

Pairs = Iterable[tuple[Value, Value]]
_MOST_HALVINGS = 200


def write_exponential(module: Any, name: str, layout: BlockLayout) -> None:
    """Write ``exponential(memory, ·, ·)``: from the block and the interval to the entries of the exponential."""
    b = LaneWriter(module, name, 3)
    system = LaneSystem(b, layout)
    single = layout.n == 1
    if not single or layout.source:
        _series(b, layout, system)
        _square(b, layout, system)
    if single:
        one_state(b, layout, system)
    b.finish()


class LaneSystem:
    """The extended matrix of every lane, shifted, and by how much it is scaled.

    The diagonal is rebuilt from what flows away, because ``-CL/V1 - Q/V1`` has lost the digits of a small CL. The
    source is scaled to the size of the matrix, so that an amount in picograms costs no halvings.
    """

    def __init__(self, b: LaneWriter, layout: BlockLayout) -> None:
        zero = b.number(0.0)
        self.flows = {flow: b.load(0, layout.flow(flow)) for flow in layout.flows}
        negative = zero
        for rate in self.flows.values():
            negative = b.choose(b.compare("<", rate, zero), b.number(1.0), negative)
        self.conserving = b.compare("==", negative, zero)
        self.diagonal: list[Value] = []
        sums, size = [], zero
        for j in range(layout.n):
            out = [(self.flows[j, i], i) for i in (layout.gone, *range(layout.n)) if (j, i) in self.flows]
            total = _total(b, (rate for rate, _ in out))
            size = b.max(b.abs(total), size)
            entry = layout.diagonal(j)
            as_written = b.load(0, entry) if entry is not None else zero
            self.diagonal.append(b.choose(self.conserving, b.minus(total), as_written))
            sums.append(_total(b, (b.abs(rate) for rate, i in out if i != layout.gone)))
            if (j, layout.gone) in self.flows:
                lost = b.choose(self.conserving, self.flows[j, layout.gone], zero)
                self.flows[j, layout.gone] = lost
                sums[j] = b.add(sums[j], b.abs(lost))
        self.shift = zero
        for entry in self.diagonal:
            self.shift = b.max(b.minus(entry), self.shift)
        norm = self.shift
        self.shifted = [b.add(entry, self.shift) for entry in self.diagonal]
        for entry, total in zip(self.shifted, sums, strict=True):
            norm = b.max(b.add(b.abs(entry), total), norm)
        self.sources: dict[tuple[Label, int], Value] = {}
        if layout.source:
            norm = self._source(b, layout, size, norm)
        self.tau = b.load(0, TAU)
        self.halvings, part = _halvings(b, b.mul(norm, self.tau))
        self.step = b.mul(self.tau, part)

    def _source(self, b: LaneWriter, layout: BlockLayout, size: Value, norm: Value) -> Value:
        zero, one = b.number(0.0), b.number(1.0)
        for label in layout.sources:
            for i in range(layout.n):
                rate, constant = b.load(0, layout.rate(i, label)), layout.constant(i, label)
                self.sources[label, i] = rate if constant is None else b.add(b.load(0, constant), rate)
        largest = zero
        for i in range(layout.n):
            largest = b.max(b.abs(self.sources[(), i]), largest)
        scale = b.choose(b.compare(">", size, zero), b.div(largest, size), largest)
        scale = b.choose(b.compare(">", largest, zero), scale, one)
        b.store(0, SCALE, scale)
        self.sources = {key: b.div(value, scale) for key, value in self.sources.items()}
        total = b.add(self.shift, _total(b, (b.abs(self.sources[(), i]) for i in range(layout.n))))
        return b.max(b.choose(b.compare(">", largest, zero), total, zero), norm)


def _halvings(b: LaneWriter, norm: Value) -> tuple[Value, Value]:
    """Return how often a number is halved until it is less than one half, and the part that is left."""
    bounded = b.min(b.max(norm, b.number(0.25)), b.number(2.0 ** (_MOST_HALVINGS - 2)))

    def whole(value: int) -> Any:
        return b.ir.Constant(b.integers, [value] * LANES)

    exponent = b.build.lshr(b.build.bitcast(bounded, b.integers), whole(52))
    halvings = b.build.sub(exponent, whole(1021))
    part = b.build.shl(b.build.sub(whole(1023), halvings), whole(52))
    return b.build.sitofp(halvings, b.kind), b.build.bitcast(part, b.kind)


def _series(b: LaneWriter, layout: BlockLayout, system: LaneSystem) -> None:
    """Write the series column by column, by Horner's scheme: E ← B·E + I/k!, with derivatives; then conserve its sums.

    Derivatives by flows are first taken by flow · interval, so that what a flow moves is added and not multiplied.
    """
    step, zero = system.step, b.number(0.0)
    rates = {(end, start): b.mul(rate, step) for (start, end), rate in system.flows.items()}
    rates |= {(j, j): b.mul(entry, step) for j, entry in enumerate(system.shifted)}
    rates[layout.gone, layout.gone] = b.mul(system.shift, step)
    given = {key: b.mul(value, step) for key, value in system.sources.items()}
    changes: dict[Label, list[tuple[int, int, Value | None, bool]]] = {}  # row, column, by what, whether it goes away
    for which in layout.matrices[1:]:
        for (start, end), entry in layout.change(which):
            rate = None if entry is None else b.mul(step, b.load(0, entry))
            changes.setdefault(which, []).extend([(start, start, rate, True), (end, start, rate, False)])
    decay = vector_math.exp(b.build, b.minus(rates[layout.gone, layout.gone]))
    factors = _factorials(b, layout.terms)
    units = [decay]
    for _ in range(layout.shape.order):
        units.append(b.mul(units[-1], step) if layout.by_flow else decay)
    for j in [j for j in range(layout.column + len(layout.sources)) if j != layout.gone]:
        keys = [key for key in layout.entries if key[2] == j]

        def turn(index: Any, carried: list[Value], keys: list[Key] = keys, j: int = j) -> list[Value]:
            old, whole = dict(zip(keys, carried[1:], strict=True)), carried[0]
            factor = b._everywhere(b.build.load(b.build.gep(factors, [b.index(0), index])), b.kind)
            new = []
            for which, i, _ in keys:
                products: list[tuple[Value, Value]] = []
                alone: list[Value] = []
                for part, rest in parts_of(which):
                    for row, column, rate, away in changes.get(part, ()):
                        if row == i and (rest, column, j) in old:
                            value = old[rest, column, j]
                            value = b.minus(value) if away else value
                            if rate is None:
                                alone.append(value)
                            else:
                                products.append((rate, value))
                if not which and i == j:
                    alone.append(factor)
                products += [
                    (rate, old[which, k, j]) for (r, k), rate in rates.items() if r == i and (which, k, j) in old
                ]
                if not which and j >= layout.column:
                    products.append((given[layout.sources[j - layout.column], i], whole))
                new.append(_sum(b, products, _total(b, alone) if alone else None))
            return [b.fma(rates[layout.gone, layout.gone], whole, factor), *new]

        made = b.loop(layout.terms + 1, turn, [zero] * (1 + len(keys)))
        values = {key: b.mul(value, units[len(key[0])]) for key, value in zip(keys, made[1:], strict=True)}
        for key, value in _conserved(b, layout, system, values, j).items():
            b.store(0, layout.entries[key], value)


def _factorials(b: LaneWriter, terms: int) -> Any:
    """Return the constants 1/k!, the last one first."""
    kind = b.ir.ArrayType(b.double, terms + 1)
    table = b.ir.GlobalVariable(b.module, kind, name=b.module.get_unique_name("factorials"))
    table.linkage, table.global_constant = "internal", True
    table.initializer = b.ir.Constant(kind, [1.0 / math.factorial(terms - k) for k in range(terms + 1)])
    return table


def most_halvings(b: LaneWriter, system: LaneSystem, turn: Callable[[Any, list[Value]], None]) -> None:
    """Write a loop over as many squarings as the lane with most of them needs, passed over where none is."""
    kind = b.ir.FunctionType(b.int64, [b.integers])
    full = f"llvm.vector.reduce.smax.v{LANES}i64"
    reduce = b.module.globals.get(full) or b.ir.Function(b.module, kind, name=full)
    most = b.build.call(reduce, [b.build.fptosi(system.halvings, b.integers)])
    squaring, done = b.function.append_basic_block("squaring"), b.function.append_basic_block("done")
    b.build.cbranch(b.build.icmp_signed(">", most, b.index(0)), squaring, done)
    b.build.position_at_end(squaring)
    b.loop(most, turn)
    b.build.branch(done)
    b.build.position_at_end(done)


def _square(b: LaneWriter, layout: BlockLayout, system: LaneSystem) -> None:
    """Write the squarings; a lane that is done stays as it is.

    Columns replace the old ones as soon as no other column needs these: upstream comes first.
    """

    def turn(index: Any, _: list[Value]) -> None:
        active = b.compare("<", b.counted(index), system.halvings)
        for columns in layout.rounds:
            old: dict[Key, Value] = {}

            def held(key: Key, old: dict[Key, Value] = old) -> Value:
                if key not in old:
                    old[key] = b.load(0, layout.entries[key])
                return old[key]

            made: dict[Key, Value] = {}
            for j in columns:
                new = {}
                for key in [key for key in layout.entries if key[2] == j]:
                    products = [(held(left), held(right)) for left, right in layout.squared(key)]
                    new[key] = _sum(b, products, held(key) if layout.stays(key) else None)
                made |= _conserved(b, layout, system, new, j)
            for key, value in made.items():
                b.store(0, layout.entries[key], b.choose(active, value, held(key)))

    most_halvings(b, system, turn)


def _conserved(
    b: LaneWriter, layout: BlockLayout, system: LaneSystem, values: dict[Key, Value], j: int
) -> dict[Key, Value]:
    """Return column j of the exponential so that it adds to one, and its derivatives so that they add to nothing.

    Columns of a source, and lanes in which nothing is conserved, stay as they are.
    """
    if j >= layout.column:
        return values
    zero, one = b.number(0.0), b.number(1.0)
    made = dict(values)
    rows = layout.rows((), j)
    factor = b.choose(system.conserving, b.div(one, _total(b, (values[(), i, j] for i in rows))), one)
    for i in rows:
        made[(), i, j] = b.mul(values[(), i, j], factor)
    shares: dict[tuple[int, ...], Value] = {}
    for which in layout.matrices[1:]:
        touched = layout.rows(which, j)
        if not touched:
            continue
        moved = _total(b, (values[which, i, j] for i in touched))
        if touched != rows:  # what is too much is taken away where the derivative is
            if tuple(touched) not in shares:
                part = _total(b, (made[(), i, j] for i in touched))
                shares[tuple(touched)] = b.choose(b.compare(">", part, zero), b.div(one, part), zero)
            moved = b.mul(moved, shares[tuple(touched)])
        moved = b.choose(system.conserving, b.minus(moved), zero)
        for i in touched:
            made[which, i, j] = b.fma(moved, made[(), i, j], values[which, i, j])
    return made


def one_state(b: LaneWriter, layout: BlockLayout, system: LaneSystem) -> None:
    """Write the exponential of a single state, which needs no series."""
    value = vector_math.exp(b.build, b.mul(system.diagonal[0], system.tau))
    lost = b.minus(system.tau)
    for which, i, j in layout.entries:
        if i == j == 0:
            made = value
            for _ in which:  # the only flow is that to nowhere
                made = b.mul(lost, made)
            b.store(0, layout.entries[which, i, j], made)


def write_apply(module: Any, name: str, layout: BlockLayout) -> None:
    """Write ``apply(memory, ·, ·)``: the vector after the interval, from the exponential and the vector before it."""
    b = LaneWriter(module, name, 3)
    again = b.compare(">", b.load(0, AGAIN), b.number(0.0))
    moves = b.compare(">", b.load(0, MOVES), b.number(0.0))
    names = [*(((), i) for i in range(layout.n)), *layout.shape.moved]
    before: dict[tuple[Label, int], Value] = {}
    for k, key in enumerate(names):
        before[key] = b.choose(again, b.load(0, layout.reached + k), b.load(0, layout.start + k))
    scale = b.load(0, SCALE) if layout.source else None
    matrix = {key: b.load(0, entry) for key, entry in layout.entries.items()}
    known: dict[tuple[Label, Label, int], Value | None] = {}

    def made(which: Label, label: Label, i: int) -> Value | None:
        """Entry i of a derivative of the exponential times a derivative of the vector, the source included."""
        if (which, label, i) not in known:
            products = [(matrix[which, i, j], before[label, j]) for j in range(layout.n)
                        if (which, i, j) in matrix and (label, j) in before]  # fmt: skip
            first = None
            if label in layout.sources:
                source = which, i, layout.column + layout.sources.index(label)
                first = b.mul(matrix[source], scale) if source in matrix else None
            known[which, label, i] = _sum(b, products, first) if products or first is not None else None
        return known[which, label, i]

    for k, (label, i) in enumerate(names):
        total = None
        for rates, which, rest in [([], (), label), *layout.chain(label)]:
            value = made(which, rest, i)
            if value is None:
                continue
            if not rates:
                total = value if total is None else b.add(total, value)
                continue
            factor = _total(b, (_product(b, (b.load(0, entry) for entry in entries)) for entries in rates))
            total = b.mul(factor, value) if total is None else b.fma(factor, value, total)
        total = b.number(0.0) if total is None else total
        total = b.add(total, b.number(0.0))  # no negative zero, which a source would have taken away
        b.store(0, layout.reached + k, b.choose(moves, total, before[label, i]))
    b.finish()


def _sum(b: LaneWriter, products: Pairs, start: Value | None = None) -> Value:
    total = start
    for x, y in products:
        total = b.mul(x, y) if total is None else b.fma(x, y, total)
    return b.number(0.0) if total is None else total


def _product(b: LaneWriter, values: Iterable[Value]) -> Value:
    total = None
    for value in values:
        total = value if total is None else b.mul(total, value)
    return b.number(1.0) if total is None else total


def _total(b: LaneWriter, values: Iterable[Value]) -> Value:
    total = None
    for value in values:
        total = value if total is None else b.add(total, value)
    return b.number(0.0) if total is None else total
