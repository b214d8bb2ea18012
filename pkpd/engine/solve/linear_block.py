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
from pkpd.engine.machine.rows import aligned, kept_array, kept_room
from pkpd.engine.machine.steps.linear_layout import BlockLayout, labels, shape_of
from pkpd.engine.solve.closed_form import room_of, solve_linear
from pkpd.engine.solve.linear_lanes import HERE, TIMES, solve_linear_lanes
from pkpd.engine.solve.linear_tables import BlockSpace, BlockSystem, BlockTables, Doses, Found, Machine, Marks, Places
from pkpd.engine.solve.steady_closed_form import solve_steady
from pkpd.engine.solve.steady_room import Trains, steady_room
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
        self.kept: dict[str, Any] = {}
        """What others have derived from the block's structure."""
        self._layouts: dict[bool, BlockLayout] = {}
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
        if run.out.size + run.dout.size + run.starts.size < _WORTH_KEEPING:  # larger ones are used again
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

    def _layout(self, source: bool) -> BlockLayout:
        if source not in self._layouts:
            self._layouts[source] = BlockLayout(shape_of(self.structure), source)
        return self._layouts[source]

    def tables(self, values: Array, schedule: Schedule, status: Integers) -> BlockTables:
        """Return what `solve` reads of a value table and a schedule.

        ``status`` (subjects,) is written where a subject has no steady state.
        """
        laid = schedule.kept.get("linear")
        if laid is None:
            rated = bool(schedule.rates.any() or schedule.drates.any())
            doses = Doses(
                schedule.jumps, schedule.rates, schedule.scale,
                np.ascontiguousarray(schedule.djumps), np.ascontiguousarray(schedule.drates), schedule.dstart,
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
        tables = BlockTables(lines, doses, marks, values)
        return self._steady(values, schedule, tables, status) if schedule.trains and self.size else tables

    def solve(self, span: tuple[int, int], tables: BlockTables, found: Found) -> None:
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

    def _space(self, sourced: bool, outputs: bool) -> BlockSpace:
        structure = self.structure
        inputs, numbers = len(structure.inputs), len(labels(len(structure.sensitivities), structure.order))
        results = len(structure.outputs) * numbers if outputs else 0
        sizes = (self._layout(sourced).memory, inputs, inputs, 1, results)

        def make() -> BlockSpace:
            entries = np.cumsum([0, *sizes]) * LANES
            room = aligned(int(entries[-1]))
            memory, q, seen, clock, result = (room[lo:hi] for lo, hi in pairwise(entries.tolist()))
            here, times = np.zeros((HERE, LANES), dtype=np.int64), np.zeros((TIMES, LANES))
            return BlockSpace(memory, q, seen, clock, result, here, times)

        space: BlockSpace = kept_room((self, sizes), make)
        space.memory[:] = 0.0  # no lane has an exponential
        space.here[:], space.times[:] = 0, 0.0
        return space

    def _steady(self, values: Array, schedule: Schedule, tables: BlockTables, status: Integers) -> BlockTables:
        """Put the steady states that segments begin with into the tables."""
        n, p = self.size, len(self.varied)
        many = int(tables.marks.first_place[-1])
        steady = np.zeros((many, n)), np.zeros((many, p, n))
        trains = trains_as_arrays(schedule.trains, self.where, self.varied)
        gathers = np.array([self.structure.gathers[state] for state in self.where], dtype=bool)
        room = steady_room(gathers, p, int(np.diff(trains.first).max()))
        announce(solve_steady)
        solve_steady(self._matrices(values).system, tables.lines, tables.marks, trains, room, steady, status)
        adds = np.array([a for _, a in schedule.trains], dtype=np.int64)
        return tables._replace(marks=tables.marks._replace(adds=adds, steady=steady[0], dsteady=steady[1]))

    def _matrices(self, values: Array) -> Matrices:
        """K, losses, constant inputs and initial values by row of values, with their derivatives."""
        n, p, height = self.size, len(self.varied), len(values)
        table = np.zeros((height, len(self._layout(False).labels) * n * (n + 3)))
        self.code.rows("block", values, np.arange(height), table)
        return Matrices(table.reshape(height, -1, n * (n + 3)) if n else np.zeros((height, 1 + p, 0)), n, p)

    def _solve(self, values: Array, schedule: Schedule) -> BlockRun:
        n, p, rows = self.size, len(self.varied), int(schedule.rows[-1])
        status = np.full(schedule.subjects, OK, dtype=np.int64)
        tables, matrices = self.tables(values, schedule, status), self._matrices(values)
        segments = int(tables.marks.first_place[-1])
        out, dout = kept_array("block", (rows, n), 0.0), kept_array("block slopes", (rows, p, n), 0.0)
        starts = np.zeros((segments, n))
        dstarts = np.zeros((segments if self.structure.driven else 0, p, n))
        pairs = len(self._layout(False).labels) - 1 - p
        d2out, d2starts = np.zeros((rows if pairs else 0, pairs, n)), np.zeros((len(dstarts) if pairs else 0, pairs, n))
        unwanted = np.empty((0, 0)), np.empty((0, 0, 0)), np.empty((0, 0, 0, 0)), np.empty((0, 0))
        found = Found(*unwanted, out, dout, d2out, starts, dstarts, d2starts, status)
        if self.over_lanes:
            self.solve((0, schedule.subjects), tables, found)
        elif n:
            system = matrices.system
            sound = np.isfinite(np.column_stack([part.reshape(len(values), -1) for part in system[:4]])).all(1)
            sound = np.logical_and.reduceat(sound, schedule.first_row[:-1])
            status[~sound & (status == OK)] = NOT_FINITE
            announce(solve_linear)
            solve_linear((0, schedule.subjects), system, self.places, tables, room_of(n, p), found)
            lost = np.zeros(schedule.subjects, dtype=bool)
            lost[schedule.row_subject[~np.isfinite(out).all(axis=1)]] = True
            status[lost & (status == OK)] = GROWS
        return BlockRun(
            self, schedule, matrices, tables.marks.first_place, out, dout, d2out, starts, dstarts, d2starts, status
        )  # fmt: skip


class Matrices:
    """The numbers of the block, cut out of one table when they are asked for: see `linear_tables.BlockSystem`."""

    def __init__(self, parts: Array, states: int, parameters: int) -> None:
        self._parts, self._n, self._p = parts, states, parameters

    def _cut(self, derivatives: slice | int, kind: int, *shape: int) -> Array:
        """K (kind 0), losses (1), constants (2) or initial values (3)."""
        first = 0 if kind == 0 else self._n * (self._n + kind - 1)
        piece = self._parts[:, derivatives, first : first + (self._n * self._n if kind == 0 else self._n)]
        return np.ascontiguousarray(piece).reshape(len(piece), *shape)

    def plain(self, kind: int) -> Array:
        """Return one of them by row of values."""
        return self._cut(0, kind, *((self._n, self._n) if kind == 0 else (self._n,)))

    def once(self, kind: int) -> Array:
        """Return its derivatives, by parameter in the second dimension."""
        return self._cut(slice(1, 1 + self._p), kind, self._p, *((self._n, self._n) if kind == 0 else (self._n,)))

    def twice(self, kind: int) -> Array:
        """Return its second derivatives, by pair of parameters in the second dimension."""
        pairs = self._parts.shape[1] - 1 - self._p
        return self._cut(slice(1 + self._p, None), kind, pairs, *((self._n, self._n) if kind == 0 else (self._n,)))

    @property
    def system(self) -> BlockSystem:
        """All of them, with their derivatives."""
        plain, once = [self.plain(kind) for kind in range(4)], [self.once(kind) for kind in range(4)]
        return BlockSystem(plain[0], plain[1], plain[2], plain[3], once[0], once[1], once[2], once[3])


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
    block, schedule
        What was solved for which time lines.
    matrices : Matrices
        K, b and the initial values.
    begins : array
        Where each subject's segments begin in ``starts``.
    out, dout, d2out : arrays
        States (rows × n), their derivatives (rows × parameters × n) and, of second order, those by pairs of parameters
        (rows × pairs × n; pairs as in `combinations_with_replacement`), in the order of the schedule.
    starts, dstarts, d2starts : arrays
        The same at the start of every segment of every subject.
    status : array, subjects
        Whether the matrices are numbers at all.
    kept : dict
        What others have derived from this run and may want again.
    """

    block: LinearBlock
    schedule: Schedule
    matrices: Matrices
    begins: Integers
    out: Array
    dout: Array
    d2out: Array
    starts: Array
    dstarts: Array
    d2starts: Array
    status: Integers
    kept: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def rates(self) -> Array:
        """Infusion rates into the block, segments × n."""
        return np.asarray(self.schedule.rates[:, self.block.where])

    @cached_property
    def drates(self) -> Array:
        """Their derivatives, segments × parameters × n."""
        where, plan = self.block.where, self.schedule
        if not plan.dstart.shape[1]:  # the doses depend on none of the parameters
            return np.zeros((len(plan.start), len(self.block.varied), len(where)))
        return np.asarray(plan.drates[:, self.block.varied][:, :, where])

    @cached_property
    def matrix(self) -> Array:
        """K, rows of values × n × n."""
        return self.matrices.plain(0)

    @cached_property
    def constant(self) -> Array:
        """b, rows of values × n."""
        return self.matrices.plain(2)

    @cached_property
    def x0(self) -> Array:
        """Initial values, rows of values × n."""
        return self.matrices.plain(3)

    @cached_property
    def dmatrix(self) -> Array:
        """Derivatives of K, rows of values × parameters × n × n."""
        return self.matrices.once(0)

    @cached_property
    def dconstant(self) -> Array:
        """Derivatives of b, rows of values × parameters × n."""
        return self.matrices.once(2)

    @cached_property
    def d2matrix(self) -> Array:
        """Second derivatives of K, rows of values × pairs × n × n."""
        return self.matrices.twice(0)

    @cached_property
    def d2constant(self) -> Array:
        """Second derivatives of b, rows of values × pairs × n."""
        return self.matrices.twice(2)
