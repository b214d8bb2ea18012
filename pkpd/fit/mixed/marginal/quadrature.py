r"""Adaptive Gauss–Hermite quadrature at the conditional modes, with the exact gradient of what it computes.

With :math:`u = L^{-1}\eta`, which is standard normal a priori, H the half curvature at the mode, :math:`BB^T = H^{-1}`,
nodes :math:`u_k = \hat u + Bz_k` and weights :math:`w_k` of the standard normal distribution,

.. math:: -2\log L = \sum_i \bigl\{ \log|H_i| - 2\log\sum_k w_k e^{-(J_i(u_k) - z_k^Tz_k)/2} \bigr\}, \quad
          J = \sum_j l_j + u^Tu,

without N·log 2π. One node is Laplace's approximation. The nodes of several effects are a product grid.

The gradient is that of this very sum. With :math:`p_k` the share of node k and :math:`g_k = dJ/du` there, it is
the mean of dJ/dθ over the nodes (Fisher's identity), what moves the mode, and :math:`\mathrm{tr}(K\,dH)` with
:math:`K = H^{-1} - B\,\mathrm{sym}(\Phi \circ MB)\,B^T`, :math:`M = \sum_k p_k z_k g_k^T`: the nodes move with the
root of :math:`H^{-1}`, and :math:`\Phi` halves the diagonal of a lower triangle as the derivative of a Cholesky
factor does.

References
----------
Pinheiro JC, Bates DM. Approximations to the log-likelihood function in the nonlinear mixed-effects model. J Comput
Graph Stat 1995;4:12-35. Murray I. Differentiation of the Cholesky decomposition. arXiv:1602.07527, 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.marginal.copies import joint_in_pieces
from pkpd.fit.mixed.marginal.information import expected_information
from pkpd.fit.mixed.marginal.integral import Frame, Likelihood, frame_of, reasons_of
from pkpd.fit.mixed.marginal.laplacian import LAPLACE, Marginal, _drift, _weight_slopes
from pkpd.fit.mixed.modes.coupling import coupled_trace
from pkpd.fit.mixed.modes.modes import Modes, conditional_modes, curvature_weights
from pkpd.fit.mixed.modes.scaled import scaled, trace_of
from pkpd.fit.mixed.problem.kernels import trace_slopes
from pkpd.fit.mixed.problem.problem import Point, Problem

AGQ = "AGQ"
NODES = 5
"""Nodes an effect, unless told otherwise."""
SMALLEST = 1e-12
"""Nodes of less weight, measured by the middle one's, are left out (the weights of the others add up to 1 again)."""
_STEP = 1e-4  # of a shift, on its scale


@lru_cache(maxsize=64)
def grid(nodes: int, effects: int, smallest: float = SMALLEST) -> tuple[Array, Array]:
    """Return nodes and weights for the standard normal distribution of several effects.

    Parameters
    ----------
    nodes : int
        Nodes an effect.
    effects : int
        Random effects.
    smallest : float
        Weight below which a node is left out, measured by the largest.

    Returns
    -------
    arrays, shapes (places, effects) and (places,)
        Weights are positive and add up to 1.
    """
    one, weight = np.polynomial.hermite_e.hermegauss(nodes)
    weight = weight / weight.sum()
    places, weights = np.zeros((1, 0)), np.ones(1)
    top = weight.max()
    for left in reversed(range(effects)):
        places = np.concatenate(
            [np.repeat(places, nodes, axis=0), np.tile(one, len(places))[:, None]], axis=1
        )  # fmt: skip
        weights = np.repeat(weights, nodes) * np.tile(weight, len(weights))
        kept = weights >= smallest * top ** (effects - left)  # the effects to come can only make it smaller
        places, weights = places[kept], weights[kept]
    weights = weights / weights.sum()
    places.flags.writeable = weights.flags.writeable = False
    return places, weights


def places_needed(nodes: int, effects: int) -> int:
    """Return how often every subject will be solved, at most."""
    return int(nodes**effects)


def quadrature(
    problem: Problem, point: Point, modes: Modes | None = None, nodes: int = NODES, smallest: float = SMALLEST
) -> Likelihood:
    """Return the marginal likelihood by adaptive Gauss–Hermite quadrature.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    modes : Modes, optional
        Conditional modes at this point with interaction (not those of FOCE); searched for when left out.
    nodes : int
        Nodes an effect; every subject is solved ``nodes ** effects`` times, less what is left out.
    smallest : float
        Weight below which a node is left out, measured by the largest.
    """
    modes = conditional_modes(problem, point) if modes is None or modes.frozen is not None else modes
    with np.errstate(over="ignore", invalid="ignore"):
        frame, sums = _integrated(problem, point, modes, nodes, smallest, False)
    individual = np.where(frame.lost | ~(sums.total > 0), np.nan, sums.objective(frame))
    count = problem.subjects
    spread = sums.second - sums.middle[:, :, None] * sums.middle[:, None, :]
    nothing = np.full(count, np.nan)
    places = len(grid(nodes, len(problem.effects), smallest)[1])
    return Likelihood(
        float(individual.sum()), 0.0, individual, np.zeros(count),
        (frame.white + sums.middle) @ point.root.T, point.root @ spread @ point.root.T,
        f"adaptive quadrature, {nodes} {'node' if nodes == 1 else 'nodes'} an effect", places, nothing, nothing,
        reasons_of(modes, individual, sums.missed, places),
    )  # fmt: skip


def quadrature_marginal(
    problem: Problem, point: Point, nodes: int = NODES, start: Array | None = None, smallest: float = SMALLEST,
    modes: Modes | None = None,
) -> Marginal:  # fmt: skip
    """Return the marginal likelihood by adaptive quadrature with its gradient, for a search.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    nodes : int
        Nodes an effect.
    start : array, shape (subjects, random effects), optional
        Where the search for the modes begins.
    smallest : float
        Weight below which a node is left out, measured by the largest.
    modes : Modes, optional
        Conditional modes with interaction, where they are known already.
    """
    if modes is None or modes.frozen is not None:
        modes = conditional_modes(problem, point, start)
    with np.errstate(over="ignore", invalid="ignore"):  # a node far below the mode: said by an infinite objective
        frame, sums = _integrated(problem, point, modes, nodes, smallest, True)
    count, free, effects = problem.subjects, len(point.vector), len(problem.effects)
    individual = np.where(frame.lost, np.inf, sums.objective(frame))
    if not np.isfinite(individual).all():
        return Marginal(
            np.inf, np.zeros(free), np.eye(free), np.zeros((count, free)), individual, modes, point,
            np.zeros((count, effects, free)),
        )  # fmt: skip
    scores = _scores(problem, point, modes, frame, sums)
    scores = np.where(np.isfinite(scores), scores, 0.0)
    along = problem.shifts.effects @ point.root
    drift = _drift(problem, point, modes, along.T @ modes.at.exact @ along + 2.0 * np.eye(effects))
    return Marginal(
        float(individual.sum()), scores.sum(axis=0), expected_information(problem, point, modes.at), scores, individual,
        modes, point, drift,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the nodes of every subject, measured by the density at its mode; means are by the nodes' shares.

    Shapes: reference (subjects,): L at the mode; total (subjects,); middle (subjects, effects): mean of u − û; second:
    mean of its square; by_shift (subjects, D), by_error (subjects, P): mean slopes; turned (subjects, effects,
    effects): M; together (subjects, D, effects): mean of slope and u; missed (subjects,).
    """

    reference: Array
    total: Array
    middle: Array
    second: Array
    by_shift: Array
    by_error: Array
    turned: Array
    together: Array
    missed: Integers

    def objective(self, frame: Frame) -> Array:
        """Return each subject's −2 log L."""
        with np.errstate(all="ignore"):
            whole: Array = frame.log_determinant + self.reference - 2.0 * np.log(self.total)
        return whole


def _integrated(
    problem: Problem, point: Point, modes: Modes, nodes: int, smallest: float, slopes: bool
) -> tuple[Frame, _Sums]:
    """Add up over the nodes, some of them at a time."""
    frame, effects = frame_of(problem, point, modes), problem.shifts.effects @ point.root
    z, weights = grid(nodes, len(problem.effects), smallest)
    squares = (z * z).sum(axis=1)
    away = np.einsum("iab,kb->ika", frame.root, z)
    count, size = frame.white.shape
    wide, noise = (effects.shape[0], len(point.errors)) if slopes else (0, 0)
    reference = np.where(np.isfinite(modes.at.objective), modes.at.objective, 0.0)
    total, missed = np.zeros(count), np.zeros(count, dtype=np.int64)
    middle, second, turned = np.zeros((count, size)), np.zeros((count, size, size)), np.zeros((count, size, size))
    by_shift, by_error, together = np.zeros((count, wide)), np.zeros((count, noise)), np.zeros((count, wide, size))
    for part, found in joint_in_pieces(problem, point, frame.white[:, None] + away, slopes):
        with np.errstate(over="ignore"):  # a node far below the mode: the sum is infinite, and not taken
            share = weights[part] * np.exp(0.5 * (reference[:, None] - found.value + squares[part]))
        total += share.sum(axis=1)
        missed += (~np.isfinite(found.value)).sum(axis=1)
        off = away[:, part]
        middle += np.einsum("ik,ika->ia", share, off)
        second += (share[:, :, None] * off).transpose(0, 2, 1) @ off
        if slopes:
            by_shift += np.einsum("ik,ika->ia", share, found.by_shift)
            by_error += np.einsum("ik,ika->ia", share, found.by_error)
            white = frame.white[:, None] + off
            together += np.swapaxes(share[:, :, None] * found.by_shift, 1, 2) @ white
            gradient = found.by_shift @ effects + 2.0 * white
            turned += np.swapaxes(share[:, :, None] * z[part], 1, 2) @ gradient
    with np.errstate(all="ignore"):
        per = 1.0 / total
        per_row, per_matrix = per[:, None], per[:, None, None]
        return frame, _Sums(
            reference, total, middle * per_row, second * per_matrix, by_shift * per_row, by_error * per_row,
            turned * per_matrix, together * per_matrix, missed,
        )  # fmt: skip


def _scores(problem: Problem, point: Point, modes: Modes, frame: Frame, sums: _Sums) -> Array:
    """Return each subject's gradient, shape (subjects, free).

    With u fixed, the shifts E L u move with the free numbers of Ω as they move with fixed effects.
    """
    here, places, effects = modes.at, problem.places, problem.shifts.effects @ point.root
    count, free, size = problem.subjects, len(point.vector), effects.shape[1]
    exact = effects.T @ here.exact @ effects + 2.0 * np.eye(size)
    inner = _inner(frame, sums)
    t, trace_p = _trace(problem, point, modes, frame, np.ascontiguousarray(effects @ inner @ effects.T))
    v = _chosen(problem, frame, 0.5 * here.terms.f, curvature_weights(problem, here.terms, exact=False)[1])
    if v.any():
        t += _third(problem, point, modes, inner, v)
    pull = (t + sums.by_shift) @ effects + 2.0 * (frame.white + sums.middle)  # what a move of the mode changes
    adjoint = -np.linalg.solve(exact, pull[:, :, None])[:, :, 0] if size else np.zeros((count, 0))
    along = adjoint @ effects.T
    moved_all = t + np.einsum("iab,ib->ia", here.exact, along)
    scores = np.zeros((count, free))
    links = np.broadcast_to(point.links, (count, *point.links.shape[1:]))
    scores[:, places.effects] = np.einsum("ia,iak->ik", sums.by_shift + moved_all, links)
    moved = np.einsum("ja,ja->j", here.response.first, np.repeat(along, np.diff(problem.starts), axis=0))
    by_row = trace_p + moved[:, None] * here.terms.fp
    if here.response.spread is not None:
        mine = problem.spread_places
        by_t = scaled(problem, here.response.f, point.errors, here.response.spread, True).tp
        by_row += np.where(mine >= 0, along[problem.data.subject, mine], 0.0)[:, None] * by_t
    by_error = sums.by_error + group_sums(by_row, problem.starts)
    scores[:, places.errors] = by_error[:, places.error_free] * point.error_slopes
    kind = frame.exactly[:, None, None]
    curved = np.where(frame.known[:, None, None], np.where(kind, 0.5 * here.exact, here.expected), 0.0)
    turned = problem.shifts.effects.T @ (
        moved_all[:, :, None] * frame.white[:, None, :] + sums.together
        + here.gradient[:, :, None] * adjoint[:, None, :] + 2.0 * curved @ effects @ inner
    )  # fmt: skip
    by_omega = turned.reshape(count, size * size) @ point.root_change.reshape(size * size, places.omega)
    scores[:, places.parameters :] = by_omega
    return scores


def _trace(problem: Problem, point: Point, modes: Modes, frame: Frame, spread: Array) -> tuple[Array, Array]:
    """Return how tr(K H) changes by what rows depend on (subjects, D), and by the errors' parameters, row by row."""
    terms, response = modes.at.terms, modes.at.response

    def with_curvature(exact: bool) -> tuple[Array, Array]:
        if problem.pairs is not None:
            pair = coupled_trace(problem, point, response, spread, exact)
            return pair.t, pair.p
        if response.spread is not None:
            found = trace_of(problem, point, response, spread, exact)
            return found.t, found.p
        w, v = curvature_weights(problem, terms, exact)
        wf, vf, wp, vp = _weight_slopes(problem, point, modes, LAPLACE if exact else "")
        q, s, t = np.empty(len(terms.f)), np.empty(len(terms.f)), np.empty(modes.at.gradient.shape)
        trace_slopes(problem.starts, response.first, response.second, w, wf, v, vf, spread, q, s, t)
        return t, q[:, None] * wp + s[:, None] * vp

    exact = with_curvature(True)
    if frame.exactly.all():
        return exact
    expected = with_curvature(False)
    t = np.where(frame.exactly[:, None], exact[0], expected[0])
    return np.where(frame.known[:, None], t, 0.0), _chosen(problem, frame, exact[1], expected[1])


def _chosen(problem: Problem, frame: Frame, exact: Array, expected: Array) -> Array:
    """Return of every row what belongs to the curvature that was taken for its subject."""
    if frame.exactly.all():
        return exact
    rows, shape = np.diff(problem.starts), (-1, *[1] * (exact.ndim - 1))
    mine, known = (np.repeat(f, rows).reshape(shape) for f in (frame.exactly, frame.known))
    return np.where(known, np.where(mine, exact, expected), 0.0)


def _inner(frame: Frame, sums: _Sums) -> Array:
    """Return K: what the objective changes with H while the mode stays, shape (subjects, effects, effects)."""
    root = frame.root
    lower = np.tril(sums.turned @ root)
    lower -= 0.5 * np.einsum("iaa->ia", lower)[:, :, None] * np.eye(lower.shape[1])
    middle = np.eye(lower.shape[1]) - 0.5 * (lower + np.swapaxes(lower, 1, 2))
    result: Array = root @ middle @ np.swapaxes(root, 1, 2)
    return result


def _third(problem: Problem, point: Point, modes: Modes, inner: Array, v: Array) -> Array:
    """Return Σ_j v_j d(K : f'')/ds, shape (subjects, differentiated), by differences along the axes of K."""
    effects, here = problem.shifts.effects @ point.root, modes.at
    sizes, axes = np.linalg.eigh(inner)
    rows = np.diff(problem.starts)
    total = np.zeros(here.gradient.shape)
    for k in range(effects.shape[1]):
        ahead = axes[:, :, k] @ effects.T  # subjects × differentiated
        size = np.maximum(np.abs(ahead).max(axis=1, keepdims=True), 1e-300)
        away = _STEP * (axes[:, :, k] / size) @ point.root.T
        up, down = problem.respond(point, here.eta + away), problem.respond(point, here.eta - away)
        ahead = np.repeat(sizes[:, k : k + 1] * size * ahead, rows, axis=0)
        third = np.einsum("jab,ja->jb", up.second - down.second, ahead) / (2 * _STEP)
        total += group_sums(v[:, None] * third, problem.starts)
    return total
