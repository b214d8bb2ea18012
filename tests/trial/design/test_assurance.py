"""Assurance against its closed form: a mean of logarithms whose own mean is uncertain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas
import pytest
from scipy.stats import norm

import pkpd
from pkpd import DataWarning, InputError
from pkpd.population import Omega, Population
from pkpd.trial import assurance

TYPICAL, UNCERTAIN, BETWEEN = 10.0, 0.3, 0.5
PLAN = pkpd.bolus("100 mg", at=[0])


def people() -> Population:
    model = pkpd.library.one_compartment().with_values(CL=1.0, V=TYPICAL)
    return Population(model, model.parameters, Omega.independent(V=BETWEEN))


@dataclass(frozen=True)
class Fitted:
    """Whatever knows a population: ln V is estimated with a standard error."""

    def population(self) -> Population:
        return people()

    def draws(self, n: int, rng: np.random.Generator) -> tuple[Population, ...]:
        base = people()
        return tuple(
            replace(base, parameters=base.parameters.with_values(V=TYPICAL * np.exp(UNCERTAIN * rng.standard_normal())))
            for _ in range(n)
        )

    def individual_values(self) -> pandas.DataFrame | None:
        return None


def high(trial: Any) -> bool:
    """Mean ln C at the time of the dose above ln 9: C = 100/V there."""
    return bool(np.log(trial["C"].to_numpy()).mean() > np.log(9.0))


def test_closed_form() -> None:
    """The mean of n values is normal about ln(100/10) with variance τ² + ω²/n; power has τ = 0."""
    found = assurance(Fitted(), PLAN, high, subjects=[4, 25], replicates=100, seed=3, times=[1e-9])
    for row in found.table().itertuples():
        gap = np.log(100 / TYPICAL / 9.0)
        expected = norm.cdf(gap / np.sqrt(UNCERTAIN**2 + BETWEEN**2 / row.subjects))
        power = norm.cdf(gap / (BETWEEN / np.sqrt(row.subjects)))
        assert row.assurance == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(100))
        assert row.power == pytest.approx(power, abs=4 * 0.5 / np.sqrt(100))
        assert row.low < row.assurance < row.high
    assert found.table()["power"][1] > found.table()["assurance"][1] + 0.1  # uncertainty draws towards one half
    assert "assurance" in repr(found)


def test_a_trial_that_cannot_be_judged_is_a_counted_failure() -> None:
    answers = iter([True, None, float("nan"), np.bool_(True), np.True_, False, 1, 0, True, False] * 2)
    with pytest.warns(DataWarning, match="2 of 10 trials"):
        found = assurance(Fitted(), PLAN, lambda trial: next(answers), subjects=2, replicates=10, times=[1.0])
    assert found.table()["assurance"][0] == 0.5
    assert found.table()["undetermined"][0] == 2


def test_the_same_seed_is_the_same_number() -> None:
    same: Any = {"subjects": 3, "replicates": 20, "times": [1e-9]}
    one, two, other = (assurance(Fitted(), PLAN, high, seed=seed, **same).table() for seed in (5, 5, 6))
    assert one.equals(two)
    assert not one.equals(other)


def test_what_cannot_be_used() -> None:
    with pytest.raises(InputError, match="expected True or False"):
        assurance(Fitted(), PLAN, lambda trial: "yes", subjects=2, replicates=2, times=[1.0])
    with pytest.raises(InputError) as error:
        assurance(Fitted(), PLAN, high, subjects=[0], level=2.0)
    assert len(error.value.problems) == 2
    with pytest.raises(InputError, match="source"):
        assurance(people(), PLAN, high, subjects=2)  # type: ignore[arg-type]
