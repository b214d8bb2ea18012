"""Areas and moments of the curve between samples, and of any stretch of it, without cancellation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags, Integers

# ∫₀¹ s·exp(−δs) ds = Σ (−δ)ᵏ / (k!·(k + 2)); below this |δ| the series is more exact than the closed form.
_SMALL = 0.1
_SERIES = (1 / 2, -1 / 3, 1 / 8, -1 / 30, 1 / 144, -1 / 840, 1 / 5760, -1 / 45360, 1 / 403200)


@dataclass(frozen=True, eq=False)
class SampledCurve:
    """A curve through samples: samples down, profiles across; neighbouring samples make segments.

    Attributes
    ----------
    t, c, log_c : (m + 1, n)
        Times, values ≥ 0 and the natural logarithm of the positive ones (scaled or not: only differences count).
    logarithmic : (m, n) of bool
        Segments on which the logarithm is a straight line; both ends are positive and differ.
    """

    t: Array
    c: Array
    log_c: Array
    logarithmic: Flags

    def segments(self) -> tuple[Array, Array]:
        """Return area and first moment of every segment, (m, n); see `pieces`."""
        return pieces(self.t[:-1], self.t[1:], self.c[:-1], self.c[1:], self.log_c[:-1], self.log_c[1:],
                      self.logarithmic)  # fmt: skip

    def at(self, when: Array) -> tuple[Array, Array]:
        """Return value and logarithm at one time per profile, (n,); NaN outside the samples."""
        t1, t2 = self.t[:-1], self.t[1:]
        inside = (t1 <= when) & (when <= t2)
        row = len(inside) - 1 - np.argmax(inside[::-1], axis=0)  # at a sample: the segment that begins there
        column = np.arange(self.t.shape[1])
        share = (when - t1[row, column]) / (t2 - t1)[row, column]
        share = np.where(t2[row, column] > t1[row, column], share, 1.0)
        found = self._inside(row, column, share)
        lost = ~inside[row, column]
        return np.where(lost, np.nan, found[0]), np.where(lost, np.nan, found[1])

    def _inside(self, row: Integers, column: Integers, share: Array) -> tuple[Array, Array]:
        c1, c2 = self.c[row, column], self.c[row + 1, column]
        l1, l2 = self.log_c[row, column], self.log_c[row + 1, column]
        return value_at_share(c1, c2, l1, l2, self.logarithmic[row, column], share)

    def stretch(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Return area and first moment of every segment's part between `a` and `b`, (m, n).

        Parameters
        ----------
        a, b : (n,)
            Beginning and end, one pair per profile.
        """
        t1, t2 = self.t[:-1], self.t[1:]
        low, high = np.maximum(t1, a), np.minimum(t2, b)
        on = high > low
        dt = np.where(on, t2 - t1, 1.0)
        ends = (self.c[:-1], self.c[1:], self.log_c[:-1], self.log_c[1:], self.logarithmic)
        c_low, l_low = value_at_share(*ends, np.where(on, (low - t1) / dt, 0.0))
        c_high, l_high = value_at_share(*ends, np.where(on, (high - t1) / dt, 1.0))
        low, high = np.where(on, low, t1), np.where(on, high, t1)
        area, moment = pieces(low, high, c_low, c_high, l_low, l_high, self.logarithmic & on & (c_low != c_high))
        return np.where(on, area, 0.0), np.where(on, moment, 0.0)


def value_at_share(c1: Array, c2: Array, l1: Array, l2: Array, logarithmic: Flags, share: Array) -> tuple[Array, Array]:
    """Return value and logarithm at a share (0 to 1) of the way between two samples, by the rule of the segment."""
    log_value = l1 + (l2 - l1) * share
    line = c1 + (c2 - c1) * share
    # From the nearer end, so that a share of 0 or 1 returns the sample itself.
    back, ahead = c2 * np.exp((l2 - l1) * (share - 1.0)), c1 * np.exp((l2 - l1) * share)
    value = np.where(logarithmic, np.where(share < 0.5, ahead, back), line)
    value = np.where(share == 1.0, c2, value)
    return value, np.where(logarithmic, log_value, np.log(np.where(value > 0, value, 1.0)))


def pieces(t1: Array, t2: Array, c1: Array, c2: Array, l1: Array, l2: Array, logarithmic: Flags) -> tuple[Array, Array]:
    """Return area and first moment under the piece of curve between two points, element by element.

    Linear: ``A = Δt·(c1 + c2)/2`` and ``M = Δt·(t1·c1 + t2·c2)/2``. Logarithmic, with ``δ = ln(c1/c2)``:
    ``A = Δt·(c1 − c2)/δ`` and ``M = t1·A + Δt²·c1·∫₀¹ s·exp(−δs) ds``, which equals
    ``(t1·c1 − t2·c2)·Δt/δ + (c1 − c2)·(Δt/δ)²``.

    Parameters
    ----------
    t1, t2, c1, c2, l1, l2 : (m, n)
        Times, values and logarithms of the two points; c ≥ 0.
    logarithmic : (m, n) of bool
        Pieces that are logarithmic: both ends positive and different. The others are linear.

    Returns
    -------
    area, moment : (m, n)

    References
    ----------
    Gabrielsson & Weiner, Pharmacokinetic and Pharmacodynamic Data Analysis, chapter on non-compartmental analysis.
    """
    dt = t2 - t1
    area = dt * (0.5 * c1 + 0.5 * c2)
    moment = dt * (0.5 * t1 * c1 + 0.5 * t2 * c2)
    if not logarithmic.any():
        return area, moment
    drop = (c1 - c2) / c1
    # Near-equal values: the difference is exact and log1p keeps its digits.
    delta = np.where(np.abs(drop) < 0.5, -np.log1p(-np.clip(drop, -0.5, 0.5)), l1 - l2)
    height = drop / delta
    weight = (height - c2 / c1) / delta
    near = logarithmic & (np.abs(delta) < _SMALL)
    if near.any():
        weight[near] = np.polynomial.polynomial.polyval(delta[near], _SERIES)
    log_area = dt * (c1 * height)
    log_moment = t1 * log_area + dt * dt * (c1 * weight)
    return np.where(logarithmic, log_area, area), np.where(logarithmic, log_moment, moment)


def logarithmic(c: Array, positive: Flags, top: Integers, rule: str) -> Flags:
    """Return which segments are logarithmic by the trapezoidal rule.

    Parameters
    ----------
    c : (m + 1, n)
        Values, samples down.
    positive : (m + 1, n) of bool
        Values that are there and greater than zero.
    top : (n,) of int
        Row of Cmax.
    rule : str
        See `Rules.auc`.
    """
    both = positive[1:] & positive[:-1]
    if rule == "linear-up/log-down":
        found: Flags = both & (c[1:] < c[:-1])
    elif rule == "linear":
        found = np.zeros_like(both)
    else:
        found = both & (c[1:] != c[:-1]) & (np.arange(len(both))[:, None] >= top)
    return found


def sum_parts(parts: Array) -> Array:
    """Return the sum down the first axis, term by term, so that it does not depend on padding or neighbours."""
    found = np.zeros(parts.shape[1])
    for row in parts:
        found += row
    return found
