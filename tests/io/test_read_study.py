"""Reading plain tables: all the shapes they come in give the same study."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy
import pandas
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing import Dose, bolus, infusion
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_study
from pkpd.study import Study

UNITS = {"time": "h", "IL21": "ng/mL"}


def frame(**columns: Any) -> pandas.DataFrame:
    return pandas.DataFrame({name: pandas.Series(cells, dtype=object) for name, cells in columns.items()})


def quiet(*tables: Any, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(*tables, **{"units": UNITS, **options})


def test_the_listing_of_the_design(tmp_path: Path) -> None:
    """One CSV with dose rows, observations and a weight; the unit of the dose stands in its heading."""
    path = tmp_path / "il21.csv"
    path.write_text(
        "Subject,Time,IL21,Amount [ug/kg],Route,Weight\n"
        "1,0,,30,bolus,70\n1,0,BLQ,,,70\n1,1,60.5,,,70\n2,0,,30,bolus,80\n2,2,0.05,,,80\n2,1,<0.112,,,80\n"
    )
    with pytest.warns(DataWarning, match="1 values below the LLOQ are flagged BLQ"):
        study = read_study(path, units=UNITS, lloq={"IL21": 0.112})
    table = study.observations
    assert list(table["row"]) == [2, 3, 6, 5]
    assert list(table["blq"]) == [True, False, True, True]
    assert list(table["value"])[1::2] == [60.5, 0.05]
    assert table["value"].isna().tolist() == [True, False, True, False]
    assert set(table["lloq"]) == {0.112}
    assert study.doses_in("ug/kg", "h") == {1: (Dose(0, 30),), 2: (Dose(0, 30),)}
    assert list(study.subjects["weight"]) == [70.0, 80.0]
    assert dict(study.units) == {"time": "h", "IL21": "ng/mL", "dose": "ug/kg", "weight": "kg"}


def test_pandas_polars_and_csv_are_one(tmp_path: Path) -> None:
    cells = {
        "ID": [10, 9, 9],
        "TIME": [1.5, 0.0, 1.0],
        "Analyte": ["IL21"] * 3,
        "DV": ["2.5", "BLQ", "7"],
        "sex": ["f", "m", "m"],
    }
    doses = {"id": [9, 10], "time": [0.0, 0.0], "AMT": [1.0, 2.0], "Route": ["oral", "iv"]}
    options: dict[str, Any] = {"units": {**UNITS, "dose": "mg"}, "lloq": {"il21": 0.1}}
    paths = tmp_path / "observations.csv", tmp_path / "doses.csv"
    for path, content in zip(paths, (cells, doses), strict=True):
        pandas.DataFrame(content).to_csv(path, index=False)
    first = read_study(pandas.DataFrame(cells), pandas.DataFrame(doses), **options)
    others = [
        read_study(polars.DataFrame(cells), polars.DataFrame(doses), **options),
        read_study(polars.LazyFrame(cells), polars.LazyFrame(doses), **options),
        read_study(*paths, **options),
        read_study(*map(str, paths), **options),
    ]
    assert first.subject_ids == (9, 10)
    for other in others:
        for name in ("observations", "doses", "subjects"):
            pandas.testing.assert_frame_equal(getattr(first, name), getattr(other, name))
        assert other.data_hash == first.data_hash
        assert other.notes == first.notes


@given(st.permutations(range(6)), st.permutations(range(3)))
def test_row_order_leaves_no_trace(order: list[int], dose_order: list[int]) -> None:
    table = pandas.DataFrame(
        {
            "subject": [1, 1, 1, 2, 2, 3],
            "time": [0, 0, 1, 1, 0, 4],
            "mark": ["pre", "post", "", "", "", ""],
            "IL21": ["BLQ", 5, 3, 2, 0.01, 9],
            "cohort": ["a", "a", "a", "b", "b", "a"],
        }
    )
    doses = pandas.DataFrame({"subject": [1, 2, 3], "time": [0, 0, 0], "amount": [1, 2, 3], "route": "iv"})
    options: dict[str, Any] = {"units": {**UNITS, "dose": "mg"}, "lloq": {"IL21": 0.1}}
    straight, mixed = quiet(table, doses, **options), quiet(table.iloc[order], doses.iloc[dose_order], **options)
    for name in ("observations", "doses", "subjects"):
        one, other = (getattr(s, name).drop(columns="row", errors="ignore") for s in (straight, mixed))
        pandas.testing.assert_frame_equal(one, other)
    assert straight.data_hash == mixed.data_hash
    assert straight.notes == mixed.notes
    # The sample before and the one after the dose at time 0 are told apart.
    assert list(straight.used("IL21")["mark"])[:2] == ["pre", "post"]


def test_written_and_read_again(tmp_path: Path) -> None:
    table = frame(
        subject=["01", "01", "B"], time=[0, 1, 1], visit=["V1", "V1", None], value=["<0.2", ">500", 3],
        excluded=[0, 0, 1], reason=["", "", "lost"], weight=[70, 70, None], ntime=[0, 1, 1],
    )  # fmt: skip
    study = quiet(table, infusion("3 mg", "30 min"))
    for name in ("observations", "doses", "subjects"):
        getattr(study, name).to_csv(tmp_path / f"{name}.csv", index=False)
    paths = [tmp_path / f"{name}.csv" for name in ("observations", "doses", "subjects")]
    again = quiet(*paths, units=study.units)
    assert again.data_hash == study.data_hash
    assert again.subject_ids == ("01", "B")


def test_wide_equals_long() -> None:
    wide = frame(subject=[1, 1], time=[0, 1], IL21=["BLQ", 4], IL21_lloq=[0.1, 0.1], ALC=[1.5, ""])
    long = frame(
        subject=[1, 1, 1],
        time=[0, 1, 0],
        analyte=["IL21", "il-21", "ALC"],
        value=["BLQ", 4, 1.5],
        lloq=[0.1, 0.1, None],
    )
    units = {"time": "h", "IL21": "ng/mL", "ALC": "10^9/L"}
    with pytest.warns(DataWarning, match="1 empty cells of ALC hold no sample"):
        one = read_study(wide, units=units)
    with pytest.warns(DataWarning, match="1 records of 'il-21' are read as 'IL21'"):
        other = read_study(long, units=units)
    assert one.data_hash == other.data_hash


@pytest.mark.parametrize(
    "spelling", ["BLQ", "bql", "BLOQ", "LLOQ", "<LLOQ", "< LOQ", "<0.112", "< 0.112", "BLQ (<0.112)"]
)
def test_texts_below_the_limit(spelling: str) -> None:
    row = quiet(frame(subject=[1], time=[0], value=[spelling]), lloq={"IL21": 0.112}).observations.iloc[0]
    assert (row["blq"], row["lloq"], numpy.isnan(row["value"])) == (True, 0.112, True)


@pytest.mark.parametrize("spelling", ["ALQ", ">ULOQ", ">500", "> 500"])
def test_texts_above_the_limit(spelling: str) -> None:
    row = quiet(frame(subject=[1], time=[0], value=[spelling]), uloq={"IL21": "0.5 ug/mL"}).observations.iloc[0]
    assert (row["alq"], row["uloq"], row["blq"]) == (True, 500.0, False)


def test_flags_values_and_limits_of_records() -> None:
    table = frame(subject=[1] * 4, time=[0, 1, 2, 3], value=["", 0.05, 0.3, 900], blq=["yes", "", 0, False],
                  lloq=[0.1, 0.1, 0.2, None], uloq=[None, None, None, 800])  # fmt: skip
    found = quiet(table).observations
    assert list(found["blq"]) == [True, True, False, False]
    assert list(found["alq"]) == [False, False, False, True]
    assert found["value"].tolist()[1:] == [0.05, 0.3, 900.0]
    with pytest.warns(DataWarning, match="1 records of IL21 are BLQ without a known lower limit"):
        assert numpy.isnan(read_study(frame(id=[1], time=[0], value=["BLQ"]), units=UNITS).observations["lloq"][0])
    at_limit = quiet(frame(id=[1], time=[0], value=[0.1]), lloq={"IL21": 0.1})
    assert not at_limit.observations["blq"][0]


def test_units_of_records_and_headings() -> None:
    table = frame(id=[1, 1], time=[0, 1], value=["<500", 2], unit=["pg/mL", "ng/mL"])
    with pytest.warns(DataWarning, match="1 records of IL21 converted from pg/mL to ng/mL"):
        study = read_study(table, units=UNITS, lloq={"IL21": 0.5})
    assert list(study.observations["lloq"]) == [0.5, 0.5]
    heading = frame(**{"id": [1], "Time (min)": [30], "conc [ug/L]": [7]})
    assert dict(quiet(heading, units={"IL21": "ng/mL"}).units) == {"time": "min", "IL21": "ng/mL"}
    doses = frame(id=[1, 1], time=[0, 1], amount=[1, 500], unit=["mg", "ug"], route=["iv", "iv"])
    assert list(quiet(frame(id=[1], time=[0], value=[1]), doses).doses["amount"]) == [1.0, 0.5]


def test_dates_count_from_the_first_dose() -> None:
    table = frame(id=[1, 1, 2], time=["2014-03-01 09:30", "2014-03-02T08:00:00", "2014-03-05 10:00"], value=[1, 2, 3])
    doses = frame(
        id=[2, 1, 1],
        time=["2014-03-05 12:00", "2014-03-02 08:00", "2014-03-01 08:00"],
        amount=[1] * 3,
        route=["iv"] * 3,
    )
    study = quiet(table, doses, units={**UNITS, "dose": "mg"})
    assert list(study.observations["time"]) == [1.5, 24.0, -2.0]
    assert list(study.doses["time"]) == [0.0, 24.0, 0.0]
    with pytest.warns(DataWarning, match="2 subjects have no dose; their dates are counted from their first sample"):
        assert list(read_study(table, units=UNITS).observations["time"]) == [0.0, 22.5, 0.0]


def test_clock_times_and_days() -> None:
    table = frame(id=[1, 1], day=[1, 2], time=["08:30", "00:15"], value=[1, 2])
    assert list(quiet(table).observations["time"]) == [8.5, 24.25]
    assert list(quiet(table, units={**UNITS, "time": "min"}).observations["time"]) == [510.0, 1455.0]
    dated = frame(id=[1, 1], date=["2014-03-01", "2014-03-02"], clock=["08:30", "08:15"], value=[1, 2])
    assert list(quiet(dated).observations["time"]) == [0.0, 23.75]
    with pytest.warns(DataWarning, match="day stands for 2 records"):
        assert list(read_study(table.drop(columns="time"), units=UNITS).observations["time"]) == [0.0, 24.0]


def test_nominal_times_and_marks() -> None:
    table = frame(id=[1, 1], time=[0, 1.1], ntime=[0, 1], mark=["Pre-dose", "after"], value=[1, 2], occ=[2, 2])
    study = quiet(table)
    assert list(study.observations["mark"]) == ["pre", "post"]
    assert list(study.observations["occasion"]) == [2, 2]
    assert study.deviations()["deviation"].tolist() == pytest.approx([0, 0.1])
    with pytest.warns(DataWarning, match="nominal time stands for 2 records"):
        assert list(read_study(table.drop(columns="time"), units=UNITS).observations["time"]) == [0.0, 1.0]


def test_excluded_records_are_kept_with_their_reason() -> None:
    table = frame(id=[1, 1, 1], time=[0, 1, 1], value=[-3, 2, 5], excluded=["x", "", "true"], reason=["clot", "", ""])
    with pytest.warns(DataWarning, match="1 excluded records have no reason"):
        study = read_study(table, units=UNITS)
    assert list(study.observations["reason"]) == ["clot", "", "no reason given"]
    assert list(study.used("IL21")["value"]) == [2.0]
    assert any("2 records are excluded (1 × clot, 1 × no reason given)" in note for note in study.notes)


@pytest.mark.parametrize(("rule", "value"), [("mean", 3.0), ("first", 2.0), ("last", 4.0)])
def test_a_stated_rule_for_duplicates(rule: str, value: float) -> None:
    table = frame(id=[1, 1, 1], time=[0, 0, 1], value=[2, 4, 9])
    with pytest.warns(DataWarning, match="2 samples at 1 equal times were .* 1 records fewer"):
        study = read_study(table, units=UNITS, duplicates=rule)
    assert list(study.observations["value"]) == [value, 9.0]


def test_identifiers() -> None:
    assert quiet(frame(id=["10", 9.0], time=[0, 0], value=[1, 1])).subject_ids == (9, 10)
    assert quiet(frame(id=["010", 9.0], time=[0, 0], value=[1, 1])).subject_ids == ("010", "9")
    mixed = quiet(
        frame(id=[1, 2], time=[0, 0], value=[1, 1]),
        frame(id=["A"], time=[0], dose=["1"]),
        units={**UNITS, "dose": "mg"},
    )
    assert mixed.subject_ids == ("1", "2", "A")


def test_doses_of_all_kinds() -> None:
    samples = frame(id=[1, 2], time=[0, 0], value=[1, 2])
    doses = frame(
        id=[1, 1, 2],
        time=[0, 24, 0],
        **{"amount per kg": [1, 2, 3]},
        route=["IV", "iv infusion", "p.o."],
        dur=[0, 30, None],
    )
    study = quiet(samples, doses, units={**UNITS, "dose": "ug", "duration": "min"})
    assert study.units["dose"] == "ug/kg"
    assert "duration" not in study.units
    assert study.doses_in("ug/kg", "h") == {1: (Dose(0, 1), Dose(24, 2, "infusion", 0.5)), 2: (Dose(0, 3, "oral"),)}
    with pytest.warns(DataWarning, match="2 doses have no route"):
        silent = read_study(
            samples, frame(id=[1, 1], time=[0, 1], dose=[1, 1], duration=[0, 2]), units={**UNITS, "dose": "mg"}
        )
    assert list(silent.doses["route"]) == ["bolus", "infusion"]
    plan = quiet(samples, bolus("30 ug/kg", days=[1, 2]), units={**UNITS, "time": "day"})
    assert plan.doses_in("ug/kg", "day")[2] == (Dose(0, 30), Dose(1, 30))
    with pytest.warns(DataWarning, match="1 doses repeat another"):
        read_study(samples, frame(id=[1, 1], time=[0, 0], dose=[1, 1], route=["iv"] * 2), units={**UNITS, "dose": "mg"})


def test_covariates() -> None:
    table = frame(
        id=[1, 1, 2],
        time=[0, 1, 0],
        value=[1, 2, 3],
        WT=[70, None, 60],
        age=[50, 50, 40],
        site=["a", "a", "b"],
        note=["x", "y", ""],
    )
    with pytest.warns(DataWarning, match="'note' is not used: it varies within a subject"):
        study = read_study(table, units={**UNITS, "age": "year"})
    people = study.subjects
    assert list(people.columns) == ["subject", "weight", "age", "site"]
    assert people.iloc[0].tolist() == [1, 70.0, 50.0, "a"]
    assert (study.units["weight"], study.units["age"]) == ("kg", "year")
    with pytest.warns(DataWarning, match="columns not used: WT, age, note, site"):
        read_study(table, None, frame(id=[1, 2]), units=UNITS)


def test_names_of_the_user() -> None:
    table = frame(Proband=[1], Uhrzeit=[0], Wert=[1])
    study = quiet(table, columns={"proband": "subject", "Uhrzeit": "time", "Wert": "value"})
    assert list(study.observations["value"]) == [1.0]
    wide = frame(id=[1], time=[0], Messung=[1])
    assert quiet(wide, columns={"Messung": "IL21"}).analytes == ("IL21",)


def test_a_failing_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("id,time,value\n1,0,3\n\n1,1\n")
    with pytest.raises(InputError, match=r"observations: cannot be read .*row 3 has 2 fields; expected 3"):
        read_study(path, units=UNITS)
    path.write_text("id;time;value\n1;0;3\n;;\n1;1;4\n")
    with pytest.warns(DataWarning, match="1 rows without any content"):
        assert list(read_study(path, units=UNITS).observations["row"]) == [1, 3]


@given(st.lists(st.floats(0.1, 100), min_size=3, max_size=6))
def test_duplicates_are_averaged_by_their_arithmetic_mean(values: list[float]) -> None:
    """Not by their median, nor by another mean: three and more values tell them apart."""
    table = frame(id=[1] * (len(values) + 1), time=[*[1.0] * len(values), 2.0], IL21=[*values, 7.0])
    found = quiet(table, duplicates="mean").observations["value"].tolist()
    assert found == [pytest.approx(sum(values) / len(values), rel=1e-12), 7.0]
