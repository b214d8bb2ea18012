"""NONMEM data sets: every code read, the reference cases through the public call, malformed tables by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from pkpd import define, predict
from pkpd.errors import InputError
from pkpd.io import read_nonmem
from pkpd.model import Model


def model() -> Model:
    """One compartment with absorption; what acts on doses of the central one comes from the records."""
    return define(
        {"DEPOT": "-KA*DEPOT", "CENT": "KA*DEPOT - CL/V*CENT"}, {"CL": 1.1, "V": 20.0, "KA": 1.5},
        outputs={"CP": "CENT/(V/1000)"}, doses={"oral": "DEPOT", "bolus": "CENT", "infusion": "CENT"},
        lag={"CENT": "LAGT"}, bioavailability={"CENT": "BIOAV"}, infusion_rate={"CENT": "RAT2"},
        infusion_duration={"CENT": "DUR2"}, covariates=("LAGT", "BIOAV", "RAT2", "DUR2"),
    )  # fmt: skip


def test_all_29_event_cases_in_one_call(reference: Path) -> None:
    folder = reference / "external/nonmem/events"
    records = read_nonmem(folder / "1001_input.csv")
    assert len(records.subject_ids) == 29
    found = predict(model(), records)
    answers = pandas.read_csv(folder / "1001_nonmem.csv")
    seen = (found["kind"].isin(["observation", "question"])).to_numpy()
    tops = answers.groupby("ID")["CP"].transform("max").to_numpy()
    error = np.abs(found["CP"].to_numpy() - answers["CP"].to_numpy())
    assert (error[seen] <= 1e-4 * answers["CP"].to_numpy()[seen] + 1e-6 * tops[seen]).all()


def test_covariate_that_changes(reference: Path) -> None:
    folder = reference / "external/nonmem/events"
    weighed = define(
        {"DEPOT": "-KA*DEPOT", "CENT": "KA*DEPOT - TVCL*(WT/70)**0.75/V*CENT"}, {"TVCL": 1.1, "V": 20.0, "KA": 1.5},
        outputs={"CONC": "CENT/(V/1000)", "CLI": "TVCL*(WT/70)**0.75"}, doses={"oral": "DEPOT"}, covariates=("WT",),
    )  # fmt: skip
    found = predict(weighed, read_nonmem(folder / "2001_input.csv"))
    answers = pandas.read_csv(folder / "2001_nonmem.csv")
    np.testing.assert_allclose(found["CONC"], answers["CP"], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found["CLI"], answers["CL"], rtol=1e-4)


def table(**changed: object) -> pandas.DataFrame:
    rows = {
        "ID": [1, 1, 1, 2, 2], "TIME": [0, 1, 2, 0, 3], "EVID": [1, 0, 0, 1, 0], "AMT": [100, 0, 0, 50, 0],
        "CMT": [2, 0, 0, 2, 0], "RATE": [0, 0, 0, 25, 0], "WT": [70, 80, 90, 60, 60],
    }  # fmt: skip
    return pandas.DataFrame({**rows, **changed})


def linear(covariate: bool = False) -> Model:
    rate = "WT/700" if covariate else "0.1"
    return define(
        {"G": "-G", "A": f"G - {rate}*A"}, {"k": 1.0}, outputs={"A": "A"},
        doses={"oral": "G", "bolus": "A", "infusion": "A"}, covariates=("WT",) if covariate else (),
    )  # fmt: skip


def test_next_value_backward_and_last_value_forward() -> None:
    backward = predict(linear(True), read_nonmem(table()))["A"].to_numpy()
    forward = predict(linear(True), read_nonmem(table(), covariates="last"))["A"].to_numpy()
    np.testing.assert_allclose(backward[1:3], 100 * np.exp(-np.array([80, 170]) / 700), rtol=1e-12)
    np.testing.assert_allclose(forward[1:3], 100 * np.exp(-np.array([70, 150]) / 700), rtol=1e-12)


def test_names_in_lower_case_dots_and_defaults() -> None:
    plain = table().drop(columns="EVID").rename(columns=str.lower).replace({"amt": {0: "."}})
    np.testing.assert_array_equal(
        predict(linear(), read_nonmem(plain))["A"], predict(linear(), read_nonmem(table()))["A"]
    )


def test_a_record_before_the_dose_of_its_time_sees_nothing_of_it() -> None:
    order = pandas.DataFrame({"ID": 1, "TIME": [0, 0, 0], "EVID": [0, 1, 0], "AMT": [0, 10, 0], "CMT": [0, 2, 0]})
    assert predict(linear(), read_nonmem(order))["A"].tolist() == [0.0, 10.0, 10.0]


def test_compartments_by_number_or_by_name() -> None:
    records = read_nonmem(table())
    named = predict(linear(), records, {1: "G", 2: "A"})
    assert named["A"].equals(predict(linear(), records)["A"])
    with pytest.raises(InputError, match="compartment 2 is no state"):
        predict(linear(), records, {1: "G"})
    with pytest.raises(InputError, match="did you mean 'WT'"):
        predict(define({"A": "-WTX*A"}, {"k": 1.0}, outputs={"A": "A"}, doses={"bolus": "A"}, covariates=("WTX",)),
                records, {2: "A"})  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"EVID": [7, 0, 0, 1, 0]}, "row 1, ID 1, column EVID"),
        ({"AMT": [100, 5, 0, 50, 0]}, "row 2, ID 1, column AMT"),
        ({"AMT": [-1, 0, 0, 50, 0]}, "row 1, ID 1, column AMT"),
        ({"RATE": [0, 0, 0, -3, 0]}, "row 4, ID 2, column RATE"),
        ({"TIME": [0, 2, 1, 0, 3]}, "row 3, ID 1, column TIME"),
        ({"CMT": [2.5, 0, 0, 2, 0]}, "row 1, ID 1, column CMT"),
        ({"SS": [1, 0, 0, 0, 0]}, "row 1, ID 1, column II"),
        ({"SS": [5, 0, 0, 0, 0], "II": [2, 0, 0, 0, 0]}, "row 1, ID 1, column SS"),
        ({"ADDL": [2, 0, 0, 0, 0]}, "row 1, ID 1, column II"),
        ({"ADDL": [1.5, 0, 0, 0, 0], "II": [2, 0, 0, 0, 0]}, "row 1, ID 1, column ADDL"),
        ({"AMT": ["x", 0, 0, 50, 0]}, "row 1, column AMT"),
        ({"AMT": [".", 0, 0, 50, 0]}, "row 1, ID 1, column AMT: missing; expected an amount"),
        ({"AMT": [100, 0, 0, None, 0]}, "row 4, ID 2, column AMT: missing"),
        ({"AMT": [0, 0, 0, 50, 0]}, "row 1, ID 1, column AMT: 0; expected an amount > 0"),
        ({"CMT": [-2, 0, 0, 2, 0]}, "row 1, ID 1, column CMT: -2; expected a compartment that is on"),
        ({"CMT": ["2a", 0, 0, 2, 0]}, "row 1, column CMT: '2a'; expected a number or a state's name"),
        (
            {"AMT": [0, 0, 0, 50, 0], "RATE": [5, 0, 0, 0, 0], "SS": [1, 0, 0, 0, 0], "II": [12, 0, 0, 0, 0]},
            "row 1, ID 1, column II: 12; expected 0 for a constant infusion",
        ),
        ({"AMT": [0, 0, 0, 50, 0], "RATE": [-2, 0, 0, 0, 0], "SS": [1, 0, 0, 0, 0]}, "row 1, ID 1, column RATE: -2"),
        ({"EVID": [1, 0, 3, 1, 0], "TIME": [5, 4, 1, 0, 3]}, "row 2, ID 1, column TIME: 4; expected a time not before"),
        ({"II": [0, 0, 3, 0, 0]}, "row 3, ID 1, column II: 3; expected 0 in a record that gives no dose"),
        ({"TIME": [0, np.nan, 2, 0, 3]}, "row 2, ID 1, column TIME"),
        ({"AMT": [100, 0, 0, np.inf, 0]}, "row 4, ID 2, column AMT"),
        ({"RATE": [0, 0, 0, np.inf, 0]}, "row 4, ID 2, column RATE"),
        ({"ADDL": [2, 0, 0, 0, 0], "II": [np.inf, 0, 0, 0, 0]}, "row 1, ID 1, column II"),
    ],
)
def test_malformed_records_are_named(changed: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_nonmem(table(**changed))


def test_what_predpp_accepts_is_read() -> None:
    """An interval without additional doses, negative times, a subject that comes again, a reset that starts anew."""
    records = read_nonmem(table(II=[12, 0, 0, 0, 0], TIME=[-3, -1, 2, 0, 3], ID=[1, 1, 1, 2, 1]))
    assert records.subject_ids == ("1", "1 (2)", "2")
    assert records.doses["interval"].tolist()[0] == 12
    assert records.records.query("subject == '1'")["time"].tolist() == [-3, -1, 2]
    again = read_nonmem(table(EVID=[1, 0, 3, 1, 0], TIME=[0, 9, 0, 0, 3]))
    assert again.records.query("subject == 1")["time"].tolist() == [0, 9, 10]
    assert again.records["clock"].tolist() == [0, 9, 0, 0, 3]


def test_every_problem_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read_nonmem(table(EVID=[7, 0, 0, 8, 0], TIME=[0, 2, 1, 0, 3]))
    assert len(caught.value.problems) >= 3
    with pytest.raises(InputError, match="no column 'TIME'"):
        read_nonmem(pandas.DataFrame({"ID": [1]}))


def test_a_thousand_malformed_tables_give_the_documented_error() -> None:
    rng = np.random.default_rng(4)
    odd = [-1, 0.5, 1e308, -2, 3, "x", None, float("inf"), float("nan"), ""]
    failed = 0
    names = list(table())
    for _ in range(1000):
        frame = table().astype(object)
        for _ in range(rng.integers(1, 4)):
            frame.loc[rng.integers(5), names[rng.integers(len(names) - 1)]] = odd[rng.integers(len(odd))]
        try:
            read_nonmem(frame)
        except InputError:
            failed += 1
    assert failed > 500


@pytest.mark.parametrize("column", ["TIME", "DV", "AMT", "WT"])
def test_a_number_too_large_for_the_machine_is_a_problem(column: str) -> None:
    table = pandas.DataFrame({"ID": [1, 1], "TIME": [0, 1], "DV": [0, 2], "AMT": [1, 0], "WT": [70, 70]}, dtype=object)
    table.loc[0 if column == "AMT" else 1, column] = 10**400
    with pytest.raises(InputError, match=column):
        read_nonmem(table, units={"time": "h", "DV": "mg/L", "dose": "mg"})
