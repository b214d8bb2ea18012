"""What an attack on the methods over lanes found; the right values are mpmath's integrals, closed forms, or SciPy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Settings, Solution, compile_model
from pkpd.library import myelosuppression
from pkpd.model import Model

METHODS = ("explicit", "stiff", "automatic")


def solve(
    model: Model, doses: Sequence[Dose], times: Any, how: Settings, sens: Sequence[str] = (),
    linear: str = "closed form",
) -> Solution:  # fmt: skip
    """Run one subject with the model's own values."""
    code, values = compile_model(model, sens, linear), np.array([[p.value for p in model.parameters]])
    plan = code.schedule(values, [tuple(doses)], [np.asarray(times, float)], [np.zeros(len(times), bool)])
    return code.run(values, plan, how)


# ---- from nothing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("power", [0.3, 0.5, 1.5])
def test_a_model_that_starts_from_nothing(method: str, power: float) -> None:
    """No state, no dose: nothing says how large anything is. x = √(a/b)·tanh(√(ab)·t), y by quadrature."""
    model = define(
        {"x": "a - b*x*x", "y": "x**h - c*y"}, {"a": 1.0, "b": 0.3, "c": 0.1, "h": power},
        outputs={"x": "x", "y": "y"},
    )  # fmt: skip
    times = [1e-3, 1.0, 30.0]
    found = solve(model, (), times, Settings(method=method))
    assert found.status.tolist() == [0]
    size, rate = mpmath.sqrt(1 / mpmath.mpf(0.3)), mpmath.sqrt(mpmath.mpf(0.3))

    def y(t: float) -> float:
        def inside(s: Any) -> Any:
            return mpmath.exp(-mpmath.mpf(0.1) * (t - s)) * (size * mpmath.tanh(rate * s)) ** power

        return float(mpmath.quad(inside, [0, t / 1000, t / 30, t / 3, t]))

    exact = [[float(size * mpmath.tanh(rate * t)), y(t)] for t in times]
    np.testing.assert_allclose(found.outputs, exact, rtol=1e-7)


# ---- powers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_a_power_with_a_moving_exponent_of_what_begins_at_zero(method: str, linear: str) -> None:
    """x = k·t drives dE/dt = x^(1 + h·t) + E·0, which has no logarithm at the start."""
    model = define(
        {"x": "k", "E": "x**(p + h*t) - 0*E"}, {"k": 2.0, "h": 0.1, "p": 0.6}, outputs={"E": "E"}, initial={"E": "1"}
    )
    times = [0.01, 1.0, 5.0]
    found = solve(model, (), times, Settings(method=method), linear=linear)
    assert found.status.tolist() == [0]
    exact = [1 + mpmath.quad(lambda s: (2 * s) ** (0.6 + 0.1 * s), [0, t / 1e4, t / 100, t / 4, t]) for t in times]
    np.testing.assert_allclose(found.outputs[:, 0], [float(e) for e in exact], rtol=3e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pause", [200.0, 300.0, 5000.0])
def test_a_root_of_what_is_washed_out_when_it_is_given_again(method: str, pause: float) -> None:
    """A is 1e-200, 1e-300 or 0 when the second dose comes; what follows is as after the first, which SciPy solves."""
    model = define(
        {"G": "-ka*G", "A": "ka*G - Vm*A/(Km + A)", "E": "A**g - kout*E"},
        {"ka": 1.0, "Vm": 5.0, "Km": 2.0, "kout": 0.5, "g": 0.5}, outputs={"A": "A", "E": "E"}, doses={"oral": "G"},
    )  # fmt: skip
    after = np.array([1e-3, 0.5, 3.0])
    doses = (Dose(0, 10.0, "oral"), Dose(pause, 10.0, "oral"))
    found = solve(model, doses, pause + after, Settings(method=method))
    assert found.status.tolist() == [0]

    def rates(t: float, y: Any) -> list[float]:
        a = max(y[0], 0.0)
        return [10 * np.exp(-t) - 5 * a / (2 + a), np.sqrt(a) - 0.5 * y[1]]

    exact = solve_ivp(rates, (0, 3), [0.0, 0.0], t_eval=after, rtol=1e-12, atol=1e-16, method="Radau").y.T
    np.testing.assert_allclose(found.outputs, exact, rtol=1e-7, atol=5e-11)  # 20 times the absolute tolerance


# ---- what is all but extinct and grows again ----------------------------------------------------------------------


def _regrown(t: float, kill: Any, rate: Any) -> Any:
    """N of dN/dt = r·N·(1 − N/K) − k·C·N with C = 3·exp(−0.05·t): Bernoulli's equation."""

    def grown(s: Any) -> Any:
        return mpmath.exp(rate * s - kill * 60 * (1 - mpmath.exp(-s / 20)))

    edges = [0, 1, 5, 20, 60, *(x for x in range(100, 1000, 50) if x < t), t]
    return grown(t) / (mpmath.mpf("1e-6") + rate / mpmath.mpf("1e9") * mpmath.quad(grown, edges))


@pytest.mark.parametrize("method", METHODS)
def test_cells_that_are_killed_to_less_than_one_part_in_1e40_and_grow_again(method: str) -> None:
    """However few are left, what is seen later is their offspring: value and derivatives to the tolerance."""
    model = define(
        {"C": "-ke*C", "N": "r*N*(1 - N/K) - k*C*N"}, {"ke": 0.05, "r": 0.15, "K": 1e9, "k": 2.0, "N0": 1e6},
        outputs={"N": "N"}, initial={"N": "N0"}, doses={"bolus": "C"},
    )  # fmt: skip
    times = [50.0, 300.0, 700.0, 850.0, 950.0]
    found = solve(model, (Dose(0, 3.0),), times, Settings(method=method), ("k", "r"))
    assert found.status.tolist() == [0]
    with mpmath.workdps(30):
        k, r, h = mpmath.mpf(2.0), mpmath.mpf(0.15), mpmath.mpf("1e-9")
        exact = [float(_regrown(t, k, r)) for t in times]
        slopes = [
            [float((_regrown(t, k + h, r) - _regrown(t, k - h, r)) / (2 * h)),
             float((_regrown(t, k, r + h) - _regrown(t, k, r - h)) / (2 * h))] for t in times
        ]  # fmt: skip
    assert min(exact) < 1e-38
    assert max(exact) > 1e8
    np.testing.assert_allclose(found.outputs[:, 0], exact, rtol=2e-6)  # log N moves by 100: 1e-8 of that, and some
    np.testing.assert_allclose(found.slopes[:, 0], slopes, rtol=2e-6)


def test_a_deep_nadir_of_neutrophils() -> None:
    """A drug kills the proliferating cells to 1e-20 of what they were; the logarithms are integrated by SciPy."""
    marrow = define({"A": "-k*A"}, {"k": 0.02}, outputs={"C": "A"}, doses={"bolus": "A"}) + myelosuppression(by="C")
    names = marrow.parameters.names
    values = {"k": 0.02, "MTT_ANC": 100.0, "ANC_0": 5.0, "gamma_ANC": 0.17, "slope_ANC": 20.0}
    code, table = compile_model(marrow), np.array([[values[n] for n in names]])
    times = np.array([24.0, 100.0, 200.0, 400.0, 700.0, 1000.0])
    plan = code.schedule(table, [(Dose(0, 3.0),)], [times], [np.zeros(len(times), bool)])

    def logarithms(t: float, u: Any) -> list[float]:
        p, a, b, c, n = u
        e = np.exp
        return [
            0.04 * ((1 - 60 * e(-0.02 * t)) * e(0.17 * (np.log(5.0) - n)) - 1),
            0.04 * (e(p - a) - 1), 0.04 * (e(a - b) - 1), 0.04 * (e(b - c) - 1), 0.04 * (e(c - n) - 1),
        ]  # fmt: skip

    exact = np.exp(
        solve_ivp(logarithms, (0, 1000), [np.log(5.0)] * 5, t_eval=times, rtol=1e-11, atol=1e-13, method="Radau").y
    )
    assert exact[0].min() < 1e-20
    for method in METHODS:
        found = code.run(table, plan, Settings(method=method))
        assert found.status.tolist() == [0]
        cells = found.states[:, [code.states.index(s) for s in marrow.states if s != "A"]]
        np.testing.assert_allclose(cells, exact.T, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_only_lost_needs_no_digits_when_it_is_gone(method: str) -> None:
    """x falls like 1 − t and is gone at 1: with Km 1e-12 its last digits would cost all steps."""
    model = define(
        {"x": "-k*x/(Km + x)", "y": "x*y - y"}, {"k": 1.0, "Km": 1e-12}, outputs={"x": "x", "y": "y"},
        initial={"x": "1", "y": "1"},
    )  # fmt: skip
    found = solve(model, (), [0.5, 2.0], Settings(method=method))
    assert found.status.tolist() == [0]
    np.testing.assert_allclose(found.outputs[:, 0], [0.5, 0.0], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.outputs[:, 1], np.exp([-0.125, -1.5]), rtol=1e-7)
