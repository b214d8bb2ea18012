"""Searching the optimum of a population fit: trust-region Newton, ways out of collapsed variances, several starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.mixed.marginal.laplacian import FO
from pkpd.fit.mixed.marginal.several import several_modes
from pkpd.fit.mixed.search.descent import Known, descend
from pkpd.fit.mixed.search.edges import collapsed, scale_of
from pkpd.fit.mixed.search.objective import Evaluated, MarginalObjective
from pkpd.fit.mixed.search.starts import across_start
from pkpd.fit.search import Minimum

_SHARES = (0.3, 0.1, 0.03)  # of the whole variance's SD: where a collapsed one is tried again
_GAIN = 1e-5  # of the objective
_FAR_ABOVE = 1000.0  # of the objective, a value: a start so far above another one is not searched from
_ROUNDS = 3
_LEVEL = 1e-4  # largest slope of an optimum, relative to the objective
_SAME = 1e-2  # objectives that differ by less belong to one optimum


@dataclass(frozen=True, eq=False)
class Attempt:
    """One start and where its search ended.

    Attributes
    ----------
    label : str
        Where the start came from.
    start : array, shape (free,)
        The start.
    first : float
        Objective there.
    minimum : Minimum
        The end.
    """

    label: str
    start: Array
    first: float
    minimum: Minimum[Evaluated]

    @property
    def objective(self) -> float:
        """Objective at the end."""
        return self.minimum.value.objective

    @property
    def complete(self) -> bool:
        """Whether it went to its end; not where it met the slope of a minimum that was known."""
        return bool(np.isfinite(self.minimum.hessian).all() and self.minimum.hessian.size)


def search(objective: MarginalObjective, start: Array, label: str = "start", known: Sequence[Known] = ()) -> Attempt:
    """Search from one start; where a variance ran to zero, it is tried again from larger ones.

    Parameters
    ----------
    objective : MarginalObjective
        What is minimised.
    start : array, shape (free,)
        The vector of the start.
    label : str
        Where it came from.
    known : sequence of Known
        Minima that were found before; a search that is on the slope of one ends there.
    """
    first = objective(start).objective
    minimum = descend(objective, start, known=known)
    if np.isnan(minimum.hessian).all():
        return Attempt(label, start, first, minimum)
    for _ in range(_ROUNDS):
        better = _way_out(objective, minimum)
        if better is None:
            break
        again = descend(objective, better)
        if not again.value.objective < minimum.value.objective - _GAIN:
            break
        minimum = again
    return Attempt(label, start, first, minimum)


def _way_out(objective: MarginalObjective, minimum: Minimum[Evaluated]) -> Array | None:
    """Return a better vector with a collapsed variance made larger, if there is one."""
    problem, best = objective.problem, minimum.value.objective
    if not np.isfinite(best):
        return None
    found = None
    for place in collapsed(problem, minimum.vector):
        scale = scale_of(problem, minimum.vector, place)
        for share in _SHARES:
            trial = minimum.vector.copy()
            trial[place] = np.log(share * scale)
            value = objective(trial).objective
            if value < best - _GAIN:
                found, best = trial, value
    return found


def search_all(objective: MarginalObjective, starts: Sequence[tuple[str, Array]]) -> list[Attempt]:
    """Search from several starts, the most likely first; return where they ended, best first.

    Where absorption and elimination may change places, the other side of the best optimum is looked at too.
    """
    ranked = sorted(starts, key=lambda s: objective(s[1]).objective)
    attempts: list[Attempt] = []
    known: list[Known] = []

    def go(label: str, vector: Array) -> None:
        found = search(objective, vector, label, known)
        attempts.append(found)
        if found.complete:
            known.append(Known(found.minimum.vector, found.minimum.hessian, found.objective))

    rows = objective.problem.data.time.size
    least = objective(ranked[0][1]).objective
    for label, vector in ranked:
        far = objective(vector).objective - least > _FAR_ABOVE * rows
        if not far or not any(a.complete for a in attempts):
            go(label, vector)
    attempts.sort(key=_rank)
    if len(starts) > 1 and attempts[0].complete:  # what the best one looks like from the other side of flip-flop
        across = across_start(objective.problem, attempts[0].minimum.vector)
        if across is not None:
            go("other side", across)
    return sorted(attempts, key=_rank)


def in_lowest_modes(objective: MarginalObjective, attempt: Attempt, least: float) -> tuple[Attempt, str]:
    """Look for other modes of the subjects at the end of a search; where there are lower ones, go on in them.

    Returns the attempt, and a sentence that names subjects with several modes.

    Parameters
    ----------
    objective : MarginalObjective
        What is minimised.
    attempt : Attempt
        Where the best search ended.
    least : float
        How odd a subject must be to be looked at (`several.oddness`).
    """
    problem, sentence = objective.problem, ""
    for _ in range(_ROUNDS):
        there = attempt.minimum.value.marginal
        if there is None or not np.isfinite(there.objective) or objective.method == FO:
            break
        several = several_modes(problem, there.point, there.modes, least)
        sentence = several.sentence(problem)
        if not several.lower.any():
            break
        vector = attempt.minimum.vector
        if not objective.begin_at(vector, several.eta).objective < np.inf:
            break
        attempt = replace(attempt, minimum=search(objective, vector).minimum)
    return attempt, sentence


def _rank(attempt: Attempt) -> tuple[bool, float]:
    return not attempt.complete, attempt.objective


def optima(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return the best attempt, then one for each other optimum that was met: where the gradient is zero, in truth."""
    found: list[Attempt] = []
    for k, attempt in enumerate(attempts):
        level = float(np.abs(attempt.minimum.value.gradient).max(initial=0.0))
        there = k == 0 or (attempt.complete and level < _LEVEL * (1.0 + abs(attempt.objective)))
        if there and all(abs(attempt.objective - a.objective) > _SAME for a in found):
            found.append(attempt)
    return found
