"""The way of a population fit to its estimates: objective and parameters over evaluations, or iterations of draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.mixed.em.saem import BURN_IN, EXPLORATION
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.fit.mixed.result.quantities import omega_quantities
from pkpd.plot import marks, style
from pkpd.plot.goodness import status_notes

OBJECTIVE = "objective"
_SMALLEST = 1e-6  # of the objective, below which nothing is worth seeing


@checked
def convergence(fit: PopulationFit, name: str = OBJECTIVE, *, ax: Axes | None = None) -> Axes:
    """Draw how a population fit came to its estimates.

    A search is drawn by its evaluations that were better than all before: how far the objective was above its end, or
    what a parameter was. SAEM and the EM are drawn by their iterations; dotted lines part the phases of SAEM (burn-in,
    exploration, smoothing). The dashed line is the estimate.

    Parameters
    ----------
    fit : PopulationFit
        Which fit; of one that was loaded, only a search is known.
    name : str
        ``"objective"``, or one of ``fit.names``, such as ``"CL"`` or ``"var(eta_CL)"``. With SAEM the objective
        is −2 log density of the data given the random effects that were drawn, which is not −2 log L.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If there is no such name, or nothing is known of the way.
    """
    style.require_name(name, (OBJECTIVE, *fit.names), "name")
    x, values, label = _way(fit)
    if name not in values:
        raise InputError(f"a run of {fit.method} keeps no {name}; expected one of {list(values)}")
    ax = style.axes_of(ax, (5.2, 3.6))
    way = values[name]
    ax.plot(x, way, "-" if len(x) > 60 else ".-", color=style.MODEL, lw=1.1, ms=5)
    if name == OBJECTIVE:
        searched = label == "evaluation"
        if searched:
            style.log_scale(ax)
        ax.set_ylabel("objective above its end" if searched else "−2 log density given the draws")
    else:
        end = _natural(fit, fit.vector[None])[name][0]
        ax.axhline(end, color=style.QUIET, lw=0.9, ls="--", zorder=1)
        unit = fit.people.parameters.get(name).unit if name in fit.people.parameters else ""
        ax.set_ylabel(style.labelled(name, unit))
    for place in _phases(fit):
        ax.axvline(place, color=style.QUIET, lw=0.9, ls=":", zorder=1)
    ax.set_xlabel(label)
    style.caption(ax, fit.attrs, status_notes(fit))
    marks.plain_numbers(ax)
    return ax


@checked
def convergence_page(fit: PopulationFit, axes: Any = None) -> np.ndarray[Any, Any]:
    """Draw the objective and every estimate over the way of a fit, one per given axes; axes left over are hidden.

    Parameters
    ----------
    fit : PopulationFit
        Which fit.
    axes : array of Axes, optional
        For instance ``plt.subplots(2, 4, layout="constrained")[1]``; by default those of a new figure.

    Returns
    -------
    array of Axes
        The given axes, or those of the new figure.

    Raises
    ------
    InputError
        If there are fewer axes than numbers to draw, or nothing is known of the way.
    """
    known = _way(fit)[1]
    names = [n for n in (OBJECTIVE, *fit.names) if n in known]
    return style.fill(axes, names, lambda name, ax: convergence(fit, name, ax=ax))


def _way(fit: PopulationFit) -> tuple[Array, dict[str, Array], str]:
    """Return where on the axis, name → values there, and what the axis is."""
    run = None if fit.estimate is None else fit.estimate.run
    if run is not None and hasattr(run, "trace"):
        found = dict(zip(run.trace.names, run.trace.values.T, strict=True))
        return np.arange(1.0, len(run.trace.complete) + 1), {OBJECTIVE: run.trace.complete, **found}, "iteration"
    if run is not None:
        return np.arange(1.0, len(run.vectors) + 1), _natural(fit, run.vectors), "iteration"
    if fit.estimate is None and fit.method in ("SAEM", "IMP"):
        raise InputError(f"a fit by {fit.method} that was loaded has lost the way it went; draw it before it is saved")
    if not fit.trace:
        raise InputError(f"nothing was searched ({fit.status}), so there is no way to draw")
    vectors = np.array([step.vector for step in fit.trace]).reshape(len(fit.trace), -1)
    objective = np.array([step.objective for step in fit.trace])
    above = np.maximum(objective - objective.min(), _SMALLEST)
    counts = np.array([float(step.evaluation) for step in fit.trace])
    return counts, {OBJECTIVE: above, **_natural(fit, vectors)}, "evaluation"


def _natural(fit: PopulationFit, vectors: Array) -> dict[str, Array]:
    """Return name → values of vectors on the natural scale, shape (vectors,) each."""
    size = len(fit.people.parameters.free)
    rows = []
    for vector in vectors:
        parameters = fit.people.parameters.from_vector(vector[:size])
        moved = replace(fit.people, parameters=parameters, omega=fit.people.omega.from_vector(vector[size:]))
        elements = {q.name: q.value for q in omega_quantities(moved)}
        rows.append([parameters[n] if n in parameters else elements[n] for n in fit.names])
    return dict(zip(fit.names, np.array(rows).T, strict=True))


def _phases(fit: PopulationFit) -> tuple[float, ...]:
    """Where burn-in and exploration of SAEM ended."""
    run = None if fit.estimate is None else fit.estimate.run
    if run is None or not hasattr(run, "trace"):
        return ()
    phase = np.asarray(run.trace.phase)
    ends = (int((phase <= last).sum()) for last in (BURN_IN, EXPLORATION))
    return tuple(end + 0.5 for end in dict.fromkeys(ends) if 0 < end < phase.size)
