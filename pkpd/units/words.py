"""Units for the words time, amount and volume, and those that follow from a dose and a concentration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pkpd.arguments import checked
from pkpd.common_units import times
from pkpd.units.factors import factor
from pkpd.units.kinds import per_kg, require
from pkpd.units.parsed import parsed, written


@checked
def show(unit: str) -> str:
    """Write a unit the way the field does: ``h·ng/mL``, ``mL/h/kg``, ``10^9/L``."""
    found = parsed(unit)
    return written(found.magnitude, found.units)


@checked
def is_open(unit: str) -> bool:
    """Say whether a unit still contains one of the words time, amount, volume."""
    return re.search(r"\b(time|amount|volume)\b", unit) is not None


@checked
def resolve(expression: str, base: Mapping[str, str]) -> str:
    """Put units for the words time, amount and volume: ``"volume/time"`` → ``"mL/h/kg"``.

    Parameters
    ----------
    expression : str
        A unit that may contain the words ``time``, ``amount``, ``volume``.
    base : mapping
        The unit that each word stands for.
    """
    text = re.sub(r"\b(time|amount|volume)\b", lambda m: f"({base[m[0]]})" if m[0] in base else m[0], expression)
    return text if is_open(text) else show(text)


@checked
def coherent(dose_unit: str, concentration_unit: str) -> tuple[str, str, float]:
    """Return the amount and volume units in which dose / concentration needs no further factor.

    The amount unit of the concentration is kept: a dose in ``ug/kg`` and a concentration in ``ng/mL`` give
    amounts in ``ng/kg`` and volumes in ``mL/kg``.

    Returns
    -------
    amount : str
        Amount unit, per kg if the dose is.
    volume : str
        Volume unit, per kg if the dose is.
    ratio : float
        What a dose in `dose_unit` is multiplied with to be in `amount`.
    """
    require(dose_unit, "amount", "amount per kg", what="the dose")
    require(concentration_unit, "concentration", what="the concentration")
    concentration = parsed(concentration_unit)
    volume = {
        name: -power
        for name, power in concentration.units.items()
        if power < 0 and "[length]" in parsed(name).dimension
    }
    tail = "/kg" if per_kg(dose_unit) else ""
    volume_unit = written(1, volume) + tail
    amount_unit = written(concentration.magnitude, times(concentration.units, volume)) + tail
    return amount_unit, volume_unit, factor(dose_unit, amount_unit)


_NAMES = (("g", "mg", "ug", "ng", "pg"), ("mol", "mmol", "umol", "nmol", "pmol"))


@checked
def usual_volume(dose_unit: str, concentration_unit: str) -> str:
    """Return the unit in which people write the volumes that follow from a dose and a concentration.

    Dose over concentration where that has a usual name (``ug`` by ``ng/mL``: ``L``; ``ng`` by ``ng/mL``: ``mL``),
    else ``L``. Of a dose per kg of body weight it is the volume of the concentration (``ug/kg`` by ``ng/mL``:
    ``mL/kg``, as clearances per kg are written in mL/h/kg).

    Raises
    ------
    UnitError
        If they are no dose and no concentration, or of different dimensions.
    """
    _, volume, ratio = coherent(dose_unit, concentration_unit)
    if per_kg(dose_unit):
        return volume
    size = float(f"{ratio * factor(volume, 'L'):.9g}")
    return {1e-6: "uL", 1e-3: "mL"}.get(size, "L")


@checked
def usual_units(dose_unit: str, concentration_unit: str) -> tuple[str, str]:
    """Return units of amount and volume whose ratio is the concentration, with volumes as people write them.

    ``mg`` by ``ng/mL``: amounts in ``ug``, volumes in ``L``. Where no such amount has a name, those of `coherent`.

    Raises
    ------
    UnitError
        If they are no dose and no concentration, or of different dimensions.
    """
    amount, volume, _ = coherent(dose_unit, concentration_unit)
    usual = usual_volume(dose_unit, concentration_unit)
    larger = factor(usual, volume)
    if larger == 1:
        return amount, volume
    for names in _NAMES:
        if amount in names:
            found = next((name for name in names if factor(name, amount) == larger), None)
            return (found, usual) if found else (amount, volume)
    return amount, volume
