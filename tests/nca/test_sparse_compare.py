"""Differences and ratios of independent groups, and differences within subjects."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pkpd.errors import InputError
from pkpd.nca.sparse import SparseResult, SparseRules, sparse, sparse_difference, sparse_ratio

RULES = SparseRules(methods=("t", "z", "bootstrap-t"), replicates=500)


def _group(seed: int, level: float, complete: bool, dose: float = 10.0) -> SparseResult:
    rng = np.random.default_rng(seed)
    times = np.tile([0.0, 1.0, 3.0, 6.0], 6)
    subjects = np.repeat(np.arange(6), 4) if complete else np.arange(24)
    values = level * np.exp(-0.3 * times) * rng.lognormal(0, 0.2, 24)
    return sparse(times, values, subjects, dose=dose, rules=RULES)


def test_a_difference_adds_variances_whatever_the_designs() -> None:
    a, b = _group(1, 10.0, complete=True), _group(2, 7.0, complete=False)
    found = sparse_difference(a, b, methods=("t", "z", "bootstrap-t"))
    va, vb = a.se["auc_last"] ** 2, b.se["auc_last"] ** 2
    assert found.estimate == pytest.approx(a.estimate["auc_last"] - b.estimate["auc_last"])
    assert found.se == pytest.approx(math.sqrt(va + vb))
    df = (va + vb) ** 2 / (va**2 / a.df["auc_last"] + vb**2 / b.df["auc_last"])
    assert found.df == pytest.approx(df)
    assert found.interval["t"][1] - found.estimate == pytest.approx(stats.t.ppf(0.975, df) * found.se)
    low, high = found.interval["bootstrap-t"]
    assert low < found.estimate < high
    swapped = sparse_difference(b, a)
    assert (swapped.estimate, swapped.se) == pytest.approx((-found.estimate, found.se))
    assert set(found.table()["method"]) == {"t", "z", "bootstrap-t"}


def test_groups_drawn_from_the_same_seed_are_drawn_independently() -> None:
    a = _group(1, 10.0, complete=True)
    low, high = sparse_difference(a, a, methods=("bootstrap-t",)).interval["bootstrap-t"]
    wide = 2 * stats.norm.ppf(0.975) * math.sqrt(2) * a.se["auc_last"]
    assert low < 0 < high
    assert 0.7 * wide < high - low < 2 * wide


def test_areas_by_dose_are_compared_as_such() -> None:
    a, b = _group(1, 10.0, True, dose=30.0), _group(2, 7.0, False, dose=100.0)
    found = sparse_difference(a, b, parameter="auc_last_dose")
    assert found.estimate == pytest.approx(a.estimate["auc_last"] / 30 - b.estimate["auc_last"] / 100)
    assert found.se == pytest.approx(math.hypot(a.se["auc_last"] / 30, b.se["auc_last"] / 100))


def test_fiellers_ends_solve_fiellers_equation() -> None:
    a, b = _group(1, 10.0, complete=True), _group(2, 7.0, complete=False)
    found = sparse_ratio(a, b, level=0.9, methods=("fieller", "z", "log z", "bootstrap-t"))
    x, y, vx, vy = a.estimate["auc_last"], b.estimate["auc_last"], a.se["auc_last"] ** 2, b.se["auc_last"] ** 2
    t = stats.t.ppf(0.95, found.df)
    for theta in found.interval["fieller"]:
        assert (x - theta * y) ** 2 == pytest.approx(t**2 * (vx + theta**2 * vy), rel=1e-9)
    assert found.se == pytest.approx(math.sqrt(vx / y**2 + x**2 * vy / y**4))
    low, high = found.interval["log z"]
    assert low * high == pytest.approx(found.estimate**2)
    back = sparse_ratio(b, a, level=0.9, methods=("fieller", "log z"))
    for method in ("fieller", "log z"):
        # Turning the ratio round turns the interval round; Fieller's degrees of freedom are the same both ways.
        assert back.interval[method] == pytest.approx(tuple(1 / e for e in found.interval[method][::-1]), rel=1e-9)
    for low, high in found.interval.values():
        assert low < found.estimate < high


def test_what_cannot_be_compared_has_a_reason() -> None:
    a = _group(1, 10.0, complete=True)
    lonely = sparse([0.0, 1.0, 2.0], [3.0, 2.0, 1.0])
    found = sparse_difference(a, lonely)
    assert found.estimate == pytest.approx(a.estimate["auc_last"] - 4.0)
    assert math.isnan(found.se)
    assert "second group: a mean that takes part is of a single value" in found.reason
    noise = sparse([0, 0, 1, 1], [1.0, -1.0, 2.0, -2.1])
    unbounded = sparse_ratio(a, noise, methods=("fieller",))
    assert "unbounded" in unbounded.reasons["fieller"]
    missing = sparse_difference(a, noise, methods=("bootstrap-t",))
    assert "no bootstrap replicates" in missing.reasons["bootstrap-t"]
    with pytest.raises(InputError, match="did you mean 'auc_last'"):
        sparse_difference(a, a, parameter="auc_lst")
    with pytest.raises(InputError, match="unknown method"):
        sparse_ratio(a, a, methods=("t",))
    with pytest.raises(InputError, match="second group is a int"):
        sparse_difference(a, 3)  # type: ignore[arg-type]


def check_difference(runs: int) -> None:
    """Serial samples of two treatments, half of one another: the interval covers the true difference."""
    rng = np.random.default_rng(9)
    times = np.repeat([0.0, 1.0, 3.0], 4)
    mean = 8 * np.exp(-0.4 * times)
    plain = SparseRules()
    hits = 0
    for _ in range(runs):
        a, b = (sparse(times, f * mean + rng.normal(0, 1, 12), rules=plain) for f in (1.0, 0.5))
        low, high = sparse_difference(a, b).interval["t"]
        hits += low <= 0.5 * float(np.trapezoid(mean[::4], times[::4])) <= high
    assert 0.92 <= hits / runs <= 0.985


def test_the_interval_of_a_difference_covers() -> None:
    check_difference(150)


def test_differences_within_subjects_are_values_of_their_own() -> None:
    rng = np.random.default_rng(2)
    clock = np.array([0.0, 1.0, 4.0])
    first, second = rng.normal(5, 1, (2, 5, 3))
    found = sparse(np.tile(clock, 5), (first - second).ravel(), np.repeat(np.arange(5), 3))
    areas = np.trapezoid(first, clock, axis=1) - np.trapezoid(second, clock, axis=1)
    assert found.estimate["auc_last"] == pytest.approx(areas.mean(), rel=1e-9)
    assert found.se["auc_last"] == pytest.approx(areas.std(ddof=1) / math.sqrt(5), rel=1e-9)
