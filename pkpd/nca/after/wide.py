"""One row per profile, a column per parameter."""

from __future__ import annotations

from collections.abc import Sequence

import pandas
import xarray as xr

from pkpd.arguments import checked
from pkpd.errors import InputError, unknown_names
from pkpd.nca.after.forms import analytes_of, columns_of, in_rows, sparse_as_rows, usual_columns
from pkpd.nca.after.names import named, shared
from pkpd.nca.given import is_sparse
from pkpd.nca.sparse.result import SparseResult

_LABELS = ("group", "subject", "period", "treatment", "interval", "window", "occasion", "route", "dose", "n_subjects")
_CURVES = "profile_"  # variables of a sparse result that hold the mean curves


@checked
def wide_table(
    result: xr.Dataset | xr.DataTree | SparseResult,
    parameters: Sequence[str] | None = None,
    units: bool = True,
    *,
    labels: Sequence[str] | None = None,
) -> pandas.DataFrame:
    """Return one row per profile (of a sparse result per group): what names it, then the parameters.

    Parameters
    ----------
    result : Dataset, DataTree or SparseResult
        What `nca`, `nca_response`, `nca_sparse` or `sparse` returned. Of several analytes all rows follow one another,
        with a column ``analyte``; a parameter that has two units gets two columns.
    parameters : sequence of str, optional
        Names of the parameters in the order wanted, any that `nca` takes; by default those of which at least one
        profile has a number. A window or threshold is called as in `summarise`, ``"auc_window[0–12, obs]"``.
    units : bool
        Whether columns are headed by symbol and unit, ``"AUClast (h·mg/L)"``; by default so. Otherwise by name.
    labels : sequence of str, optional
        Coordinates that name the rows, such as a covariate; by default subject, interval, occasion, route and dose,
        and where they exist period, treatment and window.

    Raises
    ------
    InputError
        If a parameter or a label does not exist; the nearest one is suggested.
    """
    if analytes := analytes_of(result):
        return _of_several(analytes, parameters, units, labels)
    if isinstance(result, SparseResult):
        rows = sparse_as_rows(result)
    else:
        assert isinstance(result, xr.Dataset)
        rows = in_rows(result)
    dim = "group" if "group" in rows.dims else "profile"
    columns: dict[str, xr.DataArray] = {}
    usual: list[str] = []
    for name, variable in rows.data_vars.items():
        if is_sparse(rows) and (str(name).startswith(_CURVES) or variable.dims != (dim,)):
            continue
        columns |= columns_of(variable, dim)
        usual += list(usual_columns(variable, rows) if dim == "profile" else columns_of(variable, dim))
    asked, problems = ([], []) if parameters is None else named(parameters, columns)
    known = [str(n) for n, v in rows.coords.items() if v.dims == (dim,)]
    problems += unknown_names([] if labels is None else labels, known, "label")
    if problems:
        raise InputError(problems, "wide_table")
    names = [n for n in usual if bool(columns[n].notnull().any())] if parameters is None else asked
    heads = [n for n in _LABELS if n in known] if labels is None else list(labels)
    every = {n: rows[n] for n in heads} | {n: columns[n] for n in names}
    symbols = {n: n if "[" in n else str(v.attrs.get("symbol", n)) for n, v in every.items()}
    # Two parameters with one symbol are told apart by their names.
    symbols = {n: s if list(symbols.values()).count(s) == 1 else f"{s} {n}" for n, s in symbols.items()}
    return pandas.DataFrame({_heading(v, symbols[n]) if units else n: v.to_numpy() for n, v in every.items()})


def _of_several(
    analytes: dict[str, xr.Dataset], parameters: Sequence[str] | None, units: bool, labels: Sequence[str] | None
) -> pandas.DataFrame:
    """The tables of several analytes below one another; each has of the parameters those that it knows."""
    tables = []
    chosen = shared(parameters, analytes, "wide_table")
    for name, data in analytes.items():
        table = wide_table(data, chosen[name], units, labels=labels)
        table.insert(0, "analyte", name)
        tables.append(table)
    return pandas.concat(tables, ignore_index=True)


def _heading(variable: xr.DataArray, symbol: str) -> str:
    unit = str(variable.attrs.get("units", ""))
    return f"{symbol} ({unit})" if unit not in ("", "1") else symbol
