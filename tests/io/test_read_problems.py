"""Every kind of bad input is told with table, row, subject, column, value and what was expected."""

from __future__ import annotations

import math
from typing import Any

import pandas
import pytest

from pkpd.dosing import bolus
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_study

UNITS = {"time": "h", "IL21": "ng/mL", "dose": "ug/kg"}


def frame(**columns: Any) -> pandas.DataFrame:
    return pandas.DataFrame({name: pandas.Series(cells, dtype=object) for name, cells in columns.items()})


def good(**changes: Any) -> pandas.DataFrame:
    """Observations of subject 7 with one cell of row 2 changed by column."""
    columns: dict[str, list[Any]] = {"subject": [7, 7, 7], "time": [0, 1, 2], "value": [1, 2, 3]}
    for name, cell in changes.items():
        columns.setdefault(name, [None, None, None])[1] = cell
    return frame(**columns)


def dose(**changes: Any) -> pandas.DataFrame:
    columns: dict[str, list[Any]] = {"subject": [7, 7], "time": [0, 24], "amount": [30, 30], "route": ["iv", "iv"]}
    for name, cell in changes.items():
        columns.setdefault(name, [None, None])[1] = cell
    return frame(**columns)


def problems(*tables: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read_study(*tables, **{"units": UNITS, **options})
    return caught.value.problems


ROW = "observations, row 2, subject 7, column"
DOSE = "doses, row 2, subject 7, column"


@pytest.mark.parametrize(
    ("changes", "start", "words"),
    [
        ({"value": "abc"}, f"{ROW} 'value': 'abc'", "expected a finite number"),
        ({"value": math.inf}, f"{ROW} 'value': inf", "finite"),
        ({"value": "-inf"}, f"{ROW} 'value': '-inf'", "finite"),
        ({"value": None}, f"{ROW} 'value': missing", "expected a number, a text such as BLQ"),
        ({"value": math.nan}, f"{ROW} 'value': missing", "exclusion with its reason"),
        ({"value": -2}, f"{ROW} 'value': -2", "≥ 0 (IL21 in ng/mL is a concentration)"),
        ({"value": True}, f"{ROW} 'value': True", "finite number"),
        ({"value": "<0"}, f"{ROW} 'value': '<0'", "a limit > 0"),
        ({"time": None}, f"{ROW} 'time': missing", "expected a number, a clock time"),
        ({"time": math.inf}, f"{ROW} 'time': inf", "expected a number"),
        ({"time": "noon"}, f"{ROW} 'time': 'noon'", "08:30 with a day"),
        ({"time": "08:30"}, f"{ROW} 'day': missing", "whole number from 1 on, or a date"),
        ({"time": "25:10", "day": 1}, f"{ROW} 'time': '25:10'", "expected a number"),
        ({"time": "2014-03-01 08:30"}, f"{ROW} 'time': '2014-03-01 08:30'", "a number as in the other records"),
        ({"day": 15}, f"{ROW} 'time': does not lie on day 15", "time since day 1 at 00:00"),
        ({"subject": None}, "observations, row 2, column 'subject': missing", "an identifier"),
        ({"subject": [1]}, "observations, row 2, subject [1], column 'subject': [1]", "an identifier"),
        ({"nominal_time": "x"}, f"{ROW} 'nominal_time': 'x'", "expected a number"),
        ({"mark": "prae"}, f"{ROW} 'mark': 'prae'", "did you mean 'pre'"),
        ({"excluded": "perhaps"}, f"{ROW} 'excluded': 'perhaps'", "yes or no"),
        ({"blq": "maybe"}, f"{ROW} 'blq': 'maybe'", "yes or no"),
        ({"reason": "clot"}, f"{ROW} 'reason': a reason but no column 'excluded'", "expected one"),
        ({"lloq": -1}, f"{ROW} 'lloq': -1", "a limit > 0"),
        ({"lloq": 1, "uloq": 1}, f"{ROW} 'value': LLOQ 1 ≥ ULOQ 1", "LLOQ < ULOQ"),
        ({"lloq": 0.5, "blq": 1}, f"{ROW} 'blq': flagged BLQ, but the value 2 is not", "a value < 0.5"),
        ({"uloq": 5, "alq": 1}, f"{ROW} 'alq': flagged above the limit, but the value 2 is not", "> 5"),
        ({"value": "BLQ", "blq": 0}, f"{ROW} 'blq': the flag says not BLQ", "expected the same"),
        ({"value": "<0.2", "lloq": 0.1}, f"{ROW} 'value': limits disagree", "0.2 in the text, 0.1 in the column"),
        ({"value": "BLQ", "alq": 1}, f"{ROW} 'value': below and above the limits at once", "expected one"),
        ({"unit": "h"}, f"{ROW} 'unit': 'h' cannot be converted to 'ng/mL'", "dimensions differ"),
        ({"unit": "9**999 ng/mL"}, f"{ROW} 'unit': '9**999 ng/mL'", ""),
        ({"unit": "zork"}, f"{ROW} 'unit': 'zork' is not a unit", "expected"),
        ({"analyte": None}, "observations, row 1, subject 7, column 'analyte': missing", "the name of an analyte"),
    ],
)  # fmt: skip
def test_one_bad_observation(changes: dict[str, Any], start: str, words: str) -> None:
    found = problems(good(**changes))
    matching = [p for p in found if p.startswith(start)]
    assert matching, found
    assert words in matching[0]


@pytest.mark.parametrize(
    ("changes", "start", "words"),
    [
        ({"amount": -5}, f"{DOSE} 'amount': -5", "an amount ≥ 0"),
        ({"amount": None}, f"{DOSE} 'amount': missing", "an amount ≥ 0"),
        ({"amount": "lots"}, f"{DOSE} 'amount': 'lots'", "an amount ≥ 0"),
        ({"amount": math.inf}, f"{DOSE} 'amount': inf", "finite"),
        ({"time": None}, f"{DOSE} 'time': missing", "expected a number"),
        ({"route": "bolos"}, f"{DOSE} 'route': 'bolos'", "bolus, infusion, oral; did you mean 'bolus'"),
        ({"route": "infusion"}, f"{DOSE} 'route': 'infusion'", "the duration of the infusion"),
        ({"route": "infusion", "duration": 0}, f"{DOSE} 'duration': 0", "a time > 0"),
        ({"route": "oral", "duration": 2}, f"{DOSE} 'duration': 2", "no duration: the route is oral"),
        ({"duration": -1}, f"{DOSE} 'duration': -1", "a time ≥ 0"),
        ({"duration": "long"}, f"{DOSE} 'duration': 'long'", "a time ≥ 0"),
        ({"subject": None}, "doses, row 2, column 'subject': missing", "an identifier"),
        ({"unit": "mg"}, f"{DOSE} 'unit': 'mg' cannot be converted to 'ug/kg'", "per kg"),
    ],
)
def test_one_bad_dose(changes: dict[str, Any], start: str, words: str) -> None:
    found = problems(good(), dose(**changes))
    assert len(found) == 1
    assert found[0].startswith(start)
    assert words in found[0]


def test_subjects() -> None:
    found = problems(good(subject=71), dose(), frame(id=[71, 71, 8], weight=[-1, 70, "x"]))
    assert any(
        p.startswith("observations, row 1, subject 7, column 'subject': unknown subject (2 rows)") for p in found
    )
    assert any(p.startswith("doses, row 1, subject 7") and "did you mean '71'" in p for p in found)
    assert any("subjects, row 2, subject 71, column 'id': listed already in row 1" in p for p in found)
    assert any("subjects, row 1, subject 71, column 'weight': -1; expected a weight > 0" in p for p in found)
    assert any("subjects, row 3, subject 8, column 'weight': 'x'; expected a weight > 0" in p for p in found)


def test_doses_per_kg_without_weights_are_read_and_said() -> None:
    """Only absolute amounts need a weight; they say then whose is missing."""
    with pytest.warns(DataWarning, match=r"1 subjects have no weight \(7\) beside doses in ug/kg"):
        study = read_study(good(), dose(), frame(subject=[7], weight=[None]), units=UNITS)
    with pytest.raises(InputError, match=r"no weight: \[7\]"):
        study.doses_in("ug", "h")
    with pytest.warns(DataWarning, match="no weights are known.*no column 'weight'; found 'subject', 'sex'"):
        read_study(good(), dose(), frame(subject=[7], sex=["f"]), units=UNITS)
    assert "doses: given in ug/kg and no weights are known" in str(read_study(good(), dose(), units=UNITS).notes)
    absolute = {**UNITS, "dose": "mg"}
    assert read_study(good(), dose(), frame(subject=[7], sex=["f"]), units=absolute).subject_ids == (7,)
    (varying,) = problems(good().assign(weight=[70, 71, 70]), bolus("1 ug/kg"))
    assert varying.startswith("observations, row 2, subject 7, column 'weight': 71; expected the weight 70 of row 1")


def test_duplicates() -> None:
    (found,) = problems(good(time=0))
    assert found.startswith("observations, row 2, subject 7, column 'time': 2 samples of IL21 at time 0 (rows 1, 2)")
    assert "marks pre and post" in found
    read_study(good(time=0, mark="post"), units=UNITS)  # told apart by the mark
    assert len(problems(good(time=0, mark="pre"))) == 1  # no mark counts as before the dose
    (rule,) = problems(good(), duplicates="median")
    assert rule == "duplicates: 'median'; expected one of mean, first, last"
    (mixed,) = problems(good(time=0, value="BLQ"), lloq={"IL21": 0.1}, duplicates="mean")
    assert "cannot be averaged" in mixed


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"subjct": [1], "time": [0], "value": [1]},
            ["no column 'subject'", "found 'subjct'", "did you mean 'subjct'"],
        ),
        ({"subject": [1], "tme": [0], "value": [1]}, ["no column 'time'", "did you mean 'tme'"]),
        ({"subject": [1], "time": [0], "IL-12": [1]}, ["no column 'value'", "a column for each of IL21", "'IL-12'"]),
        ({"subject": [1], "time": [0], "TIME": [0], "value": [1]}, ["2 columns have the same name ('time', 'TIME')"]),
        ({"subject": [1], "time": [0], "conc": [1], "dv": [2]}, ["'conc', 'dv' could each be 'value'", "columns="]),
    ],
)
def test_columns(columns: dict[str, list[Any]], words: list[str]) -> None:
    text = "\n".join(problems(frame(**columns)))
    for word in words:
        assert word in text


def test_units_of_names_that_do_not_exist() -> None:
    table = good().assign(analyte=["IL21", "IL21", "ALC"])
    found = problems(table, units={"time": "h", "IL21": "ng/mL", "ALCC": "10^9/L"})
    assert any("'ALC' has no unit (1 records)" in p and "did you mean 'ALCC'" in p for p in found)
    assert any("units: 'ALCC' is no analyte or covariate" in p and "did you mean 'ALC'" in p for p in found)


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ({"time": "mg", "IL21": "ng/mL"}, "unit of time (such as 'h')"),
        ({"time": "h", "IL21": "zork"}, "'zork' is not a unit"),
        ({"time": "h", "IL21": 3}, "expected a text such as 'ng/mL'"),
        ({"IL21": "ng/mL"}, "no unit of 'time'"),
        ({"time": "h", "IL21": "ng/mL", "dose": "h"}, "amount per kg (such as 'ug/kg')"),
        ({"time": "h", "IL21": "ng/mL", "weight": "mg"}, "unit of body weight (such as 'kg')"),
        (None, "no unit of 'time'"),
        ("h", "expected a mapping"),
    ],
)
def test_impossible_units(units: Any, words: str) -> None:
    assert any(words in p for p in problems(good(), dose(), units=units))


def test_limits_and_names() -> None:
    assert "did you mean 'IL21'" in problems(good(), lloq={"IL12": 0.1})[0]
    assert "expected a number > 0" in problems(good(), lloq={"IL21": -0.1})[0]
    assert "expected a mapping" in problems(good(), lloq=0.1)[0]
    assert "cannot be converted" in problems(good(), uloq={"IL21": "3 mg"})[0]
    assert "no table has a column 'Wert'" in problems(good(), columns={"Wert": "value"})[0]
    assert "'vale' is not a column used here; did you mean 'value'" in problems(good(), columns={"value": "vale"})[0]
    assert "disagree (0.2 in the text, 0.1 in lloq=)" in problems(good(value="<0.2"), lloq={"IL21": 0.1})[0]


def test_tables_that_are_none() -> None:
    assert "empty" in problems(good().iloc[:0])[0]
    assert "empty" in problems(pandas.DataFrame())[0]
    assert "there is no file 'nowhere.csv'" in problems("nowhere.csv")[0]
    assert "[1, 2] was given" in problems([1, 2])[0]
    found = problems(None, 3, "nowhere.csv")
    assert [p.split(":")[0] for p in found[:3]] == ["observations", "doses", "subjects"]


def test_a_combined_table() -> None:
    table = frame(id=[7, 7], time=[0, 1], value=[1, 2], amount=[30, None])
    assert "row 1, subject 7, column 'amount': the row has an amount and a value" in problems(table)[0]
    (every,) = problems(table.assign(amount=30))
    assert "every row has a value and a dose in the column 'amount'" in every
    (none,) = problems(frame(id=[7], time=[0], value=[None], amount=[30], route=["iv"]))
    assert "no observations in the table" in none


def test_clocks_that_do_not_meet() -> None:
    dated = frame(id=[7], time=["2014-03-01 08:30"], value=[1])
    (found,) = problems(dated, dose())
    assert "no common clock" in found
    (plan,) = problems(dated, bolus("30 ug/kg"))
    assert "a plan has no dates" in plan


def test_everything_at_once() -> None:
    """One error lists the problems of all tables, each with its place."""
    table = frame(subject=[1, 1, None, 2, 9], time=[0, "x", 1, 1, 1], value=[-1, 2, 3, "?", 4])
    doses = frame(subject=[1, 5], time=[None, 0], amount=[-30, 30], route=["bolus", "zork"])
    found = problems(table, doses, frame(id=[1, 2], weight=[0, 60]), units={**UNITS, "ALC": "zork"})
    for start in (
        "units: 'ALC': 'zork'",
        "observations, row 1, subject 1, column 'value': -1",
        "observations, row 2, subject 1, column 'time': 'x'",
        "observations, row 3, column 'subject': missing",
        "observations, row 4, subject 2, column 'value': '?'",
        "observations, row 5, subject 9, column 'subject': unknown subject",
        "doses, row 1, subject 1, column 'time': missing",
        "doses, row 1, subject 1, column 'amount': -30",
        "doses, row 2, subject 5, column 'route': 'zork'",
        "doses, row 2, subject 5, column 'subject': unknown subject",
        "subjects, row 1, subject 1, column 'weight': 0",
    ):
        assert sum(p.startswith(start) for p in found) == 1, (start, found)
    assert len(found) == 11


def test_offset_units_do_not_convert() -> None:
    (found,) = problems(good(unit="degF"), units={"time": "h", "IL21": "degC"})
    assert "'degF' cannot be converted to 'degC' by a factor" in found


def test_counts_per_volume_cannot_be_negative_but_changes_can() -> None:
    (found,) = problems(good(value=-2), units={"time": "h", "ALC": "10^9/L"})
    assert "(ALC in 10^9/L is a concentration)" in found
    assert list(read_study(good(value=-2), units={"time": "h", "change": "%"}).used("change")["value"])[1] == -2.0
    assert list(read_study(good(value=-2), units={"time": "h", "temperature": "degC"}).observations["value"])[1] == -2.0
