"""3+3 by its rules, one by one, and by its closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pandas
import pytest
import xarray
from hypothesis import given, settings
from hypothesis import strategies as some

from pkpd import InputError
from pkpd.trial import ThreePlusThree, next_dose, operating_characteristics
from tests.trial.escalation.numbers import ESCALATES

DOSES = (10.0, 20.0, 30.0)


def passes(p: float) -> float:
    """A dose is left upwards: 0 of 3, or 1 of 3 and then 0 of 3."""
    return (1 - p) ** 3 + 3 * p * (1 - p) ** 5


@pytest.mark.parametrize("p", ESCALATES)
def test_probability_of_escalation(p: float) -> None:
    found = operating_characteristics(ThreePlusThree((1.0, 2.0), mtd_patients=3), [p, 0.5], method="exact")
    assert found.table()["visited"][1] == pytest.approx(ESCALATES[p], abs=5e-5)  # printed to 4 digits or 5
    assert found.table()["visited"][1] == pytest.approx(passes(p), rel=1e-12)


@given(some.lists(some.floats(0.01, 0.95), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_closed_form_with_an_mtd_of_three(p: list[float]) -> None:
    """MTD is level k if all up to it pass and the next fails; expected patients: 3, and 3 more after one of three."""
    doses = tuple(range(1, len(p) + 1))
    found = operating_characteristics(ThreePlusThree(doses, mtd_patients=3), p, method="exact")
    reach = np.cumprod([1.0, *map(passes, p)])
    ends = np.append(reach[1:-1] * (1 - np.array([passes(q) for q in p[1:]])), reach[-1])
    assert found.table()["selected"].to_numpy() == pytest.approx(ends, abs=1e-12)
    assert found.none_selected == pytest.approx(1 - passes(p[0]), abs=1e-12)
    expected = [r * (3 + 3 * 3 * q * (1 - q) ** 2) for r, q in zip(reach, p, strict=False)]
    assert found.table()["patients"].to_numpy() == pytest.approx(expected, rel=1e-12)
    assert found.toxicities == pytest.approx(float(np.dot(expected, p)), rel=1e-12)


def slow(p: tuple[float, ...], six: bool) -> tuple[list[float], float]:
    """By hand: every path of one trial as a recursion over what was seen at each level."""
    selected, none = [0.0] * len(p), 0.0

    def go(level: int, seen: tuple[tuple[int, int], ...], weight: float) -> None:
        nonlocal none
        for k, ways in enumerate((1, 3, 3, 1)):
            share = weight * ways * p[level] ** k * (1 - p[level]) ** (3 - k)
            now = list(seen)
            now[level] = (seen[level][0] + 3, seen[level][1] + k)
            n, y = now[level]
            state = tuple(now)
            if y >= 2:
                if level == 0:
                    none += share
                elif six and now[level - 1][0] < 6:
                    go(level - 1, state, share)
                else:
                    selected[level - 1] += share
            elif y == 1 and n == 3:
                go(level, state, share)
            elif level + 1 < len(p) and now[level + 1][1] < 2:
                go(level + 1, state, share)
            elif six and n == 3:
                go(level, state, share)
            else:
                selected[level] += share

    go(0, ((0, 0),) * len(p), 1.0)
    return selected, none


@given(some.lists(some.floats(0.01, 0.9), min_size=1, max_size=4), some.booleans())
@settings(max_examples=25, deadline=None)
def test_against_every_path(p: list[float], six: bool) -> None:
    design = ThreePlusThree(tuple(range(1, len(p) + 1)), mtd_patients=6 if six else 3)
    found = operating_characteristics(design, p, method="exact")
    selected, none = slow(tuple(p), six)
    assert found.table()["selected"].to_numpy() == pytest.approx(selected, abs=1e-12)
    assert found.none_selected == pytest.approx(none, abs=1e-12)
    assert sum(selected) + none == pytest.approx(1)


def test_simulated_100_000_times_it_agrees_with_its_closed_form() -> None:
    design, p = ThreePlusThree(DOSES), [0.05, 0.2, 0.4]
    drawn, exact = (operating_characteristics(design, p, method=method) for method in ("simulation", "exact"))
    away = (drawn.table()["selected"] - exact.table()["selected"]).abs()
    assert (away < 4 * drawn.table()["se"]).all()
    assert abs(drawn.patients - exact.patients) < 4 * exact.patients_sd / np.sqrt(100_000)
    assert operating_characteristics(design, p).table().equals(drawn.table())
    assert not operating_characteristics(design, p, seed=2).table().equals(drawn.table())


RULE = {  # cohorts (level, patients, toxicities) → action, next level, MTD level with 6 patients
    ((0, 3, 0),): ("escalate", 1),
    ((0, 3, 1),): ("stay", 0),
    ((0, 3, 1), (0, 3, 0)): ("escalate", 1),
    ((0, 3, 1), (0, 3, 1)): ("stop", None),
    ((0, 3, 2),): ("stop", None),
    ((0, 3, 0), (1, 3, 2)): ("de-escalate", 0),
    ((0, 3, 0), (1, 3, 1), (1, 3, 1)): ("de-escalate", 0),
    ((0, 3, 0), (1, 3, 3), (0, 3, 1)): ("stop", None),
    ((0, 3, 0), (1, 3, 0), (2, 3, 0)): ("stay", 2),
    ((0, 3, 0), (1, 3, 0), (2, 3, 0), (2, 3, 1)): ("stop", None),
    ((0, 3, 0), (1, 3, 0), (2, 3, 2), (1, 3, 2)): ("de-escalate", 0),
    ((0, 2, 0),): ("stay", 0),
    ((0, 2, 1),): ("stay", 0),
    ((0, 2, 2),): ("stop", None),
    ((0, 4, 0),): ("escalate", 1),
    ((1, 3, 2),): ("de-escalate", 0),
}


@pytest.mark.parametrize("cohorts", RULE)
def test_the_rule(cohorts: tuple[tuple[int, int, int], ...]) -> None:
    levels, patients, dlt = zip(*cohorts, strict=True)
    decision = next_dose(ThreePlusThree(DOSES), {"dose": [DOSES[k] for k in levels], "patients": patients, "dlt": dlt})
    action, level = RULE[cohorts]
    assert decision.action == action
    assert level is None or decision.dose == DOSES[level]
    assert (level is None) == np.isnan(decision.dose)


def test_the_mtd_of_what_was_seen() -> None:
    seen = {"dose": [10, 20, 30, 20], "patients": [3, 3, 3, 3], "dlt": [0, 0, 2, 1]}
    assert next_dose(ThreePlusThree(DOSES), seen).mtd == 20
    seen["dlt"] = [0, 0, 2, 2]
    decision = next_dose(ThreePlusThree(DOSES), seen)
    assert np.isnan(decision.mtd)
    assert "asks for patients at 10" in decision.mtd_reason
    short = {name: column[:3] for name, column in seen.items()}
    assert next_dose(ThreePlusThree(DOSES, mtd_patients=3), short).mtd == 20
    assert next_dose(ThreePlusThree(DOSES), short).table()["state"].tolist() == ["passed", "passed", "closed"]


def test_unevaluable_patients_are_replaced_and_change_no_decision() -> None:
    plain, some_lost = (
        operating_characteristics(ThreePlusThree(DOSES), [0.1, 0.2, 0.3], method="exact", unevaluable=q)
        for q in (0, 0.2)
    )
    assert some_lost.table()["selected"].equals(plain.table()["selected"])
    assert some_lost.table()["treated"].to_numpy() == pytest.approx(plain.table()["patients"].to_numpy() / 0.8)


def test_what_cannot_be_used_is_said_at_once() -> None:
    with pytest.raises(InputError) as error:
        ThreePlusThree((10.0, 10.0), mtd_patients=4, start=5.0)
    assert len(error.value.problems) == 3
    with pytest.raises(InputError, match=r"toxicity of dose 20 is 1.5.*\n.*unevaluable"):
        operating_characteristics(ThreePlusThree(DOSES), [0.1, 1.5, 0.2], unevaluable=1.0)
    with pytest.raises(InputError, match="one probability for each of 3 doses"):
        operating_characteristics(ThreePlusThree(DOSES), [0.1])


@pytest.mark.parametrize(("n", "y"), list(itertools.product(range(13), range(13))))
def test_a_dose_is_open_closed_or_passed(n: int, y: int) -> None:
    """More toxicity never opens a dose; beyond six patients at most one in six."""
    if y > n:
        return
    state = ThreePlusThree((1.0,)).view(np.array([n]), np.array([y]))["state"][0]
    if y >= 2 and 6 * y > n:
        assert state == "closed"
    elif n == 0:
        assert state == "not tried"
    else:
        assert state == ("passed" if (y == 0 and n >= 3) or n >= 6 else "open")


def test_doses_are_a_list_an_array_or_a_column() -> None:
    """Nobody should have to know that a design keeps a tuple."""
    kept = ThreePlusThree((10.0, 30.0)).doses
    for doses in (
        [10, 30],
        np.array([10, 30]),
        pandas.Series([10.0, 30.0]),
        range(10, 50, 20),
        xarray.DataArray([10, 30]),
    ):
        assert ThreePlusThree(doses).doses == kept  # type: ignore[arg-type]
    for wrong in ({10, 30}, "10", [10, "30"]):
        with pytest.raises(InputError, match="expected a list of numbers"):
            ThreePlusThree(wrong)  # type: ignore[arg-type]
