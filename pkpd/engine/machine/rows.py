"""A formula over many rows at once: initial values, matrices, outputs."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.engine.machine.jit import LANES, jit
from pkpd.engine.machine.pointer import call


@jit
def each_row(address, time, y, q, table_row, place, out):  # type: ignore[no-untyped-def]
    """Write ``out[place[r]] = f(time[r], y[r], q[table_row[r]])`` for every row r.

    Parameters
    ----------
    address : int
        Of the formula's function of `LANES` lanes; what is zero by structure it does not touch.
    time : array, shape (rows,)
        Time of every row.
    y : array, rows × entries of the vector
        The vector of every row.
    q : array, table rows × entries
        The table of values.
    table_row, place : arrays of int, shape (rows,)
        Row of the table that belongs to each row, and row of the result in which it is written.
    out : array, result rows × size
        The result; begins as zeros.
    """
    rows, ny, nq, size = table_row.shape[0], y.shape[1], q.shape[1], out.shape[1]
    t, u = np.zeros(LANES), np.zeros(ny * LANES)
    v, found = np.zeros(nq * LANES), np.zeros(size * LANES)
    for first in range(0, rows, LANES):
        for lane in range(LANES):
            r = min(first + lane, rows - 1)
            t[lane] = time[r]
            for k in range(ny):
                u[k * LANES + lane] = y[r, k]
            for k in range(nq):
                v[k * LANES + lane] = q[table_row[r], k]
        call(address, t, u, v, found)
        for lane in range(min(LANES, rows - first)):
            target = place[first + lane]
            for k in range(size):
                out[target, k] = found[k * LANES + lane]


def aligned(count: int) -> Array:
    """Return zeros that begin where a cache line does: a load of all lanes must not cross one."""
    room = np.zeros(count + 8)
    return room[(-room.ctypes.data // 8) % 8 :][:count]


_known = threading.local()
_MOST = 64  # rooms that a thread keeps
_LARGE = 200_000  # numbers, from which on an array is used again


def kept_room(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return room to work in that this thread has made before, or make it.

    Whoever takes it finds what the last one left, and is done with it before anyone of the thread asks again.
    """
    rooms: dict[Hashable, Any] = _known.__dict__.setdefault("rooms", {})
    if key not in rooms:
        if len(rooms) >= _MOST:
            rooms.clear()
        rooms[key] = make()
    return rooms[key]


def kept_array(key: Hashable, shape: tuple[int, ...], fill: float) -> Array:
    """Return an array for what is done with before this thread asks again; a large one where it has worked before.

    New pages of a large array cost as much time as what is computed in them.
    """
    count = math.prod(shape)
    if count < _LARGE:
        return np.full(shape, fill)
    known: dict[Hashable, Array] = _known.__dict__.setdefault("arrays", {})
    if key not in known or known[key].size < count:
        known[key] = np.empty(count)
    array = known[key][:count].reshape(shape)
    array[...] = fill
    return array
