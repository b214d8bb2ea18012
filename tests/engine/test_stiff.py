"""The stiff method on problems: the classical ones, a target-mediated model, honesty when it fails."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings
from pkpd.engine import status as why
from pkpd.engine.machine.steps import radau
from pkpd.engine.solve import integrated, integration
from pkpd.model import define
from tests.engine.engine_runs import run
from tests.engine.stiff_problems import CLASSICS, DOSES, NAMES, ROWS, TIMES, Lsoda, chain, target_mediated

EFFECT = library.one_compartment(absorption=True) + library.indirect_response("IV", "R", by="C")
EFFECT_VALUES = [1.2, 2.0, 10.0, 0.3, 4.0, 5.0, 1.5]
MIXED = (Dose(0, 100.0), Dose(4, 60.0, "oral"), Dose(7, 60.0, "infusion", 3.0))
TIGHT = Settings(rtol=1e-10, atol=1e-12, method="stiff")


# ---- problems -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(CLASSICS))
@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-8, 1e-10])
def test_classical_problems(name: str, tolerance: float) -> None:
    """Every component at the end within two tolerances of the published value."""
    problem = CLASSICS[name]
    how = Settings(rtol=tolerance, atol=tolerance * problem.size, method="stiff")
    found = run(problem.model(), [problem.parameter[1]], (), [problem.end], settings=how)
    allowed = 2 * tolerance * (np.abs(problem.answer) + problem.size)
    assert found.status[0] == why.OK
    assert (np.abs(found.outputs[0] - problem.answer) < allowed).all()


@pytest.mark.parametrize("name", list(CLASSICS))
def test_work_grows_as_the_order_says(name: str) -> None:
    """Order 5: a tolerance 100 times smaller costs 100^(1/5) = 2.5 times the steps, 3.2 times with an order lost."""
    problem = CLASSICS[name]

    def is_enough(tolerance: float, steps: int) -> bool:
        how = Settings(rtol=tolerance, atol=tolerance * problem.size, method="stiff", max_steps=steps)
        return run(problem.model(), [problem.parameter[1]], (), [problem.end], settings=how).status[0] == why.OK

    for low, high, factor in ((1e-6, 1e-8, 4.2), (1e-8, 1e-10, 4.2)):
        steps = next(n for n in (2 ** (k / 4) for k in range(20, 60)) if is_enough(low, int(n)))
        assert is_enough(high, int(factor * steps))


@pytest.mark.parametrize("name", ["Robertson", "van der Pol", "Oregonator"])
def test_automatic_finds_stiffness(name: str) -> None:
    """The explicit method stops by itself: no step limit is needed, and one of 20 000 is enough."""
    problem = CLASSICS[name]
    limit = {"rtol": 1e-7, "atol": 1e-7 * problem.size, "max_steps": 20_000}
    found = run(problem.model(), [problem.parameter[1]], (), [problem.end], settings=Settings(**limit))
    alone = run(problem.model(), [problem.parameter[1]], (), [problem.end], settings=Settings(**limit, method="stiff"))
    explicit = Settings(**limit, method="explicit")
    assert np.array_equal(found.outputs, alone.outputs)
    failed = run(problem.model(), [problem.parameter[1]], (), [problem.end], settings=explicit).status[0]
    assert failed in (why.TOO_MANY, why.UNDERFLOW)


def test_automatic_stays_explicit_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrated.IntegratedPart, "stiff_method", lambda *_: pytest.fail("called"))
    assert run(EFFECT, EFFECT_VALUES, MIXED, np.linspace(0, 60, 20)).status[0] == why.OK


def test_a_chain_of_twenty() -> None:
    """Twenty states, rates over seven decades, boluses and infusions: the closed form, to 1e-9 of the dose."""
    doses, times = (Dose(0, 100.0), Dose(2, 50.0, "infusion", 3.0)), [0.0, 0.01, 1.0, 2.5, 5.0, 30.0, 200.0]
    exact = run(chain(), [1.3], doses, times).outputs
    found = run(chain(), [1.3], doses, times, linear="ode", settings=TIGHT)
    assert found.status[0] == why.OK
    np.testing.assert_allclose(found.outputs, exact, rtol=0, atol=1e-7)
    assert found.outputs.min() > -1e-9


# ---- the closed-form block drives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ka", [1.2, 0.2 * (1 + 1e-9)])
def test_driven_states_equal_the_explicit_method(ka: float) -> None:
    values, times = [ka, *EFFECT_VALUES[1:]], np.linspace(0, 40, 60)
    sens = ("kout_R", "R_0")
    found = run(EFFECT, values, MIXED, times, sens=sens, settings=TIGHT)
    exact = run(EFFECT, values, MIXED, times, sens=sens, settings=Settings(rtol=1e-12, atol=1e-13))
    np.testing.assert_allclose(found.outputs, exact.outputs, rtol=1e-9)
    np.testing.assert_allclose(found.slopes, exact.slopes, rtol=1e-8, atol=1e-10)


def test_a_fast_effect_follows_the_concentration() -> None:
    """dE/dt = k(C − E) with k = 1e7 driven by a closed form: E lags C by C'/k, and few steps are needed."""
    model = library.one_compartment() + define({"E": "k*(C - E) + 0*E*E"}, {"k": 1e7}, outputs={"E": "E"},
                                              needs=["C"])  # fmt: skip
    times = np.array([0.5, 3.0, 24.0, 72.0])
    how = Settings(rtol=1e-9, atol=1e-9, method="stiff", max_steps=3000)
    names = model.parameters.names
    values = [{"CL": 2.0, "V": 10.0, "k": 1e7}[name] for name in names]
    found = run(model, values, (Dose(0, 100.0),), times, settings=how)
    expected = 10.0 * np.exp(-0.2 * times) * (1 + 0.2 / 1e7)
    assert found.status[0] == why.OK
    np.testing.assert_allclose(found.outputs[:, -1], expected, rtol=1e-7, atol=1e-8)


# ---- a target-mediated model --------------------------------------------------------------------------------------


def _course(tolerance: float, absolute: float, method: str = "stiff", **more: object) -> np.ndarray:
    how = Settings(rtol=tolerance, atol=absolute, method=method, **more)
    found = run(target_mediated(), ROWS, DOSES, TIMES, after=True, settings=how)
    assert not found.status.any()
    return found.states.reshape(len(ROWS), TIMES.size, 7)


@pytest.fixture(scope="module")
def lsoda() -> np.ndarray:
    one = Lsoda()
    return np.array([one(row, 1e-13) for row in ROWS])


def test_target_mediated_course(lsoda: np.ndarray) -> None:
    """LSODA at 1e-13 beside the stiff method: |error| ≤ 1e-7·|x| + 1e-10 at rtol 1e-8, atol 1e-10."""
    found = _course(1e-8, 1e-10)
    assert (np.abs(found - lsoda) <= 1e-7 * np.abs(lsoda) + 1e-10).all()


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8])
@pytest.mark.parametrize("method", ["stiff", "automatic"])
def test_target_mediated_course_within_its_tolerance(lsoda: np.ndarray, tolerance: float, method: str) -> None:
    found = _course(tolerance, tolerance, method)
    assert (np.abs(found - lsoda) <= tolerance * (1 + np.abs(lsoda))).all()


def test_nothing_is_negative_in_the_washout() -> None:
    """Six weeks without drug, hourly: no state below zero by more than a thousandth of the absolute tolerance."""
    times = np.arange(1177.0)
    for tolerance in (1e-4, 1e-6, 1e-8):
        how = Settings(rtol=tolerance, atol=tolerance, method="stiff")
        states = run(target_mediated(), ROWS, DOSES, times, after=True, settings=how).states
        assert states.min() >= -1e-3 * tolerance


def test_threads_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    values = np.vstack([ROWS[0] * np.exp(0.2 * rng.standard_normal(len(NAMES))) for _ in range(9)])
    for method in ("stiff", "automatic"):
        one, four = (
            run(target_mediated(), values, DOSES[:3], TIMES[:4], settings=Settings(method=method, workers=w)).states
            for w in (1, 4)
        )
        assert np.isfinite(one).all()
        assert np.array_equal(one, four)
        alone = run(target_mediated(), values[4:5], DOSES[:3], TIMES[:4], settings=Settings(method=method)).states
        assert np.array_equal(one[16:20], alone)


# ---- sensitivities ------------------------------------------------------------------------------------------------


def test_sensitivities_of_the_target_mediated_model() -> None:
    """All 18 parameters against central differences of fourth order: 1e-6 of the largest slope of each."""
    row, doses, times = ROWS[0], DOSES[:2], TIMES[:3]
    found = run(target_mediated(), row, doses, times, after=True, sens=NAMES, settings=TIGHT)
    how = Settings(rtol=1e-12, atol=1e-14, method="stiff", max_steps=1_000_000)
    for j in range(len(NAMES)):
        moved = np.repeat(row[None], 4, axis=0)
        moved[:, j] *= 1 + 1e-3 * np.array([-2, -1, 1, 2])
        c = run(target_mediated(), moved, doses, times, after=True, settings=how).outputs.reshape(4, -1)
        quotient = (c[0] - 8 * c[1] + 8 * c[2] - c[3]) / 12e-3  # times the parameter
        allowed = 1e-6 * np.abs(quotient).max() + 1e-9  # the response does not move the concentration
        np.testing.assert_allclose(found.slopes[:, 0, j] * row[j], quotient, rtol=1e-6, atol=allowed)


def test_sensitivities_of_robertson() -> None:
    """The slope in k at t = 40 against a central difference of fourth order."""
    model = CLASSICS["Robertson"].model()
    how = Settings(rtol=1e-11, atol=1e-16, method="stiff")
    found = run(model, [0.04], (), [0.4, 40.0], sens=("k",), settings=how)
    moved = 0.04 * (1 + 1e-3 * np.array([[-2.0], [-1.0], [1.0], [2.0]]))
    y = run(model, moved, (), [0.4, 40.0], settings=how).outputs.reshape(4, 2, 3)
    quotient = (y[0] - 8 * y[1] + 8 * y[2] - y[3]) / (12e-3 * 0.04)
    np.testing.assert_allclose(found.slopes[:, :, 0], quotient, rtol=1e-6)


# ---- SciPy beside it ----------------------------------------------------------------------------------------------


def test_scipy_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numba is absent the stiff method is SciPy's Radau, with the same Jacobian and the same numbers."""
    model = CLASSICS["HIRES"].model()
    how = Settings(rtol=1e-8, atol=1e-10, method="stiff")
    here = run(model, [1.71], (), [5.0, 321.8122], settings=how).outputs
    monkeypatch.setattr(integration, "AVAILABLE", False)
    there = run(model, [1.71], (), [5.0, 321.8122], settings=how).outputs
    np.testing.assert_allclose(here, there, rtol=1e-6)
    assert not np.array_equal(here, there)


# ---- honesty ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-8, 1e-11])
@pytest.mark.parametrize("equation", ["k*y*y", "k*y*y*y", "k*exp(y)", "k*y*y - 1e5*(y - y)"])
def test_a_blow_up_is_not_stepped_over(equation: str, tolerance: float) -> None:
    """A linearly implicit method can jump a pole and go on; the error estimate must not let it."""
    model = define({"y": equation}, {"k": 1.0}, outputs={"y": "y"}, initial={"y": "1"})
    how = Settings(rtol=tolerance, atol=tolerance, method="stiff")
    found = run(model, [[1.0], [1e-3]], (), [5.0], settings=how)
    assert found.status[0] in (why.UNDERFLOW, why.NOT_FINITE)
    assert np.isnan(found.outputs[0]).all()
    assert found.status[1] == why.OK
    assert found.outputs[1, 0] == pytest.approx(1.0, abs=0.02)
    assert np.array_equal(found.outputs[1], run(model, [1e-3], (), [5.0], settings=how).outputs[0])


@pytest.mark.parametrize("method", ["stiff", "automatic"])
def test_bad_values_harm_nobody_else(method: str) -> None:
    """NaN, a negative volume, a zero volume and an infinite rate between two good subjects."""
    bad = np.repeat(ROWS[:1], 6, axis=0)
    bad[1, 0], bad[2, 1], bad[3, 1], bad[4, 13] = np.nan, -12.0, 0.0, np.inf
    how = Settings(method=method)
    found = run(target_mediated(), bad, DOSES[:2], TIMES[:2], settings=how)
    alone = run(target_mediated(), ROWS[:1], DOSES[:2], TIMES[:2], settings=how)
    assert list(found.status[[0, 5]]) == [why.OK, why.OK]
    assert all(found.status[1:5] != why.OK)
    assert all(len(found.advice(i)) > 20 for i in range(1, 5))
    assert np.isnan(found.outputs[2:10]).all()
    for rows in (slice(0, 2), slice(10, 12)):
        assert np.array_equal(found.outputs[rows], alone.outputs)


def test_the_step_limit_has_its_own_sentence() -> None:
    found = run(target_mediated(), ROWS, DOSES, TIMES, settings=Settings(method="stiff", max_steps=50))
    assert (found.status == why.STILL_TOO_MANY).all()
    assert "max_steps" in found.advice(0)
    assert "try method" not in found.advice(0)


def test_a_slope_that_is_not_a_number() -> None:
    """√A at A = 0 has an infinite slope: the states go on; √A' = −k·√A empties in finite time, then stays empty."""
    model = define(
        {"A": "-k*A**0.5", "B": "k*A**0.5 - B"}, {"k": 1.0}, outputs={"A": "A", "B": "B"}, doses={"bolus": "A"}
    )
    found = run(model, [1.0], (Dose(1.0, 4.0),), [0.5, 2.0, 3.0], settings=TIGHT)
    assert found.status[0] == why.OK
    np.testing.assert_allclose(found.outputs[:, 0], [0.0, 2.25, 1.0], rtol=1e-8, atol=1e-12)


def test_requested_times_do_not_change_the_solution() -> None:
    """Values at 1 200 times, interpolated, beside those of steps that end there: five tolerances at most."""
    dense, few = np.linspace(0.05, 60, 1200), np.linspace(0.05, 60, 1200)[::100]
    exact = run(EFFECT, EFFECT_VALUES, MIXED, dense, settings=Settings(rtol=1e-12, atol=1e-12)).outputs
    for tolerance in (1e-5, 1e-7, 1e-9):
        how = Settings(rtol=tolerance, atol=tolerance, method="stiff")
        many = run(EFFECT, EFFECT_VALUES, MIXED, dense, settings=how).outputs
        sparse = run(EFFECT, EFFECT_VALUES, MIXED, few, settings=how).outputs
        assert (np.abs(many - exact) <= 5 * tolerance * (1 + np.abs(exact))).all()
        assert (np.abs(many[::100] - sparse) <= 5 * tolerance * (1 + np.abs(sparse))).all()


def test_what_the_stiff_method_cannot_beat_the_explicit_finishes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of steps that cost a thousand times as much it may take too few: the numbers are then the explicit method's."""
    monkeypatch.setattr(radau, "COST", dict.fromkeys(radau.STAGES, 1e5))
    how = {"rtol": 1e-7, "max_steps": 1_000_000}
    found, explicit = (
        run(target_mediated(), ROWS, DOSES[:1], TIMES[:2], after=True, settings=Settings(**how, method=method))
        for method in ("automatic", "explicit")
    )
    assert not found.status.any()
    assert np.array_equal(found.states, explicit.states)


@pytest.mark.parametrize("tolerance", [1e-5, 1e-8, 1e-11])
def test_many_periods_are_not_stiffness(monkeypatch: pytest.MonkeyPatch, tolerance: float) -> None:
    """Three hundred periods take thousands of steps that accuracy asks for: no work for the stiff method."""
    monkeypatch.setattr(integrated.IntegratedPart, "stiff_method", lambda *_: pytest.fail("called"))
    model = define({"x": "a*x - x*y", "y": "x*y - y"}, {"a": 1.0}, outputs={"x": "x"}, initial={"x": "2", "y": "1"})
    found = run(model, [1.0], (), [2000.0], settings=Settings(rtol=tolerance))
    assert found.status[0] == why.OK
