"""The exponential of a linear block with its derivatives, for several subjects at once; see `matrix_exponential`.

The method is the one described there: a shift after which nothing is negative, a series at a norm of one half,
squaring, and columns that add to one. Derivatives in the directions of `linear_layout` go through the same steps, and
their columns add to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pkpd.engine.machine import vector_math
from pkpd.engine.machine.jit import LANES
from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.machine.steps.linear_layout import AGAIN, MOVES, SCALE, TAU, Key, Label, Layout

Pairs = Iterable[tuple[Value, Value]]
_MOST_HALVINGS = 200


def pieces(layout: Layout, names: Sequence[str]) -> list[Callable[[Any], None]]:
    """Return what writes the two functions of a block into a module."""
    return [
        lambda module: write_exponential(module, names[0], layout),
        lambda module: write_apply(module, names[1], layout),
    ]


def write_exponential(module: Any, name: str, layout: Layout) -> None:
    """Write ``exponential(memory, ·, ·)``: from the block's numbers and the interval to the entries of the exponential."""
    b = LaneWriter(module, name, 3)
    system = _System(b, layout)
    single = layout.n == 1
    if not single or layout.source:
        _series(b, layout, system)
        _square(b, layout, system)
    if single:
        _one_state(b, layout, system)
    b.finish()


class _System:
    """The extended matrix of every lane, shifted, and by how much it is scaled.

    The diagonal is rebuilt from what flows away, because ``-CL/V1 - Q/V1`` has lost the digits of a small CL. The
    source is scaled to the size of the matrix, so that an amount in picograms costs no halvings.
    """

    def __init__(self, b: LaneWriter, layout: Layout) -> None:
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

    def _source(self, b: LaneWriter, layout: Layout, size: Value, norm: Value) -> Value:
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


def _series(b: LaneWriter, layout: Layout, system: _System) -> None:
    """Write the series by Horner's scheme: E ← I + B·E/k, with derivatives; and what makes its columns add to one."""
    step, one = system.step, b.number(1.0)
    flows = {flow: b.mul(rate, step) for flow, rate in system.flows.items()}
    diagonal = [b.mul(entry, step) for entry in system.shifted]
    shift = b.mul(system.shift, step)
    sources = {key: b.mul(value, step) for key, value in system.sources.items()}
    changes = {
        which: [(flow, step if entry is None else b.mul(step, b.load(0, entry))) for flow, entry in layout.change(which)]
        for which in layout.matrices if which
    }  # fmt: skip
    for which, i, j in layout.entries:
        b.store(0, layout.entries[which, i, j], b.number(float(not which and i == j)))

    def turn(index: Any, carried: list[Value]) -> list[Value]:
        share = b.div(one, b.sub(b.number(layout.terms), b.counted(index)))
        rates = {(end, start): b.mul(rate, share) for (start, end), rate in flows.items()}
        rates |= {(j, j): b.mul(entry, share) for j, entry in enumerate(diagonal)}
        rates[layout.gone, layout.gone] = b.mul(shift, share)
        given = {key: b.mul(value, share) for key, value in sources.items()}
        pushed: dict[Label, list[tuple[int, int, Value]]] = {}
        known: dict[int, tuple[Value, Value]] = {}
        for which, parts in changes.items():
            for (start, end), value in parts:
                if id(value) not in known:
                    coming = b.mul(value, share)
                    known[id(value)] = coming, b.minus(coming)
                coming, going = known[id(value)]
                pushed.setdefault(which, []).extend([(start, start, going), (end, start, coming)])
        old = {key: b.load(0, entry) for key, entry in layout.entries.items()}
        new: dict[Key, Value] = {}
        for which, i, j in layout.entries:
            products = [(rate, old[which, k, j]) for (r, k), rate in rates.items() if r == i and (which, k, j) in old]
            for part, rest in _parts(which):
                products += [(v, old[rest, k, j]) for r, k, v in pushed.get(part, ()) if r == i and (rest, k, j) in old]
            if j >= layout.column and not which:
                products.append((given[layout.sources[j - layout.column], i], carried[0]))
            total = _sum(b, products)
            new[which, i, j] = b.add(total, one) if not which and i == j else total
        for key, value in new.items():
            b.store(0, layout.entries[key], value)
        return [b.fma(rates[layout.gone, layout.gone], carried[0], one)]

    b.loop(layout.terms, turn, [one])
    decay = vector_math.exp(b.build, b.minus(shift))
    values = {key: b.load(0, entry) for key, entry in layout.entries.items()}
    values = {
        key: value if not key[0] and key[2] < layout.column else b.mul(value, decay) for key, value in values.items()
    }
    for key, value in _conserved(b, layout, system, values, decay).items():
        b.store(0, layout.entries[key], value)


def _square(b: LaneWriter, layout: Layout, system: _System) -> None:
    """Write the squarings: as many as the lane with most of them needs; a lane that is done stays as it is."""
    kind = b.ir.FunctionType(b.int64, [b.integers])
    full = f"llvm.vector.reduce.smax.v{LANES}i64"
    reduce = b.module.globals.get(full) or b.ir.Function(b.module, kind, name=full)
    most = b.build.call(reduce, [b.build.fptosi(system.halvings, b.integers)])
    squaring, done = b.function.append_basic_block("squaring"), b.function.append_basic_block("done")
    b.build.cbranch(b.build.icmp_signed(">", most, b.index(0)), squaring, done)
    b.build.position_at_end(squaring)

    def turn(index: Any, _: list[Value]) -> None:
        active = b.compare("<", b.counted(index), system.halvings)
        old = {key: b.load(0, entry) for key, entry in layout.entries.items()}
        new = {}
        for key in layout.entries:
            products = [(old[left], old[right]) for left, right in layout.squared(key)]
            new[key] = _sum(b, products, old[key] if layout.stays(key) else None)
        for key, value in _conserved(b, layout, system, new, b.number(1.0)).items():
            b.store(0, layout.entries[key], b.choose(active, value, old[key]))

    b.loop(most, turn)
    b.build.branch(done)
    b.build.position_at_end(done)


def _conserved(
    b: LaneWriter, layout: Layout, system: _System, values: Mapping[Key, Value], otherwise: Value
) -> dict[Key, Value]:
    """Return the exponential with columns of states that add to one, and derivatives that add to nothing.

    Where nothing is conserved, the exponential is multiplied with `otherwise`.
    """
    zero, one = b.number(0.0), b.number(1.0)
    made = dict(values)
    for j in range(layout.n):
        rows = layout.rows((), j)
        total = _total(b, (values[(), i, j] for i in rows))
        factor = b.choose(system.conserving, b.div(one, total), otherwise)
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


def _one_state(b: LaneWriter, layout: Layout, system: _System) -> None:
    """Write the exponential of a single state, which needs no series."""
    value = vector_math.exp(b.build, b.mul(system.diagonal[0], system.tau))
    lost = b.minus(system.tau)
    for which, i, j in layout.entries:
        if i == j == 0:
            made = value
            for _ in which:  # the only flow is that to nowhere
                made = b.mul(lost, made)
            b.store(0, layout.entries[which, i, j], made)


def write_apply(module: Any, name: str, layout: Layout) -> None:
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
        parts = [(None, made((), label, i)), *_chain(b, layout, label, i, made)]
        total = None
        for factor, value in parts:
            if value is None:
                continue
            if total is None:
                total = value if factor is None else b.mul(factor, value)
            else:
                total = b.add(total, value) if factor is None else b.fma(factor, value, total)
        total = b.number(0.0) if total is None else total
        total = b.add(total, b.number(0.0))  # no negative zero, which a source would have taken away
        b.store(0, layout.reached + k, b.choose(moves, total, before[label, i]))
    b.finish()


def _chain(b: LaneWriter, layout: Layout, label: Label, i: int, made: Any) -> list[tuple[Value | None, Value | None]]:
    """Return what the change of the exponential adds to a derivative of entry i: factors (None: 1) and values."""
    if not label:
        return []
    if not layout.by_flow:
        if len(label) == 1:
            return [(None, made(label, (), i))]
        one, other = label
        crossed = [(None, made((one,), (other,), i)), (None, made((other,), (one,), i))]
        return [*crossed, (None, made(label, (), i))]

    def rate(direction: int, by: Label) -> Value | None:
        entry = layout.flow(layout.varied[direction], by)
        return None if entry is None else b.load(0, entry)

    found = []
    for d in range(layout.directions):
        factor = rate(d, label)
        if factor is not None:
            found.append((factor, made((d,), (), i)))
    if len(label) == 1:
        return found
    one, other = (label[0],), (label[1],)
    for d in range(layout.directions):
        for left, right in ((one, other), (other, one)):
            factor = rate(d, left)
            if factor is not None:
                found.append((factor, made((d,), right, i)))
        for e in range(d, layout.directions):
            ways = [(d, e), (e, d)] if d != e else [(d, d)]
            factors = [(rate(x, one), rate(y, other)) for x, y in ways]
            products = [b.mul(x, y) for x, y in factors if x is not None and y is not None]
            if products:
                found.append((_total(b, products), made((d, e), (), i)))
    return found


def _parts(which: Label) -> list[tuple[Label, Label]]:
    """The ways to take some of the directions, at least one: these, and the others."""
    found = []
    for chosen in range(1, 2 ** len(which)):
        taken = tuple(d for k, d in enumerate(which) if chosen >> k & 1)
        found.append((taken, tuple(d for k, d in enumerate(which) if not chosen >> k & 1)))
    return found


def _sum(b: LaneWriter, products: Pairs, start: Value | None = None) -> Value:
    total = start
    for x, y in products:
        total = b.mul(x, y) if total is None else b.fma(x, y, total)
    return b.number(0.0) if total is None else total


def _total(b: LaneWriter, values: Iterable[Value]) -> Value:
    total = None
    for value in values:
        total = value if total is None else b.add(total, value)
    return b.number(0.0) if total is None else total
