"""Doses that virtual patients get."""

import numpy as np
import pytest

from pkpd.trial import DoseReduction
from pkpd.trial.virtual.treatment import (
    STOPPED,
    WEEK,
    amounts,
    as_doses,
    dose_times,
    partner_doses,
    partner_levels,
)

DAYS = (1, 2, 15, 16)


def test_a_toxicity_ends_the_course_and_lowers_the_next_ones() -> None:
    """Four patients: none, one at the second level on day 10, one at the lowest, one who is not enrolled."""
    level = np.array([1, 1, 0, -1])
    given = amounts(level, (10.0, 30.0), DAYS, 2, np.array([False, True, True, False]), np.full(4, 10.0))
    assert given[0].tolist() == [[30.0] * 4, [30.0] * 4]
    assert given[1].tolist() == [[30.0, 30.0, 0.0, 0.0], [10.0] * 4]
    assert given[2].tolist() == [[10.0, 10.0, 0.0, 0.0], [0.0] * 4]
    assert (given[3] == 0).all()
    doses = as_doses(given, dose_times(DAYS, 2, 3), "bolus")
    assert [(d.time, d.amount) for d in doses[1]] == [
        (0, 30), (24, 30), (504, 10), (528, 10), (840, 10), (864, 10)
    ]  # fmt: skip
    assert doses[3] == ()


def test_partner_doses_are_those_of_every_week() -> None:
    """Stretches at one level are one dose that repeats: written out they are a dose every interval of every week."""
    levels = np.array([[0, 0, STOPPED, 1, 1, 1, 2, STOPPED], [STOPPED] * 8])
    doses = partner_doses(levels, [(400.0, 12.0), (400.0, 24.0), (400.0, 48.0)], "oral", 8 * WEEK)
    times = sorted(d.time + k * d.interval for d in doses[0] for k in range(d.additional + 1))
    wanted = [*np.arange(0, 2 * WEEK, 12), *np.arange(3 * WEEK, 6 * WEEK, 24), *np.arange(6 * WEEK, 7 * WEEK, 48)]
    assert times == pytest.approx(wanted)
    assert doses[1] == ()


def test_levels_follow_the_rule_week_by_week() -> None:
    """The weekly levels are what the rule itself gives for the grades that were drawn."""
    rule = DoseReduction((("400 mg", 12), ("400 mg", 24), ("400 mg", 48)))
    uniform = np.random.default_rng(3).random((60, 21))
    exposure = np.broadcast_to([4.0, 2.0, 1.0], (60, 3))
    levels, grades = partner_levels(rule, exposure, lambda x: 0.1 * x, 0.25, uniform)
    assert set(np.unique(grades)) == {0, 2, 3}
    for k in range(60):
        table = rule.explain({"subject": ["1"] * 21, "visit": list(range(1, 22)), "grade": grades[k].tolist()})
        after = np.where(table["dose"] == "", STOPPED, table["level"] - 1)
        assert levels[k, 0] == 0
        assert levels[k, 1:].tolist() == after[:-1].tolist()
    first = grades[:, 0] > 0
    assert abs(first.mean() - 0.4) < 4 * np.sqrt(0.24 / 60)
    assert (grades[levels == STOPPED] == 0).all()
