"""Where courses turn and cross limits: a grid that follows them, brackets, and all brackets narrowed together."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.simulate.locate.course import Arcs, Course, ranges

NOISE = 20.0  # in units of rtol: what moves less is not told from a plateau
FRACTIONS = np.unique([0.0, *np.geomspace(1e-6, 1.0, 17), *np.linspace(0.0, 1.0, 13)])  # of an arc, dense at its dose
FOLLOWED, SEEN, HALVINGS = 0.02, 1e-6, 8  # the grid: misfit of its cubic, what is too little to look at, rounds
GOLDEN = 0.381966011250105  # where a step is looked at: no rhythm hides at every golden section
LONG = 0.05  # share of an arc over which a slope has to move something, not to be flat
NARROW, MOST = 1e-8, 60  # a bracket is narrow at this share of its arc; rounds at most
NEAR = 0.02  # share of a bracket at either side of the expected root


@dataclass(frozen=True, eq=False)
class CoursePoints:
    """CoursePoints of the courses, sorted by arc, then time: output ``y`` and its time derivative ``s``."""

    arc: Integers
    time: Array
    y: Array
    s: Array

    def take(self, index: Integers | Flags) -> CoursePoints:
        """Return some of the points."""
        return CoursePoints(*(getattr(self, f.name)[index] for f in fields(self)))

    def joined(self, other: CoursePoints) -> tuple[CoursePoints, Integers]:
        """Return both, sorted, and where each point came from."""
        both = [np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)]
        order = np.lexsort((both[1], both[0]))
        return CoursePoints(*(part[order] for part in both)), order


def evaluated(course: Course, arcs: Arcs, arc: Integers, time: Array) -> CoursePoints:
    """Return the points of a course at given times."""
    return CoursePoints(arc, time, *course.at(arcs, arc, time))


def cubic(t: Array, left: CoursePoints, right: CoursePoints) -> tuple[Array, Array, Array, Array]:
    """Return the coefficients of Hermite's cubic in x = (t − left)/h, from the ends' values and slopes."""
    d, m0, m1 = right.y - left.y, t * left.s, t * right.s
    return left.y, m0, 3 * d - 2 * m0 - m1, m0 + m1 - 2 * d


def grid(course: Course, arcs: Arcs, step: float | None) -> CoursePoints:
    """Lay points on every arc, and more of them where the cubic between two does not follow the course."""
    length = arcs.end - arcs.start
    count = np.where(arcs.edge == 0, FRACTIONS.size, 1)
    arc = np.repeat(np.arange(arcs.who.size), count)
    share = FRACTIONS[ranges(np.zeros_like(count), count)]
    time = np.where(share == 1.0, arcs.end[arc], np.minimum(arcs.start[arc] + share * length[arc], arcs.end[arc]))
    if step is not None:
        more = np.where(arcs.edge == 0, np.ceil(length / step).astype(np.int64) - 1, 0).clip(0)
        place = np.repeat(np.arange(arcs.who.size), more)
        even = arcs.start[place] + length[place] * (ranges(np.ones_like(more), more) / (more[place] + 1))
        arc, time = np.concatenate([arc, place]), np.concatenate([time, even])
    order = np.lexsort((time, arc))
    arc, time = arc[order], time[order]
    new = np.append(True, (np.diff(arc) > 0) | (np.diff(time) > 0))
    points = evaluated(course, arcs, arc[new], time[new])
    return _followed(course, arcs, points)


def spans(arcs: Arcs, points: CoursePoints) -> Array:
    """Return the span of every subject's values (0 where they are not finite)."""
    high, low = (np.full(int(arcs.who[-1]) + 1, sign * np.inf) for sign in (-1, 1))
    with np.errstate(invalid="ignore"):
        np.maximum.at(high, arcs.who[points.arc], points.y)
        np.minimum.at(low, arcs.who[points.arc], points.y)
        return np.where(np.isfinite(high - low), high - low, 0.0)


def _followed(course: Course, arcs: Arcs, points: CoursePoints) -> CoursePoints:
    active = np.ones(points.arc.size, dtype=bool)
    for _ in range(HALVINGS):
        span = spans(arcs, points)[arcs.who[points.arc]]
        inside = np.append(points.arc[1:] == points.arc[:-1], False)
        k = np.flatnonzero(active & inside & (course.status[arcs.who[points.arc]] == 0))
        left, right = points.take(k), points.take(k + 1)
        h = right.time - left.time
        _, c1, c2, c3 = cubic(h, left, right)
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = -c2 / (3 * c3)
            hidden = (left.s * right.s > 0) & (vertex > 0.01) & (vertex < 0.99)
            hidden &= (c1 - c2 * c2 / (3 * c3)) * left.s < 0  # the cubic turns twice between its ends
        x = np.where(hidden, vertex, GOLDEN)
        time = left.time + x * h
        real = (time > left.time) & (time < right.time)  # else the step is as short as the clock allows
        if not real.any():
            break
        k, left, right = k[real], left.take(real), right.take(real)
        h, x, hidden = h[real], x[real], hidden[real]
        c0, c1, c2, c3 = cubic(h, left, right)
        new = evaluated(course, arcs, left.arc, time[real])
        misfit = np.abs(new.y - (c0 + x * (c1 + x * (c2 + x * c3))))
        misfit += 0.25 * np.abs(h * new.s - (c1 + x * (2 * c2 + x * 3 * c3)))
        moved = np.abs(right.y - left.y) + 0.5 * h * (np.abs(left.s) + np.abs(right.s)) + np.abs(new.y - left.y)
        moved += h * np.abs(new.s)
        again = (moved > SEEN * span[k]) & ((misfit > FOLLOWED * moved) | hidden)
        active[:] = False
        active[k] = again
        points, order = points.joined(new)
        active = np.concatenate([active, again])[order]
    return points


def turns(arcs: Arcs, points: CoursePoints, floor: Array) -> tuple[Array, Integers, Integers, Flags]:
    """Find where the direction changes: +1 for a maximum, −1 for a minimum; the points around it; whether it is smooth.

    A direction is that of the slope or of the jump between two arcs; what moves by less than ``floor`` (of its subject)
    has none. Where the course does not turn smoothly – at a jump, a kink or along a plateau – the first of the two
    points is the place.
    """
    who = arcs.who[points.arc]
    same = points.arc[1:] == points.arc[:-1]
    h = np.where(same, np.diff(points.time), 0.0)
    near = np.maximum(np.append(0.0, h), np.append(h, 0.0))
    near = np.maximum(near, LONG * (arcs.end - arcs.start)[points.arc])  # the first steps after a dose are tiny
    # After the window there is one point only: its slope counts as long as that of the last step before it.
    after = np.flatnonzero(arcs.edge[points.arc] > 0)
    near[after] = near[after - 1]
    sign = np.zeros(2 * points.arc.size)
    sign[0::2] = np.where(np.abs(points.s) * near > floor[who], np.sign(points.s), 0.0)
    sign[0::2][arcs.edge[points.arc] < 0] = 0.0
    jump = np.where(same | (who[1:] != who[:-1]), 0.0, np.diff(points.y))
    sign[1:-1:2] = np.where(np.abs(jump) > floor[who[1:]], np.sign(jump), 0.0)
    moving = np.flatnonzero(sign)
    a, b = moving[:-1], moving[1:]
    turn = (who[a // 2] == who[b // 2]) & (sign[a] != sign[b])
    a, b = a[turn], b[turn]
    i, j = a // 2, b // 2
    smooth = (a % 2 == 0) & (b % 2 == 0) & (points.arc[i] == points.arc[j]) & (j - i <= 2)
    flat = np.where((a % 2 == 1) | (points.arc[np.minimum(i + 1, points.arc.size - 1)] == points.arc[i]), i + 1, i)
    place = np.where(smooth, i, flat)
    keep = arcs.edge[points.arc[place]] == 0
    return sign[a][keep], place[keep], np.where(smooth, j, place)[keep], smooth[keep]


def lasting(who: Integers, y: Array, fixed: Flags, floor: Array) -> Flags:
    """Say which extremes are no rounding: pairs of neighbours nearer than the floor are taken out, smallest first.

    Parameters
    ----------
    who, y : arrays, shape (extremes,)
        Subject and value, in order; the first and the last of a subject stand for the ends of the window.
    fixed : array of bool, shape (extremes,)
        Which are never taken out.
    floor : array, shape (subjects,)
        What is too little.
    """
    kept = np.arange(who.size)
    while kept.size > 1:
        gap = np.where(who[kept[1:]] == who[kept[:-1]], np.abs(np.diff(y[kept])), np.inf)
        gap[fixed[kept[1:]] & fixed[kept[:-1]]] = np.inf
        small = gap <= floor[who[kept[1:]]]
        least = small & (gap < np.append(gap[1:], np.inf)) & (gap <= np.append(np.inf, gap[:-1]))
        if not least.any():
            break
        out = np.append(least, False) | np.append(False, least)
        kept = kept[~out | fixed[kept]]
    real = np.zeros(who.size, dtype=bool)
    real[kept] = True
    return real


def roots(course: Course, arcs: Arcs, left: CoursePoints, right: CoursePoints, level: Array | None) -> CoursePoints:
    """Narrow all brackets together and return where y is ``level``, or where the slope is 0 if there is no level.

    Every round asks for the middle of each bracket, the root that a cubic expects, and a little at either side of it.
    """
    if not left.arc.size:
        return left
    index = np.argsort(left.arc, kind="stable")
    left, right = left.take(index), right.take(index)
    limit = None if level is None else level[index]
    for _ in range(MOST):
        h, arc = right.time - left.time, left.arc
        length = arcs.end[arc] - arcs.start[arc]
        wide = np.flatnonzero(h > np.maximum(NARROW * length, 4 * np.spacing(np.abs(right.time))))
        if not wide.size:
            break
        a, b = left.take(wide), right.take(wide)
        x = _expected(a, b, h[wide] > 1e-3 * length[wide], None if limit is None else limit[wide])
        shares = np.sort(np.clip([x - NEAR, x, x + NEAR, np.full_like(x, 0.5)], 0.0, 1.0), axis=0)
        time = np.minimum(a.time + shares * h[wide], b.time).T
        asked = evaluated(course, arcs, np.repeat(a.arc, 4), time.ravel())
        rows = CoursePoints(*(np.column_stack([getattr(a, f.name), getattr(asked, f.name).reshape(-1, 4),
                                         getattr(b, f.name)]) for f in fields(CoursePoints)))  # fmt: skip
        g = rows.s if limit is None else rows.y - limit[wide][:, None]
        first = np.argmax(np.sign(g[:, 1:]) != np.sign(g[:, :1]), axis=1) + 1
        for old, k in ((left, first - 1), (right, first)):
            for f in fields(CoursePoints):
                getattr(old, f.name)[wide] = getattr(rows, f.name)[np.arange(wide.size), k]
    g0, g1 = (_of(p, limit, slice(None)) for p in (left, right))
    x = _chord(g0, g1)
    time = np.clip(left.time + x * (right.time - left.time), left.time, right.time)
    crossings = evaluated(course, arcs, left.arc, time)
    back = np.empty_like(index)
    back[index] = np.arange(index.size)
    return crossings.take(back)


def _of(points: CoursePoints, limit: Array | None, which: Integers | slice) -> Array:
    return points.s if limit is None else points.y - limit[which]


def _expected(left: CoursePoints, right: CoursePoints, curved: Flags, limit: Array | None) -> Array:
    """Root expected in (0, 1): of the cubic, or of the chord where a bracket is so small that the cubic is rounding."""
    g0, g1 = (_of(p, limit, slice(None)) for p in (left, right))
    c0, c1, c2, c3 = cubic(right.time - left.time, left, right)
    low, high = np.zeros(g0.size), np.ones(g0.size)
    for _ in range(30):
        x = 0.5 * (low + high)
        g = c1 + x * (2 * c2 + x * 3 * c3) if limit is None else c0 - limit + x * (c1 + x * (c2 + x * c3))
        before = np.sign(g) == np.sign(g0)
        low, high = np.where(before, x, low), np.where(before, high, x)
    share: Array = np.where(curved & (c1 != 0), low, _chord(g0, g1))
    return share


def _chord(g0: Array, g1: Array) -> Array:
    """Where the chord is zero, as a share; the middle where values are missing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        x = g0 / (g0 - g1)
    return np.where(np.isfinite(x), x, 0.5)
