"""The adaptive solver: equal to closed forms, to the stiff method, to itself at other tolerances; honest in failure."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings
from pkpd.engine import status as why
from pkpd.engine.solve import integration
from pkpd.errors import InputError, ModelError
from pkpd.model import Model, define
from tests.engine.engine_runs import one_compartment, run, run_each, two_compartment

TWO_ORAL = library.two_compartment(absorption=True)
CASES = [Dose(0, 100.0), Dose(3, 50.0, "infusion", 4.0), Dose(5, 80.0, "oral"), Dose(6, 20.0, "infusion", 1.0)]
EFFECT = library.one_compartment(absorption=True) + library.indirect_response("IV", "R", by="C")
EFFECT_VALUES = [1.2, 2.0, 10.0, 0.3, 4.0, 5.0, 1.5]
MIXED = (Dose(0, 100.0), Dose(4, 60.0, "oral"), Dose(7, 60.0, "infusion", 3.0))


def one_state(equation: str, values: dict[str, float] | None = None, start: str = "1", **more: str) -> Model:
    return define({"y": equation, **more}, values or {"k": 1.0}, outputs={"y": "y"}, initial={"y": start})


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8, 1e-10])
def test_integration_equals_the_closed_form(tolerance: float) -> None:
    """linear="ode" at the times where integration ends, for 150 random subjects, relative to what was given (250).

    Errors of steps add up and the estimate of DOP853 is fooled now and then (SciPy's DOP853 errs by 110 tolerances on
    the same subject), so: nearly all within 3 tolerances, the worst within 200.
    """
    rng = np.random.default_rng(8)
    values = 10 ** rng.uniform(-1, 1, (150, 5))
    values[0] = 10 ** np.array([0.5, -1.0, 0.0, 0.25, 0.0])  # the worst that a search found
    how = Settings(rtol=tolerance, atol=tolerance)
    errors = []
    for time_ in (4.0, 6.5, 23.0):
        found = run(TWO_ORAL, values, CASES, [time_], linear="ode", settings=how)
        assert not found.status.any()
        names = ("ka", "CL", "V1", "Q", "V2")
        exact = [two_compartment(dict(zip(names, row, strict=True)), CASES, [time_])[0] for row in values]
        errors.append(np.abs(found.outputs[:, 0] - exact) * values[:, 2] / 250)
    assert np.quantile(errors, 0.98) < 3 * tolerance
    assert np.max(errors) < 200 * tolerance


def _moved(times: list[np.ndarray], tolerance: float, factor: float) -> float:
    """Return by how many (coarser) tolerances another tolerance moves 50 random subjects of a PK/PD model."""
    rng = np.random.default_rng(5)
    values = np.array(EFFECT_VALUES) * np.exp(0.4 * rng.standard_normal((50, 7)))
    largest = 0.0
    for clock in times:
        a, b = (
            run(EFFECT, values, MIXED, clock, settings=Settings(rtol=x, atol=x)).outputs[:, 1]
            for x in (tolerance, factor * tolerance)
        )
        largest = max(largest, float(np.max(np.abs(a - b) / (1 + np.abs(b)))))
    return largest / (tolerance * max(factor, 1.0))


TOLERANCES = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


@pytest.mark.parametrize("factor", [2.0, 0.1])
def test_another_tolerance_moves_the_end_of_a_run_by_less_than_ten(factor: float) -> None:
    """At the end of an integration, where the error is controlled."""
    ends = [np.array([t]) for t in (3.0, 5.67, 13.43, 30.0)]
    assert max(_moved(ends, t, factor) for t in TOLERANCES) < 10


@pytest.mark.parametrize("factor", [2.0, 0.1])
def test_another_tolerance_moves_results_by_less_than_ten_tolerances(factor: float) -> None:
    """At requested times in the midst of a run: issue 2, "doubling the tolerance changes results by less than ten"."""
    assert max(_moved([np.linspace(0.5, 60, 24)], t, factor) for t in TOLERANCES) < 10


@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_the_oracle_agrees(linear: str) -> None:
    """The stiff method (Radau IIA): another solver, with or without the closed form, the same numbers."""
    tight = Settings(rtol=1e-9, atol=1e-9, method="stiff")
    times = np.array([0.5, 2.0, 4.0, 8.5, 12.0, 24.0])
    stiff = run(EFFECT, EFFECT_VALUES, MIXED, times, linear=linear, settings=tight)
    fast = run(EFFECT, EFFECT_VALUES, MIXED, times, linear=linear, settings=Settings(rtol=1e-11, atol=1e-11))
    np.testing.assert_allclose(stiff.outputs, fast.outputs, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(stiff.states, fast.states, rtol=1e-7, atol=1e-7)


def test_without_numba_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate that a missing numba closes: everything integrated goes to SciPy."""
    times = np.array([1.0, 5.0])
    here = run(EFFECT, EFFECT_VALUES, MIXED, times, sens=("kout_R", "R_0"))
    monkeypatch.setattr(integration, "AVAILABLE", False)
    there = run(EFFECT, EFFECT_VALUES, MIXED, times, sens=("kout_R", "R_0"), settings=Settings(rtol=1e-9, atol=1e-9))
    np.testing.assert_allclose(there.outputs, here.outputs, rtol=1e-6)
    np.testing.assert_allclose(there.slopes, here.slopes, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spread", [0.0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-3])
def test_driver_with_nearly_equal_rates(spread: float) -> None:
    """ka = k (1 + ε): no eigenvectors worth using; the drive must not lose digits at any ε."""
    values = [0.5, 5.0 * (1 + spread), 10.0, 0.1, 1.0, 5.0, 1.0]
    tight = Settings(rtol=1e-12, atol=1e-12)
    doses, times = (Dose(0, 100.0, "oral"),), np.linspace(0, 50, 20)
    a = run(EFFECT, values, doses, times, settings=tight).outputs
    b = run(EFFECT, values, doses, times, settings=tight, linear="ode").outputs
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)  # a condition number of 1e6 may cost 1e-10


TIMED = {
    "1/(1 + t)": lambda t: 1 + np.log1p(t),
    "cos(k*t)": lambda t: 1 + np.sin(t),
    "-y*t": lambda t: np.exp(-(t**2) / 2),
    "t**2.5 - 0*y": lambda t: 1 + t**3.5 / 3.5,
    "sqrt(t)*y": lambda t: np.exp(t**1.5 / 1.5),
    "-tanh(t)*y": lambda t: 1 / np.cosh(t),
}


@pytest.mark.parametrize("equation", list(TIMED))
def test_time_in_the_equations(equation: str) -> None:
    times = np.array([0.0, 0.3, 1.0, 2.5, 6.0])
    found = run(one_state(equation), [1.0], (), times, settings=Settings(rtol=1e-10, atol=1e-10)).outputs[:, 0]
    np.testing.assert_allclose(found, TIMED[equation](times), rtol=1e-8, atol=1e-9)


def test_michaelis_menten_implicit_solution() -> None:
    """Km·ln(A0/A) + A0 − A = Vm·t (the integrated Michaelis–Menten equation), infusion-free, three decades of A0."""
    model = define({"A": "-Vm*A/(Km + A)"}, {"Vm": 2.0, "Km": 5.0}, outputs={"A": "A"}, doses={"bolus": "A"})
    for amount in (1.0, 50.0, 1000.0):
        times = np.linspace(0.1, 1.0, 7) * amount / 2
        a = run(model, [2.0, 5.0], (Dose(0, amount),), times, settings=Settings(rtol=1e-11, atol=1e-12)).outputs[:, 0]
        np.testing.assert_allclose(5 * np.log(amount / a) + amount - a, 2 * times, rtol=1e-8)


# ---- honesty ------------------------------------------------------------------------------------------------------

GOOD = 0.2


@pytest.mark.parametrize(("equation", "bad", "status"), [
    ("k*y**2", 1.0, {why.UNDERFLOW}),  # blows up at t = 1/k
    ("-log(1.5 - k)*y*y", 2.0, {why.NOT_FINITE}),
    ("y*y/(k - 1)", 1.0, {why.NOT_FINITE, why.UNDERFLOW}),
    ("-sqrt(1 - k)*y*y", 2.0, {why.NOT_FINITE}),
    ("-k*y*y", math.nan, {why.NOT_FINITE}),
    ("-k*y*y", math.inf, {why.NOT_FINITE, why.UNDERFLOW}),
])  # fmt: skip
@pytest.mark.parametrize("method", ["automatic", "explicit", "stiff"])
def test_a_failure_has_a_status_and_harms_nobody_else(equation: str, bad: float, status: set[int], method: str) -> None:
    """The subject is NaN with a sentence; its neighbours are, bit for bit, what they are alone."""
    model, how = one_state(equation), Settings(method=method)
    times = [0.5, 1.5, 3.0]
    both = run(model, [[GOOD], [bad], [GOOD]], (), times, settings=how)
    alone = run(model, [GOOD], (), times, settings=how)
    assert np.isnan(both.outputs[3:6]).all()
    assert both.status[1] in status
    assert len(both.advice(1)) > 20
    assert list(both.status[[0, 2]]) == [0, 0]
    assert both.advice(0) == ""
    assert np.isfinite(alone.outputs).all()
    assert np.array_equal(both.outputs[:3], alone.outputs)
    assert np.array_equal(both.outputs[6:], alone.outputs)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_bad_value_in_the_linear_block_harms_nobody_else() -> None:
    """V = 0 for one subject: it is NaN with a status, the others are solved as well as alone."""
    bad = list(EFFECT_VALUES)
    bad[2] = 0.0
    times = np.linspace(1, 20, 12)
    both = run(EFFECT, [EFFECT_VALUES, bad, EFFECT_VALUES], MIXED, times)
    alone = run(EFFECT, EFFECT_VALUES, MIXED, times)
    assert both.status[1] != 0
    assert list(both.status[[0, 2]]) == [0, 0]
    assert np.isnan(both.outputs[12:24]).all()
    np.testing.assert_allclose(both.outputs[:12], alone.outputs, rtol=1e-7)


def test_a_bad_value_in_the_linear_block_changes_no_bit_of_the_others() -> None:
    bad = list(EFFECT_VALUES)
    bad[2] = 0.0
    times = np.linspace(1, 20, 12)
    both = run(EFFECT, [EFFECT_VALUES, bad, EFFECT_VALUES], MIXED, times)
    assert np.array_equal(both.outputs[:12], run(EFFECT, EFFECT_VALUES, MIXED, times).outputs)


def test_after_the_blow_up_nothing_is_returned() -> None:
    """A subject whose solution exists only for a while gives NaN everywhere, not half a curve."""
    found = run(one_state("k*y**2"), [1.0], (), [0.1, 0.5, 2.0])
    assert np.isnan(found.outputs).all()
    fine = run(one_state("k*y**2"), [1.0], (), [0.1, 0.5, 0.9], settings=Settings(rtol=1e-10, atol=1e-10))
    np.testing.assert_allclose(fine.outputs[:, 0], 1 / (1 - np.array([0.1, 0.5, 0.9])), rtol=1e-8)


def test_a_stiff_problem_falls_back_and_is_right() -> None:
    """Robertson's kinetics to t = 40: the explicit solver gives up at its step limit, Radau IIA finishes.

    Reference values: Hairer & Wanner, Solving Ordinary Differential Equations II, and SciPy's documentation agree with
    y(40) = (0.7158271, 9.1855e-6, 0.2841637).
    """
    model = define(
        {"a": "-k*a + 1e4*b*c", "b": "k*a - 1e4*b*c - 3e7*b*b", "c": "3e7*b*b"},
        {"k": 0.04}, outputs={"a": "a", "b": "b", "c": "c"}, initial={"a": "1"},
    )  # fmt: skip
    limit = {"max_steps": 2000, "rtol": 1e-8, "atol": 1e-12}
    explicit = run(model, [0.04], (), [40.0], settings=Settings(method="explicit", **limit))
    assert explicit.status[0] == why.TOO_MANY
    assert "stiff" in explicit.advice(0)
    assert np.isnan(explicit.outputs).all()
    found = run(model, [0.04], (), [0.4, 40.0], settings=Settings(**limit))
    assert found.status[0] == 0
    np.testing.assert_allclose(found.outputs[1], [0.7158271, 9.1855e-6, 0.2841637], rtol=1e-5)
    np.testing.assert_allclose(found.outputs.sum(axis=1), 1, rtol=1e-9)


def test_the_step_limit_is_kept() -> None:
    begin = time.perf_counter()
    found = run(one_state("-k*(y - cos(t))*(1 + 0*y*y)"), [1e6], (), [1e4],
                settings=Settings(method="explicit", max_steps=500))  # fmt: skip
    assert found.status[0] == why.TOO_MANY
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize("equation", ["1/t", "t**-0.5", "(t - 5)**0.5"])
def test_a_singular_clock_has_a_status(equation: str) -> None:
    for method in ("explicit", "automatic"):
        found = run(one_state(equation), [1.0], (), [1.0, 10.0], settings=Settings(method=method))
        assert found.status[0] == why.NOT_FINITE
        assert np.isnan(found.outputs).all()


@pytest.mark.parametrize("equation", ["1/t", "t**-0.5", "(t - 5)**0.5"])
def test_a_singular_clock_has_a_status_in_scipy_too(equation: str) -> None:
    found = run(one_state(equation), [1.0], (), [1.0, 10.0], settings=Settings(method="stiff"))
    assert found.status[0] != 0


@pytest.mark.parametrize("equation", ["-k*abs(y)*y", "-k*max(y, 0.2)*y", "-k*min(y, 2*k)*y"])
def test_sensitivities_of_kinks_by_the_stiff_method(equation: str) -> None:
    model = one_state(equation)
    a = run(model, [0.7], (), [1.0], sens=("k",), settings=Settings(method="stiff"))
    b = run(model, [0.7], (), [1.0], sens=("k",))
    np.testing.assert_allclose(a.slopes, b.slopes, rtol=1e-6)


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e-6, 1e-9])  # fmt: skip
def test_results_do_not_depend_on_the_unit_of_amount(unit: float) -> None:
    """The same subject in grams or nanograms: to 1 % of the dose at least, or a status that says no."""
    model = define({"A": "-Vm*A/(Km + A)"}, {"Vm": 1.0, "Km": 0.2}, outputs={"A": "A"}, doses={"bolus": "A"})
    times = [1.0, 5.0, 9.0, 10.0, 12.0]
    found = run(model, [unit, 0.2 * unit], (Dose(0, 10 * unit),), times)
    exact = run(model, [1.0, 0.2], (Dose(0, 10.0),), times, settings=Settings(rtol=1e-12, atol=1e-12)).outputs
    assert found.status[0] == 0
    assert np.max(np.abs(found.outputs / unit - exact)) < 1e-2
    assert (found.outputs / unit > -1e-2).all()


def test_extreme_parameters_are_right_or_say_so() -> None:
    """kout, baseline and slope from 1e-12 to 1e12: a finite number and no reason, or NaN and a reason; and in time."""
    rng = np.random.default_rng(11)
    values = 10 ** rng.uniform(-12, 12, (60, 7))
    begin = time.perf_counter()
    found = run(EFFECT, values, (Dose(0, 1.0),), [1.0, 10.0], settings=Settings(method="explicit", max_steps=3000))
    assert time.perf_counter() - begin < 20
    rows = found.outputs.reshape(60, 2, 2)
    fine = found.status == 0
    assert fine.sum() > 10
    assert np.isfinite(rows[fine]).all()
    assert np.isnan(rows[~fine]).all()
    assert (rows[fine][:, :, 0] >= 0).all()
    assert all(found.advice(i) for i in np.flatnonzero(~fine))


# ---- odd shapes ---------------------------------------------------------------------------------------------------


def test_a_state_nobody_doses_and_a_model_without_doses() -> None:
    model = define({"x": "-k*x", "idle": "-idle*idle"}, {"k": 1.0}, outputs={"x": "x", "idle": "idle"},
                   doses={"bolus": "x"})  # fmt: skip
    found = run(model, [0.5], (Dose(0, 8.0),), [2.0]).outputs[0]
    assert found[0] == pytest.approx(8 * math.exp(-1), rel=1e-13)
    assert found[1] == 0
    with pytest.raises(InputError, match="oral"):
        run(model, [0.5], (Dose(0, 8.0, "oral"),), [2.0])
    with pytest.raises(InputError, match="bolus"):
        run(one_state("-k*y"), [0.5], (Dose(0, 8.0),), [2.0])


def test_a_model_without_states_is_a_formula() -> None:
    model = Model("formula", {}, library.one_compartment().parameters, outputs={"E": "CL*exp(-t/V)", "F": "E + 1"})
    found = run(model, [3.0, 2.0], (), [0.0, 1.0, 4.0], sens=("CL", "V"))
    t = np.array([0.0, 1.0, 4.0])
    np.testing.assert_allclose(found.outputs, np.column_stack([3 * np.exp(-t / 2), 3 * np.exp(-t / 2) + 1]), rtol=1e-14)
    np.testing.assert_allclose(found.slopes[:, 0, 0], np.exp(-t / 2), rtol=1e-14)
    np.testing.assert_allclose(found.slopes[:, 0, 1], 3 * t / 4 * np.exp(-t / 2), rtol=1e-14)


def test_infusion_into_an_integrated_state() -> None:
    """A nonlinear state takes infusions and boluses too: Michaelis–Menten far below Km is first order."""
    model = define({"A": "-Vm*A/(Km + A)"}, {"Vm": 1.0, "Km": 1.0}, outputs={"A": "A"},
                   doses={"bolus": "A", "infusion": "A"})  # fmt: skip
    doses = (Dose(1, 2.0), Dose(2, 6.0, "infusion", 3.0), Dose(3, 1.0, "infusion", 4.0))
    times = [0.5, 1.5, 2.5, 4.0, 6.0, 9.0]
    found = run(model, [1e6, 1e7], doses, times, settings=Settings(rtol=1e-11, atol=1e-11)).outputs[:, 0]
    expected = one_compartment({"CL": 0.1, "V": 1.0}, doses, times)
    np.testing.assert_allclose(found, expected, rtol=2e-6)  # A/Km is 1e-6


def test_settings_are_checked_all_at_once() -> None:
    with pytest.raises(InputError) as caught:
        Settings(rtol=0, atol=-1, method="rk4")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("start", ["t", "z", "C"])
def test_initial_values_are_checked(start: str) -> None:
    """Initial values may use parameters and covariates; anything else is named in a ModelError."""
    with pytest.raises(ModelError, match="initial value of 'y'"):
        define({"y": "-y", "z": "-z"}, {"k": 1.0}, outputs={"C": "z/k"}, initial={"y": start, "z": "2"})


def test_many_subjects_each_their_own() -> None:
    """Different doses, times and values in one run equal one run each, bit for bit."""
    rng = np.random.default_rng(2)
    values = np.array(EFFECT_VALUES) * np.exp(0.3 * rng.standard_normal((12, 7)))
    doses = [tuple(Dose(float(t), 50.0) for t in rng.uniform(0, 9, k % 4)) for k in range(12)]
    times = [rng.uniform(0, 20, k % 5) for k in range(12)]
    together = run_each(EFFECT, values, doses, times)
    alone = [run_each(EFFECT, values[k : k + 1], doses[k : k + 1], times[k : k + 1]).outputs for k in range(12)]
    assert np.array_equal(together.outputs, np.concatenate(alone))
