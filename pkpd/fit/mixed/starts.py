"""Where the searches of a population fit begin: told values, the naive pooled fit, the subjects' own fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.mixed.descent import descend
from pkpd.fit.mixed.flip_flop import other_side
from pkpd.fit.mixed.modes import UNSOLVED, conditional_modes
from pkpd.fit.mixed.objective import MarginalObjective
from pkpd.fit.mixed.problem import Problem
from pkpd.fit.mixed.shifts import shifts_of
from pkpd.population import Omega

_WIDE = 1.0  # SD of every random effect while the subjects find their own values
_LEAST = 1e-2  # variance that a start has at least
_ROUGH = 40  # iterations of a pooled fit that only begins something


def starts_of(problem: Problem, count: int) -> list[tuple[str, Array]]:
    """Return labelled start vectors, the told one first.

    ===========  ==========================================================================================
    told         the population's own values
    pooled       typical values and residual errors of the naive pooled fit
    two-stage    from there, with the mean and the covariance of the subjects' own values (each found with a wide Ω)
    flip-flop    told values with absorption and elimination changed, where no constraint forbids it
    spread       told values with variances five times as large and typical residual errors
    ===========  ==========================================================================================

    Parameters
    ----------
    problem : Problem
        What is fitted.
    count : int
        How many at most.
    """
    found = [("told", problem.start)]
    if count < 2:
        return found
    pooled = pooled_start(problem)
    if pooled is not None:
        found.append(("pooled", pooled))
    own = two_stage_start(problem, problem.start if pooled is None else pooled)
    if own is not None:
        found.append(("two-stage", own))
    across = across_start(problem, problem.start)
    if across is not None:
        found.insert(2, ("flip-flop", across))
    rng = np.random.default_rng(1)
    while len(found) < count:
        vector = problem.start.copy()
        vector[: problem.places.parameters] += rng.uniform(-1.0, 1.0, problem.places.parameters)
        if not problem.broken(problem.at(vector)):
            found.append((f"random {len(found)}", vector))
    return found[: max(count, 3 if across is not None else 1)]


def across_start(problem: Problem, vector: Array) -> Array | None:
    """Return a start on the other side of flip-flop, with the start's Ω; None where there is no other side."""
    size = problem.places.parameters
    across = other_side(problem, problem.population.parameters.from_vector(vector[:size]))
    if across is None:
        return None
    return np.concatenate([across.to_vector(), problem.start[size:]])


def pooled_problem(problem: Problem) -> Problem:
    """Return the same problem without random effects."""
    population = replace(problem.population, omega=Omega(), exponents={}, priors=())
    shifts = shifts_of(population, problem.data, 1)
    kept = set(problem.data.model.covariates)
    if not set(shifts.model.covariates) <= kept:
        return problem
    model = replace(shifts.model, covariates=problem.data.model.covariates)
    return Problem(population, replace(problem.data, model=model), replace(shifts, model=model), problem.settings, problem.censoring)


def pooled_start(problem: Problem) -> Array | None:
    """Return the vector with the typical values and residual errors of the naive pooled fit; None if it fails."""
    pooled = pooled_problem(problem)
    minimum = descend(MarginalObjective(pooled), pooled.start, _ROUGH, rough=True)
    if not np.isfinite(minimum.value.objective):
        return None
    vector = problem.start.copy()
    vector[: problem.places.parameters] = minimum.vector
    return vector


def two_stage_start(problem: Problem, vector: Array) -> Array | None:
    """Return a start with the mean and covariance of the subjects' own values; None if nothing can be told."""
    omega = problem.population.omega
    if not omega.free or omega.unstated != omega.unstated:
        return None
    point = problem.at(vector)
    wide = replace(point, root=_WIDE * np.eye(len(point.root)))
    modes = conditional_modes(problem, wide)
    eta = modes.eta[modes.status != UNSOLVED]
    if len(eta) < 2 or not np.isfinite(eta).all():
        return None
    middle = np.median(eta, axis=0)
    spread = np.clip(1.4826 * np.median(np.abs(eta - middle), axis=0), np.sqrt(_LEAST), 1.5)
    found = vector.copy()
    _with_variances(problem, found, spread)
    size = problem.places.parameters
    effects = problem.shifts.effects @ np.where(np.abs(middle) < 3.0, middle, 0.0)
    for place, k in problem.shifts.shared:
        found[problem.places.effects[k]] = vector[problem.places.effects[k]] + effects[place]
    if problem.broken(problem.at(found)):
        found[:size] = vector[:size]
    return found


def _with_variances(problem: Problem, vector: Array, spread: Array) -> None:
    """Write SDs of random effects into the free numbers of Ω; correlations begin at 0."""
    size = problem.places.parameters
    change = problem.at(problem.start).root_change
    for k, name in enumerate(problem.names[size:]):
        if name.startswith("cov("):
            vector[size + k] = 0.0
            continue
        i = int(np.unravel_index(int(np.abs(change[:, :, k]).argmax()), change.shape[:2])[0])
        vector[size + k] = np.log(spread[i])
