"""The analysis of variance of a 2×2 crossover: treatment, period and sequence from sums and differences of subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import fdtrc

from pkpd.arrays import Array, Flags

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Crossover:
    """What subjects with both periods say.

    Attributes
    ----------
    effect, se : float
        Test − reference, on the scale of the model.
    reference_mean : float
        Least-squares mean of the reference.
    freedom : int
        n − 2.
    within : float
        Mean square within subjects.
    anova : DataFrame
        ``source, ss, df, ms, f, p``: sequence is tested against subjects, the rest within them.
    """

    effect: float
    se: float
    reference_mean: float
    freedom: int
    within: float
    anova: pandas.DataFrame


def crossover(first: Array, second: Array, test_first: Flags) -> Crossover:
    r"""Return the analysis of a 2×2 crossover; sums of squares are adjusted for the other effects.

    With half differences :math:`d = (y_1 - y_2)/2` of subjects the effect is :math:`\bar d_{TR} - \bar d_{RT}`, that of
    the period :math:`\bar d_{TR} + \bar d_{RT}`; sums :math:`y_1 + y_2` compare the sequences (unequal carry-over).

    Parameters
    ----------
    first, second : array, shape (subjects,)
        Values of the two periods.
    test_first : array of bool
        Who had the test in the first; at least one subject of either kind, three in all.

    References
    ----------
    Chow S-C, Liu J-P. Design and Analysis of Bioavailability and Bioequivalence Studies, 3rd ed. (2009), chapter 3.
    """
    import pandas

    groups = [test_first, ~test_first]
    n = [int(group.sum()) for group in groups]
    spread = 1.0 / n[0] + 1.0 / n[1]
    half, total = (first - second) / 2.0, first + second
    means = [float(half[group].mean()) for group in groups]
    sums = [float(total[group].mean()) for group in groups]
    freedom = n[0] + n[1] - 2
    inner = 2.0 * sum(float(((half[g] - m) ** 2).sum()) for g, m in zip(groups, means, strict=True))
    outer = sum(float(((total[g] - m) ** 2).sum()) for g, m in zip(groups, sums, strict=True)) / 2.0
    rows = [
        ("sequence (carry-over)", (sums[0] - sums[1]) ** 2 / (2.0 * spread), 1, outer),
        ("subject (sequence)", outer, freedom, inner),
        ("treatment", 2.0 * (means[0] - means[1]) ** 2 / spread, 1, inner),
        ("period", 2.0 * (means[0] + means[1]) ** 2 / spread, 1, inner),
    ]
    table = []
    for source, ss, df, against in rows:
        ms, error = ss / df, against / freedom
        f = ms / error if error > 0 else np.nan
        table.append((source, ss, df, ms, f, float(fdtrc(df, freedom, f)) if np.isfinite(f) else np.nan))
    table.append(("residual", inner, freedom, inner / freedom, np.nan, np.nan))
    anova = pandas.DataFrame(table, columns=["source", "ss", "df", "ms", "f", "p"])
    reference = (float(second[groups[0]].mean()) + float(first[groups[1]].mean())) / 2.0
    within = inner / freedom
    return Crossover(means[0] - means[1], float(np.sqrt(within * spread / 2.0)), reference, freedom, within, anova)
