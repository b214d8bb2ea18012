"""The study: selecting, combining, counting, fingerprint, doses in other units, the notebook's audit."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import warnings

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd import checks
from pkpd.dosing import Dose, bolus
from pkpd.errors import DataWarning, InputError, UnitError
from pkpd.io import read_study
from pkpd.records import DOSE_COLUMNS
from pkpd.study import OBSERVATION_COLUMNS, Study, combine

UNITS = {"time": "h", "dose": "ug/kg", "IL21": "ng/mL", "ALC": "10^9/L", "weight": "kg"}


@pytest.fixture(scope="module")
def study() -> Study:
    observations = pandas.DataFrame(
        {
            "subject": [1, 1, 1, 2, 2, 3],
            "time": [0.1, 1.0, 24.2, 0.0, 1.1, 1.0],
            "nominal_time": [0, 1, 24, 0, 1, 1],
            "analyte": ["IL21", "IL21", "IL21", "ALC", "IL21", "IL21"],
            "value": [300.0, 60.0, "BLQ", 1.5, 0.05, 70.0],
            "excluded": [0, 0, 0, 0, 0, 1],
            "reason": ["", "", "", "", "", "tube broken"],
        }
    )
    doses = pandas.DataFrame(
        {"subject": [1, 1, 2, 3], "time": [0, 24, 0, 0], "amount": [30, 30, 10, 30], "route": "iv"}
    )
    subjects = pandas.DataFrame({"subject": [3, 2, 1], "weight": [80, 60, 70], "sex": ["f", "m", "f"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(observations, doses, subjects, units=UNITS, lloq={"IL21": 0.112}, attrs={"synthetic": True})


def same(one: Study, other: Study) -> None:
    pandas.testing.assert_frame_equal(one.observations.drop(columns="row"), other.observations.drop(columns="row"))
    pandas.testing.assert_frame_equal(one.doses.drop(columns="row"), other.doses.drop(columns="row"))
    pandas.testing.assert_frame_equal(one.subjects, other.subjects)
    assert dict(one.units) == dict(other.units)
    assert one.data_hash == other.data_hash


def test_columns_are_the_contract(study: Study) -> None:
    assert tuple(study.observations.columns) == OBSERVATION_COLUMNS
    assert tuple(study.doses.columns) == DOSE_COLUMNS
    assert list(study.subjects.columns) == ["subject", "weight", "sex"]
    assert study.subject_ids == (1, 2, 3)
    assert study.analytes == ("ALC", "IL21")


def test_nothing_can_be_changed_from_outside(study: Study) -> None:
    before = study.data_hash
    for table in (study.observations, study.used("IL21"), study.doses, study.subjects):
        table.iloc[0, 0] = 99
    assert study.data_hash == before
    with pytest.raises(TypeError):
        study.units["time"] = "min"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        study.notes = ()  # type: ignore[misc]


def test_used_leaves_out_only_the_excluded(study: Study) -> None:
    used = study.used("IL21")
    assert list(used["subject"]) == [1, 1, 1, 2]
    kept = study.observations[study.observations["excluded"]]
    assert list(kept["reason"]) == ["tube broken"]
    with pytest.raises(InputError, match="did you mean 'IL21'"):
        study.used("IL22")


def test_audit_counts(study: Study) -> None:
    counts = study.audit().set_index(["analyte", "time"])
    assert counts.loc[("IL21", 1.0)].to_dict() == {"n": 3, "measured": 1, "blq": 1, "alq": 0, "excluded": 1}
    assert counts.loc[("IL21", 24.0), "blq"] == 1
    assert counts["n"].sum() == len(study.observations)
    assert (counts["measured"] + counts["blq"] + counts["alq"] + counts["excluded"] == counts["n"]).all()


def test_deviations(study: Study) -> None:
    found = study.deviations().set_index(["subject", "analyte", "nominal_time"])["deviation"]
    assert found[1, "IL21", 24.0] == pytest.approx(0.2)
    assert found[2, "ALC", 0.0] == 0.0
    assert len(found) == 6


def test_select_and_combine_give_the_study_back(study: Study) -> None:
    parts = [study.select(subjects=[name]) for name in (3, 1, 2)]
    same(combine(*parts), study)
    assert combine(*parts).attrs["synthetic"] is True
    only = study.select(analytes=["ALC"])
    assert only.analytes == ("ALC",)
    assert only.subject_ids == study.subject_ids
    with pytest.raises(InputError, match=r"subject 9.*\n.*analyte 'ALK'; did you mean 'ALC'"):
        study.select(subjects=[9], analytes=["ALK"])


def test_combine_refuses(study: Study) -> None:
    first, second = study.select(subjects=[1]), study.select(subjects=[2])
    with pytest.raises(InputError, match="subject 1 is in study 1 and study 3"):
        combine(first, second, first)
    with pytest.raises(InputError, match="expected at least one"):
        combine()
    with pytest.raises(InputError, match="unit of 'time' is 'min' in study 2 and 'h' before"):
        combine(first, dataclasses.replace(second, units={**second.units, "time": "min"}))
    texts = second.subjects.assign(subject="2")
    with pytest.raises(InputError, match="numbers in one study and texts"):
        combine(first, dataclasses.replace(second, _subjects=texts))


def test_combined_provenance(study: Study) -> None:
    first = study.select(subjects=[1]).with_attrs(source="A", synthetic=False)
    second = study.select(subjects=[2]).with_attrs(source="B")
    whole = combine(first, second)
    assert whole.attrs["source"] == "A; B"
    assert whole.attrs["synthetic"] is True


def test_doses_in_other_units(study: Study) -> None:
    assert study.doses_in("ng/kg", "day")[1] == (Dose(0, 30_000), Dose(1, 30_000))
    assert study.doses_in("mg", "h")[2][0].amount == pytest.approx(0.6, rel=1e-14)
    with pytest.raises(UnitError, match="cannot be converted"):
        study.doses_in("nmol/kg", "h")
    bare = dataclasses.replace(study, _subjects=study.subjects.drop(columns="weight"))
    assert bare.doses_in("ug/kg", "h")[3] == (Dose(0, 30),)
    with pytest.raises(InputError, match=r"no weight: \[1, 2, 3\]"):
        bare.doses_in("ug", "h")


def test_fingerprint(study: Study) -> None:
    shuffled = dataclasses.replace(study, _observations=study.observations.sample(frac=1, random_state=1), notes=("x",))
    assert shuffled.data_hash == study.data_hash
    for column, value in (("value", 1.0), ("blq", True), ("reason", "x"), ("time", 5.5)):
        table = study.observations
        table.loc[0, column] = value
        assert dataclasses.replace(study, _observations=table).data_hash != study.data_hash
    other = dataclasses.replace(study, units={**study.units, "IL21": "ug/mL"})
    assert other.data_hash != study.data_hash
    assert pickle.loads(pickle.dumps(study)).data_hash == study.data_hash


CELLS = [1.5, -0.0, 0.0, float("nan"), 1e-300, 7, 0, True, False, "a", "", "1", None, pandas.NA]
KINDS = [CELLS, CELLS[:5], [0.25], [3, 4, 10**18], [True, False], ["x", "'x", "x\x1fy"], [None], [float("nan")]]


@given(st.data(), st.integers(0, 12))
def test_the_fingerprint_is_that_of_the_rows_one_by_one(data: st.DataObject, rows: int) -> None:
    """As it was defined when studies were first kept under it: a store knows its study again by it."""
    kinds = data.draw(st.lists(st.sampled_from(KINDS), max_size=6))
    columns = {f"c{k}": data.draw(st.lists(st.sampled_from(kind), min_size=rows, max_size=rows)) for k, kind in
               enumerate(kinds)}  # fmt: skip
    table = pandas.DataFrame({**columns, "row": range(rows)})

    def text(cell: object) -> str:
        if isinstance(cell, str):
            return f"'{cell}"
        if cell is None or cell is pandas.NA:
            return ""
        if isinstance(cell, float | numpy.floating):
            return "" if numpy.isnan(cell) else repr(float(cell) + 0.0)
        return str(cell)

    said = table.drop(columns="row")
    lines = (
        sorted("\x1f".join(map(text, record)) for record in said.itertuples(index=False, name=None)) if kinds else []
    )
    whole = hashlib.sha256(json.dumps([["time", "h"]]).encode())
    whole.update("\x1e".join(["t", *columns, "", *lines]).encode())
    assert checks.fingerprint({"time": "h"}, {"t": table}) == whole.hexdigest()


def test_notebook_audit(study: Study) -> None:
    page = study.with_attrs(source="a <b> & c")._repr_html_()
    for words in ("Synthetic data", "no patient was measured", "a &lt;b&gt; &amp; c", "0.112", "weight, sex", "<svg"):
        assert words in page
    assert page.count("<div") == page.count("</div>")
    assert page.count("<path") == 2  # doses were given at 0 and at 24 h
    assert "Synthetic" not in study.with_attrs(synthetic=False)._repr_html_()
    assert repr(study).startswith("<synthetic Study: 3 subjects; 4 doses")


def test_a_study_without_doses() -> None:
    table = pandas.DataFrame({"id": ["a"], "time": [1], "value": [2]})
    study = read_study(table, units={"time": "h", "CRP": "mg/L"})
    assert study.doses_in("mg", "h") == {"a": ()}
    assert "no doses" in study._repr_html_()
    same(combine(study), study)


@given(st.permutations(range(8)), st.integers(0, 2))
def test_splitting_by_subject_is_invisible(order: list[int], cut: int) -> None:
    table = pandas.DataFrame(
        {
            "subject": numpy.repeat([4, 7, 9, 11], 2),
            "time": [0, 1] * 4,
            "value": range(8),
            "wt": numpy.repeat(range(1, 5), 2),
        }
    )
    units = {"time": "h", "X": "ng/mL"}
    whole = read_study(table.iloc[list(order)], bolus("1 mg"), units=units)
    names = whole.subject_ids
    parts = [read_study(table[table["subject"].isin(some)], bolus("1 mg"), units=units)
             for some in (names[cut + 1 :], names[: cut + 1])]  # fmt: skip
    same(combine(*parts), whole)
