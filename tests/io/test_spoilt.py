"""One grammar of numbers for all readers, and cells that are meant as numbers and are none."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd.dosing import bolus
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_adnca, read_nonmem, read_study
from pkpd.io.cells import number
from pkpd.io.event_table import nonmem_cell
from pkpd.io.spoilt import is_spoilt

BAD = ["1,5", "#N/A", "1e400", "１２", "1_0", "0x10", "inf", "-", "?", "<5", "1 000", "1.234,5", "#VALUE!", "-Infinity"]
UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}
LETTERS = st.text(alphabet="0123456789.+-eE_, ０１２xinfaN#", max_size=8)


@settings(max_examples=60)
@given(LETTERS)
def test_both_doors_read_the_same_numbers(text: str) -> None:
    """What one takes for a number the other does, and Python's decimals agree on its value."""
    ours, theirs = number(text), nonmem_cell(text)
    if isinstance(theirs, float):
        assert ours == theirs == float(Decimal(text.strip()))
        assert text.isascii()
        assert "_" not in text
    else:
        assert ours is None if isinstance(theirs, str) else ours != ours


@pytest.mark.parametrize("bad", BAD)
def test_a_spoilt_cell_of_a_covariate_is_named(bad: str) -> None:
    """The issue's three and others, constant or changing, through every door: no column is dropped or infinite."""
    assert is_spoilt(bad)
    events = pandas.DataFrame({"ID": [1, 1, 2, 2], "TIME": [0, 1, 0, 1], "AMT": [100, 0, 100, 0], "DV": [0, 5, 0, 6],
                               "WT": ["70", "70", bad, "80"]})  # fmt: skip
    plain = pandas.DataFrame({"subject": [1, 1, 2, 3], "time": [0, 1, 0, 0], "DV": [5, 4, 3, 2],
                              "CRCL": ["90", bad, "70", "60"]})  # fmt: skip
    people = pandas.DataFrame({"subject": [1, 2, 3], "age": ["40", "41", bad]})
    for read, row, column in (
        (lambda: read_nonmem(events), 3, "WT"),
        (lambda: read_study(events, units=UNITS), 3, "WT"),
        (lambda: read_study(plain, units=UNITS), 2, "CRCL"),
        (lambda: read_study(plain.drop(columns="CRCL"), None, people, units=UNITS), 3, "age"),
    ):
        with pytest.raises(InputError, match=f"row {row}, subject .*column '{column}'"):
            read()


@pytest.mark.parametrize("bad", ["1,5", "#N/A", "1e400", "１２", "1_0", "0x10", "inf"])
@pytest.mark.parametrize("column", ["TIME", "DV", "AMT", "RATE"])
def test_a_spoilt_cell_of_a_data_item_is_named(bad: str, column: str) -> None:
    table = pandas.DataFrame({"ID": 1, "TIME": [0, 1, 2], "EVID": [1, 0, 0], "AMT": [100, 0, 0], "RATE": [10, 0, 0],
                              "DV": [0, 5, 4]}, dtype=object)  # fmt: skip
    table.loc[0 if column in ("AMT", "RATE") else 2, column] = bad
    for read in (lambda: read_nonmem(table), lambda: read_study(table, units=UNITS)):
        with pytest.raises(InputError, match=f"row {1 if column in ('AMT', 'RATE') else 3}.*column '?{column}'?: "):
            read()


def test_labels_stay_labels() -> None:
    """Identifiers with letters are no spoilt numbers: they are kept, and the column that becomes texts is named."""
    table = pandas.DataFrame({"subject": [1, 2, 3], "time": 0, "DV": [1, 2, 3], "site": ["101", "102", "10A"]})
    with pytest.warns(DataWarning, match="'site' became texts: .*row 3, subject 3, column 'site': '10A' is no number"):
        assert read_study(table, units=UNITS).subjects["site"].tolist() == ["101", "102", "10A"]
    for word in ("10A", "unknown", "A-1", "2014-03-01", "Asian", "70kg"):
        assert not is_spoilt(word)


def test_all_spoilt_is_not_texts() -> None:
    """A whole column with thousands parted by spaces is as wrong as one cell; at most five are named, and the rest counted."""
    table = pandas.DataFrame({"subject": range(9), "time": 0, "DV": 1.0, "age": ["40 500"] * 9})
    with pytest.raises(InputError) as caught:
        read_study(table, units=UNITS)
    assert len(caught.value.problems) == 6
    assert "and 4 more such cells" in caught.value.problems[-1]


def test_limits_and_quantities() -> None:
    table = pandas.DataFrame({"subject": [1, 1], "time": [0, 1], "DV": ["1", "<1e400"]})
    with pytest.raises(InputError, match="'<1e400'; expected a finite number"):
        read_study(table, units=UNITS)
    for amount in ("１00 mg", "1_0 mg", "1,5 mg"):
        with pytest.raises(InputError, match="is not a number with a unit"):
            bolus(amount)
    with pytest.raises(InputError, match="lloq"):
        read_study(table.assign(DV=1.0), units=UNITS, lloq={"DV": "１ mg/L"})


SAS_ZERO = 16.0**-65


def sas(cells: list[Any]) -> list[Any]:
    return [SAS_ZERO if cell == 0 else cell for cell in cells]


def test_zeros_of_a_transport_file_are_zeros() -> None:
    """pandas reads 0 of a SAS transport file as 16**-65; every door makes 0 of it, whatever the table."""
    samples = pandas.DataFrame({"subject": [1, 1, 1, 2], "time": sas([0, 1, 2, 1]), "DV": sas([0, 5, 0, 0])})
    doses = pandas.DataFrame({"subject": [1, 2], "time": sas([0, 0]), "amount": sas([100, 0]), "route": "oral"})
    study = read_quiet(samples, doses, units=UNITS)
    assert study.observations["value"].tolist() == [0.0, 5.0, 0.0, 0.0]
    assert study.observations["time"].tolist() == [0.0, 1.0, 2.0, 1.0]
    assert study.doses["amount"].tolist() == [100.0, 0.0]
    assert "observations: 3 cells of 'DV' are zeros of a SAS transport file (5.4e-79)" in study.notes
    texts = pandas.DataFrame({"ID": 1, "TIME": ["5.397605E-79", "1"], "AMT": ["100", "5.4e-79"], "DV": ["0", "3"]})
    with pytest.warns(DataWarning):
        events = read_nonmem(texts)
    assert events.doses["time"].tolist() == [0.0]
    adnca = pandas.DataFrame({"USUBJID": "1", "PARAM": "Drug", "AVAL": sas([0, 4.0]), "AVALU": "mg/L",
                              "AFRLT": sas([0, 1.0])})  # fmt: skip
    assert read_adnca(adnca).observations["value"].tolist() == [0.0, 4.0]


@settings(max_examples=25)
@given(st.floats(min_value=1e-78, max_value=1e300))
def test_other_small_numbers_stay(value: float) -> None:
    table = pandas.DataFrame({"subject": [1], "time": [1.0], "DV": [value]})
    assert read_quiet(table, units=UNITS).observations["value"].tolist() == [value]


def read_quiet(*tables: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(*tables, **options)
