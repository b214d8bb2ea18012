"""A value as plain data: what JSON holds, with a tag where a value is more than that, and arrays beside it.

``{"!": "tuple", "items": […]}`` is a tuple; a mapping with such a key of its own, or with keys that are no texts, is
written as a list of pairs. Numbers come back bit for bit.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

import numpy as np

from pkpd.errors import shown
from pkpd.files.part import Part
from pkpd.files.sealed import ABOUT, DIMENSION, direct

TAG = "!"
NUMBERS = frozenset("fiubc")  # kinds of numbers whose bytes say everything
_PLAIN = (bool, str, type(None))
_MOST_BITS = 10_000  # of a whole number: Python writes no longer ones as digits
_LONGEST = 150  # characters of an array's name: what is longer is cut, and told apart by a number


@dataclass(eq=False)
class Writer:
    """Gathers arrays, and what cannot be written, while values are made plain.

    Attributes
    ----------
    arrays : dict
        Name → array.
    problems : list of str
        One sentence for everything that is no data.
    """

    arrays: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def plain(self, value: Any, where: str) -> Any:
        """Return a value as plain data.

        Parameters
        ----------
        value : object
            What to write.
        where : str
            What it is called, for arrays and for problems.
        """
        if type(value) in _PLAIN:
            return value
        if type(value) is int and value.bit_length() <= _MOST_BITS:
            return value
        if type(value) is float:
            return value if np.isfinite(value) else {TAG: "float", "bytes": struct.pack("<d", value).hex()}
        if type(value) is complex:
            return {TAG: "complex", "parts": [self.plain(value.real, where), self.plain(value.imag, where)]}
        if isinstance(value, list):
            return [self.plain(one, f"{where}.{k}") for k, one in enumerate(value)]
        if isinstance(value, tuple):
            return {TAG: "tuple", "items": self.plain(list(value), where)}
        if isinstance(value, set | frozenset):
            kind = "set" if isinstance(value, set) else "frozenset"
            return {TAG: kind, "items": self.plain(sorted(value, key=repr), where)}
        if isinstance(value, np.generic):
            return self._scalar(value, where)
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        if type(value) is MappingProxyType:
            return {TAG: "frozen", "items": self._mapping(value, where)}
        if is_dataclass(value) and not isinstance(value, type):
            return self._object(value, where)
        if isinstance(value, Mapping) and not _of_tables(value):
            return self._mapping(value, where)
        return self._other(value, where)

    def _mapping(self, value: Mapping[Any, Any], where: str) -> Any:
        if all(type(key) is str for key in value) and TAG not in value:
            return {key: self.plain(one, f"{where}.{key}") for key, one in value.items()}
        pairs = [[self.plain(k, where), self.plain(v, f"{where}.{k}")] for k, v in value.items()]
        return {TAG: "mapping", "items": pairs}

    def _scalar(self, value: np.generic, where: str) -> Any:
        if isinstance(value, np.str_):
            return {TAG: "str_", "value": str(value)}
        if value.dtype.kind in NUMBERS:
            return {TAG: "number", "dtype": value.dtype.str, "bytes": np.array(value).tobytes().hex()}
        if value.dtype.kind in "mM":
            return {TAG: "moment", "dtype": value.dtype.str, "value": int(value.astype(np.int64))}
        return self._refused(value, where)

    def _array(self, value: np.ndarray[Any, Any], where: str) -> Any:
        kind = value.dtype.kind
        if type(value) is not np.ndarray or (kind == "T" and hasattr(value.dtype, "na_object")):
            return self._refused(value, where)  # a mask or a missing text would be lost
        found: dict[str, Any] = {TAG: "array", "dtype": value.dtype.str, "shape": list(value.shape)}
        if kind in "OUT":
            items = self.plain(value.ravel().tolist(), where)
            return found | {"dtype": value.dtype.str if kind == "U" else kind, "items": items}
        if kind in "mM":
            return found | {"moments": self._array(value.astype(np.int64), where)}
        if kind not in NUMBERS:
            return self._refused(value, where)
        if direct(value):
            return found | {"name": self._keep(value, where)}
        numbers = np.frombuffer(np.ascontiguousarray(value).tobytes(), dtype=np.uint8)
        return found | ({"raw": self._keep(numbers, where)} if numbers.size else {})

    def _keep(self, value: np.ndarray[Any, Any], where: str) -> str:
        clean = re.sub(r"[^A-Za-z0-9_.]", "_", where)[:_LONGEST].strip(".") or "values"
        clean = f"values_{clean}" if clean == ABOUT or clean.startswith(DIMENSION) else clean
        name, k = clean, 1
        while name in self.arrays:
            k += 1
            name = f"{clean}__{k}"
        self.arrays[name] = value
        return name

    def _object(self, value: Any, where: str) -> Any:
        kind = type(value)
        if isinstance(getattr(kind, "sd", None), str) and isinstance(getattr(kind, "kind", None), str):
            return {TAG: "error", "output": value.output, "kind": value.kind, "label": value.label}
        if not isinstance(value, Part) or not kind.__module__.startswith("pkpd."):
            return self._refused(value, where)
        value = value._kept()
        inside = {f.name: self.plain(getattr(value, f.name), _joined(where, f.name)) for f in fields(value) if f.init}
        return {TAG: "object", "class": kind.__name__, "fields": inside}

    def _other(self, value: Any, where: str) -> Any:
        if _of_tables(value):
            from pkpd.files.tables import plain_table

            found = plain_table(value, where, self.plain)
            return self._refused(value, where) if found is None else found
        if isinstance(value, PurePath):
            return str(value)
        if type(value) in (datetime, date, time):
            return self._moment(value, where)
        if type(value) is timedelta:
            return {TAG: "duration", "parts": [value.days, value.seconds, value.microseconds]}
        for plain in (int, float, str):  # a class of its own that is one of these
            if isinstance(value, plain) and type(value) is not plain:
                return self.plain(plain(value), where)
        return self._refused(value, where)

    def _moment(self, value: datetime | date | time, where: str) -> Any:
        """A date or a time of day; a time zone by its name, or else by its distance from UTC."""
        kind = type(value).__name__
        if isinstance(value, date) and not isinstance(value, datetime):
            return {TAG: kind, "value": value.isoformat()}
        zone, found = value.tzinfo, {TAG: kind, "value": value.replace(tzinfo=None).isoformat(), "fold": value.fold}
        if zone is None:
            return found
        if isinstance(getattr(zone, "key", None), str):
            return found | {"zone": zone.key}  # type: ignore[attr-defined]
        if type(zone) is timezone:
            return found | {"offset": self.plain(zone.utcoffset(None), where)}
        return self._refused(value, where)

    def _refused(self, value: Any, where: str) -> None:
        what = "a function" if callable(value) and not isinstance(value, type) else f"a {type(value).__name__}"
        self.problems.append(f"{where or 'it'} is {what}, which is no data ({shown(value)})")


def _of_tables(value: Any) -> bool:
    """Whether a value is one of pandas or of xarray."""
    return any(one.__module__.split(".")[0] in ("pandas", "xarray") for one in type(value).__mro__)


def _joined(where: str, name: str) -> str:
    name = name.lstrip("_")
    return f"{where}.{name}" if where else name
