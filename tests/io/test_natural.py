"""Natural tables: units from headings and columns, roles from looks, what is said where no guess is safe."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pandas
import pytest

from pkpd.errors import DataWarning, InputError
from pkpd.io import columns as names
from pkpd.io import read_study
from pkpd.io.headings import split_heading
from pkpd.study import Study

WORDS = names.vocabulary(names.OBSERVATIONS, names.CLOCK, names.DOSES, names.COVARIATES)
DOSES = "subject,time_h,dose_ug,route\n1,0,100,iv\n2,0,120,iv\n"


def table(text: str) -> pandas.DataFrame:
    return pandas.read_csv(io.StringIO(text))


def read(*texts: str, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(*map(table, texts), **options)


def problems(*texts: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(*texts, **options)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("heading", "name", "unit"),
    [
        ("time_h", "time", "h"), ("Time (h)", "Time", "h"), ("nominal_time_hrs", "nominal_time", "h"),
        ("time_d", "time", "day"), ("dose_ug", "dose", "ug"), ("dose_mg_per_kg", "dose", "mg/kg"),
        ("Dose mg/kg", "Dose", "mg/kg"), ("conc_ng_mL", "conc", "ng/mL"), ("conc (ng/mL)", "conc", "ng/mL"),
        ("conc_NGML", "conc", "ng/mL"), ("IL-21 pg/mL", "IL-21", "pg/mL"), ("sCD25_U_mL", "sCD25", "U/mL"),
        ("result_iu_ml", "result", "IU/mL"), ("Cp_uM", "Cp", "uM"), ("weight_kg", "weight", "kg"),
        ("ALC (10^9/L)", "ALC", "10^9/L"), ("LLOQ_pg_mL", "LLOQ", "pg/mL"), ("height_cm", "height", "cm"),
        *((name, name, "") for name in ("group_A", "time_point", "dose_level", "conc_1", "AUC_h", "IL21_blq", "sex_m")),
    ],
)  # fmt: skip
def test_a_heading_and_its_unit(heading: str, name: str, unit: str) -> None:
    assert split_heading(heading, WORDS) == (name, unit)


def test_units_of_headings_need_no_argument() -> None:
    study = read("ID,time_h,conc_ng_mL\n1,1,3\n1,2,2\n2,1,5\n2,2,4\n", DOSES)
    assert dict(study.units) == {"time": "h", "dose": "ug", "conc": "ng/mL"}
    assert study.analytes == ("conc",)


def test_times_in_two_units_become_those_of_the_observations() -> None:
    study = read("ID,time_min,nominal_h,conc_ng_mL\n1,31,0.5,3\n1,120,2,2\n", DOSES)
    assert study.units["time"] == "min"
    assert list(study.observations["nominal_time"]) == [30.0, 120.0]
    with pytest.warns(DataWarning, match="2 times of 'nominal_h' converted from h to min"):
        read_study(table("ID,time_min,nominal_h,conc_ng_mL\n1,31,0.5,3\n1,120,2,2\n"))


def test_columns_of_units() -> None:
    study = read(
        "id,time,dose,conc,dose_unit,conc_unit,time_unit\n1,0,10,,mg,ng/mL,day\n1,1,,5,mg,ng/mL,day\n1,2,,3,mg,ng/mL,day\n"
    )
    assert dict(study.units) == {"time": "day", "dose": "mg", "conc": "ng/mL"}
    assert "expected one unit of time" in problems("id,time,conc_ng_mL,time_unit\n1,0,5,h\n1,60,4,min\n")


def test_wide_columns_are_analytes_and_constant_ones_are_covariates() -> None:
    with pytest.warns(DataWarning, match="measured columns are IL21 in ng/mL, sCD25 in pg/mL"):
        study = read_study(table(
            "Patient,time_h,IL21_ng_mL,sCD25_pg_mL,creat_mg_dL\n1,1,3,100,1.0\n1,2,2,120,1.0\n2,1,5,90,1.2\n2,2,2,110,1.2\n"
        ))  # fmt: skip
    assert study.analytes == ("IL21", "sCD25")
    assert list(study.subjects["creat"]) == [1.0, 1.2]


def test_a_role_with_one_candidate_is_taken_and_said() -> None:
    with pytest.warns(DataWarning, match="by their looks 'rat' as subject, 'hours' as time, 'Cp .ng/mL.' as value"):
        study = read_study(table("rat,hours,Cp (ng/mL)\n1,1,3\n1,2,2\n"))
    assert (study.units["time"], study.analytes) == ("h", ("Cp",))
    other = read("animal no,time_h,Spiegel\n1,1,3\n1,2,2\n2,1,5\n", units={"X": "ng/mL"})
    assert other.analytes == ("X",)


def test_of_two_candidates_none_is_taken() -> None:
    told = problems("subject,time_h,Spiegel,Wert\n1,1,3,7\n1,2,2,6\n", units={"X": "ng/mL"})
    assert "no column 'value'" in told
    assert "'Spiegel'" in told
    assert "'Wert'" in told
    assert "no column 'subject'" in problems("rat,dog,time_h,conc_ng_mL\n1,1,1,3\n1,1,2,2\n")


def test_numbers_without_a_unit_of_time_are_a_problem_and_dates_are_not() -> None:
    assert "no unit of 'time'" in problems("subject,time,conc_ng_mL\n1,1,3\n1,2,2\n")
    study = read("subject,date,time,conc (ng/mL)\n1,2024-03-01,08:30,3\n1,2024-03-01,12:00,2\n",
                 "subject,date,time,dose_mg\n1,2024-03-01,08:00,10\n")  # fmt: skip
    assert list(study.observations["time"]) == [0.5, 4.0]


def test_columns_takes_what_the_user_sees() -> None:
    for heading in ("Spiegel", "Spiegel (ng/mL)", "spiegel"):
        study = read("subject,wann,Spiegel (ng/mL)\n1,1,3\n1,2,2\n", columns={"wann": "time", heading: "DV"},
                     units={"time": "h"})  # fmt: skip
        assert study.units["Spiegel"] == "ng/mL"
    told = problems("subject,wann,conc_ng_mL\n1,1,3\n1,2,2\n", columns={"time": "wann"}, units={"time": "h"})
    assert "expected their heading first, {'wann': 'time'}" in told


HIS_DOSES = "subject,day,time_h,dose_ug\n1,1,0,100\n1,8,0,100\n2,1,0,120\n2,8,0,120\n"


def his(day: int = 8, shift: float = 0.0, since_first: bool = False) -> str:
    """Observations by day, planned and actual hours, analyte, result and unit."""
    head = "subject,day,nominal_h,time_h,analyte,result,unit\n"
    return head + "".join(
        f"{who},{d},{n + more},{round(n + more + 0.05 + (shift if d > 1 else 0), 6)},{what},{9.5 - n},{unit}\n"
        for who in (1, 2) for d in (1, day) for more in [24 * (d - 1) * since_first] for n in (1, 4, 8)
        for what, unit in (("IL21", "ng/mL"), ("sCD25", "pg/mL"))
    )  # fmt: skip


def test_the_layout_that_stopped_him() -> None:
    """Read without any argument, whether hours count from the first dose or anew on every day of a dose."""
    doses = HIS_DOSES.replace("8,0", "8,168")
    for study in (read(his(), HIS_DOSES), read(his(since_first=True), doses)):
        assert dict(study.units) == {"time": "h", "dose": "ug", "IL21": "ng/mL", "sCD25": "pg/mL"}
        assert study.used("IL21")["time"].tolist()[:6] == [1.05, 4.05, 8.05, 169.05, 172.05, 176.05]
        assert study.used("IL21")["nominal_time"].tolist()[:6] == [1, 4, 8, 169, 172, 176]
        assert study.doses["time"].tolist() == [0, 168, 0, 168]


def test_hours_of_a_day_without_a_dose_are_asked_for() -> None:
    told = problems(his(day=9), HIS_DOSES)
    assert told.count("\n") == 0
    for meaning in ("'time_h': 'clock'", "'time_h': 'time_after_dose'", "'day': 'drop'"):
        assert meaning in told
    clock = read(his(day=9), HIS_DOSES, columns={"time_h": "clock"})
    assert clock.used("IL21")["time"].tolist()[:4] == [1.05, 4.05, 8.05, 193.05]
    after = read(his(day=9, shift=24), HIS_DOSES, columns={"time_h": "time_after_dose"})
    assert after.used("IL21")["time"].tolist()[:4] == [1.05, 4.05, 8.05, 193.05]
    assert after.doses["time"].tolist() == [0, 168, 0, 168]


def test_limits_with_a_unit_of_their_own() -> None:
    """LLOQ in pg/mL beside values in ng/mL had been compared as they stand: 3 ng/mL were below 100 pg/mL."""
    study = read("ID,time_h,conc (ng/mL),LLOQ (pg/mL)\n1,1,3,100\n1,2,BLQ,100\n")
    assert study.observations["lloq"].tolist() == [0.1, 0.1]
    assert study.observations["blq"].tolist() == [False, True]


def test_a_unit_column_that_is_no_unit() -> None:
    rows = "subject,time_h,analyte,result,unit\n1,1,DNA,5,{0}\n1,2,DNA,4,{0}\n"
    assert read(rows.format("copies/ug")).units["DNA"] == "copies/ug"
    assert read(rows.format("ng/mL plasma")).units["DNA"] == "{ng/mL plasma}"
    study = read(rows.format("ng/mL plasma"), units={"DNA": "ng/mL"})
    assert study.units["DNA"] == "ng/mL"
    assert any("2 records of DNA say 'ng/mL plasma'" in note for note in study.notes)
    assert "columns={'unit': 'drop'}" in problems(rows.format("mg"), units={"DNA": "ng/mL"})
    assert read(rows.format("mg"), units={"DNA": "ng/mL"}, columns={"unit": "drop"}).units["DNA"] == "ng/mL"
    assert "written {zork}" in problems(rows.format("mg"), units={"DNA": "zork"})
