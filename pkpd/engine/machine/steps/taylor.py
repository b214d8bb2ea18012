"""Taylor series: a step of every lane, of an order chosen by the tolerance, and its values at any time inside.

The coefficients of the solution follow from the equations order by order (`series`). The last two choose the step
(Jorba & Zou, Exp Math 2005;14:99-117, section 3); then the right-hand side at its end is compared with the slope of the
series there, which measures the first term left out: a step whose error is too large is refused. The series is as good
inside the step as at its end, so no step ends because a value is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.machine.steps.frame import (
    AT_EDGE,
    CONTROL,
    END,
    FRESH,
    REFUSED,
    REPORT,
    STATE,
    STEP,
    TIME,
    WORK,
    Frame,
    Trial,
    aim,
    conclude,
    crossing,
    in_units,
    is_worth_it,
    scale,
)
from pkpd.engine.machine.steps.series import Series
from pkpd.engine.status import NOT_FINITE, STIFF

ORDERS = (8, 12, 16)
COST = {8: 6.0, 12: 10.0, 16: 13.0}  # of a step, in right-hand sides
SAFETY = 0.9  # of the step that the coefficients allow
_PROOF = 15  # steps in a row before equations are called stiff
# Where accuracy chooses the step, the middle term of the series is far larger than the last. Where stability does, the
# last terms are those of a mode that has died away and rises from rounding: its middle terms are hardly larger.
_FLAT = 200.0
_BLINK = 1e-14  # of the rest of a segment: what rounding can hide
_INSTANT = 1e-17  # to the power −16 it still is a number
_CORNER = 1e-2  # of a time in which the base of a power that begins at zero changes by its own size, or of the segment


class TaylorWork:
    """Where the entries of `work` begin: coefficients by order, the new vector, dy/dt there, the time there."""

    def __init__(self, components: int, order: int) -> None:
        n = components
        self.order, self.new, self.slope, self.clock = order, (order + 1) * n, (order + 2) * n, (order + 3) * n
        self.size = self.clock + 1


def order_of(rtol: float) -> int:
    """Return the order with which a tolerance is reached with the least work, as measured."""
    return ORDERS[0] if rtol > 3e-6 else ORDERS[1] if rtol > 3e-9 else ORDERS[2]


def write_taylor_step(module: Any, name: str, formula: Any, time: Any, frame: Frame, order: int) -> None:
    """Write the step; the module has the right-hand side as a function ``rhs(t, y, q, out)``.

    Parameters
    ----------
    module, name
        Where, and how it is called.
    formula : Formula
        The right-hand side as expressions.
    time : sympy.Symbol
        Time.
    frame : Frame
        Where things stand.
    order : int
        Order of the series.
    """
    import sympy

    b, n, w = LaneWriter(module, name, 3), frame.components, TaylorWork(frame.components, order)
    zero, one = b.number(0.0), b.number(1.0)
    shared, reduced = sympy.cse(list(formula.values.values()), symbols=sympy.numbered_symbols("_c"), order="none")
    flow = dict(zip(formula.values, reduced, strict=True))
    given: dict[Any, list[Value | None]] = {s: [b.load(STATE, frame.q + i)] for i, s in enumerate(formula.q)}
    given |= {s: [b.load(STATE, frame.y + i)] for i, s in enumerate(formula.y)}
    now = b.load(STATE, TIME)
    given[time] = [now, one, *([None] * order)]
    left = b.sub(b.load(STATE, END), now)
    # A radius of convergence shorter than this cannot be stepped inside, or makes coefficients beyond all numbers.
    instant = b.max(b.number(_INSTANT), b.mul(b.number(1e-15), b.max(b.abs(now), b.mul(b.number(0.1), left))))
    series = Series(b, given, dict(shared), {time, *formula.y}, b.mul(b.number(_BLINK), left), instant)
    for k in range(order):
        rates = [series.coefficient(flow[i], k) if i in flow else None for i in range(n)]
        for symbol, rate in zip(formula.y, rates, strict=True):
            series.of[symbol].append(zero if rate is None else b.mul(b.number(1 / (k + 1)), rate))
    largest = [zero] * 3
    for i, symbol in enumerate(formula.y):
        c = series.of[symbol]
        unit = b.div(one, scale(b, frame, i, b.abs(c[0])))
        places = order, order - 1, order // 2
        largest = [b.max(most, in_units(b, b.abs(c[k]), unit)) for most, k in zip(largest, places, strict=True)]
        for k in range(order + 1):
            b.store(WORK, k * n + i, c[k])
    planned, corner = _planned(b, largest[:2], order), b.flag(b.compare("<", zero, zero))
    for where, slow in series.corners:
        short = b.min(b.min(planned, b.mul(b.number(_CORNER), slow)), b.mul(b.number(_CORNER), left))
        planned, corner = b.choose(where, short, planned), b.choose(where, one, corner)
    to = aim(b, planned, lands=False)
    _advance(b, frame, w, to.h)
    b.store(WORK, w.clock, to.ahead)
    b.call(module.get_global("rhs"), b.at(WORK, w.clock), b.at(WORK, w.new), b.at(STATE, frame.q), b.at(WORK, w.slope))

    def judge(i: Any, carried: list[Value]) -> list[Value]:
        """Compare the right-hand side with the slope of the series."""
        slope = b.number(0.0)
        for k in range(order, 0, -1):
            slope = b.fma(slope, to.h, b.mul(b.number(k), b.load(WORK, b.plus(k * n, i))))
        old, new = b.load(WORK, i), b.load(WORK, b.plus(w.new, i))
        crossed, new = crossing(b, frame, i, new)
        b.store(WORK, b.plus(w.new, i), new)
        unit = b.div(to.h, scale(b, frame, i, b.max(b.abs(old), b.abs(new))))
        off = b.mul(b.abs(b.sub(b.load(WORK, b.plus(w.slope, i)), slope)), unit)
        # What is no number must stay so: a maximum would lose it.
        return [b.max(carried[0], off), b.add(carried[1], b.mul(zero, off)), b.max(carried[2], b.flag(crossed))]

    off, broken, crossed = b.loop(n, judge, [zero] * 3)
    share = b.choose(b.compare(">", corner, zero), one, b.number(1 / (order + 1)))
    error = b.add(b.mul(off, share), broken)
    fresh = b.compare(">", b.load(STATE, FRESH), zero)
    start = b.add(b.mul(zero, largest[0]), b.mul(zero, b.load(WORK, n)))
    for i in range(n):
        start = b.add(start, b.mul(zero, b.load(WORK, n + i)))
    nothing = b.both(fresh, b.not_finite(start))
    stiff = b.choose(_stiffness(b, fresh, to.h, largest, order), b.number(STIFF), zero)
    failed = b.choose(nothing, b.number(NOT_FINITE), stiff)
    trial = Trial(
        error, b.compare(">", crossed, zero), failed, -1.0 / (order + 1), lambda i: b.load(WORK, b.plus(w.new, i))
    )  # fmt: skip
    b.finish(conclude(b, frame, to, trial)[1])


def write_taylor_values(module: Any, name: str, frame: Frame, order: int) -> None:
    """Write ``values(points, work, out)``: the series of one lane at eight times since the start of its step."""
    b, n = LaneWriter(module, name, 3), frame.components
    x = b.load(0, 0)

    def value(i: Any, _: list[Value]) -> None:
        total = b.spread(WORK, b.plus(order * n, i))
        for k in range(order - 1, -1, -1):
            total = b.fma(total, x, b.spread(WORK, b.plus(k * n, i)))
        b.store(2, i, total)

    b.loop(n, value)
    b.finish()


def _advance(b: LaneWriter, frame: Frame, w: TaylorWork, h: Value) -> None:
    """Write the vector at the end of the step."""
    n = frame.components

    def value(i: Any, _: list[Value]) -> None:
        total = b.load(WORK, b.plus(w.order * n, i))
        for k in range(w.order - 1, -1, -1):
            total = b.fma(total, h, b.load(WORK, b.plus(k * n, i)))
        b.store(WORK, b.plus(w.new, i), total)

    b.loop(n, value)


def _planned(b: LaneWriter, largest: Sequence[Value], order: int) -> Value:
    """Return the step at whose end the last two terms are as large as the error may be."""
    tiny = b.number(1e-280)
    h = [b.rough_power(b.max(most, tiny), -1.0 / k) for most, k in zip(largest, (order, order - 1), strict=True)]
    planned = b.mul(b.number(SAFETY), b.min(h[0], h[1]))
    # After a refusal no longer than that says; a step of no number becomes the rest of the segment, and is refused.
    left = b.sub(b.load(STATE, END), b.load(STATE, TIME))
    planned = b.choose(b.not_finite(planned), left, planned)
    refused = b.compare(">", b.load(STATE, REFUSED), b.number(0.0))
    return b.choose(refused, b.min(planned, b.load(STATE, STEP)), planned)


def _stiffness(b: LaneWriter, fresh: Any, h: Value, largest: Sequence[Value], order: int) -> Any:
    """Return whether stability has long held the steps while many are still to come."""
    zero, one, power = b.number(0.0), b.number(1.0), h
    for _ in range(order - order // 2 - 1):
        power = b.mul(power, h)
    flat = b.compare("<=", largest[2], b.mul(b.number(_FLAT), b.mul(power, largest[0])))
    small = b.both(b.negate(fresh), is_worth_it(b, h))
    count = b.choose(b.both(small, flat), b.add(b.load(STATE, AT_EDGE), one), zero)
    b.store(STATE, AT_EDGE, count)
    asked = b.compare(">", b.scalar(CONTROL, REPORT), zero)
    return b.both(asked, b.compare(">=", count, b.number(_PROOF)))
