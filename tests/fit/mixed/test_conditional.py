"""Conditional distributions against quadrature, and samples against the means and SDs that they are drawn for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pkpd.errors import InputError
from pkpd.fit.mixed.marginal.quadrature import quadrature
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.verb import fit_population
from tests.fit.mixed.cases import theophylline


def test_means_sds_and_samples_are_those_of_the_conditional_distribution(reference: Path) -> None:
    case = theophylline(reference)
    fit = fit_population(case.population, case.study, options=PopulationOptions(starts=0))
    assert fit.estimate is not None
    exact = quadrature(fit.estimate.problem, fit.estimate.point, fit.estimate.marginal.modes, 11)
    found = fit.conditional(samples=400, seed=3)
    np.testing.assert_allclose(found["mean"], exact.mean, atol=0.05 * exact.sd.max())
    np.testing.assert_allclose(found["sd"], exact.sd, rtol=0.08)
    assert not np.allclose(found["mode"], found["mean"], atol=1e-3)  # the distributions are not symmetric
    assert found["samples"].shape == (400, 12, 3)
    away = (found["samples"].mean("sample") - found["mean"]) / found["sd"]
    assert float(np.abs(away).max()) < 0.2
    np.testing.assert_allclose(found["samples"].std("sample"), found["sd"], rtol=0.2)
    assert float(found["pareto"].max()) < 0.7
    again = fit.conditional(samples=400, seed=3)
    np.testing.assert_array_equal(found["samples"], again["samples"])
    with pytest.raises(InputError, match="samples is -1"):
        fit.conditional(samples=-1)
