"""Prediction bands of a simulated study, one panel a group."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.plot import marks, style
from pkpd.plot.bands import BandStyle, paint
from pkpd.plot.profiles import group_name
from pkpd.plot.records import groups_of


@checked
def bands_page(
    forecast: xarray.Dataset,
    axes: Any,
    name: str,
    *,
    by: str = "dose",
    log: bool = False,
    time_unit: str | None = None,
    look: BandStyle | None = None,
) -> np.ndarray[Any, Any]:
    """Draw prediction bands of a simulated study with what was observed, one group per given axes, on one scale.

    Parameters
    ----------
    forecast : Dataset
        What `pkpd.simulate` returned for a study.
    axes : array of Axes or None
        For instance ``plt.subplots(2, 4, layout="constrained")[1]``; those left over are hidden. None: those of a new
        figure.
    name : str
        Output to draw; ``"<output>_measured"`` are its values with residual error.
    by : str
        Variable over the records whose values make the groups; ``"dose"`` is the amount of the first dose.
    log : bool
        Whether the axes of values are logarithmic.
    time_unit : str, optional
        Unit of the axes, as for `bands`.
    look : BandStyle, optional
        Levels of the bands and their colour.

    Returns
    -------
    array of Axes
        The given axes, or those of the new figure.

    Raises
    ------
    InputError
        If there are more groups than axes, no such output or variable, or the simulation is not of a study.
    """
    if "record" not in forecast.dims:
        raise InputError("a regimen has one group; expected a simulated study, or `bands`")
    groups = dict(groups_of(forecast, name, by))
    unit = str(forecast[by].attrs.get("units", "")) if by in forecast else ""
    first = next(iter(groups))

    def panel(group: Any, ax: Axes) -> None:
        mine = forecast.isel(record=np.flatnonzero(groups[group]))
        who = group_name(group, by, unit) if group is not None else "all"
        ax.set_title(f"{who}, n = {len(np.unique(mine['subject']))}", loc="left", fontsize=10)
        floor = paint(ax, mine, name, log, time_unit, None, look or BandStyle())
        for mark in (*ax.lines, *ax.collections):  # short names: the legend stands in the first panel, for all
            mark.set_label(str(mark.get_label()).replace(" of subjects", "").split(" (")[0])
        marks.finish(ax, floor=floor, legend=group == first)

    panels = style.fill(axes, list(groups), panel)
    style.same_limits(panels.flat[: len(groups)])
    return panels
