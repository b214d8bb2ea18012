"""A saved population fit and its study make the problem again, so that scripts can go on where the fit ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.mixed.marginal.laplacian import FO, FOCE, FOCEI, LAPLACE, Marginal, marginal
from pkpd.fit.mixed.modes.modes import conditional_modes
from pkpd.fit.mixed.problem.prepare import problem_from
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.result.estimate import Estimate
from pkpd.fit.mixed.result.fit_parts import Computed, Kept
from pkpd.fit.mixed.result.origin import Origin
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.observed import observe
from pkpd.observed.sequence import occasion_labels
from pkpd.study import Study

_DIRECT = (FOCEI, FOCE, LAPLACE, FO)
_SAME = 1e-6  # relative difference of an objective that was computed again


def with_data(fit: PopulationFit, study: Study) -> PopulationFit:
    """Return a loaded fit with its problem; where its method has an objective, that is computed again and compared.

    Parameters
    ----------
    fit : PopulationFit
        As it was loaded.
    study : Study
        The data.

    Raises
    ------
    InputError
        If the problem is not the one that was fitted.
    """
    origin = fit.tables.origin if isinstance(fit.tables, Kept) else None
    if origin is None:
        raise InputError("the file does not say what the problem was made of; leave out study", "load")
    problem = _problem(fit, origin, study)
    rows = int(problem.data.time.size)
    if rows != fit.counts.observations:
        raise InputError(f"the study has {rows} records that count; the fit had {fit.counts.observations}", "load")
    there = _there(fit, problem)
    ends = fit.convergence
    estimate = Estimate(
        problem, fit.method, fit.vector, there, 2.0 * fit.uncertainty.r, ends.decrement, ends.evaluations, ends.seconds,
        fit.trace, fit.tried, fit.status, fit.message, fit.cautions, ends.exact, fit.notes,
    )  # fmt: skip
    return replace(fit, estimate=estimate, tables=Computed(estimate, study))


def _problem(fit: PopulationFit, origin: Origin, study: Study) -> Problem:
    start, known = origin.start, set(origin.subjects)
    if set(study.subject_ids) - known:
        study = study.select(subjects=[s for s in study.subject_ids if s in known])
    if origin.filled:
        table = study.subjects
        for column, pairs in origin.filled.items():
            table[column] = table[column].astype(float).fillna(table["subject"].map(dict(pairs)))
        study = replace(study, _subjects=table)
    occasions = max(len(occasion_labels(study)), 1)
    data = observe(start.individual_model(occasions), study, origin.analytes).usable()
    return problem_from(start, data, study, origin.settings, origin.blq, _given(fit, data.subjects))


def _given(fit: PopulationFit, subjects: tuple[Any, ...]) -> dict[str, Array]:
    """Values that subjects were given, in the order of the data."""
    table = fit.people.table
    if table is None:
        return {}
    names = subjects if subjects[0] in table.index else tuple(map(str, subjects))
    return {str(n): table.loc[list(names), n].to_numpy(float) for n in table.columns}


def _there(fit: PopulationFit, problem: Problem) -> Marginal:
    """The marginal likelihood at the estimates; what draws or quadrature gave is taken from the fit."""
    there = marginal(problem, problem.at(fit.vector), fit.method if fit.method in _DIRECT else FOCEI)
    if fit.method not in _DIRECT:
        own = np.asarray(fit.individuals["objective"].to_numpy(), dtype=float)
        return replace(there, objective=fit.objective, individual=own)
    if not abs(there.objective - fit.objective) <= _SAME * (1 + abs(fit.objective)):
        raise InputError(
            f"with this study the objective is {there.objective:.6f}; the fit says {fit.objective:.6f}: other data, or "
            "another version of the package", "load",
        )  # fmt: skip
    return replace(there, modes=conditional_modes(problem, there.point)) if fit.method == FO else there
