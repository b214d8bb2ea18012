"""Onset, duration and share of time at each grade; simulations and studies as tables of values."""
# ruff: noqa: E501

from __future__ import annotations

import numpy as np
import pandas
import pytest

import pkpd
from pkpd import InputError
from pkpd.trial import grade_times, grades, labs_of, worst_grade, worst_grades


def course(values: list[float], days: list[float]) -> pandas.DataFrame:
    return grades(
        pandas.DataFrame({"subject": 1, "day": days, "test": "ALC", "value": values, "unit": "10^9/L", "lln": 1.0})
    )


def test_onset_duration_and_shares() -> None:
    """Days 1–6 normal to grade 3, dosing week 1–5: days 3 to 6 at grade 3, of which 3 (3, 4, 5) in the dosing week."""
    found = grade_times(course([1.5, 0.4, 0.3, 0.9, 1.2], [1, 3, 5, 6, 11]), dosing=[(1, 5)]).iloc[0]
    assert found[["onset", "episodes", "shortest", "longest"]].tolist() == [3, 1, 3, 4]
    assert found[[f"grade {g} percent" for g in range(5)]].tolist() == [20, 50, 0, 30, 0]
    assert found["grade 3 percent dosing"] == 60
    assert found["grade 3 percent outside"] == 0
    assert found["grade 1 percent outside"] == 100


def test_what_no_value_ends_has_no_longest_time() -> None:
    found = grade_times(course([1.5, 0.4], [1, 3])).iloc[0]
    assert found["shortest"] == 1
    assert np.isnan(found["longest"])
    assert grade_times(course([1.5, 0.9], [1, 3])).iloc[0]["episodes"] == 0


def test_shares_sum_to_100() -> None:
    days = [1, 2, 3, 5, 8, 15, 17, 22]
    found = grade_times(course([1.4, 0.9, 0.4, 0.1, 1.1, 1.2, 0.6, 0.9], days), dosing=[(1, 5), (15, 19)]).iloc[0]
    for name in ("percent", "percent dosing", "percent outside"):
        assert sum(found[f"grade {g} {name}"] for g in range(5)) == pytest.approx(100)
    with pytest.raises(InputError, match="overlap"):
        grade_times(course([1.0], [1]), dosing=[(1, 5), (5, 9)])


def shrinking() -> pkpd.Model:
    return pkpd.define({"ALC": "-k*ALC"}, {"k": "0.02 1/h", "L0": "1.5 10^9/L"}, outputs={"ALC": "ALC"}, initial={"ALC": "L0"},
                       units={"ALC": "10^9/L"}, base={"time": "h", "amount": "mg", "volume": "L"})  # fmt: skip


def test_a_simulation_is_graded_as_its_numbers_are() -> None:
    made = pkpd.simulate(shrinking(), pkpd.Regimen((), "mg"), subjects=3, times=[0.0, 24.0, 48.0, 96.0], seed=1)
    table = labs_of(made, "ALC", "lymphocytes", lln=1.0)
    assert table["day"].tolist()[:4] == [1, 2, 3, 5]
    assert {*table["unit"]} == {"10^9/L"}
    assert table.attrs["synthetic"]
    worst = worst_grades(grades(table))
    expected = worst_grade("lymphocytes", made["ALC"].values[0][:, 1:], limit=1.0)
    assert worst["grade"].tolist() == expected.tolist()
    assert worst["baseline"].tolist() == [0, 0, 0]
    assert len(labs_of(made, "ALC", days=[1, 3])) == 6
    with pytest.raises(InputError, match="no value on day 4"):
        labs_of(made, "ALC", days=[4])
    with pytest.raises(InputError, match="did you mean 'ALC'"):
        labs_of(made, "ACL")


def test_a_study_is_graded() -> None:
    study = pkpd.data.theophylline()
    table = labs_of(study, "theophylline", "theophylline", uln=5.0)
    own = {
        "test": ["theophylline"] * 2,
        "direction": ["high"] * 2,
        "grade": [1, 3],
        "basis": ["ULN", "ULN"],
        "limit": [1, 2],
        "unit": ["mg/L"] * 2,
    }
    worst = worst_grades(grades(table.assign(day=table["day"] + 1), own))
    top = study.observations.groupby("subject")["value"].max()
    assert worst.set_index("subject")["grade"].tolist() == [3.0 if v > 10 else 1.0 if v > 5 else 0.0 for v in top]
    with pytest.raises(InputError, match="expected a Study"):
        labs_of({"a": [1]}, "a")
