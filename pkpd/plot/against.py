"""Observed values against predicted ones, and residuals: what pictures of single fits and of populations share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.errors import InputError, few
from pkpd.plot import marks, style

if TYPE_CHECKING:
    import pandas

MEASURED = "measured"
KINDS = {
    "below the limit": (marks.BELOW, "BLQ, at its limit"),
    "above the limit": (marks.ABOVE, "above ULOQ"),
    "between two limits": ("d", "between limits"),
}
"""How a sample that is not a number is drawn, and what the legend calls it."""


@dataclass(frozen=True)
class Words:
    """What stands at the axes and above them.

    Attributes
    ----------
    x, y : str
        Labels, without a unit.
    unit : str
        Of both; a residual has none.
    attrs : mapping
        Provenance.
    notes : tuple of str
        For the caption.
    """

    x: str
    y: str
    unit: str
    attrs: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def named_output(table: pandas.DataFrame, output: str | None) -> tuple[str, pandas.DataFrame]:
    """Return an output's name, which may be left out if there is one, and its rows.

    Raises
    ------
    InputError
        If there is no such output, or several and none is named.
    """
    names = list(dict.fromkeys(table["output"]))
    if output is None:
        if len(names) != 1:
            raise InputError(f"the fit has several outputs; expected output= one of {few(names)}")
        output = str(names[0])
    style.require_name(output, names, "output")
    return output, table[table["output"] == output].reset_index(drop=True)


def identity(ax: Axes | None, rows: pandas.DataFrame, log: bool, words: Words) -> Axes:
    """Draw observed over predicted values with the line of identity; limits as triangles that point to the value.

    Parameters
    ----------
    ax : Axes or None
        Where; None is a new square figure.
    rows : DataFrame
        ``x`` (prediction), ``value``, ``kind`` (`MEASURED` or one of `KINDS`), ``failed``, ``subject``.
    log : bool
        Whether both axes are logarithmic.
    words : Words
        What stands at the axes.
    """
    ax = style.axes_of(ax, (4.8, 4.8))
    notes = list(words.notes)
    if log:
        style.log_scale(ax, "x")
        style.log_scale(ax, "y")
        shown, more = marks.at_the_edge(rows["x"], marks.reach_of_log(rows["x"], rows["value"]), words.unit)
        rows, notes = rows.assign(x=shown), [*notes, *more]
    points(ax, rows[rows["kind"] == MEASURED], "value")
    for kind, (marker, name) in KINDS.items():
        part = rows[rows["kind"] == kind]
        marks.hollow(ax, part["x"], part["value"], marker, f"{name} ({len(part)})")
    both = rows[["x", "value"]].to_numpy(float)
    both = both[np.isfinite(both) & ((both > 0) | (not log))]
    if both.size:
        ends = np.array([both.min(), both.max()])
        ax.plot(ends, ends, color=style.DOSE, lw=1, label="identity", zorder=2.2)
    hidden = int((rows["value"] <= 0).sum()) if log else 0
    ax.set_xlabel(style.labelled(words.x, words.unit))
    ax.set_ylabel(style.labelled(words.y, words.unit))
    style.caption(ax, words.attrs, [*notes, f"{hidden} at values ≤ 0 not shown"] if hidden else notes)
    marks.from_zero(ax, "x")
    marks.finish(ax)
    return ax


def residual_marks(ax: Axes, rows: pandas.DataFrame, words: Words) -> None:
    """Draw residuals, 0 and ±1.96, and what has no residual along the bottom; the horizontal axis is labelled.

    Parameters
    ----------
    ax : Axes
        Where.
    rows : DataFrame
        ``x``, ``residual``, and as for `identity`.
    words : Words
        Its ``y`` and what stands above; ``x`` is not used.
    """
    ax.axhline(0, color=style.DOSE, lw=1, zorder=1)
    levels = {"+1.96": 1.96, "−1.96": -1.96}
    for height in levels.values():
        ax.axhline(height, color=style.QUIET, lw=0.9, ls="--", zorder=1)
    measured, censored = rows[rows["kind"] == MEASURED], rows[rows["kind"] != MEASURED]
    good = np.isfinite(measured["residual"].to_numpy(float)) & np.isfinite(measured["x"].to_numpy(float))
    points(ax, measured[good], "residual")
    marks.along_bottom(ax, censored["x"], marks.BELOW, f"censored, no residual ({len(censored)})")
    ax.set_ylabel(words.y)
    lost = int((~good).sum())
    notes = [*words.notes, f"{lost} without a residual not shown"] if lost else list(words.notes)
    style.caption(ax, words.attrs, notes)
    marks.finish(ax, levels)


def points(ax: Axes, rows: pandas.DataFrame, y: str) -> None:
    """Draw measured samples; hollow where the fit that they are compared with did not converge."""
    good, failed = rows[~rows["failed"]], rows[rows["failed"]]
    if len(good) or not len(failed):
        look = style.crowd(len(rows))
        ax.plot(good["x"], good[y], "o", color=style.DATA, mec="none", label="measured", **look)
    if len(failed):
        subjects = failed["subject"].nunique()
        label = f"fit not converged ({subjects} subject{'s' * (subjects > 1)})"
        ax.plot(failed["x"], failed[y], "o", mfc="none", mec=style.MODEL, ms=4, mew=0.8, label=label, zorder=2.5)


def kinds_of(names: Iterable[str]) -> list[str]:
    """Return `MEASURED` or the kind of limit for each row's note."""
    return [name if name in KINDS else MEASURED for name in names]
