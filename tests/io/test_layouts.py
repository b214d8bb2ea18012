"""Ten layouts that ten people would choose, on invented tables: each is read with nothing but its files, or units."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_study
from pkpd.study import Study


def table(text: str) -> pandas.DataFrame:
    return pandas.read_csv(io.StringIO(text))


def read(*sources: Any, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(*(table(s) if isinstance(s, str) and "\n" in s else s for s in sources), **options)


def problems(*sources: Any, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(*sources, **options)
    return "\n".join(caught.value.problems)


DOSES = "Patient,Time [h],Dose (mg),Route\nA-01,0,25,po\nA-02,0,50,po\n"
PEOPLE = "Patient,Arm,Weight_kg,Age_y\nA-01,low,61,34\nA-02,high,83,51\n"


def check(study: Study, *analytes: str, times: list[float]) -> None:
    assert study.analytes == analytes
    first = study.used(analytes[0])
    assert first["time"].tolist()[: len(times)] == times
    assert study.doses["amount"].tolist()[:2] == [25.0, 50.0]


def test_1_wide_by_analyte() -> None:
    samples = "Patient,Time [h],Parent_ng_mL,M1_ng_mL\nA-01,1,8,1\nA-01,3,4,2\nA-02,1,17,3\nA-02,3,9,<0.5\n"
    study = read(samples, DOSES, PEOPLE)
    check(study, "M1", "Parent", times=[1, 3])
    assert study.observations["lloq"].max() == 0.5
    assert study.units["age"] == "year"


def test_2_long_with_a_unit_column() -> None:
    rows = "".join(f"{who},{t},{what},{v},{unit}\n" for who in ("A-01", "A-02") for t in (1, 3)
                   for what, v, unit in (("Parent", 8, "ng/mL"), ("ALC", 1.4, "10^9/L")))  # fmt: skip
    check(read("Patient,Hours,Analyte,Result,Unit\n" + rows, DOSES), "ALC", "Parent", times=[1, 3])


def test_3_doses_in_a_table_of_their_own_in_other_units() -> None:
    doses = "patient,time_d,dose_ug,route\nA-01,0,25000,po\nA-02,1,50000,po\n"
    study = read("patient,time_h,conc_ng_mL\nA-01,1,8\nA-01,3,4\nA-02,25,9\n", doses)
    assert study.doses["time"].tolist() == [0, 24]
    assert dict(study.units) == {"time": "h", "dose": "ug", "conc": "ng/mL"}


def test_4_nonmem_with_units_alone() -> None:
    rows = "ID,TIME,AMT,DV,MDV,WT\n1,0,25,.,1,61\n1,1,.,8,0,61\n1,3,.,4,0,61\n2,0,50,.,1,83\n2,1,.,17,0,83\n"
    check(read(rows, units={"time": "h", "dose": "mg", "DV": "ng/mL"}), "DV", times=[1, 3])


def test_5_adnca_says_who_reads_it() -> None:
    rows = "USUBJID,PARAMCD,AVAL,AVALU,AFRLT\nA-01,DRUGX,8,ng/mL,1\n"
    assert "this looks like a table for pkpd.io.read_adnca" in problems(rows)


def test_6_one_row_a_visit() -> None:
    study = read("pt,visit,day,dose_mg,trough_ng_mL\n1,1,1,25,<0.5\n1,2,8,50,3\n1,3,15,50,4\n")
    check(study, "trough", times=[0, 7, 14])
    assert study.observations["mark"].tolist() == ["pre"] * 3
    assert study.units["time"] == "day"
    told = problems("pt,visit,day,dose_mg,conc_ng_mL\n1,1,1,25,0.6\n1,2,8,50,3\n")
    assert "a column 'mark' that says whether the sample was drawn pre or post" in told
    marked = read("pt,visit,day,dose_mg,conc_ng_mL,mark\n1,1,1,25,0.6,post\n1,2,8,50,3,pre\n")
    assert marked.observations["mark"].tolist() == ["post", "pre"]


def test_6b_one_column_a_time() -> None:
    study = read("pt,day,dose_mg,conc_ng_mL_0h,conc_ng_mL_1h,conc_ng_mL_2.5h\n1,1,25,,5,3\n1,8,50,0.4,6,4\n")
    check(study, "conc", times=[1, 2.5, 168, 169, 170.5])
    assert study.doses["time"].tolist() == [0, 168]
    assert study.observations["row"].tolist() == [1, 1, 2, 2, 2]  # rows of the table as it came
    plain = read("rat,0,1,2,4\n1,0,5,3,1\n2,0,6,4,2\n", units={"time": "h", "X": "ng/mL"})
    assert plain.observations["time"].tolist() == [0, 1, 2, 4] * 2
    assert "no column 'time'" in problems("rat,C1,C2,C3\n1,5,3,1\n", units={"time": "h", "X": "ng/mL"})  # names


def test_7_dates_and_clock_times() -> None:
    samples = "A-01,2031-05-02,09:00,8\nA-01,2031-05-03,08:00,4\nA-02,2031-06-11,10:30,9\n"
    doses = "A-01,2031-05-02,08:00,25,po\nA-02,2031-06-11,09:00,50,po\n"
    study = read("Patient,Date,Time,Parent (ng/mL)\n" + samples, "Patient,Date,Time,Dose (mg),Route\n" + doses)
    check(study, "Parent", times=[1, 24, 1.5])
    assert study.units["time"] == "h"


def test_8_sheets_of_a_workbook(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    book = tmp_path / "trial.xlsx"
    samples = table("Patient,time_h,conc_ng_mL\nA-01,1,8\nA-01,3,4\nA-02,1,17\n")
    with pandas.ExcelWriter(book) as writer:
        pandas.DataFrame({"about": ["made up"]}).to_excel(writer, sheet_name="Read me", index=False)
        samples.to_excel(writer, sheet_name="PK samples", index=False)
        table(DOSES).to_excel(writer, sheet_name="Dosing", index=False)
        table(PEOPLE).to_excel(writer, sheet_name="Demographics", index=False)
    with pytest.warns(DataWarning, match="'Dosing' as doses, 'Demographics' as subjects, 'PK samples' as observations"):
        study = read_study(book)
    check(study, "conc", times=[1, 3])
    assert list(study.subjects["Arm"]) == ["low", "high"]
    alone = read(f"{book}::PK samples", f"{book}::Dosing")
    assert alone.data_hash == read(samples, DOSES).data_hash
    assert "no sheet 'PK' with a table; found PK samples" in problems(f"{book}::PK")


def test_9_parquet(tmp_path: Path) -> None:
    path = tmp_path / "pk.parquet"
    samples = table("Patient,time_h,conc_ng_mL\nA-01,1,8\nA-01,3,4\nA-02,1,17\n")
    polars.DataFrame(samples.to_dict("list")).write_parquet(path)
    assert read(path, DOSES).data_hash == read(samples, DOSES).data_hash


def test_10_two_drugs() -> None:
    values = (("X", 8, "ng/mL"), ("Y", 2, "ug/mL"))
    rows = "".join(f"A-01,{t},{what},{v},{unit}\n" for t in (1, 3) for what, v, unit in values)
    samples = "Patient,time_h,analyte,conc,conc_unit\n" + rows
    doses = "Patient,time_h,drug,dose_mg,route\nA-01,0,X,25,po\nA-01,0,Y,50,po\n"
    told = problems(samples, doses)
    assert "X in 1 rows, Y in 1 rows" in told
    assert "columns={'drug': 'into'}" in told
    study = read(samples, doses, columns={"drug": "into"})
    assert study.doses["into"].tolist() == ["X", "Y"]
    check(study, "X", "Y", times=[1, 3])


def test_a_subjects_table_without_weight_beside_doses_per_kg() -> None:
    doses = DOSES.replace("(mg)", "(mg/kg)")
    study = read("Patient,time_h,conc_ng_mL\nA-01,1,8\nA-02,1,17\n", doses, "Patient,Arm\nA-01,a\nA-02,b\n")
    assert study.units["dose"] == "mg/kg"
    assert any("no weights are known" in note for note in study.notes)


def test_a_clock_that_starts_anew_by_period() -> None:
    samples = "ID,Period,time_h,conc_ng_mL\n1,1,1,8\n1,1,3,4\n1,2,1,17\n1,2,3,9\n"
    study = read(samples, "ID,Period,time_h,dose_mg,route\n1,1,0,25,po\n1,2,0,50,po\n")
    assert study.observations["clock"].tolist() == [1, 3, 1, 3]
    assert study.several_periods
    assert "doses= with a regimen" in problems(samples, "ID,time_h,dose_mg,route\n1,0,25,po\n")
