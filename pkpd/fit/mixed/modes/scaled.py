r"""What random effects of residual SDs add to gradients and curvatures (`pkpd.fit.mixed.problem.spreads`).

A row's term is :math:`l(f, \tau)` with the SD :math:`g = g_0(f)e^\tau`. By τ

.. math:: l_\tau = g l_g,\quad l_{f\tau} = g\,(l_{mg}m_f + l_{gg}g_f) + l_g g_f,\quad
          l_{\tau\tau} = g^2 l_{gg} + g l_g,\quad l_{\tau p} = (g l_{gg} + l_g)\,g_p .
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.problem.problem import Point, Problem, Response
from pkpd.fit.mixed.problem.terms import terms_of

_STEP = 1e-5  # of the difference of weights, relative


@dataclass(frozen=True, eq=False)
class Scaled:
    """Derivatives of the terms of all rows by τ, and weights of half of the curvature; 0 in rows without a spread.

    Attributes
    ----------
    t, ft, tt : arrays, shape (rows,)
        First and second derivatives.
    tp : array, shape (rows, errors' parameters)
        By τ and the errors' parameters.
    w : array, shape (4, rows)
        Weights of f'f'ᵀ, of f'uᵀ + uf'ᵀ, of uuᵀ and of f''.
    """

    t: Array
    ft: Array
    tt: Array
    tp: Array
    w: Array


def scaled(problem: Problem, f: Array, errors: Array, spread: Array, exact: bool) -> Scaled:
    """Return the derivatives by τ.

    Parameters
    ----------
    problem : Problem
        Rows and errors.
    f, spread : arrays, shape (rows,)
        Predictions and τ.
    errors : array, shape (errors' parameters,)
        Values of the errors' parameters.
    exact : bool
        Exact second derivatives for all rows (Laplace); otherwise for censored and conditioned ones alone.
    """
    densities = problem.densities
    with np.errstate(all="ignore"):
        terms = terms_of(densities, f, errors, None, spread)
        mean = densities.mean_and_sd(f, errors, False)[0]
        g, gf, gp = terms.sd, terms.sd_f, terms.sd_p
        row = densities.row(mean[0], g)
        mine = (problem.spread_places >= 0) & ~row.certain
        t = np.where(mine, g * row.g, 0.0)
        ft = np.where(mine, g * (row.mg * mean[1] + row.gg * gf) + row.g * gf, 0.0)
        tt = np.where(mine, g * g * row.gg + g * row.g, 0.0)
        tp = np.where(mine[:, None], (g * row.gg + row.g)[:, None] * gp, 0.0)
        own = problem.exact_rows | exact
        w = np.array([
            np.where(own, 0.5 * terms.ff, 0.5 * terms.expected),
            np.where(own, 0.5 * ft, np.where(mine, 2 * gf / g, 0.0)),
            np.where(own, 0.5 * tt, np.where(mine, 2.0, 0.0)), np.where(own, 0.5 * terms.f, 0.0),
        ])  # fmt: skip
    return Scaled(t, ft, tt, tp, w)


def add_spreads(
    problem: Problem, point: Point, response: Response, gradient: Array, exact: Array, expected: Array
) -> None:
    """Add to what `subject_sums` found, in place, what the spreads change; shapes as there."""
    assert response.spread is not None
    found = scaled(problem, response.f, point.errors, response.spread, False)
    rows, place, who = _rows(problem)
    np.add.at(gradient, (who, place), found.t[rows])
    for whole, cross, square in ((exact, found.ft, found.tt), (expected, found.w[1], found.w[2])):
        border = cross[rows, None] * response.first[rows]
        np.add.at(whole, (who, place), border)
        np.add.at(whole.transpose(0, 2, 1), (who, place), border)  # a view: the other triangle
        np.add.at(whole, (who, place, place), square[rows])


def _rows(problem: Problem) -> tuple[Integers, Integers, Integers]:
    """Rows with a spread, its place, and their subjects."""
    rows = np.flatnonzero(problem.spread_places >= 0)
    return rows, problem.spread_places[rows], problem.data.subject[rows]


@dataclass(frozen=True, eq=False)
class Trace:
    """How tr(H⁻¹ · half of the curvature) changes.

    Attributes
    ----------
    t : array, shape (subjects, differentiated + spreads)
        By what the rows depend on, but for third derivatives of predictions.
    p : array, shape (rows, errors' parameters)
        By the errors' parameters.
    """

    t: Array
    p: Array


def trace_of(problem: Problem, point: Point, response: Response, inner: Array, exact: bool) -> Trace:
    """Return how the trace changes, everything in it: that of the predictions' part, too.

    Parameters
    ----------
    problem, point, response
        Where.
    inner : array, shape (subjects, differentiated + spreads, differentiated + spreads)
        E H⁻¹ Eᵀ.
    exact : bool
        As for `scaled`.
    """
    f, spread, first = response.f, response.spread, response.first
    assert spread is not None
    rows, place, who = _rows(problem)
    b = inner[problem.data.subject]
    moved = np.einsum("jab,jb->ja", b, first)
    q, s = (moved * first).sum(axis=1), np.einsum("jab,jab->j", b, response.second)
    column = np.zeros(first.shape)
    column[rows] = inner[who, :, place]
    cross, square = (column * first).sum(axis=1), np.zeros(f.shape)
    square[rows] = column[rows, place]
    parts = np.array([q, 2 * cross, square, s])

    def weights(at: Array, tau: Array, errors: Array) -> Array:
        return scaled(problem, at, errors, tau, exact).w

    w = weights(f, spread, point.errors)
    along_f = (parts * _slope(lambda d: weights(f + d, spread, point.errors), _STEP * np.abs(f))).sum(axis=0)
    along_t = (parts * _slope(lambda d: weights(f, spread + d, point.errors), np.full(f.shape, _STEP))).sum(axis=0)
    by_row = along_f[:, None] * first
    by_row += np.einsum("ja,jab->jb", 2 * w[0][:, None] * moved + 2 * w[1][:, None] * column, response.second)
    by_row[rows, place] += along_t[rows]
    p = np.empty((f.size, len(point.errors)))
    for k, value in enumerate(point.errors):
        unit = np.zeros(len(point.errors))
        unit[k] = max(abs(value), 1e-8)
        change = (weights(f, spread, point.errors + _STEP * unit) - weights(f, spread, point.errors - _STEP * unit)) / (
            2 * _STEP * unit[k]
        )
        p[:, k] = (parts * np.nan_to_num(change)).sum(axis=0)
    return Trace(group_sums(by_row, problem.starts), p)


def _slope(weights: Callable[[Array], Array], step: Array) -> Array:
    """Central differences of weights; 0 where nothing can be moved."""
    with np.errstate(all="ignore"):
        found: Array = np.nan_to_num((weights(step) - weights(-step)) / (2 * step))
    return found
