"""Units at the border: strings are parsed, checked and converted here; inside the package there are only floats.

A kilogram always means a kilogram of body weight: amounts are written in grams and below (``"30 ug/kg"`` is
an amount per body weight, and a clearance may be ``"mL/h/kg"``). So a dose per kilogram and an absolute dose
have different dimensions and cannot be mistaken for each other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pkpd.arguments import checked, one_of
from pkpd.common_units import Quantity, common, common_ratio, times
from pkpd.errors import UnitError, shown

# What the words of the field may be made of; the first dimension is the one named in a message.
__all__ = [
    "by_weight",
    "coherent",
    "factor",
    "is_kind",
    "is_open",
    "per_kg",
    "quantity",
    "require",
    "resolve",
    "show",
    "size",
    "usual_volume",
]

_KINDS: dict[str, tuple[str, ...]] = {
    "time": ("[time]",),
    "amount": ("[mass]", "[substance]", "[activity]"),
    "amount per kg": ("[mass]/[body_weight]", "[substance]/[body_weight]", "[activity]/[body_weight]"),
    "concentration": ("[mass]/[volume]", "[substance]/[volume]", "[activity]/[volume]"),
    "volume": ("[volume]",),
    "body weight": ("[body_weight]",),
}
# What pint makes of two of these words: its activity is a catalytic one.
_MADE_OF = {"[volume]": {"[length]": 3}, "[activity]": {"[substance]": 1, "[time]": -1}}
_EXAMPLES = {
    "time": "h", "amount": "mg", "amount per kg": "ug/kg", "concentration": "ng/mL", "volume": "L", "body weight": "kg",
}  # fmt: skip
_SHORT = {
    "body_kg": "kg", "hour": "h", "day": "day", "minute": "min", "second": "s", "week": "week", "liter": "L",
    "milliliter": "mL", "microliter": "uL", "deciliter": "dL", "nanoliter": "nL", "international_unit": "IU",
    "gram": "g", "milligram": "mg", "microgram": "ug", "nanogram": "ng", "picogram": "pg", "percent": "%",
    "mole": "mol", "millimole": "mmol", "micromole": "umol", "nanomole": "nmol", "picomole": "pmol",
    "meter": "m", "centimeter": "cm", "year": "year", "cell": "cells", "millimeter_Hg": "mmHg",
}  # fmt: skip
_THINGS = (
    "copies", "vg", "gc", "vp", "CFU", "PFU", "SFU", "TCID50", "DPM", "CPM", "dpm", "cpm", "RLU", "RFU", "MFI", "spots",
    "titer", "score", "OD", "FEU", "ELU", "BAU", "ADU", "events", "beats",
)  # fmt: skip
"""What is counted in units that nothing converts to; any other is written in braces, ``{foo}/mL``."""
_BRACES = re.compile(r"\{([^{}]+)\}|(?<![\w{])(" + "|".join(_THINGS) + r")(?![\w}])")
_OWN: dict[str, str] = {}  # what they are called in pint's registry → as they are written
_LONGEST = 200  # characters of a unit; pint's time grows with their square
_HIGHEST = 10_000  # product of all exponents
_TIMES = ("s", "min", "h", "day", "week", "year")


@cache
def _registry() -> Any:
    import pint  # two thirds of a second with its registry: paid by the first call that names an uncommon unit

    registry: Any = pint.UnitRegistry(cache_folder=None, on_redefinition="ignore")
    registry.define("body_kg = [body_weight]")
    registry.define("international_unit = [activity] = IU = U")
    registry.define("cell = 1 = cells")
    return registry


@cache
def _quantity(text: str) -> Quantity:
    """Parse a unit string (cached: every spelling is read once)."""
    _check_length(text)
    cleaned = text.strip().replace("µ", "u").replace("μ", "u").replace("·", "*").replace("×", "")
    cleaned = re.sub(r"\bx\s*10\b", "10", cleaned)
    cleaned = re.sub(r"\bkg\b", "body_kg", cleaned)
    if cleaned in ("", "1", "-"):
        return Quantity(1, {}, {})
    cleaned = _BRACES.sub(_own, cleaned)
    known = common(cleaned)
    if known is not None:
        return known
    # An exponent is one small number: pint would compute 9**9**9 exactly, for ever.
    exponent = r"(?:\*\*|\^)\s*[-+]?(\d{1,2}(?:\.\d+)?)(?![\d.])(?!\s*(?:\*\*|\^))"
    powers = re.sub(exponent, "", cleaned)
    size = math.prod(max(1.0, float(text)) for text in re.findall(exponent, cleaned))  # ((10^99)^99)^99 …
    if size > _HIGHEST or not re.fullmatch(r"[\w\s*/^().%+-]+", cleaned) or "**" in powers or "^" in powers:
        raise UnitError(f"{shown(text)} is not a unit; expected something like 'ng/mL' or 'h'")
    try:
        quantity = _registry().parse_expression(cleaned)
        if not hasattr(quantity, "dimensionality"):
            quantity = _registry().Quantity(float(quantity), "dimensionless")
        float(quantity.magnitude)  # 10^9801 is a whole number, and no float
    except Exception as error:  # pint raises half a dozen kinds, some of them not its own
        raise UnitError(f"{shown(text)} is not a unit ({error}); expected something like 'ng/mL' or 'h'") from None
    if not 0 < quantity.magnitude < math.inf:
        raise UnitError(f"{shown(text)} is not a unit; expected something like 'ng/mL' or 'h'")
    return Quantity(quantity.magnitude, dict(quantity.unit_items()), _powers(quantity.dimensionality))


def _own(match: re.Match[str]) -> str:
    """Give a unit that converts to no other a dimension of its own, the same in every process."""
    text = match[1] or match[2]
    name = "own_" + "".join(c if c.isascii() and c.isalpha() else f"_{ord(c):x}_" for c in text)
    if name not in _OWN:
        _registry().define(f"{name} = [{name}]")
        _OWN[name] = text if text in _THINGS else f"{{{text}}}"
    return name


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise UnitError(f"{shown(text)} has {len(text)} characters; expected a unit, of at most {_LONGEST}")


def _powers(container: Any) -> dict[str, float]:
    """What pint says of units or dimensions, in plain words."""
    return {str(name): power for name, power in container.items()}


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
        _quantity(source)
        return 1.0
    a, b = _quantity(source), _quantity(target)
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
    registry = _registry()
    first, second = (registry.Quantity(q.magnitude, registry.UnitsContainer(dict(q.units))) for q in (a, b))
    try:
        return float((first / second).to("dimensionless").magnitude)
    except Exception:  # pint's own error for temperatures
        raise UnitError(f"{source!r} cannot be converted to {target!r} by a factor: their zeros differ") from None


@checked(kind=one_of(_KINDS))
def is_kind(unit: str, kind: str) -> bool:
    """Say whether `unit` has the dimension that the word `kind` stands for (``"time"``, ``"concentration"`` …)."""
    found: dict[str, float] = {}
    for name, power in _quantity(unit).dimension.items():  # copies are an amount
        found = times(found, {"[mass]" if name.startswith("[own_") else name: 1}, power)
    return any(found == _dimension(words) for words in _KINDS[kind])


def _dimension(words: str) -> dict[str, float]:
    powers: dict[str, float] = {}
    for sign, word in zip((1, -1), words.split("/"), strict=False):
        powers = times(powers, _MADE_OF.get(word, {word: 1}), sign)
    return powers


@checked(kinds=one_of(_KINDS))
def require(unit: str, *kinds: str, what: str) -> str:
    """Return `unit` if it is one of the `kinds`, otherwise raise a sentence that names `what` it belongs to.

    Raises
    ------
    UnitError
        If the unit does not exist or is of another kind.
    """
    if not any(is_kind(unit, kind) for kind in kinds):
        wanted = " or ".join(f"{k} (such as {_EXAMPLES[k]!r})" for k in kinds)
        raise UnitError(f"unit of {what} is {unit!r}; expected a unit of {wanted}")
    return unit


@checked
def per_kg(unit: str) -> bool:
    """Say whether `unit` is per kilogram of body weight."""
    return _quantity(unit).dimension.get("[body_weight]", 0) < 0


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
    _check_length(text)
    match = re.fullmatch(
        r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?=[\s/%a-zA-Zµμ])\s*(\S.*?)\s*", str(text)
    )
    if match is None:
        raise UnitError(f"{shown(text)} is not a number with a unit; expected something like '30 ug/kg'")
    unit = f"1{match[2]}" if match[2].startswith("/") else match[2]
    _quantity(unit)
    number = float(match[1])
    if not math.isfinite(number):
        raise UnitError(f"{text!r} is not a finite number")
    return number, unit


@checked
def show(unit: str) -> str:
    """Write a unit the way the field does: ``h·ng/mL``, ``mL/h/kg``, ``10^9/L``."""
    found = _quantity(unit)
    return _format(found.magnitude, found.units)


def _format(number: float, units: Mapping[str, float]) -> str:
    top: list[str] = []
    bottom: list[str] = []
    for name, power in sorted(units.items(), key=lambda item: (_SHORT.get(item[0]) not in _TIMES, item[0])):
        short = _SHORT.get(name) or _OWN.get(name, name)
        size = abs(power)
        text = short if size == 1 else f"{short}^{size:g}"
        (top if power > 0 else bottom).append(text)
    if number != 1:
        exponent = f"{number:e}".split("e")
        power_of_ten = float(exponent[0]) == 1
        top.insert(0, f"10^{int(exponent[1])}" if power_of_ten else f"{number:g}")
    bottom.sort(key=lambda text: (text == "kg", text in _TIMES))
    return "/".join(["·".join(top) or ("1" if bottom else ""), *bottom])


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
    found = _quantity(unit)
    dimension = dict(found.dimension)
    if {"[substance]", "[time]"} <= {*dimension} and "[length]" not in dimension:
        return 0.0, dimension  # IU is a katal to pint
    ratio = common_ratio(found, Quantity(1, {}, {}))
    if ratio is not None:
        return ratio, dimension
    registry = _registry()  # it has read the unit
    try:
        whole = registry.Quantity(found.magnitude, registry.UnitsContainer(dict(found.units))).to_root_units()
        return float(whole.magnitude), dimension
    except Exception:  # pint's own error for temperatures
        return 0.0, dimension


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
    concentration = _quantity(concentration_unit)
    volume = {
        name: -power
        for name, power in concentration.units.items()
        if power < 0 and "[length]" in _quantity(name).dimension
    }
    tail = "/kg" if per_kg(dose_unit) else ""
    volume_unit = _format(1, volume) + tail
    amount_unit = _format(concentration.magnitude, times(concentration.units, volume)) + tail
    return amount_unit, volume_unit, factor(dose_unit, amount_unit)


@checked
def usual_volume(dose_unit: str, concentration_unit: str) -> str:
    """Return the unit in which people write the volumes that follow from a dose and a concentration.

    Dose over concentration where that has a usual name (``ug`` by ``ng/mL``: ``L``; ``ng`` by ``ng/mL``: ``mL``),
    else ``L``; per kg of body weight if the dose is.

    Raises
    ------
    UnitError
        If they are no dose and no concentration, or of different dimensions.
    """
    _, volume, ratio = coherent(dose_unit, concentration_unit)
    tail = "/kg" if per_kg(dose_unit) else ""
    size = float(f"{ratio * factor(volume, f'L{tail}'):.9g}")
    return {1e-6: "uL", 1e-3: "mL"}.get(size, "L") + tail


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not what it is made of."""
    return [*__all__]
