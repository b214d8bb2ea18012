"""Covariates of the study beside the numbers of an analysis, whatever kind of result it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xarray as xr

import pkpd
from pkpd.errors import DataWarning
from pkpd.io import read_nonmem, read_study
from pkpd.nca import dose_proportionality, nca_response, nca_sparse, relative_by, summarise
from pkpd.study import Study

UNITS = {"time": "h", "dose": "mg", "C": "ug/mL", "urine": "ug/mL", "volume": "mL", "weight": "kg"}
ARMS = {"a": "active", "b": "active", "c": "placebo", "d": "placebo"}


def study(**more: list[Any]) -> Study:
    """Four subjects of two arms, with blood and urine."""
    blood = [(s, "C", t, (k + 1) * v, np.nan, np.nan) for k, s in enumerate(ARMS)
             for t, v in ((0.5, 4), (1, 6), (3, 4), (6, 2), (9, 1), (12, 0.5))]  # fmt: skip
    urine = [(s, "urine", a, 3.0 - a / 12, a + 6.0, 200.0) for s in ARMS for a in (0.0, 6.0)]
    samples = pandas.DataFrame([*blood, *urine], columns=["subject", "analyte", "time", "value", "until", "volume"])
    doses = pandas.DataFrame({"subject": [*ARMS], "time": 0.0, "amount": [10, 20, 30, 40], "route": "oral"})
    people = {"subject": [*ARMS], "arm": [*ARMS.values()], "weight": [50.0, 60, 70, 80], **more}
    return read_study(samples, doses, pandas.DataFrame(people), units=UNITS)


def results(data: Study) -> dict[str, xr.Dataset]:
    tree = pkpd.nca(data, ["C", "urine"])
    return {
        "nca": pkpd.nca(data, "C"), "excretion": pkpd.nca(data, "urine"), "response": nca_response(data, "C"),
        "blood": tree["C"].to_dataset(), "urine": tree["urine"].to_dataset(),
    }  # fmt: skip


def test_every_result_over_profiles_has_the_covariates_of_its_subjects() -> None:
    data = study()
    for kind, found in results(data).items():
        assert found["arm"].dims == ("profile",), kind
        assert found["arm"].values.tolist() == [ARMS[s] for s in found["subject"].values], kind
        people = data.subjects.set_index("subject")["weight"]
        np.testing.assert_array_equal(found["weight"], people.loc[found["subject"].values], err_msg=kind)
        assert found["weight"].attrs["units"] == "kg", kind


def test_they_make_the_groups_of_what_follows() -> None:
    found = pkpd.nca(study(), "C")
    table = summarise(found, by="arm").set_index(["arm", "parameter"])
    cmax = found["cmax"].to_series().groupby(found["arm"].values).mean()
    assert table.loc[("active", "cmax"), "mean"] == cmax["active"]
    assert table.loc[("placebo", "cmax"), "n"] == 2
    ratio = relative_by(found, "arm", "placebo", "active", parameters=["cmax"], normalise=False).summary["ratio"][0]
    assert ratio == pytest.approx(np.sqrt(12 / 2), rel=1e-12)  # profiles are 1, 2, 3 and 4 times one curve
    assert dose_proportionality(found, ["cmax"])["cmax"].beta == pytest.approx(1, rel=1e-12)


def test_a_group_of_a_sparse_result_has_what_all_of_it_share() -> None:
    found = nca_sparse(study(site=[1, 1, 2, 2]), "C", by="arm")
    assert found["site"].values.tolist() == [2, 1]
    assert found["arm"].values.tolist() == ["placebo", "active"]
    assert "weight" not in found.coords


def test_a_name_that_is_taken_gets_another_and_is_said() -> None:
    with pytest.warns(DataWarning, match="3 covariates have another name .*'dose' is 'covariate_dose'.*'g per m'"):
        found = pkpd.nca(study(dose=["low", "low", "high", "high"], cmax=[1, 2, 3, 4], **{"g/m": [1, 2, 3, 4]}), "C",
                         parameters=["tmax"])  # fmt: skip
    assert found["covariate_dose"].values.tolist() == ["low", "low", "high", "high"]
    assert found["covariate_cmax"].values.tolist() == [1, 2, 3, 4]  # also where that parameter is not asked for
    assert found["g per m"].attrs["long_name"] == "g/m"


def test_a_covariate_that_says_what_a_label_says_is_that_label() -> None:
    found = pkpd.nca(study(route=["oral"] * 4), "C")  # no warning
    assert "covariate_route" not in found.coords


def test_missing_values_stay_missing() -> None:
    found = pkpd.nca(study(sex=["m", None, "f", "f"], age=[20, None, 40, 50]), "C")
    assert found["sex"].values.tolist() == ["m", "", "f", "f"]
    np.testing.assert_array_equal(found["age"], [20, np.nan, 40, 50])
    table = summarise(found, by="sex")
    assert table.groupby("sex")["N"].first().to_dict() == {"": 1, "f": 2, "m": 1}


EVENTS = pandas.DataFrame(
    [(1, 0, 100, 1, 0, 70), (1, 2, 0, 0, 5, 71), (1, 6, 0, 0, 2, 72), (1, 24, 100, 1, 0, 80), (1, 26, 0, 0, 6, 81),
     (1, 30, 0, 0, 3, 82), (2, 0, 100, 1, 0, 50), (2, 2, 0, 0, 5, 50), (2, 6, 0, 0, 2, 50)],
    columns=["ID", "TIME", "AMT", "EVID", "DV", "WT"],
)  # fmt: skip
GIVEN = {"time": "h", "dose": "mg", "DV": "mg/L"}


@pytest.mark.parametrize("carried", ["last", "next"])
def test_of_one_that_changes_it_is_the_value_at_the_dose(carried: str) -> None:
    found = pkpd.nca(read_nonmem(EVENTS, units=GIVEN, covariates=carried))
    assert found["interval"].values.tolist() == [1, 2, 1]
    np.testing.assert_array_equal(found["WT"], [70, 80, 50])
    assert "in force at the dose" in found["WT"].attrs["long_name"]


def test_a_value_holds_until_the_next_one_and_the_first_one_before_it() -> None:
    samples = pandas.DataFrame({"subject": "a", "time": [1.0, 5, 12, 25, 29, 36], "C": [5.0, 3, 1, 6, 4, 2],
                                "weight": [70.0, 71, 72, 80, 81, 82]})  # fmt: skip
    doses = pandas.DataFrame({"subject": "a", "time": [0.0, 24], "amount": 10.0, "route": "oral"})
    found = pkpd.nca(read_study(samples, doses, units={n: UNITS[n] for n in ("time", "dose", "C", "weight")}))
    np.testing.assert_array_equal(found["weight"], [70, 72])


def test_of_periods_it_is_the_value_in_that_period() -> None:
    rows = [(s, p, t, v, 60 + 10 * p) for s in "ab" for p in (1, 2) for t, v in ((1, 5.0), (4, 2.0), (8, 1.0))]
    samples = pandas.DataFrame(rows, columns=["subject", "period", "time", "C", "weight"])
    doses = pandas.DataFrame([(s, p, 0.0, 10.0, "oral", 60 + 10 * p) for s in "ab" for p in (1, 2)],
                             columns=["subject", "period", "time", "amount", "route", "weight"])  # fmt: skip
    data = read_study(samples, doses, units={n: UNITS[n] for n in ("time", "dose", "C", "weight")})
    assert data.several_periods
    assert data.changing == ("weight",)
    found = pkpd.nca(data)
    np.testing.assert_array_equal(found["weight"], 60 + 10 * found["period"])


def test_a_file_holds_them_bit_for_bit(tmp_path: Path) -> None:
    data = study(sex=["m", None, "f", "f"], ok=[1, 0, 1, 0])
    for kind, found in results(data).items():
        pkpd.saving.save(found, tmp_path / f"{kind}.nc")
        xr.testing.assert_identical(pkpd.saving.load(tmp_path / f"{kind}.nc"), found)
        found.to_netcdf(tmp_path / f"{kind}-plain.nc", engine="h5netcdf")
        plain = xr.load_dataset(tmp_path / f"{kind}-plain.nc", engine="h5netcdf")
        assert plain["sex"].values.tolist() == found["sex"].values.tolist()
