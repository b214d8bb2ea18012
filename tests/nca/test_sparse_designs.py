"""Any incidence of subjects on times against formulas written out naively, and what must not matter."""

from __future__ import annotations

import itertools
import math
import pickle
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing import Dose
from pkpd.nca.sparse import SPARSE_PARAMETERS, SparseResult, SparseRules, sparse

Long = tuple[list[float], list[float], list[int]]
UNBIASED = SparseRules(covariance="unbiased")


def _long(table: np.ndarray[Any, Any], clock: np.ndarray[Any, Any]) -> Long:
    subjects, places = np.nonzero(~np.isnan(table))
    return clock[places].tolist(), table[subjects, places].tolist(), subjects.tolist()


@st.composite
def designs(draw: st.DrawFn) -> Long:
    seed = draw(st.integers(0, 2**31))
    people, width = draw(st.integers(2, 8)), draw(st.integers(2, 5))
    rng = np.random.default_rng(seed)
    table = np.round(rng.lognormal(1.0, 0.6, (people, width)), 2)
    table[rng.random(table.shape) < draw(st.sampled_from([0.0, 0.2, 0.5]))] = np.nan
    table[0], table[1] = np.round(rng.lognormal(1.0, 0.6, (2, width)), 2)  # two values at every time
    return _long(table, np.cumsum(rng.integers(1, 4, width)).astype(float))


def _naive(long: Long) -> tuple[float, float]:
    """Area and its variance, pair of times by pair of times (Holder 2001)."""
    data: dict[float, dict[int, float]] = {}
    for t, y, i in zip(*long, strict=True):
        data.setdefault(t, {})[i] = y
    clock = sorted(data)
    mean = {t: sum(data[t].values()) / len(data[t]) for t in clock}
    area = sum((b - a) * (mean[a] + mean[b]) / 2 for a, b in itertools.pairwise(clock))
    weight = dict.fromkeys(clock, 0.0)
    for a, b in itertools.pairwise(clock):
        weight[a] += (b - a) / 2
        weight[b] += (b - a) / 2
    total = 0.0
    for j in clock:
        for k in clock:
            both = data[j].keys() & data[k].keys()
            if both:
                n = len(both)
                products = sum((data[j][i] - mean[j]) * (data[k][i] - mean[k]) for i in both)
                cov = products / ((n - 1) + (1 - n / len(data[j])) * (1 - n / len(data[k])))
                total += weight[j] * weight[k] * n / (len(data[j]) * len(data[k])) * cov
    return area, total


@given(designs())
def test_area_and_variance_are_the_naive_ones(long: Long) -> None:
    found = sparse(*long, rules=UNBIASED)
    area, variance = _naive(long)
    assert found.estimate["auc_last"] == pytest.approx(area, rel=1e-12)
    if variance > 1e-9:
        assert found.se["auc_last"] ** 2 == pytest.approx(variance, rel=1e-9)
    elif variance < -1e-9:
        assert "negative" in found.reason_se["auc_last"]


@given(designs())
def test_degrees_of_freedom_are_those_of_the_quadratic_form_or_the_batches(long: Long) -> None:
    found = sparse(*long, rules=UNBIASED)
    if math.isnan(found.df["auc_last"]):
        return
    clock = sorted(set(long[0]))
    table = np.full((max(long[2]) + 1, len(clock)), np.nan)
    for t, y, i in zip(*long, strict=True):
        table[i, clock.index(t)] = y
    patterns, sizes = np.unique(~np.isnan(table[~np.isnan(table).all(axis=1)]), axis=0, return_counts=True)
    expected = _dense_df(table, found) if (sizes < 2).any() else _batch_df(table, found, patterns, sizes)
    assert found.df["auc_last"] == pytest.approx(expected, rel=1e-8)


def _covariances(table: np.ndarray[Any, Any]) -> tuple[Any, Any, Any]:
    seen = ~np.isnan(table)
    n = seen.sum(axis=0)
    d = np.where(seen, table - np.nanmean(table, axis=0), 0.0)
    shared = seen.T.astype(float) @ seen
    below = (shared - 1) + (1 - shared / n[:, None]) * (1 - shared / n)
    return np.where(shared > 0, d.T @ d / np.where(below > 0, below, 1.0), 0.0), shared / np.outer(n, n), below


def _batch_df(table: Any, found: SparseResult, patterns: Any, sizes: Any) -> float:
    cov, _, _ = _covariances(table)
    n = (~np.isnan(table)).sum(axis=0)
    parts = []
    for pattern, size in zip(patterns, sizes, strict=True):
        a = found.weights * pattern / n
        parts.append(size * float(a @ cov @ a))
    return sum(parts) ** 2 / sum(v**2 / (size - 1) for v, size in zip(parts, sizes, strict=True))


def _dense_df(table: Any, found: SparseResult) -> float:
    """(tr AΣ)²/tr(AΣAΣ) with matrices over all samples."""
    cov, factor, below = _covariances(table)
    who, when = np.nonzero(~np.isnan(table))
    n = (~np.isnan(table)).sum(axis=0)
    same_subject = who[:, None] == who
    same_time = when[:, None] == when
    project = np.eye(len(who)) - same_time / n[when]
    coefficient = np.outer(found.weights, found.weights) * factor / np.where(below > 0, below, 1.0)
    form = project.T @ np.where(same_subject, coefficient[np.ix_(when, when)], 0.0) @ project
    product = form @ np.where(same_subject, cov[np.ix_(when, when)], 0.0)
    y = table[who, when]
    assert float(y @ form @ y) == pytest.approx(found.se["auc_last"] ** 2, rel=1e-8)
    return float(np.trace(product) ** 2 / np.trace(product @ product))


@given(designs(), st.integers(0, 1000))
def test_order_of_rows_and_names_of_subjects_do_not_matter(long: Long, seed: int) -> None:
    rules = SparseRules(methods=("t", "z", "bootstrap-t"), replicates=20, tail=2)
    found = sparse(*long, dose=10.0, rules=rules)
    order = np.random.default_rng(seed).permutation(len(long[0]))
    names = [f"s{(7 * i) % 11}" for i in long[2]]
    other = sparse(
        [long[0][k] for k in order], [long[1][k] for k in order], [names[k] for k in order], dose=10.0, rules=rules
    )
    assert other.design == found.design
    for name in SPARSE_PARAMETERS:
        for a, b in (
            (found.estimate, other.estimate), (found.se, other.se), (found.df, other.df),
            *((found.interval[m], other.interval[m]) for m in rules.methods),
        ):  # fmt: skip
            np.testing.assert_array_equal(a[name], b[name])


@given(designs(), st.integers(-60, 60), st.integers(-60, 60))
def test_scales_of_value_and_time_come_out_as_powers(long: Long, value: int, clock: int) -> None:
    rules = SparseRules(methods=("t", "bootstrap-t"), replicates=20, tail=2)
    found = sparse(*long, dose=10.0, rules=rules)
    other = sparse(np.ldexp(long[0], clock), np.ldexp(long[1], value), long[2], dose=10.0, rules=rules)
    for name, row in SPARSE_PARAMETERS.items():
        power = row.powers[0] * clock + row.powers[1] * value
        for a, b in (
            (found.estimate[name], other.estimate[name]), (found.se[name], other.se[name]),
            (found.interval["bootstrap-t"][name], other.interval["bootstrap-t"][name]),
        ):  # fmt: skip
            np.testing.assert_allclose(b, np.ldexp(a, power), rtol=1e-9)
        assert other.df[name] == pytest.approx(found.df[name], rel=1e-9, nan_ok=True)


def test_a_complete_design_has_the_error_of_the_mean_of_individual_areas() -> None:
    rng = np.random.default_rng(4)
    clock, table = np.array([0.0, 1.0, 2.5, 7.0]), rng.lognormal(1, 0.4, (6, 4))
    found = sparse(*_long(table, clock))
    areas = np.trapezoid(table, clock, axis=1)
    assert found.design == "complete"
    assert found.estimate["auc_last"] == pytest.approx(areas.mean(), rel=1e-12)
    assert found.se["auc_last"] == pytest.approx(areas.std(ddof=1) / math.sqrt(6), rel=1e-12)
    assert found.df["auc_last"] == pytest.approx(5, rel=1e-9)
    moments = np.trapezoid(table * clock, clock, axis=1)
    assert found.se["aumc_last"] == pytest.approx(moments.std(ddof=1) / math.sqrt(6), rel=1e-12)


def test_a_serial_design_has_bailers_error_with_unequal_numbers() -> None:
    groups = {0.0: [1.0, 3.0], 1.0: [5.0, 6.0, 9.0], 4.0: [2.0, 2.5, 1.0, 4.0]}
    found = sparse([t for t, v in groups.items() for _ in v], [y for v in groups.values() for y in v])
    weights = {0.0: 0.5, 1.0: 2.0, 4.0: 1.5}
    parts = {t: weights[t] ** 2 * np.var(v, ddof=1) / len(v) for t, v in groups.items()}
    assert found.design == "serial"
    assert "every sample counts as a subject of its own" in found.notes[0]
    assert found.se["auc_last"] == pytest.approx(math.sqrt(sum(parts.values())), rel=1e-12)
    df = sum(parts.values()) ** 2 / sum(parts[t] ** 2 / (len(v) - 1) for t, v in groups.items())
    assert found.df["auc_last"] == pytest.approx(df, rel=1e-12)


@given(designs())
def test_areas_add_up_where_the_curve_is_split(long: Long) -> None:
    clock = sorted(set(long[0]))
    middle = clock[len(clock) // 2]
    rows = list(zip(*long, strict=True))
    halves = [[r for r in rows if r[0] <= middle], [r for r in rows if r[0] >= middle]]
    parts = [sparse(*map(list, zip(*half, strict=True))) for half in halves if len({r[0] for r in half}) > 1]
    whole = sparse(*long).estimate["auc_last"]
    assert sum(part.estimate["auc_last"] for part in parts) == pytest.approx(whole, rel=1e-12)


def test_terminal_parameters_have_the_derivatives_of_their_formulas() -> None:
    """Serial data: the variance by the delta method with derivatives taken numerically, one sample at a time."""
    rng = np.random.default_rng(8)
    clock = np.repeat([0.0, 1.0, 2.0, 4.0, 8.0], 3)
    values = 10 * np.exp(-0.3 * clock + rng.normal(0, 0.2, 15))
    rules = SparseRules(tail=3)
    found = sparse(clock, values, dose=Dose(0.0, 100.0, "infusion", 0.5), rules=rules)
    for name in ("lambda_z", "half_life", "auc_inf_obs", "mrt_inf_obs", "vss_obs", "vz_obs", "cl_obs"):
        # In a serial design s²(influence)/n summed over times is the same delta-method variance to first order.
        total = 0.0
        for t in np.unique(clock):
            slopes = []
            for k in np.flatnonzero(clock == t):
                step = 1e-5 * values[k]
                up, down = values.copy(), values.copy()
                up[k] += step
                down[k] -= step
                ends = [
                    sparse(clock, v, dose=Dose(0.0, 100.0, "infusion", 0.5), rules=rules).estimate[name]
                    for v in (up, down)
                ]
                slopes.append((ends[0] - ends[1]) / (2 * step))
            total += _serial_part(values[clock == t], np.array(slopes))
        assert found.se[name] == pytest.approx(math.sqrt(total), rel=1e-6), name


def _serial_part(y: Any, slope: Any) -> float:
    """Variance from one time: the slope by y_k is (g + h/y_k)/n, of which g and h follow from three samples."""
    n = len(y)
    (g, h), *_ = np.linalg.lstsq(np.column_stack([np.ones(n), 1 / y]) / n, slope, rcond=None)
    influence = g * y + h * np.log(y)
    return float(influence.var(ddof=1) / n)


def test_designs_are_recognised() -> None:
    def design(*seen: str) -> str:
        table = np.array(
            [[1.0 + i + j if c == "x" else np.nan for j, c in enumerate(row)] for i, row in enumerate(seen)]
        )
        return sparse(*_long(table, np.arange(table.shape[1], dtype=float))).design

    assert design("x..", "x..", ".x.", ".x.", "..x") == "serial"
    assert design("xxx", "xxx") == "complete"
    assert design("x.x", "x.x", ".x.", ".x.") == "batch"
    assert design("xxx", "xxx", ".xx", ".xx") == "batch"
    assert design("x.x", ".x.") == "batch"
    assert design("xxx", ".xx", "x.x") == "flexible"
    assert sparse([], []).design == "none"


def test_numbering_may_begin_again_in_every_batch() -> None:
    times, values = [0.0, 2.0, 0.0, 2.0, 1.0, 1.0], [1.0, 2.0, 3.0, 5.0, 4.0, 6.0]
    named = sparse(times, values, [1, 1, 2, 2, 3, 4])
    again = sparse(times, values, [*zip("aaaabb", [1, 1, 2, 2, 1, 2], strict=True)])
    np.testing.assert_array_equal(list(again.estimate.values()), list(named.estimate.values()))
    assert again.se["auc_last"] == named.se["auc_last"]
    assert again.design == named.design == "batch"


def test_a_result_survives_pickling() -> None:
    found = sparse([0, 0, 1, 1, 2, 2], [0, 0, 3, 4, 1, 2.0])
    pandas.testing.assert_frame_equal(pickle.loads(pickle.dumps(found)).table(), found.table())
