"""Prediction bands of a simulation, and published values laid over a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from matplotlib.axes import Axes

from pkpd import units
from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.plot import marks, style

if TYPE_CHECKING:
    import pandas

DECADES = 6
"""Most decades that a log axis of a simulation shows: a washout falls far below what anyone can measure."""


_NOW = {
    "levels": "look=BandStyle(levels=…)",
    "color": "look=BandStyle(color=…)",
    "label": "look=BandStyle(label=…)",
    "measured": "the output '<name>_measured'",
}


@dataclass(frozen=True)
class BandStyle:
    """How the bands of one simulation look.

    Attributes
    ----------
    levels : sequence of float
        Levels of the bands, between 0 and 1.
    color : str or None
        Colour of median and bands.
    label : str
        What stands before their names in the legend.
    """

    levels: Sequence[float] = (0.5, 0.9)
    color: str | None = None
    label: str = ""


@checked
def bands(
    forecast: xarray.Dataset,
    name: str,
    *,
    ax: Axes | None = None,
    log: bool = False,
    reference: Mapping[str, float] | None = None,
    time_unit: str | None = None,
    look: BandStyle | None = None,
    **former: Any,
) -> Axes:
    """Draw median and prediction bands of a simulation over time, with doses and dosing days marked.

    A band of level p runs from the (1 − p)/2 to the (1 + p)/2 quantile over all subjects of all replicates together:
    it says where single subjects lie, not how well their median is known. A single subject is drawn as a line.

    Parameters
    ----------
    forecast : Dataset
        What `pkpd.simulate` returned for a regimen: ``name`` has a dimension ``time``.
    name : str
        Output to draw; ``"<output>_measured"`` are its values with residual error.
    ax : Axes, optional
        Where to draw; by default a new figure.
    log : bool
        Whether the axis of values is logarithmic; it then shows at most six decades.
    reference : mapping, optional
        Horizontal lines, name → value in the output's unit, e.g. ``{"LLN": 1.0, "grade 3": 0.5}``. Their names
        stand to the right of the axes: in a figure of several, use ``layout="constrained"``.
    time_unit : str, optional
        Unit of the axis, e.g. ``"day"``, or ``"study day"``, which is 1 at time 0; by default the simulation's.
    look : BandStyle, optional
        Levels of the bands, their colour, their name in the legend: to tell several simulations on the same axes apart.
    **former
        Keywords of earlier versions (``levels``, ``color``, ``label``, ``measured``) still work and warn.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If there is no such output, it has no residual error, or a level is not between 0 and 1.
    """
    style.former_keywords("bands", former, _NOW)
    look = replace(look or BandStyle(), **{k: v for k, v in former.items() if k != "measured"})
    if former.get("measured"):
        name = f"{name}_measured"
    values, of = _values(forecast, name), name.removesuffix("_measured")
    if bad := [level for level in look.levels if not 0 < level < 1]:
        raise InputError([f"level {level} of a band; expected a number between 0 and 1" for level in bad])
    ax = style.axes_of(ax, (7.0, 4.2))
    if log:
        style.log_scale(ax)
    about = forecast[of].attrs
    unit = str(forecast["time"].attrs.get("units", "h"))
    t = style.clock(forecast["time"], unit, time_unit)
    lost = int((~np.isfinite(values)).any(axis=1).sum())
    _draw(ax, t, values, look)
    if "dose_time" in forecast.coords:
        day = 1.0 if time_unit == style.STUDY_DAY else units.factor("day", time_unit or unit)
        marks.dose_marks(ax, style.clock(forecast["dose_time"], unit, time_unit), day)
    lines = {text: float(value) for text, value in (reference or {}).items()}
    marks.level_lines(ax, lines)
    style.time_axis(ax, "time", unit, time_unit)
    ax.set_ylabel(style.labelled(of if of == name else f"measured {of}", str(about.get("units", ""))))
    style.caption(ax, forecast.attrs, [f"{lost} of {len(values)} not solved"] if lost else [])
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    lowest = min([v for v in lines.values() if v > 0], default=np.inf)
    marks.finish(ax, lines, floor=min(top * 10.0**-DECADES, lowest) if top > 0 else None)
    return ax


@checked
def overlay(
    ax: Axes,
    table: pandas.DataFrame,
    *,
    source: str,
    color: str = style.DOSE,
    marker: str = "D",
) -> Axes:
    """Lay published values over a picture, for instance the digitised points of a figure.

    The package carries no digitised values and never makes any up: the table comes from the reader, and so does the
    source, which stands in the legend.

    Parameters
    ----------
    ax : Axes
        What another function of this module returned.
    table : DataFrame
        Columns ``time`` and ``value`` in the units that the axes show; with ``low`` and ``high`` also error bars
        (their ends, not their lengths).
    source : str
        Where the values come from, e.g. ``"Bhatia 2014, Fig. 1, digitised"``.
    color, marker : str
        How the points look.

    Returns
    -------
    Axes
        The given axes.

    Raises
    ------
    InputError
        If there is no source, no row, a column is missing or a value is not a finite number.

    Examples
    --------
    >>> points = pandas.read_csv("figure1_alc.csv")  # doctest: +SKIP
    >>> ax = overlay(bands(forecast, "ALC", time_unit="day"), points, source="digitised by …")  # doctest: +SKIP
    """
    import pandas

    wanted = ["time", "value", *(["low", "high"] if {"low", "high"} & set(table.columns) else [])]
    problems = [] if source.strip() else ["no source; expected where the values come from"]
    problems += [f"column {c!r} is missing" for c in wanted if c not in table.columns]
    if not len(table):
        problems.append("the table has no row")
    numbers = {c: pandas.to_numeric(table[c], errors="coerce") for c in wanted if c in table.columns}
    for c, column in numbers.items():
        problems += [
            f"row {k + 1}: {c} is '{table[c].iloc[k]}'; expected a finite number"
            for k in np.flatnonzero(~np.isfinite(column.to_numpy(float)))
        ]
    if problems:
        raise InputError(problems, "published values")
    x, y = (numbers[c].to_numpy(float) for c in ("time", "value"))
    reach = None
    if "low" in numbers:
        reach = np.abs(np.stack([y - numbers["low"].to_numpy(float), numbers["high"].to_numpy(float) - y]))
    lowest = ax.get_ylim()[0]
    ax.errorbar(x, y, yerr=reach, fmt=marker, color=color, ms=4.5, capsize=2, lw=1, label=source, zorder=4)
    # A floor that the picture has on a log axis stays, unless a point lies below it.
    marks.finish(ax, floor=min([lowest, *y[y > 0]]))
    return ax


def _values(forecast: xarray.Dataset, name: str) -> Array:
    """All subjects of all replicates, shape (subjects, times)."""
    if "time" not in forecast.dims:
        raise InputError("this data set has no dimension time; expected what simulate returns for a regimen")
    drawable = [str(n) for n, v in forecast.data_vars.items() if "time" in v.dims]
    of = name.removesuffix("_measured")
    style.require_name(of, [n for n in drawable if not n.endswith("_measured")], "output")
    if name not in drawable:
        raise InputError(f"{of!r} was simulated without residual error; there is no {name!r}")
    array = forecast[name].transpose(..., "time").to_numpy().astype(float)
    return np.asarray(array.reshape(-1, array.shape[-1]))


def _draw(ax: Axes, t: Array, values: Array, look: BandStyle) -> None:
    """Draw the bands, the widest first and palest, and the median; one subject is a line without bands."""
    color, before = look.color or style.DATA, f"{look.label}: " if look.label else ""
    levels = look.levels
    if len(values) == 1:
        ax.plot(t, values[0], color=color, lw=1.3, label=f"{before}one subject")
        return
    for k, level in enumerate(sorted(levels, reverse=True)):
        low, high = _quantiles(values, [(1 - level) / 2, (1 + level) / 2])
        alpha = 0.18 + 0.22 * k / max(len(levels) - 1, 1)
        ax.fill_between(t, low, high, color=color, alpha=alpha, lw=0, label=f"{before}{100 * level:g} % of subjects")
    ax.plot(t, _quantiles(values, [0.5])[0], color=color, lw=1.6, label=f"{before}median")


def _quantiles(values: Array, at: Sequence[float]) -> Array:
    """Quantiles over subjects, NaN at times where nobody has a value."""
    quantiles = np.full((len(at), values.shape[1]), np.nan)
    solved = np.isfinite(values).any(axis=0)
    quantiles[:, solved] = np.nanquantile(values[:, solved], at, axis=0)
    return quantiles
