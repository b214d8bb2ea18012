"""What is integrated of a model: its right-hand side as machine code, and everything that a solver needs to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine.machine.code import Code
from pkpd.engine.machine.jit import announce
from pkpd.engine.machine.steps import dop853, radau, taylor
from pkpd.engine.machine.steps.frame import Frame
from pkpd.engine.settings import Settings
from pkpd.engine.solve.adaptive import Method
from pkpd.engine.solve.driving import Modes, modes_of
from pkpd.engine.solve.limits import STEPS, Known, find_limits
from pkpd.engine.solve.linear_block import BlockRun
from pkpd.engine.solve.switches import Watch
from pkpd.engine.timeline.schedule import Schedule

SolveBlock = Callable[[Array, Schedule], BlockRun]
PART_OF_PEAK = 1e-12  # the absolute tolerance as a part of the largest that a state has been
_STEPS, _STEPS_OF_SEGMENT = 100_000, 1_000  # that a subject may take by default, and more for every segment
_SHORT = 2_000  # operations times components up to which a Taylor series is written out


class Chosen(NamedTuple):
    """A method for a run: its name, its code, the entries of its state and work, what a step costs, whether it is for
    stiff equations. The cost is counted in right-hand sides, a fixed number: what is done depends on no clock."""

    name: str
    method: Method
    sizes: tuple[int, int]
    cost: float
    stiff: bool = False


class IntegratedPart:
    """The integrated states of a model's code and their sensitivities.

    The right-hand side reads time, the integrated vector, and an array with the inputs, the scales of the
    sensitivities, the floor of the driving states, infusion rates with their derivatives, and the numbers of the closed
    form, in this order.
    """

    def __init__(self, code: Code) -> None:
        self.code, self.structure = code, code.structure
        self.where = list(self.structure.integrated)
        self._columns = [self.structure.inputs.index(s) for s in self.structure.sensitivities]
        self.places = np.full((len(self._columns), len(self.where)), -1, dtype=np.int64)
        for i, j, k in self.structure.where:
            self.places[j, i] = k
        self.blocks = [*self.places, *self._places_of_pairs()]
        self.state_of = np.array(self.structure.owners, dtype=np.int64)
        self._methods: dict[tuple[str, float], Chosen] = {}
        self.unsigned = np.array(self.structure.kept, dtype=bool)
        self.multiply = np.array(self.structure.multiply, dtype=bool)
        self.relied = np.array(self.structure.relied, dtype=np.int64)
        self.width = self.structure.arguments

    def method(self, settings: Settings) -> Chosen:
        """Return the explicit method for the settings."""
        name = self.explicit_name(settings)
        if (name, settings.max_step) not in self._methods:
            self._methods[name, settings.max_step] = self._explicit(name, settings)
        return self._methods[name, settings.max_step]

    def watch(self, settings: Settings) -> Watch:
        """Return what is watched besides the error: switches, functions of time, the longest step."""
        layout = self.structure
        searched = bool(layout.at_zero) or layout.waves > 0

        def address(name: str) -> int:
            return self.code.address(f"{name}_1") if searched else 0

        return Watch(
            address("switches"), address("switch_slopes"), address("ranges"), len(layout.at_zero), layout.timed,
            layout.waves, settings.max_step, np.array(layout.at_zero, dtype=bool),
            np.array(layout.rests, dtype=np.int64),
        )  # fmt: skip

    def _explicit(self, name: str, settings: Settings) -> Chosen:
        frame = Frame(self.structure.components, self.width)
        places = frame.y, frame.peak, frame.fixed, frame.kept, frame.q
        address, rhs = self.code.address, self.code.address("rhs_1")
        if self.has_series:
            order = taylor.order_of(settings.rtol)
            step, values = address(f"taylor_{order}_step"), address(f"taylor_{order}_values")
            sizes = frame.size, taylor.TaylorWork(frame.components, order).size
            return Chosen(
                name, Method(step, 0, values, rhs, 0, *places, self.watch(settings)), sizes, taylor.COST[order]
            )
        step, dense, values = (address(f"dop853_{what}") for what in ("step", "dense", "values"))
        sizes = self.code.number("dop853_size"), dop853.Dop853Work(frame.components).size
        watch = self.watch(settings)
        return Chosen(name, Method(step, dense, values, rhs, dop853.LANDINGS, *places, watch), sizes, dop853.COST)

    @cached_property
    def has_series(self) -> bool:
        """Whether the explicit method is a Taylor series: the equations have one, and its code is not too long."""
        return self.structure.analytic and self.structure.operations * self.structure.components <= _SHORT

    def _places_of_pairs(self) -> list[Integers]:
        """Where the second derivatives by two sensitivities stand (states,), one array per pair; -1: nowhere."""
        found: dict[tuple[int, int], Integers] = {}
        for i, a, b, k in self.structure.where2:
            found.setdefault((a, b), np.full(len(self.where), -1, dtype=np.int64))[i] = k
        return list(found.values())

    def explicit_name(self, settings: Settings) -> str:
        """Return what the explicit method is called."""
        order = taylor.order_of(settings.rtol)
        return f"Taylor series of order {order}" if self.has_series else "Dormand–Prince 8(5,3)"

    def stiff_name(self, settings: Settings) -> str:
        """Return what the method for stiff equations is called."""
        return f"Radau IIA of order {2 * radau.stages_of(settings.rtol) - 1}"

    def stiff_method(self, settings: Settings) -> Chosen:
        """Return the method for stiff equations."""
        frame, stages = Frame(self.structure.components, self.width), radau.stages_of(settings.rtol)
        places = frame.y, frame.peak, frame.fixed, frame.kept, frame.q
        step, values = (self.code.address(f"radau_{stages}_{what}") for what in ("step", "values"))
        sizes = frame.size, self.code.number(f"radau_{stages}_size")
        method = Method(step, 0, values, self.code.address("rhs_1"), radau.LANDINGS, *places, self.watch(settings))
        return Chosen(self.stiff_name(settings), method, sizes, radau.COST[stages], stiff=True)

    def kept(self, plan: Schedule) -> Kept:
        """Return what follows from a schedule alone, made once."""
        known = plan.kept.get("integrated")
        if known is None or known[0] is not self:
            known = self, Kept(_given(plan, self.where), {})
            plan.kept["integrated"] = known
        found: Kept = known[1]
        return found

    def job(
        self, values: Array, schedule: Schedule, settings: Settings, block: BlockRun, solve_block: SolveBlock,
        floor: Array | None = None,
    ) -> IntegrationJob:  # fmt: skip
        """Put together what is to be integrated for a value table (rows × inputs).

        `floor` is what states that would drive must not fall below where they are integrated, too (by row of values).
        """
        height, inputs, count = len(values), values.shape[1], len(self._columns)
        q0 = np.empty((height, inputs + count + 1))
        q0[:, :inputs] = values
        if count:
            sizes = np.abs(values[:, self._columns])
            if height != schedule.subjects:  # one scale for all rows of a subject
                sizes = sizes[np.repeat(schedule.first_row[:-1], np.diff(schedule.first_row))]
            q0[:, inputs:-1] = np.where(sizes == 0, 1.0, sizes)
        modes = block.kept.get("modes") or modes_of(self.structure, block, schedule)
        block.kept["modes"] = modes
        q0[:, -1] = modes.floor if floor is None else floor
        z0 = np.zeros((height, self.structure.components))
        self.code.rows("initial", q0, np.arange(height), z0)
        if self.structure.guarded:  # what may be negative is not kept from it
            rising = np.repeat(self.kept(schedule).given[1], np.diff(schedule.first_row))
            sound = (values[:, list(self.structure.relied)] >= 0).all(axis=1) & rising
            q0[~(sound & (z0[:, : len(self.where)] >= 0).all(axis=1)), -1] = -np.inf
        return IntegrationJob(self, values, q0, z0, q0[:, inputs:-1], schedule, settings, block, modes, solve_block)


@dataclass(frozen=True, eq=False)
class Kept:
    """What follows from a schedule alone.

    Attributes
    ----------
    given : tuple of arrays
        The largest amount that is given into each integrated state, and into any (subjects × (states + 1)); whether
        doses only add (subjects,).
    tables : dict
        What `start_arrays` has made of it.
    """

    given: tuple[Array, Flags]
    tables: dict[str, Any]


def _given(plan: Schedule, where: Sequence[int]) -> tuple[Array, Flags]:
    """What is given to every subject: see `Kept`."""
    amounts = np.abs(plan.jumps) + np.abs(plan.rates) * (plan.end - plan.start)[:, None]
    for s in np.flatnonzero(plan.begins >= 0):
        train = plan.trains[int(plan.begins[s])][0]
        pieces = zip(train.lengths, train.rates, strict=False)
        amounts[s, train.state] += train.amount[0] + sum(length[0] * rate[0] for length, rate in pieces)
    lines = np.maximum.reduceat(amounts, plan.segments[:-1], axis=0)
    rising = np.logical_and.reduceat(((plan.rates >= 0) & (plan.jumps >= 0)).all(axis=1), plan.segments[:-1])
    largest = np.concatenate([lines[:, where], lines.max(axis=1, initial=0.0)[:, None]], axis=1)
    return largest[plan.line_of_subject], rising[plan.line_of_subject]


@dataclass(frozen=True, eq=False)
class IntegrationJob:
    """One run of the integrated states.

    Attributes
    ----------
    integrated : IntegratedPart
        The code.
    values : array, rows × inputs
        The table of values.
    q0 : array, rows × (inputs + sensitivities + 1)
        Inputs, scales, and the floor of the driving states.
    z0 : array, rows × components
        Initial values of states and sensitivities.
    scale : array, rows × sensitivities
        What the sensitivities were multiplied with; the same in all rows of a subject.
    schedule, settings, block, modes
        Time lines, tolerances, the block that drives, and how.
    solve_block : callable
        Solves the block for other values and time lines.
    precision : float
        Part of the tolerances to which it is solved.
    """

    integrated: IntegratedPart
    values: Array
    q0: Array
    z0: Array
    scale: Array
    schedule: Schedule
    settings: Settings
    block: BlockRun
    modes: Modes
    solve_block: SolveBlock
    precision: float = 1.0

    @property
    def rtol(self) -> float:
        """The relative tolerance to which it is solved."""
        return max(self.settings.rtol * self.precision, 1e-14)

    @property
    def rows(self) -> int:
        """Number of requested values."""
        return int(self.schedule.rows[-1])

    @cached_property
    def limits(self) -> Array:
        """Return steps, first peaks, fixed tolerances and what is kept, subjects × (1 + 3 · components): `limits`."""
        plan, integrated = self.schedule, self.integrated
        kept = integrated.kept(plan)
        relied = self.values.take(integrated.relied, axis=1)
        floor = np.ascontiguousarray(self.q0[:, -1])
        known = Known(
            relied, self.z0, floor, plan.first_row, *kept.given, integrated.state_of, integrated.unsigned,
            integrated.multiply,
        )  # fmt: skip
        out = np.empty((plan.subjects, 1 + 3 * self.z0.shape[1]))
        out[:, STEPS] = self.most_steps
        announce(find_limits)
        find_limits(known, (self.settings.atol or 0.0) * self.precision, out)
        return out

    @cached_property
    def most_steps(self) -> Array:
        """How many steps each subject may take."""
        if self.settings.max_steps is not None:
            return np.full(self.schedule.subjects, float(self.settings.max_steps))
        segments = (self.schedule.segments[1:] - self.schedule.segments[:-1])[self.schedule.line_of_subject]
        return np.asarray(_STEPS + _STEPS_OF_SEGMENT * segments, dtype=float)

    @property
    def part(self) -> float:
        """The absolute tolerance as a part of the largest that a component has been; 0 where the caller gave one."""
        return PART_OF_PEAK * self.precision if self.settings.atol is None else 0.0

    @property
    def absolute_tolerance(self) -> Array:
        """The absolute tolerance at the start, subjects × components."""
        n = self.z0.shape[1]
        return np.maximum(self.limits[:, 1 + n : 1 + 2 * n], self.part * self.limits[:, 1 : 1 + n])
