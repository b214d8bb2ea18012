"""The linear block of `LANES` subjects at once: every lane goes through its own subject's segments and requested times.

A turn brings every lane to its next requested time or to the end of its segment, by the exponential of the interval,
which is machine code made for the block (`machine/steps/linear`). A lane keeps its last exponential: regimens and
samples repeat their intervals to the bit, and where no lane needs another one, none is computed. What a lane computes
depends on nothing in the other lanes.
"""

from __future__ import annotations

import numpy as np

from pkpd.engine.machine.jit import LANES, bare_jit, part_jit
from pkpd.engine.machine.pointer import call, call_lanes
from pkpd.engine.machine.steps.linear_layout import AGAIN, MOVES, TAU
from pkpd.engine.solve.lane_results import write_lane
from pkpd.engine.status import GROWS, NOT_FINITE, OK
from pkpd.engine.timeline.segments import RESTART

# Whole numbers of a lane: subject (-1: none), segment, the first one and the end of its segments; next requested time
# and the end of these; row of values, and that with which outputs were last computed; place of the segment among those
# of all subjects; whether the segment is about to begin; whether the exponential belongs to it; whether something flows
# in; what is wrong with the subject.
SUBJECT, SEGMENT, FIRST, LAST, ASKED, UNTIL, ROW, SEEN, PLACE, FRESH, HELD, SOURCED, WRONG = range(13)
HERE = 13
START, BEFORE, NOW = range(3)  # times of a lane: the segment's start, the last requested one, where the turn goes
TIMES = 3
PLAIN, SOURCE = 0, 1  # the two sets of machine code


@part_jit
def dydt_into(lane, sign, s, places, doses, space):  # type: ignore[no-untyped-def]
    """Add sign · dx/dt · dt/dθ to the derivatives at the start of the segment: its start moves with the parameters.

    The rates are those that stand in the lane's memory.
    """
    memory, n = space.memory, places.where.shape[0]
    for k in range(places.once):
        moves = doses.dstart[s, places.varied[places.label[k] - 1]]
        if moves == 0.0:
            continue
        i = places.state[k]
        at = places.block + n * n + n + i
        total = memory[at * LANES + lane] + memory[(places.rates + i) * LANES + lane]
        for j in range(n):
            total += memory[(places.block + i * n + j) * LANES + lane] * memory[(places.start + j) * LANES + lane]
        memory[(places.start + n + k) * LANES + lane] += sign * total * moves


@part_jit
def follow(lane, following, hi, places, tables, space, found):  # type: ignore[no-untyped-def]
    """Bring a lane to its next segment, or to the first one of the next subject; return who follows.

    What the segment begins with is up to `begin`, when the block's formula has been evaluated for its values.
    """
    here, memory, lines, marks = space.here, space.memory, tables.lines, tables.marks
    i, n = here[SUBJECT, lane], places.where.shape[0]
    if i >= 0:
        if here[SEGMENT, lane] + 1 == here[LAST, lane]:
            finish_lane(lane, lines, marks, space, found)
            i = -1
        else:
            for k in range(n + places.state.shape[0]):
                memory[(places.start + k) * LANES + lane] = memory[(places.reached + k) * LANES + lane]
    if i < 0:
        if following >= hi:
            here[SUBJECT, lane], here[FRESH, lane], here[SOURCED, lane] = -1, 0, 0
            memory[TAU * LANES + lane], memory[MOVES * LANES + lane] = 0.0, 0.0
            return following
        i = following
        following += 1
        line = lines.line_of_subject[i]
        here[SUBJECT, lane], here[SEGMENT, lane] = i, lines.segments[line] - 1
        here[FIRST, lane], here[LAST, lane] = lines.segments[line], lines.segments[line + 1]
        here[ROW, lane], here[SEEN, lane], here[WRONG, lane] = -1, -1, OK
        here[PLACE, lane] = marks.first_place[i] - 1
    here[SEGMENT, lane] += 1
    here[PLACE, lane] += 1
    here[FRESH, lane] = 1
    s = here[SEGMENT, lane]
    line = lines.line_of_subject[i]
    here[ASKED, lane], here[UNTIL, lane] = lines.first[s + line], lines.first[s + line + 1]
    space.times[START, lane], space.times[BEFORE, lane] = lines.start[s], lines.start[s]
    if s > here[FIRST, lane] and tables.doses.dstart.shape[1] > 0:
        # The state where the segment before ends moves with its end, by the inputs of that segment …
        dydt_into(lane, 1.0, s, places, tables.doses, space)
    row = marks.first_row[i] + marks.segment_row[s]
    if row != here[ROW, lane]:
        here[ROW, lane], here[HELD, lane] = row, 0
        for k in range(tables.values.shape[1]):
            space.q[k * LANES + lane] = tables.values[row, k]
    return following


@part_jit
def finish_lane(lane, lines, marks, space, found):  # type: ignore[no-untyped-def]
    """Write the status of a lane's subject; one that could not be finished is no number throughout."""
    i = space.here[SUBJECT, lane]
    if found.status[i] == OK:
        found.status[i] = space.here[WRONG, lane]
    if found.status[i] != OK and found.outputs.shape[0] > 0:
        for r in range(lines.rows[i], lines.rows[i + 1]):
            place = marks.order[r]
            found.outputs[place, :] = np.nan
            found.slopes[place, :, :] = np.nan
            if found.second.shape[0] > 0:
                found.second[place, :, :, :] = np.nan
            if found.states.shape[0] > 0:
                found.states[place, :] = np.nan


@part_jit
def begin_lane(lane, places, tables, space, found):  # type: ignore[no-untyped-def]
    """Write what a segment begins with: the state before it or the initial values, what doses do, and the rates."""
    here, memory, doses, marks = space.here, space.memory, tables.doses, tables.marks
    s, n = here[SEGMENT, lane], places.where.shape[0]
    kind, x = marks.begins[s], places.start
    initial = places.block + n * n + 2 * n
    if s == here[FIRST, lane] or kind == RESTART:
        for j in range(n):
            memory[(x + j) * LANES + lane] = memory[(initial + j) * LANES + lane]
        for k in range(places.state.shape[0]):
            at = initial + places.label[k] * places.width + places.state[k]
            memory[(x + n + k) * LANES + lane] = memory[at * LANES + lane]
    if kind >= 0:  # a steady state, in place of what is there or on top of it
        kept, place = 1.0 if marks.adds[kind] == 1 else 0.0, here[PLACE, lane]
        for j in range(n):
            at = (x + j) * LANES + lane
            memory[at] = memory[at] * kept + marks.steady[place, j]
        for k in range(places.state.shape[0]):
            at = (x + n + k) * LANES + lane
            memory[at] *= kept
            if k < places.once:
                memory[at] += marks.dsteady[place, places.label[k] - 1, places.state[k]]
    for j in range(n):
        at = (x + j) * LANES + lane
        memory[at] = memory[at] * doses.scale[s, places.where[j]] + doses.jumps[s, places.where[j]]
    dosed = doses.dstart.shape[1] > 0
    for k in range(places.state.shape[0]):
        at, state = (x + n + k) * LANES + lane, places.where[places.state[k]]
        memory[at] = memory[at] * doses.scale[s, state]
        if dosed:
            memory[at] += doses.djumps[s, places.column[places.label[k] - 1], state]
    if doses.rated[0] == 1:
        enter_lane_rates(lane, s, places, doses, space)
    if s > here[FIRST, lane] and dosed:  # … and with the start of this one, the other way, by what flows from here on
        dydt_into(lane, -1.0, s, places, doses, space)
    if places.tad == 1:
        memory[places.dosed * LANES + lane] = doses.dosed[s]
    if found.starts.shape[0] > 0:
        keep(lane, here[PLACE, lane], x, places, memory, (found.starts, found.dstarts, found.d2starts))


@part_jit
def enter_lane_rates(lane, s, places, doses, space):  # type: ignore[no-untyped-def]
    """Write the infusion rates of a segment; the lane's exponential holds no longer if they are others than before."""
    here, memory, n = space.here, space.memory, places.where.shape[0]
    here[SOURCED, lane] = 0
    for j in range(n):
        at, rate = (places.rates + j) * LANES + lane, doses.rates[s, places.where[j]]
        if memory[at] != rate:
            here[HELD, lane] = 0
        if rate != 0.0:
            here[SOURCED, lane] = 1
        memory[at] = rate
        if doses.dstart.shape[1] == 0:
            continue
        for p in range(places.column.shape[0]):
            at = (places.rates + (1 + p) * n + j) * LANES + lane
            rate = doses.drates[s, places.column[p], places.where[j]]
            if memory[at] != rate:
                here[HELD, lane] = 0
            if rate != 0.0:
                here[SOURCED, lane] = 1
            memory[at] = rate


@part_jit
def check_lane(lane, places, space):  # type: ignore[no-untyped-def]
    """Note whether the block's numbers of a lane are numbers at all; derivatives do not count."""
    for k in range(places.width):
        value = space.memory[(places.block + k) * LANES + lane]
        if not np.isfinite(value):
            space.here[WRONG, lane] = NOT_FINITE


@part_jit
def aim_lane(lane, lines, space):  # type: ignore[no-untyped-def]
    """Choose where a lane goes and from where; return whether it needs another exponential.

    It goes from the start of the segment, or from the requested time before if that interval's exponential is held.
    """
    here, memory, times = space.here, space.memory, space.times
    asked = here[ASKED, lane] < here[UNTIL, lane]
    if not asked and here[SEGMENT, lane] + 1 == here[LAST, lane]:
        now = times[BEFORE, lane]  # nothing is wanted any more
    else:
        now = lines.time[here[ASKED, lane]] if asked else lines.end[here[SEGMENT, lane]]
    times[NOW, lane] = now
    start, before, held = times[START, lane], times[BEFORE, lane], memory[TAU * LANES + lane]
    memory[AGAIN * LANES + lane] = 0.0
    memory[MOVES * LANES + lane] = 1.0 if now > start else 0.0
    if not now > start:
        return False
    if now == before:
        memory[AGAIN * LANES + lane], memory[MOVES * LANES + lane] = 1.0, 0.0
        return False
    if here[HELD, lane] == 1:
        if held == now - start:
            return False
        if held == now - before:
            memory[AGAIN * LANES + lane] = 1.0
            return False
    memory[TAU * LANES + lane] = now - start
    return True


@part_jit
def keep(lane, place, vector, places, memory, where):  # type: ignore[no-untyped-def]
    """Write a lane's vector, states and derivatives, to a row of three arrays; those without rows are not wanted."""
    out, dout, d2out = where
    n, p = places.where.shape[0], places.varied.shape[0]
    for j in range(n):
        out[place, j] = memory[(vector + j) * LANES + lane]
    for k in range(places.state.shape[0]):
        value, label = memory[(vector + n + k) * LANES + lane], places.label[k]
        if k < places.once:
            if dout.shape[0] > 0:
                dout[place, label - 1, places.state[k]] = value
        elif d2out.shape[0] > 0:
            d2out[place, label - 1 - p, places.state[k]] = value


@part_jit
def note(lane, places, tables, space, found):  # type: ignore[no-untyped-def]
    """Write what a lane has found at a requested time."""
    here, memory, n = space.here, space.memory, places.where.shape[0]
    i, line = here[SUBJECT, lane], tables.lines.line_of_subject[here[SUBJECT, lane]]
    row = tables.lines.rows[i] + here[ASKED, lane] - tables.lines.times[line]
    for j in range(n):
        if not np.isfinite(memory[(places.reached + j) * LANES + lane]) and here[WRONG, lane] == OK:
            here[WRONG, lane] = GROWS
    if found.out.shape[0] > 0:
        keep(lane, row, places.reached, places, memory, (found.out, found.dout, found.d2out))
    if found.outputs.shape[0] > 0:
        place = tables.marks.order[row]
        write_lane(space.result, lane, place, found.outputs, found.slopes, found.second)
        if found.states.shape[0] > 0:
            for j in range(n):
                found.states[place, j] = memory[(places.reached + j) * LANES + lane]


@part_jit
def look(lane, tables, space):  # type: ignore[no-untyped-def]
    """Write the time of a lane and the values with which its outputs are computed."""
    here, i = space.here, space.here[SUBJECT, lane]
    space.clock[lane] = space.times[NOW, lane]
    row = here[ROW, lane]
    if tables.marks.observed.shape[0] > 0:
        sorted_row = tables.lines.rows[i] + here[ASKED, lane] - tables.lines.times[tables.lines.line_of_subject[i]]
        row = tables.marks.observed[tables.marks.order[sorted_row]]
    if row != here[SEEN, lane]:
        here[SEEN, lane] = row
        for k in range(tables.values.shape[1]):
            space.seen[k * LANES + lane] = tables.values[row, k]


@part_jit
def move_on(following, hi, places, tables, space, found):  # type: ignore[no-untyped-def]
    """Write what was asked for, and bring lanes that are done with their segment to the next; return who follows."""
    here = space.here
    for lane in range(LANES):
        if here[SUBJECT, lane] < 0:
            continue
        if here[ASKED, lane] < here[UNTIL, lane]:
            note(lane, places, tables, space, found)
            here[ASKED, lane] += 1
            space.times[BEFORE, lane] = space.times[NOW, lane]
            # At the end of the last segment nothing is left to do but to write the last row.
            if here[ASKED, lane] < here[UNTIL, lane] or here[SEGMENT, lane] + 1 < here[LAST, lane]:
                continue
        following = follow(lane, following, hi, places, tables, space, found)
    return following


@bare_jit
def solve_linear_lanes(span, machine, places, tables, space, found):  # type: ignore[no-untyped-def]
    """Solve subjects of a linear block and write what is wanted of them.

    Parameters
    ----------
    span : tuple of int
        The first subject, and the one behind the last.
    machine : Machine
        What is called.
    places : Places
        Where it finds its numbers.
    tables : Tables
        What is read.
    space : Space
        Room to work in, zeros at first.
    found : Found
        What is written.
    """
    here, memory, lines = space.here, space.memory, tables.lines
    following, hi = span
    kind = -1  # of the exponentials that are held
    for lane in range(LANES):
        here[SUBJECT, lane], here[UNTIL, lane] = -1, 0
        following = follow(lane, following, hi, places, tables, space, found)
    while True:
        fresh, busy, wanted = False, False, SOURCE if places.fed == 1 else PLAIN
        for lane in range(LANES):
            fresh = fresh or (here[FRESH, lane] == 1 and here[HELD, lane] == 0)
            busy = busy or here[SUBJECT, lane] >= 0
        if not busy:
            return
        if fresh:
            call(machine.block, space.clock, memory, space.q, memory[places.block * LANES :])
        compute, moves, asked = False, False, False
        for lane in range(LANES):
            if here[SUBJECT, lane] < 0:
                continue
            if here[FRESH, lane] == 1:
                if here[HELD, lane] == 0:
                    check_lane(lane, places, space)
                begin_lane(lane, places, tables, space, found)
                here[FRESH, lane] = 0
            compute = aim_lane(lane, lines, space) or compute
            moves = moves or memory[MOVES * LANES + lane] == 1.0
            if here[SOURCED, lane] == 1:
                wanted = SOURCE
            if here[ASKED, lane] < here[UNTIL, lane] and found.outputs.shape[0] > 0:
                asked = True
                look(lane, tables, space)
        if moves and (compute or wanted != kind):
            call_lanes(machine.exponential[wanted], memory, memory, memory)
            kind = wanted
            for lane in range(LANES):
                if memory[MOVES * LANES + lane] == 1.0:
                    here[HELD, lane] = 1
        call_lanes(machine.apply[wanted], memory, memory, memory)
        if asked:
            call(machine.outputs, space.clock, memory[places.dosed * LANES :], space.seen, space.result)
        following = move_on(following, hi, places, tables, space, found)
