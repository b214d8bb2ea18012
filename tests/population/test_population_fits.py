"""What fits hand over to a simulation: typical values, covariance, uncertainty, on every scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd.errors import InputError
from pkpd.fit import Fit, Fits
from pkpd.model import Model, define
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Source, population_of

inf = float("inf")
VALUES = Parameters(
    (
        Parameter("CL", 2.0), Parameter("V", 20.0, fixed=True), Parameter("F", 0.6, "", 0.0, 1.0),
        Parameter("slope", 0.3, "", -inf), Parameter("top", -1.0, "", -inf, 0.0),
    )
)  # fmt: skip


def model() -> Model:
    """Something with a parameter on every scale."""
    return define(
        {"A": "-CL/V*A"}, VALUES, outputs={"C": "A/V + slope + top"}, doses={"oral": "A"}, bioavailability={"A": "F"},
    )  # fmt: skip


def fitted(values: dict[str, float], status: str = "converged", **parts: Any) -> Fit:
    """A fit that found these values."""
    blank: dict[str, Any] = {
        "errors": (), "covariance": np.diag([0.01, 0.04, 0.0025, 0.09]), "objective": 0.0, "minus2ll": 0.0,
        "observations": 4, "censored": 0, "subjects": 1, "evaluations": 1, "degrees": 3.0, "message": "",
        "condition_number": 1.0, "covariance_kind": "", "predictions": None,
    }  # fmt: skip
    return Fit(model(), VALUES.with_values(values), status=status, **{**blank, **parts})


def fits() -> tuple[Fits, np.ndarray]:
    """Six subjects whose estimates differ on the scale of estimation, one of them not converged."""
    rng = np.random.default_rng(3)
    vectors = VALUES.to_vector() + rng.standard_normal((6, 4)) * [0.3, 0.5, 0.1, 0.2]
    each = {k: fitted(VALUES.from_vector(x).as_dict()) for k, x in enumerate(vectors)}
    each[6] = fitted({"CL": 1e3, "F": 0.999}, status="at a bound")
    return Fits(each, {}), vectors


def test_typical_values_and_covariance_on_every_scale() -> None:
    """The first subject's F and slope were handed on in silence, because only what is positive was averaged."""
    many, vectors = fits()
    typical, omega = many.typical(), many.variability()
    mean = vectors.mean(axis=0)
    assert typical["CL"] == pytest.approx(np.exp(mean[0]), rel=1e-12)
    assert typical["F"] == pytest.approx(1 / (1 + np.exp(-mean[1])), rel=1e-12)
    assert typical["slope"] == pytest.approx(mean[2], rel=1e-12)
    assert typical["top"] == pytest.approx(-np.exp(-mean[3]), rel=1e-12)
    assert typical["V"] == 20.0
    assert omega.effects() == ("CL", "F", "slope", "top")
    np.testing.assert_allclose(omega.matrix(), np.cov(vectors, rowvar=False), rtol=1e-9)


def test_simulated_subjects_of_fits_have_their_moments() -> None:
    many, vectors = fits()
    result = pkpd.simulate(many, pkpd.oral("10 mg"), subjects=20_000, seed=1, times=[1.0])
    drawn = np.column_stack([result[n].values[0] for n in ("CL", "F", "slope", "top")])
    assert ((drawn[:, 1] > 0) & (drawn[:, 1] < 1)).all()
    x = np.column_stack(
        [np.log(drawn[:, 0]), np.log(drawn[:, 1] / (1 - drawn[:, 1])), drawn[:, 2], -np.log(-drawn[:, 3])]
    )
    omega = many.variability().matrix()
    error = np.sqrt((omega**2 + np.outer(np.diag(omega), np.diag(omega))) / 20_000)
    assert (np.abs(np.cov(x, rowvar=False) - omega) < 4 * error).all()
    assert (np.abs(x.mean(axis=0) - vectors.mean(axis=0)) < 4 * np.sqrt(np.diag(omega) / 20_000)).all()


def test_fits_are_sources_with_draws_of_their_uncertainty() -> None:
    many, vectors = fits()
    assert isinstance(many, Source)
    assert isinstance(many[0], Source)
    centre = many[0].parameters.to_vector()
    draws = many[0].draws(4000, np.random.default_rng(1))
    x = np.array([people.parameters.to_vector() for people in draws])
    np.testing.assert_allclose(np.cov(x, rowvar=False), many[0].covariance, atol=0.005)
    np.testing.assert_allclose(x.mean(axis=0), centre, atol=0.02)
    typical = np.array([people.parameters.to_vector() for people in many.draws(4000, np.random.default_rng(1))])
    np.testing.assert_allclose(np.cov(typical, rowvar=False), np.cov(vectors, rowvar=False) / 6, atol=0.005)
    table = many.individual_values()
    assert table.index.tolist() == list(range(6))
    assert table.loc[2, "F"] == many[2].parameters["F"]
    assert population_of(many[0]).parameters is many[0].parameters
    assert many[0].individual_values() is None
    with pytest.raises(InputError, match="no covariance of its estimates"):
        fitted({}, covariance=np.full((4, 4), np.nan)).draws(1, np.random.default_rng(1))
