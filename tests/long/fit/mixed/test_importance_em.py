"""The EM by importance sampling from twenty seeds and starts: within 0.1 of the exact maximum, covered by its error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pkpd.fit.mixed.em.importance_em import CONVERGED, EMSettings, importance_em
from pkpd.fit.mixed.marginal.quadrature import quadrature
from pkpd.fit.mixed.problem.problem import Problem
from tests.fit.mixed.integral_cases import phenobarbital, theophylline, warfarin

BEST = {theophylline: 118.1010, warfarin: 424.9949, phenobarbital: 687.9169}
"""Maxima by 21 nodes an effect, ours; that of theophylline also stands in targets.json (15 nodes: 118.1009)."""


@pytest.mark.parametrize("case", BEST)
def test_twenty_seeds(reference: Path, case: Callable[[Path], Problem]) -> None:
    """Each fixed effect × or ÷ up to 3, each variance × or ÷ up to 5."""
    problem, best = case(reference), BEST[case]
    first = problem.places.parameters
    variance = np.array(["cov" not in name for name in problem.names[first:]])
    ended, scaled = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed + 100)
        start = problem.start.copy()
        start[:first] += rng.uniform(-1, 1, first) * np.log(3)
        start[first:] += rng.uniform(-0.5, 0.5, len(start) - first) * np.log(5) * variance
        run = importance_em(problem, start, EMSettings(), seed)
        above = quadrature(problem, problem.at(run.vector), run.modes, 15).objective - best
        assert run.likelihood is not None
        assert -0.01 < above < 0.1
        ended.append(run.status == CONVERGED)
        scaled.append((run.likelihood.objective - best) / run.likelihood.error)
    assert sum(ended) >= 18
    assert np.abs(scaled).max() < 4.5
    assert np.mean(np.abs(scaled) < 2.5) >= 0.85
