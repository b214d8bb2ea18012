"""Two groups side by side: what a comparison needs of each, and the intervals of two."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pkpd.arrays import Array
from pkpd.errors import InputError, unknown_names
from pkpd.files import Part
from pkpd.nca.sparse.intervals import bootstrap_t_interval
from pkpd.nca.sparse.result import SparseResult, check_parameter
from pkpd.nca.sparse.rules import level_problems

if TYPE_CHECKING:
    import pandas

Group = SparseResult | xr.Dataset
Statistic = Callable[[Array, Array, Array, Array], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class SparseComparison(Part):
    """Two groups compared.

    Attributes
    ----------
    kind : {"difference", "ratio"}
        First less second, or first by second.
    parameter : str
        What was compared.
    estimate, se, df : float
        NaN with a sentence in `reason`. The standard error of a ratio is that of the delta method, its degrees of
        freedom belong to the Fieller interval.
    level : float
        Level of the intervals.
    interval : mapping of str to (float, float)
        (lower, upper) by method; NaN with a sentence in `reasons`.
    reason : str
        Why there is no estimate or standard error.
    reasons : mapping of str to str
        Why there is no interval, by method.
    """

    kind: str
    parameter: str
    estimate: float
    se: float
    df: float
    level: float
    interval: Mapping[str, tuple[float, float]]
    reason: str
    reasons: Mapping[str, str]

    def table(self) -> pandas.DataFrame:
        """Return one row per method: ``parameter, kind, estimate, se, df, method, lower, upper, level, reason``."""
        import pandas

        rows = [
            {"parameter": self.parameter, "kind": self.kind, "estimate": self.estimate, "se": self.se, "df": self.df,
             "method": method, "lower": low, "upper": high, "level": self.level,
             "reason": self.reason or self.reasons[method]}
            for method, (low, high) in self.interval.items()
        ]  # fmt: skip
        return pandas.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class Side:
    """One group's estimate of the parameter, and its replicates if there are any."""

    estimate: float
    se: float
    df: float
    reason: str
    drawn: tuple[Array, Array] | None


def checked_level(
    first: Group, second: Group, parameter: str, level: float | None, methods: Sequence[str], known: Sequence[str]
) -> float:
    """The level, if everything that was asked for exists."""
    check_parameter(parameter)
    problems = [
        f"the {which} group is a {type(group).__name__}; expected a SparseResult or one group of nca_sparse's result"
        for which, group in (("first", first), ("second", second))
        if not isinstance(group, SparseResult) and not (isinstance(group, xr.Dataset) and "group" not in group.sizes)
    ]
    problems += unknown_names(methods, known, "method")
    if level is None and not problems:
        level = first.rules.level if isinstance(first, SparseResult) else float(first.attrs["level"])
    problems += level_problems(0.95 if level is None else level)
    if problems:
        raise InputError(problems, "comparison")
    assert level is not None
    return level


def side(group: Group, parameter: str) -> Side:
    """Return what a comparison needs of one group."""
    if isinstance(group, SparseResult):
        reason = group.reason[parameter] or ("" if np.isfinite(group.se[parameter]) else group.reason_se[parameter])
        drawn = group.replicates.get(parameter)
        return Side(group.estimate[parameter], group.se[parameter], group.df[parameter], reason, drawn)
    row = group.sel(parameter=parameter)
    se, df = float(row["se"]), float(row["df"])
    reason = str(row["reason"].item()) or ("" if np.isfinite(se) else str(row["reason_se"].item()))
    return Side(float(group[parameter]), se, df, reason, None)


def satterthwaite(a: Side, b: Side, theta: float) -> float:
    """Degrees of freedom of ``se₁² + θ²se₂²``."""
    one, two = a.se**2, (theta * b.se) ** 2
    if not one + two > 0:
        return math.nan
    share = one / (one + two)
    # A group without variance takes no part, and needs no degrees of freedom.
    below = (share**2 / a.df if one > 0 else 0.0) + ((1 - share) ** 2 / b.df if two > 0 else 0.0)
    return 1.0 / below if below > 0 else math.nan


def fieller(a: Side, b: Side, t: float) -> tuple[float, float]:
    """Roots of ``(x₂² − t²v₂)θ² − 2x₁x₂θ + (x₁² − t²v₁) = 0``; none unless x₂ differs from zero."""
    x, y = a.estimate, b.estimate
    g = (t * b.se / y) ** 2 if y else math.inf
    if not g < 1:
        return math.nan, math.nan
    theta = x / y
    half = t / abs(y) * math.sqrt((1 - g) * a.se**2 + (theta * b.se) ** 2)
    return (theta - half) / (1 - g), (theta + half) / (1 - g)


def paired_bootstrap(a: Side, b: Side, level: float, statistic: Statistic) -> tuple[float, float]:
    """Return the bootstrap-t interval of a statistic of two groups; NaN without replicates of both."""
    if a.drawn is None or b.drawn is None:
        return math.nan, math.nan
    count = min(len(a.drawn[0]), len(b.drawn[0]))
    # Both groups may have been drawn from the same seed: replicate i is paired with replicate i + 1.
    x, u = (column[:count, None] for column in a.drawn)
    y, v = (np.roll(column[:count, None], 1, axis=0) for column in b.drawn)
    here = [np.array([number]) for number in (a.estimate, a.se**2, b.estimate, b.se**2)]
    with np.errstate(all="ignore"):
        values, variances = statistic(x, u, y, v)
        estimate, variance = statistic(*here)
        low, high = bootstrap_t_interval(estimate, np.sqrt(variance), values, variances, level)
    return float(low[0]), float(high[0])


def comparison(
    kind: str, parameter: str, numbers: tuple[float, float, float, float],
    interval: Mapping[str, tuple[float, float]], a: Side, b: Side,
) -> SparseComparison:  # fmt: skip
    """Return the comparison with a reason for everything that is missing."""
    estimate, se, df, level = numbers
    reason = "; ".join(f"{which} group: {side.reason}" for which, side in (("first", a), ("second", b)) if side.reason)
    if not reason and not math.isfinite(estimate):
        reason = "the second group's estimate is zero"
    sentences = {
        method: "" if math.isfinite(low) and math.isfinite(high) else reason or _why_no_interval(method, df, a, b)
        for method, (low, high) in interval.items()
    }
    return SparseComparison(
        kind, parameter, estimate, se, df, level, MappingProxyType(dict(interval)), reason, MappingProxyType(sentences)
    )


def _why_no_interval(method: str, df: float, a: Side, b: Side) -> str:
    if method == "bootstrap-t":
        if a.drawn is None or b.drawn is None:
            return "no bootstrap replicates: compute both groups with sparse(..., methods=('bootstrap-t', ...))"
        return "fewer than half of the bootstrap replicates have a standard error"
    if method == "log z":
        return "the ratio is not positive, so it has no logarithm"
    if math.isnan(df):
        return "there are no degrees of freedom"
    return "the second group's estimate does not differ from zero at this level, so the interval is unbounded"
