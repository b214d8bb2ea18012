"""Observed: rows, ends, parts, occasions and covariates that change, against what the study says."""

from __future__ import annotations

import itertools

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd
from pkpd.errors import InputError
from pkpd.io import read_nonmem
from pkpd.model import Model, define
from pkpd.observed import ABOVE, BELOW, INTERVAL, MEASURED, NO_LIMIT, observe
from pkpd.study import Study
from tests.examples import budget

UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}
pytestmark = pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")


def model(*covariates: str) -> Model:
    return define(
        {"A": "-CL/V*A"}, {"CL": "5 L/h", "V": "50 L"}, outputs={"C": "A/V"}, doses={"bolus": "A", "infusion": "A"},
        covariates=covariates, units={"C": "mg/L"}, base={"time": "h", "amount": "mg", "volume": "L"},
    )  # fmt: skip


def table(**columns: object) -> pandas.DataFrame:
    rows = {"ID": [1, 1, 1, 1, 2, 2], "TIME": [0, 1, 2, 3, 0, 5], "AMT": [100, 0, 0, 0, 50, 0],
            "EVID": [1, 0, 0, 0, 1, 0], "DV": [0, 2, 1.5, 1, 0, 0.4]}  # fmt: skip
    return pandas.DataFrame({**rows, **columns})


def test_ends_of_every_kind_of_sample() -> None:
    censored = table(CENS=[0, 0, 1, -1, 0, 1], LIMIT=[".", ".", ".", ".", ".", 0.1], DV=[0, 2, 1.5, 9, 0, 0.4])
    rows = observe(model(), read_nonmem(censored, units=UNITS))
    assert rows.kind.tolist() == [MEASURED, BELOW, ABOVE, INTERVAL]
    assert rows.lower.tolist() == [2.0, -np.inf, 9.0, 0.1]
    assert rows.upper.tolist() == [2.0, 1.5, np.inf, 0.4]
    assert rows.value.tolist() == [2.0, 1.5, 9.0, 0.4]


def test_a_sample_without_a_known_limit_is_simulated_and_not_fitted() -> None:
    plain = pandas.DataFrame({"subject": [1, 1, 2], "time": [1, 2, 1], "C": [2.0, "BLQ", "BLQ"]})
    study = pkpd.read_study(plain, pkpd.bolus("100 mg"), units={"time": "h", "C": "mg/L", "dose": "mg"})
    rows = observe(model(), study)
    assert rows.kind.tolist() == [MEASURED, NO_LIMIT, NO_LIMIT]
    with pytest.warns(pkpd.DataWarning, match="2 censored samples of C have no limit"):
        kept = rows.usable()
    assert (kept.subjects, kept.kind.tolist()) == ((1,), [MEASURED])
    assert pkpd.simulate(model(), study).sizes["record"] == 3


def test_units_are_the_models() -> None:
    units = {"time": "day", "dose": "ug", "DV": "ng/mL"}
    rows = observe(model(), read_nonmem(table(), units=units))
    np.testing.assert_allclose(rows.time, [24, 48, 72, 120])
    np.testing.assert_allclose(rows.upper, np.array([2, 1.5, 1, 0.4]) * 1e-3)
    assert rows.doses[0][0].amount == pytest.approx(0.1)


def test_the_order_of_rows_says_which_doses_come_first() -> None:
    order = pandas.DataFrame({"ID": 1, "TIME": [0, 0, 0, 0, 0], "EVID": [0, 1, 0, 1, 0], "AMT": [0, 10, 0, 5, 0],
                              "DV": [0.1, 0, 0.2, 0, 0.3]})  # fmt: skip
    study = read_nonmem(order, units=UNITS)
    assert observe(model(), study).after[0].tolist() == [0, 1, 2]
    assert pkpd.simulate(model(), study)["value"].values[0].tolist() == [0.0, 0.2, 0.3]
    assert study.observations["mark"].tolist() == ["pre", "post", "post"]


@pytest.mark.parametrize("carried", ["next", "last"])
def test_a_covariate_that_changes(carried: str) -> None:
    study = read_nonmem(table(WT=[70, 70, 80, 80, 60, 60]), units=UNITS, covariates=carried)
    rows = observe(model("WT"), study)
    assert rows.covariates[:, 0].tolist() == [70, 80, 60]
    assert [list(own) for own in rows.changes] == [[1.0 if carried == "next" else 2.0], []]
    assert rows.value_subject.tolist() == [0, 0, 1]
    assert [own.tolist() for own in rows.time_rows] == [[0, 1, 1], [0]]
    assert [own.tolist() for own in rows.dose_rows] == [[0], [0]]


def test_occasions_are_indicators() -> None:
    study = read_nonmem(table(OCC=[1, 1, 2, 2, 2, 2]), units=UNITS)
    rows = observe(model("occasion_1", "occasion_2"), study)
    assert rows.occasions == ("1", "2")
    assert rows.covariates.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert rows.occasion.tolist() == [0, 1, 1, 1]
    with pytest.raises(InputError, match="unknown covariate 'occasion_x'"):
        observe(model("occasion_x"), study)


def test_nothing_changes_where_the_model_does_not_ask() -> None:
    rows = observe(model(), read_nonmem(table(WT=[70, 70, 80, 80, 60, 60]), units=UNITS))
    assert rows.time_rows is None
    assert len(rows.covariates) == 2


def test_what_is_missing_is_named() -> None:
    study = read_nonmem(table(WT=[70, 70, 70, 70, ".", "."]), units=UNITS)
    with pytest.raises(InputError, match="covariate 'WT' of subject 2 is missing"):
        observe(model("WT"), study)
    with pytest.raises(InputError, match="did you mean 'WT'"):
        observe(model("WTX"), study)
    switched = pandas.DataFrame({"ID": 1, "TIME": [0, 1, 2], "EVID": [1, 2, 0], "AMT": [9, 0, 0], "CMT": [1, -1, 0],
                                 "DV": [0, 0, 1]})  # fmt: skip
    with pytest.raises(InputError, match="row 2 turns a compartment on or off"):
        observe(model(), read_nonmem(switched, units=UNITS))


@budget(max_examples=100, deadline=None)
@given(st.data())
def test_parts_are_the_studies_of_their_subjects(data: st.DataObject) -> None:
    """Taking a part of the arrays equals making the arrays of a part of the study."""
    count = data.draw(st.integers(2, 5))
    rows = []
    for subject in range(1, count + 1):
        rows.append({"ID": subject, "TIME": 0.0, "AMT": 10.0, "EVID": 1, "DV": 0, "WT": 70.0})
        for time in sorted(data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=4))):
            weight = data.draw(st.sampled_from([60.0, 70.0]))
            rows.append({"ID": subject, "TIME": float(time), "AMT": 0.0, "EVID": 0, "DV": 1.0, "WT": weight})
    study: Study = read_nonmem(pandas.DataFrame(rows), units=UNITS)
    chosen = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=1)))
    whole = observe(model("WT"), study)
    part = whole.part(chosen)
    alone = observe(model("WT"), study.select(subjects=[study.subject_ids[k] for k in chosen]))
    for name in ("subject", "output", "kind", "time", "lower", "upper"):
        np.testing.assert_array_equal(getattr(part, name), getattr(alone, name))
    assert part.subjects == alone.subjects
    assert part.doses == alone.doses
    if alone.time_rows is not None:  # a covariate that is the same in all of the part is not among its changes
        np.testing.assert_array_equal(part.covariates, alone.covariates)
        assert part.changes == alone.changes
    assert len(part.covariates) == len(part.value_subject)


def test_duplicates_are_kept_and_rows_of_one_sample_stand_together() -> None:
    twice = pandas.DataFrame({"ID": [1] * 5, "TIME": [0, 1, 1, 2, 2], "AMT": [9, 0, 0, 0, 0], "EVID": [1, 0, 0, 0, 0],
                              "DV": [0, 1, 1.2, 2, 3]})  # fmt: skip
    rows = observe(model(), read_nonmem(twice, units=UNITS))
    assert len(rows.time) == 4
    assert [len(list(g)) for _, g in itertools.groupby(rows.record)] == [2, 2]
