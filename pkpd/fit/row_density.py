"""The density of one observation under a normal error: measured, below or above a limit, or between two.

Everything is −2 log density on the scale of the error, as a function of the mean m and the standard deviation g.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erfcx, log_ndtr

from pkpd.arrays import Array, Flags, Integers
from pkpd.observed import ABOVE, BELOW, INTERVAL, MEASURED

HALF_LOG_TWO_PI = 0.5 * float(np.log(2 * np.pi))
_CERTAIN = 38.0  # Φ(38) is 1 to the last digit
_FAR = 100.0  # SDs beyond which the hazard's own series is better than its difference to the distance
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NARROW, _STEEP = 1.0, 10.0  # width in SDs, and width times distance, up to which 16 nodes give every digit


@dataclass(frozen=True, eq=False)
class RowDensity:
    """−2 log density of every row (without log 2π where measured), with its derivatives by mean and SD.

    Attributes
    ----------
    value : array, shape (rows,)
        −2 log density, or −2 log probability where censored.
    m, g : arrays, shape (rows,)
        First derivatives.
    mm, mg, gg : arrays, shape (rows,)
        Second derivatives.
    expected : tuple of three arrays, shape (rows,)
        What replaces the second derivatives in an information matrix, never indefinite: their expectation where
        measured; where censored, their part that is left when limits are taken to move in a straight line.
    certain : array of bool, shape (rows,)
        Censored rows of probability one to the last digit: they tell nothing, whatever the mean does.
    """

    value: Array
    m: Array
    g: Array
    mm: Array
    mg: Array
    gg: Array
    expected: tuple[Array, Array, Array]
    certain: Flags


def row_density(lower: Array, upper: Array, kind: Integers, mean: Array, sd: Array) -> RowDensity:
    """Return the density of every row.

    Parameters
    ----------
    lower, upper : arrays, shape (rows,)
        Limits on the scale of the error: equal where measured, −∞ below a limit, ∞ above one.
    kind : array of int, shape (rows,)
        0 measured, 1 below, 2 above, 3 between.
    mean, sd : arrays, shape (rows,)
        Mean and standard deviation on that scale.
    """
    table = np.empty((9, mean.size))
    with np.errstate(all="ignore"):
        sure = _fill(table, lower, upper, kind, mean, sd)
    value, m, g, mm, mg, gg, *expected = table
    return RowDensity(value, m, g, mm, mg, gg, (expected[0], expected[1], expected[2]), sure)


def conditioned(row: RowDensity, within: Integers, window: RowDensity) -> RowDensity:
    """Return the density of rows given that some of them lie in a window: −2 log of the window's probability is taken
    off.

    Parameters
    ----------
    row : RowDensity
        Of all rows.
    within : array of int, shape (conditioned rows,)
        Which are conditioned.
    window : RowDensity
        Probabilities of these windows. The stand-in for second derivatives (`expected`) stays that of `row`.
    """

    def less(name: str) -> Array:
        whole: Array = getattr(row, name).copy()
        whole[within] -= getattr(window, name)
        return whole

    value, m, g, mm, mg, gg = (less(name) for name in ("value", "m", "g", "mm", "mg", "gg"))
    return RowDensity(value, m, g, mm, mg, gg, row.expected, row.certain)


def _fill(table: Array, lower: Array, upper: Array, kind: Integers, mean: Array, sd: Array) -> Flags:
    """Write value, five derivatives and three expected ones of every row; return which rows are certain."""
    measured = kind == MEASURED
    if measured.all():
        table[:] = _measured(lower, mean, sd)
        return np.zeros(mean.shape, dtype=bool)
    table[:, measured] = _measured(lower[measured], mean[measured], sd[measured])
    for which, limit, sign in ((BELOW, upper, 1.0), (ABOVE, lower, -1.0)):
        rows = np.flatnonzero(kind == which)
        if rows.size:
            table[:, rows] = _one_sided(sign, limit[rows], mean[rows], sd[rows])
    rows = np.flatnonzero(kind == INTERVAL)
    if rows.size:
        table[:, rows] = _between(lower[rows], upper[rows], mean[rows], sd[rows])
    if (sd == 0).any():  # nothing scatters: the mean lies inside or not, whatever 0/0 says
        table[:, ~measured & (sd == 0) & (lower <= mean) & (mean <= upper)] = 0.0
    sure: Flags = ~measured & (table[0] == 0)
    table[1:, sure] = 0.0
    return sure


def _measured(y: Array, mean: Array, sd: Array) -> tuple[Array, ...]:
    z = (y - mean) / sd
    square, per, per2 = z * z, 1.0 / sd, 1.0 / (sd * sd)
    return (
        square + 2 * np.log(sd), -2 * z * per, 2 * (1 - square) * per,
        2 * per2, 4 * z * per2, (6 * square - 2) * per2,
        2 * per2, np.zeros_like(z), 4 * per2,
    )  # fmt: skip


def _one_sided(sign: float, limit: Array, mean: Array, sd: Array) -> tuple[Array, ...]:
    """−2 log Φ(u) with u = ±(limit − m)/g (M3)."""
    u = sign * (limit - mean) / sd
    sure = u > _CERTAIN  # a prediction of 0 with proportional error ends here
    u = np.where(sure, _CERTAIN, u)
    ratio = np.sqrt(2 / np.pi) / erfcx(-u / np.sqrt(2.0))  # φ(u)/Φ(u)
    rest = np.where(u < -_FAR, -1 / u + 2 / u**3 - 10 / u**5, ratio + u)
    du, duu = -2 * ratio, np.maximum(2 * ratio * rest, 0.0)
    per = 1.0 / sd
    um, ug = -sign * per, -u * per
    mm, mg, gg = duu * um * um, duu * um * ug, duu * ug * ug
    return (
        np.where(sure, 0.0, -2 * log_ndtr(u)), du * um, du * ug,
        mm, mg + du * sign * per * per, gg + 2 * du * u * per * per,
        mm, mg, gg,
    )  # fmt: skip


def _between(lower: Array, upper: Array, mean: Array, sd: Array) -> tuple[Array, ...]:
    """−2 log(Φ(b) − Φ(a)), by the moments of a normal number z that is known to lie between a and b.

    With l = log density of the observation were it known, the derivatives of log p are E l', and E l'' + Var l'
    (Louis, J R Stat Soc B 1982;44:226-233).
    """
    a, b = (lower - mean) / sd, (upper - mean) / sd
    log_p, z1, z2, var, cov, var2 = _moments(a, b, (upper - lower) / sd)
    per, per2 = 1.0 / sd, 1.0 / (sd * sd)
    mm, mg, gg = (var - 1) * per2, (cov - 2 * z1) * per2, (var2 + 1 - 3 * z2) * per2
    return (
        -2 * log_p, -2 * z1 * per, -2 * (z2 - 1) * per,
        -2 * mm, -2 * mg, -2 * gg,
        -2 * mm, -2 * (mg + z1 * per2), -2 * (gg + 2 * (z2 - 1) * per2),
    )  # fmt: skip


def _moments(a: Array, b: Array, width: Array) -> Array:
    """Return log p, E z, E z², Var z, Cov(z, z²) and Var z² of a standard normal number between a and b."""
    middle, half = 0.5 * (a + b), 0.5 * width
    narrow = (width < _NARROW) & (width * np.abs(middle) < _STEEP)
    found = np.empty((6, a.size))
    found[:, narrow] = _narrow_moments(middle[narrow], half[narrow])
    found[:, ~narrow] = _wide_moments(a[~narrow], b[~narrow])
    return found


def _narrow_moments(middle: Array, half: Array) -> tuple[Array, ...]:
    """Gauss–Legendre: a difference of two distribution functions would lose digits here."""
    off = half[:, None] * _NODES  # z − middle
    z = middle[:, None] + off
    share = 0.5 * _WEIGHTS * np.exp(-0.5 * off * (middle[:, None] + z))
    total = share.sum(axis=1)
    share /= total[:, None]
    mean_off = (share * off).sum(axis=1)
    square = off * (middle[:, None] + z)  # z² − middle²
    mean_square = (share * square).sum(axis=1)
    d, e = off - mean_off[:, None], square - mean_square[:, None]
    log_p = -0.5 * middle**2 - HALF_LOG_TWO_PI + np.log(2 * half) + np.log(total)
    return (
        log_p, middle + mean_off, middle**2 + mean_square,
        (share * d * d).sum(axis=1), (share * d * e).sum(axis=1), (share * e * e).sum(axis=1),
    )  # fmt: skip


def _wide_moments(a: Array, b: Array) -> tuple[Array, ...]:
    """In closed form, in the tail where the interval lies."""
    flipped = a + b > 0  # the upper tail is the lower one of −z
    a, b = np.where(flipped, -b, a), np.where(flipped, -a, b)
    low, high = log_ndtr(a), log_ndtr(b)
    log_p = high + np.log1p(-np.exp(low - high))
    at_a, at_b = (np.exp(-0.5 * x * x - HALF_LOG_TWO_PI - log_p) for x in (a, b))
    a, b = np.where(np.isfinite(a), a, 0.0), np.where(np.isfinite(b), b, 0.0)
    z1 = at_a - at_b
    z2 = 1 + a * at_a - b * at_b
    z3 = 2 * z1 + a * a * at_a - b * b * at_b
    z4 = 3 * z2 + a**3 * at_a - b**3 * at_b
    sign = np.where(flipped, -1.0, 1.0)
    return log_p, sign * z1, z2, z2 - z1 * z1, sign * (z3 - z1 * z2), z4 - z2 * z2
