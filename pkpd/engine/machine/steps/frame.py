"""What a step finds and leaves: the numbers of all lanes, and what every method does around its own step.

A step is called as ``step(state, work, control)``. `state` holds for every lane the numbers named below (`TIME` …),
then blocks of as many entries as there are components: the vector y, the largest that each has been (`PEAK`), its fixed
absolute tolerance (`FIXED`) and what else it is held to (`KEPT`); then what the right-hand side reads.
`work` belongs to the method. `control` holds rtol, the absolute tolerance as a part of the peak, and whether equations
that prove stiff are to be reported. It returns, as bits, the lanes that have reached their next requested time or the
end of their segment, or cannot go on (`STATUS`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.machine.steps.sparse_lu import look_up, table
from pkpd.engine.status import NOT_FINITE, OK, TOO_MANY, UNDERFLOW

# Numbers of a lane. NEXT is its next requested time, DENSE the first requested time that is no longer stepped on: if a
# step would go beyond it, the times inside are interpolated (both infinite where there is none). BEFORE and TAKEN are
# the start and the size of the last good step, REFUSED whether the last one was refused, LEFT the steps that may still
# be taken, FRESH whether a segment has just begun, AT_EDGE and OFF_EDGE count steps held by stability and not.
# FINAL is the end of the last segment, WORTH the number of steps to come for which the stiff method is worth trying.
(TIME, END, NEXT, DENSE, STEP, BEFORE, TAKEN, REFUSED, LEFT, FRESH, AT_EDGE, OFF_EDGE, STATUS, FINAL, WORTH) = range(15)
HEAD = 15
STEPS_OF_SEGMENT = 300.0  # explicit steps whose work is that of the stiff method in a segment, as measured
RTOL, PART, REPORT = range(3)  # places in `control`
IDLE = -1  # status of a lane without a subject
STATE, WORK, CONTROL = range(3)  # the arguments of a step
_FIRST = 0.05  # the first step as a part of the time in which everything would change by its own size
_HUGE = 1e140  # more than any step's change in units of the error allowed
_BRIEF, _REACHED = 1e-11, 1e-12  # a step as a part of time, a state as a part of its peak
# What `KEPT` says of a component: whether it must not become negative, and whether it is held to a part of what its
# state is now, not of the largest: later values are the offspring of what is left. A negative number says both.
KEPT, OFFSPRING = 1.0, 2.0


@dataclass(frozen=True)
class Frame:
    """Where the blocks of `state` begin, in entries.

    Attributes
    ----------
    components : int
        Length of the integrated vector: states, then sensitivities.
    arguments : int
        Numbers that the right-hand side reads besides.
    constants : int
        Numbers that are computed of these, and stand behind them.
    owners : tuple of int
        The state to which each component belongs; empty where no state's size is ever forgotten (see `OFFSPRING`).
    """

    components: int
    arguments: int
    constants: int = 0
    owners: tuple[int, ...] = ()

    @property
    def y(self) -> int:
        return HEAD

    @property
    def peak(self) -> int:
        return HEAD + self.components

    @property
    def fixed(self) -> int:
        return HEAD + 2 * self.components

    @property
    def kept(self) -> int:
        return HEAD + 3 * self.components

    @property
    def q(self) -> int:
        return HEAD + 4 * self.components

    @property
    def size(self) -> int:
        """Entries of `state`."""
        return self.q + self.arguments + self.constants


@dataclass(frozen=True, eq=False)
class Aim:
    """Where a step ends, for every lane.

    Attributes
    ----------
    now, planned, ahead, h : vectors
        Time, the step that accuracy allows, where the step ends, and how long it is.
    many : mask
        Whether requested times inside the step will be interpolated.
    """

    now: Value
    planned: Value
    ahead: Value
    h: Value
    many: Any


def aim(b: LaneWriter, planned: Value, lands: bool = True) -> Aim:
    """Write the choice of where the step ends: at the end of the segment, at a requested time, or after the full step.

    A method whose interpolant is as good as its steps does not land on requested times (`lands` false).
    """
    now, end = b.load(STATE, TIME), b.load(STATE, END)
    left = b.sub(end, now)
    whole = b.compare(">=", b.mul(planned, b.number(1.0000001)), left)
    ahead = b.choose(whole, end, b.add(now, planned))
    many = b.compare("<", b.load(STATE, DENSE), ahead)
    if lands:
        following = b.load(STATE, NEXT)
        lands_there = b.both(b.negate(many), b.compare("<", following, ahead))
        ahead = b.choose(lands_there, following, ahead)
    return Aim(now, planned, ahead, b.sub(ahead, now), many)


def first_step(b: LaneWriter, size: Value, rate: Value) -> Value:
    """Return a first step: a small part of the time in which everything would change by its own size.

    `size` and `rate` are the squares of how large the vector and dy/dt are, in units of the error allowed. The step is
    long enough to change the time.
    """
    now, end = b.load(STATE, TIME), b.load(STATE, END)
    left, tiny = b.sub(end, now), b.number(1e-10)
    unknown = b.either(b.compare("<", size, tiny), b.compare("<", rate, tiny))
    step = b.choose(unknown, b.mul(b.number(1e-6), left), b.mul(b.number(_FIRST), b.sqrt(b.div(size, rate))))
    return b.min(left, b.max(step, b.mul(b.number(4e-16), b.abs(now))))


def in_units(b: LaneWriter, x: Value, unit: Value) -> Value:
    """Return x in units of the error allowed, with a size whose square is a number; what is none of x stays none.

    A vector that starts from nothing is allowed next to no error: in such units any rate is beyond all squares.
    """
    found = b.mul(x, unit)
    beyond = b.both(b.compare(">", b.abs(found), b.number(_HUGE)), b.negate(b.not_finite(x)))
    return b.choose(beyond, b.number(_HUGE), found)


def is_worth_it(b: LaneWriter, h: Value) -> Any:
    """Return whether so many steps of this size are still to come that the stiff method would have less work."""
    to_come = b.sub(b.load(STATE, FINAL), b.load(STATE, TIME))
    return b.compare(">", to_come, b.mul(b.load(STATE, WORTH), h))


def scale(b: LaneWriter, frame: Frame, i: Any, size: Value) -> Value:
    """Return the error that component i may have where it is so large."""
    part = b.mul(b.scalar(CONTROL, PART), b.load(STATE, b.plus(frame.peak, i)))
    return b.fma(b.scalar(CONTROL, RTOL), size, b.max(part, b.load(STATE, b.plus(frame.fixed, i))))


def crossing(b: LaneWriter, frame: Frame, i: Any, new: Value) -> tuple[Any, Value]:
    """Return whether component i has become negative that must not, and its value with mere rounding taken away."""
    kept = b.load(STATE, b.plus(frame.kept, i))
    kept = b.either(b.compare("==", kept, b.number(KEPT)), b.compare("<", kept, b.number(0.0)))
    kept = b.both(kept, b.compare(">=", b.load(STATE, b.plus(frame.y, i)), b.number(0.0)))
    negative = b.both(kept, b.compare("<", new, b.number(0.0)))
    # Where steps have become as short as that, it is zero that is reached: what is left is less than its tolerance.
    brief = b.compare("<", b.load(STATE, STEP), b.mul(b.number(_BRIEF), b.abs(b.load(STATE, TIME))))
    brief = b.both(brief, b.compare(">", b.load(STATE, REFUSED), b.number(0.0)))
    part = b.choose(brief, b.number(-_REACHED), b.number(-1e-16))
    smallest = b.mul(part, b.load(STATE, b.plus(frame.peak, i)))
    return b.both(negative, b.compare("<", new, smallest)), b.choose(negative, b.number(0.0), new)


@dataclass(frozen=True, eq=False)
class Trial:
    """A step that has been tried.

    Attributes
    ----------
    error : vector
        Its error in units of the tolerance.
    crossed : mask
        Whether it has led a component below zero that must stay above.
    failed : vector
        Why the lane cannot go on although steps are left, or 0.
    power : float
        The step is proportional to error**power.
    new : callable
        Component i after the step; `i` is a number or an index of a loop.
    """

    error: Value
    crossed: Any
    failed: Value
    power: float
    new: Callable[[Any], Value]
    largest: float = 6.0
    safety: float = 0.9


def conclude(b: LaneWriter, frame: Frame, to: Aim, trial: Trial, keep_before: int | None = None) -> tuple[Any, Any]:
    """Write the end of a step: take it or not, choose the next one; return the mask of good steps and what to report.

    Parameters
    ----------
    b, frame, to, trial
        The function, where things stand, where the step was to end, and what came of it.
    keep_before : int, optional
        Entry of `work` from which the vector before the step is kept (for an interpolant).
    """
    zero, one = b.number(0.0), b.number(1.0)
    active = b.compare("==", b.load(STATE, STATUS), zero)
    left = b.load(STATE, LEFT)
    status = b.choose(b.compare(">", left, zero), trial.failed, b.number(TOO_MANY))
    tried = b.both(active, b.compare("==", status, zero))
    small = b.compare("<=", trial.error, one)
    good = b.both(b.both(tried, small), b.negate(trial.crossed))
    finite = b.negate(b.not_finite(trial.error))

    change = b.mul(b.number(trial.safety), b.rough_power(b.max(trial.error, b.number(1e-12)), trial.power))
    # After a refusal the step does not grow at once; one cut to land on a time goes back to what was planned.
    refused_before = b.compare(">", b.load(STATE, REFUSED), zero)
    most = b.choose(refused_before, one, b.number(trial.largest))
    grown = b.mul(to.h, b.max(b.number(0.333), b.min(most, change)))
    cut = b.compare("<", to.h, b.mul(b.number(0.99), to.planned))
    grown = b.choose(cut, b.max(grown, to.planned), grown)
    shorter = b.choose(small, b.number(0.5), b.max(b.number(0.2), b.min(b.number(0.9), change)))
    shrunk = b.mul(b.min(to.h, to.planned), b.choose(finite, shorter, b.number(0.2)))
    # At time 0 a step may be as short as it likes, however long the segment is.
    stuck = b.compare("<", shrunk, b.max(b.number(1e-290), b.mul(b.number(4e-16), b.abs(to.now))))
    stuck = b.both(b.both(tried, b.negate(good)), stuck)
    status = b.choose(stuck, b.choose(finite, b.number(UNDERFLOW), b.number(NOT_FINITE)), status)

    def take(i: Any, _: list[Value]) -> None:
        old, peak = b.load(STATE, b.plus(frame.y, i)), b.load(STATE, b.plus(frame.peak, i))
        new = b.choose(good, trial.new(i), old)
        if keep_before is not None:
            b.store(WORK, b.plus(keep_before, i), old)
        b.store(STATE, b.plus(frame.y, i), new)
        b.store(STATE, b.plus(frame.peak, i), b.max(b.abs(new), peak))

    b.loop(frame.components, take)
    if frame.owners:
        _forget(b, frame)
    b.store(STATE, STEP, b.choose(tried, b.choose(good, grown, shrunk), b.load(STATE, STEP)))
    b.store(STATE, LEFT, b.choose(tried, b.sub(left, one), left))
    b.store(STATE, REFUSED, b.choose(tried, b.choose(good, zero, one), b.load(STATE, REFUSED)))
    b.store(STATE, FRESH, b.choose(tried, zero, b.load(STATE, FRESH)))
    b.store(STATE, BEFORE, b.choose(good, to.now, b.load(STATE, BEFORE)))
    b.store(STATE, TAKEN, b.choose(good, to.h, b.load(STATE, TAKEN)))
    now = b.choose(good, to.ahead, to.now)
    b.store(STATE, TIME, now)
    b.store(STATE, STATUS, b.choose(active, status, b.load(STATE, STATUS)))
    reached = b.either(b.compare(">=", now, b.load(STATE, NEXT)), b.compare(">=", now, b.load(STATE, END)))
    reached = b.either(b.both(good, reached), b.compare("!=", status, b.number(OK)))
    return good, b.lanes_where(b.both(active, reached))


def _forget(b: LaneWriter, frame: Frame) -> None:
    """Write the sizes of components that are held to a part of what their state is now."""
    owners = table(b, f"{b.function.name}_owners", frame.owners)

    def size(i: Any, _: list[Value]) -> None:
        state = b.load(STATE, b.plus(frame.y, look_up(b, owners, i)))
        now = b.max(b.abs(b.load(STATE, b.plus(frame.y, i))), b.abs(state))
        now = b.max(now, b.mul(b.number(1e12), b.load(STATE, b.plus(frame.fixed, i))))
        held = b.compare(">=", b.abs(b.load(STATE, b.plus(frame.kept, i))), b.number(OFFSPRING))
        b.store(STATE, b.plus(frame.peak, i), b.choose(held, now, b.load(STATE, b.plus(frame.peak, i))))

    b.loop(frame.components, size)
