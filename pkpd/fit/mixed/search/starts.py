"""Where the searches of a population fit begin: told values, the naive pooled fit, the subjects' own fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.mixed.modes.modes import FOUND, conditional_modes
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.problem.shifts import shifts_of
from pkpd.fit.mixed.search.descent import descend
from pkpd.fit.mixed.search.flip_flop import exchanged, other_side
from pkpd.fit.mixed.search.objective import MarginalObjective
from pkpd.fit.mixed.search.rough import rough_values
from pkpd.fit.mixed.search.two_stage import errors_given, second_stage
from pkpd.population import Omega

_WIDE = 1.0  # SD of every random effect while the subjects find their own values
_FAR = 5.0  # of that scale: a subject whose values ran away says nothing
_CONTRADICTED = np.log(10.0)
_ROUGH = 40  # iterations of a pooled fit that only begins something


def starts_of(problem: Problem, count: int) -> list[tuple[str, Array]]:
    """Return labelled start vectors, the told one first.

    ===========  ==========================================================================================
    told         the population's own values
    pooled       typical values and residual errors of the naive pooled fit; it begins at the told values, or at rough
                 ones where the data contradict the told ones (`rough_start`)
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
    begin = problem.start
    if (rough := rough_start(problem)) is not None:
        begin = rough
    pooled = pooled_start(problem, begin)
    if pooled is not None:
        found.append(("pooled", pooled))
    own = two_stage_start(problem, begin if pooled is None else pooled)
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
    return found[: count + (across is not None)]


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
    data, shifts = replace(problem.data, model=model), replace(shifts, model=model)
    return Problem(population, data, shifts, problem.settings, problem.censoring, problem.given)


def rough_start(problem: Problem) -> Array | None:
    """Return the start that doses, peaks and areas suggest; None where they do not contradict the told one.

    They are where a parameter is more than ten times as large or as small.
    """
    own = problem.population.parameters
    told = rough_values(problem.data)
    rough = {n: v for n, v in told.items() if n in own.free and own[n] > 0 and v > 0}
    if not any(abs(np.log(v / own[n])) > _CONTRADICTED for n, v in rough.items()):
        return None
    inside = {n: v for n, v in rough.items() if own.get(n).lower < v < own.get(n).upper}
    moved = own.with_values(inside)
    if replace(problem.population, parameters=moved).broken:
        moved = exchanged(moved, problem.population)
    size = problem.places.parameters
    vector = np.concatenate([moved.to_vector(), problem.start[size:]])
    return None if problem.broken(problem.at(vector)) else vector


def pooled_start(problem: Problem, begin: Array) -> Array | None:
    """Return the vector with the typical values and residual errors of the naive pooled fit; None if it fails.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    begin : array, shape (free,)
        Where it begins.
    """
    pooled = pooled_problem(problem)
    minimum = descend(MarginalObjective(pooled), begin[: problem.places.parameters], _ROUGH, rough=True)
    if not np.isfinite(minimum.value.objective):
        return None
    vector = begin.copy()
    vector[: problem.places.parameters] = minimum.vector
    return vector


def two_stage_start(problem: Problem, vector: Array) -> Array | None:
    """Return a start with the mean and covariance of the subjects' own values; None if nothing can be told.

    Each subject's values are its conditional modes under a wide Ω, so that a subject with few samples has some, too.
    """
    point = problem.at(vector)
    if not len(point.root):
        return None
    modes = conditional_modes(problem, replace(point, root=_WIDE * np.eye(len(point.root))))
    used = (modes.status == FOUND) & (np.abs(modes.eta).max(axis=1) < _FAR)
    if used.sum() < 2:
        return None
    found = vector.copy()
    errors_given(problem, found, modes, used)
    found = second_stage(problem, found, modes.eta[used])
    if problem.broken(problem.at(found)):
        found[problem.places.effects] = vector[problem.places.effects]
    return found
