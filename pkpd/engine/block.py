"""The linear block of a model: its matrices from the symbols, its states in closed form, and how it drives the rest."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.engine.arrays import ColumnFunction
from pkpd.engine.calculus import slope
from pkpd.engine.closed_form import solve_linear
from pkpd.engine.deliveries import Train
from pkpd.engine.forcing import EIGEN, EXPONENTIAL
from pkpd.engine.jit import announce
from pkpd.engine.settings import Settings
from pkpd.engine.solver import NOT_FINITE, OK
from pkpd.engine.symbols import System
from pkpd.engine.threads import in_parts
from pkpd.engine.timeline import Schedule
from pkpd.model import expressions

Array = NDArray[np.float64]
_WORST_EIGENVECTORS = 1e6  # beyond this condition number the exponential itself drives
_WORST_MATRIX = 1e12
_WORTH_KEEPING = 200_000  # numbers; a larger result is not kept in memory


class Block:
    """Code of the closed-form block: K, b, initial values and, if nothing else is integrated, their derivatives."""

    def __init__(self, system: System) -> None:
        inputs = [expressions.symbol(name) for name in system.inputs]
        start = [system.initial[s] for s in system.linear]
        # With a rest to integrate, nothing in the block depends on the parameters asked for (see `symbols.analyse`).
        theta = [] if system.integrated else [expressions.symbol(name) for name in system.sensitivities]
        self.size, self.parameters = len(system.linear), len(theta)
        self.where = [system.model.states.index(s) for s in system.linear]
        parts = (system.matrix, _losses(system), system.constant, start)
        used = set().union(*(e.free_symbols for part in parts for e in part if hasattr(e, "free_symbols")))
        self._seen = [k for k, symbol in enumerate(inputs) if symbol in used]
        self._memory = threading.local()
        self._values = [ColumnFunction(inputs, list(part)) for part in parts]
        self._slopes = [ColumnFunction(inputs, [slope(e, s) for s in theta for e in part]) for part in parts]

    def run(self, values: Array, schedule: Schedule, settings: Settings) -> BlockRun:
        """Solve the block for a value table (subjects × inputs).

        The last run of each thread is remembered: while a response is fitted with the PK given, hundreds of runs
        differ in nothing that the block sees.
        """
        seen = values[:, self._seen].tobytes()
        last = getattr(self._memory, "last", None)
        if last is not None and last[0] is schedule and last[1] == seen:
            found: BlockRun = last[2]
            return found
        found = self._solve(values, schedule, settings)
        if found.out.size + found.starts.size < _WORTH_KEEPING:
            self._memory.last = (schedule, seen, found)
        return found

    def _solve(self, values: Array, schedule: Schedule, settings: Settings) -> BlockRun:
        n, p, height, subjects = self.size, self.parameters, len(values), schedule.subjects
        matrix, loss, constant, x0 = (f(values.T, height) for f in self._values)
        dmatrix, dloss, dconstant, dx0 = (f(values.T, height) for f in self._slopes)
        matrix = matrix.reshape(height, n, n)
        slopes = (
            dmatrix.reshape(height, p, n, n),
            *(part.reshape(height, p, n) for part in (dloss, dconstant, dx0)),
        )
        sound = np.isfinite(matrix).all((1, 2)) & np.isfinite(loss).all(1) & np.isfinite(constant + x0).all(1)
        sound = np.logical_and.reduceat(sound, schedule.base[:-1])
        begins = np.concatenate(([0], np.cumsum(np.diff(schedule.segments)[schedule.which]))).astype(np.int64)
        jumps, rates = (np.ascontiguousarray(part[:, self.where]) for part in (schedule.jumps, schedule.rates))
        lines = (
            schedule.which, schedule.segments, schedule.start, schedule.end, jumps, rates,
            schedule.first, schedule.time, schedule.times, schedule.rows, begins,
        )  # fmt: skip
        rows = int(schedule.rows[-1])
        out, dout, starts = np.zeros((rows, n)), np.zeros((rows, p, n)), np.zeros((int(begins[-1]), n))
        status = np.where(sound, OK, NOT_FINITE).astype(np.int64)
        if n:
            announce(solve_linear)
            events = self._events(schedule)

            def part(lo: int, hi: int) -> None:
                solve_linear(lo, hi, (matrix, loss, constant), x0, slopes, lines, events, out, dout, starts, status)

            in_parts(part, subjects, settings.workers)
        return BlockRun(matrix, loss, constant, x0, lines, out, dout, starts, status)

    def _events(self, schedule: Schedule) -> tuple[Any, ...]:
        """What happens besides doses that add to a state, as the compiled function reads it."""
        where, p = self.where, self.parameters
        few = len(schedule.start)
        slopes = (schedule.djumps[:, :, where], schedule.drates[:, :, where], schedule.dstart)
        if schedule.dstart.shape[1] != p:  # the doses depend on none of the parameters
            slopes = (np.zeros((few, p, self.size)), np.zeros((few, p, self.size)), np.zeros((few, p)))
        return (
            np.ascontiguousarray(schedule.scale[:, where]), schedule.begins, schedule.use, schedule.base,
            *(np.ascontiguousarray(part) for part in slopes), trains_as_arrays(schedule.trains, where, p),
        )  # fmt: skip


def trains_as_arrays(trains: Sequence[tuple[Train, bool]], where: Sequence[int], slopes: int) -> tuple[Any, ...]:
    """Return repeated doses as the compiled functions read them.

    Returns
    -------
    state, flags, number, dnumber, first, pieces, dpieces : arrays
        Place of the state among `where` (-1: not there); after, constant, adds; amount and phase and their
        derivatives; where each one's pieces begin; length and rate of the pieces and their derivatives.
    """

    def cut(jet: Array) -> Array:
        return jet[1:] if len(jet) == slopes + 1 else np.zeros(slopes)

    places = {state: k for k, state in enumerate(where)}
    state = np.array([places.get(t.state, -1) for t, _ in trains], dtype=np.int64)
    flags = np.array([(t.after, t.constant, adds) for t, adds in trains], dtype=np.int64).reshape(-1, 3)
    number = np.array([(t.amount[0], t.phase[0]) for t, _ in trains], dtype=float).reshape(-1, 2)
    dnumber = np.array([(cut(t.amount), cut(t.phase)) for t, _ in trains], dtype=float).reshape(len(trains), 2, slopes)
    zero = np.zeros(1 + slopes)
    rows = [list(zip(t.lengths or (zero,), t.rates, strict=True)) for t, _ in trains]
    first = np.concatenate(([0], np.cumsum([len(r) for r in rows]))).astype(np.int64)
    flat = [pair for r in rows for pair in r]
    pieces = np.array([(length[0], rate[0]) for length, rate in flat], dtype=float).reshape(-1, 2)
    dpieces = np.array([(cut(length), cut(rate)) for length, rate in flat], dtype=float).reshape(len(flat), 2, slopes)
    return state, flags, number, dnumber, first, pieces, dpieces


def _losses(system: System) -> list[Any]:
    """What each state loses to nowhere: minus the column sums of K, where SymPy cancels what goes to other states."""
    n = len(system.linear)
    return [-sum(system.matrix[i * n + j] for i in range(n)) for j in range(n)]


@dataclass(frozen=True, eq=False)
class BlockRun:
    """The block of one run.

    Attributes
    ----------
    matrix, loss, constant, x0 : arrays
        K (subjects × n × n), what each state loses, b and the initial values (subjects × n).
    lines : tuple
        The time lines as the compiled functions read them; the last array says where each subject's segments begin.
    out, dout : arrays
        States (rows × n) and their derivatives (rows × parameters × n), in the order of the schedule.
    starts : array
        States at the start of every segment of every subject.
    status : array, subjects
        Whether the matrices are numbers at all.
    """

    matrix: Array
    loss: Array
    constant: Array
    x0: Array
    lines: tuple[Any, ...]
    out: Array
    dout: Array
    starts: Array
    status: NDArray[np.int64]

    @property
    def rates(self) -> Array:
        """Infusion rates into the block, segments × n."""
        rates: Array = self.lines[5]
        return rates

    def driver(self, driving: Sequence[int]) -> tuple[Any, ...]:
        """Return what drives the integrated states: eigenvectors where they are sound, else the exponential."""
        return (*self._modes, np.array(driving, dtype=np.int64))

    @cached_property
    def _modes(self) -> tuple[Any, ...]:
        subjects, n, _ = self.matrix.shape
        off = np.where(np.eye(n) == 1, 0.0, self.matrix)
        positive = (off >= 0).all((1, 2)) & (self.constant >= 0).all(1) & (self.x0 >= 0).all(1)
        lam, vectors = np.zeros((subjects, n)), np.zeros((subjects, n, n))
        back, inverse = np.zeros((subjects, n, n)), np.zeros((subjects, n, n))
        modes = np.full(subjects, EXPONENTIAL, dtype=np.int64)
        finite = np.flatnonzero(np.isfinite(self.matrix).all((1, 2)))
        if n and finite.size:
            found, v = np.linalg.eig(self.matrix[finite])
            good = (np.imag(found) == 0).all(1) & (np.linalg.cond(v) < _WORST_EIGENVECTORS)
            good &= np.linalg.cond(self.matrix[finite]) < _WORST_MATRIX
            sound = finite[good]
            lam[sound], vectors[sound] = np.real(found[good]), np.real(v[good])
            back[sound], inverse[sound] = np.linalg.inv(vectors[sound]), np.linalg.inv(self.matrix[sound])
            modes[sound] = EIGEN
        flags = positive.astype(np.int64)
        return (
            self.matrix, self.loss, self.constant, inverse, vectors, back, lam, modes, flags,
            self.rates, self.starts,
        )  # fmt: skip
