"""Subjects on threads: every one is computed alone, so how they are shared out does not matter."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

_WORTH_IT = 64  # subjects; below, starting threads costs more than it brings


def in_parts(part: Callable[[int, int], None], subjects: int, workers: int | None) -> None:
    """Call ``part(lo, hi)`` over ranges of subjects, on threads (compiled code releases the GIL).

    Parameters
    ----------
    part : callable
        Computes subjects lo … hi.
    subjects : int
        How many there are.
    workers : int or None
        Threads; None means one per core if there are enough subjects.
    """
    workers = workers or (os.cpu_count() or 1 if subjects >= _WORTH_IT else 1)
    workers = min(workers, max(subjects, 1))
    if workers == 1:
        part(0, subjects)
        return
    edges = np.linspace(0, subjects, 4 * workers + 1).astype(int)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(part, edges[:-1], edges[1:]))
