"""Dose intensity: by hand, by counting every planned dose, from a simulated trial whose rule reduces."""

from __future__ import annotations

import math

import numpy as np
import pandas
import pytest

import pkpd
from pkpd import InputError
from pkpd.dosing import Dose, Regimen
from pkpd.il21 import DOSE_DAYS, regimen
from pkpd.trial import dose_intensity

TWICE = Regimen((Dose(0, 400.0, "oral", additional=55, interval=12.0),), "mg")


def given(*rows: tuple[int, float, float]) -> pandas.DataFrame:
    return pandas.DataFrame(rows, columns=["subject", "day", "dose"])


def test_by_hand() -> None:
    """Patient 1: all. 2: 400 mg a day from day 15 on, 42 of 56 doses, 75 %. 3: 200 mg from day 8, none from day 22."""
    rows = [(1, 1 + k / 2, 400.0) for k in range(56)]
    rows += [(2, 1 + k / 2, 400.0) for k in range(56) if k < 28 or k % 2 == 0]
    rows += [(3, 1 + k / 2, 400.0 if k < 14 else 200.0 if k < 42 else 0.0) for k in range(56)]
    found = dose_intensity(given(*rows), TWICE).set_index("subject")
    assert found["relative"].tolist() == [100.0, 75.0, 50.0]
    assert found["planned"].tolist() == [22_400.0] * 3
    assert found["per_week"].tolist() == [5600.0, 4200.0, 2800.0]
    assert found["omitted"].tolist() == [0, 14, 14]
    assert found["reduced"].tolist() == [False, False, True]
    assert found.loc[3, ["lowest", "first_reduced"]].tolist() == [200.0, 8.0]
    assert math.isnan(found.loc[1, "first_reduced"])
    short = dose_intensity(given(*rows), TWICE, until={"subject": [1, 2, 3, 4], "day": [14, 28, 7, 28]})
    assert short["relative"].tolist() == [100.0, 75.0, 100.0, 0.0]
    assert short["doses_planned"].tolist() == [28, 56, 14, 56]


def test_il21_given_to_a_patient_whose_dose_was_reduced() -> None:
    """30 ug/kg in the first week of the course, 20 in the second: five sixths of what was planned."""
    rows = [(1, float(day), 30.0 if day < 10 else 20.0) for day in DOSE_DAYS]
    found = dose_intensity(given(*rows), regimen()).iloc[0]
    assert found["relative"] == pytest.approx(100 * 250 / 300)
    assert found[["reduced", "first_reduced", "until"]].tolist() == [True, 15.0, 19.0]


@pytest.mark.parametrize(("interval", "more"), [(12.0, 55), (24.0, 9), (8.0, 100), (36.0, 20), (5.0, 33)])
def test_planned_doses_are_counted_one_by_one(interval: float, more: int) -> None:
    """A repeated dose has as many on a patient's days as the same doses written out; whoever got all has 100 %."""
    repeated = Regimen((Dose(7.0, 10.0, additional=more, interval=interval),), "mg")
    times = 7.0 + interval * np.arange(more + 1)
    for end in (1, 2, 3.5, 7, 20, 400):
        there = int((times < 24 * math.floor(end)).sum())
        found = dose_intensity(given(*((1, 1 + t / 24, 10.0) for t in times)), repeated, until=end).iloc[0]
        assert found[["doses_planned", "doses_given"]].tolist() == [there, there]
        assert found["relative"] == pytest.approx(100.0) if there else math.isnan(found["relative"])


def test_a_simulated_trial_whose_rule_reduces() -> None:
    """The table of a simulation is its doses: 200 mg once more than 1 mg is left; amounts in g are converted."""
    pk = pkpd.define({"A": "-k*A"}, {"k": 0.01}, outputs={"y": "A"}, doses={"oral": "A"})

    def rule(now: pkpd.simulate.Situation) -> Regimen:
        return pkpd.oral("400 mg" if now.now["y"].iloc[0] < 1 else "200 mg", at=[now.time])

    found = pkpd.simulate_adaptive(pk, rule, [0.0, 24.0, 48.0], each=True, subjects=2, replicates=2, progress=False)
    for unit, size in (("mg", 400), ("g", 0.4)):
        table = dose_intensity(found, pkpd.oral(f"{size} {unit}", days=[1, 2, 3]))
        assert table["subject"].tolist() == ["1-1", "1-2", "2-1", "2-2"]
        np.testing.assert_allclose(table["relative"], 200 / 3)
        assert table["first_reduced"].tolist() == [2.0] * 4


def test_every_problem_is_said() -> None:
    bad = {"subject": [1, 2, 3], "day": [1, "x", 2], "dose": [400, 400, -1]}
    with pytest.raises(InputError) as caught:
        dose_intensity(bad, TWICE)
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="no row of subject 2"):
        dose_intensity(given((1, 1, 400.0), (2, 1, 400.0)), TWICE, until={"subject": [1], "day": [5]})
    with pytest.raises(InputError, match="until is 0"):
        dose_intensity(given((1, 1, 400.0)), TWICE, until=0)
    with pytest.raises(InputError, match="no dose above 0"):
        dose_intensity(given((1, 1, 400.0)), Regimen((), "mg"))
    with pytest.raises(InputError, match="dose_amount"):
        dose_intensity(pandas.DataFrame({"a": [1]}).to_xarray(), TWICE)
