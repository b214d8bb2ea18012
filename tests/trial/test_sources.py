"""Studies, simulations and results of NCA where a verb takes a table, and tables joined by patient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd import InputError, trial
from pkpd.errors import DataWarning
from pkpd.trial.sources import patients_in
from tests.trial.test_scans_of import shrinking


@pytest.fixture(scope="module")
def study() -> pkpd.Study:
    """Six subjects at three doses, with an outcome each (synthetic); concentrations 10·dose·exp(−t)."""
    given = [1.0, 1, 1, 2, 2, 4]
    rows = [(who, t, 10 * dose * np.exp(-t)) for who, dose in enumerate(given, 1) for t in (1, 2, 3, 4, 6)]
    samples = pandas.DataFrame(rows, columns=["subject", "time", "C"])
    doses = pandas.DataFrame(
        {"subject": [1, 2, 3, 4, 5, 6, 6], "time": [0.0] * 6 + [24], "dose": [*given, 4], "route": "bolus"}
    )
    people = pandas.DataFrame({"subject": range(1, 7), "dlt": [0, 0, 1, 0, 1, 1], "response": [0, 1, 0, 1, 0, 1],
                               "score": [1.0, 4, 2, 3, 5, 6]})  # fmt: skip
    return pkpd.read_study(
        samples, doses, people, units={"time": "h", "dose": "mg", "C": "mg/L"}, attrs={"synthetic": True}
    )


def test_a_study_is_its_subjects(study: pkpd.Study) -> None:
    table = patients_in(study)
    assert table["dose"].tolist() == [1, 1, 1, 2, 2, 4]
    found = trial.replay_escalation(trial.ThreePlusThree((1.0, 2.0, 4.0)), study)
    assert found.table()[["dose", "patients", "dlt"]].to_numpy().tolist() == [[1, 3, 1], [2, 2, 1], [4, 1, 1]]
    direct = trial.logistic(study, "response", ["score"])
    np.testing.assert_allclose(direct.estimates, trial.logistic(study.subjects, "response", ["score"]).estimates)
    assert direct.attrs["synthetic"]


def test_doses_of_a_study(study: pkpd.Study) -> None:
    planned = pkpd.bolus("4 mg", at=[0, 24])
    found = trial.dose_intensity(study, planned).set_index("subject")
    assert found.loc[6, ["given", "relative", "omitted"]].tolist() == [8, 100, 0]
    assert found.loc[4, ["given", "relative", "after_last", "omitted"]].tolist() == [2, 25, 1, 0]
    grams = trial.dose_intensity(study, pkpd.bolus("0.004 g", at=[0, 24])).set_index("subject")
    np.testing.assert_allclose(grams["relative"], found["relative"])


def test_exposures_and_outcomes_are_joined(study: pkpd.Study) -> None:
    exposures = pkpd.nca(study, "C")
    first = exposures.isel(profile=exposures["interval"].to_numpy() == 1)
    outcomes = {"SUBJID": ["1", "2", "4", "5", "6", "x"], "best": ["PR", "SD", "PD", "SD", "PR", "PD"]}
    with pytest.raises(InputError, match="no column 'subject'"):
        trial.patients_of(first, outcomes)
    outcomes["subject"] = outcomes.pop("SUBJID")
    with pytest.warns(DataWarning, match=r"source 1 has no row of 1 of 7 patients \(x\)"):
        table = trial.patients_of(first, outcomes, keep=["auc_last", "best"])
    assert table["subject"].tolist() == ["1", "2", "3", "4", "5", "6", "x"]
    assert table["best"].isna().tolist() == [False, False, True, False, False, False, False]
    np.testing.assert_allclose(table["auc_last"][5], 4 * table["auc_last"][0])
    fit = trial.exposure_quantiles(first, "response", "cmax", groups=2)  # covariates of the study are coordinates
    assert fit["patients"].sum() == 6


def test_what_cannot_be_joined_is_said_at_once(study: pkpd.Study) -> None:
    one, other = {"subject": [1, 1], "x": [1, 2]}, {"subject": [1, ""], "x": [1, 2]}
    with pytest.raises(InputError) as error:
        trial.patients_of(one, other)
    assert len(error.value.problems) == 2
    with pytest.raises(InputError, match="two sources differ in 'score' of subject 2;") as error:
        trial.patients_of(study, {"subject": [1, 2, 3, 4, 5, 6], "score": [1, 9, 2, 3, 5, 6]}, keep=["scor"])
    assert "did you mean 'score'" in str(error.value)
    with pytest.raises(InputError, match="at least one"):
        trial.patients_of()
    with pytest.raises(InputError, match=r"expected a result of pkpd\.nca"):
        trial.patients_of(pkpd.nca(study, "C")[["n_samples"]].mean())


def test_events_make_the_toxicities_of_cohorts() -> None:
    people = {"subject": range(1, 7), "dose": [10] * 3 + [20] * 3, "evaluable": ["yes"] * 6}
    events: dict[str, Any] = {"subject": [2, 2, 5, 6], "dlt": ["yes", "undetermined", "no", "undetermined"]}
    design = trial.ThreePlusThree((10.0, 20.0))
    with pytest.raises(InputError, match=r"row 4, subject 6: whether it is dose-limiting is undetermined") as error:
        trial.next_dose(design, people, events=events)
    assert len(error.value.problems) == 1
    events["dlt"][3] = "no"
    found = trial.replay_escalation(design, people, events=events).table()
    assert found["dlt"].tolist() == [1, 0]
    with pytest.raises(InputError) as error:
        trial.next_dose(design, {**people, "evaluable": ["no"] * 6}, events={"subject": [2, 9], "dlt": ["yes", "no"]})
    assert len(error.value.problems) == 2
    with pytest.raises(InputError, match="events belong to patients"):
        trial.next_dose(design, {"dose": [10], "patients": [3], "dlt": [0]}, events=events)


def test_a_column_of_cohorts_orders_patients() -> None:
    people = {
        "subject": list("abcdef"),
        "dose": [10, 10, 10, 10, 20, 20],
        "dlt": [0] * 6,
        "cohort": [10, 2, 2, 10, 9, 9],
    }
    found = trial.replay_escalation(trial.ThreePlusThree((10.0, 20.0)), people).table()
    assert found[["dose", "patients"]].to_numpy().tolist() == [[10, 2], [20, 2], [10, 2]]
    with pytest.raises(InputError, match="cohort 9 has the doses 20, 10; expected one"):
        trial.next_dose(trial.ThreePlusThree((10.0, 20.0)), {**people, "dose": [10, 10, 10, 10, 20, 10]})


def test_tumours_and_laboratory_values_of_whatever_has_them() -> None:
    made = pkpd.simulate(shrinking("cm"), pkpd.Regimen((), "mg"), subjects=2, replicates=2, times=[0, 1008], seed=1)
    pandas.testing.assert_frame_equal(trial.assess_response(made), trial.assess_response(trial.scans_of(made, "SLD")))
    rows = pandas.DataFrame(
        {"subject": [1, 1, 2, 2], "time": [0.0, 42, 0, 42], "SLD": [10, 6.9, 8, 8], "ALC": [2, 0.4, 1.5, 0.1]}
    )
    doses = pandas.DataFrame({"subject": [1, 2], "time": 0.0, "dose": 1.0, "route": "bolus"})
    study = pkpd.read_study(rows, doses, units={"time": "day", "dose": "mg", "SLD": "cm", "ALC": "10^9/L"})
    assert trial.assess_response(study)["response"].tolist() == ["PR", "SD"]
    assert trial.assess_response(study)["day"].tolist() == [43, 43]
    with pytest.warns(DataWarning, match="no test SLD"):
        graded = trial.grades(study, limits={"test": ["ALC"], "lln": [1.0], "uln": [4.0]})
    assert graded.loc[graded["direction"] == "low", "grade"].tolist() == [0, 3, 0, 4]
    with pytest.raises(InputError, match="none of ALC is in a unit of length"):
        trial.assess_response(study.select(analytes=["ALC"]))
