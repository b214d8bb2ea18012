"""ADLB, LB, ADAE and AE: tables written for the test, read by the readers' rules into the trial layer."""
# ruff: noqa: E501

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.io.cdisc import read_adae, read_adlb, read_ae, read_lb
from pkpd.trial import dose_limiting, grades, incidence_table, worst_grades

ADLB = pandas.DataFrame({
    "USUBJID": ["1", "1", "1", "2", "2"], "PARAMCD": ["LYM", "LYM", "AST", "LYM", "LYM"],
    "PARAM": ["Lymphocytes (10^9/L)"] * 2 + ["AST (U/L)"] + ["Lymphocytes (10^9/L)"] * 2, "AVAL": [1.4, 0.45, 110, 1.2, 0.1],
    "ANRLO": [1.0, 1.0, 0, 1.0, 1.0], "ANRHI": [4.0, 4.0, 40, 4.0, 4.0], "ADY": [1, 3, 3, 1, np.nan],
    "ADT": ["2014-01-01", "2014-01-03", "", "2014-02-01", "2014-02-04"], "TRTSDT": ["2014-01-01"] * 3 + ["2014-02-01"] * 2,
    "ABLFL": ["Y", "", "", "Y", ""]})  # fmt: skip
LB = pandas.DataFrame({
    "USUBJID": ["1", "1", "1", "1"], "LBTESTCD": ["PHOS", "PHOS", "PHOS", "WBC"], "LBSTRESN": [1.1, 0.62, np.nan, 2.5],
    "LBSTRESC": ["1.1", "0.62", "<0.1", "2.5"], "LBSTRESU": ["mmol/L"] * 3 + ["10^9/L"], "LBSTNRLO": [0.8, 0.8, 0.8, 4], "LBSTNRHI": [1.4, 1.4, 1.4, 11],
    "LBDY": [-1, 5, 8, 5], "LBLOBXFL": ["Y", "", "", ""]})  # fmt: skip
AE = pandas.DataFrame({
    "USUBJID": ["1", "1", "2", "3"], "AEDECOD": ["Rash", "ALT increased", "Rash", "Fatigue"],
    "AEBODSYS": ["Skin and subcutaneous tissue disorders", "Investigations", "Skin and subcutaneous tissue disorders", "General disorders"],
    "AETOXGR": ["3", "GRADE 3", "1", "4"], "AEREL": ["RELATED", "POSSIBLY RELATED", "NOT RELATED", "Y"],
    "AESTDTC": ["2014-01-05", "2014-01-03", "2014-02-02", "2014-03"], "AEENDTC": ["2014-01-09", "2014-01-04", "", "2014-03-09"],
    "RFSTDTC": ["2014-01-01", "2014-01-01", "2014-02-01", "2014-03-01"]})  # fmt: skip


def test_adlb_is_graded() -> None:
    table = read_adlb(ADLB)
    assert table["day"].tolist() == [1, 3, 3, 1, 4]
    assert table["unit"].tolist() == ["10^9/L", "10^9/L", "U/L", "10^9/L", "10^9/L"]
    found = grades(table)
    assert found[["subject", "term", "grade"]].to_numpy().tolist() == [
        [1, "Lymphopenia", 0], [1, "Lymphopenia", 3], [1, "AST high", 2], [2, "Lymphopenia", 0], [2, "Lymphopenia", 4]]  # fmt: skip
    assert len(read_adlb(ADLB, tests=["ast"])) == 1
    with pytest.warns(DataWarning, match="1 derived records"):
        assert len(read_adlb(ADLB.assign(DTYPE=["", "LOCF", "", "", ""]))) == 4
    with pytest.raises(InputError, match="no record with PARAMCD 'LYN'; did you mean 'LYM'"):
        read_adlb(ADLB, tests=["LYN"])


def test_lb_keeps_what_has_no_number() -> None:
    with pytest.warns(DataWarning, match="1 results are texts without a number"):
        table = read_lb(LB)
    found = grades(table)
    assert found["grade"].tolist()[:2] == [0, 2]
    assert found["reason"].tolist()[2] == "not measured"
    assert found["is_baseline"].tolist() == [True, False, False, False]
    assert found["other_unit"].iloc[1] == "by mg/dL: grade 3"


def test_every_problem_of_labs_at_once() -> None:
    with pytest.raises(InputError) as error:
        read_adlb(
            ADLB.assign(AVAL=[1, -1, "x", 1, 1], ABLFL=["Y", "perhaps", "", "", ""], USUBJID=["1", "1", "", "2", "2"])
        )
    assert len(error.value.problems) == 4
    with pytest.raises(InputError, match="no column 'LBSTRESN'"):
        read_lb(LB.drop(columns="LBSTRESN"))


def test_ae_gives_events_with_days_and_relation() -> None:
    with pytest.warns(DataWarning, match="1 dates in AESTDTC are not whole"):
        table = read_ae(AE)
    assert table["start"].tolist()[:3] == [5, 3, 2]
    assert table["end"].tolist()[:2] == [9, 4]
    assert np.isnan(table["start"].iloc[3])
    assert table["kind"].tolist() == ["clinical", "laboratory", "clinical", "clinical"]
    assert table["related"].tolist() == ["yes", "yes", "no", "yes"]
    found = dose_limiting(table.assign(course=1))
    assert found["dlt"].tolist() == ["yes", "no", "no", "no"]  # rash; 2 days; grade 1; fatigue
    made = incidence_table(worst_grades(table), patients=33).table()
    assert made.loc[0].tolist() == ["Rash", "33", "2 (6 %)", "1 (3 %)", "0"]


def test_adae_has_its_own_names() -> None:
    table = pandas.DataFrame({"USUBJID": ["1", "2"], "AEDECOD": ["Rash", "Rash"], "ATOXGR": [3, ""], "AREL": ["MAYBE", "N"],
                              "ASTDY": [5, 6], "AENDY": [7, np.nan], "TRTEMFL": ["Y", ""], "APERIOD": [1, 2]})  # fmt: skip
    with pytest.warns(DataWarning) as said:
        found = read_adae(table)
    assert sorted(str(one.message) for one in said) == [
        "ADAE: 1 events have no grade", "ADAE: 1 relations to treatment are not known words (MAYBE); left empty"]  # fmt: skip
    assert found["emergent"].tolist() == [True, False]
    assert found["course"].tolist() == ["1", "2"]
    assert dose_limiting(found)["dlt"].tolist() == ["undetermined", "undetermined"]


def test_every_problem_of_events_at_once() -> None:
    with pytest.raises(InputError) as error:
        read_ae(
            AE.assign(AETOXGR=["6", "x", "1", ""], AEDECOD=["Rash", "", "Rash", "Fatigue"], AESTDY=["soon", 1, 2, 3])
        )
    assert len(error.value.problems) == 4


CELL: Any = some.one_of(some.none(), some.floats(), some.integers(-3, 9), some.text(max_size=4), some.just([1]))


@given(some.sampled_from([0, 1, 2, 3]), some.data())
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_whatever_stands_in_a_table_is_read_or_refused_in_words(k: int, data: some.DataObject) -> None:
    read = (read_adlb, read_lb, read_ae, read_adae)[k]
    good = (ADLB, LB, AE, AE)[k].head(2).astype(object)
    for name in data.draw(some.lists(some.sampled_from(list(good.columns)), max_size=3)):
        good[name] = pandas.Series(data.draw(some.lists(CELL, min_size=2, max_size=2)), dtype=object)
    with contextlib.suppress(InputError):
        assert len(read(good)) <= 2
