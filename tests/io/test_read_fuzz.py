"""Whatever a table holds, reading it succeeds or raises InputError with its problems, and nothing else."""

from __future__ import annotations

import datetime
import random
import warnings
from decimal import Decimal
from typing import Any

import numpy
import pandas
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing import bolus
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_study
from pkpd.study import Study
from tests.examples import budget

ODD: list[Any] = [
    None, float("nan"), float("inf"), -float("inf"), "", "BLQ", "<0.1", ">500", "abc", "-3", -1, 0, True, [1, 2], {},
    (), object(), 10**400, "1e999", "1_000", Decimal("NaN"), Decimal("1.5"), numpy.float64("nan"), numpy.int8(3),
    numpy.array([1, 2]), numpy.datetime64("NaT"), numpy.datetime64("2020-01-01"), pandas.NA, pandas.NaT,
    pandas.Timestamp("2020-01-01 08:00"), pandas.Timestamp("2020-01-01 08:00", tz="UTC"), datetime.date(2020, 1, 1),
    datetime.datetime.min, datetime.time(8, 30), datetime.timedelta(1), "08:30", "25:61", "2020-01-01 08:30",
    "2020-13-45 08:30", "2020-01-01T08:30:00Z", 1 + 2j, b"bytes", "\x00", "ü😀", "\ud800",
    "Pre", "infusion", 1e308, -0.0,
]  # fmt: skip


def good() -> dict[str, dict[str, list[Any]]]:
    return {
        "observations": {
            "subject": [1, 1, 2, 2],
            "time": [0, 1, 0, 1],
            "analyte": ["IL21", "IL21", "IL21", "ALC"],
            "value": [0.2, 3, 1, 5],
            "blq": [0, 0, 0, 0],
            "lloq": [0.1, 0.1, 0.1, None],
            "nominal_time": [0, 1, 0, 1],
            "occasion": [1, 1, 1, 1],
            "mark": ["pre", "", "", ""],
            "excluded": [0, 0, 1, 0],
            "reason": ["", "", "lost", ""],
            "day": [1, 1, 1, 1],
            "unit": ["ng/mL", "ng/mL", "ng/mL", "10^9/L"],
        },
        "doses": {
            "subject": [1, 2],
            "time": [0, 0],
            "amount": [30, 30],
            "route": ["bolus", "infusion"],
            "duration": [0, 1],
            "occasion": [1, 1],
        },
        "subjects": {"subject": [1, 2], "weight": [70, 80], "sex": ["f", "m"]},
    }


@st.composite
def corrupted(draw: st.DrawFn) -> dict[str, Any]:
    """Tables with up to five corruptions of cells, columns and arguments."""
    tables = good()
    arguments: dict[str, Any] = {"units": {"time": "h", "dose": "ug/kg", "IL21": "ng/mL", "ALC": "10^9/L"}}
    odd = st.sampled_from(range(len(ODD)))
    for _ in range(draw(st.integers(1, 5))):
        table = tables[draw(st.sampled_from(sorted(tables)))]
        column = draw(st.sampled_from(sorted(table))) if table else ""
        change = draw(st.sampled_from(["cell", "cell", "cell", "column", "drop", "rename", "argument", "no rows"]))
        if not column:
            continue
        if change == "cell" and table[column]:
            table[column][draw(st.integers(0, len(table[column]) - 1))] = ODD[draw(odd)]
        elif change == "column":
            table[column] = [ODD[draw(odd)]] * len(table[column])
        elif change == "drop":
            del table[column]
        elif change == "rename":
            table[draw(st.sampled_from(["tme", "SUBJECT ", "dv", "time (h)", "IL21", "amt", "x", "datetime"]))] = (
                table.pop(column)
            )
        elif change == "no rows" and draw(st.booleans()):
            for name in table:
                table[name] = []
        elif change == "argument":
            name = draw(st.sampled_from(["units", "lloq", "uloq", "columns", "duplicates", "attrs"]))
            values = [None, {}, {"IL21": 1.0}, {"IL21": "112 pg/mL"}, {"IL21": "x"}, {1: 2}, {"time": "mg"}, 3, "mean",
                      "first", {"value": "time"}, {"IL21": None}, {"IL21": float("inf")}]  # fmt: skip
            arguments[name] = draw(st.sampled_from(values))
    doubled = draw(st.booleans()) and draw(st.booleans())
    frames = {name: pandas.DataFrame({c: pandas.Series(cells, dtype=object) for c, cells in t.items()})
              for name, t in tables.items()}  # fmt: skip
    if doubled:
        frames["observations"] = pandas.concat([frames["observations"]] * 2, axis=1)
    if draw(st.booleans()):
        del frames["subjects"]
    if draw(st.booleans()):
        frames["doses"] = draw(st.sampled_from([None, bolus("30 ug/kg"), frames["doses"], 3, "no such file.csv"]))
    return {**frames, **arguments}


def outcome(arguments: dict[str, Any]) -> tuple[Study | None, tuple[str, ...]]:
    try:
        return read_study(**arguments), ()
    except InputError as error:
        return None, error.problems


def succeeds_or_explains(arguments: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DataWarning)
        study, problems = outcome(arguments)
    if study is None:
        assert problems
        assert all(isinstance(problem, str) and problem for problem in problems)
        return
    assert isinstance(study, Study)
    assert not study.observations["time"].isna().any()
    assert len(study.data_hash) == 64
    assert study._repr_html_().startswith("<div")
    study.audit()


@budget(150)
@given(corrupted())
def test_only_input_errors_escape(arguments: dict[str, Any]) -> None:
    succeeds_or_explains(arguments)


def check_odd_cells(step: int) -> None:
    """In each column of each table, every so-manyth odd cell, another one first in the next column."""
    for table, columns in good().items():
        for k, column in enumerate(columns):
            for odd in ODD[k % step :: step]:
                tables = good()
                tables[table][column][0] = odd
                frames = {n: pandas.DataFrame({c: pandas.Series(cells, dtype=object) for c, cells in t.items()})
                          for n, t in tables.items()}  # fmt: skip
                succeeds_or_explains(
                    {**frames, "units": {"time": "h", "dose": "ug/kg", "IL21": "ng/mL", "ALC": "10^9/L"}}
                )


def test_odd_cells_in_each_column() -> None:
    check_odd_cells(16)


def test_text_files_of_any_content(tmp_path: Any) -> None:
    steady = random.Random(1)
    pieces = [
        "subject",
        "time",
        "value",
        ",",
        ",",
        "\n",
        "\n",
        '"',
        "1",
        "2.5",
        "BLQ",
        ";",
        "\t",
        "\r",
        "é",
        "\x00",
        " ",
    ]
    for k in range(150):
        path = tmp_path / f"{k}.csv"
        path.write_text("".join(steady.choices(pieces, k=steady.randint(0, 60))), newline="")
        succeeds_or_explains({"observations": path, "units": {"time": "h", "IL21": "ng/mL"}})
    binary = tmp_path / "binary.csv"
    binary.write_bytes(bytes(range(256)))
    succeeds_or_explains({"observations": binary, "units": {"time": "h", "IL21": "ng/mL"}})
    succeeds_or_explains({"observations": tmp_path, "units": {"time": "h", "IL21": "ng/mL"}})
