"""The response as a curve between its samples: areas and times above and below a level, crossings.

Curves lie one behind the other in flat arrays. Everything is exact for the curve between the samples: straight, or
exponential where the rule is logarithmic and the response falls between positive values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers


@dataclass(frozen=True, eq=False)
class Curves:
    """Points of many curves.

    Attributes
    ----------
    time, value : (points,)
        In order of curve and time.
    owner : (points,) of int
        Number of the curve.
    n : int
        Number of curves.
    logarithmic : bool
        Whether falling segments between positive values are exponential.
    """

    time: Array
    value: Array
    owner: Integers
    n: int
    logarithmic: bool

    @property
    def left(self) -> Integers:
        """Point at which each segment begins, (segments,)."""
        return np.flatnonzero(self.owner[1:] == self.owner[:-1])

    def segments(self) -> tuple[Array, Array, Array, Flags]:
        """Return length, first and last value of every segment, and whether it is exponential."""
        left = self.left
        y1, y2 = self.value[left], self.value[left + 1]
        return self.time[left + 1] - self.time[left], y1, y2, self.logarithmic & (y2 < y1) & (y2 > 0)

    def sums(self, parts: Array) -> Array:
        """Return the sum over the segments of every curve, (curves,)."""
        found: Array = np.bincount(self.owner[self.left], parts, minlength=self.n).astype(float)
        return found


class Sides(NamedTuple):
    """Areas and times on both sides of a level, one per curve."""

    above: Array
    below: Array
    time_above: Array
    time_below: Array


def sides(curves: Curves, level: Array) -> Sides:
    """Return areas and times above and below a level of every curve.

    The time at the level itself counts as above (Phoenix: response ≥ baseline).

    Parameters
    ----------
    curves : Curves
        The responses.
    level : (curves,)
        Level of each; NaN gives NaN.
    """
    dt, y1, y2, log = curves.segments()
    whose = level[curves.owner[curves.left]]
    share = crossing_share(y1, y2, whose, log)
    high1, high2 = y1 > whose, y2 > whose
    low1, low2 = y1 < whose, y2 < whose
    with np.errstate(invalid="ignore"):
        first, second = (
            integral(y1, whose, share * dt, log, y1, y2, dt),
            integral(whose, y2, (1 - share) * dt, log, y1, y2, dt),
        )
        whole = integral(y1, y2, dt, log, y1, y2, dt) - whose * dt
        crossed = (high1 & low2) | (low1 & high2)
        first, second = first - whose * share * dt, second - whose * (1 - share) * dt
        above = np.where(crossed, np.where(high1, first, second), np.where(high1 | high2, whole, 0.0))
        below = np.where(crossed, np.where(low1, first, second), np.where(low1 | low2, whole, 0.0))
        under = np.where(crossed, np.where(low1, share, 1 - share), np.where(low1 | low2, 1.0, 0.0)) * dt
    unknown = np.where(np.isnan(level), np.nan, 0.0)
    return Sides(
        curves.sums(np.maximum(above, 0.0)) + unknown,
        curves.sums(np.maximum(-below, 0.0)) + unknown,
        curves.sums(dt - under) + unknown,
        curves.sums(under) + unknown,
    )


def area(curves: Curves) -> Array:
    """Return the area between every curve and zero, negative where the response is, (curves,)."""
    dt, y1, y2, log = curves.segments()
    return curves.sums(integral(y1, y2, dt, log, y1, y2, dt))


def integral(a: Array, b: Array, length: Array, log: Flags, y1: Array, y2: Array, dt: Array) -> Array:
    """Return the area under a part of a segment, from the value `a` to the value `b` over a length.

    ``length·(a + b)/2`` of a straight one; ``(a − b)/k`` with ``k = ln(y1/y2)/dt`` of an exponential one.
    """
    straight = 0.5 * (a + b) * length
    if not log.any():
        return straight
    with np.errstate(all="ignore"):
        curved = (a - b) * dt / np.log1p((y1 - y2) / y2)
    return np.where(log, curved, straight)


def crossing_share(y1: Array, y2: Array, level: Array, log: Flags) -> Array:
    """Return at which part of a segment, 0 to 1, it meets a level; any number where it does not meet it."""
    with np.errstate(all="ignore"):
        share = (y1 - level) / (y1 - y2)
        if log.any():
            share = np.where(log, np.log(y1 / level) / np.log(y1 / y2), share)
    return np.clip(np.where(np.isnan(share), 0.0, share), 0.0, 1.0)


def time_between(curves: Curves, one: Array, other: Array) -> Array:
    """Return how long every curve lies between two levels, (curves,): at or above the lower, below the upper one."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    return sides(curves, low).time_above - sides(curves, high).time_above


def first_across(curves: Curves, level: Array, up: Flags, after: Array) -> Array:
    """Return when every curve first lies strictly beyond a level, NaN where it never does, (curves,).

    Parameters
    ----------
    curves : Curves
        The responses.
    level : (curves,)
        The level.
    up : (curves,) of bool
        Whether beyond means above.
    after : (curves,)
        From which time on; the curve is looked at from its first point at or after it. If that point lies beyond the
        level, its time is the answer.
    """
    sign = np.where(up, 1.0, -1.0)[curves.owner]
    with np.errstate(invalid="ignore"):
        beyond = sign * (curves.value - level[curves.owner]) > 0
        return _entered(curves, level, beyond & (curves.time >= after[curves.owner]), after)


def first_back(curves: Curves, level: Array, up: Flags, after: Array) -> Array:
    """Return when every curve first lies at a level or on the other side of it; as `first_across`."""
    sign = np.where(up, 1.0, -1.0)[curves.owner]
    with np.errstate(invalid="ignore"):
        back = sign * (curves.value - level[curves.owner]) <= 0
        return _entered(curves, level, back & (curves.time > after[curves.owner]), after)


def _entered(curves: Curves, level: Array, there: Flags, after: Array) -> Array:
    """The time at which the first segment that ends at a point `there` meets the level."""
    found = np.full(curves.n, np.nan)
    points = np.flatnonzero(there)
    if not len(points):
        return found
    mine, place = np.unique(curves.owner[points], return_index=True)
    end = points[place]
    begin = np.maximum(end - 1, 0)
    # A point without one before it, in this curve and from that time on, is where it begins.
    alone = (curves.owner[begin] != curves.owner[end]) | (begin == end) | (curves.time[begin] < after[mine])
    y1, y2, dt = curves.value[begin], curves.value[end], curves.time[end] - curves.time[begin]
    log = curves.logarithmic & (y2 < y1) & (y2 > 0)
    share = np.where(alone, 1.0, crossing_share(y1, y2, level[mine], log))
    # The end itself where it is met there, so that the time of a sample is that number.
    found[mine] = np.where(share >= 1.0, curves.time[end], curves.time[begin] + share * dt)
    return found


def value_at(time: Array, value: Array, when: float, logarithmic: bool) -> float:
    """Return one curve at a time between its first and last point; at equal times the later point."""
    k = int(np.searchsorted(time, when, side="right")) - 1
    if time[k] == when or k + 1 == len(time):
        return float(value[k])
    y1, y2, share = float(value[k]), float(value[k + 1]), (when - time[k]) / (time[k + 1] - time[k])
    if logarithmic and 0 < y2 < y1:
        return float(y1 * (y2 / y1) ** share)
    return float(y1 + (y2 - y1) * share)
