"""The stiff method: its order conditions, the classical problems, a target-mediated model, honesty when it fails."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model, schedule
from pkpd.engine import status as why
from pkpd.engine.machine.jit import jit
from pkpd.engine.machine.pointer import call
from pkpd.engine.solve import integration
from pkpd.engine.solve.segment_start import begin_segment
from pkpd.engine.solve.start_arrays import start_arrays_of
from pkpd.model import define
from tests.engine.engine_runs import run
from tests.engine.stiff_problems import CLASSICS, DOSES, NAMES, ROWS, TIMES, Lsoda, chain, target_mediated

EFFECT = library.one_compartment(absorption=True) + library.indirect_response("IV", "R", by="C")
EFFECT_VALUES = [1.2, 2.0, 10.0, 0.3, 4.0, 5.0, 1.5]
MIXED = (Dose(0, 100.0), Dose(4, 60.0, "oral"), Dose(7, 60.0, "infusion", 3.0))
TIGHT = Settings(rtol=1e-10, atol=1e-12, method="stiff")


# ---- the method ---------------------------------------------------------------------------------------------------


@cache
def tableau() -> tuple[np.ndarray, ...]:
    """Return α, β = α + Γ, the weights and what turns weights of the k's into weights of the stages."""
    a, c, row = np.zeros((8, 8)), np.zeros((8, 8)), rodas.A[5]
    for i in range(1, 8):
        a[i, :i] = rodas.A[i] if i < 6 else (*row, 1.0, 1.0)[:i]
        c[i, :i] = rodas.C[i]
    gamma = np.linalg.inv(np.eye(8) / rodas.GAMMA - c)
    alpha = a @ gamma
    return alpha, alpha + gamma, np.array([*row, 1.0, 1.0, 1.0]) @ gamma, gamma


@cache
def trees(n: int) -> list[tuple]:
    """Return the rooted trees with n vertices, each as the sorted tuple of what hangs on its root."""

    def forests(total: int) -> set[tuple]:
        if total == 0:
            return {()}
        return {
            tuple(sorted((tree, *rest)))
            for k in range(1, total + 1) for tree in trees(k) for rest in forests(total - k)
        }  # fmt: skip

    return sorted(forests(n - 1))


def size(tree: tuple) -> int:
    return 1 + sum(map(size, tree))


def density(tree: tuple) -> int:
    return size(tree) * int(np.prod([density(branch) for branch in tree], dtype=int))


def elementary(tree: tuple) -> np.ndarray:
    """Φ of a tree for each stage: β where one branch hangs on a vertex, α where several do (Hairer & Wanner, IV.7)."""
    alpha, beta = tableau()[:2]
    result = np.ones(8)
    for branch in tree:
        result = result * ((beta if len(tree) == 1 else alpha) @ elementary(branch))
    return result


def residual(weights: np.ndarray, n: int, x: float = 1.0) -> float:
    return max(abs(weights @ elementary(t) - x**n / density(t)) for t in trees(n))


def test_order_conditions() -> None:
    """All 17 conditions up to order 5, those of the embedded method to order 4, of the interpolant to order 4."""
    alpha, _, weights, gamma = tableau()
    assert [len(trees(n)) for n in range(1, 6)] == [1, 1, 2, 4, 9]
    np.testing.assert_allclose(alpha.sum(axis=1), rodas.NODES, atol=3e-14)
    np.testing.assert_allclose(gamma.sum(axis=1), rodas.D, atol=3e-14)
    embedded = weights - gamma[7]
    assert max(residual(weights, n) for n in range(1, 6)) < 1e-13
    assert residual(weights, 6) > 1e-3
    assert max(residual(embedded, n) for n in range(1, 5)) < 1e-13
    assert residual(embedded, 5) > 1e-3
    first, second, third = (np.array(row) for row in rodas.H)
    ones = np.array([*rodas.A[5], 1.0, 1.0, 1.0])
    for x in (0.1, 0.4, 0.7, 0.95):
        inside = (x * ones + x * (1 - x) * (first + x * (second + x * third))) @ gamma
        assert max(residual(inside, n, x) for n in range(1, 5)) < 1e-13


def test_stability() -> None:
    """A-stable (|R| ≤ 1 on the imaginary axis) and R(∞) = 0: fast modes are damped, however long the step."""
    _, beta, weights, _ = tableau()

    def growth(z: complex) -> float:
        return abs(1 + z * (weights @ np.linalg.solve(np.eye(8) - z * beta, np.ones(8))))

    assert max(growth(1j * y) for y in np.logspace(-2, 4, 400)) <= 1 + 1e-9
    assert growth(-1e8) < 1e-6


def _fixed(equation: str, rate: float, steps: int, end: float) -> np.ndarray:
    """Take equal steps by hand; return the end, and the largest error of the interpolant at 0.3 of a step."""
    model = define({"y": equation}, {"k": rate}, outputs={"y": "y"}, initial={"y": "1"})
    integrated = compile_model(model, linear="ode").integrated
    model = (integrated.code.address("rhs_1"), integrated.code.address("jacobian_1"))
    q, clock = np.append(rate, np.zeros(integrated.width - 1)), np.empty(1)
    y, new, k, work, f = np.ones(1), np.empty(1), np.empty((8, 1)), np.empty((3, 1)), np.empty((3, 1))
    jac, lu, order, out = np.zeros((1, 2)), np.empty((1, 1)), np.empty(1, dtype=np.int64), np.empty(1)
    side, h, inside = np.empty((1, 0)), end / steps, []
    for n in range(steps):
        stiff.linearise(model, n * h, y, q, work[0], jac, clock, np.empty(2))
        assert rodas.lu_factor(h, jac, lu, order)
        rodas.rodas_stages(model[0], n * h, h, y, new, k, work, jac, lu, order, integrated.places, side, q, clock)
        rodas.rodas_dense(k, f)
        rodas.rodas_interpolate(f, y, new, 0.3, out)
        inside.append(out[0])
        y = new.copy()
    return np.array([y[0], *inside])


def test_order_of_convergence() -> None:
    """y' = −k·y²·cos t: halving the step divides the error by 2^5, that of the interpolant by 2^4 at least."""
    errors = []
    for steps in (16, 32, 64):
        t = 4.0 / steps * (np.arange(steps) + 0.3)
        found = _fixed("-k*y*y*cos(t)", 0.5, steps, 4.0)
        errors.append(np.abs(found - 1 / (1 + 0.5 * np.sin(np.append(4.0, t)))))
    ends, insides = [e[0] for e in errors], [e[1:].max() for e in errors]
    assert np.log2(ends[1] / ends[2]) > 4.6
    assert np.log2(insides[1] / insides[2]) > 3.7


def test_order_on_a_stiff_problem() -> None:
    """Prothero & Robinson: y' = −k(y − cos t) − sin t, where the order of many methods falls to 1.

    The method is built against this (Steinebach 2023): an order near 3 is left and the error falls with 1/k.
    """
    errors = {k: [abs(_fixed("-k*(y - cos(t)) - sin(t)", k, n, 2.0)[0] - np.cos(2.0)) for n in (8, 32)]
              for k in (1e4, 1e5)}  # fmt: skip
    assert errors[1e5][0] < 1e-9
    assert errors[1e5][0] / errors[1e5][1] > 4**2.5
    assert errors[1e5][0] / errors[1e4][0] == pytest.approx(0.1, rel=0.1)


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
    monkeypatch.setattr(integration, "_stiff", lambda *_: pytest.fail("called"))
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


def test_the_derivative_in_time_goes_through_the_driving_states() -> None:
    """∂f/∂t of the driven right-hand side, which is exact, beside a difference quotient of it."""
    code = compile_model(EFFECT, ("kout_R", "ka", "CL"))
    values = np.array([[1.2, *EFFECT_VALUES[1:]]])
    plan = schedule([MIXED], [np.array([12.0])], [np.array([False])], code.entries, len(code.states))
    integrated, job = (
        code.integrated,
        code.integrated.job(values, plan, Settings(), code.block.run(values, plan), code.block.run),
    )
    assert job.modes.sound.all()
    assert integrated.structure.driven
    given = start_arrays_of(job, np.zeros((0, job.z0.shape[1])), np.zeros(1, dtype=np.int64))
    model = (code.code.address("rhs_1"), code.code.address("jacobian_1"))
    width = job.z0.shape[1]
    q, jac, dy = np.zeros(integrated.width), np.zeros((width, len(integrated.where) + 1)), np.empty(width)
    clock = np.empty(1)
    y = np.empty(width)
    for s in range(1, len(plan.start)):
        begin_segment(model[0], 0, s, s, plan.start[s], y, q, given, dy, clock)
        y[:] = job.z0[0] + 0.1
        t, d, around = plan.start[s] + 0.7, 1e-4, []
        for point in (t - d, t + d):
            clock[0] = point
            call_from_python(model[0], clock, y, q, dy)
            around.append(dy.copy())
        stiff.linearise(model, t, y, q, dy, jac, clock, np.empty(len(integrated.where) + 1))
        quotient = (around[1] - around[0]) / (2 * d)
        assert np.abs(quotient).max() > 1e-6
        np.testing.assert_allclose(jac[:, -1], quotient, rtol=1e-6, atol=1e-10)


@jit
def call_from_python(address, t, y, q, out):  # type: ignore[no-untyped-def]
    call(address, t, y, q, out)


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
