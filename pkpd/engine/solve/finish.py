"""The last stage: outputs, their derivatives and the states of every requested row, written where they belong."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Array
from pkpd.engine.machine import jit as gate
from pkpd.engine.machine.code import Code
from pkpd.engine.machine.jit import LANES, announce, bare_jit, inner_jit
from pkpd.engine.machine.pointer import call
from pkpd.engine.machine.rows import aligned, kept_room
from pkpd.engine.solve.lane_results import write_lane
from pkpd.engine.timeline.schedule import Schedule

HELD, SORTED, VALUES, TARGET = range(4)  # whole numbers of a lane
# Where an entry of the vector comes from: a state, its derivative by one parameter, its derivative by two.
BLOCK, INTEGRATED, BLOCK_SLOPE, INTEGRATED_SLOPE, BLOCK_BEND, INTEGRATED_BEND = range(6)


class SolvedRows(NamedTuple):
    """What was solved, sorted within every subject: closed-form states (rows × n), derivatives (rows × p × n) and
    second ones (rows × pairs × n), the integrated vector (rows × components); scales of its sensitivities (value rows ×
    sensitivities); a status per subject."""

    block: Any
    dblock: Any
    d2block: Any
    z: Any
    scale: Any
    status: Any


class Recipe(NamedTuple):
    """How the vector that the outputs read is put together behind the time of the last dose: for every entry where it
    comes from, its place there and two more (entries × 4): parameter or pair of the block, or the sensitivities by
    whose scales it is divided; how many of them are states."""

    entries: Any
    states: int


class ResultRows(NamedTuple):
    """Lines of each subject (subjects,); where each line's segments begin (lines + 1,); first requested time of each
    segment (segments + lines,); the times (times,), where those of each line begin (lines + 1,); where each subject's
    rows begin (subjects + 1,); each subject's first row of values (subjects + 1,), the row of each segment and the time
    of its last dose (segments,); rows of values of the outputs where they are others, and the place, as asked, of every
    sorted row (rows,)."""

    line_of_subject: Any
    segments: Any
    first: Any
    time: Any
    times: Any
    rows: Any
    first_row: Any
    segment_row: Any
    dosed: Any
    observed: Any
    order: Any


class Lanes(NamedTuple):
    """For `LANES` rows: times, vectors, values, results (entries · lanes each); and whole numbers (4 × lanes): the row
    of values that stands in each lane, the sorted row, its row of values and its row of the result."""

    time: Any
    y: Any
    q: Any
    found: Any
    held: Any


class Wanted(NamedTuple):
    """Outputs (rows × outputs), their derivatives (rows × outputs × sensitivities), second ones (rows × outputs ×
    sensitivities × sensitivities, or no rows) and states (rows × states, or no rows), to be written; and the row at
    which these subjects begin."""

    outputs: Any
    slopes: Any
    second: Any
    states: Any
    base: int


class Finish:
    """The last stage of a model's code."""

    def __init__(self, code: Code) -> None:
        self.code, self.structure = code, code.structure
        layout = self.structure
        place = {state: k for k, state in enumerate(layout.linear)}
        other = {state: k for k, state in enumerate(layout.integrated)}
        states = range(len(layout.states))
        entries = [(BLOCK, place[s], 0, 0) if s in place else (INTEGRATED, other[s], 0, 0) for s in states]
        stands = {(layout.integrated[i], j): k for i, j, k in layout.where}
        for s, j in layout.moved:
            if s in place:
                entries.append((BLOCK_SLOPE, place[s], layout.varied.index(j), 0))
            else:
                entries.append((INTEGRATED_SLOPE, stands[s, j], j, 0))
        pairs = list(combinations_with_replacement(layout.varied, 2))
        bends = {(layout.integrated[i], j, k): at for i, j, k, at in layout.where2}
        for s, j, k in layout.moved2:
            if s in place:
                entries.append((BLOCK_BEND, place[s], pairs.index((j, k)), 0))
            else:
                entries.append((INTEGRATED_BEND, bends[s, j, k], j, k))
        self.recipe = Recipe(np.array(entries, dtype=np.int64).reshape(-1, 4), len(layout.states))
        self._size = len(layout.outputs) * (1 + len(layout.sensitivities) + len(layout.pairs))

    def write(self, values: Array, schedule: Schedule, solved: SolvedRows, solution: Any, base: int) -> None:
        """Write outputs, slopes and states of a schedule's subjects, whose rows begin at `base`, into a solution."""
        plan = schedule
        observed = np.empty(0, dtype=np.int64) if plan.observed is None else plan.observed
        rows = ResultRows(
            plan.line_of_subject, plan.segments, plan.first, plan.time, plan.times, plan.rows, plan.first_row,
            plan.segment_row, plan.dosed, observed, plan.order,
        )  # fmt: skip
        wanted = Wanted(solution.outputs, solution.slopes, solution.second, solution.states, base)
        if not gate.AVAILABLE:
            self._by_columns(values, rows, solved, wanted)
            return
        sizes = 1 + len(self.recipe.entries), values.shape[1], self._size
        lanes: Lanes = kept_room((self, sizes), lambda: Lanes(*_room(sizes)))
        announce(write_results)
        address = self.code.address(f"outputs_{LANES}")
        write_results(address, solved, rows, values, self.recipe, lanes, wanted)

    def _by_columns(self, values: Array, rows: ResultRows, solved: SolvedRows, wanted: Wanted) -> None:
        """The same without numba."""
        spread = Spread(rows)
        y = np.empty((len(spread.row), 1 + len(self.recipe.entries)))
        y[:, 0] = rows.dosed[spread.segment]
        for e, (kind, a, b, c) in enumerate(self.recipe.entries):
            if kind in (BLOCK, INTEGRATED):
                y[:, 1 + e] = (solved.block if kind == BLOCK else solved.z)[:, a]
            elif kind == BLOCK_SLOPE:
                y[:, 1 + e] = solved.dblock[:, b, a]
            elif kind == BLOCK_BEND:
                y[:, 1 + e] = solved.d2block[:, b, a]
            elif kind == INTEGRATED_SLOPE:
                y[:, 1 + e] = solved.z[:, a] / solved.scale[spread.row, b]
            else:
                y[:, 1 + e] = solved.z[:, a] / (solved.scale[spread.row, b] * solved.scale[spread.row, c])
        y[solved.status[spread.subject] != 0] = np.nan
        table = np.zeros((len(y), self._size))
        self.code.rows("outputs", values, spread.row, table, y, spread.time)
        table[solved.status[spread.subject] != 0] = np.nan
        target, n = wanted.base + rows.order, len(self.structure.outputs)
        wanted.outputs[target] = table[:, :n]
        count = len(self.structure.sensitivities)
        behind = n * (1 + count)
        wanted.slopes[target] = table[:, n:behind].reshape(len(y), n, count)
        for k, (a, b) in enumerate(self.structure.pairs):
            wanted.second[target, :, a, b] = table[:, behind:].reshape(len(y), n, -1)[:, :, k]
            wanted.second[target, :, b, a] = wanted.second[target, :, a, b]
        if len(wanted.states):
            wanted.states[target] = y[:, 1 : 1 + self.recipe.states]


def _room(sizes: tuple[int, int, int]) -> tuple[Any, ...]:
    return aligned(LANES), *(aligned(n * LANES) for n in sizes), np.zeros((4, LANES), dtype=np.int64)


class Spread:
    """Subject, segment, time and row of values of every row, sorted within every subject (rows,)."""

    def __init__(self, rows: ResultRows) -> None:
        sizes = np.diff(rows.rows)
        self.subject = np.repeat(np.arange(len(sizes)), sizes)
        line = rows.line_of_subject[self.subject]
        at = np.arange(len(self.subject)) - rows.rows[self.subject] + rows.times[line]
        self.time = rows.time[at]
        lines = np.repeat(np.arange(len(rows.segments) - 1), np.diff(rows.segments))
        first = np.arange(len(lines)) + lines
        counted = rows.first[first + 1] - rows.first[first]
        self.segment = np.repeat(np.arange(len(lines)), counted)[at]
        self.row = rows.first_row[self.subject] + rows.segment_row[self.segment]
        if len(rows.observed):
            self.row = rows.observed[rows.order]


@bare_jit
def write_results(address, solved, rows, values, recipe, lanes, wanted):  # type: ignore[no-untyped-def]
    """Write all rows of the subjects; one that could not be finished is NaN throughout.

    Parameters
    ----------
    address : int
        Of the outputs' function of `LANES` lanes.
    solved, rows, recipe, lanes, wanted
        See there.
    values : array, value rows × inputs
        The table of values.
    """
    many, stated = np.int64(0), wanted.states.shape[0] > 0
    lanes.held[HELD] = -1
    for i in range(rows.line_of_subject.shape[0]):
        line, begin = rows.line_of_subject[i], rows.rows[i]
        if solved.status[i] != 0:
            for r in range(wanted.base + begin, wanted.base + rows.rows[i + 1]):
                wanted.outputs[r, :] = np.nan
                wanted.slopes[r, :, :] = np.nan
                if wanted.second.shape[0] > 0:
                    wanted.second[r, :, :, :] = np.nan
                if stated:
                    wanted.states[r, :] = np.nan
            continue
        for s in range(rows.segments[line], rows.segments[line + 1]):
            holding = rows.first_row[i] + rows.segment_row[s]
            for k in range(rows.first[s + line], rows.first[s + line + 1]):
                r = begin + k - rows.times[line]
                order = rows.order[r]
                lanes.held[SORTED, many], lanes.held[TARGET, many] = r, wanted.base + order
                lanes.held[VALUES, many] = rows.observed[order] if rows.observed.shape[0] > 0 else holding
                lanes.time[many] = rows.time[k]
                lanes.y[many] = rows.dosed[s]
                many += 1
                if many == LANES:
                    compute_lanes(address, many, solved, values, recipe, lanes, wanted)
                    many = np.int64(0)
    if many > 0:
        for lane in range(many, LANES):  # the other lanes compute what the first does; nobody reads it
            lanes.held[SORTED, lane], lanes.held[VALUES, lane] = lanes.held[SORTED, 0], lanes.held[VALUES, 0]
            lanes.time[lane], lanes.y[lane] = lanes.time[0], lanes.y[0]
        compute_lanes(address, many, solved, values, recipe, lanes, wanted)


@inner_jit
def compute_lanes(address, many, solved, values, recipe, lanes, wanted):  # type: ignore[no-untyped-def]
    """Compute all lanes and write the first ``many`` of them; arguments are as for `write_results`."""
    for lane in range(LANES):
        row = lanes.held[VALUES, lane]
        if lanes.held[HELD, lane] != row:
            lanes.held[HELD, lane] = row
            for j in range(values.shape[1]):
                lanes.q[j * LANES + lane] = values[row, j]
    for e in range(recipe.entries.shape[0]):
        kind, a, b, c = recipe.entries[e, 0], recipe.entries[e, 1], recipe.entries[e, 2], recipe.entries[e, 3]
        at = (1 + e) * LANES
        for lane in range(LANES):
            r, row = lanes.held[SORTED, lane], lanes.held[VALUES, lane]
            if kind == BLOCK:
                lanes.y[at + lane] = solved.block[r, a]
            elif kind == INTEGRATED:
                lanes.y[at + lane] = solved.z[r, a]
            elif kind == BLOCK_SLOPE:
                lanes.y[at + lane] = solved.dblock[r, b, a]
            elif kind == BLOCK_BEND:
                lanes.y[at + lane] = solved.d2block[r, b, a]
            elif kind == INTEGRATED_SLOPE:
                lanes.y[at + lane] = solved.z[r, a] / solved.scale[row, b]
            else:
                lanes.y[at + lane] = solved.z[r, a] / (solved.scale[row, b] * solved.scale[row, c])
    call(address, lanes.time, lanes.y, lanes.q, lanes.found)
    for lane in range(many):
        write_lane(lanes.found, lane, lanes.held[TARGET, lane], wanted.outputs, wanted.slopes, wanted.second)
    if wanted.states.shape[0] > 0:
        for lane in range(many):
            target = lanes.held[TARGET, lane]
            for j in range(recipe.states):
                wanted.states[target, j] = lanes.y[(1 + j) * LANES + lane]
