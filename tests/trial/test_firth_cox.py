"""Cox's model with Firth's penalty: a closed form, R, intervals, what is said where the likelihood has no maximum.

coxphf (the R package of Heinze and Schemper) is not in Debian, so the penalised likelihood was made in R 4.2.2 of
survival's own log likelihood and information: ``m <- coxph(f, data, ties =, init = b, control = coxph.control(iter.max
= 0)); m$loglik[2] - 0.5 * determinant(m$var)$modulus``, maximised by optim (reltol 1e-16) or optimize; limits by
uniroot where twice its drop is qchisq(0.95, 1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.optimize import minimize_scalar

from pkpd import InputError
from pkpd.errors import FitWarning
from pkpd.trial import cox, exposure_models
from tests.trial.survival_data import ovarian, veteran

# All events but those of x = 1; z says something as well; ties.
MONOTONE = {
    "duration": [1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9],
    "event": [1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0],
    "x": [1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0],
    "z": [2, 1, 4, 3, 1, 2, 5, 3, 1, 2, 4, 3],
}
# coef, sqrt(diag(var)); penalised log likelihood there and at 0; limits and p of each
FITS = {
    "Efron": ([2.4105525, -0.1704975], [1.5897698, 0.3807279], [-9.33990356, -11.78236909],
              [[0.214219, 7.306327, 0.027589707], [-0.941533, 0.567574, 0.64553384]]),
    "Breslow": ([2.3916840, -0.1645404], [1.5925138, 0.3770189], [-9.48989818, -11.87752011],
                [[0.193066, 7.287760, 0.029380803], [-0.927601, 0.564995, 0.65313372]]),
}  # fmt: skip


@pytest.mark.parametrize("ties", FITS)
def test_monotone_likelihood_by_r(ties: str) -> None:
    fit = cox(MONOTONE, ["x", "z"], ties=ties, method="firth")
    estimates, se, values, profiles = FITS[ties]
    np.testing.assert_allclose(fit.estimates, estimates, atol=5e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), se, atol=5e-7)
    np.testing.assert_allclose([fit.log_likelihood, fit.null_log_likelihood], values, atol=1e-8)
    np.testing.assert_allclose(fit.profiles, profiles, atol=2e-6)
    table = fit.table()
    np.testing.assert_allclose(np.log(table["high"]), [7.306327, 0.567574] if ties == "Efron" else [7.28776, 0.564995],
                               atol=2e-6)  # fmt: skip
    assert "Firth's penalty, profile intervals" in fit.summary()


def test_ovarian_by_r() -> None:
    """No separation: coef -0.8328910 0.1368312, penalised log likelihood -23.46556396 (-31.16606638 at 0)."""
    fit = cox(ovarian(), ["rx", "age"], method="firth")
    np.testing.assert_allclose(fit.estimates, [-0.8328910, 0.1368312], atol=1e-7)
    np.testing.assert_allclose([fit.log_likelihood, fit.null_log_likelihood], [-23.46556396, -31.16606638], atol=1e-8)
    np.testing.assert_allclose(
        fit.profiles, [[-2.048754, 0.366720, 0.16835131], [0.061116, 0.235405, 0.00016395936]], atol=1e-6
    )


def test_three_patients_by_hand() -> None:
    """x = 1, 1, 0 die in this order: ℓ = 2β − ln(2r + 1) − ln(r + 1), I = 2r/(2r + 1)² + r/(r + 1)², r = exp β."""

    def minus(beta: float) -> float:
        r = math.exp(beta)
        information = 2 * r / (2 * r + 1) ** 2 + r / (r + 1) ** 2
        return -(2 * beta - math.log(2 * r + 1) - math.log(r + 1) + 0.5 * math.log(information))

    best = minimize_scalar(minus, bracket=(0.0, 2.0), tol=1e-12)
    fit = cox({"duration": [1, 2, 3], "event": [1, 1, 1], "x": [1, 1, 0]}, ["x"], method="firth")
    np.testing.assert_allclose(fit.estimates, [best.x], atol=1e-6)
    np.testing.assert_allclose(fit.log_likelihood, -best.fun, rtol=1e-12)


def test_what_is_done_without_a_maximum_is_asked_for_and_said() -> None:
    with pytest.warns(FitWarning, match=r"x: .*without end.*method='firth' does"):
        plain = cox(MONOTONE, ["x", "z"])
    assert np.isnan(plain.estimates[0])
    with pytest.warns(FitWarning, match=r"x: .*without end.*by Firth's penalty"):
        fit = cox(MONOTONE, ["x", "z"], method="auto")
    np.testing.assert_allclose(fit.estimates, FITS["Efron"][0], atol=5e-7)
    with pytest.raises(InputError, match="needs estimates by the likelihood"):
        fit.proportional_hazards()
    with pytest.raises(InputError, match="unknown method 'firht'; did you mean 'firth'"):
        cox(MONOTONE, ["x"], method="firht")
    same = cox(veteran(), ["karno"], method="auto")
    assert same.profiles is None


def test_an_exposure_that_separates_is_by_firth_in_a_row_of_models() -> None:
    with pytest.warns(FitWarning, match=r"separated data: x \(raw\)"):
        row = exposure_models(MONOTONE, "event", ["x"], model="cox", scales=["raw"]).table().iloc[0]
    alone = cox(MONOTONE, ["x"], method="firth").table().iloc[0]
    assert [row["ratio"], row["low"], row["high"], row["p"]] == pytest.approx(
        [alone["hazard_ratio"], alone["low"], alone["high"], alone["p"]], rel=1e-5
    )
    assert "Firth" in row["method"]
    assert "Firth" in row["reason"]


@pytest.mark.parametrize("method", ["likelihood", "firth"])
def test_covariates_that_never_differ_among_those_at_risk(method: str) -> None:
    """x differs only after the last event, or only between strata."""
    with pytest.raises(InputError, match="at no event do the covariates of those at risk"):
        cox({"duration": [1, 2, 3, 4], "event": [0, 0, 1, 1], "x": [0, 1, 2, 2]}, ["x"], method=method)
    with pytest.raises(InputError, match="at no event do the covariates of those at risk"):
        cox({"duration": [1, 2, 3, 4], "event": 1, "x": [0, 1, 0, 1], "s": ["a", "b"] * 2}, ["x"], strata="s",
            method=method)  # fmt: skip


ROWS = some.lists(some.tuples(some.integers(1, 6), some.booleans(), some.integers(-2, 2), some.sampled_from("ab")),
                  min_size=4, max_size=12)  # fmt: skip


@given(ROWS, some.sampled_from(["Efron", "Breslow"]))
@settings(max_examples=15, deadline=None)
@pytest.mark.filterwarnings("ignore::pkpd.errors.FitWarning")
def test_there_is_always_an_estimate_and_its_unit_does_not_matter(rows: list[tuple[Any, ...]], ties: str) -> None:
    t, e, x, s = zip(*rows, strict=True)
    table = {"duration": t, "event": e, "x": x, "s": s}
    try:
        one = cox(table, ["x"], ties=ties, strata="s", method="firth")
    except InputError:
        return  # no event, or x the same in every risk set
    other = cox(table | {"x": [1e3 * v for v in x]}, ["x"], ties=ties, strata="s", method="firth")
    np.testing.assert_allclose(1e3 * other.estimates, one.estimates, rtol=1e-6, atol=1e-8)
    assert one.profiles is not None
    assert one.profiles[0, 0] <= one.estimates[0] <= one.profiles[0, 1]
