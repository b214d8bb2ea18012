"""The integrated rest of a model: its right-hand side as machine code, and everything that a solver needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pkpd.engine.arrays import ColumnFunction
from pkpd.engine.block import BlockRun
from pkpd.engine.settings import Settings
from pkpd.engine.symbols import System, augment, scale_symbol
from pkpd.engine.timeline import Schedule
from pkpd.model import expressions

Array = NDArray[np.float64]


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
        self.arguments = [*inputs, *scales, *drivers, *rates.values()]
        self._z0 = ColumnFunction(inputs + scales, self.full.initial)
        self._columns = [system.inputs.index(s) for s in system.sensitivities]

    @cached_property
    def address(self) -> int:
        """Address of the compiled right-hand side."""
        from pkpd.engine.llvm import compile_rhs

        return compile_rhs(self.time, self.full.symbols, self.arguments, self.rhs)

    def job(self, values: Array, schedule: Schedule, settings: Settings, block: BlockRun) -> Job:
        """Put together what is to be integrated for a value table (subjects × inputs)."""
        sizes = np.abs(values[:, self._columns])
        scale = np.where(sizes == 0, 1.0, sizes)
        q0 = np.ascontiguousarray(np.concatenate([values, scale], axis=1))
        return Job(self, q0, self._z0(q0.T, len(values)), scale, schedule, settings, block)


@dataclass(frozen=True, eq=False)
class Job:
    """One run of the integrated states.

    Attributes
    ----------
    rest : Rest
        The code.
    q0 : array, subjects × (inputs + sensitivities)
        Inputs and scales.
    z0 : array, subjects × components
        Initial values of states and sensitivities.
    scale : array, subjects × sensitivities
        What the sensitivities were multiplied with.
    schedule, settings, block
        Time lines, tolerances, and the block that drives.
    """

    rest: Rest
    q0: Array
    z0: Array
    scale: Array
    schedule: Schedule
    settings: Settings
    block: BlockRun

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
        subjects, width = len(self.z0), len(self.rest.where)
        plan = self.schedule
        given = np.abs(plan.jumps) + np.abs(plan.rates) * (plan.end - plan.start)[:, None]
        lines = np.maximum.reduceat(given, plan.segments[:-1], axis=0)[plan.which]
        scale = np.maximum(np.abs(self.z0[:, :width]), lines[:, self.rest.where])
        everything = np.maximum(scale.max(axis=1), lines.max(axis=1, initial=0.0))
        scale = np.where(scale > 0, scale, everything[:, None])
        scale = np.where((scale > 0) & (scale < 1) & np.isfinite(scale), scale, 1.0)
        found = np.empty((subjects, self.z0.shape[1]))
        found[:, :width] = self.settings.atol * scale
        for (i, _), k in self.rest.full.where.items():
            found[:, k] = found[:, i]
        return found
