"""Progression-free survival: every rule of censoring as a case, and what random histories never do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.trial import PfsRules, kaplan_meier, progression_free_survival

NAN = float("nan")


def ending(
    responses: dict[float, str], rules: PfsRules | None = None, **facts: float
) -> tuple[float, bool, str]:  # fmt: skip
    """Duration, event and reason of one patient."""
    table = {"subject": [1] * len(responses), "day": [*responses], "response": [*responses.values()]}
    people = {"subject": [1], **{name: [value] for name, value in facts.items()}} if facts else None
    row = progression_free_survival(table, patients=people, rules=rules).iloc[0]
    return row["duration"], bool(row["event"]), row["reason"]


SEEN = {50.0: "SD", 99.0: "PR", 148.0: "SD"}


def test_progression_is_the_event_on_its_day() -> None:
    assert ending({**SEEN, 197.0: "PD", 246.0: "PD"}) == (197.0, True, "progression")


def test_without_an_event_the_last_assessment_that_could_be_evaluated_censors() -> None:
    assert ending({**SEEN, 197.0: "NE"}) == (148.0, False, "no progression; censored at the last assessment")


def test_death_is_an_event_unless_it_is_time_to_progression() -> None:
    assert ending(SEEN, death=160) == (160.0, True, "death")
    assert ending({**SEEN, 197.0: "PD"}, death=300) == (197.0, True, "progression")
    assert ending(SEEN, PfsRules(death="censor"), death=160)[:2] == (160.0, False)


def test_new_therapy_before_progression() -> None:
    more = {**SEEN, 197.0: "PD"}
    assert ending(more, new_therapy=150)[:2] == (148.0, False)
    assert "new therapy on day 150" in ending(more, new_therapy=150)[2]
    assert ending(more, PfsRules(new_therapy="event"), new_therapy=150) == (150.0, True, "new therapy")
    assert ending(more, PfsRules(new_therapy="ignore"), new_therapy=150) == (197.0, True, "progression")
    assert ending(more, new_therapy=197)[1]
    assert ending(more, new_therapy=40) == (1.0, False, "no assessment before the new therapy; censored on day 1")
    assert ending(SEEN, new_therapy=150, death=170)[:2] == (148.0, False)


def test_two_missed_assessments_before_the_event() -> None:
    """Every 49 days: 98 days after the last scan are one missed, 99 are more than two intervals."""
    rules = PfsRules(every=49)
    assert ending({50.0: "SD", 148.0: "PD"}, rules)[:2] == (148.0, True)
    assert ending({50.0: "SD", 149.0: "PD"}, rules)[:2] == (50.0, False)
    assert ending({50.0: "SD", 149.0: "PD"}, PfsRules(every=49, window=1))[:2] == (149.0, True)
    assert ending({50.0: "SD", 149.0: "PD"}, PfsRules(every=49, missed=None))[:2] == (149.0, True)
    assert ending({50.0: "SD", 99.0: "NE", 149.0: "PD"}, rules)[:2] == (50.0, False)
    assert ending({50.0: "SD"}, rules, death=200)[:2] == (50.0, False)
    assert ending({120.0: "PD"}, rules)[:2] == (1.0, False)


def test_a_patient_without_an_assessment() -> None:
    table = {"subject": [1], "day": [50], "response": ["SD"]}
    people: dict[str, list[Any]] = {"subject": [1, 2, 3], "death": [None, None, 30], "arm": ["a", "b", "b"]}
    found = progression_free_survival(table, patients=people)
    assert found[["duration", "event", "arm"]].to_numpy().tolist() == [
        [50.0, False, "a"],
        [1.0, False, "b"],
        [30.0, True, "b"],
    ]
    late = progression_free_survival(table, patients=people, rules=PfsRules(death_without_scan=29))
    assert not late["event"].any()
    assert kaplan_meier(found, by="arm").median()["events"].tolist() == [0, 1]
    with pytest.raises(InputError, match="subject 1"):
        progression_free_survival(table, patients={"subject": [2], "death": [4]})


def test_of_two_reviewers_the_earliest_counts() -> None:
    table = {"subject": [1] * 6, "day": [50, 99, 148] * 2, "response": ["SD", "SD", "PD", "SD", "PD", "PD"],
             "reviewer": ["inv"] * 3 + ["ind"] * 3}  # fmt: skip
    row = progression_free_survival(table).iloc[0]
    assert (row["duration"], row["event"], row["reviewer"]) == (99.0, True, "ind")
    assert progression_free_survival(table, reviewer="inv")["duration"][0] == 148.0
    with pytest.raises(InputError, match="did you mean 'inv'"):
        progression_free_survival(table, reviewer="Inv")


def test_another_reviewer_s_scan_of_the_same_day_is_no_visit_before_it() -> None:
    table = {"subject": [1] * 4, "day": [50, 200] * 2, "response": ["SD", "PD", "SD", "SD"],
             "reviewer": ["inv"] * 2 + ["ind"] * 2}  # fmt: skip
    assert progression_free_survival(table, rules=PfsRules(every=49))["duration"][0] == 50.0


def test_months_and_rules_are_named() -> None:
    found = progression_free_survival({"subject": [1], "day": [365.25], "response": ["PD"]})
    assert found["months"][0] == 12.0
    assert "no schedule is given" in found.attrs["rules"]
    with pytest.warns(DataWarning, match="1 assessments lie after the death"):
        ending(SEEN, death=100)
    with pytest.warns(DataWarning, match="1 assessments lie before day 1"):
        assert ending({-5.0: "PD", **SEEN})[0] == 148.0
    with pytest.raises(InputError, match="subject 1: death on day -2"):
        ending(SEEN, death=-2)
    with pytest.raises(InputError) as error:
        PfsRules(death="no", new_therapy="no", missed=0, every=-1, window=-1, death_without_scan=0)
    assert len(error.value.problems) == 6


HISTORY = some.lists(some.sampled_from(["PR", "SD", "PD", "NE"]), max_size=6)


@given(
    HISTORY, HISTORY, some.one_of(some.none(), some.integers(1, 400)), some.one_of(some.none(), some.integers(1, 400))
)
@settings(max_examples=60)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_more_reviewers_never_lengthen_it_and_every_row_has_a_reason(
    first: list[str], second: list[str], death: int | None, therapy: int | None
) -> None:
    rows = [(1, 49.0 * k + 50, r, name) for name, one in (("a", first), ("b", second)) for k, r in enumerate(one)]
    rows += [(1, 400.0, "NE", "a"), (1, 400.0, "NE", "b")]
    table = dict(zip(("subject", "day", "response", "reviewer"), zip(*rows, strict=True), strict=True))
    people = {"subject": [1], "death": [death], "new_therapy": [therapy]}
    both = progression_free_survival(table, patients=people).iloc[0]
    assert both["reason"]
    assert both["duration"] >= 1
    for name in "ab":
        alone = progression_free_survival(table, patients=people, reviewer=name).iloc[0]
        if alone["event"]:
            assert both["duration"] <= alone["duration"]
            assert both["event"]
