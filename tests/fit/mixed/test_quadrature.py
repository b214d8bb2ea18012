"""Adaptive quadrature: closed forms, Laplace as one node, the published maximum, and its own gradient."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pkpd.fit.mixed.marginal import copies, integral
from pkpd.fit.mixed.marginal.bounded import bounded_move
from pkpd.fit.mixed.marginal.laplacian import LAPLACE, marginal
from pkpd.fit.mixed.marginal.quadrature import grid, quadrature, quadrature_marginal
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.population import Omega, block

from .integral_cases import linear, phenobarbital, theophylline, unsolvable

BEST = {"ka": 1.58274, "CL": 2.75008, "V": 31.6203, "add_C": 0.69589}
BEST_OMEGA = {"ka": 0.4047**0.5, "CL": 0.07031**0.5, "V": 0.01848**0.5}
"""Theophylline, maximum of the marginal likelihood by 15 nodes (figures/estimation/targets.json)."""


def differences(problem: Problem, nodes: int, step: float = 1e-4) -> np.ndarray:
    """The gradient by central differences."""
    start = problem.start
    return np.array([
        (quadrature_marginal(problem, problem.at(start + h), nodes).objective
         - quadrature_marginal(problem, problem.at(start - h), nodes).objective) / (2 * step)
        for h in np.eye(len(start)) * step
    ])  # fmt: skip


def closed_form(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """−2 log L of every subject of the linear model, its conditional means and covariances, by the normal vector."""
    values = problem.population.parameters.as_dict()
    omega, data, parts = problem.population.omega.matrix(), problem.data, []
    for who in range(problem.subjects):
        mine = data.subject == who
        x = np.column_stack([np.ones(mine.sum()), data.time[mine]])
        y = data.lower[mine] - x @ [values["a"], values["b"]]
        v = x @ omega @ x.T + values["add_C"] ** 2 * np.eye(mine.sum())
        gain = omega @ x.T @ np.linalg.inv(v)
        objective = y @ np.linalg.solve(v, y) + np.linalg.slogdet(v)[1]
        parts.append((objective, gain @ y, omega - gain @ x @ omega))
    return tuple(np.array(part) for part in zip(*parts, strict=True))


def test_grid_integrates_polynomials() -> None:
    """Five nodes know every moment up to the ninth, in any dimension; what is left out hardly weighs."""
    z, weights = grid(5, 3)
    assert z.shape == (125, 3)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert weights @ z[:, 0] ** 8 == pytest.approx(105.0, rel=1e-12)
    assert weights @ (z[:, 0] ** 2 * z[:, 1] ** 4 * z[:, 2] ** 2) == pytest.approx(3.0, rel=1e-12)
    z, weights = grid(15, 3, 1e-9)
    assert 500 < len(z) < 15**3
    assert weights @ z[:, 2] ** 4 == pytest.approx(3.0, rel=1e-4)
    assert grid(5, 0)[0].shape == (1, 0)


@pytest.mark.parametrize("nodes", [1, 4])
def test_linear_model_is_exact(nodes: int) -> None:
    """Where the joint density is normal, any number of nodes gives the closed form, means and covariances too."""
    problem = linear()
    found = quadrature(problem, problem.at(problem.start), nodes=nodes)
    objective, mean, covariance = closed_form(problem)
    np.testing.assert_allclose(found.individual, objective, rtol=1e-10)
    np.testing.assert_allclose(found.mean, mean, atol=1e-8)
    if nodes > 1:
        np.testing.assert_allclose(found.covariance, covariance, atol=1e-8)


def test_one_node_is_laplace(reference: Path) -> None:
    """The objective and its gradient."""
    problem = theophylline(reference)
    one, laplace = (
        quadrature_marginal(problem, problem.at(problem.start), 1),
        marginal(problem, problem.at(problem.start), LAPLACE),
    )
    assert one.objective == pytest.approx(laplace.objective, abs=1e-9)
    np.testing.assert_allclose(one.scores, laplace.scores, atol=1e-5)


def test_published_maximum(reference: Path) -> None:
    """118.1009 at the printed estimates, which leave nothing to gain."""
    problem = theophylline(reference, Omega.independent(**BEST_OMEGA), **BEST)
    best = quadrature_marginal(problem, problem.at(problem.start), 15)
    assert best.objective == pytest.approx(118.1009, abs=1e-3)
    assert bounded_move(best.gradient, best.information, 1.0)[1] < 1e-3
    again = quadrature(problem, problem.at(problem.start), best.modes, 15)
    assert again.objective == pytest.approx(best.objective, abs=1e-9)


@pytest.mark.parametrize("doubtful", [(), (0, 2), (0, 1, 2)])
def test_gradient_is_that_of_the_sum(
    reference: Path, monkeypatch: pytest.MonkeyPatch, doubtful: tuple[int, ...]
) -> None:
    """Nodes move with mode and curvature; also where the expected one or the prior's stands in for the exact one."""
    omega = block("ka", "CL", omega=[[0.4, 0.05], [0.05, 0.07]]) + Omega.independent(V=0.13)
    problem = theophylline(reference, omega, kind="combined", prop_C=0.1, add_C=0.3)
    calls = iter(range(10**6))

    def sound(matrices: np.ndarray) -> np.ndarray:  # asked first about the exact ones, then about the expected ones
        place = np.arange(len(matrices)) % 3
        return np.isin(place, doubtful[: 2 - next(calls) % 2], invert=True)

    monkeypatch.setattr(integral, "_positive", sound)
    gradient = quadrature_marginal(problem, problem.at(problem.start), 3).gradient
    np.testing.assert_allclose(gradient, differences(problem, 3), atol=2e-5, rtol=1e-6)


def test_a_parameter_without_a_random_effect(reference: Path) -> None:
    """Its gradient comes through the nodes as well."""
    problem = theophylline(reference, Omega.independent(ka=0.6, CL=0.26))
    gradient = quadrature_marginal(problem, problem.at(problem.start), 4).gradient
    np.testing.assert_allclose(gradient, differences(problem, 4), atol=2e-5, rtol=1e-6)


def test_pieces_change_nothing(reference: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few places fit into the memory at once."""
    problem = phenobarbital(reference)
    whole = quadrature(problem, problem.at(problem.start))
    monkeypatch.setattr(copies, "MOST_NUMBERS", 2000)
    few = quadrature(problem, problem.at(problem.start))
    np.testing.assert_allclose(few.individual, whole.individual, atol=1e-10)
    assert few.evaluations == whole.evaluations == 25


def test_what_cannot_be_solved_is_said() -> None:
    """A subject without a prediction is NaN with a reason, and so is the whole; the search sees infinity."""
    problem = unsolvable()
    found = quadrature(problem, problem.at(problem.start))
    assert np.isnan(found.objective)
    assert np.isnan(found.individual).tolist() == [text != "" for text in found.reasons]
    assert "could not be solved" in found.reasons[0]
    assert quadrature_marginal(problem, problem.at(problem.start)).objective == np.inf


def test_copies_stand_side_by_side(reference: Path) -> None:
    """Rows, records, doses and covariates of every copy are those of its subject."""
    data = phenobarbital(reference).data
    many = copies.repeated(data, 3)
    edges = np.searchsorted(data.subject, np.arange(len(data.subjects) + 1))
    for k in (0, 7, len(data.subjects) - 1):
        own = slice(edges[k], edges[k + 1])
        for copy in range(3):
            mine = many.subject == 3 * k + copy
            np.testing.assert_array_equal(many.lower[mine], data.lower[own])
            np.testing.assert_array_equal(many.times[3 * k + copy], data.times[k])
    assert len(set(many.record)) == 3 * len(set(data.record))
    assert replace(data).doses[7] == many.doses[22]
