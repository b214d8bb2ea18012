"""Prediction bands of a simulation, and published values laid over a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from matplotlib.axes import Axes

from pkpd import units
from pkpd.arguments import brief, checked
from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.plot import marks, records, style

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
    smooth : int
        Of ``"<output>_measured"`` under a regimen: how many times before and after lend their residual errors to each
        time, so that the edges of the bands do not jump from time to time. 0 uses each time's own only. Errors go over
        as ratios to the prediction or as differences from it, whichever has the steadier spread over time.
    """

    levels: Sequence[float] = (0.5, 0.9)
    color: str | None = None
    label: str = ""
    smooth: int = 0

    __repr__ = brief


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
        What `pkpd.simulate` returned, for a regimen or for a study. For a study the records of like time are taken
        together over subjects and replicates, and the observations are drawn with the bands.
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
    of = name.removesuffix("_measured")
    if "record" in forecast.dims:
        simulated = records.of_study(forecast, name)
    else:
        simulated = _of_regimen(forecast, name, look.smooth)
    values, shown_notes = simulated.values, list(simulated.notes)
    if look.smooth < 0:
        raise InputError(f"smooth is {look.smooth}; expected a whole number ≥ 0")
    if bad := [level for level in look.levels if not 0 < level < 1]:
        raise InputError([f"level {level} of a band; expected a number between 0 and 1" for level in bad])
    ax = style.axes_of(ax, (7.0, 4.2))
    if log:
        style.log_scale(ax)
    unit = str(forecast["time"].attrs.get("units", "h"))
    t = style.clock(simulated.times, unit, time_unit)
    if simulated.observed is not None:
        records.draw_observed(ax, simulated.observed, unit, time_unit)
    lost = simulated.lost
    _draw(ax, t, values, look)
    if "dose_time" in forecast.coords:
        day = 1.0 if time_unit == style.STUDY_DAY else units.factor("day", time_unit or unit)
        marks.dose_marks(ax, style.clock(forecast["dose_time"], unit, time_unit), day)
    lines = {text: float(value) for text, value in (reference or {}).items()}
    marks.level_lines(ax, lines)
    style.time_axis(ax, "time", unit, time_unit)
    ax.set_ylabel(style.labelled(of if of == name else f"measured {of}", simulated.unit))
    shown_notes += [f"{lost} of {simulated.count} not solved"] if lost else []
    style.caption(ax, forecast.attrs, shown_notes)
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    lowest = min([v for v in lines.values() if v > 0], default=np.inf)
    floor = top * 10.0**-DECADES
    seen = np.empty(0) if simulated.observed is None else simulated.observed.values
    if (seen > 0).any():
        floor = max(floor, 0.1 * float(seen[seen > 0].min()))
    marks.finish(ax, lines, floor=min(floor, lowest) if top > 0 else None)
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


def _of_regimen(forecast: xarray.Dataset, name: str, smooth: int) -> records.Simulated:
    """What is drawn of the simulation of a regimen."""
    values = _values(forecast, name)
    lost, times = int((~np.isfinite(values)).any(axis=1).sum()), np.asarray(forecast["time"], dtype=float)
    of, count = name.removesuffix("_measured"), len(values)
    about = str(forecast[of].attrs.get("units", ""))
    if smooth and of != name:
        values = _lend_errors(_values(forecast, of), values, smooth)
        return records.Simulated(times, values, about, None, (f"errors of {2 * smooth + 1} times taken together",),
                                 lost, count)  # fmt: skip
    return records.Simulated(times, values, about, None, (), lost, count)


def _lend_errors(predicted: Array, measured: Array, reach: int) -> Array:
    """Values with the residual errors of the times beside each, shape (subjects · (2·reach + 1), times).

    Errors go over as ratios or as differences, whichever has the steadier spread over time.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, difference = measured / predicted, measured - predicted
        spread = [np.nanstd(np.where(np.isfinite(e), e, np.nan)[:, np.isfinite(e).any(axis=0)], axis=0)
                  for e in (ratio, difference)]  # fmt: skip
        change = [float(np.std(np.log(s[s > 0]))) if (s > 0).any() else np.inf for s in spread]
    last, parts = predicted.shape[1] - 1, []
    for shift in range(-reach, reach + 1):
        place = np.clip(np.arange(last + 1) + shift, 0, last)
        if change[0] <= change[1]:
            parts.append(np.where(predicted == 0, measured, predicted * ratio[:, place]))
        else:
            parts.append(predicted + difference[:, place])
    return np.concatenate(parts)


def _values(forecast: xarray.Dataset, name: str) -> Array:
    """All subjects of all replicates, shape (subjects, times)."""
    if "time" not in forecast.dims:
        raise InputError("this data set has no dimension time or record; expected what simulate returns")
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
