"""A search and a verdict take any problem: one with an information matrix, and one that has its gradient alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from pkpd import data, library
from pkpd.fit.likelihood import Evaluation, Likelihood
from pkpd.fit.search import minimise
from pkpd.fit.verdict import BOUND, CONVERGED, FAILED, judge
from pkpd.parameters import Parameter, Parameters
from tests.fit.fit_cases import likelihood_of


@dataclass(frozen=True, eq=False)
class Point:
    objective: float
    gradient: np.ndarray
    information: np.ndarray | None = None


class Rosenbrock:
    """100 (y − x²)² + (1 − x)², with its gradient and nothing else; it cannot be computed for x < −2."""

    def __call__(self, vector: np.ndarray, /) -> Point:
        x, y = vector
        if x < -2:
            return Point(np.inf, np.zeros(2))
        gradient = np.array([-400 * x * (y - x**2) - 2 * (1 - x), 200 * (y - x**2)])
        return Point(100 * (y - x**2) ** 2 + (1 - x) ** 2, gradient)

    def trouble(self, vector: np.ndarray, /) -> str:
        return "x is below −2" if vector[0] < -2 else ""


@pytest.mark.parametrize("start", [[-1.2, 1.0], [3.0, -3.0], [-1.9, 4.0]])
def test_a_problem_without_information(start: list[float]) -> None:
    minimum = minimise(Rosenbrock(), np.array(start))
    np.testing.assert_allclose(minimum.vector, 1.0, atol=1e-5)
    np.testing.assert_allclose(minimum.hessian, [[802, -400], [-400, 200]], rtol=1e-3)
    assert minimum.decrement < 1e-4
    assert minimum.evaluations < 200
    parameters = Parameters((Parameter("x", 1.0, lower=-np.inf), Parameter("y", 1.0, lower=-np.inf)))
    verdict = judge(Rosenbrock(), minimum, parameters, lambda covariance: covariance)
    assert verdict.status in (CONVERGED, "not identified")  # condition number 2500 of the Hessian


def test_where_it_cannot_be_computed_the_problem_says_why() -> None:
    minimum = minimise(Rosenbrock(), np.array([-3.0, 0.0]))
    parameters = Parameters((Parameter("x", -3.0, lower=-np.inf), Parameter("y", 0.0, lower=-np.inf)))
    verdict = judge(Rosenbrock(), minimum, parameters, lambda covariance: covariance)
    assert verdict.status == FAILED
    assert "x is below −2" in verdict.message


@dataclass(frozen=True, eq=False)
class Uninformed:
    """A likelihood whose information matrix is kept secret."""

    inside: Likelihood

    def __call__(self, vector: np.ndarray, /) -> Evaluation:
        secret: dict[str, Any] = {"information": None}
        return replace(self.inside(vector), **secret)

    def trouble(self, vector: np.ndarray, /) -> str:
        return self.inside.trouble(vector)


def test_a_likelihood_without_information_ends_at_the_same_place() -> None:
    model = library.one_compartment(absorption=True)
    study = data.theophylline()
    values = model.parameters.with_values(ka=1.5, CL=0.04, V=0.5) + Parameters((Parameter("add_C", 2.0),))
    known = likelihood_of(model, study, values, {"C": "additive"})
    a, b = (minimise(each, known.parameters.to_vector()) for each in (known, Uninformed(known)))
    assert b.value.objective == pytest.approx(a.value.objective, abs=1e-8)
    np.testing.assert_allclose(b.vector, a.vector, atol=1e-5)
    np.testing.assert_allclose(b.hessian, a.hessian, rtol=1e-3, atol=1e-3 * np.abs(a.hessian).max())


def test_a_flat_bound_is_seen_without_information() -> None:
    """exp(x) pushes to zero: the parameter is on its bound."""

    class Slope(Rosenbrock):
        def __call__(self, vector: np.ndarray, /) -> Point:
            size = np.exp(np.clip(vector, -700, 700))
            return Point(float(1e-3 * size[0]), 1e-3 * size)

    minimum = minimise(Slope(), np.array([0.0]))
    parameters = Parameters((Parameter("k", float(np.exp(minimum.vector[0]))),))
    assert judge(Slope(), minimum, parameters, lambda covariance: covariance).status == BOUND
