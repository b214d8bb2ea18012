"""Box plots of NCA parameters by group, with every profile as a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes

from pkpd.arguments import SOME_LABELS, checked, optional
from pkpd.arrays import Array
from pkpd.nca.given import PROFILES
from pkpd.ordering import ordered
from pkpd.plot import marks, style


@checked(result=PROFILES, groups=optional(SOME_LABELS))
def parameter_boxes(
    result: xarray.Dataset,
    parameter: str,
    *,
    by: str | None = None,
    groups: Sequence[Any] | None = None,
    ax: Axes | None = None,
    log: bool = False,
) -> Axes:
    """Draw the values of one parameter as box plots by group with a point for every profile.

    The box runs from the lower to the upper quartile with the median inside, the whiskers to the furthest value
    within 1.5 times the box's height; all values are drawn as points, so none is drawn twice as an outlier. A diamond
    is the geometric mean. Below each group stands its number of values.

    Parameters
    ----------
    result : Dataset
        What `pkpd.nca.nca` returned.
    parameter : str
        Name of the parameter.
    by : str or None
        Coordinate over ``profile`` that makes the groups, e.g. ``"dose"`` or ``"occasion"``.
    groups : sequence, optional
        Values of the groups in the order wanted; by default all, numbers in order and then words.
    ax : Axes, optional
        Where to draw; by default a new figure.
    log : bool
        Whether the axis of values is logarithmic.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If the parameter, the coordinate or a group does not exist.
    """
    style.require_name(parameter, [n for n, v in result.data_vars.items() if v.dims == ("profile",)], "parameter")
    if by is not None:
        style.require_name(by, [n for n, v in result.coords.items() if v.dims == ("profile",)], "group")
    label = result[by].to_numpy() if by else np.full(result.sizes["profile"], "all", dtype=object)
    order = ordered(label) if groups is None else list(groups)
    for group in order:
        style.require_name(group, list(dict.fromkeys(label.tolist())), by or "group")
    ax = style.axes_of(ax, (float(np.clip(2.2 + 0.9 * len(order), 4.8, 12.0)), 4.2))
    if log:
        style.log_scale(ax)
    values = result[parameter].to_numpy().astype(float)
    names, missing, hidden = [], 0, 0
    for k, group in enumerate(order):
        mine = values[label == group]
        x = mine[np.isfinite(mine)]
        missing += len(mine) - len(x)
        shown = x[x > 0] if log else x
        hidden += len(x) - len(shown)
        _box(ax, k, shown)
        names.append(f"{_text(group)}\nn = {len(shown)}" if by else f"n = {len(shown)}")
    ax.set_xticks(range(len(order)), names)
    if ax.get_autoscalex_on():
        ax.set_xlim(-0.6, len(order) - 0.4, auto=True)
    unit = str(result[by].attrs.get("units", "")) if by else ""
    ax.set_xlabel(style.labelled(by or "all profiles", unit))
    about = result[parameter].attrs
    ax.set_ylabel(style.labelled(str(about.get("symbol", parameter)), str(about.get("units", ""))))
    notes = [f"{missing} without a number"] if missing else []
    style.caption(ax, result.attrs, [*notes, f"{hidden} values ≤ 0 not shown"] if hidden else notes)
    marks.finish(ax)
    marks.fit_names(ax)
    return ax


def _text(group: Any) -> str:
    return f"{group:g}" if isinstance(group, int | float | np.number) else str(group)


def _box(ax: Axes, place: int, x: Array) -> None:
    """One box with its points; points only where there are fewer than three."""
    first = place == 0
    if len(x) >= 3:
        ax.boxplot(
            x, positions=[place], widths=0.5, showfliers=False, manage_ticks=False, patch_artist=True,
            boxprops={"facecolor": "#DCEAF4", "edgecolor": style.DATA}, whiskerprops={"color": style.DATA},
            capprops={"color": style.DATA}, medianprops={"color": style.DATA, "lw": 1.8},
        )  # fmt: skip
    ax.plot(
        place + _spread(x), x, "o", color=style.DATA, ms=3.5, alpha=0.6, mec="none", zorder=3,
        label="profiles" if first else "_",
    )  # fmt: skip
    if len(x) and (x > 0).all():
        ax.plot(
            [place], [float(np.exp(np.log(x).mean()))], "D", color=style.MODEL, ms=5, mec="white", zorder=4,
            label="geometric mean" if first else "_",
        )  # fmt: skip


def _spread(x: Array) -> Array:
    """Sideways shifts by rank, the same in every drawing: neighbours in height stand apart."""
    rank = np.empty(len(x))
    rank[np.argsort(x, kind="stable")] = np.arange(len(x))
    return 0.16 * (np.modf(rank * 0.6180339887)[0] - 0.5) * 2
