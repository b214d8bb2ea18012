"""A model made ready to run: symbols → code, time lines → rows of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing import Dose
from pkpd.engine import solver
from pkpd.engine.arrays import ColumnFunction
from pkpd.engine.block import Block
from pkpd.engine.calculus import slope
from pkpd.engine.closed_form import NO_STEADY_STATE
from pkpd.engine.dosing_terms import DosingTerms
from pkpd.engine.integration import integrate_job
from pkpd.engine.rest import Rest
from pkpd.engine.settings import Settings
from pkpd.engine.symbols import analyse, only_block
from pkpd.engine.timeline import Schedule, schedule
from pkpd.errors import InputError
from pkpd.model import Model, expressions

Array = NDArray[np.float64]
_NO_STEADY = "repeated doses come to no steady state: something that is dosed is never lost"


@dataclass(frozen=True, eq=False)
class Solution:
    """What a run returns; rows stand in the order that the schedule asked for.

    Attributes
    ----------
    outputs : array, rows × outputs
        Values of the model's outputs; NaN for a subject that could not be finished.
    states : array, rows × states
        Values of the states, in the model's order.
    slopes : array, rows × outputs × sensitivities
        Derivatives of the outputs with respect to the parameters asked for.
    status : array, subjects
        0, or the reason why a subject was not finished (`advice`).
    """

    outputs: Array
    states: Array
    slopes: Array
    status: NDArray[np.int64]

    def advice(self, subject: int) -> str:
        """Return the sentence that belongs to a subject's status; empty if all is well."""
        code = int(self.status[subject])
        return _NO_STEADY if code == NO_STEADY_STATE else solver.ADVICE[code]


class Compiled:
    """A model with its code; make one with `compile_model`, which remembers it."""

    def __init__(self, model: Model, sensitivities: Sequence[str] = (), linear: str = "closed form") -> None:
        self.system = system = analyse(model, sensitivities, linear)
        self.states, self.outputs = model.states, tuple(system.outputs)
        self.entries = {route: self.states.index(state) for route, state in model.doses.items()}
        self.block = Block(system)
        self.rest = Rest(system) if system.integrated else None
        # When everything is integrated for the sake of derivatives, what has a closed form is still returned from it.
        self.exact = Block(only_block(model, sensitivities)) if linear == "closed form" and not system.linear else None
        states = [expressions.symbol(s) for s in self.states]
        theta = [expressions.symbol(s) for s in system.sensitivities]
        time = expressions.symbol(expressions.TIME)
        at_hand = [*states, *(expressions.symbol(s) for s in system.inputs), time]
        wanted = list(system.outputs.values())
        self.dosing = DosingTerms(model, system.inputs, system.sensitivities)
        self._outputs = ColumnFunction(at_hand, wanted)
        self._by_state = ColumnFunction(at_hand, [slope(e, s) for e in wanted for s in states] if theta else [])
        self._by_theta = ColumnFunction(at_hand, [slope(e, s) for e in wanted for s in theta])

    def schedule(
        self, values: Array, doses: Sequence[Sequence[Dose]], times: Sequence[Any], after: Sequence[Any],
        changes: Sequence[Sequence[float]] | None = None, dose_rows: Sequence[Sequence[int]] | None = None,
        time_rows: Sequence[Sequence[int]] | None = None,
    ) -> Schedule:  # fmt: skip
        """Lay out the time lines of many subjects, with the lags, bioavailabilities and infusions that the model has.

        Parameters
        ----------
        values : array, rows × inputs
            As for `run`; only doses of a model that says something of them depend on it.
        doses, times, after : sequences, one item per subject
            Doses, requested times and whether each means "after the dose".
        changes : sequence, one item per subject, optional
            Times from which the subject's second, third … row of values holds.
        dose_rows, time_rows : sequence, one item per subject, optional
            Which of the subject's rows holds at each dose, and for the outputs at each time; by default the one that
            holds from its time on.
        """
        moments = changes or [()] * len(doses)
        base = np.concatenate(([0], np.cumsum([1 + len(own) for own in moments])))
        plan = self._schedule(values, doses, times, after, moments, base, dose_rows)
        if time_rows is None:
            return plan
        rows = [start + np.asarray(own, dtype=np.int64) for start, own in zip(base[:-1], time_rows, strict=True)]
        return replace(plan, observed=np.concatenate(rows).astype(np.int64))

    def _schedule(
        self, values: Array, doses: Sequence[Sequence[Dose]], times: Sequence[Any], after: Sequence[Any],
        moments: Sequence[Sequence[float]], base: NDArray[np.int64], dose_rows: Sequence[Sequence[int]] | None,
    ) -> Schedule:  # fmt: skip
        if not self.dosing:
            return schedule(doses, times, after, self.entries, self.states, changes=moments)
        if dose_rows is None:
            dose_rows = [
                [int(np.searchsorted(own, d.time, side="right")) for d in given]
                for given, own in zip(doses, moments, strict=True)
            ]
        rows = [[int(start) + k for k in own] for start, own in zip(base[:-1], dose_rows, strict=True)]
        terms = self.dosing.of(values, doses, rows, self.entries, self.states)
        slopes = len(self.system.sensitivities)
        return schedule(doses, times, after, self.entries, self.states, terms, moments, slopes)

    def run(self, values: Array, schedule: Schedule, settings: Settings | None = None) -> Solution:
        """Solve every subject of a schedule.

        Parameters
        ----------
        values : array, rows × inputs
            Parameters, then covariates, in the order of the model: one row per subject, or several one after the
            other where its values change in time (`Schedule.base`).
        schedule : Schedule
            Doses and requested times.
        settings : Settings, optional
            Tolerances and method.

        Raises
        ------
        InputError
            If the values have another shape.
        """
        settings = settings or Settings()
        values = np.ascontiguousarray(values, dtype=float)
        wanted = (int(schedule.base[-1]), len(self.system.inputs))
        if values.shape != wanted:
            raise InputError(f"values have shape {values.shape}; expected {wanted}")
        rows = int(schedule.rows[-1])
        states = np.full((rows, len(self.states)), np.nan)
        slopes = np.zeros((rows, len(self.states), len(self.system.sensitivities)))
        block = self.block.run(values, schedule, settings)
        status = block.status
        states[:, self.block.where] = block.out
        if self.rest is None:
            slopes[:, self.block.where, :] = block.dout.transpose(0, 2, 1)
        else:
            job = self.rest.job(values, schedule, settings, self.block.run)
            z, other = integrate_job(job)
            status = np.where(status == solver.OK, other, status)
            states[:, self.rest.where] = z[:, : len(self.rest.where)]
            for (i, j), k in self.rest.full.where.items():
                slopes[:, self.rest.where[i], j] = z[:, k] / job.scale[schedule.base[schedule.row_subject], j]
        if self.exact is not None and self.exact.size:
            exact = self.exact.run(values, schedule, settings)
            states[:, self.exact.where] = exact.out
            slopes[:, self.exact.where, :] = exact.dout.transpose(0, 2, 1)
        back = np.empty_like(schedule.order)
        back[schedule.order] = np.arange(rows)
        return self._observe(values, schedule, states[back], slopes[back], status)

    def _observe(
        self, values: Array, schedule: Schedule, states: Array, slopes: Array, status: NDArray[np.int64]
    ) -> Solution:
        """Compute the outputs and their derivatives from the states; a failed subject is NaN throughout."""
        subject, rows = schedule.row_subject, len(states)
        failed = np.isin(subject, np.flatnonzero(status))
        states[failed] = np.nan
        columns = [*states.T, *values[schedule.row_values].T, schedule.row_time]
        outputs = self._outputs(columns, rows)
        outputs[failed] = np.nan
        total = self._by_theta(columns, rows).reshape(rows, len(self.outputs), slopes.shape[2])
        if slopes.shape[2]:
            by_state = self._by_state(columns, rows).reshape(rows, len(self.outputs), len(self.states))
            for k in range(len(self.states)):  # a state that does not move adds nothing, however steep the output
                moved = slopes[:, None, k, :]
                if not moved.any():
                    continue
                with np.errstate(invalid="ignore"):
                    total = total + np.where(moved == 0, 0.0, by_state[:, :, k, None] * moved)
        total[failed] = np.nan
        return Solution(outputs, states, total, status)


@lru_cache(maxsize=128)
def _compile(model: Model, sensitivities: tuple[str, ...], linear: str) -> Compiled:
    return Compiled(model, sensitivities, linear)


def compile_model(model: Model, sensitivities: Sequence[str] = (), linear: str = "closed form") -> Compiled:
    """Return the code of a model, made once per model and set of sensitivities.

    Parameters
    ----------
    model : Model
        A complete model.
    sensitivities : sequence of str
        Parameters with respect to which derivatives are wanted.
    linear : {"closed form", "ode"}
        ``"ode"`` integrates everything (a check on the closed form).

    Raises
    ------
    ModelError
        If the model is not complete.
    """
    return _compile(model, tuple(sensitivities), linear)
