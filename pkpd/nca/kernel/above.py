"""Time and area above a concentration."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.nca.kernel.areas import SampledCurve, logarithmic, pieces, sum_parts, value_at_share


def time_above(curve: SampledCurve, threshold: Array, log_threshold: Array) -> Array:
    """Return how long the curve lies above a threshold, (n,).

    Parameters
    ----------
    curve : SampledCurve
        The samples.
    threshold, log_threshold : (n,)
        One threshold per profile and its logarithm, scaled as the curve's values and logarithms.
    """
    t1, t2 = curve.t[:-1], curve.t[1:]
    first, second = _crossings(curve, threshold, log_threshold)
    return sum_parts(np.where(second > first, (t2 - t1) * (second - first), 0.0))


def area_above(curve: SampledCurve, threshold: Array, log_threshold: Array, top: Integers, shifted: str) -> Array:
    """Return the area between the curve and a threshold where the curve is higher, (n,).

    Parameters
    ----------
    curve : SampledCurve
        The samples.
    threshold, log_threshold : (n,)
        One threshold per profile and its logarithm, scaled as the curve's values and logarithms.
    top : (n,) of int
        Row of Cmax.
    shifted : str
        A trapezoidal rule to apply to the samples less the threshold (negative ones as zero); "": the area
        above the threshold of the curve itself.
    """
    if shifted:
        c = np.maximum(curve.c - threshold, 0.0)
        log_c = np.log(np.where(c > 0, c, 1.0))
        return sum_parts(SampledCurve(curve.t, c, log_c, logarithmic(c, c > 0, top, shifted)).segments()[0])
    t1, t2 = curve.t[:-1], curve.t[1:]
    first, second = _crossings(curve, threshold, log_threshold)
    on = second > first
    ends = (curve.c[:-1], curve.c[1:], curve.log_c[:-1], curve.log_c[1:], curve.logarithmic)
    c1, l1 = value_at_share(*ends, first)
    c2, l2 = value_at_share(*ends, second)
    dt = t2 - t1
    low, high = t1 + dt * first, t1 + dt * second
    area, _ = pieces(low, high, c1, c2, l1, l2, curve.logarithmic & (c1 != c2))
    return sum_parts(np.where(on, np.maximum(area - threshold * (high - low), 0.0), 0.0))


def _crossings(curve: SampledCurve, threshold: Array, level: Array) -> tuple[Array, Array]:
    """Shares (0 to 1) of every segment at which its part above the threshold begins and ends; equal if none."""
    c1, c2 = curve.c[:-1], curve.c[1:]
    drop = curve.log_c[:-1] - curve.log_c[1:]
    line = (threshold - c1) / (c2 - c1)
    cross = np.where(curve.logarithmic & (threshold > 0), (curve.log_c[:-1] - level) / drop, line)
    cross = np.clip(np.where(np.isnan(cross), 0.0, cross), 0.0, 1.0)
    high1, high2 = c1 > threshold, c2 > threshold
    first = np.where(high1, 0.0, np.where(high2, cross, 0.0))
    second = np.where(high2, 1.0, np.where(high1, cross, 0.0))
    return first, second
