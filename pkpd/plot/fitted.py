"""Observed against fitted, and residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.errors import InputError, few
from pkpd.fit.result import Fit, Fits
from pkpd.observed import ABOVE, BELOW, MEASURED
from pkpd.plot import marks, style
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

AGAINST = ("time", "fitted")


@checked
def observed_fitted(
    fit: Fit | Fits,
    output: str | None = None,
    *,
    study: Study | None = None,
    ax: Axes | None = None,
    log: bool = True,
) -> Axes:
    """Draw observed against fitted values with the line of identity.

    A censored sample stands at its limit as a hollow triangle that points to where the value may be.

    Parameters
    ----------
    fit : Fit or Fits
        A fit, or individual fits, drawn together.
    output : str, optional
        Output of the model; may be left out if only one was observed.
    study : Study, optional
        What was fitted: lets the picture say that data are synthetic, and gives units that the model does not have.
    ax : Axes, optional
        Where to draw; by default a new square figure.
    log : bool
        Whether both axes are logarithmic.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If there is no such output, or several and none is named.
    """
    output, rows = prediction_rows(fit, output)
    ax = style.axes_of(ax, (4.8, 4.8))
    if log:
        style.log_scale(ax, "x")
        style.log_scale(ax, "y")
    measured = rows[rows["censor"] == MEASURED]
    ax.plot(measured["fitted"], measured["value"], "o", color=style.DATA, ms=4, alpha=0.6, mec="none", label="measured")
    for code, marker, name in ((BELOW, marks.BELOW, "BLQ, at its limit"), (ABOVE, marks.ABOVE, "above ULOQ")):
        part = rows[rows["censor"] == code]
        marks.hollow(ax, part["fitted"], part["value"], marker, f"{name} ({len(part)})")
    both = rows[["fitted", "value"]].to_numpy(float)
    both = both[np.isfinite(both) & ((both > 0) | (not log))]
    if both.size:
        ends = np.array([both.min(), both.max()])
        ax.plot(ends, ends, color=style.DOSE, lw=1, label="identity", zorder=1)
    hidden = int((rows[["fitted", "value"]] <= 0).any(axis=1).sum()) if log else 0
    unit = unit_of(fit, output, study)
    ax.set_xlabel(style.labelled(f"fitted {output}", unit))
    ax.set_ylabel(style.labelled(f"observed {output}", unit))
    style.caption(ax, attrs_of(fit, study), [f"{hidden} at values ≤ 0 not shown"] if hidden else [])
    marks.finish(ax)
    return ax


@checked
def residuals(
    fit: Fit | Fits,
    output: str | None = None,
    *,
    against: str = "time",
    study: Study | None = None,
    ax: Axes | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Draw weighted residuals over time or over the fitted value, with 0 and ±1.96.

    A censored sample has no residual; it is marked along the bottom.

    Parameters
    ----------
    fit : Fit or Fits
        A fit, or individual fits, drawn together.
    output : str, optional
        Output of the model; may be left out if only one was observed.
    against : {"time", "fitted"}
        The horizontal axis; fitted values are on a log axis.
    study : Study, optional
        What was fitted: lets the picture say that data are synthetic, and gives units that the model does not have.
    ax : Axes, optional
        Where to draw; by default a new figure.
    time_unit : str, optional
        Unit of the time axis; by default the model's.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If there is no such output or axis, or several outputs and none is named.
    """
    style.require_name(against, AGAINST, "axis")
    output, rows = prediction_rows(fit, output)
    ax = style.axes_of(ax, (6.4, 3.6))
    unit = any_fit(fit).model.base["time"]
    if against == "time":
        rows = rows.assign(x=style.clock(rows["time"], unit, time_unit))
        style.time_axis(ax, "time", unit, time_unit)
    else:
        rows = rows.assign(x=rows["fitted"])
        style.log_scale(ax, "x")
        ax.set_xlabel(style.labelled(f"fitted {output}", unit_of(fit, output, study)))
    measured, censored = rows[rows["censor"] == MEASURED], rows[rows["censor"] != MEASURED]
    ax.axhline(0, color=style.DOSE, lw=1, zorder=1)
    levels = {"+1.96": 1.96, "−1.96": -1.96}
    for height in levels.values():
        ax.axhline(height, color=style.QUIET, lw=0.9, ls="--", zorder=1)
    ax.plot(measured["x"], measured["residual"], "o", color=style.DATA, ms=4, alpha=0.7, mec="none", label="measured")
    marks.along_bottom(ax, censored["x"], marks.BELOW, f"censored, no residual ({len(censored)})")
    lost = int((~np.isfinite(measured["residual"])).sum())
    ax.set_ylabel(f"weighted residual of {output}")
    style.caption(ax, attrs_of(fit, study), [f"{lost} without a residual not shown"] if lost else [])
    marks.finish(ax, levels)
    return ax


def any_fit(fit: Fit | Fits) -> Fit:
    """Return the fit, or the first of several: they share model and units.

    Raises
    ------
    InputError
        If no subject has a fit.
    """
    if isinstance(fit, Fit):
        return fit
    if not len(fit):
        raise InputError("no subject has a fit, so there is nothing to draw")
    return next(iter(fit.values()))


def prediction_rows(fit: Fit | Fits, output: str | None) -> tuple[str, pandas.DataFrame]:
    """Return the output's name and the rows of predictions that belong to it.

    Raises
    ------
    InputError
        If there is no such output, or several and none is named.
    """
    import pandas

    first = any_fit(fit)
    table = first.predictions
    if isinstance(fit, Fits):
        table = pandas.concat([individual.predictions for individual in fit.values()], ignore_index=True)
    names = list(dict.fromkeys(table["output"]))
    if output is None:
        if len(names) != 1:
            raise InputError(f"the fit has several outputs; expected output= one of {few(names)}")
        output = str(names[0])
    style.require_name(output, names, "output")
    return output, table[table["output"] == output].reset_index(drop=True)


def unit_of(fit: Fit | Fits, output: str, study: Study | None) -> str:
    """Return the unit of an output: the model's, else that of the analyte of the same name, else none."""
    return str(any_fit(fit).model.units.get(output, "") or (study.units.get(output, "") if study else ""))


def attrs_of(fit: Fit | Fits, study: Study | None) -> dict[str, object]:
    """Return what is known about where the data come from."""
    return dict(study.attrs if study is not None else getattr(any_fit(fit), "attrs", {}))
