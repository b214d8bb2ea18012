"""A limit that is met exactly is met; the Tobit likelihood has the slope that it says it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.stats import norm

from pkpd.nca import nca
from pkpd.nca.kernel import tobit
from pkpd.study import Study
from tests.nca.nca_studies import make_study

UNITS = {"time": "h", "C": "mg/L", "dose": "mg"}


def halving(count: int = 7) -> Study:
    """16, 8, 4 … mg/L every hour after a bolus, so that everything is exact in floating point."""
    samples = [
        {"subject": 1, "time": float(k), "value": 16.0 / 2.0**k, "mark": "post" if k == 0 else ""} for k in range(count)
    ]
    return make_study(samples, [{"subject": 1, "time": 0.0, "amount": 100.0}], units=UNITS)


@pytest.mark.parametrize(
    ("rule", "parameter", "least"),
    [("accept_points", "lambda_z_points", True), ("accept_span", "lambda_z_span", True),
     ("accept_r2_adjusted", "lambda_z_r2_adjusted", True), ("accept_extrapolated", "auc_extrapolated_obs", False)],
)  # fmt: skip
def test_a_limit_that_is_met_exactly_is_met(rule: str, parameter: str, least: bool) -> None:
    value = nca(halving(), "C")[parameter].item()
    for limit, accepted in ((value, True), (value * 0.9, least), (value * 1.1, not least)):
        choice: dict[str, Any] = {rule: limit}
        found = nca(halving(), "C", **choice)
        assert bool(found["accepted"].item()) is accepted, limit
        assert (found["flags"].item() == "") is accepted


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=4, max_size=8), st.integers(1, 3),
    st.tuples(st.floats(-1, 1), st.floats(-2, 0.5), st.floats(-1, 0.5)),
)  # fmt: skip
def test_tobit_likelihood_and_its_gradient(y: list[float], censored: int, at: tuple[float, float, float]) -> None:
    """Value from `scipy.stats.norm` (density measured, distribution function below), gradient by differences."""
    x, values = np.linspace(-0.5, 0.5, len(y)), np.array(y)
    below = np.arange(len(y)) >= len(y) - censored
    p = np.array(at)
    mean, sd = p[0] + p[1] * x, np.exp(p[2])
    logs = np.where(below, norm.logcdf(values, mean, sd), norm.logpdf(values, mean, sd))
    value, gradient = tobit._objective(p, x, values, below)
    seen = int((~below).sum())
    assert value == pytest.approx(-logs.sum() - 0.5 * seen * np.log(2 * np.pi), rel=1e-9, abs=1e-9)
    numeric = approx_fprime(p, lambda q: tobit._objective(q, x, values, below)[0], 1e-6)
    np.testing.assert_allclose(gradient, numeric, rtol=2e-4, atol=2e-4 * max(1.0, float(np.abs(gradient).max())))
