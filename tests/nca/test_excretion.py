"""Excretion and renal clearance of a drug that leaves in urine, in closed form; what cannot be known has a reason."""

from __future__ import annotations

import warnings

import numpy as np
import pandas
import pytest

from pkpd import read_study
from pkpd.errors import DataWarning, InputError
from pkpd.nca import nca, rerun
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
