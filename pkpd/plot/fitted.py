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
    unit, notes = unit_of(fit, output, study), status_notes(fit)
    if log:
        shown, more = marks.at_the_edge(rows["fitted"], marks.reach_of_log(rows["fitted"], rows["value"]), unit)
        rows, notes = rows.assign(fitted=shown), [*notes, *more]
    measured = rows[rows["censor"] == MEASURED]
    _points(ax, measured, "fitted", "value")
    for code, marker, name in ((BELOW, marks.BELOW, "BLQ, at its limit"), (ABOVE, marks.ABOVE, "above ULOQ")):
        part = rows[rows["censor"] == code]
        marks.hollow(ax, part["fitted"], part["value"], marker, f"{name} ({len(part)})")
    both = rows[["fitted", "value"]].to_numpy(float)
    both = both[np.isfinite(both) & ((both > 0) | (not log))]
    if both.size:
        ends = np.array([both.min(), both.max()])
        ax.plot(ends, ends, color=style.DOSE, lw=1, label="identity", zorder=1)
    hidden = int((rows["value"] <= 0).sum()) if log else 0
    ax.set_xlabel(style.labelled(f"fitted {output}", unit))
    ax.set_ylabel(style.labelled(f"observed {output}", unit))
    style.caption(ax, attrs_of(fit, study), [*notes, f"{hidden} at values ≤ 0 not shown"] if hidden else notes)
    marks.from_zero(ax, "x")
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
    unit, notes = any_fit(fit).model.base["time"], status_notes(fit)
    if against == "time":
        rows = rows.assign(x=style.clock(rows["time"], unit, time_unit))
        style.time_axis(ax, "time", unit, time_unit)
    else:
        own = unit_of(fit, output, study)
        shown, more = marks.at_the_edge(rows["fitted"], marks.reach_of_log(rows["fitted"], rows["value"]), own)
        rows, notes = rows.assign(x=shown), [*notes, *more]
        style.log_scale(ax, "x")
        ax.set_xlabel(style.labelled(f"fitted {output}", own))
    measured, censored = rows[rows["censor"] == MEASURED], rows[rows["censor"] != MEASURED]
    ax.axhline(0, color=style.DOSE, lw=1, zorder=1)
    levels = {"+1.96": 1.96, "−1.96": -1.96}
    for height in levels.values():
        ax.axhline(height, color=style.QUIET, lw=0.9, ls="--", zorder=1)
    _points(ax, measured, "x", "residual")
    marks.along_bottom(ax, censored["x"], marks.BELOW, f"censored, no residual ({len(censored)})")
    lost = int((~np.isfinite(measured["residual"])).sum())
    ax.set_ylabel(f"weighted residual of {output}")
    style.caption(ax, attrs_of(fit, study), [*notes, f"{lost} without a residual not shown"] if lost else notes)
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
    """Return the output's name and the rows of predictions that belong to it; `failed`: their fit did not converge.

    Raises
    ------
    InputError
        If there is no such output, or several and none is named.
    """
    import pandas

    first = any_fit(fit)
    table = first.predictions
    if isinstance(fit, Fits):
        parts = [individual.predictions.assign(failed=not individual.converged) for individual in fit.values()]
        table = pandas.concat(parts, ignore_index=True)
    else:
        table = table.assign(failed=not first.converged)
    names = list(dict.fromkeys(table["output"]))
    if output is None:
        if len(names) != 1:
            raise InputError(f"the fit has several outputs; expected output= one of {few(names)}")
        output = str(names[0])
    style.require_name(output, names, "output")
    return output, table[table["output"] == output].reset_index(drop=True)


def status_notes(fit: Fit | Fits) -> list[str]:
    """Return what the caption says of a fit that did not converge, and of subjects without one."""
    if isinstance(fit, Fit):
        return [] if fit.converged else [f"fit {fit.status}"]
    return [f"{len(fit.failures)} subjects without a fit not shown"] if fit.failures else []


def _points(ax: Axes, rows: pandas.DataFrame, x: str, y: str) -> None:
    """Measured samples; hollow where the fit that they are compared with did not converge."""
    good, failed = rows[~rows["failed"]], rows[rows["failed"]]
    if len(good) or not len(failed):
        ax.plot(good[x], good[y], "o", color=style.DATA, ms=4, alpha=0.6, mec="none", label="measured")
    if len(failed):
        subjects = failed["subject"].nunique()
        label = f"fit not converged ({subjects} subject{'s' * (subjects > 1)})"
        ax.plot(failed[x], failed[y], "o", mfc="none", mec=style.MODEL, ms=4, mew=0.8, label=label, zorder=2.5)


def unit_of(fit: Fit | Fits, output: str, study: Study | None) -> str:
    """Return the unit of an output: the model's, else that of the analyte of the same name, else none."""
    return str(any_fit(fit).model.units.get(output, "") or (study.units.get(output, "") if study else ""))


def attrs_of(fit: Fit | Fits, study: Study | None) -> dict[str, object]:
    """Return what is known about where the data come from."""
    return dict(study.attrs if study is not None else getattr(any_fit(fit), "attrs", {}))
