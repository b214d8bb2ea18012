"""What CDISC tables say of records that are not to be used: excluded with the reason, or left out with a count."""

from __future__ import annotations

import warnings
from typing import Any

import pandas
import pytest

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_adnca, read_sdtm
from pkpd.study import Study


def adnca(**more: list[Any]) -> pandas.DataFrame:
    rows = {"USUBJID": ["1"] * 3, "PARAM": ["Drug"] * 3, "AVAL": [5.0, 4.0, 3.0], "AVALU": ["mg/L"] * 3,
            "AFRLT": [1.0, 2.0, 3.0]}  # fmt: skip
    return pandas.DataFrame({**rows, **more})


def quiet(table: pandas.DataFrame) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_adnca(table)


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ({"NCA1XRS": ["", "vomited", ""]}, ["", "vomited", ""]),
        ({"NCAXFL": ["", "Y", ""], "NCA1XRS": ["", "vomited", "late"]}, ["", "vomited", "late"]),
        ({"NCAXFL": ["N", "Y", "N"], "NCA1XRS": ["", "vomited", ""], "NCA2XRS": ["", "late", None]},
         ["", "vomited; late", ""]),
        ({"NCAXFL": ["", "Y", ""], "NCAXRS": ["", "lost", ""], "NCA1XRS": ["", "lost", ""]}, ["", "lost", ""]),
        ({"nca3xrs": [None, None, "thawed"]}, ["", "", "thawed"]),
        ({"NCAXFL": ["", "Y", ""]}, ["", "no reason given", ""]),
        ({"ANL01FL": ["Y", "", "Y"]}, ["", "ANL01FL is not Y", ""]),
        ({"ANL01FL": ["Y", "", "Y"], "NCA1XRS": ["", "vomited", "late"]}, ["", "vomited", "late"]),
        ({"NCA2XFL": ["", "Y", "N"]}, ["", "NCA2XFL is Y", ""]),
        ({"ANL01FL": ["", "", ""]}, ["", "", ""]),
    ],
)  # fmt: skip
def test_exclusions_and_their_reasons(more: dict[str, list[Any]], reasons: list[str]) -> None:
    seen = quiet(adnca(**more)).observations
    assert seen["reason"].tolist() == reasons
    assert seen["excluded"].tolist() == [bool(reason) for reason in reasons]
    assert seen["value"].tolist() == [5.0, 4.0, 3.0]


def test_a_reason_against_the_flag_is_a_problem() -> None:
    with pytest.raises(
        InputError, match="row 2, subject 1, column 'NCAXFL': 'N'; expected Y, since the reason is 'late'"
    ):
        read_adnca(adnca(NCAXFL=["N", "N", "N"], NCA1XRS=["", "late", ""]))


def test_what_is_read_all_the_same_is_counted() -> None:
    with pytest.warns(DataWarning) as caught:
        study = read_adnca(adnca(PKSUMXF=["", "Y", "Y"], DTYPE=["", "", "AVERAGE"]))
    told = " ".join(str(w.message) for w in caught)
    assert "2 records are excluded from summaries (PKSUMXF), not from NCA" in told
    assert "1 records are derived (DTYPE AVERAGE)" in told
    assert len(study.observations) == 3


def test_what_was_not_done_is_counted_with_its_reason() -> None:
    more = {"PCSTAT": ["", "NOT DONE", ""], "PCREASND": ["", "broken tube", ""], "DTYPE": ["", "", "COPY"]}
    with pytest.warns(
        DataWarning, match=r"2 records that are no sample of their own were left out \(1 × COPY, 1 × broken tu"
    ):
        assert len(read_adnca(adnca(**more)).observations) == 1


PC = pandas.DataFrame({"USUBJID": "1", "PCTEST": "Drug", "PCSTRESN": [1.0, 2.0], "PCSTRESU": "mg/L",
                       "PCDTC": ["2020-01-01T09:00", "2020-01-01T10:00"]})  # fmt: skip


@pytest.mark.parametrize(
    ("more", "why"),
    [({"EXSTAT": ["", "NOT DONE"], "EXREASND": ["", "forgotten"]}, "forgotten"),
     ({"EXOCCUR": ["Y", "N"]}, "no reason given"), ({"EXMOOD": ["PERFORMED", "SCHEDULED"]}, "scheduled")],
)  # fmt: skip
def test_doses_that_were_not_given(more: dict[str, list[str]], why: str) -> None:
    ex = pandas.DataFrame({"USUBJID": "1", "EXDOSE": [100, 100], "EXDOSU": "mg", "EXROUTE": "ORAL",
                           "EXSTDTC": ["2020-01-01T08:00", "2020-01-02T08:00"], **more})  # fmt: skip
    with pytest.warns(DataWarning, match=rf"EX: 1 doses were not given and were left out \(1 × {why}\)"):
        assert read_sdtm(PC, ex).doses["time"].tolist() == [0.0]
    none = ex.iloc[[1]]
    with pytest.warns(DataWarning, match="1 subjects have no dose"):
        assert len(read_sdtm(PC, none).doses) == 0


def test_names_of_the_standard_decide() -> None:
    """AVISIT beside VISIT, ALLOQ beside PCLLOQ, USUBJID beside SUBJID: every ADaM table has both."""
    both = adnca(AVISIT=["Day 1"] * 3, VISIT=["V1"] * 3, ALLOQ=[0.1] * 3, PCLLOQ=[0.2] * 3, SUBJID=["9"] * 3)
    seen = quiet(both).observations
    assert seen["occasion"].tolist() == ["Day 1"] * 3
    assert seen["lloq"].tolist() == [0.1] * 3
    with pytest.raises(InputError, match="'PCLLOQ', 'LLOQ' could each be 'ALLOQ'"):
        read_adnca(adnca(PCLLOQ=[0.2] * 3, LLOQ=[0.1] * 3))
