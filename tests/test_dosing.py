"""Doses and regimens: the field's words, and what a dose cannot be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing import Dose, Regimen, bolus, infusion, oral
from pkpd.errors import InputError, UnitError


def test_il21_course() -> None:
    course = bolus("30 ug/kg", days=[*range(1, 6), *range(15, 20)])
    assert course.times == (0, 24, 48, 72, 96, 336, 360, 384, 408, 432)
    assert {(d.amount, d.route, d.duration) for d in course} == {(30.0, "bolus", 0.0)}
    assert (course.unit, course.time_unit, len(course)) == ("ug/kg", "h", 10)
    assert "10 × 30 ug/kg bolus, 0 to 432 h" in str(course)


def test_routes_and_times() -> None:
    assert infusion("100 mg", "30 min").doses == (Dose(0, 100, "infusion", 0.5),)
    assert oral("320 mg", at=[12, 0]).times == (0.0, 12.0)
    assert bolus("1 mg", at="2 days").times == (48.0,)
    assert bolus("1 mg").times == (0.0,)
    assert str(bolus("1 mg", at=[])) == "no doses"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ((math.nan, 1), "finite"),
        ((0, -1), "≥ 0"),
        ((0, math.inf), "≥ 0"),
        ((0, 1, "bolos"), "did you mean 'bolus'"),
        ((0, 1, "infusion"), "duration of the infusion"),
        ((0, 1, "oral", 2.0), "only an infusion"),
    ],
)
def test_a_dose_cannot_be(fields: tuple[object, ...], word: str) -> None:
    with pytest.raises(InputError, match=word):
        Dose(*fields)  # type: ignore[arg-type]


def test_all_problems_of_a_dose_at_once() -> None:
    with pytest.raises(InputError) as caught:
        Dose(math.inf, -1, "zork", 3)
    assert len(caught.value.problems) == 4


def test_units_of_a_regimen() -> None:
    with pytest.raises(UnitError, match="dose"):
        bolus("30 h")
    with pytest.raises(UnitError, match="time"):
        infusion("30 mg", "2 mg")
    with pytest.raises(InputError, match="not both"):
        bolus("1 mg", days=[1], at=[0])
    same = infusion("1 mg", "1 h", days=[2]).in_units("ug", "min")
    assert same.doses == (Dose(1440, 1000, "infusion", 60),)


def test_repeated_delayed_added() -> None:
    plan = bolus("1 mg", days=[1, 2])
    assert plan.repeated(3, "7 days").times == (0, 24, 168, 192, 336, 360)
    assert plan.delayed("1 day").times == (24, 48)
    both = plan + oral("500 ug", at=[12])
    assert both.times == (0, 12, 24)
    assert both.doses[1] == Dose(12, 0.5, "oral")
    for courses, every in ((0, "7 days"), (1.5, "7 days"), (2, "0 h")):
        with pytest.raises(InputError, match="expected"):
            plan.repeated(courses, every)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), max_size=8), st.floats(0.1, 10))
def test_regimen_is_sorted_and_scales(doses: list[tuple[float, float]], ratio: float) -> None:
    plan = Regimen(tuple(Dose(t, a) for t, a in doses), "mg")
    assert list(plan.times) == sorted(t for t, _ in doses)
    assert sum(d.amount for d in plan.scaled(ratio)) == pytest.approx(ratio * sum(a for _, a in doses))
    assert plan.in_units("mg", "h") is plan


def test_a_plan_written_out_has_plain_doses() -> None:
    plan = Regimen((Dose(1, 10, additional=2, interval=5), Dose(2, 30, "infusion", rate=10)), "mg")
    found = plan.written_out()
    assert found.times == (1, 2, 6, 11)
    assert all(dose.is_plain for dose in found)
    assert found.doses[1].duration == 3
    with pytest.raises(InputError, match="more than a time"):
        Regimen((Dose(0, 1, steady_state="instead", interval=12.0),), "mg").written_out()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"additional": 2}, "no interval"),
        ({"steady_state": "instead"}, "no interval"),
        ({"steady_state": "added to"}, "did you mean 'added'"),
        ({"rate": 3.0}, "only an infusion"),
        ({"route": "infusion", "rate": 3.0, "duration": 2.0}, "expected one of them"),
        ({"route": "infusion"}, "duration of the infusion"),
        ({"action": "replace", "route": "infusion", "rate": 1.0}, "single bolus"),
        ({"additional": 1.5, "interval": 1.0}, "whole number"),
        ({"interval": -1.0}, "≥ 0"),
    ],
)
def test_doses_that_cannot_be(fields: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Dose(0, 10, **fields)  # type: ignore[arg-type]


def test_additional_doses_count() -> None:
    """They stand in the times of a plan and in what it says of itself."""
    plan = Regimen((Dose(0, 100.0, "oral", additional=40, interval=24.0),), "mg")
    assert plan.times[:3] == (0.0, 24.0, 48.0)
    assert (len(plan.times), plan.times[-1]) == (41, 960.0)
    assert str(plan) == "41 × 100 mg oral, 0 to 960 h"
