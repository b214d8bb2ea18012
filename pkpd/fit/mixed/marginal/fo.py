r"""The first-order method: the marginal likelihood of the model linearised at η = 0, with its exact gradient.

With h the scale of the error, :math:`h(f(\eta)) \approx m_0 + A\eta` and the residual SD taken at η = 0, measurements
are normal with mean :math:`m_0` and covariance :math:`A\Omega A^T + V_0`. By the matrix determinant lemma and the
identity of Woodbury

.. math:: -2\log L = \sum_i \Bigl\{\sum_j \frac{(r - A\hat\eta)_j^2}{V_{0j}} + \log V_{0j}
          + \hat\eta^T\Omega^{-1}\hat\eta + \log|\Omega| + \log|H|\Bigr\},
          \quad H = \Omega^{-1} + A^TV_0^{-1}A,\ \hat\eta = H^{-1}A^TV_0^{-1}r

without N·log 2π; computed by :math:`u = L^{-1}\eta` with LLᵀ = Ω, where |Ω||H| is |K|, K = I + LᵀAᵀV₀⁻¹AL, and a
variance of 0 is one like any other. This is FOCE in the linear model, whose modes need no search. The braces are
stationary in η̂, so that the gradient needs no dη̂/dθ; A changes with the fixed effects through second derivatives of
the predictions at η = 0.

References
----------
Beal SL, Sheiner LB. Estimating population kinetics. Crit Rev Biomed Eng 1982;8:195-222. Wang Y. Derivation of various
NONMEM estimation methods. J Pharmacokinet Pharmacodyn 2007;34:575-593, equations 10-13.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.modes.modes import FOUND, UNSOLVED, Conditional, Modes, assembled
from pkpd.fit.mixed.problem.problem import Point, Problem
from pkpd.fit.mixed.problem.terms import terms_of


@dataclass(frozen=True, eq=False)
class Linear:
    """The model linearised at η = 0, its modes, and what each subject adds to the objective.

    Attributes
    ----------
    modes : Modes
        η̂ of the *linear* model, which are not the conditional modes of the model itself; predictions, terms and
        curvatures are those at η = 0.
    individual : array, shape (subjects,)
        Each subject's part of the objective.
    scores : array, shape (subjects, free)
        Its gradient by the vector.
    """

    modes: Modes
    individual: Array
    scores: Array


def linear_model(problem: Problem, point: Point) -> Linear:
    """Return the first-order approximation of all subjects at a point.

    Parameters
    ----------
    problem : Problem
        What is fitted; every row is measured.
    point : Point
        Fixed effects, Ω and residual errors.

    Raises
    ------
    InputError
        If rows are censored: their probability is not that of a linear model.
    """
    if problem.exact_rows.any():
        raise InputError(
            f"FO holds measured values alone, and {int(problem.exact_rows.sum())} rows are censored or conditioned on "
            "a limit; use FOCEI or Laplace, or leave censored rows out (blq='M1')"
        )
    nothing = np.zeros((problem.subjects, len(problem.effects)))
    response = problem.respond(point, nothing)
    terms = terms_of(problem.densities, response.f, point.errors, response.f)
    at_zero = assembled(problem, point, nothing, response, terms)
    return _approximated(problem, point, at_zero)


def _approximated(problem: Problem, point: Point, at_zero: Conditional) -> Linear:
    response, terms, effects = at_zero.response, at_zero.terms, problem.shifts.effects @ point.root
    size, counts = effects.shape[1], np.diff(problem.starts)
    with np.errstate(all="ignore"):
        mean = problem.densities.mean_and_sd(response.f, point.errors, False)[0]
        per = 1.0 / terms.sd**2
        r = problem.densities.limits[0] - mean[0]
        a = mean[1][:, None] * (response.first @ effects)  # A L, rows × effects
        half = group_sums((per[:, None] * a)[:, :, None] * a[:, None, :], problem.starts) + np.eye(size)
    solved = np.isfinite(half).all(axis=(1, 2)) & np.isfinite(at_zero.objective)
    half = np.where(solved[:, None, None], half, np.eye(size))
    inner = np.asarray(np.linalg.inv(half), dtype=np.float64) if size else half
    with np.errstate(all="ignore"):
        white = np.einsum("iab,ib->ia", inner, group_sums((per * r)[:, None] * a, problem.starts))
        white = np.where(solved[:, None], white, 0.0)
        left = r - (a * np.repeat(white, counts, axis=0)).sum(axis=1)
        value = left * left * per + 2.0 * np.log(terms.sd) + problem.densities.jacobian
        objective = group_sums(value, problem.starts) + (white * white).sum(axis=1)
    objective = np.where(solved & np.isfinite(objective), objective, np.inf)
    log_determinant = np.linalg.slogdet(half)[1] if size else np.zeros(len(white))
    here = replace(at_zero, white=white, eta=white @ point.root.T, objective=objective)
    status = np.where(np.isfinite(objective), FOUND, UNSOLVED)
    with np.errstate(all="ignore"):
        scores = _scores(problem, point, here, inner, a, left, mean)
    return Linear(Modes(here, status, 1), objective + log_determinant, scores)


def _scores(
    problem: Problem, point: Point, here: Conditional, inner: Array, a: Array, left: Array, mean: Array
) -> Array:
    r"""Return each subject's gradient, shape (subjects, free).

    With B = A L, e = r − Bû and k = B K⁻¹Bᵀ of a row, a change of its mean adds −2e/V dm₀, one of its row of B
    :math:`\frac{2}{V}\,dB\,(K^{-1}B^T - e\hat u)`, one of its SD :math:`\frac{2}{g}(1 - \frac{e^2 + k}{V})\,dg`.
    """
    response, terms, places = here.response, here.terms, problem.places
    counts, count, plain = np.diff(problem.starts), problem.subjects, problem.shifts.effects
    per = 1.0 / terms.sd**2
    reach = np.einsum("jab,jb->ja", np.repeat(inner, counts, axis=0), a)  # K⁻¹Bᵀ, rows × effects
    by_sd = 2.0 * (1.0 - (left * left + (reach * a).sum(axis=1)) * per) / terms.sd
    turned = reach - left[:, None] * np.repeat(here.white, counts, axis=0)
    along = turned @ (plain @ point.root).T  # rows × differentiated
    by_f = -2.0 * left * per * mean[1] + by_sd * terms.sd_f
    by_f += 2.0 * per * mean[2] * (response.first * along).sum(axis=1)
    row = by_f[:, None] * response.first
    row += (2.0 * per * mean[1])[:, None] * np.einsum("jab,jb->ja", response.second, along)
    scores = np.zeros((count, len(point.vector)))
    links = np.broadcast_to(point.links, (count, *point.links.shape[1:]))
    scores[:, places.effects] = np.einsum("ia,iak->ik", group_sums(row, problem.starts), links)
    by_error = by_sd[:, None] * terms.sd_p[:, places.error_free]
    scores[:, places.errors] = group_sums(by_error, problem.starts) * point.error_slopes
    slopes = (2.0 * per * mean[1])[:, None] * (response.first @ plain)  # B moves by A dL
    by_root = group_sums(slopes[:, :, None] * turned[:, None, :], problem.starts)
    scores[:, places.parameters :] = np.tensordot(by_root, point.root_change, axes=2)
    return scores


__all__ = ["Linear", "linear_model"]
