"""What a step of Radau IIA is made of: its start, its factored matrices, one correction, the error.

The functions write into the step's code. An array of all stages holds stage k of component i at ``start + k·room + i``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.machine.steps.frame import STATE, WORK, Aim, Frame
from pkpd.engine.machine.steps.radau_coefficients import METHODS
from pkpd.engine.machine.steps.sparse_lu import (
    Arithmetic,
    Memory,
    Registers,
    look_up,
    operate,
    plan_elimination,
    table,
)

FURTHEST = 6.0  # steps before, in units of the one before, beyond which its polynomial is not continued


class StiffEquations(NamedTuple):
    """What is integrated; the module has it as functions ``f(t, y, q, out)``.

    `constants` writes what `rhs` and `jacobian` read behind the arguments; `jacobian` writes the entries of the pattern
    one after the other.

    Attributes
    ----------
    states : int
        How many states there are; the rest of the vector are sensitivities.
    pattern : tuple of (row, column)
        Which derivatives of the states' rates with respect to states are not zero by structure.
    places : tuple of tuples, parameters × states
        Where in the vector each sensitivity stands; −1 where it is zero by structure.
    constants : int
        How many numbers `constants` writes.
    """

    states: int
    pattern: tuple[tuple[int, int], ...]
    places: tuple[tuple[int, ...], ...]
    constants: int


class RadauWork:
    """Where the entries of `work` begin.

    Vectors have room for one entry more, which stays zero: sensitivities that are zero by structure stand there.

    Attributes
    ----------
    q : int
        What the right-hand side reads: the arguments, then the constants.
    rate, error, end : int
        dy/dt at the start, later the new vector; the error of every component; the vector after the last good step.
    points, rates : int
        By stage: the vector, and dy/dt there.
    split, change : int
        By stage: T⁻¹z and its last correction (the imaginary parts with the opposite sign).
    bends : int
        By power: the polynomial of the last good step about its end.
    jacobian, factors, right : int
        Derivatives by place in the pattern; factored matrices; the right side of one block where it has no registers.
    clock, held : int
        Time of a stage; length of the step to which `bends` belong, 0 where there is none.
    """

    def __init__(self, frame: Frame, equations: StiffEquations, stages: int) -> None:
        n, self.size = frame.components, 0
        self.room = n + 1
        self.plan = plan_elimination(equations.states, equations.pattern)

        def take(size: int) -> int:
            self.size += size
            return self.size - size

        self.q = take(frame.arguments + equations.constants)
        self.rate, self.end, self.error = take(n), take(n), take(self.room)
        self.points, self.rates, self.split, self.change, self.bends = (take(stages * self.room) for _ in range(5))
        self.jacobian, self.factors = take(len(equations.pattern)), take(len(self.plan.entries) * stages)
        self.right = take(equations.states * stages)
        self.clock, self.held = take(1), take(1)


class Draft:
    """A step that is being written: the function, the method, where things stand."""

    def __init__(self, module: Any, name: str, equations: StiffEquations, frame: Frame, stages: int) -> None:
        self.b, self.name, self.equations, self.frame = LaneWriter(module, name, 3), name, equations, frame
        self.stages, self.method, self.w = stages, METHODS[stages], RadauWork(frame, equations, stages)

    def call(self, name: str, time: Any, vector: Any, out: int) -> None:
        """Call a function of the equations."""
        b = self.b
        b.call(b.module.get_global(name), time, vector, b.at(WORK, self.w.q), b.at(WORK, out))

    def stage(self, start: int, i: Any) -> list[Value]:
        """Load component i of all stages."""
        return [self.b.load(WORK, self.b.plus(start + k * self.w.room, i)) for k in range(self.stages)]

    def keep(self, start: int, i: Any, values: Sequence[Value]) -> None:
        """Store component i of all stages."""
        for k, value in enumerate(values):
            self.b.store(WORK, self.b.plus(start + k * self.w.room, i), value)

    def turned(self, row: Sequence[float], values: Sequence[Value]) -> Value:
        """Return a row of numbers times one component of all stages."""
        b, total = self.b, None
        for c, v in sorted(zip(row, values, strict=True), key=lambda term: term[0] != 1.0):
            if c == 1.0:
                total = v if total is None else b.add(total, v)
            elif c != 0.0:
                total = b.mul(b.number(c), v) if total is None else b.fma(b.number(c), v, total)
        return b.number(0.0) if total is None else total

    def all_turned(self, rows: Sequence[Sequence[float]], values: Sequence[Value]) -> list[Value]:
        """Return a matrix of numbers times one component of all stages."""
        return [self.turned(row, values) for row in rows]

    def systems(self) -> list[range]:
        """Return which parts belong to which system: the real one, then real and imaginary part of each complex one."""
        return [range(1), *(range(k, k + 2) for k in range(1, self.stages, 2))]


def read_arguments(it: Draft, fresh: Any) -> None:
    """Write what the right-hand side reads where a segment has begun; for other lanes it comes out as it is."""
    b, w, frame = it.b, it.w, it.frame

    def read() -> list[Value]:
        b.loop(frame.arguments, lambda i, _: b.store(WORK, b.plus(w.q, i), b.load(STATE, b.plus(frame.q, i))))
        if it.equations.constants:
            it.call("constants", b.at(STATE, 0), b.at(STATE, frame.y), w.q + frame.arguments)
        return []

    b.when_any(fresh, read, [])


def begin_iteration(it: Draft, fresh: Any, h: Value) -> None:
    """Write the start of the iteration: the polynomial of the step before, continued; zero where there is none."""
    b, w, zero = it.b, it.w, it.b.number(0.0)
    held = b.choose(fresh, zero, b.load(WORK, w.held))
    known = b.both(b.compare(">", held, zero), b.compare("<=", h, b.mul(b.number(FURTHEST), held)))
    powers = [b.choose(known, b.div(h, b.max(held, b.number(1e-300))), zero)]
    while len(powers) < it.stages:
        powers.append(b.mul(powers[0], powers[-1]))

    def start(i: Any, _: list[Value]) -> None:
        bends = [b.choose(known, b.mul(p, d), zero) for p, d in zip(powers, it.stage(w.bends, i), strict=True)]
        it.keep(w.split, i, it.all_turned(it.method.ahead, bends))

    b.loop(it.frame.components, start)


def factor_matrices(it: Draft, fresh: Any, to: Aim, inverse: Value) -> None:
    """Write the factorisation of γ/h − J for every eigenvalue γ of A⁻¹; `inverse` is 1/h.

    J is that of the middle stage as it is expected: the iteration converges faster than with that of the start. In the
    first step of a segment that is along dy/dt: a root of what is all but washed out has no slope that could be used. A
    derivative that is no number (a root at zero) counts as zero: it then converges more slowly.
    """
    b, w, method, s = it.b, it.w, it.method, it.stages
    zero, middle = b.number(0.0), s // 2

    first = b.negate(b.compare(">", b.choose(fresh, zero, b.load(WORK, w.held)), zero))
    along = b.mul(b.number(method.nodes[middle]), to.h)

    def expected(i: Any, _: list[Value]) -> None:
        z = it.turned(method.out_of[middle], it.stage(w.split, i))
        z = b.choose(first, b.mul(along, b.load(WORK, b.plus(w.rate, i))), z)
        b.store(WORK, b.plus(w.points, i), b.add(b.load(STATE, b.plus(it.frame.y, i)), z))

    b.loop(it.equations.states, expected)
    b.store(WORK, w.clock, b.fma(b.number(method.nodes[middle]), to.h, to.now))
    it.call("jacobian", b.at(WORK, w.clock), b.at(WORK, w.points), w.jacobian)

    shifts = [b.mul(b.number(method.real), inverse)]
    for pair in method.pairs:
        shifts += [b.mul(b.number(part), inverse) for part in pair]
    memory = Memory(b, WORK, w.factors, range(s), s)

    def slope(k: Any) -> list[Value]:
        value = b.load(WORK, b.plus(w.jacobian, k))
        value = b.minus(b.choose(b.not_finite(value), zero, value))
        return [value if part == 0 or part % 2 else zero for part in range(s)]

    if w.plan.unrolled:
        _factor_in_registers(it, memory, slope, shifts)
        return
    entries, n = w.plan.entries, it.equations.states
    b.loop(len(entries), lambda k, _: memory.set(k, [zero] * s))
    if it.equations.pattern:
        pattern = table(b, f"{it.name}_pattern", [entries[place] for place in it.equations.pattern])
        b.loop(len(it.equations.pattern), lambda k, _: memory.set(look_up(b, pattern, k), slope(k)))
    diagonal = table(b, f"{it.name}_diagonal", [entries[i, i] for i in range(n)])

    def shift(i: Any, _: list[Value]) -> None:
        k = look_up(b, diagonal, i)
        memory.set(k, [b.add(value, more) for value, more in zip(memory.get(k), shifts, strict=True)])

    b.loop(n, shift)
    operate(Arithmetic(b, s), w.plan.factor, memory, memory, f"{it.name}_factor")


def _factor_in_registers(
    it: Draft, memory: Memory, slope: Callable[[int], list[Value]], shifts: Sequence[Value]
) -> None:
    b, s, plan = it.b, it.stages, it.w.plan
    derivatives = {plan.entries[place]: k for k, place in enumerate(it.equations.pattern)}
    diagonal = {plan.entries[i, i] for i in range(plan.size)}

    def entry(k: int) -> list[Value]:
        values = slope(derivatives[k]) if k in derivatives else [b.number(0.0)] * s
        return [b.add(v, more) for v, more in zip(values, shifts, strict=True)] if k in diagonal else values

    def some_of(parts: range, k: int) -> list[Value]:
        return [whole.get(k)[part] for part in parts]

    whole = Registers(entry)
    for parts in it.systems():
        one = Registers(partial(some_of, parts))
        operate(Arithmetic(b, len(parts)), plan.factor, one, one)
        some = Memory(b, WORK, memory.start, parts, s)
        for k in range(len(plan.entries)):
            some.set(k, one.get(k))


def correct(it: Draft, inverse: Value) -> None:
    """Write one correction of all stages from the rates at their points."""
    b, w, method = it.b, it.w, it.method
    real = b.mul(b.number(method.real), inverse)
    pairs = [tuple(b.mul(b.number(part), inverse) for part in pair) for pair in method.pairs]

    def right(i: Any, _: list[Value]) -> None:
        rates, split = it.all_turned(method.into, it.stage(w.rates, i)), it.stage(w.split, i)
        found = [b.sub(rates[0], b.mul(real, split[0]))]
        for k, (re, im) in enumerate(pairs):
            # On the columns Re v, Im v of T, A⁻¹ acts as [[re, im], [−im, re]]: one complex system for u − i·v.
            u, v, f, g = split[2 * k + 1], split[2 * k + 2], rates[2 * k + 1], rates[2 * k + 2]
            found.append(b.sub(f, b.fma(im, v, b.mul(re, u))))
            found.append(b.sub(b.fma(re, v, b.minus(b.mul(im, u))), g))
        it.keep(w.change, i, found)

    def move(i: Any, _: list[Value]) -> None:
        both = zip(it.stage(w.split, i), it.stage(w.change, i), strict=True)
        it.keep(w.split, i, [b.sub(x, y) if k and k % 2 == 0 else b.add(x, y) for k, (x, y) in enumerate(both)])

    b.loop(it.frame.components, right)
    _solve(it, w.change, it.systems())
    b.loop(it.frame.components, move)


def estimate(it: Draft, inverse: Value) -> None:
    """Write the error of every component: the difference to a quadrature of order s, damped by the real system."""
    b, w, method, s = it.b, it.w, it.method, it.stages
    weights = [sum(method.error[k] * method.out_of[k][j] for k in range(s)) * method.real for j in range(s)]

    def right(i: Any, _: list[Value]) -> None:
        off = b.fma(it.turned(weights, it.stage(w.split, i)), inverse, b.load(WORK, b.plus(w.rate, i)))
        b.store(WORK, b.plus(w.error, i), off)

    b.loop(it.frame.components, right)
    _solve(it, w.error, [range(1)])


def _solve(it: Draft, start: int, systems: Sequence[range]) -> None:
    """Write the solution of systems in place, for the states and every block of sensitivities.

    Parts of the systems are stages of the array that begins at `start`.
    """
    b, n, w, nothing = it.b, it.equations.states, it.w, it.frame.components
    if not it.equations.places:
        _solve_block(it, start, systems, lambda i: i)
        return
    for part in range(systems[-1].stop):  # what is no number must not stay there
        b.store(WORK, start + part * w.room + nothing, b.number(0.0))
    rows = [range(n), *([p if p >= 0 else nothing for p in row] for row in it.equations.places)]
    numbers = table(b, f"{it.name}_places", [place for row in rows for place in row])

    def block(k: Any, _: list[Value]) -> None:
        first = b.build.mul(k, b.index(n))

        def place(i: Any) -> Any:
            return look_up(b, numbers, b.plus(i, first) if isinstance(i, int) else b.build.add(i, first))

        _solve_block(it, start, systems, place)

    b.loop(len(rows), block)


def _solve_block(it: Draft, start: int, systems: Sequence[range], place: Callable[[Any], Any]) -> None:
    """Write the solution for one block; `place` says where in the vector the block's number i stands."""
    b, w, plan, s = it.b, it.w, it.w.plan, it.stages

    def at(i: Any, part: int) -> Any:
        return b.plus(start + part * w.room, i)

    def load(places: Sequence[Any], parts: range, i: int) -> list[Value]:
        return [b.load(WORK, at(places[i], part)) for part in parts]

    if plan.unrolled:
        places = [place(i) for i in range(plan.size)]
        for parts in systems:
            x = Registers(partial(load, places, parts))
            factors = Memory(b, WORK, w.factors, parts, s)
            operate(Arithmetic(b, len(parts)), (*plan.forward, *plan.backward), factors, x)
            for i in range(plan.size):
                for part, value in zip(parts, x.get(i), strict=True):
                    b.store(WORK, at(places[i], part), value)
        return
    every = range(systems[0].start, systems[-1].stop)
    scratch, factors = Memory(b, WORK, w.right, every, s), Memory(b, WORK, w.factors, every, s)

    def read(i: Any, _: list[Value]) -> None:
        p = place(i)
        scratch.set(i, [b.load(WORK, at(p, part)) for part in every])

    def write(i: Any, _: list[Value]) -> None:
        p = place(i)
        for part, value in zip(every, scratch.get(i), strict=True):
            b.store(WORK, at(p, part), value)

    b.loop(plan.size, read)
    operate(Arithmetic(b, len(every)), plan.forward, factors, scratch, f"{it.name}_forward")
    operate(Arithmetic(b, len(every)), plan.backward, factors, scratch, f"{it.name}_backward")
    b.loop(plan.size, write)
