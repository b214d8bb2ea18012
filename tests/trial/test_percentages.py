"""Printed percentages and intervals: do they follow from their counts?"""

from __future__ import annotations

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.trial import check_percentages
from pkpd.trial.proportions import percent_text
from pkpd.trial.rendering import as_latex, latex_text


def test_what_follows_has_no_finding() -> None:
    """Table 3 of Bhatia et al. 2014: 21 % [9, 38.9], 61 % [42.1, 77.1], 82 % [64.5, 93] of 33 patients."""
    printed = {
        "what": ["PR", "SD", "disease control"], "events": [7, 20, 27], "patients": 33, "percent": [21, 61, 82],
        "low": [9, 42.1, 64.5], "high": [38.9, 77.1, 93],
    }  # fmt: skip
    assert check_percentages(printed).empty


def test_each_finding_with_its_reason() -> None:
    """9 (29 %) is of 31; 21 % (4/17) is of 19; no count of 17 is 89 %, but 8/9, 16/18, 17/19, 24/27, 25/28 are."""
    printed = pandas.DataFrame([
        ("rash", 9, 33, 29, None, None), ("monotherapy", 4, 17, 21, None, None), ("control", None, 17, 89, None, None),
        ("Wilson", 7, 33, 21, 10.7, 37.8), ("Wald", 7, 33, 21, 7.3, 35.2), ("other", 7, 33, 21, 9, 39),
        ("wrong", 7, 33, 21, 9, 38.8), ("too many", 8, 7, 100, None, None),
    ], columns=["what", "events", "patients", "percent", "low", "high"])  # fmt: skip
    found = check_percentages(printed, most=33)
    assert found[["what", "finding", "explanation"]].to_numpy().tolist() == [
        ["rash", "percentage", "follows from a denominator of 31"],
        ["monotherapy", "percentage", "follows from a denominator of 19"],
        ["control", "impossible", "some count of 9, 18, 19, 27, 28 gives it"],
        ["Wilson", "interval", "it is Wilson's"],
        ["Wald", "interval", "it is Wald's"],
        ["wrong", "interval", "neither exact nor Wilson's nor Wald's"],
        ["too many", "more than all", "there are more events than patients"],
    ]
    assert found["recomputed"].tolist()[:2] == ["9/33 = 27 %", "4/17 = 24 %"]


@given(st.lists(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1))
def test_a_true_percentage_is_never_accused(pairs: list[tuple[int, int]]) -> None:
    events, patients = zip(*pairs, strict=True)
    for decimals in (0, 1):
        shares = [float(percent_text(x, n, decimals)) for x, n in pairs]
        printed = {"what": "x", "events": events, "patients": patients, "percent": shares}
        found = check_percentages(printed)
        assert found.empty


def test_too_little_is_said() -> None:
    with pytest.warns(DataWarning, match="1 of 2 rows say too little to be checked: row 2"):
        assert check_percentages({"what": ["a", "b"], "events": [1, 1], "patients": 4, "percent": [25, None]}).empty
    with pytest.raises(InputError, match="no row has patients and a percentage"):
        check_percentages({"what": ["a"], "events": [1], "patients": [4]})
    with pytest.raises(InputError) as error:
        check_percentages({"what": ["a", ""], "events": [1.5, 1], "patients": [4, 0], "percent": [25, 120]})
    assert len(error.value.problems) == 4


def test_latex_has_no_command_left() -> None:
    assert latex_text(r"50 % of x_1 & {y} \ ~ ^ ≥ κ") == (
        r"50 \% of x\_1 \& \{y\} \textbackslash{} \textasciitilde{} \textasciicircum{} $\geq$ $\kappa$"
    )
    made = as_latex(pandas.DataFrame({"a": ["x"], "n": ["1"]}), "note", words=["a"], kind="longtable", wide=0.2)
    assert made.startswith(r"\begin{longtable}{p{0.2\linewidth}r}")
    assert made.endswith("\\end{longtable}\nnote")
