"""A unit with other units in it: ``h·ng/mL`` with days and ``mg/L`` is ``day·mg/L``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from pkpd.common_units import Powers, Quantity, times
from pkpd.errors import UnitError
from pkpd.units.parsed import parsed, written

WORDS = ("time", "dose", "amount", "volume", "concentration")
"""What a unit may be made of; a dose is an amount, and a concentration is neither an amount nor a volume."""
_LOGARITHM = re.compile(r"ln\((.+)\)")
_KG = "body_kg"
_TIME: Powers = {"[time]": 1}
_VOLUME: Powers = {"[length]": 3}
_AMOUNTS: tuple[Powers, ...] = ({"[mass]": 1}, {"[substance]": 1}, {"[substance]": 1, "[time]": -1})


class Exchanged(NamedTuple):
    """A unit after an exchange.

    Attributes
    ----------
    unit : str
        As it is now.
    used : mapping
        Word that it is made of and that was exchanged → its unit before.
    unfit : tuple of (str, str)
        Words that it is made of whose new unit does not fit, and why.
    """

    unit: str
    used: Mapping[str, str] = {}
    unfit: tuple[tuple[str, str], ...] = ()


class _Piece(NamedTuple):
    """Units that stand for one word: with powers as in the whole, and the power of the word."""

    word: str
    units: dict[str, float]
    power: float


def without_logarithm(unit: str) -> tuple[str, bool]:
    """Return the unit whose logarithm it is, and whether it is one: ``ln(ng/mL)`` → ``ng/mL``, True."""
    found = _LOGARITHM.fullmatch(unit.strip())
    return (found[1], True) if found else (unit, False)


def exchanged(unit: str, targets: Mapping[str, str], of_dose: bool = False, by_dose: str = "") -> Exchanged:
    """Return a unit with other units for some words.

    Parameters
    ----------
    unit : str
        As it is: ``"mL/h/kg"``, ``"ng/mL/(ug/kg)"``.
    targets : mapping
        Word → its new unit.
    of_dose : bool
        Whether the amount in it is that of a dose.
    by_dose : str
        Unit of the doses that a concentration is divided by, where both may have cancelled (``ng/mL/ng``: ``1/mL``).

    Raises
    ------
    UnitError
        If something is not a unit.
    """
    whole = parsed(unit)
    pieces, rest = _pieces(whole.units, of_dose, by_dose)
    magnitude, used = whole.magnitude, dict[str, str]()
    unfit: list[tuple[str, str]] = []
    main, below = dict(rest), dict[str, float]()
    for piece in pieces:
        # A dose has its own unit, or that of amounts.
        word = "amount" if piece.word == "dose" and "dose" not in targets else piece.word
        new: Quantity | None = None
        if word in targets:
            try:
                new = _fitting(targets[word], piece, whole.units, word)
            except _Unfit as error:
                unfit.append((word, str(error)))
        if new is not None:
            used[word] = written(1, times({}, piece.units, 1 / piece.power))
            magnitude *= new.magnitude**piece.power
        own = piece.units if new is None else times({}, new.units, piece.power)
        if piece.word == "dose" and piece.power == -1 and not of_dose:
            below = times({}, own, -1)
        else:
            main = times(main, own)
    if not used:
        return Exchanged(unit, unfit=tuple(unfit))
    return Exchanged(_text(magnitude, main, below), used, tuple(unfit))


def _text(number: float, main: Mapping[str, float], dose: Mapping[str, float]) -> str:
    """Write a unit; a dose that it is divided by stands last, as in ``ng/mL/(ug/kg)``."""
    if not dose or set(dose) & set(main):
        return written(number, times(main, dose, -1))
    per_kg = main.get(_KG) == 1
    inner = written(1, {**dose, **({_KG: -1} if per_kg else {})})
    left = written(number, {name: p for name, p in main.items() if not (per_kg and name == _KG)})
    return f"{left}/({inner})" if "/" in inner else f"{left}/{inner}"


class _Unfit(Exception):
    """The new unit is of another kind than what it is for."""


def _pieces(units: Powers, of_dose: bool, by_dose: str) -> tuple[list[_Piece], dict[str, float]]:
    """The parts of a unit that stand for words, and all the rest."""
    rest = dict(units)
    pieces = [_Piece("time", {name: rest.pop(name)}, power) for name, power in units.items() if _is(name, _TIME)]
    volumes = [name for name in units if _is(name, _VOLUME)]
    amounts = [name for name in units if is_amount(name)]
    volume = volumes[0] if len(volumes) == 1 else ""
    if by_dose and volume and units[volume] == -1 and not amounts:  # what has cancelled is written out again
        name = next((name for name in parsed(by_dose).units if is_amount(name)), "")
        if name:
            pieces += [_Piece("concentration", {name: 1, volume: rest.pop(volume)}, 1), _Piece("dose", {name: -1}, -1)]
            return pieces, rest
    partner = next((name for name in amounts if volume and units[name] == -units[volume]), "")
    if partner:
        power = rest.pop(partner)
        pieces.append(_Piece("concentration", {partner: power, volume: rest.pop(volume)}, power))
    for name in amounts:
        if name != partner:
            dose = of_dose or (bool(partner) and units[name] < 0)
            pieces.append(_Piece("dose" if dose else "amount", {name: rest.pop(name)}, units[name]))
    for name in volumes:
        # Numbers per volume (cells/uL, 10^9/L) are counts of something, no volumes.
        if name in rest and (amounts or units[name] > 0 or by_dose):
            pieces.append(_Piece("volume", {name: rest.pop(name)}, units[name]))
    return pieces, rest


def _is(name: str, dimension: Powers) -> bool:
    return dict(parsed(name).dimension) == dimension


def is_amount(name: str) -> bool:
    """Say whether one unit, as pint calls it, is of an amount; what is counted in units of its own is one, too."""
    dimension = dict(parsed(name).dimension)
    return dimension in _AMOUNTS or (len(dimension) == 1 and next(iter(dimension)).startswith("[own_"))


def _fitting(target: str, piece: _Piece, whole: Powers, word: str) -> Quantity:
    """The new unit of a piece, without the body weight, which stays where it is."""
    new = parsed(target)
    dimension: dict[str, float] = {}
    for name, power in piece.units.items():
        dimension = times(dimension, parsed(name).dimension, power / piece.power)
    per_kg = whole.get(_KG, 0) == -piece.power and piece.word != "concentration"
    wanted = times(dimension, {"[body_weight]": -1}) if per_kg else dimension
    if dict(new.dimension) == wanted:
        return Quantity(new.magnitude, times(new.units, {_KG: 1}) if per_kg else new.units, dimension)
    if word == "volume" and dict(new.dimension) == dimension:  # mL of a clearance in L/h/kg
        return new
    own = written(1, times(times({}, piece.units, 1 / piece.power), {_KG: -1} if per_kg else {}))
    raise _Unfit(f"its {word} is in {own}")


def check_word(word: str, target: str) -> str:
    """Say what is wrong with a new unit of a word; "" if it may be one."""
    try:
        dimension = parsed(target).dimension
    except UnitError as error:
        return f"{word}: {error}"
    plain = times(dimension, {"[body_weight]": 1}) if dimension.get("[body_weight]") == -1 else dict(dimension)
    own = {"[mass]" if name.startswith("[own_") else name: power for name, power in plain.items()}
    amounts = [dict(one) for one in _AMOUNTS]
    good = {
        "time": [dict(_TIME)], "volume": [dict(_VOLUME)], "amount": amounts, "dose": amounts,
        "concentration": [times(one, _VOLUME, -1) for one in amounts],
    }[word]  # fmt: skip
    fits = own in good and (plain == dict(dimension) or word in ("volume", "amount", "dose"))
    example = {"time": "day", "volume": "mL", "amount": "mg", "dose": "mg", "concentration": "mg/L"}[word]
    return "" if fits else f"{word} is {target!r}; expected a unit of it, such as {example!r}"
