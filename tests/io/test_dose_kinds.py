"""Every kind of dose in a plain table or a plan; covariates of plain tables that change in time."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing import Dose, Regimen
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_nonmem, read_study, write_nonmem
from pkpd.study import Study
from tests.examples import budget

UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}
SAMPLES = pandas.DataFrame({"subject": [1, 1, 2], "time": [1.0, 2.0, 1.0], "value": [3.0, 2.0, 4.0]})


def quiet(*tables: Any, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(*tables, **{"units": UNITS, **options})


def again(study: Study) -> Study:
    return quiet(study.observations, study.doses, study.subjects, units=study.units)


def same(a: Study, b: Study) -> None:
    for name in ("observations", "doses", "subjects"):
        one, other = (getattr(study, name).drop(columns="row", errors="ignore") for study in (a, b))
        pandas.testing.assert_frame_equal(one, other)
    assert a.data_hash == b.data_hash
    assert a.doses_in("mg", "h") == b.doses_in("mg", "h")


@st.composite
def doses(draw: st.DrawFn) -> Dose:
    """A dose of any kind that `Dose` accepts."""
    number = st.floats(0.01, 1e4, allow_subnormal=False)
    time, into = draw(st.floats(-50, 50, allow_subnormal=False)), draw(st.sampled_from(["", "2", "A"]))
    if draw(st.booleans()) and draw(st.booleans()):
        action = draw(st.sampled_from(["replace", "multiply"]))
        return Dose(time, draw(number), into=into, action=action, reset=draw(st.booleans()))
    steady = draw(st.sampled_from(["", "", "instead", "added"]))
    constant = bool(steady) and draw(st.booleans())
    kinds = ["bolus", "oral", "duration", "rate", "modelled rate", "modelled duration"]
    kind = draw(st.sampled_from(["bolus", "rate", "modelled rate"] if constant else kinds))
    given_by: dict[str, Any] = {
        "duration": {"duration": draw(number)}, "rate": {"rate": draw(number)},
        "modelled rate": {"modelled": "rate"}, "modelled duration": {"modelled": "duration"},
    }.get(kind, {})  # fmt: skip
    more = 0 if constant else draw(st.integers(0, 3))
    return Dose(
        time, 0.0 if constant else draw(number), "infusion" if given_by else kind, **given_by, into=into,
        additional=more, interval=0.0 if constant else draw(number), steady_state=steady, reset=draw(st.booleans()),
    )  # fmt: skip


@budget(max_examples=200)
@given(st.lists(doses(), min_size=1, max_size=4))
def test_a_plan_of_any_kinds_is_kept_and_reads_again(plan: list[Dose]) -> None:
    study = quiet(SAMPLES, Regimen(tuple(plan), "mg"))
    expected = sorted(plan, key=lambda dose: dose.time)
    for kept in study.doses_in("mg", "h").values():
        assert sorted(kept) == sorted(expected)
        assert [dose.time for dose in kept] == [dose.time for dose in expected]
    same(study, again(study))


def test_nonmem_s_words_and_ours() -> None:
    table = pandas.DataFrame(
        {
            "ID": [1, 1, 2, 2], "TIME": [0, 24, 0, 24], "AMT": [10, 10, 10, 0], "RATE": [5, -1, -2, 4],
            "ADDL": [2, None, 0, 0], "II": [12, None, 24, 0], "SS": [1, 0, 2, 1], "CMT": [1, "B", None, 1],
        }
    )  # fmt: skip
    study = quiet(SAMPLES, table)
    first, second, third, fourth = (dose for kept in study.doses_in("mg", "h").values() for dose in kept)
    assert first == Dose(0, 10, "infusion", rate=5, into="1", additional=2, interval=12, steady_state="instead")
    assert second == Dose(24, 10, "infusion", modelled="rate", into="B")
    assert third == Dose(0, 10, "infusion", modelled="duration", interval=24, steady_state="added")
    assert fourth == Dose(24, 0, "infusion", rate=4, into="1", steady_state="instead")
    words = pandas.DataFrame({"subject": 1, "time": [0.0], "amount": [0.5], "action": ["Multiply"], "into": ["A"],
                              "reset": ["yes"], "route": "iv", "unit": ["g"]})  # fmt: skip
    assert quiet(SAMPLES, words).doses_in("mg", "h")[1] == (Dose(0, 0.5, into="A", action="multiply", reset=True),)


def test_units_of_rates_and_intervals() -> None:
    table = pandas.DataFrame({"subject": [1], "time": [0], "amount [g]": [1], "rate [mg/min]": [2], "ii [day]": [1],
                              "additional": [1]})  # fmt: skip
    (dose,) = quiet(SAMPLES, table).doses_in("mg", "h")[1]
    assert dose == Dose(0, 1000, "infusion", rate=120, additional=1, interval=24)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rate": -3}, "column 'rate': -3; expected a rate ≥ 0, -1 or -2"),
        ({"rate": 5, "duration": 2, "route": "infusion"}, "column 'amount'.*an infusion has duration and rate"),
        ({"rate": 5, "route": "oral"}, "column 'rate': 5; expected no rate: the route is oral"),
        ({"additional": 2}, "column 'amount'.*2 additional doses have no interval"),
        ({"additional": 1.5, "interval": 2}, "column 'additional': 1.5; expected a whole number"),
        ({"steady_state": 7}, "column 'steady_state': 7; expected 0, 1"),
        ({"ss": "insted", "ii": 2}, "column 'ss': 'insted'; expected 0, 1 .*did you mean 'instead'"),
        ({"ss": 1}, "a dose at steady state has no interval"),
        ({"action": "add up"}, "column 'action': 'add up'; expected add, replace or multiply"),
        ({"reset": "perhaps"}, "column 'reset': 'perhaps'; expected yes or no"),
        ({"interval [mg]": 5}, "units: 'interval'"),
        ({"rate [mg]": 5}, "units: 'rate'"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], said: str) -> None:
    table = pandas.DataFrame({"subject": [1], "time": 0, "amount": 1.0, **{k: [v] for k, v in changed.items()}})
    with pytest.raises(InputError, match=said):
        quiet(SAMPLES, table)


def test_doses_that_act_in_turn_keep_their_rows() -> None:
    table = pandas.DataFrame({"subject": 1, "time": 0.0, "amount": [20.0, 10.0], "route": "iv",
                              "action": ["replace", "add"]})  # fmt: skip
    assert quiet(SAMPLES, table).doses["amount"].tolist() == [20.0, 10.0]
    assert quiet(SAMPLES, table.drop(columns="action")).doses["amount"].tolist() == [10.0, 20.0]


def changing(**more: Any) -> pandas.DataFrame:
    rows = {"subject": [1, 1, 1, 2, 2], "time": [0.0, 1.0, 3.0, 0.0, 2.0], "C": [5.0, 4.0, 3.0, 6.0, 2.0],
            "CRCL": [90, None, 60, 80, 80]}  # fmt: skip
    return pandas.DataFrame({**rows, **more})


def test_numbers_that_vary_change_in_time() -> None:
    study = quiet(changing(site=["a", "a", "b", "c", "c"], age=[50, 50, 50, 60, 60]))
    assert study.changing == ("CRCL",)
    assert (study.in_order, study.carried) == (False, "last")
    assert study.records[["subject", "time", "kind", "CRCL"]].to_numpy().tolist() == [
        [1, 0.0, "covariate", 90.0], [1, 3.0, "covariate", 60.0],
        [2, 0.0, "covariate", 80.0], [2, 2.0, "covariate", 80.0],
    ]  # fmt: skip
    assert list(study.subjects) == ["subject", "age"]
    assert "the covariate 'CRCL' changes in 1 subjects; each of its 4 values holds until the next one" in study.notes
    assert any("'site' is not used: it varies within a subject" in note for note in study.notes)
    mixed = quiet(changing().iloc[[4, 2, 0, 3, 1]])
    assert mixed.data_hash == quiet(changing()).data_hash
    pandas.testing.assert_frame_equal(mixed.records.drop(columns="row"), study.records.drop(columns="row"))


def test_doses_carry_values_that_change_too() -> None:
    doses = pandas.DataFrame({"subject": [1, 2], "time": [2.0, 0.0], "amount": 1.0, "route": "iv", "crcl": [70, 80]})
    study = quiet(changing(), doses.rename(columns={"crcl": "CRCL"}))
    assert study.records.query("subject == 1")["CRCL"].tolist() == [90.0, 70.0, 60.0]


def test_two_values_at_one_time_are_not_used() -> None:
    long = pandas.DataFrame({"subject": 1, "time": [0.0, 0.0, 1.0], "analyte": ["C", "D", "C"], "value": [1, 2, 3],
                             "other": [1.0, 2.0, 3.0]})  # fmt: skip
    with pytest.warns(DataWarning, match="'other' is not used: it varies, with two values at one time in 1 subjects"):
        study = read_study(long, units={**UNITS, "D": "mg/L"})
    assert study.changing == ()
    assert len(study.records) == 0


def test_a_weight_may_change_where_no_dose_is_per_kg() -> None:
    plan = Regimen((Dose(0, 1.0),), "mg")
    study = quiet(changing(WT=[70, 71, 72, 60, 60]), plan)
    assert study.changing == ("CRCL", "weight")
    assert study.units["weight"] == "kg"
    with pytest.raises(InputError, match="no weight that stays the same"):
        study.doses_in("mg/kg", "h")
    with pytest.raises(InputError, match="column 'WT': 71; expected the weight 70 of row 1: one weight per subject"):
        quiet(changing(WT=[70, 71, 72, 60, 60]), Regimen((Dose(0, 1.0),), "mg/kg"), units={"time": "h", "C": "mg/L"})


def test_written_for_nonmem_and_read_again() -> None:
    study = quiet(changing(), Regimen((Dose(2, 1.0),), "mg"))
    table = write_nonmem(study)
    assert table["CRCL"].tolist() == [90, 90, 90, 60, 80, 80, 80]
    back = read_nonmem(table, units={"time": "h", "dose": "mg", "C": "mg/L"}, covariates="last")
    assert back.changing == ("CRCL",)
    np.testing.assert_array_equal(back.observations["value"], study.observations["value"])
