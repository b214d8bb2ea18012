"""A value as plain data: what JSON holds, with a tag where a value is more than that, and arrays beside it.

``{"!": "tuple", "items": […]}`` is a tuple; a mapping with such a key of its own, or with keys that are no texts, is
written as a list of pairs. Numbers come back bit for bit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

import numpy as np

from pkpd.errors import shown
from pkpd.files.sealed import direct

TAG = "!"
CLASSES = (
    "ErrorCorrelation", "Fit", "Fits", "InverseWishart", "Model", "NormalPrior", "Omega", "OmegaBlock", "Parameter",
    "Parameters", "Population", "Study",
)  # fmt: skip
"""Classes that are written by their fields; `pkpd.saving` knows which they are."""
PARTS = frozenset("fiub")  # kinds of numbers whose bytes say everything
_PLAIN = (bool, int, str, type(None))


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
        if type(value) is float:
            return value if np.isfinite(value) else {TAG: "float", "value": repr(value)}
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
            return str(value)
        if value.dtype.kind in PARTS:
            return {TAG: "number", "dtype": value.dtype.newbyteorder("<").str, "bytes": _bytes(np.array(value)).hex()}
        if value.dtype.kind in "mM":
            return {TAG: "moment", "dtype": value.dtype.str, "value": int(value.astype(np.int64))}
        return self._refused(value, where)

    def _array(self, value: np.ndarray[Any, Any], where: str) -> Any:
        found: dict[str, Any] = {TAG: "array", "dtype": value.dtype.str, "shape": list(value.shape)}
        if value.dtype.kind in "OUT":
            return found | {"dtype": value.dtype.kind if value.dtype.kind != "U" else value.dtype.str,
                            "items": self.plain(value.ravel().tolist(), where)}  # fmt: skip
        if value.dtype.kind in "mM":
            return found | {"moments": self._array(value.astype(np.int64), where)}
        if value.dtype.kind not in PARTS:
            return self._refused(value, where)
        if direct(value):
            return found | {"name": self._keep(value, where)}
        found["dtype"] = value.dtype.newbyteorder("<").str
        numbers = np.frombuffer(_bytes(value), dtype=np.uint8)
        return found | ({"raw": self._keep(numbers, where)} if numbers.size else {})

    def _keep(self, value: np.ndarray[Any, Any], where: str) -> str:
        clean = re.sub(r"[^A-Za-z0-9_.]", "_", where) or "values"
        name, k = clean, 1
        while name in self.arrays or name == "about" or name.startswith("size_"):
            k += 1
            name = f"{clean}__{k}"
        self.arrays[name] = value
        return name

    def _object(self, value: Any, where: str) -> Any:
        kind = type(value)
        if isinstance(getattr(kind, "sd", None), str) and isinstance(getattr(kind, "kind", None), str):
            return {TAG: "error", "output": value.output, "kind": value.kind, "label": value.label}
        if kind.__name__ not in CLASSES or not kind.__module__.startswith("pkpd."):
            return self._refused(value, where)
        inside = {f.name: self.plain(getattr(value, f.name), _joined(where, f.name)) for f in fields(value) if f.init}
        return {TAG: "object", "class": kind.__name__, "fields": inside}

    def _other(self, value: Any, where: str) -> Any:
        if _of_tables(value):
            from pkpd.files.tables import plain_table

            found = plain_table(value, where, self.plain)
            return self._refused(value, where) if found is None else found
        if isinstance(value, PurePath):
            return str(value)
        if isinstance(value, datetime | date):
            kind = "datetime" if isinstance(value, datetime) else "date"
            return {TAG: kind, "value": value.isoformat()}
        for kind in (int, float, str):  # a class of its own that is one of these
            if isinstance(value, kind):
                return self.plain(kind(value), where)
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


def _bytes(value: np.ndarray[Any, Any]) -> bytes:
    """Of numbers, the last significant byte first."""
    return np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"), copy=False)).tobytes()
