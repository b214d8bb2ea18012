"""Rules for BLQ samples and the ends of the curve, reasons for what is missing, intervals that cover."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing import Dose
from pkpd.errors import DataWarning, InputError
from pkpd.nca.sparse import SPARSE_PARAMETERS, SPARSE_PRESETS, SparseResult, SparseRules, sparse

TIMES = [0.0] * 3 + [1.0] * 3 + [2.0] * 3 + [4.0] * 3
VALUES = [0.0, 0.0, 0.0, 4.0, 5.0, 6.0, 0.5, 2.0, 3.0, 0.4, 0.3, 1.2]
QUIET = pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")


def _auc(means: list[float], clock: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0)) -> float:
    return float(np.trapezoid(means, clock[: len(means)]))


def test_blq_samples_count_as_the_rule_says() -> None:
    expected = {"zero": [0, 5, 5 / 3, 0.4], "lloq/2": [0.5, 5, 5.5 / 3, 2.2 / 3], "drop": [None, 5, 2.5, 1.2]}
    for rule, means in expected.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            found = sparse(TIMES, VALUES, lloq=1.0, rules=SparseRules(blq=rule))
        np.testing.assert_allclose(found.mean, [np.nan if m is None else m for m in means], rtol=1e-12)
        np.testing.assert_array_equal(found.n_blq, [3, 0, 1, 2])
        np.testing.assert_array_equal(found.n_samples, [3, 3, 3, 3])
    # With everything at time 0 dropped the curve begins at 1; the last time has one value left, and no variance.
    assert found.estimate["auc_last"] == pytest.approx((5 + 2.5) / 2 + 2.5 + 1.2)
    assert math.isnan(found.se["auc_last"])
    assert "single value" in found.reason_se["auc_last"]


def test_a_mean_is_zero_where_most_samples_are_blq_and_then_has_no_variance() -> None:
    rules = SPARSE_PRESETS["pknca"]
    found = sparse(TIMES, VALUES, lloq=1.0, rules=rules)
    np.testing.assert_allclose(found.mean, [0, 5, 5 / 3, 0])
    assert found.estimate["tlast"] == 2.0
    assert found.estimate["auc_last"] == pytest.approx(_auc([0, 5, 5 / 3]))
    parts = [1.0 * np.var([4, 5, 6], ddof=1) / 3, 0.25 * np.var([0, 2, 3], ddof=1) / 3]
    assert found.se["auc_last"] == pytest.approx(math.sqrt(sum(parts)), rel=1e-12)
    # The same end, but the zero counted: the standard error follows the estimate.
    longer = sparse(TIMES, VALUES, lloq=1.0, rules=rules.changed(last="last time"))
    assert longer.estimate["auc_last"] == pytest.approx(_auc([0, 5, 5 / 3, 0]))
    parts[1] *= (1.5 / 0.5) ** 2
    assert longer.se["auc_last"] == pytest.approx(math.sqrt(sum(parts)), rel=1e-12)
    # Exactly half is not more than half.
    half = sparse([0, 0, 1, 1, 2, 2], [0, 0, 3, 4, 0, 2], rules=rules)
    np.testing.assert_allclose(half.mean, [0, 3.5, 1])


def test_a_zero_between_positive_means_is_kept_or_left_out() -> None:
    times, values = np.repeat([0.0, 1.0, 2.0, 3.0], 3), [0, 0, 0, 2, 3, 4, 0, 0, 1.5, 1, 2, 3]
    rules = SPARSE_PRESETS["pknca"]
    assert sparse(times, values, rules=rules.changed(zero_between="keep")).estimate["auc_last"] == pytest.approx(4)
    dropped = sparse(times, values, rules=rules)
    assert dropped.estimate["auc_last"] == pytest.approx(1.5 + 2 * 2.5)
    np.testing.assert_allclose(dropped.weights, [0.5, 1.5, 0.0, 1.0])


def test_the_terminal_line_runs_through_means_of_logarithms_or_logarithms_of_means() -> None:
    clock = np.repeat([1.0, 2.0, 4.0], 2)
    values = np.array([8.0, 18.0, 4.0, 9.0, 1.0, 4.0])
    for rule, levels in (("geometric", [12.0, 6.0, 2.0]), ("arithmetic", [13.0, 6.5, 2.5])):
        found = sparse(clock, values, rules=SparseRules(tail_mean=rule))
        slope = np.polyfit([1, 2, 4], np.log(levels), 1)[0]
        assert found.estimate["lambda_z"] == pytest.approx(-slope, rel=1e-12)
        assert found.estimate["half_life"] == pytest.approx(math.log(2) / -slope, rel=1e-12)
        assert found.estimate["mrt_half_life"] == pytest.approx(math.log(2) * found.estimate["mrt_inf_obs"], rel=1e-12)


def test_a_covariance_beyond_a_correlation_of_one_is_brought_back() -> None:
    """Variances 50 (n = 2) and 50/3 (n = 4), covariance 50 from the two that are seen at both times."""
    times, values, subjects = [0, 0, 1, 1, 1, 1], [0, 10, 0, 10, 5, 5], [1, 2, 1, 2, 3, 4]
    own = 0.25 * (50 / 2 + 50 / 3 / 4)
    for rule, covariance in (("unbiased", 50.0), ("bounded", math.sqrt(50 * 50 / 3))):
        found = sparse(times, values, subjects, rules=SparseRules(covariance=rule))
        assert found.se["auc_last"] ** 2 == pytest.approx(own + 0.25 * 2 * covariance * 2 / (2 * 4), rel=1e-12)


def test_times_without_weight_do_not_part_a_batch() -> None:
    """Four subjects at all times that carry weight; two of them were also seen at a time after the end."""
    table = [[3.0, 6.0, 2.0], [4.0, 5.0, 3.0], [2.0, 7.0, 1.0], [3.5, 5.0, 2.5]]
    rows = [(float(t), y, i) for i, values in enumerate(table) for t, y in enumerate(values)]
    rows += [(3.0, 0.0, 0), (3.0, 0.0, 1)]
    times, values, subjects = (list(column) for column in zip(*rows, strict=True))
    found = sparse(times, values, subjects, rules=SPARSE_PRESETS["pknca"])
    assert found.estimate["tlast"] == 2.0
    assert found.df["auc_last"] == pytest.approx(3, rel=1e-9)


def test_an_infusion_shortens_the_residence_by_half_its_length() -> None:
    clock = np.repeat([1.0, 2.0, 4.0], 2)
    values = [8.0, 18.0, 4.0, 9.0, 1.0, 4.0]
    rules = SparseRules(start="first time")  # an infusion begins at zero otherwise, an amount without a route does not
    doses = (10.0, Dose(0.0, 10.0, "infusion", 1.0))
    bolus, infusion = (sparse(clock, values, dose=dose, rules=rules).estimate for dose in doses)
    assert infusion["mrt_inf_obs"] == pytest.approx(bolus["mrt_inf_obs"] - 0.5, rel=1e-12)
    assert infusion["vss_obs"] == pytest.approx(infusion["cl_obs"] * infusion["mrt_inf_obs"], rel=1e-12)


@pytest.mark.parametrize(
    ("times", "values", "name", "sentence"),
    [
        ([], [], "auc_last", "no sample"),
        ([1.0, 1.0], [2.0, 3.0], "auc_last", "fewer than two times"),
        ([0.0, 1.0, 2.0], [1.0, 2.0, math.nan], "cl_obs", "fewer times"),
        (TIMES, [5.0 - v for v in VALUES], "lambda_z", "zero or below"),
        ([0, 0, 1, 1, 2, 2], [4, 5, 2, 0, 1, 1.5], "lambda_z", "zero or below"),
        ([1, 1, 2, 2, 3, 3], [1, 2, 3, 4, 5, 6], "half_life", "slope is not negative"),
        ([0, 0, 1, 1, 2, 2], [4, 5, 2, 3, 1, 1.5], "cl_obs", "no dose"),
        ([0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 0, 0], "auc_inf_obs", "zero or below"),
    ],
)
@QUIET
def test_what_is_missing_has_a_reason(times: Any, values: Any, name: str, sentence: str) -> None:
    found = sparse(times, values)
    assert math.isnan(found.estimate[name])
    assert sentence in found.reason[name]
    _consistent(found)


def test_one_sample_per_time_has_an_area_but_no_error() -> None:
    found = sparse([0.0, 1.0, 2.0], [4.0, 2.0, 1.0], dose=1.0)
    assert found.estimate["auc_last"] == pytest.approx(4.5)
    assert math.isnan(found.se["auc_last"])
    assert "single value" in found.reason_se["auc_last"]
    _consistent(found)


def _consistent(found: SparseResult) -> None:
    """Every missing number has a sentence, every number none."""
    for name in SPARSE_PARAMETERS:
        assert math.isnan(found.estimate[name]) == bool(found.reason[name]), name
        assert not math.isinf(found.estimate[name])
        missing = [found.se[name], found.df[name], *(x for ends in found.interval.values() for x in ends[name])]
        assert any(map(math.isnan, missing)) == bool(found.reason_se[name]), (name, found.reason_se[name])


odd = st.sampled_from([0.0, -0.0, 1.0, 2.0, 0.1, -3.0, math.nan, math.inf, -math.inf, 1e308, 5e-324, 1e-200])


@given(
    st.lists(st.tuples(odd, odd, st.integers(0, 4), st.booleans()), max_size=10, unique_by=lambda r: (r[0], r[2])),
    st.sampled_from(sorted(SPARSE_PRESETS)), st.sampled_from(["zero", "lloq/2", "drop"]), st.booleans(),
)  # fmt: skip
@QUIET
def test_any_input_gives_numbers_or_reasons(rows: list[Any], name: str, blq: str, serial: bool) -> None:
    rules = SPARSE_PRESETS[name].changed(blq=blq, methods=("t", "z", "bootstrap-t"), replicates=5, tail=2)
    times, values, subjects, below = (list(c) for c in zip(*rows, strict=True)) if rows else ([], [], [], [])
    found = sparse(times, values, None if serial else subjects, blq=below, lloq=0.5, dose=2.0, rules=rules)
    _consistent(found)


def test_samples_left_out_are_counted() -> None:
    with pytest.warns(DataWarning, match="2 samples without a finite time"):
        found = sparse([0, 0, 1, 1, math.nan, 1], [1, 2, 3, 4, 5, math.inf], [1, 2, 1, 2, 3, 4])
    assert found.n_subjects == 2
    with pytest.warns(DataWarning, match="1 samples before time zero"):
        sparse([-1, 0, 0, 1, 1], [1, 2, 3, 4, 5], rules=SPARSE_PRESETS["pknca"])


def test_wrong_input_is_told_all_at_once() -> None:
    with pytest.raises(InputError, match="2 samples at time 1"):
        sparse([1.0, 1.0], [2.0, 3.0], ["a", "a"])
    with pytest.raises(InputError, match="one flat length"):
        sparse([1.0, 2.0], [2.0])
    with pytest.raises(InputError, match="3 entries for 2 samples"):
        sparse([1.0, 2.0], [2.0, 3.0], [1, 2, 3])
    with pytest.raises(InputError) as caught:
        SparseRules(blq="zeros", tail=1, level=2.0, methods=("tt",))
    assert len(caught.value.problems) == 4
    with pytest.raises(InputError, match="did you mean 'tail'"):
        SparseRules().changed(tial=3)
    with pytest.raises(InputError, match="dose is -1"):
        sparse([1.0], [2.0], dose=-1)


def test_rules_survive_json() -> None:
    rules = SPARSE_PRESETS["pknca"].changed(tail=4, methods=("z", "bootstrap-t"))
    assert SparseRules.from_json(rules.to_json()) == rules
    assert rules.name == "pknca, changed"


def test_the_bootstrap_is_reproducible_and_near_t() -> None:
    rng = np.random.default_rng(11)
    table = rng.lognormal(1.0, 0.3, (24, 5)) * np.exp(-0.2 * np.arange(5))
    times, subjects = np.tile(np.arange(5.0), 24), np.repeat(np.arange(24), 5)
    rules = SparseRules(methods=("t", "bootstrap-t"), replicates=2000, seed=3)
    first = sparse(times, table.ravel(), subjects, rules=rules)
    again = sparse(times, table.ravel(), subjects, rules=rules)
    other = sparse(times, table.ravel(), subjects, rules=rules.changed(seed=4))
    assert first.interval == again.interval or first.table().equals(again.table())
    assert first.interval["bootstrap-t"]["auc_last"] != other.interval["bootstrap-t"]["auc_last"]
    (a, b), (c, d) = first.interval["t"]["auc_last"], first.interval["bootstrap-t"]["auc_last"]
    assert abs(c - a) < 0.25 * (b - a)
    assert abs(d - b) < 0.25 * (b - a)


def check_coverage(batches: int, runs: int) -> None:
    """10 subjects of 10 times: complete, two overlapping batches, serial; true area known."""
    rng = np.random.default_rng(5 + batches)
    clock = np.arange(5.0)
    mean = 10 * np.exp(-0.3 * clock)
    truth = float(np.trapezoid(mean, clock))
    seen = {1: [range(5)], 2: [[0, 1, 2], [1, 3, 4]], 5: [[j] for j in range(5)]}[batches]
    rows = [(i, j) for i in range(10) for j in seen[i % batches]]
    hits = 0
    for _ in range(runs):
        person = rng.normal(0, 1.0, 10)
        values = [mean[j] + person[i] + rng.normal(0, 1.0) for i, j in rows]
        low, high = sparse([clock[j] for _, j in rows], values, [i for i, _ in rows]).interval["t"]["auc_last"]
        hits += low <= truth <= high
    # Satterthwaite's approximation is exact for one batch and a little wide for few subjects per time.
    assert 0.92 <= hits / runs <= 0.995


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_t_intervals_cover(batches: int) -> None:
    check_coverage(batches, 150)
