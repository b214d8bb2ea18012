"""The power model against SciPy's regression and the criterion of Smith et al. (2000)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pkpd.errors import DataWarning, InputError
from pkpd.nca import nca
from pkpd.nca.after.criterion import criterion
from pkpd.nca.after.proportionality import dose_proportionality, power_model
from tests.nca.nca_studies import make_study

DOSES = np.repeat([10.0, 30, 100], 6)
NOISE = np.random.default_rng(8).normal(0, 0.2, len(DOSES))


def test_a_power_is_recovered_exactly() -> None:
    found = power_model(DOSES, 2.5 * DOSES**0.8)
    np.testing.assert_allclose([found.alpha, found.beta, found.r2], [np.log(2.5), 0.8, 1], rtol=1e-12)
    np.testing.assert_allclose([found.residual_sd, found.beta_se], 0, atol=1e-12)
    np.testing.assert_allclose([found.ratio, found.observed], 10**-0.2, rtol=1e-12)
    assert found.conclusion == "not proportional"
    np.testing.assert_allclose(found.linear_to, np.exp(np.log(0.8) / -0.2))
    even = power_model(DOSES, 2.5 * DOSES)
    assert even.conclusion == "proportional"
    assert even.linear_to > 1e300


def test_numbers_are_those_of_least_squares() -> None:
    y = 3 * DOSES**1.05 * np.exp(NOISE)
    found = power_model(DOSES, y, level=0.9)
    line = stats.linregress(np.log(DOSES), np.log(y))
    reach = stats.t.ppf(0.95, 16) * line.stderr
    mine = [found.beta, found.alpha, found.beta_se, found.r2, found.beta_low, found.beta_high]
    expected = [line.slope, line.intercept, line.stderr, line.rvalue**2, line.slope - reach, line.slope + reach]
    np.testing.assert_allclose(mine, expected, rtol=1e-10)
    rest = np.log(y) - line.intercept - line.slope * np.log(DOSES)
    np.testing.assert_allclose(found.residual_sd, np.sqrt((rest**2).sum() / 16), rtol=1e-10)
    top, low = np.log(y[DOSES == 100] / 100), np.log(y[DOSES == 10] / 10)
    limits = stats.ttest_ind(top, low, equal_var=False).confidence_interval(0.9)
    np.testing.assert_allclose(np.log([found.observed_low, found.observed_high]), limits, rtol=1e-8)
    np.testing.assert_allclose(np.log(found.observed), top.mean() - low.mean(), rtol=1e-10)


def test_critical_region_of_a_tenfold_range() -> None:
    """1 + ln(0.8)/ln(10) = 0.9031 and 1 + ln(1.25)/ln(10) = 1.0969, by hand from Smith et al. (2000)."""
    found = power_model(DOSES, DOSES * np.exp(NOISE))
    np.testing.assert_allclose([found.critical_low, found.critical_high], [0.9031, 1.0969], atol=5e-5)
    assert (found.lowest, found.highest) == (10, 100)


def test_the_published_example() -> None:
    """Smith et al. (2000), Table 2, Cmax from 25 to 250 mg: what follows from the slope of their mixed model.

    Their numbers as quoted by others (forum.bebac.at, thread 19731); the paper itself was not at hand.
    """
    found = criterion(0.7615, 0.679, 0.844, 250 / 25)
    published = {
        "critical_low": (0.903, 3), "critical_high": (1.097, 3), "linear_to": (2.0, 1), "nonlinear_from": (4.2, 1),
        "ratio": (0.577, 3), "ratio_low": (0.477, 3), "ratio_high": (0.698, 3),
    }  # fmt: skip
    for name, (value, digits) in published.items():
        # Half a unit of the last printed digit, and a little for the slope's own rounding.
        assert abs(getattr(found, name) - value) < 0.6 * 10.0**-digits, name
    assert found.conclusion == "not proportional"


@given(st.floats(0.5, 1.5), st.floats(0, 0.5), st.floats(1.1, 1000))
def test_the_ratios_of_doses_are_where_the_conclusion_changes(beta: float, half: float, ratio: float) -> None:
    found = criterion(beta, beta - half, beta + half, ratio)
    assert (ratio <= found.linear_to * (1 + 1e-9)) >= (found.conclusion == "proportional")
    assert (ratio >= found.nonlinear_from * (1 - 1e-9)) >= (found.conclusion == "not proportional")
    assert found.linear_to <= found.nonlinear_from
    for edge, before, after in (
        (found.linear_to, "proportional", {"inconclusive", "not proportional"}),
        (found.nonlinear_from, "inconclusive", {"not proportional"}),
    ):
        if 1.001 < edge < 1e6 and found.linear_to * 1.01 < found.nonlinear_from:
            assert criterion(beta, beta - half, beta + half, edge * 0.9999).conclusion == before
            assert criterion(beta, beta - half, beta + half, edge * 1.0001).conclusion in after


def test_a_criterion_needs_numbers_that_fit() -> None:
    with pytest.raises(InputError) as caught:
        criterion(1.0, 1.1, 1.2, 1.0, (0.8, 0.9))
    assert len(caught.value.problems) == 3


@given(st.floats(0.5, 1.5), st.floats(0.01, 2))
def test_the_criterion_asks_where_the_ratio_of_normalised_means_lies(beta: float, spread: float) -> None:
    found = power_model(DOSES, DOSES**beta * np.exp(spread * NOISE))
    inside = found.ratio_low >= 0.8 and found.ratio_high <= 1.25
    outside = found.ratio_high < 0.8 or found.ratio_low > 1.25
    assert found.conclusion == ("proportional" if inside else "not proportional" if outside else "inconclusive")
    assert (found.linear_to >= 10) == inside
    # At that ratio of doses one limit of the interval touches the region.
    ends = 1 + np.log([0.8, 1.25]) / np.log(found.linear_to)
    gaps = np.array([found.beta_low - ends[0], ends[1] - found.beta_high])
    assert abs(gaps.min()) < 1e-9


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_units_change_nothing_but_the_intercept(a: float, b: float) -> None:
    y = DOSES**0.9 * np.exp(NOISE)
    one, other = power_model(DOSES, y), power_model(a * DOSES, b * y)
    for name in ("beta", "beta_low", "beta_high", "r2", "residual_sd", "critical_low"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-8)
    assert other.conclusion == one.conclusion


def test_band_of_the_line_is_narrowest_at_the_mean_dose() -> None:
    found = power_model(DOSES, DOSES * np.exp(NOISE), level=0.95)
    middle, low, high = found.line([np.exp(np.log(DOSES).mean()), 10, 100])
    np.testing.assert_allclose(np.log(high / low)[0] / 2, stats.t.ppf(0.975, 16) * found.residual_sd / np.sqrt(18))
    assert np.log(high / low)[0] < np.log(high / low)[1:].min()
    np.testing.assert_allclose(middle**2, low * high)


def test_what_cannot_be_used_is_counted() -> None:
    y = np.array([1, 2, 4, np.nan, 0, -1, 3])
    found = power_model([1, 2, 4, 8, 8, 8, 0], y)
    assert (found.n, found.dropped) == (3, 4)
    np.testing.assert_allclose(found.beta, 1)
    same = power_model([5, 5, 5], [1, 2, 3])
    assert "single dose" in same.reason
    assert np.isnan(same.beta)
    assert same.conclusion == ""
    with pytest.raises(InputError, match="limits are"):
        power_model(DOSES, DOSES, limits=(1.25, 0.8))
    with pytest.raises(InputError, match="same length"):
        power_model(DOSES, [1.0])


def test_a_result_gives_one_model_per_parameter() -> None:
    t = (1, 2, 4, 8)
    amounts = [10.0, 20, 40, 80]
    rows = [{"subject": s, "time": x, "value": d**1.1 * np.exp(-0.3 * x)} for s, d in enumerate(amounts) for x in t]
    doses = [{"subject": s, "time": 0, "amount": d} for s, d in enumerate(amounts)]
    units = {"time": "h", "dose": "mg", "C": "mg/L"}
    found = dose_proportionality(nca(make_study(rows, doses, units=units), "C"), ("cmax", "auc_inf_obs", "cl_obs"))
    np.testing.assert_allclose([m.beta for m in found.values()], [1.1, 1.1, -0.1], rtol=1e-9)
    table = found["cmax"].table()
    assert table.loc[0, "parameter"] == "cmax"
    assert table.loc[0, "beta"] == found["cmax"].beta
    both = nca(make_study(rows + [{**r, "time": r["time"] + 24} for r in rows],
                          doses + [{**d, "time": 24} for d in doses], units=units), "C")  # fmt: skip
    with pytest.warns(DataWarning, match="4 subjects have several profiles"):
        dose_proportionality(both, ("cmax",))
    with pytest.raises(InputError, match="did you mean 'cmax'"):
        dose_proportionality(both, ("cmaxx",))
