"""`pkpd.units.convert_units` of results: as if the study had been in those units; there and back; what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
import xarray as xr

from pkpd import nca, units
from pkpd.errors import InputError
from pkpd.io import read_study
from pkpd.nca import PARAMETERS, Points, choose_points, nca_response, nca_sparse, rerun, summarise, why
from pkpd.units import convert_units
from tests.nca.nca_studies import make_study
from tests.nca.test_nca_units import study

ALL = {"time": "day", "dose": "ug", "concentration": "mg/L", "volume": "mL"}
BACK = {"time": "h", "dose": "mg", "concentration": "ng/mL", "volume": "L"}


def same(a: xr.Dataset, b: xr.Dataset, rtol: float) -> None:
    """Compare every variable: numbers, texts, units."""
    assert list(a.data_vars) == list(b.data_vars)
    assert set(a.coords) == set(b.coords)
    for name in a.variables:
        one, two = a[name], b[name]
        assert (one.attrs, one.dims, one.dtype) == (two.attrs, two.dims, two.dtype), name
        if one.dtype.kind in "fiu":
            np.testing.assert_allclose(
                one.values, two.values, rtol=rtol, atol=2e-15 if "ln(" in one.attrs.get("units", "") else 0
            )
        else:
            assert one.values.tolist() == two.values.tolist(), name


def whole(**options: Any) -> xr.Dataset:
    found: xr.Dataset = nca(study(), "C", windows=[(0, 12), (0, 20)], above=[500.0], **options)
    return found


def test_words_reach_everything_that_is_made_of_them() -> None:
    found = convert_units(whole(), {"time": "day", "concentration": "mg/L"})
    made = {
        name: found[name].attrs["units"] for name in ("auc_last", "aumc_last", "lambda_z", "cl_obs", "cmax", "dose")
    }
    assert made == {"auc_last": "day·mg/L", "aumc_last": "day^2·mg/L", "lambda_z": "1/day", "cl_obs": "L/day",
                    "cmax": "mg/L", "dose": "mg"}  # fmt: skip
    np.testing.assert_array_equal(found["cmax"], whole()["cmax"] / 1000)
    np.testing.assert_array_equal(found["threshold"], [0.5])
    assert found["window"].values.tolist() == ["0–0.5", f"0–{20 / 24!r}"]
    volume = convert_units(whole(), {"volume": "mL"})
    assert {n for n in volume.variables if volume[n].attrs.get("units") != whole()[n].attrs.get("units")} == {
        n for n, row in PARAMETERS.items() if row.unit in ("volume", "volume/time")
    }


@pytest.mark.parametrize("dose_unit", [None, "ug/kg", "ng"])
@pytest.mark.parametrize("asked", [ALL, {"time": "day"}, {"concentration": "pg/mL"}, {"dose": "ng"}, {"volume": "uL"}])
def test_there_and_back_is_the_same(asked: dict[str, str], dose_unit: str | None) -> None:
    first = whole(dose_unit=dose_unit)
    kg = "/kg" if dose_unit == "ug/kg" else ""
    asked = {word: unit + (kg if word == "dose" else "") for word, unit in asked.items()}
    back = {word: BACK[word] for word in asked}
    back |= {"dose": dose_unit or "mg"} if "dose" in asked else {}
    if dose_unit is not None and "volume" in back:
        back["volume"] = "mL"
    there = convert_units(first, asked)
    assert there.attrs != first.attrs or asked["dose"] == dose_unit
    again = convert_units(there, back)
    same(again, first, 1e-15)
    assert again.attrs == first.attrs


@pytest.mark.parametrize("dose_unit", [None, "mg/kg"])
@pytest.mark.parametrize(
    ("words", "own", "scales"),
    [
        ({"dose": "ug"}, {"dose": "ug"}, {"amount": 1e5}),
        ({"dose": "ng"}, {"dose": "ng"}, {"amount": 1e8}),  # cancels with ng/mL
        ({"concentration": "mg/L"}, {"C": "mg/L"}, {"scale": 1e-3}),  # cancels with mg
        ({"time": "day"}, {"time": "day"}, {"clock": 1 / 24}),
        ({"time": "min", "concentration": "ug/mL", "dose": "g"}, {"time": "min", "C": "ug/mL", "dose": "g"},
         {"clock": 60.0, "scale": 1e-3, "amount": 0.1}),
    ],
)  # fmt: skip
def test_a_converted_result_is_that_of_a_converted_study(words: Any, own: Any, scales: Any, dose_unit: Any) -> None:
    """Names of units and numbers, by two ways that share no code of conversion: the study's, and the result's."""
    before = nca(study(volume="L"), "C", dose_unit=dose_unit)
    shown = units.show(own.get("dose", "mg")) + ("/kg" if dose_unit else "")
    after = nca(study(**{"volume": "L", **own}, **scales), "C", dose_unit=shown if dose_unit else None)
    found = convert_units(before, {**words, **({"dose": shown} if dose_unit else {})})
    for name in [*PARAMETERS, "dose", "sample_time", "sample_value", "interval_end", "start_value"]:
        assert found[name].attrs["units"] == after[name].attrs["units"], name
        np.testing.assert_allclose(found[name], after[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_it_composes() -> None:
    once = convert_units(convert_units(whole(), {"time": "min", "volume": "uL"}), {"time": "day", "dose": "g"})
    same(once, convert_units(whole(), {"volume": "uL", "dose": "g", "time": "day"}), 1e-15)
    assert once.attrs == convert_units(whole(), {"volume": "uL", "dose": "g", "time": "day"}).attrs


def test_names_come_before_words() -> None:
    found = convert_units(whole(), {"cl_obs": "mL/min", "lambda_z_intercept": "ug/mL", "time": "day"})
    assert found["cl_obs"].attrs["units"] == "mL/min"
    assert found["cl_last"].attrs["units"] == "L/day"
    np.testing.assert_allclose(found["cl_obs"], whole()["cl_obs"] * 1000 / 60, rtol=1e-15)
    assert found["lambda_z_intercept"].attrs["units"] == "ln(ug/mL)"
    np.testing.assert_allclose(np.exp(found["lambda_z_intercept"]), np.exp(whole()["lambda_z_intercept"]) / 1000)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        convert_units(whole(), {"cmx": "mg/L", "time": "mg", "volume": "litre of beer", "tmax": "furlongs!"})
    text = str(caught.value)
    assert "4 problems" in text
    assert "'cmax'" in text
    assert "time is 'mg'" in text
    with pytest.raises(InputError, match=r"tmax: 'h' cannot be converted to 'mg'"):
        convert_units(whole(), {"tmax": "mg"})
    with pytest.raises(InputError, match=r"dose cannot be 'mg', .*ug/kg.*weights"):
        convert_units(whole(dose_unit="ug/kg"), {"dose": "mg"})
    with pytest.raises(InputError, match="concentration cannot be 'nmol/L', cmax"):
        convert_units(whole(), {"concentration": "nmol/L"})
    with pytest.raises(InputError, match="nothing in the result has a unit made of volume"):
        convert_units(whole()[["cmax"]], {"volume": "L"})
    with pytest.raises(InputError, match="no unit is given"):
        convert_units(whole(), {})
    with pytest.raises(InputError, match=r"summarise\(convert_units"):
        convert_units(summarise(whole()), {"time": "day"})


def test_a_converted_result_is_not_run_again() -> None:
    found = convert_units(whole(), {"time": "day"})
    for again in (lambda: rerun(found, auc="linear"), lambda: choose_points(found, 0, leave_out=[1.0])):
        with pytest.raises(InputError, match=r"was converted \(time from h\)"):
            again()
    own = study()
    back = convert_units(convert_units(nca(own, "C"), {"time": "day"}), {"time": "h"})
    same(rerun(back, study=own), nca(own, "C"), 0)


def test_why_stays_true() -> None:
    """Samples left out by hand, excluded ones, windows and limits: in days, or told to be in hours."""
    rows = [{"subject": 1, "time": t, "value": 1000 * np.exp(-0.1 * t), "excluded": t == 4.0, "reason": "spilt"}
            for t in (1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0)]  # fmt: skip
    own = make_study(rows, [{"subject": 1, "time": 0.0, "amount": 100.0, "route": "bolus"}],
                     units={"time": "h", "dose": "mg", "C": "ng/mL"})  # fmt: skip
    points = [Points(1, leave_out=(12.0,), begins=0.0)]
    found = nca(own, "C", points=points, windows=[(0, 16)], accept_half_life=0.1)
    text = why(convert_units(found, {"time": "day"}), "auc_inf_obs")
    assert "left out by hand: 0.5)" in text
    assert f"{4 / 24:g} day (excluded: spilt)" in text
    assert "day·ng/mL" in text
    assert "told in the units of the analysis: h" in text
    assert "told" not in why(found, "auc_inf_obs")
    for one in (found, convert_units(found, {"time": "day"})):
        assert "beyond the last sample" not in why(one, "auc_window[]")


def test_other_results() -> None:
    tree = nca(make_study(
        [{"subject": 1, "analyte": a, "time": t, "value": np.exp(-0.1 * t)} for a in "CM" for t in (1, 2, 4, 8)],
        [{"subject": 1, "time": 0.0, "amount": 1.0, "route": "bolus"}],
        units={"time": "h", "dose": "mg", "C": "mg/L", "M": "pg/mL"},
    ), ["C", "M"])  # fmt: skip
    found = convert_units(tree, {"time": "day", "concentration": "ng/mL"})
    assert [found[a]["auc_last"].attrs["units"] for a in ("C", "M")] == ["day·ng/mL", "day·ng/mL"]
    sparse = nca_sparse(study(), "C")
    other = convert_units(sparse, {"time": "day", "concentration": "mg/L"})
    place = sparse["parameter"].values.tolist().index("auc_last")
    assert other["unit"].values[place] == other["auc_last"].attrs["units"] == "day·mg/L"
    for name in ("se", "lower", "upper"):
        ratio = (other[name] / sparse[name]).isel(parameter=place).values
        np.testing.assert_allclose(ratio, 1 / 24000, rtol=1e-14)
    np.testing.assert_array_equal(other["df"], sparse["df"])
    same(convert_units(other, {"time": "h", "concentration": "ng/mL"}), sparse, 1e-15)
    response = nca_response(study(), "C", limits=[500.0, "50 %"], visits=[8.0], slopes=[(2, 12)], windows=[(0, 24)])
    other = convert_units(response, {"time": "day", "concentration": "mg/L"})
    assert other["limit"].values.tolist() == ["0.5", "50 %"]
    assert other["stretch"].values.tolist()[0].endswith("–0.5")
    assert other["window"].values.tolist() == ["0–1", "0–1"]
    same(convert_units(other, {"time": "h", "concentration": "ng/mL"}), response, 1e-15)
    assert "day·mg/L" in why(other, "auec")


def test_single_variables_and_tables() -> None:
    array = convert_units(whole()["cmax"], {"concentration": "mg/L", "time": "day"})
    assert array.name == "cmax"
    assert array.attrs["units"] == "mg/L"
    assert array["tau"].attrs["units"] == "day"
    assert convert_units(whole()["auc_last_dose"], {"dose": "ng"}).attrs["units"] == "h/mL"
    back = convert_units(convert_units(whole()["auc_last_dose"], {"dose": "ng"}), {"concentration": "mg/L"})
    assert back.attrs["units"] == "h·mg/L/ng"
    table = pandas.DataFrame({"CL": [1.0, 2.0], "V": [3, 4], "arm": ["a", "b"]})
    table.attrs["units"] = {"CL": "L/h/kg", "V": "L/kg"}
    found = convert_units(table, {"volume": "mL"})
    assert found["CL"].tolist() == [1000, 2000]
    assert found["V"].tolist() == [3000, 4000]
    assert found.attrs["units"] == {"CL": "mL/h/kg", "V": "mL/kg"}
    assert table.attrs["units"]["V"] == "L/kg"
    row = pandas.Series([1.0, 2.0], index=["CL", "ke"])
    row.attrs["units"] = {"CL": "L/h", "ke": "1/h"}
    assert convert_units(row, {"time": "day"}).to_dict() == {"CL": 24.0, "ke": 48.0}


def test_a_unit_of_volumes_without_collections_is_read_and_used() -> None:
    samples = pandas.DataFrame(
        {"subject": 1, "analyte": "C", "time": [1.0, 2.0, 4.0, 8.0], "value": [9.0, 8.0, 6.0, 3.0]}
    )
    doses = pandas.DataFrame({"subject": [1], "time": 0.0, "amount": 100.0, "route": "bolus"})
    own = read_study(samples, doses, units={"time": "h", "dose": "ug", "C": "ng/mL", "volume": "mL"})
    usual = nca(read_study(samples, doses, units={"time": "h", "dose": "ug", "C": "ng/mL"}), "C")
    assert (nca(own, "C")["vz_obs"].attrs["units"], usual["vz_obs"].attrs["units"]) == ("mL", "L")
    np.testing.assert_allclose(convert_units(usual, {"volume": "mL"})["cl_obs"], nca(own, "C")["cl_obs"], rtol=1e-15)
