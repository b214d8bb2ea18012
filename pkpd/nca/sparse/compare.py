"""Difference and ratio of a parameter between two independent groups."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from pkpd.arguments import checked
from pkpd.nca.sparse.intervals import normal_interval, t_interval
from pkpd.nca.sparse.sides import (
    Group,
    SparseComparison,
    checked_level,
    comparison,
    fieller,
    paired_bootstrap,
    satterthwaite,
    side,
)


@checked
def sparse_difference(
    first: Group,
    second: Group,
    *,
    parameter: str = "auc_last",
    level: float | None = None,
    methods: Sequence[str] = ("t", "z"),
) -> SparseComparison:
    """Return the difference of a parameter between two independent groups, first less second.

    ``se² = se₁² + se₂²``; Satterthwaite's ``df = se⁴/(se₁⁴/df₁ + se₂⁴/df₂)``. The groups may differ in design. For
    a difference of dose-normalised areas compare ``"auc_last_dose"``. Differences within subjects are no matter of
    two groups: give `sparse` the differences as values.

    Parameters
    ----------
    first, second : SparseResult or Dataset
        What `sparse` returned, or one group of what `nca_sparse` returned (``result.sel(group=...)``).
    parameter : str
        Name of the parameter.
    level : float, optional
        Level of the intervals; by default that of the first group's rules.
    methods : sequence of {"t", "z", "bootstrap-t"}
        The intervals; ``"bootstrap-t"`` needs two `SparseResult` that were computed with it.

    Raises
    ------
    InputError
        If the parameter or a method does not exist.

    References
    ----------
    Bailer, J Pharmacokinet Biopharm 16:303-309 (1988); Satterthwaite, Biometrics Bull 2:110-114 (1946).
    """
    level = checked_level(first, second, parameter, level, methods, ("t", "z", "bootstrap-t"))
    a, b = side(first, parameter), side(second, parameter)
    estimate, se = a.estimate - b.estimate, math.hypot(a.se, b.se)
    df = satterthwaite(a, b, 1.0)
    interval: dict[str, tuple[float, float]] = {}
    for method in methods:
        if method == "bootstrap-t":
            interval[method] = paired_bootstrap(a, b, level, lambda x, u, y, v: (x - y, u + v))
        else:
            ends = t_interval(estimate, se, df, level) if method == "t" else normal_interval(estimate, se, level)
            interval[method] = (float(ends[0]), float(ends[1]))
    return comparison("difference", parameter, (estimate, se, df, level), interval, a, b)


@checked
def sparse_ratio(
    first: Group,
    second: Group,
    *,
    parameter: str = "auc_last",
    level: float | None = None,
    methods: Sequence[str] = ("fieller", "z", "log z"),
) -> SparseComparison:
    """Return the ratio of a parameter between two independent groups, first by second.

    ``"fieller"``: all ratios θ with ``(x₁ − θx₂)² ≤ t²(se₁² + θ²se₂²)``, t with Satterthwaite's degrees of freedom of
    ``x₁ − θx₂`` at the estimated θ; there is none where the second area does not differ from zero. ``"z"``: delta
    method, ``var = se₁²/x₂² + x₁²se₂²/x₂⁴``. ``"log z"``: the same for the logarithm,
    ``θ·exp(±z·√(se₁²/x₁² + se₂²/x₂²))``. ``"bootstrap-t"`` studentises by the delta method.

    Parameters
    ----------
    first, second, parameter, level
        As in `sparse_difference`.
    methods : sequence of {"fieller", "z", "log z", "bootstrap-t"}
        The intervals.

    Raises
    ------
    InputError
        If the parameter or a method does not exist.

    References
    ----------
    Fieller, J R Stat Soc B 16:175-185 (1954); Jaki, Wolfsegger & Lawo, J Biopharm Stat 20:803-820 (2010).
    """
    level = checked_level(first, second, parameter, level, methods, ("fieller", "z", "log z", "bootstrap-t"))
    a, b = side(first, parameter), side(second, parameter)
    estimate = a.estimate / b.estimate if b.estimate else math.nan
    se = math.hypot(a.se, estimate * b.se) / abs(b.estimate) if b.estimate else math.nan
    df = satterthwaite(a, b, estimate)
    interval: dict[str, tuple[float, float]] = {}
    for method in methods:
        if method == "fieller":
            interval[method] = fieller(a, b, float(special.stdtrit(df, 0.5 + 0.5 * level)))
        elif method == "bootstrap-t":
            interval[method] = paired_bootstrap(a, b, level, lambda x, u, y, v: (x / y, (u + (x / y) ** 2 * v) / y**2))
        elif method == "z":
            low, high = normal_interval(estimate, se, level)
            interval[method] = (float(low), float(high))
        else:
            low, high = normal_interval(
                math.log(estimate) if estimate > 0 else math.nan, se / abs(estimate or 1), level
            )
            interval[method] = (float(np.exp(low)), float(np.exp(high)))
    return comparison("ratio", parameter, (estimate, se, df, level), interval, a, b)
