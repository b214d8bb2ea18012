"""Kaplan–Meier curves with their intervals, and below them how many are still at risk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pkpd import units
from pkpd.arguments import checked, some_times
from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.plot import style
from pkpd.trial.survival.curve import Curve
from pkpd.trial.survival.kaplan_meier import KaplanMeier

_MOST_BANDS = 3
_LEFT = -16.0  # points: room for a count at time 0
_WEEKS = (7, 14, 28, 56, 91, 182, 364, 728, 1456)


@checked(risk_times=some_times())
def kaplan_meier(
    km: KaplanMeier,
    *,
    ax: Axes | None = None,
    risk_times: Sequence[float] | None = None,
    bands: bool = True,
    label: str = "survival",
) -> Axes:
    """Draw Kaplan–Meier curves: steps, ticks where patients are censored, pointwise intervals, numbers at risk below.

    Dotted lines lead from one half to the medians, which the legend gives with their intervals. Bands are drawn for up
    to three groups.

    Parameters
    ----------
    km : KaplanMeier
        What `pkpd.trial.kaplan_meier` returned.
    ax : Axes, optional
        Where to draw; by default a new figure.
    risk_times : sequence of float, optional
        Times at which numbers at risk are written; by default the ticks of the axis.
    bands : bool
        Whether the intervals are drawn.
    label : str
        What survival is, on the axis: ``"progression-free survival"``.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If there are more groups than can be told apart.
    """
    if len(km.curves) > len(style.COLORS):
        raise InputError(f"{len(km.curves)} groups; at most {len(style.COLORS)} can be told apart", "kaplan_meier")
    ax = style.axes_of(ax, (6.4, 4.4 + 0.16 * len(km.curves)))
    medians = km.median().set_index("group")
    colours = style.palette(list(km.curves))
    for name, curve in km.curves.items():
        row = medians.loc[name]
        text = f"{'' if not km.by else f'{km.by} {name}: '}{row['events']:.0f} events of {row['patients']:.0f}, median "
        text += f"{_number(row['time'])} ({_number(row['low'])} to {_number(row['high'])})"
        _curve(ax, curve, colours[name], text, bands and len(km.curves) <= _MOST_BANDS)
        if not math.isnan(row["time"]):
            ax.plot([0, row["time"], row["time"]], [0.5, 0.5, 0.0], ":", color=colours[name], lw=0.9, label="_")
    end = max(float(curve.time[-1]) for curve in km.curves.values())
    if ax.get_autoscalex_on():
        ax.set_xlim(0.0, 1.02 * end, auto=True)
    if ax.get_autoscaley_on():
        ax.set_ylim(0.0, 1.0 + 0.11 * len(km.curves) + 0.03, auto=True)
        ax.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0])
    ticks = _ticks(ax, end, km.unit) if risk_times is None else np.asarray(risk_times, dtype=float)
    ax.set_xlabel(style.labelled("time", km.unit))
    ax.set_ylabel(label)
    ax.legend(loc="upper right", fontsize=style.SMALL, frameon=False, borderaxespad=0.3, handlelength=1.6)
    _at_risk(ax, km, ticks, colours)
    interval = f"{100 * km.level:g} % interval: {km.interval}"
    style.caption(ax, km.attrs, [interval])
    return ax


def _number(value: float) -> str:
    return "not reached" if math.isnan(value) else f"{value:.4g}" if value >= 100 else f"{value:.3g}"


def _curve(ax: Axes, curve: Curve, colour: str, text: str, band: bool) -> None:
    """Draw one group's steps, censored times and interval."""
    x = np.concatenate([[0.0], curve.time])
    ax.plot(x, np.concatenate([[1.0], curve.survival]), drawstyle="steps-post", color=colour, lw=1.5, label=text)
    lost = curve.censored > 0
    ax.plot(curve.time[lost], curve.survival[lost], "|", color=colour, ms=6, mew=1.0, label="_")
    if band:
        low, high = (np.concatenate([[1.0], end]) for end in (curve.low, curve.high))
        ax.fill_between(x, low, high, step="post", color=colour, alpha=0.15, lw=0)


def _ticks(ax: Axes, end: float, unit: str) -> Array:
    """Put ticks where they can be read, and numbers below them."""
    if units.is_kind(unit, "time") and units.factor(unit, "day") == 1.0:
        ax.xaxis.set_major_locator(style.TimeTicks(_WEEKS))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 3, 5, 6, 10], integer=end > 4))
    ticks = np.asarray(ax.get_xticks(), dtype=float)
    return ticks[(ticks >= 0) & (ticks <= end)]


def _at_risk(ax: Axes, km: KaplanMeier, times: Array, colours: dict[str, str]) -> None:
    """Write the table below the axis, a line a group."""
    where: dict[str, Any] = {
        "xycoords": ax.get_xaxis_transform(), "textcoords": "offset points", "va": "top", "fontsize": style.SMALL,
        "annotation_clip": False,
    }  # fmt: skip
    top, step = -34.0, 1.35 * style.SMALL
    beside = {**where, "xycoords": "axes fraction", "ha": "right"}
    ax.annotate("at risk", (0, 0), (_LEFT, top), color=style.QUIET, **beside)
    for k, (name, curve) in enumerate(km.curves.items()):
        height = top - step * (k + (1 if km.by else 0))
        left = np.concatenate([curve.at_risk, [0.0]])[np.searchsorted(curve.time, times, side="left")]
        for time, count in zip(times, left, strict=True):
            ax.annotate(f"{count:.0f}", (float(time), 0.0), (0, height), ha="center", color=colours[name], **where)
        if km.by:
            ax.annotate(name, (0, 0), (_LEFT, height), color=colours[name], **beside)
