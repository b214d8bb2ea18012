"""The Hessian by gradients without searches for modes equals the one by searches, for every method that has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pkpd.fit.mixed.marginal.laplacian import FO, FOCE, FOCEI, LAPLACE
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.search.curvature import differenced_hessian
from pkpd.fit.mixed.search.objective import Evaluated, MarginalObjective
from pkpd.fit.search import Remembered
from pkpd.fit.search import differenced_hessian as with_searches
from pkpd.population import NormalPrior
from tests.fit.mixed.cases import theophylline, warfarin
from tests.fit.mixed.recovery import design, studies


def both(problem: Problem, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Return both Hessians away from the optimum, in units of the diagonal."""
    remembered: Remembered[Evaluated] = Remembered(MarginalObjective(problem, method))
    x = problem.start + 0.05
    found, expected = differenced_hessian(remembered, x), with_searches(remembered, x)
    size = np.sqrt(np.abs(np.diag(expected)))
    return found / np.outer(size, size), expected / np.outer(size, size)


@pytest.mark.parametrize("method", [FOCEI, FOCE, LAPLACE, FO])
def test_measured_rows(reference: Path, method: str) -> None:
    found, expected = both(warfarin(reference).problem, method)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", [FOCEI, FOCE, LAPLACE])
def test_censored_rows(method: str) -> None:
    found, expected = both(problem_of(design("BLQ").truth, studies("BLQ", 1)[0]), method)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_priors(reference: Path) -> None:
    case = theophylline(reference)
    prior = NormalPrior({"CL": 3.0}, {"CL": 0.1})
    with_prior = replace(case, population=replace(case.population, priors=(prior,)))
    found, expected = both(with_prior.problem, FOCEI)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert not np.allclose(found, both(case.problem, FOCEI)[0], atol=1e-2)


def test_it_solves_the_subjects_once_a_gradient(reference: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = theophylline(reference).problem
    remembered: Remembered[Evaluated] = Remembered(MarginalObjective(problem))
    remembered(problem.start)
    solved = []
    respond = Problem.respond
    monkeypatch.setattr(Problem, "respond", lambda self, *a, **k: (solved.append(1), respond(self, *a, **k))[1])
    differenced_hessian(remembered, problem.start)
    assert len(solved) == 2 * len(problem.names)
