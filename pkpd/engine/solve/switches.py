"""On which side of its switches a subject is, and when it will cross one that sees time alone.

What a switch is says `symbolic/switches.py`. A gap that sees time alone has its zeros found before a step is made: the
bounds of the gap over an interval say whether it can have one there, and an interval that can is halved until it cannot
or the gap changes in one direction only. In the same way no step is made across a narrow peak: an eighth of it must not
see more than half of what a function of time changes in the whole run.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pkpd.engine.machine.jit import LANES, bare_jit, inner_jit
from pkpd.engine.machine.pointer import call

_DEEP = 200  # intervals that wait to be searched
_PATIENCE = 200_000  # intervals that are searched for one zero
_PARTS, _SHARE = 8, 0.5
POINTS = 8  # of a step that are looked at: whatever the number of lanes, the bits are the same


class Watch(NamedTuple):
    """What is watched besides the error of a step.

    Attributes
    ----------
    gaps, slopes, ranges : int
        Addresses for one subject: gaps and how fast they change; their derivatives by the sensitivities; bounds.
    many, timed, waves : int
        How many switches, how many of them (the first) see time alone, how many functions of time are followed.
    longest : float
        The longest step.
    at_zero : array of bool, shape (many,)
        Whether a gap that rests at zero counts as positive.
    rests : array of int, shape (many,)
        The state that is zero where the gap is, and must not become negative; -1: none.
    """

    gaps: int
    slopes: int
    ranges: int
    many: int
    timed: int
    waves: int
    longest: float
    at_zero: Any
    rests: Any


class WatchRoom(NamedTuple):
    """Room: gaps and their rates at points of a step (points × 2·many); the same at one point
    (2·many,); derivatives of the gaps (many × parameters); new sides (many,); bounds (2·(2·timed + waves),) and those
    of the whole run; two ends of an interval (2,), intervals that wait (deep × 2); dy/dt before and after a switch
    (components,); times of the points of a step (points,); lanes whose search was lost (lanes,)."""

    points: Any
    gaps: Any
    slopes: Any
    sides: Any
    bounds: Any
    whole: Any
    ends: Any
    stack: Any
    before: Any
    after: Any
    times: Any
    lost: Any


def watch_room(components: int, many: int, timed: int, waves: int, parameters: int) -> WatchRoom:
    """Return room to watch in."""
    bounds = 2 * (2 * timed + waves)
    return WatchRoom(
        np.zeros((POINTS, 2 * many)), np.zeros(2 * many), np.zeros(many * parameters),
        np.zeros(many), np.zeros(bounds), np.zeros(bounds), np.zeros(2), np.zeros((_DEEP, 2)), np.zeros(components),
        np.zeros(components), np.zeros(POINTS), np.zeros(LANES, dtype=np.bool_),
    )  # fmt: skip


@inner_jit
def watches(watch):  # type: ignore[no-untyped-def]
    """Return whether there is anything to watch."""
    return watch.many > 0 or watch.waves > 0 or watch.longest < np.inf


@bare_jit
def side_of(gap, rate, at_zero):  # type: ignore[no-untyped-def]
    """Return on which side a gap is, 1.0 or 0.0; at zero it is where it goes, and if it rests where the model says."""
    if gap != 0.0:
        return 1.0 if gap > 0.0 else 0.0
    if rate != 0.0:
        return 1.0 if rate > 0.0 else 0.0
    return 1.0 if at_zero else 0.0


@inner_jit
def switched_sides(watch, room, clock, y, q):  # type: ignore[no-untyped-def]
    """Write the sides at a moment into ``room.sides``, and return whether any is another than in q."""
    call(watch.gaps, clock, y, q, room.gaps)
    first, changed = q.shape[0] - watch.many, False
    for k in range(watch.many):
        room.sides[k] = side_of(room.gaps[k], room.gaps[watch.many + k], watch.at_zero[k])
        changed = changed or room.sides[k] != q[first + k]
    return changed


@inner_jit
def set_sides(watch, room, clock, y, q):  # type: ignore[no-untyped-def]
    """Bring the sides in q, its last entries, to a moment.

    Parameters
    ----------
    watch, room
        What is watched, and where.
    clock : array, shape (1,)
        The moment.
    y, q : arrays
        The vector and the arguments of the right-hand side; q is changed.
    """
    first = q.shape[0] - watch.many
    for k in range(watch.many):
        q[first + k] = 0.0
    for _ in range(watch.many + 1):  # the gap of one may see the side of another
        if not switched_sides(watch, room, clock, y, q):
            return
        for k in range(watch.many):
            q[first + k] = room.sides[k]


@inner_jit
def next_landing(watch, room, times, y, q):  # type: ignore[no-untyped-def]
    """Return the moment at which the next steps must end; NaN if it cannot be found.

    Parameters
    ----------
    watch, room
        What is watched, and where.
    times : tuple of 5
        Now; the end of the segment; start and end of the run; an array for a moment (1,).
    y, q : arrays
        Some vector (gaps of time alone do not see it), and the arguments of the right-hand side.
    """
    now, end, first, last, clock = times
    target = min(end, now + watch.longest)
    for k in range(watch.timed):
        found = next_zero(k, now, target, watch, room, clock, y, q)
        if np.isnan(found):
            return found
        target = min(target, found)
    return next_bend(now, target, first, last, watch, room, q)


@inner_jit
def bounds_over(lo, hi, watch, room, q, out):  # type: ignore[no-untyped-def]
    """Write the bounds over an interval of time."""
    room.ends[0], room.ends[1] = lo, hi
    call(watch.ranges, room.times, room.ends, q, out)


@inner_jit
def side_at(k, t, watch, room, clock, y, q):  # type: ignore[no-untyped-def]
    """Return on which side a gap of time alone is at a moment."""
    clock[0] = t
    call(watch.gaps, clock, y, q, room.gaps)
    return side_of(room.gaps[k], room.gaps[watch.many + k], watch.at_zero[k])


@inner_jit
def next_zero(k, now, end, watch, room, clock, y, q):  # type: ignore[no-untyped-def]
    """Return the first moment after now at which the gap k of time alone is on its other side; infinite if none.

    NaN says that there are too many intervals in which nothing can be excluded.
    """
    side, stack, waiting = q[q.shape[0] - watch.many + k], room.stack, 1
    stack[0, 0], stack[0, 1] = now, end
    for _ in range(_PATIENCE):
        if waiting == 0:
            return np.inf
        waiting -= 1
        lo, hi = stack[waiting, 0], stack[waiting, 1]
        bounds_over(lo, hi, watch, room, q, room.bounds)
        least, most = room.bounds[2 * k], room.bounds[2 * k + 1]
        slowest, fastest = room.bounds[2 * (watch.timed + k)], room.bounds[2 * (watch.timed + k) + 1]
        if least > 0.0 or most < 0.0 or least == most:
            if least != 0.0 and (least > 0.0) != (side > 0.5):  # it has crossed at the very start of the interval
                return max(lo, np.nextafter(now, np.inf))
            continue
        middle = 0.5 * (lo + hi)
        if slowest > 0.0 or fastest < 0.0 or not (lo < middle < hi):  # one crossing at most
            if side_at(k, hi, watch, room, clock, y, q) == side:
                continue
            while lo < middle < hi:
                if side_at(k, middle, watch, room, clock, y, q) == side:
                    lo = middle
                else:
                    hi = middle
                middle = 0.5 * (lo + hi)
            return hi
        if waiting + 2 > _DEEP:
            return np.nan
        stack[waiting, 0], stack[waiting, 1] = middle, hi
        stack[waiting + 1, 0], stack[waiting + 1, 1] = lo, middle
        waiting += 2
    return np.nan


@inner_jit
def next_bend(now, target, first, last, watch, room, q):  # type: ignore[no-untyped-def]
    """Return a moment, at most the target, up to which every function of time can be seen by the stages of a step."""
    if watch.waves == 0 or target <= now:
        return target
    bounds_over(first, last, watch, room, q, room.whole)
    length = target - now
    while now + length > now:
        seen = True
        for part in range(_PARTS):
            bounds_over(now + length * part / _PARTS, now + length * (part + 1) / _PARTS, watch, room, q, room.bounds)
            for n in range(4 * watch.timed, 4 * watch.timed + 2 * watch.waves, 2):
                whole = room.whole[n + 1] - room.whole[n]
                seen = seen and not room.bounds[n + 1] - room.bounds[n] > _SHARE * whole
            if not seen:
                break
        if seen:
            return min(target, now + length)
        length *= 0.5
    return target
