"""Closed forms of one and two compartments, to 1e-9 relative (measured: 6e-11 where rate × time ≤ 1e5)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.model import define
from tests.engine.engine_runs import one_compartment, run, run_each, two_compartment, worst
from tests.examples import budget

ONE, TWO = library.one_compartment(), library.two_compartment()
ONE_ORAL, TWO_ORAL = library.one_compartment(absorption=True), library.two_compartment(absorption=True)
ROUTES = ("bolus", "infusion", "oral")


def decades(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers spread evenly over the decades."""
    return st.floats(low, high).map(lambda x: 10.0**x)


rate = decades(-4, 3)
share = st.floats(0, 1).map(lambda x: x if x > 1e-6 else 0.0)  # of the horizon
volume = decades(-2, 3)


@st.composite
def dose(draw: st.DrawFn, routes: tuple[str, ...], horizon: float) -> Dose:
    route = draw(st.sampled_from(routes))
    duration = draw(st.floats(1e-3, 0.5)) * horizon if route == "infusion" else 0.0
    return Dose(draw(st.floats(0, 0.6)) * horizon, draw(decades(-3, 5)), route, duration)


def horizons(*rates: float) -> st.SearchStrategy[float]:
    """Times up to 1e4 h where the fastest process passes through at most 1e5 time constants."""
    return decades(-2, min(4.0, np.log10(1e5 / max(rates))))


@given(data=st.data(), k=rate, v=volume)
@budget(max_examples=60)
def test_one_compartment_by_vein(data: st.DataObject, k: float, v: float) -> None:
    horizon = data.draw(horizons(k))
    doses = data.draw(st.lists(dose(("bolus", "infusion"), horizon), min_size=1, max_size=4))
    times = [horizon * x for x in data.draw(st.lists(share, min_size=1, max_size=6))]
    found = run(ONE, [k * v, v], doses, times).outputs[:, 0]
    assert (found >= 0).all()
    assert worst(found, one_compartment({"CL": k * v, "V": v}, doses, times)) < 1e-9


@given(data=st.data(), k=rate, v=volume, kind=st.sampled_from(["apart", "equal", "nearly equal"]))
@budget(max_examples=80)
def test_one_compartment_absorption_and_equal_rates(data: st.DataObject, k: float, v: float, kind: str) -> None:
    clearance = k * v
    near = 1 + data.draw(st.sampled_from([-1, 1])) * data.draw(decades(-15.5, -3))
    ka = {"apart": data.draw(rate), "equal": clearance / v, "nearly equal": clearance / v * near}[kind]
    horizon = data.draw(horizons(k, ka))
    doses = data.draw(st.lists(dose(ROUTES, horizon), min_size=1, max_size=4))
    times = [horizon * x for x in data.draw(st.lists(share, min_size=1, max_size=6))]
    found = run(ONE_ORAL, [ka, clearance, v], doses, times).outputs[:, 0]
    assert (found >= 0).all()
    assert worst(found, one_compartment({"CL": clearance, "V": v, "ka": ka}, doses, times)) < 1e-9


@given(data=st.data(), k10=rate, k12=rate, k21=rate, v=volume, absorbed=st.booleans())
@budget(max_examples=80)
def test_two_compartments(data: st.DataObject, k10: float, k12: float, k21: float, v: float, absorbed: bool) -> None:
    values = {"CL": k10 * v, "V1": v, "Q": k12 * v, "V2": k12 * v / k21}
    if absorbed:
        values = {"ka": data.draw(rate), **values}
    horizon = data.draw(horizons(k10 + k12 + k21, values.get("ka", 0.0)))
    doses = data.draw(st.lists(dose(ROUTES if absorbed else ROUTES[:2], horizon), min_size=1, max_size=4))
    times = [horizon * x for x in data.draw(st.lists(share, min_size=1, max_size=6))]
    found = run(TWO_ORAL if absorbed else TWO, list(values.values()), doses, times).outputs[:, 0]
    assert (found >= 0).all()
    assert worst(found, two_compartment(values, doses, times)) < 1e-9


def _wide(subjects: int) -> tuple[np.ndarray, np.ndarray]:
    """Rates 1e-4 … 1e3 per h and one time each up to 1e4 h, without any restriction on their product."""
    rng = np.random.default_rng(3)
    k10, k12, k21 = 10 ** rng.uniform(-4, 3, (3, subjects))
    v, times = 10 ** rng.uniform(-2, 3, subjects), 10 ** rng.uniform(-3, 4, (subjects, 1))
    values = np.column_stack([k10 * v, v, k12 * v, k12 * v / k21])
    values[0], times[0] = (1e-4, 1.0, 1e3, 1.0), 1e4  # slow elimination beside fast distribution
    return values, times


def test_whole_range_of_rates_and_times() -> None:
    """1500 subjects over the whole range in one run, fast exchange beside slow elimination included."""
    values, times = _wide(1500)
    found = run_each(TWO, values, [(Dose(0, 1.0),)] * len(values), list(times)).outputs[:, 0]
    names = ("CL", "V1", "Q", "V2")
    expected = [
        two_compartment(dict(zip(names, row, strict=True)), [Dose(0, 1.0)], t)[0]
        for row, t in zip(values, times, strict=True)
    ]
    assert (found >= 0).all()
    assert worst(found, expected) < 1e-9


@pytest.mark.parametrize(
    "exchange",
    [
        1e3,
        *(x for x in (1e6, 1e9, 1e12)),
    ],
)
def test_nothing_is_lost_without_clearance(exchange: float) -> None:
    """CL = 0: amounts only move, whatever the speed; at rest each of two equal volumes holds half."""
    found = run(TWO, [0.0, 1.0, exchange, 1.0], [Dose(0, 1.0)], [1.0, 100.0, 1e4]).states
    np.testing.assert_allclose(found, 0.5, rtol=1e-9)


@pytest.mark.parametrize("values", [(1.0, 1.0, 1e12, 1.0), (1e-4, 1.0, 1e9, 1.0), (1e-12, 1e12, 1e12, 1e-12)])
def test_extreme_rates(values: tuple[float, ...]) -> None:
    """Volumes and clearances from 1e-12 to 1e12: the slow half-life survives beside the fast one."""
    expected = two_compartment(dict(zip(("CL", "V1", "Q", "V2"), values, strict=True)), [Dose(0, 1.0)], [1.0, 1e4])
    found = run(TWO, values, [Dose(0, 1.0)], [1.0, 1e4]).outputs[:, 0]
    assert worst(found, expected) < 1e-9


def test_zero_clearance_and_zero_absorption() -> None:
    doses = [Dose(0, 100.0), Dose(1, 50.0, "infusion", 2.0)]
    assert np.array_equal(run(ONE, [0.0, 10.0], doses, [1.0, 3.0, 9.0]).outputs[:, 0], [10.0, 15.0, 15.0])
    assert np.array_equal(run(ONE_ORAL, [0.0, 1.0, 10.0], [Dose(0, 5.0, "oral")], [1.0, 9.0]).outputs[:, 0], [0, 0])
    alone = run(TWO, [2.0, 10.0, 0.0, 20.0], doses, [1.0, 5.0])
    np.testing.assert_allclose(alone.outputs[:, 0], run(ONE, [2.0, 10.0], doses, [1.0, 5.0]).outputs[:, 0], rtol=1e-13)
    assert (alone.states[:, 1] == 0).all()


def test_steady_state_of_an_infusion() -> None:
    """After 1e3 … 1e6 time constants the concentration is rate/CL."""
    for k in (0.1, 10.0, 1e3):
        found = run(ONE, [k, 1.0], [Dose(0, 2e4, "infusion", 2e4)], [1e3, 1e4]).outputs[:, 0]
        np.testing.assert_allclose(found, 1 / k, rtol=1e-9)


def test_transit_chain_is_an_erlang_delay() -> None:
    """A constant input reaches the n-th transit compartment as the distribution function of an Erlang variable."""
    from scipy.stats import gamma

    model = define({"x": "0*k"}, {"k": 1.0}, outputs={"C": "x"}, initial={"x": "k"}) + library.transit_delay(steps=5)
    code = compile_model(model)
    assert code.system.integrated == ()
    times = np.array([0.1, 1.0, 5.0, 12.0, 40.0])
    found = run(model, [3.0, 12.0], (), times).outputs[:, 1]
    np.testing.assert_allclose(found, 3 * gamma.cdf(times, 5, scale=12 / 5), rtol=1e-12)


def test_complex_and_growing_modes() -> None:
    """The closed form is not for compartments only: an oscillator and an unstable state."""
    model = define({"x": "w*y", "y": "-w*x", "z": "g*z"}, {"w": 2.0, "g": 0.5}, initial={"x": "1", "z": "2"},
                   outputs={"x": "x", "y": "y", "z": "z"})  # fmt: skip
    assert compile_model(model).system.linear == ("x", "y", "z")
    times = np.array([0.5, 3.0, 25.0])
    found = run(model, [2.0, 0.5], (), times).outputs
    np.testing.assert_allclose(found[:, 0], np.cos(2 * times), rtol=0, atol=1e-12)  # 50 rad: 2^7 roundings
    np.testing.assert_allclose(found[:, 1], -np.sin(2 * times), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[:, 2], 2 * np.exp(0.5 * times), rtol=1e-12)


def test_equations_that_only_look_constant_are_not_linear() -> None:
    """A jump in the state has a derivative of zero, yet it is no linear equation: 10 − t down to 5, then slower."""
    model = define({"x": "-1 if x > 5 else -0.5"}, {"k": 1.0}, outputs={"x": "x"}, initial={"x": "10"})
    found = run(model, [1.0], (), [0.0, 1.0, 4.0, 8.0, 10.0], settings=Settings(rtol=1e-10, atol=1e-10)).outputs[:, 0]
    np.testing.assert_allclose(found, [10, 9, 6, 3.5, 2.5], rtol=1e-6)  # the jump costs the solver digits


@pytest.mark.parametrize("values", [(1.0, 0.0), (np.nan, 1.0), (np.inf, 1.0)])
def test_values_that_cannot_be_computed_have_a_status(values: tuple[float, float]) -> None:
    """A number that cannot be computed is NaN with a reason: V = 0 is not solved silently."""
    found = run(ONE, [values, (1.0, 10.0)], [Dose(0, 1.0)], [1.0])
    assert np.isnan(found.outputs[0, 0])
    assert found.outputs[1, 0] == pytest.approx(0.1 * np.exp(-0.1), rel=1e-13)
    assert found.status[1] == 0
    assert found.status[0] != 0
    assert found.advice(0)


def test_a_very_short_infusion_is_not_lost() -> None:
    """Too short for the clock at hour 1000: it is a bolus, not nothing."""
    found = run(ONE, [1.0, 10.0], [Dose(1000, 100.0, "infusion", 1e-14)], [1001.0]).outputs[0, 0]
    assert found == pytest.approx(10 * np.exp(-0.1), rel=1e-9)
