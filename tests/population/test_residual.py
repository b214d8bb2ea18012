"""Residual errors: what a class states, what follows from it, and what is said of a class that makes no sense."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from pkpd.engine import sd_function, sd_of, text_function
from pkpd.errors import InputError, ModelError
from pkpd.parameters import Parameter, Parameters
from pkpd.population import KINDS, ErrorParameter, ResidualError, residual_error
from pkpd.simulate.noise import draw_measured

F = np.array([1e-6, 0.3, 1.0, 7.0, 4e5])
Y = np.array([2e-6, 0.2, 1.3, 8.0, 3e5])

# SD by hand, of prediction, measurement and the kind's own parameters.
FORMULAS: dict[str, Callable[..., np.ndarray]] = {
    "additive": lambda f, y, a: a + 0 * f,
    "proportional": lambda f, y, b: b * f,
    "combined": lambda f, y, b, a: np.sqrt(a**2 + b**2 * f**2),
    "combined1": lambda f, y, b, a: a + b * f,
    "power": lambda f, y, b, c: b * f**c,
    "log": lambda f, y, s: s + 0 * f,
    "weighted 1/y": lambda f, y, s: s * np.sqrt(y),
    "weighted 1/y²": lambda f, y, s: s * y,
}


def own_values(kind: str) -> np.ndarray:
    return np.array([0.3, 1.7][: len(KINDS[kind].parameters)])


def test_every_kind_has_a_formula_here() -> None:
    assert set(FORMULAS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_sd_and_its_derivatives(kind: str) -> None:
    """The value against the formula; first derivatives by complex steps, second by complex steps of these: 1e-8."""
    own = own_values(kind)
    function = sd_function(KINDS[kind], 2)
    found = function(np.column_stack([F, Y]), own)
    np.testing.assert_allclose(found[:, 0], FORMULAS[kind](F, Y, *own), rtol=1e-14)
    n, h = 1 + len(own), 1e-30

    def stepped(k: int, size: complex, f: np.ndarray = F, values: Sequence[complex] = tuple(own)) -> np.ndarray:
        values = [v + (size if j == k - 1 else 0) for j, v in enumerate(values)]
        return FORMULAS[kind](f + (size if k == 0 else 0), Y, *values)

    for k in range(n):
        np.testing.assert_allclose(found[:, 1 + k], stepped(k, 1j * h).imag / h, rtol=1e-13, atol=1e-300)
    for (i, j), column in zip(function.pairs, found[:, 1 + n :].T, strict=True):
        step = 1e-4 * (F if j == 0 else own[j - 1])
        total = np.zeros(F.shape)
        for m, weight in ((-3, -1), (-2, 9), (-1, -45), (1, 45), (2, -9), (3, 1)):  # sixth order
            moved = [v + (m * step if k == j - 1 else 0) for k, v in enumerate(own)]
            total += weight * stepped(i, 1j * h, F + (m * step if j == 0 else 0), moved).imag / h
        size = np.abs(column) + np.abs(found[:, 1 + i]) / (F if j == 0 else own[j - 1])
        assert (np.abs(column - total / (60 * step)) <= 1e-8 * size + 1e-300).all()


@pytest.mark.parametrize("kind", KINDS)
def test_machine_code_and_numpy_say_the_same(kind: str) -> None:
    """Also where there is no spread, and beside rows that are no numbers."""
    function, own = sd_function(KINDS[kind], 2), own_values(kind)
    values = np.column_stack([[0.0, -2.0, 3.0, np.nan], [0.0, 2.0, 1.0, np.nan]])
    found, plain = function(values, own), function.columns()([0.0, *values.T, *own], len(values))
    np.testing.assert_allclose(found[:3], plain[:3], rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(found[3, 0], plain[3, 0])
    assert np.isfinite(found[1:3]).all()


def test_names_and_start_values() -> None:
    error = residual_error("C", "combined")
    assert error.names == ("prop_C", "add_C")
    start = error.start(np.array([2.0, 5.0, 0.0]), "mg/L")
    assert start.as_dict() == {"prop_C": 0.2, "add_C": 0.2}
    assert [p.unit for p in start] == ["", "mg/L"]
    assert start.get("prop_C").meaning == "proportional residual SD of C"
    assert error.second_start(np.array([2.0, 50.0])) == {"prop_C": 0.03, "add_C": pytest.approx(0.2 * 24)}
    assert residual_error("C", "log").second_start(np.ones(3)) == {}
    assert np.isfinite(error.start(np.array([]), "mg/L").values).all()


def test_kinds_are_found_by_name_or_class() -> None:
    assert residual_error("C", KINDS["log"]) == residual_error("C", "log")
    assert residual_error("C", "log") != residual_error("C", "additive")
    assert residual_error("C", "log") != residual_error("D", "log")
    again = pickle.loads(pickle.dumps(residual_error("C", "weighted 1/y²")))
    assert again == residual_error("C", "weighted 1/y²")
    for wrong in ("proportionel", None, 3, int):
        with pytest.raises(InputError, match="unknown residual error"):
            residual_error("C", wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="did you mean 'proportional'"):
        residual_error("C", "proportionel")


def test_the_old_way_warns_and_still_works() -> None:
    with pytest.warns(DeprecationWarning, match="residual_error") as caught:
        error = ResidualError("C", "proportional")
    assert caught[0].filename == __file__
    assert error == residual_error("C", "proportional")
    with pytest.raises(InputError, match="needs its kind"):
        ResidualError("C")


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"kind": ""}, "no name"),
        ({"sd": "a*g"}, "unknown name in its SD 'g'"),
        ({"sd": "f"}, "does not use the parameter 'a'"),
        ({"sd": "a*__import__('os')"}, "calls"),
        ({"scale": "logit"}, "unknown scale"),
        ({"parameters": (ErrorParameter("f", "?"),), "sd": "f"}, "cannot name a parameter"),
        ({"parameters": (ErrorParameter("a", "?"), ErrorParameter("a", "?"))}, "stands twice"),
    ],
)
def test_a_class_that_makes_no_sense_is_refused(stated: dict[str, object], message: str) -> None:
    whole = {"kind": "odd", "parameters": (ErrorParameter("a", "?"),), "sd": "a*f"}
    with pytest.raises(InputError, match=message):
        type("Odd", (ResidualError,), whole | stated)


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_takes_the_same_sd(kind: str) -> None:
    """The same random numbers as by hand; a weight comes from the prediction, because nothing was measured."""
    error, own, f = residual_error("C", kind), own_values(kind), np.array([[0.5, 3.0], [40.0, 0.0]])
    values = Parameters(tuple(Parameter(n, v) for n, v in zip(error.names, own, strict=True)))
    noise = np.random.default_rng(4).standard_normal(f.shape)
    sd = FORMULAS[kind](f, f, *own)
    np.testing.assert_allclose(sd_of(error, f, own), sd, rtol=1e-15)
    expected = f * np.exp(sd * noise) if kind == "log" else f + sd * noise
    np.testing.assert_allclose(draw_measured(error, f, values, np.random.default_rng(4)), expected, rtol=1e-14)


def test_functions_written_as_text() -> None:
    """Of rows and of what all share, with derivatives by any of them."""
    function = text_function("a*x**2 + log(y)/x", ("x", "y"), ("a",), ("y", "a"), 2)
    assert function.size == 6
    x, y, a = np.array([1.0, 2.0, 5.0]), np.array([3.0, 0.5, 2.0]), 0.7
    found = function(np.column_stack([x, y]), np.array([a]))
    expected = [a * x**2 + np.log(y) / x, 1 / (x * y), x**2, -1 / (x * y**2), 0 * x, 0 * x]
    np.testing.assert_allclose(found, np.column_stack(expected), rtol=1e-14)
    assert function(np.empty((0, 2)), np.array([a])).shape == (0, 6)
    with pytest.raises(ModelError):
        text_function("open(x)", ("x",))
