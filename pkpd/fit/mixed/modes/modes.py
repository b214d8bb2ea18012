r"""Conditional modes: the most likely random effects of every subject, all subjects at once.

For each subject :math:`L(\eta) = \sum_j l_j(f_j(\eta)) + \eta^T\Omega^{-1}\eta` is minimised by Newton's method in
:math:`u = L^{-1}\eta` with exact second derivatives inside a trust region of its own, measured in SDs of Ω. It ends
where another step would gain nothing that a number can hold, so that what is computed at the mode depends on the fixed
effects alone, not on the way there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.modes.coupling import coupled_at
from pkpd.fit.mixed.modes.scaled import add_spreads
from pkpd.fit.mixed.problem.kernels import newton_steps, subject_sums
from pkpd.fit.mixed.problem.pairs import Coupled, add_pairs
from pkpd.fit.mixed.problem.problem import Point, Problem, Response
from pkpd.fit.mixed.problem.terms import Terms, terms_of

FOUND, STALLED, UNSOLVED, SADDLE = range(4)
"""Status of a subject's mode."""
WORDS = {
    FOUND: "",
    STALLED: "the search for the mode did not converge",
    UNSOLVED: "the equations could not be solved",
    SADDLE: "the curvature at the mode is not positive definite",
}
EXACTLY = 1e-17
"""gᵀH⁻¹g at which a mode is found: what is left of the way is 3e-9 of an SD."""
ROUGHLY = 1e-8
"""The same while a search is still far from its end."""
_NOISE = 1e-9  # a worsening that rounding and the solver's tolerance explain
_NEAR = 1e-8  # gᵀH⁻¹g from which on a rejected step means that noise is reached
_MOST = 60
_WIDE = 30.0  # SDs that no search begins beyond


@dataclass(frozen=True, eq=False)
class Conditional:
    """Everything about the subjects at some random effects.

    Attributes
    ----------
    white : array, shape (subjects, random effects)
        :math:`u = L^{-1}\\eta`.
    eta : array, shape (subjects, random effects)
        Random effects.
    response : Response
        Predictions.
    terms : Terms
        What rows add.
    objective : array, shape (subjects,)
        :math:`L`; infinite where the subject could not be solved.
    gradient : array, shape (subjects, differentiated)
        dΣl by what predictions are differentiated by.
    exact : array, shape (subjects, differentiated, differentiated)
        Its exact second derivatives.
    expected : array, shape (subjects, differentiated, differentiated)
        Half of the curvature that FOCE with interaction takes.
    """

    white: Array
    eta: Array
    response: Response
    terms: Terms
    objective: Array
    gradient: Array
    exact: Array
    expected: Array


@dataclass(frozen=True, eq=False)
class Modes:
    """Conditional modes of all subjects.

    Attributes
    ----------
    at : Conditional
        Everything at the modes.
    status : array of int, shape (subjects,)
        `FOUND`, `STALLED`, `UNSOLVED` or `SADDLE`.
    iterations : int
        How often all subjects were solved.
    frozen : Response or None
        Predictions without random effects at which the residual SD is taken (FOCE).
    """

    at: Conditional
    status: Integers
    iterations: int
    frozen: Response | None = None

    @property
    def eta(self) -> Array:
        """The modes, shape (subjects, random effects)."""
        return self.at.eta


def conditional(problem: Problem, point: Point, white: Array, frozen: Response | None = None) -> Conditional:
    """Return everything about the subjects at random effects :math:`\\eta = L u`.

    Parameters
    ----------
    problem, point : Problem, Point
        What is fitted, and where.
    white : array, shape (subjects, random effects)
        :math:`u`.
    frozen : Response, optional
        Predictions at which the residual SD is taken (FOCE).
    """
    response = problem.respond(point, white @ point.root.T)
    still = None if frozen is None else frozen.f
    if problem.pairs is not None:
        return _with_pairs(problem, point, white, response, coupled_at(problem, response.f, point.errors, still))
    terms = terms_of(problem.densities, response.f, point.errors, still, response.spread)
    return assembled(problem, point, white, response, terms)


def _with_pairs(problem: Problem, point: Point, white: Array, response: Response, found: Coupled) -> Conditional:
    assert problem.pairs is not None
    here = assembled(problem, point, white, response, found.terms)
    add_pairs(
        problem.pairs, problem.data.subject, response.first, (found.cross, found.expected), (here.exact, here.expected)
    )
    return here


def assembled(problem: Problem, point: Point, white: Array, response: Response, terms: Terms) -> Conditional:
    """Add up over the rows of each subject."""
    count, size = len(white), response.first.shape[1]
    w, v = curvature_weights(problem, terms, exact=False)
    gradient, exact, expected = np.empty((count, size)), np.empty((count, size, size)), np.empty((count, size, size))
    subject_sums(problem.starts, response.first, response.second, terms.f, terms.ff, w, v, gradient, exact, expected)
    if response.spread is not None:
        add_spreads(problem, point, response, gradient, exact, expected)
    with np.errstate(all="ignore"):
        objective = group_sums(terms.value, problem.starts) + (white * white).sum(axis=1)
    objective[~np.isfinite(objective)] = np.inf
    return Conditional(white, white @ point.root.T, response, terms, objective, gradient, exact, expected)


def curvature_weights(problem: Problem, terms: Terms, exact: bool) -> tuple[Array, Array]:
    """Return the weights w of f'f'ᵀ and v of f'' in half of the curvature that a method takes, shape (rows,) each.

    Parameters
    ----------
    exact : bool
        Exact second derivatives (Laplace) for all rows; otherwise for censored rows alone.
    """
    if exact:
        return 0.5 * terms.ff, 0.5 * terms.f
    rows = problem.exact_rows
    if not rows.any():
        return 0.5 * terms.expected, np.zeros_like(terms.f)
    return np.where(rows, 0.5 * terms.ff, 0.5 * terms.expected), np.where(rows, 0.5 * terms.f, 0.0)


def conditional_modes(
    problem: Problem, point: Point, start: Array | None = None, frozen: Response | None = None, enough: float = EXACTLY
) -> Modes:
    """Return the conditional modes of all subjects.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    start : array, shape (subjects, random effects), optional
        Where to begin; 0 by default.
    frozen : Response, optional
        Predictions at which the residual SD is taken instead of those of the subject (FOCE).
    enough : float
        gᵀH⁻¹g at which a mode is found.
    """
    count, effects = problem.subjects, len(problem.effects)
    white = np.zeros((count, effects))
    if start is not None and effects:
        white = np.clip(np.linalg.solve(point.root, np.asarray(start, dtype=float).T).T, -_WIDE, _WIDE)
    here = conditional(problem, point, white, frozen)
    radius, status = np.full(count, 3.0), np.full(count, STALLED)
    lost = ~np.isfinite(here.objective)
    if lost.any() and start is not None:  # a bold beginning: the subjects in question begin at the typical one
        white = np.where(lost[:, None], 0.0, white)
        here = conditional(problem, point, white, frozen)
        lost = ~np.isfinite(here.objective)
    status[lost] = UNSOLVED
    if not effects:
        return Modes(here, np.where(lost, UNSOLVED, FOUND), 1, frozen)
    flag = np.zeros(count, dtype=np.int64)
    rounds = 1
    for _ in range(_MOST):
        rounds += 1
        step, gain, decrement, length = _steps(problem, point, here, radius, flag)
        settled = (decrement <= enough) & (flag >= 0)
        status[(status == STALLED) & settled] = FOUND
        open_ = status == STALLED
        if not open_.any():
            break
        trial = np.where(open_[:, None], here.white + step, here.white)
        there = conditional(problem, point, trial, frozen)
        with np.errstate(all="ignore"):  # a subject that was lost is infinitely bad in both
            better = here.objective - there.objective
            noise = _NOISE * (1.0 + np.abs(here.objective))
            ratio = better / gain
        taken: Flags = open_ & np.isfinite(there.objective) & (
            (ratio > 0.05) | ((np.abs(better) <= noise) & (decrement < _NEAR))
        )  # fmt: skip
        radius = np.where(open_ & ~taken, 0.25 * np.minimum(length, radius), radius)
        radius = np.where(taken & (ratio > 0.75) & (length > 0.8 * radius), 2.0 * radius, radius)
        radius = np.where(taken & (ratio < 0.25) & (decrement > _NEAR), 0.5 * radius, radius)
        status[open_ & ~taken & (decrement < _NEAR)] = FOUND  # nothing left but noise
        status[open_ & ~taken & (radius < 1e-10)] = STALLED
        here = _merged(problem, here, there, taken)
        if not np.isfinite(radius).all():
            raise AssertionError("a trust region is not finite")
    _, _, _, _ = _steps(problem, point, here, radius, flag)
    status[(status == FOUND) & (flag != 1)] = SADDLE
    return Modes(here, status, rounds, frozen)


def _steps(
    problem: Problem, point: Point, here: Conditional, radius: Array, flag: Integers
) -> tuple[Array, Array, Array, Array]:
    count, effects = here.white.shape
    step, gain, decrement, length = np.empty((count, effects)), np.empty(count), np.empty(count), np.empty(count)
    white = np.ascontiguousarray(here.white)  # another layout would be compiled once more
    newton_steps(
        problem.shifts.effects @ point.root, white, here.gradient, here.exact, here.expected, radius,
        step, gain, decrement, length, flag,
    )  # fmt: skip
    return step, gain, decrement, length


def _merged(problem: Problem, here: Conditional, there: Conditional, taken: Flags) -> Conditional:
    """Return what is known of the subjects: `there` for those that took their step."""
    if taken.all():
        return there
    if not taken.any():
        return here
    rows = np.repeat(taken, np.diff(problem.starts))

    def by_row(old: Array, new: Array) -> Array:
        return np.where(rows.reshape(-1, *[1] * (old.ndim - 1)), new, old)

    def by_subject(old: Array, new: Array) -> Array:
        return np.where(taken.reshape(-1, *[1] * (old.ndim - 1)), new, old)

    old, new = here.response, there.response
    response = Response(
        by_row(old.f, new.f), by_row(old.first, new.first), by_row(old.second, new.second),
        np.where(taken, new.status, old.status),
        None if old.spread is None or new.spread is None else by_row(old.spread, new.spread),
    )  # fmt: skip
    terms = Terms(**{n: by_row(getattr(here.terms, n), getattr(there.terms, n)) for n in Terms.__dataclass_fields__})
    parts = {n: by_subject(getattr(here, n), getattr(there, n)) for n in (
        "white", "eta", "objective", "gradient", "exact", "expected")}  # fmt: skip
    return replace(here, response=response, terms=terms, **parts)
