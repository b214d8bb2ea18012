"""Individual profiles by group, one panel each: nobody is buried under the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.ordering import ordered
from pkpd.plot import style
from pkpd.plot.profiles import ORIGINS, group_name, grouped, profiles
from pkpd.study import Study


@checked
def profiles_page(
    study: Study,
    axes: Any = None,
    analyte: str | None = None,
    *,
    by: str = "dose",
    log: bool = False,
    origin: str = "study",
    time_unit: str | None = None,
) -> np.ndarray[Any, Any]:
    """Draw every subject's samples of one analyte, one group per given axes, all on the same scale.

    The samples of the other groups stand behind in light grey. Axes left over are hidden.

    Parameters
    ----------
    study : Study
        The samples.
    axes : array of Axes, optional
        For instance ``plt.subplots(2, 2, layout="constrained")[1]``; by default those of a new figure.
    analyte : str, optional
        Which of the analytes; may be left out if there is only one.
    by : str
        Covariate whose values make the groups; ``"dose"`` is the amount of the first dose.
    log : bool
        Whether the axes of values are logarithmic.
    origin : {"study", "first dose", "last dose"}
        What time counts from.
    time_unit : str, optional
        Unit of the time axes; by default the study's.

    Returns
    -------
    array of Axes
        The given axes, or those of the new figure.

    Raises
    ------
    InputError
        If there are more groups than axes, or the analyte, the covariate or the origin does not exist.
    """
    if analyte is not None:
        style.require_name(analyte, study.analytes, "analyte")
    style.require_name(origin, ORIGINS, "origin")
    groups = grouped(study, by)
    unit = study.units.get("dose" if by == "dose" else by, "")
    chosen = ordered(groups.values())
    colors = style.palette(chosen)

    def panel(group: Any, ax: Axes) -> None:
        mine = [s for s in study.subject_ids if groups[s] == group]
        name = group_name(group, by, unit) if len(chosen) > 1 else str(group)
        ax.set_title(f"{name}, n = {len(mine)}", loc="left", fontsize=10)  # first: the caption makes room for it
        profiles(study.select(subjects=mine), analyte, ax=ax, log=log, origin=origin, time_unit=time_unit)
        for line in ax.lines:
            if line.get_color() == style.COLORS[0]:
                line.set_color(colors[group])

    panels = style.fill(axes, chosen, panel)
    drawn = list(panels.flat[: len(chosen)])
    style.same_limits(drawn)  # first: these limits hold the room for the legends, which drawing more would take away
    _behind(drawn)
    return panels


def _behind(drawn: list[Axes]) -> None:
    """Draw what the other panels show in light grey, in one line each: many lines would take long."""
    own = [[np.column_stack([line.get_xdata(), line.get_ydata()]).astype(float) for line in ax.lines
            if line.get_marker() in style.MARKERS and line.get_linestyle() == "-"] for ax in drawn]  # fmt: skip
    gap = np.full((1, 2), np.nan)
    for k, ax in enumerate(drawn):
        others = [part for j, lines in enumerate(own) if j != k for line in lines for part in (line, gap)]
        if others:
            points = np.concatenate(others)
            ax.plot(points[:, 0], points[:, 1], "-", color="#D5D5D5", lw=0.5, zorder=0.5, label="_")
