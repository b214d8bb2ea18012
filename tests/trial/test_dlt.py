"""Dose-limiting toxicity: the paper's rules and exceptions, durations that samples bound, and the reason of each answer."""
# ruff: noqa: E501

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.trial import DltRules, Exemption, dose_limiting, grades, laboratory_events
from pkpd.trial.toxicity.spells import longer_than, spells


def ask(term: str, grade: float, kind: str = "clinical", **more: Any) -> tuple[str, str]:
    row = {"subject": 1, "term": term, "grade": grade, "kind": kind, "course": 1, "related": "yes", **more}
    found = dose_limiting(pandas.DataFrame([row])).iloc[0]
    return found["dlt"], found["reason"]


def test_the_only_dose_limiting_toxicity_of_the_paper() -> None:
    assert ask("Rash", 3) == ("yes", "grade 3 Rash: clinical, grade ≥ 3")
    assert ask("Rash", 2)[0] == "no"
    assert ask("Rash", 3, related="no") == ("no", "grade 3 Rash: not related to treatment")
    assert ask("Rash", 3, course=2) == ("no", "grade 3 Rash: course 2")
    assert ask("Rash", 3, related="") == ("undetermined", "grade 3 Rash: relation to treatment not known")
    assert ask("Rash", 3, course=None)[0] == "undetermined"
    assert ask("Rash", np.nan)[0] == "undetermined"


@pytest.mark.parametrize(
    "term",
    ["Lymphocyte count decreased", "White blood cell decreased", "Neutrophil count decreased", "Serum amylase increased",
     "Lipase increased", "Hyponatraemia", "Hypokalemia", "Hypocalcaemia", "Hypomagnesemia", "LEUCOPENIA"],
)  # fmt: skip
def test_exempt_under_the_names_of_later_criteria(term: str) -> None:
    """The terms of CTCAE 4 and 5, and British spelling: the exceptions are of toxicities, not of words."""
    found = ask(term, 4, "laboratory", transient="yes", infection="no", asymptomatic="yes")
    assert found[0] == "no"
    assert "exempt" in found[1]
    assert ask("Platelet count decreased", 4, "laboratory", asymptomatic="yes")[0] == "yes"


def test_a_course_is_its_number() -> None:
    for text in ("1", 1.0, "C1", "Cycle 1", "course 01"):
        assert ask("Rash", 3, course=text)[0] == "yes"
    assert ask("Rash", 3, course="Cycle 12")[0] == "no"
    with pytest.warns(DataWarning, match="no event is of course '1', which alone counts; the events are of Induction"):
        assert ask("Rash", 3, course="Induction")[0] == "no"


def test_exemptions_of_the_protocol() -> None:
    assert ask("Lymphopenia", 4, "laboratory") == ("no", "grade 4 Lymphopenia: exempt")
    assert ask("Leukocytes low", 4, "laboratory")[0] == "no"
    assert ask("Fatigue", 4)[0] == ask("Pyrexia", 3)[0] == "no"
    assert ask("Chills", 3, transient="yes")[0] == "no"
    assert ask("Chills", 3, transient="no")[0] == "yes"
    assert ask("Vomiting", 3, antiemetics="no") == ("no", "grade 3 Vomiting: exempt, no antiemetics")
    assert ask("Nausea", 3, antiemetics="yes")[0] == "yes"
    assert ask("Nausea", 3) == ("undetermined", "grade 3 Nausea: exempt if no antiemetics, which is not said")
    assert ask("Neutrophils low", 4, "laboratory", transient="yes", infection="no")[0] == "no"
    assert ask("Neutrophils low", 4, "laboratory", transient="yes", infection="yes")[0] == "yes"
    assert ask("Neutrophils low", 4, "laboratory", transient="yes")[0] == "undetermined"
    assert ask("Hypophosphatemia", 4, "laboratory", asymptomatic="yes")[0] == "no"
    assert ask("Lipase high", 4, "laboratory", asymptomatic="no")[0] == "yes"
    assert ask("Platelets low", 4, "laboratory")[0] == "yes"


def test_grade_3_for_more_than_3_days() -> None:
    for shortest, longest, expected in (
        (4, 9, "yes"),
        (3, 3, "no"),
        (1, 3, "no"),
        (1, 4, "undetermined"),
        (3, 8, "undetermined"),
        (1, np.nan, "undetermined"),
        (np.nan, 3, "no"),
        (4, np.nan, "yes"),
    ):
        assert ask("ALT high", 3, "laboratory", shortest=shortest, longest=longest)[0] == expected
    assert ask("ALT high", 3, "laboratory", start=2, end=5)[0] == "yes"  # days 2, 3, 4, 5
    assert ask("ALT high", 3, "laboratory", start=2, end=4)[0] == "no"
    assert ask("ALT high", 3, "laboratory", start=2)[1].endswith(
        "lasted 1 to an unknown number of days: whether more than 3 days is not known"
    )
    assert ask("ALT high", 4, "laboratory", start=2, end=2)[0] == "yes"
    assert ask("ALT high", 2, "laboratory", start=2, end=50)[0] == "no"


def test_from_values_to_answers() -> None:
    """Values on days 1, 3, 4, 8, 15: grade 3 on days 4 and 8 lasted 5 to 11 days; on day 3 of another patient, 1 to 6."""
    rows = pandas.DataFrame([(1, 1, 20), (1, 3, 39), (1, 4, 250), (1, 8, 230), (1, 15, 60), (2, 1, 20), (2, 3, 210), (2, 8, 30),
                             (3, 1, 20), (3, 3, 900), (3, 5, 20)], columns=["subject", "day", "value"])  # fmt: skip
    events = laboratory_events(grades(rows.assign(test="ALT", unit="U/L", uln=40, course=1)))
    assert events[["subject", "grade", "start", "end", "shortest", "longest"]].to_numpy().tolist() == [
        [1, 3, 4, 8, 5, 11], [2, 3, 3, 3, 1, 6], [3, 3, 3, 3, 1, 3], [3, 4, 3, 3, 1, 3]
    ]  # fmt: skip
    assert dose_limiting(events.assign(related=True))["dlt"].tolist() == ["yes", "undetermined", "no", "yes"]


def test_a_grade_that_is_a_range() -> None:
    assert ask("Hyperuricemia", np.nan, "laboratory", lowest=1, highest=3, shortest=5, longest=9)[0] == "undetermined"
    assert ask("Hyperuricemia", np.nan, "laboratory", lowest=1, highest=2, shortest=5, longest=9)[0] == "no"
    assert ask("Hyperuricemia", np.nan, "laboratory", lowest=3, highest=4, shortest=5, longest=9)[0] == "yes"


def test_rules_of_another_protocol() -> None:
    rules = DltRules(
        course="", related=False, laboratory_grade=3, lasting_grade=None, exemptions=(Exemption(("rash",)),)
    )
    table = {
        "subject": [1, 2, 3],
        "term": ["RASH", "Lymphopenia", "Nausea"],
        "grade": [3, 3, 3],
        "kind": ["clinical", "laboratory", "clinical"],
    }
    assert dose_limiting(table, rules)["dlt"].tolist() == ["no", "yes", "yes"]
    with pytest.raises(InputError) as error:
        DltRules(clinical_grade=7, lasting_days=-1, exemptions=(Exemption(("rash",), ("treated",)),))
    assert len(error.value.problems) == 3


def test_every_problem_at_once() -> None:
    with pytest.raises(InputError) as error:
        dose_limiting({"subject": [1], "term": ["Rash"], "grade": [3], "start": [5], "end": [4]})
    assert len(error.value.problems) == 4
    with pytest.raises(InputError, match="'transient': 'perhaps'; expected yes, no or nothing"):
        ask("Rash", 3, transient="perhaps")


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=12))
@settings(max_examples=60, deadline=None)
def test_runs_cover_what_was_seen_and_nothing_else(values: list[tuple[int, bool]]) -> None:
    """Each day that was seen lies in one run; a run's shortest time never exceeds its longest."""
    found = spells([day for day, _ in values], [there for _, there in values])
    seen = {day for day, there in values if there}
    for day in range(1, 31):
        inside = [run for run in found if run.first <= day <= run.last]
        if day in seen:
            assert len(inside) == 1
        elif day in {d for d, _ in values}:
            assert not inside
    assert all(run.shortest <= run.longest for run in found)
    assert all(longer_than(run.shortest, run.longest, 3) != "no" or run.last - run.first < 3 for run in found)


CELL: Any = st.one_of(
    st.none(), st.floats(), st.integers(0, 5), st.sampled_from(["Rash", "clinical", "yes"]), st.booleans(), st.just([1])
)


@given(
    st.dictionaries(
        st.sampled_from(["subject", "term", "grade", "kind", "course", "related", "start", "end"]),
        st.lists(CELL, min_size=2, max_size=2),
        min_size=6,
    )
)
@settings(max_examples=40, deadline=None)
def test_malformed_events_are_refused_in_words(cells: dict[str, list[Any]]) -> None:
    frame = pandas.DataFrame({name: pandas.Series(value, dtype=object) for name, value in cells.items()})
    with contextlib.suppress(InputError):
        assert set(dose_limiting(frame)["dlt"]) <= {"yes", "no", "undetermined"}
