"""The study level: groups, clocks, units, reasons, and what takes no part."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xarray as xr

from pkpd.errors import DataWarning, InputError
from pkpd.nca.sparse import SPARSE_PARAMETERS, SparseRules, nca_sparse, sparse, sparse_difference, sparse_ratio
from pkpd.study import Study
from tests.nca.nca_studies import make_study

UNITS = {"time": "h", "dose": "mg", "C": "ng/mL", "weight": "kg"}
CLOCK = (0.0, 1.0, 2.0, 4.0, 8.0)


def _study(route: str = "bolus", units: dict[str, str] | None = None, **sample: Any) -> Study:
    """Two dose groups of 20 rats, serial, drawn a little off the plan."""
    rng = np.random.default_rng(1)
    rows, doses = [], []
    for i in range(40):
        dose, planned = (10.0, 30.0)[i % 2], CLOCK[(i // 2) % 5]
        value = 100 * dose * np.exp(-0.3 * planned) * rng.lognormal(0, 0.2)
        rows.append({"subject": i, "time": planned + rng.uniform(0, 0.05), "nominal_time": planned, "value": value,
                     **sample})  # fmt: skip
        doses.append({"subject": i, "time": 0.0, "amount": dose, "route": route,
                      "duration": 0.5 if route == "infusion" else 0.0})  # fmt: skip
    people = pandas.DataFrame({"subject": range(40), "sex": ["f", "m", "m", "f"] * 10, "weight": 0.25})
    return make_study(rows, doses, units=units or UNITS, subjects=people)


def test_every_group_is_the_array_analysis_of_its_samples() -> None:
    study = _study()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = nca_sparse(study, "C", by="dose", tail=4, methods=("t", "bootstrap-t"), replicates=50)
    assert found["group"].values.tolist() == [10, 30]  # mg, as in the study
    table = study.observations
    for g, dose in enumerate((10.0, 30.0)):
        part = table[table["subject"] % 2 == g]
        rules = SparseRules(tail=4, methods=("t", "bootstrap-t"), replicates=50)
        alone = sparse(part["nominal_time"], part["value"], part["subject"].tolist(), dose=dose * 1e6, rules=rules)
        for name in SPARSE_PARAMETERS:
            row = found.isel(group=g).sel(parameter=name)
            scale = (1e6 if name.endswith("_dose") else 1e-3) if SPARSE_PARAMETERS[name].needs_dose else 1.0
            np.testing.assert_allclose(row[name], scale * alone.estimate[name], rtol=3e-16)
            np.testing.assert_allclose(row["se"], scale * alone.se[name], rtol=3e-16)
            np.testing.assert_array_equal(row["df"], alone.df[name])
            ends = alone.interval["bootstrap-t"][name]
            np.testing.assert_allclose([row["lower"][1], row["upper"][1]], [scale * end for end in ends], rtol=3e-16)
            assert row["reason_se"].item() == alone.reason_se[name]
        np.testing.assert_array_equal(found["profile_mean"][g], alone.mean)
    assert found["design"].values.tolist() == ["serial", "serial"]
    assert found["n_subjects"].values.tolist() == [20, 20]
    stored = SparseRules.from_json(found.attrs["rules"])
    assert (stored.tail, stored.replicates) == (4, 50)


def test_units_are_derived_and_the_numbers_follow_them() -> None:
    found = nca_sparse(_study(), "C", by="dose", tail=4)
    units = {name: found[name].attrs["units"] for name in SPARSE_PARAMETERS}
    assert units["auc_last"] == "h·ng/mL"
    assert units["cl_obs"] == "L/h"
    assert units["vss_obs"] == "L"
    assert units["cmax"] == "ng/mL"
    assert units["auc_last_dose"] == "h·ng/mL/mg"
    assert dict(zip(found["parameter"].values, found["unit"].values, strict=True)) == units
    # C = 100 ng/mL per mg at time 0: V = 10 L, CL = 0.3·V.
    assert found["vz_obs"].values == pytest.approx([10, 10], rel=0.25)
    by_weight = nca_sparse(_study(), "C", by="dose", tail=4, dose_unit="mg/kg")
    assert by_weight["cl_obs"].attrs["units"] == "mL/h/kg"
    np.testing.assert_allclose(by_weight["cl_obs"], 1000 * found["cl_obs"] / 0.25, rtol=1e-12)


def test_groups_by_covariate_and_groups_without_one_dose() -> None:
    found = nca_sparse(_study(), "C", by="sex")
    assert found["group"].values.tolist() == ["f", "m"]
    assert np.isnan(found["dose"]).all()  # both doses in each group
    assert "different doses" in found["reason"].sel(parameter="cl_obs").values[0]
    assert np.isfinite(found["auc_last"]).all()
    whole = nca_sparse(_study(), "C")
    assert whole["group"].values.tolist() == ["all"]
    with pytest.raises(InputError, match="did you mean 'sex'"):
        nca_sparse(_study(), "C", by="sexx")
    with pytest.raises(InputError, match="no analyte"):
        nca_sparse(_study(), "D")
    with pytest.raises(InputError, match="unknown preset"):
        nca_sparse(_study(), "C", preset="pk")


def test_routes_and_analytes_decide_what_has_a_meaning() -> None:
    oral = nca_sparse(_study(route="oral"), "C", by="dose").isel(group=0)
    assert math.isnan(oral["vss_obs"])
    assert "intravenous" in str(oral["reason"].sel(parameter="vss_obs").item())
    assert math.isnan(oral["se"].sel(parameter="vss_obs"))
    infusion = nca_sparse(_study(route="infusion"), "C", by="dose").isel(group=0)
    assert float(infusion["mrt_inf_obs"]) == pytest.approx(float(oral["mrt_inf_obs"]) - 0.25)
    counts = nca_sparse(_study(units={**UNITS, "C": "1/uL"}), "C", by="dose").isel(group=0)
    assert "not a concentration" in str(counts["reason"].sel(parameter="cl_obs").item())
    assert counts["auc_last"].attrs["units"] == "h/uL"


def test_times_that_cannot_be_pooled_are_counted() -> None:
    with pytest.warns(DataWarning, match="20 of 20 samples have no nominal time"):
        found = nca_sparse(_study(nominal_time=math.nan).select(subjects=range(20)), "C")
    assert math.isnan(found["se"].sel(parameter="auc_last").item())


def test_samples_outside_the_first_interval_take_no_part() -> None:
    rows = [
        {"subject": s, "time": t, "value": 10.0 - t + s}
        for s, times in ((1, (-1, 0, 4, 9)), (2, (0, 4, 9)), (3, (2, 5, 8)), (4, (2, 5, 8)))
        for t in times
    ]
    doses = [{"subject": s, "time": t, "amount": 5.0} for s in (1, 2, 3, 4) for t in (0.0, 8.5)]
    study = make_study(rows, doses, units=UNITS)
    with pytest.warns(DataWarning) as caught:
        found = nca_sparse(study, "C")
    texts = [str(w.message) for w in caught]
    assert any("2 samples after a subject's second dose" in text for text in texts)
    assert any("1 samples before the first dose" in text for text in texts)
    np.testing.assert_array_equal(found["profile_time"][0], [0, 2, 4, 5, 8])
    assert found["design"].item() == "batch"


def test_doses_off_the_plan_do_not_scatter_planned_times() -> None:
    rng = np.random.default_rng(3)
    rows, doses = [], []
    for s in range(8):
        given = rng.uniform(0.05, 0.2)
        doses.append({"subject": s, "time": given, "amount": 5.0})
        rows += [{"subject": s, "time": t + given, "nominal_time": t, "value": 9.0 - t + s} for t in (0.0, 1.0, 3.0)]
    with pytest.warns(DataWarning, match="first doses were given at 8 times"):
        found = nca_sparse(make_study(rows, doses, units=UNITS), "C")
    np.testing.assert_array_equal(found["profile_time"][0], [0, 1, 3])
    # A day later on the study's clock nothing changes.
    late = [{**d, "time": d["time"] + 24} for d in doses]
    shifted = [{**r, "time": r["time"] + 24, "nominal_time": r["nominal_time"] + 24} for r in rows]
    with pytest.warns(DataWarning, match="these count from 24 on"):
        moved = nca_sparse(make_study(shifted, late, units=UNITS), "C")
    np.testing.assert_array_equal(moved["aumc_last"], found["aumc_last"])


def test_every_subject_has_its_own_clock() -> None:
    rows, doses = [], []
    for s in range(6):
        begin = 24.0 * s
        doses.append({"subject": s, "time": begin, "amount": 5.0})
        rows += [{"subject": s, "time": t + begin, "nominal_time": t + begin, "value": 9.0 - t + s} for t in (0.0, 2.0)]
    found = nca_sparse(make_study(rows, doses, units=UNITS), "C")
    np.testing.assert_array_equal(found["profile_time"][0], [0, 2])


def test_a_sample_marked_post_takes_the_place_of_one_before_the_dose() -> None:
    rows = [
        {"subject": s, "time": t, "value": v + s, "mark": mark}
        for s in (1, 2, 3)
        for t, v, mark in ((0.0, 0.0, "pre"), (0.0, 9.0, "post"), (2.0, 4.0, ""))
    ]
    study = make_study(rows, [{"subject": s, "time": 0.0, "amount": 1.0} for s in (1, 2, 3)], units=UNITS)
    with pytest.warns(DataWarning, match="3 samples before the dose give way"):
        found = nca_sparse(study, "C")
    np.testing.assert_allclose(found["profile_mean"][0], [11, 6])


def test_blq_samples_reach_the_rules() -> None:
    rows = [{"subject": s, "time": 0.0, "value": 5.0 + s} for s in range(3)]
    rows += [{"subject": s, "time": 1.0, "value": math.nan, "blq": True, "lloq": 0.4} for s in range(3, 5)]
    rows += [{"subject": 5, "time": 1.0, "value": 3.0, "lloq": 0.4}]
    study = make_study(rows, [{"subject": s, "time": 0.0, "amount": 1.0} for s in range(6)], units=UNITS)
    assert nca_sparse(study, "C", blq="lloq/2")["profile_mean"][0, 1].item() == pytest.approx(3.4 / 3)
    pknca = nca_sparse(study, "C", preset="pknca")
    assert pknca["profile_mean"][0, 1].item() == 0.0
    assert pknca["n_blq"].item() == 2


def test_groups_of_a_result_are_compared() -> None:
    study = _study()
    found = nca_sparse(study, "C", by="dose", level=0.9)
    low, high = found.isel(group=0), found.isel(group=1)
    difference = sparse_difference(low, high, parameter="auc_last_dose")
    assert difference.level == 0.9
    se = [float(one["se"].sel(parameter="auc_last_dose")) for one in (low, high)]
    assert difference.se == pytest.approx(math.hypot(*se))
    assert sparse_ratio(high, low).estimate == pytest.approx(float(high["auc_last"] / low["auc_last"]))
    with pytest.raises(InputError, match="one group"):
        sparse_difference(found, low)


def test_the_result_survives_netcdf(tmp_path: Path) -> None:
    found = nca_sparse(_study(), "C", by="sex")
    path = tmp_path / "sparse.nc"
    found.to_netcdf(path, engine="h5netcdf")
    xr.testing.assert_identical(found, xr.load_dataset(path, engine="h5netcdf"))
    assert json.loads(found.attrs["rules"])["name"] == "default"


def test_subjects_without_a_group_are_counted_and_nothing_gives_nothing() -> None:
    study = _study()
    people = study.subjects
    people["dosage"] = np.where(people["subject"] < 10, np.nan, people["subject"] % 2)
    rows = study.observations.to_dict("records")
    doses = study.doses.to_dict("records")
    with pytest.warns(DataWarning, match="10 subjects have no 'dosage'"):
        found = nca_sparse(make_study(rows, doses, units=UNITS, subjects=people), "C", by="dosage")
    assert found["group"].values.tolist() == [0.0, 1.0]
    assert found["n_subjects"].values.tolist() == [15, 15]
    empty = nca_sparse(_study(excluded=True), "C")
    assert empty.sizes["group"] == 0
    undosed = nca_sparse(make_study(rows, [], units=UNITS), "C")
    assert np.isfinite(undosed["auc_last"]).all()
    assert "no dose known" in undosed["reason"].sel(parameter="cl_obs").values[0]
