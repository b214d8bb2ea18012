"""The machine code of an expression equals what SymPy's NumPy code gives, on random expressions and special values."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from pkpd.engine.machine.llvm import formula_piece, load_code, object_code
from pkpd.engine.symbolic.formulas import Formula
from pkpd.errors import ModelError
from pkpd.model import define
from pkpd.model.expressions import parse, symbol
from tests.engine.engine_runs import run
from tests.examples import budget

STATES, OTHERS = ("x", "y"), ("a", "b")
SIGNATURE = ctypes.CFUNCTYPE(None, *[ctypes.POINTER(ctypes.c_double)] * 4)
WIDTHS = (1, 4, 8)


def machine(texts: list[str]) -> Callable[[float, list[float], list[float]], np.ndarray]:
    """Return the compiled function of several equations in x, y (states), a, b and t.

    It is compiled for 1, 4 and 8 lanes; every lane of every width must give the same bits.
    """
    expressions = [parse(t) for t in texts]
    formula = Formula.of([symbol(s) for s in STATES], [symbol(s) for s in OTHERS], expressions)
    made = load_code(
        object_code(formula_piece(f"f{w}", symbol("t"), formula, w) for w in WIDTHS), [f"f{w}" for w in WIDTHS]
    )

    def call(t: float, y: list[float], q: list[float]) -> np.ndarray:
        found = []
        for w in WIDTHS:
            arrays = [np.repeat(np.array(v, dtype=float), w) for v in ([t], y, q, [0.0] * len(texts))]
            SIGNATURE(made[f"f{w}"])(*(v.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for v in arrays))
            found.append(arrays[3].reshape(len(texts), w))
        every = np.concatenate(found, axis=1)
        assert (every.view(np.int64) == every[:, :1].copy().view(np.int64)).all() or np.isnan(every).any()
        return every[:, 0]

    return call


leaf = st.one_of(
    st.sampled_from(["x", "y", "a", "b", "t"]),
    st.floats(0.1, 5).map(lambda v: repr(round(v, 3))),
    st.integers(-3, 4).map(lambda v: f"({v})"),
)


POWERS = ("2", "-2", "0.5", "-0.5", "1.7", "17")


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.builds(lambda p, op: f"({p[0]}){op}({p[1]})", pair, st.sampled_from("+-*")),
        pair.map(lambda p: f"({p[0]})/(1.5 + abs({p[1]}))"),
        pair.map(lambda p: f"(0.1 + abs({p[0]}))**(0.5*tanh({p[1]}))"),
        st.builds(lambda e, n: f"(1 + abs({e}))**({n})", inner, st.sampled_from(POWERS)),
        inner.map(lambda e: f"exp(-abs({e}))"),
        inner.map(lambda e: f"log(1 + abs({e}))"),
        inner.map(lambda e: f"sqrt(abs({e}))"),
        st.builds(lambda f, e: f"{f}({e})", st.sampled_from(["sin", "cos", "tanh", "abs"]), inner),
        st.builds(lambda f, p: f"{f}({p[0]}, {p[1]}, 0.3)", st.sampled_from(["min", "max"]), pair),
        st.builds(
            lambda p, r, op, j: f"(({p[0]}) if ({r[0]}) {op} ({r[1]}) {j} x < 2 else ({p[1]}))",
            pair, pair, st.sampled_from(["<", "<=", ">", ">="]), st.sampled_from(["and", "or"]),
        ),
    )  # fmt: skip


tree = st.recursive(leaf, grow, max_leaves=8)
point = st.lists(st.floats(-3, 3), min_size=5, max_size=5)


@given(text=tree, values=point)
@budget(max_examples=150)
def test_random_expressions(text: str, values: list[float]) -> None:
    """Against lambdify: 1e-11 of the largest term met (sums cancel; tanh is written as 1 − 2/(1 + e^2x))."""
    names = ["x", "y", "a", "b", "t"]
    expression = parse(text)
    expected = float(sympy.lambdify([symbol(n) for n in names], expression, modules="numpy")(*map(np.float64, values)))
    x, y, a, b, t = values
    found = machine([text])(t, [x, y], [a, b])[0]
    if math.isfinite(expected) and abs(expected) < 1e6:
        # A jump at the very point may fall to either side after rounding: look a little to both sides.
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9) or _near_a_jump(expression, names, values)


def _near_a_jump(expression: sympy.Expr, names: list[str], values: list[float]) -> bool:
    function = sympy.lambdify([symbol(n) for n in names], expression, modules="numpy")
    around = [function(*(np.float64(v + s * 1e-9) for v in values)) for s in (-1, 0, 1)]
    return bool(np.ptp(np.array(around, dtype=float)) > 1e-7)


CASES = {
    "x**2": lambda x, y: x**2, "x**3": lambda x, y: x**3, "x**-1": lambda x, y: 1 / x, "x**-3": lambda x, y: x**-3.0,
    "x**16": lambda x, y: x**16, "x**17": lambda x, y: x**17, "abs(x)**2.5": lambda x, y: abs(x) ** 2.5,
    "abs(x)**y": lambda x, y: abs(x) ** y, "1/(x*y)": lambda x, y: 1 / (x * y), "-x - y": lambda x, y: -x - y,
    "x/y/(1 + x**2)": lambda x, y: x / y / (1 + x * x), "exp(x)": lambda x, y: math.exp(x),
    "sqrt(abs(x))": lambda x, y: math.sqrt(abs(x)), "abs(x)**-0.5": lambda x, y: abs(x) ** -0.5,
    "log(abs(y))": lambda x, y: math.log(abs(y)), "min(x, y)": min, "max(x, y)": max,
    "abs(x - y)": lambda x, y: abs(x - y),
    "sin(x)*cos(y)": lambda x, y: math.sin(x) * math.cos(y), "tanh(x)": lambda x, y: math.tanh(x),
    "x if x < y else y": min, "x if x >= y else y": max,
    "1 if x < 0 < y else 2": lambda x, y: 1 if x < 0 < y else 2,
    "1 if (x < 0 and y < 0) or x > 1 else 2": lambda x, y: 1 if (x < 0 and y < 0) or x > 1 else 2,
}  # fmt: skip
POINTS = [(1.3, -0.4), (-1.3, 0.4), (0.7, 2.5), (-2.0, -2.0), (30.0, 0.001), (-40.0, 7.0)]


@pytest.mark.parametrize("text", list(CASES))
def test_every_construction(text: str) -> None:
    function = machine([text])
    for x, y in POINTS:
        assert function(0.0, [x, y], [0.0, 0.0])[0] == pytest.approx(float(CASES[text](x, y)), rel=1e-13, abs=1e-300)


def test_tanh_at_both_ends() -> None:
    found = [machine(["tanh(x)"])(0.0, [x, 0.0], [0.0, 0.0])[0] for x in (-1e3, -400.0, 400.0, 1e3, 0.0)]
    assert found == [-1, -1, 1, 1, 0]


def test_tanh_of_small_numbers() -> None:
    for x in (1e-3, 1e-8, 1e-20):
        assert machine(["tanh(x)"])(0.0, [x, 0.0], [0.0, 0.0])[0] == pytest.approx(math.tanh(x), rel=1e-12, abs=0)


def test_many_equations_share_their_parts() -> None:
    texts = ["exp(-a*t)*x/(b + x)", "exp(-a*t)*x/(b + x) - y", "(exp(-a*t)*x/(b + x))**2", "7", "0", "t"]
    found = machine(texts)(2.0, [3.0, 4.0], [0.5, 1.5])
    hill = math.exp(-1) * 3 / 4.5
    np.testing.assert_allclose(found, [hill, hill - 4, hill**2, 7, 0, 2], rtol=1e-14)


@pytest.mark.parametrize("texts", [
    ["x if x < a else 2*x", "y if x < a else 3*y"],
    ["exp(-x)*(1 if t > a else 2)", "exp(-y)*(3 if t > a else 4)"],
])  # fmt: skip
def test_a_condition_that_two_equations_share(texts: list[str]) -> None:
    found = machine(texts)(2.0, [3.0, 4.0], [5.0, 0.0])
    expected = [[3.0, 4.0], [math.exp(-3) * 2, math.exp(-4) * 4]][int("exp" in texts[0])]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("equation", ["abs(y - k)", "max(y, k, 0.1)*y", "min(y, k)", "tanh(k*y)", "sqrt(y)*k", "y**k"])
def test_derivatives_have_machine_code(equation: str) -> None:
    """What SymPy leaves in a derivative (sign, Heaviside, log) runs; slopes agree with central differences."""
    model = define({"y": f"-({equation})"}, {"k": 0.7}, outputs={"y": "y"}, initial={"y": "2"})
    slope = run(model, [0.7], (), [0.9], sens=("k",)).slopes[0, 0, 0]
    h = 1e-5
    up, down = (run(model, [0.7 + s * h], (), [0.9]).outputs[0, 0] for s in (1, -1))
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-3, abs=1e-6)  # differences of 1e-8 results


def test_what_has_no_code_says_so() -> None:
    x = symbol("x")
    with pytest.raises(ModelError, match="machine code"):
        object_code([formula_piece("f", symbol("t"), Formula.of([x], [], [sympy.Function("f")(x)]), 4)])


@pytest.mark.parametrize("text", ["log(0)*y*y", "sqrt(-1)*y*y", "log(-2)*y*y", "0**-1*y*y"])
def test_constants_that_are_no_numbers(text: str) -> None:
    """Either refused as a ModelError, or NaN with a status."""
    try:
        found = run(define({"y": text}, {"k": 1.0}, outputs={"y": "y"}, initial={"y": "1"}), [1.0])
    except ModelError:
        return
    assert found.status[0] != 0


def test_conditions_inside_conditions() -> None:
    """Not and if-then-else of conditions, which SymPy makes of a corner inside a condition."""
    import sympy
    from sympy.logic.boolalg import ITE, Not

    x, y = symbol("x"), symbol("y")
    condition = ITE(x > 0, Not(y > 1), y > 2)
    formula = Formula.of([x, y], [], [sympy.Piecewise((1, condition), (2, True))])
    for width in WIDTHS:
        address = load_code(object_code([formula_piece("f", symbol("t"), formula, width)]), ["f"])["f"]
        for a in (-1.0, 1.0):
            for b in (0.0, 1.5, 3.0):
                arrays = [np.repeat(np.array(v, dtype=float), width) for v in ([0.0], [a, b], [0.0], [0.0])]
                SIGNATURE(address)(*(v.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for v in arrays))
                assert (arrays[3] == (1.0 if ((b <= 1) if a > 0 else b > 2) else 2.0)).all()
