"""Goodness of fit of a population: observed against predicted, weighted residuals over time and over predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.plot import marks, style
from pkpd.plot.against import Words, identity, kinds_of, named_output, residual_marks

if TYPE_CHECKING:
    import pandas

PREDICTIONS = ("PRED", "IPRED")
RESIDUALS = ("CWRES", "CWRESI", "IWRES")
AGAINST = ("time", "PRED", "IPRED")


@checked
def observed_predicted(
    fit: PopulationFit, output: str | None = None, *, against: str = "IPRED", ax: Axes | None = None, log: bool = False
) -> Axes:
    """Draw observed values against those of the typical subject (PRED) or of each subject's own (IPRED).

    A value beyond a limit stands at its limit as a hollow triangle.

    Parameters
    ----------
    fit : PopulationFit
        Which fit.
    output : str, optional
        Output of the model; may be left out if only one was observed.
    against : {"IPRED", "PRED"}
        Which prediction.
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
        If there is no such output or prediction, or several outputs and none is named.
    """
    style.require_name(against, PREDICTIONS, "prediction")
    output, rows = rows_of(fit, output)
    words = Words(f"{against} of {output}", f"observed {output}", unit_of(fit, output), fit.attrs,
                  tuple(status_notes(fit)))  # fmt: skip
    return identity(ax, rows.assign(x=rows[against]), log, words)


@checked
def weighted_residuals(
    fit: PopulationFit,
    output: str | None = None,
    *,
    kind: str = "CWRES",
    against: str = "time",
    ax: Axes | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Draw weighted residuals of a population fit over time or over a prediction, with 0 and ±1.96.

    Under the model they have mean 0 and SD 1 everywhere. The line joins the means of neighbours along
    the axis: ten groups, or fewer where there are not ten points for each.

    Parameters
    ----------
    fit : PopulationFit
        Which fit.
    output : str, optional
        Output of the model; may be left out if only one was observed.
    kind : {"CWRES", "CWRESI", "IWRES"}
        Conditional weighted residuals, with the SD linearised too, or the individual ones.
    against : {"time", "PRED", "IPRED"}
        The horizontal axis.
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
        If there is no such output, residual or axis, or several outputs and none is named.
    """
    style.require_name(kind, RESIDUALS, "residual")
    style.require_name(against, AGAINST, "axis")
    output, rows = rows_of(fit, output)
    ax = style.axes_of(ax, (6.4, 3.6))
    unit = fit.people.model.base["time"]
    x = style.clock(rows["time"], unit, time_unit) if against == "time" else rows[against].to_numpy(float)
    y = rows[kind].to_numpy(float)
    good = np.isfinite(y) & np.isfinite(x)
    means = group_means(x[good], y[good])
    if means[0].size:
        ax.plot(*means, ".-", color=style.MODEL, lw=1.4, ms=6, label="mean of neighbours", zorder=2.6)
    if against == "time":
        style.time_axis(ax, "time", unit, time_unit)
    else:
        ax.set_xlabel(style.labelled(f"{against} of {output}", unit_of(fit, output)))
    words = Words("", f"{kind} of {output}", "", fit.attrs, tuple(status_notes(fit)))
    residual_marks(ax, rows.assign(x=x, residual=y), words)
    if against != "time":
        marks.from_zero(ax, "x")
    return ax


@checked
def goodness_of_fit(
    fit: PopulationFit, axes: Any = None, output: str | None = None, *, log: bool = False
) -> np.ndarray[Any, Any]:
    """Draw the four usual pictures: observed against PRED and IPRED, CWRES over time and over PRED.

    Parameters
    ----------
    fit : PopulationFit
        Which fit.
    axes : array of Axes, optional
        At least four, for instance ``plt.subplots(2, 2, layout="constrained")[1]``; those left over are
        hidden. By default those of a new figure.
    output : str, optional
        Output of the model; may be left out if only one was observed.
    log : bool
        Whether observed and predicted values are on log axes.

    Returns
    -------
    array of Axes
        The given axes, or those of the new figure.

    Raises
    ------
    InputError
        If there are fewer axes, no such output, or several outputs and none is named.
    """
    return style.fill(axes, ["PRED", "IPRED", "time", "over PRED"], lambda name, ax: (
        observed_predicted(fit, output, against=name, ax=ax, log=log) if name in PREDICTIONS
        else weighted_residuals(fit, output, against=name.removeprefix("over "), ax=ax)
    ))  # fmt: skip


def rows_of(fit: PopulationFit, output: str | None) -> tuple[str, pandas.DataFrame]:
    """Return an output's name and its rows of predictions, with ``kind``: measured, or how it is censored.

    Raises
    ------
    InputError
        If there is no such output, or several and none is named.
    """
    table = fit.predictions
    return named_output(table.assign(kind=kinds_of(table["note"]), failed=not fit.converged), output)


def status_notes(fit: PopulationFit) -> list[str]:
    """Return what the caption says of a fit that did not converge."""
    return [] if fit.converged else [f"fit {fit.status}"]


def unit_of(fit: PopulationFit, output: str) -> str:
    """Return the unit of an output; empty where the model has none."""
    return str(fit.people.model.units.get(output, ""))


def group_means(x: Any, y: Any) -> tuple[Any, Any]:
    """Return mean x and mean y of groups of neighbours in x, of ten points at least and ten groups at most."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    groups = min(len(x) // 10, 10)
    if groups < 2:
        return np.empty(0), np.empty(0)
    order = np.argsort(x, kind="stable")
    # A line from day 1 to day 15 would say what nobody measured: no gap thrice as long as what is on its two sides.
    wide = np.flatnonzero(np.diff(x[order]) > np.ptp(x) / 5) + 1
    lengths = [float(np.ptp(x[part])) for part in np.split(order, wide)]
    gaps = x[order][wide] - x[order][wide - 1]
    parts = np.split(order, wide[[g > 3 * max(lengths[k : k + 2]) for k, g in enumerate(gaps)]])
    means: list[tuple[float, float]] = []
    for part in parts:
        own = max(1, round(groups * len(part) / len(x)))
        means += [(np.nan, np.nan)] if means else []
        means += [(x[o].mean(), y[o].mean()) for o in np.array_split(part, min(own, len(part)))]
    found = np.array(means)
    return found[:, 0], found[:, 1]
