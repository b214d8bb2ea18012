"""What is integrated of a model: its right-hand side as machine code, and everything that a solver needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pkpd.arrays import Array
from pkpd.engine.machine.code import Code
from pkpd.engine.machine.steps import dop853, taylor
from pkpd.engine.machine.steps.frame import Frame
from pkpd.engine.settings import Settings
from pkpd.engine.solve.adaptive import Method
from pkpd.engine.solve.driving import Modes, modes_of
from pkpd.engine.solve.linear_block import BlockRun
from pkpd.engine.timeline.schedule import Schedule

SolveBlock = Callable[[Array, Schedule], BlockRun]
PART_OF_PEAK = 1e-12  # the absolute tolerance as a part of the largest that a state has been
_NOTHING = 1e-4  # a state that starts from nothing is held to be this part of the largest amount
_SHORT = 2_000  # operations times components up to which a Taylor series is written out
_LEAST = 1e-290  # so that nothing is divided by zero


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
        self.width = self.structure.slots + self.structure.closed_numbers

    def method(self, settings: Settings) -> tuple[str, Method, tuple[int, int]]:
        """Return the explicit method for the settings: its name, its addresses, the entries of its state and work."""
        frame = Frame(self.structure.components, self.width)
        places = frame.y, frame.peak, frame.fixed, frame.kept, frame.q
        address, rhs = self.code.address, self.code.address("rhs_1")
        if self.structure.analytic and self.structure.operations * self.structure.components <= _SHORT:
            order = taylor.order_of(settings.rtol)
            step, values = address(f"taylor_{order}_step"), address(f"taylor_{order}_values")
            sizes = frame.size, taylor.Work(frame.components, order).size
            return f"Taylor series of order {order}", Method(step, 0, values, rhs, 0, *places), sizes
        step, dense, values = (address(f"dop853_{name}") for name in ("step", "dense", "values"))
        sizes = frame.size, dop853.Work(frame.components).size
        return "Dormand–Prince 8(5,3)", Method(step, dense, values, rhs, dop853.LANDINGS, *places), sizes

    def job(
        self, values: Array, schedule: Schedule, settings: Settings, block: BlockRun, solve_block: SolveBlock,
        floor: Array | None = None,
    ) -> IntegrationJob:  # fmt: skip
        """Put together what is to be integrated for a value table (rows × inputs).

        `floor` is what states that would drive must not fall below where they are integrated, too (by row of values).
        """
        first = np.repeat(schedule.first_row[:-1], np.diff(schedule.first_row))  # one scale for all rows of a subject
        sizes = np.abs(values[:, self._columns])[first]
        scale = np.where(sizes == 0, 1.0, sizes)
        modes = block.kept.get("modes") or modes_of(self.structure, block, schedule)
        block.kept["modes"] = modes
        lowest = modes.floor if floor is None else floor
        q0 = np.ascontiguousarray(np.concatenate([values, scale, lowest[:, None]], axis=1))
        z0 = np.zeros((len(values), self.structure.components))
        self.code.rows("initial", q0, np.arange(len(values)), z0)
        return IntegrationJob(self, values, q0, z0, scale, schedule, settings, block, modes, solve_block)


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

    @property
    def rows(self) -> int:
        """Number of requested values."""
        return int(self.schedule.rows[-1])

    @cached_property
    def scales(self) -> Array:
        """Return the size of every component at the start, subjects × components: what it starts from, or is given.

        That of a sensitivity is its state's. A state that starts from nothing has a small part of the largest of its
        subject.
        """
        plan, width = self.schedule, len(self.integrated.where)
        start = np.abs(self.z0[plan.first_row[:-1], :width])
        given = np.abs(plan.jumps) + np.abs(plan.rates) * (plan.end - plan.start)[:, None]
        for s in np.flatnonzero(plan.begins >= 0):
            train = plan.trains[int(plan.begins[s])][0]
            pieces = zip(train.lengths, train.rates, strict=False)
            given[s, train.state] += train.amount[0] + sum(length[0] * rate[0] for length, rate in pieces)
        lines = np.maximum.reduceat(given, plan.segments[:-1], axis=0)[plan.line_of_subject]
        own = np.maximum(start, lines[:, self.integrated.where])
        everything = np.maximum(own.max(axis=1), lines.max(axis=1, initial=0.0))
        scale = np.empty((plan.subjects, self.z0.shape[1]))
        scale[:, :width] = np.where(own > 0, own, _NOTHING * everything[:, None])
        for i, _, k in self.integrated.structure.where:
            scale[:, k] = scale[:, i]
        return np.where(np.isfinite(scale), scale, 1.0)

    @property
    def part(self) -> float:
        """The absolute tolerance as a part of the largest that a component has been; 0 where the caller gave one."""
        return PART_OF_PEAK if self.settings.atol is None else 0.0

    @cached_property
    def fixed_tolerance(self) -> Array:
        """Return the absolute tolerance that the caller gave, subjects × components; next to nothing where none.

        A state that starts from, or is given, less than 1 of its unit keeps ``atol`` relative to that. So a dose of
        1e-9 mol is solved like one of 1 nmol.
        """
        if self.settings.atol is None:
            return np.full_like(self.scales, _LEAST)
        width = len(self.integrated.where)
        everything = self.scales[:, :width].max(axis=1)[:, None]
        scale = np.where(self.scales > 0, self.scales, np.where(everything > 0, everything, 1.0))
        return np.asarray(self.settings.atol * np.minimum(scale, 1.0))

    @property
    def absolute_tolerance(self) -> Array:
        """The absolute tolerance at the start, subjects × components."""
        return np.maximum(self.fixed_tolerance, self.part * self.scales)

    @cached_property
    def kept(self) -> Array:
        """Return which components are kept from becoming negative (1 or 0), subjects × components.

        They are those whose equation lets them not, where everything that it sees is not negative.
        """
        plan, width = self.schedule, len(self.integrated.where)
        kept = np.zeros((plan.subjects, self.z0.shape[1]))
        positive = (self.values >= 0).all(axis=1) & (self.z0[:, :width] >= 0).all(axis=1) & (self.q0[:, -1] == 0)
        subjects = np.logical_and.reduceat(positive, plan.first_row[:-1])
        given = np.logical_and.reduceat(((plan.rates >= 0) & (plan.jumps >= 0)).all(axis=1), plan.segments[:-1])
        kept[:, :width] = (subjects & given[plan.line_of_subject])[:, None] & np.array(self.integrated.structure.kept)
        return kept
