"""Prediction bands of a simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from pkpd import units
from pkpd.arguments import brief, checked
from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.plot import marks, records, style
from pkpd.plot.profiles import group_name

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
    by: str | None = "dose",
    look: BandStyle | None = None,
    **former: Any,
) -> Axes:
    """Draw median and prediction bands of a simulation over time, with doses and dosing days marked.

    A band of level p runs from the (1 − p)/2 to the (1 + p)/2 quantile over all subjects of all replicates together:
    it says where single subjects lie, not how well their median is known. A single subject is drawn as a line.
    Subjects of a study who were given different doses are not taken together: each dose has a colour, its median and
    the widest band; `bands_page` gives each a panel of its own.

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
    by : str or None
        Of a simulated study: variable over its records whose values make the groups, at most 21; by default
        ``"dose"``, the amount of the subject's first dose. None takes all records together.
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
        If there is no such output or variable, it has no residual error, a level is not between 0 and 1, or there are
        too many groups.
    """
    style.former_keywords("bands", former, _NOW)
    look = replace(look or BandStyle(), **{k: v for k, v in former.items() if k != "measured"})
    if former.get("measured"):
        name = f"{name}_measured"
    lines = {text: float(value) for text, value in (reference or {}).items()}
    drawn = _groups(forecast, name, by, look)
    ax = style.axes_of(ax, (7.0, 4.2))
    marks.level_lines(ax, lines)
    floor = _paint(ax, forecast, name, log, time_unit, drawn)
    lowest = min((v for v in lines.values() if v > 0), default=np.inf)
    marks.finish(ax, lines, floor=None if floor is None else min(floor, lowest))
    return ax


def paint(
    ax: Axes, forecast: xarray.Dataset, name: str, log: bool, time_unit: str | None, by: str | None, look: BandStyle
) -> float | None:
    """Draw what `bands` draws, without the legend; the lowest value that a log axis should show comes back."""
    return _paint(ax, forecast, name, log, time_unit, _groups(forecast, name, by, look))


Drawn = list[tuple[records.Simulated, BandStyle]]


def _paint(
    ax: Axes, forecast: xarray.Dataset, name: str, log: bool, time_unit: str | None, drawn: Drawn
) -> float | None:
    """Draw the groups, doses and what was observed; label the axes."""
    if log:
        style.log_scale(ax)
    unit = str(forecast["time"].attrs.get("units", "h"))
    for k, (simulated, own) in enumerate(drawn):
        if simulated.observed is not None:
            records.draw_observed(ax, simulated.observed, unit, time_unit, str(own.color) if len(drawn) > 1 else "")
        _draw(ax, style.clock(simulated.times, unit, time_unit), simulated.values, own, k if len(drawn) > 1 else None)
    every = [simulated for simulated, _ in drawn]
    if len(drawn) > 1:
        _explain(ax, every, drawn[0][1])
    if "dose_time" in forecast.coords:
        day = 1.0 if time_unit == style.STUDY_DAY else units.factor("day", time_unit or unit)
        marks.dose_marks(ax, style.clock(forecast["dose_time"], unit, time_unit), day)
    style.time_axis(ax, "time", unit, time_unit)
    of = name.removesuffix("_measured")
    ax.set_ylabel(style.labelled(of if of == name else f"measured {of}", every[0].unit))
    lost, count = sum(one.lost for one in every), sum(one.count for one in every)
    notes = list(dict.fromkeys(note for one in every for note in one.notes))
    style.caption(ax, forecast.attrs, [*notes, f"{lost} of {count} not solved"] if lost else notes)
    return _floor(every)


def _groups(forecast: xarray.Dataset, name: str, by: str | None, look: BandStyle) -> Drawn:
    """What is drawn, and how each group of it looks."""
    if look.smooth < 0:
        raise InputError(f"smooth is {look.smooth}; expected a whole number ≥ 0")
    if bad := [level for level in look.levels if not 0 < level < 1]:
        raise InputError([f"level {level} of a band; expected a number between 0 and 1" for level in bad])
    if "record" not in forecast.dims:
        return [(_of_regimen(forecast, name, look.smooth), look)]
    groups = records.groups_of(forecast, name, by)
    if len(groups) == 1:
        return [(records.of_study(forecast, name), look)]
    assert by is not None
    unit, colors = str(forecast[by].attrs.get("units", "")), style.palette([group for group, _ in groups])
    before = f"{look.label}: " if look.label else ""
    return [
        (records.of_study(forecast, name, mine),
         replace(look, levels=[max(look.levels)] if look.levels else [], color=to_hex(colors[group]),
                 label=f"{before}{group_name(group, by, unit)}"))
        for group, mine in groups
    ]  # fmt: skip


def _explain(ax: Axes, drawn: Sequence[records.Simulated], look: BandStyle) -> None:
    """Say once in the legend what lines, bands and points of all groups are."""
    for level in look.levels:
        ax.fill_between([], [], color=style.QUIET, alpha=0.3, lw=0, label=f"{100 * level:g} % of subjects")
    seen = [one.observed for one in drawn if one.observed is not None]
    count = sum(int((np.isfinite(o.values) & ~o.below.astype(bool)).sum()) for o in seen)
    if count:
        ax.plot([], [], "o", color=style.QUIET, ms=3.0, label=f"observed ({count})")
    below = sum(int(o.below.sum()) for o in seen)
    if below:
        marks.hollow(ax, [np.nan], [np.nan], marks.BELOW, f"BLQ ({below})")


def _floor(drawn: Sequence[records.Simulated]) -> float | None:
    """The lowest value that a log axis shows: some decades below the top, or a little below what was observed."""
    tops = [float(np.nanmax(one.values)) for one in drawn if np.isfinite(one.values).any()]
    top = max(tops, default=1.0)
    if top <= 0:
        return None
    floor = top * 10.0**-DECADES
    seen = np.concatenate([one.observed.values for one in drawn if one.observed is not None] or [np.empty(0)])
    if (seen > 0).any():
        floor = max(floor, 0.1 * float(seen[seen > 0].min()))
    return floor


def _of_regimen(forecast: xarray.Dataset, name: str, smooth: int) -> records.Simulated:
    """What is drawn of the simulation of a regimen."""
    values = _values(forecast, name)
    lost, times = int((~np.isfinite(values)).any(axis=1).sum()), np.asarray(forecast["time"], dtype=float)
    of, count = name.removesuffix("_measured"), len(values)
    about = str(forecast[of].attrs.get("units", ""))
    if smooth and of != name:
        notes = (f"residual errors of {2 * smooth + 1} neighbouring times together",)
        values = _lend_errors(_values(forecast, of), values, smooth)
        return records.Simulated(times, values, about, None, notes, lost, count)
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


def _draw(ax: Axes, t: Array, values: Array, look: BandStyle, group: int | None) -> None:
    """Draw the bands, the widest first and palest, and the median; one subject is a line without bands."""
    color, before = look.color or style.DATA, f"{look.label}: " if look.label else ""
    levels = look.levels
    if len(values) == 1:
        ax.plot(t, values[0], color=color, lw=1.3, label=f"{before}one subject")
        return
    for k, level in enumerate(sorted(levels, reverse=True)):
        low, high = _quantiles(values, [(1 - level) / 2, (1 + level) / 2])
        alpha = 0.18 + 0.22 * k / max(len(levels) - 1, 1)
        label = "_" if group is not None else f"{before}{100 * level:g} % of subjects"  # said once for all groups
        ax.fill_between(t, low, high, color=color, alpha=alpha, lw=0, label=label)
    dashes, label = ("-", f"{before}median") if group is None else (style.DASHES[group % 4], look.label)
    ax.plot(t, _quantiles(values, [0.5])[0], color=color, lw=1.6, ls=dashes, label=label)


def _quantiles(values: Array, at: Sequence[float]) -> Array:
    """Quantiles over subjects, NaN at times where nobody has a value."""
    quantiles = np.full((len(at), values.shape[1]), np.nan)
    solved = np.isfinite(values).any(axis=0)
    quantiles[:, solved] = np.nanquantile(values[:, solved], at, axis=0)
    return quantiles
