"""Columns that change what a row means: read, refused, or counted in a warning that names them; never passed over."""

from __future__ import annotations

import warnings
from typing import Any

import pandas
import pytest

from pkpd.dosing import bolus
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_nonmem, read_study
from pkpd.study import Study

UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}
DV = {"time": "h", "dose": "mg", "DV": "mg/L"}


def read(table: Any, *others: Any, units: Any = None, door: Any = read_study, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return door(pandas.DataFrame(table), *others, units=units or UNITS, **options)


def events(**more: list[Any]) -> dict[str, list[Any]]:
    rows = {"ID": [1, 1, 1], "TIME": [0, 1, 4], "AMT": [100, None, None], "C": [None, 8.0, 5.0]}
    return {**rows, **more}


def test_the_example_of_the_issue() -> None:
    """Four infusions of 2 h, and nothing else; the peak of the first lies at its end."""
    table = {"ID": [1, 1, 1], "TIME": [0, 1, 40], "AMT": [100, None, None], "RATE": [50, None, None],
             "ADDL": [3, None, None], "II": [12, None, None], "C": [None, 8, 3]}  # fmt: skip
    given = read(table).given_doses()[0]
    assert given["time"].tolist() == [0.0, 12.0, 24.0, 36.0]
    assert given["duration"].tolist() == [2.0] * 4
    assert given["amount"].tolist() == [100.0] * 4


@pytest.mark.parametrize(
    ("more", "samples", "doses"),
    [
        ({"EVID": [1, 0, 2]}, [8.0], [100.0]),
        ({"MDV": [1, 0, 1]}, [8.0], [100.0]),
        ({"mdv": [True, False, True]}, [8.0], [100.0]),
        ({"AMT": [100, 0, 0], "C": [None, 8.0, None]}, [8.0], [100.0]),
        ({"AMT": [100, 0, 0], "C": [None, None, 5.0]}, [5.0], [100.0]),
        ({"Exclude": [None, None, "Y"], "Reason": [None, None, "lost"]}, [8.0], [100.0]),
        ({"outlier": [0, 1, 0]}, [5.0], [100.0]),
    ],
)
def test_rows_that_are_no_sample_or_no_dose(more: dict[str, Any], samples: list[float], doses: list[float]) -> None:
    study = read(events(**more))
    kept = study.observations[~study.observations["excluded"]]
    assert kept["value"].tolist() == samples
    assert study.doses["amount"].tolist() == doses


def test_a_placebo_gets_its_dose_of_nothing() -> None:
    table = {"subject": [1, 1, 2, 2], "time": [0, 1, 0, 1], "amount": [100, 0, 0, 0], "C": [None, None, None, 2.0]}
    with pytest.warns(DataWarning, match="1 rows with amount 0 and no value are no doses"):
        study = read_study(pandas.DataFrame(table), units=UNITS)
    assert study.doses[["subject", "amount"]].to_numpy().tolist() == [[1, 100.0], [2, 0.0]]


@pytest.mark.parametrize("door", [read_study, read_nonmem])
def test_flags_of_values_below_the_limit(door: Any) -> None:
    """BLQ by any of its names is honoured beside the limit: the value that stands there is the limit."""
    for name in ("BLQ", "BQL", "BLOQ"):
        for limit in ("LLOQ", "LOQ"):
            table = events(**{name: [0, 0, 1], limit: [0.5, 0.5, 0.5], "C": [None, 8.0, 0.5]})
            table["DV"] = table.pop("C")
            study = read(table, units=DV, door=door)
            assert study.observations["blq"].tolist() == [False, True]
            assert study.observations["lloq"].tolist() == [0.5, 0.5]
    censored = events(CENS=[0, 0, 1], C=[None, 8.0, 0.5])
    assert read(censored).observations["blq"].tolist() == [False, True]


CODES = ("DVID", "YTYPE", "CMT", "DVNAME", "endpoint")


@pytest.mark.parametrize("code", CODES)
def test_endpoints_are_never_merged(code: str) -> None:
    """By whatever column they are told apart: refused where one analyte's column holds them, read where units say."""
    kinds = [None, 1, 2] if code != "CMT" else [1, 2, 3]
    table = events(**{code: kinds})
    with pytest.raises(InputError, match=f"the column 'C' holds several things by the column '{code}'"):
        read(table)
    names = [str(kind) for kind in kinds if kind is not None][-2:]
    units = {"time": "h", "dose": "mg", names[0]: "mg/L", names[1]: "1"}
    study = read(table, units=units, columns={"C": "value"})
    assert study.analytes == tuple(names)
    assert len(read(table, columns={code: "drop"}).observations) == 2
    own = {key: [cells[0], *[cell if k == i else None for i, cell in enumerate(cells[1:])]]
           for k, key in enumerate(("C", "P")) for cells in [table["C"]]}  # fmt: skip
    wide = read({**table, **own}, units={**UNITS, "P": "1"})
    assert wide.observations["analyte"].tolist() == ["C", "P"]


@pytest.mark.parametrize("name", ["CMT", "FLAG", "Matrix", "specimen", "QC", "dvflag"])
def test_samples_of_several_kinds_without_doses(name: str) -> None:
    table = {"subject": [1, 1, 2], "time": [1, 2, 1], "conc": [8, 5, 3], name: ["1", "2", "1"]}
    with pytest.raises(InputError, match=f"the column '{name}' differs between samples of one subject"):
        read(table)
    with pytest.raises(InputError, match=f"the column '{name}' differs between samples of one subject"):
        read(table, bolus("100 mg"))
    constant = read({**table, name: ["1", "1", "2"]})
    assert len(constant.subjects.columns) == 2
    split = read(table, columns={name: "analyte"}, units={"time": "h", "1": "mg/L", "2": "mg/L"})
    assert split.analytes == ("1", "2")
    assert len(read(table, columns={name: "covariate"}).observations) == 3


def test_nonmem_counts_what_it_does_not_know() -> None:
    table = {"ID": [1, 1, 1], "TIME": [0, 1, 1], "AMT": [100, 0, 0], "DV": [0, 5, 50], "FLAG": [0, 1, 2]}
    with pytest.warns(DataWarning, match="'FLAG' differs between samples of one subject .1 in 1 rows, 2 in 1 rows"):
        read_nonmem(pandas.DataFrame(table))
    split = read(table, door=read_nonmem, columns={"FLAG": "DVID"}, units={"1": "mg/L", "2": "mg/L"})
    assert split.analytes == ("1", "2")
    lengths = {"ID": [1, 1], "TIME": [0, 1], "AMT": [100, 0], "DV": [0, 5], "DUR": [2, 0]}
    with pytest.warns(DataWarning, match="1 doses have a length in the column 'DUR'"):
        read_nonmem(pandas.DataFrame(lengths))
    oral = read({**lengths, "DUR": [0, 0], "ROUTE": ["oral", "oral"]}, door=read_nonmem, units=DV)
    assert oral.doses["route"].tolist() == ["oral"]
    coded = read({**lengths, "DUR": [0, 0], "ROUTE": [2, 2]}, door=read_nonmem, units=DV)
    assert coded.subjects["ROUTE"].tolist() == [2.0]


def test_doses_in_a_table_of_samples_are_counted() -> None:
    """RATE, ADDL and II beside samples whose doses are given apart, or nowhere."""
    table = {"subject": [1, 1], "time": [1, 2], "C": [8.0, 5.0], "RATE": [0, 50], "ADDL": [0, 3]}
    for others in ((bolus("100 mg"),), ()):
        with pytest.warns(DataWarning) as caught:
            read_study(pandas.DataFrame(table), *others, units=UNITS)
        told = " ".join(str(w.message) for w in caught)
        assert "1 rows say something of doses in the column 'RATE'" in told
        assert "1 rows say something of doses in the column 'ADDL'" in told
    group = {"subject": [1, 1], "time": [1, 2], "C": [8.0, 5.0], "Dose": [100, 100]}
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        assert read_study(pandas.DataFrame(group), bolus("100 mg"), units=UNITS).subjects["dose"].tolist() == [100.0]


def test_remarks_are_counted_and_are_no_covariates() -> None:
    table = {"subject": [1, 1], "time": [1, 2], "C": [8.0, 5.0], "Comment": [None, "haemolysed"]}
    with pytest.warns(DataWarning, match="1 rows have a remark in 'Comment'.*row 2: 'haemolysed'"):
        study = read_study(pandas.DataFrame(table), units=UNITS)
    assert list(study.subjects) == ["subject"]
    aside = read({**table, "excluded": [None, "Y"]}, columns={"Comment": "reason"})
    assert aside.observations["reason"].tolist() == ["", "haemolysed"]
    with pytest.warns(DataWarning, match="1 records have a reason and are not excluded"):
        read_study(pandas.DataFrame({**table, "excluded": 0}), units=UNITS, columns={"Comment": "reason"})


def test_limits_and_units_that_are_not_read_are_named() -> None:
    table = pandas.DataFrame({"subject": [1], "time": [1], "C": [8.0], "LIMIT": [0.1], "time unit": ["min"]})
    with pytest.warns(DataWarning) as caught:
        read_study(table, units=UNITS)
    told = " ".join(str(w.message) for w in caught)
    assert "'LIMIT' says nothing without CENS; its 1 values" in told
    assert "'time unit' is not read" in told


@pytest.mark.parametrize("more", [{}, {"EVID": [1, 0, 0]}])
def test_the_unit_of_a_dose_in_one_table(more: dict[str, Any]) -> None:
    table = events(**more, **{"AMT": [0.1, None, None], "Dose_U": ["g", None, None]})
    assert read(table).doses["amount"].tolist() == [100.0]


@pytest.mark.parametrize(("heading", "cells", "way"), [
    ("DROP", [0, 0, 1], "columns={'DROP': 'excluded'}"), ("Valid", [1, 1, 0], "a column 'excluded' instead of 'Valid'"),
    ("USE", ["Y", "Y", "N"], "a column 'excluded' instead of 'USE'"), ("reject", ["", "", "x"], "'excluded'"),
])  # fmt: skip
def test_a_column_that_tells_good_samples_from_bad_ones_is_a_question(heading: str, cells: list[Any], way: str) -> None:
    with pytest.raises(InputError, match="not all to be used") as caught:
        read(events(**{heading: cells}))
    assert way in str(caught.value)
    table = {"ID": [1, 1, 1], "TIME": [0, 1, 4], "AMT": [100, 0, 0], "DV": [0, 8, 5.0], heading: cells}
    if not isinstance(cells[0], str):
        with pytest.warns(DataWarning, match=f"'{heading}' differs between samples"):
            read_nonmem(pandas.DataFrame(table), units=DV)


@pytest.mark.parametrize("door", [read_study, read_nonmem])
def test_doses_that_may_be_repeated_are_said_in_event_tables_too(door: Any) -> None:
    table = {"ID": [1, 1, 1], "TIME": [0, 97, 98], "AMT": [100, 0, 0], "DV": [0, 8, 5.0], "EVID": [1, 0, 0]}
    for more, said in (({"NDOSE": [4, 0, 0]}, True), ({"TAU": [24, 24, 24]}, True), ({"NDOSE": [1, 0, 0]}, False),
                       ({"NDOSE": [4, 0, 0], "ADDL": [3, 0, 0], "II": [24, 0, 0]}, False)):  # fmt: skip
        notes = " ".join(read({**table, **more}, units=DV, door=door).notes)
        assert ("may be said to be repeated" in notes) is said


def test_a_nonmem_table_without_values_says_so() -> None:
    table = pandas.DataFrame({"ID": [1, 1], "TIME": [0, 1], "AMT": [100, 0], "LNDV": [0, 2.0]})
    with pytest.warns(DataWarning, match="no column 'DV', so that no record is a measured value"):
        read_nonmem(table, units={"time": "h", "dose": "mg"})
