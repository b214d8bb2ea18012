"""Radau IIA: a step of every lane for stiff equations, of order 2s − 1 with s stages.

The stages z_k solve ``z = h·(A ⊗ f)(t + c·h, y + z)`` by a fixed number of simplified Newton iterations, all with the
Jacobian at the start of the step. The eigenvectors of A⁻¹ split an iteration into one real and (s − 1)/2 complex linear
systems of the size of the states. Behind the states stand their sensitivities, a block for every parameter: their
Jacobian has the states' on its diagonal, so that every block is solved with the same factors; what couples a block to
the states is part of what is iterated. The iteration starts from the polynomial of the step before.

The factored matrices have the real part γ/h beside J. A pivot that is too small, an iteration that does not converge,
and numbers that are none, are seen in the last correction: the step is then refused and shortened, until γ/h rules.

References: Hairer & Wanner, Solving Ordinary Differential Equations II, 2nd ed. 1996, IV.8 (implementation); Hairer &
Wanner, J Comput Appl Math 1999;111:93.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.machine.steps.frame import (
    CONTROL,
    END,
    FRESH,
    STATE,
    STEP,
    TIME,
    WORK,
    Aim,
    Frame,
    Trial,
    aim,
    conclude,
    crossing,
    scale,
)
from pkpd.engine.machine.steps.radau_coefficients import coefficients
from pkpd.engine.machine.steps.sparse_lu import (
    Arithmetic,
    Memory,
    Registers,
    look_up,
    operate,
    plan_elimination,
    table,
)
from pkpd.engine.status import NOT_FINITE

ITERATIONS = {3: 3, 5: 4}
CONVERGED = 20.0  # the last correction times this is an error of the step
INTERPOLATED = 0.1  # the error that a step with interpolated times may have, in units of the tolerance
_FURTHEST = 6.0  # steps before, in units of the one before, beyond which its polynomial is not continued
_LARGEST = 4.0
_FIRST = 0.05  # the first step as a part of the time in which everything would change by its own size


class Equations(NamedTuple):
    """What is integrated.

    Attributes
    ----------
    constants, rhs, jacobian : functions of the module
        ``f(t, y, q, out)``; `constants` writes what the others read behind the arguments, `jacobian` the entries of the
        pattern one after the other.
    states : int
        How many states there are; the rest of the vector are sensitivities.
    pattern : tuple of (row, column)
        Which derivatives of the states' rates with respect to states are not zero by structure.
    places : tuple of tuples, parameters × states
        Where in the vector each sensitivity stands; −1 where it is zero by structure.
    """

    constants: Any
    rhs: Any
    jacobian: Any
    states: int
    pattern: tuple[tuple[int, int], ...]
    places: tuple[tuple[int, ...], ...]


class Work:
    """Where the entries of `work` begin.

    Vectors have room for one entry more, which stays zero: sensitivities that are zero by structure stand there.
    """

    def __init__(self, components: int, stages: int, states: int, derivatives: int, factors: int) -> None:
        self.room, self.stages, count = components + 1, stages, 0

        def take(size: int) -> int:
            nonlocal count
            count += size
            return count - size

        self.rate, self.end, self.error = take(components), take(components), take(self.room)
        self.points, self.rates, self.split, self.change, self.old = (take(stages * self.room) for _ in range(5))
        self.jacobian, self.factors, self.right = take(derivatives), take(factors * stages), take(states * stages)
        self.clock, self.held = take(1), take(1)
        self.size = count

    def of(self, start: int, stage: int) -> int:
        """Return where a stage begins in an array of all stages."""
        return start + stage * self.room


class _Step:
    """A step that is being written: the function, the places, the method."""

    def __init__(self, module: Any, name: str, equations: Equations, frame: Frame, stages: int) -> None:
        self.b, self.equations, self.frame = LaneWriter(module, name, 3), equations, frame
        self.plan = plan_elimination(equations.states, equations.pattern)
        self.method = coefficients(stages)
        self.stages, self.name = stages, name
        self.w = work_of(equations, frame, stages)

    def stage(self, start: int, i: Any) -> list[Value]:
        """Load component i of all stages."""
        return [self.b.load(WORK, self.b.plus(self.w.of(start, k), i)) for k in range(self.stages)]

    def keep(self, start: int, i: Any, values: Sequence[Value]) -> None:
        """Store component i of all stages."""
        for k, value in enumerate(values):
            self.b.store(WORK, self.b.plus(self.w.of(start, k), i), value)

    def turned(self, rows: Sequence[Sequence[float]], values: Sequence[Value]) -> list[Value]:
        """Return a matrix of numbers times one component of all stages."""
        b, found = self.b, []
        for row in rows:
            terms = [(c, v) for c, v in zip(row, values, strict=True) if c not in (0.0, 1.0)]
            whole = [v for c, v in zip(row, values, strict=True) if c == 1.0]
            total = whole.pop() if whole else None
            for c, v in terms:
                total = b.mul(b.number(c), v) if total is None else b.fma(b.number(c), v, total)
            for v in whole:
                total = b.add(total, v)
            found.append(total)
        return found


def work_of(equations: Equations, frame: Frame, stages: int) -> Work:
    """Return the layout of `work`."""
    plan = plan_elimination(equations.states, equations.pattern)
    return Work(frame.components, stages, equations.states, len(equations.pattern), len(plan.entries))


def write_step(module: Any, name: str, equations: Equations, frame: Frame, stages: int) -> None:
    """Write the step with so many stages (odd)."""
    it = _Step(module, name, equations, frame, stages)
    b, w, n, method = it.b, it.w, frame.components, it.method
    zero, one = b.number(0.0), b.number(1.0)
    fresh, here = b.compare(">", b.load(STATE, FRESH), zero), (b.at(STATE, TIME), b.at(STATE, frame.y), b.at(STATE, frame.q))

    def constants() -> list[Value]:
        b.call(equations.constants, *here, b.at(STATE, frame.constant))
        return []

    b.when_any(fresh, constants, [])  # for the other lanes they come out as they are
    b.call(equations.rhs, *here, b.at(WORK, w.rate))

    def look(i: Any, sums: list[Value]) -> list[Value]:
        y, f = b.load(STATE, b.plus(frame.y, i)), b.load(WORK, b.plus(w.rate, i))
        unit = b.div(one, scale(b, frame, i, b.abs(y)))
        y, f = b.mul(y, unit), b.mul(f, unit)
        return [b.fma(y, y, sums[0]), b.fma(f, f, sums[1])]

    size, rate = b.loop(n, look, [zero] * 2)
    to = aim(b, b.choose(fresh, _first_step(b, size, rate), b.load(STATE, STEP)))
    inverse = b.div(one, b.max(to.h, b.number(1e-300)))
    _begin(it, fresh, to.h)
    _factor(it, to, inverse)

    def point(i: Any, _: list[Value]) -> None:
        y = b.load(STATE, b.plus(frame.y, i))
        it.keep(w.points, i, [b.add(y, z) for z in it.turned(method.out_of, it.stage(w.split, i))])

    def iterate(_: Any, __: list[Value]) -> None:
        b.loop(n, point)
        for k in range(stages):
            b.store(WORK, w.clock, b.fma(b.number(method.nodes[k]), to.h, to.now))
            places = b.at(WORK, w.clock), b.at(WORK, w.of(w.points, k)), b.at(STATE, frame.q)
            b.call(equations.rhs, *places, b.at(WORK, w.of(w.rates, k)))

        _correct(it, inverse)

    b.loop(ITERATIONS[stages], iterate)
    _estimate(it, inverse)

    def judge(i: Any, sums: list[Value]) -> list[Value]:
        old = b.load(STATE, b.plus(frame.y, i))
        split = it.stage(w.split, i)
        crossed, new = crossing(b, frame, i, b.add(old, it.turned(method.out_of[-1:], split)[0]))
        unit = b.div(one, scale(b, frame, i, b.max(b.abs(old), b.abs(new))))
        b.store(WORK, b.plus(w.rate, i), new)
        off, moved = b.mul(unit, b.load(WORK, b.plus(w.error, i))), zero
        for change in it.stage(w.change, i):
            moved = b.fma(change, change, moved)
        moved = b.fma(b.mul(unit, unit), moved, sums[1])
        return [b.fma(off, off, sums[0]), moved, b.max(sums[2], b.flag(crossed))]

    off, moved, crossed = b.loop(n, judge, [zero] * 3)
    error = b.sqrt(b.mul(off, b.number(1 / n)))
    error = b.choose(to.many, b.mul(error, b.number(1 / INTERPOLATED)), error)
    last = b.mul(b.sqrt(b.mul(moved, b.number(1 / (n * stages)))), b.number(CONVERGED))
    error = b.sqrt(b.fma(last, last, b.mul(error, error)))  # no number where either is none
    broken = b.both(fresh, b.not_finite(b.sub(rate, rate)))
    failed = b.choose(broken, b.number(NOT_FINITE), zero)
    trial = Trial(
        error, b.compare(">", crossed, zero), failed, -1.0 / (stages + 1), lambda i: b.load(WORK, b.plus(w.rate, i)),
        _LARGEST, 0.95,
    )  # fmt: skip
    good, report = conclude(b, frame, to, trial)

    def remember(i: Any, _: list[Value]) -> None:
        b.store(WORK, b.plus(w.end, i), b.load(STATE, b.plus(frame.y, i)))
        new = it.turned(method.behind, it.stage(w.split, i))
        it.keep(w.old, i, [b.choose(good, a, c) for a, c in zip(new, it.stage(w.old, i), strict=True)])

    b.loop(n, remember)
    held = b.choose(fresh, zero, b.load(WORK, w.held))
    b.store(WORK, w.held, b.choose(good, to.h, held))
    b.finish(report)


def _factor(it: _Step, to: Aim, inverse: Value) -> None:
    """Write the factorisation of γ/h − J for every eigenvalue γ of A⁻¹; `inverse` is 1/h.

    J is that of the middle stage as it is expected: the iteration converges faster than with that of the start.
    """
    b, w, plan, method, s = it.b, it.w, it.plan, it.method, it.stages
    zero, middle = b.number(0.0), s // 2

    def expected(i: Any, _: list[Value]) -> None:
        z = it.turned(method.out_of[middle : middle + 1], it.stage(w.split, i))[0]
        b.store(WORK, b.plus(w.points, i), b.add(b.load(STATE, b.plus(it.frame.y, i)), z))

    b.loop(it.equations.states, expected)
    b.store(WORK, w.clock, b.fma(b.number(method.nodes[middle]), to.h, to.now))
    places = b.at(WORK, w.clock), b.at(WORK, w.points), b.at(STATE, it.frame.q), b.at(WORK, w.jacobian)
    b.call(it.equations.jacobian, *places)
    shifts = [b.mul(b.number(method.real), inverse)]
    for pair in method.pairs:
        shifts += [b.mul(b.number(part), inverse) for part in pair]
    derivatives = {place: k for k, place in enumerate(it.equations.pattern)}
    at = {k: place for place, k in plan.entries.items()}

    def entry(k: int) -> list[Value]:
        values = [zero] * s
        if at[k] in derivatives:
            slope = b.load(WORK, w.jacobian + derivatives[at[k]])
            # A derivative that is no number (a root at zero) counts as zero: the iteration then converges more slowly.
            slope = b.choose(b.not_finite(slope), zero, slope)
            values = [b.minus(slope) if part % 2 or not part else zero for part in range(s)]
        if at[k][0] == at[k][1]:
            values = [b.add(value, shift) for value, shift in zip(values, shifts, strict=True)]
        return values

    memory = Memory(b, WORK, w.factors, range(s), s)
    if not plan.unrolled:
        for k in range(len(plan.entries)):
            memory.set(k, entry(k))
        operate(Arithmetic(b, s), plan.factor, memory, memory, f"{it.name}_factor")
        return
    whole = Registers(entry)
    for parts in _systems(s):
        one = Registers(lambda k, parts=parts: [whole.get(k)[part] for part in parts])
        operate(Arithmetic(b, len(parts)), plan.factor, one, one)
        for k, values in one.held.items():
            Memory(b, WORK, w.factors, parts, s).set(k, values)


def _systems(stages: int) -> list[range]:
    """Return which parts belong to which system: the real one, then real and imaginary part of each complex one."""
    return [range(1), *(range(k, k + 2) for k in range(1, stages, 2))]


def _begin(it: _Step, fresh: Any, h: Value) -> None:
    """Write the start of the iteration: the polynomial of the step before, continued; zero where there is none."""
    b, w, zero = it.b, it.w, it.b.number(0.0)
    held = b.choose(fresh, zero, b.load(WORK, w.held))
    known = b.both(b.compare(">", held, zero), b.compare("<=", h, b.mul(b.number(_FURTHEST), held)))
    ratio = b.choose(known, b.div(h, b.max(held, b.number(1e-300))), zero)
    powers = [ratio]
    while len(powers) < it.stages:
        powers.append(b.mul(ratio, powers[-1]))

    def start(i: Any, _: list[Value]) -> None:
        bends = [b.choose(known, b.mul(p, d), zero) for p, d in zip(powers, it.stage(w.old, i), strict=True)]
        it.keep(w.split, i, it.turned(it.method.ahead, bends))

    b.loop(it.frame.components, start)


def _each_block(it: _Step, body: Callable[[list[Any]], None]) -> None:
    """Write ``body(places)`` for the states and, in a loop, every block of sensitivities."""
    b, n, nothing = it.b, it.equations.states, it.frame.components
    if not it.equations.places:
        body(list(range(n)))
        return
    rows = [range(n), *([p if p >= 0 else nothing for p in row] for row in it.equations.places)]
    numbers = table(b, f"{it.name}_places", [place for row in rows for place in row])

    def block(k: Any, _: list[Value]) -> None:
        first = b.build.mul(k, b.index(n))
        body([look_up(b, numbers, b.plus(i, first)) for i in range(n)])

    b.loop(len(rows), block)


def _correct(it: _Step, inverse: Value) -> None:
    """Write one correction of all stages from the rates at their points."""
    b, w, frame, method = it.b, it.w, it.frame, it.method
    real = b.mul(b.number(method.real), inverse)
    pairs = [tuple(b.mul(b.number(part), inverse) for part in pair) for pair in method.pairs]

    def right(i: Any, _: list[Value]) -> None:
        rates, split = it.turned(method.into, it.stage(w.rates, i)), it.stage(w.split, i)
        found = [b.sub(rates[0], b.mul(real, split[0]))]
        for k, (re, im) in enumerate(pairs):
            # On the columns Re v, Im v of T, A⁻¹ acts as [[re, im], [−im, re]]: one complex system for u − i·v.
            u, v, f, g = split[2 * k + 1], split[2 * k + 2], rates[2 * k + 1], rates[2 * k + 2]
            found.append(b.sub(f, b.fma(im, v, b.mul(re, u))))
            found.append(b.sub(b.fma(re, v, b.minus(b.mul(im, u))), g))
        it.keep(w.change, i, found)

    def move(i: Any, _: list[Value]) -> None:
        moved = zip(it.stage(w.split, i), it.stage(w.change, i), strict=True)
        # The imaginary part stands for −v.
        it.keep(w.split, i, [b.sub(x, y) if k and k % 2 == 0 else b.add(x, y) for k, (x, y) in enumerate(moved)])

    b.loop(frame.components, right)
    it.keep(w.change, frame.components, [b.number(0.0)] * it.stages)
    _each_block(it, lambda places: _solve(it, w.change, places, _systems(it.stages)))
    b.loop(frame.components, move)


def _solve(it: _Step, start: int, places: Sequence[Any], systems: Sequence[range]) -> None:
    """Write the solution of systems for one block in place: parts of the stages' array that begins at `start`."""
    b, w, plan, s = it.b, it.w, it.plan, it.stages

    def load(i: int, parts: Sequence[int]) -> list[Value]:
        return [b.load(WORK, b.plus(w.of(start, part), places[i])) for part in parts]

    def keep(i: int, parts: Sequence[int], values: Sequence[Value]) -> None:
        for part, value in zip(parts, values, strict=True):
            b.store(WORK, b.plus(w.of(start, part), places[i]), value)

    if plan.unrolled:
        for parts in systems:
            x = Registers(lambda i, parts=parts: load(i, parts))
            factors = Memory(b, WORK, w.factors, parts, s)
            operate(Arithmetic(b, len(parts)), (*plan.forward, *plan.backward), factors, x)
            for i in range(plan.size):
                keep(i, parts, x.get(i))
        return
    every = range(systems[0].start, systems[-1].stop)
    scratch, factors = Memory(b, WORK, w.right, every, s), Memory(b, WORK, w.factors, every, s)
    for i in range(plan.size):
        scratch.set(i, load(i, every))
    operate(Arithmetic(b, len(every)), plan.forward, factors, scratch, f"{it.name}_forward")
    operate(Arithmetic(b, len(every)), plan.backward, factors, scratch, f"{it.name}_backward")
    for i in range(plan.size):
        keep(i, every, scratch.get(i))


def _estimate(it: _Step, inverse: Value) -> None:
    """Write the error of every component: the difference to a quadrature of order s, damped by the real system."""
    b, w, method, s = it.b, it.w, it.method, it.stages
    weights = [sum(method.error[k] * method.out_of[k][j] for k in range(s)) * method.real for j in range(s)]

    def right(i: Any, _: list[Value]) -> None:
        total = b.combine(zip(weights, it.stage(w.split, i), strict=True))
        b.store(WORK, b.plus(w.error, i), b.fma(total, inverse, b.load(WORK, b.plus(w.rate, i))))

    b.loop(it.frame.components, right)
    b.store(WORK, w.error + it.frame.components, b.number(0.0))
    _each_block(it, lambda places: _solve(it, w.error, places, [range(1)]))


def write_dense(module: Any, name: str, frame: Frame) -> None:
    """Write what the interpolant of the step just taken needs: nothing, its stages are it."""
    LaneWriter(module, name, 3).finish()


def write_values(module: Any, name: str, equations: Equations, frame: Frame, stages: int) -> None:
    """Write ``values(points, work, out)``: the polynomial of one lane's last good step at eight points.

    `points` holds eight times since the start of the step, then the same as parts of it; `work` begins at the lane.
    """
    b, w = LaneWriter(module, name, 3), work_of(equations, frame, stages)
    x = b.sub(b.load(0, 1), b.number(1.0))  # about the end of the step

    def value(i: Any, _: list[Value]) -> None:
        total = b.number(0.0)
        for k in reversed(range(stages)):
            total = b.mul(x, b.add(total, b.spread(WORK, b.plus(w.of(w.old, k), i))))
        b.store(2, i, b.add(total, b.spread(WORK, b.plus(w.end, i))))

    b.loop(frame.components, value)
    b.finish()


def _first_step(b: LaneWriter, size: Value, rate: Value) -> Value:
    """Return a first step: a small part of the time in which everything would change by its own size."""
    left = b.sub(b.load(STATE, END), b.load(STATE, TIME))
    tiny = b.either(b.compare("<", size, b.number(1e-10)), b.compare("<", rate, b.number(1e-10)))
    step = b.mul(b.number(_FIRST), b.sqrt(b.div(size, rate)))
    return b.min(left, b.choose(tiny, b.mul(b.number(1e-6), left), step))
