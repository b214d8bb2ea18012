"""Groups in the order in which one would write them down."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot

from pkpd import nca, plot
from pkpd.nca import nca_sparse, summarise
from pkpd.ordering import ordered
from tests.nca.test_nca_covariates import study

ORDERS = [
    ["3 mg", "10 mg", "30 mg"],
    ["Placebo", "0.3 mg/kg", "1 mg/kg", "10 mg/kg"],
    ["Cohort 1", "Cohort 2", "Cohort 10"],
    ["placebo", "30 ug", "1 mg", "1.5 mg", "0.01 g"],
    ["30 µg", "100 MCG", "1 MG"],
    ["Vehicle", "3 mg/kg Q2W", "3 mg/kg QW", "10 mg/kg QW"],
    ["Arm A, 3 mg", "Arm A, 10 mg", "Arm B, 1 mg"],
    ["1,000 IU", "2,000 IU", "10,000 IU"],
    ["0,5 mg", "1,5 mg", "10 mg"],
    ["3mg", "10mg"],
    ["7 days", "2 weeks", "1 year"],
    ["Day 1", "Day 8", "Day 15"],
    ["1e11 vg/kg", "3e11 vg/kg", "1e13 vg/kg"],
    ["-2 h", "0 h", "4 h"],
    [1.0, 3.0, 10.0],
    ["placebo", 3, 10, "high", None],
    ["a", "B", "c", ""],
]


@pytest.mark.parametrize("right", ORDERS, ids=lambda right: str(right[0]))
def test_groups_stand_as_one_would_write_them(right: list[object]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        shuffled = [right[k] for k in rng.permutation(len(right))]
        assert ordered([*shuffled, *shuffled]) == right


@given(st.lists(st.one_of(st.text(max_size=12), st.integers(), st.floats(allow_nan=False), st.none())))
def test_anything_has_one_order_whatever_it_came_in(labels: list[object]) -> None:
    found = ordered(labels)
    assert ordered(reversed(found)) == found or len({str(one) for one in found}) < len(found)
    assert len(found) == len(dict.fromkeys(labels))


def test_tables_and_pictures_follow_it() -> None:
    data = study(group=["30 mg", "3 mg", "placebo", "100 ug"])
    right = ["placebo", "100 ug", "3 mg", "30 mg"]
    found = nca(data, "C")
    assert summarise(found, by="group")["group"].drop_duplicates().tolist() == right
    both = summarise(found, by=["arm", "group"])[["arm", "group"]].drop_duplicates()
    assert both["group"].tolist() == ["placebo", "100 ug", "3 mg", "30 mg"]  # the arm comes first
    assert nca_sparse(data, "C", by="group")["group"].values.tolist() == right
    boxes = plot.parameter_boxes(found, "cmax", by="group")
    assert [text.get_text().split("\n")[0] for text in boxes.get_xticklabels()] == right
    means = plot.mean_profiles(data, "C", by="group")
    shown = [text.get_text() for text in means.get_legend().get_texts()]
    assert [group for one in shown for group in right if one.split(" (")[0].split(",")[0] == group] == right, shown
    pyplot.close("all")


def test_missing_groups_come_last() -> None:
    table = pandas.DataFrame({"group": ["b", None, "a"], "x": [1.0, 2.0, 3.0]})
    assert summarise(table, by="group")["group"].isna().tolist() == [False, False, True]
