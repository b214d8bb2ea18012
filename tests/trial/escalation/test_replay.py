"""The published cohorts carried out again, and tables of cohorts and patients."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pkpd import InputError
from pkpd.trial import Boin, Crm, ThreePlusThree, next_dose, replay_escalation
from pkpd.trial.escalation.cohorts import read_cohorts

# Bhatia et al. 2014: 8, 4, 4, 3 treated, three replaced; evaluable 6, 3, 4, 3 and the order 10, 30, 50, 40: inferred.
PUBLISHED = {
    "dose": [10, 10, 30, 50, 40], "patients": [3, 3, 3, 4, 3], "dlt": [1, 0, 0, 2, 0], "treated": [4, 4, 4, 4, 3],
}  # fmt: skip
PLANNED = (10.0, 30.0, 50.0)


def test_the_published_decisions() -> None:
    """Expansion of 10, up to 30, up to 50, down: as published. 40 was opened on the way, and not expanded."""
    found = replay_escalation(ThreePlusThree(PLANNED), PUBLISHED, declared=30)
    table = found.table()
    assert table["rule"].tolist() == ["stay", "escalate", "escalate", "de-escalate", "stay"]
    assert table["done"].tolist() == ["stay", "escalate", "escalate", "de-escalate", "stop"]
    assert table["agrees"].tolist() == [True, True, True, True, False]
    assert table["replaced"].sum() == 3
    assert table["treated"].sum() == 19
    assert np.isnan(found.mtd)
    assert found.declared == 30
    assert any("40 is no planned level" in flag for flag in found.flags)
    assert any("wants more patients at 40" in flag for flag in found.flags)
    assert any("declared 30" in flag for flag in found.flags)


def test_the_rule_s_mtd_is_not_the_declared_dose() -> None:
    three = replay_escalation(ThreePlusThree(PLANNED, mtd_patients=3), PUBLISHED, declared=30)
    assert (three.mtd, three.declared) == (40, 30)
    assert replay_escalation(Boin(PLANNED), PUBLISHED, declared=30).mtd == 50
    assert replay_escalation(Boin(PLANNED, bounded=True), PUBLISHED, declared=30).mtd == 40
    followed = {"dose": [10, 30, 10], "patients": [3, 3, 3], "dlt": [0, 2, 1]}
    assert replay_escalation(ThreePlusThree((10.0, 30.0)), followed, declared=10).flags == ()


def test_patients_one_by_one_are_cohorts() -> None:
    table = read_cohorts({
        "id": list("abcdefgh"), "dose": [10, 10, 10, 10, 30, 30, 30, 10],
        "dlt": ["N", "N", "Y", "N", "N", "N", "N", "N"],
        "evaluable": ["Y", "N", "Y", "Y", "", "", "", "Y"],
    })  # fmt: skip
    assert table.drop(columns="cohort").to_numpy().tolist() == [[10, 3, 1, 4, 1], [30, 3, 0, 3, 0], [10, 1, 0, 1, 0]]


def test_every_problem_of_a_table_at_once() -> None:
    with pytest.raises(InputError) as error:
        replay_escalation(ThreePlusThree(PLANNED), {"dose": [10, -1, 30], "patients": [3, 2.5, 3], "dlt": [1, 0, "x"]})
    assert len(error.value.problems) == 3
    with pytest.raises(InputError, match="row 2, dose 30: 4 toxicities of 3"):
        next_dose(ThreePlusThree(PLANNED), {"dose": [10, 30], "patients": [3, 3], "dlt": [0, 4]})
    with pytest.raises(InputError, match="2 treated, but 3"):
        read_cohorts({"dose": [10], "patients": [3], "dlt": [0], "treated": [2]})
    with pytest.raises(InputError, match="a toxicity always counts"):
        read_cohorts({"subject": ["a"], "dose": [10], "dlt": [1], "evaluable": ["no"]})
    with pytest.raises(InputError, match="at least one row"):
        read_cohorts({"dose": [], "patients": [], "dlt": []})
    with pytest.raises(InputError, match="40 are no doses of the design"):
        next_dose(ThreePlusThree(PLANNED), {"dose": [40], "patients": [3], "dlt": [0]})
    with pytest.raises(InputError, match="whose model has none"):
        replay_escalation(Crm(PLANNED, (0.1, 0.2, 0.3)), PUBLISHED)
    with pytest.raises(InputError, match="declared is 35"):
        replay_escalation(ThreePlusThree(PLANNED), PUBLISHED, declared=35)


CELL: Any = some.one_of(
    some.none(), some.floats(), some.integers(-2, 9), some.text(max_size=3), some.sampled_from([10, 30])
)


@given(some.dictionaries(some.sampled_from(["subject", "dose", "patients", "dlt", "evaluable", "treated", "N"]),
                         some.lists(CELL, min_size=2, max_size=2)))  # fmt: skip
@settings(deadline=None, max_examples=30)
def test_whatever_stands_in_a_table(cells: dict[str, list[Any]]) -> None:
    frame = pandas.DataFrame({name: pandas.Series(one, dtype=object) for name, one in cells.items()})
    with contextlib.suppress(InputError):
        found = replay_escalation(ThreePlusThree(PLANNED), frame)
        assert (found.table()["patients"] >= found.table()["dlt"]).all()
        assert isinstance(repr(found) + found._repr_html_() + found.summary(), str)
