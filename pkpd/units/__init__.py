"""Units at the border: strings are parsed, checked and converted here; inside the package there are only floats.

A kilogram always means a kilogram of body weight: amounts are written in grams and below (``"30 ug/kg"`` is
an amount per body weight, and a clearance may be ``"mL/h/kg"``). So a dose per kilogram and an absolute dose
have different dimensions and cannot be mistaken for each other.
"""

from __future__ import annotations

from pkpd.units.convert import convert_units
from pkpd.units.factors import by_weight, factor, quantity, size
from pkpd.units.kinds import is_kind, per_kg, require
from pkpd.units.words import coherent, is_open, resolve, show, usual_units, usual_volume

__all__ = [
    "by_weight",
    "coherent",
    "convert_units",
    "factor",
    "is_kind",
    "is_open",
    "per_kg",
    "quantity",
    "require",
    "resolve",
    "show",
    "size",
    "usual_units",
    "usual_volume",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not what it is made of."""
    return [*__all__]
