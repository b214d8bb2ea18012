"""How many patients, by exact probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.stats import binom

from pkpd import InputError
from pkpd.trial import patients_to_see, probability_to_see, single_stage


def test_the_published_sentence() -> None:
    """Bhatia et al. 2014: 30 patients give approximately 95 % for an event of 10 %; 29 do (il21.md, section 2)."""
    assert probability_to_see(0.1, 30) == pytest.approx(0.95761, abs=5e-6)
    assert patients_to_see(0.1, 0.95) == 29
    assert probability_to_see(0.1, 28) < 0.95 <= probability_to_see(0.1, 29)


@given(some.floats(0.001, 0.999), some.integers(0, 300), some.integers(1, 5))
def test_as_in_scipy(rate: float, n: int, k: int) -> None:
    assert probability_to_see(rate, n, at_least=k) == pytest.approx(binom.sf(k - 1, n, rate), rel=1e-9, abs=1e-300)


@given(some.floats(0.005, 0.9), some.floats(0.05, 0.995), some.integers(1, 4))
def test_one_patient_fewer_is_too_few(rate: float, probability: float, k: int) -> None:
    n = patients_to_see(rate, probability, at_least=k)
    assert probability_to_see(rate, n, at_least=k) >= probability - 1e-9
    assert n == k or probability_to_see(rate, n - 1, at_least=k) < probability


@pytest.mark.parametrize(
    ("rate", "probability", "n"), [(0.1, 0.19, 2), (0.25, 0.4375, 2), (0.3, 0.657, 3), (0.6, 0.936, 3)]
)
def test_a_probability_that_is_met_exactly_is_met(rate: float, probability: float, n: int) -> None:
    """1 − 0.9² is 0.19, whatever floats say."""
    assert patients_to_see(rate, probability) == n


def test_broadcasting_and_certainty() -> None:
    assert np.shape(probability_to_see([0.1, 0.2], [[5], [6], [7]])) == (3, 2)
    assert probability_to_see(1.0, 1) == 1
    assert probability_to_see(0.0, 9) == 0
    assert probability_to_see(1.0, 0) == 0


# By R 4.2.2, the smallest n of A'Hern's rule: ``r <- qbinom(1 - alpha, n, p0); pbinom(r, n, p0, lower.tail = FALSE) <=
# alpha && pbinom(r, n, p1, lower.tail = FALSE) >= power`` for n = 1, 2, …: n, responses needed, exact alpha and power.
A_HERN = {
    (0.05, 0.25, 0.05, 0.8): (16, 3, 0.042938, 0.802889), (0.1, 0.3, 0.05, 0.8): (25, 6, 0.033400, 0.806512),
    (0.2, 0.4, 0.05, 0.8): (35, 12, 0.034357, 0.804825), (0.1, 0.2, 0.05, 0.8): (78, 13, 0.045286, 0.808179),
    (0.3, 0.5, 0.05, 0.9): (53, 22, 0.049492, 0.915511), (0.05, 0.2, 0.01, 0.9): (57, 8, 0.007211, 0.906612),
    (0.6, 0.8, 0.05, 0.8): (36, 27, 0.044897, 0.832420),
}  # fmt: skip


@pytest.mark.parametrize("asked", A_HERN)
def test_exact_designs_by_r(asked: tuple[float, float, float, float]) -> None:
    design = single_stage(*asked[:2], alpha=asked[2], power=asked[3])
    n, needed, alpha, power = A_HERN[asked]
    assert (design.n, design.r + 1) == (n, needed)
    assert (design.alpha, design.power) == (pytest.approx(alpha, abs=5e-7), pytest.approx(power, abs=5e-7))


def test_a_published_exact_design() -> None:
    """Khan et al. Br J Cancer 2012;107:1801, abstract: A'Hern's n for 10 against 20 % is 78 (4.53 %, 80.81 %).

    R has a power of 80.818 %, which the paper cuts.
    """
    design = single_stage(0.1, 0.2)
    assert design.n == 78
    assert (100 * design.alpha, 100 * design.power) == (pytest.approx(4.53, abs=0.005), pytest.approx(80.81, abs=0.01))


@given(
    some.floats(0.03, 0.7), some.floats(0.1, 0.25), some.sampled_from([0.01, 0.05, 0.1]), some.sampled_from([0.8, 0.9])
)
@settings(max_examples=25, deadline=None)
def test_no_smaller_design_exists(p0: float, more: float, alpha: float, power: float) -> None:
    p1 = p0 + more
    design = single_stage(p0, p1, alpha=alpha, power=power)
    assert binom.sf(design.r, design.n, p0) == design.alpha <= alpha
    assert binom.sf(design.r, design.n, p1) == design.power >= power

    def fits(n: int) -> bool:
        r = np.arange(n + 1)
        return bool(((binom.sf(r, n, p0) <= alpha) & (binom.sf(r, n, p1) >= power)).any())

    assert not any(fits(n) for n in range(1, design.n))
    assert fits(design.n)
    assert all(fits(n) for n in range(design.always_from, design.always_from + 40))
    assert design.always_from == design.n or not fits(design.always_from - 1)


def test_what_cannot_be_used() -> None:
    with pytest.raises(InputError) as error:
        single_stage(0.3, 0.2, alpha=0.0, power=1.0)
    assert len(error.value.problems) == 3
    with pytest.raises(InputError, match="no design has up to 10"):
        single_stage(0.1, 0.2, most=10)
    with pytest.raises(InputError, match=r"rate is 1.5.*\n.*patients is 2.5"):
        probability_to_see(1.5, 2.5)
    with pytest.raises(InputError, match="expected ones that fit"):
        probability_to_see([0.1, 0.2], [1, 2, 3])
    with pytest.raises(InputError, match="probability is 1"):
        patients_to_see(0.1, 1.0)
    with pytest.raises(InputError, match="more than 10⁹"):
        patients_to_see(1e-12)
