"""What a heading says beside its name: ``time_h``, ``conc (ng/mL)`` and ``dose_mg_per_kg`` carry their units."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pkpd import units as unit_tools
from pkpd.errors import UnitError

_IN_BRACKETS = re.compile(r"(.+?)\s*[\[(]\s*([^\[\]()]+?)\s*[\])]")
_SEPARATOR = re.compile(r"[\s_.,\-]+")
_TAIL = re.compile(r"([a-zµμ%]+)(?:(?:[\s_.]+|_?/_?|[\s_.]*per[\s_.]+)([a-z]+))?", re.IGNORECASE)
_GLUED = re.compile(r"([pnuµμm]|mc)?(g|mol|iu|u)(ml|l|dl|kg)", re.IGNORECASE)
_SPELLED = {
    "hrs": "h", "hr": "h", "hour": "h", "hours": "h", "mins": "min", "minutes": "min", "days": "day", "d": "day",
    "weeks": "week", "iu": "IU", "u": "U", "ml": "mL", "l": "L", "dl": "dL", "ul": "uL", "y": "year", "yr": "year",
    "yrs": "year", "kgs": "kg", **{unit: unit for unit in ("kg", "g", "mg", "ug", "mcg", "ng", "pg", "min", "day")},
}  # fmt: skip
_TIME, _AMOUNT = ("time",), ("amount", "amount per kg")
_KIND_OF: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("time", "nominal_time", "until", "clock", "time_after_dose"), _TIME),
    **dict.fromkeys(("duration", "interval", "age"), _TIME),
    **dict.fromkeys(("amount", "amount_per_kg", "single_dose"), _AMOUNT),
    **dict.fromkeys(("value", "lloq", "uloq"), ("per volume", *_AMOUNT)),
    "rate": ("per time",),
    "volume": ("volume", "amount"),
    "weight": ("body weight",),
    "height": ("length",),
}
"""Of which kind a unit must be to end the heading of a column; the others carry none there."""


def fold(text: object) -> str:
    """Return a heading without case, spaces, underscores, dots and hyphens: what is compared."""
    return re.sub(r"[\s_.\-]+", "", str(text).casefold())


def split_unit(heading: str) -> tuple[str, str]:
    """Split ``amount [ug/kg]`` into heading and unit; the unit is "" when what stands there is none."""
    match = _IN_BRACKETS.fullmatch(heading)
    if match is None or not is_unit(match[2]):
        return heading, ""
    return match[1], match[2]


def split_heading(heading: str, words: Mapping[str, str]) -> tuple[str, str]:
    """Split ``time_h``, ``conc ng/mL`` or ``IL21_ng_mL`` into name and unit; the unit is "" when there is none.

    Without brackets the end of a heading is a unit only if what stands before it is a column known here and the unit
    is of its kind, or if the unit is an amount per volume: ``group_A`` is not in amperes.

    Parameters
    ----------
    heading : str
        As it stands in the table.
    words : mapping
        Folded spellings and the column each one means.
    """
    name, unit = split_unit(heading)
    if unit or fold(heading) in words:
        return name, unit
    for gap in _SEPARATOR.finditer(heading):
        head, tail = heading[: gap.start()], heading[gap.end() :]
        column = words.get(fold(head), "")
        found = unit_of(tail) if head and (column in _KIND_OF or not column) else ""
        if found and (any(is_of(found, kind) for kind in _KIND_OF[column]) if column else _certain(found)):
            return head, found
    return _without_gap(heading, words)


def _without_gap(heading: str, words: Mapping[str, str]) -> tuple[str, str]:
    """Split ``DOSEMG`` or ``CONCNGML``: a column known here and a unit of its kind of two letters at least."""
    for cut in range(len(heading) - 2, 1, -1):
        column = words.get(fold(heading[:cut]), "")
        found = unit_of(heading[cut:]) if column in _KIND_OF and heading[cut:].isalpha() else ""
        if found and any(is_of(found, kind) for kind in _KIND_OF[column]):
            return heading[:cut], found
    return heading, ""


def unit_of(tail: str) -> str:
    """Return the unit that the end of a heading means (``ng_mL``, ``mg_per_kg``, ``hrs``), "" if none."""
    glued = _GLUED.fullmatch(tail)
    match = _TAIL.fullmatch(tail)
    if glued:
        parts = [(glued[1] or "").lower() + glued[2].replace("G", "g").replace("MOL", "mol"), glued[3]]
        parts[0] = re.sub("i?u$", lambda m: m[0].upper(), parts[0]) if glued[2].lower() in ("u", "iu") else parts[0]
    elif match:
        parts = [part for part in match.groups() if part]
    else:
        return tail if re.match(r"1/|10\^|[a-zµμ%]", tail, re.I) and "/" in tail and is_unit(tail) else ""
    text = "/".join(_SPELLED.get(part.lower(), part) for part in parts)
    return text if is_unit(text) else ""


def of_kind(column: str, unit: str) -> bool:
    """Say whether a text is a unit, and of a kind that a column known here can have."""
    return is_unit(unit) and any(is_of(unit, kind) for kind in _KIND_OF.get(column, ()))


def is_of(unit: str, kind: str) -> bool:
    """Say whether a unit is of a kind; ``"per volume"``: an amount or a count in a volume, ``"per time"`` likewise."""
    try:
        if kind == "per volume":
            return unit_tools.is_kind(unit, "concentration") or unit_tools.is_kind(f"({unit})*mg", "concentration")
        if kind == "per time":
            return any(unit_tools.is_kind(f"({unit})*h", one) for one in _AMOUNT)
        if kind == "length":
            return unit_tools.is_kind(f"({unit})*m*m", "volume")
        return unit_tools.is_kind(unit, kind)
    except UnitError:  # a unit that cannot be multiplied, such as degC
        return False


def _certain(unit: str) -> bool:
    """Whether a unit can be nothing else behind a name that is not known here."""
    return is_of(unit, "per volume") and ("/" in unit or unit in ("nM", "uM", "pM", "mM", "µM"))


def is_unit(text: str) -> bool:
    """Say whether a text names a unit."""
    try:
        unit_tools.is_kind(text, "time")
    except UnitError:
        return False
    return True
