"""CTCAE v3.0 grades on, just below and just above every limit (il21.md, section 7)."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd.errors import InputError
from pkpd.trial import criteria, grade, worst_grade

# Test: limit of normal, then the limits beyond which grades 1, 2, 3 and 4 begin (None: no such grade).
FALLING = {
    "lymphocytes": (1.0, (1.0, 0.8, 0.5, 0.2)),
    "neutrophils": (1.8, (1.8, 1.5, 1.0, 0.5)),
    "leukocytes": (4.0, (4.0, 3.0, 2.0, 1.0)),
    "platelets": (150.0, (150.0, 75.0, 50.0, 25.0)),
    "phosphate": (2.7, (2.7, 2.5, 2.0, 1.0)),
    "sodium": (135.0, (135.0, None, 130.0, 120.0)),
    "potassium": (3.5, (3.5, None, 3.0, 2.5)),
}
# Multiples of the upper limit of normal.
RISING = {
    "AST": (1.0, 2.5, 5.0, 20.0),
    "ALT": (1.0, 2.5, 5.0, 20.0),
    "creatinine": (1.0, 1.5, 3.0, 6.0),
    "lipase": (1.0, 1.5, 2.0, 5.0),
    "amylase": (1.0, 1.5, 2.0, 5.0),
}


@pytest.mark.parametrize("test", FALLING)
def test_falling(test: str) -> None:
    """A value exactly on a limit takes the milder grade; the least amount below takes the worse."""
    normal, edges = FALLING[test]
    milder = 0
    for level, edge in enumerate(edges, start=1):
        if edge is None:
            continue
        on, below = grade(test, [edge, np.nextafter(edge, 0)], limit=normal)
        assert (on, below) == (milder, level)
        milder = level
    assert grade(test, 0.0, limit=normal) == 4
    assert grade(test, normal * 3, limit=normal) == 0


@pytest.mark.parametrize("test", RISING)
@pytest.mark.parametrize("upper", [1.0, 40.0])
def test_rising_relative_to_the_upper_limit(test: str, upper: float) -> None:
    milder = 0
    for level, edge in enumerate(RISING[test], start=1):
        on, above = grade(test, [edge * upper, np.nextafter(edge * upper, np.inf)], limit=upper)
        assert (on, above) == (milder, level)
        milder = level
    assert grade(test, 0.5 * upper, limit=upper) == 0


def test_no_grade_is_invented() -> None:
    """Sodium and potassium have no grade 2 in version 3.0."""
    values = np.linspace(100, 140, 4001)
    assert set(grade("sodium", values, limit=135.0)) == {0, 1, 3, 4}
    assert set(grade("potassium", np.linspace(2, 4, 4001), limit=3.5)) == {0, 1, 3, 4}


def test_grades_get_no_better_as_the_value_gets_worse() -> None:
    for test, (normal, _) in FALLING.items():
        assert (np.diff(grade(test, np.linspace(0, 2 * normal, 999), limit=normal)) <= 0).all()
    for test in RISING:
        assert (np.diff(grade(test, np.linspace(0, 30, 999), limit=1.0)) >= 0).all()


def test_each_laboratory_has_its_limit() -> None:
    """The limit broadcasts: 1.1 is normal where the limit is 1.0 and grade 1 where it is 1.2."""
    assert grade("lymphocytes", 1.1, limit=[1.0, 1.2]).tolist() == [0, 1]
    table = grade("lymphocytes", [[1.1, 0.7], [0.3, 0.1]], limit=[[1.0], [1.2]])
    assert table.tolist() == [[0, 2], [3, 4]]


def test_nothing_measured_has_no_grade() -> None:
    found = grade("platelets", [np.nan, 60.0], limit=150.0)
    assert np.isnan(found[0])
    assert found[1] == 2
    worst = worst_grade("platelets", [[np.nan, 60.0, 200.0], [np.nan] * 3, [20.0, np.nan, 60.0]], limit=150.0)
    assert np.isnan(worst[1])
    assert worst[[0, 2]].tolist() == [2, 4]


def test_worst_along_an_axis() -> None:
    values = np.array([[0.9, 0.1], [0.6, 0.9]])
    assert worst_grade("lymphocytes", values, limit=1.0).tolist() == [4, 2]
    assert worst_grade("lymphocytes", values, limit=1.0, axis=0).tolist() == [2, 4]


def test_what_cannot_be_graded() -> None:
    with pytest.raises(InputError, match="did you mean 'lymphocytes'"):
        grade("lymphocytez", 1.0, limit=1.0)
    with pytest.raises(InputError, match="limit of normal of 'AST' is 0"):
        grade("AST", 1.0, limit=0.0)
    with pytest.raises(InputError, match="limit of normal"):
        grade("AST", 1.0, limit=np.nan)


def test_units_and_sources_are_stated() -> None:
    """The limits of AST, ALT, creatinine, amylase, lymphocytes and haemoglobin were compared with published sources."""
    table = criteria("CTCAE v3.0").table
    assert {*table.loc[table["checked"], "test"]} == {
        "lymphocytes", "AST", "ALT", "creatinine", "amylase", "haemoglobin",
    }  # fmt: skip
    assert (table["source"] != "").all()
    assert {*table.loc[table["test"] == "phosphate", "unit_conventional"]} == {"mg/dL"}
    assert grade("lymphocytes", 790, limit=1000, unit="/mm3") == grade("lymphocytes", 0.79, limit=1.0) == 2
    with pytest.raises(InputError, match=r"lymphocytes in 'mg/dL'; expected 10\^9/L or 1/mm\^3"):
        grade("lymphocytes", 1, limit=1, unit="mg/dL")


def test_a_worst_grade_is_not_known_where_a_value_leaves_it_open() -> None:
    """Uric acid 8 mg/dL at ULN 7 is grade 1 or 3 by its consequence: no 5 mg/dL makes the worst grade 0."""
    worst = worst_grade("uric acid", [[8.0, 5.0], [8.0, 11.0], [np.nan, 5.0]], limit=7.0)
    assert np.isnan(worst[0])
    assert worst[1:].tolist() == [4, 0]
