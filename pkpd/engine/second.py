"""Second derivatives by parameters that move times: there, exact first derivatives are differenced.

A lag, the length of a modelled infusion, or a model's own event time moves what happens, and a second derivative would
need dy/dt and its derivatives on both sides of it. A steady state is differenced, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine.symbolic.structure import Structure
from pkpd.engine.timeline.schedule import Schedule

STEP = 4e-3  # relative; with the sixth-order formula its error is below 1e-12 for smooth functions
WEIGHTS = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}  # central difference of sixth order

Owners = tuple[Integers, Integers]
Slopes = Callable[[Array, Integers], Array]
"""Exact first derivatives of some subjects (their rows × outputs × sensitivities) for other values (those of all)."""


def differenced(structure: Structure, schedule: Schedule) -> Flags:
    """Return which second derivatives are found by differences (subjects × sensitivities).

    Each subject is looked at by itself, so that its bits do not depend on its company.
    """
    count = len(structure.sensitivities)
    lines = np.zeros((len(schedule.segments) - 1, count), dtype=bool)
    lines[:, list(structure.moving)] = True
    if schedule.dstart.shape[1]:
        lines |= np.logical_or.reduceat(schedule.dstart[:, :count] != 0, schedule.segments[:-1], axis=0)
    if schedule.trains:
        lines |= np.logical_or.reduceat(schedule.begins >= 0, schedule.segments[:-1])[:, None]
    return np.asarray(lines[schedule.line_of_subject])


def write_differences(
    second: Array, flags: Flags, values: Array, columns: list[int], owners: Owners, slopes: Slopes
) -> None:
    """Put differences of first derivatives in the place of second ones.

    Parameters
    ----------
    second : array, rows × outputs × sensitivities × sensitivities
        Written where a derivative is found by differences.
    flags : array of bool, subjects × sensitivities
        As from `differenced`.
    values : array, value rows × inputs
        The table of values.
    columns : list of int
        Column of each sensitivity in the table.
    owners : Owners
        Subject of every row, and of every row of values.
    slopes : callable
        First derivatives for other values.
    """
    rows, values_of = owners
    found, known = np.zeros_like(second), flags[rows].astype(float)
    for j in np.flatnonzero(flags.any(axis=0)):
        who = np.flatnonzero(flags[:, j])
        mine, first = np.isin(rows, who), np.searchsorted(values_of, np.arange(len(flags)))
        size = np.abs(values[first, columns[j]])  # one step for all rows of a subject
        size = np.where(size == 0, 1.0, size)
        total = np.zeros_like(found[mine, :, j])
        for k, weight in WEIGHTS.items():
            for sign in (1, -1):
                moved = values.copy()
                moved[:, columns[j]] += sign * k * STEP * size[values_of]
                total += sign * weight * slopes(moved, who)
        found[mine, :, j] = total / (STEP * size[rows[mine]])[:, None, None]
    # Where both parameters move times, both orders of differentiation were differenced: their mean.
    times = known[:, None, :, None] + known[:, None, None, :]
    both = found + found.transpose(0, 1, 3, 2)
    np.divide(both, times, out=second, where=np.broadcast_to(times > 0, second.shape))
