"""A whole result in other units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkpd.arguments import checked
from pkpd.errors import InputError, shown
from pkpd.units.asked import Asked
from pkpd.units.labelled import ROWS, converted_dataset, labels_of
from pkpd.units.numbers import changed

if TYPE_CHECKING:
    import pandas
    import xarray

_EXPECTED = "expected a Dataset, DataTree or DataArray, or a table with attrs['units']"


@checked
def convert_units(result: Any, units: Mapping[str, str]) -> Any:
    """Return a result in other units: numbers, labels and the units beside them.

    Every unit is changed that is made of a word, wherever it stands: with ``{"time": "day", "concentration": "mg/L"}``
    ``h·ng/mL`` becomes ``day·mg/L``; with ``{"volume": "mL"}`` a clearance in ``L/h/kg`` is one in ``mL/h/kg``. The
    logarithm of a concentration moves by the logarithm of the ratio. All else stays as it is.

    Parameters
    ----------
    result : Dataset, DataTree, DataArray, DataFrame or Series
        What `nca`, `simulate` or a fit's ``to_dataset()`` returned, or any other with ``attrs["units"]``: of every
        variable, or (DataFrame) a mapping of columns to units.
    units : mapping
        New units by words, ``"time"``, ``"dose"``, ``"amount"``, ``"volume"``, ``"concentration"``, or by the name of a
        variable, a column or a parameter, which comes first. A concentration is no amount and no volume: ``ng/mL``
        follows its own word only. A dose, and what is divided by it, follows ``"dose"``, else ``"amount"``. Numbers per
        volume (``cells/uL``) follow their name only.

    Returns
    -------
    the same type
        ``attrs["converted"]`` of a dataset says what it was converted from, as JSON; after the way back it is gone.

    Raises
    ------
    InputError
        Listing what cannot be done: names that do not exist, units of another kind, words that no unit is made of
        (or only of another dimension: mass and moles, per kilogram and not).

    Warns
    -----
    DataWarning
        If units cannot be read: what has them stays as it is.

    Examples
    --------
    >>> from pkpd.units import convert_units
    >>> import pandas
    >>> table = pandas.DataFrame({"CL": [5.0]})
    >>> table.attrs["units"] = {"CL": "L/h"}
    >>> convert_units(table, {"time": "day"})["CL"].tolist()
    [120.0]
    """
    import pandas
    import xarray

    kinds = xarray.Dataset, xarray.DataTree, xarray.DataArray, pandas.DataFrame, pandas.Series
    if not isinstance(result, kinds):
        raise InputError(f"result is {shown(result)}; {_EXPECTED}", "convert_units")
    asked = Asked.of(units, _names(result))
    found = _converted(result, asked)
    asked.settle()
    return found


def _converted(result: Any, asked: Asked) -> Any:
    """The result in other units; what stands in the way is gathered in `asked`."""
    import pandas
    import xarray

    if isinstance(result, xarray.DataTree):
        parts = {node.path: converted_dataset(node.to_dataset(inherit=False), asked) for node in result.subtree}
        return xarray.DataTree.from_dict(parts, name=result.name)
    if isinstance(result, xarray.Dataset):
        return converted_dataset(result, asked)
    if isinstance(result, xarray.DataArray):
        return _array(result, asked)
    if isinstance(result, pandas.DataFrame):
        return _table(result, asked)
    return _series(result, asked)


def _names(result: Any) -> list[str]:
    """What may be named: variables, columns, labels of rows that have units."""
    import pandas
    import xarray

    if isinstance(result, xarray.DataTree):
        return [name for node in result.subtree for name in _names(node.to_dataset(inherit=False))]
    if isinstance(result, xarray.Dataset):
        rows = [str(name) for one in ROWS if one in result.variables for name in labels_of(result, one)]
        return [*(str(name) for name, own in result.variables.items() if "units" in own.attrs), *rows]
    if isinstance(result, xarray.DataArray):
        own = [str(result.name)] if "units" in result.attrs else []
        return own + [str(name) for name, one in result.coords.items() if "units" in one.attrs]
    told = result.attrs.get("units")
    if not told or not isinstance(told, Mapping | str):
        lost = "has no attrs['units']"
        if isinstance(result, pandas.DataFrame) and "unit" in result:
            lost += "; a summary is made of what is converted, summarise(convert_units(result, …))"
        raise InputError(f"the table {lost}; expected the unit of every column there", "convert_units")
    return [str(result.name)] if isinstance(told, str) else [str(name) for name in told]


def _array(array: xarray.DataArray, asked: Asked) -> xarray.DataArray:
    inner = "".join(str(name) for name in (*array.coords, *array.dims)) + "_"  # a name that is not taken
    whole = converted_dataset(array.rename(None).to_dataset(name=inner), asked, {inner: str(array.name)})
    found: xarray.DataArray = whole[inner].rename(array.name)
    return found


def _table(table: pandas.DataFrame, asked: Asked) -> pandas.DataFrame:
    told = table.attrs["units"]
    if isinstance(told, str):
        told = dict.fromkeys(map(str, table.columns), told)
    new = {name: asked.unit(str(name), str(unit), str(told.get("dose", ""))) for name, unit in told.items()}
    columns = {
        name: asked.tried(str(name), changed, table[name].to_numpy(), str(told[name]), unit)
        for name, unit in new.items()
        if name in table.columns and unit != told[name]
    }
    found = table.copy()
    for name, values in columns.items():
        found[name] = values
    found.attrs = {**table.attrs, "units": new}
    return found


def _series(series: pandas.Series[Any], asked: Asked) -> pandas.Series[Any]:
    told = series.attrs["units"]
    by_label = dict.fromkeys(series.index, told) if isinstance(told, str) else dict(told)
    if isinstance(told, str):
        unit: Any = asked.unit(str(series.name), told)
        new = dict.fromkeys(by_label, unit)
    else:
        unit = new = {name: asked.unit(str(name), str(one)) for name, one in by_label.items()}
    found = series.copy()
    if any(new[name] != by_label[name] for name in new):
        whole = [
            asked.tried(str(name), changed, one, str(by_label[name]), new[name]) if name in new else one
            for name, one in zip(series.index, series.to_numpy(), strict=True)
        ]
        found = type(series)(whole, index=series.index, name=series.name)
    found.attrs = {**series.attrs, "units": unit}
    return found
