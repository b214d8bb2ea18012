"""A clearance that changes when antibodies appear, against solutions in two pieces."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

import pkpd
from pkpd import trial
from pkpd.errors import InputError
from pkpd.trial.antibodies.changed import NEVER

TIMES = np.array([0.5, 5.0, 24.0, 30.0, 30.001, 47.0, 60.0, 100.0])
ONE = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=2, V=20)


def course(times: np.ndarray, onset: float, ratio: float, end: float = np.inf) -> np.ndarray:
    """100 mg at 0 and at 24 h into 20 L, CL 2 L/h: the amount decays by the time spent in either state."""
    with_ada = np.clip(times[:, None] - onset, 0, None) - np.clip(times[:, None] - end, 0, None)
    given = np.array([0.0, 24.0])
    before = np.clip(given - onset, 0, None) - np.clip(given - end, 0, None)
    here = times[:, None] - given + (ratio - 1) * (with_ada - before)
    return np.where(times[:, None] > given, 100 / 20 * np.exp(-0.1 * here), 0).sum(axis=1)


@pytest.mark.parametrize(("onset", "ratio"), [(30.0, 3.0), (10.0, 0.4), (0.0, 2.0), (NEVER, 3.0)])
def test_the_course_is_the_solution_in_two_pieces(onset: float, ratio: float) -> None:
    model = trial.with_antibodies(ONE).with_values(ratio_ADA=ratio, onset_ADA=onset)
    found = pkpd.simulate(model, pkpd.bolus("100 mg", at=[0, 24]), times=TIMES, at_dose="before")["C"].values.ravel()
    np.testing.assert_allclose(found, course(TIMES, onset, ratio), rtol=1e-12)


def test_antibodies_that_go_away() -> None:
    model = trial.with_antibodies(ONE, transient=True).with_values(onset_ADA=10, end_ADA=47, ratio_ADA=2.5)
    found = pkpd.simulate(model, pkpd.bolus("100 mg", at=[0, 24]), times=TIMES)["C"].values.ravel()
    np.testing.assert_allclose(found, course(TIMES, 10.0, 2.5, 47.0), rtol=1e-12)


def test_everybody_has_an_onset_of_ones_own() -> None:
    people = trial.with_antibodies(pkpd.Population(ONE, ONE.parameters))
    onsets = np.array([5.0, 30.0, NEVER])
    people = pkpd.Population(
        people.model, people.parameters.with_values({"ratio_ADA": 3.0}), table=pandas.DataFrame({"onset_ADA": onsets})
    )
    plan = pkpd.bolus("100 mg", at=[0, 24])
    found = pkpd.simulate(people, plan, subjects=40, times=TIMES, seed=3)
    assert set(found["onset_ADA"].values.ravel()) == set(onsets)
    for onset, values in zip(found["onset_ADA"].values.ravel(), found["C"].values[0], strict=True):
        np.testing.assert_allclose(values, course(TIMES, onset, 3.0), rtol=1e-12)


def test_a_patient_who_never_has_any_is_the_patient_without_the_change() -> None:
    truth, plan = pkpd.il21.truth(), pkpd.il21.regimen(courses=2)
    times = 24.0 * np.arange(0, 98, 7)
    plain = pkpd.simulate(truth, plan, subjects=20, times=times, seed=1)
    never = pkpd.simulate(trial.with_antibodies(truth), plan, subjects=20, times=times, seed=1)
    for name in ("C", "sCD25", "ALC"):
        np.testing.assert_array_equal(plain[name].values, never[name].values)


def test_several_parameters_each_with_a_ratio() -> None:
    model = trial.with_antibodies(ONE, ["CL", "V"])
    assert {"ratio_ADA_CL", "ratio_ADA_V", "onset_ADA"} <= set(model.parameters.names)
    assert model.parameters.get("onset_ADA").unit == "h"
    assert not {"onset_ADA", "ratio_ADA_CL"} & set(ONE.parameters.names)  # the model that was given stays as it was


def test_a_model_without_units_gets_them_later() -> None:
    late = trial.with_antibodies(pkpd.library.one_compartment()).in_units(time="day", amount="mg", volume="L")
    assert late.parameters.get("onset_ADA").unit == "day"
    assert late.parameters["onset_ADA"] > 1e7  # still after every trial


def test_problems_are_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        trial.with_antibodies(ONE, ["CLL", "CL", "Vx"])
    assert len(caught.value.problems) == 2
    assert "CL" in caught.value.problems[0]
    with pytest.raises(InputError, match="already"):
        trial.with_antibodies(trial.with_antibodies(ONE))
    late = pkpd.define(
        {"A": "-CL/V*A"}, {"CL": 1.0, "V": 2.0}, outputs={"C": "A/V"}, doses={"bolus": "A"}, lag={"A": "V/CL"}
    )
    with pytest.raises(InputError, match="lag of 'A'"):
        trial.with_antibodies(late)
