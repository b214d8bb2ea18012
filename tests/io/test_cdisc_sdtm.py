"""Reading PC, EX and DM as trials deliver them: dates, specimens, limits, volumes, routes, and what is wrong."""

from __future__ import annotations

import math
from typing import Any

import pandas
import pytest

from pkpd.dosing import Dose
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_sdtm
from tests.io.cdisc_studies import quiet


def frame(**columns: Any) -> pandas.DataFrame:
    return pandas.DataFrame({name: pandas.Series(cells, dtype=object) for name, cells in columns.items()})


def pc(**changes: Any) -> pandas.DataFrame:
    """Three plasma samples of one subject; a change replaces or adds a column."""
    columns: dict[str, Any] = {
        "STUDYID": ["S"] * 3, "USUBJID": ["S-01"] * 3, "PCTESTCD": ["DRGX"] * 3, "PCTEST": ["Drug X"] * 3,
        "PCORRES": ["BLQ", "12", "7"], "PCORRESU": ["ng/mL"] * 3, "PCSTRESC": ["<0.1", "12", "7"],
        "PCSTRESN": [None, 12, 7], "PCSTRESU": ["ng/mL"] * 3, "PCSPEC": ["PLASMA"] * 3, "PCLLOQ": [0.1] * 3,
        "PCDTC": ["2014-03-01T07:55", "2014-03-01T09:30:00", "2014-03-02T08:00"],
    }  # fmt: skip
    return frame(**{**columns, **changes})


def ex(**changes: Any) -> pandas.DataFrame:
    columns: dict[str, Any] = {
        "USUBJID": ["S-01"], "EXTRT": ["Drug X"], "EXDOSE": [100], "EXDOSU": ["mg"], "EXROUTE": ["ORAL"],
        "EXSTDTC": ["2014-03-01T08:00"], "EXENDTC": ["2014-03-01T08:00"],
    }  # fmt: skip
    return frame(**{**columns, **changes})


def problems(*tables: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        quiet(read_sdtm, *tables, **options)
    return caught.value.problems


def test_dates_count_from_the_first_dose() -> None:
    study = read_sdtm(pc(), ex())
    table = study.observations
    assert table["time"].tolist() == [-5 / 60, 1.5, 24.0]
    assert table["blq"].tolist() == [True, False, False]
    assert table["lloq"].tolist() == [0.1] * 3
    assert study.doses_in("mg", "h") == {"S-01": (Dose(0, 100, "oral"),)}
    assert (study.analytes, study.units["Drug X"], study.units["dose"]) == (("Drug X",), "ng/mL", "mg")
    assert read_sdtm(pc(), ex(), units={"time": "min"}).observations["time"].tolist() == [-5.0, 90.0, 1440.0]


def test_time_zones_shift() -> None:
    dates = ["2014-03-01T07:55+01:00", "2014-03-01T08:30Z", "2014-03-02T09:00+02:00"]
    study = read_sdtm(pc(PCDTC=dates), ex(EXSTDTC=["2014-03-01T08:00+01:00"], EXENDTC=["2014-03-01T07:00Z"]))
    assert study.observations["time"].tolist() == [-5 / 60, 1.5, 24.0]
    (found,) = problems(pc(PCDTC=[dates[0], *pc()["PCDTC"][1:]]))
    assert found.startswith("PC, row 1, subject S-01, column 'PCDTC': has a time zone, PC, row 2")
    both = problems(pc(PCDTC=dates), ex())
    assert any("has a time zone" in p and "EX, row 1" in p for p in both)


def test_planned_times() -> None:
    planned = ["-PT5M", "PT1H30M", "P1D"]
    study = read_sdtm(pc(PCELTM=planned, PCTPT=["PREDOSE", "1.5 H", "24 H"]), ex())
    assert study.observations["nominal_time"].tolist() == [-5 / 60, 1.5, 24.0]
    assert study.observations["mark"].tolist() == ["pre", "", ""]
    later = read_sdtm(pc(PCELTM=planned, PCRFTDTC=["2014-03-01T09:00"] * 3), ex())
    assert later.observations["nominal_time"].tolist() == [1 - 5 / 60, 2.5, 25.0]
    twice = frame(**{k: list(v) * 2 for k, v in ex().items()}).assign(
        EXSTDTC=["2014-03-01T08:00", "2014-03-02T08:00"], EXENDTC=None
    )
    with pytest.warns(DataWarning, match="3 planned times have no PCRFTDTC and their subject several doses"):
        assert read_sdtm(pc(PCELTM=planned), twice).observations["nominal_time"].isna().all()
    with pytest.warns(DataWarning, match="planned times stand for 3 records"):
        alone = read_sdtm(pc(PCELTM=planned).drop(columns="PCDTC"), ex())
    assert alone.observations["time"].tolist() == [-5 / 60, 1.5, 24.0]


def test_not_done_is_left_out_and_counted() -> None:
    table = pc(
        PCSTAT=["", "NOT DONE", ""],
        PCREASND=["", "vial broken", ""],
        PCDTC=["2014-03-01T08:00", "", "2014-03-02T08:00"],
    )
    with pytest.warns(DataWarning, match=r"1 records are NOT DONE and were left out \(1 × vial broken\)"):
        assert len(read_sdtm(table, ex()).observations) == 2


@pytest.mark.parametrize("text", ["BLQ", "BQL", "<0.1", "< 0.1", "BLQ (<0.1)", "<LLOQ"])
def test_texts_below_the_limit(text: str) -> None:
    first = read_sdtm(pc(PCSTRESC=[text, "12", "7"]), ex()).observations.iloc[0]
    assert (first["blq"], first["lloq"], math.isnan(first["value"])) == (True, 0.1, True)
    original = pc(PCORRES=[text, "12", "7"]).drop(columns=["PCSTRESC", "PCSTRESN", "PCSTRESU"])
    assert read_sdtm(original, ex()).observations["blq"].tolist() == [True, False, False]


def test_a_number_beside_a_text_below_the_limit() -> None:
    kept = read_sdtm(pc(PCSTRESN=[0.04, 12, 7]), ex()).observations.iloc[0]
    assert (kept["blq"], kept["value"]) == (True, 0.04)
    with pytest.warns(DataWarning, match="1 numbers beside a text beyond the limit are no results"):
        imputed = read_sdtm(pc(PCSTRESN=[0.1, 12, 7]), ex()).observations.iloc[0]
    assert (imputed["blq"], math.isnan(imputed["value"])) == (True, True)


def test_units_become_one() -> None:
    table = pc(
        PCSTRESN=[None, 12, 7000],
        PCSTRESC=["<100", "12", "7000"],
        PCSTRESU=["pg/mL", "ng/mL", "pg/mL"],
        PCLLOQ=[100, 0.1, 100],
    )
    with pytest.warns(DataWarning, match="2 records of Drug X converted from pg/mL to ng/mL"):
        study = read_sdtm(table, ex(), units={"Drug X": "ng/mL"})
    assert study.observations["value"].tolist()[1:] == [12.0, 7.0]
    assert study.observations["lloq"].tolist() == [0.1] * 3
    original = pc(PCORRES=["12", "13", "7"], PCORRESU=["pg/mL"] * 3, PCSTRESN=None, PCSTRESC=None)
    study = quiet(read_sdtm, original, ex())
    assert (study.units["Drug X"], study.observations["lloq"][0]) == ("pg/mL", 100.0)


@pytest.mark.parametrize(
    ("route", "end", "expected"),
    [
        ("INTRAVENOUS BOLUS", "2014-03-01T08:00", ("bolus", 0.0)),
        ("INTRAVENOUS", "2014-03-01T08:30", ("infusion", 0.5)),
        ("INTRAVENOUS", "2014-03-01T08:00", ("bolus", 0.0)),
        ("INTRAVENOUS", "", ("bolus", 0.0)),
        ("INTRAVENOUS DRIP", "2014-03-01T10:00", ("infusion", 2.0)),
        ("ORAL", "2014-03-01", ("oral", 0.0)),
        ("SUBCUTANEOUS", "", ("oral", 0.0)),
        ("intramuscular", "2014-03-01T08:00", ("oral", 0.0)),
    ],
)
def test_routes(route: str, end: str, expected: tuple[str, float]) -> None:
    study = read_sdtm(pc(), ex(EXROUTE=[route], EXENDTC=[end]))
    assert (study.doses["route"][0], study.doses["duration"][0]) == expected
    if expected[0] == "oral" and route != "ORAL":
        assert any(f"1 doses by {route.upper()} are read as route 'oral'" in note for note in study.notes)


def test_specimens_and_urine_with_its_volume() -> None:
    plasma = pc()
    urine = frame(
        USUBJID=["S-01"] * 4, PCTESTCD=["DRGX", "VOLUME", "DRGX", "VOLUME"], PCTEST=["Drug X", "Volume"] * 2,
        PCSTRESN=[3, 0.25, 4, 300], PCSTRESC=["3", "0.25", "4", "300"], PCSTRESU=["ng/mL", "L", "ng/mL", "mL"],
        PCSPEC=["URINE"] * 4, PCGRPID=["U1", "U1", "U2", "U2"],
        PCDTC=["2014-03-01T08:00"] * 2 + ["2014-03-01T12:00"] * 2,
        PCENDTC=["2014-03-01T12:00"] * 2 + ["2014-03-01T20:00"] * 2,
    )  # fmt: skip
    table = pandas.concat([plasma, urine], ignore_index=True)
    for one in (table, table.drop(columns="PCGRPID")):
        study = quiet(read_sdtm, one, ex(), units={"volume": "mL"})
        assert study.analytes == ("Drug X (PLASMA)", "Drug X (URINE)")
        collections = study.used("Drug X (URINE)")
        assert collections[["time", "until", "volume"]].to_numpy().tolist() == [[0, 4, 250], [4, 12, 300]]
        assert study.units["volume"] == "mL"
        assert study.used("Drug X (PLASMA)")["until"].isna().all()
    column = urine[urine["PCTESTCD"] == "DRGX"].assign(VOLUME=[250, 300], VOLUMEU="mL")
    alone = quiet(read_sdtm, column, ex())
    assert alone.analytes == ("Drug X",)
    assert alone.observations["volume"].tolist() == [250.0, 300.0]
    only = quiet(read_sdtm, table, ex(), analytes=["Drug X (PLASMA)"])
    assert only.analytes == ("Drug X (PLASMA)",)


def test_covariates() -> None:
    dm = frame(STUDYID=["S"], USUBJID=["S-01"], SUBJID=["01"], RFSTDTC=["2014-03-01"], AGE=[44], AGEU=["YEARS"],
               SEX=["F"], ARM=["A"], BRTHDTC=["1970"])  # fmt: skip
    study = read_sdtm(pc(), ex(), dm)
    assert study.subjects.to_dict("records") == [{"subject": "S-01", "age": 44.0, "sex": "F", "ARM": "A"}]
    assert study.units["age"] == "year"
    heavy = read_sdtm(pc(WEIGHT=[70] * 3), ex(EXDOSU=["mg/kg"]), dm)
    assert heavy.doses_in("mg", "h")["S-01"][0].amount == 7000.0
    assert read_sdtm(pc(), ex(WT=[65], WTU=["kg"])).subjects["weight"].tolist() == [65.0]


def test_subjects_without_a_dose() -> None:
    with pytest.warns(DataWarning, match="1 subjects have no dose; their dates are counted from their first sample"):
        assert read_sdtm(pc()).observations["time"].tolist() == pytest.approx([0, 95 / 60, 24 + 5 / 60])
    dm = frame(USUBJID=["S-01"], RFSTDTC=["2014-03-01T08:00"])
    assert read_sdtm(pc(), None, dm).observations["time"].tolist() == [-5 / 60, 1.5, 24.0]


ROW = "PC, row 2, subject S-01, column"
DOSE = "EX, row 1, subject S-01, column"


@pytest.mark.parametrize(
    ("changes", "start", "words"),
    [
        (
            {"PCDTC": ["2014-03-01T07:55", "2014-03-01", "2014-03-02T08:00"]},
            f"{ROW} 'PCDTC': '2014-03-01'",
            "partial date",
        ),
        ({"PCDTC": ["2014-03-01T07:55", "2014-03-01T09", "2014-03-02T08:00"]}, f"{ROW} 'PCDTC'", "a partial date"),
        ({"PCDTC": ["2014-03-01T07:55", "2014--01", "2014-03-02T08:00"]}, f"{ROW} 'PCDTC'", "expected a date"),
        (
            {"PCDTC": ["2014-03-01T07:55", "noon", "2014-03-02T08:00"]},
            f"{ROW} 'PCDTC': 'noon' is not a date",
            "2014-03-01T08:30",
        ),
        ({"PCDTC": ["2014-03-01T07:55", None, "2014-03-02T08:00"]}, f"{ROW} 'PCDTC': missing", "expected a date"),
        ({"PCSTRESN": [None, "x", 7]}, f"{ROW} 'PCSTRESN': 'x'", "a finite number"),
        ({"PCSTRESN": [None, -3, 7]}, f"{ROW} 'PCSTRESN': -3", "Drug X in ng/mL is a concentration"),
        ({"PCSTRESN": [None, None, 7], "PCSTRESC": ["<0.1", "much", "7"]}, f"{ROW} 'PCSTRESC': 'much'", "such as BLQ"),
        ({"PCSTRESU": ["ng/mL", "zork", "ng/mL"]}, f"{ROW} 'PCSTRESU'", "not a unit"),
        ({"PCLLOQ": [0.1, -1, 0.1]}, f"{ROW} 'PCLLOQ': -1", "a limit > 0"),
        ({"PCELTM": ["-PT5M", "1.5 h", "P1D"]}, f"{ROW} 'PCELTM': '1.5 h'", "a duration such as PT1H30M"),
        ({"PCTEST": ["Drug X", "Drug Y", "Drug X"]}, f"{ROW} 'PCTEST': 'Drug Y'", "PCTESTCD 'DRGX' is 'Drug X'"),
        ({"USUBJID": ["S-01", None, "S-01"]}, "PC, row 2, column 'USUBJID': missing", "an identifier"),
        ({"PCENDTC": ["", "2014-03-01T09:00", ""]}, f"{ROW} 'PCENDTC': 1", "an end later than the start"),
    ],
)
def test_one_bad_sample(changes: dict[str, Any], start: str, words: str) -> None:
    found = problems(pc(**changes), ex())
    matching = [p for p in found if p.startswith(start)]
    assert matching, found
    assert words in matching[0]


@pytest.mark.parametrize(
    ("changes", "start", "words"),
    [
        ({"EXSTDTC": ["2014-03"]}, f"{DOSE} 'EXSTDTC': '2014-03' is a partial date", "expected a date"),
        ({"EXSTDTC": [None]}, f"{DOSE} 'EXSTDTC': missing", "expected a date"),
        ({"EXDOSE": [-1]}, f"{DOSE} 'EXDOSE': -1", "an amount ≥ 0"),
        ({"EXDOSE": [None]}, f"{DOSE} 'EXDOSE': missing", "an amount ≥ 0"),
        ({"EXDOSU": ["TABLET"]}, "units: 'dose': 'TABLET' is not a unit", ""),
        ({"EXROUTE": ["ORALLY"]}, f"{DOSE} 'EXROUTE': 'ORALLY'", "did you mean 'ORAL'"),
        ({"EXENDTC": ["2014-03-05T08:00"], "EXDOSFRQ": ["PRN"]}, f"{DOSE} 'EXENDTC'", "one row per dose"),
        ({"EXENDTC": ["2014-03-05T08:00"], "EXDOSFRQ": ["QD"], "EXROUTE": ["INTRAVENOUS"]}, f"{DOSE} 'EXENDTC'",
         "one row per dose"),
        ({"EXENDTC": ["2014-03-01T07:00"]}, f"{DOSE} 'EXENDTC'", "an end that is not before EXSTDTC"),
        ({"EXENDTC": ["2014-03-01"], "EXROUTE": ["INTRAVENOUS"]}, f"{DOSE} 'EXENDTC'", "a date with a time of day"),
        ({"EXROUTE": ["INTRAVENOUS DRIP"]}, f"{DOSE} 'EXENDTC'", "the duration of the infusion"),
    ],
)  # fmt: skip
def test_one_bad_dose(changes: dict[str, Any], start: str, words: str) -> None:
    found = problems(pc(), ex(**changes))
    matching = [p for p in found if p.startswith(start)]
    assert matching, found
    assert words in matching[0]


def test_several_treatments() -> None:
    both = pandas.concat([ex(), ex(EXTRT=["Placebo"], EXDOSE=[0])], ignore_index=True)
    assert any("'Drug X' (1 rows), 'Placebo' (1 rows)" in p and "treatment=" in p for p in problems(pc(), both))
    with pytest.warns(DataWarning, match="1 doses of other treatments than Drug X were left out"):
        assert len(read_sdtm(pc(), both, treatment="Drug X").doses) == 1
    assert any("did you mean 'Drug X'" in p for p in problems(pc(), both, treatment="Drug Z"))


def test_missing_columns_are_all_told() -> None:
    found = problems(pc().drop(columns=["USUBJID", "PCDTC"]), ex().drop(columns=["EXDOSE"]), frame(SEX=["F"]))
    for words in (
        "PC: no column 'USUBJID'",
        "PC: no column 'PCDTC'",
        "EX: no column 'EXDOSE'",
        "DM: no column 'USUBJID'",
    ):
        assert any(p.startswith(words) for p in found), (words, found)


def test_headings_of_the_user() -> None:
    table = pc().rename(columns={"PCSTRESN": "CONC", "USUBJID": "Proband"})
    study = read_sdtm(table, ex(), columns={"CONC": "PCSTRESN", "Proband": "USUBJID"})
    assert study.observations["value"].tolist()[1:] == [12.0, 7.0]
