"""The labelled result: reasons, units, round trip, summaries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray as xr

from pkpd.data import theophylline
from pkpd.errors import InputError
from pkpd.nca import NAMES, PARAMETERS, Points, Rules, choose_points, lambda_z_line, nca, rerun, summarise, why
from tests.nca.nca_studies import make_study


@pytest.fixture
def result() -> xr.Dataset:
    rng = np.random.default_rng(3)
    times = (0.1, 0.5, 1, 2, 4, 8)
    rows = [
        {"subject": s, "time": t, "value": 50 * np.exp(-0.3 * t + rng.normal(0, 0.1))} for s in range(4) for t in times
    ]
    rows += [{"subject": 4, "time": t, "value": np.nan, "blq": True, "lloq": 0.5} for t in times]
    rows += [{"subject": 0, "time": 12, "value": np.nan, "blq": True, "lloq": 0.5}]
    doses = [{"subject": s, "time": 0, "amount": 100.0} for s in range(5)]
    study = make_study(rows, doses, units={"time": "h", "dose": "mg", "C": "mg/L"}, attrs={"synthetic": True})
    return nca(study, "C")


def test_every_missing_number_has_a_sentence_and_every_number_has_none(result: xr.Dataset) -> None:
    for name in NAMES:
        missing = np.isnan(result[name].values)
        np.testing.assert_array_equal(missing, result["reason"].sel(parameter=name).values != "")
    assert set(result["reason"].values[4]) >= {"no quantifiable sample", ""}
    assert set(result.attrs) >= {"rules", "pkpd_version", "equal_times", "analyte", "synthetic"}
    assert Rules.from_json(result.attrs["rules"]) == Rules()


def test_the_result_survives_netcdf(result: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "nca.nc"
    result.to_netcdf(path, engine="h5netcdf")
    xr.testing.assert_identical(result, xr.load_dataset(path, engine="h5netcdf"))


def test_every_parameter_is_documented(result: xr.Dataset) -> None:
    for name, row in PARAMETERS.items():
        attrs = result[name].attrs
        assert attrs["long_name"] == row.long_name
        assert attrs["units"]
        assert attrs["method"]
    assert result["cl_obs"].attrs["cdisc"] == "CLO"
    assert result["mrt_inf_pred"].attrs["cdisc"] == "MRTIBIFP"
    codes = [code for row in PARAMETERS.values() for code in row.cdisc]
    assert len(codes) == len(set(codes))


def test_why_says_where_a_number_comes_from(result: xr.Dataset) -> None:
    assert "Terminal regression over" in why(result, "cl_obs", 0)
    assert "mg" not in why(result, "half_life", 4)
    assert why(result, "half_life", 4).endswith("not computed, no quantifiable sample.")
    with pytest.raises(InputError, match="did you mean 'half_life'"):
        why(result, "half_live")
    with pytest.raises(InputError, match="expected 0 to 4"):
        why(result, "half_life", 5)


def test_the_line_is_the_stored_regression(result: xr.Dataset) -> None:
    line = lambda_z_line(result, 0)
    used = line[line["used"]]
    assert len(used) == result["lambda_z_points"].values[0]
    slope, level = np.polyfit(used["time"], np.log(used["value"]), 1)
    np.testing.assert_allclose(np.log(used["fitted"]), level + slope * used["time"], atol=1e-12)
    assert not line["used"].iloc[-1]  # the BLQ sample
    assert lambda_z_line(result, 4)["fitted"].isna().all()


def test_summary_by_hand() -> None:
    table = pandas.DataFrame({"group": ["a", "a", "a", "b", "b"], "x": [1.0, 2.0, 4.0, 0.0, np.nan]})
    found = summarise(table, by="group").set_index("group")
    a, b = found.loc["a"], found.loc["b"]
    np.testing.assert_allclose(a["geometric_mean"], 2)
    np.testing.assert_allclose(a["geometric_cv"], 100 * np.sqrt(np.exp(np.log(2) ** 2) - 1))
    np.testing.assert_allclose([a["mean"], a["sd"], a["median"]], [7 / 3, np.sqrt(7 / 3), 2])
    np.testing.assert_allclose(a["cv"], 100 * np.sqrt(7 / 3) / (7 / 3))
    assert (a["N"], a["n"], a["missing"], a["min"], a["max"]) == (3, 3, 0, 1, 4)
    assert (b["N"], b["n"], b["missing"], b["mean"]) == (2, 1, 1, 0)
    assert np.isnan([b["geometric_mean"], b["geometric_cv"], b["sd"]]).all()


def test_summary_of_a_result(result: xr.Dataset) -> None:
    whole = summarise(result).set_index("parameter")
    assert whole.loc["half_life", "N"] == 5
    assert whole.loc["half_life", "missing"] == 1
    assert whole.loc["auc_last", "unit"] == "h·mg/L"
    np.testing.assert_allclose(whole.loc["cmax", "mean"], np.nanmean(result["cmax"]))
    assert list(whole.index) == list(NAMES)
    assert len(summarise(result, by=["subject", "route"])) == 5 * len(NAMES)
    with pytest.raises(InputError, match="did you mean 'subject'"):
        summarise(result, by="subjekt")


def test_the_regression_begins_and_ends_at_samples() -> None:
    """To the last bit: a picture or a report must find the points by their times."""
    result = nca(theophylline(dose="320 mg"), "theophylline")
    for k in range(result.sizes["profile"]):
        row = result.isel(profile=k)
        times = row["sample_time"].values
        assert row["lambda_z_start"].item() in times
        assert row["lambda_z_end"].item() in times
        assert lambda_z_line(result, k)["used"].sum() == row["lambda_z_points"].item()


def test_settings_are_kept_and_checked() -> None:
    study = theophylline(dose="320 mg")
    result = nca(study, "theophylline", windows=[(0, 12)], above=[2.0], points=[Points(1, use=(5.1, 9.05, 24.37))])
    assert result["lambda_z_points"].values[0] == 3
    xr.testing.assert_identical(rerun(study, result), result)
    again = choose_points(study, result, 0)  # the rules choose again
    assert again["lambda_z_points"].values[0] == nca(study, "theophylline")["lambda_z_points"].values[0]
    assert rerun(study, result, auc="linear")["auc_last"].values[0] > result["auc_last"].values[0]
    for changes in ({"tau": -3}, {"windows": [(5, 1)]}, {"above": [None]}, {"zork": 1}, {"intervals": [(5, 0)]}):
        with pytest.raises(InputError):
            rerun(study, result, **changes)
    for asked in ({"windows": 5}, {"above": 5}, {"parameters": []}, {"rules": "pknca"}, {"parameters": ["AUCIFX"]}):
        with pytest.raises(InputError):
            nca(study, "theophylline", **asked)
    with pytest.raises(InputError, match="both used and left out"):
        nca(study, "theophylline", points=[Points(1, use=(9.05, 24.37), leave_out=(9.05,))])
    with pytest.raises(InputError, match="not JSON"):
        rerun(study, "nonsense")


def test_a_dose_inside_an_interval_set_by_hand() -> None:
    """Times count from the interval: the end of an infusion is found, and no residence time is given."""
    rows = [{"subject": 1, "time": t, "value": v, "analyte": "C"}
            for t, v in ((0, 0.0), (7, 4.0), (8, 8.0), (10, 4.0), (12, 2.0), (14, 1.0))]  # fmt: skip
    doses = [{"subject": 1, "time": 6.0, "amount": 10.0, "route": "infusion", "duration": 2.0}]
    study = make_study(rows, doses, units={"time": "h", "dose": "mg", "C": "mg/L"})
    found = nca(study, "C", intervals=[(0, 24)])
    assert found["ceoi"].item() == 8.0
    assert found["lambda_z_start"].item() >= 8.0
    assert np.isnan(found["mrt_inf_obs"].item())
    assert "does not begin at its only dose" in str(found["reason"].sel(parameter="mrt_inf_obs").item())
