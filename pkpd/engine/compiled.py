"""A model made ready to run: symbols → code, time lines → rows of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Dose
from pkpd.engine.machine import jit as gate
from pkpd.engine.machine.code import Code
from pkpd.engine.second import differenced, write_differences
from pkpd.engine.settings import Settings
from pkpd.engine.solve.finish import Finish, SolvedRows
from pkpd.engine.solve.integrated import IntegratedPart
from pkpd.engine.solve.integration import integrate_job
from pkpd.engine.solve.linear_block import LinearBlock
from pkpd.engine.solve.linear_tables import Found
from pkpd.engine.solve.threads import in_pieces
from pkpd.engine.status import ADVICE, NO_STEADY_STATE, NOT_PERIODIC, OK, TOO_LATE
from pkpd.engine.symbolic.symbols import CLAMPED, System
from pkpd.engine.timeline.dosing_terms import DosingTerms, rows_at_doses
from pkpd.engine.timeline.event_rows import EventTimes, ExpandedRows
from pkpd.engine.timeline.schedule import LineRequest, Schedule, schedule
from pkpd.errors import InputError
from pkpd.model import Model
from pkpd.model.meanings import at_a_dose


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
        Sensitivities: derivatives of the outputs with respect to the parameters asked for (never to time).
    second : array, rows × outputs × sensitivities × sensitivities
        Second derivatives of the outputs, symmetric; no rows if the model was not compiled with ``order=2``.
    status : array, subjects
        0, or the reason why a subject was not finished (`advice`).
    stiff : array of bool, subjects
        Whether a subject's equations were integrated by the method for stiff equations.
    steady_at : dict
        Of subjects without a steady state, the times of the records that ask for one.
    hint : str
        What in the equations could be the reason, where somebody could not be solved and something is known.
    """

    outputs: Array
    states: Array
    slopes: Array
    second: Array
    status: Integers
    stiff: Flags
    steady_at: dict[int, str] = field(default_factory=dict)
    hint: str = ""

    @classmethod
    def of(cls, shape: tuple[int, int, int], rows: int, subjects: int, states: bool, second: bool) -> Solution:
        """Return room for so many outputs, states and sensitivities of so many rows and subjects."""
        outputs, many, sensitivities = shape
        return cls(
            np.empty((rows, outputs)), np.empty((rows if states else 0, many)),
            np.empty((rows, outputs, sensitivities)),
            np.empty((rows if second else 0, outputs, sensitivities, sensitivities)),
            np.zeros(subjects, dtype=np.int64), np.zeros(subjects, dtype=bool),
        )  # fmt: skip

    def fail(self, who: Flags, row_subject: Integers, status: int) -> None:
        """Say of some subjects that they have no solution, and why."""
        self.status[who] = status
        for part in (self.outputs, self.slopes, self.second, self.states):
            if len(part):
                part[who[row_subject]] = np.nan

    def empty(self, rows: int, subjects: int) -> Solution:
        """Return room for another solution of the same things."""
        shape = self.outputs.shape[1], self.states.shape[1], self.slopes.shape[2]
        return Solution.of(shape, rows, subjects, len(self.states) > 0, len(self.second) > 0)

    def advice(self, subject: int) -> str:
        """Return the sentence that belongs to a subject's status; empty if all is well."""
        sentence = ADVICE[int(self.status[subject])]
        when = self.steady_at.get(subject)
        sentence = f"{sentence}; {self.hint}" if sentence and self.hint else sentence
        return f"{sentence} (steady state at time {when})" if when else sentence


class Compiled:
    """A model with its code; make one with `compile_model`, which remembers it."""

    def __init__(self, model: Model, sensitivities: Sequence[str], linear: str, order: int) -> None:
        self.model, self.order, self.code = model, order, Code(model, sensitivities, linear, order)
        self._linear = linear
        layout = self.code.structure
        self.states, self.outputs = layout.states, layout.outputs
        self.inputs = layout.inputs[: len(layout.inputs) - layout.event_count]
        self.sensitivities = layout.sensitivities
        self.entries = {route: self.states.index(state) for route, state in model.doses.items()}
        self.block = LinearBlock(self.code)
        self.integrated = IntegratedPart(self.code) if layout.integrated else None
        self.finish = Finish(self.code)
        self.dosing, self.event_times = DosingTerms(self.code, model.by_amount), EventTimes(self.code)

    def __repr__(self) -> str:
        by = f", derivatives by {', '.join(self.sensitivities)}" if self.sensitivities else ""
        return f"<Compiled {self.model.name}: {self.method()}{by}>"

    @property
    def system(self) -> System:
        """The model's symbols, split into what has a closed form and what is integrated."""
        return self.code.formulas.system

    @cached_property
    def clamped(self) -> Compiled:
        """The same with everything integrated, for subjects whose block has no sound modes."""
        return compile_model(self.model, self.sensitivities, CLAMPED, self.order)

    @cached_property
    def first(self) -> Compiled:
        """The same with first derivatives only."""
        return compile_model(self.model, self.sensitivities, self._linear)

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
        changes = changes or [()] * len(doses)
        first_row = np.concatenate(([0], np.cumsum([1 + len(changed) for changed in changes])))
        expanded = self.event_times.expand(values, doses, times, changes) if self.code.structure.event_count else None

        def made(whole: frozenset[int]) -> Schedule:
            plan = self._schedule(values, doses, times, after, changes, first_row, dose_rows, expanded, whole)
            if self.order == 2 and self.plans:
                plan = replace(plan, request=LineRequest(doses, times, after, changes, dose_rows, time_rows))
            if expanded is not None:
                plan = replace(plan, source=expanded.source, past=expanded.past, unsteady=expanded.unsteady)
            return plan

        plan = made(frozenset())
        if any(train.phase[0] < 0 for train, _ in plan.trains):  # going back from an arrival may lead below zero
            below = np.flatnonzero(self.run(values, plan, states=False).status == TOO_LATE)
            plan = made(frozenset(below.tolist())) if below.size else plan
        if time_rows is None:
            return plan
        rows = [
            first + np.asarray(counted, dtype=np.int64)
            for first, counted in zip(first_row[:-1], time_rows, strict=True)
        ]
        if expanded is not None:
            rows = [expanded.holding(held, np.asarray(when)) for held, when in zip(rows, times, strict=True)]
        return replace(plan, observed=np.concatenate(rows).astype(np.int64))

    def _schedule(
        self, values: Array, doses: Sequence[Sequence[Dose]], times: Sequence[Any], after: Sequence[Any],
        changes: Sequence[Sequence[float]], first_row: Integers, dose_rows: Sequence[Sequence[int]] | None,
        expanded: ExpandedRows | None, whole: frozenset[int],
    ) -> Schedule:  # fmt: skip
        layout = self.code.structure
        derivatives = len(self.sensitivities) + len(layout.pairs) if self.dosing or layout.event_count else 0
        cut_at: Sequence[Any] = changes if expanded is None else expanded.changes
        terms = None
        if self.dosing:
            rows = rows_at_doses(doses, changes, first_row, dose_rows)
            if expanded is not None:
                values = values[expanded.source]
                when = ([d.time for d in given] for given in doses)
                rows = [expanded.holding(held, t).tolist() for held, t in zip(rows, when, strict=True)]
            terms = self.dosing.of(values, doses, rows, self.entries, self.states, whole)
        return schedule(doses, times, after, self.entries, self.states, terms, cut_at, derivatives, layout.tad)

    def method(self, settings: Settings | None = None) -> str:
        """Return in words how the model is solved: closed forms, series, what else where equations prove stiff."""
        if self.integrated is None:
            return "closed form"
        settings = settings or Settings()
        if not gate.AVAILABLE:
            return "SciPy: Radau" if settings.method == "stiff" else "SciPy: DOP853"
        stiff = self.integrated.stiff_name(settings)
        if settings.method == "stiff":
            return stiff
        explicit = self.integrated.explicit_name(settings)
        return explicit if settings.method == "explicit" else f"{explicit}; where equations prove stiff: {stiff}"

    @property
    def plans(self) -> bool:
        """Whether the time lines depend on the values or the model, so that only `schedule` can make them."""
        return bool(self.dosing) or self.code.structure.event_count > 0 or self.code.structure.tad

    def run(self, values: Array, schedule: Schedule, settings: Settings | None = None, states: bool = True) -> Solution:
        """Solve every subject of a schedule.

        Parameters
        ----------
        values : array, rows × inputs
            Parameters, then covariates, in the order of the model: one row per subject, or several one after the
            other where its values change in time (`Schedule.first_row`).
        schedule : Schedule
            Doses and requested times.
        settings : Settings, optional
            Tolerances and method.
        states : bool
            Whether the states are returned beside the outputs.

        Raises
        ------
        InputError
            If the values have another shape.
        """
        settings = settings or Settings()
        values = np.ascontiguousarray(values, dtype=float)
        height = int(schedule.first_row[-1] if schedule.source is None else schedule.source.max() + 1)
        if values.shape != (height, len(self.inputs)):
            raise InputError(f"values have shape {values.shape}; expected {(height, len(self.inputs))}")
        given, moved = values, schedule.dstart.shape[1]
        if self.order == 2 and moved not in (0, len(self.sensitivities) + len(self.code.structure.pairs)):
            raise InputError("the time lines have no second derivatives: make them with the same Compiled.schedule")
        if self.code.structure.event_count:
            if schedule.source is None or schedule.past is None:
                raise InputError("the model has times of its own: make the time lines with Compiled.schedule")
            values = np.concatenate([values[schedule.source], schedule.past], axis=1)
        rows = int(schedule.rows[-1])
        shape = len(self.outputs), len(self.states), len(self.sensitivities)
        solution = Solution.of(shape, rows, schedule.subjects, states, self.order == 2)
        if self.block.complete:
            self._closed_form(values, schedule, settings, solution)
        else:
            self._in_pieces(values, schedule, settings, solution)
        if self.order == 2:
            self._difference(given, schedule, settings, solution)
        if schedule.unsteady is not None:
            solution.fail(schedule.unsteady, schedule.row_subject, NOT_PERIODIC)
        solution.steady_at.update(_steady_at(schedule, solution.status))
        if not solution.status.any():
            return solution
        return replace(solution, hint=at_a_dose([*self.model.equations.values(), *self.model.outputs.values()]))

    def _in_pieces(self, values: Array, schedule: Schedule, settings: Settings, solution: Solution) -> None:
        """Solve a model of which something is integrated, a few subjects at a time."""
        layout = self.code.structure
        derivatives = len(self.sensitivities) + len(layout.pairs)
        width = len(self.states) + layout.components + len(self.outputs) * (1 + derivatives)

        def piece(lo: int, hi: int) -> None:
            whole = lo == 0 and hi == schedule.subjects
            part = schedule if whole else schedule.part(slice(lo, hi))
            part_values = values[schedule.first_row[lo] : schedule.first_row[hi]]
            self._piece(part_values, part, settings, solution, (lo, int(schedule.rows[lo])))

        in_pieces(piece, schedule.rows, width, settings.workers)

    def _difference(self, values: Array, schedule: Schedule, settings: Settings, solution: Solution) -> None:
        """Put second derivatives where they are differences of first ones (see `second`)."""
        flags = schedule.kept.get("differenced")
        if flags is None:
            flags = schedule.kept["differenced"] = differenced(self.code.structure, schedule)
        if not flags.any():
            return
        begins = schedule.first_row[:-1] if schedule.source is None else schedule.source[schedule.first_row[:-1]]
        owner = np.repeat(np.arange(schedule.subjects), np.diff(np.append(begins, len(values))))

        def slopes(moved: Array, who: Integers) -> Array:
            mine = moved[np.isin(owner, who)]
            if schedule.request is not None:
                plan = self.first.schedule(mine, *schedule.request.of(who))
            else:
                plan = schedule if len(who) == schedule.subjects else schedule.part(who)
            return self.first.run(mine, plan, settings, states=False).slopes

        columns = [self.inputs.index(name) for name in self.sensitivities]
        write_differences(solution.second, flags, values, columns, (schedule.row_subject, owner), slopes)

    def _closed_form(self, values: Array, schedule: Schedule, settings: Settings, solution: Solution) -> None:
        """Solve a model that is one linear block: nothing is kept but what is wanted."""
        empty = (np.empty((0, 0)), np.empty((0, 0, 0)), np.empty((0, 0, 0))) * 2
        found = Found(
            solution.outputs, solution.slopes, solution.second, solution.states, *empty, solution.status
        )  # fmt: skip
        tables = self.block.tables(values, schedule, solution.status)

        def piece(lo: int, hi: int) -> None:
            self.block.solve((lo, hi), tables, found)

        in_pieces(piece, schedule.rows, 0, settings.workers, largest=schedule.subjects)

    def _piece(
        self, values: Array, schedule: Schedule, settings: Settings, solution: Solution, at: tuple[int, int],
        floor: Array | None = None,
    ) -> None:  # fmt: skip
        """Solve some subjects and write what belongs to them; a failed one is NaN throughout.

        ``at`` are the subject and the row at which they begin in the solution; ``floor`` is as `IntegratedPart.job` has
        it.
        """
        subject, base = at
        block = self.block.run(values, schedule)
        status, z, scale = block.status, np.empty((0, 0)), np.empty((0, 0))
        unsound: Integers = np.empty(0, dtype=np.int64)
        if self.integrated is not None:
            job = self.integrated.job(values, schedule, settings, block, self.block.run, floor)
            sound = job.modes.sound
            if len(values) != schedule.subjects:
                sound = np.logical_and.reduceat(sound, schedule.first_row[:-1])
            sound = sound | (status != OK)
            z, other, solution.stiff[subject : subject + schedule.subjects] = integrate_job(job, np.flatnonzero(sound))
            scale, status = np.ascontiguousarray(job.scale), np.where(status == OK, other, status)
            unsound = np.flatnonzero(~sound)
        self.finish.write(
            values, schedule, SolvedRows(block.out, block.dout, block.d2out, z, scale, status), solution, base
        )
        solution.status[subject : subject + schedule.subjects] = status
        if unsound.size:
            self._without_modes(values, schedule, settings, solution, at, unsound, job.modes.floor)

    def _without_modes(
        self, values: Array, schedule: Schedule, settings: Settings, solution: Solution, at: tuple[int, int],
        who: Integers, floor: Array,
    ) -> None:  # fmt: skip
        """Integrate everything for the named subjects, and put it where it belongs."""
        mine = np.concatenate([np.arange(schedule.first_row[i], schedule.first_row[i + 1]) for i in who])
        rows = at[1] + np.concatenate([np.arange(schedule.rows[i], schedule.rows[i + 1]) for i in who])
        theirs = solution.empty(len(rows), len(who))
        self.clamped._piece(values[mine], schedule.part(who), settings, theirs, (0, 0), floor[mine])
        solution.status[at[0] + who], solution.stiff[at[0] + who] = theirs.status, theirs.stiff
        for name in ("outputs", "slopes", "second", "states"):
            if len(getattr(solution, name)):
                getattr(solution, name)[rows] = getattr(theirs, name)


def _steady_at(schedule: Schedule, status: Integers) -> dict[int, str]:
    """When the subjects that have no steady state ask for one."""
    found: dict[int, str] = {}
    if not status.any():  # looked at in every run: what is usual costs nothing
        return found
    for i in np.flatnonzero(np.isin(status, (NO_STEADY_STATE, TOO_LATE, NOT_PERIODIC))).tolist():
        line = int(schedule.line_of_subject[i])
        mine = slice(int(schedule.segments[line]), int(schedule.segments[line + 1]))
        times = np.unique(schedule.start[mine][schedule.begins[mine] >= 0])
        found[i] = ", ".join(f"{t:g}" for t in times[:5].tolist()) + (", …" if len(times) > 5 else "")
    return found


@lru_cache(maxsize=128)
def _compile(model: Model, sensitivities: tuple[str, ...], linear: str, order: int) -> Compiled:
    return Compiled(model, sensitivities, linear, order)


def compile_model(
    model: Model, sensitivities: Sequence[str] = (), linear: str = "closed form", order: int = 1
) -> Compiled:
    """Return the code of a model, made once per model and set of sensitivities.

    Parameters
    ----------
    model : Model
        A complete model.
    sensitivities : sequence of str
        Parameters with respect to which derivatives are wanted.
    linear : {"closed form", "ode"}
        ``"ode"`` integrates everything (a check on the closed form).
    order : {1, 2}
        2 adds second derivatives of the outputs (`Solution.second`).

    Raises
    ------
    ModelError
        If the model is not complete.
    """
    return _compile(model, tuple(sensitivities), linear, order)
