"""SAEM from twenty seeds: within 0.1 of the maximum of the marginal likelihood by quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pkpd.fit.mixed.em.saem import saem
from pkpd.fit.mixed.marginal.quadrature import quadrature
from pkpd.fit.mixed.problem.problem import Problem
from tests.fit.mixed.integral_cases import phenobarbital, theophylline, warfarin, with_occasions


@pytest.mark.parametrize(
    ("case", "best", "nodes"), [(theophylline, 118.1009, 9), (warfarin, 425.0612, 7), (phenobarbital, 687.9168, 15)]
)
def test_twenty_seeds(reference: Path, case: Callable[[Path], Problem], best: float, nodes: int) -> None:
    """From fixed effects × or ÷ 2 and variances × or ÷ 3, at random, inside ka > CL/V."""
    problem = case(reference)
    if "ka" in problem.names:
        problem = replace(problem, population=replace(problem.population, constraints=("ka > CL/V",)))
    rng, free = np.random.default_rng(1), problem.places.parameters
    found = []
    for seed in range(1, 21):
        away = rng.choice([-1.0, 1.0], len(problem.start))
        away[:free] *= np.log(2)
        away[free:] *= 0.5 * np.log(3) * np.array([n.startswith("var") for n in problem.names[free:]])
        run = saem(problem, problem.start + away, seed=seed)
        found.append(quadrature(problem, run.point, nodes=nodes).objective - best)
    assert np.max(found) < 0.1, np.round(found, 3)


def test_additive_part_of_a_combined_error_stays(reference: Path) -> None:
    """Warfarin, combined error (no closed form): 425.0612 by 7 nodes; neither part collapses (pitfall 4)."""
    problem = warfarin(reference)
    away = np.zeros(len(problem.start))
    away[[problem.names.index("add_C"), problem.names.index("prop_C")]] = [-1.0, 0.5]
    run = saem(problem, problem.start + away, seed=2)
    assert quadrature(problem, run.point, nodes=7).objective == pytest.approx(425.0612, abs=0.1)
    assert run.point.parameters["add_C"] == pytest.approx(0.7211, rel=0.05)


def test_occasions_end_at_the_maximum(reference: Path) -> None:
    """Variability between occasions has a statistic of its own and does not go to zero (pitfall 9)."""
    problem = with_occasions(reference)
    start = problem.start.copy()
    start[problem.names.index("var(kappa_CL)")] -= 0.7
    run = saem(problem, start, seed=5)
    assert run.converged
    assert quadrature(problem, run.point, nodes=5).objective == pytest.approx(310.0752, abs=0.1)
    assert run.trace.values[-1, problem.names.index("var(kappa_CL)")] == pytest.approx(0.0355, abs=0.006)
