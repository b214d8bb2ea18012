"""What the text of a unit means, and how a unit is written: with pint where a unit is not an everyday one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pkpd.common_units import Quantity, common
from pkpd.errors import UnitError, shown

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
_POWER = re.compile(r"^10\s*(?:[*eE(]|\s)\s*(3|6|9|12)\)?(?=\s*(?:cells?\s*)?/)")
"""10*9/L, as UCUM writes it, 10E9/L, 10(9)/L, 10 9/L: a power of ten, and neither ten times nine nor 10·10⁹."""
_OWN: dict[str, str] = {}  # what they are called in pint's registry → as they are written
_LONGEST = 200  # characters of a unit; pint's time grows with their square
_HIGHEST = 10_000  # product of all exponents
_TIMES = ("s", "min", "h", "day", "week", "year")


@cache
def registry() -> Any:
    import pint  # two thirds of a second with its registry: paid by the first call that names an uncommon unit

    known: Any = pint.UnitRegistry(cache_folder=None, on_redefinition="ignore")
    known.define("body_kg = [body_weight]")
    # What a unit of something does differs from thing to thing: it has a dimension of its own, and is no katal.
    known.define("international_unit = [international_unit] = IU = U")
    known.define("cell = 1 = cells")
    return known


@cache
def parsed(text: str) -> Quantity:
    """Parse a unit string (cached: every spelling is read once)."""
    check_length(text)
    cleaned = text.strip().replace("µ", "u").replace("μ", "u").replace("·", "*").replace("×", "")
    cleaned = _POWER.sub(r"10^\1", re.sub(r"^x\s*10(?=\D)", "10", cleaned.strip(), flags=re.I))
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
        quantity = registry().parse_expression(cleaned)
        if not hasattr(quantity, "dimensionality"):
            quantity = registry().Quantity(float(quantity), "dimensionless")
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
        registry().define(f"{name} = [{name}]")
        _OWN[name] = text if text in _THINGS else f"{{{text}}}"
    return name


def check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise UnitError(f"{shown(text)} has {len(text)} characters; expected a unit, of at most {_LONGEST}")


def _powers(container: Any) -> dict[str, float]:
    """What pint says of units or dimensions, in plain words."""
    return {str(name): power for name, power in container.items()}


def written(number: float, units: Mapping[str, float]) -> str:
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
