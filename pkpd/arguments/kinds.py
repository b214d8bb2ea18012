"""What an annotation promises: which values are of its kind, in which form the code may have them, and its words."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Complex, Number, Real
from typing import Any, NamedTuple

import numpy as np

from pkpd.errors import shown

_LARGEST = 2**1000  # a whole number that is still finite as a float


class Refused(Exception):
    """The value is not of the kind; its text, if it has one, says more of the value than that it was not expected."""


class Kind(NamedTuple):
    """What is accepted.

    Attributes
    ----------
    words : str
        What an error says was expected.
    take : callable
        From a value to the form in which the code gets it; raises `Refused`.
    many : str
        What several of them are called, in "a list of …".
    among : tuple of str
        The words that are known, where it is one of them.
    """

    words: str
    take: Callable[[Any], Any]
    many: str = ""
    among: tuple[str, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Say whether a value is of this kind."""
        try:
            self.take(value)
        except Refused:
            return False
        return True

    def refusal(self, name: str, value: Any) -> str:
        """Say of a value that is not of this kind what it is and what was expected."""
        try:
            self.take(value)
        except Refused as refused:
            return f"{name} {refused}" if str(refused) else f"{name} is {shown(value)}; expected {self.words}"
        return ""


def _one_number(value: Any) -> Any:
    """A number that stands alone in an array, as Python's; everything else as it is."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if not kind or getattr(value, "ndim", None) != 0:
        return value
    if kind not in "biuf":  # a length of time counts as a whole number with NumPy
        raise Refused
    return value.item()


def _plain_kind(value: Any) -> str:
    """The kind of number in an array or a column of NumPy's own numbers, "" for anything else (it may have gaps)."""
    dtype: Any = getattr(value, "dtype", None)
    return str(dtype.kind) if type(dtype).__module__.split(".")[0] == "numpy" else ""


def number(value: Any) -> Any:
    """Take a number: Python's, NumPy's, a decimal or a fraction (as floats); no truth value, no text."""
    plain = _one_number(value)
    if type(plain) is float:
        return value if type(value) is float or isinstance(value, float) else plain
    if isinstance(plain, bool) or not isinstance(plain, Number):
        raise Refused
    if isinstance(plain, Complex) and not isinstance(plain, Real):  # a decimal is neither
        raise Refused
    if isinstance(plain, int):
        if abs(plain) > _LARGEST:
            raise Refused
        return plain
    try:
        return float(plain)  # type: ignore[arg-type]
    except (OverflowError, ValueError):  # a fraction beyond all floats, a signalling NaN
        raise Refused from None


def spread(value: Any) -> Any:
    """Take a standard deviation or a variance: finite, and not below 0."""
    plain = number(value)
    if not 0 <= plain < math.inf:
        raise Refused
    return plain


def whole(value: Any) -> int:
    """Take a whole number, also one that is written 5.0."""
    plain = number(value)
    if isinstance(plain, float) and not (math.isfinite(plain) and plain == int(plain)):
        raise Refused
    return int(plain)


def at_least(lowest: int, highest: int | None = None) -> Kind:
    """Return the kind of the whole numbers from one on, up to another."""

    def take(value: Any) -> int:
        count = whole(value)
        if count < lowest or (highest is not None and count > highest):
            raise Refused
        return count

    words = f"a whole number ≥ {lowest}" if highest is None else f"a whole number from {lowest} to {highest}"
    return Kind(words, take, "whole numbers")


def some_times(increasing: bool = False) -> Kind:
    """Return the kind of the finite times, in a list or an array of one dimension, or one alone; as an array.

    Parameters
    ----------
    increasing : bool
        Whether each must be later than the one before, and there must be one.
    """

    def take(value: Any) -> Any:
        import numpy as np

        array = np.atleast_1d(np.asarray(numbers(value), dtype=float))
        if array.ndim != 1 or not np.isfinite(array).all():
            raise Refused
        if increasing and (not array.size or not (np.diff(array) > 0).all()):
            raise Refused
        return array

    return Kind("increasing times" if increasing else "a list of finite times", take)


def one_of(known: Iterable[str]) -> Kind:
    """Return the kind of some words."""
    words = tuple(known)

    def take(value: Any) -> Any:
        if not isinstance(value, str) or value not in words:
            raise Refused
        return value

    return Kind(" or ".join(map(repr, words)), take, among=words)


def optional(kind: Kind) -> Kind:
    """Return the kind that may also be None."""
    return kind._replace(words=f"{kind.words}, or None", take=lambda value: None if value is None else kind.take(value))


def truth(value: Any) -> bool:
    """Take True or False."""
    if isinstance(value, bool):
        return value
    if getattr(getattr(value, "dtype", None), "kind", "") == "b" and getattr(value, "ndim", None) == 0:
        return bool(value)
    raise Refused


def text(value: Any) -> str:
    """Take a text that can be written down (no half of a pair of surrogates)."""
    if not isinstance(value, str):
        raise Refused
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused from None
    return value


def numbers(value: Any) -> Any:
    """Take what NumPy makes an array of numbers of."""
    import numpy as np

    if _plain_kind(value) in {"b", "i", "u", "f"}:
        return value
    try:
        made = np.asarray(value)
    except Exception:  # whatever an odd object does when it is asked for its items
        raise Refused from None
    if made.dtype.kind not in "biuf" and made.size:
        raise Refused
    return value


def path(value: Any) -> Any:
    """Take a place on disk."""
    if not isinstance(value, os.PathLike):
        raise Refused
    return value


def folder(value: Any) -> Any:
    """Take the name of a folder of this machine."""
    if not isinstance(value, os.PathLike):
        text(value)
    named = str(value)
    if "://" in named or "\0" in named or not named:
        raise Refused
    return value


def nothing(value: Any) -> None:
    """Take None."""
    if value is not None:
        raise Refused


def anything(value: Any) -> Any:
    """Take whatever it is."""
    return value


def function(value: Any) -> Any:
    """Take what can be called."""
    if not callable(value):
        raise Refused
    return value


def instances(words: str, fits: Callable[[Any], bool]) -> Kind:
    """Return the kind of the objects of a class."""

    def take(value: Any) -> Any:
        if not fits(value):
            raise Refused
        return value

    return Kind(words, take, words.split(" ", 1)[-1])


def union(kinds: Sequence[Kind]) -> Kind:
    """Return the kind of what is of one of several kinds."""

    def take(value: Any) -> Any:
        for kind in kinds:
            try:
                return kind.take(value)
            except Refused:
                continue
        raise Refused

    said = [kind.words for kind in kinds if kind.words and kind.words != "None"]
    if not all(kind.words for kind in kinds):
        return Kind("", anything)
    *first, last = dict.fromkeys(said) or ("",)
    joined = f"{', '.join(first)} or {last}" if first else last
    return Kind(joined + (", or None" if len(said) < len(kinds) else ""), take)


def many(kind: Kind, base: type, words: str) -> Kind:
    """Return the kind of an iterable of a kind; what can be gone through only once is taken as a list.

    Where a tuple is kept, a list, an array or a column does as well, and is taken as a tuple: nobody should have to
    know that a record cannot be changed.
    """

    def take(value: Any) -> Any:
        if (isinstance(value, (str, bytes, Mapping)) and base is not Mapping) or not isinstance(value, Iterable):
            raise Refused
        if _plain_kind(value) in {"i", "u", "f"} and kind.take is number:
            return tuple(np.asarray(_of_one_dimension(value)).tolist()) if base is tuple else _of_one_dimension(value)
        if base in (Sequence, tuple) and not hasattr(value, "__len__"):
            raise Refused
        _of_one_dimension(value)
        if (base is list and not isinstance(value, base)) or (base is tuple and isinstance(value, (set, frozenset))):
            raise Refused
        items = _items(value)
        taken = [kind.take(item) for item in items]
        if isinstance(value, tuple):
            return tuple(taken) if any(a is not b for a, b in zip(items, taken, strict=True)) else value
        return tuple(taken) if base is tuple else taken

    return Kind(words, take)


def _items(value: Any) -> list[Any]:
    try:
        return list(value)
    except Exception:  # an odd object may do anything when it is asked for its items
        raise Refused from None


def _of_one_dimension(value: Any) -> Any:
    if getattr(value, "ndim", 1) != 1:
        raise Refused
    return value


def pairing(key: Kind, item: Kind, words: str) -> Kind:
    """Return the kind of a mapping from a kind to another."""

    def take(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Refused
        taken = {key.take(k): item.take(v) for k, v in value.items()}
        same = all(a is b for a, b in zip(value.values(), taken.values(), strict=True))
        return value if same else taken

    return Kind(words, take)


def record(kinds: Sequence[Kind], words: str) -> Kind:
    """Return the kind of a row of values, each of its own kind."""

    def take(value: Any) -> Any:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise Refused
        items = _items(value)
        if len(items) != len(kinds):
            raise Refused
        return tuple(kind.take(item) for kind, item in zip(kinds, items, strict=True))

    return Kind(words, take)


A_SPREAD = Kind("a finite number ≥ 0", spread)
A_FOLDER = Kind("a folder of this machine", folder)
NAMED = pairing(Kind("a text", text), Kind("", anything), "a mapping from names")
A_LABEL = union([Kind("a text", text), Kind("a number", number), Kind("True or False", truth)])

SOME_LABELS = many(A_LABEL, Iterable, "a list of names or numbers")


def dataset_with(words: str, *names: str, otherwise: Callable[[Any], str] = lambda value: "") -> Kind:
    """Return the kind of the datasets of xarray that have all of some variables, coordinates or dimensions.

    `otherwise` may say what a value is that is none of them, and what to do: ``"is …; expected …"``.
    """

    def take(value: Any) -> Any:
        known = any(c.__name__ == "Dataset" for c in type(value).__mro__)
        if not known or not all(name in value.variables or name in value.sizes for name in names):
            raise Refused(otherwise(value))
        return value

    return Kind(words, take)
