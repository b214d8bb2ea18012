"""Reading ADNCA: reference doses, exclusions, collections, copies, and what is wrong."""

from __future__ import annotations

import math
from typing import Any

import pandas
import pytest

from pkpd.dosing import Dose
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_adnca
from tests.io.cdisc_studies import quiet


def frame(**columns: Any) -> pandas.DataFrame:
    return pandas.DataFrame({name: pandas.Series(cells, dtype=object) for name, cells in columns.items()})


def adnca(**changes: Any) -> pandas.DataFrame:
    """One subject, infusions at 0 and 24 h, two samples after each."""
    columns: dict[str, Any] = {
        "USUBJID": ["S-01"] * 4, "PARAM": ["Drug X"] * 4, "PARAMCD": ["DRGX"] * 4, "AVAL": [0, 12, 7, 9],
        "AVALC": ["<0.1", "12", "7", "9"], "AVALU": ["ng/mL"] * 4, "ALLOQ": [0.1] * 4,
        "AFRLT": [-0.05, 1.53, 24.0, 25.51], "ARRLT": [-0.05, 1.53, 0.0, 1.51], "NFRLT": [0, 1.5, 24, 25.5],
        "RELTMU": ["HOURS"] * 4, "DOSEA": [100] * 4, "DOSEU": ["mg"] * 4, "ROUTE": ["INTRAVENOUS"] * 4,
        "ADOSEDUR": [0.5] * 4, "AVISIT": ["DAY 1", "DAY 1", "DAY 2", "DAY 2"],
        "ATPT": ["PREDOSE", "1.5 H", "PREDOSE", "1.5 H"], "WEIGHTBL": [70] * 4, "AGE": [44] * 4, "AGEU": ["YEARS"] * 4,
    }  # fmt: skip
    return frame(**{**columns, **changes})


def problems(*tables: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        quiet(read_adnca, *tables, **options)
    return caught.value.problems


def test_samples_and_their_reference_doses() -> None:
    study = read_adnca(adnca())
    assert study.doses_in("mg", "h") == {"S-01": (Dose(0, 100, "infusion", 0.5), Dose(24, 100, "infusion", 0.5))}
    table = study.observations
    assert table["time"].tolist() == [-0.05, 1.53, 24.0, 25.51]
    assert table["nominal_time"].tolist() == [0.0, 1.5, 24.0, 25.5]
    assert table["blq"].tolist() == [True, False, False, False]
    assert table["mark"].tolist() == ["pre", "", "pre", ""]
    assert table["occasion"].tolist() == ["DAY 1", "DAY 1", "DAY 2", "DAY 2"]
    assert study.subjects.to_dict("records") == [{"subject": "S-01", "weight": 70.0, "age": 44.0}]
    assert (study.units["time"], study.units["age"]) == ("h", "year")
    minutes = quiet(read_adnca, adnca(), units={"time": "min", "duration": "h"})
    assert minutes.doses["time"].tolist() == [0.0, 1440.0]
    assert minutes.doses["duration"].tolist() == [30.0, 30.0]


def test_rounded_times_of_one_dose_are_one_dose() -> None:
    study = read_adnca(adnca(ARRLT=[-0.05, 1.53, 0.01, 1.5]))
    assert len(study.doses) == 2
    assert study.doses["time"].tolist() == pytest.approx([0, 24.0], abs=0.02)


def test_imputed_numbers_are_no_results() -> None:
    first = read_adnca(adnca()).observations.iloc[0]
    assert (first["blq"], first["value"]) == (True, 0.0)
    with pytest.warns(DataWarning, match="1 numbers beside a text beyond the limit"):
        assert math.isnan(read_adnca(adnca(AVAL=[0.1, 12, 7, 9])).observations["value"][0])


def test_exclusions_copies_and_metabolites() -> None:
    table = adnca(NCAXFL=["", "Y", "", ""], NCAXRS=["", "vomited", "", ""], METABFL=["Y"] * 4)
    study = read_adnca(table)
    assert study.observations["excluded"].tolist() == [False, True, False, False]
    assert any("1 × vomited" in note for note in study.notes)
    assert any("metabolites (METABFL): Drug X" in note for note in study.notes)
    copied = pandas.concat([adnca(), adnca().iloc[[2]].assign(DTYPE="COPY", ARRLT=24.0)], ignore_index=True)
    with pytest.warns(DataWarning, match="1 records that are no sample of their own were left out"):
        assert len(read_adnca(copied).observations) == 4


def test_collections() -> None:
    urine = adnca(PARAM=["Drug X"] * 4, PCSPEC=["PLASMA", "PLASMA", "URINE", "URINE"], AEFRLT=[-0.05, 1.53, 30, 36],
                  AFRLT=[-0.05, 1.53, 24, 30], ARRLT=[-0.05, 1.53, 0, 6], VOLUME=[None, None, 0.2, 300],
                  VOLUMEU=["", "", "L", "mL"], ATPT=[""] * 4)  # fmt: skip
    study = quiet(read_adnca, urine, units={"volume": "mL"})
    found = study.used("Drug X (URINE)")
    assert found[["time", "until", "volume"]].to_numpy().tolist() == [[24, 30, 200], [30, 36, 300]]
    assert study.used("Drug X (PLASMA)")["until"].isna().all()


def test_dates_instead_of_relative_times() -> None:
    when = ["2014-03-01T07:57", "2014-03-01T09:30", "2014-03-02T08:00", "2014-03-02T09:30"]
    table = adnca(ADTM=when, FANLDTM=["2014-03-01T08:00"] * 4).drop(columns="AFRLT")
    doses = frame(id=["S-01"], time=[0], amount=[1], unit=["mg"], route=["iv"])
    assert read_adnca(table, doses).observations["time"].tolist() == [-0.05, 1.5, 24.0, 25.5]
    (found,) = problems(table.assign(ADTM=["2014-03-01", *when[1:]]))
    assert found.startswith("ADNCA, row 1, subject S-01, column 'ADTM': '2014-03-01' is a partial date")
    planned = adnca(ARRLT=[0, 1.5, 0, 1.5]).drop(columns="AFRLT")
    with pytest.warns(DataWarning, match="NFRLT stands for 4 records"):
        assert read_adnca(planned).observations["time"].tolist() == [0.0, 1.5, 24.0, 25.5]


def test_a_table_of_doses_comes_first() -> None:
    doses = frame(subject=["S-01"], time=[0], amount=[3], unit=["mg"], route=["po"])
    study = read_adnca(adnca(), doses)
    assert study.doses_in("mg", "h")["S-01"] == (Dose(0, 3, "oral"),)
    assert any("DOSEA is not used" in note for note in study.notes)


ROW = "ADNCA, row 2, subject S-01, column"


@pytest.mark.parametrize(
    ("changes", "start", "words"),
    [
        ({"AVAL": [0, "x", 7, 9]}, f"{ROW} 'AVAL': 'x'", "a finite number"),
        ({"AFRLT": [0, None, 24, 25]}, f"{ROW} 'AFRLT': missing", "expected a number"),
        ({"AFRLT": [0, "late", 24, 25]}, f"{ROW} 'AFRLT': 'late'", "expected a number"),
        ({"NFRLT": [0, "late", 24, 25]}, f"{ROW} 'NFRLT': 'late'", "expected a number"),
        ({"DOSEA": [100, 50, 100, 100]}, f"{ROW} 'DOSEA': 50", "row 1 says 100 of the same dose"),
        ({"ROUTE": ["INTRAVENOUS", "ORAL"] * 2}, f"{ROW} 'ROUTE': ORAL", "of the same dose"),
        ({"ROUTE": ["ORALLY"] * 4, "ADOSEDUR": None}, "ADNCA, row 1, subject S-01, column 'ROUTE': 'ORALLY'", "oral"),
        ({"NCAXFL": ["", "perhaps", "", ""]}, f"{ROW} 'NCAXFL': 'perhaps'", "yes or no"),
        ({"AVALU": ["ng/mL", "h", "ng/mL", "ng/mL"]}, f"{ROW} 'AVALU': 'h' cannot be converted", "dimensions differ"),
        ({"RELTMU": ["h", "min", "h", "h"]}, "ADNCA, column 'RELTMU': h, min", "expected one unit"),
        ({"WEIGHTBL": [70, 71, 70, 70]}, f"{ROW} 'WEIGHTBL': 71", "one weight per subject"),
        ({"AEFRLT": [None, 1.0, None, None]}, f"{ROW} 'AEFRLT': 1", "an end later than the start 1.53"),
    ],
)  # fmt: skip
def test_one_bad_record(changes: dict[str, Any], start: str, words: str) -> None:
    found = problems(adnca(**changes))
    matching = [p for p in found if p.startswith(start)]
    assert matching, found
    assert words in matching[0]


def test_missing_columns() -> None:
    found = problems(adnca().drop(columns=["AFRLT", "NFRLT"]))
    assert found[0].startswith("ADNCA: no column 'AFRLT'; expected the time of every sample")
    found = problems(adnca().drop(columns=["USUBJID", "AVAL"]))
    assert [p.split(";")[0] for p in found] == ["ADNCA: no column 'USUBJID'", "ADNCA: no column 'AVAL'"]
    assert "expected a list of names" in problems(adnca(), covariates="SEX")[0]
