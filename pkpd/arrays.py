"""The arrays that the package computes with, by what they hold, and one trick with them.

Shapes stand in docstrings: a type cannot say them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Numbers."""
Integers = NDArray[np.int64]
"""Counts, places and codes."""
Flags = NDArray[np.bool_]
"""Yes or no."""


def in_order(numbers: Integers, values: Array) -> NDArray[np.complex128]:
    """Return pairs that sort by number, then by value, so that `np.searchsorted` finds a subject's time.

    Parameters
    ----------
    numbers : array of int, shape (n,)
        Of subjects, of sets; below 2⁵³.
    values : array, shape (n,)
        Times; none of them NaN.
    """
    pairs = np.empty(len(values), dtype=np.complex128)  # complex numbers are sorted by their real part first
    pairs.real, pairs.imag = numbers, values
    return pairs


__all__ = ["Array", "Flags", "Integers", "in_order"]
