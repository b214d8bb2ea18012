"""The objective of a search: a marginal likelihood, priors, constraints, and modes that begin where the last ended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.mixed.laplacian import FOCEI, Marginal, marginal
from pkpd.fit.mixed.problem import Problem

_FAR = 1.0  # of the vector: a longer step makes the last modes' drift worthless


class MarginalObjective:
    """A function of the vector: objective with priors, its gradient and information.

    The search for the modes begins at :math:`\\hat\\eta + (d\\hat\\eta/dx)\\,\\Delta x` from the nearest of the last points. It ends at
    the same modes wherever it begins, so that the value is one of the vector alone.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    method : str
        Which approximation (`laplacian.marginal`).
    """

    def __init__(self, problem: Problem, method: str = FOCEI) -> None:
        self.problem, self.method = problem, method
        self.evaluations = 0
        self._last: list[Marginal] = []

    def __call__(self, vector: Array) -> Marginal:
        """Return the objective at a vector; infinite where a constraint is broken or nothing can be computed."""
        self.evaluations += 1
        point = self.problem.at(vector)
        value = marginal(self.problem, point, self.method, self._begin(point.vector))
        if np.isfinite(value.objective):
            self._last = [value, *self._last[:1]]
        return self.with_priors(value)

    def _begin(self, vector: Array) -> Array | None:
        if not self._last:
            return None
        near = min(self._last, key=lambda m: float(np.abs(m.point.vector - vector).max()))
        step = vector - near.point.vector
        if np.abs(step).max() > _FAR:
            return near.modes.eta
        begin: Array = near.modes.eta + near.drift @ step
        return begin

    def with_priors(self, value: Marginal) -> Marginal:
        """Return the marginal with the priors' −2 log density and its gradient."""
        if not self.problem.population.priors or not np.isfinite(value.objective):
            return value
        population = replace(
            self.problem.population, parameters=value.point.parameters, omega=value.point.omega
        )
        prior = population.prior_density()
        gradient = value.gradient + np.concatenate([prior.parameters, prior.omega])
        return replace(value, objective=value.objective + prior.value, gradient=gradient)

    def trouble(self, vector: Array) -> str:
        """Say which subject cannot be computed at a vector, and why."""
        point = self.problem.at(vector)
        value = marginal(self.problem, point, self.method)
        lost = np.flatnonzero(~np.isfinite(value.individual))
        if not lost.size:
            return ""
        who = self.problem.data.subjects[int(lost[0])]
        more = f" (and {lost.size - 1} more)" if lost.size > 1 else ""
        why = self.problem.advice(int(lost[0]), point, value.modes.eta)
        return f"subject {who!r}{more}: {why or 'the likelihood is zero or not a number'}"
