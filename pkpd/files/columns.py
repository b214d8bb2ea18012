"""Columns and indexes of pandas as plain data, and back, by the kind of their type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from typing import Any

import numpy as np

Plain = Callable[[Any, str], Any]
Rebuilt = Callable[[Any], Any]
_MASKED = {"boolean", "Float32", "Float64", *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))}


def column(values: Any, where: str, plain: Plain) -> dict[str, Any]:
    """Return one column, or one level of an index, as plain data.

    Parameters
    ----------
    values : Series or Index
        What to write.
    where : str
        What it is called.
    plain : callable
        What makes a part of it plain.
    """
    import pandas

    dtype = values.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        codes = values.cat.codes if isinstance(values, pandas.Series) else pandas.Series(values.codes)
        return {"kind": "category", "codes": plain(codes.to_numpy(), where), "ordered": bool(dtype.ordered),
                "categories": index(dtype.categories, f"{where}.categories", plain)}  # fmt: skip
    if isinstance(dtype, pandas.StringDtype):
        missing = "nan" if isinstance(dtype.na_value, float) else "NA"
        texts = [None if pandas.isna(v) else str(v) for v in values.tolist()]
        return {"kind": "text", "storage": dtype.storage, "missing": missing, "items": texts}
    if isinstance(dtype, np.dtype):
        return {"kind": "array", "values": plain(values.to_numpy(), where)}
    if str(dtype) in _MASKED:
        number = np.dtype(dtype.numpy_dtype)
        held = values.array.to_numpy(dtype=number, na_value=number.type(0))
        return {"kind": "masked", "values": plain(held, where), "mask": plain(np.asarray(values.isna()), where)}
    if isinstance(dtype, pandas.DatetimeTZDtype):
        moments = values.to_numpy(dtype=f"datetime64[{dtype.unit}]")
        return {"kind": "zoned", "values": plain(moments, where), "zone": plain(time(tzinfo=dtype.tz), where)}
    try:
        known = pandas.api.types.pandas_dtype(str(dtype)) == dtype
    except (TypeError, ValueError):
        known = False
    name = str(dtype) if known else plain(dtype, f"the type of {where or 'it'}")  # which is refused: it has no name
    items = [None if one is pandas.NA or one is pandas.NaT else plain(one, where) for one in values.tolist()]
    return {"kind": "extension", "dtype": name, "items": items}


def column_from(data: Mapping[str, Any], again: Rebuilt) -> Any:
    """Return what `column` wrote, as an array of pandas or NumPy."""
    import pandas

    kind = data["kind"]
    if kind == "category":
        dtype = pandas.CategoricalDtype(index_from(data["categories"], again), ordered=bool(data["ordered"]))
        return pandas.Categorical.from_codes(again(data["codes"]), dtype=dtype)
    if kind == "text":
        missing = np.nan if data["missing"] == "nan" else pandas.NA
        return pandas.array(data["items"], dtype=pandas.StringDtype(data["storage"], na_value=missing))
    if kind == "array":
        return _as_it_is(again(data["values"]))
    if kind == "masked":
        values, mask = again(data["values"]), again(data["mask"])
        held = {"b": pandas.arrays.BooleanArray, "f": pandas.arrays.FloatingArray}
        return held.get(values.dtype.kind, pandas.arrays.IntegerArray)(values, mask)
    if kind == "zoned":
        moments = pandas.DatetimeIndex(again(data["values"]))
        return moments.tz_localize("UTC").tz_convert(again(data["zone"]).tzinfo).array
    items = [None if one is None else again(one) for one in data["items"]]
    return pandas.array(items, dtype=data["dtype"])


def _as_it_is(values: np.ndarray[Any, Any]) -> Any:
    """An array whose type pandas must not guess anew: texts in an object column stay in one."""
    import pandas

    return pandas.Series(values, dtype=object).array if values.dtype.kind == "O" else values


def index(labels: Any, where: str, plain: Plain) -> dict[str, Any]:
    """Return an index as plain data.

    Parameters
    ----------
    labels : Index
        What to write.
    where : str
        What it is called.
    plain : callable
        What makes a part of it plain.
    """
    import pandas

    names = [plain(name, where) for name in labels.names]
    if isinstance(labels, pandas.RangeIndex):
        return {"kind": "range", "ends": [labels.start, labels.stop, labels.step], "names": names}
    if isinstance(labels, pandas.MultiIndex):
        levels = [index(level, f"{where}.{k}", plain) for k, level in enumerate(labels.levels)]
        codes = [plain(np.asarray(one), f"{where}.{k}.codes") for k, one in enumerate(labels.codes)]
        return {"kind": "levels", "levels": levels, "codes": codes, "names": names}
    return {"kind": "values", "values": column(labels, where, plain), "names": names}


def index_from(data: Mapping[str, Any], again: Rebuilt) -> Any:
    """Return what `index` wrote."""
    import pandas

    names = [again(name) for name in data["names"]]
    if data["kind"] == "range":
        start, stop, step = (int(end) for end in data["ends"])
        return pandas.RangeIndex(start, stop, step, name=names[0])
    if data["kind"] == "levels":
        levels = [index_from(one, again) for one in data["levels"]]
        return pandas.MultiIndex(levels=levels, codes=[again(one) for one in data["codes"]], names=names)
    values = column_from(data["values"], again)
    dtype = object if values.dtype == object else values.dtype  # pandas must not guess their type anew
    return pandas.Index(values, dtype=dtype, name=names[0])
