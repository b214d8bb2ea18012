"""Tables of pandas and results of xarray as plain data, and back, with the types of their columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Plain = Callable[[Any, str], Any]
Rebuilt = Callable[[Any], Any]


def plain_table(value: Any, where: str, plain: Plain) -> dict[str, Any] | None:
    """Return a table, a column, a moment or a result as plain data; None for anything else.

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

    if value is pandas.NA:
        return {"!": "NA"}
    if value is pandas.NaT:
        return {"!": "NaT"}
    if isinstance(value, pandas.Timestamp):
        return {"!": "timestamp", "value": value.isoformat(), "unit": value.unit}
    if isinstance(value, pandas.Timedelta):
        return {"!": "timedelta", "value": int(value.value), "unit": value.unit}
    if isinstance(value, pandas.DataFrame):
        if isinstance(value.columns, pandas.MultiIndex):
            return None
        columns = [
            [plain(name, where), _column(value.iloc[:, k], f"{where}.{name}" if where else str(name), plain)]
            for k, name in enumerate(value.columns)
        ]
        return {"!": "table", "columns": columns, "index": _index(value.index, f"{where}.index", plain),
                "heading": plain(value.columns.name, where), "attrs": plain(dict(value.attrs), where)}  # fmt: skip
    if isinstance(value, pandas.Series):
        return {"!": "series", "values": _column(value, where, plain), "name": plain(value.name, where),
                "index": _index(value.index, f"{where}.index", plain)}  # fmt: skip
    if isinstance(value, pandas.Index):
        return {"!": "index", "index": _index(value, where, plain)}
    return _labelled(value, where, plain)


def _column(column: Any, where: str, plain: Plain) -> dict[str, Any]:
    """One column, or one level of an index, by the kind of its type."""
    import pandas

    dtype = column.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        codes = column.cat.codes if isinstance(column, pandas.Series) else pandas.Series(column.codes)
        return {"kind": "category", "codes": plain(codes.to_numpy(), where), "ordered": bool(dtype.ordered),
                "categories": _index(dtype.categories, f"{where}.categories", plain)}  # fmt: skip
    if isinstance(dtype, pandas.StringDtype):
        missing = "nan" if isinstance(dtype.na_value, float) else "NA"
        values = [None if pandas.isna(v) else str(v) for v in column.tolist()]
        return {"kind": "text", "storage": dtype.storage, "missing": missing, "items": values}
    if isinstance(dtype, np.dtype):
        return {"kind": "array", "values": plain(column.to_numpy(), where)}
    values = [None if pandas.isna(v) else plain(v, where) for v in column.tolist()]
    return {"kind": "extension", "dtype": str(dtype), "items": values}


def _index(index: Any, where: str, plain: Plain) -> dict[str, Any]:
    import pandas

    names = [plain(name, where) for name in index.names]
    if isinstance(index, pandas.RangeIndex):
        return {"kind": "range", "ends": [index.start, index.stop, index.step], "names": names}
    if isinstance(index, pandas.MultiIndex):
        levels = [_column(index.get_level_values(k), f"{where}.{k}", plain) for k in range(index.nlevels)]
        return {"kind": "levels", "levels": levels, "names": names}
    return {"kind": "values", "values": _column(index, where, plain), "names": names}


def _labelled(value: Any, where: str, plain: Plain) -> dict[str, Any] | None:
    import xarray

    if isinstance(value, xarray.DataTree):
        nodes = {node.path: _dataset(node.to_dataset(inherit=False), node.path[1:], plain) for node in value.subtree}
        return {"!": "tree", "nodes": nodes, "name": plain(value.name, where)}
    if isinstance(value, xarray.Dataset):
        return _dataset(value, where, plain)
    if isinstance(value, xarray.DataArray):
        inner = _dataset(value.to_dataset(name="_values_"), where, plain)
        return {"!": "labelled", "dataset": inner, "name": plain(value.name, where)}
    return None


def _dataset(value: Any, where: str, plain: Plain) -> dict[str, Any]:
    """A Dataset by its variables; an index of several levels by its levels."""
    import pandas

    stacked: dict[str, list[str]] = {}
    for name, index in value.indexes.items():
        if isinstance(index, pandas.MultiIndex):
            stacked.setdefault(str(value[name].dims[0]), [str(level) for level in index.names])
    value = value.reset_index(list(stacked)) if stacked else value
    variables = [
        [plain(name, where), list(found.dims), plain(found.to_numpy(), f"{where}.{name}" if where else str(name)),
         plain(dict(found.attrs), f"attributes of {name}")]
        for name, found in value.variables.items()
    ]  # fmt: skip
    bare = [str(n) for n in value.dims if n in value.coords and n not in value.xindexes]
    return {"!": "dataset", "variables": variables, "coords": [plain(n, where) for n in value.coords],
            "attrs": plain(dict(value.attrs), f"{where}.attrs" if where else "attrs"), "stacked": stacked,
            "bare": bare}  # fmt: skip


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
    import xarray

    kind = data["!"]
    if kind == "NA":
        return pandas.NA
    if kind == "NaT":
        return pandas.NaT
    if kind == "timestamp":
        return pandas.Timestamp(data["value"]).as_unit(data["unit"])
    if kind == "timedelta":
        return pandas.Timedelta(data["value"], unit=data["unit"]).as_unit(data["unit"])
    if kind == "table":
        index = _index_from(data["index"], again)
        columns = [pandas.Series(_column_from(c, again), index=index) for _, c in data["columns"]]
        made = pandas.concat(columns, axis=1) if columns else pandas.DataFrame(index=index)
        made.columns = pandas.Index([again(name) for name, _ in data["columns"]], name=again(data["heading"]))
        made.attrs.update(again(data["attrs"]))
        return made
    if kind == "series":
        values = _column_from(data["values"], again)
        return pandas.Series(values, index=_index_from(data["index"], again), name=again(data["name"]))
    if kind == "index":
        return _index_from(data["index"], again)
    if kind == "tree":
        nodes = {str(path): _dataset_from(one, again) for path, one in data["nodes"].items()}
        return xarray.DataTree.from_dict(nodes, name=again(data["name"]))
    if kind == "labelled":
        return _dataset_from(data["dataset"], again)["_values_"].rename(again(data["name"]))
    return _dataset_from(data, again)


def _column_from(data: Mapping[str, Any], again: Rebuilt) -> Any:
    import pandas

    kind = data["kind"]
    if kind == "category":
        dtype = pandas.CategoricalDtype(_index_from(data["categories"], again), ordered=bool(data["ordered"]))
        return pandas.Categorical.from_codes(again(data["codes"]), dtype=dtype)
    if kind == "text":
        missing = np.nan if data["missing"] == "nan" else pandas.NA
        return pandas.array(data["items"], dtype=pandas.StringDtype(data["storage"], na_value=missing))
    if kind == "array":
        values = again(data["values"])
        return pandas.array(values) if not isinstance(values, np.ndarray) else _as_it_is(values)
    values = [pandas.NA if one is None else again(one) for one in data["items"]]
    return pandas.array(values, dtype=data["dtype"])


def _as_it_is(values: np.ndarray[Any, Any]) -> Any:
    """An array whose type pandas must not guess anew: texts in an object column stay in one."""
    import pandas

    return pandas.Series(values, dtype=object).array if values.dtype.kind == "O" else values


def _index_from(data: Mapping[str, Any], again: Rebuilt) -> Any:
    import pandas

    names = [again(name) for name in data["names"]]
    if data["kind"] == "range":
        start, stop, step = (int(end) for end in data["ends"])
        return pandas.RangeIndex(start, stop, step, name=names[0])
    if data["kind"] == "levels":
        levels = [pandas.Index(_column_from(one, again)) for one in data["levels"]]
        return pandas.MultiIndex.from_arrays(levels, names=names)
    values = _column_from(data["values"], again)
    objects = str(getattr(values, "dtype", "")) == "object"  # pandas must not guess their type anew
    return pandas.Index(values, dtype=object, name=names[0]) if objects else pandas.Index(values, name=names[0])


def _dataset_from(data: Mapping[str, Any], again: Rebuilt) -> Any:
    import xarray

    if data["!"] != "dataset":
        raise ValueError("expected a dataset")
    variables = {
        again(name): xarray.Variable(dims, again(values), again(attrs))
        for name, dims, values, attrs in data["variables"]
    }
    coords = [again(name) for name in data["coords"]]
    found = xarray.Dataset(
        {n: v for n, v in variables.items() if n not in coords}, {n: variables[n] for n in coords}, again(data["attrs"])
    )
    found = found.drop_indexes(data["bare"]) if data["bare"] else found
    return found.set_index(data["stacked"]) if data["stacked"] else found
