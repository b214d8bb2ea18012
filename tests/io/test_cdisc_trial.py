"""ADRS, ADTTE, RS, TU and TR: tables written for the test, read by the readers' rules into the trial layer."""

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
from pkpd.io.cdisc import read_adrs, read_adtte, read_rs, read_tumours
from pkpd.trial import assess_response, best_response, kaplan_meier


def adtte() -> pandas.DataFrame:
    return pandas.DataFrame({
        "USUBJID": ["S-1", "S-2", "S-3", "S-1"], "PARAMCD": ["PFS", "PFS", "PFS", "OS"],
        "PARAM": ["Progression-Free Survival (Months)"] * 3 + ["Overall Survival (Days)"], "AVAL": [5.6, 3.0, 7.1, 400],
        "CNSR": [0, 1, 2, 0], "EVNTDESC": ["PD", "", "", "DEATH"], "CNSDTDSC": ["", "NEW THERAPY", "LAST SCAN", ""],
        "TRT01A": ["A", "A", "B", "A"]})  # fmt: skip


def test_cnsr_0_is_the_event() -> None:
    table = read_adtte(adtte(), parameter="PFS")
    assert table["event"].tolist() == [True, False, False]
    assert table["reason"].tolist() == ["PD", "NEW THERAPY", "LAST SCAN"]
    assert table["unit"].tolist() == ["months"] * 3
    assert table["arm"].tolist() == ["A", "A", "B"]
    assert kaplan_meier(table, by="arm", unit="months").median()["events"].tolist() == [1, 0]


def test_every_problem_of_adtte_at_once() -> None:
    bad = adtte().assign(AVAL=[5.6, -3.0, np.nan, 4], CNSR=[0, 1.5, "x", -1])
    with pytest.raises(InputError) as error:
        read_adtte(bad)
    text = str(error.value)
    for part in ("2 parameters (PFS, OS)", "row 2, subject S-2, column 'AVAL'", "row 3, subject S-3, column 'AVAL'",
                 "row 2, subject S-2, column 'CNSR'", "row 3, subject S-3, column 'CNSR': 'x'", "row 4"):  # fmt: skip
        assert part in text
    with pytest.raises(InputError, match="no record with PARAMCD 'PFD'; did you mean 'PFS'"):
        read_adtte(adtte(), parameter="PFD")


def test_adrs_gives_responses_by_day_and_reviewer() -> None:
    table = pandas.DataFrame({
        "USUBJID": ["1", "1", "1", "2"], "PARAMCD": ["OVRLRESP"] * 3 + ["BOR"], "AVALC": ["PR", "Missing", "NON-CR/NON-PD", "SD"],
        "ADY": [43, np.nan, 141, 50], "ADT": ["2014-02-12", "2014-04-01", "", ""], "TRTSDT": ["2014-01-01"] * 4,
        "RSEVAL": ["INVESTIGATOR"] * 4})  # fmt: skip
    found = read_adrs(table)
    assert found["response"].tolist() == ["PR", "NE", "non-CR/non-PD"]
    assert found["day"].tolist() == [43.0, 91.0, 141.0]
    assert found["subject"].tolist() == [1, 1, 1]
    assert best_response(found)["response"].tolist() == ["SD"]
    assert read_adrs(table, parameter=None)["parameter"].tolist()[-1] == "BOR"
    with pytest.raises(InputError, match=r"no column 'AVALC'"):
        read_adrs(table.drop(columns="AVALC"))


def test_rs_gives_responses_and_what_was_not_done() -> None:
    table = pandas.DataFrame({
        "USUBJID": ["1"] * 4, "RSTESTCD": ["TRGRESP", "OVRLRESP", "OVRLRESP", "OVRLRESP"], "RSSTRESC": ["PR", "PR", "", "PD"],
        "RSSTAT": ["", "", "NOT DONE", ""], "RSDY": [43, 43, 92, 141], "RSEVAL": ["INDEPENDENT ASSESSOR"] * 4})  # fmt: skip
    assert read_rs(table)["response"].tolist() == ["PR", "NE", "PD"]
    assert read_rs(table, test="TRGRESP")["day"].tolist() == [43.0]
    with pytest.raises(InputError, match=r"row 3.*NOT DONE"):
        read_rs(table.assign(RSSTAT=""))


TU = pandas.DataFrame({
    "USUBJID": ["1"] * 5, "TULNKID": ["T1", "T2", "N1", "X1", "T3"],
    "TUSTRESC": ["TARGET", "TARGET", "NON-TARGET", "NEW", "TARGET"],
    "TULOC": ["LIVER", "LYMPH NODE", "BONE", "LUNG", "LUNG"], "TUDY": [-5, -5, -5, 141, -5],
    "VISIT": ["SCREENING"] * 3 + ["WEEK 20", "SCREENING"]})  # fmt: skip


def tr() -> pandas.DataFrame:
    rows: list[tuple[str, str, Any, str, str, int]] = []
    for visit, day, sizes, state in (
        ("SCREENING", -5, (40.2, 20.0, 1.1), "PRESENT"), ("WEEK 6", 43, (0.0, 8.0, 0.0), "ABSENT"),
        ("WEEK 13", 92, (0.0, 8.0, None), "PRESENT"), ("WEEK 20", 141, (10.0, 12.0, 0.0), "UNEQUIVOCAL PROGRESSION"),
    ):  # fmt: skip
        for name, size in zip(("T1", "T2", "T3"), sizes, strict=True):
            unit = "cm" if name == "T3" else "mm"
            rows.append((name, "LDIAM", size, unit, visit, day if name != "T2" else day + 1))
        rows.append(("N1", "TUMSTATE", state, "", visit, day))
    table = pandas.DataFrame(rows, columns=["TRLNKID", "TRTESTCD", "TRORRES", "TRORRESU", "VISIT", "TRDY"])
    return table.assign(USUBJID="1", TRSTAT=["NOT DONE" if size is None else "" for size in table["TRORRES"]])


def test_lesions_become_sums_of_scans() -> None:
    scans = read_tumours(TU, tr())
    assert scans["visit"].tolist() == ["SCREENING", "WEEK 6", "WEEK 13", "WEEK 20"]
    assert scans["day"].tolist() == [-4.0, 44.0, 93.0, 142.0]
    np.testing.assert_array_equal(scans["sum"], [71.2, 8.0, np.nan, 22.0])
    assert scans["non_target"].tolist() == ["non-CR/non-PD", "CR", "non-CR/non-PD", "PD"]
    assert scans["new"].tolist() == [False, False, False, True]
    assert scans["gone"].tolist() == [False, True, False, False]
    assert read_tumours(TU, tr(), date="earliest")["day"].tolist() == [-5.0, 43.0, 92.0, 141.0]
    assert assess_response(scans, rules="1.1")["response"].tolist()[0] == "CR"


def test_a_given_sum_that_differs_is_said() -> None:
    more = pandas.concat([tr(), pandas.DataFrame({"USUBJID": ["1"], "TRLNKID": [""], "TRTESTCD": ["SUMDIAM"], "TRORRES": [70],
                                                  "TRORRESU": ["mm"], "VISIT": ["SCREENING"], "TRDY": [-5]})])  # fmt: skip
    with pytest.warns(DataWarning, match="1 sums in TR differ"):
        assert read_tumours(TU, more)["sum"][0] == 71.2


def test_lesions_that_nobody_knows_and_units_that_are_none() -> None:
    bad = tr().assign(
        TRLNKID=lambda t: t["TRLNKID"].replace({"T1": "T9"}), TRORRESU=lambda t: t["TRORRESU"].replace({"cm": "kg"})
    )
    with pytest.raises(InputError) as error:
        read_tumours(TU, bad)
    assert "a lesion that TU knows of subject 1" in str(error.value)
    assert "kg" in str(error.value)
    with pytest.raises(InputError, match="TARGET, NON-TARGET or NEW"):
        read_tumours(TU.assign(TUSTRESC="?"), tr())


CELL: Any = some.one_of(
    some.none(), some.floats(), some.integers(-5, 300), some.sampled_from(["1", "PD", "mm", "TARGET", "T1"])
)
NAMES = {
    "adtte": ["USUBJID", "PARAMCD", "AVAL", "CNSR", "AVALU"], "adrs": ["USUBJID", "PARAMCD", "AVALC", "ADY", "ADT", "TRTSDT"],
    "rs": ["USUBJID", "RSTESTCD", "RSSTRESC", "RSDY"], "tu": ["USUBJID", "TULNKID", "TUSTRESC", "TUDY"],
    "tr": ["USUBJID", "TRLNKID", "TRTESTCD", "TRORRES", "TRORRESU", "TRDY"],
}  # fmt: skip


@given(some.data())
@settings(max_examples=60)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_whatever_stands_in_the_tables_is_read_or_refused_in_words(data: some.DataObject) -> None:
    frames = {
        name: pandas.DataFrame(data.draw(some.lists(some.tuples(*[CELL] * len(columns)), max_size=4)), columns=columns, dtype=object)
        for name, columns in NAMES.items()
    }  # fmt: skip
    for verb in (lambda: read_adtte(frames["adtte"]), lambda: read_adrs(frames["adrs"], parameter=None),
                 lambda: read_rs(frames["rs"], test=None), lambda: read_tumours(frames["tu"], frames["tr"])):  # fmt: skip
        with contextlib.suppress(InputError):
            verb()
