"""How log |H| changes where rows of a record are coupled (`pkpd.fit.mixed.problem.pairs`), by differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.problem.pairs import Coupled, coupled
from pkpd.fit.mixed.problem.problem import Point, Problem, Response
from pkpd.fit.mixed.problem.terms import terms_of

_STEP = 1e-5  # of the difference of weights, relative


@dataclass(frozen=True, eq=False)
class CoupledTrace:
    """How tr(H⁻¹ · half of the curvature) changes.

    Attributes
    ----------
    t : array, shape (subjects, differentiated)
        By what the predictions depend on, but for third derivatives of these.
    p : array, shape (rows, errors' parameters)
        By the errors' parameters.
    frozen : array, shape (rows,)
        By the predictions at which the SD is taken (FOCE): the trace, the terms, and what moves the modes.
    """

    t: Array
    p: Array
    frozen: Array


def coupled_at(problem: Problem, f: Array, errors: Array, frozen: Array | None) -> Coupled:
    """Return the terms of all rows with what their pairs add."""
    assert problem.pairs is not None
    terms = terms_of(problem.densities, f, errors, frozen)
    return coupled(problem.pairs, problem.densities, terms, f, errors, frozen is not None)


def coupled_trace(
    problem: Problem, point: Point, response: Response, inner: Array, exact: bool, frozen: Array | None = None
) -> CoupledTrace:
    """Return how the trace changes, everything in it.

    Parameters
    ----------
    problem, point, response
        Where.
    inner : array, shape (subjects, differentiated, differentiated)
        E H⁻¹ Eᵀ.
    exact : bool
        Exact second derivatives for all rows (Laplace); otherwise for censored ones alone.
    frozen : array, shape (rows,), optional
        Predictions at which the SD is taken (FOCE).
    """
    pairs = problem.pairs
    assert pairs is not None
    f, first, second = response.f, response.first, response.second
    one, two = pairs.first, pairs.second
    b = inner[problem.data.subject]
    moved = np.einsum("jab,jb->ja", b, first)
    q, s = (moved * first).sum(axis=1), np.einsum("jab,jab->j", b, second)
    between = (moved[one] * first[two]).sum(axis=1)
    own = problem.exact_rows | exact

    def weights(at: Array, errors: Array, still: Array | None) -> tuple[Array, Array, Array]:
        found = coupled_at(problem, at, errors, still)
        w = np.where(own, 0.5 * found.terms.ff, 0.5 * found.terms.expected)
        v = np.where(own, 0.5 * found.terms.f, 0.0)
        return w, v, 0.5 * found.cross if exact else found.expected

    def trace(at: Array, errors: Array, still: Array | None) -> Array:
        """What every row adds to the trace; a pair's part stands in its first row."""
        w, v, cross = weights(at, errors, still)
        rows: Array = w * q + v * s
        rows[one] += 2 * cross * between
        return rows

    w, _, cross = weights(f, point.errors, frozen)
    along = _by_row(problem, lambda d: trace(f + d, point.errors, frozen), f)
    by_row = along[:, None] * first + 2 * w[:, None] * np.einsum("ja,jab->jb", moved, second)
    for here, there in ((one, two), (two, one)):
        by_row[here] += 2 * cross[:, None] * np.einsum("ja,jab->jb", moved[there], second[here])
    p = np.empty((f.size, len(point.errors)))
    with np.errstate(all="ignore"):
        for k, value in enumerate(point.errors):
            size = _STEP * np.eye(len(point.errors))[k] * max(abs(value), 1e-3)
            change = trace(f, point.errors + size, frozen) - trace(f, point.errors - size, frozen)
            p[:, k] = np.nan_to_num(change / (2 * size[k]))
    by_frozen = np.zeros(f.shape)
    if frozen is not None:
        by_frozen = _by_row(problem, lambda d: trace(f, point.errors, frozen + d), frozen)
    return CoupledTrace(group_sums(by_row, problem.starts), p, by_frozen)


def frozen_slopes(problem: Problem, point: Point, response: Response, frozen: Array, moved: Array) -> Array:
    """Return how terms, and what moves the modes, change with the predictions at which the SD is taken, shape (rows,).

    `moved` is what d²l/df d(frozen) is multiplied with, row by row.
    """

    def together(d: Array) -> Array:
        found = coupled_at(problem, response.f, point.errors, frozen + d).terms
        return found.value + moved * found.f

    return _by_row(problem, together, frozen)


def _by_row(problem: Problem, function: Callable[[Array], Array], at: Array) -> Array:
    """Return by how much the sum over a row and its partner changes when that row moves."""
    pairs = problem.pairs
    assert pairs is not None
    step = _STEP * np.maximum(np.abs(at), 1e-8)
    partner: Flags = np.zeros(at.shape, dtype=bool)
    partner[pairs.second] = True
    result = np.zeros(at.shape)
    with np.errstate(all="ignore"):
        for which in (~partner, partner):
            size = np.where(which, step, 0.0)
            change = np.nan_to_num(function(size) - function(-size))
            whole = change.copy()
            whole[pairs.first] += change[pairs.second]
            whole[pairs.second] = whole[pairs.first]
            result = np.where(which, whole / (2 * step), result)
    return result
