"""From pooled samples to every estimate, standard error, degree of freedom and interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca.sparse import reasons
from pkpd.nca.sparse.beginning import beginning
from pkpd.nca.sparse.bootstrap import Evaluated, replicates
from pkpd.nca.sparse.covariance import MeanCovariance, covariance_of_means, variance
from pkpd.nca.sparse.curve import MeanCurve, curve_of_means
from pkpd.nca.sparse.estimates import estimates
from pkpd.nca.sparse.freedom import freedom
from pkpd.nca.sparse.intervals import Interval, bootstrap_t_interval, normal_interval, t_interval
from pkpd.nca.sparse.parameters import NAMES, SAMPLING_TIMES, SPARSE_PARAMETERS
from pkpd.nca.sparse.result import SparseResult
from pkpd.nca.sparse.rules import SparseRules
from pkpd.nca.sparse.samples import Pooled


@dataclass(frozen=True, eq=False)
class _Found:
    """One group, scaled: values and times are multiples of powers of two."""

    pooled: Pooled
    curve: MeanCurve
    spread: MeanCovariance
    value: Array
    variance: Array
    df: Array
    single: Flags
    drawn: Evaluated | None


def analyse_pooled(pooled: Pooled, rules: SparseRules, dose: float, duration: float) -> SparseResult:
    """Return the analysis of samples that are already pooled; see `sparse`."""
    scaled, clock, size = _scaled(pooled)
    with np.errstate(all="ignore"):
        length = float(np.ldexp(duration, -clock))
        found = _evaluate(scaled, rules, dose, length)
        powers = np.array([(row.powers[0] * clock + row.powers[1] * size) for row in SPARSE_PARAMETERS.values()])
        sentences = reasons.missing(found.curve, found.value, found.spread.log_mean, rules, dose)
        value = np.ldexp(found.value[0], powers)
        for p, name in enumerate(NAMES):
            if not sentences[name] and not np.isfinite(value[p]):
                sentences[name] = reasons.OUT_OF_RANGE
            value[p] = value[p] if not sentences[name] else np.nan
        se = np.where(np.isnan(value), np.nan, np.ldexp(np.sqrt(np.maximum(found.variance[0], 0.0)), powers))
        se_reason = {
            name: reasons.NO_ESTIMATE if sentences[name] else
            reasons.missing_error(name, found.variance[0, p], bool(found.single[p]))
            for p, name in enumerate(NAMES)
        }  # fmt: skip
        se = np.where([bool(se_reason[name]) for name in NAMES], np.nan, se)
        return _result(found, rules, value, se, sentences, se_reason, (clock, size, powers))


def _scaled(pooled: Pooled) -> tuple[Pooled, int, int]:
    """The samples with times and values divided by powers of two, so that products stay in range."""
    top = float(np.nanmax(np.abs(pooled.values))) if pooled.present.any() else 0.0
    clock = int(np.frexp(np.abs(pooled.times).max())[1]) if len(pooled.times) else 0
    size = int(np.frexp(top)[1])
    values, times = np.ldexp(pooled.values, -size), np.ldexp(pooled.times, -clock)
    return Pooled(times, values, pooled.seen, pooled.empty, pooled.blq, pooled.notes), clock, size


def _evaluate(pooled: Pooled, rules: SparseRules, dose: float, duration: float) -> _Found:
    width = len(pooled.times)
    if width == 0:
        none = np.zeros((1, 1), dtype=bool)
        blank = Pooled(np.zeros(1), np.full((1, 1), np.nan), none, none, none)
        return _evaluate(blank, rules, dose, duration)
    mean_curve = curve_of_means(pooled.times, pooled.values[None], pooled.seen[None], pooled.empty[None], rules)
    found = covariance_of_means(pooled.values[None], mean_curve, rules.covariance == "bounded")
    value, gradient = estimates(mean_curve, found.log_mean, rules, dose, duration)
    total = variance(gradient, found)
    df = freedom(gradient[0], total[0], pooled.present, found)
    single = ((gradient[0] != 0) & ~found.known[0]).any(axis=1)
    asked = "bootstrap-t" in rules.methods and pooled.present.any()
    drawn = replicates(pooled, rules, dose, duration) if asked else None
    return _Found(pooled, mean_curve, found, value, total, df, single, drawn)


def _intervals(found: _Found, rules: SparseRules, value: Array, se: Array, df: Array, powers: Any) -> dict[str, Any]:
    """Ends by method, on the scale of the samples."""
    ends: dict[str, Interval] = {}
    for method in rules.methods:
        if method == "t":
            ends[method] = t_interval(value, se, df, rules.level)
        elif method == "z":
            ends[method] = normal_interval(value, se, rules.level)
        elif found.drawn is None:
            ends[method] = (np.full(len(value), np.nan), np.full(len(value), np.nan))
        else:
            values, variances = np.ldexp(found.drawn.value, powers), np.ldexp(found.drawn.variance, 2 * powers)
            ends[method] = bootstrap_t_interval(value, se, values, variances, rules.level)
    return ends


def _result(
    found: _Found, rules: SparseRules, value: Array, se: Array, sentences: dict[str, str], se_reason: dict[str, str],
    scale: tuple[int, int, Integers],
) -> SparseResult:  # fmt: skip
    pooled, mean_curve, width = found.pooled, found.curve, len(found.pooled.times)
    clock, size, powers = scale
    df = np.where(np.isnan(se), np.nan, found.df)
    ends = _intervals(found, rules, value, se, df, powers)
    for p, name in enumerate(NAMES):
        if not se_reason[name] and np.isnan(df[p]):
            se_reason[name] = reasons.NO_DF
        elif not se_reason[name] and any(np.isnan(low[p]) for low, _ in ends.values()):
            se_reason[name] = reasons.FEW_REPLICATES
    sd = np.sqrt(np.diagonal(found.spread.covariance[0])[:width])
    sd = np.ldexp(np.where(mean_curve.n[0] >= 2, sd, np.nan), size)
    se_mean = np.where(mean_curve.by_rule[0], 0.0, sd / np.sqrt(np.maximum(mean_curve.n[0], 1.0)))
    drawn = found.drawn
    boot = {} if drawn is None else {
        name: (np.ldexp(drawn.value[:, p], powers[p]), np.ldexp(drawn.variance[:, p], 2 * powers[p]))
        for p, name in enumerate(NAMES) if name not in SAMPLING_TIMES
    }  # fmt: skip
    start, flags = beginning(mean_curve, rules, clock, size, _back(found))
    return SparseResult(
        design=pooled.design, times=np.ldexp(pooled.times, clock), mean=np.ldexp(mean_curve.mean[0], size), sd=sd,
        se_mean=se_mean, n=mean_curve.n[0].astype(np.int64), n_samples=pooled.seen.sum(axis=0).astype(np.int64),
        n_blq=pooled.blq.sum(axis=0).astype(np.int64), weights=np.ldexp(mean_curve.weights[0], clock),
        n_subjects=int(pooled.seen.any(axis=1).sum()), estimate=_by_name(value), se=_by_name(se), df=_by_name(df),
        interval=MappingProxyType({m: _pairs(*both) for m, both in ends.items()}),
        reason=MappingProxyType(sentences), reason_se=MappingProxyType(se_reason), rules=rules,
        notes=pooled.notes, replicates=MappingProxyType(boot),
        start=start, flags=flags,
    )  # fmt: skip


def _back(found: _Found) -> float:
    """Part (%) of AUC, to infinity if there is one, that lies before the first mean of the curve."""
    curve, of = found.curve, dict(zip(NAMES, found.value[0].tolist(), strict=True))
    first = curve.mean[0, np.argmax(curve.kept[0])]
    whole = of["auc_inf_obs"] if np.isfinite(of["auc_inf_obs"]) else of["auc_last"]
    return float(100.0 * 0.5 * curve.start.length[0] * (curve.start.value[0] + first) / whole)


def _by_name(column: Array) -> Mapping[str, float]:
    return MappingProxyType({name: float(column[p]) for p, name in enumerate(NAMES)})


def _pairs(low: Array, high: Array) -> Mapping[str, tuple[float, float]]:
    return MappingProxyType({name: (float(low[p]), float(high[p])) for p, name in enumerate(NAMES)})
