"""Densities of rows: measured, below, above and between limits, against SciPy and against arithmetic of 50 digits."""

from __future__ import annotations

from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
from scipy.stats import norm

from pkpd.fit.densities import Densities, group_starts, group_sums
from pkpd.fit.row_density import row_density
from pkpd.population import KINDS, residual_error

INF = np.inf


@dataclass(frozen=True, eq=False)
class FitRows:
    """What densities ask of observations, without a study."""

    subject: np.ndarray
    output: np.ndarray
    record: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    kind: np.ndarray


def limits(kind: np.ndarray, y: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lower = np.where(kind == 1, -INF, y)
    upper = np.where(kind == 2, INF, np.where(kind == 3, y + width, y))
    return lower, upper


def test_values_are_those_of_scipy() -> None:
    rng = np.random.default_rng(2)
    kind = np.repeat([0, 1, 2, 3], 50)
    mean, sd = rng.normal(size=200), np.exp(rng.normal(size=200))
    lower, upper = limits(kind, mean + 2 * sd * rng.normal(size=200), sd * rng.uniform(0.1, 3, 200))
    found = row_density(lower, upper, kind, mean, sd).value
    z = [(lower - mean) / sd, (upper - mean) / sd]
    sides = np.where(z[0] > 0, norm.sf(z[0]) - norm.sf(z[1]), norm.cdf(z[1]) - norm.cdf(z[0]))
    expected = np.select(
        [kind == 0, kind == 1, kind == 2],
        [norm.logpdf(lower, mean, sd) + 0.5 * np.log(2 * np.pi), norm.logcdf(upper, mean, sd),
         norm.logsf(lower, mean, sd)],
        np.log(np.where(kind == 3, sides, 1)),
    )  # fmt: skip
    np.testing.assert_allclose(found, -2 * expected, rtol=1e-11, atol=1e-13)


def by_hand(kind: int, lower: float, upper: float, mean: float, sd: float) -> list[float]:
    """Value, two first and three second derivatives, with 50 digits."""

    def objective(m: mpmath.mpf, g: mpmath.mpf) -> mpmath.mpf:
        if kind == 0:
            return ((lower - m) / g) ** 2 + 2 * mpmath.log(g)
        a, b = (mpmath.mpf(x) - m for x in (lower, upper))
        if a > 0:  # the tail in which the digits are
            a, b = -b, -a
        return -2 * mpmath.log(mpmath.ncdf(b / g) - (mpmath.ncdf(a / g) if a > -INF else 0))

    with mpmath.workdps(50):
        at = (mpmath.mpf(mean), mpmath.mpf(sd))
        orders = [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
        return [float(objective(*at)), *(float(mpmath.diff(objective, at, order)) for order in orders)]


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_first_and_second_derivatives(kind: int) -> None:
    """Near and 30 SDs away; intervals from a millionth of an SD to ten: 1e-10 of each, or of what it is made of."""
    rng = np.random.default_rng(kind)
    z = rng.choice([1.0, 10.0], 40) * rng.normal(size=40)
    mean, sd = rng.normal(size=40), np.exp(rng.normal(size=40))
    which = np.full(40, kind)
    lower, upper = limits(which, mean + z * sd, sd * 10 ** rng.uniform(-6, 1, 40))
    row = row_density(lower, upper, which, mean, sd)
    found = np.array([row.value, row.m, row.g, row.mm, row.mg, row.gg])
    expected = np.transpose([by_hand(kind, *each) for each in zip(lower, upper, mean, sd, strict=True)])
    floor = np.array([np.ones(40), 1 / sd, 1 / sd, sd**-2, sd**-2, sd**-2]) * 1e-3
    assert (np.abs(found - expected) <= 1e-10 * np.maximum(np.abs(expected), floor)).all()
    emm, emg, egg = row.expected
    assert (emm >= 0).all()
    assert (emm * egg - emg**2 >= -1e-12 * emm * egg).all()  # never indefinite


def test_a_very_narrow_interval_is_a_measurement() -> None:
    """−2 log P → −2 log density − 2 log width."""
    one = np.ones(1)
    measured = row_density(3 * one, 3 * one, np.array([0]), 2 * one, 0.7 * one)
    between = row_density(3 * one - 1e-5, 3 * one + 1e-5, np.array([3]), 2 * one, 0.7 * one)
    assert between.value + 2 * np.log(2e-5) == pytest.approx(measured.value + np.log(2 * np.pi), rel=1e-9)
    for name in ("m", "g", "mm", "mg", "gg"):
        assert getattr(between, name) == pytest.approx(getattr(measured, name), rel=1e-9)


def test_limits_far_away_and_no_spread() -> None:
    """What is certain has no slope; what is impossible is infinite; a zero SD spreads no NaN over certain rows."""
    kind = np.array([1, 1, 2, 1, 3])
    lower, upper = np.array([-INF, -INF, 5.0, -INF, -1.0]), np.array([1e6, 1.0, INF, 2.0, 1.0])
    row = row_density(lower, upper, kind, np.array([0.0, 0.0, 0.0, 3.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0, 0.0]))
    assert row.certain.tolist() == [True, True, False, False, True]
    for part in (row.value, row.m, row.g, row.mm, row.mg, row.gg, *row.expected):
        assert (part[row.certain] == 0).all()
    assert np.isposinf(row.value[2:4]).all()


def densities(kind: str) -> tuple[Densities, np.ndarray, np.ndarray]:
    """Rows of every sort of two outputs; the first has the error of the kind."""
    rng = np.random.default_rng(8)
    sort = np.tile([0, 1, 2, 3], 6)
    f = np.exp(rng.normal(size=24))
    lower, upper = limits(sort, f * np.exp(0.3 * rng.normal(size=24)), 0.5 * f)
    output = np.repeat([1, 0], 12)
    subject = np.repeat([0, 2], [10, 14])
    rows = FitRows(subject, output, np.arange(24) // 2, lower, upper, sort)
    found = Densities(rows, (residual_error("C", kind), residual_error("E", "combined")), ["E", "C"])
    return found, f, np.array([0.3, 0.2, 0.25, 0.4][: len(found.names)])


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_by_predictions_and_parameters(kind: str) -> None:
    """The chain from f to mean and SD, first and second, by sixth-order differences: 1e-8."""
    function, f, p = densities(kind)
    at = function.at(f, p, second=True)
    assert at.ff is not None
    assert at.fp is not None
    assert at.pp is not None

    def difference(what: str, column: int) -> np.ndarray:
        total = 0.0
        step = 1e-3 * f if column < 0 else 1e-3 * p[column]
        for m, weight in ((-3, -1), (-2, 9), (-1, -45), (1, 45), (2, -9), (3, 1)):
            moved = p + (m * step * np.eye(p.size)[column] if column >= 0 else 0)
            total = total + weight * getattr(function.at(f + (m * step if column < 0 else 0), moved), what)
        return np.asarray((total.T / (60 * step)).T)

    def close(found: np.ndarray, expected: np.ndarray) -> None:
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())

    close(at.f, difference("value", -1))
    close(at.ff, difference("f", -1))
    for k in range(p.size):
        close(at.p[:, k], difference("value", k))
        close(at.fp[:, k], difference("f", k))
        close(at.pp[:, :, k], difference("p", k))
    first = function.at(f, p)
    assert first.ff is first.fp is first.pp is None
    np.testing.assert_array_equal(first.f, at.f)


@pytest.mark.parametrize("kind", KINDS)
def test_the_density_is_that_of_the_measured_values(kind: str) -> None:
    """exp(−½(value + jacobian))/√2π, integrated over y, is 1: the change of scale is counted once."""
    y = np.linspace(1e-3, 60, 200_001)
    none = np.zeros(y.size, dtype=np.int64)
    if kind.startswith("weighted"):
        pytest.skip("a weight from the data makes no density of y")
    function = Densities(FitRows(none, none, np.arange(y.size), y, y, none), (residual_error("C", kind),), ["C"])
    p = np.array([0.1, 0.5][: len(function.names)])  # what lies beyond the grid has less than 1e-8
    value = function.at(np.full(y.size, 20.0), p).value + function.jacobian
    assert np.trapezoid(np.exp(-0.5 * value) / np.sqrt(2 * np.pi), y) == pytest.approx(1, abs=1e-6)


def test_sums_over_groups() -> None:
    """A subject without rows has the sum 0."""
    subject = np.array([0, 0, 2, 2, 2, 4])
    starts = group_starts(subject, 6)
    assert starts.tolist() == [0, 2, 2, 5, 5, 6, 6]
    values = np.arange(12.0).reshape(6, 2)
    expected = [values[subject == k].sum(axis=0) for k in range(6)]
    np.testing.assert_array_equal(group_sums(values, starts), expected)
    assert group_sums(np.empty(0), group_starts(np.empty(0, dtype=np.int64), 2)).tolist() == [0, 0]
