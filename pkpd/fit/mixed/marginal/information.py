"""The expected Hessian of a linearised population model: what a search goes by far from its end."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.modes.modes import Conditional
from pkpd.fit.mixed.problem.problem import Point, Problem


def expected_information(problem: Problem, point: Point, here: Conditional) -> Array:
    """Return the expected Hessian of the linearised model, shape (free, free), positive semi-definite.

    With M = Σ w f'f'ᵀ the fixed effects have Zᵀ(M − M E(Ω⁻¹ + EᵀM E)⁻¹EᵀM)Z, twice; Ω has tr(K dΩ K dΩ) with K the
    same by random effects; the residual errors their expected curvature.
    """
    places, effects = problem.places, problem.shifts.effects @ point.root
    count = problem.subjects
    terms = here.terms
    m = here.expected
    if problem.exact_rows.any():  # censored or conditioned: the curvature by the prediction, where it is positive
        w = np.where(problem.exact_rows, np.maximum(0.5 * terms.ff, 0.0), 0.5 * terms.expected)
        first = here.response.first
        m = group_sums((w[:, None] * first)[:, :, None] * first[:, None, :], problem.starts)
    me = m @ effects
    size = effects.shape[1]
    inner = np.linalg.inv(effects.T @ me + np.eye(size)) if size else np.zeros((count, 0, 0))
    left = m - me @ inner @ me.transpose(0, 2, 1)
    found = np.zeros((len(point.vector),) * 2)
    links = np.broadcast_to(point.links, (count, *point.links.shape[1:]))
    grid = np.ix_(places.effects, places.effects)
    found[grid] = 2.0 * _summed_forms(links, left)
    k = problem.shifts.effects.T @ left @ problem.shifts.effects
    kd = np.tensordot(k, point.change, (2, 0))
    omega = np.tensordot(kd, kd, ((0, 1, 2), (0, 2, 1)))
    found[places.parameters :, places.parameters :] = omega
    sd = np.where(terms.sd > 0, terms.sd, np.inf)  # nothing is predicted before the first dose, and nothing told there
    per = terms.sd_p[:, places.error_free] * point.error_slopes / sd[:, None]
    found[np.ix_(places.errors, places.errors)] = 4.0 * (per[:, :, None] * per[:, None, :]).sum(axis=0)
    if problem.pairs is not None:
        rho = point.errors[problem.pairs.column]
        own = np.bincount(problem.pairs.column, 2 * (1 + rho**2) / (1 - rho**2) ** 2, len(point.errors))
        slopes = own[places.error_free] * point.error_slopes**2
        found[places.errors, places.errors] += slopes
    return np.where(np.isfinite(found), found, 0.0)


def _summed_forms(links: Array, left: Array) -> Array:
    """Return Σ ZᵀAZ over subjects, shape (fixed effects, fixed effects)."""
    if links.strides[0] == 0:  # the same Z for all
        return np.asarray(links[0].T @ left.sum(axis=0) @ links[0])
    return np.asarray((links.transpose(0, 2, 1) @ left @ links).sum(axis=0))
