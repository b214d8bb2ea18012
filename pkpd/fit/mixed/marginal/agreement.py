r"""Whether an approximation of the marginal likelihood can be believed: the exact one beside it.

The exact value is computed by adaptive quadrature where its nodes cost no more than the fit did, else by importance
sampling. Two things can be wrong. The approximation can be another number; and it can have its minimum elsewhere. For
the second the gradient g of the exact objective at the estimates says how far that could still fall, :math:`\tfrac12
g^T I^{-1} g` with the expected information I.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.fit.mixed.marginal.bounded import bounded_move
from pkpd.fit.mixed.marginal.importance import DRAWS, REPLICATES, draws_needed, importance_sampling
from pkpd.fit.mixed.marginal.integral import Likelihood
from pkpd.fit.mixed.marginal.pareto import DOUBTFUL
from pkpd.fit.mixed.marginal.quadrature import places_needed, quadrature, quadrature_marginal
from pkpd.fit.mixed.modes.modes import Modes, conditional_modes
from pkpd.fit.mixed.problem.problem import Point, Problem

FREE = 200
"""Evaluations that a check may always cost, however short the fit was."""
PER_SUBJECT, AT_LEAST = 0.2, 2.0
"""An approximation agrees that is off by no more than so much a subject, or so much in all."""
STILL_TO_FALL = 1.0
"""An approximation agrees at whose minimum the exact objective could fall by no more than this."""
_NODES = (9, 7, 5, 3)
_REACH = 1.0  # how far the exact minimum is looked for: a factor of e for what is on a log scale


@dataclass(frozen=True, eq=False)
class Agreement:
    """The exact marginal likelihood beside an approximation.

    Attributes
    ----------
    value : float
        −2 log L without N·log 2π; NaN where it could not be computed.
    error : float
        What it is uncertain by: the change since two nodes fewer, or the standard error of the draws.
    method : str
        How it was computed, in words.
    approximation : float
        What it stands beside.
    limit : float
        From which difference on the two do not agree.
    fall : float
        How far the exact objective could fall from the estimates, as expected; NaN where only draws were affordable.
    agrees : bool
        Whether difference and fall are inside their limits.
    sentence : str
        What to do where they do not agree, or why the value is missing; "" where all is well.
    evaluations : int
        How often every subject was solved.
    likelihood : Likelihood
        Everything about the value, subject by subject.
    """

    value: float
    error: float
    method: str
    approximation: float
    limit: float
    fall: float
    agrees: bool
    sentence: str
    evaluations: int
    likelihood: Likelihood

    @property
    def difference(self) -> float:
        """Approximation minus exact value."""
        return self.approximation - self.value


def agreement(
    problem: Problem, point: Point, approximation: float, method: str, evaluations: int | None = 0,
    modes: Modes | None = None, seed: int = 1,
) -> Agreement:  # fmt: skip
    """Return the exact marginal likelihood beside an approximation, and what it means.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    point : Point
        The estimates.
    approximation : float
        Objective of the method there.
    method : str
        Its name, for the sentence.
    evaluations : int
        How often the fit solved all subjects: the check costs no more (or `FREE`). None takes draws alone: nodes about
        one mode do not see another.
    modes : Modes, optional
        Conditional modes at the estimates; those of FOCE without interaction are searched for anew.
    seed : int
        Of the draws, where there are some.
    """
    modes = conditional_modes(problem, point) if modes is None or modes.frozen is not None else modes
    size, nodes = len(problem.effects), 0
    budget = draws_needed(DRAWS) if evaluations is None else max(evaluations, FREE)
    if evaluations is not None:
        nodes = next((n for n in _NODES if places_needed(n, size) + places_needed(n - 2, size) <= budget), 0)
    fall, found = np.nan, None
    if nodes:
        found = quadrature(problem, point, modes, nodes)
        fewer = quadrature(problem, point, modes, nodes - 2)
        error = abs(found.objective - fewer.objective)
        cost = found.evaluations + fewer.evaluations
        exact = quadrature_marginal(problem, point, min(nodes, 3), modes=modes)
        cost += min(nodes, 3) ** size
        if np.isfinite(exact.objective):
            fall = bounded_move(exact.gradient, exact.information, _REACH)[1]
    if found is None or not error <= 0.5 * _limit(problem):
        draws = DRAWS
        while draws_needed(draws) > budget and draws > 8 * REPLICATES:
            draws //= 2
        found = importance_sampling(problem, point, modes, draws, seed)
        error, cost = found.error, found.evaluations
    agrees, sentence = _verdict(problem, found, error, approximation, method, fall)
    return Agreement(
        found.objective, error, found.method, approximation, _limit(problem), fall, agrees, sentence, cost, found
    )  # fmt: skip


def _limit(problem: Problem) -> float:
    return max(AT_LEAST, PER_SUBJECT * problem.subjects)


def _verdict(
    problem: Problem, found: Likelihood, error: float, approximation: float, method: str, fall: float
) -> tuple[bool, str]:
    """Return whether the two agree, and the sentence that belongs to it."""
    limit, names = _limit(problem), problem.data.subjects
    if not np.isfinite(found.objective):
        lost = [f"subject {names[i]!r}: {found.reasons[i]}" for i in np.flatnonzero(~np.isfinite(found.individual))]
        rest = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        return False, f"the exact likelihood could not be computed ({'; '.join(lost[:3])}{rest})"
    difference = approximation - found.objective
    beyond = abs(difference) - 2.0 * error > limit
    words = []
    if beyond:
        words.append(
            f"{method} gives {approximation:.2f} where the exact objective is {found.objective:.2f} ± {error:.2g} "
            f"({found.method}); they differ by {abs(difference):.2f}, more than {limit:.1f}"
        )
    if fall > STILL_TO_FALL:
        words.append(f"at the estimates of {method} the exact objective could still fall by some {fall:.1f}")
    if words:
        return False, "; ".join(words) + ": fit by quadrature or by importance sampling instead"
    if abs(difference) + 2.0 * error > limit:
        return True, (
            f"the exact objective, {found.objective:.2f} ± {error:.2g}, is too uncertain to judge {method} by: "
            "compute it by importance sampling with more draws"
        )
    doubtful = int((found.pareto >= DOUBTFUL).sum())
    if doubtful:
        return True, f"the exact likelihood of {doubtful} subjects is doubtful (Pareto k̂ ≥ {DOUBTFUL})"
    return True, ""
