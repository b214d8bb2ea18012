"""Event tables with cells spoilt at random: each is read, or refused with the row of every bad cell."""

from __future__ import annotations

import contextlib
import re
import time

import numpy as np
import pandas
import pytest

from pkpd import define, predict
from pkpd.errors import InputError
from pkpd.io import read_nonmem
from pkpd.study import Study

_ODD = [
    -1, -2, -3, 0, 0.5, 1, 2, 3, 4, 7, 1e-300, 1e12, 1e100, 1e308, float("inf"), float("-inf"), float("nan"), None, "",
    ".", "x", "12:30", "-2", " 1 ", "NA", True, -0.0, "1,5", "A", "-A",
]  # fmt: skip
_ROWS = {
    "ID": [1, 1, 1, 1, 1, 1, 1, 2, 2, 2], "TIME": [0, 1, 2, 2, 4, 6, 8, 0, 3, 5],
    "EVID": [1, 0, 2, 1, 0, 4, 0, 1, 3, 0], "AMT": [100, 0, 0, 20, 0, 40, 0, 50, 0, 0],
    "CMT": [1, 2, -1, 2, 2, 2, 2, 2, 0, 2], "RATE": [0, 0, 0, 10, 0, -2, 0, -1, 0, 0],
    "II": [4, 0, 0, 0, 0, 3, 0, 2, 0, 0], "ADDL": [1, 0, 0, 0, 0, 0, 0, 3, 0, 0],
    "SS": [0, 0, 0, 0, 0, 1, 0, 2, 0, 0], "DV": [0] * 10, "LAG": [0.5, 0.5, 1, 1, 1, 1, 2, 7, 7, 7],
}  # fmt: skip
SECONDS = 0.03  # a table, of one processor: three times what a whole study takes to be read and checked
_PLACE = re.compile(
    r"(records, )?row \d+(, (ID|subject) \S+)?, "
    r"column '?(ID|TIME|EVID|AMT|CMT|RATE|II|ADDL|SS|DV|LAG)'?: (.+; )?expected "
)
_MORE = re.compile(r"and \d+ more")


def spoilt(rng: np.random.Generator) -> pandas.DataFrame:
    columns = {name: list(cells) for name, cells in _ROWS.items()}
    names = list(columns)
    for _ in range(rng.integers(1, 5)):
        columns[names[rng.integers(len(names))]][rng.integers(10)] = _ODD[rng.integers(len(_ODD))]
    return pandas.DataFrame(columns, dtype=object)


def outcome(table: pandas.DataFrame) -> tuple[Study | None, tuple[str, ...]]:
    """The records, or the problems; any other error passes."""
    try:
        return read_nonmem(table), ()
    except InputError as error:
        return None, error.problems


def check_spoilt_tables(tables: int) -> None:
    """Each is read with all its records in order, or refused with a place for every problem; most are refused."""
    rng = np.random.default_rng(11)
    refused, spent = 0, 0.0
    for _ in range(tables):
        table = spoilt(rng)
        began = time.process_time()
        records, problems = outcome(table)
        spent += time.process_time() - began
        if records is None:
            refused += 1
            assert problems
            assert all(_PLACE.match(p) or _MORE.fullmatch(p) for p in problems), problems
        else:
            assert len(records._records) == 10
            clock, subject = (records._records[name].to_numpy() for name in ("time", "subject"))
            assert (np.diff(clock)[subject[1:] == subject[:-1]] >= 0).all()
    assert 0.60 < refused / tables < 0.99
    assert spent / tables < SECONDS


def check_predictions(tables: int) -> None:
    """Extreme numbers that are numbers: no other error than the documented one, and no endless loop."""
    model = define(
        {"G": "-G", "A": "G - 0.1*A"}, {"k": 1.0}, outputs={"C": "A/10"},
        doses={"oral": "G", "bolus": "A", "infusion": "A"}, lag={"A": "LAG"}, infusion_rate={"A": "5.0"},
        infusion_duration={"A": "2.0"}, covariates=("LAG",),
    )  # fmt: skip
    rng = np.random.default_rng(12)
    solved = 0
    for _ in range(tables):
        records, _ = outcome(spoilt(rng))
        if records is None:
            continue
        with contextlib.suppress(InputError):
            solved += bool(np.isfinite(predict(model, records)["C"]).all())
    assert solved / tables > 1 / 15


def check_columns() -> None:
    """Columns that lack or stand twice."""
    table = pandas.DataFrame(_ROWS)
    with pytest.raises(InputError, match="no column 'TIME'"):
        read_nonmem(table.drop(columns="TIME"))
    with pytest.raises(InputError, match="2 columns are called 'AMT'"):
        read_nonmem(pandas.concat([table, table[["AMT"]]], axis=1))
    read_nonmem(table.drop(columns=["DV", "II"]).assign(ADDL=0, SS=0))
