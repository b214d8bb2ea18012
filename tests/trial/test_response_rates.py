"""Rates, agreement of reviewers, duration of response: the paper's counts, other people's kappa, named denominators."""

# ruff: noqa: E501

from __future__ import annotations

import numpy as np
import pandas
import pytest

from pkpd import InputError
from pkpd.trial import (
    RecistRules,
    agreement_bound,
    best_response,
    response_duration,
    response_rates,
    reviewer_agreement,
)

INVESTIGATOR = {"CR": 0, "PR": 6, "SD": 22, "PD": 4, "unavailable": 1}
INDEPENDENT = {"CR": 0, "PR": 7, "SD": 20, "PD": 4, "unavailable": 2}


def test_the_paper_s_rates_to_the_printed_digit() -> None:
    """Bhatia 2014: PR 7/33 = 21 % [9, 38.9], SD 20/33 = 61 % [42.1, 77.1], disease control 27/33 = 82 % [64.5, 93]."""
    rows = response_rates(INDEPENDENT).set_index("response")
    found = {name: rows.loc[name, ["events", "patients", "percent", "low", "high"]].tolist()
             for name in ("response (CR + PR)", "SD", "disease control")}  # fmt: skip
    np.testing.assert_allclose(found["response (CR + PR)"], [7, 33, 21.212, 8.980, 38.908], atol=5e-4)
    np.testing.assert_allclose(found["SD"], [20, 33, 60.606, 42.139, 77.093], atol=5e-4)
    np.testing.assert_allclose(found["disease control"], [27, 33, 81.818, 64.540, 93.021], atol=5e-4)
    other = response_rates(INVESTIGATOR).set_index("response")
    np.testing.assert_allclose(other.loc["response (CR + PR)", ["low", "high"]].tolist(), [6.979, 35.460], atol=5e-4)
    np.testing.assert_allclose(other.loc["disease control", ["low", "high"]].tolist(), [68.101, 94.891], atol=5e-4)


def test_phase_1_of_the_paper() -> None:
    """PR 3, SD 9 of 13 evaluable patients; intervals as in /work/shared/reference/figures/trial/numbers.json."""
    rows = response_rates({"PR": 3, "SD": 9}, patients=13).set_index("response")
    for name, limits in (
        ("response (CR + PR)", (5.038, 53.813)),
        ("SD", (38.574, 90.908)),
        ("disease control", (63.970, 99.805)),
    ):
        np.testing.assert_allclose(rows.loc[name, ["low", "high"]].tolist(), limits, atol=5e-4)


def test_who_is_not_there_counts_in_the_denominator() -> None:
    table = {"subject": [1, 2, 3, 4], "response": ["PR", "SD", "NE", "PD"], "arm": ["a", "a", "a", "b"]}
    rows = response_rates(table, patients={"a": 5}).set_index(["arm", "response"])
    assert rows.loc[("a", "unavailable"), "events"] == 2
    assert rows.loc[("a", "response (CR + PR)"), "percent"] == 20.0
    assert rows.loc[("b", "PD"), "patients"] == 1
    with pytest.raises(InputError, match="3 best responses of 2 patients"):
        response_rates(table, patients={"a": 2})
    with pytest.raises(InputError, match="arm 'c'"):
        response_rates(table, patients={"c": 2})


def test_every_patient_is_in_one_category_only() -> None:
    rows = response_rates({"PR": 3, "SD": 4}, patients=13).set_index("response")["events"]
    assert rows[["CR", "PR", "SD", "PD", "NE", "unavailable"]].sum() == 13
    assert rows["disease control"] == 7


def test_counts_that_are_none_are_refused_together() -> None:
    with pytest.raises(InputError) as error:
        response_rates({"PR": 1.5, "XX": 2, "SD": -1})
    assert len(error.value.problems) == 3


def test_kappa_of_a_published_table() -> None:
    """Fleiss, Levin, Paik 2003, Statistical Methods for Rates and Proportions, Table 18.1: 100 subjects, kappa 0.68.

    Their three categories stand for PR, SD and PD. The standard error is that of the delta method for a multinomial.
    """
    counts = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
    names = ["PR", "SD", "PD"]
    pairs = [(names[i], names[j]) for i in range(3) for j in range(3) for _ in range(counts[i][j])]
    table = {"subject": [k for k in range(100) for _ in "ab"], "reviewer": ["A", "B"] * 100,
             "response": [r for pair in pairs for r in pair]}  # fmt: skip
    found = reviewer_agreement(table)
    assert found.matrix.to_numpy().tolist() == counts
    assert (found.judged, found.agreed) == (100, 89)
    assert round(found.kappa, 2) == 0.68
    shares = np.array(counts).ravel() / 100

    def kappa(p: np.ndarray) -> float:
        table = p.reshape(3, 3) / p.sum()
        chance = table.sum(axis=0) @ table.sum(axis=1)
        return float((np.trace(table) - chance) / (1 - chance))

    slope = np.array([(kappa(shares + e) - kappa(shares - e)) / 2e-6 for e in 1e-6 * np.eye(9)])
    se = np.sqrt((slope**2 @ shares - (slope @ shares) ** 2) / 100)
    np.testing.assert_allclose(found.se, se, rtol=1e-6)
    assert len(found.discordant) == 11


def test_agreement_names_who_is_discordant_and_who_is_not_judged() -> None:
    table = {"subject": [1, 1, 2, 2, 3, 3, 4], "reviewer": ["inv", "ind"] * 3 + ["inv"],
             "response": ["PR", "PR", "SD", "PR", "SD", "NE", "PD"]}  # fmt: skip
    found = reviewer_agreement(table)
    assert (found.judged, found.agreed) == (2, 1)
    assert found.discordant.to_numpy().tolist() == [[2, "SD", "PR"]]
    assert found.one_only["subject"].tolist() == [3, 4]
    assert "subject 2: SD, PR" in found.summary()
    assert "<table" in found._repr_html_()
    same = reviewer_agreement({"subject": [1, 1], "reviewer": ["a", "b"], "response": ["SD", "SD"]})
    assert np.isnan(same.kappa)
    assert "chance" in same.reason
    with pytest.raises(InputError, match="3 reviewers"):
        reviewer_agreement({"subject": [1, 1, 1], "reviewer": ["a", "b", "c"], "response": ["SD"] * 3})


def test_totals_of_two_reviewers_give_a_bound_and_no_more() -> None:
    """Table 3 of the paper: at most 30 of 33, kappa at most 0.832 (two "unavailable" are no agreement)."""
    bound = agreement_bound(INVESTIGATOR, INDEPENDENT)
    assert bound.loc["highest", "agreed"] == 30
    assert f"{bound.loc['highest', 'kappa']:.3f}" == "0.832"
    counted = agreement_bound(INVESTIGATOR, INDEPENDENT, not_judged=())
    assert counted.loc["highest", "agreed"] == 31
    with pytest.raises(InputError, match="33 and 32"):
        agreement_bound(INVESTIGATOR, {**INDEPENDENT, "PR": 6})


def test_no_table_of_patients_lies_outside_the_bound() -> None:
    rng = np.random.default_rng(3)
    names = np.array(["CR", "PR", "SD", "PD"])
    for _ in range(20):
        a, b = names[rng.integers(0, 4, 12)], names[rng.integers(0, 4, 12)]
        totals = [{name: int((one == name).sum()) for name in names} for one in (a, b)]
        bound = agreement_bound(*totals)["agreed"]
        assert bound["lowest"] <= (a == b).sum() <= bound["highest"]


def test_duration_of_response() -> None:
    table = {"subject": [1] * 4 + [2] * 3 + [3] * 3 + [4] * 2, "day": [50, 99, 148, 197, 50, 99, 148, 50, 99, 148, 50, 99],
             "response": ["PR", "PR", "PR", "PD", "SD", "PR", "PR", "PR", "PR", "NE", "SD", "PD"]}  # fmt: skip
    found = response_duration(table)
    assert found[["subject", "start", "end", "duration", "event"]].to_numpy().tolist() == [
        [1, 50.0, 197.0, 148.0, True], [2, 99.0, 148.0, 50.0, False], [3, 50.0, 99.0, 50.0, False]]  # fmt: skip
    better = {"subject": [1] * 4, "day": [50, 99, 148, 197], "response": ["PR", "CR", "CR", "PD"]}
    assert response_duration(better)[["response", "start"]].to_numpy().tolist() == [["CR", 50.0]]
    once = {"subject": [1] * 3, "day": [50, 99, 148], "response": ["SD", "PR", "PD"]}
    assert len(response_duration(once)) == 0
    assert response_duration(once, rules="1.1")["duration"].tolist() == [50.0]
    died = response_duration(table, patients={"subject": [1, 2, 3, 4], "death": [150, 400, None, 120]})
    assert died["end"].tolist() == [150.0, 400.0, 99.0]
    assert died["reason"].tolist()[:2] == ["death", "death"]
    with pytest.raises(InputError, match="subject 3, 4"):
        response_duration(table, patients={"subject": [1, 2], "death": [1, 1]})


def test_a_response_that_was_lost_from_sight_began_when_it_was_seen_again() -> None:
    """Two assessments that cannot be evaluated undo day 43 where one is allowed: confirmed are days 190 and 239."""
    seen = {"subject": 1, "day": [43, 92, 141, 190, 239, 288], "response": ["PR", "NE", "NE", "PR", "PR", "PD"]}
    found = response_duration(pandas.DataFrame(seen)).iloc[0]
    assert (found["start"], found["duration"]) == (190, 99)
    assert best_response(pandas.DataFrame(seen))["day"].tolist() == [190]
    allowed = RecistRules(not_evaluable_between=2)
    assert response_duration(pandas.DataFrame(seen), rules=allowed)["start"].tolist() == [43]
