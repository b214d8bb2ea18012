"""Tables of pandas as plain data, and back, with the types of their columns; results of xarray by `labelled`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from typing import Any

import numpy as np

from pkpd.files import columns, labelled

Plain = Callable[[Any, str], Any]
Rebuilt = Callable[[Any], Any]


def plain_table(value: Any, where: str, plain: Plain) -> dict[str, Any] | None:
    """Return a table, a column, a moment or a result as plain data; None for what has no such form.

    Parameters
    ----------
    value : object
        Of pandas or xarray.
    where : str
        What it is called.
    plain : callable
        What makes a part of it plain.
    """
    import pandas

    if isinstance(value, pandas.DataFrame):
        names = list(value.columns)
        inside = [
            columns.column(value.iloc[:, k], f"{where}.{name}" if where else str(name), plain)
            for k, name in enumerate(names)
        ]
        return {"!": "table", "columns": inside, "names": columns.index(value.columns, f"{where}.columns", plain),
                "index": columns.index(value.index, f"{where}.index", plain),
                "attrs": plain(dict(value.attrs), f"{where}.attrs")}  # fmt: skip
    if isinstance(value, pandas.Series):
        return {"!": "series", "values": columns.column(value, where, plain), "name": plain(value.name, where),
                "index": columns.index(value.index, f"{where}.index", plain),
                "attrs": plain(dict(value.attrs), f"{where}.attrs")}  # fmt: skip
    if isinstance(value, pandas.Index):
        return {"!": "index", "index": columns.index(value, where, plain)}
    return _moment(value, where, plain) or labelled.plain_result(value, where, plain)


def _moment(value: Any, where: str, plain: Plain) -> dict[str, Any] | None:
    """One cell of a table that is more than a number or a text."""
    import pandas

    if value is pandas.NA:
        return {"!": "NA"}
    if value is pandas.NaT:
        return {"!": "NaT"}
    if type(value) is pandas.Timestamp:
        zone = None if value.tzinfo is None else plain(time(tzinfo=value.tzinfo), where)
        return {"!": "timestamp", "value": int(value.asm8.astype(np.int64)), "unit": value.unit, "zone": zone}
    if type(value) is pandas.Timedelta:
        return {"!": "timedelta", "value": int(value.asm8.astype(np.int64)), "unit": value.unit}
    if type(value) is pandas.Interval:
        return {"!": "interval", "ends": [plain(value.left, where), plain(value.right, where)], "closed": value.closed}
    if type(value) is pandas.Period:
        return {"!": "period", "value": int(value.ordinal), "unit": value.freqstr}
    return None


def table_from(data: Mapping[str, Any], again: Rebuilt) -> Any:
    """Return what `plain_table` wrote.

    Parameters
    ----------
    data : mapping
        Plain data with a tag.
    again : callable
        What makes a part of it again.
    """
    import pandas

    kind = data["!"]
    if kind == "table":
        index = columns.index_from(data["index"], again)
        inside = [_series(one, index, again) for one in data["columns"]]
        made = pandas.concat(inside, axis=1) if inside else pandas.DataFrame(index=index)
        made.columns = columns.index_from(data["names"], again)
        made.attrs.update(again(data["attrs"]))
        return made
    if kind == "series":
        found = _series(data["values"], columns.index_from(data["index"], again), again).rename(again(data["name"]))
        found.attrs.update(again(data["attrs"]))
        return found
    if kind == "index":
        return columns.index_from(data["index"], again)
    if kind in ("NA", "NaT"):
        return pandas.NA if kind == "NA" else pandas.NaT
    if kind == "timestamp":
        moment = pandas.Timestamp(np.array(data["value"]).astype(f"datetime64[{data['unit']}]")[()])
        return moment if data["zone"] is None else moment.tz_localize("UTC").tz_convert(again(data["zone"]).tzinfo)
    if kind == "timedelta":
        return pandas.Timedelta(np.array(data["value"]).astype(f"timedelta64[{data['unit']}]")[()])
    if kind == "interval":
        return pandas.Interval(*map(again, data["ends"]), closed=data["closed"])
    if kind == "period":
        return pandas.Period(ordinal=int(data["value"]), freq=data["unit"])
    return labelled.result_from(data, again)


def _series(data: Mapping[str, Any], index: Any, again: Rebuilt) -> Any:
    """A column with its labels; pandas must not guess its type anew."""
    import pandas

    values = columns.column_from(data, again)
    return pandas.Series(values, index=index, dtype=object if values.dtype == object else values.dtype)
