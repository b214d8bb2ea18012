"""The integrated rest of a model: its right-hand side as machine code, and everything that a solver needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pkpd.engine.arrays import ColumnFunction
from pkpd.engine.block import BlockRun
from pkpd.engine.calculus import slope
from pkpd.engine.settings import Settings
from pkpd.engine.symbols import System, augment, moved_by_doses, rate_slope_symbol, scale_symbol
from pkpd.engine.timeline import Schedule
from pkpd.model import expressions

Array = NDArray[np.float64]
SolveBlock = Callable[[Array, Schedule, Settings], BlockRun]


class Rest:
    """Code of the integrated states and their sensitivities.

    The right-hand side reads time, the integrated vector, and an array with the inputs, the scales of the
    sensitivities, the driving states of the linear block and the infusion rates, in this order (`arguments`).
    """

    def __init__(self, system: System) -> None:
        self.system, self.full = system, augment(system)
        self.where = [system.model.states.index(s) for s in system.integrated]
        self.driving = system.driving
        self.time = expressions.symbol(expressions.TIME)
        inputs = [expressions.symbol(name) for name in system.inputs]
        scales = [scale_symbol(name) for name in system.sensitivities]
        dosed = {s for s in system.model.doses.values() if s in system.integrated}
        self.rate_slots = tuple(sorted(system.integrated.index(s) for s in dosed))
        rates = {k: expressions.symbol(f"_rate_{k}") for k in self.rate_slots}
        self.rhs = [f + rates[k] if k in rates else f for k, f in enumerate(self.full.rhs)]
        drivers = [expressions.symbol(system.linear[k]) for k in self.driving]
        self.rate_slopes = tuple(sorted(moved_by_doses(system)))  # rates of these states depend on these parameters
        moved = [rate_slope_symbol(i, j) for i, j in self.rate_slopes]
        self.arguments = [*inputs, *scales, *drivers, *rates.values(), *moved]
        self._z0 = ColumnFunction(inputs + scales, self.full.initial)
        self._columns = [system.inputs.index(s) for s in system.sensitivities]

    @cached_property
    def address(self) -> int:
        """Address of the compiled right-hand side."""
        from pkpd.engine.llvm import compile_rhs

        return compile_rhs(self.time, self.full.symbols, self.arguments, self.rhs)

    @cached_property
    def jacobian(self) -> int:
        """Address of the compiled Jacobian: row i holds ∂f_i/∂(states), then ∂f_i/∂t with the driving states in it.

        It reads what the right-hand side reads, and behind it the derivatives of the driving states. What is zero by
        structure is not written.
        """
        from pkpd.engine.llvm import compile_values

        states, width = self.full.symbols[: len(self.where)], len(self.where) + 1
        drivers = [expressions.symbol(self.system.linear[k]) for k in self.driving]
        slopes = [expressions.symbol(f"_slope_{k}") for k in self.driving]
        values = {}
        for i, f in enumerate(self.rhs):
            moved = [slope(f, x) * dx for x, dx in zip(drivers, slopes, strict=True) if x in f.free_symbols]
            row = [*(slope(f, z) for z in states), sum(moved, slope(f, self.time))]
            values.update({i * width + j: e for j, e in enumerate(row) if e != 0})
        return compile_values(self.time, self.full.symbols, [*self.arguments, *slopes], values)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Position of every sensitivity, parameters × states; -1 where it is zero by structure."""
        found = np.full((len(self.system.sensitivities), len(self.where)), -1, dtype=np.int64)
        for (i, j), k in self.full.where.items():
            found[j, i] = k
        return found

    def job(self, values: Array, schedule: Schedule, settings: Settings, solve_block: SolveBlock) -> Job:
        """Put together what is to be integrated for a value table (rows × inputs)."""
        first = np.repeat(schedule.base[:-1], np.diff(schedule.base))  # one scale for all rows of a subject
        sizes = np.abs(values[:, self._columns])[first]
        scale = np.where(sizes == 0, 1.0, sizes)
        q0 = np.ascontiguousarray(np.concatenate([values, scale], axis=1))
        block = solve_block(values, schedule, settings)
        return Job(self, values, q0, self._z0(q0.T, len(values)), scale, schedule, settings, block, solve_block)


@dataclass(frozen=True, eq=False)
class Job:
    """One run of the integrated states.

    Attributes
    ----------
    rest : Rest
        The code.
    values : array, rows × inputs
        The table of values.
    q0 : array, rows × (inputs + sensitivities)
        Inputs and scales.
    z0 : array, rows × components
        Initial values of states and sensitivities.
    scale : array, rows × sensitivities
        What the sensitivities were multiplied with; the same in all rows of a subject.
    schedule, settings, block
        Time lines, tolerances, and the block that drives.
    solve_block : callable
        Solves the block for other values and time lines.
    """

    rest: Rest
    values: Array
    q0: Array
    z0: Array
    scale: Array
    schedule: Schedule
    settings: Settings
    block: BlockRun
    solve_block: SolveBlock

    @property
    def rows(self) -> int:
        """Number of requested values."""
        return int(self.schedule.rows[-1])

    @cached_property
    def absolute_tolerance(self) -> Array:
        """Return an absolute tolerance per subject and component: ``atol``, less where amounts are tiny.

        A state that starts from, or is given, less than 1 of its unit keeps ``atol`` relative to that; one that starts
        from nothing takes the largest such scale of its subject. So a dose of 1e-9 mol is solved like one of 1 nmol.
        """
        plan, width = self.schedule, len(self.rest.where)
        subjects, start = plan.subjects, self.z0[self.schedule.base[:-1]]
        given = np.abs(plan.jumps) + np.abs(plan.rates) * (plan.end - plan.start)[:, None]
        for s in np.flatnonzero(plan.begins >= 0):
            train = plan.trains[int(plan.begins[s])][0]
            pieces = zip(train.lengths, train.rates, strict=False)
            given[s, train.state] += train.amount[0] + sum(length[0] * rate[0] for length, rate in pieces)
        lines = np.maximum.reduceat(given, plan.segments[:-1], axis=0)[plan.which]
        scale = np.maximum(np.abs(start[:, :width]), lines[:, self.rest.where])
        everything = np.maximum(scale.max(axis=1), lines.max(axis=1, initial=0.0))
        scale = np.where(scale > 0, scale, everything[:, None])
        scale = np.where((scale > 0) & (scale < 1) & np.isfinite(scale), scale, 1.0)
        found = np.empty((subjects, self.z0.shape[1]))
        found[:, :width] = self.settings.atol * scale
        for (i, _), k in self.rest.full.where.items():
            found[:, k] = found[:, i]
        return found
