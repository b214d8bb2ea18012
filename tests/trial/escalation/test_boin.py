"""BOIN: the published limits, isotonic estimates, closing of doses, the recommended dose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.optimize import isotonic_regression
from scipy.stats import beta, binom

from pkpd import InputError
from pkpd.trial import Boin, boin_boundaries, next_dose, operating_characteristics
from pkpd.trial.escalation.isotonic import isotonic, isotonic_toxicity
from tests.trial.escalation.numbers import (
    BOIN_DOWN,
    BOIN_LAMBDA,
    BOIN_OUT,
    BOIN_UP,
    REPLAYED,
    REPLAYED_ISOTONIC,
)

DOSES = (10.0, 30.0, 40.0, 50.0)
SEEN = {"dose": [10, 30, 50, 40], "patients": [6, 3, 4, 3], "dlt": [1, 0, 2, 0]}


def test_published_limits() -> None:
    table = boin_boundaries()
    assert (table.attrs["lambda_e"], table.attrs["lambda_d"]) == pytest.approx(BOIN_LAMBDA, abs=5e-8)
    assert table["patients"].tolist() == list(range(1, 31))
    assert table["escalate_if_at_most"].tolist() == BOIN_UP
    assert table["deescalate_if_at_least"].tolist() == BOIN_DOWN
    assert [None if one != one else one for one in table["eliminate_if_at_least"].astype(object).where(
        table["eliminate_if_at_least"].notna(), None)] == BOIN_OUT  # fmt: skip


@given(some.floats(0.1, 0.6), some.integers(1, 40))
def test_limits_minimise_wrong_decisions(target: float, n: int) -> None:
    """λ are where the likelihoods at φ and φ₁ (φ₂) are equal, which is what Liu and Yuan derive."""
    table = boin_boundaries(target, most=n)
    up, down = table["escalate_if_at_most"].iloc[-1], table["deescalate_if_at_least"].iloc[-1]
    y = np.arange(n + 1)
    low, here, high = (binom.logpmf(y, n, p) for p in (0.6 * target, target, 1.4 * target))
    assert up == np.flatnonzero(low >= here - 1e-12)[-1]
    worse = np.flatnonzero(high >= here - 1e-12)
    assert down == worse[0] if len(worse) else down is None or down != down


@given(some.integers(3, 60), some.data())
def test_a_dose_is_closed_by_its_beta_posterior(n: int, data: some.DataObject) -> None:
    y = data.draw(some.integers(0, n))
    shut = Boin((1.0, 2.0)).view(np.array([n, 0]), np.array([y, 0]))["closed"].tolist()
    assert shut == [bool(beta.sf(0.3, 1 + y, 1 + n - y) > 0.95)] * 2


def test_the_replayed_cohorts() -> None:
    """The published cohorts: 50 has the estimate nearest to 0.30; bounded by λd it is 40, the highest of equal ones."""
    y, n = np.array(list(REPLAYED.values())).T
    assert isotonic_toxicity(n[None], y[None])[0] == pytest.approx(REPLAYED_ISOTONIC, abs=5e-5)
    assert next_dose(Boin(DOSES), SEEN).mtd == 50
    assert next_dose(Boin(DOSES, bounded=True), SEEN).mtd == 40


@given(some.integers(1, 7).flatmap(lambda n: some.tuples(
    some.lists(some.floats(0, 1), min_size=n, max_size=n), some.lists(some.floats(0.01, 100), min_size=n, max_size=n),
    some.lists(some.booleans(), min_size=n, max_size=n))))  # fmt: skip
def test_isotonic_as_in_scipy(case: tuple[list[float], list[float], list[bool]]) -> None:
    values, weights = np.array(case[0]), np.where(case[2], case[1], 0.0)
    found = isotonic(values[None], weights[None])[0]
    there = weights > 0
    assert np.isnan(found[~there]).all()
    if there.any():
        expected = isotonic_regression(values[there], weights=weights[there]).x
        assert found[there] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "y", "level"),
    [
        ([3, 3], [0, 0], 1),  # equal and below the target: the highest
        ([3, 3], [2, 2], 0),  # equal and above it: the lowest
        ([6, 0], [0, 0], 0),  # what was not tried is not recommended
        ([3, 3], [3, 0], -1),  # the lowest is closed
        ([3, 3], [0, 3], 0),  # the highest is closed
    ],
)
def test_the_recommended_dose(n: list[int], y: list[int], level: int) -> None:
    assert Boin((1.0, 2.0)).recommended(np.array([n]), np.array([y])).tolist() == [level]


def test_extra_safe_ends_earlier_at_the_lowest_dose() -> None:
    """2 of 3: P(p > 0.3) = 0.9163, above 0.95 − 0.05 but below 0.95."""
    one = {"dose": [10], "patients": [3], "dlt": [2]}
    assert beta.sf(0.3, 3, 2) == pytest.approx(0.9163)
    assert next_dose(Boin(DOSES), one).action == "stay"
    assert next_dose(Boin(DOSES, extra_safe=True), one).action == "stop"
    assert np.isnan(next_dose(Boin(DOSES, extra_safe=True), one).mtd)
    assert next_dose(Boin(DOSES, extra_safe=True, offset=0.01), one).action == "stay"


@pytest.mark.parametrize(
    ("cohorts", "action", "dose"),
    [
        ([(10, 3, 0)], "escalate", 30),
        ([(10, 3, 1)], "stay", 10),  # 0.333 lies between the limits
        ([(10, 3, 0), (30, 3, 2)], "de-escalate", 10),
        ([(10, 3, 0), (30, 3, 3), (10, 3, 0)], "stay", 10),  # 30 is closed for good
        ([(50, 3, 0)], "stay", 50),
        ([(10, 3, 3)], "stop", np.nan),
        ([(10, 15, 3), (30, 15, 3)], "stop", np.nan),  # all planned patients
    ],
)
def test_decisions(cohorts: list[tuple[float, int, int]], action: str, dose: float) -> None:
    found = next_dose(Boin(DOSES), dict(zip(("dose", "patients", "dlt"), zip(*cohorts, strict=True), strict=True)))
    assert found.action == action
    assert found.dose == pytest.approx(dose, nan_ok=True)


def test_the_lowest_dose_is_closed_from_three_patients_on() -> None:
    """2 of 2 has P(p > 0.3) = 0.973, and yet no dose is closed before three patients."""
    two, three = ({"dose": [10], "patients": [n], "dlt": [n]} for n in (2, 3))
    assert beta.sf(0.3, 3, 1) > 0.95
    assert next_dose(Boin(DOSES), two).action == "stay"
    assert not next_dose(Boin(DOSES), two).table()["closed"].any()
    assert "no dose is tolerated" in next_dose(Boin(DOSES), three).reason


def test_a_dose_with_enough_patients_ends_the_trial() -> None:
    seen = {"dose": [10, 10, 10], "patients": [3, 3, 3], "dlt": [1, 1, 1]}
    assert next_dose(Boin(DOSES, enough=9), seen).action == "stop"
    assert next_dose(Boin(DOSES, enough=10), seen).action == "stay"


@pytest.mark.parametrize(("p", "start"), [((0.1, 0.3, 0.5), 0), ((0.6, 0.7), 1)])
def test_single_trials_carried_out_one_by_one_agree(p: tuple[float, ...], start: int) -> None:
    """2 000 trials by a plain loop with the table of limits, against exact probabilities."""
    doses = tuple(float(k) for k in range(1, len(p) + 1))
    exact = operating_characteristics(Boin(doses, most=12, start=doses[start]), p, method="exact").table()
    rng, visited, patients = np.random.default_rng(7), np.zeros(len(p)), np.zeros(len(p))
    for _ in range(2000):
        n, y, at, shut = [0] * len(p), [0] * len(p), start, len(p)
        for _ in range(4):
            n[at] += 3
            y[at] += int(rng.binomial(3, p[at]))
            place = n[at] - 1
            if y[at] >= (BOIN_OUT[place] or 99):
                shut = at
                if at == 0:
                    break
            if y[at] >= BOIN_DOWN[place]:
                at = max(at - 1, 0)
            elif y[at] <= BOIN_UP[place] and at + 1 < shut:
                at += 1
        visited += np.array(n) > 0
        patients += n
    assert np.abs(visited / 2000 - exact["visited"]).max() < 4 * 0.5 / np.sqrt(2000)
    assert np.abs(patients / 2000 - exact["patients"]).max() < 4 * 4 / np.sqrt(2000)


def test_what_cannot_be_used() -> None:
    with pytest.raises(InputError) as error:
        Boin((1.0, 2.0), low=0.4, close=1.0, offset=-1, enough=0)
    assert len(error.value.problems) == 4
    with pytest.raises(InputError, match="by default"):
        boin_boundaries(0.8)
    with pytest.raises(InputError, match="from 1 to 1000"):
        boin_boundaries(most=0)
