"""What goes to zero: powers on the way, elimination that saturates there, states that arrive and stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import wrightomega

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Settings, Solution, compile_model
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters
from tests.examples import budget

METHODS: list[dict[str, Any]] = [
    {}, {"linear": "ode"}, {"linear": "ode", "method": "explicit"}, {"linear": "ode", "method": "stiff"},
]  # fmt: skip


def solve(
    model: Model, doses: list[Dose], times: list[float], slopes: tuple[str, ...] = (), linear: str = "closed form",
    **changed: Any,
) -> Solution:  # fmt: skip
    names = model.parameters.names
    values = np.array([[float(changed.get(n, model.parameters[n])) for n in names]])
    code = compile_model(model, slopes, linear)
    plan = code.schedule(values, [doses], [np.array(times, float)], [np.ones(len(times), bool)])
    return code.run(values, plan, Settings(**{k: v for k, v in changed.items() if k not in names}))


HILL = define(
    {"A": "-CL/V*A", "R": "kin*(1 - Imax*(A/V)**1.7/(IC**1.7 + (A/V)**1.7)) - kout*R"},
    {"CL": 1.0, "V": 10.0, "kin": 1.0, "Imax": 0.8, "IC": 2.0, "kout": 0.1},
    outputs={"C": "A/V", "E": "R"}, initial={"R": "kin/kout"}, doses={"bolus": "A"},
)  # fmt: skip


@pytest.mark.parametrize("how", METHODS)
def test_a_broken_power_in_a_washout(how: dict[str, Any]) -> None:
    """After 24 000 h nothing is left, the response is back where it was, and so are its derivatives."""
    times = [0.0, 1.0, 24.0, 240.0, 2400.0, 24000.0]
    found = solve(HILL, [Dose(0, 100.0)], times, ("CL", "IC"), **how)
    assert not found.status.any(), found.advice(0)
    np.testing.assert_allclose(found.outputs[:, 0], 10 * np.exp(-0.1 * np.array(times)), rtol=1e-6, atol=1e-10)
    assert found.outputs[-2:, 1] == pytest.approx([10.0, 10.0], rel=1e-7)
    assert np.isfinite(found.slopes).all()
    assert found.slopes[-2:, 1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("power", ["C**1.45", "sqrt(C)", "C**h", "C**0.7*C**h"])
@pytest.mark.parametrize("method", ["automatic", "stiff"])
def test_a_response_to_a_power_beside_saturable_elimination(power: str, method: str) -> None:
    """The drug is what it is alone: Km·W(…) (Schnell & Mendoza 1997); the response comes back to kin/kout."""
    model = define(
        {"A": "-Vm*C/(Km + C)", "R": f"kin - kout*(1 + S*{power})*R"},
        {"Vm": 10.0, "Km": 1.0, "V": 10.0, "kin": 1.0, "kout": 0.2, "S": 0.5, "h": 1.2},
        outputs={"C": "A/V", "E": "R"}, initial={"R": "kin/kout"}, doses={"bolus": "A"},
    )  # fmt: skip
    times = [0.0, 3.0, 12.0, 30.0, 100.0, 400.0]
    found = solve(model, [Dose(0, 100.0)], times, method=method)
    assert not found.status.any(), found.advice(0)
    exact = wrightomega(10.0 + np.log(10.0) - np.array(times)).real
    np.testing.assert_allclose(found.outputs[:, 0], exact, rtol=1e-5, atol=1e-9)
    assert (found.outputs >= 0).all()
    assert found.outputs[-1, 1] == pytest.approx(5.0, rel=1e-4)


def test_a_power_of_what_is_negative_is_no_zero() -> None:
    """Only what cannot be negative is kept from it: here it is, truly, and a sentence says what may be wrong."""
    free = Parameters((Parameter("k", 0.5), Parameter("V", -10.0, "", -np.inf), Parameter("h", 1.7)))
    model = define({"A": "-k*A", "R": "(A/V)**h - R"}, free, outputs={"E": "R"}, doses={"bolus": "A"})
    for how in METHODS:
        found = solve(model, [Dose(0, 100.0)], [1.0], **how)
        assert found.status[0] != 0
        assert "power" in found.advice(0)
    signed = define(
        {"A": "-k*A", "B": "k*A - 3*k", "R": "B**1.5 - R"}, {"k": 0.5}, outputs={"E": "R"}, doses={"bolus": "A"}
    )
    assert solve(signed, [Dose(0, 1.0)], [1.0]).status[0] != 0


SATURABLE = define({"A": "-Vm*(A/V)/(Km + A/V)"}, {"Vm": 10.0, "Km": 1.0, "V": 5.0}, outputs={"C": "A/V"},
                   doses={"bolus": "A", "infusion": "A"})  # fmt: skip


@budget(40)
@given(st.floats(-13, 1), st.sampled_from(["automatic", "stiff"]), st.sampled_from([1e-6, 1.0, 1e6]))
def test_saturable_elimination_never_passes_through_zero(power: float, method: str, unit: float) -> None:
    """C = Km·ω(C0/Km + ln(C0/Km) − Vm·t/(V·Km)), whatever Km, in any unit of amount."""
    km, times = 10**power, [0.0, 1.0, 5.0, 9.0, 9.99, 10.01, 20.0, 50.0]
    found = solve(SATURABLE, [Dose(0, 100.0 * unit)], times, method=method, Km=km * unit, Vm=10 * unit)
    assert not found.status.any(), found.advice(0)
    got, part = found.outputs[:, 0] / unit, 20.0 / km
    exact = km * wrightomega(part + np.log(part) - 2 * np.array(times) / km).real
    np.testing.assert_allclose(got, exact, rtol=1e-6, atol=2e-9)
    assert (got >= 0).all()


@pytest.mark.parametrize("km", [1e-3, 1e-7, 1e-12])
@pytest.mark.parametrize("method", ["automatic", "stiff"])
def test_with_an_inflow_it_comes_to_rest_above_zero(km: float, method: str) -> None:
    """A constant infusion of half of Vmax: C = Km at rest; absorbed drug and tissue: nothing is ever negative."""
    fed = solve(
        SATURABLE, [Dose(0, 100.0), Dose(0, 5.0 * 60, "infusion", 60.0)], [10.0, 19.0, 40.0, 59.0], Km=km, method=method
    )
    assert not fed.status.any(), fed.advice(0)
    assert fed.outputs[:2, 0] == pytest.approx([10.0, 1.0], rel=2e-2)
    assert fed.outputs[2:, 0] == pytest.approx([km, km], rel=1e-4, abs=1e-10)
    body = define(
        {"G": "-ka*G", "A": "ka*G - Vm*A/(Km*V + A) - q*A + q2*B", "B": "q*A - q2*B", "E": "Vm*A/(Km*V + A)"},
        {"ka": 1.0, "Vm": 10.0, "Km": 1.0, "V": 5.0, "q": 0.4, "q2": 0.2}, doses={"oral": "G"},
        outputs={"C": "A", "T": "B", "X": "G + A + B + E"},
    )  # fmt: skip
    found = solve(body, [Dose(0, 100.0, "oral")], [1.0, 9.0, 20.0, 50.0], ("Vm",), Km=km, method=method)
    assert not found.status.any(), found.advice(0)
    assert (found.outputs >= 0).all()
    assert np.isfinite(found.slopes).all()
    assert found.outputs[:, 2] == pytest.approx(100.0, rel=1e-5)


@pytest.mark.parametrize("method", ["automatic", "stiff"])
@pytest.mark.parametrize("power", ["sqrt(A)", "A**0.5", "A**0.75"])
def test_what_arrives_at_zero_stays_there(method: str, power: str) -> None:
    """x' = −k·xᵖ with p < 1 is at zero after x0¹⁻ᵖ/(k(1 − p)) and stays."""
    model = define({"A": f"-k*{power}"}, {"k": 1.0}, outputs={"X": "A"}, doses={"bolus": "A"})
    p = 0.75 if "75" in power else 0.5
    times = np.array([1.0, 5.0, 19.0, 20.5, 50.0])
    found = solve(model, [Dose(0, 100.0)], times.tolist(), method=method)
    assert not found.status.any(), found.advice(0)
    exact = np.maximum(100.0 ** (1 - p) - (1 - p) * times, 0) ** (1 / (1 - p))
    np.testing.assert_allclose(found.outputs[:, 0], exact, rtol=1e-6, atol=1e-9)
    assert (found.outputs >= 0).all()


@pytest.mark.parametrize("method", ["automatic", "explicit", "stiff"])
def test_elimination_of_order_zero_stops_at_zero(method: str) -> None:
    model = define({"A": "-(k if A > 0 else 0)"}, {"k": 1.0}, outputs={"X": "A"}, doses={"bolus": "A"})
    found = solve(model, [Dose(0, 100.0), Dose(200, 10.0)], [5.0, 99.0, 101.0, 150.0, 205.0, 300.0], method=method)
    np.testing.assert_allclose(found.outputs[:, 0], [95.0, 1.0, 0.0, 0.0, 5.0, 0.0], atol=1e-6)
    assert (found.outputs >= 0).all()


def test_no_affinity_at_all_is_refused_with_a_sentence() -> None:
    found = solve(SATURABLE, [Dose(0, 100.0)], [50.0], Km=0.0)
    assert found.status[0] != 0
    assert "division by zero" in found.advice(0)


def test_signs_that_do_not_matter_are_not_asked_for() -> None:
    """A random effect is negative in half of all subjects; the state cannot be, whatever it is."""
    free = Parameters(
        (Parameter("Vm", 10.0), Parameter("Km", 1e-7), Parameter("V", 5.0), Parameter("eta", -0.4, "", -np.inf))
    )
    model = define({"A": "-Vm*exp(eta)*(A/V)/(Km + A/V)", "R": "sqrt(A/V) - R"}, free, outputs={"C": "A/V", "E": "R"},
                   doses={"bolus": "A"})  # fmt: skip
    found = solve(model, [Dose(0, 100.0)], [5.0, 14.0, 16.0, 60.0])
    assert not found.status.any(), found.advice(0)
    assert (found.outputs >= 0).all()
    assert found.outputs[:2, 0] == pytest.approx(20 - 2 * np.exp(-0.4) * np.array([5.0, 14.0]), rel=1e-5)


def test_thousands_of_doses_do_not_pass_the_limit_of_steps() -> None:
    """The limit grows with the segments; one that is asked for holds."""
    doses = [Dose(0, 100.0, additional=11_999, interval=24.0)]
    found = solve(SATURABLE, doses, [24.0 * 12_000], Km=1e-3, rtol=1e-10)
    assert not found.status.any(), found.advice(0)
    assert solve(SATURABLE, doses, [24.0 * 12_000], Km=1e-3, max_steps=5_000).status[0]
