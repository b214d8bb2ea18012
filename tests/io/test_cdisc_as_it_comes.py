"""CDISC as sponsors write it: rows of many doses, planned times only, admiral's ADPC."""

from __future__ import annotations

import warnings
from typing import Any

import pandas
import pytest

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_adnca, read_sdtm
from pkpd.io.cdisc.repeats import hours_between
from tests.io.test_cdisc_sdtm import ex, frame, pc


def quiet(read: Any, *tables: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read(*tables, **options)


@pytest.mark.parametrize(
    ("changes", "times"),
    [
        ({"EXENDTC": ["2014-03-04"], "EXDOSFRQ": ["QD"]}, [0, 24, 48, 72]),
        ({"EXENDTC": ["2014-03-04T07:30"], "EXDOSFRQ": ["QD"]}, [0, 24, 48, 71.5]),
        ({"EXENDTC": ["2014-03-02"], "EXDOSFRQ": ["BID"]}, [0, 12, 24, 36]),
        ({"EXENDTC": ["2014-03-02T20:00"], "EXDOSFRQ": ["Q12H"]}, [0, 12, 24, 36]),
        ({"EXENDTC": ["2014-03-15"], "EXDOSFRQ": ["QW"], "EXROUTE": ["SUBCUTANEOUS"]}, [0, 168, 336]),
        ({"EXENDTC": ["2014-03-07"], "EXDOSFRQ": ["EVERY 2 DAYS"]}, [0, 48, 96, 144]),
        ({"EXENDTC": ["2014-03-03"], "EXDOSFRQ": ["QD"], "EXROUTE": ["INTRAVENOUS BOLUS"]}, [0, 24, 48]),
        ({"EXENDTC": ["2014-03-01"], "EXDOSFRQ": ["QD"]}, [0]),
    ],
)  # fmt: skip
def test_rows_of_many_doses_are_spread(changes: dict[str, Any], times: list[float]) -> None:
    study = quiet(read_sdtm, pc(), ex(**changes))
    assert list(study.doses["time"]) == times
    assert set(study.doses["amount"]) == {100}
    counted = any(f"spread into {len(times)} doses" in note for note in study.notes)
    assert counted == (len(times) > 1)


def test_infusions_with_their_length_are_spread() -> None:
    study = quiet(read_sdtm, pc(), ex(EXENDTC=["2014-03-03"], EXDOSFRQ=["QD"], EXROUTE=["INTRAVENOUS"],
                                      EXDUR=["PT30M"]))  # fmt: skip
    assert list(study.doses["time"]) == [0, 24, 48]
    assert list(study.doses["duration"]) == [0.5] * 3


@pytest.mark.parametrize(("word", "hours"), [("qd", 24), ("Q8H", 8), ("Q3W", 504), ("ONCE", 0), ("PRN", 0), ("", 0)])
def test_frequencies(word: str, hours: int) -> None:
    assert hours_between(word) == hours


def adpc(**changes: Any) -> pandas.DataFrame:
    """Admiral's layout: a dose row, a copy of the sample before it, results and a record that is BLQ by AVALCAT1."""
    columns: dict[str, Any] = {
        "USUBJID": ["S-1"] * 5, "PARAMCD": ["DOSE", "DRGX", "DRGX", "DRGX", "DRGX"],
        "PARAM": ["Drug X Dose", *["Drug X"] * 4], "EVID": [1, 0, 0, 0, 0], "AVAL": [54, None, None, 3.5, 2.25],
        "AVALU": ["mg", *["ug/mL"] * 4], "AVALCAT1": ["54", "<BLQ", "<BLQ", "3.5", "2.25"],
        "AFRLT": [0, -0.5, -0.5, 1, 2], "ARRLT": [0, -0.5, -0.5, 1, 2], "NFRLT": [0, 0, 0, 1, 2],
        "DTYPE": [None, None, "COPY", None, None], "DOSEA": [54] * 5, "DOSEU": ["mg"] * 5, "ROUTE": ["ORAL"] * 5,
        "ALLOQ": [None, 0.01, 0.01, 0.01, 0.01],
    }  # fmt: skip
    return frame(**{**columns, **changes})


def test_admirals_adpc() -> None:
    with pytest.warns(DataWarning, match="1 × COPY, 1 × of a dose"):
        study = read_adnca(adpc())
    seen = study.observations
    assert list(seen["time"]) == [-0.5, 1, 2]
    assert list(seen["blq"]) == [True, False, False]
    assert list(seen["lloq"]) == [0.01] * 3
    assert study.analytes == ("Drug X",)
    assert list(study.doses["time"]) == [0]
    assert any("1 records without a result are beyond the limit by AVALCAT1" in note for note in study.notes)


def test_adpc_with_an_empty_result() -> None:
    empty = adpc(AVALCAT1=["54", None, "<BLQ", "3.5", "2.25"])
    with pytest.raises(InputError, match="missing='drop' or 'exclude'"):
        quiet(read_adnca, empty)
    assert len(quiet(read_adnca, empty, missing="drop").observations) == 2
    words = adpc(AVALC=[None, "BLQ", "BLQ", None, None], AVALCAT1=["", "", "", "", ""])
    assert list(quiet(read_adnca, words).observations["blq"]) == [True, False, False]


PLANNED = ["-PT5M", "PT2H", "P1D"]


def test_partial_dates_with_planned_times() -> None:
    days = ["2014-03-01", "2014-03-01", "2014-03-02"]
    with pytest.warns(DataWarning, match="3 dates have no time of day; their planned times stand"):
        study = read_sdtm(pc(PCDTC=days, PCELTM=PLANNED), ex())
    assert list(study.observations["time"]) == [-5 / 60, 2, 24]
    some = quiet(read_sdtm, pc(PCDTC=["2014-03-01T07:50", "2014-03-01", None], PCELTM=PLANNED), ex())
    assert list(some.observations["time"]) == [-10 / 60, 2, 24]
    with pytest.raises(InputError, match="is a partial date"):
        quiet(read_sdtm, pc(PCDTC=days), ex())


def test_doses_and_samples_with_days_only() -> None:
    days = ["2014-03-01", "2014-03-05", "2014-03-05"]
    doses = ex(EXSTDTC=["2014-03-01"], EXENDTC=["2014-03-05"], EXDOSFRQ=["QD"])
    with pytest.warns(DataWarning, match="5 doses have a day and no time of day"):
        study = read_sdtm(pc(PCDTC=days, PCELTM=["PT2H", "PT2H", "PT6H"]), doses)
    assert list(study.doses["time"]) == [0, 24, 48, 72, 96]
    assert list(study.observations["time"]) == [2, 98, 102]
    timed = pc(PCELTM=["PT2H"] * 3)  # samples with a time of day need doses with one
    with pytest.raises(InputError, match="'2014-03-01' has no time of day, as 5 doses have none"):
        quiet(read_sdtm, timed, doses)


def test_a_planned_time_needs_its_dose() -> None:
    twice = pandas.concat([ex(), ex(EXSTDTC=["2014-03-01T20:00"], EXENDTC=[None])], ignore_index=True)
    with pytest.raises(InputError, match="or PCRFTDTC, from which PCELTM is counted"):
        quiet(read_sdtm, pc(PCDTC=["2014-03-01"] * 3, PCELTM=["PT1H", "PT2H", "PT3H"]), twice)
    referred = pc(PCDTC=["2014-03-01"] * 3, PCELTM=["PT1H", "PT2H", "PT3H"], PCRFTDTC=["2014-03-01T20:00"] * 3)
    assert list(quiet(read_sdtm, referred, twice).observations["time"]) == [13, 14, 15]


def test_doses_of_a_day_and_samples_with_times() -> None:
    """As in the CDISC pilot: the time of day is asked for, once, with what the planned times lead to."""
    doses = ex(EXSTDTC=["2014-03-01"], EXENDTC=["2014-03-05"], EXDOSFRQ=["QD"])
    text = pc(PCTPT=["Pre-dose", "30 Min Post-dose", "23h Post-dose"])
    with pytest.raises(InputError, match=r"dose_time='08:00' for all of them; the planned times .* lead to 09:00"):
        quiet(read_sdtm, text, doses)
    with pytest.warns(DataWarning, match="5 doses have no time of day; given at 08:00"):
        study = read_sdtm(text, doses, dose_time="08:00")
    assert list(study.doses["time"]) == [0, 24, 48, 72, 96]
    assert list(study.observations["time"]) == [-5 / 60, 1.5, 24]
    with pytest.raises(InputError, match="dose_time: 'noon'; expected a time of day"):
        quiet(read_sdtm, text, ex(), dose_time="noon")


def test_a_reference_time_is_that_of_the_dose_of_its_day() -> None:
    referred = pc(PCRFTDTC=["2014-03-01T08:10"] * 3, PCELTM=["PT-0.25H", "PT1H", "PT24H"])
    study = quiet(read_sdtm, referred, ex(EXSTDTC=["2014-03-01"], EXENDTC=["2014-03-01"]))
    assert list(study.doses["time"]) == [0]
    assert study.observations["time"].iloc[0] == -0.25
    assert list(study.observations["nominal_time"]) == [-0.25, 1, 24]
    infused = ex(EXSTDTC=["2014-03-01"], EXENDTC=["2014-03-01"], EXROUTE=["INTRAVENOUS"], EXDUR=["PT30M"])
    assert list(quiet(read_sdtm, referred, infused).doses["duration"]) == [0.5]


@pytest.mark.parametrize("column", ["PCDY", "VISITDY"])
def test_study_days_without_dates(column: str) -> None:
    """As in SEND: a sample 24 h after the dose of day 85 was drawn on day 86."""
    days = [1, 85, 86 if column == "PCDY" else 85]
    samples = pc(PCDTC=[None] * 3, PCELTM=["PT2H", "PT2H", "PT24H"], **{column: days})
    daily = ex(EXSTDTC=["2014-03-01"], EXENDTC=["2014-05-24"], EXDOSFRQ=["QD"])  # day 85 is the last
    study = quiet(read_sdtm, samples, daily) if column == "PCDY" else quiet(
        read_sdtm, samples, ex(EXSTDTC=["2014-03-01", "2014-05-24"], EXENDTC=[None, None], EXDOSFRQ=["ONCE"] * 2,
                               USUBJID=["S-01"] * 2, EXTRT=["Drug X"] * 2, EXDOSE=[1, 1], EXDOSU=["mg"] * 2,
                               EXROUTE=["ORAL"] * 2))  # fmt: skip
    assert list(study.observations["time"]) == [2, 84 * 24 + 2, 84 * 24 + 24]
    assert any("3 planned times are counted from the dose of their study day" in note for note in study.notes)
    if column == "VISITDY":  # a dose on both days: either could be meant
        with pytest.raises(InputError, match="a dose from which it is counted: PCRFTDTC, or PCDY"):
            quiet(read_sdtm, samples, daily)
    far = pc(PCDTC=[None] * 3, PCELTM=["PT2H", "PT2H", "PT24H"], PCDY=[1, 385, 386])
    with pytest.raises(InputError, match="of a day on which EX has a dose"):
        quiet(read_sdtm, far, daily)
