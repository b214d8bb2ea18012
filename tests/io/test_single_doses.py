"""Tables in which every sample carries the dose of its subject, on invented tables."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pandas
import pytest

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_study
from pkpd.study import Study

HEAD = "Subject,Wt,Dose_mg,Time_h,conc_ng_mL\n"
ROWS = "1,61,25,0,0\n1,61,25,1,8\n1,61,25,4,3\n2,83,50,0,0\n2,83,50,1,17\n2,83,50,4,6\n"


def read(text: str, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(pandas.read_csv(io.StringIO(text)), **options)


def problems(text: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(text, **options)
    return "\n".join(caught.value.problems)


def test_an_amount_in_every_row_is_one_dose_at_time_0() -> None:
    with pytest.warns(DataWarning, match="'Dose_mg' is the same in all rows of a subject or period: 2 doses at time 0"):
        study = read_study(pandas.read_csv(io.StringIO(HEAD + ROWS)))
    apart = read(HEAD.replace("Dose_mg,", "") + ROWS.replace(",25,", ",").replace(",50,", ","))
    assert study.doses[["subject", "time", "amount"]].to_numpy().tolist() == [[1, 0, 25], [2, 0, 50]]
    assert study.observations.drop(columns="row").equals(apart.observations.drop(columns="row"))
    assert dict(study.units)["dose"] == "mg"
    assert list(study.subjects["weight"]) == [61, 83]
    assert study.changing == ()


def test_the_order_of_rows_does_not_matter() -> None:
    turned = HEAD + "".join(reversed(ROWS.splitlines(keepends=True)))
    assert read(turned).data_hash == read(HEAD + ROWS).data_hash


def test_one_dose_a_period_where_the_clock_starts_anew() -> None:
    one = "".join(f"{row},{period}\n" for period in (1, 2) for row in ROWS.splitlines())
    study = read("Subject,Wt,Dose_mg,Time_h,conc_ng_mL,Period\n" + one)
    assert study.doses["clock"].tolist() == [0, 0, 0, 0]
    assert study.doses["amount"].tolist() == [25, 25, 50, 50]
    assert study.observations["clock"].tolist() == [0, 1, 4] * 4


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (HEAD + "1,61,25,0,0\n1,61,25,24,2\n1,61,25,48,3\n", "may be a dose a day"),
        (HEAD.replace("Wt", "Day") + "1,1,25,0,0\n1,1,25,1,8\n1,6,25,120,3\n1,6,25,121,9\n", "days"),
        (HEAD + "1,61,25,0,0\n1,61,25,1,8\n1,61,50,4,3\n", "amounts that change"),
        (HEAD + "1,61,25,0,0\n1,61,25,1,8\n", "two samples"),
    ],
)
def test_what_may_be_several_doses_is_asked(table: str, why: str) -> None:
    told = problems(table)
    assert "columns={'Dose_mg': 'single_dose'} if it is one dose at time 0" in told, why
    if why != "amounts that change":
        study = read(table, columns={"Dose_mg": "single_dose"})
        assert study.doses[["time", "amount"]].to_numpy().tolist() == [[0, 25]]
    else:
        assert "the amount of the subject's other rows" in problems(table, columns={"Dose_mg": "single_dose"})


def test_rows_without_a_value() -> None:
    """At time 0 they only give the dose; later ones without a result are no doses either, and not passed over."""
    study = read(HEAD + ROWS.replace(",0,0\n", ",0,\n"))
    assert study.doses["time"].tolist() == [0, 0]
    assert study.observations["time"].tolist() == [1, 4, 1, 4]
    gap = HEAD + ROWS.replace(",1,8\n", ",1,\n")
    assert "missing='drop'" in problems(gap)
    assert read(gap, missing="drop").observations["time"].tolist() == [0, 4, 0, 1, 4]


def test_a_zero_beside_a_dose_was_drawn_before_it() -> None:
    text = "id,time_h,conc_mg_L,amt_mg,route\n1,0,0,10,ev\n1,1,4,missing,missing\n2,0,0,10,ev\n2,1,3,missing,missing\n"
    study = read(text)
    assert study.observations["mark"].tolist() == ["pre", "", "pre", ""]
    assert study.doses["route"].tolist() == ["oral", "oral"]
    assert "a column 'mark'" in problems(text.replace("1,0,0,10", "1,0,2,10"))


def test_amt_in_every_row_of_a_table_for_pred() -> None:
    study = read("ID,TIME,AMT,DV,MDV\n1,0,100,0,0\n1,1,100,8,0\n1,2,100,5,0\n",
                 units={"time": "h", "dose": "mg", "DV": "ng/mL"})  # fmt: skip
    assert study.doses[["time", "amount"]].to_numpy().tolist() == [[0, 100]]
    assert study.observations["value"].tolist() == [0, 8, 5]


def test_units_in_the_cells() -> None:
    rows = HEAD.replace("_mg,", ",", 1) + ROWS.replace(",25,", ",25 mg,").replace(",50,", ",50 mg,")
    assert read(rows).data_hash == read(HEAD + ROWS).data_hash
    assert "the cells of 'Dose' are in g, mg; expected one unit" in problems(
        rows.replace("1,61,25 mg,1,8", "1,61,25 g,1,8")
    )  # two units: a question
    grouped = read(HEAD.replace("Wt", "Group") + ROWS.replace(",61,", ",25 mg,").replace(",83,", ",50 mg,"))
    assert list(grouped.subjects["Group"]) == ["25 mg", "50 mg"]  # names of groups stay


def test_a_dose_that_is_not_read_is_said() -> None:
    text = HEAD.replace("Dose_mg", "Dosing level (mg)") + ROWS
    with pytest.warns(DataWarning, match="no doses are read; the column 'Dosing level .mg.' is a covariate"):
        study = read_study(pandas.read_csv(io.StringIO(text)))
    assert len(study.doses) == 0
    assert read(text, columns={"Dosing level (mg)": "single_dose"}).doses["amount"].tolist() == [25, 50]
