"""90 % intervals hold the truth, and estimates are right on average, as far as 60 replicates can tell.

60 replicates put the share of a right interval within 90 ± 10.3 %; the figures of the proof are in tests/long.
"""

from __future__ import annotations

import pytest

from tests.fit.coverage import CASES, NAMES, check_bias, check_convergence, check_coverage, check_width

REPLICATES = 60


@pytest.mark.parametrize("case", CASES)
def test_every_fit_converges(case: str) -> None:
    check_convergence(case, REPLICATES)


@pytest.mark.parametrize(("case", "name"), NAMES)
def test_intervals_cover(case: str, name: str) -> None:
    check_coverage(case, name, REPLICATES)


@pytest.mark.parametrize(("case", "name"), NAMES)
def test_estimates_are_not_biased(case: str, name: str) -> None:
    check_bias(case, name, REPLICATES)


def test_intervals_have_the_width_of_the_spread() -> None:
    check_width(REPLICATES)
