"""Doses decided on the way: the result is that of the regimen given, whatever the rule; errors say where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

import pkpd
from pkpd import il21
from pkpd.dosing import Dose, Regimen, bolus
from pkpd.engine import Settings
from pkpd.errors import DataWarning, InputError
from pkpd.fit import residual_error
from pkpd.model import define
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population
from pkpd.simulate import Situation, simulate
from tests.examples import budget

adaptive = pkpd.simulate_adaptive
K = 0.1
PK = define({"A": "-k*A"}, {"k": K}, outputs={"y": "A"}, doses={"bolus": "A"}).in_units(
    time="h", amount="mg", volume="L"
)
NOISY = Population(
    PK, PK.parameters + Parameters((Parameter("prop_y", 0.2),)), Omega.independent(k=0.3),
    (residual_error("y", "proportional"),),
)  # fmt: skip


def daily(now: Situation) -> Regimen:
    return bolus("100 mg", at=[now.time])


def same_as_simulate(found: xarray.Dataset, other: xarray.Dataset) -> None:
    """Every variable that `simulate` gives, with its attributes, bit for bit."""
    names = [str(n) for n in other.data_vars]
    xarray.testing.assert_identical(
        found[names].drop_attrs(deep=False).drop_vars("decision_time", errors="ignore"),
        other.drop_attrs(deep=False).drop_vars("dose_time"),
    )


@pytest.mark.parametrize("at_dose", ["before", "after"])
def test_a_rule_that_never_looks_is_a_plan(at_dose: str) -> None:
    """All of `simulate`'s variables, bit for bit: people, courses, measurements, of every replicate."""
    times = np.arange(0, 97, 6.0)
    options: dict[str, Any] = {"subjects": 9, "replicates": 3, "seed": 4, "times": times, "at_dose": at_dose}
    same_as_simulate(
        adaptive(NOISY, daily, [0, 24, 48], **options), simulate(NOISY, bolus("100 mg", at=[0, 24, 48]), **options)
    )


def held(now: Situation) -> dict[int, Regimen]:
    """IL-21 as planned, half of it below an ALC of 0.5, none below 0.35."""
    counts = now.now["ALC_measured"]
    return {s: bolus(f"{30 if c >= 0.5 else 15} ug/kg", at=[now.time]) for s, c in counts.items() if not c < 0.35}


def test_everybody_gets_the_course_of_the_doses_given() -> None:
    """Integrated, nine different plans: each subject's course is `simulate`'s for its own final regimen, bit for bit.

    The subjects are drawn by the same seed, so `simulate` under the plan of subject k has that subject at place k.
    """
    decisions, times = 24.0 * np.arange(5), np.arange(0, 200, 7.0)
    found = adaptive(il21.truth(), held, decisions, start=Regimen((), "ug/kg"), subjects=9, seed=2, times=times)
    table = found[[v for v in found if str(v).startswith("dose_")]].to_dataframe()
    plans = set()
    for k in range(9):
        own = table[table["dose_subject"] == k + 1]
        doses = tuple(Dose(t, a) for t, a in zip(own["dose_time"], own["dose_amount"], strict=True))
        plans.add(doses)
        whole = simulate(il21.truth(), Regimen(doses, "ug/kg"), subjects=9, seed=2, times=times)
        for name in ("C", "A", "sCD25", "ALC", "L0", "CL", "ALC_measured"):
            np.testing.assert_array_equal(found[name].values[0, k], whole[name].values[0, k], err_msg=name)
        at = simulate(il21.truth(), Regimen(doses, "ug/kg"), subjects=9, seed=2, times=decisions)
        np.testing.assert_allclose(found["ALC_seen"].values[0, k], at["ALC"].values[0, k], rtol=1e-6)
    assert len(plans) > 3
    counts, amounts = found["ALC_measured_seen"].values, found["amount_decided"].values
    np.testing.assert_array_equal(amounts, np.where(counts < 0.35, 0, np.where(counts < 0.5, 15, 30)))
    assert found["amount_decided"].attrs["units"] == "ug/kg"


@budget(max_examples=25)
@given(st.lists(st.floats(1, 40), min_size=1, max_size=6), st.floats(20, 80))
def test_keeping_a_trough(gaps: list[float], target: float) -> None:
    """Topping up to a target: after every decision exactly the target is there, by a closed form of the doses."""
    clock = np.cumsum([0.0, *gaps])

    def top_up(now: Situation) -> Regimen | None:
        short = target - float(now.now["y"].iloc[0])
        return Regimen((Dose(now.time, short),), "mg") if short > 0 else None

    found = adaptive(PK, top_up, clock, each=True, subjects=2, times=clock, at_dose="after")
    np.testing.assert_allclose(found["y"].values, target, rtol=1e-11)
    lost = target * -np.expm1(-K * np.diff(clock))
    np.testing.assert_allclose(found["amount_decided"].values[0, 0], [target, *lost], rtol=1e-9)


def test_therapeutic_drug_monitoring() -> None:
    """A rule that reads k from two troughs and doses for a target reaches it in everybody, but for what is measured."""
    who = Population(PK, PK.parameters, Omega.independent(k=0.4))

    def monitor(now: Situation) -> dict[int, Regimen]:
        if now.decision == 1:
            return dict.fromkeys(now.people.index, bolus("100 mg", at=[0.0]))
        left = now.now["y"] / now.seen[now.seen["time"] == 0].set_index("subject")["y"].add(100.0)
        return {
            s: bolus(f"{float(20 / q - q * 100):.17g} mg", at=[now.time]) for s, q in left.items() if q * q * 100 < 20
        }

    found = adaptive(who, monitor, [0, 12], subjects=50, seed=1, times=[24.0])
    dosed = found["amount_decided"].values[0, :, 1] > 0
    assert dosed.sum() > 10
    np.testing.assert_allclose(found["y"].values[0, dosed, 0], 20.0, rtol=1e-10)


def test_what_a_rule_is_shown() -> None:
    """Everything so far and nothing else: values before the doses of now, history, covariates, units."""
    weights = pandas.DataFrame({"weight": [60.0, 90.0]})
    who = Population(NOISY.model, NOISY.parameters, None, NOISY.errors, covariates=weights)
    shown: list[Situation] = []

    def look(now: Situation) -> Regimen:
        shown.append(now)
        return bolus("100 mg", at=[now.time, now.time + 1])

    adaptive(who, look, [0, 12], start=bolus("10 mg", at=[6.0]), subjects=3, seed=1, replicates=2)
    assert [(s.replicate, s.decision, s.time) for s in shown] == [(1, 1, 0), (1, 2, 12), (2, 1, 0), (2, 2, 12)]
    second = shown[1]
    assert list(second.seen.columns) == ["subject", "time", "y", "y_measured"]
    exact = 100 * np.exp(-1.2) + 100 * np.exp(-1.1) + 10 * np.exp(-0.6)
    np.testing.assert_allclose(second.now["y"], exact, rtol=1e-12)
    assert (second.now["y_measured"] != second.now["y"]).all()
    assert second.given[second.given["subject"] == 2][["time", "amount", "decision"]].values.tolist() == [
        [0, 100, 1], [1, 100, 1], [6, 10, 0]
    ]  # fmt: skip
    assert set(second.people["weight"]) <= {60.0, 90.0}
    assert (second.unit, second.time_unit) == ("mg", "h")
    assert len(second.of(3).seen) == 2
    assert shown[0].given["amount"].tolist() == [10, 10, 10]  # a frame of its own: not changed by later doses


def test_a_seed_settles_everything() -> None:
    """Again the same, on any number of threads, and with more replicates or decisions after it."""

    def careful(now: Situation) -> dict[int, Regimen]:
        return {s: bolus("100 mg", at=[now.time]) for s, y in now.now["y_measured"].items() if y < 30}

    def run(seed: int = 1, replicates: int = 1, decisions: tuple[float, ...] = (0, 12, 24), **more: Any) -> Any:
        return adaptive(
            NOISY, careful, decisions, subjects=40, seed=seed, replicates=replicates, times=[1.0, 20.0], **more
        )

    first = run()
    for workers in (1, 2):
        xarray.testing.assert_identical(run(settings=Settings(workers=workers)), first)
    two = run(replicates=2).isel(replicate=[0])
    np.testing.assert_array_equal(two["y_measured_seen"], first["y_measured_seen"])
    np.testing.assert_array_equal(two["y_measured"], first["y_measured"])
    more = run(decisions=(0, 12, 24, 36))
    np.testing.assert_array_equal(more["y_measured_seen"][..., :3], first["y_measured_seen"])
    assert not np.array_equal(run(seed=2)["y_measured_seen"], first["y_measured_seen"])
    assert 0 < (first["amount_decided"].values[..., 1] > 0).sum() < 40


def test_measurements_shown_have_their_error() -> None:
    """20 % proportional, independent between decisions and of the measurements of the result."""
    found = adaptive(NOISY, daily, [0, 12, 24], subjects=4000, seed=3, times=[12.0, 24.0])
    z = (found["y_measured_seen"] / found["y_seen"] - 1).values[0][:, 1:] / 0.2
    other = (found["y_measured"] / found["y"] - 1).values[0] / 0.2
    every = np.column_stack([z, other])
    assert (np.abs(every.mean(axis=0)) < 4 / np.sqrt(4000)).all()
    assert (np.abs(every.std(axis=0) - 1) < 4 / np.sqrt(8000)).all()
    assert np.abs(np.corrcoef(every.T) - np.eye(4)).max() < 4 / np.sqrt(4000)


def test_units_and_weights() -> None:
    """A plan per kg for an absolute model; times in days; a rule may answer in other units of the same kind."""
    weights = pandas.DataFrame({"weight": [50.0, 100.0]})
    who = Population(PK, PK.parameters, covariates=weights)

    def rule(now: Situation) -> Regimen:
        assert now.time_unit == "d"
        return bolus("1000 ug/kg", at=[24.0 * now.time])  # hours and micrograms

    found = adaptive(
        who, rule, [0, 1], start=Regimen((), "mg/kg", "d"), subjects=20, seed=1, times=[1.0], at_dose="after"
    )
    np.testing.assert_allclose(found["y"].values[0, :, 0], found["weight"].values[0] * (1 + np.exp(-2.4)), rtol=1e-12)
    assert set(found["dose_time"].values) == {0.0, 1.0}
    np.testing.assert_allclose(found["dose_amount"], 1.0)


@pytest.mark.parametrize(("answer", "text"), [
    (lambda now: 5, "decision 2 at 12 h: the rule returned 5; expected a Regimen, a mapping"),
    (lambda now: {7: bolus("1 mg", at=[12])}, "decision 2 at 12 h: unknown subject 7"),
    (lambda now: {2: "stop"}, "decision 2 at 12 h: subject 2: the rule gives 'stop'; expected a Regimen"),
    (lambda now: {2: bolus("1 mg", at=[11.0])}, "decision 2 at 12 h, subject 2: a dose at 11 h is in the past"),
    (lambda now: {3: pkpd.oral("1 mg", at=[12])}, "decision 2 at 12 h, subject 3: the model takes no dose by route"),
    (lambda now: {3: Regimen((Dose(12, 1, into="a"),), "mg")}, "subject 3: a dose enters 'a', which is no state"),
    (lambda now: {3: bolus("1 mg/kg", at=[12])}, "decision 2 at 12 h, subject 3: .*kg"),
    (lambda now: 1 / 0, "decision 2 at 12 h: the rule failed: ZeroDivisionError"),
])  # fmt: skip
def test_answers_that_cannot_be_used(answer: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        adaptive(PK, lambda now: answer(now) if now.decision == 2 else None, [0, 12], subjects=3)


def test_a_rule_that_fails_for_one_subject_names_it() -> None:
    def rule(now: Situation) -> Any:
        return {}["x"] if now.people.index[0] == 2 else None

    with pytest.raises(InputError, match="decision 1 at 0 h, subject 2: the rule failed: KeyError") as caught:
        adaptive(PK, rule, [0], subjects=3, each=True)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(InputError, match="subject 1: the rule returned 'stop'") as caught:
        adaptive(PK, lambda now: "stop", [0], subjects=3, each=True)
    assert len(caught.value.problems) == 3


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(InputError) as caught:
        adaptive(PK, 5, [3, 2], subjects=0, replicates=0, seed=-1, at_dose="befor", start=3)  # type: ignore[arg-type]
    assert len(caught.value.problems) == 7


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_those_who_cannot_be_solved_are_seen_as_missing() -> None:
    """R' = k·R²: away at 1/k. The rule sees NaN; the others are what they are without them."""
    model = define({"R": "k*R**2"}, {"k": 0.05}, outputs={"y": "R"}, initial={"R": "1"}, doses={"bolus": "R"})
    table = pandas.DataFrame({"k": [0.05, 0.5]})
    who = Population(model.in_units(time="h", amount="mg", volume="L"), model.parameters, table=table)
    missing: list[int] = []

    def rule(now: Situation) -> None:
        missing.append(int(now.now["y"].isna().sum()))

    with pytest.warns(DataWarning, match="subjects could not be solved and are NaN: the step size"):
        found = adaptive(who, rule, [1.0, 4.0], subjects=10, seed=1, times=[5.0])
    bad = found["k"].values[0] == 0.5
    assert missing == [0, bad.sum()]
    np.testing.assert_allclose(found["y"].values[0, ~bad, 0], 1 / (1 - 0.25), rtol=1e-7)
    assert np.isnan(found["y"].values[0, bad, 0]).all()


def test_netcdf_keeps_everything(tmp_path: Any) -> None:
    found = adaptive(NOISY, daily, [0, 24], subjects=3, times=[1.0])
    found.to_netcdf(tmp_path / "adaptive.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "adaptive.nc", engine="h5netcdf") as stream:
        xarray.testing.assert_equal(stream.load(), found)


def test_more_subjects_than_share_a_stream() -> None:
    """Beyond the first block of a thousand it is still the same people and measurements as `simulate` draws."""
    from pkpd.simulate.pieces import BLOCK

    plan, many, when = pkpd.bolus("100 mg", at=[0]), BLOCK + 3, [1.0, 5.0]
    trial = pkpd.simulate_adaptive(NOISY, lambda now: None, [1.0], start=plan, subjects=many, seed=4, times=when)
    plain = pkpd.simulate(NOISY, plan, subjects=many, seed=4, times=when)
    assert f"{next(iter(NOISY.model.outputs))}_measured" in plain
    for name in plain.data_vars:
        np.testing.assert_array_equal(trial[name].values, plain[name].values)


def test_no_times_are_an_empty_course() -> None:
    found = adaptive(PK, daily, [0, 24], subjects=2, times=[])
    assert found["y"].shape == (1, 2, 0)
    assert found["y_seen"].shape == (1, 2, 2)
    assert (
        found["dose_amount"].values.tolist() == adaptive(PK, daily, [0, 24], subjects=2)["dose_amount"].values.tolist()
    )
