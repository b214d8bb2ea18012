"""Results of xarray as plain data, and back: variables, coordinates, indexes and attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pkpd.files import columns

Plain = Callable[[Any, str], Any]
Rebuilt = Callable[[Any], Any]


def plain_result(value: Any, where: str, plain: Plain) -> dict[str, Any] | None:
    """Return a Dataset, DataTree or DataArray as plain data; None for anything else.

    Parameters
    ----------
    value : object
        Of xarray.
    where : str
        What it is called.
    plain : callable
        What makes a part of it plain.
    """
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

    levels: dict[Any, list[Any]] = {}
    alone: list[Any] = []
    for name, found in value.xindexes.items():
        held = getattr(found, "index", None)
        if not isinstance(held, pandas.Index):
            plain(found, f"the index of {name}")  # which is refused
        elif isinstance(held, pandas.MultiIndex):
            levels.setdefault(value[name].dims[0], list(held.names))
        elif name not in value.dims:
            alone.append(name)
    value = value.reset_index(list(levels)) if levels else value
    variables = [
        [plain(name, where), plain(list(found.dims), where),
         _values(found, f"{where}.{name}" if where else str(name), plain),
         plain(dict(found.attrs), f"attributes of {name}")]
        for name, found in ((name, value.variables[name]) for name in (*value.data_vars, *value.coords))
    ]  # fmt: skip
    own = [name for name in value.coords if value.variables[name].dims == (name,)]
    bare = [name for name in own if name not in value.xindexes]
    return {"!": "dataset", "variables": variables, "coords": [plain(n, where) for n in value.coords],
            "attrs": plain(dict(value.attrs), f"{where}.attrs" if where else "attrs"),
            "levels": [[plain(dim, where), plain(names, where)] for dim, names in levels.items()],
            "bare": plain(bare, where), "indexed": plain(alone, where)}  # fmt: skip


def _values(found: Any, where: str, plain: Plain) -> Any:
    """The values of a variable; a type of pandas as a column."""
    import pandas

    if isinstance(found.dtype, np.dtype):
        return plain(found.to_numpy(), where)
    return {"!": "index", "index": columns.index(pandas.Index(found.data), where, plain)}


def result_from(data: Mapping[str, Any], again: Rebuilt) -> Any:
    """Return what `plain_result` wrote."""
    import xarray

    kind = data["!"]
    if kind == "tree":
        nodes = {str(path): _dataset_from(one, again) for path, one in data["nodes"].items()}
        return xarray.DataTree.from_dict(nodes, name=again(data["name"]))
    if kind == "labelled":
        return _dataset_from(data["dataset"], again)["_values_"].rename(again(data["name"]))
    return _dataset_from(data, again)


def _dataset_from(data: Mapping[str, Any], again: Rebuilt) -> Any:
    import pandas
    import xarray

    if data["!"] != "dataset":
        raise ValueError("expected a dataset")
    variables = {}
    for name, dims, written, attrs in data["variables"]:
        values = again(written)
        found = xarray.Variable(again(dims), values.array if isinstance(values, pandas.Index) else values, again(attrs))
        if found.dtype != values.dtype:  # times with a zone: only an index keeps them
            found = xarray.Variable(found.dims, values, found.attrs)
        variables[again(name)] = found
    coords = [again(name) for name in data["coords"]]
    made = xarray.Dataset(
        {n: v for n, v in variables.items() if n not in coords}, {n: variables[n] for n in coords}, again(data["attrs"])
    )
    made = made.drop_indexes(again(data["bare"])) if data["bare"] else made
    for name in again(data["indexed"]):
        made = made.set_xindex(name)
    levels = {again(dim): again(names) for dim, names in data["levels"]}
    return made.set_index(levels) if levels else made
