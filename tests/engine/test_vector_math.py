"""The vector functions against mpmath, at special values as C's, and the same to the bit at every width."""

from __future__ import annotations

import ctypes
import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")
mpmath = pytest.importorskip("mpmath")

from llvmlite import binding, ir  # noqa: E402

from pkpd.engine.machine import vector_math  # noqa: E402
from pkpd.engine.machine.llvm import _target  # noqa: E402

TINY, HUGE = 5e-324, 1.7976931348623157e308
INF, NAN = math.inf, math.nan
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1.5, -1.5, 2.5, TINY, -TINY, 2.0**-1022, 1e-310]
SPECIAL += [HUGE, -HUGE, 2.0**53, -(2.0**53), 2.0**53 - 1, 1 - 2.0**-53, 1 + 2.0**-52, INF, -INF, NAN]


def machine(name: str, width: int, target: Any) -> tuple[Any, Any]:
    """Return a compiled loop over arrays (count, x, y, out) that takes `width` values at a time, and what it needs."""
    double, index = ir.DoubleType(), ir.IntType(64)
    value = double if width == 1 else ir.VectorType(double, width)
    module = ir.Module(name=f"{name}{width}")
    module.triple = target.triple
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [index, *[ir.PointerType(value)] * 3]), name="run")
    start, loop, end = (function.append_basic_block(n) for n in ("start", "loop", "end"))
    ir.IRBuilder(start).branch(loop)
    builder = ir.IRBuilder(loop)
    k = builder.phi(index)
    *places, out = (builder.gep(p, [k], source_etype=value) for p in function.args[1:])
    arguments = [builder.load(p, align=8, typ=value) for p in places]
    result = getattr(vector_math, name)(builder, *arguments[: 2 if name == "power" else 1])
    builder.store(result, out, align=8)
    following = builder.add(k, ir.Constant(index, 1))
    k.add_incoming(ir.Constant(index, 0), start)
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, function.args[0]), loop, end)
    ir.IRBuilder(end).ret_void()
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    engine = binding.create_mcjit_compiler(parsed, target)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * 3)
    return kind(engine.get_function_address("run")), engine


@cache
def _compiled(name: str, width: int) -> tuple[Any, Any]:
    return machine(name, width, _target())


def evaluate(name: str, x: Any, y: Any = None, width: int = 4) -> np.ndarray:
    """Return the function at every x (and y)."""
    x = np.atleast_1d(np.asarray(x, float))
    padded = -(-x.size // width) * width
    a, b, out = np.ones((3, padded))
    a[: x.size] = x
    b[: x.size] = 1.0 if y is None else y
    _compiled(name, width)[0](padded // width, a.ctypes.data, b.ctypes.data, out.ctypes.data)
    return out[: x.size]


def ulps(got: np.ndarray, exact: list[Any]) -> float:
    """Return the largest error in units of the last place of the exact result."""
    assert np.all(np.isfinite(got))
    return max(float(abs(mpmath.mpf(float(g)) - e) / math.ulp(float(e))) for g, e in zip(got, exact, strict=True))


def same(got: np.ndarray, expected: Any) -> None:
    """Bit for bit, except that every NaN is like another."""
    expected = np.asarray(expected, float)
    np.testing.assert_array_equal(got, expected)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got)[known], np.signbit(expected)[known])


@pytest.fixture(autouse=True)
def _many_digits() -> Any:
    with mpmath.workdps(50):
        yield


def test_the_error_of_exp() -> None:
    size = 500
    random = np.random.default_rng(1)
    small = random.choice([-1, 1], size) * 10 ** random.uniform(-20, 0, size)
    x = np.concatenate([random.uniform(-708, 709.7, 2 * size), random.uniform(-2, 2, size), small])
    assert ulps(evaluate("exp", x), [mpmath.exp(float(v)) for v in x]) < 1.0
    subnormal = random.uniform(-745, -708, size)
    assert ulps(evaluate("exp", subnormal), [mpmath.exp(float(v)) for v in subnormal]) < 1.0


def test_the_error_of_log() -> None:
    size = 500
    random = np.random.default_rng(2)
    near = 1 + random.choice([-1, 1], size) * 10 ** random.uniform(-15.5, -0.5, size)
    wide = 2 ** random.uniform(-1074, 1024, size)
    x = np.concatenate([wide, near, random.uniform(0.5, 2.0, size), 2 ** random.uniform(-1074, -1022, size)])
    x = x[x != 1]
    assert ulps(evaluate("log", x), [mpmath.log(float(v)) for v in x]) < 1.0


def power_points(random: np.random.Generator, size: int, extent: float) -> tuple[np.ndarray, np.ndarray]:
    """Return x near 1, moderate and over the whole range, and y so that |y log x| is at most `extent`."""
    near = 1 + random.choice([-1, 1], size) * 10 ** random.uniform(-15, -0.5, size)
    x = np.concatenate([near, 10 ** random.uniform(-3, 3, size), 2 ** random.uniform(-1074, 1023.9, size)])
    x = x[x != 1]
    return x, random.uniform(-extent, extent, x.size) / np.log(x)


@pytest.mark.parametrize("extent", [1.0, 100.0, 708.0])
def test_the_error_of_power(extent: float) -> None:
    x, y = power_points(np.random.default_rng(3), 300, extent)
    exact = [mpmath.power(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    assert ulps(evaluate("power", x, y), exact) < 1.1


def test_special_values_of_exp_and_log() -> None:
    same(
        evaluate("exp", [0.0, -0.0, INF, -INF, NAN, 709.79, 1e300, -745.2, -1e300, TINY, -TINY]),
        [1.0, 1.0, INF, 0.0, NAN, INF, INF, 0.0, 0.0, 1.0, 1.0],
    )
    assert evaluate("exp", 709.782712893384)[0] < INF
    assert evaluate("exp", -745.13)[0] == TINY
    same(
        evaluate("log", [0.0, -0.0, 1.0, INF, NAN, -1.0, -TINY, -INF, TINY]),
        [-INF, -INF, 0.0, INF, NAN, NAN, NAN, NAN, math.log(TINY)],
    )


def test_special_values_of_power() -> None:
    x, y = np.array(list(itertools.product(SPECIAL, SPECIAL))).T
    with np.errstate(all="ignore"):
        expected = np.power(x, y)  # C's pow
    got = evaluate("power", x, y)
    plain = np.isfinite(expected) & (expected != 0)
    np.testing.assert_allclose(got[plain], expected[plain], rtol=5e-16)
    same(got[~plain], expected[~plain])
    exact = plain & (np.isin(np.abs(x), [0, 1, INF]) | (y == 0))
    same(got[exact], expected[exact])


@pytest.mark.parametrize("name", ["exp", "log", "power"])
def test_neither_width_nor_lane_changes_a_bit(name: str) -> None:
    random = np.random.default_rng(4)
    x, y = power_points(random, 200, 300.0)
    if name == "exp":
        x = random.uniform(-750, 720, x.size)
    x, y = np.concatenate([[x, y], np.array(list(itertools.product(SPECIAL, SPECIAL))).T], axis=1)
    one = evaluate(name, x, y, width=1)
    for width in (4, 8):
        same(evaluate(name, x, y, width=width), one)
        same(evaluate(name, x[3:], y[3:], width=width), one[3:])


def test_the_polynomials() -> None:
    """They interpolate at Chebyshev nodes; here once more, and how far they are from the functions between."""

    def exponential(r: Any) -> Any:
        return (mpmath.exp(r) - 1 - r) / r**2

    def arctangent(z: Any) -> Any:
        return (mpmath.atanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1 - z / 3) / z**2

    half = mpmath.log(2) / 2 * mpmath.mpf("1.0001")
    most = (3 - 2 * mpmath.sqrt(2)) ** 2
    for coefficients, function, a, b, bound in (
        (vector_math.EXP, exponential, -half, half, 2e-17),
        (vector_math.ATANH, arctangent, 0, most, 2e-20),
    ):
        n = len(coefficients)
        nodes = [(a + b) / 2 + (b - a) / 2 * mpmath.cos((2 * k + 1) * mpmath.pi / (2 * n)) for k in range(n)]
        matrix = mpmath.matrix([[x**k for k in range(n)] for x in nodes])
        again = mpmath.lu_solve(matrix, mpmath.matrix([function(x) for x in nodes]))
        assert [float(c) for c in again] == list(coefficients)
        for x in mpmath.linspace(a + mpmath.mpf("1e-9"), b, 200):
            polynomial = mpmath.polyval(list(map(mpmath.mpf, coefficients[::-1])), x)
            assert abs((polynomial - function(x)) * x**2) < bound
