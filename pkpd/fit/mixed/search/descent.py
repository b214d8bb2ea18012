"""From a start to a minimum in two stages: by the expected information, then by the exact Hessian, which is corrected.

The information of the linearised model brings a search near the minimum in some ten evaluations, from far away. There
it is only nearly right, and the Hessian (differences of the exact gradient) takes over; every further point corrects
it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

from pkpd.arrays import Array
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.search.curvature import differenced_hessian
from pkpd.fit.mixed.search.edges import exact_outputs
from pkpd.fit.mixed.search.objective import Evaluated, MarginalObjective
from pkpd.fit.search import Minimum, Remembered, Secant, newton_step, solid

_SLOW = 0.05  # of −2 log L an iteration: where the second stage begins
_STILL = 1e-7  # of −2 log L: nothing is gained any more
_DONE = 1e-9  # gᵀH⁻¹g
_MOVED = 1e-3  # of the vector: a Hessian from nearer than this is the Hessian here
_PATIENCE = 3
_STAGES = 4
_NEIGHBOUR = 0.5  # of the vector: from here a search is on the slope of a minimum, if the objective says so too


@dataclass
class _Watch:
    """Ends a stage: some iterations in a row gain nothing, a Newton step would gain nothing, or no error is left."""

    remembered: Remembered[Evaluated]
    little: float
    decrement: Callable[[Array], float] | None = None
    problem: Problem | None = None
    last: float = field(default=np.inf)
    idle: int = 0

    def __call__(self, x: Array) -> None:
        here = self.remembered(x).objective
        if self.problem is not None and _exact(self.problem, self.remembered(x)):
            raise StopIteration
        gained = self.last - here
        if np.isfinite(self.last):
            self.idle = self.idle + 1 if gained < self.little else 0
        self.last = here
        if self.idle >= _PATIENCE or (self.decrement is not None and self.decrement(x) < _DONE):
            raise StopIteration


@dataclass(frozen=True, eq=False)
class Known:
    """A minimum that another search found.

    Attributes
    ----------
    vector, hessian : arrays
        Where, and its Hessian.
    objective : float
        The objective there.
    """

    vector: Array
    hessian: Array
    objective: float

    def leads_here(self, x: Array, objective: float) -> bool:
        """Say whether a point lies on the slope of this minimum: the objective is what its quadratic says."""
        step = x - self.vector
        above = 0.5 * float(step @ self.hessian @ step)
        return bool(np.abs(step).max() < _NEIGHBOUR and abs(objective - self.objective - above) < 0.05 + 0.3 * above)


def descend(
    objective: MarginalObjective, start: Array, limit: int = 100, known: Sequence[Known] = (), rough: bool = False
) -> Minimum[Evaluated]:
    """Return the minimum that is reached from a start, with its exact Hessian.

    Parameters
    ----------
    objective : MarginalObjective
        What is minimised.
    start : array, shape (free,)
        Where to begin.
    limit : int
        Most iterations of a stage.
    known : sequence of Known
        Minima that were found before: a search that is on the slope of one ends there, at its first stage.
    rough : bool
        The first stage alone.
    """
    remembered: Remembered[Evaluated] = Remembered(objective)
    problem = objective.problem
    x = np.asarray(start, dtype=float)
    if x.size == 0 or not np.isfinite(remembered(x).objective):
        return Minimum(x, remembered(x), np.full((x.size, x.size), np.nan), np.nan if x.size else 0.0, remembered.count)
    x = _from_afar(objective, x, limit)
    if rough or any(k.leads_here(x, remembered(x).objective) for k in known):
        return Minimum(x, remembered(x), np.full((x.size, x.size), np.nan), np.nan, remembered.count)
    hessian, at = differenced_hessian(remembered, x), x
    for _ in range(_STAGES):
        if _settled(remembered, x, hessian) or _exact(problem, remembered(x)):
            break
        secant = Secant(x, remembered(x).gradient, hessian)

        def bent(v: Array, secant: Secant = secant) -> Array:
            return secant.at(v, remembered(v).gradient)

        def decrement(v: Array, secant: Secant = secant) -> float:
            return newton_step(secant.matrix, remembered(v).gradient)[1]

        before = remembered(x).objective
        x = _stage(remembered, x, bent, _Watch(remembered, _STILL, decrement, problem), limit)
        moved = _far(x - at, hessian)
        gained = before - remembered(x).objective
        if moved > _MOVED:
            hessian, at = differenced_hessian(remembered, x), x
        else:
            hessian = bent(x)  # it learnt on the way
        if gained < _STILL:
            break
    return Minimum(x, remembered(x), hessian, newton_step(hessian, remembered(x).gradient)[1], remembered.count)


def _from_afar(objective: MarginalObjective, x: Array, limit: int) -> Array:
    """Return where the first stage ends: by the expected information, with modes that are nearly exact."""
    objective.rough = True
    try:
        remembered: Remembered[Evaluated] = Remembered(objective)
        if not np.isfinite(remembered(x).objective):
            return x
        watch = _Watch(remembered, _SLOW, problem=objective.problem)
        return _stage(remembered, x, lambda v: solid(remembered(v).information), watch, limit)
    finally:
        objective.rough = False


def _far(step: Array, hessian: Array) -> float:
    """Return how far a step is for a Hessian: a flat direction, as of a variance on its way to zero, does not count."""
    steep = np.sqrt(np.maximum(np.diag(hessian), 0.0))
    return float((np.abs(step) * np.minimum(steep, 1.0)).max())


def _exact(problem: Problem, value: Evaluated) -> bool:
    """Say whether some output has no residual error left: the objective falls for ever from there."""
    return value.marginal is not None and bool(exact_outputs(problem, value.marginal))


def _settled(remembered: Remembered[Evaluated], x: Array, hessian: Array) -> bool:
    return bool(newton_step(hessian, remembered(x).gradient)[1] < _DONE)


def _stage(
    remembered: Remembered[Evaluated], x: Array, curvature: Callable[[Array], Array], watch: _Watch, limit: int
) -> Array:
    """Search with SciPy's trust-region Newton method until the watch ends it."""
    found = minimize(
        lambda v: remembered(v).objective, x, jac=lambda v: remembered(v).gradient, hess=curvature,
        method="trust-exact", callback=watch,
        options={"maxiter": limit, "gtol": 1e-9, "initial_trust_radius": 1.0, "max_trust_radius": 4.0},
    )  # fmt: skip
    better: Array = np.asarray(found.x, dtype=float)
    return better
