r"""The standard two-stage method, a baseline: every subject fitted by itself, then the estimates' means and covariance.

First stage: maximum likelihood of each subject's parameters with a residual error that all share, in turns until both
stay. Second stage: on the scale of the random effects :math:`\hat\mu = \bar\phi` and :math:`\hat\Omega =
\frac{1}{N-1}\sum_i (\hat\phi_i - \bar\phi)(\hat\phi_i - \bar\phi)^T`. The uncertainty of the subjects' estimates ends
up in Ω, which is too large: a baseline and a start, no more.

References
----------
Steimer JL, Mallet A, Golmard JL, Boisvieux JF. Alternative approaches to estimation of population pharmacokinetic
parameters: comparison with the nonlinear mixed-effect model. Drug Metab Rev 1984;15:265-292.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from pkpd.arrays import Array, Flags
from pkpd.errors import InputError
from pkpd.fit.mixed.modes.joint_rows import require_plain_errors, row_terms
from pkpd.fit.mixed.modes.modes import FOUND, Modes, conditional_modes
from pkpd.fit.mixed.problem.problem import Point, Problem

_FLAT = 1e3  # SD of a prior that says nothing
_ROUNDS = 20
_STAYS = 1e-4
_CAP = 5.0  # on the scale of the random effects: a subject whose estimate ran away says nothing


@dataclass(frozen=True, eq=False)
class TwoStage:
    """Estimates by the two stages.

    Attributes
    ----------
    vector : array, shape (free,)
        Typical values, residual errors and Ω.
    estimates : array, shape (subjects, random effects)
        Each subject's own estimate as a deviation from the typical values of the start.
    used : array of bool, shape (subjects,)
        Subjects whose estimate exists; the others were left out.
    """

    vector: Array
    estimates: Array
    used: Flags


def two_stage(problem: Problem) -> TwoStage:
    """Return the two-stage estimates of a population.

    Raises
    ------
    InputError
        If there are occasions, or fewer than two subjects have an estimate of their own.
    """
    if problem.population.omega.effects("occasion"):
        raise InputError("two-stage estimates know no occasions; take another method", "two-stage")
    require_plain_errors(problem, "two-stage")
    vector = problem.start.copy()
    modes, used = _alone(problem, problem.at(vector))
    for _ in range(_ROUNDS):
        before = vector.copy()
        errors_given(problem, vector, modes, used)
        modes, used = _alone(problem, problem.at(vector))
        if np.abs(vector - before).max(initial=0.0) < _STAYS:
            break
    if used.sum() < 2:
        own = int(used.sum())
        raise InputError(f"{own} subjects have an estimate of their own; expected two at least", "two-stage")
    return TwoStage(second_stage(problem, vector, modes.eta[used]), modes.eta, used)


def _alone(problem: Problem, point: Point) -> tuple[Modes, Flags]:
    """Fit every subject by itself, with a prior that says nothing."""
    flat = replace(point, root=_FLAT * np.eye(len(point.root)))
    start = conditional_modes(problem, replace(point, root=np.eye(len(point.root))))
    modes = conditional_modes(problem, flat, start.eta)
    return modes, (modes.status == FOUND) & (np.abs(modes.eta).max(axis=1, initial=0.0) < _CAP)


def errors_given(problem: Problem, vector: Array, modes: Modes, used: Flags) -> None:
    """Write the residual errors into a vector that are most likely given the subjects' predictions."""
    places = problem.places
    rows = np.repeat(used, np.diff(problem.starts))
    if not places.errors.size or not rows.any():
        return

    def total(x: Array) -> tuple[float, Array]:
        trial = vector.copy()
        trial[places.errors] = x
        point = problem.at(trial)
        terms = row_terms(problem, modes.at.response, point.errors)
        gradient = terms.p[rows][:, places.error_free].sum(axis=0) * point.error_slopes
        value = float(terms.value[rows].sum())
        return (value, gradient) if np.isfinite(value) and np.isfinite(gradient).all() else (1e300, np.zeros(x.size))

    bounds = [(-12.0, 12.0)] * places.errors.size
    found = minimize(total, vector[places.errors], jac=True, method="L-BFGS-B", bounds=bounds)
    vector[places.errors] = found.x


def second_stage(problem: Problem, vector: Array, eta: Array) -> Array:
    """Return the vector with the mean of the subjects' estimates and, as far as Ω is free, their covariance."""
    places, shifts = problem.places, problem.shifts
    result = vector.copy()
    mean = shifts.effects @ eta.mean(axis=0)
    for place, k in shifts.shared:
        result[places.effects[k]] += mean[place]
    covariance = np.atleast_2d(np.cov(eta, rowvar=False))
    result[places.parameters :] = nearest_vector(problem, covariance)
    return result


def nearest_vector(problem: Problem, covariance: Array) -> Array:
    """Return the free numbers of the Ω that is most likely for a sample covariance, with what is fixed kept.

    Minimises :math:`\\log|\\Omega| + \\mathrm{tr}(\\Omega^{-1}S)` over the free numbers.

    Parameters
    ----------
    problem : Problem
        Whose Ω.
    covariance : array, shape (random effects, random effects)
        S; made positive definite by a thousandth of its diagonal.
    """
    places = problem.places
    base = problem.start.copy()
    solid = covariance + 1e-3 * np.diag(np.maximum(np.diag(covariance), 1e-6))

    def distance(x: Array) -> tuple[float, Array]:
        base[places.parameters :] = x
        point = problem.at(base)
        inverse = point.inverse
        value = point.log_determinant + float(np.trace(inverse @ solid))
        by_matrix = inverse - inverse @ solid @ inverse
        return value, np.tensordot(by_matrix, point.change, ((0, 1), (0, 1)))

    start = problem.start[places.parameters :]
    return np.asarray(minimize(distance, start, jac=True, method="BFGS").x) if start.size else start
