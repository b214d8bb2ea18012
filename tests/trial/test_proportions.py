"""Exact binomial intervals against published ones and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from pkpd.errors import InputError
from pkpd.trial import clopper_pearson
from pkpd.trial.proportions import denominators, numerators, percent_text, prediction_interval

# Bhatia et al. 2014, Table 3, of 33 patients: to the digits of il21.md, section 2.
PUBLISHED = {7: (8.980, 38.908), 20: (42.139, 77.093), 27: (64.540, 93.021)}


@pytest.mark.parametrize("events", PUBLISHED)
def test_published_intervals(events: int) -> None:
    low, high = clopper_pearson(events, 33)
    assert (round(100 * low, 3), round(100 * high, 3)) == PUBLISHED[events]


# binom.test(events, patients)$conf.int of R 4.2.2
BY_R = {
    (0, 7): (0.0, 0.409616397), (3, 17): (0.037985068, 0.434317873), (5, 5): (0.478176250, 1.0),
    (19, 52): (0.236243611, 0.510441044), (1, 333): (0.000076027, 0.016617261),
}  # fmt: skip


@pytest.mark.parametrize("counts", BY_R)
def test_binom_test_of_r(counts: tuple[int, int]) -> None:
    assert clopper_pearson(*counts) == pytest.approx(BY_R[counts], abs=6e-10)


@given(st.integers(1, 400), st.floats(0, 1), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
def test_as_in_scipy(patients: int, share: float, level: float) -> None:
    events = round(share * patients)
    theirs = binomtest(events, patients).proportion_ci(level, method="exact")
    assert clopper_pearson(events, patients, level) == pytest.approx((theirs.low, theirs.high), rel=1e-8, abs=1e-12)


def test_the_definition() -> None:
    """At the lower limit, as many events or more have probability α/2; at the upper one, as many or fewer."""
    low, high = clopper_pearson(7, 33)
    assert binom.sf(6, 33, low) == pytest.approx(0.025, rel=1e-9)
    assert binom.cdf(7, 33, high) == pytest.approx(0.025, rel=1e-9)


def test_none_and_all() -> None:
    """0 of n: up to 1 − (α/2)^(1/n); the rule of three is near."""
    assert clopper_pearson(0, 30) == (0.0, pytest.approx(1 - 0.025 ** (1 / 30), rel=1e-12))
    assert clopper_pearson(30, 30) == (pytest.approx(0.025 ** (1 / 30), rel=1e-12), 1.0)


def test_what_is_no_proportion() -> None:
    for arguments in ((-1, 3), (4, 3), (0, 0), (1, 3, 0.0), (1, 3, 1.0), (1, 3, 95)):
        with pytest.raises(InputError, match="expected 0 ≤ events"):
            clopper_pearson(*arguments)


@given(st.integers(1, 200), st.floats(0.001, 0.999), st.sampled_from([0.5, 0.9, 0.95]))
def test_prediction_interval_as_in_scipy(n: int, p: float, level: float) -> None:
    """The quantiles of the count, except where a cumulative probability is the level to rounding."""
    tail = (1 - level) / 2
    edges = binom.cdf(np.arange(n + 1), n, p)
    if min(np.abs(edges - tail).min(), np.abs(edges - (1 - tail)).min()) < 1e-9:
        return
    expected = (int(binom.ppf(tail, n, p)), int(binom.ppf(1 - tail, n, p)))
    assert prediction_interval(n, p, level) == expected


def test_prediction_interval_of_a_certain_event() -> None:
    assert prediction_interval(33, 0.0) == (0, 0)
    assert prediction_interval(33, 1.0) == (33, 33)


def test_percentages_as_papers_print_them() -> None:
    """Halves up, in whole numbers: 1 of 8 is 12.5 and printed 13; 9 (29 %) has a denominator of 31 and no other."""
    assert [percent_text(1, 8), percent_text(1, 8, 1), percent_text(7, 33), percent_text(7, 33, 2)] == [
        "13", "12.5", "21", "21.21"
    ]  # fmt: skip
    assert percent_text(33, 33) == "100"
    assert percent_text(1, 1000, 1) == "0.1"
    assert percent_text(0, 5, 1) == "0.0"
    assert denominators(9, "29", 33) == [31]
    assert numerators(33, "70") == [23]
    assert numerators(17, "89") == []
    assert numerators(19, "89") == [17]


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(0, 3))
def test_a_printed_percentage_names_its_count_and_denominator(pair: tuple[int, int], decimals: int) -> None:
    events, patients = pair
    text = percent_text(events, patients, decimals)
    assert events in numerators(patients, text)
    assert patients in denominators(events, text, patients)
    assert abs(float(text) - 100 * events / patients) <= 0.5 * 10.0**-decimals + 1e-9
