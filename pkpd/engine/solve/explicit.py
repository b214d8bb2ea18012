"""The adaptive explicit solver: integrates `LANES` subjects at once, each at its own pace; compiled once per machine.

Every lane has its own subject, segment, time and step. A lane that has finished its subject takes the next one, so no
lane waits for another. Whatever is in the other lanes, a subject's numbers are the same to the last bit: nothing that
is computed mixes lanes.
"""

from __future__ import annotations

import numpy as np

from pkpd.engine.machine.jit import LANES, lanes_jit
from pkpd.engine.machine.pointer import call
from pkpd.engine.solve.dop853 import dop853_dense, dop853_errors, dop853_extra, dop853_stages
from pkpd.engine.solve.segment_start import begin_segment
from pkpd.engine.status import NOT_FINITE, OK, STIFF, TOO_MANY, UNDERFLOW

LANDINGS = 2  # requested times in a step; with more of them the step is not cut but interpolated
INTERPOLATED = 0.02  # the error that such a step may have, in units of the tolerance
EDGE = 6.1  # |h·λ| at which the step is held by stability and not by accuracy (Hairer's dop853)
PROOF, WORTH_IT = 15, 500  # steps at the edge, and steps still to come, before equations are called stiff
# Whole numbers of a lane: subject (-1: idle), segment, first segment, end of its segments, next requested time, end of
# these, row of the result that belongs to requested time 0, whether the segment has just begun, whether the last step
# was refused, steps at the edge of stability and away from it.
SUBJECT, SEGMENT, FIRST, LAST, NEXT, UNTIL, ROW, FRESH, REFUSED, AT_EDGE, OFF_EDGE = range(11)
TIME, END, STEP, LEFT, PLANNED, AHEAD, SIZE = range(7)  # numbers of a lane; LEFT counts the steps that may be taken


@lanes_jit
def settle(lane, following, who, rhs, given, lines, steps, atol, here, now, y, q, absolute, single, out):  # type: ignore[no-untyped-def]
    """Bring a lane to the next stretch of time, of its subject or of the next one; return who follows.

    Requested times at the start of a segment, and segments without length, are answered on the way.

    Parameters
    ----------
    lane, following : int
        The lane; place in ``who`` of the next subject that no lane has taken.
    who : array of int, shape (subjects to solve,)
        Subjects.
    rhs : int
        Address of the right-hand side for one subject.
    given, lines, atol, out
        As for `solve_explicit`.
    steps : float
        Steps that a subject may take.
    here, now : arrays, 11 × LANES (int) and 7 × LANES
        Where every lane is; rows are named above.
    y, q, absolute : arrays, (components · LANES,), (arguments · LANES,), (components · LANES,)
        States, arguments and absolute tolerances of all lanes.
    single : tuple of arrays
        For one lane: state (components,); arguments of every lane (LANES × arguments), kept because a segment changes
        only some of them; dy/dt (components,) and time (1,).
    """
    line_of_subject, segments, start, end, first, time, times, rows = lines
    z, q_of_lane, dydt, clock = single
    n, width = z.shape[0], q_of_lane.shape[1]
    while True:  # over segments that need no integration
        here[SEGMENT, lane] += 1
        if here[SUBJECT, lane] < 0 or here[SEGMENT, lane] >= here[LAST, lane]:
            if following >= who.shape[0]:
                here[SUBJECT, lane] = -1  # nobody is left: the lane idles, its numbers stay finite
                return following
            i = who[following]
            following += 1
            line = line_of_subject[i]
            here[SUBJECT, lane] = i
            here[SEGMENT, lane] = segments[line]
            here[FIRST, lane] = segments[line]
            here[LAST, lane] = segments[line + 1]
            here[ROW, lane] = rows[i] - times[line]  # so that ROW + place in `time` is a row of the result
            now[LEFT, lane] = steps
            for k in range(n):
                absolute[k * LANES + lane] = atol[i, k]
        else:
            for k in range(n):  # from lanes side by side to one subject, and back below
                z[k] = y[k * LANES + lane]
        i, s = here[SUBJECT, lane], here[SEGMENT, lane]
        begin_segment(rhs, i, s, s - here[FIRST, lane], start[s], z, q_of_lane[lane], given, dydt, clock)
        done, until = first[s + line_of_subject[i]], first[s + line_of_subject[i] + 1]
        while done < until and (end[s] <= start[s] or time[done] <= start[s]):
            out[here[ROW, lane] + done] = z
            done += 1
        for k in range(n):
            y[k * LANES + lane] = z[k]
        if end[s] > start[s]:
            for k in range(width):
                q[k * LANES + lane] = q_of_lane[lane, k]
            here[NEXT, lane], here[UNTIL, lane], here[FRESH, lane] = done, until, 1
            here[REFUSED, lane], here[AT_EDGE, lane], here[OFF_EDGE, lane] = 0, 0, 0
            now[TIME, lane], now[END, lane], now[STEP, lane] = start[s], end[s], 0.0
            return following


@lanes_jit
def first_steps(rhs, here, now, y, k, w, at, q, absolute, rtol):  # type: ignore[no-untyped-def]
    """Choose the first step of every lane that has just begun (Hairer, Nørsett & Wanner, II.4); k[0] holds dy/dt.

    ``here``, ``now``, ``y``, ``q`` and ``absolute`` are as in `settle`; ``k`` is stages × (components · LANES), of
    which k[1] is overwritten; ``w`` (components · LANES,) and ``at`` (LANES,) are scratch.
    """
    n = y.shape[0] // LANES
    for lane in range(LANES):
        now[STEP, lane] = now[STEP, lane] if here[FRESH, lane] == 0 else 0.0
        if here[FRESH, lane] == 1 and here[SUBJECT, lane] >= 0:
            size, rate = 0.0, 0.0
            for j in range(n):
                i = j * LANES + lane
                scale = absolute[i] + rtol * abs(y[i])
                size += (y[i] / scale) ** 2
                rate += (k[0, i] / scale) ** 2
            size, rate = np.sqrt(size / n), np.sqrt(rate / n)
            h = 1e-6 if size < 1e-5 or rate < 1e-5 else 0.01 * size / rate
            now[STEP, lane] = min(h, now[END, lane] - now[TIME, lane])
            now[SIZE, lane] = rate
        # One call serves all lanes: those that do not begin take a step of zero, and what comes out is not read.
        at[lane] = now[TIME, lane] + now[STEP, lane]
        for j in range(n):
            w[j * LANES + lane] = y[j * LANES + lane] + now[STEP, lane] * k[0, j * LANES + lane]
    call(rhs, at, w, q, k[1])
    for lane in range(LANES):
        if here[FRESH, lane] == 1 and here[SUBJECT, lane] >= 0:
            bend, h = 0.0, now[STEP, lane]
            for j in range(n):
                i = j * LANES + lane
                bend += ((k[1, i] - k[0, i]) / (absolute[i] + rtol * abs(y[i]))) ** 2
            top = max(now[SIZE, lane], np.sqrt(bend / n) / h)
            h1 = max(1e-6, h * 1e-3) if not top > 1e-15 else eighth_root(0.01 / top)
            now[STEP, lane] = min(100.0 * h, h1, now[END, lane] - now[TIME, lane])


@lanes_jit
def aim(lane, here, now, time):  # type: ignore[no-untyped-def]
    """Choose where the step of a lane ends: at the end of the segment, at a requested time, or after the full step.

    Where more than `LANDINGS` requested times lie inside, they are interpolated: returns whether. ``here`` and ``now``
    are as in `settle`; ``time`` (times,) holds all requested times.
    """
    h = now[STEP, lane]
    now[PLANNED, lane] = h
    t, end, done = now[TIME, lane], now[END, lane], here[NEXT, lane]
    ahead = end if t + 1.0000001 * h >= end else t + h
    inside = 0
    while done + inside < here[UNTIL, lane] and inside <= LANDINGS and time[done + inside] < ahead:
        inside += 1
    if 0 < inside <= LANDINGS:
        ahead = time[done]
    now[AHEAD, lane] = ahead
    now[STEP, lane] = ahead - t
    return inside > LANDINGS


@lanes_jit
def edge(lane, here, now, y, k, w):  # type: ignore[no-untyped-def]
    """Whether stability has long held the steps of a lane: |h·λ| of the fastest mode, from the last stage of the step
    before and dy/dt at its end (Hairer & Wanner, IV.2).

    ``here`` and ``now`` are as in `settle`; ``y`` and ``w`` (components · LANES,) are the state and the point of the
    last stage; ``k`` (stages × components · LANES) holds dy/dt at both, in rows 0 and 11.
    """
    rates, states = 0.0, 0.0
    for j in range(y.shape[0] // LANES):
        i = j * LANES + lane
        rates += (k[0, i] - k[11, i]) ** 2
        states += (y[i] - w[i]) ** 2
    h = now[SIZE, lane]  # of the step before
    if h * h * rates > EDGE * EDGE * states:
        here[AT_EDGE, lane] += 1
        here[OFF_EDGE, lane] = 0
        return here[AT_EDGE, lane] >= PROOF and now[END, lane] - now[TIME, lane] > WORTH_IT * h
    if here[AT_EDGE, lane] > 0:
        here[OFF_EDGE, lane] += 1
        if here[OFF_EDGE, lane] == 6:  # accuracy holds the steps again (as in Hairer's dop853)
            here[AT_EDGE, lane] = 0
    return False


@lanes_jit
def dop853_interpolate(lane, f, y, x, out):  # type: ignore[no-untyped-def]
    """Write the interpolant of a lane at the share x of the step to ``out`` (components,).

    ``f`` (7 × components) are its coefficients, ``y`` (components · LANES,) the state before the step.
    """
    x1 = 1.0 - x
    for j in range(out.shape[0]):
        inner = f[3, j] + x * (f[4, j] + x1 * (f[5, j] + x * f[6, j]))
        out[j] = y[j * LANES + lane] + x * (f[0, j] + x1 * (f[1, j] + x * (f[2, j] + x1 * inner)))


@lanes_jit
def eighth_root(x):  # type: ignore[no-untyped-def]
    """Return x^(1/8), faster than a power."""
    return np.sqrt(np.sqrt(np.sqrt(x)))


@lanes_jit
def refuse(lane, error, here, now):  # type: ignore[no-untyped-def]
    """Shorten a step that was not good enough; return a status if it cannot be shortened any more.

    ``here`` and ``now`` are as in `settle`; ``error`` is that of the step in units of the tolerance.
    """
    h = min(now[STEP, lane], now[PLANNED, lane])  # the step itself may have been rounded up, for ever
    h *= 0.2 if not np.isfinite(error) else max(0.2, 0.9 / eighth_root(error))
    now[STEP, lane], here[REFUSED, lane] = h, 1
    if h < 4e-16 * max(abs(now[TIME, lane]), abs(now[END, lane])) or h == 0.0:
        return UNDERFLOW if np.isfinite(error) else NOT_FINITE
    return OK


@lanes_jit
def accept(lane, error, many, here, now, y, new, k, f, time, out):  # type: ignore[no-untyped-def]
    """Take a good step: answer the requested times inside it, move on, choose the next step.

    ``here`` and ``now`` are as in `settle`; ``y`` and ``new`` (components · LANES,) are the states before and after the
    step, ``k`` (16 × components · LANES) its stages, ``f`` (7 × components) scratch for the interpolant where ``many``
    requested times lie inside, ``time`` (times,) all of them, ``out`` (rows × components) the result.
    """
    t, h, ahead = now[TIME, lane], now[STEP, lane], now[AHEAD, lane]
    done = here[NEXT, lane]
    if many:
        dop853_dense(lane, h, y, new, k, f)
    while done < here[UNTIL, lane] and time[done] <= ahead:
        target = out[here[ROW, lane] + done]
        if time[done] == ahead:
            for j in range(target.shape[0]):
                target[j] = new[j * LANES + lane]
        else:
            dop853_interpolate(lane, f, y, (time[done] - t) / h, target)
        done += 1
    here[NEXT, lane], now[TIME, lane], now[SIZE, lane] = done, ahead, h
    for j in range(y.shape[0] // LANES):
        y[j * LANES + lane] = new[j * LANES + lane]
    grow = 6.0 if error < 1e-10 else min(6.0, max(0.333, 0.9 / eighth_root(error)))
    planned = now[PLANNED, lane]
    # After a refusal the step does not grow at once; one that was cut to land on a time goes back to what was planned.
    now[STEP, lane] = max(h * (min(1.0, grow) if here[REFUSED, lane] else grow), planned if h < 0.99 * planned else 0.0)
    here[REFUSED, lane] = 0


@lanes_jit
def examine(lane, report, here, now, stepped, y, k, w):  # type: ignore[no-untyped-def]
    """Return why a lane cannot go on from where it is, or OK.

    ``here`` and ``now`` are as in `settle`; ``stepped`` (LANES,) says which lanes have just taken a step, ``report``
    whether stiff equations are to be reported; ``y``, ``k`` and ``w`` are as in `edge`.
    """
    if now[LEFT, lane] <= 0.0:
        return TOO_MANY
    if here[FRESH, lane] == 1:
        for j in range(y.shape[0] // LANES):
            if not np.isfinite(k[0, j * LANES + lane]):
                return NOT_FINITE
    elif report and stepped[lane]:
        stepped[lane] = False
        if edge(lane, here, now, y, k, w):
            return STIFF
    return OK


@lanes_jit
def solve_explicit(who, model, given, lines, control, atol, out, status):  # type: ignore[no-untyped-def]
    """Integrate the subjects of ``who`` and write their states at the requested times.

    Parameters
    ----------
    who : array of int, shape (subjects to solve,)
        Subjects; nothing of the others is touched.
    model : tuple of int
        Addresses of the right-hand side for `LANES` subjects and for one, and how many numbers it reads.
    given : tuple
        What happens when a segment begins, see `segment_start.begin_segment`.
    lines : tuple of arrays
        Time lines: line of each subject (subjects,); where each line's segments begin (lines + 1,); start and end of
        the segments (segments,); first requested time of each (segments + lines,); the times (times,); where those of
        each line begin (lines + 1,); where each subject's rows begin (subjects + 1,).
    control : array, shape (3,)
        rtol, the steps that may be taken, and 1 where stiff equations are to be reported.
    atol : array, subjects × components
        Absolute tolerance.
    out : array, rows × components
        States, then sensitivities, at the requested times, written.
    status : array of int, shape (subjects,)
        Written where a subject cannot be finished.
    """
    rhs, alone, width = model
    rtol, steps, time, n = control[0], control[1], lines[5], given[0][1].shape[1]
    wide = n * LANES
    y, new, w, spare, h, absolute = (np.zeros(wide), np.zeros(wide), np.zeros(wide), np.zeros(wide), np.zeros(wide),
                                     np.ones(wide))  # fmt: skip
    k, f, q = np.zeros((16, wide)), np.zeros((7, n)), np.zeros(width * LANES)
    at, five, three = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    here, now = np.zeros((11, LANES), dtype=np.int64), np.zeros((7, LANES))
    single = (np.zeros(n), np.zeros((LANES, width)), np.zeros(n), np.zeros(1))
    many, stepped = np.zeros(LANES, dtype=np.bool_), np.zeros(LANES, dtype=np.bool_)
    here[SUBJECT] = -1
    following, moved = np.int64(0), np.ones(LANES, dtype=np.bool_)
    while True:
        for lane in range(LANES):
            if moved[lane]:  # at the end of a segment, or without a subject
                following = settle(
                    lane, following, who, alone, given, lines, steps, atol, here, now, y, q, absolute, single, out
                )
                moved[lane], stepped[lane] = False, False
        if here[SUBJECT].max() < 0:
            return
        call(rhs, now[TIME], y, q, k[0])
        fresh, failed = False, False
        for lane in range(LANES):
            if here[SUBJECT, lane] >= 0:
                found = examine(lane, control[2] == 1.0, here, now, stepped, y, k, w)
                if found != OK:
                    status[here[SUBJECT, lane]] = found
                    here[SUBJECT, lane] = -1
                    moved[lane], failed = True, True
                fresh = fresh or here[FRESH, lane] == 1
        if failed:
            continue
        if fresh:
            first_steps(rhs, here, now, y, k, spare, at, q, absolute, rtol)
        for lane in range(LANES):
            here[FRESH, lane] = 0
            many[lane] = False
            if here[SUBJECT, lane] < 0:
                now[STEP, lane] = 0.0  # an idle lane stands still
            else:
                now[LEFT, lane] -= 1.0
                many[lane] = aim(lane, here, now, time)
        for j in range(n):
            h[j * LANES : (j + 1) * LANES] = now[STEP]
        dop853_stages(rhs, now[TIME], h, y, new, k, w, at, q)
        dop853_errors(k, y, new, absolute, rtol, five, three)
        dense_wanted = False
        for lane in range(LANES):
            below = five[lane] + 0.01 * three[lane]  # the error estimate of Hairer's dop853, of both orders
            if below != 0.0:
                five[lane] *= now[STEP, lane] / np.sqrt(below * n)
            if many[lane]:
                five[lane] /= INTERPOLATED
                dense_wanted = dense_wanted or five[lane] <= 1.0
        if dense_wanted:
            dop853_extra(rhs, now[TIME], h, y, new, k, spare, at, q)
        for lane in range(LANES):
            if here[SUBJECT, lane] < 0:
                continue
            if five[lane] <= 1.0:
                accept(lane, five[lane], many[lane], here, now, y, new, k, f, time, out)
                moved[lane] = now[TIME, lane] >= now[END, lane]
                stepped[lane] = True
            else:
                found = refuse(lane, five[lane], here, now)
                stepped[lane] = False
                if found != OK:
                    status[here[SUBJECT, lane]] = found
                    here[SUBJECT, lane] = -1
                    moved[lane] = True
