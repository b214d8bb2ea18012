"""Radau IIA over lanes: its conditions from the theory, orders as measured, its linear systems, its constants."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model, compiled
from pkpd.engine.machine import disk
from pkpd.engine.machine.jit import LANES
from pkpd.engine.machine.steps import frame as at
from pkpd.engine.machine.steps import radau, sparse_lu
from pkpd.engine.machine.steps import radau_coefficients as table
from pkpd.engine.machine.steps.frame import Frame
from pkpd.engine.symbolic.constants import take_constants
from pkpd.engine.symbolic.formulas import Formula
from pkpd.model import define
from pkpd.model.expressions import parse, symbol
from tests.engine import generate_radau
from tests.engine.engine_runs import run
from tests.engine.stiff_problems import DOSES, ROWS, TIMES, target_mediated
from tests.examples import budget

# ---- the coefficients ---------------------------------------------------------------------------------------------


def test_the_committed_file_is_the_generated_one() -> None:
    assert Path(table.__file__).read_text(encoding="utf-8") == generate_radau.printed()


@pytest.mark.parametrize("s", radau.STAGES)
def test_simplifying_assumptions(s: int) -> None:
    """B(2s − 1), C(s) and D(s − 1), and no more: order 2s − 1 (Butcher; Hairer & Wanner, IV.5)."""
    method = table.METHODS[s]
    a, c = np.array(method.matrix), np.array(method.nodes)
    b = a[-1]
    quadrature = [abs(b @ c ** (k - 1) - 1 / k) for k in range(1, 2 * s + 1)]
    assert max(quadrature[:-1]) < 1e-15
    assert quadrature[-1] > 1e-9
    assert max(np.abs(a @ c ** (k - 1) - c**k / k).max() for k in range(1, s + 1)) < 1e-14
    for k in range(1, s):
        np.testing.assert_allclose((b * c ** (k - 1)) @ a, b * (1 - c**k) / k, atol=1e-15)


@pytest.mark.parametrize("s", radau.STAGES)
def test_the_split_is_that_of_the_inverse(s: int) -> None:
    """T⁻¹·A⁻¹·T is the real eigenvalue and 2 × 2 blocks [[re, im], [−im, re]]."""
    method = table.METHODS[s]
    into, out_of = np.array(method.into), np.array(method.out_of)
    expected = np.zeros((s, s))
    expected[0, 0] = method.real
    for k, (re, im) in enumerate(method.pairs):
        expected[2 * k + 1 : 2 * k + 3, 2 * k + 1 : 2 * k + 3] = [[re, im], [-im, re]]
    np.testing.assert_allclose(into @ out_of, np.eye(s), atol=1e-13)
    np.testing.assert_allclose(into @ np.linalg.inv(np.array(method.matrix)) @ out_of, expected, atol=1e-11)


@pytest.mark.parametrize("s", radau.STAGES)
def test_stability(s: int) -> None:
    """A-stable (|R| ≤ 1 on the imaginary axis) and R(∞) = 0: fast modes are damped, however long the step."""
    a = np.array(table.METHODS[s].matrix)

    def growth(z: complex) -> float:
        return abs(1 + z * (a[-1] @ np.linalg.solve(np.eye(s) - z * a, np.ones(s))))

    assert max(growth(1j * y) for y in np.logspace(-2, 4, 400)) <= 1 + 1e-12
    assert growth(-1e8) < 1e-6


@pytest.mark.parametrize("s", radau.STAGES)
def test_the_error_is_that_of_order_s(s: int) -> None:
    """For y' = t^k it is zero while k < s, the start of the step counted with weight 1/γ; for k = s it is not."""
    method = table.METHODS[s]
    c = np.array(method.nodes)
    off = [abs((k == 0) / method.real + method.error @ (c ** (k + 1) / (k + 1))) for k in range(s + 1)]
    assert max(off[:-1]) < 1e-14
    assert off[-1] > 1e-4


@pytest.mark.parametrize("s", radau.STAGES)
def test_the_polynomial_goes_on(s: int) -> None:
    """A polynomial of degree s through a step is continued exactly into the next one, whatever its length."""
    method, rng = table.METHODS[s], np.random.default_rng(1)
    p = np.polynomial.Polynomial([0.0, *rng.standard_normal(s)])
    c, ratio = np.array(method.nodes), 1.7
    bends = np.array(method.behind) @ (np.array(method.into) @ p(c))
    found = np.array(method.out_of) @ (np.array(method.ahead) @ (bends * ratio ** np.arange(1, s + 1)))
    np.testing.assert_allclose(found, p(1 + ratio * c) - p(1.0), rtol=1e-11)


# ---- orders, as measured ------------------------------------------------------------------------------------------


def _fixed(equation: str, rate: float, stages: int, steps: int, end: float) -> np.ndarray:
    """Take equal steps by hand; return the end, and the values of the interpolant at 0.3 of every step."""
    model = define({"y": equation}, {"k": rate}, outputs={"y": "y"}, initial={"y": "1"})
    integrated = compile_model(model, linear="ode").integrated
    frame = Frame(1, integrated.width)
    pointer = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3)
    step, values = (pointer(integrated.code.address(f"radau_{stages}_{what}")) for what in ("step", "values"))
    state = np.zeros((frame.size, LANES))
    work = np.zeros((integrated.code.number(f"radau_{stages}_size"), LANES))
    points, found = np.zeros((2, LANES)), np.zeros((1, LANES))
    control = np.array([1.0, 0.0, 0.0])  # so loose that no step is refused
    state[at.LEFT], state[at.END], state[at.NEXT], state[at.DENSE] = 1e9, 1e9, np.inf, np.inf
    state[frame.y], state[frame.fixed], state[frame.q] = 1.0, 1.0, rate

    def go() -> None:
        step(*(v.ctypes.data for v in (state, work, control)))

    state[at.STATUS], state[at.FRESH] = at.IDLE, 1.0
    go()  # nothing is taken; the arguments are read
    state[at.STATUS], state[at.FRESH] = 0.0, 0.0
    inside, h = [], end / steps
    points[0], points[1] = 0.3 * h, 0.3
    for n in range(steps):
        state[at.TIME], state[at.STEP] = n * h, h
        go()
        assert (state[at.REFUSED] == 0).all()
        assert (state[at.TAKEN] == state[at.TAKEN][0]).all()
        values(*(v.ctypes.data for v in (points, work, found)))
        inside.append(found[0, 0])
    return np.array([state[frame.y, 0], *inside])


@pytest.mark.parametrize(("stages", "steps"), [(3, (16, 32, 64)), (5, (8, 16, 32))])
def test_order_of_convergence(stages: int, steps: tuple[int, ...]) -> None:
    """y' = −k·y²·cos t: halving the step divides the error by 2^(2s − 1), that of the interpolant by 2^(s + 1)."""
    errors = []
    for n in steps:
        t = 4.0 / n * (np.arange(n) + 0.3)
        found = _fixed("-k*y*y*cos(t)", 0.5, stages, n, 4.0)
        errors.append(np.abs(found - 1 / (1 + 0.5 * np.sin(np.append(4.0, t)))))
    ends, insides = [e[0] for e in errors], [e[1:].max() for e in errors]
    assert np.log2(ends[1] / ends[2]) > 2 * stages - 1.5
    assert np.log2(insides[1] / insides[2]) > stages + 0.5


@pytest.mark.parametrize("stages", radau.STAGES)
def test_order_on_a_stiff_problem(stages: int) -> None:
    """Prothero & Robinson: y' = −k(y − cos t) − sin t, where the order falls to s, and the error with 1/k."""
    equation = "-k*(y - cos(t)) - sin(t)"
    errors = {
        k: [abs(_fixed(equation, k, stages, n, 1.0)[0] - np.cos(1.0)) for n in (2, 4, 8)] for k in (1e3, 1e4)
    }  # fmt: skip
    assert errors[1e3][0] / errors[1e3][1] > 2**stages
    assert errors[1e3][1] / errors[1e3][2] > 2**stages
    assert errors[1e4][0] / errors[1e3][0] == pytest.approx(0.1, rel=0.1)


# ---- the linear systems -------------------------------------------------------------------------------------------


@st.composite
def patterns(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """Size and entries of a sparse matrix; some rows and columns are full."""
    n = draw(st.integers(1, 12))
    place = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))
    some = draw(st.lists(place, max_size=3 * n))
    full = draw(st.lists(st.integers(0, n - 1), max_size=1))
    return n, [*some, *((i, k) for k in full for i in range(n)), *((k, i) for k in full for i in range(n))]


@given(patterns(), st.integers(0, 10**6))
@budget(200, deadline=None)
def test_the_planned_operations_solve(problem: tuple[int, list[tuple[int, int]]], seed: int) -> None:
    """The operations of a plan, carried out on numbers, against NumPy; the diagonal rules, as for short steps."""
    n, pattern = problem
    rng, matrix = np.random.default_rng(seed), np.zeros((n, n))
    for i, j in pattern:
        matrix[i, j] = rng.standard_normal()
    matrix += np.diag(np.abs(matrix).sum(axis=1) + 1.0)
    plan = sparse_lu.plan_elimination(n, pattern)
    entries = np.array([matrix[place] for place in plan.entries])  # in the order of their numbers
    assert list(plan.entries.values()) == list(range(len(plan.entries)))
    for target, left, right in plan.factor:
        if right >= 0:
            entries[target] -= entries[left] * entries[right]
        elif left >= 0:
            entries[target] *= entries[left]
        else:
            entries[target] = 1 / entries[target]
    x = b = rng.standard_normal(n)
    x = x.copy()
    for target, left, right in (*plan.forward, *plan.backward):
        if right >= 0:
            x[target] -= entries[left] * x[right]
        else:
            x[target] *= entries[left]
    np.testing.assert_allclose(matrix @ x, b, atol=1e-11)


def test_a_star_and_a_chain_fill_nothing_in() -> None:
    """Markowitz: the centre of a star comes last, however it is numbered; a chain has nothing to fill in."""
    star = [(0, k) for k in range(30)] + [(k, 0) for k in range(30)]
    assert len(sparse_lu.plan_elimination(30, star).entries) == 30 + 2 * 29
    assert len(sparse_lu.plan_elimination(30, [(k + 1, k) for k in range(29)]).entries) == 30 + 29


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
def test_written_out_or_in_a_loop(monkeypatch: pytest.MonkeyPatch, tolerance: float) -> None:
    """Operations one by one and from a table: the same bits, with sensitivities too."""
    monkeypatch.setenv("PKPD_CACHE", "")
    disk.folder.cache_clear()
    how, found = Settings(rtol=tolerance, method="stiff"), []
    for limit in (10**6, 0):
        monkeypatch.setattr(sparse_lu, "UNROLLED", limit)
        compiled._compile.cache_clear()
        here = run(target_mediated(), ROWS, DOSES[:1], TIMES[:2], sens=("V1", "kon"), settings=how)
        assert not here.status.any()
        found.append((here.states, here.slopes))
    compiled._compile.cache_clear()
    disk.folder.cache_clear()
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)


def test_a_dense_model_of_many_states() -> None:
    """Sixteen states that all exchange, rates over five decades: the matrix exponential, to 1e-8 of the dose."""
    n, rng = 16, np.random.default_rng(5)
    rates = 10 ** rng.uniform(-3, 2, (n, n))
    matrix, names = rates - np.diag(rates.sum(axis=0)), [f"x{k}" for k in range(n)]
    terms = [[f"{float(matrix[k, j])!r}*k*{names[j]}" for j in range(n)] for k in range(n)]
    model = define(
        {name: " + ".join(row) for name, row in zip(names, terms, strict=True)}, {"k": 1.0},
        outputs={"all": " + ".join(names)}, doses={"bolus": "x0"},
    )  # fmt: skip
    times = np.array([1e-3, 0.1, 3.0])
    how = Settings(rtol=1e-9, method="stiff")
    found = run(model, [1.0], (Dose(0, 100.0),), times, linear="ode", settings=how)
    exact = np.array([expm(matrix * t)[:, 0] * 100 for t in times])
    assert not found.status.any()
    np.testing.assert_allclose(found.states.reshape(3, n), exact, rtol=0, atol=1e-6)


# ---- constants ----------------------------------------------------------------------------------------------------


def test_constants_taken_out_give_the_same_formula() -> None:
    """Put back, they give the formula; what is left divides by no argument, and what is taken out reads only them."""
    y, q = [symbol("x"), symbol("y")], [symbol(s) for s in ("a", "b", "c")]
    texts = [
        "-a/b*x + c*y/(a + b*x)",
        "a/b*x - x*x*a/(b*c)",
        "a**b*x + exp(-a*c)*exp(-x*a/c) + 2*x + 3",
        "c",
        "x/3",
        "x/a if x < a/b else (a/b if t > c and a/c > 2 else max(0, x - a/b))",
    ]
    formulas = [Formula.of(y, q, [parse(t) for t in texts[:3]]), Formula.of(y, q, [parse(t) for t in texts[3:]])]
    constants, rest = take_constants(formulas)
    symbols = rest[0].q[len(q) :]
    assert len(symbols) == constants.size == len(constants.values)
    assert all(e.free_symbols <= set(q) for e in constants.values.values())
    back = dict(zip(symbols, constants.values.values(), strict=True))
    rng = np.random.default_rng(2)
    points = [dict(zip([*y, *q, symbol("t")], rng.uniform(0.2, 3.0, 6), strict=True)) for _ in range(20)]
    for before, after in zip(formulas, rest, strict=True):
        assert before.values.keys() == after.values.keys()
        for k, e in after.values.items():
            for point in points:
                assert float(e.xreplace(back).subs(point)) == pytest.approx(
                    float(before.values[k].subs(point)), rel=1e-13
                )
            powers = [p for p in e.atoms(sympy.Pow) if p.exp.is_number and p.exp < 0]
            assert all(p.base.free_symbols & set(y) for p in powers)


def test_a_flow_keeps_its_constant() -> None:
    """What leaves one state and enters another is the same product, so that nothing is lost by rounding."""
    constants, (rest,) = take_constants(
        [Formula.of([symbol("x")], [symbol("a"), symbol("b")], [parse("-a/b*x"), parse("a/b*x")])]
    )
    assert constants.size == 1
    assert rest.values[0] == -rest.values[1]
