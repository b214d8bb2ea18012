"""Simulated studies are fitted back: a few studies here, a hundred of each design in `tests/long`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from tests.fit.mixed.recovery import DESIGNS, band, design, recovered, studies


def test_rich_studies_give_the_truth_back() -> None:
    found = recovered("rich", 4)
    assert set(found.status) == {"converged"}
    assert (np.abs(found.bias) < 5.0 * found.error + 0.02).all(), found.table()
    assert found.covered.mean() > 0.7  # 90 % of 28, but for chance


@pytest.mark.parametrize("name", DESIGNS)
def test_designs_are_what_they_say(name: str) -> None:
    own = design(name)
    assert own.study.observations["subject"].nunique() >= 50
    drawn = studies(name, 1)[0].observations
    below = float(drawn["blq"].mean())
    assert below == 0 if name != "BLQ" else 0.25 < below < 0.35
    assert drawn["analyte"].nunique() == (2 if name == "two outputs" else 1)


@pytest.mark.parametrize("checks", [1, 24])
def test_the_band_holds_a_right_interval(checks: int) -> None:
    low, high = (round(100 * share) for share in band(100, checks))
    outside = binom.cdf(low - 1, 100, 0.9) + binom.sf(high, 100, 0.9)
    assert 0.1 * 0.01 / checks < outside <= 0.01 / checks
