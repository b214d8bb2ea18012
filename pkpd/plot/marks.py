"""Legends and labels that cover nothing, samples below the limit, and doses along the time axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import ScalarFormatter
from matplotlib.transforms import Bbox, TransformedBbox

from pkpd.arrays import Array
from pkpd.errors import warn
from pkpd.plot.style import DOSE, EDGE_NAME, QUIET, SMALL, NumberLabels
from pkpd.plot.style import unit_text as style_unit

BELOW, ABOVE = "v", "^"
MANY = 20
"""Beyond so many doses their marks are light, and dosing days are not shaded."""


def hollow(ax: Axes, x: Any, y: Any, marker: str, label: str, color: str = QUIET) -> None:
    """Draw samples outside the limits of quantification as hollow triangles; nothing for no sample."""
    if len(x):
        ax.plot(x, y, marker, mfc="none", mec=color, ms=6, label=label, zorder=3)


def reach_of_log(predicted: Any, observed: Any) -> float:
    """Return the lowest prediction that a log axis needs to show: a tenth of the lowest value that was observed.

    Predictions for samples below the limit may be as small as 1e-28; an axis that shows them shows nothing else.

    Parameters
    ----------
    predicted, observed : array_like
        Predictions, and values or limits.
    """
    values = np.asarray(observed, dtype=float)
    positive = values[np.isfinite(values) & (values > 0)]
    known = np.asarray(predicted, dtype=float)
    lowest = known[np.isfinite(known) & (known > 0)]
    if not positive.size:
        return float(lowest.min()) if lowest.size else 1.0
    return max(0.1 * float(positive.min()), 0.5 * float(lowest.min()) if lowest.size else 0.0)


def at_the_edge(predicted: Any, floor: float, unit: str) -> tuple[Array, list[str]]:
    """Return predictions with those below the floor moved to it, and the sentence that counts them.

    Parameters
    ----------
    predicted : array_like
        Predictions.
    floor : float
        Lowest that is shown.
    unit : str
        Their unit.
    """
    known = np.asarray(predicted, dtype=float)
    low = int((known < floor * (1 - 1e-12)).sum())
    note = f"{low} predicted below {floor:.2g} {style_unit(unit)}".rstrip() + ", drawn at the edge"
    return np.where(known < floor, floor, known), [note] if low else []


def along_bottom(ax: Axes, x: Any, marker: str, label: str, color: str = QUIET) -> None:
    """Draw marks whose height means nothing just above the time axis."""
    if len(x):
        height = np.full(len(x), 0.03)
        ax.plot(x, height, marker, mfc="none", mec=color, ms=6, label=label, transform=ax.get_xaxis_transform())


def dose_marks(ax: Axes, times: Array, day: float | None) -> None:
    """Mark doses by ticks along the bottom and shade the days on which they are given.

    With many doses the ticks are light; days are not shaded then, nor where they would fill half of the axis.

    Parameters
    ----------
    ax : Axes
        Where to draw; the data are drawn already.
    times : array, shape (doses,)
        Times of doses in the unit of the axis.
    day : float or None
        Length of a day in that unit; None shades nothing.
    """
    if not times.size:
        return
    many = times.size > MANY
    look: dict[str, Any] = {"color": QUIET, "ms": 7, "mew": 0.5} if many else {"color": DOSE, "ms": 12, "mew": 1.2}
    bottom = np.zeros(times.size)
    ax.plot(times, bottom, "|", label=f"dose ({times.size})", transform=ax.get_xaxis_transform(), **look)
    runs = [] if day is None else _runs(np.unique(times), day)
    # Shading tells days with a dose from days without: where most of the axis is shaded it tells nothing.
    width = ax.dataLim.width
    if many or not np.isfinite(width) or sum(end - start for start, end in runs) > 0.5 * width:
        return
    for k, (start, end) in enumerate(runs):
        ax.axvspan(start, end, color=QUIET, alpha=0.10, lw=0, zorder=0, label="_" if k else "dosing day")


def _runs(starts: Array, day: float) -> list[tuple[float, float]]:
    """Days after each start, joined where they touch."""
    runs: list[tuple[float, float]] = []
    for start in starts:
        if runs and start <= runs[-1][1] * (1 + 1e-9):
            runs[-1] = (runs[-1][0], start + day)
        else:
            runs.append((start, start + day))
    return runs


def level_lines(ax: Axes, levels: Mapping[str, float]) -> None:
    """Draw horizontal lines; `finish` writes their names."""
    for k, value in enumerate(levels.values()):
        ax.axhline(value, color=QUIET, lw=0.9, ls=("--", ":", "-.", (0, (8, 3)))[k % 4], zorder=1)


def limit_names(values: Any, unit: str) -> dict[str, float]:
    """Return name → height of limits of quantification: all of up to three, else the lowest and the highest.

    Parameters
    ----------
    values : array_like
        Limits, in any order and number; those that are not known are left out.
    unit : str
        Their unit.
    """
    known = np.asarray(values, dtype=float)
    limits = np.unique(known[np.isfinite(known)])
    if len(limits) > 3:
        ends = (("lowest LLOQ", limits[0]), ("highest LLOQ", limits[-1]))
        return {f"{name} {v:g} {style_unit(unit)}".rstrip(): float(v) for name, v in ends}
    return {f"LLOQ {v:g} {style_unit(unit)}".rstrip(): float(v) for v in limits}


def from_zero(ax: Axes, which: str = "y", bars: bool = False) -> None:
    """Let a linear axis of what is never negative begin at 0, and show the marks at 0 whole.

    Limits that lie above 0 are left alone, and so are inverted axes (of rows) and those with negative data; with `bars`
    only error bars reach below.
    """
    vertical = which == "y"
    scale, view = (ax.get_yscale(), ax.get_ylim()) if vertical else (ax.get_xscale(), ax.get_xlim())
    data = ax.dataLim.y0 if vertical else ax.dataLim.x0
    if scale != "linear" or view[0] > view[1] or not (np.isfinite(data) and (data >= 0 or bars) and view[0] < 0):
        return
    if which == "y":
        ax.set_ylim(bottom=0, auto=True)
    else:
        ax.set_xlim(left=0, auto=True)
    whole = TransformedBbox(Bbox([[-0.02, -0.02], [1.0, 1.0]]), ax.transAxes)
    for line in ax.lines:
        if line.get_transform() == ax.transData:
            line.set_clip_path(None)
            line.set_clip_box(whole)


def plain_numbers(ax: Axes) -> None:
    """Write very large and very small ticks of linear axes as powers of ten each, not with a factor in the corner."""
    for axis, scale, view in ((ax.xaxis, ax.get_xscale(), ax.get_xlim()), (ax.yaxis, ax.get_yscale(), ax.get_ylim())):
        largest = max(map(abs, view))
        odd = largest >= 1e6 or largest < 1e-3
        if scale == "linear" and odd and isinstance(axis.get_major_formatter(), ScalarFormatter):
            axis.set_major_formatter(NumberLabels())


def fit_names(ax: Axes) -> None:
    """Turn the names along the horizontal axis where they would run into one another."""
    names = [text for text in ax.get_xticklabels() if text.get_text()]
    if len(names) < 2:
        return
    places = [ax.transData.transform((x, 0.0))[0] for x in ax.get_xticks()]
    room = float(np.min(np.diff(np.sort(places))))
    widest = max(text.get_window_extent().width for text in names)
    if widest <= 0.92 * room:
        return
    for text in names:
        text.set_fontsize(SMALL)
    if max(text.get_window_extent().width for text in names) <= 0.92 * room:
        return
    for text in names:
        text.set_text(text.get_text().replace("\n", ", "))
    ax.set_xticks(ax.get_xticks(), [text.get_text() for text in names], rotation=90, fontsize=SMALL)


def finish(
    ax: Axes, levels: Mapping[str, float] | None = None, floor: float | None = None, legend: bool = True
) -> None:
    """Set the limits, put the legend into room made above the data, and name the lines beside the right edge.

    Limits that the user has set are left alone.

    Parameters
    ----------
    ax : Axes
        Where everything is drawn already.
    levels : mapping, optional
        Name → height of the horizontal lines.
    floor : float, optional
        Lowest value that a log axis shows.
    legend : bool
        False for the panels of a page of which another one carries the legend.
    """
    free = ax.get_autoscaley_on()
    if free:
        ax.autoscale_view(scalex=ax.get_autoscalex_on(), scaley=True)
        low, high = ax.get_ylim()
        if floor is not None and ax.get_yscale() == "log" and low < floor < high:
            # The margin above the data is a share of what is shown, not of the decades below the floor.
            top = min(float(ax.dataLim.y1), high)
            ax.set_ylim(
                floor, top * (top / floor) ** (ax.margins() or (0.0, 0.0))[1] if top > floor else high, auto=True
            )
        if any(line.get_transform().contains_branch_seperately(ax.transData) == (True, False) for line in ax.lines):
            _room(ax, 0.07, below=True)  # something stands along the bottom
        from_zero(ax)
    plain_numbers(ax)
    named = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    if named and legend:
        box = ax.legend(
            list(named.values()), list(named), loc="upper left", ncols=_columns(ax, named), fontsize=SMALL,
            frameon=False, borderaxespad=0.3, handlelength=1.6, columnspacing=1.2,
        )  # fmt: skip
        for handle in box.legend_handles:
            if isinstance(handle, Line2D) and (handle.get_alpha() or 1.0) < 0.5:
                handle.set(alpha=1.0, linewidth=1.0, markersize=4.0)  # what is faint in a crowd is plain in the legend
        if free:
            # A tenth more than measured: layouts that run later change the height of the axes a little.
            _room(ax, 1.1 * box.get_window_extent().height / ax.get_window_extent().height)
    if levels:
        _edge_labels(ax, levels)


def characters(ax: Axes) -> int:
    """How many characters of a legend's text fit into the width of the axes."""
    inches = ax.get_window_extent().width / ax.get_figure().dpi  # type: ignore[union-attr]
    return max(12, int((inches * 72 - 40) / (0.58 * SMALL)))


def _columns(ax: Axes, named: Mapping[str, Any]) -> int:
    """As many legend columns as fit side by side, by the longest line of each label."""
    inches = ax.get_window_extent().width / ax.get_figure().dpi  # type: ignore[union-attr]
    widest = max(len(line) for label in named for line in label.split("\n"))
    return int(np.clip(inches * 72 / (0.58 * SMALL * widest + 36), 1, min(len(named), 4)))


def _room(ax: Axes, share: float, below: bool = False) -> None:
    """Widen the limits so that this share of the height stays free above (or below) the data."""
    share = min(share, 0.6)
    axis = ax.yaxis.get_transform()
    low, high = (float(v) for v in axis.transform(np.array(ax.get_ylim())))
    more = (high - low) * share / (1 - share)
    ends = (low - more, high) if below else (low, high + more)
    ax.set_ylim(*axis.inverted().transform(np.array(ends)), auto=True)


def _edge_labels(ax: Axes, levels: Mapping[str, float]) -> None:
    """Write names to the right of the axes at their heights, pushed apart where they would overlap."""
    names = sorted(levels, key=lambda name: levels[name])
    to_points = 72 / ax.get_figure().dpi  # type: ignore[union-attr]
    wanted = np.array([ax.transData.transform((0, levels[name]))[1] for name in names]) * to_points
    inside = np.isfinite(wanted)
    placed = wanted.copy()
    step, last = 1.25 * SMALL, -np.inf
    for k in np.flatnonzero(inside):
        last = placed[k] = max(placed[k], last + step)
    for name, shift, good in zip(names, placed - wanted, inside, strict=True):
        if not good:
            warn(f"{name} cannot be shown on a log axis", UserWarning)
            continue
        ax.annotate(
            name, (1, levels[name]), xycoords=ax.get_yaxis_transform(), xytext=(4, shift), textcoords="offset points",
            va="center", ha="left", fontsize=SMALL, color=QUIET, annotation_clip=False,
            gid=EDGE_NAME,
        )  # fmt: skip
