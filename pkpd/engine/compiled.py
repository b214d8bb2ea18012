"""A model made ready to run: symbols → code, time lines → rows of values."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.engine import solver, symbols
from pkpd.engine.arrays import ColumnFunction
from pkpd.engine.calculus import slope
from pkpd.engine.forcing import EIGEN, EXPONENTIAL
from pkpd.engine.jit import AVAILABLE, announce
from pkpd.engine.linear import solve_linear
from pkpd.engine.timeline import Schedule
from pkpd.errors import InputError, nearest
from pkpd.model import Model, expressions

Array = NDArray[np.float64]
METHODS = ("automatic", "explicit", "stiff")
_WORST_EIGENVECTORS = 1e6  # beyond this condition number the exponential itself is used


@dataclass(frozen=True)
class Settings:
    """How to solve.

    Attributes
    ----------
    rtol, atol : float
        Relative and absolute tolerance of what is integrated; closed-form states are exact.
    method : {"automatic", "explicit", "stiff"}
        ``explicit`` is Dormand–Prince 8(5,3); ``stiff`` is SciPy's Radau with the symbolic Jacobian (slow, safe);
        ``automatic`` tries the first and falls back to the second for the subjects that it could not finish.
    max_steps : int
        Limit per subject.
    workers : int or None
        Threads; None takes one per core for many subjects. Results do not depend on it.
    """

    rtol: float = 1e-8
    atol: float = 1e-8
    method: str = "automatic"
    max_steps: int = 100_000
    workers: int | None = None

    def __post_init__(self) -> None:
        problems = []
        if not 1e-14 <= self.rtol < 1:
            problems.append(f"rtol is {self.rtol}; expected 1e-14 to 1")
        if not self.atol > 0:
            problems.append(f"atol is {self.atol}; expected a number > 0")
        if self.method not in METHODS:
            problems.append(f"unknown method {self.method!r}; {nearest(self.method, METHODS)}")
        if problems:
            raise InputError(problems, "solver settings")


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
        return solver.ADVICE[int(self.status[subject])]


class Compiled:
    """A model with its code; make one with `compile_model`, which remembers it."""

    def __init__(self, model: Model, sensitivities: Sequence[str] = (), linear: str = "closed form") -> None:
        self.system = system = symbols.analyse(model, sensitivities, linear)
        self.states, self.outputs = model.states, tuple(system.outputs)
        self.entries = {route: self.states.index(state) for route, state in model.doses.items()}
        inputs = [expressions.symbol(name) for name in system.inputs]
        scales = [symbols.scale_symbol(name) for name in system.sensitivities]
        theta = [expressions.symbol(name) for name in system.sensitivities]
        self.full = symbols.augment(system) if system.integrated else None
        self._block(inputs, theta)
        if self.full is not None:
            self._rest(inputs, scales)
        at_hand = [expressions.symbol(s) for s in self.states] + inputs + [expressions.symbol(expressions.TIME)]
        wanted = list(system.outputs.values())
        self._outputs = ColumnFunction(at_hand, wanted)
        self._by_state = ColumnFunction(at_hand, [slope(e, s) for e in wanted for s in at_hand[: len(self.states)]])
        self._by_theta = ColumnFunction(at_hand, [slope(e, s) for e in wanted for s in theta])

    def _block(self, inputs: list[Any], theta: list[Any]) -> None:
        system = self.system
        start = [system.initial[s] for s in system.linear]
        self._matrix = ColumnFunction(inputs, system.matrix)
        self._constant = ColumnFunction(inputs, system.constant)
        self._x0 = ColumnFunction(inputs, start)
        slopes = [] if system.integrated else theta  # with a rest, nothing in the block depends on theta
        self._dmatrix = ColumnFunction(inputs, [slope(e, s) for s in slopes for e in system.matrix])
        self._dconstant = ColumnFunction(inputs, [slope(e, s) for s in slopes for e in system.constant])
        self._dx0 = ColumnFunction(inputs, [slope(e, s) for s in slopes for e in start])
        self._slopes = len(slopes)

    def _rest(self, inputs: list[Any], scales: list[Any]) -> None:
        assert self.full is not None
        system = self.system
        time = expressions.symbol(expressions.TIME)
        self._z0 = ColumnFunction(inputs + scales, self.full.initial)
        self.driving = system.driving
        dosed = {s for s in system.model.doses.values() if s in system.integrated}
        self.rate_slots = tuple(sorted(system.integrated.index(s) for s in dosed))
        rates = [expressions.symbol(f"_rate_{k}") for k in self.rate_slots]
        rhs = list(self.full.rhs)
        for k, rate in zip(self.rate_slots, rates, strict=True):
            rhs[k] = rhs[k] + rate
        self.arguments = inputs + scales + [expressions.symbol(system.linear[k]) for k in self.driving] + rates
        self.rhs = rhs
        self.time = time
        self._address: int | None = None

    @property
    def address(self) -> int:
        """Address of the compiled right-hand side (compiled when first asked for)."""
        if self._address is None:
            from pkpd.engine.llvm import compile_rhs

            assert self.full is not None
            self._address = compile_rhs(self.time, self.full.symbols, self.arguments, self.rhs)
        return self._address

    def run(self, values: Array, schedule: Schedule, settings: Settings | None = None) -> Solution:
        """Solve every subject of a schedule.

        Parameters
        ----------
        values : array, subjects × inputs
            Parameters, then covariates, in the order of the model.
        schedule : Schedule
            Doses and requested times.
        settings : Settings, optional
            Tolerances and method.
        """
        settings = settings or Settings()
        values = np.ascontiguousarray(values, dtype=float)
        rows, subjects = int(schedule.rows[-1]), schedule.subjects
        if values.shape != (subjects, len(self.system.inputs)):
            raise InputError(f"values have shape {values.shape}; expected {(subjects, len(self.system.inputs))}")
        linear = _Linear(self, values, schedule, settings)
        states = np.full((rows, len(self.states)), np.nan)
        status = np.zeros(subjects, dtype=np.int64)
        positions = [self.states.index(s) for s in self.system.linear]
        states[:, positions] = linear.out
        slopes = np.zeros((rows, len(self.states), len(self.system.sensitivities)))
        slopes[:, positions, :] = linear.dout.transpose(0, 2, 1) if self._slopes else 0.0
        if self.full is not None:
            status = self._integrate(values, schedule, settings, linear, states, slopes)
        return self._finish(values, schedule, states, slopes, status)

    def _integrate(
        self, values: Array, schedule: Schedule, settings: Settings, linear: _Linear, states: Array, slopes: Array
    ) -> NDArray[np.int64]:
        assert self.full is not None
        columns = [self.system.inputs.index(s) for s in self.system.sensitivities]
        scale = np.where(values[:, columns] == 0, 1.0, np.abs(values[:, columns]))
        q0 = np.ascontiguousarray(np.concatenate([values, scale], axis=1))
        z0 = self._z0(q0.T, len(values))
        job = Job(self, q0, z0, schedule, settings, linear)
        z, status = _solve(job)
        width = len(self.system.integrated)
        positions = [self.states.index(s) for s in self.system.integrated]
        states[:, positions] = z[:, :width]
        for (i, j), k in self.full.where.items():
            slopes[:, positions[i], j] = z[:, k] / scale[schedule.row_subject, j]
        return status

    def _finish(
        self, values: Array, schedule: Schedule, states: Array, slopes: Array, status: NDArray[np.int64]
    ) -> Solution:
        subject = schedule.row_subject
        back = np.empty_like(schedule.order)
        back[schedule.order] = np.arange(back.size)
        states, slopes = states[back], slopes[back]
        failed = np.isin(subject, np.flatnonzero(status))
        states[failed] = np.nan
        rows, wide = len(states), len(self.outputs)
        columns = [*states.T, *values[subject].T, schedule.row_time]
        outputs = self._outputs(columns, rows)
        outputs[failed] = np.nan
        names = len(self.system.sensitivities)
        total = np.zeros((rows, wide, names))
        if names:
            by_state = self._by_state(columns, rows).reshape(rows, wide, len(self.states))
            for k in range(len(self.states)):  # a state that does not move adds nothing, however steep the output
                moved = slopes[:, None, k, :]
                with np.errstate(invalid="ignore"):
                    total += np.where(moved == 0, 0.0, by_state[:, :, k, None] * moved)
            total += self._by_theta(columns, rows).reshape(rows, wide, names)
            total[failed] = np.nan
        return Solution(outputs, states, total, status)


class _Linear:
    """The closed-form block of one run: its matrices, its states, and what it offers as a driver."""

    def __init__(self, code: Compiled, values: Array, schedule: Schedule, settings: Settings) -> None:
        n, p, subjects = len(code.system.linear), code._slopes, len(values)
        columns = values.T
        self.matrix = code._matrix(columns, subjects).reshape(subjects, n, n)
        self.constant = code._constant(columns, subjects)
        self.x0 = code._x0(columns, subjects)
        slopes = (
            code._dmatrix(columns, subjects).reshape(subjects, p, n, n),
            code._dconstant(columns, subjects).reshape(subjects, p, n),
            code._dx0(columns, subjects).reshape(subjects, p, n),
        )
        where = [code.states.index(s) for s in code.system.linear]
        rows = int(schedule.rows[-1])
        sizes = np.diff(schedule.segments)[schedule.which]
        begins = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        self.rates = np.ascontiguousarray(schedule.rates[:, where])
        self.lines = (
            schedule.which, schedule.segments, schedule.start, schedule.end,
            np.ascontiguousarray(schedule.jumps[:, where]), self.rates,
            schedule.first, schedule.time, schedule.times, schedule.rows, begins,
        )  # fmt: skip
        self.out, self.dout = np.zeros((rows, n)), np.zeros((rows, p, n))
        self.starts = np.zeros((int(begins[-1]), n))
        if n:
            announce(solve_linear)

            def part(lo: int, hi: int) -> None:
                solve_linear(
                    lo, hi, self.matrix, self.constant, self.x0, slopes, self.lines, self.out, self.dout, self.starts
                )

            _in_parts(part, subjects, settings.workers)

    def driver(self, driving: Sequence[int]) -> tuple[Any, ...]:
        """Return the driver's arrays: eigenvectors where they are sound, else the flag to use the exponential."""
        matrix = self.matrix
        subjects, n, _ = matrix.shape
        off = matrix * (1 - np.eye(n)) if n else matrix
        positive = (off >= 0).all((1, 2)) & (self.constant >= 0).all(1) & (self.x0 >= 0).all(1)
        lam, vectors = np.zeros((subjects, n)), np.zeros((subjects, n, n))
        back, inverse = np.zeros((subjects, n, n)), np.zeros((subjects, n, n))
        modes = np.full(subjects, EXPONENTIAL, dtype=np.int64)
        if driving and np.isfinite(matrix).all():
            found, v = np.linalg.eig(matrix)
            sound = (np.abs(np.imag(found)) == 0).all(1) & (np.linalg.cond(v) < _WORST_EIGENVECTORS)
            sound &= np.linalg.cond(matrix) < 1e12
            lam[sound], vectors[sound] = np.real(found[sound]), np.real(v[sound])
            back[sound], inverse[sound] = np.linalg.inv(vectors[sound]), np.linalg.inv(matrix[sound])
            modes[sound] = EIGEN
        index = np.array(driving, dtype=np.int64)
        flags = positive.astype(np.int64)
        return (matrix, self.constant, inverse, vectors, back, lam, modes, flags, self.rates, self.starts, index)


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that a solver of the integrated states needs to know."""

    code: Compiled
    q0: Array
    z0: Array
    schedule: Schedule
    settings: Settings
    linear: _Linear


def _solve(job: Job) -> tuple[Array, NDArray[np.int64]]:
    """Integrate with the compiled solver, and what it cannot finish with SciPy's."""
    from pkpd.engine import scipy_solver

    everyone = np.arange(job.schedule.subjects)
    if not AVAILABLE or job.settings.method == "stiff":
        return scipy_solver.solve(job, everyone)
    out, status = _compiled(job)
    hard = np.flatnonzero(status == solver.TOO_MANY)
    if hard.size and job.settings.method == "automatic":
        again, other = scipy_solver.solve(job, hard)
        rows = np.isin(job.schedule.row_subject, hard)
        out[rows], status[hard] = again[rows], other[hard]
    return out, status


def _compiled(job: Job) -> tuple[Array, NDArray[np.int64]]:
    code, schedule, settings = job.code, job.schedule, job.settings
    out = np.full((int(schedule.rows[-1]), job.z0.shape[1]), np.nan)
    status = np.zeros(schedule.subjects, dtype=np.int64)
    where = [code.states.index(s) for s in code.system.integrated]
    jump = np.zeros((len(schedule.start), job.z0.shape[1]))
    jump[:, : len(where)] = schedule.jumps[:, where]
    jumps = (jump, np.ascontiguousarray(schedule.rates[:, where]))
    slots = np.array(code.rate_slots, dtype=np.int64)
    driver = job.linear.driver(code.driving)
    control = np.array([settings.rtol, settings.atol, float(settings.max_steps)])
    announce(solver.solve_segments)

    def part(lo: int, hi: int) -> None:
        solver.solve_segments(
            lo, hi, code.address, job.q0, job.z0, jumps, slots, job.linear.lines, driver, control, out, status
        )

    _in_parts(part, schedule.subjects, settings.workers)
    return out, status


def _in_parts(part: Callable[[int, int], None], subjects: int, workers: int | None) -> None:
    """Run a range of subjects on threads; every subject is computed alone, so the cut does not matter."""
    workers = workers or (os.cpu_count() or 1 if subjects >= 64 else 1)
    workers = min(workers, max(subjects, 1))
    if workers == 1:
        part(0, subjects)
        return
    edges = np.linspace(0, subjects, 4 * workers + 1).astype(int)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(part, edges[:-1], edges[1:]))


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
