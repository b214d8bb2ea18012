"""Tables of a trial are checked once: what is said of what is wrong, and that nothing is lost."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as some

from pkpd import InputError
from pkpd.trial.tables import Column, known_subjects, read_table

COLUMNS = (
    Column("subject", "text", "patient", also=("usubjid", "id")),
    Column("day", "number", "day of the scan"),
    Column("sum", "number", "sum of diameters", low=0),
    Column("new", "flag", "a new lesion", required=False),
    Column("arm", "text", "arm", required=False, filled=False, choices=("A", "B")),
)


def test_names_types_and_everything_else_are_kept() -> None:
    table = read_table(
        {"USUBJID": ["1", "2"], "Day": ["1", 43], "sum": [50.5, 40], "new": ["N", "Y"], "arm": ["a", ""], "at": [7, 8]},
        COLUMNS,
        "scans",
    )
    assert table.columns.tolist() == ["subject", "day", "sum", "new", "arm", "row", "at"]
    assert table["subject"].tolist() == [1, 2]
    assert table["day"].tolist() == [1.0, 43.0]
    assert table["new"].tolist() == [False, True]
    assert table["arm"].tolist() == ["A", ""]
    assert table["row"].tolist() == [1, 2]


def test_every_problem_at_once_with_its_place() -> None:
    table = {"subject": ["p1", "p2", ""], "day": [1, "soon", np.nan], "sum": [-1, 2, 3], "arm": ["C", "A", "B"]}
    with pytest.raises(InputError) as error:
        read_table(table, COLUMNS, "scans")
    text = str(error.value)
    assert len(error.value.problems) == 5
    for part in ("row 1, subject p1, column 'sum'", "≥ 0", "row 2, subject p2, column 'day': 'soon'", "one of A, B",
                 "row 3, column 'subject'", "row 3, column 'day': missing"):  # fmt: skip
        assert part in text


def test_columns_that_lack_or_rival_name_the_way_out() -> None:
    with pytest.raises(InputError, match=r"no column 'day'.*columns=") as error:
        read_table({"id": ["a"], "usubjid": ["b"], "sum": [1]}, COLUMNS, "scans")
    assert "'id', 'usubjid' could each be subject" in str(error.value)
    named = read_table({"id": ["a"], "usubjid": ["b"], "when": [3], "sum": [1]}, COLUMNS, "scans",
                       named={"subject": "usubjid", "day": "when"})  # fmt: skip
    assert named["subject"].tolist() == ["b"]
    assert named["id"].tolist() == ["a"]
    with pytest.raises(InputError, match="'whem'") as error:
        read_table({"id": ["a"], "when": [3], "sum": [1]}, COLUMNS, "scans", named={"day": "whem", "dai": "when"})
    assert "no column called 'dai'" in str(error.value)


def test_a_row_that_stands_twice_is_named() -> None:
    table = {"subject": ["a", "a"], "day": [1, 1], "sum": [2, 3]}
    with pytest.raises(InputError, match=r"row 2, subject a.*row 1 has the same subject, day"):
        read_table(table, COLUMNS, "scans", unique=("subject", "day"))
    assert len(read_table(table, COLUMNS, "scans")) == 2


def test_subjects_unknown_to_another_table_are_counted() -> None:
    assert known_subjects([1, 2], [1, 2, 3], "doses") == []
    assert known_subjects(range(8), [7], "doses") == ["doses have no row of subject 0, 1, 2, 3, 4 and 2 more"]


CELL: Any = some.one_of(some.none(), some.floats(), some.integers(), some.text(max_size=5), some.booleans(),
                        some.just(b"x"), some.just([1]))  # fmt: skip


@given(some.dictionaries(some.sampled_from(["subject", "day", "sum", "new", "arm", "Day", "x"]),
                         some.lists(CELL, min_size=2, max_size=2)))  # fmt: skip
def test_whatever_stands_in_a_table_is_read_or_refused_in_words(cells: dict[str, list[Any]]) -> None:
    frame = pandas.DataFrame({name: pandas.Series(one, dtype=object) for name, one in cells.items()})
    with contextlib.suppress(InputError):
        table = read_table(frame, COLUMNS, "t")
        assert (table["sum"] >= 0).all()
        assert np.isfinite(table["day"]).all()
