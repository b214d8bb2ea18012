"""Numbers times a ratio of units, rounded once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pkpd.arrays import Array


def scaled(values: Array, ratio: float) -> Array:
    """Return values times a ratio, rounded once: a ratio that is one by a whole number divides by that number."""
    return np.asarray(times_ratio(values, ratio))


def times_ratio(values: Any, ratio: float) -> Any:
    """Return the same of a number, or of whatever can be multiplied and divided (arrays that are not loaded yet)."""
    whole = round(1 / ratio) if 0 < ratio < 1 else 0
    if whole and math.isclose(whole * ratio, 1.0, rel_tol=1e-12):
        return values / whole
    return values * ratio
