"""NONMEM tables through both doors: `read_nonmem` and `read_study` give equal studies, and say what they leave out."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_nonmem, read_study
from pkpd.study import Study

MG = {"time": "h", "dose": "mg", "DV": "mg/L"}


def equal(a: Study, b: Study, places: bool = True) -> None:
    """Whether two studies say the same: tables, units, order of records, and how covariates are carried."""
    for name in ("observations", "doses", "subjects", "records"):
        one, other = (getattr(study, name) for study in (a, b))
        pandas.testing.assert_frame_equal(
            one if places else one.drop(columns="row", errors="ignore"),
            other if places else other.drop(columns="row", errors="ignore"),
        )
    assert dict(a.units) == dict(b.units)
    assert (a.in_order, a.carried, a.changing, a.data_hash) == (b.in_order, b.carried, b.changing, b.data_hash)


def both(table: Any, units: dict[str, str] = MG, **options: Any) -> Study:
    """The study that both doors give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        strict, plain = read_nonmem(table, units=units, **options), read_study(table, units=units, **options)
    equal(strict, plain)
    return plain


def table(**changed: object) -> pandas.DataFrame:
    rows = {
        "ID": [1, 1, 1, 2, 2, 2], "TIME": [0, 1, 12, 0, 3, 12], "EVID": [1, 0, 0, 1, 0, 0],
        "AMT": [100, 0, 0, 50, 0, 0], "DV": [0.0, 5.0, 2.0, 0.0, 3.0, 1.0],
    }  # fmt: skip
    return pandas.DataFrame({**rows, **changed})


def quiet(source: Any, units: dict[str, str] = MG, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(source, units=units, **options)


def test_theophylline_made_into_a_nonmem_table(reference: Path) -> None:
    samples = pandas.read_csv(reference / "figures/datasets/theoph.csv")
    samples = samples.rename(columns={"Subject": "ID", "Time": "TIME", "conc": "DV", "Wt": "WT"})
    first = samples.drop_duplicates("ID")
    doses = first.assign(TIME=0.0, DV=".", AMT=first["Dose"] * first["WT"], EVID=1)
    rows = pandas.concat([doses, samples.assign(AMT=".", EVID=0)])
    rows = rows.sort_values(["ID", "TIME"], kind="stable", ignore_index=True).drop(columns="Dose")
    study = both(rows)
    assert (len(study.subject_ids), len(study.doses), len(study.observations)) == (12, 12, 132)
    assert (study.observations.query("time == 0")["mark"] == "post").all()  # the dose stands before them
    assert study.subjects["WT"].tolist()[0] == 79.6


@pytest.mark.parametrize("name", ["theo_sd.csv", "theo_md.csv"])
def test_codes_of_compartments(reference: Path, name: str) -> None:
    rows = pandas.read_csv(reference / "external/datasets" / name)
    with pytest.raises(InputError, match="DV in mg/L is a concentration") if name == "theo_md.csv" else _nothing():
        both(rows)
    study = both(rows.assign(MDV=(rows["DV"] < 0) * 1))
    assert set(study.doses["into"]) == {"1"}
    assert set(study.doses["route"]) == {"oral"}
    assert any("records with EVID such as 101 are doses" in note for note in study.notes)


def _nothing() -> Any:
    return warnings.catch_warnings()


def test_warfarin_two_outputs_and_duplicates(reference: Path) -> None:
    path = reference / "external/datasets/warfarin.csv"
    study = both(path, {"time": "h", "dose": "mg", "cp": "mg/L", "pca": "%"})
    source = pandas.read_csv(path)
    assert len(study.observations) == (source["evid"] == 0).sum()
    assert study.analytes == ("cp", "pca")
    assert list(study.subjects) == ["subject", "wt", "age", "sex"]
    assert set(study.subjects["sex"]) == {"male", "female"}
    twice = source[source["evid"] == 0].duplicated(["id", "time", "dvid"], keep=False)
    assert twice.sum() > 0
    kept = study.observations.duplicated(["subject", "time", "analyte"], keep=False)
    assert kept.sum() == twice.sum()  # they stay as they stand


def test_phenobarbital_and_wang(reference: Path) -> None:
    assert len(both(reference / "external/datasets/pheno_sd.csv").doses) == 589
    path = reference / "external/datasets/Wang2007.csv"
    strict = read_nonmem(path, units={"time": "h", "Y": "mg/L"})
    plain = read_study(path, units={"time": "h", "Y": "mg/L"})
    # Nothing in it says that its rows are events: `read_study` takes it for a plain table with the same samples.
    assert (strict.in_order, plain.in_order) == (True, False)
    pandas.testing.assert_frame_equal(strict.observations, plain.observations)
    assert dict(strict.units) == dict(plain.units)


@pytest.mark.parametrize("name", ["Bolus_1CPT.csv", "Infusion_2CPT.csv"])
def test_a_column_that_is_no_steady_state(reference: Path, name: str) -> None:
    """Their SS is 99 where nothing is at steady state, and 1 in rows of samples: it selects rows, and is refused."""
    rows = pandas.read_csv(reference / "external/datasets" / name).query("ID < 6")
    for door in (read_nonmem, read_study):
        with pytest.raises(InputError, match=r"column SS: 99 in \d+ of \d+ rows; .* leave the column out"):
            door(rows, units=MG)
    study = both(rows.drop(columns="SS"))
    assert study.subjects["DOSE"].nunique() > 0  # AMT is the amount, DOSE a covariate
    equal(quiet(rows, columns={"ss": "drop"}), study)


def test_steady_state_and_additional_doses() -> None:
    study = both(table(SS=[1, 0, 0, 2, 0, 0], ADDL=[3, 0, 0, 0, 0, 0], II=[12, 0, 0, 24, 0, 0], CMT=[1, 2, 2, 1, 2, 2]))
    assert study.doses["steady_state"].tolist() == ["instead", "added"]
    assert study.doses["additional"].tolist() == [3, 0]
    assert study.doses["interval"].tolist() == [12.0, 24.0]


def test_occasions_and_a_covariate_that_changes() -> None:
    study = both(table(OCC=[1, 1, 2, 1, 1, 2], WT=[70, 70, 71, 60, 60, 60], SEX=[1, 1, 1, 0, 0, 0]))
    assert study.changing == ("WT", "OCC")
    assert study.observations["occasion"].tolist() == [1, 2, 1, 2]
    assert study.doses["occasion"].tolist() == [1, 1]
    assert list(study.subjects) == ["subject", "SEX"]
    assert study.records["OCC"].tolist() == [1, 1, 2, 1, 1, 2]
    assert both(table(occ=[1] * 6)).subjects["OCC"].tolist() == [1, 1]


def test_the_four_headings_of_nonmem_are_enough() -> None:
    plain = table().drop(columns="EVID").rename(columns=str.lower).astype(object)
    plain.loc[plain["amt"] == 0, "amt"] = "."
    study = both(plain)
    assert study.in_order
    assert study.analytes == ("DV",) if "DV" in study.units else ("dv",)
    headed = plain.rename(columns={"time": "TIME (h)", "amt": "AMT [mg]", "dv": "DV (mg/L)"})
    equal(quiet(headed, {}), study)
    with pytest.raises(InputError, match="no unit of 'time'"):
        quiet(plain, {"dose": "mg", "dv": "mg/L"})


def test_rows_out_of_order_text_identifiers_and_dates() -> None:
    straight = quiet(table(ID=["b", "b", "b", "a", "a", "a"]))
    mixed = table(ID=["b", "b", "b", "a", "a", "a"]).iloc[[5, 2, 0, 3, 1, 4]]
    with pytest.warns(DataWarning, match="rows were put in order of subject and time"):
        other = read_study(mixed, units=MG)
    equal(straight, other, places=False)
    assert other.records.groupby("subject")["time"].apply(lambda t: t.is_monotonic_increasing).all()
    assert other.records.groupby("subject")["row"].apply(lambda row: row.is_monotonic_increasing).all()
    dated = table(TIME=[f"2024-05-0{1 + h // 24} {h % 24:02d}:30" for h in (8, 9, 20, 10, 13, 22)])
    equal(quiet(dated), quiet(table()))


def test_long_wide_and_one_analyte_that_is_not_named() -> None:
    long = table(DVID=["", "c", "r", "", "c", "r"])
    units = {"time": "h", "dose": "mg", "c": "mg/L", "r": "%"}
    wide = table(c=[0, 5, None, 0, 3, None], r=[0, None, 2, 0, None, 1]).drop(columns="DV")
    equal(quiet(long, units), quiet(wide, units))
    coded = table(DVID=[0, 1, 2, 0, 1, 2])
    named = read_nonmem(coded, units=units, analytes={"1": "c", "2": "r"})
    equal(named, quiet(long, units))
    lone = quiet(table(DVID=[0, 1, 1, 0, 1, 1]), {"time": "h", "dose": "mg", "drug": "mg/L"})
    assert lone.analytes == ("drug",)
    assert any("have the code 1 and are taken as drug" in note for note in lone.notes)
    assert quiet(table(), {"time": "h", "dose": "mg", "drug": "mg/L"}).analytes == ("drug",)


def test_what_stands_on_dose_records_is_counted() -> None:
    with pytest.warns(DataWarning, match="2 values on records that are no observation were left out"):
        study = read_study(table(DV=[7, 5, 2, 8, 3, 1]), units=MG)
    equal(study, both(table()))
    silent = both(table(MDV=[1, 0, 1, 1, 0, 0]))
    assert len(silent.observations) == 3
    assert any("1 records with MDV 1 hold no observation" in note for note in silent.notes)
    for both_at_once in (read_nonmem, read_study):
        with pytest.raises(InputError, match="an amount and a value; expected a row for each, or MDV 1"):
            both_at_once(table(AMT=[100, 5, 0, 50, 0, 0]).drop(columns="EVID"), units=MG)


def test_doses_given_apart_leave_only_the_samples() -> None:
    doses = pandas.DataFrame({"subject": [1, 2], "time": 0, "amount": [1, 2], "route": "oral"})
    with pytest.warns(DataWarning, match="2 records that are no observation .* were left out"):
        study = read_study(table(), doses, units=MG)
    assert study.observations["value"].tolist() == [5.0, 2.0, 3.0, 1.0]
    assert set(study.doses["route"]) == {"oral"}


def test_censoring() -> None:
    cens = both(table(CENS=[0, 1, -1, 0, 1, 0], LIMIT=[None, 1, None, None, None, None]))
    rows = cens.observations
    assert rows["blq"].tolist() == [True, False, True, False]
    assert rows["alq"].tolist() == [False, True, False, False]
    assert rows["lloq"].tolist()[::2] == [5.0, 3.0]
    np.testing.assert_array_equal(rows["lower"], [1.0, np.nan, np.nan, np.nan])
    again = quiet(rows, doses=cens.doses, subjects=cens.subjects)  # a plain table with the column `lower`
    np.testing.assert_array_equal(again.observations["lower"], rows["lower"])
    flagged = both(table(BLQ=[0, 0, 1, 0, 0, 1], LLOQ=[2.0, 2.0, 2.0, 2.0, 2.0, 1.0]))
    assert flagged.observations["blq"].tolist() == [False, True, False, True]
    wide = quiet(table(CENS=[0, 1, 0, 0, 0, 0]).rename(columns={"DV": "c"}), {"time": "h", "dose": "mg", "c": "mg/L"})
    assert wide.observations["blq"].tolist() == [True, False, False, False]
    for door in (read_nonmem, read_study):
        with pytest.raises(InputError, match="column 'CENS': 2; expected 0, 1"):
            door(table(CENS=[0, 2, 0, 0, 0, 0]), units=MG)
        with pytest.raises(InputError, match=r"column 'LIMIT': 9\.0; expected a number below the value 5"):
            door(table(CENS=[0, 1, 0, 0, 0, 0], LIMIT=[None, 9, None, None, None, None]), units=MG)


def test_covariates_with_empty_and_bad_cells() -> None:
    assert both(table(WT=[70, None, 70, ".", 60, 60])).subjects["WT"].tolist() == [70.0, 60.0]
    with pytest.warns(DataWarning, match="2 empty cells of 'WT', which changes, took the value before"):
        study = read_study(table(WT=[70, None, 71, None, 60, 60]), units=MG)
    assert study.records["WT"].tolist() == [70, 70, 71, 60, 60, 60]
    for door in (read_nonmem, read_study):
        with pytest.warns(DataWarning, match="column 'WT' is not used: .*row 2, subject 1, column 'WT': 'x' is no num"):
            door(table(WT=[70, "x", 70, 60, 60, 60]), units=MG)
        with pytest.warns(DataWarning, match="the column 'EMPTY' is not used: it is empty"):
            door(table(EMPTY=[None] * 6), units=MG)
        with pytest.warns(DataWarning, match="'kind' is not used: records have one of that name"):
            door(table(kind=range(6)), units=MG)


def test_units_of_rates_lengths_and_weights() -> None:
    infused = table(**{"RATE [mg/min]": [1, 0, 0, 0, 0, 0], "dur": [0, 0, 0, 30, 0, 0], "WT [kg]": [70] * 6})
    study = quiet(infused, {**MG, "duration": "min"})
    assert study.doses["rate"].tolist() == [60.0, 0.0]
    assert study.doses["duration"].tolist() == [0.0, 0.5]
    assert study.doses_in("mg/kg", "h")[1][0].amount == pytest.approx(100 / 70, rel=1e-14)
    with pytest.raises(InputError, match="unit of 'weight' is 'g'"):
        quiet(infused.rename(columns={"WT [kg]": "WT [g]"}), {**MG, "duration": "min"})


def test_a_missing_identifier_is_named() -> None:
    for door in (read_nonmem, read_study):
        with pytest.raises(InputError, match="row 2, column ID: missing; expected an identifier"):
            door(table(ID=[1, None, 1, 2, 2, 2]), units=MG)
