r"""The marginal likelihood by the curvature at the conditional modes, with its exact gradient.

.. math:: -2\log L \approx \sum_i \bigl\{ \sum_j l_j + \hat\eta^T\Omega^{-1}\hat\eta + \log|\Omega| + \log|H_i| \bigr\}

without N·log 2π. H is half of the curvature of the first two terms by η: exact (Laplace), or with its expectation for
measured rows (FOCE with interaction; without interaction the residual SD is taken at η = 0).

References
----------
Almquist J, Leander J, Jirstrand M. Using sensitivity equations for computing gradients of the FOCE and FOCEI
approximations to the population likelihood. J Pharmacokinet Pharmacodyn 2015;42:191-209. Wang Y. Derivation of various
NONMEM estimation methods. J Pharmacokinet Pharmacodyn 2007;34:575-593.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.marginal.fo import linear_model
from pkpd.fit.mixed.marginal.information import expected_information
from pkpd.fit.mixed.modes.coupling import coupled_trace, frozen_slopes
from pkpd.fit.mixed.modes.modes import EXACTLY, Conditional, Modes, conditional, conditional_modes, curvature_weights
from pkpd.fit.mixed.modes.scaled import scaled, trace_of
from pkpd.fit.mixed.problem.kernels import trace_slopes
from pkpd.fit.mixed.problem.problem import Point, Problem, Response
from pkpd.fit.mixed.problem.terms import terms_of

FOCEI, FOCE, LAPLACE, FO = "FOCEI", "FOCE", "Laplace", "FO"


@dataclass(frozen=True, eq=False)
class Marginal:
    """A marginal likelihood at one point.

    Attributes
    ----------
    objective : float
        −2 log L without N·log 2π; infinite where it cannot be computed.
    gradient : array, shape (free,)
        By the vector; finite everywhere.
    information : array, shape (free, free)
        A positive semi-definite stand-in for the Hessian.
    scores : array, shape (subjects, free)
        Gradient of each subject's part.
    individual : array, shape (subjects,)
        Each subject's part of the objective.
    modes : Modes
        Conditional modes.
    point : Point
        Where.
    drift : array, shape (subjects, random effects, free)
        dη̂/dvector.
    """

    objective: float
    gradient: Array
    information: Array
    scores: Array
    individual: Array
    modes: Modes
    point: Point
    drift: Array


def marginal(
    problem: Problem, point: Point, method: str = FOCEI, start: Array | None = None, enough: float = EXACTLY
) -> Marginal:
    """Return the marginal likelihood at a point.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    method : {"FOCEI", "FOCE", "Laplace", "FO"}
        Which curvature; with FO the model is linearised at η = 0, and `Marginal.modes` are those of the linear model.
    start : array, shape (subjects, random effects), optional
        Where the search for the modes begins.
    enough : float
        gᵀH⁻¹g at which a mode is found.
    """
    if method in (FO, FOCE) and problem.shifts.spreads:
        raise InputError(f"{method} takes residual SDs without random effects, and there are some on them; use FOCEI")
    if problem.pairs is not None and (method == FO or problem.shifts.spreads):
        what = "random effects on residual SDs" if problem.shifts.spreads else "FO"
        raise InputError(f"correlated residual errors do not go with {what} yet; use FOCEI, FOCE or Laplace without it")
    if method == FO:
        return _first_order(problem, point)
    frozen = None
    if method == FOCE:
        frozen = problem.respond(point, np.zeros((problem.subjects, len(problem.effects))), 1)
    modes = conditional_modes(problem, point, start, frozen, enough)
    return _at_modes(problem, point, modes, method)


def gradient_near(there: Marginal, point: Point, method: str) -> Array:
    r"""Return the gradient at a point near one with known modes, without a search for modes.

    They are taken where the drift has them, :math:`\hat\eta + (d\hat\eta/dx)\,\Delta x`, and so are off by a term that
    is even in Δx: it drops out of a central difference, which is what this is for.

    Parameters
    ----------
    there : Marginal
        By FOCE, FOCEI or Laplace, with its modes.
    point : Point
        Near it.
    method : str
        As there.

    Returns
    -------
    array, shape (free,)
        NaN where it cannot be computed.
    """
    problem = point.problem
    eta = there.modes.eta + there.drift @ (point.vector - there.point.vector)
    white = _solved(point.root[None], eta.T[None])[0].T
    frozen = problem.respond(point, np.zeros(eta.shape), 1) if method == FOCE else None
    modes = Modes(conditional(problem, point, white, frozen), there.modes.status, 1, frozen)
    individual, exact, inner = _curvature(problem, point, modes, method)
    if not np.isfinite(individual).all():
        return np.full(len(point.vector), np.nan)
    gradient: Array = _scores(problem, point, modes, inner, exact, method).sum(axis=0)
    return gradient


def _curvature(problem: Problem, point: Point, modes: Modes, method: str) -> tuple[Array, Array, Array]:
    """Return each subject's part of the objective, d²L/du², and the inverse of a method's half curvature."""
    here, effects = modes.at, problem.shifts.effects @ point.root
    count, size = problem.subjects, effects.shape[1]
    curved = here.expected if method != LAPLACE else 0.5 * here.exact
    # By u instead of η: |Ω||H| is |I + LᵀEᵀ(…)E L|, and a variance of 0 is a variance like any other.
    exact = effects.T @ here.exact @ effects + 2.0 * np.eye(size)
    half = effects.T @ curved @ effects + np.eye(size)
    with np.errstate(all="ignore"):
        sign, log_determinant = np.linalg.slogdet(half) if size else (np.ones(count), np.zeros(count))
    individual = here.objective + np.where(sign > 0, log_determinant, np.inf)
    if not np.isfinite(individual).all():
        return individual, exact, half
    return individual, exact, _inverse(half)


def _at_modes(problem: Problem, point: Point, modes: Modes, method: str) -> Marginal:
    individual, exact, inner = _curvature(problem, point, modes, method)
    if not np.isfinite(individual).all():
        return _infinite(problem, point, modes, individual)
    scores = _scores(problem, point, modes, inner, exact, method)
    scores = np.where(np.isfinite(scores), scores, 0.0)
    return Marginal(
        float(individual.sum()), scores.sum(axis=0), expected_information(problem, point, modes.at), scores,
        individual, modes, point, _drift(problem, point, modes, exact),
    )  # fmt: skip


def _infinite(problem: Problem, point: Point, modes: Modes, individual: Array) -> Marginal:
    """Return what is said where the objective cannot be computed."""
    count, free = problem.subjects, len(point.vector)
    nothing, drift = np.zeros((count, free)), np.zeros((count, len(problem.effects), free))
    return Marginal(np.inf, np.zeros(free), np.eye(free), nothing, individual, modes, point, drift)


def _first_order(problem: Problem, point: Point) -> Marginal:
    """Return the marginal likelihood of the linearised model; its drift is 0, as nothing is searched for."""
    linear = linear_model(problem, point)
    modes, individual = linear.modes, linear.individual
    if not np.isfinite(individual).all():
        return _infinite(problem, point, modes, individual)
    drift = np.zeros((problem.subjects, len(problem.effects), len(point.vector)))
    return Marginal(
        float(individual.sum()), linear.scores.sum(axis=0), expected_information(problem, point, modes.at),
        linear.scores, individual, modes, point, drift,
    )  # fmt: skip


def _scores(problem: Problem, point: Point, modes: Modes, inner: Array, exact: Array, method: str) -> Array:
    """Return each subject's gradient, shape (subjects, free).

    With u fixed, the shifts E L u move with the free numbers of Ω as they move with fixed effects.
    Shapes: inner = (half curvature by u)⁻¹ and exact = d²L/du² (subjects, effects, effects).
    """
    here, places, effects = modes.at, problem.places, problem.shifts.effects @ point.root
    terms, response = here.terms, here.response
    count, free, size = problem.subjects, len(point.vector), effects.shape[1]
    w, v = curvature_weights(problem, terms, method == LAPLACE)
    spread = np.ascontiguousarray(effects @ inner @ effects.T)  # subjects × D × D
    by_t = terms.fp[:0]
    couple, still = None, None if modes.frozen is None else modes.frozen.f
    if problem.pairs is not None:
        couple = coupled_trace(problem, point, response, spread, method == LAPLACE, still)
        t, by_error = couple.t, terms.p + couple.p
    elif response.spread is not None:
        trace = trace_of(problem, point, response, spread, method == LAPLACE)
        t, by_error = trace.t, terms.p + trace.p
        by_t = scaled(problem, response.f, point.errors, response.spread, True).tp
    else:
        wf, vf, wp, vp = _weight_slopes(problem, point, modes, method)
        rows = len(terms.f)
        q, s, t = np.empty(rows), np.empty(rows), np.empty(here.gradient.shape)
        trace_slopes(problem.starts, response.first, response.second, w, wf, v, vf, spread, q, s, t)
        by_error = terms.p + q[:, None] * wp + s[:, None] * vp
    if v.any():
        t += _third(problem, point, here, inner, v)
    adjoint = _solved(exact, -(t @ effects)[:, :, None])[:, :, 0]
    along = adjoint @ effects.T  # subjects × D
    whole = here.gradient + t + (here.exact @ along[:, :, None])[:, :, 0]
    scores = np.zeros((count, free))
    scores[:, places.effects] = (whole[:, None, :] @ point.links)[:, 0]
    moved = (response.first * np.repeat(along, np.diff(problem.starts), axis=0)).sum(axis=1)
    by_error += moved[:, None] * terms.fp
    if response.spread is not None:
        mine = problem.spread_places
        by_error += np.where(mine >= 0, along[problem.data.subject, mine], 0.0)[:, None] * by_t
    own = places.error_free
    scores[:, places.errors] = group_sums(by_error[:, own], problem.starts) * point.error_slopes
    if modes.frozen is not None and couple is not None:
        row = couple.frozen + frozen_slopes(problem, point, response, modes.frozen.f, moved)
        scores[:, places.effects] += _of_frozen(problem, point, modes.frozen, row)
    elif modes.frozen is not None:
        scores[:, places.effects] += _through_sd(problem, point, modes, q, s, moved)
    curved = here.expected if method != LAPLACE else 0.5 * here.exact
    turned = problem.shifts.effects.T @ (
        whole[:, :, None] * here.white[:, None, :] + here.gradient[:, :, None] * adjoint[:, None, :]
        + 2.0 * curved @ effects @ inner
    )  # fmt: skip
    change = point.root_change.reshape(size * size, places.omega)
    scores[:, places.parameters :] = turned.reshape(count, size * size) @ change
    return scores


def _solved(matrices: Array, right: Array) -> Array:
    """Solve for each subject; a singular matrix gives NaN."""
    try:
        return np.asarray(np.linalg.solve(matrices, right), dtype=np.float64) if matrices.shape[1] else right
    except np.linalg.LinAlgError:
        return np.full(right.shape, np.nan)


def _inverse(matrices: Array) -> Array:
    return np.asarray(np.linalg.inv(matrices), dtype=np.float64) if matrices.shape[1] else matrices


def _weight_slopes(problem: Problem, point: Point, modes: Modes, method: str) -> tuple[Array, Array, Array, Array]:
    """Return dw/df, dv/df, and dw/dp, dv/dp of every row (`curvature_weights`)."""
    terms = modes.at.terms
    wf, wp = 0.5 * terms.expected_f, 0.5 * terms.expected_p
    vf, vp = np.zeros_like(wf), np.zeros_like(wp)
    rows = np.ones_like(problem.exact_rows) if method == LAPLACE else problem.exact_rows
    if rows.any():
        fff, ffp = _third_of_terms(problem, point, modes)
        wf, wp = np.where(rows, 0.5 * fff, wf), np.where(rows[:, None], 0.5 * ffp, wp)
        vf, vp = np.where(rows, 0.5 * terms.ff, 0.0), np.where(rows[:, None], 0.5 * terms.fp, 0.0)
    return wf, vf, wp, vp


def _third_of_terms(problem: Problem, point: Point, modes: Modes) -> tuple[Array, Array]:
    """Return d³l/df³ and d³l/df²dp as differences of second derivatives, which are exact."""
    f, frozen = modes.at.response.f, None if modes.frozen is None else modes.frozen.f
    scale = np.maximum(np.abs(f), modes.at.terms.sd)
    step = 1e-5 * scale

    def second(moved: Array, errors: Array) -> Array:
        return terms_of(problem.densities, moved, errors, frozen).ff

    with np.errstate(all="ignore"):
        fff = (second(f + step, point.errors) - second(f - step, point.errors)) / (2 * step)
        ffp = np.empty((f.size, len(point.errors)))
        for k, value in enumerate(point.errors):
            away = np.zeros(len(point.errors))
            away[k] = 1e-5 * max(abs(value), 1e-8)
            ffp[:, k] = (second(f, point.errors + away) - second(f, point.errors - away)) / (2 * away[k])
    return np.nan_to_num(fff), np.nan_to_num(ffp)


_STEP = 1e-4  # of a shift, on its scale


def _third(problem: Problem, point: Point, here: Conditional, inner: Array, v: Array) -> Array:
    """Return Σ_j v_j d(H⁻¹ : f'')/ds, shape (subjects, differentiated): what third derivatives of predictions add.

    The inverse half curvature is a sum of squares of directions; along each the second derivatives are differenced.
    """
    effects = problem.shifts.effects @ point.root
    roots = np.linalg.cholesky(inner)
    rows = np.diff(problem.starts)
    total = np.zeros(here.gradient.shape)
    for k in range(effects.shape[1]):
        ahead = roots[:, :, k] @ effects.T  # subjects × differentiated
        size = np.maximum(np.abs(ahead).max(axis=1, keepdims=True), 1e-300)
        away = _STEP * (roots[:, :, k] / size) @ point.root.T
        up, down = problem.respond(point, here.eta + away), problem.respond(point, here.eta - away)
        ahead = np.repeat(size * ahead, rows, axis=0)
        third = np.einsum("jab,ja->jb", up.second - down.second, ahead) / (2 * _STEP)
        total += group_sums(v[:, None] * third, problem.starts)
    return total


def _through_sd(problem: Problem, point: Point, modes: Modes, q: Array, s: Array, moved: Array) -> Array:
    """Return what fixed effects change through the residual SD at η = 0 (FOCE), shape (subjects, fixed effects)."""
    terms, frozen = modes.at.terms, modes.frozen
    assert frozen is not None
    value, w, v, lf = _sd_slopes(problem, point, modes)
    return _of_frozen(problem, point, frozen, (value + q * w + s * v + moved * lf) * terms.sd_f)


def _of_frozen(problem: Problem, point: Point, frozen: Response, row: Array) -> Array:
    """Return what fixed effects change through predictions at η = 0, given the slope by each of these."""
    summed = group_sums(row[:, None] * frozen.first, problem.starts)
    links = np.broadcast_to(point.links, (problem.subjects, *point.links.shape[1:]))
    result: Array = np.einsum("ia,iak->ik", summed, links)
    return result


def _sd_slopes(problem: Problem, point: Point, modes: Modes) -> tuple[Array, Array, Array, Array]:
    """Return dl/dg, dw/dg, dv/dg and d²l/dfdg of every row, g being the residual SD at η = 0 (`curvature_weights`)."""
    terms, data, rows = modes.at.terms, problem.densities, problem.exact_rows
    with np.errstate(all="ignore"):
        mean = data.mean_and_sd(modes.at.response.f, point.errors, False)[0]
        row = data.row(mean[0], terms.sd)
        g, mg = np.where(row.certain, 0.0, row.g), np.where(row.certain, 0.0, row.mg * mean[1])
        w, v = -2.0 * mean[1] ** 2 / terms.sd**3, np.zeros_like(g)
        if rows.any():
            c = np.flatnonzero(rows)
            step = 1e-5 * terms.sd[c]
            up, down = (data.row(mean[0, c], terms.sd[c] + d, c).mm for d in (step, -step))
            bent = (up - down) / (2 * step) * mean[1, c] ** 2 + row.mg[c] * mean[2, c]
            w[c], v[c] = np.where(row.certain[c], 0.0, 0.5 * bent), 0.5 * mg[c]
    return g, w, v, mg


def _drift(problem: Problem, point: Point, modes: Modes, exact: Array) -> Array:
    """Return dη̂/dvector, shape (subjects, effects, free): with it the next search begins almost at its end."""
    here, places, effects = modes.at, problem.places, problem.shifts.effects @ point.root
    count, size = here.white.shape
    mixed = np.zeros((count, size, len(point.vector)))
    if not size:
        return mixed
    mixed[:, :, places.effects] = effects.T @ here.exact @ point.links
    if modes.frozen is not None and problem.pairs is None:
        mixed[:, :, places.effects] += effects.T @ _pull_of_sd(problem, point, modes) @ point.links
    by_error = here.terms.fp[:, places.error_free] * point.error_slopes
    along = here.response.first[:, :, None] * by_error[:, None, :]
    by_row = group_sums(along, problem.starts)
    if here.response.spread is not None:
        by_t = scaled(problem, here.response.f, point.errors, here.response.spread, True).tp
        mine = np.flatnonzero(problem.spread_places >= 0)
        own = by_t[mine][:, places.error_free] * point.error_slopes
        np.add.at(by_row, (problem.data.subject[mine], problem.spread_places[mine]), own)
    mixed[:, :, places.errors] = effects.T @ by_row
    changed = np.tensordot(here.white, point.root_change, (1, 1))  # dL u: subjects × effects × free numbers
    pull = here.gradient @ problem.shifts.effects
    mixed[:, :, places.parameters :] = effects.T @ here.exact @ problem.shifts.effects @ changed + np.tensordot(
        pull, point.root_change, (1, 0)
    )
    drift: Array = -(point.root @ _solved(exact, mixed))
    drift[:, :, places.parameters :] += changed
    return drift


def _pull_of_sd(problem: Problem, point: Point, modes: Modes) -> Array:
    """Return d²L/ds ds₀ of every subject, s₀ being the shifts of the prediction that the residual SD is taken at."""
    frozen = modes.frozen
    assert frozen is not None
    row = _sd_slopes(problem, point, modes)[3] * modes.at.terms.sd_f
    along = modes.at.response.first[:, :, None] * (row[:, None] * frozen.first)[:, None, :]
    return group_sums(along, problem.starts)


__all__ = ["FO", "FOCE", "FOCEI", "LAPLACE", "Marginal", "Response", "marginal"]
