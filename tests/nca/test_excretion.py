"""Excretion and renal clearance of a drug that leaves in urine, in closed form; what cannot be known has a reason."""

from __future__ import annotations

import warnings

import numpy as np
import pandas
import pytest
import xarray as xr

from pkpd import read_study
from pkpd.errors import DataWarning, InputError
from pkpd.nca import nca, rerun, summarise, why
from pkpd.study import Study

RATE, C0, CLR = 0.2, 10.0, 1.3


def excreted(a: float, b: float) -> float:
    return CLR * C0 / RATE * (np.exp(-RATE * a) - np.exp(-RATE * b))


def urine_study(collections: list[tuple[float, float]], amounts: bool = False, **changed: object) -> Study:
    times = np.array([0.25, 0.5, 1, 2, 4, 8, 12, 24.0])
    blood = pandas.DataFrame({"subject": 1, "time": times, "analyte": "drug", "value": C0 * np.exp(-RATE * times)})
    rows = pandas.DataFrame(
        [(1, a, b, "urine", excreted(a, b) if amounts else excreted(a, b) / 0.2, None if amounts else 200.0)
         for a, b in collections], columns=["subject", "time", "until", "analyte", "value", "volume"],
    )  # fmt: skip
    dose = pandas.DataFrame({"subject": [1], "time": [0.0], "amount": [100.0], "route": ["bolus"]})
    units = {"time": "h", "dose": "mg", "drug": "mg/L", "urine": "mg" if amounts else "mg/L", "volume": "mL"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_study(pandas.concat([blood, rows.assign(**changed)]), dose, units=units)


@pytest.mark.parametrize("amounts", [False, True])
def test_amounts_rates_and_clearance(amounts: bool) -> None:
    study = urine_study([(0, 4), (4, 8), (8, 12), (12, 24)], amounts)
    both = nca(study, ["drug", "urine"])
    found = both["urine"].to_dataset()
    np.testing.assert_allclose(found["amount_excreted"].item(), excreted(0, 24), rtol=1e-12)
    np.testing.assert_allclose(found["fraction_excreted"].item(), excreted(0, 24) / 100, rtol=1e-12)
    np.testing.assert_allclose(found["max_rate"].item(), excreted(0, 4) / 4, rtol=1e-12)
    assert found["t_max_rate"].item() == 2.0
    assert found["t_last_rate"].item() == 18.0
    np.testing.assert_allclose([found["clr"].item(), found["clr_last"].item()], CLR, rtol=1e-12)
    assert found["clr"].attrs["units"] == "L/h"
    np.testing.assert_allclose(rerun(study, found)["clr"].item(), CLR, rtol=1e-12)
    np.testing.assert_allclose(rerun(study, both)["urine"]["clr"].item(), CLR, rtol=1e-12)


def test_without_blood_there_is_no_clearance() -> None:
    study = urine_study([(0, 4), (4, 24)])
    found = nca(study, "urine")
    assert np.isnan(found["clr"].item())
    assert "same call" in str(found["reason"].sel(parameter="clr").item())
    with pytest.raises(InputError, match="for concentrations"):
        nca(study, "urine", windows=[(0, 4)])


def test_a_gap_spoils_the_clearance_of_the_whole_time_only() -> None:
    found = nca(urine_study([(0, 4), (8, 24)]), ["drug", "urine"])["urine"].to_dataset()
    assert np.isnan(found["clr"].item())
    assert "do not cover" in str(found["reason"].sel(parameter="clr").item())
    assert found["clr_last"].item() < CLR


@pytest.mark.parametrize("begin", [0.5, 2.0, 4.0])
def test_collections_that_begin_late_have_no_clearance_of_the_whole_time(begin: float) -> None:
    """What left before the first collection is missing from the amount, but not from the area since the dose."""
    found = nca(urine_study([(begin, 8), (8, 24)]), ["drug", "urine"])["urine"].to_dataset()
    np.testing.assert_allclose(found["amount_excreted"].item(), excreted(begin, 24), rtol=1e-12)
    assert np.isnan(found["clr"].item())
    assert "do not cover" in str(found["reason"].sel(parameter="clr").item())


def test_collections_that_cannot_be_used_are_counted() -> None:
    study = urine_study([(-4, 0), (0, 4), (4, 24)])
    with pytest.warns(DataWarning, match="1 collections of urine begin before the first dose"):
        found = nca(study, "urine")
    np.testing.assert_allclose(found["amount_excreted"].item(), excreted(0, 24), rtol=1e-12)


def _against(found: xr.Dataset, *names: str) -> list[str]:
    return [str(found["doubt"].sel(parameter=name).values[0]) for name in names]


def test_a_missing_collection_is_flagged_in_what_was_excreted() -> None:
    whole = nca(urine_study([(0, 4), (4, 8), (8, 12), (12, 24)]), ["drug", "urine"])["urine"].to_dataset()
    assert whole["accepted"].item()
    assert set(_against(whole, *(str(p) for p in whole["parameter"].values))) == {""}
    for holes, words in (([(0, 4), (8, 12), (12, 24)], "4 to 8 h"), ([(2, 4), (4, 24)], "0 to 2 h")):
        found = nca(urine_study(holes), "urine")
        assert f"nothing collected from {words}" in found["flags"].item()
        assert f"Not accepted by the limits: nothing collected from {words}" in why(found, "fraction_excreted")
        assert "Not accepted" not in why(found, "collected_to")
        assert all(_against(found, "fraction_excreted", "amount_excreted", "percent_excreted", "max_rate"))
        assert _against(found, "half_life", "n_collections", "collected_to") == [""] * 3
        table = summarise(found).set_index("parameter")
        assert table.loc["fraction_excreted", ["n", "not_accepted"]].tolist() == [0, 1]
        assert nca(urine_study(holes), "urine", accept_lost_collections=1)["accepted"].item()


def test_a_lost_or_excluded_collection_is_flagged_too() -> None:
    """Above the limit, or excluded: at the end nothing but its record tells that it was made."""
    rows = [(0, 4, 1.0), (4, 8, 1.0), (8, 24, np.nan)]
    for lost in (rows, [(0, 4, 1.0), (4, 8, np.nan), (8, 24, 1.0)]):
        table = pandas.DataFrame(
            [(1, a, b, "urine", ">8" if np.isnan(v) else "1", 200.0) for a, b, v in lost],
            columns=["subject", "time", "until", "analyte", "value", "volume"],
        )
        dose = pandas.DataFrame({"subject": [1], "time": [0.0], "amount": [100.0], "route": ["bolus"]})
        units = {"time": "h", "dose": "mg", "urine": "mg/L", "volume": "mL"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = nca(read_study(table, dose, units=units), "urine")
            spilt = table["value"] == ">8"
            filled = table.assign(value="1", excluded=spilt, reason=np.where(spilt, "spilt", ""))
            excluded = nca(read_study(filled, dose, units=units), "urine")
        a, b = next((a, b) for a, b, v in lost if np.isnan(v))
        for result in (found, excluded):
            assert f"nothing collected from {a} to {b} h" in _against(result, "fraction_excreted")[0]


def test_what_speaks_against_the_area_in_blood_speaks_against_its_renal_clearance() -> None:
    study = urine_study([(0, 4), (4, 8), (8, 12), (12, 24)])
    few = nca(study, ["drug", "urine"], accept_measured=9)["urine"].to_dataset()
    assert all(text.startswith("AUC in blood: measured samples") for text in _against(few, "clr", "clr_last"))
    assert _against(few, "fraction_excreted") == [""]
