"""The terminal regression: every window that ends at the last point, for all profiles at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca import reasons
from pkpd.nca.kernel.prepare import Codes


class Terminal(NamedTuple):
    """The chosen regressions, one per profile; NaN where `code` is not 0.

    `level` is the regression's ln concentration at the last quantifiable sample, less that sample's own. `sd` and
    `below` (residual SD, BLQ samples used) belong to the Tobit regression.
    """

    rate: Array
    level: Array
    points: Array
    start: Array
    end: Array
    r2: Array
    r2_adjusted: Array
    correlation: Array
    sd: Array
    below: Array
    code: Codes


@dataclass(frozen=True, eq=False)
class Window:
    """Which windows are searched.

    Attributes
    ----------
    minimal, maximal : int
        Smallest and largest number of points.
    tolerance : float
        How much adjusted R² may be given up for more points.
    forced : (n,) of bool
        Profiles whose points the user chose: all allowed ones are taken, without a search.
    """

    minimal: int
    maximal: int
    tolerance: float
    forced: Flags


def terminal(clock: Array, t: Array, y: Array, allowed: Flags, weights: Array | None, window: Window) -> Terminal:
    """Return the best regression of ln concentration on time over the last points of every profile.

    All windows that end at the last allowed sample are fitted by adding one sample after the other to running
    means and sums of squares (Welford's update, from the last sample backwards), so nothing cancels. Among
    windows with a negative slope the one with the largest adjusted R², ``1 − (1 − R²)(n − 1)/(n − 2)``, wins,
    or the one with the most points among those within the tolerance of it.

    Parameters
    ----------
    clock : (m, n)
        Times after the dose; samples down.
    t, y : (m, n)
        Times and ln concentrations, both relative to the last quantifiable sample.
    allowed : (m, n) of bool
        Samples that may take part.
    weights : (m, n), optional
        Weights of the samples; all equal by default.
    window : Window
        Which windows are searched.

    References
    ----------
    Certara, Phoenix WinNonlin user's guide, "Lambda Z or slope estimation settings". Welford (1962),
    Technometrics 4:419-420.
    """
    m, n = t.shape
    number, total, mean_t, mean_y, stt, sty, syy = (np.zeros((m + 1, n)) for _ in range(7))
    last = np.full(n, np.nan)
    for i in range(m - 1, -1, -1):
        one = allowed[i].astype(np.float64)
        weight = one if weights is None else np.where(allowed[i], weights[i], 0.0)
        number[i] = number[i + 1] + one
        total[i] = total[i + 1] + weight
        share = np.where(weight > 0, weight / np.where(total[i] > 0, total[i], 1.0), 0.0)
        dt, dy = t[i] - mean_t[i + 1], y[i] - mean_y[i + 1]
        mean_t[i] = mean_t[i + 1] + dt * share
        mean_y[i] = mean_y[i + 1] + dy * share
        spread = weight * (1.0 - share)
        stt[i] = stt[i + 1] + spread * dt * dt
        sty[i] = sty[i + 1] + spread * dt * dy
        syy[i] = syy[i + 1] + spread * dy * dy
        last = np.where(allowed[i] & np.isnan(last), clock[i], last)
    number, stt, sty, syy = number[:m], stt[:m], sty[:m], syy[:m]
    correlation = np.maximum(sty / (np.sqrt(stt) * np.sqrt(syy)), -1.0)
    r2 = correlation * correlation
    adjusted = 1.0 - (1.0 - r2) * (number - 1.0) / np.maximum(number - 2.0, 1.0)
    falls = allowed & (sty < 0) & (stt > 0) & (syy > 0)
    valid = falls & (number >= window.minimal) & (number <= window.maximal)
    score = np.where(valid, adjusted, -np.inf)
    enough = valid & (score >= score.max(axis=0) - window.tolerance)
    # Windows with more points stand higher up: the first one that is good enough has the most.
    pick = np.where(window.forced, np.argmax(allowed, axis=0), np.argmax(enough, axis=0))
    column = np.arange(n)
    found = np.where(window.forced, (falls & (number >= 2))[pick, column], valid[pick, column])
    points, at_t, at_y, s_tt, s_ty, square, adjusted_square, r = (
        table[pick, column] for table in (number, mean_t, mean_y, stt, sty, r2, adjusted, correlation)
    )
    rate = np.where(found, -s_ty / s_tt, np.nan)
    code = np.where(found, reasons.COMPUTED, reasons.SLOPE_NOT_NEGATIVE).astype(np.int8)
    nothing = np.full(n, np.nan)
    return Terminal(
        rate, at_y + rate * at_t, points, clock[pick, column], last, square,
        np.where(points > 2, adjusted_square, np.nan), r, nothing, nothing, code,
    )  # fmt: skip
