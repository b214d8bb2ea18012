"""How CDISC spells units and routes, and short codes of at most eight characters."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = {
    **dict.fromkeys(("hours", "hour", "hr", "hrs"), "h"),
    **dict.fromkeys(("minutes", "minute", "mins"), "min"),
    **dict.fromkeys(("seconds", "second", "sec"), "s"),
    **dict.fromkeys(("days", "day"), "day"),
    **dict.fromkeys(("weeks", "week"), "week"),
    **dict.fromkeys(("months", "month"), "month"),
    **dict.fromkeys(("years", "year"), "year"),
    **dict.fromkeys(("ratio", "fraction", "no unit", "none"), "1"),
}
EXTRAVASCULAR = (
    "ORAL", "SUBCUTANEOUS", "INTRAMUSCULAR", "TRANSDERMAL", "TOPICAL", "RECTAL", "VAGINAL", "NASAL", "INTRANASAL",
    "RESPIRATORY (INHALATION)", "INHALATION", "SUBLINGUAL", "BUCCAL", "INTRADERMAL", "INTRAPERITONEAL", "OPHTHALMIC",
    "INTRAVITREAL", "CUTANEOUS", "PERCUTANEOUS", "NASOGASTRIC", "INTRAGASTRIC", "ORAL GAVAGE", "GAVAGE", "ENTERAL",
    "INTRA-ARTICULAR", "AURICULAR (OTIC)", "EXTRAVASCULAR",
)  # fmt: skip
"""Words of EXROUTE for doses that are absorbed; our word for all of them is "oral"."""
INTRAVENOUS = ("INTRAVENOUS", "INTRAVENOUS BOLUS", "INTRAVENOUS DRIP", "INTRAVENOUS INFUSION", "IV")
"""Words of EXROUTE for doses into a vein; with a duration the dose is an infusion, unless it says bolus."""


def from_cdisc(unit: str) -> str:
    """Return a unit of CDISC as ours: ``/h`` is ``1/h``, ``HOURS`` is ``h``, ``h2*ng/mL`` is ``h^2*ng/mL``."""
    text = unit.strip()
    text = _WORDS.get(text.casefold(), text)
    text = re.sub(r"\b(h|min|day|s)(2|3)\b", r"\1^\2", text)
    return f"1{text}" if text.startswith("/") else text


def to_cdisc(unit: str) -> str:
    """Return a unit as CDISC spells it: ``h·ng/mL`` is ``h*ng/mL``, ``1/h`` is ``/h``, no unit is ""."""
    text = unit.strip().replace("·", "*").replace("µ", "u").replace("μ", "u")
    text = re.sub(r"\b(h|min|day|s)\^(2|3)\b", r"\1\2", text)
    text = re.sub(r"^1/", "/", text)
    return "" if text == "1" else text


def code_of(name: str, taken: Iterable[str] = ()) -> str:
    """Return a code of at most 8 capital letters and digits for a name, different from those already `taken`.

    The words of the name are shortened one letter at a time, the longest first, until they fit together; a code
    that is taken, or that is empty, ends in a number instead.
    """
    words = [w for w in re.split(r"[^A-Z0-9]+", name.upper().encode("ascii", "ignore").decode()) if w]
    if words and words[0][0].isdigit():
        words.insert(0, "X")
    while sum(map(len, words)) > 8:
        k = max(range(len(words)), key=lambda i: (len(words[i]), i))
        words[k] = words[k][:-1]
    code = "".join(words) or "X1"
    used = set(taken)
    number = 1
    while code in used:
        number += 1
        code = ("".join(words) or "X")[: 8 - len(str(number))] + str(number)
    return code
