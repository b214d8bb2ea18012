"""A value written as the call that makes it, for people who look at it."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

from pkpd.errors import plainly


def brief(value: Any) -> str:
    """Return the call that makes a value, without arguments that have their defaults.

    Parameters
    ----------
    value : dataclass instance
        A class takes this as its ``__repr__``: ``Dose(time=0.0, amount=100.0)``, not all twelve fields.
    """
    told = (f"{f.name}={plainly(repr(getattr(value, f.name)))}" for f in fields(value) if f.init and _differs(value, f))
    return f"{type(value).__name__}({', '.join(told)})"


def _differs(value: Any, field: Field[Any]) -> bool:
    made = field.default_factory
    if field.name == "name":  # of a preset, whose rules are all the usual ones
        return True
    usual = field.default if made is MISSING else made()
    if usual is MISSING:
        return True
    own = getattr(value, field.name)
    try:
        return own is not usual and not bool(own == usual)
    except Exception:  # an array, a table: shown, whatever it is
        return True
