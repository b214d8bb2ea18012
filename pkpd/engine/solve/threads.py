"""Subjects in pieces on threads: every one is computed alone, so how they are shared out does not matter."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from pkpd.arrays import Integers

_WORTH_IT = 64  # subjects; below, starting threads costs more than it brings
_NUMBERS = 2_000_000  # that a piece may hold while it is computed (16 MB)
_LARGEST = 500  # subjects of a piece


def in_pieces(
    piece: Callable[[int, int], None], rows: Integers, width: int, workers: int | None, largest: int = _LARGEST
) -> None:
    """Call ``piece(lo, hi)`` over ranges of subjects, on threads (compiled code releases the GIL).

    Parameters
    ----------
    piece : callable
        Computes subjects lo … hi.
    rows : array of int, subjects + 1
        Where each subject's requested rows begin.
    width : int
        Numbers that a row needs while it is computed.
    workers : int or None
        Threads; None means one per core if there are enough subjects.
    largest : int
        Subjects of a piece at most.
    """
    subjects = len(rows) - 1
    workers = workers or (os.cpu_count() or 1 if subjects >= _WORTH_IT else 1)
    workers = min(workers, max(subjects, 1))
    largest = max(1, min(largest, _NUMBERS // max(1, width * int(np.diff(rows).max(initial=1)))))
    count = max(-(-subjects // largest), 4 * workers if workers > 1 else 1)
    if count == 1:
        piece(0, subjects)
        return
    edges = np.unique(np.linspace(0, subjects, count + 1).astype(int)).tolist()
    if workers == 1:
        for lo, hi in pairwise(edges):
            piece(lo, hi)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(piece, edges[:-1], edges[1:]))
