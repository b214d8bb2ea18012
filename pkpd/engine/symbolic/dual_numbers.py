"""Numbers with their derivatives: arrays whose first entry is a value and whose others are its slopes."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array

Jet = Array


def constant(value: float, slopes: int) -> Jet:
    """Return a number that depends on nothing."""
    found = np.zeros(1 + slopes)
    found[0] = value
    return found


def over(a: Jet, b: Jet) -> Jet:
    """Return a/b."""
    value = a[0] / b[0]
    found: Jet = (a - value * b) / b[0]
    found[0] = value
    return found


def times(a: Jet, b: Jet) -> Jet:
    """Return a·b."""
    found: Jet = a[0] * b + b[0] * a
    found[0] = a[0] * b[0]
    return found
