"""Numbers with their derivatives: arrays whose first entry is a value and whose others are its derivatives."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array

Dual = Array


def dual_constant(value: float, derivatives: int) -> Dual:
    """Return a number that depends on nothing."""
    found = np.zeros(1 + derivatives)
    found[0] = value
    return found


def dual_quotient(a: Dual, b: Dual) -> Dual:
    """Return a/b."""
    value = a[0] / b[0]
    found: Dual = (a - value * b) / b[0]
    found[0] = value
    return found


def dual_product(a: Dual, b: Dual) -> Dual:
    """Return a·b."""
    found: Dual = a[0] * b + b[0] * a
    found[0] = a[0] * b[0]
    return found
