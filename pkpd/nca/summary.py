"""Summaries by group, and the terminal regression as a line to draw (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas
import xarray as xr

from pkpd.errors import InputError, unknown_names

_COLUMNS = (
    "parameter", "unit", "N", "n", "missing", "geometric_mean", "geometric_cv", "mean", "sd", "cv", "median", "min",
    "max",
)  # fmt: skip


def summarise(result: xr.Dataset | pandas.DataFrame, by: str | Sequence[str] | None = None) -> pandas.DataFrame:
    """Return one row per group and parameter: counts, geometric and arithmetic mean and CV, median and range.

    ``geometric_mean = exp(mean(ln x))``, ``geometric_cv = 100·sqrt(exp(s²) − 1)`` with ``s`` the standard
    deviation of ``ln x``; both are NaN where a value is not positive. ``cv = 100·sd/mean``. Standard deviations
    have n − 1 in the denominator. Missing values are counted and left out; an infinite value counts as missing.

    Parameters
    ----------
    result : Dataset or DataFrame
        What `nca` returned, or a table with one row per profile.
    by : str or list of str, optional
        Coordinates (columns) that make the groups; without, there is one group.

    Returns
    -------
    pandas.DataFrame
        The group columns, then ``parameter``, ``unit``, ``N`` (profiles), ``n`` (numbers), ``missing`` (N − n),
        ``geometric_mean``, ``geometric_cv`` (%), ``mean``, ``sd``, ``cv`` (%), ``median``, ``min``, ``max``.

    Raises
    ------
    InputError
        If a group column does not exist.
    """
    groups = [by] if isinstance(by, str) else list(by or [])
    if isinstance(result, xr.Dataset):
        flat = result[[str(n) for n, v in result.data_vars.items() if v.dims == ("profile",)]]
        flat = flat.drop_vars([n for n, v in flat.coords.items() if v.dims != ("profile",)])
        unit = {str(n): str(v.attrs.get("units", "")) for n, v in flat.data_vars.items()}
        names = [str(n) for n in flat.data_vars]
        table = pandas.DataFrame({str(n): flat[n].to_numpy() for n in (*flat.data_vars, *flat.coords)})
    else:
        table, unit = result, {}
        numeric = result.select_dtypes("number").columns
        names = [str(n) for n in numeric if n not in groups]
    problems = unknown_names(groups, [str(n) for n in table.columns], "group")
    if problems:
        raise InputError(problems, "summarise")
    parts = table.groupby(groups, sort=True, dropna=False) if groups else [((), table)]
    rows = [
        (
            *key,
            name,
            unit.get(name, ""),
            len(part),
            *_statistics(part[name].to_numpy(dtype=np.float64, na_value=np.nan)),
        )
        for key, part in parts
        for name in names
    ]
    return pandas.DataFrame(rows, columns=[*groups, *_COLUMNS])


def _statistics(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """n, missing and the statistics of one parameter in one group."""
    x = values[np.isfinite(values)]
    n, nan = len(x), float("nan")
    if n == 0:
        return (0, len(values), *[nan] * 8)
    # Scaled by the largest value, sums of very large or very small numbers stay in range.
    top = float(np.abs(x).max()) or 1.0
    mean, sd = float((x / top).mean()) * top, float((x / top).std(ddof=1)) * top if n > 1 else nan
    cv = 100.0 * sd / abs(mean) if mean != 0 else nan
    geometric, spread = nan, nan
    if (x > 0).all():
        logs = np.log(x)
        geometric = float(np.exp(logs.mean()))
        with np.errstate(over="ignore"):
            spread = 100.0 * float(np.sqrt(np.expm1(logs.var(ddof=1)))) if n > 1 else nan
    low, high = float(x.min()), float(x.max())
    return (n, len(values) - n, geometric, spread, mean, sd, cv, float(np.median(x)), low, high)


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
