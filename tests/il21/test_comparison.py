"""The paper beside what is computed: every number of il21.md, each agreement by its rule, each check that can fail."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd import InputError, il21
from pkpd.il21.comparison import escalation, exposure, plan, response, toxicity
from pkpd.il21.comparison.findings import findings
from pkpd.il21.comparison.rows import (
    ABOUT,
    AGREEMENTS,
    DIFFERS,
    INSIDE,
    KINDS,
    OUTSIDE,
    SAME,
    Row,
    by_digits,
    by_interval,
    has_digits,
    numbers,
)
from pkpd.il21.comparison.source import Printed, printed
from pkpd.il21.comparison.table import comparison, from_print

# il21.md, sections 1, 2, 6 and 7; trial-rules.md; numbers.json: as they print them.
EXPECTED = {
    "λz, 1/h, single dose": "0.3809", "λz, 1/h, repeated dose": "0.3555",
    "D/mean AUC0–t, mL/h/kg, single dose": "159.6", "D/mean AUC0–t, mL/h/kg, repeated dose": "132.7",
    "geometric mean CL, mL/h/kg, single dose": "168.5", "geometric mean CL, mL/h/kg, repeated dose": "141.5",
    "mean CL, mL/h/kg, single dose": "178.0", "mean CL, mL/h/kg, repeated dose": "150.9",
    "(D/AUC0–t)/λz, mL/kg, single dose": "419", "(D/AUC0–t)/λz, mL/kg, repeated dose": "373",
    "accumulation index, τ = 24 h, single dose": "1.0001", "accumulation index, τ = 24 h, repeated dose": "1.0002",
    "C0 of one compartment, ng/mL, single dose": "71.6", "C0 of one compartment, ng/mL, repeated dose": "80.3",
    "C0 for V1 of 45 and 420 mL/kg, ng/mL": "667, 71",
    "ratio of geometric means, 33 in each group, arithmetic": "1.19 [1.03–1.37]",
    "probability of seeing an event of rate 10 % in 30 patients": "95.761 %", "fewest patients for 95 %": "29",
    "response (CR + PR), independent review, 95 % interval, %": "8.980–38.908",
    "SD, independent review, 95 % interval, %": "42.139–77.093",
    "disease control, independent review, 95 % interval, %": "64.540–93.021",
    "response (CR + PR), investigator": "18.2 % [6.979–35.460]",
    "disease control, investigator": "84.8 % [68.101–94.891]",
    "response (CR + PR), phase 1": "23.1 % [5.038–53.813]", "SD, phase 1": "69.2 % [38.574–90.908]",
    "disease control, phase 1": "92.3 % [63.970–99.805]",
    "agreement of two reviewers": "at most 30 of 33, κ ≤ 0.832",
    "neutralising antibodies to IL-21: share": "5.8 % [1.206–15.947]",
    "patients replaced, phase 1: share": "15.8 % [3.383–39.578]",
    "P(at least 7 of 33) if the true rate is 1 %": "3.4e-08", "P(at least 7 of 33) if the true rate is 2 %": "3.5e-06",
    "P(at least 7 of 33) if the true rate is 9.6 %": "0.034",
    "logistic models of response on biomarkers": "80 % power for an odds ratio of 3.30 per SD",
    "Cox models of PFS on biomarkers, if 20 progressed": "80 % power for a hazard ratio of 1.87 per SD",
    "Cox models of PFS on biomarkers, if 25 progressed": "80 % power for a hazard ratio of 1.75 per SD",
    "Cox models of PFS on biomarkers, if 30 progressed": "80 % power for a hazard ratio of 1.67 per SD",
    "3+3: probability of leaving a dose upwards": "0.9734, 0.9061, 0.7086, 0.4943, 0.3093, 0.1719, 0.0824",
    "patients with a dose-limiting toxicity at 10 ug/kg": "1 of 6",
    "patients with a dose-limiting toxicity at 50 ug/kg": "2 of 4",
    "MTD by 3+3, MTD of 6 patients": "not determined", "MTD by BOIN, target 0.30": "50 ug/kg",
    "MTD by BOIN, target 0.30, estimate ≤ λd": "40 ug/kg",
    "Hyponatremia: grade 1": "17 of 22", "Hyperuricemia: grade 1": "9 of 16",
    "Lymphopenia: grade 3 or 4": "23/33 = 70 %", "Hypophosphatemia: grade 3 or 4": "19/33 = 58 %",
}  # fmt: skip
# Section 6, in its order; the registry's 6 weeks are of section 1.
INCONSISTENT = {
    ("Table 2, Platelets low (printed twice)", "repeated"), ("Table 2, Rash", "percentage"),
    ("introduction, response to IL-21 alone", "percentage"),
    ("introduction, disease control by IL-21 alone", "impossible"),
    ("Table 2, Hyponatremia", "affected"), ("Table 2, Hypokalemia", "affected"),
    ("text, dose of a monotherapy patient", "unit"), ("Table 2, Hypokalemia", "below the rule"),
    ("Table 2, clinical, grade 3", "mixed denominators"), ("Table 1, prior regimens, phase 1", "above the limit"),
    ("abstract", "censored durations"), ("Table 2, Lymphopenia", "mostly severe"),
    ("Table 2, Hypophosphatemia", "mostly severe"), ("phase 1, 40 ug/kg", "not the rule"),
    ("phase 1", "MTD and declared dose"), ("plan", "two values"),
}  # fmt: skip


@cache
def rows() -> dict[str, Row]:
    every = from_print(printed())
    found = {row.what: row for row in every}
    assert len(found) == len(every), "two rows have the same name"
    return found


@pytest.mark.parametrize("what", EXPECTED)
def test_the_digits_of_the_case(what: str) -> None:
    assert rows()[what].computed == EXPECTED[what]


def test_kinds_and_agreements_are_known_and_only_three_things_cannot_be_computed() -> None:
    """Issue 14: only geometric CVs of PK, times of PFS and figures may be 'cannot', each with its reason."""
    assert {row.kind for row in rows().values()} <= set(KINDS)
    assert {row.agreement for row in rows().values()} <= set(AGREEMENTS)
    cannot = [row for row in rows().values() if row.kind == "cannot"]
    assert {row.part for row in cannot} == {"exposure", "progression-free survival", "figures"}
    assert all("CV" in row.what for row in cannot if row.part == "exposure")
    assert all(row.why and row.computed == "–" for row in cannot)


def test_what_differs_is_known() -> None:
    """Nothing else parts from the paper: rash of 31, the cohort at 40, the MTD, and the ratio where n is 20 or 33."""
    apart = comparison([*rows().values()], [], "").differing()
    assert apart["what"].tolist() == [
        "3+3 after 0 of 3 at 40 ug/kg", "MTD by 3+3, MTD of 6 patients", "MTD by 3+3, MTD of 3 patients",
        "Rash, of 33: any, grade 3, grade 4", "ratio of geometric means, 33 in each group, arithmetic",
        "ratio of geometric means, 20 in each group, geometric",
        "ratio of geometric means, 33 in each group, geometric",
    ]  # fmt: skip


def test_every_percentage_of_table_2_but_one() -> None:
    """26 rows, 52 printed percentages; all agree but that of grade 3 rash."""
    table = [row for row in rows().values() if row.part == toxicity.TABLE2 and "any, grade 3" in row.what]
    assert len(table) == 26
    assert [row.what.split(",")[0] for row in table if row.agreement != SAME] == ["Rash"]
    printed_there = paper().toxicity[["any_pct", "grade3_pct", "grade4_pct"]].notna().to_numpy().sum()
    assert sum(row.computed.count("%") for row in table) == printed_there == 52


def test_each_protocol_rule_and_exception_once() -> None:
    found = [row for row in rows().values() if row.part == escalation.LIMITING and row.kind == "input"]
    assert len(found) == 20
    assert all(row.published == row.computed and row.agreement == "agrees" for row in found)


@cache
def paper() -> Printed:
    return printed()


def test_every_inconsistency_of_section_6_is_found_by_a_check() -> None:
    found = list(findings(paper()))
    assert {(one.place, one.finding) for one in found} == INCONSISTENT
    assert len(found) == len(INCONSISTENT)
    assert all(one.check and one.printed for one in found)
    by_place = {(one.place, one.finding): one for one in found}
    assert by_place["Table 2, Rash", "percentage"].explanation == "follows from a denominator of 31"
    assert by_place["introduction, response to IL-21 alone", "percentage"].explanation.endswith("of 19")
    assert by_place["text, dose of a monotherapy patient", "unit"].recomputed == "ug/kg/day"
    assert by_place["Table 2, Hypokalemia", "below the rule"].recomputed == "9/33 = 27 %"


def changed(table: str, row: int, column: str, value: Any) -> Printed:
    """The paper with one other number."""
    other = getattr(paper(), table).copy()
    assert other.loc[row, column] != value
    other.loc[row, column] = value
    return replace(paper(), **{table: other})


def said(**texts: str) -> Printed:
    """The paper with another text."""
    return replace(paper(), said={**paper().said, **{k.replace("_", " "): v for k, v in texts.items()}})


@pytest.mark.parametrize(
    ("broken", "place", "finding"),
    [
        (changed("toxicity", 1, "any_pct", 71), "Table 2, Fatigue", "percentage"),
        (changed("toxicity", 16, "grade3_n", 8), "Table 2, Lipase high", "percentage"),
        (changed("baseline", 0, "phase2_n", 25), "Table 1, sex, phase2", "sum"),
        (changed("baseline", 8, "phase2_n", 9), "Table 1, prior regimens, phase2", "sum"),
        (changed("response", 2, "independent_n", 21), "Table 3, independent", "sum"),
        (changed("response", 1, "independent_n", 8), "response, phase 2", "percentage"),
        (said(**{"response_phase_2_interval": "9–38.8"}), "response, phase 2", "interval"),
        (said(**{"disease_control_phase_2": "81 %"}), "disease control, phase 2", "percentage"),
        (said(**{"sorafenib_reduced": "71 %"}), "sorafenib reduced", "impossible"),
        (said(**{"dose_phase_2": "30 mcg"}), "text, dose phase 2", "unit"),
        (changed("cohorts", 2, "dlt", 2), "phase 1, 30 ug/kg", "not the rule"),
    ],
)
def test_breaking_a_number_makes_a_check_speak(broken: Printed, place: str, finding: str) -> None:
    found = {(one.place, one.finding) for one in findings(broken)}
    assert (place, finding) in found - INCONSISTENT


def test_mending_the_paper_silences_the_checks() -> None:
    """With 27 % of rash, 33 as denominator, per kg and the same weeks, these findings are gone."""
    mended = changed("toxicity", 0, "grade3_pct", 27)
    mended = replace(mended, said={**mended.said, "dose of a monotherapy patient": "50 mcg/kg/day",
                                   "course in the registry": "7 weeks", "ongoing responses": "41 and 30 months",
                                   "response to IL-21 alone": "21 % (4/19)"})  # fmt: skip
    found = {(one.place, one.finding) for one in findings(mended)}
    gone = {("Table 2, Rash", "percentage"), ("Table 2, clinical, grade 3", "mixed denominators"),
            ("text, dose of a monotherapy patient", "unit"), ("plan", "two values"), ("abstract", "censored durations"),
            ("introduction, response to IL-21 alone", "percentage"),
            ("introduction, disease control by IL-21 alone", "impossible")}  # fmt: skip
    assert found == INCONSISTENT - gone


def test_a_changed_number_changes_the_agreement() -> None:
    """A row agrees by its rule: the same row with another printed number differs."""
    other = said(**{"response_phase_2": "22 %", "lloq": "0.113 ng/mL", "course": "6 weeks", "interim_10": "1 of 5"})
    found = {r.what: r.agreement for make in (plan.plan, response.response, escalation.escalation) for r in make(other)}
    for what in ("response (CR + PR), independent review", "limit of quantification of IL-21", "length of a course",
                 "patients with a dose-limiting toxicity at 10 ug/kg"):  # fmt: skip
        assert (rows()[what].agreement, found[what]) == (SAME, DIFFERS)
    high = changed("toxicity", 14, "grade4_n", 14)
    shares = {"any": 96.1, "grade 3": 49.3, "grade 4": 22.9, "low at baseline": 5.2}
    assert [r.agreement for r in toxicity.lymphopenia(paper(), shares, 20_000)] == [INSIDE] * 3
    assert [r.agreement for r in toxicity.lymphopenia(high, shares, 20_000)] == [INSIDE, INSIDE, OUTSIDE]


@given(st.integers(0, 10**6), st.integers(0, 4), st.floats(-0.49, 0.49))
def test_a_value_has_the_digits_that_it_is_rounded_to(number: int, decimals: int, off: float) -> None:
    text = str(Decimal(number).scaleb(-decimals))
    step = 10.0**-decimals
    text = f"{number * step:.{decimals}f}"
    assert has_digits(text, number * step + off * step)
    assert not has_digits(text, number * step + (off + math.copysign(1.02, off)) * step)


def test_rules_of_agreement() -> None:
    """Halves up; approximate within one unit; as many numbers as are printed; IL-21 is a name."""
    assert has_digits("0.5", 0.45)
    assert not has_digits("0.4", 0.45)
    assert not has_digits("5", math.nan)
    assert by_digits("approximately 95 %", [95.761]) == ABOUT
    assert by_digits("95 %", [95.761]) == DIFFERS
    assert by_digits("approximately 95 %", [96.2]) == DIFFERS
    assert by_digits("1 of 6", [1]) == DIFFERS
    assert numbers("IL-21 at 30 mcg/kg, 1.82 h, after IL-2") == ["30", "1.82"]
    assert (by_interval(3, 3, 4), by_interval(2.9, 3, 4)) == (INSIDE, OUTSIDE)


def test_published_numbers_stand_once() -> None:
    """`PUBLISHED`, which the synthetic rows of `python -m pkpd` read, says what the text says."""
    for day in ("single dose", "repeated dose"):
        have = il21.PUBLISHED[day]
        assert exposure._mean_cv(paper(), f"auc {day}") == (have["auc"], have["auc_cv"])
        assert exposure._mean_cv(paper(), f"half-life {day}") == (have["half_life"], have["half_life_cv"])
    counts = paper().counts("independent")
    have = il21.PUBLISHED["response"]
    assert [counts["PR"], counts["SD"]] == [have["PR"], have["SD"]]
    assert counts["PR"] + counts["SD"] == have["disease control"]
    row = paper().toxicity.set_index("term").loc["Lymphopenia"]
    have = il21.PUBLISHED["lymphopenia"]
    assert row[["N", "any_n", "grade3_n", "grade4_n"]].tolist() == [
        have[k] for k in ("patients", "any", "grade 3", "grade 4")
    ]  # fmt: skip
    treated = paper().cohorts.groupby("dose")["treated"].sum().to_dict()
    assert treated == {dose: n for phase, dose, n in il21.COHORTS if phase == "phase 1"}


def test_tables_of_the_paper_are_the_references(reference: Any) -> None:
    """Tables 1 to 3 as in the reference folder; another name is refused with the nearest."""
    files = {"baseline": "table1_baseline", "toxicity": "table2_toxicity", "response": "table3_response"}
    for name, file in files.items():
        there = pandas.read_csv(reference / "figures" / "il21" / f"{file}.csv")
        pandas.testing.assert_frame_equal(il21.published_table(name), there)
    with pytest.raises(InputError, match="baseline"):
        il21.published_table("baselin")


def test_html_and_latex_hold_every_row() -> None:
    found = comparison([*rows().values()], [*findings(paper())], "note & source")
    page, paper_tex = found.html(), found.latex()
    assert page.count("<tr") >= len(found.rows) + len(found.findings)
    assert "κ ≤ 0.832" in page
    assert paper_tex.count(r" \\") == len(found.rows) + len(found.findings) + 2
    assert r"$\kappa$ $\leq$ 0.832" in paper_tex
    assert r"95.761 \%" in paper_tex
    assert r"note \& source" in paper_tex
    assert found.counts().to_numpy().sum() == len(found.rows)
    assert f"{len(found.rows)} rows, 7 of which differ; 16 findings" in found.summary()
    pandas.testing.assert_frame_equal(il21.check_paper(), found.findings)


@pytest.mark.parametrize("wrong", [{"subjects": 0}, {"seed": -1}, {"subjects": "many"}])
def test_bad_arguments(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="whole number"):
        il21.compare_with_paper(**wrong)
