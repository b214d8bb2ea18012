"""What the closed-form block gives to the integrated states of all subjects, in its modes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine.machine.jit import announce
from pkpd.engine.machine.lapack import geev_address
from pkpd.engine.machine.rows import kept_room
from pkpd.engine.solve.linear_block import BlockRun
from pkpd.engine.solve.modes import Driven, Modal, ModesRoom, Segments, closed_numbers, find_modes
from pkpd.engine.solve.modes_second import Bending, Bent, second_numbers, turn
from pkpd.engine.symbolic.structure import Structure
from pkpd.engine.timeline.schedule import Schedule


@dataclass(frozen=True, eq=False)
class Modes:
    """The driving part of a block, as compiled functions read it.

    Attributes
    ----------
    closed : array, segments of all subjects × numbers
        What the right-hand side reads of the closed form in every segment (see `closed_numbers`).
    sound : array of bool, rows of values
        Whether the modes can be used.
    floor : array, rows of values
        0 where no driving state can be negative, else minus infinity.
    """

    closed: Array
    sound: Flags
    floor: Array


def modes_of(structure: Structure, run: BlockRun, schedule: Schedule) -> Modes:
    """Return the modes of every row of values."""
    n, height, p = len(structure.upstream), len(run.matrix), len(structure.varied)
    if not n:
        return Modes(np.zeros((0, 0)), np.ones(height, dtype=bool), np.zeros(height))
    driven = _driven(structure, run, schedule)
    square, flags = np.zeros((3, height, n, n)), np.zeros((2, height), dtype=bool)
    modal = Modal(
        np.zeros((height, n)), square[0], square[1], square[2], np.zeros((height, p, n, n)), flags[0], flags[1],
        np.zeros(height),
    )  # fmt: skip
    room: ModesRoom = kept_room(("modes", n), lambda: _room(n))
    lines = Segments(
        schedule.line_of_subject, schedule.segments, schedule.start, schedule.segment_row, schedule.first_row
    )
    order = 2 if structure.curved else int(bool(structure.driven))
    announce(find_modes)
    find_modes(geev_address(), driven, lines, order, modal, room)
    closed = np.zeros((int(run.begins[-1]), structure.closed_numbers))
    closed_numbers(driven, modal, lines, room.scratch, closed)
    if structure.curved:
        bent = _bent(structure, run)
        bending = Bending(
            np.zeros((height, len(bent.wanted), n, n)), np.zeros((5, n)), np.zeros((p, n)), np.zeros((p, n, n)),
            np.zeros((p, n)), np.zeros((2, n)), np.zeros((2, n, n)),
        )  # fmt: skip
        announce(second_numbers)
        turn(driven, modal, bent, bending)
        second_numbers(driven, modal, lines, bent, bending, closed)
    return Modes(closed, modal.sound, modal.floor)


def _room(n: int) -> ModesRoom:
    return ModesRoom(
        np.frombuffer(b"NV", dtype=np.uint8).copy(), np.array([n, 8 * n, 0], dtype=np.int32), np.zeros(n * n),
        np.zeros(2 * n), np.zeros(n * n), np.zeros(8 * n), np.zeros((5, n)),
    )  # fmt: skip


def _driven(structure: Structure, run: BlockRun, schedule: Schedule) -> Driven:
    if "driving" not in run.block.kept:
        run.block.kept["driving"] = _places(structure)
    return Driven(
        run.matrix, run.constant, run.x0, run.dmatrix, run.dconstant, run.d2constant,
        run.begins, run.starts, run.dstarts, schedule.rates, schedule.drates, *run.block.kept["driving"],
    )  # fmt: skip


def _places(structure: Structure) -> tuple[Integers, ...]:
    """What drives in the block and among all states, which derivatives belong to its parameters, what is asked for."""
    up = structure.upstream
    place = {k: m for m, k in enumerate(up)}
    pairs = [(place[d], structure.varied.index(j) if j >= 0 else -1) for d, j in structure.quantities]
    states = [structure.linear[k] for k in up]
    made = tuple(np.array(part, dtype=np.int64) for part in (up, states, structure.varied))
    return *made, np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _bent(structure: Structure, run: BlockRun) -> Bent:
    place = {k: m for m, k in enumerate(structure.upstream)}
    number = {j: a for a, j in enumerate(structure.varied)}
    of_block = {pair: k for k, pair in enumerate(combinations_with_replacement(structure.varied, 2))}
    pairs = sorted({(j, k) for _, j, k in structure.curved})
    first = len(structure.sensitivities)
    wanted = [(number[j], number[k], of_block[j, k], first + structure.pairs.index((j, k))) for j, k in pairs]
    asked = [(place[d], pairs.index((j, k))) for d, j, k in structure.curved]
    return Bent(
        run.d2matrix, run.d2constant, run.d2starts, np.array(wanted, dtype=np.int64), np.array(asked, dtype=np.int64)
    )
