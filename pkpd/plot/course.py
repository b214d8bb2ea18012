"""One subject's observations with the model's smooth curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pkpd import units
from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.dosing import Regimen
from pkpd.engine import Settings, compile_model
from pkpd.errors import InputError, naming, warn
from pkpd.fit.result import Fit, Fits
from pkpd.model import Model
from pkpd.observed.every_record import EveryRecord, every_record
from pkpd.plot import marks, style
from pkpd.plot.against import MEASURED
from pkpd.plot.fitted import prediction_rows, status_notes, unit_of
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas


@checked
def fitted_course(
    fit: Fit | Fits,
    study: Study,
    subject: Any,
    output: str | None = None,
    *,
    ax: Axes | None = None,
    log: bool = False,
    time_unit: str | None = None,
) -> Axes:
    """Draw one subject's observations and the fitted curve under the subject's own doses.

    Parameters
    ----------
    fit : Fit or Fits
        A fit, or individual fits, of which the subject's own is drawn.
    study : Study
        What was fitted: the subject's doses and covariates, and the limit of quantification.
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
    style.require_name(subject, study.subject_ids, "subject")
    individual = fit[subject] if isinstance(fit, Fits) else fit
    output, rows = prediction_rows(individual, output)
    style.require_name(subject, dict.fromkeys(individual.predictions["subject"]), "subject of the fit")
    rows = rows[rows["subject"] == subject]
    ax = style.axes_of(ax)
    if log:
        style.log_scale(ax)
    clock_unit, unit = individual.model.base["time"], unit_of(individual, output, study)
    plan = every_record(individual.model, study.select(subjects=[subject]))
    given = np.array(Regimen(plan.doses[0], individual.model.base["amount"], clock_unit).times)
    t = times_of(given, rows["time"].to_numpy(float))
    curve = curve_of(individual.model, _values(individual, subject), output, plan, t)
    look, name = ("-", "fitted") if individual.converged else ("--", f"fit {individual.status}")
    ax.plot(style.clock(t, clock_unit, time_unit), curve, look, color=style.MODEL, lw=1.4, label=name)
    limits, lowest = draw_samples(ax, study, subject, output, rows, Clocks(clock_unit, time_unit, unit, given))
    hidden = int((rows["value"] <= 0).sum()) if log else 0
    style.caption(ax, study.attrs, status_notes(individual) + ([f"{hidden} values ≤ 0 not shown"] if hidden else []))
    marks.finish(ax, limits, floor=lowest)
    return ax


@dataclass(frozen=True)
class Clocks:
    """Units of one subject's picture, and when the doses were.

    Attributes
    ----------
    given : str
        Unit of times.
    wanted : str or None
        Unit of the time axis.
    unit : str
        Unit of the output.
    doses : array, shape (doses,)
        Times of doses.
    """

    given: str
    wanted: str | None
    unit: str
    doses: Array


def draw_samples(
    ax: Axes, study: Study, subject: Any, output: str, rows: pandas.DataFrame, clocks: Clocks
) -> tuple[dict[str, float], float | None]:
    """Draw one subject's samples, limits and doses over the curves, and label the axes.

    The limits come back, and the lowest value that a log axis needs: the curve of a washout falls for ever; the axis
    stops a little below what could be measured.

    Parameters
    ----------
    ax : Axes
        Where.
    study : Study
        Limits of quantification.
    subject : object
        Whose.
    output : str
        Output of the model.
    rows : DataFrame
        The subject's ``time``, ``value``, and ``kind`` as in `pkpd.plot.against`.
    clocks : Clocks
        Units and doses.
    """
    x, value = style.clock(rows["time"], clocks.given, clocks.wanted), rows["value"].to_numpy(float)
    kind = rows["kind"].to_numpy()
    measured = kind == MEASURED
    ax.plot(x[measured], value[measured], "o", color=style.DATA, ms=5, label="measured")
    for name, marker, label in (("below the limit", marks.BELOW, "BLQ"), ("above the limit", marks.ABOVE, "above ULOQ"),
                                ("between two limits", "d", "between limits")):  # fmt: skip
        marks.hollow(ax, x[kind == name], value[kind == name], marker, f"{label} ({(kind == name).sum()})")
    limits = _limits(study, subject, output, value[kind == "below the limit"], clocks.unit)
    marks.level_lines(ax, limits)
    marks.dose_marks(ax, style.clock(clocks.doses, clocks.given, clocks.wanted), None)
    style.time_axis(ax, "time", clocks.given, clocks.wanted)
    ax.set_ylabel(style.labelled(output, clocks.unit))
    ax.set_title(f"subject {subject}", loc="left", fontsize=10)
    shown = [v for v in (*value, *limits.values()) if v > 0]
    return limits, 0.3 * min(shown) if shown else None


def times_of(given: Array, sampled: Array) -> Array:
    """Return the times of a curve, fine after every dose, shape (times,)."""
    start, end = min(0.0, *sampled, *given), max(*sampled, *given, 0.0)
    if end <= start:
        end = start + 1.0  # a single sample at the start still has a curve after it
    # Fine enough for a distribution phase of minutes on an axis of days: each dose gets a geometric grid of its own.
    fine = (end - start) * np.geomspace(1e-6, 1.0, 120)
    grids = [np.linspace(start, end, 300), given, *(dose + fine for dose in given), sampled]
    times: Array = np.unique(np.concatenate(grids))
    within: Array = times[times <= end]
    return within


def _values(fit: Fit, subject: Any) -> dict[str, float]:
    """The values of a subject's parameters."""
    values = fit.parameters.as_dict()
    if fit.given is not None:
        if subject not in fit.given.index:
            raise InputError(f"subject {subject!r} has no given parameters in this fit")
        values |= {str(n): float(v) for n, v in fit.given.loc[subject].items()}
    return values


def curve_of(model: Model, values: Mapping[str, float], output: str, plan: EveryRecord, times: Array) -> Array:
    """Return a model's output under one subject's doses and covariates; at a dose its value before it, shape (times,).

    Parameters
    ----------
    model : Model
        In the units of the plan.
    values : mapping
        Value of every parameter of the model.
    output : str
        Output of the model.
    plan : EveryRecord
        Of the one subject.
    times : array, shape (times,)
        In the model's unit of time.
    """
    subject = plan.subjects[0]
    own = [values[n] for n in model.parameters.names]
    table = np.column_stack([np.tile(own, (len(plan.covariates), 1)), plan.covariates])
    changes = plan.changes[0]
    late = any(changes.late)  # then the value of a time at which it changes is still the one before
    rows = np.searchsorted(np.array(changes), times, side="left" if late else "right")
    code = compile_model(model)
    before = np.zeros(times.shape, dtype=bool)
    holding: Any = (plan.changes, plan.dose_rows, [rows])
    with naming((subject,)):
        lines = code.schedule(table, plan.doses, [times], [before], *holding)
    solution = code.run(table, lines, Settings(), states=False)
    if solution.status[0]:
        warn(f"the curve of subject {subject!r} could not be solved: {solution.advice(0)}")
    curve: Array = solution.outputs[:, code.outputs.index(output)]
    return curve


def _limits(study: Study, subject: Any, output: str, censored: Array, unit: str) -> dict[str, float]:
    """The limits of quantification, of the analyte with the output's name or else of the censored rows."""
    table = study.observations
    table = table[(table["analyte"] == output) & (table["subject"] == subject) & ~table["excluded"]]
    ratio = units.factor(study.units[output], unit) if len(table) and unit else 1.0
    return marks.limit_names([*(table["lloq"].dropna() * ratio), *censored], unit)
