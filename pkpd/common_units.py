"""The units that the field writes every day, read without pint (which takes 0.6 s to load); all others are its.

Sizes are exact fractions, and so is everything computed with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

Powers = Mapping[str, float]
"""Name → power: of units, or of dimensions. No power is zero."""

_MASS, _SUBSTANCE, _LENGTH, _TIME = {"[mass]": 1}, {"[substance]": 1}, {"[length]": 1}, {"[time]": 1}
_VOLUME = {"[length]": 3}
_MILLI, _MICRO, _NANO, _PICO = (Fraction(1, 1000**k) for k in (1, 2, 3, 4))
_LITRE, _DAY = _MILLI, Fraction(86_400)  # in cubic metres; in seconds

# Unit, as pint calls it: how it is written, its size in metres, seconds, grams and moles, its dimension.
_UNITS: dict[str, tuple[str, Fraction, Powers]] = {
    "gram": ("g", Fraction(1), _MASS),
    "milligram": ("mg", _MILLI, _MASS),
    "microgram": ("ug mcg", _MICRO, _MASS),
    "nanogram": ("ng", _NANO, _MASS),
    "picogram": ("pg", _PICO, _MASS),
    "mole": ("mol", Fraction(1), _SUBSTANCE),
    "millimole": ("mmol", _MILLI, _SUBSTANCE),
    "micromole": ("umol", _MICRO, _SUBSTANCE),
    "nanomole": ("nmol", _NANO, _SUBSTANCE),
    "picomole": ("pmol", _PICO, _SUBSTANCE),
    "liter": ("L l", _LITRE, _VOLUME),
    "deciliter": ("dL dl", _LITRE / 10, _VOLUME),
    "milliliter": ("mL ml", _LITRE * _MILLI, _VOLUME),
    "microliter": ("uL ul", _LITRE * _MICRO, _VOLUME),
    "nanoliter": ("nL nl", _LITRE * _NANO, _VOLUME),
    "second": ("s seconds", Fraction(1), _TIME),
    "minute": ("min minutes", _DAY / 1440, _TIME),
    "hour": ("h hr hours", _DAY / 24, _TIME),
    "day": ("d days", _DAY, _TIME),
    "week": ("weeks", 7 * _DAY, _TIME),
    "year": ("years", Fraction(1461, 4) * _DAY, _TIME),
    "meter": ("m", Fraction(1), _LENGTH),
    "centimeter": ("cm", Fraction(1, 100), _LENGTH),
    "percent": ("%", Fraction(1, 100), {}),
    "cell": ("cells", Fraction(1), {}),
    "international_unit": ("IU U", Fraction(1), {"[international_unit]": 1}),
    "body_kg": ("", Fraction(1), {"[body_weight]": 1}),
}
_LARGEST = 1e300
_NAMES = {word: name for name, (words, _, _) in _UNITS.items() for word in (name, *words.split())}


@dataclass(frozen=True, eq=False)
class Quantity:
    """What a text that names a unit means: ``"10^9/L"`` is 10⁹ of 1/liter.

    Attributes
    ----------
    magnitude : float
        The number in it.
    units : mapping of str to float
        Unit, as pint calls it, → its power, in the order in which they are written.
    dimension : mapping of str to float
        The same for ``"[mass]"``, ``"[length]"``, ``"[time]"`` ….
    """

    magnitude: float
    units: Powers
    dimension: Powers


def times(a: Powers, b: Powers, power: float = 1) -> dict[str, float]:
    """Return the powers of a · b^power."""
    product = dict(a)
    for name, exponent in b.items():
        product[name] = product.get(name, 0) + power * exponent
    return {name: exponent for name, exponent in product.items() if exponent != 0}


def dimension_of(units: Powers) -> dict[str, float]:
    """Return the dimension of common units.

    Raises
    ------
    KeyError
        If one is not common.
    """
    dimension: dict[str, float] = {}
    for name, power in units.items():
        dimension = times(dimension, _UNITS[name][2], power)
    return dimension


def common(text: str) -> Quantity | None:
    """Read a unit made of common ones by ``*``, ``/``, powers and parentheses; None if it is anything else."""
    try:
        magnitude, units = _Reader(text).whole()
    except (_Uncommon, ArithmeticError, ValueError, RecursionError):
        return None
    if not 0 < magnitude < _LARGEST:
        return None
    return Quantity(magnitude, units, dimension_of(units))


def common_ratio(a: Quantity, b: Quantity) -> float | None:
    """Return a / b, correctly rounded, of quantities of one dimension; None unless all units are common."""
    units = times(a.units, b.units, -1)
    if not all(name in _UNITS and power == int(power) for name, power in units.items()):
        return None
    ratio = Fraction(a.magnitude) / Fraction(b.magnitude)
    for name, power in units.items():
        ratio *= _UNITS[name][1] ** int(power)
    return float(ratio)


class _Uncommon(Exception):
    """The text says something that is not read here."""


def _small(number: float) -> float:
    """The number, unless it is beyond all floats: whole ones would grow to millions of digits, for minutes."""
    if abs(number) > _LARGEST:
        raise _Uncommon
    return number


class _Reader:
    """A text of units, read from left to right: what stands in parentheses, then powers, then products."""

    def __init__(self, text: str) -> None:
        self._rest = text.strip()

    def whole(self) -> tuple[float, dict[str, float]]:
        found = self._product()
        if self._rest:
            raise _Uncommon
        return found

    def _next(self, *wanted: str) -> str:
        """The next word if it is one of those wanted, otherwise nothing."""
        for word in wanted:
            if self._rest.startswith(word):
                self._rest = self._rest[len(word) :].lstrip()
                return word
        return ""

    def _match(self, pattern: str) -> str:
        found = re.match(pattern, self._rest)
        if found is None:
            raise _Uncommon
        self._rest = self._rest[found.end() :].lstrip()
        return found[0]

    def _product(self) -> tuple[float, dict[str, float]]:
        number, units = self._power()
        while not self._rest.startswith("**") and (sign := self._next("*", "/")):
            other, others = self._power()
            number = _small(number * other if sign == "*" else number / other)
            units = times(units, others, 1 if sign == "*" else -1)
        return number, units

    def _power(self) -> tuple[float, dict[str, float]]:
        number, units = self._one()
        if self._next("**", "^"):
            exponent = int(self._match(r"[-+]?\d{1,2}(?![\w.])"))
            if self._rest.startswith(("**", "^")):
                raise _Uncommon
            number, units = _small(number**exponent), times({}, units, exponent)
        return number, units

    def _one(self) -> tuple[float, dict[str, float]]:
        if self._next("("):
            found = self._product()
            if not self._next(")"):
                raise _Uncommon
            return found
        if self._rest[:1].isdigit():
            number = self._match(r"\d+(\.\d+)?([eE][-+]?\d+)?(?!\w)")
            return (int(number) if number.isdigit() else float(number)), {}
        name = _NAMES.get(self._match(r"[A-Za-z_]\w*|%"))
        if name is None:
            raise _Uncommon
        return 1, {name: 1}
