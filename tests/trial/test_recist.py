"""RECIST: every limit, the tables of the two versions, and random histories against a slow implementation."""

# ruff: noqa: E501

from __future__ import annotations

import contextlib
import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.trial import RecistRules, assess_response, best_response, impossible_sequences
from tests.trial import recist_oracle


def patient(sums: list[float | None], days: list[float] | None = None, **more: Any) -> dict[str, list[Any]]:
    """One patient with a baseline on day 1 and scans every 49 days after."""
    days = days or [1.0, *(49.0 * k + 1 for k in range(1, len(sums)))]
    return {"subject": ["p"] * len(sums), "day": days, "sum": sums, **more}


def found(sums: list[float | None], rules: RecistRules | str = "1.0", **more: Any) -> list[str]:
    """The responses after baseline."""
    return assess_response(patient(sums, **more), rules=rules)["response"].tolist()


@pytest.mark.parametrize(
    ("baseline", "size", "response"),
    [(100, 70, "PR"), (100, 70.1, "SD"), (49.3, 34.51, "PR"), (49.3, 34.52, "SD"), (0.7, 0.49, "PR"), (100, 119.9, "SD"),
     (100, 120, "PD"), (49.5, 59.4, "PD"), (49.5, 59.3, "SD"), (0.1, 0.12, "PD"), (5, 6, "PD"), (100, 0, "CR"),
     (33.3, 23.31, "PR")],
)  # fmt: skip
def test_limits_of_the_sum_in_decimals(baseline: float, size: float, response: str) -> None:
    """−30.0 % is partial response and −29.9 % is none; +20.0 % is progression. 0.7·49.3 is 34.51, as it is written."""
    assert found([baseline, size]) == [response]


def test_every_tenth_of_a_millimetre_meets_its_limits_exactly() -> None:
    """On the limits and a tenth of a per mille beside them, by Decimal: 0.7 and 1.2 times 0.1 to 200."""
    rows = []
    for k in range(1, 2001):
        base = Decimal(k) / 10
        for name, size in (("PR", base * 7 / 10), ("SD", base * Decimal("0.7001")), ("PD", base * 12 / 10),
                           ("SD", base * Decimal("1.1999"))):  # fmt: skip
            rows += [(len(rows), 1, float(base), ""), (len(rows), 50, float(size), name)]  # both of one patient
    table = assess_response(
        pandas.DataFrame(rows, columns=["subject", "day", "sum", "expected"])[["subject", "day", "sum"]]
    )
    assert table["response"].tolist() == [row[3] for row in rows if row[3]]


def test_progression_is_counted_from_the_nadir() -> None:
    assert found([100, 40, 47.9, 48]) == ["PR", "PR", "PD"]
    assert found([100, 40, None, 48]) == ["PR", "NE", "PD"]
    assert found([100, 0, 0.1]) == ["CR", "PD"]
    assert found([100, 110, 119]) == ["SD", "SD"]


def test_version_1_1_wants_five_millimetres_too() -> None:
    assert found([5, 6], "1.1") == ["SD"]
    assert found([20, 24.9], "1.1") == ["SD"]
    assert found([20, 25], "1.1") == ["PD"]
    assert found([20.3, 25.3], "1.1") == ["PD"]
    assert "less than 5 mm" in assess_response(patient([5, 6]), rules="1.1")["reason"][0]


def test_a_confirmed_partial_response_stays_one_until_progression() -> None:
    assert found([100, 70, 70, 80]) == ["PR", "PR", "PR"]
    assert found([100, 70, 80]) == ["PR", "SD"]
    assert found([100, 70, 80], "1.1") == ["PR", "PR"]  # there it needs no confirmation
    assert found([100, 70, 70, 84]) == ["PR", "PR", "PD"]
    assert found([100, 70, 70, 80], days=[1, 43, 70, 100]) == ["PR", "PR", "SD"]
    assert found([100, 70, 70, 80], days=[1, 43, 71, 100]) == ["PR", "PR", "PR"]


@pytest.mark.parametrize(("target", "other", "new", "response"), [
    (0, "CR", 0, "CR"), (0, "non-CR/non-PD", 0, "PR"), (0, "NE", 0, "PR"), (0, "", 0, "PR"), (60, "SD", 0, "PR"),
    (60, "NE", 0, "PR"), (90, "IR", 0, "SD"), (None, "CR", 0, "NE"), (None, "PD", 0, "PD"), (0, "PD", 0, "PD"),
    (0, "CR", 1, "PD"), (None, "NE", 1, "PD"), (120, "CR", 0, "PD"),
])  # fmt: skip
def test_target_non_target_and_new_lesions(target: float | None, other: str, new: int, response: str) -> None:
    """The overall table of both versions; a patient with non-target lesions of which nothing is said is not evaluated."""
    scans = patient([100, target], non_target=["present", other], new=[0, new])
    assert [assess_response(scans, rules=v)["response"][0] for v in ("1.0", "1.1")] == [response] * 2


def test_non_target_disease_only() -> None:
    scans = patient([None] * 4, non_target=["present", "SD", "CR", "PD"])
    assert assess_response(scans)["response"].tolist() == ["SD", "CR", "PD"]
    assert assess_response(scans, rules="1.1")["response"].tolist()[0] == "non-CR/non-PD"
    scans = patient([None] * 3, non_target=["present", "SD", "SD"])
    assert best_response(assess_response(scans, rules="1.1"), rules="1.1")["response"][0] == "non-CR/non-PD"


def test_nodes_below_ten_millimetres_are_gone_in_1_1() -> None:
    scans = patient([40, 8, 9, 12], gone=[0, 1, 1, 0])
    table = assess_response(scans, rules="1.1")
    assert table["response"].tolist() == ["CR", "CR", "PD"]
    assert "complete response" in table["reason"][2]
    with pytest.warns(DataWarning, match="2 scans are marked as gone"):
        assert assess_response(scans)["response"].tolist() == ["PR", "PR", "PD"]


def test_disease_after_a_complete_response() -> None:
    scans = patient([100, 0, 4], non_target=["", "", ""])
    assert assess_response(scans, rules="1.1")["response"].tolist() == ["CR", "PD"]
    again = RecistRules("1.1", after_complete="PR")
    table = assess_response(scans, rules=again)
    assert table["response"].tolist() == ["PR", "PR"]
    assert "read again as PR" in table["reason"][0]
    assert best_response(table, rules=again)["response"][0] == "PR"
    other = patient([100, 0, 0], non_target=["SD", "CR", "SD"])
    assert assess_response(other)["response"].tolist() == ["CR", "PR"]  # 1.0 has no word for it: it is said
    with pytest.warns(DataWarning, match="PR on day 99 after CR on day 50"):
        best_response(assess_response(other))


def test_the_baseline_is_the_flagged_scan_or_the_last_up_to_day_1() -> None:
    scans = {"subject": [1, 1, 1], "day": [-20, -3, 43], "sum": [80, 100, 69]}
    with pytest.warns(DataWarning, match="1 of 3 scans are older"):
        table = assess_response(scans)
    assert table["base"].tolist() == [100.0]
    assert table["response"].tolist() == ["PR"]
    flagged = assess_response({**scans, "baseline": [1, 0, 0]})
    assert flagged["base"].tolist() == [80.0, 80.0]
    assert flagged["response"].tolist() == ["PD", "PD"]
    with pytest.raises(InputError, match="2 scans are marked"):
        assess_response({**scans, "baseline": [1, 1, 0]})
    with pytest.warns(DataWarning, match="1 patients have no baseline scan"):
        table = assess_response({"subject": [1, 1], "day": [43, 92], "sum": [5, 5], "new": [0, 1]})
    assert table["response"].tolist() == ["NE", "PD"]


def test_a_patient_without_a_scan_after_baseline_is_kept() -> None:
    table = assess_response({"subject": [1, 2, 2], "day": [1, 1, 43], "sum": [9, 10, 10]})
    assert table["reason"].tolist()[0] == "no scan after baseline"
    best = best_response(table, subjects=[1, 2, 3])
    assert best[["subject", "response"]].to_numpy().tolist() == [[1, "NE"], [2, "SD"], [3, "NE"]]


def test_a_lesion_that_was_not_there_is_no_target() -> None:
    with pytest.raises(InputError, match="was 0 at baseline"):
        assess_response(patient([0, 10]))


def test_two_reviewers_are_assessed_apart() -> None:
    scans = {"subject": [1] * 4, "day": [1, 43, 1, 43], "sum": [100, 70, 90, 70], "reviewer": ["a", "a", "b", "b"]}
    table = assess_response(scans)
    assert table[["reviewer", "response"]].to_numpy().tolist() == [["a", "PR"], ["b", "SD"]]
    with pytest.raises(InputError, match="1 rows have no reviewer"):
        assess_response({**scans, "reviewer": ["a", "a", "b", ""]})


def overall(*responses: str, days: tuple[float, ...] = (50, 99, 148, 197), **rules: Any) -> str:
    """Best overall response of a sequence."""
    table = {"subject": [1] * len(responses), "day": days[: len(responses)], "response": responses}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(best_response(table, rules=RecistRules(**rules))["response"][0])


@pytest.mark.parametrize(("first", "second", "expected"), [
    ("CR", "CR", "CR"), ("CR", "SD", "SD"), ("CR", "PD", "SD"), ("CR", "NE", "SD"), ("PR", "CR", "PR"),
    ("PR", "PR", "PR"), ("PR", "SD", "SD"), ("PR", "PD", "SD"), ("PR", "NE", "SD"), ("NE", "NE", "NE"),
    ("SD", "PD", "SD"), ("PD", "CR", "PD"), ("SD", "NE", "SD"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_table_3_of_recist_1_1(first: str, second: str, expected: str) -> None:
    """Eisenhauer 2009, Table 3, where the minimum for stable disease is met."""
    assert overall(first, second) == expected


@pytest.mark.parametrize(("first", "second", "expected"), [
    ("CR", "PD", "PD"), ("CR", "NE", "NE"), ("PR", "PD", "PD"), ("PR", "NE", "NE"), ("SD", "PD", "PD"), ("SD", "NE", "NE"),
])  # fmt: skip
def test_table_3_where_the_minimum_is_not_met(first: str, second: str, expected: str) -> None:
    assert overall(first, second, days=(20, 40)) == expected


def test_confirmation_at_27_and_28_days() -> None:
    assert overall("PR", "PR", days=(50, 77)) == "SD"
    assert overall("PR", "PR", days=(50, 78)) == "PR"
    assert overall("CR", "CR", days=(50.1, 78.1)) == "CR"
    assert overall("PR", "PR", "PR", days=(50, 60, 78)) == "PR"
    assert overall("CR", "CR", days=(50, 77), version="1.1") == "CR"
    assert overall("CR", "CR", days=(50, 77), version="1.1", confirmed=True) == "SD"


def test_what_may_stand_between_a_response_and_its_confirmation() -> None:
    assert overall("PR", "NE", "PR") == "PR"
    assert overall("PR", "NE", "NE", "PR") == "SD"
    assert overall("PR", "NE", "NE", "PR", not_evaluable_between=2) == "PR"
    assert overall("PR", "SD", "PR") == "SD"
    assert overall("PR", "SD", "PR", stable_between=1) == "PR"
    assert overall("CR", "NE", "PR") == "PR"
    assert overall("PR", "NE", "PR", "NE", "PR", days=(50, 57, 64, 71, 78)) == "PR"  # one between each two


def test_the_minimum_for_stable_disease_decides_in_week_7() -> None:
    """Restaging on days 43 to 49: six weeks are met, eight are not."""
    for day in (43.0, 49.0):
        assert overall("SD", days=(day,)) == "SD"
        assert overall("SD", days=(day,), minimum_stable_days=56.0) == "NE"
    assert overall("SD", days=(42,)) == "NE"


def test_what_cannot_follow_is_listed() -> None:
    table = impossible_sequences({"subject": [1, 1, 1, 2, 2, 3, 3, 3], "day": [50, 99, 148, 50, 99, 50, 99, 148],
                                  "response": ["CR", "NE", "PR", "PD", "SD", "PR", "CR", "PD"]})  # fmt: skip
    assert table[["subject", "before", "response"]].to_numpy().tolist() == [[1, "CR", "PR"], [2, "PD", "SD"]]


SCAN = some.fixed_dictionaries({
    "gap": some.sampled_from([7.0, 14.0, 27.0, 28.0, 28.5, 49.0]),
    "size": some.sampled_from([0.0, 0.3, 0.5, 0.693, 0.7, 0.71, 0.84, 0.99, 1.0, 1.19, 1.2, 1.5, None]),
    "other": some.sampled_from(["CR", "non-CR/non-PD", "non-CR/non-PD", "CR", "PD", "NE"]),
    "new": some.sampled_from([False] * 9 + [True]),
})  # fmt: skip


HISTORIES = (
    some.lists(SCAN, min_size=1, max_size=8), some.sampled_from([100.0, 49.5, 33.3, 12.0]), some.booleans(),
    some.sampled_from(["1.0", "1.1"]), some.booleans(), some.integers(0, 1), some.integers(0, 2),
)  # fmt: skip


def agrees(
    history: list[dict[str, Any]],
    baseline: float,
    lesions: bool,
    version: str,
    confirm: bool,
    between: int,
    unknown: int,
) -> None:
    """Whether a history is assessed as the slow implementation does."""
    day, scans = 1.0, []
    for scan in history:
        day += scan["gap"]
        size = None if scan["size"] is None else round(scan["size"] * baseline, 4)
        scans.append({"day": day, "sum": size, "other": scan["other"] if lesions else "", "new": scan["new"]})
    rules = RecistRules(version, confirmed=confirm, stable_between=between, not_evaluable_between=unknown)
    options = {"confirm": confirm, "between": between, "unknown": unknown}
    table = assess_response({
        "subject": ["p"] * (len(scans) + 1), "day": [1.0, *(s["day"] for s in scans)],
        "sum": [baseline, *(s["sum"] for s in scans)], "new": [False, *(s["new"] for s in scans)],
        "non_target": ["present" if lesions else "", *(s["other"] for s in scans)]}, rules=rules)  # fmt: skip
    expected = recist_oracle.responses(baseline, scans, version=version, returns=rules.returns, **options)
    assert table["response"].tolist() == expected
    assert best_response(table, rules=rules)["response"][0] == recist_oracle.best(scans, expected, **options)
    assert all(table["reason"] != "")


@given(*HISTORIES)
@settings(max_examples=25)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_random_histories_against_the_slow_implementation(
    history: list[dict[str, Any]],
    baseline: float,
    lesions: bool,
    version: str,
    confirm: bool,
    between: int,
    unknown: int,
) -> None:
    agrees(history, baseline, lesions, version, confirm, between, unknown)


def test_many_patients_are_assessed_as_each_alone() -> None:
    rng = np.random.default_rng(5)
    frame = pandas.DataFrame({
        "subject": np.repeat(np.arange(40), 6), "day": np.tile([1, 50, 99, 148, 197, 246], 40),
        "sum": np.round(rng.uniform(0, 140, 240), 1), "new": rng.random(240) < 0.03})  # fmt: skip
    frame.loc[frame["day"] == 1, "sum"] += 10
    shuffled = assess_response(frame.sample(frac=1, random_state=1))
    alone = pandas.concat([assess_response(part) for _, part in frame.groupby("subject")], ignore_index=True)
    pandas.testing.assert_frame_equal(shuffled, alone)


CELL: Any = some.one_of(some.none(), some.floats(), some.integers(-5, 300), some.sampled_from(["CR", "PD", "x", ""]))


ROWS = some.lists(some.tuples(some.sampled_from([1, 2, None]), CELL, CELL, CELL, CELL), min_size=1, max_size=6)


@given(ROWS)
@settings(max_examples=40)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_whatever_stands_in_a_table_of_scans_is_read_or_refused_in_words(rows: list[tuple[Any, ...]]) -> None:
    read_or_refused(rows)


def read_or_refused(rows: list[tuple[Any, ...]]) -> None:
    """Assess a table of cells, and let only errors in words pass."""
    frame = pandas.DataFrame(rows, columns=["subject", "day", "sum", "non_target", "new"], dtype=object)
    with contextlib.suppress(InputError):
        best_response(assess_response(frame))


def test_every_choice_that_cannot_be_is_said_at_once() -> None:
    with pytest.raises(InputError) as error:
        RecistRules("1.2", confirmation_days=-1, after_complete="CR", stable_between=-2)
    assert len(error.value.problems) == 4
    with pytest.raises(InputError, match=r"1\.2"):
        assess_response(patient([1, 2]), rules="1.2")
