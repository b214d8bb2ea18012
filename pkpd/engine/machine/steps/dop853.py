"""Dormand–Prince 8(5,3): a step of every lane, and its interpolant of order 7.

A stage is a loop over the components around one call of the right-hand side, so the code does not grow with the number
of sensitivities. References: Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed. 1993, II.5
(the method), II.4 (the error); Hairer & Wanner, Solving Ordinary Differential Equations II, IV.2 (stiffness).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.machine.steps import dop853_coefficients as tableau
from pkpd.engine.machine.steps.frame import (
    AT_EDGE,
    BEFORE,
    CONTROL,
    FRESH,
    OFF_EDGE,
    REFUSED,
    REPORT,
    STATE,
    STEP,
    TAKEN,
    TIME,
    WORK,
    Frame,
    Trial,
    aim,
    conclude,
    crossing,
    first_step,
    in_units,
    is_worth_it,
    scale,
)
from pkpd.engine.status import NOT_FINITE, STIFF

LANDINGS = 2  # requested times in a step; with more of them the step is not cut but interpolated
INTERPOLATED = 0.02  # the error that such a step may have, in units of the tolerance
_EDGE = 6.1  # |h·λ| at which the step is held by stability and not by accuracy (Hairer's dop853)
_PROOF = 15  # steps at the edge before equations are called stiff
_STAGES = 16
COST = 12.0  # of a step, in right-hand sides
_COEFFICIENTS = 7


class Dop853Work:
    """Where the entries of `work` begin: stages, a stage's point, the new vector, the one before, the interpolant."""

    def __init__(self, components: int) -> None:
        n = components
        self.n, self.point, self.new, self.before = n, _STAGES * n, (_STAGES + 1) * n, (_STAGES + 2) * n
        self.dense, self.clock = (_STAGES + 3) * n, (_STAGES + 3 + _COEFFICIENTS) * n
        self.size = self.clock + 1

    def stage(self, s: int) -> int:
        """Return where a stage begins."""
        return s * self.n


def write_dop853_step(module: Any, name: str, frame: Frame) -> None:
    """Write the step; the module has the right-hand side as a function ``rhs(t, y, q, out)``, and ``constants`` that
    writes what it reads behind q."""
    rhs = module.get_global("rhs")
    b, w, n = LaneWriter(module, name, 3), Dop853Work(frame.components), frame.components
    zero, one = b.number(0.0), b.number(1.0)
    now, fresh = b.load(STATE, TIME), b.compare(">", b.load(STATE, FRESH), b.number(0.0))
    if frame.constants:
        places = b.at(STATE, TIME), b.at(STATE, frame.y), b.at(STATE, frame.q), b.at(STATE, frame.q + frame.arguments)

        def constants() -> list[Value]:
            b.call(module.get_global("constants"), *places)
            return []

        b.when_any(fresh, constants, [])
    b.call(rhs, b.at(STATE, TIME), b.at(STATE, frame.y), b.at(STATE, frame.q), b.at(WORK, w.stage(0)))

    def look(i: Any, sums: list[Value]) -> list[Value]:
        """Sizes of the vector, of its rate, and of what they changed since the last stage of the step before."""
        y, f = b.load(STATE, b.plus(frame.y, i)), b.load(WORK, i)
        unit = b.div(one, scale(b, frame, i, b.abs(y)))
        moved = b.sub(f, b.load(WORK, b.plus(w.stage(11), i)))
        apart = b.sub(y, b.load(WORK, b.plus(w.point, i)))
        y, f = b.mul(y, unit), in_units(b, f, unit)
        return [b.fma(v, v, total) for v, total in zip((y, f, moved, apart), sums, strict=True)]

    size, rate, moved, apart = b.loop(n, look, [zero] * 4)
    planned = b.choose(fresh, first_step(b, size, rate), b.load(STATE, STEP))
    stiff = _stiffness(b, fresh, moved, apart)
    to = aim(b, planned)

    for s in range(1, 12):
        row = tableau.A[s]

        def point(i: Any, _: list[Value], row: Sequence[float] = row) -> None:
            _move(b, w, frame.y, row, i, w.point, to.h)

        b.loop(n, point)
        b.store(WORK, w.clock, b.fma(b.number(tableau.C[s]), to.h, now))
        places = b.at(WORK, w.clock), b.at(WORK, w.point), b.at(STATE, frame.q), b.at(WORK, w.stage(s))
        b.call(rhs, *places)

    def judge(i: Any, sums: list[Value]) -> list[Value]:
        old = b.load(STATE, b.plus(frame.y, i))
        new = b.fma(to.h, _sum(b, w, tableau.B, i), old)
        crossed, new = crossing(b, frame, i, new)
        b.store(WORK, b.plus(w.new, i), new)
        unit = b.div(one, scale(b, frame, i, b.max(b.abs(old), b.abs(new))))
        e5, e3 = (b.mul(unit, _sum(b, w, weights, i)) for weights in (tableau.E5, tableau.E3))
        return [b.fma(e5, e5, sums[0]), b.fma(e3, e3, sums[1]), b.max(sums[2], b.flag(crossed))]

    five, three, crossed = b.loop(n, judge, [zero] * 3)
    # The error estimate of Hairer's dop853, of both orders.
    below = b.mul(b.fma(b.number(0.01), three, five), b.number(n))
    error = b.choose(b.compare("==", five, zero), zero, b.div(b.mul(to.h, five), b.sqrt(below)))
    error = b.choose(to.many, b.mul(error, b.number(1 / INTERPOLATED)), error)
    broken = b.both(fresh, b.not_finite(b.sub(rate, rate)))
    failed = b.choose(broken, b.number(NOT_FINITE), b.choose(stiff, b.number(STIFF), zero))
    trial = Trial(
        error, b.compare(">", crossed, zero), failed, -0.125, lambda i: b.load(WORK, b.plus(w.new, i))
    )  # fmt: skip
    b.finish(conclude(b, frame, to, trial, keep_before=w.before)[1])


def write_dense(module: Any, name: str, frame: Frame) -> None:
    """Write what the interpolant of the step just taken needs: four more stages and its coefficients."""
    rhs = module.get_global("rhs")
    b, w, n = LaneWriter(module, name, 3), Dop853Work(frame.components), frame.components
    t, h = b.load(STATE, BEFORE), b.load(STATE, TAKEN)
    b.call(rhs, b.at(STATE, TIME), b.at(STATE, frame.y), b.at(STATE, frame.q), b.at(WORK, w.stage(12)))
    for s in range(13, 16):
        row = tableau.A[s]

        def point(i: Any, _: list[Value], row: Sequence[float] = row) -> None:
            _move(b, w, None, row, i, w.new, h)  # not over the point of stage 11: the search for stiffness needs it

        b.loop(n, point)
        b.store(WORK, w.clock, b.fma(b.number(tableau.C[s]), h, t))
        b.call(rhs, b.at(WORK, w.clock), b.at(WORK, w.new), b.at(STATE, frame.q), b.at(WORK, w.stage(s)))

    def coefficients(i: Any, _: list[Value]) -> None:
        first, last = b.load(WORK, i), b.load(WORK, b.plus(w.stage(12), i))
        d = b.sub(b.load(STATE, b.plus(frame.y, i)), b.load(WORK, b.plus(w.before, i)))
        bend = b.sub(b.mul(h, first), d)
        made = [d, bend, b.sub(b.sub(d, b.mul(h, last)), bend)]
        made += [b.mul(h, _sum(b, w, row, i)) for row in tableau.D]
        for k, value in enumerate(made):
            b.store(WORK, b.plus(w.dense + k * n, i), value)

    b.loop(n, coefficients)
    b.finish()


def write_dop853_values(module: Any, name: str, frame: Frame) -> None:
    """Write ``values(points, work, out)``: the interpolant of one lane at eight points of its step.

    `points` holds eight times since the start of the step, then the same as parts of it; `work` begins at the lane.
    """
    b, w, n = LaneWriter(module, name, 3), Dop853Work(frame.components), frame.components
    x = b.load(0, 1)
    rest = b.sub(b.number(1.0), x)

    def value(i: Any, _: list[Value]) -> None:
        f = [b.spread(WORK, b.plus(w.dense + k * n, i)) for k in range(_COEFFICIENTS)]
        total = f[6]
        for k in range(5, -1, -1):
            total = b.fma(x if k % 2 else rest, total, f[k])
        b.store(2, i, b.fma(x, total, b.spread(WORK, b.plus(w.before, i))))

    b.loop(n, value)
    b.finish()


def _sum(b: LaneWriter, w: Dop853Work, weights: Sequence[float], i: Any) -> Value:
    return b.combine((c, b.load(WORK, b.plus(w.stage(j), i))) for j, c in enumerate(weights) if c)


def _move(b: LaneWriter, w: Dop853Work, y: int | None, row: Sequence[float], i: Any, target: int, h: Value) -> None:
    """Write the point of a stage; `y` is where the vector stands in `state`, None for the one before the step."""
    start = b.load(WORK, b.plus(w.before, i)) if y is None else b.load(STATE, b.plus(y, i))
    b.store(WORK, b.plus(target, i), b.fma(h, _sum(b, w, row, i), start))


def _stiffness(b: LaneWriter, fresh: Any, moved: Value, apart: Value) -> Any:
    """Return whether stability has long held the steps, and count those at the edge: |h·λ| of the fastest mode."""
    zero, one = b.number(0.0), b.number(1.0)
    h, at, off = b.load(STATE, TAKEN), b.load(STATE, AT_EDGE), b.load(STATE, OFF_EDGE)
    stepped = b.both(b.negate(fresh), b.compare("==", b.load(STATE, REFUSED), zero))
    edge = b.compare(">", b.mul(b.mul(h, h), moved), b.mul(b.number(_EDGE * _EDGE), apart))
    off_new = b.choose(edge, zero, b.choose(b.compare(">", at, zero), b.add(off, one), off))
    at_new = b.choose(edge, b.add(at, one), b.choose(b.compare("==", off_new, b.number(6.0)), zero, at))
    at_new, off_new = (b.choose(fresh, zero, b.choose(stepped, x, y)) for x, y in ((at_new, at), (off_new, off)))
    b.store(STATE, AT_EDGE, at_new)
    b.store(STATE, OFF_EDGE, off_new)
    long = b.both(b.compare(">=", at_new, b.number(_PROOF)), is_worth_it(b, h))
    asked = b.compare(">", b.scalar(CONTROL, REPORT), zero)
    return b.both(b.both(stepped, edge), b.both(long, asked))


def write_dop853_size(module: Any, name: str, frame: Frame) -> None:
    """Write a function that returns how many entries `state` has."""
    b = LaneWriter(module, name, 3)
    b.finish(b.index(frame.size))
