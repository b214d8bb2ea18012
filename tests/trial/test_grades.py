"""Grades of tables: reasons, ranges, units, baselines, limits per laboratory."""
# ruff: noqa: E501

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.trial import criteria, grades


def labs(*rows: tuple[Any, ...], **more: Any) -> pandas.DataFrame:
    names = ["subject", "day", "test", "value", "unit", "lln", "uln"]
    return pandas.DataFrame(list(rows), columns=names).assign(**more)


def one(test: str, value: float, unit: str, lln: float | None, uln: float | None, version: str = "3.0",
        **more: Any) -> tuple[float, float, float, str]:  # fmt: skip
    found = grades(labs((1, 5, test, value, unit, lln, uln), **more), f"CTCAE v{version}").iloc[0]
    return found["grade"], found["lowest"], found["highest"], found["reason"]


def test_units_of_counts_are_the_same() -> None:
    for value, unit, lln in ((0.45, "10^9/L", 1), (450, "/mm3", 1000), (450, "cells/uL", 1000), (0.45, "K/uL", 1),
                             (0.45, "x10^9/L", 1), (0.45, "G/L", 1), (0.45, "10*9/L", 1), (450, "1/mm^3", 1000)):  # fmt: skip
        assert one("ALC", value, unit, lln, None)[0] == 3


def test_an_impossible_unit_and_a_missing_one_are_refused() -> None:
    with pytest.raises(InputError) as error:
        grades(
            labs((1, 5, "ALC", 1.0, "mg/dL", 1, 4), (2, 5, "sodium", 1.0, "", 1, 4), (2, 5, "AST", 40, "mmol/L", 1, 4))
        )
    assert len(error.value.problems) == 3
    assert "lymphocytes (row 1) are in 'mg/dL'; expected 10^9/L or 1/mm^3" in str(error.value)
    assert "sodium (row 2) have no unit; expected mmol/L or mEq/L" in str(error.value)


def test_phosphate_is_graded_in_the_column_of_its_unit() -> None:
    """0.62 mmol/L is grade 2 by SI and 1.92 mg/dL of phosphorus, grade 3, by the other column."""
    found = grades(labs((1, 5, "PHOS", 0.62, "mmol/L", 0.8, 1.4), (1, 6, "PHOS", 1.92, "mg/dL", 2.5, 4.5)))
    assert found["grade"].tolist() == [2, 3]
    assert found["other_unit"].tolist() == ["by mg/dL: grade 3", "by mmol/L: grade 2"]
    assert grades(labs((1, 5, "PHOS", 0.7, "mmol/L", 0.8, 1.4)))["other_unit"].tolist() == [""]


def test_uric_acid_needs_its_flag() -> None:
    assert one("uric acid", 8, "mg/dL", 3, 7)[1:3] == (1, 3)
    assert "consequence not known: grade 1 to 3" in one("uric acid", 8, "mg/dL", 3, 7)[3]
    assert one("uric acid", 8, "mg/dL", 3, 7, consequence="no")[0] == 1
    assert one("uric acid", 8, "mg/dL", 3, 7, consequence="Y")[0] == 3
    assert one("uric acid", 10, "mg/dL", 3, 7, consequence=0)[0] == 1
    assert one("uric acid", 10.1, "mg/dL", 3, 7)[0] == 4
    assert one("urate", 0.59, "mmol/L", 0.2, 0.4, consequence=False)[0] == 1
    assert one("urate", 600, "umol/L", 200, 400)[0] == 4


def test_a_missing_limit_of_normal_leaves_grade_1_open() -> None:
    assert one("ALC", 0.9, "10^9/L", None, None)[1:3] == (0, 1)
    assert "LLN not known: grade 0 to 1" in one("ALC", 0.9, "10^9/L", None, None)[3]
    assert one("ALC", 0.7, "10^9/L", None, None)[0] == 2
    assert one("ALC", 0.75, "10^9/L", 0.7, None)[0] == 2  # LLN below the limit of grade 2


def test_symptoms_of_version_5() -> None:
    assert one("sodium", 129.5, "mmol/L", 136, 145, "5.0")[1:3] == (2, 3)  # in the printed gap: below 130
    assert one("sodium", 129.5, "mmol/L", 136, 145, "5.0", symptoms="yes")[0] == 3
    assert one("sodium", 127, "mmol/L", 136, 145, "5.0", symptoms="no")[0] == 2
    assert one("sodium", 124, "mmol/L", 136, 145, "5.0")[0] == 3
    assert one("lipase", 150, "U/L", None, 60, "5.0", symptoms=[False])[0] == 2
    assert one("lipase", 150, "U/L", None, 60, "5.0", symptoms=[True])[0] == 3
    assert one("amylase", 301, "U/L", None, 60, "5.0")[1:3] == (3, 4)
    assert one("potassium", 3.2, "mmol/L", 3.5, 5, "4.03")[1:3] == (1, 2)
    grade, low, high, reason = one("phosphate", 1.5, "mg/dL", 2.5, 4.5, "5.0")
    assert (low, high) == (1, 4)
    assert np.isnan(grade)
    assert reason.endswith("not gradable by value")
    assert one("phosphate", 1.5, "mg/dL", 2.5, 4.5, "5.0", intervention="yes", severe="no")[0] == 2
    assert one("uric acid", 9, "mg/dL", 3, 7, "5.0", consequence="no")[0] == 1


def test_life_threatening_consequences_count_where_they_are_recorded() -> None:
    """v5: uric acid above ULN is grade 1 or 3 by its consequence, anaemia below 8 g/dL grade 3; grade 4 is clinical."""
    assert one("uric acid", 9, "mg/dL", 3, 7, "5.0")[1:3] == (1, 3)
    assert one("uric acid", 9, "mg/dL", 3, 7, "5.0", consequence="yes")[0] == 3
    assert one("haemoglobin", 7.9, "g/dL", 12, 16, "5.0")[0] == 3
    assert "grade 4 is that of life-threatening consequences" in one("haemoglobin", 7.9, "g/dL", 12, 16, "4.03")[3]
    assert one("haemoglobin", 7.9, "g/dL", 12, 16, "5.0", life_threatening=None)[1:3] == (3, 4)
    assert one("haemoglobin", 7.9, "g/dL", 12, 16, "5.0", life_threatening="yes")[0] == 4
    assert one("uric acid", 9, "mg/dL", 3, 7, "5.0", consequence="yes", life_threatening="no")[0] == 3


def test_version_5_grades_by_an_abnormal_baseline() -> None:
    """1.5 to 3 × the baseline is grade 1, 1.5 included."""

    def after(value: float, base: float, version: str = "5.0") -> float:
        rows = labs((1, 1, "AST", base, "U/L", None, 40), (1, 8, "AST", value, "U/L", None, 40))
        return float(grades(rows, f"CTCAE v{version}")["grade"].iloc[1])

    assert [after(value, 60) for value in (89.9, 90, 180, 180.1, 300.5, 1201)] == [0, 1, 1, 2, 3, 4]
    assert [after(value, 40) for value in (40, 40.1, 120, 120.1)] == [0, 1, 1, 2]
    assert after(89.9, 60, "4.03") == 1
    creatinine = labs((1, 1, "CREAT", 0.5, "mg/dL", None, 1.2), (1, 8, "CREAT", 0.76, "mg/dL", None, 1.2),
                      (1, 9, "CREAT", 1.51, "mg/dL", None, 1.2))  # fmt: skip
    assert grades(creatinine, "CTCAE v4.03")["grade"].tolist() == [0, 2, 3]
    assert grades(creatinine, "CTCAE v3.0")["grade"].tolist() == [0, 0, 1]


def test_low_and_high_are_two_terms() -> None:
    found = grades(labs((1, 5, "potassium", 2.4, "mEq/L", 3.5, 5.0), (2, 5, "potassium", 6.1, "mmol/L", 3.5, 5.0)))
    assert found["term"].tolist() == ["Hypokalemia", "Hyperkalemia"] * 2
    assert found["grade"].tolist() == [4, 0, 0, 3]


def test_the_baseline_is_marked_or_the_last_up_to_day_1() -> None:
    rows = labs(
        (1, -3, "ALT", 10, "U/L", None, 40), (1, 1, "ALT", 20, "U/L", None, 40), (1, 5, "ALT", 30, "U/L", None, 40)
    )
    assert grades(rows)["is_baseline"].tolist() == [False, True, False]
    assert grades(rows.assign(baseline=["Y", "", ""]))["base"].tolist() == [10, 10, 10]
    with pytest.raises(InputError, match="2 values are marked as baseline"):
        grades(rows.assign(baseline=["Y", "Y", ""]))
    with pytest.warns(DataWarning, match="1 baselines are one of several"):
        assert grades(rows.assign(day=[1, 1, 5]))["base"].tolist() == [20, 20, 20]
    mixed = labs((1, 1, "ALC", 1400, "/mm3", 1000, 4000), (1, 5, "ALC", 0.7, "10^9/L", 1, 4))
    assert grades(mixed)["base"].tolist() == [1400, 1.4]


def test_limits_by_laboratory_sex_and_date() -> None:
    limits = {"test": ["creatinine"] * 4, "uln": [1.0, 1.3, 1.4, 1.1], "laboratory": ["A", "A", "A", "B"],
              "sex": ["F", "M", "M", ""], "since": ["2014-01-01", "2014-01-01", "2014-03-01", "2014-01-01"]}  # fmt: skip
    rows = pandas.DataFrame({"subject": range(5), "test": "creatinine", "value": 1.35, "unit": "mg/dL",
                             "laboratory": ["A", "A", "A", "B", "C"], "sex": ["F", "M", "M", "F", "F"],
                             "date": ["2014-02-01", "2014-02-28", "2014-03-01", "2014-02-01", "2014-02-01"]})  # fmt: skip
    found = grades(rows, limits=limits)
    assert found["uln"].tolist()[:4] == [1.0, 1.3, 1.4, 1.1]
    assert found["grade"].tolist()[:4] == [1, 1, 0, 1]
    assert "ULN not known" in found["reason"].iloc[4]
    with pytest.raises(InputError, match="differ by date"):
        grades(rows.drop(columns="date"), limits=limits)


def test_a_test_without_criteria_stays_and_is_counted() -> None:
    rows = labs((1, 5, "ALC", 0.4, "10^9/L", 1, 4), (1, 5, "glucose", 5, "mmol/L", 4, 6))
    with pytest.warns(DataWarning, match="1 values have no grade: CTCAE v3.0 has no test glucose"):
        assert grades(rows)["reason"].tolist()[1] == "CTCAE v3.0 has no such test"
    with pytest.raises(InputError, match="did you mean 'lipase'"):
        grades(labs((1, 5, "lypase", 0.4, "U/L", 1, 4)))


def test_a_table_of_ones_own() -> None:
    own = {"test": ["sCD25"] * 2, "direction": ["high"] * 2, "grade": [2, 4], "limit": [10, 50], "unit": ["ng/mL"] * 2,
           "includes_limit": ["no", "yes"]}  # fmt: skip
    found = grades(labs((1, 5, "sCD25", 10, "ng/mL", None, None), (1, 6, "sCD25", 0.05, "mg/L", None, None)), own)
    assert found["grade"].tolist() == [0, 4]
    assert found["term"].iloc[0] == "sCD25 high"
    with pytest.raises(InputError) as error:
        criteria({**own, "limit": [50, 10], "unit": ["ng/mL", ""]})
    assert len(error.value.problems) == 2
    with pytest.raises(InputError, match=r"did you mean .CTCAE v5\.0."):
        criteria("CTCAE v5.1")


def test_version_6_has_limits_of_its_own() -> None:
    table = criteria("CTCAE v6.0").table
    assert table["checked"].all()
    assert one("neutrophils", 0.4, "10^9/L", 1.8, None, "6.0")[0] == 3


CELL: Any = st.one_of(st.none(), st.floats(), st.integers(-5, 400), st.sampled_from(["ALC", "AST", "mg/dL", "10^9/L", "x"]),
                      st.booleans(), st.just([1]))  # fmt: skip


@given(st.dictionaries(st.sampled_from(["subject", "day", "test", "value", "unit", "lln", "uln", "baseline", "symptoms"]),
                       st.lists(CELL, min_size=2, max_size=2), min_size=4))  # fmt: skip
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_malformed_tables_are_refused_in_words(cells: dict[str, list[Any]]) -> None:
    frame = pandas.DataFrame({name: pandas.Series(value, dtype=object) for name, value in cells.items()})
    with contextlib.suppress(InputError):
        found = grades(frame, "CTCAE v5.0")
        assert (found["lowest"].isna() | (found["lowest"] <= found["highest"])).all()


def test_a_version_by_its_number_alone() -> None:
    for said in ("v5", "5.0", "CTCAE 5", "ctcae v5.0"):
        assert criteria(said).name == "CTCAE v5.0"
    with pytest.raises(InputError, match=r"unknown criteria 'v4.0'; known: CTCAE v3.0, CTCAE v4.03"):
        criteria("v4.0")
