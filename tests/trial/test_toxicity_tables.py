"""Worst grades, shift and incidence tables; the paper's Table 2 and what does not agree in it."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.trial import check_incidence, grade_times, grades, incidence_table, shift_table, worst_grades


def graded() -> pandas.DataFrame:
    """Three patients: 1 is worse after baseline, 2 had it before, 3 has a baseline only."""
    rows = [(1, 1, 1.5), (1, 3, 0.4), (1, 8, 0.9), (1, 50, 0.7), (2, 1, 0.4), (2, 3, 0.45), (3, 1, 1.2)]
    table = pandas.DataFrame(rows, columns=["subject", "day", "value"])
    course = ["", 1, 1, 2, "", 1, ""]
    return grades(table.assign(test="ALC", unit="10^9/L", lln=1.0, course=course))


def test_worst_after_baseline_and_treatment_emergent() -> None:
    worst = worst_grades(graded())
    assert worst["grade"].tolist()[:2] == [3, 3]
    assert np.isnan(worst["grade"].iloc[2])
    assert worst["day"].tolist()[:2] == [3, 3]
    assert worst["values"].tolist() == [3, 1, 0]
    assert worst["baseline"].tolist() == [0, 3, 0]
    assert worst_grades(graded(), which="treatment-emergent")["grade"].tolist()[:2] == [3, 0]


def test_worst_of_each_course() -> None:
    worst = worst_grades(graded(), by=("subject", "course", "term")).query("values > 0")
    assert worst[["subject", "course", "grade"]].to_numpy().tolist() == [[1, "1", 3], [1, "2", 2], [2, "1", 3]]
    with pytest.raises(InputError) as error:
        worst_grades(graded(), by=("subject", "cours"), which="all")
    assert len(error.value.problems) == 2


def test_a_range_stays_a_range() -> None:
    rows = pandas.DataFrame(
        {
            "subject": 1,
            "day": [1, 5, 6],
            "test": "uric acid",
            "value": [6, 8, 9],
            "unit": "mg/dL",
            "uln": 7,
            "consequence": ["", "", "no"],
        }
    )
    worst = worst_grades(grades(rows))
    assert worst[["lowest", "highest"]].to_numpy().tolist() == [[1, 3]]
    assert worst["grade"].isna().all()


def test_what_stands_before_the_baseline_of_the_same_day_is_not_after_it() -> None:
    """Of two values of day 1 the last is the baseline; the other, of grade 3, was no effect of treatment either."""
    rows = pandas.DataFrame({"subject": 1, "day": [1, 1, 3], "test": "ALC", "value": [0.3, 1.4, 0.7], "unit": "10^9/L",
                             "lln": 1.0})  # fmt: skip
    with pytest.warns(DataWarning, match="1 baselines are one of several values of the same day"):
        found = grades(rows)
    assert worst_grades(found)[["grade", "values", "day"]].to_numpy().tolist() == [[2, 1, 3]]
    assert shift_table(found).loc[("Lymphopenia", "0"), "2"] == 1
    times = grade_times(found, least=2).iloc[0]
    assert (times["onset"], times["grade 0 percent"]) == (3, 100)


def test_treatment_emergent_where_the_baseline_is_a_range() -> None:
    """Uric acid above ULN is grade 1 or 3 by its consequence, before treatment and after."""
    rows = pandas.DataFrame({"subject": [1, 1, 2, 2, 3, 3, 4, 4], "day": [1, 8] * 4, "test": "uric acid", "uln": 7.0,
                             "value": [8.0, 8.0, 8.0, 11.0, 5.0, 8.0, 11.0, 8.0], "unit": "mg/dL"})  # fmt: skip
    worst = worst_grades(grades(rows), which="treatment-emergent")
    assert worst[["lowest", "highest"]].to_numpy().tolist() == [[0, 3], [4, 4], [1, 3], [0, 0]]
    assert np.isnan(worst["baseline"].iloc[0])


def test_shift_counts_every_patient_once() -> None:
    table = shift_table(graded())
    assert table.loc[("Lymphopenia", "0"), "3"] == 1
    assert table.loc[("Lymphopenia", "3"), "3"] == 1
    assert table.loc[("Lymphopenia", "0"), "not known"] == 1
    assert table["total"].sum() == 3


def people(name: str, any_n: int, g3: int, g4: int, size: int) -> list[tuple[int, str, int]]:
    """Patients whose worst grades have these counts."""
    worst = [4] * g4 + [3] * g3 + [1] * (any_n - g3 - g4) + [0] * (size - any_n)
    return [(k, name, grade) for k, grade in enumerate(worst)]


def test_table_2_of_the_paper_comes_out_as_printed() -> None:
    """Bhatia et al. 2014, Table 2: every percentage from the counts, except grade 3 rash (9 of 31)."""
    printed = pkpd.il21.published_table("toxicity")
    for row in printed.fillna(0).itertuples(index=False):
        rows = people(row.term, int(row.any_n), int(row.grade3_n), int(row.grade4_n), int(row.N))
        made = incidence_table(pandas.DataFrame(rows, columns=["subject", "term", "grade"])).table().iloc[0]
        g3 = 27 if row.term == "Rash" else int(row.grade3_pct)
        expected = [
            f"{int(n)} ({int(pct)} %)" if n else "0"
            for n, pct in ((row.any_n, row.any_pct), (row.grade3_n, g3), (row.grade4_n, row.grade4_pct))
        ]
        assert made.tolist() == [row.term, str(int(row.N)), *expected]


def test_lymphopenia_is_disjoint_by_grade() -> None:
    made = incidence_table(
        pandas.DataFrame(people("Lymphopenia", 32, 16, 7, 33), columns=["subject", "term", "grade"])
    ).counts.iloc[0]
    assert made[["any", "grade 1", "grade 3", "grade 4"]].tolist() == [32, 9, 16, 7]
    assert made["any low"] < 100 * 32 / 33 < made["any high"]


def test_inconsistencies_are_found_and_not_repaired() -> None:
    """Section 6 of the case: rash 9/31, platelets twice, hyponatremia and hypokalemia as counts of affected."""
    found = check_incidence(pkpd.il21.published_table("toxicity"), at_least={"laboratory": 50})
    pairs = found[["term", "finding"]].to_numpy().tolist()
    assert pairs == [
        ["Rash", "percentage"], ["Lymphopenia", "mostly severe"], ["Hypophosphatemia", "mostly severe"],
        ["Hyponatremia", "affected"], ["Platelets low (printed twice)", "repeated"],
        ["Hypokalemia", "affected"], ["Hypokalemia", "below the rule"],
    ]  # fmt: skip
    assert found["explanation"].iloc[0] == "follows from a denominator of 31"
    assert found["recomputed"].iloc[-1] == "9/33 = 27 %"
    # v3 has no grade 2 of sodium and uric acid: what is neither 3 nor 4 is grade 1.
    printed = pkpd.il21.published_table("toxicity").set_index("term").fillna(0)
    mild = printed["any_n"] - printed["grade3_n"] - printed["grade4_n"]
    assert (mild["Hyponatremia"], mild["Hyperuricemia"]) == (17, 9)


def test_a_correct_table_has_no_finding() -> None:
    fine = {
        "term": ["a", "b"],
        "N": [33, 33],
        "any_n": [20, 3],
        "any_pct": [61, 9],
        "grade3_n": [2, 0],
        "grade3_pct": [6, 0],
        "grade4_n": [0, 0],
        "grade4_pct": [0, 0],
    }
    assert not len(check_incidence(fine))
    assert check_incidence({**fine, "any_n": [40, 3]})["finding"].tolist() == ["percentage", "more than all"]


def test_own_denominators_rule_and_unknown() -> None:
    rows = [*people("AST high", 3, 1, 0, 4), (9, "AST high", np.nan), *people("Lipase high", 1, 0, 0, 10)]
    table = pandas.DataFrame(rows, columns=["subject", "term", "grade"])
    with pytest.warns(DataWarning, match="1 worst grades are not known"):
        made = incidence_table(table, at_least=20)
    assert made.counts[["term", "N", "any", "unknown"]].to_numpy().tolist() == [["AST high", 4, 3, 1]]
    assert made.note == "1 of 2 terms below 20 % are left out."
    events = pandas.DataFrame({"subject": [1, 1, 2], "term": "Rash", "grade": [1, 3, 2]})
    assert incidence_table(events, patients=33).table()["any"].tolist() == ["2 (6 %)"]
    assert incidence_table(events, patients={"Rash": 31}).table()["grade 3"].tolist() == ["1 (3 %)"]
    with pytest.raises(InputError, match="2 patients have a row, of 1"):
        incidence_table(events, patients=1)


def test_text_html_and_latex_say_the_same() -> None:
    events = pandas.DataFrame(
        {
            "subject": [1, 2, 1],
            "term": ["Rash & itch", "Rash & itch", "AST high"],
            "grade": [3, 1, 1],
            "kind": ["clinical", "clinical", "laboratory"],
        }
    )
    made = incidence_table(events, patients=10, at_least=5)
    assert "Rash & itch 10 2 (20 %) 1 (10 %)       0" in " ".join(made.text().split(" ")) or "2 (20 %)" in made.text()
    assert r"Rash \& itch & 10 & 2 (20 \%) & 1 (10 \%) & 0 \\" in made.latex()
    page = made.html()
    assert page.count("<tr") >= 3
    assert "Rash &amp; itch" in page
    assert "2 (20 %)" in page


@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["a", "b"]), st.integers(0, 5)), min_size=1, max_size=30))
@settings(max_examples=15, deadline=None)
def test_grades_sum_to_any_and_no_patient_counts_twice(rows: list[tuple[int, str, int]]) -> None:
    table = pandas.DataFrame(rows, columns=["subject", "term", "grade"])
    made = incidence_table(table).counts
    assert (made[[f"grade {g}" for g in range(1, 6)]].sum(axis=1) == made["any"]).all()
    for row in made.itertuples():
        assert len({s for s, term, _ in rows if term == row.term}) == row.N
        assert row.any == len({s for s, term, g in rows if term == row.term and g})
    assert shift_table(table.assign(day=5))["total"].sum() == len({(s, t) for s, t, _ in rows})
