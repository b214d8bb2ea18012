"""The linear block of a model: its matrices from the code, its states in closed form."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.machine.code import Code
from pkpd.engine.machine.jit import announce
from pkpd.engine.solve.closed_form import solve_linear
from pkpd.engine.solve.steady_closed_form import solve_steady
from pkpd.engine.status import GROWS, NOT_FINITE, OK
from pkpd.engine.timeline.deliveries import Train
from pkpd.engine.timeline.schedule import Schedule

_WORTH_KEEPING = 200_000  # numbers; a larger result is not kept in memory


class LinearBlock:
    """The closed-form block of a model's code."""

    def __init__(self, code: Code) -> None:
        self.code, self.structure = code, code.structure
        self.size, self.varied = len(self.structure.linear), list(self.structure.varied)
        self.where = list(self.structure.linear)
        self._seen = list(self.structure.seen)
        self._memory = threading.local()

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

    def _solve(self, values: Array, schedule: Schedule) -> BlockRun:
        n, p, height = self.size, len(self.varied), len(values)
        table = np.zeros((height, (1 + p) * n * (n + 3)))
        self.code.rows("block", values, np.arange(height), table)
        edges = [n * n, n * n + n, n * n + 2 * n]
        parts = table.reshape(height, 1 + p, n * (n + 3))
        matrix, loss, constant, x0 = (np.ascontiguousarray(part) for part in np.split(parts[:, 0], edges, axis=1))
        dmatrix, dloss, dconstant, dx0 = (np.ascontiguousarray(part) for part in np.split(parts[:, 1:], edges, axis=2))
        matrix, dmatrix = matrix.reshape(height, n, n), dmatrix.reshape(height, p, n, n)
        sound = np.isfinite(table[:, : n * (n + 3)]).all(1)
        sound = np.logical_and.reduceat(sound, schedule.first_row[:-1])
        begins = np.concatenate(([0], np.cumsum(np.diff(schedule.segments)[schedule.line_of_subject]))).astype(np.int64)
        jumps, rates = (np.ascontiguousarray(part[:, self.where]) for part in (schedule.jumps, schedule.rates))
        rows, segments = int(schedule.rows[-1]), int(begins[-1])
        derivatives = (dmatrix, dloss, dconstant, dx0)
        out, dout, starts = np.zeros((rows, n)), np.zeros((rows, p, n)), np.zeros((segments, n))
        dstarts = np.zeros((segments if self.structure.driven else 0, p, n))
        status = np.where(sound, OK, NOT_FINITE).astype(np.int64)
        lines = (
            schedule.line_of_subject, schedule.segments, schedule.start, schedule.end, jumps, rates,
            schedule.first, schedule.time, schedule.times, schedule.rows, begins,
        )  # fmt: skip
        system, many = (matrix, loss, constant), segments if schedule.trains else 0
        steady, dsteady = np.zeros((many, n)), np.zeros((many, p, n))
        if n and many:
            announce(solve_steady)
            starts_with = (schedule.begins, schedule.segment_row, schedule.first_row)
            trains = trains_as_arrays(schedule.trains, self.where, self.varied)
            solve_steady(system, derivatives, lines, starts_with, trains, steady, dsteady, status)
        djumps, drates, dstart = self._dose_derivatives(schedule)
        if n:
            announce(solve_linear)
            events = (
                np.ascontiguousarray(schedule.scale[:, self.where]), schedule.begins, schedule.segment_row,
                schedule.first_row, djumps, drates, dstart,
                np.array([a for _, a in schedule.trains], dtype=np.int64), steady, dsteady,
            )  # fmt: skip
            solve_linear(0, schedule.subjects, system, x0, derivatives, lines, events, out, dout, starts, dstarts)
            lost = np.zeros(schedule.subjects, dtype=bool)
            lost[schedule.row_subject[~np.isfinite(out).all(axis=1)]] = True
            status = np.where(lost & (status == OK), GROWS, status)
        return BlockRun(
            matrix, constant, x0, dmatrix, dconstant, rates, drates, begins, out, dout, starts, dstarts, status
        )

    def _dose_derivatives(self, schedule: Schedule) -> tuple[Array, ...]:
        """Derivatives of what doses add, of their rates and of their times, for the parameters of the block."""
        where, p = self.where, len(self.varied)
        few = len(schedule.start)
        if schedule.dstart.shape[1]:
            parts = [part[:, self.varied] for part in (schedule.djumps, schedule.drates, schedule.dstart)]
            parts = [parts[0][:, :, where], parts[1][:, :, where], parts[2]]
        else:  # the doses depend on none of the parameters
            parts = [np.zeros((few, p, self.size)), np.zeros((few, p, self.size)), np.zeros((few, p))]
        return tuple(np.ascontiguousarray(part) for part in parts)


def trains_as_arrays(
    trains: Sequence[tuple[Train, bool]], where: Sequence[int], varied: Sequence[int]
) -> tuple[Any, ...]:
    """Return repeated doses as the compiled functions read them.

    Returns
    -------
    state, flags, number, dnumber, first, pieces, dpieces : arrays
        Place of the state among `where` (-1: not there); after, constant, adds; amount and phase and their
        derivatives; where each one's pieces begin; length and rate of the pieces and their derivatives.
    """

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
    return state, flags, number, dnumber, first, pieces, dpieces


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
    out, dout : arrays
        States (rows × n) and their derivatives (rows × parameters × n), in the order of the schedule.
    starts, dstarts : arrays
        The same at the start of every segment of every subject.
    status : array, subjects
        Whether the matrices are numbers at all.
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
    starts: Array
    dstarts: Array
    status: Integers
    kept: dict[str, Any] = field(default_factory=dict)
