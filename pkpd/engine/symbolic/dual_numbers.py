"""Numbers with their derivatives: arrays whose first entry is a value and whose others are its derivatives."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array

Dual = Array


def dual_constant(value: float, derivatives: int) -> Dual:
    """Return a number that depends on nothing."""
    dual = np.zeros(1 + derivatives)
    dual[0] = value
    return dual


def dual_quotient(a: Dual, b: Dual) -> Dual:
    """Return a/b."""
    value = a[0] / b[0]
    quotient: Dual = (a - value * b) / b[0]
    quotient[0] = value
    return quotient


def dual_product(a: Dual, b: Dual) -> Dual:
    """Return a·b."""
    product: Dual = a[0] * b + b[0] * a
    product[0] = a[0] * b[0]
    return product
