"""The words of equations: pi, floor, ceil, mod, lgamma, ``==`` on covariates; what is said of those that are none."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.special import digamma, gammainc, gammaln, polygamma

import pkpd
from pkpd.arrays import Array
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.engine.machine import jit
from pkpd.engine.solve import integration
from pkpd.errors import ModelError
from pkpd.model import Model, define, derivative_text, evaluate_text
from pkpd.model.expressions import names, parse, text_of
from pkpd.model.meanings import at_a_dose
from tests.examples import budget

TIMES = (0.0, 10.0, 30.0, 70.0, 100.0, 160.0)


def run(model: Model, times=TIMES, values=None, doses=(), by=(), order=1, linear="closed form"):  # type: ignore[no-untyped-def]
    code = compile_model(model, tuple(by), linear, order=order)
    table = np.atleast_2d(np.asarray(model.parameters.values if values is None else values, dtype=float))
    times, n = np.asarray(times, dtype=float), len(table)
    plan = code.schedule(table, [doses] * n, [times] * n, [np.zeros(len(times), bool)] * n)
    return code.run(table, plan, Settings(rtol=1e-11))


# ---- floor, ceil, mod ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [7, 10, 24, 28, 49, 93])
def test_days_are_counted_exactly(day: int) -> None:
    """k·(1/49) is less than a whole number for some k; a quotient is not."""
    texts = {"down": f"floor(t/{day})", "up": f"ceil(t/{day})", "left": f"mod(t, {day})"}
    texts["near"] = f"floor(t/{day} + 0.5)"
    model = define({"A": "-k*A"}, {"k": 0.1}, outputs=texts)
    times = np.arange(0.0, 20 * day, 1.0)
    found = run(model, times).outputs[:, :]
    whole = np.arange(20 * day)
    expected = [whole // day, -(-whole // day), whole % day, (2 * whole + day) // (2 * day)]
    np.testing.assert_array_equal(found, np.transpose(expected))
    for text, column in zip(texts.values(), found.T, strict=True):
        np.testing.assert_array_equal(evaluate_text(text, {"t": times}), column)


def sawtooth(t: float, k: float, period: float) -> float:
    """∫ k·mod(t, T) dt."""
    n = math.floor(t / period)
    return k * (n * period**2 / 2 + (t - n * period) ** 2 / 2)


@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_a_sawtooth_and_its_derivatives(linear: str) -> None:
    """∂/∂T moves every jump."""
    model = define({"B": "k*mod(t, T)"}, {"k": 2.0, "T": 24.0}, outputs={"B": "B"})
    found = run(model, by=("k", "T"), linear=linear)
    np.testing.assert_allclose(found.outputs[:, 0], [sawtooth(t, 2.0, 24.0) for t in TIMES], rtol=1e-11)
    np.testing.assert_allclose(found.slopes[:, 0, 0], [sawtooth(t, 1.0, 24.0) for t in TIMES], rtol=1e-10)
    whole = np.floor(np.divide(TIMES, 24.0))
    by_period = 2.0 * (whole * 24.0 - (np.asarray(TIMES) - whole * 24.0) * whole)
    np.testing.assert_allclose(found.slopes[:, 0, 1], by_period, rtol=1e-9, atol=1e-9)


def test_a_rhythm_of_steps_against_pieces() -> None:
    """Meals from 0 to 8 o'clock, a loss that steps every six hours, doses on and off the steps."""
    text = "kin*(1 + (1 if mod(t, 24) < 8 else 0)) - kout*R*(1 + floor(mod(t, 24)/6)) + ka*A/V"
    model = define({"A": "-ka*A", "R": text}, {"ka": 1.0, "kin": 2.0, "kout": 0.1, "V": 3.0}, outputs={"R": "R"},
                   doses={"bolus": "A"})  # fmt: skip
    given = {0.0: 10.0, 24.0: 10.0, 31.0: 4.0}

    def pieces(kout: float) -> Array:
        state, found = np.zeros(2), []
        cuts = sorted({*given, *range(0, 169, 6), *(8 + 24 * n for n in range(7)), *TIMES})
        for a, b in zip(cuts, [*cuts[1:], 170.0], strict=True):
            if a in TIMES:
                found.append(state[1])
            state = np.array([state[0] + given.get(a, 0.0), state[1]])
            hour = (a + b) / 2 % 24
            made, lost = 2.0 * (2 if hour < 8 else 1), kout * (1 + hour // 6)
            flow: Callable[[float, Array], list[float]] = lambda t, y: [-y[0], made - lost * y[1] + y[0] / 3]  # noqa: B023, E731
            state = solve_ivp(flow, (a, b), state, rtol=1e-12, atol=1e-13, method="DOP853").y[:, -1]
        return np.array(found)

    found = run(model, doses=[Dose(t, amount) for t, amount in given.items()], by=("kout",))
    np.testing.assert_allclose(found.outputs[:, 0], pieces(0.1), rtol=1e-9)
    slope = (pieces(0.1 + 1e-5) - pieces(0.1 - 1e-5)) / 2e-5
    np.testing.assert_allclose(found.slopes[:, 0, 0], slope, rtol=1e-6, atol=1e-6)


def test_second_derivatives_where_the_steps_move() -> None:
    model = define({"B": "k*mod(t, T)/(1 + B)"}, {"k": 1.0, "T": 24.0}, outputs={"B": "B"})
    found = run(model, by=("k", "T"), order=2).second[:, 0]
    for which, centre in enumerate((1.0, 24.0)):
        step = 1e-4 * centre
        moved = [np.array([1.0, 24.0]) + sign * step * np.eye(2)[which] for sign in (1, -1)]
        above, below = (run(model, values=values, by=("k", "T")).slopes[:, 0] for values in moved)
        expected = (above - below) / (2 * step)
        np.testing.assert_allclose(found[:, which], expected, rtol=2e-5, atol=1e-6)


def test_the_same_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy and SciPy count the same days, and differentiate the same logarithm of the gamma function."""
    outputs = {"B": "B", "d": "ceil(t/7)*lgamma(k + 1.5)"}
    model = define({"B": "k*mod(t, T) - B"}, {"k": 1.0, "T": 24.0}, outputs=outputs)
    ours = run(model, (0.0, 10.0, 30.0), by=("k", "T"))
    monkeypatch.setattr(jit, "AVAILABLE", False)
    monkeypatch.setattr(integration, "AVAILABLE", False)
    other = define(dict(model.equations), {"k": 1.0, "T": 24.0}, outputs={**model.outputs, "x": "k"})
    theirs = run(other, (0.0, 10.0, 30.0), by=("k", "T"))
    np.testing.assert_allclose(theirs.outputs[:, :2], ours.outputs, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(theirs.slopes[:, :2], ours.slopes, rtol=1e-5, atol=1e-7)


def test_hours_since_a_dose() -> None:
    """floor(tad/6): before the first dose 0; it begins anew with each."""
    model = define({"A": "-k*A", "N": "floor(tad/6)"}, {"k": 0.1}, outputs={"N": "N"}, doses={"bolus": "A"})
    found = run(model, (0.0, 5.0, 12.0, 20.0, 23.0, 31.0), doses=[Dose(5, 1.0), Dose(20, 1.0)]).outputs[:, 0]
    np.testing.assert_allclose(found, [0, 0, 1.0, 6 + 6.0, 12 + 0.0, 12 + 5.0], atol=1e-9)


def test_a_limit_that_jumps_is_met_where_it_is() -> None:
    """t + (1 after t = 5) reaches 8 at 7: its derivative alone says 8."""
    model = define({"B": "1 if t + (1 if t > 5 else 0) < 8 else 0"}, {"k": 1.0}, outputs={"B": "B"})
    assert run(model, (0.0, 20.0)).outputs[1, 0] == pytest.approx(7.0, rel=1e-9)


@pytest.mark.parametrize("text", ["floor(A)", "mod(A, 2)", "ceil(C/3)", "k*mod(t + A, 24)"])
def test_states_are_not_rounded_in_equations(text: str) -> None:
    model = define({"A": f"-k*A*{text}"}, {"k": 0.1}, outputs={"C": "A/2"})
    with pytest.raises(ModelError, match=r"sees a state.*'a if x < 1 else b'"):
        compile_model(model)
    model = define({"A": "-k*A"}, {"k": 0.1}, outputs={"C": "A/2", "rounded": text}, initial={"A": "7"})
    assert np.isfinite(run(model).outputs).all()


@budget(60)
@given(st.floats(-50, 50), st.floats(0.1, 9))
def test_texts_and_numbers_agree(a: float, b: float) -> None:
    values = {"a": a, "b": b}
    for text in ("floor(a/b)", "ceil(a)", "mod(a, b)", "lgamma(b)", "a*pi"):
        again = float(evaluate_text(text_of(parse(text)), values))
        assert float(evaluate_text(text, values)) == pytest.approx(again, rel=1e-13, abs=1e-13)
    assert 0 <= evaluate_text("mod(a, b)", values) <= b


# ---- the gamma function --------------------------------------------------------------------------------------------


def test_log_gamma_and_its_derivatives() -> None:
    model = define({"A": "-A"}, {"x": 1.0}, outputs={"g": "lgamma(x)"})
    x = np.array([1e-6, 0.01, 0.5, 1.0, 1.46, 2.0, 3.7, 12.0, 150.0, 1e5])
    found = run(model, (0.0,), values=x[:, None], by=("x",), order=2)
    np.testing.assert_allclose(found.outputs[:, 0], gammaln(x), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(found.slopes[:, 0, 0], digamma(x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found.second[:, 0, 0, 0], polygamma(1, x), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(evaluate_text(derivative_text("lgamma(x)", "x"), {"x": x}), digamma(x), rtol=1e-12)
    assert np.isnan(evaluate_text("lgamma(x)", {"x": np.array([-1.5, 0.0])})).all()


def test_transit_absorption_by_savic() -> None:
    """The input of n transits (Savic 2007) is a gamma density: with n whole its integral has a closed form."""
    text = "k*(k*tad)**n*exp(-k*tad - lgamma(n + 1))"
    model = define({"D": "-D", "A": text}, {"k": 0.7, "n": 3.0}, outputs={"A": "A"}, doses={"bolus": "D"})
    times = np.array([0.0, 1.0, 4.0, 10.0])
    found = run(model, times, doses=[Dose(0, 1.0)], by=("n",))
    x = 0.7 * times
    expected = 1 - np.exp(-x) * (1 + x + x**2 / 2 + x**3 / 6)
    np.testing.assert_allclose(found.outputs[:, 0], expected, rtol=1e-8, atol=1e-10)


# ---- pi, == --------------------------------------------------------------------------------------------------------


def test_pi_is_a_number_unless_it_is_somebodys() -> None:
    circle = define({"A": "-A"}, {"r": 2.0}, outputs={"area": "pi*r**2", "none": "sin(pi)"})
    np.testing.assert_allclose(run(circle, (0.0,)).outputs[0], [4 * np.pi, 0.0], atol=1e-15)
    assert circle.needs == ()
    virus = define({"V": "pi*I - c*V"}, {"pi": 5.0, "c": 1.0, "I": 2.0}, outputs={"V": "V"})
    assert run(virus, (0.0, 1e3)).outputs[1, 0] == pytest.approx(10.0)
    assert (circle + virus).outputs["area"] == circle.outputs["area"]
    assert evaluate_text("cos(pi)", {}) == -1
    people = pkpd.Population(circle, circle.parameters, relations={"r": "r*(1 + cos(2*pi*HOUR/24))"})
    assert people.covariate_names == ("HOUR",)


def test_equality_is_for_covariates() -> None:
    text = "-k*A*(1.5 if SEX == 1 else 1)*(2 if 1 != OCC or SEX < 0.5 else 1)"
    model = define({"A": text}, {"k": 0.1}, outputs={"A": "A"}, covariates=("SEX", "OCC"), initial={"A": "1"})
    found = run(model, (10.0,), values=[[0.1, 1, 1], [0.1, 1, 2], [0.1, 0, 1]], by=("k",))
    rates = np.array([1.5, 3.0, 2.0])
    np.testing.assert_allclose(found.outputs[:, 0], np.exp(-rates), rtol=1e-11)
    np.testing.assert_allclose(found.slopes[:, 0, 0], -10 * rates * np.exp(-rates), rtol=1e-10)
    people = {"SEX": np.array([1.0, 0.0]), "OCC": 1.0, "k": 0.1, "A": 1.0}
    np.testing.assert_allclose(evaluate_text(text, people), [-0.15, -0.2])


@pytest.mark.parametrize(("text", "met"), [("1 if t == 5 else 0", "time"), ("k if A != 0 else 1", "a state"),
                                           ("k if 2 < C == SEX else 1", "an output"),
                                           ("1 if k == 1 else 2", "a parameter")])  # fmt: skip
def test_equality_of_what_moves_is_refused(text: str, met: str) -> None:
    with pytest.raises(ModelError, match=f"{met}, with == or !=, which are for covariates; write '.* >= …'"):
        define({"A": text}, {"k": 1.0}, outputs={"C": "A/2"}, covariates=("SEX",))


# ---- what to write instead -----------------------------------------------------------------------------------------

ADVICE = {
    "k % 2": r"write mod\(k, 2\)", "k // 2": "write floor", "ln(k)": r"write log\(x\)", "log10(k)": r"/log\(10\)",
    "pow(k, 2)": r"x\*\*y", "np.exp(k)": "exp", "gamma(k)": r"exp\(lgamma\(x\)\)", "round(k)": r"floor\(x \+ 0.5\)",
    "(t < 5)*k": "1 if t < 5 else 0", "not k": "no number", "k == 1": "1 if k == 1 else 0", "k and t": "no number",
    "1 if not SEX else 0": "'SEX == 0'", "1 if not (SEX or k < 1) else 0": "not a condition",
    "1 if k > 1 && t > 2 else 0": "write and for &&", "1 if (k > 1) | (t > 2) else 0": "'and', 'or'",
    "1 if !(k > 1) else 0": "'not' for '!'", "k²": r"\*\*2", "a×b": r"write \* for ×", "a−b": "write - for",
    "lambda*k": "word of Python", "2k": r"with '\*'", "k = 3": "the key", "k if t > 1": "two cases", "1,5*k": "a point",
    "theta[1]": "theta1", "THETA(1)": "name of a parameter", "erf(k)": "tanh", "5 mg": "without a unit",
    "A'": "no name",
    "1 if k in (1, 2) else 0": "'k == 1 or k == 2'", "if k > 1: 2": "two cases", "k >= 1; 2": "without ';'",
    "1 if SEX else 0": "'SEX == 1'",

    "1 if SEX == 'M' else 0": "0 and 1", "1 if k < 2 & t < 3 else 0": "joined with 'and'", "floor(k, 2)": "one value",
    "mod(k)": "two values", "min(k)": "two or more", "lgama(k)": "'lgamma'", "1 if k is 2 else 0": "not a condition",
}  # fmt: skip


@pytest.mark.parametrize("text", ADVICE)
def test_every_refusal_says_the_way_out(text: str) -> None:
    with pytest.raises(ModelError, match=ADVICE[text]):
        names(text)


@pytest.mark.parametrize("name", ["floor", "mod", "lgamma", "exp"])
def test_functions_are_no_names(name: str) -> None:
    with pytest.raises(ModelError, match="in equations it is a function"):
        define({"A": "-A"}, {name: 1.0})


def test_sympy_goes_in_and_out() -> None:
    import sympy

    x, y = sympy.symbols("x y", real=True)
    for expression in (sympy.floor(x / y), sympy.ceiling(x) + 1, sympy.Mod(x, y), sympy.loggamma(x + 1), sympy.pi * x,
                       sympy.Piecewise((x, sympy.Eq(y, 1)), (2, True))):  # fmt: skip
        text = text_of(expression)
        assert evaluate_text(text, {"x": 7.3, "y": 2.0}) == pytest.approx(float(expression.subs({x: 7.3, y: 2.0})))
        assert text_of(parse(text_of(parse(text)))) == text_of(parse(text))


NOT = {
    "1 if not k < 2 else 0": "1 if k >= 2 else 0", "1 if not (k < 2 or t > 1) else 0": "1 if k >= 2 and t <= 1 else 0",
    "1 if not (k < 2 and not t > 1) else 0": "1 if k >= 2 or t > 1 else 0", "1 if not 1 < k < 2 else 0":
    "1 if 1 >= k or k >= 2 else 0", "1 if not not k == 1 else 0": "1 if k == 1 else 0",
    "1 if t > 1 and not (k != 2) else 0": "1 if t > 1 and k == 2 else 0",
}  # fmt: skip


@pytest.mark.parametrize("text", NOT)
def test_not_is_the_opposite(text: str) -> None:
    assert text_of(parse(text)) == text_of(parse(NOT[text]))
    for k in (0.5, 1.0, 1.5, 2.0, 3.0):
        for t in (0.0, 1.0, 2.0):
            there = {"k": k, "t": t}
            assert float(evaluate_text(text, there)) == eval(text, dict(there)) == eval(NOT[text], dict(there))


def test_not_in_a_model_cuts_the_time_line() -> None:
    plain, other = (define({"A": text}, {"k": 1.0, "T": 3.0}, outputs={"y": "A"}) for text in
                    ("k if t < T else 0", "0 if not t < T else k"))  # fmt: skip
    for model in (plain, other):
        found = run(model, (1.0, 5.0), values=[[0.5, 3.0]], by=("k", "T"))
        np.testing.assert_allclose(found.outputs[:, 0], [0.5, 1.5], rtol=1e-11)
        np.testing.assert_allclose(found.slopes[:, 0, 1], [0.0, 0.5], atol=1e-9)


def test_not_of_sympy_comes_back() -> None:
    import sympy

    x = sympy.symbols("x", real=True)
    text = text_of(sympy.Piecewise((1, sympy.Not(sympy.And(x > 1, x < 2), evaluate=False)), (0, True)))
    assert [float(evaluate_text(text, {"x": value})) for value in (0.5, 1.5, 2.5)] == [1.0, 0.0, 1.0]


# ---- an input shaped like a gamma density of the time after the dose ------------------------------------------------

GAMMA = "k*exp(n*log(k*{tad}) - k*tad - lgamma(n + 1))"


@pytest.mark.parametrize(("n", "at"), [(0.5, 0.0), (1.0, 0.0), (2.5, 0.0), (1.0, 1.0), (2.5, 1.0)])
def test_a_gamma_shaped_input(n: float, at: float) -> None:
    """Its integral is the incomplete gamma function; before the first dose nearly nothing comes (n ≥ 1)."""
    text = GAMMA.format(tad="max(tad, 1e-9)")
    model = define({"A": text}, {"k": 0.7, "n": n}, outputs={"y": "A"}, doses={"bolus": "A"})
    found = run(model, (at, at + 2.0, at + 9.0), values=[[0.7, n]], doses=[Dose(at, 1e-12)])
    since = np.array([0.0, 2.0, 9.0])
    np.testing.assert_allclose(found.outputs[:, 0], gammainc(n + 1, 0.7 * since), rtol=1e-6, atol=2e-9)


@pytest.mark.parametrize("text", ["exp(n*log(k*tad) - k*tad)", "(k*tad)**n", "sqrt(tad)*k*n", "tad**-1*k*n"])
def test_what_has_no_value_at_a_dose_is_said(text: str) -> None:
    model = define({"A": text}, {"k": 0.7, "n": 0.5}, outputs={"y": "A"}, doses={"bolus": "A"})
    found = run(model, (1.0, 3.0), values=[[0.7, 0.5]], doses=[Dose(1.0, 1.0)])
    assert found.status[0] or np.isfinite(found.outputs).all()
    if found.status[0]:
        assert re.search(r"where tad is 0 .*write max\(tad, 1e-9\)", found.advice(0))


def test_advice_is_for_those_who_need_it() -> None:
    for named in ("exp(n*log(k*tad))", "(tad/td)**beta"):
        assert at_a_dose(["2*A", named])
    for fine in ("log(k*max(tad, 1e-9))", "tad**2", "log(t)", "(A/V)**h", "k*tad", "exp(-k*tad)**0.5"):
        assert not at_a_dose([fine])
