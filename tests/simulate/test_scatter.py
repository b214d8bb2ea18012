"""Residual errors whose SD differs between subjects, and errors of two outputs that are correlated, simulated."""

from __future__ import annotations

import math

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import InputError
from pkpd.population import Omega, Population, residual_error
from pkpd.population.correlation import correlated

MODEL = pkpd.define(
    {"A": "-CL/V*A", "M": "CL/V*A - k*M"}, {"CL": 2.0, "V": 20.0, "k": 0.3},
    outputs={"C": "A/V", "D": "M/V"}, doses={"bolus": "A"},
).in_units(time="h", amount="mg", volume="L")  # fmt: skip
TIMES = np.arange(1.0, 13.0)


def people(omega: Omega, rho: float | None = None) -> Population:
    errors = (residual_error("C", "additive"), residual_error("D", "additive"))
    parameters = MODEL.parameters
    for error, value in zip(errors, (0.5, 0.25), strict=True):
        parameters = parameters + error.start(np.ones(1), "mg/L").with_values({error.names[0]: value})
    pair = correlated("C", "D")
    if rho is None:
        return Population(MODEL, parameters, omega, errors)
    return Population(MODEL, parameters + pair.start(rho), omega, errors, correlations=(pair,))


def scatter_of(found: object, name: str) -> np.ndarray:
    return np.asarray(found[f"{name}_measured"] - found[name])[0]


def test_errors_of_one_sample_are_correlated() -> None:
    found = pkpd.simulate(people(Omega(), -0.7), pkpd.bolus("100 mg"), subjects=2000, times=TIMES, seed=4)
    one, two = scatter_of(found, "C"), scatter_of(found, "D")
    assert one.std() == pytest.approx(0.5, rel=0.02)
    assert two.std() == pytest.approx(0.25, rel=0.02)
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] == pytest.approx(-0.7, abs=0.02)
    assert abs(np.corrcoef(one[:, 0], two[:, 1])[0, 1]) < 0.08  # other samples are independent


def test_subjects_have_their_own_spread() -> None:
    omega = Omega.independent(add_C=0.4)
    found = pkpd.simulate(people(omega), pkpd.bolus("100 mg"), subjects=1500, times=TIMES, seed=5)
    own = np.asarray(found["add_C"])[0]
    assert np.log(own / 0.5).std() == pytest.approx(0.4, rel=0.06)
    each = scatter_of(found, "C").std(axis=1, ddof=0) / own
    expected = math.sqrt(2 / 12) * math.gamma(6) / math.gamma(5.5)  # mean SD of twelve standard normal numbers
    assert each.mean() == pytest.approx(expected, rel=0.015)
    assert np.corrcoef(np.log(own), np.log(scatter_of(found, "C").std(axis=1)))[0, 1] > 0.8
    assert scatter_of(found, "D").std(axis=1).std() < 0.1  # the other output has one spread for all


def test_without_them_the_bits_are_what_they_were() -> None:
    plain = pkpd.simulate(people(Omega()), pkpd.bolus("100 mg"), subjects=3, times=TIMES, seed=5)
    still = pkpd.simulate(people(Omega(), 0.0), pkpd.bolus("100 mg"), subjects=3, times=TIMES, seed=5)
    np.testing.assert_array_equal(plain["C_measured"], still["C_measured"])
    np.testing.assert_array_equal(plain["D_measured"], still["D_measured"])


def test_a_study_is_repeated_with_both() -> None:
    rows = [(s, t, a, 1.0) for s in range(400) for a, when in (("C", (1, 2, 4)), ("D", (2, 4, 8, 12))) for t in when]
    table = pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"])
    study = pkpd.read_study(table, pkpd.bolus("100 mg"), units={"time": "h", "C": "mg/L", "D": "mg/L", "dose": "mg"})
    found = pkpd.simulate(people(Omega.independent(add_D=0.3), 0.8), study, replicates=3, seed=2)
    away = np.asarray(found["measured"] - found["value"])
    name, time, who = (np.asarray(found[n]) for n in ("analyte", "time", "subject"))
    for t in (2.0, 4.0):
        one, two = (away[:, (name == a) & (time == t)] for a in ("C", "D"))
        assert np.corrcoef(one.ravel(), two.ravel())[0, 1] == pytest.approx(0.78, abs=0.05)
    alone = away[:, (name == "D") & (time == 8.0)]
    assert abs(np.corrcoef(away[:, (name == "C") & (time == 1.0)].ravel(), alone.ravel())[0, 1]) < 0.1
    spread = [np.log(np.square(away[:, (name == "D") & (who == s)]).mean(axis=1)) for s in np.unique(who)]
    by_subject = np.stack(spread)  # subjects × replicates: each replicate draws its own subjects
    assert by_subject.std() > 0.8  # more than four numbers of one spread would show
    assert away[:, name == "C"].std() == pytest.approx(0.5, rel=0.05)


def test_between_occasions_they_cannot_be_simulated() -> None:
    omega = Omega.independent(add_C=0.3).at_occasion()
    with pytest.raises(InputError, match="between occasions on residual errors"):
        pkpd.simulate(people(omega), pkpd.bolus("100 mg"), subjects=3, times=TIMES)


def test_an_adaptive_simulation_says_that_it_does_not_know_them() -> None:
    with pytest.raises(InputError, match="knows no random effects on residual errors"):
        pkpd.simulate_adaptive(people(Omega(), 0.5), lambda now: None, [0.0, 24.0], subjects=2)
