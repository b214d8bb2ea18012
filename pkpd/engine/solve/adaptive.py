"""The loop around a step: integrates `LANES` subjects at once, each at its own pace, by whatever method.

Every lane has its own subject, segment, time and step. A lane that has finished its subject takes the next one, so no
lane waits for another. Whatever is in the other lanes, a subject's numbers are the same to the last bit: nothing that
is computed mixes lanes. This loop has to do with a lane only when the step reports it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pkpd.engine.machine.jit import LANES, bare_jit, inner_jit
from pkpd.engine.machine.pointer import call, call_lanes
from pkpd.engine.machine.rows import aligned, kept_room
from pkpd.engine.machine.steps.frame import BEFORE as BEGAN
from pkpd.engine.machine.steps.frame import (
    DENSE,
    END,
    FINAL,
    FRESH,
    IDLE,
    LEFT,
    NEXT,
    REFUSED,
    STATUS,
    STEP,
    STEPS_OF_SEGMENT,
    TAKEN,
    TIME,
    WORTH,
)
from pkpd.engine.solve import segment_start as start
from pkpd.engine.solve.crossings import cross_over, look_ahead, look_back
from pkpd.engine.solve.limits import FEWEST, FIRST_PEAK, NOTHING
from pkpd.engine.solve.segment_start import Scratch, begin_segment
from pkpd.engine.solve.switches import Watch, WatchRoom, watch_room, watches
from pkpd.engine.status import OK, UNSEARCHABLE

# Whole numbers of a lane: subject (-1: none), segment, end of its segments, next requested time, end of these, row of
# the result that belongs to requested time 0, whether something has switched in the last step.
SUBJECT, SEGMENT, LAST, ASKED, UNTIL, RESULT, SWITCHED = range(7)
_SOON, _MOMENT = 1e-6, 1e-10  # parts of the whole time
_LOOKS = 32  # moments at which something may be happening where nothing does at first


class Method(NamedTuple):
    """Addresses of what a method has as machine code (see `machine/steps`), and where things stand.

    `step`, `dense` and `values` are over lanes (`dense` 0: nothing to prepare), `rhs` is for one subject; `landings` is
    how many requested times inside a step are stepped on. Then the entries of `state` at which the blocks begin, and
    what is watched besides the error.
    """

    step: int
    dense: int
    values: int
    rhs: int
    landings: int
    y: int
    peak: int
    fixed: int
    kept: int
    q: int
    watch: Watch


class RequestedTimes(NamedTuple):
    """Requested times: the first of each segment (segments + lines,), all of them (times,)."""

    first: Any
    time: Any


class Space(NamedTuple):
    """Where the loop works: state and work of the step (numbers,), whole numbers of the lanes (7 × lanes), points to
    interpolate (2 · lanes,), what is found there (components · lanes,), what is needed when segments begin, and when
    something switches."""

    state: Any
    work: Any
    here: Any
    points: Any
    found: Any
    scratch: Scratch
    watched: WatchRoom


def space_of(sizes: tuple[int, int], components: int, arguments: int, watched: tuple[int, int, int, int]) -> Space:
    """Return room for a loop; `sizes` are the entries of state and work, `watched` the rest of `watch_room`'s."""

    def make() -> Space:
        scratch = Scratch(np.zeros(components), np.zeros((LANES, arguments)), np.zeros(components), np.zeros(1))
        return Space(
            aligned(sizes[0] * LANES), aligned(sizes[1] * LANES), np.zeros((7, LANES), dtype=np.int64),
            aligned(2 * LANES), aligned(components * LANES), scratch, watch_room(components, *watched),
        )  # fmt: skip

    found: Space = kept_room(("adaptive", sizes, components, arguments, watched), make)
    return found


@inner_jit
def ahead(lane, method, time, space):  # type: ignore[no-untyped-def]
    """Tell the step the lane's next requested time, and the first that is not stepped on."""
    here, state = space.here, space.state
    if method.watch.many > method.watch.timed:  # every step is looked at: no requested time is stepped on
        state[NEXT * LANES + lane], state[DENSE * LANES + lane] = -np.inf, -np.inf
        return
    done, until = here[ASKED, lane], here[UNTIL, lane]
    state[NEXT * LANES + lane] = time[done] if done < until else np.inf
    done += method.landings
    state[DENSE * LANES + lane] = time[done] if done < until else np.inf


@inner_jit
def sizes_from_nothing(lane, i, s, method, begin, space):  # type: ignore[no-untyped-def]
    """Give the components of a subject in which all is zero a size: what their rates make of them in a moment.

    The rates are those at the start and a little later, when what drives has begun; if these are all zero, those at
    moments of the whole run. Where a rate is zero the size is a small part of the largest; where all are zero (nothing
    is given, or a switch has yet to begin it) it is next to nothing, but its square still is a number.

    Parameters
    ----------
    lane, i, s : int
        The lane, its subject, the subject's first segment, which has begun.
    method, begin, space
        As for `solve_lanes`.
    """
    state, scratch = space.state, space.scratch
    n, since = scratch.y.shape[0], begin.segments[s, start.START]
    long, largest = begin.segments[begin.subjects[i, start.LAST] - 1, start.END] - since, 0.0
    for look in range(_LOOKS + 2):
        if look >= 2 and largest > 0.0:
            break
        moment = look * _SOON if look < 2 else (look - 1.5) / _LOOKS
        scratch.clock[0] = since + moment * long
        call(method.rhs, scratch.clock, scratch.y, space.scratch.q[lane], scratch.dydt)
        for k in range(n):
            size = _MOMENT * long * abs(scratch.dydt[k])
            if np.isfinite(size):
                place = (method.peak + k) * LANES + lane
                state[place], largest = max(state[place], size), max(largest, size)
    for k in range(n):
        if state[(method.peak + k) * LANES + lane] == 0.0:
            state[(method.peak + k) * LANES + lane] = max(NOTHING * largest, FEWEST)


@inner_jit
def settle(lane, following, who, method, tables, space, out):  # type: ignore[no-untyped-def]
    """Bring a lane to the next stretch of time, of its subject or of the next one; return who follows.

    Requested times at the start of a segment, and segments without length, are answered on the way.

    Parameters
    ----------
    lane, following : int
        The lane; place in ``who`` of the next subject that no lane has taken.
    who : array of int, shape (subjects to solve,)
        Subjects.
    method, tables, space, out
        As for `solve_lanes`.
    """
    begin, asked, limits = tables
    here, state, z = space.here, space.state, space.scratch.y
    n, q = z.shape[0], space.scratch.q[lane]
    while True:  # over segments that need no integration
        here[SEGMENT, lane] += 1
        if here[SUBJECT, lane] < 0 or here[SEGMENT, lane] >= here[LAST, lane]:
            if following >= who.shape[0]:
                here[SUBJECT, lane] = -1
                state[STATUS * LANES + lane] = IDLE
                return following
            i = who[following]
            following += 1
            here[SUBJECT, lane], here[RESULT, lane] = i, begin.subjects[i, start.RESULT]
            here[SEGMENT, lane], here[LAST, lane] = begin.subjects[i, start.FIRST], begin.subjects[i, start.LAST]
            state[LEFT * LANES + lane] = limits[i, 0]
            state[STATUS * LANES + lane] = OK
            count, last = 0, here[LAST, lane]
            for s in range(here[SEGMENT, lane], last):
                count += begin.segments[s, start.END] > begin.segments[s, start.START]
            state[WORTH * LANES + lane] = STEPS_OF_SEGMENT * count
            state[FINAL * LANES + lane] = begin.segments[last - 1, start.END] if count > 0 else 0.0
            for k in range(3 * n):  # peak, fixed, kept
                state[(method.peak + k) * LANES + lane] = limits[i, 1 + k]
        else:
            for k in range(n):  # from lanes side by side to one subject, and back below
                z[k] = state[(method.y + k) * LANES + lane]
        i, s = here[SUBJECT, lane], here[SEGMENT, lane]
        begin_segment(method.rhs, i, s, begin, q, space.scratch, method.watch, space.watched)
        if limits[i, FIRST_PEAK] == 0.0 and s == begin.subjects[i, start.FIRST]:
            sizes_from_nothing(lane, i, s, method, begin, space)
        since, end = begin.segments[s, start.START], begin.segments[s, start.END]
        first = s + begin.subjects[i, start.LINE]
        done, until = asked.first[first], asked.first[first + 1]
        while done < until and (end <= since or asked.time[done] <= since):
            for k in range(n):
                out[here[RESULT, lane] + done, k] = z[k]
            done += 1
        for k in range(n):
            state[(method.y + k) * LANES + lane] = z[k]
            state[(method.peak + k) * LANES + lane] = max(state[(method.peak + k) * LANES + lane], abs(z[k]))
        if end > since:
            for k in range(q.shape[0]):
                state[(method.q + k) * LANES + lane] = q[k]
            here[ASKED, lane], here[UNTIL, lane] = done, until
            state[TIME * LANES + lane], state[END * LANES + lane] = since, end
            state[FRESH * LANES + lane], state[REFUSED * LANES + lane] = 1.0, 0.0
            state[BEGAN * LANES + lane], state[TAKEN * LANES + lane] = since, 0.0
            ahead(lane, method, asked.time, space)
            return following


@inner_jit
def answer(lane, dense, method, time, space, out):  # type: ignore[no-untyped-def]
    """Write the values at the requested times that a lane's last step has reached; return whether ``dense`` holds.

    The interpolant is prepared, for all lanes at once, when the first time inside a step is asked for; ``dense`` says
    whether that was done since the step. Other arguments are as for `solve_lanes`.
    """
    here, state, points = space.here, space.state, space.points
    now, began, size = state[TIME * LANES + lane], state[BEGAN * LANES + lane], state[TAKEN * LANES + lane]
    done, until, n = here[ASKED, lane], here[UNTIL, lane], out.shape[1]
    while done < until and time[done] <= now:
        row = here[RESULT, lane] + done
        if time[done] == now:
            for k in range(n):
                out[row, k] = state[(method.y + k) * LANES + lane]
            done += 1
            continue
        if not dense:
            if method.dense != 0:
                call_lanes(method.dense, state, space.work, points)
            dense = True
        for j in range(LANES):  # so many points at once
            point = min(time[min(done + j, until - 1)], now) - began
            points[j], points[LANES + j] = point, point / size
        call_lanes(method.values, points, space.work[lane:], space.found)
        for j in range(LANES):
            if done < until and time[done] < now:
                for k in range(n):
                    out[row + j, k] = space.found[k * LANES + j]
                done += 1
    here[ASKED, lane] = done
    ahead(lane, method, time, space)
    return dense


@bare_jit
def solve_lanes(who, method, tables, control, space, out, status):  # type: ignore[no-untyped-def]
    """Integrate the subjects of ``who`` and write their vectors at the requested times.

    Parameters
    ----------
    who : array of int, shape (subjects to solve,)
        Subjects; nothing of the others is touched.
    method : Method
        The method.
    tables : tuple
        What happens when segments begin (`segment_start.StartTables`); requested times (`RequestedTimes`); of every
        subject the steps that it may take, then by component the first peak, the fixed absolute tolerance and whether
        it is kept from becoming negative (subjects × (1 + 3 · components)). Of a subject that cannot be finished the
        steps become those that were still to come at its pace.
    control : array
        What `machine/steps/frame.py` says.
    space : Space
        Room to work in.
    out : array, rows × components
        States, then sensitivities, at the requested times, written.
    status : array of int, shape (subjects,)
        Written where a subject cannot be finished.
    """
    here, state = space.here, space.state
    for lane in range(LANES):  # all lanes are done with nobody
        here[SUBJECT, lane], here[SWITCHED, lane] = -1, 0
        state[STATUS * LANES + lane], state[TIME * LANES + lane], state[END * LANES + lane] = IDLE, 0.0, 0.0
    following, busy, reported = np.int64(0), LANES, (1 << LANES) - 1  # see `bare_jit`
    while busy > 0:
        dense = bool(0)  # not a literal: see `bare_jit`
        for lane in range(LANES):  # before anything that `dense` reads is overwritten
            if (reported >> lane) & 1 and state[STATUS * LANES + lane] == OK:
                if method.watch.many > method.watch.timed:
                    if not dense and method.dense != 0:
                        call_lanes(method.dense, state, space.work, space.points)
                    dense = True
                    here[SWITCHED, lane] = look_back(lane, method, space)
                dense = answer(lane, dense, method, tables[1].time, space, out)
        for lane in range(LANES):
            if not (reported >> lane) & 1:
                continue
            i, s = here[SUBJECT, lane], here[SEGMENT, lane]
            over = state[TIME * LANES + lane] >= state[END * LANES + lane]
            if watches(method.watch) and state[STATUS * LANES + lane] == OK:
                if not (over or here[SWITCHED, lane]):
                    continue
                if method.watch.many > 0:
                    cross_over(lane, method, tables[0], space)
                over = state[TIME * LANES + lane] >= tables[0].segments[s, start.END]
            if state[STATUS * LANES + lane] > OK:
                to_come = state[FINAL * LANES + lane] - state[TIME * LANES + lane]
                status[i], tables[2][i, 0] = int(state[STATUS * LANES + lane]), to_come / state[STEP * LANES + lane]
                if space.watched.lost[lane]:
                    status[i] = UNSEARCHABLE
                here[SUBJECT, lane], over = -1, True
            if over:
                following = settle(lane, following, who, method, tables, space, out)
                busy -= here[SUBJECT, lane] < 0
            if watches(method.watch) and here[SUBJECT, lane] >= 0:
                look_ahead(lane, here[SUBJECT, lane], here[SEGMENT, lane], method, tables[0], space)
        reported = 0
        while reported == 0 and busy > 0:
            reported = call_lanes(method.step, state, space.work, control)
