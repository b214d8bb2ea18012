"""Values again, from the plain data of a file: nothing that stands in it is run."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from pkpd.files.plain import NUMBERS, TAG
from pkpd.files.tables import table_from

_MOMENTS: Mapping[str, Any] = {"datetime": datetime, "date": date, "time": time}
_WIDE = 10_000  # characters of the texts of an array that need no text so long


@dataclass(frozen=True, eq=False)
class Reader:
    """What plain data refer to.

    Attributes
    ----------
    arrays : mapping
        Name → array.
    class_of : callable
        Name → class that is made from its fields; raises if there is none.
    error : callable
        Output, kind and label of a residual error → the error.
    """

    arrays: Mapping[str, np.ndarray[Any, Any]]
    class_of: Callable[[str], type]
    error: Callable[[str, str, str], Any]

    def value(self, data: Any) -> Any:
        """Return the value; what does not fit together raises whatever it raises."""
        if isinstance(data, list):
            return [self.value(one) for one in data]
        if not isinstance(data, dict):
            return data
        if TAG not in data:
            return {key: self.value(one) for key, one in data.items()}
        kind = data[TAG]
        if kind in ("tuple", "set", "frozenset"):
            made: Any = {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](self.value(data["items"]))
            return made
        if kind == "mapping":
            return {self.value(key): self.value(one) for key, one in data["items"]}
        if kind == "frozen":
            return MappingProxyType(self.value(data["items"]))
        if kind == "float":
            return struct.unpack("<d", bytes.fromhex(data["bytes"]))[0]
        if kind == "complex":
            real, imaginary = self.value(data["parts"])
            return complex(real, imaginary)
        if kind == "number":
            return np.frombuffer(bytes.fromhex(data["bytes"]), dtype=_numbers(data["dtype"]))[0]
        if kind == "str_":
            return np.str_(data["value"])
        if kind == "moment":
            return np.array(data["value"], dtype=np.int64).astype(_moments(data["dtype"]))[()]
        if kind == "array":
            return self._array(data)
        if kind == "object":
            return self._object(data)
        if kind == "error":
            return self.error(data["output"], data["kind"], data["label"])
        if kind in _MOMENTS:
            return self._moment(data)
        if kind == "duration":
            return timedelta(*data["parts"])
        return table_from(data, self.value)

    def _moment(self, data: Mapping[str, Any]) -> Any:
        found = _MOMENTS[data["!"]].fromisoformat(data["value"])
        if data["!"] == "date":
            return found
        zone: tzinfo | None = ZoneInfo(data["zone"]) if "zone" in data else None
        if "offset" in data:
            zone = timezone(self.value(data["offset"]))
        return found.replace(tzinfo=zone, fold=data["fold"])

    def _object(self, data: Mapping[str, Any]) -> Any:
        kind = self.class_of(data["class"])
        inside = {name: self.value(one) for name, one in data["fields"].items()}
        wanted = {f.name for f in fields(kind) if f.init}
        if set(inside) != wanted:
            raise ValueError(f"{kind.__name__} has the parts {sorted(inside)}; expected {sorted(wanted)}")
        return kind(**inside)

    def _array(self, data: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        shape, dtype = tuple(int(size) for size in data["shape"]), str(data["dtype"])
        if "items" in data:
            return _texts(self.value(data["items"]), dtype, shape)
        if "moments" in data:
            return np.asarray(self.value(data["moments"])).astype(_moments(dtype)).reshape(shape)
        if "name" in data:
            found = self.arrays[data["name"]]
            if found.shape != shape or found.dtype.newbyteorder("=") != _numbers(dtype).newbyteorder("="):
                raise ValueError(f"{data['name']} is {found.dtype}{list(found.shape)}; expected {dtype}{list(shape)}")
            return found.astype(_numbers(dtype))
        if "raw" in data and (self.arrays[data["raw"]].ndim, self.arrays[data["raw"]].dtype) != (1, np.uint8):
            raise ValueError(f"{data['raw']} holds no bytes")
        raw = np.ascontiguousarray(self.arrays[data["raw"]]).tobytes() if "raw" in data else b""
        return np.frombuffer(raw, dtype=_numbers(dtype)).reshape(shape).copy()


def _texts(items: Any, dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """An array of texts, or of objects."""
    if math.prod(shape) != len(items):
        raise ValueError(f"{len(items)} texts for the shape {list(shape)}")
    made = np.empty(len(items), dtype=object)
    for k, item in enumerate(items):  # at once, lists of one length would become an array
        made[k] = item
    if dtype == "O":
        return made.reshape(shape)
    if dtype == "T":
        return made.astype(np.dtypes.StringDType()).reshape(shape)
    texts = np.dtype(dtype)
    if texts.kind != "U" or texts.itemsize > 4 * max(_WIDE, *map(len, items), 0):
        raise ValueError(f"texts as {dtype}")
    return made.astype(np.dtype(dtype)).reshape(shape)


def _numbers(name: str) -> np.dtype[Any]:
    found = np.dtype(name)
    if found.kind not in NUMBERS or found.fields is not None:
        raise ValueError(f"{name} is no type of numbers")
    return found


def _moments(name: str) -> np.dtype[Any]:
    found = np.dtype(name)
    if found.kind not in "mM":
        raise ValueError(f"{name} is no type of moments")
    return found
