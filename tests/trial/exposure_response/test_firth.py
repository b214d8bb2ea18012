"""Firth's penalty: R's logistf on public data, a closed form, separation, and what the profile means.

Numbers of sex2: R's logistf (Heinze & Schemper), as in the tests of github.com/jzluo/firthlogist, and
/work/shared/reference/figures/trial/numbers.json.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.optimize import minimize, minimize_scalar

from pkpd import InputError
from pkpd.errors import DataWarning, FitWarning
from pkpd.trial import logistic
from pkpd.trial.exposure_response.separation import separated
from tests.trial.exposure_response.published import sex2

NAMES = ["age", "oc", "vic", "vicl", "vis", "dia"]


def test_sex2_by_logistf() -> None:
    with pytest.warns(FitWarning, match="tell the responses apart"):
        fit = logistic(sex2(), "case", NAMES)
    theirs = [0.12025405, -1.10598131, -0.06881673, 2.26887464, -2.11140817, -0.78831694, 3.09601166]
    np.testing.assert_allclose(fit.estimates, theirs, rtol=2e-6)
    np.testing.assert_allclose(fit.log_likelihood, -132.5394, atol=5e-5)
    np.testing.assert_allclose(
        fit.low, [-0.8185591, -1.9737884, -0.9414363, 1.2730216, -3.2608611, -1.6080879, 0.7745682], rtol=1e-6
    )
    np.testing.assert_allclose(
        fit.high, [1.07315122, -0.30742514, 0.78920202, 3.43543273, -1.11773495, 0.01518468, 8.03029352], rtol=2e-6
    )
    assert (fit.patients, fit.events, fit.separates) == (239, 130, True)
    assert "Firth" in fit.summary()


@pytest.mark.filterwarnings("ignore::pkpd.errors.FitWarning")
def test_two_by_two_adds_half_a_count_per_cell() -> None:
    fit = logistic({"response": [0] * 10 + [1] * 5 + [0] * 6, "arm": ["a"] * 10 + ["b"] * 11}, "response", ["arm"])
    np.testing.assert_allclose(fit.estimates[1], math.log((5.5 / 6.5) / (0.5 / 10.5)), rtol=1e-7)
    assert fit.names == ("intercept", "arm: b")


def test_penalised_maximum_by_another_search() -> None:
    x, y = np.array([1.0, 2, 3, 4, 5, 6, 7]), np.array([0, 1, 0, 1, 1, 0, 1])

    def minus(beta: np.ndarray) -> float:
        eta = beta[0] + beta[1] * x
        p = 1 / (1 + np.exp(-eta))
        wide = np.column_stack([np.ones(7), x])
        return -float((y * np.log(p) + (1 - y) * np.log(1 - p)).sum()) - 0.5 * np.linalg.slogdet(
            wide.T @ (wide * (p * (1 - p))[:, None])
        )[1]  # fmt: skip

    theirs = minimize(minus, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-13})
    fit = logistic({"y": y, "x": x}, "y", ["x"], method="firth")
    np.testing.assert_allclose(fit.estimates, theirs.x, rtol=1e-6)
    np.testing.assert_allclose(fit.log_likelihood, -theirs.fun, rtol=1e-10)
    plain = logistic({"y": y, "x": x}, "y", ["x"])
    assert plain.method.startswith("maximum likelihood")
    assert abs(fit.estimates[1]) < abs(plain.estimates[1])  # the penalty shrinks


def test_likelihood_of_separated_data_is_refused() -> None:
    with pytest.raises(InputError, match="no maximum"):
        logistic({"y": [0, 0, 1, 1], "x": [1, 2, 3, 4]}, "y", ["x"], method="likelihood")


@given(some.lists(some.tuples(some.integers(-5, 5), some.booleans()), min_size=4, max_size=12))
@settings(max_examples=60, deadline=None)
def test_one_covariate_separates_if_ranges_touch_at_most(rows: list[tuple[int, bool]]) -> None:
    x, y = np.array([r[0] for r in rows], dtype=float), np.array([int(r[1]) for r in rows])
    if len({*y.tolist()}) < 2 or np.ptp(x) == 0:
        return
    low, high = x[y == 0], x[y == 1]
    apart = bool(low.max() <= high.min() or high.max() <= low.min())
    assert separated(((x - x.mean()) / x.std())[:, None], y) == apart


@pytest.mark.filterwarnings("ignore::pkpd.errors.FitWarning")
def test_profile_of_one_responder_far_from_zero() -> None:
    """One responder of 26, exposures far from 0: the limits are where SciPy's profile of ℓ + ½ ln det I has dropped."""
    x = np.array([
        6.108, 5.036, 5.679, 4.830, 5.764, 5.369, 5.091, 5.814, 5.850, 5.748, 5.241, 5.780, 5.005, 5.178, 6.165, 5.583,
        5.691, 5.125, 5.465, 5.402, 5.448, 6.248, 5.553, 5.844, 5.551, 5.474,
    ])  # fmt: skip
    y = (x == 4.830).astype(float)
    fit = logistic({"y": y.astype(int), "x": x}, "y", ["x"], method="firth")

    def minus(a: float, b: float) -> float:
        eta = a + b * (x - x.mean())
        p = 1 / (1 + np.exp(-eta))
        design = np.column_stack([np.ones_like(x), x - x.mean()])
        information = design.T @ (design * (p * (1 - p))[:, None])
        return -float((y * eta - np.logaddexp(0, eta)).sum() + 0.5 * np.linalg.slogdet(information)[1])

    best = minimize(lambda v: minus(*v), [-4.0, -5.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    np.testing.assert_allclose(fit.estimates[1], best.x[1], rtol=1e-5)
    for limit in (fit.low[1], fit.high[1]):
        # Far out the profile has two tops; a grid finds the higher one.
        grid = np.arange(-30.0, 10.0, 0.05)
        near = grid[np.argmin([minus(a, limit) for a in grid])]
        held = minimize_scalar(lambda a, b=limit: minus(a, b), bounds=(near - 0.1, near + 0.1), method="bounded",
                               options={"xatol": 1e-10})  # fmt: skip
        assert 2 * (held.fun - best.fun) == pytest.approx(3.841459, abs=2e-5)


@given(some.integers(0, 10_000), some.integers(1, 5), some.integers(3, 9))
@settings(max_examples=5, deadline=None)
@pytest.mark.filterwarnings("ignore::pkpd.errors.FitWarning")
def test_unit_of_a_covariate_does_not_matter(seed: int, events: int, others: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=events + others), np.array([1] * events + [0] * others)
    one, other = (logistic({"y": y, "x": k * x}, "y", ["x"], method="firth") for k in (1.0, 1000.0))
    for name in ("estimates", "low", "high"):
        np.testing.assert_allclose(getattr(other, name)[1] * 1000, getattr(one, name)[1], rtol=1e-5, atol=1e-7)
    assert one.low[1] <= one.estimates[1] <= one.high[1]


def test_every_problem_of_a_table_is_said() -> None:
    with pytest.raises(InputError, match=r"no column 'aucc'; .*auc"):
        logistic({"y": [0, 1, 1], "auc": [1, 2, 3]}, "y", ["aucc"])
    with pytest.raises(InputError, match="positive="):
        logistic({"y": ["PR", "SD", "PR"], "auc": [1, 2, 3]}, "y", ["auc"])
    with pytest.raises(InputError, match="all 3 patients have the response 'no'"):
        logistic({"y": [0, 0, 0], "auc": [1, 2, 3]}, "y", ["auc"])
    with pytest.warns(DataWarning, match="1 of 5 rows have no 'y'"):
        fit = logistic({"y": ["PR", "SD", "PR", "SD", None], "auc": [1, 2, 3, 4, 5]}, "y", ["auc"], positive=["PR"])
    assert fit.dropped == 1
