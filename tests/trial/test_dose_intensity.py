"""Dose intensity: by hand, by counting every planned dose, from a simulated trial whose rule reduces."""

from __future__ import annotations

import math

import numpy as np
import pandas
import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

import pkpd
from pkpd import InputError
from pkpd.dosing import Dose, Regimen
from pkpd.il21 import DOSE_DAYS, regimen
from pkpd.simulate import Situation
from pkpd.trial import dose_intensity
from tests.examples import budget

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
    assert found["less_often"].tolist() == [0, 14, 0]
    assert found["after_last"].tolist() == [0, 0, 14]
    assert found["lower"].tolist() == [0, 0, 28]
    assert not found[["omitted", "interrupted", "interruptions", "unplanned", "delays", "delay"]].to_numpy().any()
    assert found["reduced"].tolist() == [False, True, True]
    assert found.loc[[2, 3], "first_reduced"].tolist() == [15.0, 8.0]
    assert found["lowest"].tolist() == [400.0, 400.0, 200.0]
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


WHAT = ["omitted", "less_often", "interrupted", "after_last", "unplanned", "delays", "delay"]
IL21 = {
    # Days on which a patient got IL-21, and by hand: doses left out by kind, unplanned ones, delayed weeks, days.
    "as planned": (DOSE_DAYS, [0, 0, 0, 0, 0, 0, 0]),
    "two days left out": ((1, 2, 3, 15, 16, 17, 18, 19), [2, 0, 0, 0, 0, 0, 0]),
    "three days left out": ((1, 5, 15, 16, 17, 18, 19), [0, 0, 3, 0, 0, 0, 0]),
    "second week two days late": ((1, 2, 3, 4, 5, 17, 18, 19, 20, 21), [0, 0, 0, 0, 0, 1, 2]),
    "first day of the second week left out": ((1, 2, 3, 4, 5, 16, 17, 18, 19), [1, 0, 0, 0, 0, 0, 0]),
    "ended after the first week": ((1, 2, 3, 4, 5), [0, 0, 0, 5, 0, 0, 0]),
    "one dose too many": ((*DOSE_DAYS[:5], 6, *DOSE_DAYS[5:]), [0, 0, 0, 0, 1, 0, 0]),
}


@pytest.mark.parametrize("name", IL21)
def test_what_became_of_the_doses_of_il21(name: str) -> None:
    """Nobody of these was reduced: the doses that were given were 30 ug/kg, on every day of a dosing week or not."""
    days, expected = IL21[name]
    found = dose_intensity(given(*((1, float(d), 30.0) for d in days)), regimen(), until=22).iloc[0]
    assert found[WHAT].tolist() == expected
    assert not found["reduced"]
    assert found["relative"] == pytest.approx(10.0 * len(days))


TWICE_A_DAY = {
    # Half days (0 is the morning of day 1) with a dose of 400 mg, first day reduced, and by hand the same counts.
    "one evening forgotten": ([k for k in range(56) if k != 21], math.nan, [1, 0, 0, 0, 0, 0, 0]),
    "two evenings in succession forgotten": (
        [k for k in range(56) if k not in (21, 23)],
        math.nan,
        [2, 0, 0, 0, 0, 0, 0],
    ),
    "once a day from day 8 on": ([k for k in range(56) if k < 14 or k % 2 == 0], 8.0, [0, 21, 0, 0, 0, 0, 0]),
    "once a day in week 2 only": ([k for k in range(56) if not 14 <= k < 28 or k % 2 == 0], 8.0, [0, 7, 0, 0, 0, 0, 0]),
    "every other day from day 15 on": ([k for k in range(56) if k < 28 or k % 4 == 0], 15.0, [0, 21, 0, 0, 0, 0, 0]),
    "a week without": ([k for k in range(56) if not 14 <= k < 28], math.nan, [0, 0, 14, 0, 0, 0, 0]),
    # Days 8-14 none, then 400 mg a day: 14 doses interrupted, 14 evenings less often.
    "a week without, then once a day": (
        [k for k in range(56) if k < 14 or (k >= 28 and k % 2 == 0)],
        15.0,
        [0, 14, 14, 0, 0, 0, 0],
    ),
    # Once a day from day 8, none on days 15-21: the evening of day 14 is less often, then 14 are interrupted.
    "once a day, a week without, once a day": (
        [k for k in range(56) if k < 14 or (k % 2 == 0 and not 28 <= k < 42)],
        8.0,
        [0, 14, 14, 0, 0, 0, 0],
    ),
    "once a day from day 8, ended on day 20": (
        [k for k in range(40) if k < 14 or k % 2 == 0],
        8.0,
        [0, 13, 0, 16, 0, 0, 0],
    ),
}


@pytest.mark.parametrize("whole_days", [False, True])
@pytest.mark.parametrize("name", TWICE_A_DAY)
def test_less_often_is_reduced_and_a_forgotten_dose_is_not(name: str, whole_days: bool) -> None:
    """Sorafenib 400 mg twice daily for four weeks; also from tables that know only the day of a dose."""
    halves, since, expected = TWICE_A_DAY[name]
    rows = [(1, float(1 + (k // 2 if whole_days else k / 2)), 400.0) for k in halves]
    found = dose_intensity(given(*rows), TWICE).iloc[0]
    assert found[WHAT].tolist() == expected
    assert found["reduced"] == (not math.isnan(since))
    np.testing.assert_equal(found["first_reduced"], since)
    assert found["relative"] == pytest.approx(100 * len(halves) / 56)
    assert found["interruptions"] == (1 if expected[2] else 0)


def test_how_long_a_pattern_must_last_is_asked() -> None:
    """Two forgotten evenings in succession are a lower frequency where two days are enough; a dose a day is doses."""
    rows = [(1, 1 + k / 2, 400.0) for k in range(56) if k not in (21, 23)]
    found = dose_intensity(given(*rows), TWICE, lasting=2).iloc[0]
    assert found[["omitted", "less_often", "first_reduced"]].tolist() == [0, 2, 11.0]
    split = [(1, 1 + k / 4, 200.0) for k in range(112)]  # 200 mg four times a day: as much per day
    found = dose_intensity(given(*split), TWICE).iloc[0]
    assert found[["relative", "reduced", "unplanned", "lower"]].tolist() == [100.0, False, 56, 0]


def test_infusions_every_three_weeks_that_are_late() -> None:
    """Every dose is a block of its own: 3 days late once, one left out between two that were given, none at the end."""
    plan = pkpd.bolus("100 mg", days=[1, 22, 43, 64, 85])
    found = dose_intensity(given((1, 1, 100.0), (1, 25, 100.0), (1, 64, 75.0)), plan).iloc[0]
    assert found[WHAT].tolist() == [1, 0, 0, 1, 0, 1, 3]
    assert found[["lower", "reduced", "first_reduced", "lowest"]].tolist() == [1, True, 64.0, 75.0]
    assert found["relative"] == pytest.approx(55.0)


@budget(max_examples=60)
@given_by(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([10.0, 20.0, 30.0])), max_size=30),
          st.integers(1, 30), st.integers(1, 5))  # fmt: skip
def test_every_dose_is_counted_once(doses: list[tuple[int, float]], until: int, lasting: int) -> None:
    """Planned doses are those left out and those matched, given ones those matched and the unplanned ones."""
    table = given(*((1, float(d), a) for d, a in doses))
    if not len(table):
        return
    found = dose_intensity(table, regimen(), until=until, lasting=lasting).iloc[0]
    there = [d for d, _ in doses if d <= until]
    assert found["doses_given"] == len(there)
    assert found["doses_planned"] == sum(d <= until for d in DOSE_DAYS)
    left_out = found[["omitted", "less_often", "interrupted", "after_last"]].sum()
    assert found["doses_planned"] - left_out == found["doses_given"] - found["unplanned"] >= 0
    assert found["given"] == sum(a for d, a in doses if d <= until)


def test_a_repeated_dose_of_a_simulation_is_all_its_doses() -> None:
    """One decision that gives 56 doses as a repeated one, and the same written out."""
    pk = pkpd.define({"A": "-k*A"}, {"k": 0.01}, outputs={"y": "A"}, doses={"oral": "A"})
    for plan in (TWICE, TWICE.written_out()):
        course = pkpd.simulate_adaptive(pk, AlwaysThis(plan), [0.0], times=[0.0])
        found = dose_intensity(course, TWICE).iloc[0]
        assert found[["relative", "doses_given", "unplanned", "reduced"]].tolist() == [100.0, 56, 0, False]


class AlwaysThis:
    """A rule that gives a plan."""

    def __init__(self, plan: Regimen) -> None:
        self.plan = plan

    def __call__(self, now: Situation) -> Regimen:
        return self.plan


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

    def rule(now: Situation) -> Regimen:
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
