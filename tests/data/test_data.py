"""The carried data sets are those of the literature."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest

from pkpd.data import indomethacin, theophylline
from pkpd.errors import UnitError


def test_theophylline(reference: Path) -> None:
    study = theophylline()
    source = pandas.read_csv(reference / "figures" / "datasets" / "theoph.csv")
    assert study.subject_ids == tuple(range(1, 13))
    assert list(study.used("theophylline")["value"]) == list(source.sort_values(["Subject", "Time"])["conc"])
    assert list(study.doses["amount"]) == list(source.drop_duplicates("Subject").sort_values("Subject")["Dose"])
    assert set(study.doses["route"]) == {"oral"}
    assert (study.units["theophylline"], study.units["dose"], study.units["weight"]) == ("mg/L", "mg/kg", "kg")
    assert study.attrs["synthetic"] is False
    assert "Theoph" in study.attrs["source"]
    assert study.notes == ()
    # 4.02 mg/kg × 79.6 kg: everybody took close to 320 mg
    assert study.doses_in("mg", "h")[1][0].amount == pytest.approx(319.992, rel=1e-12)


def test_theophylline_with_one_dose() -> None:
    study = theophylline(dose="320 mg")
    assert {doses[0].amount for doses in study.doses_in("mg", "h").values()} == {320.0}
    assert len(study.doses) == 12
    with pytest.raises(UnitError, match="number with a unit"):
        theophylline(dose="much")


def test_indomethacin(reference: Path) -> None:
    study = indomethacin()
    source = pandas.read_csv(reference / "figures" / "datasets" / "indometh.csv")
    assert list(study.used("indomethacin")["value"]) == list(source.sort_values(["Subject", "time"])["conc"])
    assert {(d.time, d.amount, d.route) for doses in study.doses_in("mg", "h").values() for d in doses} == {
        (0.0, 25.0, "bolus")
    }
    assert study.units["indomethacin"] == "ug/mL"
    assert len(study.observations) == 66
    assert study.attrs["synthetic"] is False
    assert study.notes == ()
