"""Lags, bioavailability, repetition, steady state, resets and changes of values: closed forms and derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Settings, Solution, compile_model
from pkpd.errors import InputError
from pkpd.model import Model
from tests.examples import budget

PARAMETERS = {"CL": 1.7, "V": 12.0, "Q": 0.8, "V2": 30.0, "KA": 0.9, "LAG": 1.3, "F": 0.7, "D": 2.6, "R": 31.0}


def disposition() -> Model:
    """Two compartments with absorption, every quantity of a dose modelled."""
    return define(
        {"G": "-KA*G", "A": "KA*G - CL/V*A - Q/V*A + Q/V2*B", "B": "Q/V*A - Q/V2*B"}, PARAMETERS,
        outputs={"C": "A/V"}, doses={"oral": "G", "bolus": "A", "infusion": "A"},
        lag={"A": "LAG", "G": "0.5*LAG"}, bioavailability={"A": "F"}, infusion_rate={"A": "R"},
        infusion_duration={"A": "D"},
    )  # fmt: skip


def solve(
    model: Model, doses: list[Dose], times: list[float], slopes: tuple[str, ...] = (), linear: str = "closed form",
    method: str = "automatic", **changed: float,
) -> Solution:  # fmt: skip
    values = np.array([[float({**PARAMETERS, **changed}[n]) for n in model.parameters.names]])
    code = compile_model(model, slopes, linear)
    plan = code.schedule(values, [doses], [np.array(times, float)], [np.zeros(len(times), bool)])
    return code.run(values, plan, Settings(rtol=1e-10, atol=1e-10, method=method))


TIMES = [0.7, 1.31, 2.0, 3.85, 4.4, 7.5, 11.0, 12.5, 13.31, 14.0, 20.0, 26.5, 31.0, 47.9]
CASES = {
    "bolus": [Dose(0, 100.0)],
    "repeated": [Dose(0, 100.0, additional=3, interval=12.0)],
    "oral": [Dose(0, 100.0, "oral", additional=2, interval=9.0)],
    "duration": [Dose(0, 100.0, "infusion", 3.0)],
    "rate": [Dose(0, 100.0, "infusion", rate=40.0, additional=1, interval=10.0)],
    "modelled duration": [Dose(0, 100.0, "infusion", modelled="duration")],
    "modelled rate": [Dose(0, 100.0, "infusion", modelled="rate")],
    "steady bolus": [Dose(0, 100.0, steady_state="instead", interval=12.0, additional=2)],
    "steady infusion": [Dose(0, 100.0, "infusion", rate=40.0, steady_state="instead", interval=12.0, additional=1)],
    "steady overlap": [Dose(0, 100.0, "infusion", rate=9.0, steady_state="instead", interval=3.0, additional=4)],
    "steady modelled": [Dose(0, 90.0, "infusion", modelled="duration", steady_state="instead", interval=8.0)],
    "steady constant": [Dose(0, 0.0, "infusion", rate=5.0, steady_state="instead")],
    "steady added": [Dose(0, 50.0), Dose(4, 80.0, "oral", steady_state="added", interval=12.0, additional=1)],
    "lag beyond interval": [Dose(0, 100.0, steady_state="instead", interval=0.9, additional=2)],
    "lag beyond interval, infusion": [Dose(0, 9.0, "infusion", rate=40.0, steady_state="instead", interval=0.8)],
    "lag beyond interval, overlap": [Dose(1, 90.0, "infusion", rate=40.0, steady_state="instead", interval=1.1)],
    "lag beyond interval, added": [
        Dose(0, 70.0),
        Dose(2, 90.0, "infusion", modelled="duration", steady_state="added", interval=1.2, additional=1),
    ],
    "reset": [Dose(0, 100.0, additional=9, interval=4.0), Dose(13, 20.0, reset=True)],
    "replace": [Dose(0, 100.0), Dose(13, 20.0, action="replace", into="B"), Dose(20, 2.0, action="multiply")],
}
ASKED = ("CL", "V", "Q", "KA", "LAG", "F", "D", "R")


@pytest.mark.parametrize("name", CASES)
def test_derivatives_through_events(name: str) -> None:
    """Against fourth-order differences of the exact solution, to 1e-6 of the largest."""
    model, doses = disposition(), CASES[name]
    found = solve(model, doses, TIMES, ASKED).slopes[:, 0, :]
    for k, parameter in enumerate(ASKED):
        h = 2e-4 * PARAMETERS[parameter]
        near = {
            j: solve(model, doses, TIMES, **{parameter: PARAMETERS[parameter] + j * h}).outputs[:, 0]
            for j in (-2, -1, 1, 2)
        }
        expected = (near[-2] - 8 * near[-1] + 8 * near[1] - near[2]) / (12 * h)
        top = np.abs(expected).max()
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-6, atol=1e-7 * top + 1e-9, err_msg=parameter)


@pytest.mark.parametrize("method", ["explicit", "stiff"])
@pytest.mark.parametrize("name", CASES)
def test_integrated_events_equal_the_closed_form(name: str, method: str) -> None:
    """Values and derivatives of the same model with everything integrated, by both compiled solvers."""
    model, doses = disposition(), CASES[name]
    exact, found = (solve(model, doses, TIMES, ASKED, way, method) for way in ("closed form", "ode"))
    assert found.status[0] == 0, found.advice(0)
    np.testing.assert_allclose(found.outputs, exact.outputs, rtol=1e-7, atol=1e-8)
    top = np.abs(exact.slopes).max(axis=0)
    assert (np.abs(found.slopes - exact.slopes) <= 2e-6 * top + 1e-7).all()


@pytest.mark.parametrize("shape", [{}, {"route": "infusion", "rate": 40.0}, {"route": "infusion", "rate": 9.0}])
@pytest.mark.parametrize("lag", [0.0, 1.3, 2.9])
def test_steady_state_is_what_many_doses_come_to(shape: dict[str, object], lag: float) -> None:
    """After 2 000 doses nothing changes any more; that is the steady state, at any lag below the interval."""
    model, interval, count = disposition(), 3.0, 2000
    many = [Dose(0, 100.0, additional=count + 8, interval=interval, **shape)]  # type: ignore[arg-type]
    steady = [Dose(0, 100.0, additional=8, interval=interval, steady_state="instead", **shape)]  # type: ignore[arg-type]
    after = np.array([0.0, 0.4, 1.3, 2.0, 2.95, 4.0, 11.0])
    long = solve(model, many, list(count * interval + after), LAG=lag).outputs[:, 0]
    short = solve(model, steady, list(after[1:]), LAG=lag).outputs[:, 0]
    np.testing.assert_allclose(short, long[1:], rtol=1e-9)


@pytest.mark.parametrize("shape", [{}, {"route": "infusion", "rate": 40.0}, {"route": "infusion", "rate": 9.0}])
@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_a_lag_beyond_the_interval_is_the_steady_state_from_lag_minus_interval_on(
    shape: dict[str, object], linear: str
) -> None:
    """From then on nothing tells it from 2 000 doses; before it, running on from the record leads there."""
    model, interval, count, lag = disposition(), 3.0, 2000, 7.3
    many = [Dose(0, 100.0, additional=count + 8, interval=interval, **shape)]  # type: ignore[arg-type]
    steady = [Dose(0, 100.0, additional=8, interval=interval, steady_state="instead", **shape)]  # type: ignore[arg-type]
    after = np.array([4.31, 5.0, 6.9, 7.31, 9.0, 13.9])
    long = solve(model, many, list(count * interval + after), LAG=lag).outputs[:, 0]
    short = solve(model, steady, list(after), LAG=lag, linear=linear).outputs[:, 0]
    np.testing.assert_allclose(short, long, rtol=1e-9 if linear == "closed form" else 1e-7)


def test_what_is_not_linear_stands_just_after_an_arrival() -> None:
    """As NONMEM's integrators have it: the peak at the record (FeRx-NLME/ferx-core, ss_lag_ge_ii, ADVAN13)."""
    peaks = []
    for saturable in ("", "/(1 + A/1e14)"):
        model = define({"A": f"-0.2*A{saturable}"}, {"L": 15.0}, outputs={"C": "A/50"}, doses={"bolus": "A"},
                       lag={"A": "L"})  # fmt: skip
        code, dose = compile_model(model), Dose(0, 600.0, steady_state="instead", interval=12.0)
        plan = code.schedule(np.array([[15.0]]), [[dose]], [np.array([0.0])], [np.array([True])])
        peaks.append(code.run(np.array([[15.0]]), plan).outputs[0, 0])
    top = 12 / (1 - np.exp(-2.4))
    np.testing.assert_allclose(peaks, [top * np.exp(0.6), top], rtol=1e-6)


def test_constant_infusion_to_steady_state_stops_at_its_record() -> None:
    model = define({"A": "-k*A"}, {"k": 0.3}, outputs={"A": "A"}, doses={"infusion": "A"})
    code = compile_model(model)
    values = np.array([[0.3]])
    doses = [[Dose(2.0, 0.0, "infusion", rate=6.0, steady_state="instead")]]
    plan = code.schedule(values, doses, [np.array([2.0, 3.0, 5.0])], [np.array([True, False, False])])
    np.testing.assert_allclose(
        code.run(values, plan).outputs[:, 0], 20 * np.exp(-0.3 * np.array([0, 1, 3])), rtol=1e-13
    )


def test_what_is_never_lost_has_no_steady_state() -> None:
    model = define({"A": "0*A"}, {"k": 1.0}, outputs={"A": "A"}, doses={"bolus": "A"})
    code = compile_model(model)
    values = np.ones((2, 1))
    doses = [[Dose(0, 1.0, steady_state="instead", interval=1.0)], [Dose(0, 1.0)]]
    found = code.run(values, code.schedule(values, doses, [np.array([2.0])] * 2, [np.zeros(1, bool)] * 2))
    assert "no steady state" in found.advice(0)
    assert np.isnan(found.outputs[0, 0])
    assert found.advice(1) == ""
    assert found.outputs[1, 0] == 1.0


@budget(max_examples=60, deadline=None)
@given(
    lag=st.floats(0, 5), bioavailability=st.floats(0.05, 3), amount=st.floats(1, 100), extra=st.integers(0, 5),
    interval=st.floats(0.5, 9), shift=st.floats(0, 20),
)  # fmt: skip
def test_additional_doses_are_separate_doses(
    lag: float, bioavailability: float, amount: float, extra: int, interval: float, shift: float
) -> None:
    """A repeated dose equals its copies; time shifts carry over; a bioavailable dose is a smaller one."""
    model = disposition()
    one = [Dose(shift, amount, additional=extra, interval=interval)]
    copies = [Dose(shift + k * interval, amount) for k in range(extra + 1)]
    times = [shift + t for t in (0.3, 2.0, 7.7, 30.0)]
    a = solve(model, one, times, LAG=lag, F=bioavailability).outputs
    b = solve(model, copies[::-1], times, LAG=lag, F=bioavailability).outputs
    np.testing.assert_allclose(a, b, rtol=1e-12)
    plain = solve(model, [Dose(d.time + lag, amount * bioavailability) for d in copies], times, LAG=0.0, F=1.0).outputs
    np.testing.assert_allclose(a, plain, rtol=1e-10, atol=1e-13)


def test_a_reset_ends_and_cancels_everything() -> None:
    model = disposition()
    before = [Dose(0, 100.0, "infusion", 30.0, additional=5, interval=7.0), Dose(1, 50.0, additional=5, interval=7.0)]
    after = [Dose(10.5, 40.0, reset=True)]
    times = [10.6, 12.0, 15.0, 40.0]
    found = solve(model, before + after, times).outputs
    np.testing.assert_allclose(found, solve(model, [Dose(10.5, 40.0)], times).outputs, rtol=1e-13)


def test_values_that_change_are_those_of_their_time() -> None:
    """Clearance doubled at 5 h: two exponentials, the second from where the first ended."""
    model = define({"A": "-CL/V*A"}, {"CL": 2.0, "V": 10.0}, outputs={"C": "A/V"}, doses={"bolus": "A"})
    code = compile_model(model)
    values = np.array([[2.0, 10.0], [4.0, 20.0], [1.0, 10.0]])  # one subject with a change, one without
    times = [np.array([3.0, 5.0, 5.0, 9.0]), np.array([3.0])]
    after = [np.array([False, False, True, False]), np.array([False])]
    plan = code.schedule(values, [[Dose(0, 100.0)]] * 2, times, after, [[5.0], []])
    found = code.run(values, plan).outputs[:, 0]
    half = np.exp(-1.0)
    expected = [10 * np.exp(-0.6), 10 * half, 5 * half, 5 * half * np.exp(-0.8), 10 * np.exp(-0.3)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_problems_of_doses_are_told_together() -> None:
    model = disposition()
    with pytest.raises(InputError) as caught:
        solve(model, [Dose(0, 1.0, into="AA"), Dose(1, 1.0, "infusion", modelled="rate")], [1.0], R=-1.0)
    text = str(caught.value)
    assert "infusion rate" in text
    with pytest.raises(InputError) as caught:
        solve(model, [Dose(0, 1.0, into="AA"), Dose(1, 1.0, "infusion", modelled="rate")], [1.0], R=0.0)
    assert len(caught.value.problems) == 2
    assert "did you mean 'A'" in str(caught.value)
    assert "modelled rate" in str(caught.value)


def test_more_doses_than_anyone_sees_cost_nothing() -> None:
    """A million million doses in a record: those after the last time are not written out."""
    times = [0.5, 3.9, 4.0, 10.0]
    few = solve(disposition(), [Dose(0, 100.0, "oral", additional=5, interval=2.0)], times).outputs
    many = solve(disposition(), [Dose(0, 100.0, "oral", additional=10**12, interval=2.0)], times).outputs
    np.testing.assert_array_equal(many, few)
