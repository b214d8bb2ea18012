"""Text files as they come: delimiters, titles, notes, units rows, letters, decimal commas."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas
import pytest

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_nonmem, read_study
from pkpd.io.findings import Findings
from pkpd.io.units_row import with_units_row
from pkpd.study import Study

UNITS = {"time": "h", "dose": "mg", "conc": "ng/mL"}
PLAIN = "id,time,conc\n1,1,3.5\n1,2,2.25\n2,1,4\n"


def read(path: Path, content: str | bytes, suffix: str = "txt", **options: Any) -> tuple[Study, str]:
    """The study of a file of this content, and what was warned about."""
    file = path / f"table.{suffix}"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        study = read_study(file, **{"units": UNITS, **options})
    return study, "\n".join(str(w.message) for w in caught)


def values(study: Study) -> list[tuple[Any, ...]]:
    return [*study.observations[["subject", "time", "value"]].itertuples(index=False, name=None)]


EXPECTED = [(1, 1.0, 3.5), (1, 2.0, 2.25), (2, 1.0, 4.0)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAIN.replace(",", "\t"), ""),
        (PLAIN.replace(",", "|"), ""),
        (PLAIN.replace(",", "   "), ""),
        ("  id   time    conc\n   1      1     3.5\n   1      2    2.25\n   2      1       4\n", ""),
        ("Study X-12, plasma, day 1\n\n" + PLAIN, "2 lines above the header .*Study X-12"),
        ("Table 3;;\nid;time;conc\n1;1;3,5\n1;2;2,25\n2;1;4\n", "2 cells of 'conc' have a decimal comma"),
        ("id time conc\n1 1 3,5\n1 2 2,25\n2 1 4,0\n", "3 cells of 'conc' have a decimal comma"),
        ("TABLE NO.  1\n ID TIME CONC\n 1 1.0E+00 3.5E+00\nTABLE NO.  1\n ID TIME CONC\n 1 2 2.25\n 2 1 4\n",
         "the header stands 1 more times"),
        (PLAIN + "\n* BLQ = below 0.1 ng/mL; see protocol\n", "1 lines below the table are notes"),
        (PLAIN + "Note: samples of subject 2, day 1, were late\n", "1 lines below the table are notes"),
        (PLAIN + "Values are the means of two,,\n", "1 lines below the table are notes"),
        ("id,time,conc\n,h,ng/mL\n1,1,3.5\n1,2,2.25\n2,1,4\n", "the first row is of units"),
        ("id;time;conc\n-;(h);[ng/mL]\n1;1;3,5\n1;2;2,25\n2;1;4\n", "the first row is of units"),
        (b"\xef\xbb\xbf" + PLAIN.encode(), ""),
        (PLAIN.encode("utf-16"), ""),
        (PLAIN.replace("\n", "\r").encode(), ""),
    ],
)  # fmt: skip
def test_one_table_in_many_files(tmp_path: Path, content: str | bytes, said: str) -> None:
    study, told = read(tmp_path, content)
    assert values(study) == EXPECTED
    assert pandas.Series([told]).str.contains(said, regex=True).all()
    assert bool(told) == bool(said)


def test_latin_1_is_said(tmp_path: Path) -> None:
    text = "id,time,conc (µg/L),Zentrum\n1,1,3.5,Köln\n1,2,2.25,Köln\n"
    study, told = read(tmp_path, text.encode("latin-1"), units={"time": "h"})
    assert study.units["conc"] == "µg/L"
    assert list(study.subjects["Zentrum"]) == ["Köln"]
    assert "not UTF-8" in told


def test_a_file_without_a_header_says_how_to_name_its_columns(tmp_path: Path) -> None:
    content = "1 1 3.5\n1 2 2.25\n2 1 4\n"
    with pytest.raises(InputError, match=r"no header: say columns=\{'column 1': 'subject'\}"):
        read(tmp_path, content)
    study, told = read(tmp_path, content, columns={"column 1": "subject", "column 2": "time", "column 3": "conc"})
    assert values(study) == EXPECTED
    assert "no header" in told


def test_a_header_or_a_row_is_no_title_and_no_note(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 2 has 2 fields"):
        read(tmp_path, "id,time,conc\n1,1,3.5\n1,2\n2,1,4\n")
    with pytest.raises(InputError, match="row 3"):
        read(tmp_path, "id,time,conc\n1,1,3.5\n1,2,3\nS2,1,high\n")
    study, told = read(tmp_path, "id,time,conc,arm\nA,1,3.5,h\nB,1,2,mg\n")  # a first row of data
    assert list(study.subjects["arm"]) == ["h", "mg"]
    assert "units" not in told


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (['"1,177.32"', '"2,300.5"', "12.5"], [1177.32, 2300.5, 12.5]),
        (['"1,234,567"', "12", "13"], [1234567.0, 12.0, 13.0]),
        (['"1,177"', "0.5", '"2,000"'], [1177.0, 0.5, 2000.0]),
    ],
)
def test_thousands(tmp_path: Path, cells: list[str], expected: list[float]) -> None:
    study, told = read(tmp_path, "id,time,conc\n" + "".join(f"1,{k},{c}\n" for k, c in enumerate(cells)))
    assert list(study.observations["value"]) == expected
    assert "commas between thousands" in told


@pytest.mark.parametrize(
    "cells", [["1,177", "2", "3"], ["0,5", "0.7", "0,9"], ["0,5", "1", "2"], ["1,5", "1,234.5", "3"]]
)
def test_a_comma_that_may_be_either_is_a_problem(tmp_path: Path, cells: list[str]) -> None:
    with pytest.raises(InputError, match="a comma may be a decimal sign or part thousands"):
        read(tmp_path, "id;time;conc\n" + "".join(f"1;{k};{c}\n" for k, c in enumerate(cells)))


def test_decimal_commas_below_limits_and_in_frames(tmp_path: Path) -> None:
    study, _ = read(tmp_path, "id;time;conc\n1;0,5;<0,25\n1;1,5;1.177,32\n1;2;0,5\n")
    assert list(study.observations["time"]) == [0.5, 1.5, 2.0]
    assert list(study.observations["value"][1:]) == [1177.32, 0.5]
    assert study.observations["lloq"][0] == 0.25
    frame = pandas.DataFrame({"id": [1, 1], "time": ["0,5", "1,5"], "conc": ["3,5", "2,25"]})
    with pytest.warns(DataWarning, match="decimal comma"):
        assert values(read_study(frame, units=UNITS)) == [(1, 0.5, 3.5), (1, 1.5, 2.25)]


def test_nonmem_tables(tmp_path: Path) -> None:
    path = tmp_path / "sdtab1"
    path.write_text(
        "TABLE NO.  1\n ID          TIME        AMT         DV\n"
        "  1.0000E+00  0.0000E+00  1.0000E+02  0.0000E+00\n  1.0000E+00  2.5000E+00  0.0000E+00  3.2500E+00\n"
    )
    with pytest.warns(DataWarning):
        study = read_nonmem(path)
    assert list(study.doses["amount"]) == [100.0]
    assert 3.25 in set(study.observations["value"])


def test_a_sheet_with_a_title_and_units(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    rows = [["Study X-12", None, None], [None] * 3, ["id", "time", "conc"], ["-", "h", "ng/mL"], [1, 1, 3.5],
            [1, 2, 2.25], [2, 1, 4]]  # fmt: skip
    path = tmp_path / "study.xlsx"
    pandas.DataFrame(rows).to_excel(path, index=False, header=False)
    with pytest.warns(DataWarning, match=r"above the header was not read \('Study X-12'\)"):
        study = read_study(path)
    assert values(study) == EXPECTED
    assert study.units["conc"] == "ng/mL"


@pytest.mark.parametrize("cell", ["12 mg", "12mg", "3.5 ng/mL", "1,5 h", "3.4.5 mg", "2014-13-41", "1.2.3"])
def test_a_number_with_its_unit_is_no_row_of_units(cell: str) -> None:
    """A first row with one bad cell is a row of data: the cell is named, not the column missed."""
    findings = Findings()
    headings, cells = with_units_row("samples", ["dose"], [[cell, "10", "10"]], findings)
    assert (headings, len(cells[0])) == (["dose"], 3)


@pytest.mark.parametrize("cell", ["mg", "10^9/L", "10E9/L", "1/h", "[ng/mL]"])
def test_a_unit_is_a_row_of_units(cell: str) -> None:
    headings, cells = with_units_row("samples", ["dose"], [[cell, "10", "10"]], Findings())
    assert (headings, len(cells[0])) == ([f"dose [{cell.strip('[]')}]"], 2)
