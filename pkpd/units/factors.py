"""What one unit is in another."""

from __future__ import annotations

import math
import re

from pkpd.arguments import checked
from pkpd.common_units import Quantity, common_ratio
from pkpd.errors import UnitError, shown
from pkpd.units.kinds import per_kg
from pkpd.units.parsed import check_length, parsed, registry


@checked
def factor(source: str, target: str) -> float:
    """Return the number that turns a value in `source` into one in `target`.

    Parameters
    ----------
    source, target : str
        Units of the same dimension, e.g. ``"ug/kg"`` and ``"ng/kg"``.

    Returns
    -------
    float
        ``value_in_target / value_in_source``.

    Raises
    ------
    UnitError
        If a string is not a unit or the dimensions differ.
    """
    if source == target:
        parsed(source)
        return 1.0
    a, b = parsed(source), parsed(target)
    if a.dimension != b.dimension:
        hint = ""
        dims = {*a.dimension, *b.dimension}
        if "[substance]" in dims and "[mass]" in dims:
            hint = " (mass and molar units need the molar mass: convert one of them first)"
        elif "[body_weight]" in dims:
            hint = " (one is per kg of body weight, the other is not)"
        raise UnitError(f"{source!r} cannot be converted to {target!r}: the dimensions differ{hint}")
    if a.units == b.units:
        ratio = a.magnitude / b.magnitude
    else:
        exact = common_ratio(a, b)
        ratio = _ratio(source, target, a, b) if exact is None else exact
    # Powers of ten come out of pint as 999.9999999999999; the exact neighbour is meant.
    rounded = float(f"{ratio:.12g}")
    return rounded if abs(rounded - ratio) <= 4e-16 * abs(ratio) * 8 else float(ratio)


def _ratio(source: str, target: str, a: Quantity, b: Quantity) -> float:
    """What one is in the other, from pint."""
    known = registry()
    first, second = (known.Quantity(q.magnitude, known.UnitsContainer(dict(q.units))) for q in (a, b))
    try:
        return float((first / second).to("dimensionless").magnitude)
    except Exception:  # pint's own error for temperatures
        raise UnitError(f"{source!r} cannot be converted to {target!r} by a factor: their zeros differ") from None


@checked
def by_weight(source: str, target: str) -> tuple[float, int]:
    """Return what an amount in `source` is multiplied with to be in `target`, and the power of the weight in kg.

    The power is 1 from a dose per kilogram to an absolute one, −1 the other way round, 0 where both are alike.

    Raises
    ------
    UnitError
        If the dimensions differ by more than body weight.
    """
    power = int(per_kg(source)) - int(per_kg(target))
    return factor({0: source, 1: f"{source}*kg", -1: f"{source}/kg"}[power], target), power


@checked
def quantity(text: str) -> tuple[float, str]:
    """Split a number with a unit, ``"30 ug/kg"`` → ``(30.0, "ug/kg")``.

    Raises
    ------
    UnitError
        If there is no number, no unit, or the unit does not exist.
    """
    # The unit begins with a letter, a slash or after a space, so that "0.2 1/h" is 0.2 per hour and nothing else.
    check_length(text)
    match = re.fullmatch(
        r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?=[\s/%a-zA-Zµμ])\s*(\S.*?)\s*", str(text)
    )
    if match is None:
        raise UnitError(f"{shown(text)} is not a number with a unit; expected something like '30 ug/kg'")
    unit = f"1{match[2]}" if match[2].startswith("/") else match[2]
    parsed(unit)
    number = float(match[1])
    if not math.isfinite(number):
        raise UnitError(f"{text!r} is not a finite number")
    return number, unit


@checked
def size(unit: str) -> tuple[float, dict[str, float]]:
    """Return how large a unit is in metres, seconds, grams and moles, and its dimension.

    Returns
    -------
    size : float
        0 where it has none by itself: a temperature, an international unit of something.
    dimension : dict
        Dimension → power.

    Raises
    ------
    UnitError
        If the text is not a unit.
    """
    found = parsed(unit)
    dimension = dict(found.dimension)
    if "[international_unit]" in dimension:
        return 0.0, dimension
    ratio = common_ratio(found, Quantity(1, {}, {}))
    if ratio is not None:
        return ratio, dimension
    known = registry()  # it has read the unit
    try:
        whole = known.Quantity(found.magnitude, known.UnitsContainer(dict(found.units))).to_root_units()
        return float(whole.magnitude), dimension
    except Exception:  # pint's own error for temperatures
        return 0.0, dimension
