"""Whatever a CDISC table holds, reading it succeeds or raises InputError with its problems, and nothing else."""

from __future__ import annotations

import random
import warnings
from typing import Any

import pandas
import pytest

from pkpd import data
from pkpd.errors import DataWarning, InputError
from pkpd.io import adnca_table, pp_table, read_adnca, read_pp, read_sdtm, sdtm_tables
from pkpd.nca import nca
from tests.io.test_read_fuzz import ODD

MORE = [
    *ODD,
    "PT1H",
    "-PT5M",
    "2014-03",
    "NOT DONE",
    "ORAL",
    "INTRAVENOUS",
    "2000-01-01T00:00",
    "2000-01-01T00:00+01:00",
    "9999-12-31T23:59:59.999",
    "Y",
    "COPY",
    "VOLUME",
    "mg/kg",
    "zork",
]
COLUMNS = (
    "PCENDTC",
    "PCELTM",
    "PCRFTDTC",
    "PCSTAT",
    "PCGRPID",
    "VOLUME",
    "VOLUMEU",
    "PCEXCLFL",
    "PCTPT",
    "EXDOSFRQ",
    "EXDUR",
    "AEFRLT",
    "NFRLT",
    "ADTM",
    "FANLDTM",
    "DTYPE",
    "ADOSEDUR",
    "WEIGHT",
    "WTU",
    "NCAXFL",
    "PPSTAT",
)


def sources() -> tuple[dict[str, pandas.DataFrame], pandas.DataFrame, pandas.DataFrame]:
    study = data.theophylline().select(subjects=[1, 2])
    found = nca(study, "theophylline", parameters=["cmax", "auc_last", "cl_obs"])
    return sdtm_tables(study, study_id="S"), adnca_table(study, study_id="S"), pp_table(found, study_id="S")


def spoiled(table: pandas.DataFrame, steady: random.Random) -> pandas.DataFrame:
    """The table with one to four changes of cells, columns or rows."""
    table = table.head(steady.choice([3, 8])).astype(object).copy()
    for _ in range(steady.randint(1, 4)):
        column = steady.choice([*table.columns, *COLUMNS])
        change = steady.choice(["cell", "cell", "cell", "column", "drop", "double", "no rows"])
        if change == "cell" and len(table):
            cells = table[column].tolist() if column in table and table.columns.is_unique else [None] * len(table)
            cells[steady.randrange(len(cells))] = steady.choice(MORE)
            if table.columns.is_unique:
                table[column] = pandas.Series(cells, dtype=object, index=table.index)
        elif change == "column" and table.columns.is_unique:
            table[column] = pandas.Series([steady.choice(MORE)] * len(table), dtype=object, index=table.index)
        elif change == "drop" and column in table:
            table = table.drop(columns=column)
        elif change == "double" and steady.random() < 0.2:
            table = pandas.concat([table, table.iloc[:, :1]], axis=1)
        elif change == "no rows" and steady.random() < 0.1:
            table = table.iloc[:0]
    return table


def succeeds_or_explains(reader: Any, *tables: Any, **options: Any) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DataWarning)
        try:
            reader(*tables, **options)
        except InputError as error:
            problems = error.problems
        else:
            return True
    assert problems
    assert all(isinstance(problem, str) and problem for problem in problems)
    return False


def check_spoiled_tables(seed: int, rounds: int) -> None:
    """Some are read, some are refused with words."""
    steady = random.Random(seed)
    sdtm, adnca, pp = sources()
    outcomes = []
    for _ in range(rounds):
        tables = [spoiled(sdtm[name], steady) if steady.random() < 0.6 else sdtm[name] for name in ("PC", "EX", "DM")]
        outcomes.append(succeeds_or_explains(read_sdtm, *tables[: steady.randint(1, 3)]))
        outcomes.append(succeeds_or_explains(read_adnca, spoiled(adnca, steady)))
        outcomes.append(succeeds_or_explains(read_pp, spoiled(pp, steady), layout=steady.choice(["long", "wide"])))
    assert any(outcomes)
    assert not all(outcomes)


def test_spoiled_tables() -> None:
    check_spoiled_tables(0, 60)


def check_odd_cells(step: int) -> None:
    """In each column of each table, every so-manyth odd cell, another one first in the next column."""
    sdtm, adnca, pp = sources()
    readers = [
        (lambda t: read_sdtm(t, sdtm["EX"]), sdtm["PC"]),
        (lambda t: read_sdtm(sdtm["PC"], t), sdtm["EX"]),
        (lambda t: read_sdtm(sdtm["PC"], sdtm["EX"], t), sdtm["DM"]),
        (read_adnca, adnca),
        (read_pp, pp),
    ]
    for reader, table in readers:
        for k, column in enumerate(table.columns):
            for odd in MORE[k % step :: step]:
                changed = table.head(4).astype(object)
                changed[column] = pandas.Series([odd, *changed[column][1:]], dtype=object)
                succeeds_or_explains(reader, changed)


def test_odd_cells_in_each_column() -> None:
    check_odd_cells(48)


@pytest.mark.parametrize("odd", [3, [1], "nowhere.csv", "nowhere.xpt", None, pandas.DataFrame(), {}])
def test_tables_that_are_none(odd: Any) -> None:
    for reader in (read_sdtm, read_adnca, read_pp):
        assert not succeeds_or_explains(reader, odd)
    sdtm, adnca, _ = sources()
    succeeds_or_explains(read_sdtm, sdtm["PC"], odd, odd)
    succeeds_or_explains(read_adnca, adnca, odd)


@pytest.mark.parametrize("value", [3, "x", {"time": "mg"}, {"volume": "h"}, {1: 2}, {"time": None}, ["a"]])
def test_odd_arguments(value: Any) -> None:
    sdtm, adnca, _ = sources()
    for name in ("units", "analytes", "columns", "duplicates", "attrs"):
        succeeds_or_explains(read_sdtm, sdtm["PC"], sdtm["EX"], **{name: value})
        succeeds_or_explains(read_adnca, adnca, **{name: value})
    succeeds_or_explains(read_sdtm, sdtm["PC"], sdtm["EX"], treatment=value)
    succeeds_or_explains(read_adnca, adnca, covariates=value)
