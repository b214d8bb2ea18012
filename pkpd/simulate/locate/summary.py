"""Extremes, crossings and times below and above, of one output of some subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.simulate.locate import roots
from pkpd.simulate.locate.course import Arcs, Course
from pkpd.simulate.locate.roots import CoursePoints

KINDS = ("minimum", "maximum", "rising", "falling")
SUBJECT, TIME, KIND, VALUE, LIMIT = range(5)
"""Columns of a table of events."""
PER_SUBJECT = ("nadir", "nadir_time", "peak", "peak_time", "time_below", "time_above")


@dataclass(frozen=True, eq=False)
class CourseSummary:
    """Extremes, crossings and times of some subjects.

    Attributes
    ----------
    events : array, shape (events, 5)
        Subject (its place), time, kind (place in `KINDS`), value, threshold; sorted.
    nadir, nadir_time, peak, peak_time : arrays, shape (subjects,)
        NaN for a subject without a course.
    time_below, time_above : arrays, shape (subjects, thresholds)
        Total times.
    """

    events: Array
    nadir: Array
    nadir_time: Array
    peak: Array
    peak_time: Array
    time_below: Array
    time_above: Array


def course_summary(course: Course, limits: Array, step: float | None, offset: int) -> CourseSummary:
    """Find everything about a course.

    Parameters
    ----------
    course : Course
        An output of some subjects.
    limits : array, shape (thresholds,)
        Thresholds.
    step : float, optional
        Longest step of the first grid.
    offset : int
        Number of the first subject.
    """
    n, noise = len(course.table), roots.NOISE * course.settings.rtol
    arcs = course.arcs()
    points = roots.grid(course, arcs, step)
    points = points.take((course.status == 0)[arcs.who[points.arc]])
    if not points.arc.size:
        by_subject, by_threshold = np.full((4, n), np.nan), np.full((2, n, limits.size), np.nan)
        return CourseSummary(np.empty((0, 5)), *by_subject, *by_threshold)
    size = np.zeros(n)
    np.maximum.at(size, arcs.who[points.arc], np.abs(points.y))
    sign, place, right, smooth = roots.turns(arcs, points, noise * size)
    exact = roots.roots(course, arcs, points.take(place[smooth]), points.take(right[smooth]), None)
    turned = points.take(place)
    turned.time[smooth], turned.y[smooth] = exact.time, exact.y
    real = _lasting(arcs, points, turned, place, noise * size)
    flat = place[smooth][right[smooth] - place[smooth] == 2] + 1  # beside an extremum, which takes its place
    points, _ = points.take(np.delete(np.arange(points.arc.size), flat)).joined(exact)
    floors = noise * np.where(limits == 0, size[:, None], np.abs(limits))
    crossed, times = _crossings(course, arcs, points, limits, floors)
    events = np.concatenate([_rows(arcs, turned, np.where(sign > 0, 1, 0), np.nan)[real], *crossed])
    events = events[np.lexsort((events[:, LIMIT], events[:, KIND], events[:, TIME], events[:, SUBJECT]))]
    events = events[course.status[events[:, SUBJECT].astype(int)] == 0]
    events[:, SUBJECT] += offset
    return CourseSummary(events, *_best(arcs, points, n, 1.0), *_best(arcs, points, n, -1.0), *times)


def _rows(arcs: Arcs, at: CoursePoints, kind: Integers, limit: float | Array) -> Array:
    return np.column_stack([arcs.who[at.arc], at.time, kind, at.y, np.broadcast_to(limit, at.time.shape)])


def _lasting(arcs: Arcs, points: CoursePoints, turned: CoursePoints, place: Integers, floor: Array) -> Flags:
    """Say which extremes are more than rounding, the ends of the window counted as such; those at jumps always are."""
    inside = np.flatnonzero(arcs.edge[points.arc] == 0)
    who = arcs.who[points.arc[inside]]
    first = np.unique(who, return_index=True)[1]
    ends = np.concatenate([inside[first], inside[np.append(first[1:], who.size) - 1]])
    everyone = np.concatenate([place, ends])
    rank = np.repeat([1, 0, 2], [place.size, first.size, first.size])
    people = arcs.who[points.arc[everyone]]
    time = np.concatenate([turned.time, points.time[ends]])
    order = np.lexsort((time, rank, people))
    alone = np.append(points.arc[1:] != points.arc[:-1], True) | np.append(True, points.arc[1:] != points.arc[:-1])
    fixed = (rank != 1) | (alone[everyone] & (time == points.time[everyone]))
    y = np.concatenate([turned.y, points.y[ends]])
    real = np.empty(order.size, dtype=bool)
    real[order] = roots.lasting(people[order], y[order], fixed[order], floor)
    return real[: place.size]


def _best(arcs: Arcs, points: CoursePoints, n: int, sign: float) -> tuple[Array, Array]:
    """Lowest (highest for sign −1) value of every subject inside the window, and the first time of it."""
    inside = points.take(arcs.edge[points.arc] == 0)
    who = arcs.who[inside.arc]
    order = np.lexsort((inside.time, sign * inside.y, who))
    first = order[np.unique(who[order], return_index=True)[1]]
    value, when = np.full(n, np.nan), np.full(n, np.nan)
    value[who[first]], when[who[first]] = inside.y[first], inside.time[first]
    return value, when


def _crossings(
    course: Course, arcs: Arcs, points: CoursePoints, limits: Array, floors: Array
) -> tuple[list[Array], tuple[Array, Array]]:
    """Return the events of every threshold, and total times below and above; points hold every extremum.

    Between two of them the course goes one way, so it crosses where they stand on two sides, once. What is within the
    floor of a threshold stands on it.
    """
    n = len(course.table)
    points = points.take(arcs.edge[points.arc] <= 0)
    who = arcs.who[points.arc]
    sides = np.zeros((limits.size, who.size))
    for m, limit in enumerate(limits):
        away = points.y - limit
        sides[m] = np.where(np.abs(away) > floors[who, m], np.sign(away), 0.0)
    events, smooth, which = [], [], []
    for m, limit in enumerate(limits):
        on = np.flatnonzero(sides[m])
        a, b = on[:-1], on[1:]
        over = (who[a] == who[b]) & (sides[m][a] != sides[m][b])
        a, b = a[over], b[over]
        inside = (points.arc[a] == points.arc[b]) & (b == a + 1)
        at = points.take(a[~inside] + 1)  # just after the jump, or where it comes to stand on the threshold
        events.append(_rows(arcs, at, np.where(sides[m][b[~inside]] > 0, 2, 3), limit))
        smooth.append(a[inside])
        which.append(np.full(int(inside.sum()), m))
    left, number = (
        np.concatenate([np.empty(0, dtype=np.int64), *smooth]),
        np.concatenate([np.empty(0, np.int64), *which]),
    )
    smooth_crossings = roots.roots(course, arcs, points.take(left), points.take(left + 1), limits[number])
    events.append(_rows(arcs, smooth_crossings, np.where(sides[number, left + 1] > 0, 2, 3), limits[number]))
    within = np.flatnonzero(points.arc[1:] == points.arc[:-1])
    totals = np.full((2, n, limits.size), np.nan)
    totals[:, np.unique(who)] = 0.0
    length = points.time[within + 1] - points.time[within]
    for k in range(limits.size):
        for place, sign in ((0, -1.0), (1, 1.0)):
            ends = sign * sides[k][within], sign * sides[k][within + 1]
            whole = np.where((np.maximum(*ends) > 0) & (np.minimum(*ends) >= 0), length, 0.0)
            totals[place, :, k] += np.bincount(who[within], whole, minlength=n)
    crossed_at = smooth_crossings.time
    since, until = crossed_at - points.time[left], points.time[left + 1] - crossed_at
    for place, sign in ((0, -1.0), (1, 1.0)):
        share = np.where(sign * sides[number, left] > 0, since, until)
        np.add.at(totals[place], (who[left], number), share)
    return events, (totals[0], totals[1])
