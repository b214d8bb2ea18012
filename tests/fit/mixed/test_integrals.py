"""Integrals over random effects where rows are censored, conditioned, coupled, or have random effects of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pkpd.fit.mixed.em.importance_em import CONVERGED, EMSettings, importance_em
from pkpd.fit.mixed.marginal.bounded import bounded_move
from pkpd.fit.mixed.marginal.importance import importance_sampling
from pkpd.fit.mixed.marginal.laplacian import LAPLACE, marginal
from pkpd.fit.mixed.marginal.quadrature import quadrature, quadrature_marginal
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.population import Omega
from tests.fit.mixed import test_censoring, test_pairs, test_spreads

from .integral_cases import censored, theophylline, with_occasions

CASES: dict[str, Callable[[], Problem]] = {
    "below a limit, conditioned": lambda: test_censoring.problem("combined", "M2"),
    "given positive": lambda: test_censoring.problem("additive", "M4"),
    "coupled": lambda: test_pairs.usual("plain"),
    "coupled on the log scale": lambda: test_pairs.usual("log"),
    "SDs differ": lambda: test_spreads.problem("combined", "noise", "M3", 4.5),
}


@pytest.mark.parametrize("case", CASES)
def test_one_node_is_laplace_and_the_gradient_is_exact(case: str) -> None:
    """Whatever the rows are; with three nodes along two random directions."""
    problem = CASES[case]()
    point = problem.at(problem.start)
    laplace = marginal(problem, point, LAPLACE)
    one = quadrature_marginal(problem, point, 1)
    assert one.objective == pytest.approx(laplace.objective, abs=1e-7)
    np.testing.assert_allclose(one.gradient, laplace.gradient, atol=1e-5 * np.abs(laplace.gradient).max())
    found = quadrature_marginal(problem, point, 3)
    for way in np.random.default_rng(5).normal(size=(2, len(problem.start))) * 1e-4:
        up, down = (quadrature_marginal(problem, problem.at(problem.start + s * way), 3).objective for s in (1, -1))
        assert found.gradient @ way == pytest.approx((up - down) / 2, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_draws_agree_with_nodes(case: str) -> None:
    """Two ways to the same integral."""
    problem = CASES[case]()
    point = problem.at(problem.start)
    nodes = quadrature(problem, point, nodes=9 if len(problem.effects) < 4 else 7)
    draws = importance_sampling(problem, point)
    assert draws.objective == pytest.approx(nodes.objective, abs=4 * draws.error + 0.01)
    np.testing.assert_allclose(draws.mean, nodes.mean, atol=0.1)


def test_published_points(reference: Path) -> None:
    """FeRx's anchors: occasions by FOCEI 308.830469, censored by Laplace −216.787544; the integrals beside them."""
    occasions, below = with_occasions(reference), censored(reference)
    there = marginal(occasions, occasions.at(occasions.start))
    assert there.objective == pytest.approx(308.830469, abs=1e-5)
    draws = importance_sampling(occasions, there.point, there.modes)
    assert draws.objective == pytest.approx(310.0775, abs=4 * draws.error)  # by 7 nodes an effect, our own
    one = quadrature(below, below.at(below.start), nodes=1)
    assert one.objective == pytest.approx(-216.787544, abs=1e-5)


def test_em_with_occasions(reference: Path) -> None:
    """The variance between occasions stays above 0, and nothing is left to fall by quadrature."""
    problem = with_occasions(reference)
    run = importance_em(problem, problem.start + 0.3, EMSettings(final=0))
    assert run.status == CONVERGED
    exact = quadrature_marginal(problem, problem.at(run.vector), 3, modes=run.modes)
    assert bounded_move(exact.gradient, exact.information, 1.0)[1] < 0.05
    assert 0.02 < np.exp(2 * run.vector[-1]) < 0.06


def test_a_variance_of_almost_nothing(reference: Path) -> None:
    """ω² of ka at 1e-16: the integral is that without its random effect."""
    tiny = theophylline(reference, Omega.independent(CL=0.26, V=0.14, ka=1e-8))
    none = theophylline(reference, Omega.independent(CL=0.26, V=0.14))
    found, expected = (quadrature(p, p.at(p.start)) for p in (tiny, none))
    assert found.objective == pytest.approx(expected.objective, abs=1e-6)
    draws = importance_sampling(tiny, tiny.at(tiny.start), draws=256)
    assert draws.objective == pytest.approx(expected.objective, abs=4 * draws.error)
