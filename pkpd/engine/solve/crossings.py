"""What happens when something switches: the moment is found in the last step, and derivatives jump with it."""

from __future__ import annotations

import numpy as np

from pkpd.engine.machine.jit import LANES, inner_jit
from pkpd.engine.machine.pointer import call, call_lanes
from pkpd.engine.machine.steps.frame import BEFORE as BEGAN
from pkpd.engine.machine.steps.frame import END, FINAL, FRESH, LEFT, REFUSED, STATUS, TAKEN, TIME
from pkpd.engine.solve import segment_start as start
from pkpd.engine.solve.switches import POINTS, next_landing, switched_sides
from pkpd.engine.status import SLIDES

_ROUNDS = 120  # each makes the interval in which something switches seven times shorter


@inner_jit
def sample(lane, left, right, method, space):  # type: ignore[no-untyped-def]
    """Write gaps and their rates at equidistant points of a lane's last step, both ends included.

    ``left`` and ``right`` are times since the step began; those of the points are left in ``space.watched.times``.
    """
    state, points, watch, room = space.state, space.points, method.watch, space.watched
    size, since, y = state[TAKEN * LANES + lane], state[BEGAN * LANES + lane], space.scratch.y
    for j in range(POINTS):
        room.times[j] = right if j == POINTS - 1 else left + (right - left) * j / (POINTS - 1)
    for begin in range(0, POINTS, LANES):
        for j in range(LANES):
            points[j], points[LANES + j] = room.times[begin + j], room.times[begin + j] / size
        call_lanes(method.values, points, space.work[lane:], space.found)
        for j in range(LANES):
            for k in range(y.shape[0]):
                y[k] = space.found[k * LANES + j]
            space.scratch.clock[0] = since + room.times[begin + j]
            call(watch.gaps, space.scratch.clock, y, space.scratch.q[lane], room.gaps)
            for k in range(2 * watch.many):
                room.points[begin + j, k] = room.gaps[k]


@inner_jit
def crossed(j, q, watch, table):  # type: ignore[no-untyped-def]
    """Return whether at point j of a table any gap is on its other side."""
    first = q.shape[0] - watch.many
    for k in range(watch.timed, watch.many):
        if table[j, k] != 0.0 and (table[j, k] > 0.0) != (q[first + k] > 0.5):
            return True
    return False


@inner_jit
def may_dip(j, length, q, watch, table):  # type: ignore[no-untyped-def]
    """Return whether between points j and j + 1 of a table, ``length`` apart, any gap may touch zero and return.

    It does if it comes nearer at first and goes away at last, and the tangents meet beyond zero.
    """
    first = q.shape[0] - watch.many
    for k in range(watch.timed, watch.many):
        sign = 1.0 if q[first + k] > 0.5 else -1.0
        a, b = sign * table[j, k], sign * table[j + 1, k]
        falls, rises = -sign * table[j, watch.many + k], sign * table[j + 1, watch.many + k]
        if falls > 0.0 and rises > 0.0 and (a * rises + b * falls) < falls * rises * length:
            return True
    return False


@inner_jit
def look_back(lane, method, space):  # type: ignore[no-untyped-def]
    """Return whether something has switched in a lane's last step; if so, the step is made to end there.

    The step is looked at in seven parts. The first in which a gap crosses, or may touch zero and return, is looked at
    again, until what crosses is known to rounding, or what dips stays on its side; then the rest of the step follows.
    """
    state, room, watch, q = space.state, space.watched, method.watch, space.scratch.q[lane]
    whole = state[TAKEN * LANES + lane]
    left, right, resume, found, last = 0.0, whole, whole, False, False
    for _ in range(_ROUNDS):
        sample(lane, left, right, method, space)
        if last:
            break
        j = np.int64(0)  # see `bare_jit`
        while j < POINTS - 1 and not crossed(j + 1, q, watch, room.points):
            if not found and may_dip(j, room.times[j + 1] - room.times[j], q, watch, room.points):
                break
            j += 1
        if j < POINTS - 1:
            dips = not crossed(j + 1, q, watch, room.points)
            if right == whole and not found:
                resume = room.times[j + 1]
            left, right, found = room.times[j], room.times[j + 1], not dips
            short = right - left <= 1e-15 * right
            if found and short:
                last = True
            if not short or found:
                continue
        if right == whole or resume == whole:  # nothing is left of the step
            return False
        left, right = resume, whole
    if not found:
        return False
    state[TIME * LANES + lane] = min(state[BEGAN * LANES + lane] + right, state[TIME * LANES + lane])
    for k in range(space.scratch.y.shape[0]):
        state[(method.y + k) * LANES + lane] = space.found[k * LANES + LANES - 1]
    return True


@inner_jit
def cross_over(lane, method, tables, space):  # type: ignore[no-untyped-def]
    """Take a lane across what switches now.

    The sensitivities jump by the difference of dy/dt before and after, times the derivative of the moment, which is
    that of the gap by the parameter over how fast the gap changes, with the opposite sign.
    """
    state, room, watch, scratch = space.state, space.watched, method.watch, space.scratch
    y, q, n = scratch.y, scratch.q[lane], scratch.y.shape[0]
    scratch.clock[0] = state[TIME * LANES + lane]
    for k in range(n):
        y[k] = state[(method.y + k) * LANES + lane]
    changed, first, parameters = False, q.shape[0] - watch.many, tables.places.shape[0]
    room.points[1, :] = 0.0
    for _ in range(watch.many + 1):  # one that has switched may carry others along
        if not switched_sides(watch, room, scratch.clock, y, q):
            break
        changed = True
        call(watch.slopes, scratch.clock, y, q, room.slopes)
        call(method.rhs, scratch.clock, y, q, room.before)
        for k in range(watch.many):
            if room.sides[k] == q[first + k]:
                continue
            rate = room.gaps[watch.many + k]
            room.points[0, k], room.points[1, k] = rate, room.sides[k] - q[first + k]
            q[first + k] = room.sides[k]
            state[(method.q + first + k) * LANES + lane] = room.sides[k]
            call(method.rhs, scratch.clock, y, q, room.after)
            if watch.rests[k] >= 0:  # what is left of it is rounding
                state[(method.y + watch.rests[k]) * LANES + lane] = y[watch.rests[k]] = 0.0
            for j in range(parameters):
                moved = -room.slopes[k * parameters + j] / rate if rate != 0.0 else 0.0
                for c in range(tables.places.shape[1]):
                    if tables.places[j, c] >= 0 and moved != 0.0:
                        place = (method.y + tables.places[j, c]) * LANES + lane
                        state[place] += (room.before[c] - room.after[c]) * moved
            for c in range(n):
                room.before[c] = room.after[c]
    if changed:
        state[FRESH * LANES + lane], state[REFUSED * LANES + lane] = 1.0, 0.0
        state[BEGAN * LANES + lane], state[TAKEN * LANES + lane] = state[TIME * LANES + lane], 0.0
        if slides(watch, room, scratch, q):
            state[STATUS * LANES + lane] = SLIDES


@inner_jit
def slides(watch, room, scratch, q):  # type: ignore[no-untyped-def]
    """Return whether a gap of a state that has just crossed goes back at once, by how it changes on the new side.

    How fast it changed before and which way it has crossed stand in the first two rows of ``room.points``.
    """
    call(watch.gaps, scratch.clock, scratch.y, q, room.gaps)
    for k in range(watch.timed, watch.many):
        was, now, way = room.points[0, k], room.gaps[watch.many + k], room.points[1, k]
        if way * was > 0.0 and way * now < 0.0:
            return True
    return False


@inner_jit
def look_ahead(lane, i, s, method, tables, space):  # type: ignore[no-untyped-def]
    """Find where the steps of a lane in segment s of subject i must end next; if that fails, the next step says so."""
    state, room = space.state, space.watched
    now, end = state[TIME * LANES + lane], tables.segments[s, start.END]
    first = tables.segments[tables.subjects[i, start.FIRST], start.START]
    times = now, end, first, state[FINAL * LANES + lane], space.scratch.clock
    landing = next_landing(method.watch, room, times, space.scratch.y, space.scratch.q[lane])
    room.lost[lane] = np.isnan(landing)
    if room.lost[lane]:
        state[LEFT * LANES + lane], landing = 0.0, end
    state[END * LANES + lane] = landing
