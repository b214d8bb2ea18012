"""Results are in the units of the study: doses as they were given, volumes as people write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

from pkpd import nca, units
from pkpd.io import read_study
from pkpd.nca import PARAMETERS, nca_sparse, relative, superpose_study, why
from pkpd.nca.sparse import SPARSE_PARAMETERS
from pkpd.units.scaling import scaled
from tests.nca.nca_studies import make_study

TIMES = (0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 24.0)
OWN = {"time": "h", "dose": "mg", "C": "ng/mL"}


def study(amount: float = 100.0, scale: float = 1.0, clock: float = 1.0, **own: str) -> Any:
    """Return 100 mg by mouth to two subjects, 1000 ng/mL falling with 0.1/h: the same whatever the units."""
    rows = [{"subject": s, "time": clock * t, "value": scale * s * 1000 * (np.exp(-0.1 * t) - np.exp(-t))}
            for s in (1, 2) for t in TIMES]  # fmt: skip
    doses = [{"subject": s, "time": 0.0, "amount": amount, "route": "oral"} for s in (1, 2)]
    people = pandas.DataFrame({"subject": [1, 2], "weight": [50.0, 80.0]})
    return make_study(rows, doses, units={**OWN, "weight": "kg", **own}, subjects=people)


@pytest.mark.parametrize(
    ("dose", "concentration", "volume"),
    [("ug", "ng/mL", "L"), ("ng", "ng/mL", "mL"), ("mg", "mg/L", "L"), ("mg", "ng/mL", "L"), ("mg", "mg/dL", "L"),
     ("mg", "ug/mL", "L"), ("g", "ng/mL", "L"), ("ug", "ug/mL", "mL"), ("nmol", "nmol/L", "L"), ("IU", "IU/L", "L"),
     ("ng", "ug/mL", "uL"), ("ug/kg", "ng/mL", "mL/kg"), ("mg/kg", "ng/mL", "mL/kg"), ("mg/kg", "mg/L", "L/kg")],
)  # fmt: skip
def test_a_volume_is_in_the_unit_that_people_write(dose: str, concentration: str, volume: str) -> None:
    assert units.usual_volume(dose, concentration) == volume


@pytest.mark.parametrize(
    ("dose", "concentration", "amount", "volume"),
    [("mg", "ng/mL", "ug", "L"), ("ug", "ng/mL", "ug", "L"), ("ng", "ng/mL", "ng", "mL"), ("mg", "mg/L", "mg", "L"),
     ("mmol", "nmol/mL", "umol", "L"), ("ug/kg", "ng/mL", "ng/kg", "mL/kg"), ("mg", "pg/uL", "ug", "L"),
     ("IU", "IU/mL", "IU", "mL")],
)  # fmt: skip
def test_amount_over_volume_is_the_concentration(dose: str, concentration: str, amount: str, volume: str) -> None:
    assert units.usual_units(dose, concentration) == (amount, volume)
    assert units.factor(f"({amount})/({volume})", concentration) == 1


def test_everything_is_in_the_units_of_the_study() -> None:
    found = nca(study(), "C", windows=[(0, 12)])
    expected = {"dose": "mg", "cmax": "ng/mL", "auc_last": "h·ng/mL", "cl_obs": "L/h", "vz_obs": "L",
                "auc_last_dose": "h·ng/mL/mg", "cmax_dose": "ng/mL/mg", "aumc_tau_dose": "h^2·ng/mL/mg",
                "auc_window": "h·ng/mL"}  # fmt: skip
    assert {name: found[name].attrs["units"] for name in expected} == expected
    assert found["dose"].values.tolist() == [100, 100]
    # Dose over AUC, by hand: mg ÷ (h·ng/mL) is 1000 L/h.
    np.testing.assert_allclose(found["cl_obs"], 1000 * 100 / found["auc_inf_obs"], rtol=1e-14)
    np.testing.assert_allclose(found["auc_last_dose"], found["auc_last"] / 100, rtol=1e-14)
    assert "L/h" in why(found, "cl_obs", 0)
    kg = nca(study(), "C", dose_unit="ug/kg")
    assert kg["dose"].attrs["units"] == "ug/kg"
    np.testing.assert_allclose(kg["dose"], [2000, 1250], rtol=1e-15)
    assert kg["vz_obs"].attrs["units"] == "mL/kg"
    assert kg["cmax_dose"].attrs["units"] == "ng/mL/(ug/kg)"
    np.testing.assert_allclose(kg["vz_obs"] * [50, 80], 1000 * found["vz_obs"], rtol=1e-14)


@pytest.mark.parametrize(
    ("other", "factors"),
    [({"dose": "ug"}, {"dose": 1000.0}), ({"dose": "ng"}, {"dose": 1e6}), ({"C": "ug/mL"}, {"scale": 1e-3}),
     ({"dose": "g", "C": "mg/L"}, {"dose": 1e-3, "scale": 1e-3}), ({"time": "min"}, {"clock": 60.0})],
)  # fmt: skip
def test_numbers_are_the_same_quantities_in_whatever_units_the_study_is(other: Any, factors: dict[str, float]) -> None:
    base = nca(study(), "C")
    more = {"scale": factors.get("scale", 1.0), "clock": factors.get("clock", 1.0)}
    found = nca(study(100 * factors.get("dose", 1.0), **more, **other), "C")
    for name in PARAMETERS:
        if PARAMETERS[name].unit in ("log", "1", "%"):
            continue
        ratio = units.factor(found[name].attrs["units"], base[name].attrs["units"])
        np.testing.assert_allclose(found[name] * ratio, base[name], rtol=1e-11, err_msg=name)


def test_a_stated_unit_of_volumes_is_kept() -> None:
    found = nca(study(volume="mL"), "C")
    assert found["cl_obs"].attrs["units"] == "mL/h"
    np.testing.assert_allclose(found["vz_obs"], 1000 * nca(study(), "C")["vz_obs"], rtol=1e-15)
    assert nca(study(volume="mL"), "C", dose_unit="ug/kg")["vz_obs"].attrs["units"] == "mL/kg"


def test_a_conversion_rounds_once() -> None:
    values = np.random.default_rng(1).lognormal(0, 10, 10_000)
    np.testing.assert_array_equal(scaled(values, 1e-3), values / 1000)
    np.testing.assert_array_equal(scaled(values, 1e6), values * 1e6)
    np.testing.assert_array_equal(scaled(values, 1.0), values)


def test_sparse_results_too() -> None:
    found, other = nca_sparse(study(), "C", by="dose"), nca_sparse(study(1e5, dose="ug"), "C", by="dose")
    assert found["group"].values.tolist() == [100]
    assert found["dose"].attrs["units"] == "mg"
    for p, name in enumerate(SPARSE_PARAMETERS):
        unit = found["unit"].values[p]
        assert unit == found[name].attrs["units"]
        ratio = units.factor(other[name].attrs["units"], unit)
        np.testing.assert_allclose(ratio * other[name], found[name], rtol=1e-12, err_msg=name)
        for side in ("lower", "upper", "se"):
            a, b = (one[side].isel(parameter=p).values for one in (other, found))
            np.testing.assert_allclose(ratio * a, b, rtol=1e-9, err_msg=name)
    assert found["cl_obs"].attrs["units"] == "L/h"


def test_what_follows_reads_the_units() -> None:
    mg, ug = nca(study(), "C"), nca(study(1e5, dose="ug"), "C")
    both = relative(mg, ug, ["auc_inf_obs", "cl_obs", "auc_last_dose"]).summary["ratio"]
    np.testing.assert_allclose(both, 1, rtol=1e-12)
    import pkpd

    one, two = (superpose_study(found, pkpd.oral("50 mg")) for found in (mg, ug))
    np.testing.assert_allclose(one["concentration"], two["concentration"], rtol=1e-12)
    model = pkpd.library.one_compartment()
    a, b = (pkpd.initial_estimates(model, found) for found in (mg, ug))
    ratio = units.factor(b.get("CL").unit, a.get("CL").unit)
    np.testing.assert_allclose(ratio * b.get("CL").value, a.get("CL").value, rtol=1e-12)


def test_an_effect_has_doses_in_their_unit_and_no_clearance() -> None:
    rows = [{"subject": 1, "time": t, "value": 5.0 + t, "analyte": "QT"} for t in TIMES]
    doses = [{"subject": 1, "time": 0.0, "amount": 30.0, "route": "oral"}]
    found = nca(make_study(rows, doses, units={"time": "h", "dose": "ug", "QT": "ms"}), "QT")
    assert found["dose"].attrs["units"] == "ug"
    assert found["dose"].item() == 30
    assert np.isnan(found["cl_obs"].item())


def test_what_is_excreted_is_in_the_unit_of_the_dose() -> None:
    blood = [("C", t, 1000 * np.exp(-0.1 * t), np.nan, np.nan) for t in TIMES]
    urine = [("urine", a, v, a + 12.0, 500.0) for a, v in ((0.0, 20.0), (12.0, 5.0))]
    samples = pandas.DataFrame([*blood, *urine], columns=["analyte", "time", "value", "until", "volume"])
    doses = pandas.DataFrame({"subject": ["a"], "time": 0.0, "amount": 100.0, "route": "oral"})
    known = {"time": "h", "dose": "mg", "C": "ng/mL", "urine": "ug/mL", "volume": "mL"}
    tree = nca(read_study(samples.assign(subject="a"), doses, units=known), ["C", "urine"])
    found = tree["urine"]
    shown = {name: found[name].attrs["units"] for name in ("dose", "amount_excreted", "max_rate", "aurc_last", "clr")}
    assert shown == {"dose": "mg", "amount_excreted": "mg", "max_rate": "mg/h", "aurc_last": "mg", "clr": "L/h"}
    assert found["amount_excreted"].item() == pytest.approx((20 + 5) * 500 / 1000, rel=1e-15)  # ug in mg
    assert found["percent_excreted"].item() == pytest.approx(12.5, rel=1e-15)
    assert found["dose"].item() == 100
    area = tree["C"]["auc_last"].item()  # to the end of the collections; mg ÷ (h·ng/mL) is 1000 L/h
    assert found["clr_last"].item() == pytest.approx(1000 * 12.5 / area, rel=1e-12)
