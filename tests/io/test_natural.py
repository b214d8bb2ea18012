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
    assert "expected one unit of time" in problems(
        "id,time,conc_ng_mL,time_unit\n1,0,5,h\n1,60,4,min\n"
    )


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
