"""Values again, from the plain data of a file: nothing that stands in it is run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import numpy as np

from pkpd.files.plain import PARTS, TAG
from pkpd.files.tables import table_from

_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True, eq=False)
class Reader:
    """What plain data refer to.

    Attributes
    ----------
    arrays : mapping
        Name → array.
    classes : mapping
        Name → class that is made from its fields.
    error : callable
        Output, kind and label of a residual error → the error.
    """

    arrays: Mapping[str, np.ndarray[Any, Any]]
    classes: Mapping[str, type]
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
        if kind == "float":
            return _FLOATS[data["value"]]
        if kind == "number":
            return np.frombuffer(bytes.fromhex(data["bytes"]), dtype=_numbers(data["dtype"]))[0]
        if kind == "moment":
            return np.array(data["value"], dtype=np.int64).astype(_moments(data["dtype"]))[()]
        if kind == "array":
            return self._array(data)
        if kind == "object":
            return self._object(data)
        if kind == "error":
            return self.error(data["output"], data["kind"], data["label"])
        if kind in ("datetime", "date"):
            return (datetime if kind == "datetime" else date).fromisoformat(data["value"])
        return table_from(data, self.value)

    def _object(self, data: Mapping[str, Any]) -> Any:
        kind = self.classes[data["class"]]
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
            return found.astype(_numbers(dtype).newbyteorder("="))
        if "raw" in data and (self.arrays[data["raw"]].ndim, self.arrays[data["raw"]].dtype) != (1, np.uint8):
            raise ValueError(f"{data['raw']} holds no bytes")
        raw = np.ascontiguousarray(self.arrays[data["raw"]]).tobytes() if "raw" in data else b""
        return np.frombuffer(raw, dtype=_numbers(dtype)).reshape(shape).copy()


def _texts(items: Any, dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """An array of texts, or of objects."""
    if math.prod(shape) != len(items):
        raise ValueError(f"{len(items)} texts for the shape {list(shape)}")
    made = np.empty(len(items), dtype=object)
    made[:] = items
    if dtype == "O":
        return made.reshape(shape)
    if dtype == "T":
        return made.astype(np.dtypes.StringDType()).reshape(shape)
    if np.dtype(dtype).kind != "U":
        raise ValueError(f"texts as {dtype}")
    return made.astype(np.dtype(dtype)).reshape(shape)


def _numbers(name: str) -> np.dtype[Any]:
    found = np.dtype(name)
    if found.kind not in PARTS or found.fields is not None:
        raise ValueError(f"{name} is no type of numbers")
    return found


def _moments(name: str) -> np.dtype[Any]:
    found = np.dtype(name)
    if found.kind not in "mM":
        raise ValueError(f"{name} is no type of moments")
    return found
