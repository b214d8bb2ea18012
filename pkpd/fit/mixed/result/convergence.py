"""How a population fit ended: gradient, modes, subjects, bounds, other starts, the exact likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import few
from pkpd.files import Part
from pkpd.fit.cautions import NEAR
from pkpd.fit.mixed.modes.modes import FOUND, UNSOLVED, WORDS
from pkpd.fit.mixed.result.estimate import Estimate, Exact
from pkpd.fit.mixed.result.uncertainty import Uncertainty
from pkpd.population import Population

SAME = 1e-2
"""Objectives that differ by less belong to one optimum."""
_ONCE = ("two-stage",)  # methods whose estimates minimise no objective
_COLLAPSED = 1e-3  # mean square of the modes over ω², below which the data say nothing for a variance
_TIED = 0.99  # absolute correlation of random effects that is as good as 1


@dataclass(frozen=True, eq=False)
class Convergence(Part):
    """How a fit ended, as numbers and names.

    Attributes
    ----------
    gradient : mapping
        Name in the vector → derivative of the objective; empty where the estimates are no minimum of it (SAEM, EM,
        two-stage).
    scaled_gradient : mapping
        The same times the standard error (by R): dimensionless, comparable between parameters.
    decrement : float
        Twice what a Newton step could still gain; NaN if the curvature is not positive definite.
    failed_modes : mapping
        Subject → why its conditional mode is not good.
    unsolved : mapping
        Subject → why its equations could not be solved.
    boundary : tuple of str
        Sentences on what lies at the edge of what is possible.
    condition_number : float
        Of the correlation matrix of the estimates (by R).
    starts, reached : int
        Starts that were tried, and those that ended within 0.01 of the best objective.
    others : tuple of (str, float)
        Label and objective of the best start of every other optimum.
    exact : Exact or None
        The marginal likelihood without the approximation.
    difference : float
        Exact value minus objective; NaN where not computed.
    evaluations : int
        Evaluations of the objective.
    seconds : float
        Time of the fit.
    """

    gradient: Mapping[str, float]
    scaled_gradient: Mapping[str, float]
    decrement: float
    failed_modes: Mapping[Any, str]
    unsolved: Mapping[Any, str]
    boundary: tuple[str, ...]
    condition_number: float
    starts: int
    reached: int
    others: tuple[tuple[str, float], ...]
    exact: Exact | None
    difference: float
    evaluations: int
    seconds: float

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a reader should know, in sentences; only what is worth saying."""
        said = []
        if self.gradient:
            worst = max(self.scaled_gradient, key=lambda n: _size(self.scaled_gradient[n]))
            said.append(f"largest gradient × SE {self.scaled_gradient[worst]:.2g} ({worst})")
            said.append(f"a Newton step could still gain {self.decrement / 2:.2g}")
        said.append(f"condition number {self.condition_number:.3g}")
        if self.starts > 1:
            said.append(f"{self.reached} of {self.starts} starts ended here")
        said += [f"another optimum at {value:.4f} ({label})" for label, value in self.others]
        said += _named(self.unsolved, "could not be solved")
        said += _named(self.failed_modes, "has no good conditional mode")
        said += self.boundary
        if self.exact is not None:
            said.append(self.exact.sentence or f"−2 log L by {self.exact.method}: {self.exact.value:.3f}")
        return tuple(said)

    def __repr__(self) -> str:
        lines = [f"{self.evaluations} evaluations, {self.seconds:.3g} s", *self.sentences]
        return "\n".join(f"- {line}" for line in lines)


def _size(number: float) -> float:
    return abs(number) if math.isfinite(number) else math.inf


def _named(subjects: Mapping[Any, str], what: str) -> list[str]:
    """One sentence for each reason, with the subjects that share it."""
    found = []
    for why in dict.fromkeys(subjects.values()):
        who = [str(s) for s, other in subjects.items() if other == why]
        found.append(f"{few(who)} {what}: {why}")
    return found


def convergence_of(estimate: Estimate, uncertainty: Uncertainty) -> Convergence:
    """Return how a fit ended.

    Parameters
    ----------
    estimate : Estimate
        Where the search ended.
    uncertainty : Uncertainty
        Of its vector.
    """
    problem, there = estimate.problem, estimate.marginal
    searched = estimate.run is None and estimate.method not in _ONCE
    modes, names = there.modes, problem.names
    gradient = there.gradient + _prior_gradient(estimate)
    scaled = gradient * np.sqrt(np.diag(uncertainty.covariance("R")))
    status = dict(zip(problem.data.subjects, modes.status.tolist(), strict=True))
    unsolved = {
        who: problem.advice(k, there.point, modes.eta) or WORDS[UNSOLVED]
        for k, who in enumerate(problem.data.subjects)
        if status[who] == UNSOLVED
    }
    failed = {who: WORDS[code] for who, code in status.items() if code not in (FOUND, UNSOLVED)}
    best = estimate.objective
    ends = [t for t in estimate.tried if math.isfinite(t.objective)]
    exact = estimate.exact
    return Convergence(
        dict(zip(names, gradient.tolist(), strict=True)) if searched else {},
        dict(zip(names, scaled.tolist(), strict=True)) if searched else {},
        estimate.decrement if searched else math.nan,
        failed, unsolved, boundary(problem.population_at(estimate.vector), modes_square(estimate)),
        uncertainty.condition_number("R"), max(len(estimate.tried), 1),
        sum(abs(t.objective - best) <= SAME for t in ends) if estimate.tried and searched else 1,
        _others(estimate) if searched else (), exact, math.nan if exact is None else exact.value - best,
        estimate.evaluations, estimate.seconds,
    )  # fmt: skip


def _prior_gradient(estimate: Estimate) -> Array:
    """What the priors add to the gradient."""
    if not estimate.problem.population.priors:
        return np.zeros(estimate.vector.size)
    density = estimate.problem.population_at(estimate.vector).prior_density()
    return np.concatenate([density.parameters, density.omega])


def _others(estimate: Estimate) -> tuple[tuple[str, float], ...]:
    """The best start of every other optimum that was met, best first."""
    seen, found = [estimate.objective], []
    for tried in sorted(estimate.tried, key=lambda t: t.objective):
        if math.isfinite(tried.objective) and all(abs(tried.objective - value) > SAME for value in seen):
            seen.append(tried.objective)
            found.append((tried.label, tried.objective))
    return tuple(found)


def modes_square(estimate: Estimate) -> dict[str, float]:
    """Return the mean square of the conditional modes over the variance, by random effect."""
    point, modes = estimate.point, estimate.marginal.modes
    known = modes.status != UNSOLVED
    with np.errstate(all="ignore"):
        ratio = (modes.eta[known] ** 2).mean(axis=0) / np.diag(point.matrix) if known.any() else np.diag(point.matrix)
    return dict(zip(estimate.problem.effects, ratio.tolist(), strict=True))


def boundary(population: Population, square: Mapping[str, float]) -> tuple[str, ...]:
    """Return a sentence for everything that lies at the edge of what is possible.

    Parameters
    ----------
    population : Population
        At the estimates.
    square : mapping
        Random effect → mean square of its modes over its variance: 0 where the data say nothing for the variance.
    """
    said = []
    parameters = population.parameters
    for name in parameters.free:
        item = parameters.get(name)
        width = item.upper - item.lower
        for bound in (item.lower, item.upper):
            room = NEAR * (width if math.isfinite(width) else abs(bound))
            if math.isfinite(bound) and abs(item.value - bound) < room:
                said.append(f"{name} = {item.value:.4g} is near its bound {bound:g}")
    matrix, names = population.omega.matrix(), population.omega.names()
    free = set(population.omega.free)
    for name, value in zip(names, np.diag(matrix), strict=True):
        label = name.removesuffix("_1") if name.startswith("kappa_") else name
        gone = square.get(name, math.inf) < _COLLAPSED
        if f"var({label})" in free and value > 0 and gone:
            said.append(f"the variance of {label} is at 0 ({value:.2g}): the data show none; fix it at 0")
    with np.errstate(all="ignore"):
        sd = np.sqrt(np.diag(matrix))
        correlation = matrix / np.outer(sd, sd)
    for i, j in np.argwhere(np.triu(np.abs(correlation) > _TIED, 1)).tolist():
        said.append(f"{names[i]} and {names[j]} move together (correlation {correlation[i, j]:.3f})")
    values = parameters.as_dict()
    for constraint in population.inequalities:
        margin = constraint.value(values)
        scale = max(abs(values[n]) for n in constraint.names) if constraint.names else 1.0
        if margin < NEAR * scale:
            said.append(f"the estimates lie on the constraint {constraint.text}")
    return tuple(said)
