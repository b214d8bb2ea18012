"""Must be shown: a hundred simulated studies of each design give the truth back, and intervals that hold it.

Bias of fixed effects and residual errors is at most the larger of 2 % and three Monte-Carlo errors, of variances 10 %
and three. 90 % intervals of the former hold the truth as often as a binomial band of 99 %, Bonferroni over all designs,
allows; of variances at least 80 times. Where FOCE with interaction is further off on sparse data, quadrature on the
same studies shows that it is the approximation: there the exact likelihood is held to the same.
"""

from __future__ import annotations

import numpy as np
import pytest

from pkpd.fit.mixed.marginal.laplacian import FOCEI
from pkpd.fit.mixed.marginal.quadrature import AGQ
from tests.fit.mixed.recovery import DESIGNS, band, fixed, recovered, too_biased

COUNT = 100
CHECKS = sum(len(fixed(name)) for name in DESIGNS)
RUNS = [(name, AGQ if name == "sparse" else FOCEI) for name in DESIGNS]


@pytest.mark.parametrize("name", DESIGNS)
def test_every_fit_converges(name: str) -> None:
    assert recovered(name, COUNT).status.count("converged") >= 0.95 * COUNT


@pytest.mark.parametrize(("name", "method"), RUNS)
def test_estimates_are_right_on_average(name: str, method: str) -> None:
    assert too_biased(recovered(name, COUNT, method), name) == {}


@pytest.mark.parametrize(("name", "method"), RUNS)
def test_intervals_hold_the_truth(name: str, method: str) -> None:
    found = recovered(name, COUNT, method)
    low, high = band(COUNT, CHECKS)
    share = dict(zip(found.names, found.coverage.tolist(), strict=True))
    assert {n: s for n, s in share.items() if n in fixed(name) and not low <= s <= high} == {}
    assert {n: s for n, s in share.items() if n not in fixed(name) and s < 0.80} == {}


def test_what_sparse_data_are_off_by_is_the_approximation() -> None:
    approximate, exact = recovered("sparse", COUNT), recovered("sparse", COUNT, AGQ)
    away = approximate.estimates / exact.estimates - 1.0
    assert set(too_biased(approximate, "sparse")) <= {"CL"}
    place = approximate.names.index("CL")
    error = away[:, place].std(ddof=1) / np.sqrt(COUNT)
    assert away[:, place].mean() > 10.0 * error  # the same studies: not chance
    assert abs(approximate.bias[place] - away[:, place].mean()) < 3.0 * exact.error[place]
