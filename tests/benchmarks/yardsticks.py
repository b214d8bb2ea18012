"""Other solvers at the same work: same equations, doses, times and tolerances; one call per subject.

Each is made for a problem, times and tolerances, and then called with one subject's parameters; it returns the states
at the times. Whatever is made once (lambdified or compiled functions) is not counted. casadi and libroadrunner come
with ``pip install "pkpd-toolkit[benchmark]"``; where one is not installed, `made` returns None and says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import sympy
from measure import cpu
from numpy.typing import NDArray
from problems import Problem, stretches
from scipy.integrate import odeint, solve_ivp

Array = NDArray[np.float64]
MOST = 1_000_000  # steps that a solver may take between two times


class Yardstick:
    """A solver set up for a problem, times and tolerances."""

    name = ""

    def __init__(self, problem: Problem, times: Array, rtol: float, atol: float) -> None:
        self.problem, self.times, self.rtol, self.atol = problem, times, rtol, atol
        self.pieces = stretches(times)
        self.prepare()

    def prepare(self) -> None:
        """Make what is made once."""
        y, p, rhs = self.problem.symbols
        self.rhs = sympy.lambdify((y, p), list(rhs), cse=True)
        self.jacobian = sympy.lambdify((y, p), rhs.jacobian(y), cse=True)

    def __call__(self, row: Array) -> Array:
        """Return times × states of the subject with the parameters `row`."""
        numbers = row.tolist()
        state = np.array(self.problem.start(numbers), dtype=float)
        found = np.empty((self.times.size, state.size))
        for piece in self.pieces:
            state[0] += self.problem.arriving(piece.dose, numbers)
            values = self.stretch(numbers, state, piece.clock)
            for k, place in piece.wanted:
                found[place] = values[k]
            state = np.array(values[-1])
        return found

    def stretch(self, row: list[float], state: Array, clock: Array) -> Array:
        """Return the states at the times of one stretch, the first of which is its start."""
        raise NotImplementedError


class Odeint(Yardstick):
    """SciPy's odeint (LSODA), with a lambdified right-hand side and Jacobian."""

    name = "scipy odeint"

    def stretch(self, row: list[float], state: Array, clock: Array) -> Array:
        values, about = odeint(
            lambda s, t: self.rhs(s, row), state, clock, Dfun=lambda s, t: self.jacobian(s, row), rtol=self.rtol,
            atol=self.atol, mxstep=MOST, full_output=True,
        )  # fmt: skip
        if about["message"] != "Integration successful.":
            raise ArithmeticError(about["message"])
        return values


class Unlisted(Odeint):
    """The same, the parameters left in a NumPy array, whose items are slower to compute with than Python's floats."""

    name = "scipy odeint, parameters as a NumPy array"

    def stretch(self, row: list[float], state: Array, clock: Array) -> Array:
        return super().stretch(np.array(row), state, clock)  # type: ignore[arg-type]


class SolveIvp(Yardstick):
    """SciPy's solve_ivp; `method` says which."""

    method = "DOP853"

    def stretch(self, row: list[float], state: Array, clock: Array) -> Array:
        jacobian = {"jac": lambda t, s: self.jacobian(s, row)} if self.method in ("Radau", "BDF", "LSODA") else {}
        found = solve_ivp(
            lambda t, s: self.rhs(s, row), (clock[0], clock[-1]), state, self.method, clock, rtol=self.rtol,
            atol=self.atol, **jacobian,
        )  # fmt: skip
        if not found.success:
            raise ArithmeticError(found.message)
        return found.y.T


class Dop853(SolveIvp):
    """SciPy's explicit method of order 8."""

    name, method = "solve_ivp DOP853", "DOP853"


class Radau(SolveIvp):
    """SciPy's implicit Runge–Kutta method of order 5, with the Jacobian."""

    name, method = "solve_ivp Radau", "Radau"


class Casadi(Yardstick):
    """CVODES (BDF, direct solver, exact Jacobian) through casadi; the whole course is one casadi function."""

    name = "casadi CVODES"

    def prepare(self) -> None:
        import casadi

        y, p, rhs = self.problem.symbols
        x, q = casadi.SX.sym("x", len(y)), casadi.SX.sym("p", len(p))
        flow = sympy.lambdify((y, p), list(rhs), modules="math")(casadi.vertsplit(x), casadi.vertsplit(q))
        given = casadi.MX.sym("p", len(p))
        row = casadi.vertsplit(given)
        state, columns = casadi.vertcat(*self.problem.start(row)), [None] * self.times.size
        options = {"reltol": self.rtol, "abstol": self.atol, "max_num_steps": MOST, "show_eval_warnings": False}
        for piece in self.pieces:
            gain = [self.problem.arriving(piece.dose, row), *[0] * (len(y) - 1)]
            state = state + casadi.vertcat(*gain)
            clock = (piece.clock - piece.clock[0]).tolist()  # from zero: the equations do not know the time
            equations = {"x": x, "p": q, "ode": casadi.vertcat(*flow)}
            solve = casadi.integrator("solve", "cvodes", equations, clock[0], clock[1:], options)
            values = casadi.horzsplit(casadi.horzcat(state, solve(x0=state, p=given)["xf"]))
            for k, place in piece.wanted:
                columns[place] = values[k]
            state = values[-1]
        course = casadi.horzcat(*columns)
        self.course = casadi.Function("course", [given], [course])
        self.slopes = lambda: casadi.Function("slopes", [given], [casadi.jacobian(casadi.vec(course), given)])

    def __call__(self, row: Array) -> Array:
        try:
            return np.array(self.course(row)).T
        except RuntimeError as error:
            raise ArithmeticError(str(error).splitlines()[-1]) from None


class Roadrunner(Yardstick):
    """CVODE through libroadrunner: the equations compiled by LLVM from SBML, no Jacobian."""

    name = "libroadrunner"

    def prepare(self) -> None:
        import roadrunner

        roadrunner.Logger.setLevel(roadrunner.Logger.LOG_ERROR)
        y, p, _ = self.problem.symbols
        names = _letters((*y, *p))
        self.names, self.states = [names[s] for s in p], [names[s] for s in y]
        self.engine = roadrunner.RoadRunner(_sbml(self.problem))
        self.engine.timeCourseSelections = self.states
        options = {"relative_tolerance": self.rtol, "absolute_tolerance": self.atol, "maximum_num_steps": MOST}
        for key, value in options.items():
            self.engine.integrator.setValue(key, value)

    def __call__(self, row: Array) -> Array:
        for name, value in zip(self.names, row.tolist(), strict=True):
            self.engine.setValue(name, value)
        return super().__call__(row)

    def stretch(self, row: list[float], state: Array, clock: Array) -> Array:
        for name, value in zip(self.states, state.tolist(), strict=True):
            self.engine.setValue(name, value)
        try:  # the equations do not know the time; from zero, because its first steps are too small for a large one
            return np.array(self.engine.simulate(times=(clock - clock[0]).tolist()))
        except RuntimeError as error:
            raise ArithmeticError(str(error)) from None


def _letters(symbols: Iterable[sympy.Symbol]) -> dict[sympy.Symbol, str]:
    """Return names without digits: SymPy's MathML makes subscripts of these."""
    return {s: f"q{chr(ord('a') + k)}" for k, s in enumerate(symbols)}


def _sbml(problem: Problem) -> str:
    """Return the equations as SBML: rate rules between parameters."""
    y, p, rhs = problem.symbols
    names = _letters((*y, *p))
    new = {s: sympy.Symbol(name) for s, name in names.items()}
    declared = "".join(f'<parameter id="{names[s]}" value="1" constant="{str(s in p).lower()}"/>' for s in (*y, *p))
    rules = "".join(
        f'<rateRule variable="{names[s]}"><math xmlns="http://www.w3.org/1998/Math/MathML">'
        f"{sympy.mathml(right.xreplace(new), printer='content')}</math></rateRule>"
        for s, right in zip(y, rhs, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" '
        f'version="1"><model id="m"><listOfParameters>{declared}</listOfParameters>'
        f"<listOfRules>{rules}</listOfRules></model></sbml>"
    )


_told: set[str] = set()


def made(kind: type[Yardstick], problem: Problem, times: Array, rtol: float, atol: float) -> Yardstick | None:
    """Return a yardstick, or None (and say so once) where it is not installed."""
    try:
        return kind(problem, times, rtol, atol)
    except ImportError as error:
        if kind.name not in _told:
            _told.add(kind.name)
            print(f'SKIPPED {kind.name}: {error}; pip install "pkpd-toolkit[benchmark]" brings it', flush=True)
    return None


def per_subject(yardstick: Yardstick | None, count: int, repeats: int = 3) -> float:
    """Return CPU seconds per subject: median over repeats of the mean over the first subjects; NaN if absent."""
    if yardstick is None:
        return float("nan")
    rows = yardstick.problem.table[:count]
    yardstick(rows[0])
    return cpu(lambda: [yardstick(row) for row in rows], repeats) / count


def answers(yardstick: Yardstick, count: int) -> Any:
    """Return subjects × times × states."""
    return np.stack([yardstick(row) for row in yardstick.problem.table[:count]])
