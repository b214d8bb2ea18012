"""Observed against fitted, and residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.fit.result import Fit, Fits
from pkpd.observed import ABOVE, BELOW, MEASURED
from pkpd.plot import against as drawing
from pkpd.plot import marks, style
from pkpd.plot.against import Words, identity, named_output, residual_marks
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
    words = Words(f"fitted {output}", f"observed {output}", unit_of(fit, output, study), attrs_of(fit, study),
                  tuple(status_notes(fit)))  # fmt: skip
    return identity(ax, rows.assign(x=rows["fitted"]), log, words)


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
    words = Words("", f"weighted residual of {output}", "", attrs_of(fit, study), tuple(notes))
    residual_marks(ax, rows, words)
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
    """Return the output's name and its rows of predictions, with ``failed`` (no convergence) and ``kind`` (censoring).

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
    kinds = {BELOW: "below the limit", ABOVE: "above the limit", MEASURED: drawing.MEASURED}
    return named_output(table.assign(kind=[kinds.get(code, "between two limits") for code in table["censor"]]), output)


def status_notes(fit: Fit | Fits) -> list[str]:
    """Return what the caption says of a fit that did not converge, and of subjects without one."""
    if isinstance(fit, Fit):
        return [] if fit.converged else [f"fit {fit.status}"]
    return [f"{len(fit.failures)} subjects without a fit not shown"] if fit.failures else []


def unit_of(fit: Fit | Fits, output: str, study: Study | None) -> str:
    """Return the unit of an output: the model's, else that of the analyte of the same name, else none."""
    return str(any_fit(fit).model.units.get(output, "") or (study.units.get(output, "") if study else ""))


def attrs_of(fit: Fit | Fits, study: Study | None) -> dict[str, object]:
    """Return what is known about where the data come from."""
    return dict(study.attrs if study is not None else getattr(any_fit(fit), "attrs", {}))
