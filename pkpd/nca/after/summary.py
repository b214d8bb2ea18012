"""Summaries by group, and the terminal regression as a line to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas
import xarray as xr

from pkpd.arguments import checked
from pkpd.arrays import Array, Flags
from pkpd.errors import InputError, unknown_names
from pkpd.nca.after.accepted import doubts
from pkpd.nca.after.descriptive import level_problem, mean_interval
from pkpd.nca.after.forms import analytes_of, columns_of, in_rows, sparse_rows
from pkpd.nca.after.names import named, shared
from pkpd.nca.given import OF_SAMPLES, is_sparse, needed
from pkpd.nca.sparse.parameters import NAMES
from pkpd.nca.sparse.result import SparseResult
from pkpd.ordering import place_of

_COLUMNS = (
    "parameter", "unit", "N", "n", "missing", "not_accepted", "geometric_mean", "geometric_cv", "mean", "sd", "cv",
    "median", "min", "max", "geometric_sd", "geometric_mean_low", "geometric_mean_high", "mean_low", "mean_high", "q1",
    "q3",
)  # fmt: skip


@checked
def summarise(
    result: xr.Dataset | xr.DataTree | SparseResult | pandas.DataFrame,
    by: str | Sequence[str] | None = None,
    *,
    level: float = 0.9,
    minimum: int = 1,
    most_missing: float = 1.0,
    only_accepted: bool = True,
    parameters: Sequence[str] | None = None,
) -> pandas.DataFrame:
    """Return one row per group and parameter: counts, geometric and arithmetic mean with intervals, median, range.

    ``geometric_mean = exp(mean(ln x))``, ``geometric_cv = 100·sqrt(exp(s²) − 1)`` and ``geometric_sd = exp(s)`` with
    ``s`` the standard deviation of ``ln x``; all are NaN where a value is not positive. ``cv = 100·sd/|mean|``.
    Standard deviations have n − 1 in the denominator. Missing values are counted and left out; an infinite value
    counts as missing. Numbers that do not meet a limit of acceptance (``doubt``) are counted and left out as well.
    Intervals are t intervals, that of the geometric mean on the scale of logarithms. Quartiles interpolate linearly
    between order statistics, at 1 + (n − 1)·p.

    Parameters
    ----------
    result : Dataset, DataTree, SparseResult or DataFrame
        What `nca`, `nca_response`, `nca_sparse` or `sparse` returned, or a table with one row per profile. Several
        analytes give one table with a column ``analyte``. A sparse result gives its groups, see Returns.
    by : str or list of str, optional
        Coordinates (columns) that make the groups; without, there is one group.
    level : float
        Confidence level of the intervals.
    minimum : int
        Fewest numbers of which statistics are given; below, they are NaN and the counts remain. Standard deviations
        and intervals need two in any case.
    most_missing : float
        Largest share of values missing or not accepted in a group of which statistics are given, from 0 to 1.
    only_accepted : bool
        Whether numbers that are not accepted are left out; otherwise they count like any other.
    parameters : sequence of str, optional
        What is summarised, in the order wanted (of groups in the usual one), by any name that `nca` takes; by default
        everything.

    Returns
    -------
    pandas.DataFrame
        The group columns, then ``parameter``, ``unit``, ``N`` (profiles), ``n`` (numbers taken), ``missing`` and
        ``not_accepted`` (the rest of N), ``geometric_mean``, ``geometric_cv`` (%), ``mean``, ``sd``, ``cv`` (%),
        ``median``, ``min``, ``max``, ``geometric_sd``, ``geometric_mean_low``, ``geometric_mean_high``, ``mean_low``,
        ``mean_high``, ``q1``, ``q3``. The rules stand in ``attrs["rules"]``. Of a sparse result one row per group,
        parameter and method instead: ``group``, the coordinates in `by`, ``parameter``, ``unit``, ``estimate``, ``se``,
        ``df``, ``method``, ``lower``, ``upper``, ``level`` (that of its rules), ``reason``, ``reason_se``.

    Raises
    ------
    InputError
        If a group column or a parameter does not exist, or a rule cannot be used.

    References
    ----------
    Hyndman RJ, Fan Y. Sample quantiles in statistical packages. Am Stat 50 (1996) 361-365: type 7.
    """
    groups = [by] if isinstance(by, str) else list(by or [])
    if analytes := analytes_of(result):
        groups = [name for name in groups if name != "analyte"]
        options: dict[str, Any] = {
            "level": level,
            "minimum": minimum,
            "most_missing": most_missing,
            "only_accepted": only_accepted,
        }
        chosen = shared(parameters, analytes, "summarise")
        tables = [
            summarise(one, groups, **options, parameters=chosen[name]).assign(analyte=name)
            for name, one in analytes.items()
        ]
        found = pandas.concat([one[["analyte", *one.columns[:-1]]] for one in tables], ignore_index=True)
        found.attrs["rules"] = _rules(level, minimum, most_missing, only_accepted)
        return found
    if isinstance(result, xr.Dataset):
        result = in_rows(result)
    if is_sparse(result):
        return _of_groups(result, groups, parameters)
    table, unit, names = _flat(result, groups)
    if parameters is not None:
        names, unknown = named(parameters, names)
    else:
        unknown = []
    problems = unknown + unknown_names(groups, [str(n) for n in table.columns], "group") + level_problem(level)
    problems += [] if minimum >= 1 else [f"minimum is {minimum}; expected a whole number ≥ 1"]
    problems += [] if 0 <= most_missing <= 1 else [f"most_missing is {most_missing}; expected a number from 0 to 1"]
    if problems:
        raise InputError(problems, "summarise")
    doubtful: dict[str, Flags] = {}
    if only_accepted and isinstance(result, xr.Dataset):
        doubtful = {name: doubts(result, name) != "" for name in names}
    parts: list[Any] = [((), table)]
    if groups:
        parts = sorted(table.groupby(groups, sort=False, dropna=False), key=lambda part: place_of(part[0]))
    rows = []
    for key, part in parts:
        for name in names:
            values = part[name].to_numpy(dtype=np.float64, na_value=np.nan)
            there = np.isfinite(values)
            good = there & ~doubtful[name][part.index] if name in doubtful else there
            x, refused = values[good], int((there & ~good).sum())
            enough = len(x) >= minimum and len(values) - len(x) <= most_missing * len(values)
            statistics = _statistics(x if enough else x[:0], level)
            counts = len(values), len(x), int((~there).sum()), refused
            rows.append((*key, name, unit.get(name, ""), *counts, *statistics))
    found = pandas.DataFrame(rows, columns=[*groups, *_COLUMNS])
    found.attrs["rules"] = _rules(level, minimum, most_missing, only_accepted)
    return found


def _of_groups(result: Any, groups: list[str], parameters: Sequence[str] | None) -> pandas.DataFrame:
    """The table of a sparse result, with the coordinates that are asked for."""
    known = [str(n) for n, v in result.coords.items() if v.dims == ("group",)] if isinstance(result, xr.Dataset) else []
    names, unknown = named(NAMES if parameters is None else parameters, NAMES)
    if problems := unknown_names(groups, known, "group") + unknown:
        raise InputError(problems, "summarise")
    table = sparse_rows(result, groups)
    return (
        pandas.concat([table[table["parameter"] == name] for name in names], ignore_index=True) if parameters else table
    )


def _flat(
    result: xr.Dataset | pandas.DataFrame, groups: Sequence[str]
) -> tuple[pandas.DataFrame, dict[str, str], list[str]]:
    """One row per profile, the units, and the names of what is summarised."""
    if isinstance(result, xr.Dataset):
        labels = {str(n): v.to_numpy() for n, v in result.coords.items() if v.dims == ("profile",)}
        columns = {k: v for name in result.data_vars for k, v in columns_of(result[name]).items()}
        unit = {k: str(v.attrs.get("units", "")) for k, v in columns.items()}
        table = pandas.DataFrame({**{k: v.to_numpy() for k, v in columns.items()}, **labels})
        return table, unit, list(columns)
    numeric = result.select_dtypes("number").columns
    return result, {}, [str(n) for n in numeric if n not in groups]


def _rules(level: float, minimum: int, most_missing: float, only_accepted: bool) -> dict[str, str]:
    """What was done, in words that go below a table."""
    return {
        "missing": "missing and infinite values are counted and left out",
        "not_accepted": "counted and left out" if only_accepted else "taken like any other value",
        "non_positive": "no geometric statistics where a value is zero or negative",
        "sd": "standard deviations with n − 1 in the denominator, from two values on",
        "cv": "cv = 100·sd/|mean|; geometric_cv = 100·sqrt(exp(s²) − 1), s the standard deviation of ln x",
        "interval": f"{100 * level:g} % t intervals; of the geometric mean on the scale of logarithms",
        "quartiles": "linear between order statistics, at 1 + (n − 1)·p",
        "least": f"from {minimum} numbers on, at most {100 * most_missing:g} % of values missing or not accepted",
    }


def _statistics(x: Array, level: float) -> tuple[float, ...]:
    """The statistics of the finite values of one parameter in one group, in the order of `_COLUMNS`."""
    n, nan = len(x), float("nan")
    if n == 0:
        return (nan,) * 15
    mean, low, high = mean_interval(x, level)
    top = float(np.abs(x).max()) or 1.0
    sd = float((x / top).std(ddof=1)) * top if n > 1 else nan
    cv = 100.0 * sd / abs(mean) if mean != 0 else nan
    geometric, cv_log, sd_log, geometric_low, geometric_high = nan, nan, nan, nan, nan
    if (x > 0).all():
        logs = np.log(x)
        with np.errstate(over="ignore"):
            geometric, geometric_low, geometric_high = (float(np.exp(v)) for v in mean_interval(logs, level))
            s = logs.std(ddof=1) if n > 1 else nan
            cv_log, sd_log = 100.0 * float(np.sqrt(np.expm1(s**2))), float(np.exp(s))
    q1, median, q3 = (float(q) for q in np.quantile(x, (0.25, 0.5, 0.75)))
    return (
        geometric, cv_log, mean, sd, cv, median, float(x.min()), float(x.max()), sd_log, geometric_low,
        geometric_high, low, high, q1, q3,
    )  # fmt: skip


@checked(result=OF_SAMPLES)
def lambda_z_line(result: xr.Dataset, profile: int) -> pandas.DataFrame:
    """Return the samples of one profile with the terminal regression through them.

    ``fitted = exp(intercept − λz·time)``, recomputed from the result; NaN before the regression's first time and
    everywhere if there is none.

    Parameters
    ----------
    result : Dataset
        What `nca` returned.
    profile : int
        Position of the profile.

    Returns
    -------
    pandas.DataFrame
        Columns ``time``, ``value``, ``quantified``, ``used`` (in the regression) and ``fitted``.

    Raises
    ------
    InputError
        If there is no such profile.
    """
    if not 0 <= profile < result.sizes["profile"]:
        raise InputError(f"profile is {profile}; expected 0 to {result.sizes['profile'] - 1}")
    needed(result, ("lambda_z", "lambda_z_intercept", "lambda_z_start"), "lambda_z_line")
    row = result.isel(profile=profile)
    time, value = row["sample_time"].to_numpy(), row["sample_value"].to_numpy()
    quantified = row["sample_quantified"].to_numpy().astype(bool)
    there = ~np.isnan(time)
    time, value, quantified = time[there], value[there], quantified[there]
    inside = time >= row["lambda_z_start"].item()  # False throughout if the regression does not exist
    with np.errstate(over="ignore"):
        line = np.exp(row["lambda_z_intercept"].item() - row["lambda_z"].item() * time)
    used = inside & quantified
    return pandas.DataFrame(
        {"time": time, "value": value, "quantified": quantified, "used": used, "fitted": np.where(inside, line, np.nan)}
    )
