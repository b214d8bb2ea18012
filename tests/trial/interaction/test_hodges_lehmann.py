"""Hodges–Lehmann differences against R 4.2.2, `wilcox.test(x, y, conf.int = TRUE, conf.level = …)`.

Data: permeability of membranes and depression scores of Hollander & Wolfe (1999), as in R's help page of wilcox.test;
the tied ones are made up for the test. By the normal approximation R finds limits by uniroot, to 1e-4.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pkpd.trial.interaction.hodges_lehmann import rank_sum_shift, signed_rank_shift

TERM = np.array([0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46])
EARLY = np.array([1.15, 0.88, 0.90, 0.74, 1.21])
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
TIED = np.array([0, 0, 0, 24, 48, 48, 60, 72, 96, 31, 17.0])
MORE = np.array([0, 0, 24, 24, 72, 96, 108, 120, 96, 12, 55, 77.0])
FIRST = np.array([24, 48, 48, 72, 96, 24, 30, 12, 60, 72.0])
SECOND = np.array([48, 24, 72, 96, 72, 48, 54, 24, 36, 96.0])


@pytest.mark.parametrize(("level", "limits"), [(0.9, (-0.08, 0.72)), (0.95, (-0.15, 0.76))])
def test_exact_rank_sums(level: float, limits: tuple[float, float]) -> None:
    found = rank_sum_shift(TERM, EARLY, level)
    np.testing.assert_allclose(found[:3], [0.305, *limits], atol=1e-12)
    assert (found.method, found.reason) == ("exact", "")


def test_rank_sums_with_ties() -> None:
    found = rank_sum_shift(TIED, MORE, 0.9)
    np.testing.assert_allclose(found[:3], [-23.99999027, -54.999958747, 6.999967159], atol=1e-4)
    assert found.method == "normal approximation"


def test_exact_signed_ranks() -> None:
    found = signed_rank_shift(BEFORE - AFTER, 0.9)
    np.testing.assert_allclose(found[:3], [0.46, 0.175, 0.726], atol=1e-12)
    assert found.method == "exact"


def test_signed_ranks_with_ties() -> None:
    found = signed_rank_shift(FIRST - SECOND, 0.9)
    np.testing.assert_allclose(found[:3], [-11.99994433, -24.0, 3.748642559e-05], atol=1e-4)
    assert found.method == "normal approximation"


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 2), (2, 5), (4, 4)])
def test_the_exact_distribution_is_that_of_all_orders(n: int, m: int) -> None:
    from pkpd.trial.interaction.hodges_lehmann import _rank_sums, _signed_ranks

    sums = [sum(ranks) - n * (n + 1) // 2 for ranks in itertools.combinations(range(1, n + m + 1), n)]
    np.testing.assert_array_equal(_rank_sums(n, m), np.bincount(sums, minlength=n * m + 1))
    signs = [sum(k + 1 for k, one in enumerate(each) if one) for each in itertools.product((0, 1), repeat=n)]
    np.testing.assert_array_equal(_signed_ranks(n), np.bincount(signs, minlength=n * (n + 1) // 2 + 1))


def test_exact_intervals_cover_as_often_as_they_say() -> None:
    """Of the differences of exponential times, shifted by 3, at least 90 % of the intervals hold 3, but for 3 SE."""
    rng = np.random.default_rng(11)
    held = []
    for _ in range(400):
        found = rank_sum_shift(rng.exponential(5, 9) + 3, rng.exponential(5, 8), 0.9)
        held.append(found.low <= 3 <= found.high)
    assert np.mean(held) > 0.9 - 3 * np.sqrt(0.09 / 400)
    assert np.mean(held) < 0.98


def test_what_has_no_interval_says_why() -> None:
    assert "too few" in rank_sum_shift(np.array([1.0, 2.0]), np.array([3.0, 5.0]), 0.9).reason
    assert "do not scatter" in rank_sum_shift(np.zeros(5), np.zeros(6), 0.9).reason
    assert "a side has no number" in rank_sum_shift(np.zeros(0), np.zeros(6), 0.9).reason
    many = np.array([0.0] * 20 + [5.0])
    assert "shrinks to 0" in rank_sum_shift(many, many[:18], 0.9).reason
    assert "too few" in signed_rank_shift(np.array([1.0, 2.0, 4.0]), 0.9).reason
