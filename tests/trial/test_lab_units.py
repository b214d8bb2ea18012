"""Units as laboratories write them, katals and molar units, and limits of normal in another unit than the values."""

from __future__ import annotations

import pandas
import pytest

from pkpd import units
from pkpd.errors import DataWarning, InputError, UnitError
from pkpd.trial import grades
from pkpd.trial.toxicity.lab_units import by_mass, factor

NINE = ("10^9/L", "10⁹/L", "10*9/L", "x10E9/L", "× 10⁹/l", "x10(9)/L", "10 9/L", "10^9 L^-1", "10⁹·L⁻¹", "G/L", "G/l",
        "Gpt/L", "GI/L", "giga/L", "/nL", "K/uL", "k/µL", "K/mcL", "K/cumm", "THOU/uL", "thou/mm3", "THOUSAND/µL",
        "10^3/uL", "10*3/uL", "x10(3)/uL", "10³/mm³", "1000/uL")  # fmt: skip
ONE = ("/mm3", "/mm³", "1/mm^3", "mm-3", "/cumm", "/cu mm", "/uL", "cells/µL", "cell/mcL", "#/uL", "10^6/L")


@pytest.mark.parametrize(("spelled", "size"), [*((one, 1.0) for one in NINE), *((one, 0.001) for one in ONE)])
def test_spellings_of_counts(spelled: str, size: float) -> None:
    assert factor(spelled, "10^9/L", "lymphocytes") == size


@pytest.mark.parametrize(
    ("test", "wanted", "spelled", "size"),
    [("AST", "U/L", "µkat/L", 60.0), ("lipase", "U/L", "nkat/l", 0.06), ("ALT", "U/L", "u/l", 1.0),
     ("ALT", "U/L", "IU/L", 1.0), ("ALT", "µkat/L", "U/L", 1 / 60), ("creatinine", "mg/dL", "MG/DL", 1.0),
     ("creatinine", "mg/dL", "mg%", 1.0), ("creatinine", "mg/dL", "mg/100 mL", 1.0),
     ("sodium", "mmol/L", "mval/L", 1.0),
     ("haemoglobin", "g/L", "gm/dL", 10.0), ("haemoglobin", "g/L", "G/DL", 10.0)],
)  # fmt: skip
def test_spellings_of_amounts(test: str, wanted: str, spelled: str, size: float) -> None:
    """A katal converts a mole a second, a unit of enzyme a micromole a minute: 1 µkat is 60 U."""
    assert factor(spelled, wanted, test) == pytest.approx(size, rel=1e-15)


@pytest.mark.parametrize(
    ("test", "wanted", "spelled"),
    [("lymphocytes", "10^9/L", "g/L"), ("lymphocytes", "10^9/L", "%"), ("AST", "U/L", "mg/dL"),
     ("creatinine", "umol/L", "mg/dL"), ("creatinine", "mg/dL", "ukat/L"), ("sodium", "mmol/L", "mg/dL")],
)  # fmt: skip
def test_what_a_test_cannot_have(test: str, wanted: str, spelled: str) -> None:
    assert factor(spelled, wanted, test) is None


def test_molar_units() -> None:
    """Creatinine 1 mg/dL is 88.4 µmol/L (10/113.12 mmol/L); 2.5 mg/dL of phosphorus 0.807 mmol/L."""
    assert by_mass("mg/dL", "umol/L", "creatinine") == pytest.approx(88.4, abs=0.005)
    assert 2.5 * (by_mass("mg/dL", "mmol/L", "phosphate") or 0) == pytest.approx(0.8071, abs=1e-4)
    assert by_mass("mg/dL", "umol/L", "sodium") is None


@pytest.mark.parametrize("spelled", ["10*9/L", "10E9/L", "10(9)/L", "x10(9)/L", "10 9/L", "X 10*9/L"])
def test_a_power_of_ten_is_no_product(spelled: str) -> None:
    assert units.factor(spelled, "10^9/L") == 1.0


def test_an_international_unit_is_no_katal() -> None:
    with pytest.raises(UnitError, match="dimensions differ"):
        units.factor("kat", "IU")


def labs(*rows: tuple[object, ...]) -> pandas.DataFrame:
    return pandas.DataFrame([*rows], columns=["subject", "day", "test", "value", "unit", "uln"])


def test_a_baseline_in_another_unit() -> None:
    """1.0 µkat/L is 60 U/L, above 0.6 µkat/L: abnormal, so that 200 U/L is 3.33 times the baseline: grade 2 in v5."""
    found = grades(labs((1, 1, "AST", 1.0, "µkat/L", 0.6), (1, 8, "AST", 200, "U/L", 36.0)), "CTCAE v5.0")
    assert (found["base"].iloc[1], found["grade"].iloc[1]) == (60.0, 2)
    found = grades(
        labs((1, 1, "creatinine", 0.8, "mg/dL", 1.2), (1, 8, "creatinine", 130, "umol/L", 106)), "CTCAE v5.0"
    )
    assert found["base"].iloc[1] == pytest.approx(0.8 * 88.4, rel=1e-4)
    assert found["grade"].iloc[1] == 2
    assert (found["other_unit"] == "").all()  # multiples are the same in both columns


def test_limits_of_normal_in_another_unit_and_by_another_name() -> None:
    values = labs(
        (1, 3, "ALC", 0.9, "10^9/L", None), (2, 3, "LYM", 700, "/mm3", None), (3, 3, "lymphocytes", 0.9, "K/uL", None)
    )
    for name, low, unit in (("lymphocytes", 1.0, "10⁹/L"), ("ALC", 1000, "/mm3")):
        found = grades(values, limits={"test": [name], "lln": [low], "unit": [unit]})
        assert found["lln"].tolist() == [1.0, 1000.0, 1.0]
        assert found["grade"].tolist() == [1, 2, 1]
    with pytest.raises(InputError, match="its limits of normal in no unit"):
        grades(values, limits={"test": ["ALC"], "lln": [1.0]})
    with pytest.raises(InputError, match=r"row 1, subject 1.*'10\^9/L', its limits of normal in 'mg/dL'"):
        grades(values, limits={"test": ["ALC"], "lln": [1.0], "unit": ["mg/dL"]})
    with pytest.raises(InputError, match="row 2: ALC has limits in row 1 already"):
        grades(values, limits={"test": ["ALC", "ALC"], "lln": [1.0, 1.1], "unit": ["10^9/L"] * 2})
    with pytest.warns(DataWarning, match="1 tests belong to no value: limphocytes; did you mean 'lymphocytes'"):
        grades(values, limits={"test": ["limphocytes"], "lln": [1.0], "unit": ["10^9/L"]})


def test_the_most_special_limits_hold() -> None:
    """Limits of laboratory A hold there, even where those of all laboratories are newer."""
    limits = {"test": ["ALC"] * 2, "lln": [1.2, 1.0], "unit": ["10^9/L"] * 2, "laboratory": ["A", ""],
              "since": ["2012-01-01", "2014-01-01"]}  # fmt: skip
    values = labs((1, 3, "ALC", 1.1, "10^9/L", None), (2, 3, "ALC", 1.1, "10^9/L", None))
    values = values.assign(laboratory=["A", "B"], date="2014-06-01")
    assert grades(values, limits=limits)["grade"].tolist() == [1, 0]
