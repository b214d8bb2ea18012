"""Results in whatever form they come: of one analyte or of several, whole or a single row, of profiles or of groups."""

from __future__ import annotations

import itertools
import json

import pandas
import xarray as xr

from pkpd.errors import InputError
from pkpd.nca.given import is_slice
from pkpd.nca.sparse.parameters import NAMES, SPARSE_PARAMETERS
from pkpd.nca.sparse.result import SparseResult

RESULT = xr.Dataset | xr.DataTree | SparseResult


def analytes_of(result: object) -> dict[str, xr.Dataset]:
    """Return the results of a tree by analyte; {} for anything that is no tree.

    Raises
    ------
    InputError
        If the tree holds nothing.
    """
    if not isinstance(result, xr.DataTree):
        return {}
    if result.children:
        return {name: child.to_dataset() for name, child in result.children.items()}
    raise InputError("the tree holds no result; expected what pkpd.nca returned for several analytes")


def in_rows(result: xr.Dataset) -> xr.Dataset:
    """Return a result with its rows along ``profile`` or ``group``; a single one that was taken out gets it back.

    Raises
    ------
    InputError
        If the dataset has neither.
    """
    for dim in ("profile", "group"):
        if dim in result.dims:
            return result
        if is_slice(result, dim):
            wide = {
                name: variable.expand_dims(dim)
                for name, variable in result.variables.items()
                if name not in result.xindexes and name not in ("unit", dim)
            }
            labels = {name: variable for name, variable in wide.items() if name in result.coords}
            data = {name: variable for name, variable in wide.items() if name not in labels}
            whole = result.drop_vars([*wide, *([dim] if dim in result.coords else [])])
            own = {dim: (dim, [result[dim].item()])} if dim in result.coords else {}
            return whole.assign(data).assign_coords({**labels, **own})
    raise InputError(
        "the dataset has no profiles and no groups; expected what pkpd.nca, nca_response or nca_sparse returned"
    )


def columns_of(variable: xr.DataArray, dim: str = "profile") -> dict[str, xr.DataArray]:
    """Return one column per row of a result for a parameter; of a window or threshold one for each, named after it."""
    name, more = str(variable.name), [str(d) for d in variable.dims if d != dim]
    if variable.dtype.kind in "OUS":
        return {}  # sentences
    if not more:
        return {name: variable}
    if dim not in variable.dims or "sample" in more or variable.dtype.kind != "f":
        return {}  # the samples, and the reasons of windows
    places = [dict(zip(more, at, strict=True)) for at in itertools.product(*(range(variable.sizes[d]) for d in more))]
    parts = [variable.isel(place) for place in places]
    return {f"{name}[{', '.join(f'{part[d].item()}' for d in more)}]": part for part in parts}


def usual_columns(variable: xr.DataArray, result: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the columns of a parameter, of windows only those that go on after the last sample as the rules say."""
    kind = json.loads(str(result.attrs.get("rules", "{}"))).get("partial", "")
    if "extrapolation" in variable.dims and kind in variable["extrapolation"].values.tolist():
        variable = variable.sel(extrapolation=[kind])
    return columns_of(variable)


def sparse_rows(result: xr.Dataset | SparseResult, by: list[str]) -> pandas.DataFrame:
    """Return one row per group, parameter and method of a sparse result.

    Parameters
    ----------
    result : Dataset or SparseResult
        What `nca_sparse` or `sparse` returned.
    by : list of str
        Coordinates of the groups to stand beside their names.
    """
    if isinstance(result, SparseResult):
        table = result.table()
        table.insert(0, "group", "all")
        table.insert(2, "unit", "")
        return table
    rows = []
    level = float(result.attrs["level"])
    for g in range(result.sizes["group"]):
        group = result.isel(group=g)
        labels = {name: group[name].item() for name in by if name != "group"}
        for p, name in enumerate(NAMES):
            cell = group.isel(parameter=p)
            numbers = {"estimate": float(group[name]), "se": float(cell["se"]), "df": float(cell["df"])}
            why = {one: str(cell[one].item()) for one in ("reason", "reason_se")}
            head = {"group": group["group"].item(), **labels, "parameter": name, "unit": str(cell["unit"].item())}
            methods = [str(m) for m in result["method"].values]
            for m, method in enumerate(methods or [""]):
                ends = {side: float(cell[side][m]) if methods else float("nan") for side in ("lower", "upper")}
                rows.append({**head, **numbers, "method": method, **ends, "level": level, **why})
    return pandas.DataFrame(rows)


def sparse_as_rows(result: SparseResult) -> xr.Dataset:
    """Return the parameters of a single group as a dataset with one row; it knows no units."""
    data = {name: ("group", [result.estimate[name]], {"symbol": row.symbol}) for name, row in SPARSE_PARAMETERS.items()}
    return xr.Dataset(data, {"group": ["all"]})
