"""Records written and read again are the same records; a study becomes a data set that means what the study says."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import Phase, given
from hypothesis import strategies as st

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_nonmem, read_study, write_nonmem
from pkpd.study import Study
from tests.examples import budget

_PLAIN = ["ID", "TIME", "EVID", "AMT", "RATE", "CMT", "II", "ADDL", "SS", "DV", "MDV"]


def same(a: Study, b: Study) -> bool:
    """Whether two studies say the same: their tables, the order of their records, and how covariates are carried."""
    tables = ("observations", "doses", "subjects", "records")
    equal = all(getattr(a, name).equals(getattr(b, name)) for name in tables)
    return equal and (a.in_order, a.carried, a.data_hash) == (b.in_order, b.carried, b.data_hash)


@st.composite
def tables(draw: Any) -> pandas.DataFrame:
    """Event tables that PREDPP accepts, of every kind of record."""
    number = st.floats(0.01, 1e4, allow_subnormal=False)
    rows: list[dict[str, float]] = []
    for subject in range(1, draw(st.integers(1, 3)) + 1):
        time = draw(st.floats(-10, 10))
        for _ in range(draw(st.integers(1, 6))):
            evid = draw(st.sampled_from([0, 0, 1, 1, 2, 3, 4]))
            row: dict[str, float] = {"ID": subject, "EVID": evid, "CMT": draw(st.integers(0, 3)), "WT": draw(number)}
            time = draw(st.floats(-5, 5)) if evid in (3, 4) else time + draw(st.floats(0, 20))
            row["TIME"] = time
            row["DV"] = draw(number) if evid == 0 else np.nan
            if evid in (1, 4):
                steady = draw(st.sampled_from([0, 0, 1, 2, 3]))
                constant = steady > 0 and draw(st.booleans())
                row |= {"SS": steady, "AMT": 0 if constant else draw(number)}
                row["RATE"] = draw(st.sampled_from([0.0, 3.25, -1.0] if constant else [0.0, 3.25, -1.0, -2.0]))
                row["II"] = 0.0 if constant else draw(number)
                row["ADDL"] = 0 if constant else draw(st.integers(0, 4))
            elif row["CMT"] and draw(st.booleans()):
                row["CMT"] = -row["CMT"]
            rows.append(row)
    found = pandas.DataFrame(rows)
    for name in ("AMT", "RATE", "II", "ADDL", "SS"):
        found[name] = found[name].fillna(0.0) if name in found else 0.0
    return found


@budget(60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(table=tables(), covariates=st.sampled_from(["next", "last"]))
def test_what_is_written_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, table: pandas.DataFrame, covariates: str
) -> None:
    records = read_nonmem(table, covariates=covariates)
    path = tmp_path_factory.mktemp("written") / "data.csv"
    written = write_nonmem(records, path)
    assert list(written)[:11] == _PLAIN
    assert same(read_nonmem(path, covariates=covariates), records)
    assert same(read_nonmem(written, covariates=covariates), records)
    np.testing.assert_array_equal(written["DV"].to_numpy(float), table["DV"].to_numpy(float))
    np.testing.assert_array_equal(written["MDV"] == 1, (table["EVID"] != 0) | table["DV"].isna())


def test_the_comparison_can_fail() -> None:
    table = pandas.DataFrame({"ID": 1, "TIME": [0, 1, 2], "EVID": [1, 0, 0], "AMT": [9, 0, 0], "WT": [1, 2, 3]})
    records = read_nonmem(table)
    assert same(records, read_nonmem(table.copy()))
    for changed in ({"AMT": [8, 0, 0]}, {"WT": [1, 2, 4]}, {"TIME": [0, 1, 3]}, {"EVID": [1, 0, 3]}):
        assert not same(records, read_nonmem(table.assign(**changed)))
    assert not same(records, read_nonmem(table, covariates="last"))


def test_named_compartments_need_numbers() -> None:
    records = read_nonmem(
        pandas.DataFrame({"ID": 1, "TIME": [0, 1], "EVID": [1, 2], "AMT": [9, 0], "CMT": ["A", "-A"]})
    )
    assert write_nonmem(records, compartments={"A": 2})["CMT"].tolist() == [2, -2]
    with pytest.raises(InputError, match="row 1, column CMT: 'A' has no number; compartments has 'G'"):
        write_nonmem(records, compartments={"G": 1})


def _study() -> Any:
    rows = [
        {"subject": "b", "time": 0, "dose": 100, "route": "oral", "wt": 70},
        {"subject": "b", "time": 0, "C": 0.2, "wt": 70},
        {"subject": "b", "time": 2, "C": 5.5, "wt": 70},
        {"subject": "b", "time": 9, "C": "BLQ", "wt": 70},
        {"subject": "a", "time": 1, "dose": 60, "route": "infusion", "duration": 2, "wt": 55},
        {"subject": "a", "time": 4, "C": 3.0, "wt": 55},
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(
            pandas.DataFrame(rows), units={"time": "h", "C": "mg/L", "dose": "mg", "wt": "kg"}, lloq={"C": 0.5}
        )


def test_a_study_with_values_below_the_limit(tmp_path: Path) -> None:
    table = write_nonmem(_study(), tmp_path / "study.csv")
    one = table[table["ID"] == next(k for k, name in table.attrs["subjects"].items() if name == "b")]
    assert one[["TIME", "EVID", "AMT", "RATE", "CMT", "BLQ", "MDV"]].to_numpy().tolist() == [
        [0, 0, 0, 0, 2, 1, 0], [0, 1, 100, 0, 1, 0, 1], [2, 0, 0, 0, 2, 0, 0], [9, 0, 0, 0, 2, 1, 0],
    ]  # fmt: skip
    assert one["DV"].tolist()[2:] == [5.5, 0.5]
    other = table[table["ID"] != one["ID"].iloc[0]]
    assert other[["TIME", "AMT", "RATE", "CMT"]].to_numpy().tolist() == [[1, 60, 30, 2], [4, 0, 0, 2]]
    assert set(table["weight"]) == {70, 55}
    back = read_nonmem(tmp_path / "study.csv")
    assert back.doses.groupby("subject").size().tolist() == [1, 1]
    assert write_nonmem(_study(), compartments={"oral": 3, "C": 4})["CMT"].isin([3, 4, 2]).all()
