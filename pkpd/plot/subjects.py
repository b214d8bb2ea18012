"""Subjects of a population fit: observations with the curve of the typical subject and the subject's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.dosing import Regimen
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.model import Model
from pkpd.observed.every_record import every_record
from pkpd.observed.sequence import occasion_labels
from pkpd.plot import marks, style
from pkpd.plot.course import Clocks, curve_of, draw_samples, times_of
from pkpd.plot.goodness import rows_of, status_notes, unit_of
from pkpd.study import Study


@checked
def individual_course(
    fit: PopulationFit,
    study: Study,
    subject: Any,
    output: str | None = None,
    *,
    ax: Axes | None = None,
    log: bool = False,
    time_unit: str | None = None,
) -> Axes:
    """Draw one subject's observations, the subject's own curve, and that of a typical subject with the same covariates.

    Parameters
    ----------
    fit : PopulationFit
        Which fit.
    study : Study
        What was fitted: the subject's doses and covariates.
    subject : object
        Identifier of the subject.
    output : str, optional
        Output of the model; may be left out if only one was observed.
    ax : Axes, optional
        Where to draw; by default a new figure.
    log : bool
        Whether the axis of values is logarithmic.
    time_unit : str, optional
        Unit of the time axis; by default the model's.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If the subject was not fitted, or there is no such output.
    """
    output, rows = rows_of(fit, output)
    style.require_name(subject, dict.fromkeys(rows["subject"]), "subject of the fit")
    ax = style.axes_of(ax)
    limits, lowest = _draw(fit, study, subject, output, ax, log, time_unit)
    marks.finish(ax, limits, floor=lowest)
    return ax


@checked
def individual_courses(
    fit: PopulationFit,
    study: Study,
    axes: Any = None,
    subjects: Sequence[Any] | None = None,
    output: str | None = None,
    *,
    log: bool = False,
    time_unit: str | None = None,
) -> np.ndarray[Any, Any]:
    """Draw several subjects, one per given axes: observations, own curve, typical curve; axes left over are hidden.

    Parameters
    ----------
    fit : PopulationFit
        Which fit.
    study : Study
        What was fitted.
    axes : array of Axes, optional
        For instance ``plt.subplots(3, 4, layout="constrained")[1]``; the first one carries the legend. By default
        those of a new figure.
    subjects : sequence, optional
        Which subjects; by default the first ones, as many as there are axes, at most 12 in a new figure.
    output : str, optional
        Output of the model; may be left out if only one was observed.
    log : bool
        Whether the axes of values are logarithmic.
    time_unit : str, optional
        Unit of the time axes; by default the model's.

    Returns
    -------
    array of Axes
        The given axes, or those of the new figure.

    Raises
    ------
    InputError
        If there are more subjects than axes, one was not fitted, or there is no such output.
    """
    output, rows = rows_of(fit, output)
    known = list(dict.fromkeys(rows["subject"]))
    chosen = known[: style.MOST_PANELS if axes is None else np.size(axes)] if subjects is None else list(subjects)
    for subject in chosen:
        style.require_name(subject, known, "subject of the fit")

    def panel(subject: Any, ax: Axes) -> None:
        limits, lowest = _draw(fit, study, subject, output, ax, log, time_unit)
        marks.finish(ax, limits, floor=lowest, legend=subject == chosen[0])

    return style.fill(axes, chosen, panel)


def _draw(
    fit: PopulationFit, study: Study, subject: Any, output: str, ax: Axes, log: bool, time_unit: str | None
) -> tuple[dict[str, float], float | None]:
    """Draw one subject; the limits of quantification and the lowest value that a log axis should show come back."""
    if log:
        style.log_scale(ax)
    rows = rows_of(fit, output)[1]
    rows = rows[rows["subject"] == subject]
    model = fit.people.individual_model(max(len(occasion_labels(study)), 1))
    plan = every_record(model, study.select(subjects=[subject]))
    clock = model.base["time"]
    given = np.array(Regimen(plan.doses[0], model.base["amount"], clock).times)
    t = times_of(given, rows["time"].to_numpy(float))
    typical, own = _values(fit, model, subject)
    for values, label, color in ((typical, "typical", style.QUIET), (own, "own", style.MODEL)):
        curve, dashes = curve_of(model, values, output, plan, t), "--" if label == "typical" else "-"
        ax.plot(style.clock(t, clock, time_unit), curve, dashes, color=color, lw=1.3, label=label)
    clocks = Clocks(clock, time_unit, unit_of(fit, output), given)
    found = draw_samples(ax, study, subject, output, rows, clocks)
    style.caption(ax, study.attrs, status_notes(fit))
    return found


def _values(fit: PopulationFit, model: Model, subject: Any) -> tuple[dict[str, float], dict[str, float]]:
    """Values of a subject's model without and with random effects."""
    values = {p.name: p.value for p in model.parameters}
    values |= {n: v for n, v in fit.values.items() if n in values}
    found = fit.individuals.sel(subject=subject)
    if fit.people.table is not None:  # given by an earlier fit, for every subject its own
        values |= {n: float(found[n]) for n in map(str, fit.people.table.columns) if n in values}
    effects = {f"eta_{n}": float(found["eta"].sel(effect=n)) for n in found["effect"].to_numpy().tolist()}
    if "kappa" in found:
        for n in found["kappa_of"].to_numpy().tolist():
            for k, value in enumerate(found["kappa"].sel(kappa_of=n).to_numpy().tolist(), 1):
                effects[f"kappa_{n}_{k}"] = value if np.isfinite(value) else 0.0
    return values, values | effects
