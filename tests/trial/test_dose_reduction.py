"""Dose reductions: every history of grades against a rule written as a story, the label's table, simulated trials."""

from __future__ import annotations

import pickle
from itertools import product
from typing import Any

import numpy as np
import pandas
import pytest
import xarray

import pkpd
from pkpd import InputError, trial
from pkpd.dosing import Dose, Regimen
from pkpd.errors import UnitError
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population, residual_error
from pkpd.simulate import Situation, simulate
from pkpd.trial import DoseReduction, DoseState
from pkpd.trial.reduction.steps import Steps, advance

LEVELS = (("400 mg", 12), ("400 mg", 24), ("400 mg", 48))
PLAIN = DoseReduction(LEVELS)
LABEL = DoseReduction(LEVELS, tolerated=1)
RULES = {
    "plain": PLAIN,
    "label": LABEL,
    "at once": DoseReduction(LEVELS, hold=0),
    "holds": DoseReduction(LEVELS, grade_2="hold", hold=2, longest_hold=3),
    "stops": DoseReduction(LEVELS[:2], grade_2="continue", grade_3="stop", resume=2),
    "re-escalates": DoseReduction(LEVELS, tolerated=1, longest_hold=2, raise_after=2),
    "protocol": DoseReduction(LEVELS, grade_2="continue", resume=2, longest_hold=2, raise_after=1),
}


class Patient:
    """One patient, told visit by visit: words and branches, written from the docstring and not from the arrays."""

    def __init__(self, rule: DoseReduction) -> None:
        self.rule, self.level, self.on = rule, 0, True
        self.without = 0  # visits without a dose in this hold
        self.cost = False  # whether this hold has cost a level
        self.spared = self.well = 0

    def lose(self) -> None:
        """One level lower, or the end."""
        self.level += 1
        self.on = self.level < len(self.rule.levels)

    def visit(self, grade: int) -> tuple[int, bool]:
        """Return the level (−1: ended) and whether there are doses from this visit on."""
        if not self.on:
            return -1, False
        does = {0: "continue", 1: "continue", 2: self.rule.grade_2, 3: self.rule.grade_3, 4: self.rule.grade_4,
                5: "stop"}[grade]  # fmt: skip
        if does == "stop":
            self.on = False
        elif self.without:
            self.in_a_hold(grade, does)
        elif does in ("hold", "reduce"):
            if grade == 2 and self.spared < self.rule.tolerated:
                self.spared += 1
                self.well = 0 if grade > self.rule.resume else self.well + 1
            else:
                self.well = 0
                if does == "reduce":
                    self.lose()
                self.cost = does == "reduce"
                self.without = 1 if self.rule.hold and self.on else 0
        else:
            self.well = self.well + 1 if grade <= self.rule.resume else 0
            if self.rule.raise_after and self.level and self.well >= self.rule.raise_after:
                self.level, self.well = self.level - 1, 0
        return (self.level, not self.without) if self.on else (-1, False)

    def in_a_hold(self, grade: int, does: str) -> None:
        """A visit at which doses may be resumed, if enough visits have passed."""
        if does == "reduce" and not self.cost:
            self.cost = True
            self.lose()
        if not self.on:
            return
        if self.without >= self.rule.hold and grade <= self.rule.resume:
            self.without, self.well = 0, 0
        elif self.rule.longest_hold and self.without >= self.rule.longest_hold:
            self.on = False
        else:
            self.without += 1


HISTORIES = np.array(list(product(range(6), repeat=4)))
LONGER = np.random.default_rng(5).choice(6, size=(300, 14), p=[0.3, 0.25, 0.25, 0.17, 0.02, 0.01])


@pytest.mark.parametrize("grades", [HISTORIES, LONGER], ids=["every history of 4 visits", "600 of 14 visits"])
@pytest.mark.parametrize("name", RULES)
def test_every_history_of_grades(name: str, grades: Any) -> None:
    """All 1296 histories of four visits, and long ones, against the patient who is told in words."""
    rule = RULES[name]
    state = rule.start(len(grades))
    levels, dosed = [], []
    for visit in grades.T:
        state = rule.follow(state, visit)
        levels.append(state.level)
        dosed.append(state.dosed)
    patients = [Patient(rule) for _ in grades]
    expected = np.array([[p.visit(int(g)) for g in history] for p, history in zip(patients, grades, strict=True)])
    np.testing.assert_array_equal(np.array(levels).T, expected[..., 0])
    np.testing.assert_array_equal(np.array(dosed).T, expected[..., 1])


@pytest.mark.parametrize("name", ["plain", "at once"])
def test_a_step_is_what_follow_does(name: str) -> None:
    """A rule that remembers nothing, by level and hold alone, in arrays of two dimensions."""
    rule = RULES[name]
    grades = HISTORIES.reshape(-1, 6, 4)
    state, level, held = rule.start(grades.shape[:2]), np.zeros(grades.shape[:2], int), 0
    for k in range(4):
        state = rule.follow(state, grades[..., k])
        level, held = rule.step(level, held, grades[..., k])
        np.testing.assert_array_equal(level, state.level)
        np.testing.assert_array_equal(held, state.held)
    assert {-1, 0, 1} <= set(level.ravel().tolist())


def test_the_label() -> None:
    """Its table for skin toxicity: by grade, what the first, second, third and fourth occurrence do."""
    table = {2: ["continue", "reduce", "reduce", "stop"], 3: ["reduce", "reduce", "stop"]}
    for grade, occurrences in table.items():
        seen = [g for _ in occurrences for g in (grade, 1)]
        found = LABEL.explain({"subject": 1, "visit": range(1, len(seen) + 1), "grade": seen})
        words = {"give": "continue", "hold and reduce": "reduce", "stop": "stop"}
        assert [words[a] for a in found["action"][::2]] == occurrences
    lasting = LABEL.explain({"subject": 1, "visit": [1, 2, 3, 4], "grade": [2, 2, 2, 1]})  # not better after 7 days
    assert lasting["action"].tolist() == ["give", "hold and reduce", "hold", "resume"]
    assert lasting["dose"].tolist() == ["400 mg every 12 h", "", "", "400 mg every 24 h"]
    np.testing.assert_array_equal(LABEL.per_day, [800, 400, 200])


def test_reasons_of_every_decision() -> None:
    """Each sentence is given somewhere, and it agrees with what was done and with the dose."""
    frames = []
    for rule in RULES.values():
        people = np.repeat(np.arange(len(LONGER)), LONGER.shape[1])
        visits = np.tile(np.arange(1, LONGER.shape[1] + 1), len(LONGER))
        frames.append(rule.explain({"subject": people, "visit": visits, "grade": LONGER.ravel()}))
    found = pandas.concat(frames)
    no_dose = found["action"].isin(["hold", "hold and reduce", "stop", "none"])
    np.testing.assert_array_equal(found["dose"] == "", no_dose)
    np.testing.assert_array_equal(found["level"] == 0, found["action"].isin(["stop", "none"]))
    said = " | ".join(sorted(set(found["reason"])))
    sentences = (
        "changes nothing", "tolerated", "then one level lower", "at once", "ends treatment", "below the lowest",
        "goes on", "not yet", "worse than", "again", "after 2 visits without", "one level higher", "had ended",
    )  # fmt: skip
    for words in sentences:
        assert words in said


def test_a_table_with_mistakes() -> None:
    bad = {"subject": ["a", "a", "b"], "visit": [1, 1, "x"], "grade": [6, 1.5, 2]}
    with pytest.raises(InputError) as caught:
        LABEL.explain(bad)
    assert len(caught.value.problems) == 4  # the visit that stands twice, too
    with pytest.raises(InputError, match="subject a: visit 2 lacks; expected every visit from 1 to 3"):
        LABEL.explain({"subject": ["a", "a"], "visit": [1, 3], "grade": [0, 0]})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"levels": ()}, ["there is no level"]),
        ({"levels": (("400 mg", 12), ("400 mg", 12))}, ["level 2 gives 800 per day, level 1 800; expected less"]),
        ({"levels": (("400 mg", 12), ("1 ug/kg", 12))}, ["levels"]),
        ({"levels": (("400", 0.0),)}, ["level 1: '400'", "interval 0"]),
        ({"grade_2": "reduse", "hold": -1}, ["did you mean 'reduce'", "hold is -1"]),
        ({"grade_2": "reduce", "grade_3": "hold"}, ["grade_3 does less (hold) than grade_2 (reduce)"]),
        ({"hold": 0, "grade_2": "hold"}, ["expected hold ≥ 1"]),
        ({"hold": 3, "longest_hold": 2}, ["longest_hold is 2"]),
        ({"resume": 2}, ["itself holds doses"]),
        ({"resume": 9, "route": "infusion"}, ["resume is 9", "route"]),
    ],
)
def test_a_rule_that_cannot_be(arguments: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        DoseReduction(**{"levels": LEVELS, **arguments})
    assert len(caught.value.problems) == len(words)
    for word, problem in zip(words, caught.value.problems, strict=True):
        assert word in problem


def test_a_step_that_cannot_be() -> None:
    with pytest.raises(InputError) as caught:
        PLAIN.step([3, 0], [0.5, 0], [-1, 6])
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="shapes do not fit"):
        PLAIN.step([0, 0], [0, 0], [1, 1, 1])
    with pytest.raises(InputError, match="depends on earlier visits"):
        LABEL.step([0], [0], [2])
    with pytest.raises(InputError, match="grade has 1 of 2"):
        LABEL.follow(LABEL.start(2), [1.0, float("nan")])


# In simulated trials. The drug is a made-up one; toxicity is an assumed threshold on what was measured.
PK = pkpd.define(
    {"gut": "-ka*gut", "A": "ka*gut - CL/V*A"}, {"ka": 1.0, "CL": 4.0, "V": 40.0}, outputs={"C": "A/V"},
    doses={"oral": "gut"}, base={"time": "h", "amount": "mg", "volume": "L"},
)  # fmt: skip
NOISY = Population(
    PK, PK.parameters + Parameters((Parameter("prop_C", 0.3),)), Omega.independent(CL=0.4),
    (residual_error("C", "proportional"),),
)  # fmt: skip
WEEKS = 168.0 * np.arange(8)


def by_concentration(now: Situation) -> pandas.Series[int]:
    """Grade 2 above 4.5 mg/L, 3 above 6."""
    seen = now.now["C_measured"]
    return 2 * (seen > 4.5) + (seen > 6)


def by_chance(now: Situation) -> Any:
    """Grades drawn for the decision and the replicate: the same whenever they are asked for."""
    return np.random.default_rng([now.replicate, now.decision]).choice([0, 2, 3], len(now.people), p=[0.6, 0.2, 0.2])


def doses_of(found: xarray.Dataset, subject: int, replicate: int = 1) -> tuple[Dose, ...]:
    mine = (found["dose_subject"].values == subject) & (found["dose_replicate"].values == replicate)
    return tuple(
        Dose(t, a, "oral")
        for t, a in zip(found["dose_time"].values[mine], found["dose_amount"].values[mine], strict=True)
    )


def test_a_simulated_trial_is_the_simulation_of_the_doses_it_gave() -> None:
    """Bit for bit, everybody: reduced, held, stopped or not; the doses are those of the patient told in words."""
    times = np.arange(0.0, 1400.0, 37.0)
    rule = LABEL.for_adaptive(by_concentration)
    found = pkpd.simulate_adaptive(NOISY, rule, WEEKS, subjects=12, seed=3, times=times)
    plans = set()
    for k in range(12):
        doses = doses_of(found, k + 1)
        plans.add(doses)
        whole = simulate(NOISY, Regimen(doses, "mg"), subjects=12, seed=3, times=times)
        np.testing.assert_array_equal(found["C"].values[0, k], whole["C"].values[0, k])
        np.testing.assert_array_equal(found["C_measured"].values[0, k], whole["C_measured"].values[0, k])
        seen = found["C_measured_seen"].values[0, k]
        patient, expected = Patient(LABEL), []
        for j, week in enumerate(WEEKS):
            level, gives = patient.visit(int(2 * (seen[j] > 4.5) + (seen[j] > 6)) if j else 0)
            if gives:
                interval = LEVELS[level][1]
                late = 24.0 if interval == 48 and expected and expected[-1] == week - 24 else 0.0
                expected += np.arange(week + late, week + 168.0, interval).tolist()
        assert [d.time for d in doses] == expected
    assert len(plans) >= 4
    intensity = trial.dose_intensity(found, pkpd.oral("400 mg", at=np.arange(0.0, 1344.0, 12.0)))
    fewer = np.array([len(doses_of(found, k + 1)) for k in range(12)])
    np.testing.assert_allclose(intensity["relative"], 100 * fewer / 112)


def test_chance_is_repeated() -> None:
    """Replicates here, in a process's copy of the rule and for one subject at a time are what the rule says."""
    rule = DoseReduction(LEVELS, tolerated=1, hold=2, raise_after=2).for_adaptive(by_chance)
    found = pkpd.simulate_adaptive(PK, rule, WEEKS, subjects=5, replicates=2, times=[0.0], progress=False)
    again = pkpd.simulate_adaptive(
        PK, pickle.loads(pickle.dumps(rule)), WEEKS, subjects=5, replicates=2, times=[0.0], progress=False
    )
    xarray.testing.assert_identical(found, again)
    amounts = found["amount_decided"].values
    for r, s in product(range(2), range(5)):
        draws = [np.random.default_rng([r + 1, d]).choice([0, 2, 3], 5, p=[0.6, 0.2, 0.2])[s] for d in range(2, 9)]
        patient = Patient(rule.rule)  # type: ignore[arg-type]
        gives = [patient.visit(int(g))[1] for g in [0, *draws]]
        np.testing.assert_array_equal(amounts[r, s] > 0, gives)
    assert 0 < (amounts > 0).mean() < 1
    assert found.attrs["design"] == "doses decided by a rule for dose reductions at 8 times"


def test_every_other_day_goes_on_across_weeks() -> None:
    """Doses 48 h apart although a week is 3.5 intervals; after a hold they begin at the visit."""
    rule = DoseReduction((("400 mg", 48),), grade_3="hold", grade_2="hold")

    def third_week(now: Situation) -> dict[int, int]:
        return {1: 3 if now.decision == 4 else 0}

    found = pkpd.simulate_adaptive(PK, rule.for_adaptive(third_week), WEEKS[:6], times=[0.0])
    expected = [*np.arange(0.0, 504.0, 48.0), *np.arange(672.0, 1008.0, 48.0)]
    assert found["dose_time"].values.tolist() == expected


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({1: 0}, "toxicity returned None for subject 2; expected a grade from 0 to 5"),
        ([0, 7], "7 for subject 2"),
        ([0], "1 grades; expected one for each of 2"),
        ([float("nan"), 1], "nan for subject 1"),
        (["x", 1], "for subject 1"),
    ],
)
def test_grades_that_cannot_be(answer: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        pkpd.simulate_adaptive(PK, PLAIN.for_adaptive(lambda now: answer), WEEKS[:2], subjects=2)


def test_visits_that_are_not_as_far_apart_as_said() -> None:
    with pytest.raises(InputError, match="decisions at 0 and 168 h follow each other; expected one every 2 weeks"):
        pkpd.simulate_adaptive(PK, PLAIN.for_adaptive(by_chance, every="2 weeks"), WEEKS[:2])
    for every in ("fast", "0 h", "3 mg"):
        with pytest.raises((InputError, UnitError)):
            PLAIN.for_adaptive(by_chance, every=every)


def test_the_state_is_a_value() -> None:
    """A step changes none of its arguments."""
    before = LABEL.start(3)
    copies = DoseState(*(a.copy() for a in before))
    grades = np.array([0, 2, 3])
    after = LABEL.follow(before, grades)
    for a, b in zip(before, copies, strict=True):
        np.testing.assert_array_equal(a, b)
    assert after.tolerated.tolist() == [0, 1, 0]
    assert isinstance(LABEL.steps, Steps)
    assert advance(LABEL.steps, before, grades)[1].shape == (3,)
