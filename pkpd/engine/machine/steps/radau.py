"""Radau IIA: a step of every lane for stiff equations, of order 2s − 1 with s stages.

The stages z_k solve ``z = h·(A ⊗ f)(t + c·h, y + z)`` by a fixed number of simplified Newton iterations, all with one
Jacobian. The eigenvectors of A⁻¹ split an iteration into one real and (s − 1)/2 complex linear systems of the size of
the states. Behind the states stand their sensitivities, a block for every parameter: their Jacobian has the states' on
its diagonal, so that every block is solved with the same factors; what couples a block to the states is part of what is
iterated. The iteration starts from the polynomial of the step before.

The factored matrices have the real part γ/h beside J. A pivot that is too small, an iteration that does not converge,
and numbers that are none, are seen in the last correction: the step is then refused and shortened, until γ/h rules.

References: Hairer & Wanner, Solving Ordinary Differential Equations II, 2nd ed. 1996, IV.8 (implementation); Hairer &
Wanner, J Comput Appl Math 1999;111:93 (order 9).
"""

from __future__ import annotations

from typing import Any

from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.machine.steps.frame import (
    FRESH,
    STATE,
    STEP,
    TIME,
    WORK,
    Frame,
    Trial,
    aim,
    conclude,
    crossing,
    first_step,
    in_units,
    scale,
)
from pkpd.engine.machine.steps.radau_parts import (
    Draft,
    RadauWork,
    StiffEquations,
    begin_iteration,
    correct,
    estimate,
    factor_matrices,
    read_arguments,
)
from pkpd.engine.status import NOT_FINITE

STAGES = (3, 5)
LANDINGS = 2  # requested times in a step; with more of them the step is not cut but interpolated
INTERPOLATED = 0.1  # the error that such a step may have, in units of the tolerance
_ITERATIONS = {3: 3, 5: 4}
COST = {3: 10.0, 5: 21.0}  # of a step, in right-hand sides
_CONVERGED = 20.0  # the last correction times this is an error of the step
_LARGEST, _SAFETY = 4.0, 0.95


def stages_of(rtol: float) -> int:
    """Return the stages with which a tolerance is reached with the least work, as measured."""
    return STAGES[0] if rtol > 3e-5 else STAGES[1]


def write_radau_step(module: Any, name: str, equations: StiffEquations, frame: Frame, stages: int) -> None:
    """Write the step with so many stages; the module has ``constants``, ``rhs`` and ``jacobian`` (see `Equations`)."""
    it = Draft(module, name, equations, frame, stages)
    b, w, n, method = it.b, it.w, frame.components, it.method
    zero, one = b.number(0.0), b.number(1.0)
    fresh = b.compare(">", b.load(STATE, FRESH), zero)
    read_arguments(it, fresh)
    it.call("rhs", b.at(STATE, TIME), b.at(STATE, frame.y), w.rate)

    def look(i: Any, sums: list[Value]) -> list[Value]:
        y, f = b.load(STATE, b.plus(frame.y, i)), b.load(WORK, b.plus(w.rate, i))
        unit = b.div(one, scale(b, frame, i, b.abs(y)))
        y, f = b.mul(y, unit), in_units(b, f, unit)
        return [b.fma(y, y, sums[0]), b.fma(f, f, sums[1])]

    size, rate = b.loop(n, look, [zero] * 2)
    to = aim(b, b.choose(fresh, first_step(b, size, rate), b.load(STATE, STEP)))
    inverse = b.div(one, b.max(to.h, b.number(1e-300)))
    begin_iteration(it, fresh, to.h)
    factor_matrices(it, fresh, to, inverse)

    def point(i: Any, _: list[Value]) -> None:
        y = b.load(STATE, b.plus(frame.y, i))
        it.keep(w.points, i, [b.add(y, z) for z in it.all_turned(method.out_of, it.stage(w.split, i))])

    def iterate(_: Any, __: list[Value]) -> None:
        b.loop(n, point)
        for k in range(stages):
            b.store(WORK, w.clock, b.fma(b.number(method.nodes[k]), to.h, to.now))
            it.call("rhs", b.at(WORK, w.clock), b.at(WORK, w.points + k * w.room), w.rates + k * w.room)
        correct(it, inverse)

    b.loop(_ITERATIONS[stages], iterate)
    estimate(it, inverse)

    def judge(i: Any, sums: list[Value]) -> list[Value]:
        old = b.load(STATE, b.plus(frame.y, i))
        crossed, new = crossing(b, frame, i, b.add(old, it.turned(method.out_of[-1], it.stage(w.split, i))))
        b.store(WORK, b.plus(w.rate, i), new)
        unit = b.div(one, scale(b, frame, i, b.max(b.abs(old), b.abs(new))))
        off, moved = b.mul(unit, b.load(WORK, b.plus(w.error, i))), zero
        for change in it.stage(w.change, i):
            moved = b.fma(change, change, moved)
        moved = b.fma(b.mul(unit, unit), moved, sums[1])
        return [b.fma(off, off, sums[0]), moved, b.max(sums[2], b.flag(crossed))]

    off, moved, crossed = b.loop(n, judge, [zero] * 3)
    error = b.sqrt(b.mul(off, b.number(1 / n)))
    error = b.choose(to.many, b.mul(error, b.number(1 / INTERPOLATED)), error)
    last = b.mul(b.sqrt(b.mul(moved, b.number(1 / (n * stages)))), b.number(_CONVERGED))
    error = b.sqrt(b.fma(last, last, b.mul(error, error)))  # no number where either is none
    broken = b.both(fresh, b.not_finite(b.sub(rate, rate)))
    trial = Trial(
        error, b.compare(">", crossed, zero), b.choose(broken, b.number(NOT_FINITE), zero), -1.0 / (stages + 1),
        lambda i: b.load(WORK, b.plus(w.rate, i)), _LARGEST, _SAFETY,
    )  # fmt: skip
    good, report = conclude(b, frame, to, trial)

    def remember(i: Any, _: list[Value]) -> None:
        b.store(WORK, b.plus(w.end, i), b.load(STATE, b.plus(frame.y, i)))
        new = it.all_turned(method.behind, it.stage(w.split, i))
        old = it.stage(w.bends, i)
        it.keep(w.bends, i, [b.choose(good, x, y) for x, y in zip(new, old, strict=True)])

    b.loop(n, remember)
    held = b.choose(fresh, zero, b.load(WORK, w.held))
    b.store(WORK, w.held, b.choose(good, to.h, held))
    b.finish(report)


def write_radau_values(module: Any, name: str, equations: StiffEquations, frame: Frame, stages: int) -> None:
    """Write ``values(points, work, out)``: the polynomial of one lane's last good step at eight points.

    `points` holds eight times since the start of the step, then the same as parts of it; `work` begins at the lane.
    """
    b, w = LaneWriter(module, name, 3), RadauWork(frame, equations, stages)
    x = b.sub(b.load(0, 1), b.number(1.0))  # about the end of the step

    def value(i: Any, _: list[Value]) -> None:
        total = b.number(0.0)
        for k in reversed(range(stages)):
            total = b.mul(x, b.add(total, b.spread(WORK, b.plus(w.bends + k * w.room, i))))
        b.store(2, i, b.add(total, b.spread(WORK, b.plus(w.end, i))))

    b.loop(frame.components, value)
    b.finish()


def write_radau_size(module: Any, name: str, equations: StiffEquations, frame: Frame, stages: int) -> None:
    """Write a function that returns how many entries `work` must have."""
    b = LaneWriter(module, name, 3)
    b.finish(b.index(RadauWork(frame, equations, stages).size))
