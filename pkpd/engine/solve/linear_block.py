"""The linear block of a model: its matrices from the code, its states in closed form."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.machine import jit as gate
from pkpd.engine.machine.code import Code
from pkpd.engine.machine.jit import LANES, announce
from pkpd.engine.machine.rows import aligned
from pkpd.engine.machine.steps.linear_layout import Layout, labels, shape_of
from pkpd.engine.solve.closed_form import room_of, solve_linear
from pkpd.engine.solve.linear_lanes import HERE, TIMES, solve_linear_lanes
from pkpd.engine.solve.linear_tables import Doses, Found, Machine, Marks, Places, Space, System, Tables
from pkpd.engine.solve.steady_closed_form import Trains, solve_steady, steady_room
from pkpd.engine.status import GROWS, NOT_FINITE, OK
from pkpd.engine.timeline.deliveries import Train
from pkpd.engine.timeline.schedule import Schedule

_WORTH_KEEPING = 200_000  # numbers; a larger result is not kept in memory
_NO_ROWS = np.empty(0, dtype=np.int64)


class LinearBlock:
    """The closed-form block of a model's code."""

    def __init__(self, code: Code) -> None:
        self.code, self.structure = code, code.structure
        self.size, self.varied = len(self.structure.linear), list(self.structure.varied)
        self.where = list(self.structure.linear)
        self._seen = list(self.structure.seen)
        self._memory = threading.local()
        self._layouts: dict[bool, Layout] = {}
        self._machines: dict[bool, Machine] = {}

    def run(self, values: Array, schedule: Schedule) -> BlockRun:
        """Solve the block for a value table (rows × inputs).

        The last run of each thread is remembered: while a response is fitted with the PK given, hundreds of runs
        differ in nothing that the block sees.
        """
        seen = values[:, self._seen].tobytes() if not self.structure.dosing else None
        last = getattr(self._memory, "last", None)
        if last is not None and seen is not None and last[0] is schedule and last[1] == seen:
            run: BlockRun = last[2]
            return run
        run = self._solve(values, schedule)
        if run.out.size + run.dout.size + run.starts.size < _WORTH_KEEPING:
            self._memory.last = (schedule, seen, run)
        return run

    @property
    def complete(self) -> bool:
        """Whether the block is the whole model and can be solved, outputs and all, by `solve`."""
        return self.over_lanes and not self.structure.integrated

    @cached_property
    def over_lanes(self) -> bool:
        """Whether several subjects are solved at once: there is numba."""
        return gate.AVAILABLE and self.size > 0

    def _layout(self, source: bool) -> Layout:
        if source not in self._layouts:
            self._layouts[source] = Layout(shape_of(self.structure), source)
        return self._layouts[source]

    def tables(self, values: Array, schedule: Schedule, status: Integers) -> Tables:
        """Return what `solve` reads of a value table and a schedule.

        ``status`` (subjects,) is written where a subject has no steady state.
        """
        laid = schedule.kept.get("linear")
        if laid is None:
            rated = bool(schedule.rates.any() or schedule.drates.any())
            doses = Doses(
                schedule.jumps, schedule.rates, schedule.scale, schedule.djumps, schedule.drates, schedule.dstart,
                schedule.dosed, np.array([rated], dtype=np.int64),
            )  # fmt: skip
            laid = schedule.lines, doses, first_places(schedule)
            schedule.kept["linear"] = laid
        lines, doses, places = laid
        observed, p = _NO_ROWS if schedule.observed is None else schedule.observed, len(self.varied)
        marks = Marks(
            schedule.begins, schedule.segment_row, schedule.first_row, places, observed, schedule.order, _NO_ROWS,
            np.empty((0, self.size)), np.empty((0, p, self.size)),
        )  # fmt: skip
        tables = Tables(lines, doses, marks, values)
        return self._steady(values, schedule, tables, status) if schedule.trains and self.size else tables

    def solve(self, span: tuple[int, int], tables: Tables, found: Found) -> None:
        """Solve the subjects from one to (without) another, and write what is wanted of them."""
        sourced = bool(tables.doses.rated[0]) or self.places.fed == 1
        if sourced not in self._machines:
            announce(solve_linear_lanes)
            self._machines[sourced] = self._machine(sourced)
        space = self._space(sourced, len(found.outputs) > 0)
        solve_linear_lanes(span, self._machines[sourced], self.places, tables, space, found)

    @cached_property
    def places(self) -> Places:
        """Where the loop over lanes finds its numbers."""
        layout = self._layout(False)
        numbers = {label: k for k, label in enumerate(layout.labels)}
        moved = np.array([(numbers[label], i) for label, i in layout.shape.moved], dtype=np.int64).reshape(-1, 2)
        once = sum(len(label) == 1 for label, _ in layout.shape.moved)
        column = [self._column(tuple(self.varied[q] for q in label)) for label in layout.labels if label]
        fed = any(layout.constant(i, label) is not None for label in layout.labels for i in range(self.size))
        return Places(
            layout.block, layout.width, layout.rates, layout.start, layout.dosed, layout.reached,
            np.array(self.where, dtype=np.int64), np.array(self.varied, dtype=np.int64),
            np.ascontiguousarray(moved[:, 0]), np.ascontiguousarray(moved[:, 1]), once,
            np.array(column, dtype=np.int64), int(fed), int(self.structure.tad),
        )  # fmt: skip

    def _column(self, which: Sequence[int]) -> int:
        """The place of a derivative, by one sensitivity or two, among all derivatives of doses."""
        if len(which) == 1:
            return which[0]
        return len(self.structure.sensitivities) + self.structure.pairs.index((which[0], which[1]))

    def _machine(self, sourced: bool) -> Machine:
        address = self.code.address
        plain = [0, 0] if self.places.fed else [address("exponential"), address("apply")]
        source = [address("exponential_source"), address("apply_source")] if sourced else [0, 0]
        pairs = np.array([plain, source], dtype=np.int64).T
        return Machine(
            address(f"block_{LANES}"), address(f"outputs_{LANES}"), pairs[0].copy(), pairs[1].copy()
        )  # fmt: skip

    def _space(self, sourced: bool, outputs: bool) -> Space:
        structure = self.structure
        inputs, numbers = len(structure.inputs), len(labels(len(structure.sensitivities), structure.order))
        results = len(structure.outputs) * numbers if outputs else 0
        entries = np.cumsum([0, self._layout(sourced).memory, inputs, inputs, 1, results]) * LANES
        room = aligned(int(entries[-1]))
        memory, q, seen, clock, result = (room[lo:hi] for lo, hi in pairwise(entries.tolist()))
        return Space(memory, q, seen, clock, result, np.zeros((HERE, LANES), dtype=np.int64), np.zeros((TIMES, LANES)))

    def _steady(self, values: Array, schedule: Schedule, tables: Tables, status: Integers) -> Tables:
        """Put the steady states that segments begin with into the tables."""
        n, p = self.size, len(self.varied)
        many = int(tables.marks.first_place[-1])
        steady = np.zeros((many, n)), np.zeros((many, p, n))
        trains = trains_as_arrays(schedule.trains, self.where, self.varied)
        room = steady_room(n, p, int(np.diff(trains.first).max()))
        announce(solve_steady)
        solve_steady(self._system(values)[0], tables.lines, tables.marks, trains, room, steady, status)
        adds = np.array([a for _, a in schedule.trains], dtype=np.int64)
        return tables._replace(marks=tables.marks._replace(adds=adds, steady=steady[0], dsteady=steady[1]))

    def _system(self, values: Array) -> tuple[System, tuple[Array, Array]]:
        """K, losses, constant inputs and initial values by row of values, and their derivatives; second ones of K and
        of the constant inputs."""
        n, p, height = self.size, len(self.varied), len(values)
        table = np.zeros((height, len(self._layout(False).labels) * n * (n + 3)))
        self.code.rows("block", values, np.arange(height), table)
        edges = [n * n, n * n + n, n * n + 2 * n]
        parts = table.reshape(height, -1, n * (n + 3)) if n else np.zeros((height, 1 + p, 0))
        matrix, loss, constant, x0 = (np.ascontiguousarray(part) for part in np.split(parts[:, 0], edges, axis=1))
        dmatrix, dloss, dconstant, dx0 = (
            np.ascontiguousarray(part) for part in np.split(parts[:, 1 : 1 + p], edges, axis=2)
        )
        d2matrix, _, d2constant, _ = np.split(parts[:, 1 + p :], edges, axis=2)
        whole = matrix.reshape(height, n, n), dmatrix.reshape(height, p, n, n)
        system = System(whole[0], loss, constant, x0, whole[1], dloss, dconstant, dx0)
        second = np.ascontiguousarray(d2matrix).reshape(height, -1, n, n) if n else np.zeros((height, 0, 0, 0))
        return system, (second, np.ascontiguousarray(d2constant))

    def _solve(self, values: Array, schedule: Schedule) -> BlockRun:
        n, p, rows = self.size, len(self.varied), int(schedule.rows[-1])
        status = np.full(schedule.subjects, OK, dtype=np.int64)
        tables, (system, (d2matrix, d2constant)) = self.tables(values, schedule, status), self._system(values)
        segments = int(tables.marks.first_place[-1])
        out, dout, starts = np.zeros((rows, n)), np.zeros((rows, p, n)), np.zeros((segments, n))
        dstarts = np.zeros((segments if self.structure.driven else 0, p, n))
        pairs = len(self._layout(False).labels) - 1 - p
        d2out, d2starts = np.zeros((rows if pairs else 0, pairs, n)), np.zeros((len(dstarts) if pairs else 0, pairs, n))
        unwanted = np.empty((0, 0)), np.empty((0, 0, 0)), np.empty((0, 0, 0, 0)), np.empty((0, 0))
        found = Found(*unwanted, out, dout, d2out, starts, dstarts, d2starts, status)
        if self.over_lanes:
            self.solve((0, schedule.subjects), tables, found)
        elif n:
            sound = np.isfinite(np.column_stack([part.reshape(len(values), -1) for part in system[:4]])).all(1)
            sound = np.logical_and.reduceat(sound, schedule.first_row[:-1])
            status[~sound & (status == OK)] = NOT_FINITE
            announce(solve_linear)
            solve_linear((0, schedule.subjects), system, self.places, tables, room_of(n, p), found)
            lost = np.zeros(schedule.subjects, dtype=bool)
            lost[schedule.row_subject[~np.isfinite(out).all(axis=1)]] = True
            status[lost & (status == OK)] = GROWS
        rates = np.ascontiguousarray(schedule.rates[:, self.where])
        return BlockRun(
            system.matrix, system.constant, system.x0, system.dmatrix, system.dconstant, rates,
            self._dose_rates(schedule), tables.marks.first_place, out, dout, d2out, starts, dstarts,
            d2starts, status, d2matrix, d2constant,
        )  # fmt: skip

    def _dose_rates(self, schedule: Schedule) -> Array:
        """Derivatives of infusion rates into the block, for the parameters of the block."""
        if not schedule.dstart.shape[1]:  # the doses depend on none of the parameters
            return np.zeros((len(schedule.start), len(self.varied), self.size))
        return np.ascontiguousarray(schedule.drates[:, self.varied][:, :, self.where])


def first_places(schedule: Schedule) -> Integers:
    """Return where each subject's segments begin when those of all subjects are laid end to end (subjects + 1,)."""
    return np.concatenate(([0], np.cumsum(np.diff(schedule.segments)[schedule.line_of_subject]))).astype(np.int64)


def trains_as_arrays(trains: Sequence[tuple[Train, bool]], where: Sequence[int], varied: Sequence[int]) -> Trains:
    """Return repeated doses as the compiled functions read them; `where` are the block's states."""

    derivatives = len(varied)

    def cut(dual: Array) -> Array:
        return dual[1:][list(varied)] if len(dual) > 1 else np.zeros(derivatives)

    places = {state: k for k, state in enumerate(where)}
    state = np.array([places.get(t.state, -1) for t, _ in trains], dtype=np.int64)
    flags = np.array([(t.after, t.constant, adds) for t, adds in trains], dtype=np.int64).reshape(-1, 3)
    number = np.array([(t.amount[0], t.phase[0]) for t, _ in trains], dtype=float).reshape(-1, 2)
    dnumber = np.array([(cut(t.amount), cut(t.phase)) for t, _ in trains], dtype=float).reshape(
        len(trains), 2, derivatives
    )
    zero = np.zeros(1 + derivatives)
    rows = [list(zip(t.lengths or (zero,), t.rates, strict=True)) for t, _ in trains]
    first = np.concatenate(([0], np.cumsum([len(r) for r in rows]))).astype(np.int64)
    flat = [pair for r in rows for pair in r]
    pieces = np.array([(length[0], rate[0]) for length, rate in flat], dtype=float).reshape(-1, 2)
    dpieces = np.array([(cut(length), cut(rate)) for length, rate in flat], dtype=float).reshape(
        len(flat), 2, derivatives
    )
    return Trains(state, flags, number, dnumber, first, pieces, dpieces)


@dataclass(frozen=True, eq=False)
class BlockRun:
    """The block of one run.

    Attributes
    ----------
    matrix, constant, x0 : arrays
        K (rows of values × n × n), b and the initial values (rows × n).
    dmatrix, dconstant : arrays
        Derivatives of K and b, by parameter in the second dimension.
    rates, drates : arrays
        Infusion rates into the block, segments × n, and their derivatives, segments × parameters × n.
    begins : array
        Where each subject's segments begin in ``starts``.
    out, dout, d2out : arrays
        States (rows × n), their derivatives (rows × parameters × n) and, of second order, those by pairs of parameters
        (rows × pairs × n; pairs as in `combinations_with_replacement`), in the order of the schedule.
    starts, dstarts, d2starts : arrays
        The same at the start of every segment of every subject.
    status : array, subjects
        Whether the matrices are numbers at all.
    d2matrix, d2constant : arrays
        Second derivatives of K and b, by pair of parameters in the second dimension.
    kept : dict
        What others have derived from this run and may want again.
    """

    matrix: Array
    constant: Array
    x0: Array
    dmatrix: Array
    dconstant: Array
    rates: Array
    drates: Array
    begins: Integers
    out: Array
    dout: Array
    d2out: Array
    starts: Array
    dstarts: Array
    d2starts: Array
    status: Integers
    d2matrix: Array
    d2constant: Array
    kept: dict[str, Any] = field(default_factory=dict)
