"""Taylor series over lanes: coefficients against mpmath, order of convergence, corners, positivity, tolerances."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.engine.symbolic.analytic import is_analytic
from pkpd.model import Model, define
from pkpd.model.expressions import parse, symbol
from tests.engine.engine_runs import run
from tests.examples import budget

EXPLICIT = Settings(rtol=1e-10, method="explicit")


def single(equation: str, values: dict[str, float] | None = None, start: str = "1") -> Model:
    return define({"y": equation}, values or {"k": 1.0}, outputs={"y": "y"}, initial={"y": start})


def uses_series(model: Model) -> bool:
    return compile_model(model, linear="ode").method(EXPLICIT).startswith("Taylor")


RULES = {  # every rule by which a coefficient follows from others
    "sum, product": "k*y*(3 - y)",
    "quotient": "k*y/(1 + y*y) - y/(2 + t)",
    "whole power": "k - y**3",
    "negative power": "k*(1 + y)**(-2)",
    "power": "k*(1 + y)**1.7 - y*y",
    "root": "k*sqrt(1 + y) - y",
    "power of a parameter": "k - y**(1 + k)",
    "moving exponent": "k - (1 + y)**(0.2*t)/4",
    "exp": "k*exp(-y) - exp(0.1*t)*y/5",
    "log": "k - log(1 + y)*y",
    "sin, cos": "k*sin(t) + cos(y)",
    "tanh": "k*tanh(1 - y) + tanh(t)/3",
    "chosen at the start": "(k if k > 0.5 else 2*k) - y*y",
}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_against_twenty_digits(name: str) -> None:
    """mpmath's Taylor method with 20 digits, which shares nothing with ours."""
    model = single(RULES[name])
    assert uses_series(model)
    expression = parse(RULES[name])
    flow = _mpmath(expression)
    with mpmath.workdps(20):
        exact = mpmath.odefun(lambda t, y: [flow(t, y[0])], 0, [mpmath.mpf(1)])
        expected = [float(exact(t)[0]) for t in (0.4, 1.3, 2.0)]
    found = run(model, [1.0], times=[0.4, 1.3, 2.0], linear="ode", settings=EXPLICIT)
    assert not found.status.any()
    np.testing.assert_allclose(found.outputs[:, 0], expected, rtol=2e-9)


def _mpmath(expression: object) -> object:
    import sympy

    return sympy.lambdify([symbol("t"), symbol("y")], expression.subs(symbol("k"), 1), modules="mpmath")  # type: ignore[attr-defined]


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7, 1e-10, 1e-13])
def test_errors_are_near_the_tolerance(tolerance: float) -> None:
    """y' = −y²: y = 1/(1 + t), at times inside steps and at their ends."""
    times = np.concatenate([np.linspace(0.01, 30, 200), [1000.0]])
    found = run(single("-k*y*y"), [1.0], times=times, settings=Settings(rtol=tolerance, method="explicit"))
    error, exact = np.abs(found.outputs[:, 0] - 1 / (1 + times)), 1 / (1 + times)
    assert (error < 20 * (tolerance * exact + 1e-12)).all()  # the absolute tolerance is 1e-12 of what y has been


@budget(25)
@given(st.floats(-6, 6), st.floats(0.3, 3.0))
def test_results_do_not_depend_on_the_unit(power: float, rate: float) -> None:
    """An amount in units of 10^power: every tolerance is a part of what the state has been."""
    size = 10.0**power
    times = np.array([1.0, 5.0, 30.0])
    model = define({"y": "-vmax*y/(km + y)"}, {"vmax": rate, "km": 1.0}, outputs={"y": "y"}, doses={"bolus": "y"})
    plain = run(model, [rate, 1.0], (Dose(0.0, 10.0),), times)
    other = run(model, [rate * size, size], (Dose(0.0, 10.0 * size),), times)
    np.testing.assert_allclose(other.outputs, plain.outputs * size, rtol=1e-6, atol=1e-12 * size)


def test_corners_and_conditions_of_states_have_no_series() -> None:
    y, t = symbol("y"), symbol("t")
    for text in ("max(y, 1)", "abs(y - 1)", "y if y > 1 else 2*y", "min(t, 2)*y", "y if t < 3 else 2*y"):
        assert not is_analytic(parse(text), {y, t}, {parse("0")}), text
    for text in ("max(y, 0)", "y if k > 1 else 2*y", "max(k, 1)*y", "exp(-t)*y**k"):
        assert is_analytic(parse(text), {y, t}, {parse("0")}), text


@pytest.mark.parametrize("h", [0.5, 0.9, 1.0, 1.4, 2.0, 3.7])
@pytest.mark.parametrize("last", [30.0, 5000.0])
def test_a_power_of_what_begins_at_zero(h: float, last: float) -> None:
    """A Hill function of a concentration that rises from nothing, and is washed out long before the end."""
    model = define(
        {"G": "-ka*G", "A": "ka*G - CL/V*A", "E": "kin*(1 + Emax*(A/V)**h/(EC**h + (A/V)**h)) - kout*E"},
        {"ka": 1.1, "CL": 4.0, "V": 20.0, "kin": 2.0, "Emax": 4.0, "EC": 1.5, "h": h, "kout": 0.2},
        outputs={"E": "E"}, initial={"E": "kin/kout"}, doses={"oral": "G"},
    )  # fmt: skip
    assert uses_series(model)

    def flow(t: float, y: np.ndarray) -> list[float]:
        c = 100 / 20 * 1.1 / (1.1 - 0.2) * (np.exp(-0.2 * t) - np.exp(-1.1 * t))
        return [2 * (1 + 4 * max(c, 0.0) ** h / (1.5**h + max(c, 0.0) ** h)) - 0.2 * y[0]]

    times = np.array([0.01, 0.5, 3.0, 12.0, last])
    exact = solve_ivp(flow, (0.0, last), [10.0], "LSODA", times, rtol=1e-11, atol=1e-12, max_step=5.0).y[0]
    found = run(model, [model.parameters[n] for n in model.parameters.names], (Dose(0.0, 100.0, "oral"),), times)
    assert not found.status.any()
    np.testing.assert_allclose(found.outputs[:, 0], exact, rtol=1e-7)


def test_a_deep_nadir() -> None:
    """Friberg's model with a weak feedback and a steep effect: the nadir is some 1e-9 of the baseline, and right."""
    model = library.myelosuppression() + library.one_compartment()
    values = {"MTT_ANC": 100.0, "ANC_0": 5.0, "gamma_ANC": 0.17, "slope_ANC": 20.0, "CL": 4.0, "V": 20.0}
    row = np.array([values[name] for name in model.parameters.names])
    times = np.linspace(24.0, 1000.0, 60)
    doses = (Dose(0.0, 50.0),)
    found = run(model, row, doses, times)
    tight = run(model, row, doses, times, settings=Settings(rtol=1e-13, method="explicit"))
    assert not found.status.any()
    cells = model.states.index("ANC")
    assert tight.states[:, cells].min() < 1e-2 * tight.states[:, cells].max()
    np.testing.assert_allclose(found.states[:, cells], tight.states[:, cells], rtol=1e-6)


def test_what_cannot_become_negative_does_not() -> None:
    """Fast loss and coarse tolerances: a step that would lead below zero is shortened."""
    model = define(
        {"A": "-k*A*A/(1 + A)", "B": "k*A*A/(1 + A) - 50*B/(0.01 + B)"}, {"k": 3.0}, outputs={"B": "B"},
        doses={"bolus": "A"},
    )  # fmt: skip
    for method in ("explicit", "stiff"):
        found = run(
            model, [3.0], (Dose(0.0, 100.0),), np.linspace(0, 40, 400), settings=Settings(rtol=1e-2, method=method)
        )
        assert not found.status.any()
        assert found.states.min() >= 0.0


def test_what_may_become_negative_does() -> None:
    """y' = −k crosses zero by its equation, and a negative parameter turns an input into a loss."""
    found = run(single("-k + 0*y*y"), [1.0], times=[0.5, 3.0], linear="ode")
    np.testing.assert_allclose(found.outputs[:, 0], [0.5, -2.0], rtol=1e-9)
    found = run(single("k*(1 + 0*y*y)"), [-1.0], times=[0.5, 3.0], linear="ode")
    np.testing.assert_allclose(found.outputs[:, 0], [0.5, -2.0], rtol=1e-9)
