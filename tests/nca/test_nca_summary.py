"""Summaries against SciPy, PKNCA and hand calculation; the wide table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pkpd.errors import InputError
from pkpd.nca import nca, summarise
from pkpd.nca.after.wide import wide_table
from tests.nca.nca_studies import make_study

POSITIVE = st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=12)


def _one(values: list[float | None], **rules: float) -> pandas.Series:
    return summarise(pandas.DataFrame({"x": np.array(values, dtype=float)}), **rules).iloc[0]


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    rows = [{"subject": s, "time": t, "value": (s + 1) * np.exp(-0.3 * t)} for s in range(3) for t in (1, 2, 4, 8)]
    rows += [{"subject": 3, "time": t, "value": np.nan, "blq": True, "lloq": 0.5} for t in (1, 2)]
    doses = [{"subject": s, "time": 0, "amount": 100.0} for s in range(4)]
    return nca(make_study(rows, doses, units={"time": "h", "dose": "mg", "C": "mg/L"}), "C")


def test_pknca_business_rules(reference: Path) -> None:
    """All but geomean(−1, 2) = −1.414: a negative number has no logarithm, so there is no geometric mean."""
    column = {"geomean": "geometric_mean", "geocv": "geometric_cv", "business.mean": "mean"}
    cases = json.loads((reference / "external/pknca/pknca_facts.json").read_text())["cases"]
    cases = [case for case in cases if case["category"] == "summary_stats"]
    assert len(cases) >= 4
    for case in cases:
        found = _one(case["inputs"]["x"])[column[case["function"]]]
        expected = np.nan if case["inputs"]["x"] == [-1, 2] else case["expected_in_test"]
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=case["id"])


@given(POSITIVE, st.floats(0.5, 0.99))
def test_intervals_are_those_of_scipy(values: list[float], level: float) -> None:
    found = _one(values, level=level)
    with np.errstate(all="ignore"):
        plain = stats.ttest_1samp(values, 0).confidence_interval(level)
        logs = stats.ttest_1samp(np.log(values), 0).confidence_interval(level)
    np.testing.assert_allclose([found["mean_low"], found["mean_high"]], plain, rtol=1e-8, atol=1e-8)
    limits = found[["geometric_mean_low", "geometric_mean_high"]].to_numpy(float)
    np.testing.assert_allclose(limits, np.exp(logs), rtol=1e-8)
    np.testing.assert_allclose(found["geometric_sd"], np.exp(np.std(np.log(values), ddof=1)), rtol=1e-9)
    np.testing.assert_allclose([found["q1"], found["q3"]], np.percentile(values, [25, 75]), rtol=1e-12)


@given(POSITIVE, st.floats(0.01, 100))
def test_geometric_statistics_scale_with_the_unit(values: list[float], factor: float) -> None:
    one, other = _one(values), _one([factor * v for v in values])
    for name in ("geometric_mean", "geometric_mean_low", "geometric_mean_high", "mean", "q1", "median"):
        np.testing.assert_allclose(other[name], factor * one[name], rtol=1e-7, atol=1e-9 * factor * max(values))
    np.testing.assert_allclose(other["geometric_sd"], one["geometric_sd"], rtol=1e-9)


def test_one_value_has_no_spread_and_rules_can_ask_for_more() -> None:
    one = _one([2.0])
    assert (one["mean"], one["geometric_mean"], one["q1"], one["q3"]) == (2, pytest.approx(2), 2, 2)
    assert one[["sd", "geometric_sd", "mean_low", "geometric_mean_high"]].isna().all()
    few = _one([2.0, 3.0, None], minimum=3)
    assert (few["N"], few["n"], few["missing"]) == (3, 2, 1)
    assert few[["mean", "median", "min", "q1"]].isna().all()
    assert np.isnan(_one([1.0, None, None], most_missing=0.5)["mean"])
    assert _one([1.0, 2.0, None, None], most_missing=0.5)["mean"] == 1.5
    assert np.isnan(_one([0.0, 2.0])["geometric_sd"])


def test_the_rules_stand_with_the_table() -> None:
    rules = summarise(pandas.DataFrame({"x": [1.0]}), level=0.95, minimum=4).attrs["rules"]
    assert rules["interval"].startswith("95 %")
    assert "from 4 numbers on" in rules["least"]
    assert {"missing", "non_positive", "sd", "cv", "quartiles"} <= set(rules)
    with pytest.raises(InputError) as caught:
        summarise(pandas.DataFrame({"x": [1.0]}), "y", level=90, minimum=0, most_missing=2)
    assert len(caught.value.problems) == 4


def test_wide_table_has_one_row_per_profile_and_units_in_its_head(result: xr.Dataset) -> None:
    table = wide_table(result, ["auc_last", "cmax", "half_life"])
    assert list(table.columns[:5]) == ["subject", "interval", "occasion", "route", "dose (mg)"]
    symbol = {n: result[n].attrs["symbol"] for n in ("auc_last", "cmax", "half_life")}
    assert list(table.columns[5:]) == [
        f"{symbol['auc_last']} (h·mg/L)", f"{symbol['cmax']} (mg/L)", f"{symbol['half_life']} (h)",
    ]  # fmt: skip
    np.testing.assert_array_equal(table.iloc[:, 6], result["cmax"])
    plain = wide_table(result, units=False)
    assert plain.shape[0] == result.sizes["profile"]
    full = [n for n, v in result.data_vars.items() if v.dims == ("profile",) and v.notnull().any()]
    assert list(plain.columns[5:]) == full  # no column without a number
    assert wide_table(result).shape == plain.shape  # two parameters of one symbol keep a column each
    with pytest.raises(InputError, match="did you mean 'cmax'"):
        wide_table(result, ["cmaxx"])


def test_windows_and_thresholds_are_summarised_too() -> None:
    """Each window and threshold has its row; two windows that differ in the eighth digit keep two labels."""
    rows = [{"subject": s, "time": t, "value": (s + 1) * np.exp(-0.3 * t)} for s in range(3) for t in (0.5, 1, 2, 4, 8)]
    doses = [{"subject": s, "time": 0, "amount": 100.0} for s in range(3)]
    study = make_study(rows, doses, units={"time": "h", "dose": "mg", "C": "mg/L"})
    found = nca(study, "C", windows=[(0, 4), (0, 4.0000001)], above=[0.5])
    table = summarise(found).set_index("parameter")
    for kind in found["extrapolation"].to_numpy():
        for label, place in (("0–4", 0), ("0–4.0000001", 1)):
            row = table.loc[f"auc_window[{label}, {kind}]"]
            values = found["auc_window"].isel(window=place).sel(extrapolation=kind)
            np.testing.assert_allclose(row["mean"], values.mean().item(), rtol=1e-14)
            assert (row["unit"], row["N"]) == ("h·mg/L", 3)
    np.testing.assert_allclose(table.loc["time_above[0.5]", "max"], found["time_above"].max().item())
    assert summarise(found, by="subject")["parameter"].str.startswith("auc_above[").sum() == 3
