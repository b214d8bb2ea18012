"""What a result tells in the units of its analysis, after `pkpd.units.convert_units` has changed them."""

from __future__ import annotations

import json

import xarray as xr

from pkpd import units
from pkpd.errors import InputError

_MARK = "converted"


def require_own_units(result: xr.Dataset, where: str) -> None:
    """Raise a sentence if a result is not in the units of its analysis, in which its settings are.

    Raises
    ------
    InputError
        Saying what to do.
    """
    if before := _before(result):
        listed = ", ".join(f"{name} from {unit}" for name, unit in before.items())
        raise InputError(
            f"the result was converted ({listed}), its settings and its study were not; do it with what pkpd.nca "
            "returned, and convert that", where
        )  # fmt: skip


def in_time_of(result: xr.Dataset) -> float:
    """Return what a time of the analysis is multiplied with to be in the unit of the result's times."""
    now, before = str(result["dose_time"].attrs.get("units", "")), _before(result)
    first = before.get("dose_time", before.get("time", now))
    return units.factor(first, now) if first and now else 1.0


def told_in(result: xr.Dataset) -> str:
    """Return the words that follow texts with numbers that were not converted; "" where nothing was."""
    before = _before(result)
    return f" (told in the units of the analysis: {', '.join(before.values())})" if before else ""


def _before(result: xr.Dataset) -> dict[str, str]:
    """Word or name → unit before the conversion."""
    told = result.attrs.get(_MARK)
    try:
        found = json.loads(told) if isinstance(told, str) else {}
    except ValueError:
        return {}
    return {str(name): str(unit) for name, unit in found.items()} if isinstance(found, dict) else {}
