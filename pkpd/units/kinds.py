"""Which kind of quantity a unit is of: a time, an amount, a concentration, per kilogram of body weight."""

from __future__ import annotations

from pkpd.arguments import checked, one_of
from pkpd.common_units import times
from pkpd.errors import UnitError
from pkpd.units.parsed import parsed

# What the words of the field may be made of; the first dimension is the one named in a message.
_KINDS: dict[str, tuple[str, ...]] = {
    "time": ("[time]",),
    "amount": ("[mass]", "[substance]", "[international_unit]"),
    "amount per kg": ("[mass]/[body_weight]", "[substance]/[body_weight]", "[international_unit]/[body_weight]"),
    "concentration": ("[mass]/[volume]", "[substance]/[volume]", "[international_unit]/[volume]"),
    "volume": ("[volume]",),
    "body weight": ("[body_weight]",),
}
_MADE_OF = {"[volume]": {"[length]": 3}}  # what pint makes of the word
_EXAMPLES = {
    "time": "h", "amount": "mg", "amount per kg": "ug/kg", "concentration": "ng/mL", "volume": "L", "body weight": "kg",
}  # fmt: skip


@checked(kind=one_of(_KINDS))
def is_kind(unit: str, kind: str) -> bool:
    """Say whether `unit` has the dimension that the word `kind` stands for (``"time"``, ``"concentration"`` …)."""
    found: dict[str, float] = {}
    for name, power in parsed(unit).dimension.items():  # copies are an amount
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
    return parsed(unit).dimension.get("[body_weight]", 0) < 0
