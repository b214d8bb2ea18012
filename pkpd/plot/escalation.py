"""Dose escalation: who got which dose in which order, and who had a dose-limiting toxicity."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pkpd.arguments import checked
from pkpd.errors import InputError, shown
from pkpd.plot import marks, style
from pkpd.trial.escalation.cohorts import read_cohorts

_MOST = 300  # patients that can still be told apart


@checked
def dose_escalation(cohorts: Any, *, unit: str = "", declared: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw a dose escalation, one mark a patient, in the order of treatment.

    Levels are equally spaced, whatever their doses. Below each cohort stands how many of its evaluable patients had a
    dose-limiting toxicity. Where the table has cohorts, the order of patients within one is not known: those without a
    toxicity are drawn first, those who were replaced last.

    Parameters
    ----------
    cohorts : DataFrame, path, or mapping of column to values
        As `pkpd.trial.replay_escalation` takes them.
    unit : str
        Of the dose, for the axis.
    declared : float, optional
        A dose to mark with a line, such as the one that the trial declared.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        Listing every problem of the table; if there are more than 300 patients, or nobody had the declared dose.
    """
    table = read_cohorts(cohorts)
    levels = sorted(float(dose) for dose in table["dose"].unique())
    problems = []
    if int(table["treated"].sum()) > _MOST:
        problems.append(f"{int(table['treated'].sum())} patients; expected at most {_MOST}")
    if declared is not None and declared not in levels:
        problems.append(f"declared is {shown(declared)}; expected one of the doses given")
    if problems:
        raise InputError(problems, "dose_escalation")
    ax = style.axes_of(ax, (7.0, 3.8))
    height = np.array([levels.index(float(dose)) for dose in table["dose"]], dtype=float)
    ends = table["treated"].cumsum().to_numpy()
    starts = ends - table["treated"].to_numpy()
    spots: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in ("none", "dlt", "replaced")}
    for start, y, n, dlt, replaced in zip(
        starts, height, table["patients"], table["dlt"], table["replaced"], strict=True
    ):
        kinds = ["none"] * (n - dlt) + ["dlt"] * dlt + ["replaced"] * replaced
        for k, kind in enumerate(kinds, start=1):
            spots[kind][0].append(float(start + k))
            spots[kind][1].append(float(y))
        ax.annotate(
            f"{dlt}/{n}", (start + len(kinds) / 2 + 0.5, y), xytext=(0, -11), textcoords="offset points",
            ha="center", va="top", fontsize=style.SMALL, color=style.QUIET,
        )  # fmt: skip
    _way(ax, starts, ends, height)
    looks: dict[str, dict[str, Any]] = {
        "none": {"marker": "o", "mfc": "white", "mec": style.DATA, "label": "no dose-limiting toxicity"},
        "dlt": {"marker": "o", "mfc": style.MODEL, "mec": style.MODEL, "label": "dose-limiting toxicity"},
        "replaced": {"marker": "x", "mec": style.QUIET, "label": "not evaluable, replaced"},
    }
    for kind, look in looks.items():
        if spots[kind][0]:
            ax.plot(*spots[kind], ls="none", ms=7, mew=1.4, zorder=3, **look)
    if declared is not None:
        ax.axhline(levels.index(float(declared)), color=style.DOSE, lw=0.9, ls="--", zorder=0, label="declared dose")
    ax.set_yticks(range(len(levels)), [f"{level:g}" for level in levels])
    ax.set_ylim(-0.25 - 0.1 * max(len(levels), 4), len(levels) - 0.4)  # room for the counts below the lowest level
    ax.set_xlim(0, float(ends[-1]) + 1)
    ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    ax.set_xlabel("patients in the order of treatment")
    ax.set_ylabel(style.labelled("dose", unit))
    attrs = getattr(cohorts, "attrs", {})
    style.caption(ax, attrs if isinstance(attrs, dict) else {}, [])
    marks.finish(ax)
    return ax


def _way(ax: Axes, starts: Any, ends: Any, height: Any) -> None:
    """The path from cohort to cohort, behind the marks."""
    x = np.column_stack([starts + 0.6, ends + 0.4]).ravel()
    ax.plot(x, np.repeat(height, 2), color=style.QUIET, lw=0.8, alpha=0.6, zorder=1)


__all__ = ["dose_escalation"]
