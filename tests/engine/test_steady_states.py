"""Steady states: where there is one, that a long run of single doses comes to; where there is none, a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Settings, Solution, compile_model
from pkpd.engine.status import NO_STEADY_STATE, NOT_PERIODIC
from pkpd.model import Model
from tests.examples import budget

SATURABLE = define({"A": "-Vm*(A/V)/(Km + A/V)"}, {"Vm": 10.0, "Km": 1.0, "V": 10.0}, outputs={"C": "A/V"},
                   doses={"bolus": "A", "infusion": "A"})  # fmt: skip


def solve(
    model: Model, doses: Sequence[Dose], times: Sequence[float], slopes: Sequence[str] = (),
    linear: str = "closed form", after: bool = True, **changed: Any,
) -> Solution:  # fmt: skip
    """Run one subject; what is changed are parameters, or settings."""
    names = model.parameters.names
    values = np.array([[float(changed.get(n, model.parameters[n])) for n in names]])
    code = compile_model(model, slopes, linear)
    plan = code.schedule(values, [doses], [np.array(times, float)], [np.full(len(times), after)])
    return code.run(values, plan, Settings(**{k: v for k, v in changed.items() if k not in names}))


def peak(dose: float, interval: float, Vm: float, Km: float, V: float) -> float:
    """Peak of boluses with Michaelis–Menten elimination: Km ln(peak/trough) + peak − trough = Vm·τ/V (Beal 1982)."""
    jump = dose / V
    trough = brentq(lambda c: Km * np.log1p(jump / c) + jump - Vm * interval / V, 1e-30, 1e9, xtol=1e-300, rtol=1e-15)
    return float(trough + jump)


@budget(20)
@given(st.floats(0.02, 0.9995), st.sampled_from(["automatic", "stiff"]), st.sampled_from([1e-9, 1.0, 1e6]))
def test_below_saturation_it_is_the_true_one(part: float, method: str, unit: float) -> None:
    """A part of what can be lost is given; the rate with which doses approach the state goes to 0 as it goes to 1."""
    dose = part * 240.0
    given = {"Vm": 10 * unit, "Km": unit, "method": method}
    found = solve(SATURABLE, [Dose(0, dose * unit, steady_state="instead", interval=24.0)], [0.0], **given)
    assert found.status[0] == 0, found.advice(0)
    assert found.outputs[0, 0] / unit == pytest.approx(peak(dose, 24.0, 10.0, 1.0, 10.0), rel=3e-8)


@pytest.mark.parametrize("dose", [239.0, 120.0])
def test_derivatives_below_saturation(dose: float) -> None:
    found = solve(SATURABLE, [Dose(0, dose, steady_state="instead", interval=24.0)], [0.0], ("Vm", "Km"))
    for k, name in enumerate(("Vm", "Km")):
        base, h = {"Vm": 10.0, "Km": 1.0, "V": 10.0}, 1e-6
        up, down = (peak(dose, 24.0, **{**base, name: base[name] * (1 + s * h)}) for s in (1, -1))
        assert found.slopes[0, 0, k] == pytest.approx((up - down) / (2 * h * base[name]), rel=1e-4)


@pytest.mark.parametrize("part", [1.0 + 1e-4, 1.25, 50.0])
@pytest.mark.parametrize("kind", ["bolus", "short infusion", "long infusion", "constant infusion", "added"])
def test_above_saturation_there_is_none(part: float, kind: str) -> None:
    dose = 240.0 * part
    doses = {
        "bolus": [Dose(0, dose, steady_state="instead", interval=24.0)],
        "short infusion": [Dose(0, dose, "infusion", 2.0, steady_state="instead", interval=24.0)],
        "long infusion": [Dose(0, dose, "infusion", 30.0, steady_state="instead", interval=24.0)],
        "constant infusion": [Dose(0, 0, "infusion", rate=10 * part, steady_state="instead")],
        "added": [Dose(0, 10.0), Dose(7, dose, steady_state="added", interval=24.0)],
    }[kind]
    found = solve(SATURABLE, doses, [8.0, 9.0])
    assert found.status[0] == NO_STEADY_STATE
    assert np.isnan(found.outputs).all()
    assert f"steady state at time {doses[-1].time:g}" in found.advice(0)


@budget(20)
@given(st.floats(0.01, 0.9999), st.sampled_from([1.0, 24.0, 1 / 3600]))
def test_a_constant_infusion_below_saturation(part: float, hours: float) -> None:
    """Css = R·Km/(Vm − R), whatever the unit of time."""
    dose = Dose(0, 0, "infusion", rate=10 * part * hours, steady_state="instead")
    found = solve(SATURABLE, [dose], [0.0], ("Vm",), Vm=10 * hours)
    assert found.outputs[0, 0] == pytest.approx(part / (1 - part), rel=1e-7)
    assert found.slopes[0, 0, 0] * hours == pytest.approx(-part / (1 - part) ** 2 / 10, rel=1e-5)


def test_an_absorbed_drug_with_tissue_and_a_response() -> None:
    """Against 1 000 single doses: two compartments, Michaelis–Menten, an indirect response, doses and infusions."""
    model = define(
        {"G": "-ka*G", "A": "ka*G - Vm*(A/V)/(Km + A/V) - Q/V*A + Q/V2*B", "B": "Q/V*A - Q/V2*B",
         "R": "kin*(1 - (A/V)/(IC + A/V)) - kout*R"},
        {"ka": 1.0, "Vm": 10.0, "Km": 1.0, "V": 10.0, "Q": 2.0, "V2": 30.0, "kin": 1.0, "kout": 0.1, "IC": 5.0},
        outputs={"C": "A/V", "E": "R"}, initial={"R": "kin/kout"}, doses={"oral": "G", "infusion": "A"},
    )  # fmt: skip
    for kind in ({"route": "oral"}, {"route": "infusion", "duration": 30.0}):
        found = solve(model, [Dose(0, 180.0, steady_state="instead", interval=24.0, **kind)], [0.0, 3.0, 24.0])
        last = 24.0 * 1000
        long = solve(model, [Dose(0, 180.0, additional=1000, interval=24.0, **kind)], [last, last + 3, last + 24],
                     after=False, max_steps=10**7)  # fmt: skip
        np.testing.assert_allclose(found.outputs[1], long.outputs[1], rtol=2e-7)
        assert solve(model, [Dose(0, 241.0, steady_state="instead", interval=24.0, **kind)], [1.0]).status[0]


@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("CL", [0.0, 1e-14])
def test_what_is_never_lost_has_none(linear: str, CL: float) -> None:
    """Two compartments: the matrix is singular only up to rounding, and its inverse is 1e16 doses."""
    model = define({"A": "-CL/V*A - Q/V*A + Q/V2*B", "B": "Q/V*A - Q/V2*B"}, {"CL": 1.0, "V": 7.0, "Q": 0.3, "V2": 3.1},
                   outputs={"C": "A/V"}, doses={"bolus": "A", "infusion": "A"})  # fmt: skip
    bolus, ever = (
        Dose(0, 90.0, steady_state="instead", interval=7.0),
        Dose(0, 0, "infusion", 0, 3.0, steady_state="instead"),
    )
    for dose in (bolus, ever):
        assert solve(model, [dose], [0.0], linear=linear, CL=CL).status[0] == NO_STEADY_STATE
        assert solve(model, [dose], [0.0], linear=linear, CL=1e-5).status[0] == 0


def test_what_grows_by_itself_has_none() -> None:
    """Cells that double between doses: the fixed point of an interval repels, or is negative."""
    grown = define({"A": "g*A"}, {"g": 0.1}, doses={"bolus": "A"}, outputs={"N": "A"})
    killed = define({"A": "-k*A", "N": "g*N - kill*A*N"}, {"k": 0.5, "g": 0.1, "kill": 0.001}, initial={"N": "1"},
                    doses={"bolus": "A"}, outputs={"n": "N"})  # fmt: skip
    dose = [Dose(0, 10.0, steady_state="instead", interval=12.0)]
    for linear in ("closed form", "ode"):
        assert solve(grown, dose, [0.0], linear=linear).status[0] == NO_STEADY_STATE
        assert solve(killed, dose, [0.0], linear=linear).status[0] == NO_STEADY_STATE
        assert solve(killed, dose, [0.0], linear=linear, kill=1.0).outputs[0, 0] == pytest.approx(0.0, abs=1e-9)


GATHERING = define(
    {"A": "-CL/V*A", "AUC": "A/V", "U": "CL/V*A", "AUMC": "AUC"}, {"CL": 1.0, "V": 10.0},
    outputs={"C": "A/V", "X": "AUC", "Y": "U", "Z": "AUMC"}, doses={"bolus": "A", "infusion": "A"},
)  # fmt: skip


@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("kind", [{}, {"route": "infusion", "duration": 5.0}])
def test_states_that_nothing_reads_start_at_zero(linear: str, kind: dict[str, Any]) -> None:
    """AUC over τ is dose/CL, what urine holds is the dose, AUMC the integral of the AUC; and their derivatives."""
    doses = [Dose(3, 100.0, steady_state="instead", interval=24.0, **kind)]
    found = solve(GATHERING, doses, [3.0, 15.0, 27.0], ("CL",), linear)
    assert found.outputs[0, 1:] == pytest.approx([0, 0, 0], abs=1e-12)
    assert found.outputs[2, 1:3] == pytest.approx([100.0, 100.0], rel=1e-7)
    assert found.slopes[2, 1, 0] == pytest.approx(-100.0, rel=1e-6)
    assert found.slopes[2, 2, 0] == pytest.approx(0.0, abs=1e-4)
    fine = np.linspace(3, 27, 2401)
    areas = solve(GATHERING, doses, fine.tolist(), linear=linear).outputs[:, 1]
    assert found.outputs[2, 3] == pytest.approx(np.trapezoid(areas, fine), rel=1e-5)


def test_what_gathers_beside_saturation_and_added_to_what_was_there() -> None:
    model = define({"A": "-Vm*A/(Km*V + A)", "U": "Vm*A/(Km*V + A)"}, {"Vm": 10.0, "Km": 1.0, "V": 10.0},
                   outputs={"C": "A/V", "X": "U"}, doses={"bolus": "A"})  # fmt: skip
    found = solve(model, [Dose(0, 50.0), Dose(10, 100.0, steady_state="added", interval=24.0)], [10.0, 34.0])
    before = solve(model, [Dose(0, 50.0)], [10.0])
    assert found.outputs[0, 1] == pytest.approx(before.outputs[0, 1], rel=1e-8)
    assert solve(model, [Dose(0, 100.0, steady_state="instead", interval=24.0)], [24.0], after=False).outputs[
        0, 1
    ] == pytest.approx(100.0, rel=1e-7)


CIRCADIAN = define(
    {"G": "-ka*G", "A": "ka*G - CL/V*A*(1 + 0.5*cos(2*pi*(t - ph)/period))",
     "R": "kin*(1 + 0.5*sin(w*t)) - kout*R*A/V"},
    {"ka": 1.0, "CL": 1.0, "V": 10.0, "ph": 3.0, "pi": np.pi, "period": 24.0, "w": np.pi / 6, "kin": 1.0, "kout": 0.1},
    outputs={"C": "A/V", "E": "R"}, doses={"oral": "G", "infusion": "A"},
)  # fmt: skip


@pytest.mark.parametrize(("interval", "first"), [(24.0, 6.0), (12.0, 5.0), (8.0, 25.0), (48.0, 3.0), (36.0, 7.0)])
def test_a_clock_that_comes_back_with_the_doses(interval: float, first: float) -> None:
    """The state is that of the clock of the record: against 50 days of single doses."""
    asked = [first, first + 3, first + 7]
    found = solve(
        CIRCADIAN, [Dose(first, 100.0, "oral", steady_state="instead", interval=interval)], asked, ("ph", "CL")
    )
    begun = first - 24.0 * 60
    before = [Dose(begun, 100.0, "oral", additional=int(24 * 60 // interval), interval=interval)]
    long = solve(CIRCADIAN, before, asked, ("ph", "CL"))
    assert not found.status.any(), found.advice(0)
    np.testing.assert_allclose(found.outputs, long.outputs, rtol=1e-7)
    np.testing.assert_allclose(found.slopes, long.slopes, rtol=1e-6, atol=1e-7)


def test_a_constant_infusion_on_a_clock() -> None:
    found = solve(CIRCADIAN, [Dose(5, 0, "infusion", rate=4.0, steady_state="instead")], [5.0])
    long = solve(CIRCADIAN, [Dose(5 - 24.0 * 60, 4.0 * 24 * 60, "infusion", 24.0 * 60)], [5.0])
    np.testing.assert_allclose(found.outputs, long.outputs, rtol=1e-7)


@pytest.mark.parametrize("equation", [
    "-CL/V*A*exp(-0.01*t)", "-CL/V*A/(1 + t)", "-CL/V*A*(1 + 0.5*cos(2*t))", "-CL/V*A*(1 + cos(t**2))",
    "-CL/V*A*(2 if t > 5 else 1)", "-CL/V*A*(2 if tad > 5 else 1)", "-CL/V*A*(1 + cos(t))",
])  # fmt: skip
def test_a_clock_that_does_not_come_back_is_refused(equation: str) -> None:
    model = define({"A": equation}, {"CL": 1.0, "V": 10.0}, outputs={"C": "A/V"}, doses={"bolus": "A"})
    found = solve(model, [Dose(24, 100.0, steady_state="instead", interval=12.0)], [24.0, 30.0])
    assert found.status[0] == NOT_PERIODIC
    assert np.isnan(found.outputs).all()
    assert "time 24" in found.advice(0)


def test_the_time_after_dose_comes_back_by_itself() -> None:
    """Also with a lag, where it counts from the record; and a time of the equations that the doses have not met."""
    late = define({"A": "-CL/V*A*(1 + exp(-tad))"}, {"CL": 1.0, "V": 10.0}, outputs={"C": "A/V"}, doses={"bolus": "A"},
                  lag={"A": "5"})  # fmt: skip
    found = solve(late, [Dose(6, 100.0, steady_state="instead", interval=12.0)], [6.0, 9.0, 13.0])
    long = solve(late, [Dose(6 - 1200.0, 100.0, additional=100, interval=12.0)], [6.0, 9.0, 13.0])
    np.testing.assert_allclose(found.outputs, long.outputs, rtol=1e-7)
    ahead = define(
        {"A": "-CL/V*A*(2 if t > 30 else 1)"}, {"CL": 1.0, "V": 10.0}, outputs={"C": "A/V"}, doses={"bolus": "A"}
    )
    found = solve(ahead, [Dose(24, 100.0, steady_state="instead", interval=12.0)], [24.0])
    assert found.outputs[0, 0] == pytest.approx(10 / (1 - np.exp(-1.2)), rel=1e-12)


LATE = define(
    {"G": "-ka*G", "A": "ka*G - CL/V*A - Q/V*A + Q/V2*B", "B": "Q/V*A - Q/V2*B"},
    {"ka": 2.0, "CL": 1.0, "V": 10.0, "Q": 3.0, "V2": 20.0, "L": 5.0, "F": 0.6},
    outputs={"C": "A/V"}, doses={"bolus": "A", "oral": "G", "infusion": "A"}, lag={"G": "L", "A": "L"},
    bioavailability={"G": "F", "A": "F"},
)  # fmt: skip
KINDS: list[dict[str, Any]] = [
    {"route": "oral"}, {}, {"route": "infusion", "duration": 0.7}, {"route": "infusion", "rate": 10.0},
    {"route": "infusion", "duration": 9.0}, {"route": "infusion", "duration": 3.0, "into": "G"},
]  # fmt: skip


@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_lag_beyond_the_interval(kind: dict[str, Any], linear: str) -> None:
    """Against 500 single doses, each as late: never negative, exact once the lag is over, and before where
    NONMEM's way back would lead below zero, as that of a dose into a depot does."""
    times = [0.0, 0.5, 1.0, 2.9, 3.0, 5.0, 7.2, 11.0, 30.0]
    for lag in (2.0, 4.0, 5.0, 7.3, 20.0):
        repeated = Dose(0, 100.0, steady_state="instead", interval=2.0, additional=2, **kind)
        found = solve(LATE, [repeated], times, ("L", "CL"), linear, L=lag)
        single = Dose(-1000.0, 100.0, interval=2.0, additional=502, **kind)
        long = solve(LATE, [single], times, ("L", "CL"), L=lag)
        assert found.status[0] == 0
        assert (found.outputs >= 0).all()
        met = np.isclose(found.outputs, long.outputs, rtol=1e-6)[:, 0]
        assert met[np.array(times) > lag - 2].all()
        assert met.all() or kind.get("route") != "oral"
        moved = np.array(times) % 2 != lag % 2  # on an arrival one side's derivative is as good as the other's
        beyond = met & moved & (np.array(times) > lag)
        np.testing.assert_allclose(found.slopes[beyond], long.slopes[beyond], rtol=1e-5, atol=1e-6)
