"""Cells as laboratories and programs write them: limits in words, dates, empty and negative results."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pandas
import pytest

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_nonmem, read_study
from pkpd.io.blq import reading
from pkpd.io.cdisc.iso import moment
from pkpd.io.dates import as_iso
from pkpd.study import Study

UNITS = {"time": "h", "conc": "ng/mL"}


def read(results: list[Any], **options: Any) -> Study:
    table = pandas.DataFrame({"id": 1, "time": range(len(results)), "conc": results})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(table, units=UNITS, **options)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Below Quantitation Limit", None), ("BELOW LIMIT OF QUANTIFICATION", None), ("below the limit", None),
        ("Below lower limit of quantitation", None), ("below detection limit", None), ("<LLOQ", None), ("NQ", None),
        ("Not Detected", None), ("not quantifiable", None), ("BDL", None), ("(BLQ)", None), ("less than LOD", None),
        ("BQL<(0.249)", 0.249), ("BLQ (<0.5)", 0.5), ("BLQ(0.25)", 0.25), ("< 0.1", 0.1), ("(<0.1)", 0.1),
        ("<LLOQ (0.1)", 0.1), ("BLQ [<1e-3]", 1e-3),
    ],
)  # fmt: skip
def test_below_a_limit_in_words(text: str, limit: float | None) -> None:
    found = reading(text)
    assert found is not None
    assert found.side == "below"
    assert found.limit == limit or (limit is None and math.isnan(found.limit))


def test_above_a_limit_in_words() -> None:
    for text, limit in (("Above upper limit of quantification", math.nan), ("ALQ (>500)", 500.0), (">ULOQ", math.nan)):
        found = reading(text)
        assert found is not None
        assert found.side == "above"
        assert found.limit == limit or math.isnan(limit)


@pytest.mark.parametrize("text", ["ND", "(5)", "[5]", "below", "below 5 of 7", "hemolyzed", "5 ng", "limit", "< x"])
def test_other_texts_are_no_limit(text: str) -> None:
    assert reading(text) is None


def test_a_word_that_may_mean_two_things_names_its_argument() -> None:
    with pytest.raises(InputError, match=r"'ND' may mean not detected, not done .*say texts=\{'ND': 'BLQ'\}"):
        read([1, "ND", 3])
    assert list(read([1, "ND", 3], texts={"ND": "BLQ"}).observations["blq"]) == [False, True, False]
    with pytest.raises(InputError, match="missing='drop' or 'exclude'"):
        read([1, "ND", 3], texts={"ND": "missing"})
    assert len(read([1, "ND", 3], texts={"ND": "missing"}, missing="drop").observations) == 2
    study = read([1, -99, 3, -99.0], texts={"-99": "missing"}, missing="exclude")
    assert list(study.observations["reason"]) == ["", "no result", "", "no result"]
    with pytest.raises(InputError, match="no result is 'NX'"):
        read([1, "ND", 3], texts={"NX": "BLQ"})
    with pytest.raises(InputError, match=r"missing: 'away'(.|\n)*texts: 'ND': 'low'"):
        read([1, 2], missing="away", texts={"ND": "low"})


@pytest.mark.parametrize("empty", [None, "", ".", math.nan])
def test_one_empty_result_in_a_study(empty: object) -> None:
    with pytest.raises(InputError, match="missing='drop' or 'exclude'"):
        read([1, empty, 3])
    dropped = read([1, empty, 3], missing="drop")
    assert list(dropped.observations["value"]) == [1, 3]
    assert any("1 records without a result were left out" in note for note in dropped.notes)
    kept = read([1, empty, 3], missing="exclude")
    assert list(kept.observations["excluded"]) == [False, True, False]


def test_missing_is_not_what_is_flagged_or_excluded_already() -> None:
    table = pandas.DataFrame({"id": 1, "time": range(4), "conc": [1, None, None, 2], "blq": [0, 1, 0, 0],
                              "excluded": [0, 0, 1, 0], "reason": ["", "", "tube lost", ""]})  # fmt: skip
    for rule in ("drop", "exclude"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            study = read_study(table, units=UNITS, missing=rule)
        assert list(study.observations["reason"]) == ["", "", "tube lost", ""]


def test_negative_concentrations() -> None:
    with pytest.raises(InputError, match="negative='keep' or 'exclude'"):
        read([1, -0.2, 3])
    assert list(read([1, -0.2, 3], negative="keep").observations["value"]) == [1, -0.2, 3]
    study = read([1, -0.2, 3], negative="exclude")
    assert list(study.observations["reason"]) == ["", "negative concentration", ""]
    records = pandas.DataFrame({"ID": [1, 1], "TIME": [0, 1], "AMT": [10, 0], "DV": [0, -0.4], "EVID": [1, 0]})
    with pytest.warns(DataWarning, match="1 values of DV are negative and kept"):
        assert list(read_nonmem(records, units={"DV": "ng/mL"}).observations["value"]) == [-0.4]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("05JAN2024:08:30", "2024-01-05T08:30"), ("05JAN2024:08:30:15", "2024-01-05T08:30:15"),
        ("5-Jan-2024 8:30", "2024-01-05T08:30"), ("2024/01/05 08:30", "2024-01-05T08:30"),
        ("2024/1/5", "2024-01-05"), ("05 January 2024, 8:30 PM", "2024-01-05T20:30"), ("8:30 am", "08:30"),
        ("12:05 AM", "00:05"), ("20240105T0830", "2024-01-05T08:30"), ("Jan 5, 2024 08:30", "2024-01-05T08:30"),
        ("2024.01.05 08:30", "2024-01-05T08:30"), ("05JAN2024", "2024-01-05"),
        *((same, same) for same in ("05/01/2024 08:30", "05XYZ2024:08:30", "13:05 PM", "2024-01-05T08:30", "x", "5.5")),
    ],
)  # fmt: skip
def test_dates_of_programs(text: str, iso: str) -> None:
    assert as_iso(text) == iso


def test_dates_are_read_by_both_readers() -> None:
    table = pandas.DataFrame(
        {"id": 1, "time": ["05JAN2024:08:30", "2024/01/05 10:00", "5-Jan-2024 11:30 PM"], "conc": [1, 2, 3]}
    )
    with pytest.warns(DataWarning):
        assert list(read_study(table, units=UNITS).observations["time"]) == [0.0, 1.5, 15.0]
    assert moment("05JAN2024:08:30") == moment("2024-01-05T08:30")
    assert moment("05JAN2024") == "partial"
    for time, words in (("05/01/2024 08:30", "day or month may come first"), ("25/01/2024 08:30", "day first")):
        with pytest.raises(InputError, match=words):
            read_study(table.assign(time=time), units=UNITS)
