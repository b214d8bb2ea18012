"""Rows that a table marks as not to be read are left out and counted, as NM-TRAN's IGNORE does."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas
import pytest

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_nonmem, read_study

UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}


def table(**more: Any) -> pandas.DataFrame:
    rows = {"ID": [1, 1, 1, 1], "TIME": [0, 1, 2, 3], "AMT": [100, 0, 0, 0], "DV": [0, 99.0, 5.0, 4.0]}
    return pandas.DataFrame({**rows, **more}, dtype=object)


@pytest.mark.parametrize("door", [read_nonmem, read_study])
@pytest.mark.parametrize(
    "marks", [[".", "C", ".", "."], [None, "c", None, None], ["", "#", "", ""], ["0", "C", "0", "0"], [0, "@", 0, 0]]
)
def test_marks_in_a_column_of_their_own(door: Any, marks: list[Any]) -> None:
    with pytest.warns(DataWarning, match=r"1 rows are marked in the column 'C' and were left out \(2\)") as caught:
        study = door(pandas.DataFrame({"C": marks, **table()}), units=UNITS)
    assert sum("marked" in str(w.message) for w in caught) == 1
    assert study.observations["value"].tolist() == [5.0, 4.0]
    assert study.observations["row"].tolist() == [3, 4]
    assert list(study.subjects) == ["subject"]


@pytest.mark.parametrize("name", ["EXCL", "Exclude", "IGNORE", "omit"])
def test_flags_leave_out_rows_of_a_nonmem_table(name: str) -> None:
    with pytest.warns(DataWarning, match=f"2 rows are marked in the column '{name}'"):
        study = read_nonmem(table(**{name: [0, 1, 0, 1]}), units=UNITS)
    assert study.observations["value"].tolist() == [5.0]
    kept = read_nonmem(table(**{name: [0, 2, 3, 1]}), units=UNITS, columns={name: "covariate"})
    assert len(kept.observations) == 3


def test_rows_that_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("#ID,TIME,AMT,DV\n1,0,100,.\n#1,1,.,99\n1,2,.,5\n@1,3,.,4\n")
    with pytest.warns(DataWarning, match=r"2 rows are marked in the column 'ID' and were left out \(2, 4\)"):
        assert read_nonmem(path, units=UNITS).observations["value"].tolist() == [5.0]
    with pytest.raises(InputError, match="every row is marked to be ignored"):
        read_nonmem(table(ID=["#1"] * 4), units=UNITS)


def test_a_column_c_may_hold_something_else() -> None:
    """Concentrations, by `units` or by its numbers; texts that are no marks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        wide = table().rename(columns={"DV": "C"})
        assert len(read_nonmem(wide, units={"time": "h", "dose": "mg", "C": "mg/L"}).observations) == 3
        assert read_nonmem(table(C=[7, 7, 7, 7]), units=UNITS).subjects["C"].tolist() == [7.0]
        assert read_nonmem(table(C=["a"] * 4), units=UNITS).subjects["C"].tolist() == ["a"]


def test_doses_that_are_set_aside_are_left_out() -> None:
    samples = pandas.DataFrame({"subject": [1], "time": [1], "DV": [5.0]})
    doses = pandas.DataFrame({"subject": 1, "time": [0, 24], "amount": 100, "route": "oral", "Excluded": ["", "yes"]})
    with pytest.warns(DataWarning, match="doses: 1 rows are marked in the column 'Excluded'"):
        assert read_study(samples, doses, units=UNITS).doses["time"].tolist() == [0.0]
