"""A study written as CDISC tables and read again is the same study."""

from __future__ import annotations

from pathlib import Path

import pandas
import polars
import pytest
from hypothesis import given

from pkpd import data
from pkpd.errors import DataWarning, InputError
from pkpd.io import adnca_table, read_adnca, read_sdtm, read_study, sdtm_tables
from pkpd.study import Study
from tests.io.cdisc_studies import quiet, studies

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def il21() -> Study:
    """The synthetic IL-21 study as the notebook reads it."""
    units = {"time": "h", "IL21": "ng/mL", "sCD25": "ng/mL", "ALC": "10^9/L", "dose": "ug/kg", "weight": "kg"}
    return quiet(read_study, NOTEBOOKS / "il21-synthetic.csv", units=units, lloq={"IL21": 0.112})


def same(one: Study, other: Study) -> None:
    pandas.testing.assert_frame_equal(one.observations.drop(columns="row"), other.observations.drop(columns="row"))
    pandas.testing.assert_frame_equal(one.doses.drop(columns="row"), other.doses.drop(columns="row"))
    pandas.testing.assert_frame_equal(one.subjects, other.subjects, check_like=True)
    assert dict(one.units) == dict(other.units)
    assert one.data_hash == other.data_hash


def by_sdtm(study: Study) -> Study:
    tables = quiet(sdtm_tables, study, study_id="S-1", reference="2021-03-28T23:59:59.5")
    return quiet(read_sdtm, tables["PC"], tables["EX"], tables["DM"], units={"time": study.units["time"]})


def by_adnca(study: Study) -> Study:
    table = quiet(adnca_table, study, study_id="S-1")
    more = [c for c in study.subjects if c not in ("subject", "weight")]
    return quiet(read_adnca, table, study.doses if len(study.doses) else None, covariates=more,
                 units={n: study.units[n] for n in ("time", "dose") if n in study.units})  # fmt: skip


@pytest.mark.parametrize("load", [data.theophylline, data.indomethacin, il21])
def test_measured_and_synthetic_studies(load: object) -> None:
    study = load()  # type: ignore[operator]
    same(by_sdtm(study), study)
    same(by_adnca(study), study)


def test_doses_beside_the_samples_are_enough() -> None:
    for study in (data.theophylline(), data.indomethacin()):
        same(read_adnca(adnca_table(study, study_id="S-1")), study)


@given(studies())
def test_any_study_through_sdtm(study: Study) -> None:
    same(by_sdtm(study), study)


@given(studies())
def test_any_study_through_adnca(study: Study) -> None:
    same(by_adnca(study), study)


def test_files_and_frames_are_one(tmp_path: Path) -> None:
    study = il21()
    tables = sdtm_tables(study, study_id="S-1")
    adnca = quiet(adnca_table, study, study_id="S-1")
    for name, table in {**tables, "ADNCA": adnca}.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    from_files = quiet(read_sdtm, *(tmp_path / f"{name}.csv" for name in ("PC", "EX", "DM")))
    same(from_files, study)
    frames = [polars.read_csv(tmp_path / f"{name}.csv", infer_schema_length=None) for name in ("PC", "EX", "DM")]
    same(quiet(read_sdtm, *frames), study)
    assert list(tables["PC"]["PCSEQ"][:2]) == [1, 2]
    read = quiet(read_adnca, tmp_path / "ADNCA.csv", covariates=["phase", "dose_level"])
    assert read.observations.drop(columns="row").equals(study.observations.drop(columns="row"))


def test_a_time_zero_that_is_not_the_first_dose_is_told() -> None:
    table = pandas.DataFrame({"subject": [1, 1], "time": [5.0, 6.5], "value": [1.0, 2.0]})
    doses = pandas.DataFrame({"subject": [1], "time": [5.0], "amount": [1.0], "route": ["iv"]})
    study = read_study(table, doses, units={"time": "h", "X": "ng/mL", "dose": "mg"})
    with pytest.warns(DataWarning, match="1 subjects have their first dose not at time 0"):
        tables = sdtm_tables(study, study_id="S-1")
    again = read_sdtm(tables["PC"], tables["EX"], tables["DM"])
    assert list(again.observations["time"]) == [0.0, 1.5]


def test_doses_without_samples_are_told() -> None:
    table = pandas.DataFrame({"subject": [1], "time": [1.0], "value": [1.0]})
    doses = pandas.DataFrame({"subject": [1, 1], "time": [0.0, 24.0], "amount": [1.0, 1.0], "route": ["iv", "iv"]})
    study = read_study(table, doses, units={"time": "h", "X": "ng/mL", "dose": "mg"})
    with pytest.warns(DataWarning, match="1 doses stand beside no sample"):
        adnca_table(study, study_id="S-1")


def test_writers_refuse_with_words() -> None:
    with pytest.raises(InputError, match=r"study is a int.*\n.*study_id is ''.*\n.*routes: 'sc'"):
        sdtm_tables(3, study_id="", routes={"sc": "SUBCUTANEOUS"})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="reference is '2000-01-01'"):
        sdtm_tables(data.indomethacin(), study_id="S", reference="2000-01-01")
    with pytest.raises(InputError, match="expected a year from 1 to 9999"):
        sdtm_tables(data.indomethacin(), study_id="S", reference="9999-12-31T23:59")
