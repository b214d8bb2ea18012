"""Dates and durations of ISO 8601 to the last digit; units and codes as CDISC spells them."""

from __future__ import annotations

import datetime
from fractions import Fraction

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.io.cdisc import iso
from pkpd.io.cdisc.spelling import code_of, from_cdisc, to_cdisc
from pkpd.units import factor

SECONDS = st.fractions(min_value=-(10**10), max_value=10**10, max_denominator=1).flatmap(
    lambda whole: st.integers(0, 10**12 - 1).map(lambda part: whole + Fraction(part, 10**12))
)


@given(SECONDS)
def test_what_is_written_is_read(seconds: Fraction) -> None:
    assert iso.moment(iso.write_moment(seconds)) == iso.Moment(seconds)
    assert iso.duration(iso.write_duration(seconds)) == seconds


@given(st.datetimes(min_value=datetime.datetime(1700, 1, 1), max_value=datetime.datetime(2200, 1, 1)))
def test_dates_agree_with_python(date: datetime.datetime) -> None:
    expected = Fraction((date - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1), 10**6)
    for cell in (
        date,
        pandas.Timestamp(date),
        date.isoformat(timespec="microseconds"),
        date.isoformat(" ", "microseconds"),
    ):
        assert iso.moment(cell) == iso.Moment(expected)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT1H30M", 5400), ("-PT5M", -300), ("PT-5M", -300), ("+PT5M", 300), ("P1D", 86400), ("P1W", 604800),
     ("PT0.5H", 1800), ("PT0,5H", 1800), ("P1DT12H", 129600),
     ("PT1.25S", Fraction(5, 4)), ("PT0M", 0), ("PT36H", 129600)],
)  # fmt: skip
def test_durations(text: str, seconds: Fraction) -> None:
    assert iso.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "1H", "PT1H30", "P1Y", "P1M", "PT5M-", None, 5, "pt1h"])
def test_no_durations(text: object) -> None:
    assert iso.duration(text) is None


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("2014", "partial"),
        ("2014-03", "partial"),
        ("2014-03-01", "partial"),
        ("2014-03-01T08", "partial"),
        ("2014---01", "partial"),
        ("2014-13-01T08:00", "bad"),
        ("2014-03-01T25:00", "bad"),
        ("noon", "bad"),
        ("", "missing"),
        (None, "missing"),
        (datetime.date(2014, 3, 1), "partial"),
        (3.5, "bad"),
        (pandas.NaT, "missing"),
    ],
)
def test_no_dates(cell: object, found: str) -> None:
    assert iso.moment(cell) == found


def test_zones() -> None:
    cells = ["2014-03-01T09:30+01:00", "2014-03-01T08:30Z", "2014-03-01T03:00-0530",
             pandas.Timestamp("2014-03-01T09:30", tz="Etc/GMT-1")]  # fmt: skip
    assert {iso.moment(cell) for cell in cells} == {iso.Moment(Fraction(1393662600), True)}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("h·ng/mL", "h*ng/mL"), ("1/h", "/h"), ("h^2·ng/mL", "h2*ng/mL"), ("µg/L", "ug/L"), ("mL/h/kg", "mL/h/kg"),
     ("%", "%"), ("1", ""), ("10^9/L", "10^9/L"), ("h/mL", "h/mL"), ("1/mL", "/mL")],
)  # fmt: skip
def test_units_there_and_back(ours: str, theirs: str) -> None:
    assert to_cdisc(ours) == theirs
    assert factor(from_cdisc(theirs), ours) == 1.0


@given(st.lists(st.text(min_size=0, max_size=30), max_size=30))
def test_codes_are_short_and_different(names: list[str]) -> None:
    taken: list[str] = []
    for name in names:
        taken.append(code_of(name, taken))
    assert len(set(taken)) == len(names)
    assert all(code.isalnum() and code.isascii() and code == code.upper() and len(code) <= 8 for code in taken)
    assert not any(code[0].isdigit() for code in taken)
