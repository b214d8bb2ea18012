"""`pkpd.units.convert_units` of what simulations and fits return."""

from __future__ import annotations

import numpy as np
import pandas
import xarray as xr

import pkpd
from pkpd.units import convert_units


def model() -> pkpd.Model:
    return pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=5.0, V=50.0)


def people() -> pkpd.Population:
    return pkpd.Population(model(), model().parameters)


def test_a_simulation_is_that_of_the_model_in_other_units() -> None:
    found = convert_units(
        pkpd.simulate(people(), pkpd.bolus("100 mg"), times=[1.0, 6.0, 24.0], subjects=1),
        {"time": "day", "concentration": "ng/mL"},
    )
    np.testing.assert_allclose(found["time"], [1 / 24, 0.25, 1.0], rtol=1e-15)
    expected = 2000 * np.exp(-0.1 * np.array([1.0, 6.0, 24.0]))  # ng/mL, by hand
    np.testing.assert_allclose(found["C"].values.ravel(), expected, rtol=1e-9)
    assert (found["time"].attrs["units"], found["C"].attrs["units"]) == ("day", "ng/mL")


def test_rows_of_a_fit_and_records_of_a_study_follow_their_own_units() -> None:
    table = xr.Dataset(
        {"estimate": ("parameter", [5.0, 50.0, 0.2]), "se": ("parameter", [0.5, 5.0, 0.1]), "aic": 12.0},
        {"parameter": ["CL", "V", "prop_C"], "unit": ("parameter", ["L/h", "L", "1"])},
    )
    found = convert_units(table, {"time": "day", "V": "mL"})
    assert found["unit"].values.tolist() == ["L/day", "mL", "1"]
    assert found["estimate"].values.tolist() == [120.0, 50_000.0, 0.2]
    assert found["se"].values.tolist() == [12.0, 5000.0, 0.1]
    assert found["aic"].item() == 12.0

    samples = pandas.DataFrame({"subject": 1, "analyte": "C", "time": [1.0, 6.0], "value": [1.8, 1.1]})
    doses = pandas.DataFrame({"subject": [1], "time": 0.0, "amount": 100.0, "route": "bolus"})
    study = pkpd.read_study(samples, doses, units={"time": "h", "dose": "mg", "C": "mg/L"})
    before = pkpd.simulate(people(), study, replicates=1)
    after = convert_units(before, {"concentration": "ng/mL", "time": "min"})
    assert after["units"].values.tolist() == ["ng/mL"] * 2
    np.testing.assert_array_equal(after["value"], 1000 * before["value"])
    np.testing.assert_array_equal(after["observed"], 1000 * before["observed"])
    np.testing.assert_array_equal(after["time"], [60.0, 360.0])
