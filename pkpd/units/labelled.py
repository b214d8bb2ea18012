"""A dataset in other units."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.units.asked import Asked
from pkpd.units.exchange import without_logarithm
from pkpd.units.factors import factor
from pkpd.units.numbers import changed
from pkpd.units.scaling import scaled
from pkpd.units.words import show

if TYPE_CHECKING:
    import xarray

ROWS = ("unit", "units")
"""What a coordinate is called that says the unit of every row: of parameters, of records."""
_PLACES = ("estimate", "low", "high", "lower", "upper", "value", "measured", "observed", "lloq", "uloq")
_SPREADS = ("se", "sd")
"""Variables that have the units of their rows."""
_LABELS = ("parameter", "output")
_CONVERTED = "converted"


def labels_of(data: xarray.Dataset, column: str) -> list[str]:
    """Return what the rows are called whose units stand in a coordinate."""
    own = data.variables[column]
    name = next((n for n in _LABELS if n in data.variables and data.variables[n].dims == own.dims), "")
    return [str(one) for one in data.variables[name].values] if name and own.ndim == 1 else []


def converted_dataset(data: xarray.Dataset, asked: Asked, called: Mapping[str, str] | None = None) -> xarray.Dataset:
    """Return a dataset in other units; what stands in the way is gathered in `asked`.

    Parameters
    ----------
    data : Dataset
        What is converted.
    asked : Asked
        The new units.
    called : mapping, optional
        What variables are called by the user, where it is not their name.
    """
    called, new = called or {}, {}
    dose = str(data.variables["dose"].attrs.get("units", "")) if "dose" in data.variables else ""
    asked.used.clear()
    for key, own in data.variables.items():
        name, unit = called.get(str(key), str(key)), own.attrs.get("units")
        if not isinstance(unit, str):
            continue
        by_dose = str(own.attrs.get("symbol", "")).endswith("/D")
        unit_now = asked.unit(name, unit, dose, by_dose)
        if unit_now != unit:
            values = asked.tried(name, changed, own.data, unit, unit_now)
            new[key] = (own.dims, values, {**own.attrs, "units": unit_now})
    for column in ROWS:
        if (
            column in data.variables
            and data.variables[column].ndim == 1
            and "units" not in data.variables[column].attrs
        ):
            new |= _rows(data, column, dose, asked)
    found = data.assign_coords({name: one for name, one in new.items() if name in data.coords})
    found = found.assign({name: one for name, one in new.items() if name not in data.coords})
    found.attrs = _note(data.attrs, asked) if new else dict(data.attrs)
    return found


def _rows(data: xarray.Dataset, column: str, dose: str, asked: Asked) -> dict[Any, Any]:
    """What has the units that stand in a coordinate, row by row."""
    own = data.variables[column]
    (dim,) = own.dims
    before = [str(one) for one in own.values]
    names = labels_of(data, column) or [""] * len(before)
    made: dict[tuple[str, str], str] = {}
    for pair in zip(names, before, strict=True):
        if pair not in made:
            made[pair] = asked.unit(*pair, dose)
    after = [made[pair] for pair in zip(names, before, strict=True)]
    if after == before:
        return {}
    text = np.array(after, dtype=own.dtype if own.dtype.kind == "O" else None)
    found: dict[Any, Any] = {column: (own.dims, text, own.attrs)}
    for name in (*_PLACES, *_SPREADS):
        if name not in data.variables:
            continue
        values = data.variables[name]
        if dim not in values.dims or "units" in values.attrs or values.dtype.kind != "f":
            continue
        table = np.moveaxis(np.array(values.values), values.dims.index(dim), -1)
        for pair, unit in made.items():
            if unit == pair[1]:
                continue
            here = [k for k, one in enumerate(zip(names, before, strict=True)) if one == pair]
            (old, log), (now, _) = without_logarithm(pair[1]), without_logarithm(unit)
            ratio = factor(old, now)
            if log:
                table[..., here] += 0.0 if name in _SPREADS else math.log(ratio)
            else:
                table[..., here] = scaled(table[..., here], ratio)
        found[name] = (values.dims, np.moveaxis(table, -1, values.dims.index(dim)), values.attrs)
    return found


def _note(attrs: Mapping[Any, Any], asked: Asked) -> dict[Any, Any]:
    """Attributes with what the dataset was converted from: word or name → unit at first; none after the way back."""
    told = attrs.get(_CONVERTED)
    try:
        known = json.loads(told) if isinstance(told, str) else {}
    except ValueError:  # somebody's own attribute of this name
        known = {}
    first = {str(name): str(unit) for name, unit in known.items()} if isinstance(known, dict) else {}
    new = {**asked.words, **asked.names}
    for name, units in asked.used.items():
        first.setdefault(name, ", ".join(dict.fromkeys(units)))
        if first[name].removesuffix("/kg") == (show(without_logarithm(new[name])[0]) or "1").removesuffix("/kg"):
            del first[name]
    kept = {name: value for name, value in attrs.items() if name != _CONVERTED}
    return {**kept, _CONVERTED: json.dumps(first, ensure_ascii=False)} if first else kept
