"""The terminal regression: every window that ends at the last sample, for all profiles at once (floor 3)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.nca import reasons
from pkpd.nca.prepare import Codes
from pkpd.nca.profiles import Bools, Floats, Ints


class Terminal(NamedTuple):
    """The chosen regressions, one per profile; NaN where `code` is not 0.

    `level` is the regression's ln concentration at the last sample, less that sample's own.
    """

    rate: Floats
    level: Floats
    points: Floats
    start: Floats
    r2: Floats
    r2_adjusted: Floats
    correlation: Floats
    code: Codes


def terminal(t: Floats, y: Floats, allowed: Bools, minimal: int, tolerance: float) -> Terminal:
    """Return the best regression of ln concentration on time over the last points of every profile.

    All windows that end at the last allowed sample are fitted by adding one sample after the other to running
    means and sums of squares (Welford's update, from the last sample backwards), so nothing cancels. Among
    windows with a negative slope the one with the largest adjusted R², ``1 − (1 − R²)(n − 1)/(n − 2)``, wins,
    or the one with the most points among those within `tolerance` of it.

    Parameters
    ----------
    t, y : (m, n)
        Times and ln concentrations, both relative to the last quantifiable sample; samples down.
    allowed : (m, n) of bool
        Samples that may take part.
    minimal : int
        Smallest number of points.
    tolerance : float
        How much adjusted R² may be given up for more points.

    References
    ----------
    Certara, Phoenix WinNonlin user's guide, "Lambda Z or slope estimation settings".
    """
    m, n = t.shape
    number, mean_t, mean_y, stt, sty, syy = (np.zeros((m + 1, n)) for _ in range(6))
    for i in range(m - 1, -1, -1):
        one = allowed[i].astype(np.float64)
        number[i] = number[i + 1] + one
        share = one / np.maximum(number[i], 1.0)
        dt, dy = t[i] - mean_t[i + 1], y[i] - mean_y[i + 1]
        mean_t[i] = mean_t[i + 1] + dt * share
        mean_y[i] = mean_y[i + 1] + dy * share
        weight = one * (1.0 - share)
        stt[i] = stt[i + 1] + weight * dt * dt
        sty[i] = sty[i + 1] + weight * dt * dy
        syy[i] = syy[i + 1] + weight * dy * dy
    number, stt, sty, syy = number[:m], stt[:m], sty[:m], syy[:m]
    valid = allowed & (number >= minimal) & (sty < 0) & (stt > 0) & (syy > 0)
    correlation = np.maximum(sty / (np.sqrt(stt) * np.sqrt(syy)), -1.0)
    r2 = correlation * correlation
    adjusted = np.where(valid, 1.0 - (1.0 - r2) * (number - 1.0) / np.maximum(number - 2.0, 1.0), -np.inf)
    enough = adjusted >= adjusted.max(axis=0) - tolerance
    # Windows with more points stand higher up: the first one that is good enough has the most.
    pick = np.argmax(valid & enough, axis=0)
    return _chosen(pick, valid, t, (number, mean_t, mean_y, stt, sty, r2, adjusted, correlation))


def _chosen(pick: Ints, valid: Bools, t: Floats, sums: tuple[Floats, ...]) -> Terminal:
    """Read the chosen window's numbers out of the tables of all windows."""
    column = np.arange(len(pick))
    found = valid[pick, column]
    points, mean_t, mean_y, stt, sty, r2, adjusted, correlation = (table[pick, column] for table in sums)
    rate = np.where(found, -sty / stt, np.nan)
    code = np.where(found, reasons.COMPUTED, reasons.SLOPE_NOT_NEGATIVE).astype(np.int8)
    return Terminal(rate, mean_y + rate * mean_t, points, t[pick, column], r2, adjusted, correlation, code)
