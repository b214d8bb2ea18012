"""Words and cells of other people's tables: each kind seen in a public file, here on an invented one."""

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

WORDS = names.vocabulary(names.OBSERVATIONS, names.CLOCK, names.DOSES, names.COVARIATES, names.KINDS_OF_DOSES)


def read(*texts: str, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(*(pandas.read_csv(io.StringIO(text), dtype=str) for text in texts), **options)


def problems(*texts: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(*texts, **options)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("heading", "name", "unit"),
    [("DOSEMG", "DOSE", "mg"), ("DOSEMGKG", "DOSE", "mg/kg"), ("CONCNGML", "CONC", "ng/mL"), ("TIMEHR", "TIME", "h"),
     ("TIMEMIN", "TIME", "min"), ("WTKG", "WT", "kg"), ("AGEYR", "AGE", "year"), ("DOSE_MG", "DOSE", "mg"),
     *((name, name, "") for name in ("DOSEGRP", "TIMEPT", "CONCL", "dosemin", "DOSEG", "timelag", "WEIGHTB"))],
)  # fmt: skip
def test_a_unit_without_a_gap(heading: str, name: str, unit: str) -> None:
    assert split_heading(heading, WORDS) == (name, unit)


def test_units_in_columns_that_end_in_u() -> None:
    study = read("Animal,time,concentration,timeu,concentrationu\nA,1,3,hours,ug/mL\nA,2,2,hours,ug/mL\n",
                 "Animal,time,dose,doseu,route\nA,0,12,mg/kg,po\n")  # fmt: skip
    assert dict(study.units) == {"time": "h", "concentration": "ug/mL", "dose": "mg/kg"}


def test_classes_are_names_and_commas_are_not() -> None:
    rows = "id,time_h,conc_ng_mL,class\n1,1,3,>= 5\n1,2,2,>= 5\n2,1,5,< 5\n"
    assert list(read(rows).subjects["class"]) == [">= 5", "< 5"]
    assert "'1,5'" in problems(rows.replace(">= 5", '"1,5"').replace("< 5", '"2,5"') + "2,2,0.5,\n")


def test_identifiers_as_fortran_prints_them() -> None:
    study = read("ID,TIME_h,conc_ng_mL\n1.0000E+00,1,3\n1.0000E+00,2,2\n1.2000E+01,1,5\n")
    assert list(study.subjects["subject"]) == [1, 12]
    assert list(read("ID,TIME_h,conc_ng_mL\n1E5,1,3\n1E5,2,2\n").subjects["subject"]) == ["1E5"]  # a name


def test_missing_as_a_word() -> None:
    study = read("id,time_h,dv_ng_mL,amt_mg,evid,route\n1,0,missing,10,1,ev\n1,1,4,missing,0,missing\n")
    assert study.doses["amount"].tolist() == [10]
    assert study.used("dv")["value"].tolist() == [4]


def test_a_placebo_in_an_event_table_has_a_dose_of_0() -> None:
    study = read("ID,TIME_h,AMT_mg,DV_ng_mL,EVID,MDV\n1,0,10,.,1,1\n1,1,.,8,0,0\n2,0,0,.,1,1\n2,1,.,0,0,0\n")
    assert study.doses[["subject", "amount"]].to_numpy().tolist() == [[1, 10], [2, 0]]
    assert "expected an amount > 0" in problems("ID,TIME_h,AMT_mg,DV_ng_mL,EVID,II\n1,0,0,.,1,24\n1,1,.,8,0,0\n")


def test_values_and_units_by_the_names_of_exploratory_data_sets() -> None:
    text = ("ID,TIME,TIMEUNIT,AMT,LIDV,CMT,EVENTU,CENS,EVID\n1,0,Hours,100,NA,1,mg,0,1\n"
            "1,1,Hours,0,28,2,ng/mL,0,0\n1,2,Hours,0,0.1,2,ng/mL,1,0\n1,2,Hours,0,3,3,IU/L,0,0\n")  # fmt: skip
    study = read(text)
    assert dict(study.units) == {"time": "h", "2": "ng/mL", "3": "IU/L", "dose": "mg"}
    assert study.observations["blq"].tolist() == [False, True, False]
