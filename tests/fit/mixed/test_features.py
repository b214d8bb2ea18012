"""What must hold for every feature: gradients are exact, modes are reproducible, subjects may stand in any order."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.fit.mixed.search.objective import MarginalObjective
from tests.fit.mixed.features import FEATURES, problem

STEP = 2e-4
EXACT = {"FOCEI": 1e-6, "FOCE": 1e-6, "Laplace": 1e-5, "FO": 1e-6}
"""Largest error over the largest slope; Laplace's needs third derivatives, which are differences."""


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("name", FEATURES)
def test_gradients_are_exact(name: str, method: str) -> None:
    """Against fourth-order differences of the objective with its priors, along one or two directions."""
    if method == "FO" and name == "values below a limit":
        pytest.skip("FO holds measured values alone")
    own = problem(name)
    rng = np.random.default_rng(1)
    x = own.start + 0.05 * rng.standard_normal(own.start.size)
    objective = MarginalObjective(own, method)
    exact = objective(x).gradient
    assert np.isfinite(exact).all()
    ways = rng.standard_normal((1 if name == "switches" else 2, x.size))
    for way in ways:
        values = [MarginalObjective(own, method)(x + k * STEP * way).objective for k in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * STEP)
        size = max(1.0, abs(slope), float(np.abs(exact).max()))
        assert abs(float(exact @ way) - slope) < EXACT[method] * size, (float(exact @ way), slope)


@pytest.mark.parametrize("name", FEATURES)
def test_scores_add_up_and_modes_are_modes(name: str) -> None:
    """The gradient is the sum of the subjects'; at a mode no step of random effects lowers a subject's objective."""
    own = problem(name)
    point = own.at(own.start)
    there = marginal(own, point)
    np.testing.assert_allclose(there.scores.sum(axis=0), there.gradient, rtol=1e-10, atol=1e-8)
    assert there.individual.sum() == pytest.approx(there.objective, rel=1e-12)
    assert (there.modes.status == 0).all()
    slope = there.modes.at.gradient @ (own.shifts.effects @ point.root) + 2 * there.modes.at.white
    assert np.abs(slope).max() < 1e-5


@pytest.mark.parametrize("name", FEATURES)
def test_the_drift_is_how_modes_move(name: str) -> None:
    own = problem(name)
    rng = np.random.default_rng(2)
    there = marginal(own, own.at(own.start))
    way = rng.standard_normal(own.start.size)
    up, down = (marginal(own, own.at(own.start + s * 1e-4 * way)).modes.eta for s in (1, -1))
    found = (up - down) / 2e-4
    np.testing.assert_allclose(there.drift @ way, found, atol=1e-5 * max(1.0, float(np.abs(found).max())))
