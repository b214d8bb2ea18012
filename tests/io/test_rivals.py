"""Two columns that could play one part: a question with both names, unless there is nothing to choose."""

from __future__ import annotations

import warnings
from typing import Any

import pandas
import pytest

from pkpd.dosing import Dose, Regimen
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_nonmem, read_study
from pkpd.study import Study

UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}
LONG = {"time": "h", "C": "mg/L"}


def quiet(observations: Any, doses: Any = None, subjects: Any = None, units: Any = None, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(pandas.DataFrame(observations), doses, subjects, units=units or UNITS, **options)


def rows(**more: list[Any]) -> dict[str, list[Any]]:
    return {"subject": [1, 1, 1], "C": [5.0, 4.0, 3.0], **more}


@pytest.mark.parametrize(
    ("day", "clock"),
    [("day", "t_h"), ("studyday", "hours"), ("Day", "t"), ("DY", "Elapsed (h)"), ("day", "TAD"),
     ("nominal_time", "tad"), ("ntime", "sampling time"), ("day", "actual hr"), ("planned_time", "minutes")],
)  # fmt: skip
def test_days_are_no_clock_beside_another_time(day: str, clock: str) -> None:
    """The issue's example, and others: neither is taken before the user has said which."""
    table = rows(**{day: [1, 2, 3], clock: [8.0, 32.0, 56.0]})
    with pytest.raises(InputError) as caught:
        quiet(table)
    text = str(caught.value)
    assert repr(day) in text
    assert repr(clock) in text
    assert f"columns={{{clock!r}: 'time'}}" in text
    assert quiet(table, columns={clock: "time"}).observations["time"].tolist() == [8.0, 32.0, 56.0]
    days = quiet(table, columns={clock: "covariate"})
    assert days.observations["time"].tolist() == ([1.0, 2.0, 3.0] if day[0] in "np" else [0.0, 24.0, 48.0])
    assert len(days.changing) == 1


def test_days_of_doses_are_no_clock_either() -> None:
    doses = pandas.DataFrame({"subject": [1], "day": [2], "hours": [3.0], "amount": [100], "route": ["oral"]})
    with pytest.raises(InputError, match="doses: the columns 'day', 'hours' could each be the time"):
        quiet(rows(time=[0, 1, 2]), doses)


def test_what_people_have_beside_each_other_is_understood() -> None:
    """Day, planned and actual time; a time with its unit; texts that only sound like a time."""
    study = quiet(rows(day=[1, 2, 3], nominal_time=[8, 32, 56], actual_time=[8.1, 32.0, 55.5]))
    assert study.observations["time"].tolist() == [8.1, 32.0, 55.5]
    assert study.observations["nominal_time"].tolist() == [8.0, 32.0, 56.0]
    assert quiet(rows(**{"day": [1, 2, 3], "Time (h)": [8, 32, 56]})).observations["time"].tolist() == [8, 32, 56]
    labels = rows(day=[1, 2, 3], timepoint=["trough", "trough", "end"])
    assert quiet(labels).observations["time"].tolist() == [0.0, 24.0, 48.0]
    dated = quiet(rows(time=[0, 1, 2], clock=["08:00", "09:00", "10:00"]))
    assert "observations: not used: 'clock'; the times are those of 'time'" in dated.notes


@pytest.mark.parametrize(
    ("first", "second", "column"),
    [("time", "actual_time", "time"), ("tafd", "elapsed time", "time"), ("excluded", "OUTLIER", "excluded"),
     ("lloq", "LOQ", "lloq"), ("mark", "prepost", "mark"), ("BQL", "BLOQ", "blq")],
)  # fmt: skip
def test_two_columns_for_one_part(first: str, second: str, column: str) -> None:
    cells: dict[str, list[Any]] = {"time": [0, 1, 2], "lloq": [0.1] * 3, "mark": ["", "pre", ""]}
    other: dict[str, list[Any]] = {"time": [0, 1.1, 2], "lloq": [0.2] * 3, "mark": ["", "post", ""]}
    one, two = cells.get(column, [0, 1, 0]), other.get(column, [0, 0, 0])
    times = {} if column == "time" else {"time": [0, 1, 2]}
    table = rows(**times, **{first: one, second: two})
    said = f"the columns '{first}', '{second}' could each be '{column}'; say which with columns="
    with pytest.raises(InputError, match=said.replace("{", r"\{")):
        quiet(table)
    assert len(quiet(table, columns={second: "drop"}).observations) == 3
    same = quiet(rows(**times, **{first: one, second: list(map(str, one))}))  # equal as numbers and labels: no choice
    assert len(same.observations) == 3
    assert list(same.subjects) == ["subject"]
    assert not same.changing
    assert any(f"says the same as '{first}'" in note or f"says the same as '{second}'" in note for note in same.notes)


def test_two_columns_of_values() -> None:
    for one, two in (("value", "conc"), ("DV", "result"), ("concentration", "observed")):
        table = {"subject": [1, 1], "time": [0, 1], one: [5.0, 4.0], two: [1.6, 1.4]}
        with pytest.raises(InputError, match=rf"'{one}', '{two}' could each be 'value'"):
            quiet(table, units=LONG)
        chosen = quiet(table, units=LONG, columns={two: "value", one: "drop"})
        assert chosen.observations["value"].tolist() == [1.6, 1.4]
    beside = rows(time=[0, 1, 2], conc=[1.6, 1.4, 1.1])
    with pytest.raises(InputError, match="'C', which has a unit, and 'conc' could each be the measured values"):
        quiet(beside)
    assert quiet(beside, columns={"conc": "covariate"}).observations["value"].tolist() == [5.0, 4.0, 3.0]
    assert quiet(beside, columns={"C": "drop"}).observations["value"].tolist() == [1.6, 1.4, 1.1]


def test_two_columns_of_doses_lengths_and_weights() -> None:
    observations = rows(time=[0, 1, 2])
    for more in ({"amount": [100], "dose": [50]}, {"amt": [100], "dur": [1], "tinf": [2]}):
        doses = pandas.DataFrame({"subject": [1], "time": [0], **more})
        with pytest.raises(InputError, match=r"could each be '(amount|duration)'; say which"):
            quiet(observations, doses)
    people = pandas.DataFrame({"subject": [1], "WT": [70], "weight": [80]})
    with pytest.raises(InputError, match="'WT', 'weight' could each be 'weight'"):
        quiet(observations, None, people)
    assert quiet(observations, None, people.assign(weight=70)).subjects["weight"].tolist() == [70.0]


def test_identifiers_that_name_the_same_subjects_are_no_choice() -> None:
    table = {"USUBJID": ["S-1", "S-1", "S-2"], "SUBJID": [1, 1, 2], "time": [0, 1, 0], "C": [5.0, 4.0, 3.0]}
    assert quiet(table).subject_ids == ("S-1", "S-2")
    with pytest.raises(InputError, match="'USUBJID', 'SUBJID' could each be 'subject'"):
        quiet({**table, "SUBJID": [1, 2, 2]})
    named = {"subject": [1, 1], "time": [0, 1], "DVID": [1, 2], "DVNAME": ["C", "P"], "conc": [5.0, 4.0]}
    assert quiet(named, units={**LONG, "P": "mg/L"}).analytes == ("C", "P")


def test_nonmem_names_decide_in_a_nonmem_table() -> None:
    """DOSE beside AMT, CONC beside DV, TAFD beside TIME are covariates there, as NONMEM takes them."""
    table = pandas.DataFrame({"ID": [1, 1], "TIME": [0, 1], "AMT": [100, 0], "DV": [0, 5], "DOSE": [100, 100],
                              "CONC": [7, 7], "TAFD": [3, 3]})  # fmt: skip
    for study in (quiet(table, units={"time": "h", "dose": "mg", "DV": "mg/L"}),
                  quiet_nonmem(table)):  # fmt: skip
        assert study.subjects[["DOSE", "CONC", "TAFD"]].iloc[0].tolist() == [100.0, 7.0, 3.0]
        assert study.observations["value"].tolist() == [5.0]


def quiet_nonmem(table: Any, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_nonmem(table, **options)


def test_a_nonmem_table_without_amt_or_dv() -> None:
    table = pandas.DataFrame({"ID": [1, 1], "TIME": [0, 1], "DOSE": [100, None], "CONC": [None, 5.0]})
    with pytest.raises(InputError) as caught:
        read_nonmem(table)
    assert "no column 'AMT', but 'DOSE'" in str(caught.value)
    assert "no column 'DV', but 'CONC'" in str(caught.value)
    study = quiet_nonmem(table, columns={"DOSE": "AMT", "conc": "dv"})
    assert study.doses["amount"].tolist() == [100.0]
    assert study.observations["value"].tolist() == [5.0]
    for theirs, item in (("DOSE_AMT", "AMT"), ("AMT_MG", "AMT"), ("LNDV", "DV"), ("Concentration", "DV")):
        named = table.rename(columns={"DOSE": "AMT", "CONC": "DV"}).rename(columns={item: theirs})
        with pytest.raises(InputError, match=f"no column '{item}', but '{theirs}'"):
            read_nonmem(named)
    with pytest.warns(DataWarning, match="no column 'AMT', so that no record is a dose"):
        study = read_nonmem(table.rename(columns={"CONC": "DV"}), columns={"DOSE": "covariate"})
    assert study.subjects["DOSE"].tolist() == [100.0]
    assert quiet_nonmem(table.drop(columns="DOSE"), units={"CONC": "mg/L"}).analytes == ("CONC",)
    with pytest.raises(InputError, match=r"columns: the table has no column 'X'.*|'Y' is no data item"):
        read_nonmem(table, columns={"X": "AMT", "DOSE": "Y"})


def test_dates_beside_nonmem_times() -> None:
    table = pandas.DataFrame(
        {"ID": [1, 1, 1], "DATE": [1, 1, 2], "TIME": [8, 9, 9.5], "AMT": [100, 0, 0], "DV": [0, 5, 4]}
    )
    with pytest.raises(InputError, match="row 3, subject 1, column 'DATE': another date than before"):
        read_nonmem(table)
    assert len(quiet_nonmem(table, columns={"DATE": "drop"}).observations) == 2
    assert len(quiet_nonmem(table.assign(DATE=1)).observations) == 2


def test_a_plan_beside_a_column_of_days() -> None:
    plan = Regimen((Dose(0, 100.0),), "mg")
    with pytest.raises(InputError, match="'day', 'hour' could each be the time"):
        quiet(rows(day=[1, 2, 3], hour=[1, 2, 3]), plan)
