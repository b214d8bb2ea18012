"""Sums over the rows of each subject where rows are not plain: conditioned on limits, spread, or coupled.

The quick ways of methods that need densities alone (`copies`, `saem_model`) know measured and censored rows. What else
there may be is added up here, as the conditional modes do it.
"""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.modes.coupling import coupled_at
from pkpd.fit.mixed.modes.scaled import scaled
from pkpd.fit.mixed.problem.problem import Point, Problem, Response
from pkpd.fit.mixed.problem.terms import Terms, terms_of


def require_plain_errors(problem: Problem, method: str) -> None:
    """Say that a method knows no random effects on residual errors and no correlated ones.

    Raises
    ------
    InputError
        If there are any.
    """
    if problem.shifts.spreads:
        raise InputError(f"{method} knows no random effects on residual errors yet; take FOCEI or Laplace", method)
    if problem.pairs is not None:
        raise InputError(f"{method} knows no correlated residual errors yet; take FOCEI, FOCE or Laplace", method)


def row_terms(problem: Problem, response: Response, errors: Array) -> Terms:
    """Return the terms of all rows, whatever they are."""
    if problem.pairs is not None:
        return coupled_at(problem, response.f, errors, None).terms
    return terms_of(problem.densities, response.f, errors, None, response.spread)


def row_sums(problem: Problem, point: Point, response: Response, slopes: bool) -> tuple[Array, Array, Array]:
    """Return −2 log density of each subject's data, and its derivatives.

    Parameters
    ----------
    problem, point, response
        Where.
    slopes : bool
        Whether derivatives are wanted; there are no columns otherwise.

    Returns
    -------
    arrays, shapes (subjects,), (subjects, differentiated + spreads) and (subjects, errors' parameters)
    """
    starts, count = problem.starts, problem.subjects
    terms = row_terms(problem, response, point.errors)
    value = group_sums(terms.value, starts)
    value = np.where(np.isfinite(value), value, np.inf)
    if not slopes:
        return value, np.empty((count, 0)), np.empty((count, 0))
    by_shift = group_sums(terms.f[:, None] * response.first, starts)
    if response.spread is not None:
        found = scaled(problem, response.f, point.errors, response.spread, False)
        mine = np.flatnonzero(problem.spread_places >= 0)
        np.add.at(by_shift, (problem.data.subject[mine], problem.spread_places[mine]), found.t[mine])
    return value, by_shift, group_sums(terms.p, starts)
