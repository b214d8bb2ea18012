"""Columns: the values of one parameter and the reasons where there is none, profile by profile.

A parameter inherits the first reason among what it is made of.
"""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca import reasons
from pkpd.nca.kernel.prepare import Codes

Column = tuple[Array, Codes]
"""Values and reason codes, (n,) each."""


def first(*codes: Codes) -> Codes:
    """Return the first reason in each position, (n,)."""
    earliest = codes[0]
    for other in codes[1:]:
        earliest = np.where(earliest == reasons.COMPUTED, other, earliest)
    return earliest


def unless(good: Flags, code: int) -> Codes:
    """Return no reason where `good`, `code` elsewhere, (n,)."""
    return np.where(good, reasons.COMPUTED, code).astype(np.int8)
