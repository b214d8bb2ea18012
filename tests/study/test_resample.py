"""Bootstrap studies: subjects drawn with replacement, each whole."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.dosing import bolus
from pkpd.errors import InputError
from pkpd.study import Study, resample

ARMS = ["a", "a", "a", "b", "b", "c", "c", "c", "c", "c"]


def study(subjects: list[object] | None = None, **covariates: object) -> Study:
    """Ten subjects with as many samples each as their number says, and doses of their own."""
    ids = list(range(1, 11)) if subjects is None else subjects
    rows = [(s, float(t), "drug", 10.0 * k + t) for k, s in enumerate(ids, 1) for t in range(k)]
    people = pandas.DataFrame({"subject": ids, "arm": ARMS, **covariates})
    return pkpd.read_study(
        pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"]), bolus("1 mg", days=[1, 2]),
        subjects=people, units={"time": "h", "drug": "ng/mL", "dose": "mg"}, attrs={"synthetic": True},
    )  # fmt: skip


def test_every_drawn_subject_is_one_of_the_study_whole() -> None:
    whole = study()
    drawn = resample(whole, 3)
    people = drawn.subjects.set_index("subject")
    assert len(people) == 10
    for name in drawn.subject_ids:
        origin = people.loc[name, "origin"]
        assert name.split(" (")[0] == str(origin)
        for table in ("observations", "doses", "subjects"):
            mine, theirs = (getattr(s, table) for s in (drawn, whole))
            own = mine[mine["subject"] == name].drop(columns=["subject", "origin"], errors="ignore")
            there = theirs[theirs["subject"] == origin].drop(columns="subject")
            pandas.testing.assert_frame_equal(own.reset_index(drop=True), there.reset_index(drop=True))
    assert drawn.attrs["synthetic"] is True
    assert drawn.units == whole.units
    different = people["origin"].nunique()
    assert f"10 subjects drawn with replacement, {different} of 10 different (seed 3)" in drawn.notes[-1]
    for origin, count in Counter(people["origin"]).items():
        assert {f"{origin} ({k})" for k in range(1, count + 1)} <= set(drawn.subject_ids)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_strata_keep_their_sizes(seed: int) -> None:
    drawn = resample(study(), seed, by="ARM")
    assert sorted(drawn.subjects["arm"]) == ARMS
    assert resample(study(), seed, by="arm").data_hash == drawn.data_hash


def test_draws_are_those_of_a_bootstrap() -> None:
    """The share of subjects that are left out is (1 − 1/n)ⁿ; each is drawn once on average."""
    whole = study()
    counts = np.array([
        [Counter(resample(whole, seed).subjects["origin"])[s] for s in whole.subject_ids] for seed in range(300)
    ])  # fmt: skip
    out = (counts == 0).mean()
    assert out == pytest.approx(0.9**10, abs=4 * np.sqrt(0.35 * 0.65 / 3000))
    assert np.abs(counts.mean(axis=0) - 1).max() < 4 * np.sqrt(0.9 / 300)
    assert len({tuple(row) for row in counts.tolist()}) > 290


def test_names_that_are_texts_and_a_study_that_was_resampled_already(tmp_path: Path) -> None:
    whole = study([f"S{k:02}" for k in range(10)])
    twice = resample(resample(whole, 1), 2)
    assert set(twice.subjects["origin"]) <= set(whole.subject_ids)
    assert all(name.startswith(o) for name, o in zip(twice.subject_ids, twice.subjects["origin"], strict=True))
    path = tmp_path / "study.nc"
    twice.save(path)
    assert pkpd.saving.load(path).data_hash == twice.data_hash


def test_periods_records_and_changing_covariates_stay() -> None:
    table = pandas.DataFrame(
        [(s, t, 1.0 + s + t, 50.0 + s + t, 100 if t == 0 else 0, 1 if t == 0 else 0)
         for s in (1, 2, 3) for t in (0.0, 1.0, 2.0)],
        columns=["ID", "TIME", "DV", "WT", "AMT", "EVID"],
    )  # fmt: skip
    whole = pkpd.io.read_nonmem(table.assign(DV=lambda t: t["DV"].where(t["EVID"] == 0)),
                                units={"time": "h", "DV": "mg/L", "dose": "mg"})  # fmt: skip
    drawn = resample(whole, 5)
    origin = drawn.subjects.set_index("subject")["origin"]
    for name in drawn.subject_ids:
        own = drawn.records[drawn.records["subject"] == name].drop(columns="subject").reset_index(drop=True)
        there = whole.records[whole.records["subject"] == origin[name]].drop(columns="subject").reset_index(drop=True)
        pandas.testing.assert_frame_equal(own, there)
    assert drawn.in_order
    model = replace(pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L"), covariates=("WT",))
    found = pkpd.predict(model.with_values(CL=1.0, V=10.0), drawn).set_index("subject")
    alone = pkpd.predict(model.with_values(CL=1.0, V=10.0), whole).set_index("subject")
    for name in drawn.subject_ids:
        np.testing.assert_array_equal(found.loc[name, "C"], alone.loc[origin[name], "C"])


def test_what_makes_no_sense_is_said() -> None:
    with pytest.raises(InputError, match=r"unknown covariate 'arn'; .*'arm'"):
        resample(study(), 1, by="arn")
    gap = study(arm=[*ARMS[:2], None, *ARMS[3:]])
    with pytest.raises(InputError, match="'arm' is missing for subject 3"):
        resample(gap, 1, by="arm")
    with pytest.raises(InputError, match="is another in every subject"):
        resample(study(weight=np.arange(10.0) + 50), 1, by="weight")
    with pytest.raises(InputError, match="a covariate 'origin'; rename it"):
        resample(study(origin=["x"] * 10), 1)
    with pytest.raises(InputError, match="seed"):
        resample(study(), -1)


def test_a_bootstrap_of_a_fit_by_an_executor() -> None:
    """Standard errors of a mean by bootstrap are those of the formula, σ/√n, up to their own error."""
    rng = np.random.default_rng(8)
    values = rng.lognormal(1.0, 0.3, 30)
    table = pandas.DataFrame({"subject": range(30), "time": 1.0, "analyte": "y", "value": values})
    whole = pkpd.read_study(table, units={"time": "h", "y": "ng/mL"})

    def once(seed: int) -> float:
        return float(np.log(resample(whole, seed).observations["value"]).mean())

    with ThreadPoolExecutor(2) as pool:
        means = list(pool.map(once, range(400)))
    assert np.std(means) == pytest.approx(np.std(np.log(values)) / np.sqrt(30), rel=4 / np.sqrt(800))
