"""The objective of a search: a marginal likelihood, priors, constraints, and modes that begin where the last ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array
from pkpd.files import Part
from pkpd.fit.mixed.marginal.laplacian import FOCE, FOCEI, LAPLACE, Marginal, gradient_near
from pkpd.fit.mixed.marginal.marginals import marginal_by
from pkpd.fit.mixed.marginal.quadrature import NODES
from pkpd.fit.mixed.modes.modes import EXACTLY, FOUND, ROUGHLY, SADDLE, Modes
from pkpd.fit.mixed.problem.problem import Point, Problem

_FAR = 1.0  # of the vector: a longer step makes the last modes' drift worthless
_JUMP = 0.3  # SDs of Ω: a mode that is to move farther is looked for anew, for it could end in another
_BY_MODES = (FOCEI, FOCE, LAPLACE)  # methods whose gradient is a formula at the modes


@dataclass(frozen=True, eq=False)
class Evaluated:
    """The objective at one vector.

    Attributes
    ----------
    objective : float
        −2 log L without N·log 2π, and the priors' −2 log density; infinite where it cannot be computed, and where a
        constraint is broken.
    gradient : array, shape (free,)
        By the vector.
    information : array, shape (free, free)
        A positive semi-definite stand-in for the Hessian.
    marginal : Marginal or None
        The likelihood with modes and scores; None where a constraint is broken.
    """

    objective: float
    gradient: Array
    information: Array
    marginal: Marginal | None


@dataclass(frozen=True)
class Step(Part):
    """One line of the trace of a search.

    Attributes
    ----------
    evaluation : int
        Evaluations of the objective so far.
    objective : float
        The objective there.
    gradient : float
        Largest element of the gradient.
    vector : tuple of float
        Where.
    seconds : float
        Since the objective was made.
    """

    evaluation: int
    objective: float
    gradient: float
    vector: tuple[float, ...]
    seconds: float


class MarginalObjective:
    r"""A function of the vector: objective with priors, its gradient and information.

    The search for the modes begins at :math:`\hat\eta + (d\hat\eta/dx)\,\Delta x` from the nearest of the last points,
    if it is near and the modes move little, else at 0. It is polished until the value is one of the vector alone,
    unless a subject has several modes: the lowest are looked for at the end of a search
    (`pkpd.fit.mixed.marginal.several`).

    Parameters
    ----------
    problem : Problem
        What is fitted.
    method : str
        Which approximation (`marginals.marginal_by`).
    watch : callable, optional
        Told of every evaluation that improved on all before.
    nodes : int
        Of quadrature, an effect.
    """

    def __init__(
        self, problem: Problem, method: str = FOCEI, watch: Callable[[Step], None] | None = None, nodes: int = NODES
    ) -> None:
        self.problem, self.method, self.watch, self.nodes = problem, method, watch, nodes
        self.evaluations = 0
        self.rough = False  # far from the end modes need not be exact
        self.trace: list[Step] = []
        self._begun = time.perf_counter()
        self._last: list[Marginal] = []
        self._memo: tuple[Array, bool, Evaluated] | None = None

    def __call__(self, vector: Array) -> Evaluated:
        """Return the objective at a vector; asked twice in a row for one, it computes it once."""
        if self._memo is not None and np.array_equal(self._memo[0], vector) and self._memo[1] <= self.rough:
            return self._memo[2]
        value = self._at(vector)
        self._memo = np.array(vector, dtype=float), self.rough, value
        return value

    def _at(self, vector: Array) -> Evaluated:
        self.evaluations += 1
        point = self.problem.at(vector)
        if self.problem.population.constraints and self.problem.broken(point):
            return Evaluated(np.inf, np.zeros(vector.size), np.eye(vector.size), None)
        enough = ROUGHLY if self.rough else EXACTLY
        value = marginal_by(self.problem, point, self.method, self._begin(point.vector), self.nodes, enough)
        if np.isfinite(value.objective):
            self._last = [value, *self._last[:1]]
        result = self._with_priors(value)
        self._note(result, point.vector)
        return result

    def begin_at(self, vector: Array, eta: Array) -> Evaluated:
        """Return the objective at a vector, the search for modes begun at some random effects; it goes on from there.

        Parameters
        ----------
        vector : array, shape (free,)
            Where.
        eta : array, shape (subjects, random effects)
            Where the search for the modes begins, e.g. at lower modes than were known.
        """
        self._last, self._memo = [], None
        value = marginal_by(self.problem, self.problem.at(vector), self.method, eta, self.nodes)
        if np.isfinite(value.objective):
            self._last = [value]
        return self(vector)

    def gradient_near(self, there: Evaluated, vector: Array) -> Array:
        """Return the gradient near a point that is known, for central differences (`laplacian.gradient_near`).

        Parameters
        ----------
        there : Evaluated
            What the objective is at a vector near by.
        vector : array, shape (free,)
            Where the gradient is wanted.

        Returns
        -------
        array, shape (free,)
            NaN where it cannot be computed, or where the method or what is known there does not allow it.
        """
        self.evaluations += 1
        known = there.marginal
        coupled = self.method == FOCE and self.problem.pairs is not None  # whose drift is only nearly right
        if known is None or coupled or self.method not in _BY_MODES or not (
            np.isin(known.modes.status, (FOUND, SADDLE)).all() and np.isfinite(known.drift).all()
        ):  # fmt: skip
            return np.full(vector.size, np.nan)
        point = self.problem.at(vector)
        gradient = gradient_near(known, point, self.method)
        return gradient + self._prior(point)[1] if self.problem.population.priors else gradient

    def _begin(self, vector: Array) -> Array | None:
        if not self._last:
            return None
        near = min(self._last, key=lambda m: float(np.abs(m.point.vector - vector).max(initial=0.0)))
        step = vector - near.point.vector
        if np.abs(step).max(initial=0.0) > _FAR:
            return None
        move = near.drift @ step
        begin: Array = near.modes.eta + move
        if move.shape[1]:
            white = np.linalg.solve(near.point.root, move.T).T
            begin[~(np.abs(white).max(axis=1) < _JUMP)] = 0.0
        return begin

    def _with_priors(self, value: Marginal) -> Evaluated:
        objective, gradient = value.objective, value.gradient
        if self.problem.population.priors and np.isfinite(objective):
            added, slope = self._prior(value.point)
            objective, gradient = objective + added, gradient + slope
        return Evaluated(objective, gradient, value.information, value)

    def _prior(self, point: Point) -> tuple[float, Array]:
        """Return −2 log density of the priors, and its gradient."""
        population = replace(self.problem.population, parameters=point.parameters, omega=point.omega)
        prior = population.prior_density()
        return prior.value, np.concatenate([prior.parameters, prior.omega])

    def _note(self, value: Evaluated, vector: Array) -> None:
        if not np.isfinite(value.objective) or (self.trace and value.objective >= self.trace[-1].objective):
            return
        step = Step(
            self.evaluations, value.objective, float(np.abs(value.gradient).max(initial=0.0)), tuple(vector.tolist()),
            time.perf_counter() - self._begun,
        )  # fmt: skip
        self.trace.append(step)
        if self.watch is not None:
            self.watch(step)

    def trouble(self, vector: Array) -> str:
        """Say why a vector has no objective: a broken constraint, or the first subject that cannot be computed."""
        point = self.problem.at(vector)
        if broken := self.problem.broken(point):
            return f"the values do not meet {', '.join(broken)}"
        value = marginal_by(self.problem, point, self.method, nodes=self.nodes)
        lost = np.flatnonzero(~np.isfinite(value.individual))
        if not lost.size:
            return ""
        place = int(lost[0])
        who = self.problem.data.subjects[place]
        more = f" (and {lost.size - 1} more)" if lost.size > 1 else ""
        why = self.problem.advice(place, point, value.modes.eta) or self._impossible(value.modes, place)
        return f"subject {who!r}{more}: {why or 'the likelihood is zero or not a number'}"

    def _impossible(self, modes: Modes, place: int) -> str:
        """Name the first record of a subject that its residual error cannot hold; nothing if there is none."""
        data, here = self.problem.data, modes.at
        rows = np.flatnonzero((data.subject == place) & ~np.isfinite(here.terms.value))
        if not rows.size:
            return ""
        k = int(rows[0])
        output = data.outputs[data.output[k]]
        return (
            f"{output} was {data.value[k]:g} at time {data.time[k]:g} where {here.response.f[k]:g} is predicted, which "
            "its residual error cannot hold; choose another error (additive, or combined with a floor) or a model with "
            "a baseline, or leave the record out (column 'excluded')"
        )
