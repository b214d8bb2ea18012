"""The arrays that the package computes with, by what they hold.

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

__all__ = ["Array", "Flags", "Integers"]
