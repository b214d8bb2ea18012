"""What is read and written where a steady state of a linear block is found, and the solver of its equations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Flags
from pkpd.engine.machine.jit import inner_jit
from pkpd.engine.solve.matrix_exponential import Vector


class Trains(NamedTuple):
    """Doses repeated for ever: the state of the block (-1: none), (trains,); whether the dose has just been given at
    phase 0, whether it is a constant infusion, whether it is added to what is there (trains × 3); amount and phase
    (trains × 2) and their derivatives (trains × 2 × p); where each one's pieces begin (trains + 1,); length and rate of
    the pieces (pieces × 2) and their derivatives (pieces × 2 × p)."""

    state: Any
    flags: Any
    number: Any
    dnumber: Any
    first: Any
    pieces: Any
    dpieces: Any


class Dosing(NamedTuple):
    """One of them: the state that is dosed (-1: none of the block, and nothing is given); amount and its derivatives
    (p,); length and rate of the pieces of its interval (pieces × 2) and their derivatives (pieces × 2 × p)."""

    state: int
    amount: float
    damount: Any
    pieces: Any
    dpieces: Any


class SteadyRoom(NamedTuple):
    """Where a steady state is found, m = n + 2: the extended matrix and its exponential (m × m), their derivatives (p ×
    m × m), scratch of the exponential (4 × m × m); infusion rates (n,) and their derivatives (p × n); a length and its
    derivatives, two of them (1 + p,); equations (n × n) twice and right sides (n × (1 + p)); states with derivatives
    before the interval, at a piece's begin, at its end; zeros (n,) and (p,); time in the interval (1 + p,); the pieces
    of a train (most × 2), their derivatives (most × 2 × p), and the pieces without rates (most × 2); whether a state
    starts at 0 because nothing reads it (n,)."""

    a: Any
    e: Any
    da: Any
    de: Any
    w: Any
    rates: Any
    drates: Any
    length: Any
    whole: Any
    left: Any
    keep: Any
    right: Any
    start: Vector
    now: Vector
    later: Vector
    none: Any
    still: Any
    phase: Any
    pieces: Any
    dpieces: Any
    lengths: Any
    gathers: Any


def steady_room(gathers: Flags, p: int, most: int) -> SteadyRoom:
    """Return room for a block of states, p parameters, and trains of at most so many pieces.

    ``gathers`` says of every state of the block whether nothing reads it.
    """
    n = len(gathers)
    m = n + 2
    start, now, later = (Vector(np.zeros(n), np.zeros((p, n))) for _ in range(3))
    return SteadyRoom(
        np.zeros((m, m)), np.zeros((m, m)), np.zeros((p, m, m)), np.zeros((p, m, m)), np.zeros((4, m, m)), np.zeros(n),
        np.zeros((p, n)), np.zeros(1 + p), np.zeros(1 + p), np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, 1 + p)),
        start, now, later, np.zeros(n), np.zeros(p), np.zeros(1 + p), np.zeros((most, 2)), np.zeros((most, 2, p)),
        np.zeros((most, 2)), gathers,
    )  # fmt: skip


@inner_jit
def solve_dense(a, b, n, m):  # type: ignore[no-untyped-def]
    """Solve a·x = b in place for m right sides by elimination with partial pivoting; return whether a is regular.

    ``a`` is at least n × n and is destroyed; ``b``, at least n × m, becomes the solution.
    """
    for k in range(n):
        best, top = k, abs(a[k, k])
        for i in range(k + 1, n):
            if abs(a[i, k]) > top:
                best, top = i, abs(a[i, k])
        if not top > 0.0:
            return False
        if best != k:
            for j in range(n):
                a[k, j], a[best, j] = a[best, j], a[k, j]
            for j in range(m):
                b[k, j], b[best, j] = b[best, j], b[k, j]
        for i in range(k + 1, n):
            ratio = a[i, k] / a[k, k]
            if ratio != 0.0:
                for j in range(k + 1, n):
                    a[i, j] -= ratio * a[k, j]
                for j in range(m):
                    b[i, j] -= ratio * b[k, j]
    for j in range(m):
        for i in range(n - 1, -1, -1):
            for k in range(i + 1, n):
                b[i, j] -= a[i, k] * b[k, j]
            b[i, j] /= a[i, i]
    return True
