"""The EM by importance sampling: it ends at the maximum, whatever is fixed, and says how far from it draws leave it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pkpd.errors import InputError
from pkpd.fit.mixed.em.control import controlled_shares
from pkpd.fit.mixed.em.importance_em import CONVERGED, EMSettings, importance_em
from pkpd.fit.mixed.em.omega_step import best_omega
from pkpd.fit.mixed.marginal.bounded import bounded_move, learned
from pkpd.fit.mixed.marginal.draws import weighted_draws
from pkpd.fit.mixed.marginal.integral import frame_of
from pkpd.fit.mixed.marginal.quadrature import quadrature, quadrature_marginal
from pkpd.fit.mixed.modes.modes import conditional_modes
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.population import NormalPrior, Omega, block

from .integral_cases import linear, phenobarbital, theophylline, theophylline_study

QUICK = EMSettings(final=0)


def fall(problem: Problem, vector: np.ndarray, nodes: int = 7) -> float:
    """How far the exact objective could still fall."""
    found = quadrature_marginal(problem, problem.at(vector), nodes)
    return bounded_move(found.gradient, found.information, 1.0)[1]


def test_theophylline_from_afar(reference: Path) -> None:
    """Fixed effects × or ÷ 3, variances × or ÷ 5: within 0.01 of 118.1010, and its own error covers it."""
    problem = theophylline(reference)
    away = np.array([1, -1, 1, 1, -0.5, 0.5, -0.5]) * np.array([np.log(3)] * 4 + [np.log(5)] * 3)
    run = importance_em(problem, problem.start + away, EMSettings(final=500), seed=3)
    assert run.status == CONVERGED
    exact = quadrature(problem, problem.at(run.vector), run.modes, 15).objective
    assert exact == pytest.approx(118.1009, abs=0.002)
    assert run.excess < 0.002
    assert run.likelihood is not None
    assert run.likelihood.objective == pytest.approx(118.1009, abs=4 * run.likelihood.error)
    assert (np.linalg.eigvalsh(run.monte_carlo) > -1e-12).all()
    again = importance_em(problem, problem.start + away, QUICK, seed=3)
    np.testing.assert_array_equal(again.vector, run.vector)


def test_sparse_data_and_a_correlation_of_one(reference: Path) -> None:
    """Phenobarbital: 687.9168 by 25 nodes at the minimum of 9 (a search with exact gradients, our own)."""
    problem = phenobarbital(reference)
    away = np.array([0.9, -0.6, 0.5, -0.5, 0.0, 0.5])
    run = importance_em(problem, problem.start + away, QUICK)
    assert run.status == CONVERGED
    assert quadrature(problem, problem.at(run.vector), run.modes, 15).objective == pytest.approx(687.9168, abs=0.01)


def test_fixed_elements_and_effects_without_variance(reference: Path) -> None:
    """V has no random effect, ω of CL is fixed, so is ka: what is fixed stays exactly, the rest is at the minimum."""
    omega = (Omega.independent(ka=0.6) + Omega.independent(CL=0.25)).fix(CL=0.0625)
    problem = theophylline(reference, omega)
    population = replace(problem.population, parameters=problem.population.parameters.fix("ka"))
    problem = replace(problem, population=population)
    problem = _again(problem)
    run = importance_em(problem, problem.start + np.array([0.4, -0.3, 0.3, 0.5]), QUICK)
    assert run.status == CONVERGED
    point = problem.at(run.vector)
    assert point.parameters["ka"] == population.parameters["ka"]
    assert point.omega.matrix()[1, 1] == 0.0625
    assert fall(problem, run.vector) < 0.01


def _again(problem: Problem) -> Problem:
    from pkpd.fit.mixed.problem.shifts import shifts_of

    shifts = shifts_of(problem.population, problem.data, 1)
    return replace(problem, shifts=shifts, data=replace(problem.data, model=shifts.model))


def test_the_step_of_the_em_alone_gets_there(reference: Path) -> None:
    """Without acceleration, on data that know the random effects well."""
    problem = theophylline(reference)
    settings = EMSettings(final=0, accelerated=False)
    run = importance_em(problem, problem.start + np.array([0.5, -0.5, 0.3, 0.5, 0.5, -0.5, 0.5]), settings)
    assert run.status == CONVERGED
    assert fall(problem, run.vector) < 0.01


def test_constraints_hold_on_the_way(reference: Path) -> None:
    """A start at the border of ka > CL/V stays on its side."""
    problem = theophylline(reference)
    problem = replace(problem, population=replace(problem.population, constraints=("ka > CL/V",)))
    start = problem.start.copy()
    start[:3] = np.log([0.25, 3.0, 15.0])
    run = importance_em(problem, start, QUICK)
    for vector in run.vectors:
        ka, cl, v = np.exp(vector[:3])
        assert ka > cl / v
    assert quadrature(problem, problem.at(run.vector), run.modes, 9).objective == pytest.approx(118.102, abs=0.01)


def test_order_and_names_of_subjects_change_nothing(reference: Path) -> None:
    """The same estimates to 1e-6."""
    order = np.arange(12)[::-1]
    known = theophylline(reference)
    moved = theophylline(reference, study=theophylline_study(reference, order, renamed=True))
    first, second = (importance_em(p, settings=QUICK) for p in (known, moved))
    np.testing.assert_allclose(second.vector, first.vector, atol=1e-6)


def test_control_is_exact_where_the_density_is_normal() -> None:
    """Means and second moments of the linear model come out to rounding, from 32 draws."""
    problem = linear()
    point = problem.at(problem.start)
    frame = frame_of(problem, point, conditional_modes(problem, point))
    drawn = weighted_draws(problem, point, frame, 6, 1, 1, True)
    exact = quadrature(problem, point, nodes=3)
    assert np.abs(drawn.mean - exact.mean).max() > 1e-4
    better = replace(drawn, share=controlled_shares(drawn, frame, point, problem.shifts.effects))
    np.testing.assert_allclose(better.mean, exact.mean, atol=1e-8)
    square = exact.covariance + exact.mean[:, :, None] * exact.mean[:, None, :]
    np.testing.assert_allclose(better.square, square, atol=1e-7)


def moments(size: int, seed: int = 2) -> np.ndarray:
    """Second moments of some effects."""
    x = np.random.default_rng(seed).standard_normal((9, size)) * np.arange(1, size + 1)
    return x.T @ x / 9


def test_omega_of_plain_patterns() -> None:
    """A full block is the moments themselves, a diagonal theirs, occasions and copies their mean."""
    s = moments(4)
    full = block("a", "b", omega=[[1, 0.1], [0.1, 1]]) + Omega.independent(c=1.0, d=1.0)
    found = full.from_vector(best_omega(full, s, np.arange(4), 1)).matrix()
    np.testing.assert_allclose(found[:2, :2], s[:2, :2], atol=1e-10)
    np.testing.assert_allclose(found[2:, 2:], np.diag(np.diag(s)[2:]), atol=1e-10)
    often = Omega.independent(a=1.0) + Omega.independent(a=0.5).at_occasion()
    found = often.from_vector(best_omega(often, s, np.arange(4), 3)).matrix(3)
    np.testing.assert_allclose(np.diag(found), [s[0, 0], *[np.diag(s)[1:].mean()] * 3], atol=1e-10)


@pytest.mark.parametrize("fixed", [("a",), (("a", "c"),), ("a", ("a", "c"))])
def test_omega_with_fixed_elements(fixed: tuple[str | tuple[str, str], ...]) -> None:
    """No other matrix of the pattern fits better; what is fixed is untouched."""
    start = np.array([[1.0, 0.2, 0.0], [0.2, 2.0, 0.3], [0.0, 0.3, 3.0]])
    omega = block("a", "b", "c", omega=start).fix(*fixed)
    s = moments(3)

    def misfit(vector: np.ndarray) -> float:
        matrix = omega.from_vector(vector).matrix()
        return float(np.linalg.slogdet(matrix)[1] + np.trace(np.linalg.solve(matrix, s)))

    best = best_omega(omega, s, np.arange(3), 1)
    matrix = omega.from_vector(best).matrix()
    np.testing.assert_array_equal(matrix[omega.blocks[0].fixed], start[omega.blocks[0].fixed])
    for step in 1e-4 * np.vstack([np.eye(len(best)), -np.eye(len(best))]):
        assert misfit(best + step) > misfit(best)


def test_curvature_is_learned_and_moves_are_bounded() -> None:
    """BFGS satisfies the secant condition; a flat direction does not carry the move away."""
    b = learned(np.eye(2), np.array([1.0, 0.0]), np.array([3.0, 1.0]))
    np.testing.assert_allclose(b @ [1.0, 0.0], [3.0, 1.0])
    assert (np.linalg.eigvalsh(learned(np.eye(2), np.array([1.0, 0.0]), np.array([-3.0, 0.0]))) > 0).all()
    move, gain = bounded_move(np.array([2.0, 1e-3]), np.diag([4.0, 0.0]), 1.0)
    assert np.linalg.norm(move) == pytest.approx(1.0)
    assert move[0] == pytest.approx(-0.5, rel=0.01)
    assert 0.49 < gain < 0.51


def test_what_it_does_not_know_is_refused(reference: Path) -> None:
    """Priors."""
    problem = theophylline(reference)
    prior = NormalPrior({"CL": 1.0}, {"CL": 0.1})
    problem = replace(problem, population=replace(problem.population, priors=(prior,)))
    with pytest.raises(InputError, match="priors"):
        importance_em(problem)
