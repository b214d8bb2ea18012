"""Collections of urine and faeces: start, end and volume, and everything that cannot be."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.errors import InputError
from pkpd.io import read_study
from pkpd.study import combine
from tests.io.cdisc_studies import quiet

UNITS = {"time": "h", "X": "ng/mL", "volume": "mL"}


def urine(**changes: Any) -> pandas.DataFrame:
    columns: dict[str, Any] = {"id": [1, 1, 1], "time": [0, 4, 8], "end": [4, 8, 24], "vol": [200, 150, 700],
                               "value": [5, 3, 1]}  # fmt: skip
    columns |= changes
    return pandas.DataFrame({name: pandas.Series(cells, dtype=object) for name, cells in columns.items()})


def problems(table: pandas.DataFrame, **options: Any) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        quiet(read_study, table, **{"units": UNITS, **options})
    return caught.value.problems


def test_headings_and_units() -> None:
    study = read_study(urine(), units=UNITS)
    table = study.observations
    assert table[["time", "until", "volume"]].to_numpy().tolist() == [[0, 4, 200], [4, 8, 150], [8, 24, 700]]
    for end, volume in (
        ("until", "volume"),
        ("Stop", "Urine volume"),
        ("end_time", "Collection Volume"),
        ("collectionend", "Volume [mL]"),
    ):
        renamed = urine().rename(columns={"end": end, "vol": volume})
        units = UNITS if "[" not in volume else {"time": "h", "X": "ng/mL"}
        assert read_study(renamed, units=units).data_hash == study.data_hash
    assert study.analytes == ("X",)
    assert any("3 records are collections" in note for note in study.notes)


def test_point_samples_have_neither() -> None:
    study = read_study(urine()[["id", "time", "value"]], units={"time": "h", "X": "ng/mL"})
    assert study.observations[["until", "volume"]].isna().all(axis=None)


def test_plasma_and_urine_in_one_table() -> None:
    plasma = pandas.DataFrame({"id": [1, 1], "time": [0.0, 4.0], "value": [9.0, 8.0], "analyte": "P"})
    both = pandas.concat([urine().assign(analyte="X"), plasma], ignore_index=True)
    study = read_study(both, units={**UNITS, "P": "ng/mL"})
    assert study.used("P")["until"].isna().all()
    assert study.used("X")["volume"].tolist() == [200.0, 150.0, 700.0]
    assert study.select(analytes=["P"]).observations["until"].isna().all()
    other = read_study(both.assign(id=2), units={**UNITS, "P": "ng/mL"})
    assert combine(study, other).observations["volume"].sum() == 2100.0


def test_amounts_need_no_volume() -> None:
    study = read_study(urine().drop(columns="vol"), units={"time": "h", "X": "ug"})
    assert study.observations["volume"].isna().all()
    assert read_study(urine(vol=[None, 1, None]), units={"time": "h", "X": "ug", "volume": "mL"}) is not None
    faeces = read_study(urine(), units={"time": "h", "X": "ug/g", "volume": "g"})
    assert faeces.units["volume"] == "g"


ROW = "observations, row 2, subject 1, column"


@pytest.mark.parametrize(
    ("changes", "start", "words"),
    [
        ({"end": [4, 3, 24]}, f"{ROW} 'end': 3", "an end later than the start 4"),
        ({"end": [4, 4, 24]}, f"{ROW} 'end': 4", "a sample at a point in time has none"),
        ({"end": [4, "x", 24]}, f"{ROW} 'end': 'x'", "a number in the study's time unit"),
        ({"vol": [200, -1, 700]}, f"{ROW} 'vol': -1", "a number ≥ 0"),
        ({"vol": [200, "x", 700]}, f"{ROW} 'vol': 'x'", "a number ≥ 0"),
        ({"vol": [200, None, 700]}, f"{ROW} 'vol': missing", "the volume or mass of the collection"),
        (
            {"time": [0, 3, 8]},
            f"{ROW} 'end': the collection of X from 3 to 8 overlaps that from 0 to 4 (row 1)",
            "after",
        ),
        (
            {"time": [0, 0, 8]},
            f"{ROW} 'end': the collection of X from 0 to 8 overlaps that from 0 to 4 (row 1)",
            "after",
        ),
        ({"time": [0, 0, 8], "end": [4, 4, 24]}, f"{ROW} 'time': 2 samples of X at time 0", "duplicates="),
        (
            {"end": [4, None, 24], "vol": [200, None, 700]},
            f"{ROW} 'end': missing in 1 of 3 records",
            "2 are collections",
        ),
        ({"end": [4, None, 24]}, f"{ROW} 'vol': 150", "no end of a collection"),
    ],
)
def test_one_bad_collection(changes: dict[str, Any], start: str, words: str) -> None:
    found = problems(urine(**changes))
    matching = [p for p in found if p.startswith(start)]
    assert matching, found
    assert words in matching[0]


def test_units_of_volumes() -> None:
    (found,) = problems(urine(), units={"time": "h", "X": "ng/mL"})
    assert found.startswith("units: no unit of 'volume'")
    assert any("is no amount" in p for p in problems(urine(), units={**UNITS, "volume": "g"}))
    assert any("unit of volume (such as 'L')" in p for p in problems(urine(), units={**UNITS, "volume": "h"}))


def test_dates_with_numbers_for_ends() -> None:
    found = problems(urine(time=["2014-03-01 08:00", "2014-03-01 12:00", "2014-03-01 16:00"]))
    assert any("the times are no numbers" in p for p in found)


def test_excluded_collections_may_overlap_and_lack_a_volume() -> None:
    table = urine(time=[0, 3, 8], vol=[200, None, 700], excluded=[0, 1, 0], reason=["", "lost", ""])
    assert read_study(table, units=UNITS).used("X")["volume"].tolist() == [200.0, 700.0]


def test_duplicates_of_one_collection() -> None:
    table = urine(time=[0, 0, 8], end=[4, 4, 24], vol=[200, 200, 700])
    assert quiet(read_study, table, units=UNITS, duplicates="mean").observations["value"].tolist() == [4.0, 1.0]
    differing = problems(table.assign(vol=[200, 100, 700]), duplicates="mean")
    assert any("cannot be averaged" in p for p in differing)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=8), st.permutations(range(8)))
def test_one_after_the_other_is_never_an_overlap(lengths: list[float], order: list[int]) -> None:
    edges = numpy.concatenate([[0.0], numpy.cumsum(lengths)])
    table = pandas.DataFrame({"id": 1, "time": edges[:-1], "until": edges[1:], "volume": 1.0, "value": 1.0})
    mixed = table.iloc[[k for k in order if k < len(table)]]
    study = read_study(mixed, units=UNITS)
    assert study.observations["time"].tolist() == edges[:-1].tolist()
    shifted = mixed.assign(until=mixed["until"] + 0.05)
    with pytest.raises(InputError, match="overlaps"):
        read_study(shifted, units=UNITS)
