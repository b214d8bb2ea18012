r"""Maximum likelihood by importance sampling: an EM whose expectations are draws at the conditional modes.

The draws of all subjects are weighted by the conditional density of the random effects, which gives conditional means
with little noise (`control`). Two kinds of step are made of them:

* The step of the EM: Ω is fitted to the second moments, and so are the fixed effects that a random effect stands beside
  (what they gain, the random effects lose). The others and the residual errors take a step of Fisher's scoring for the
  complete data.
* The accelerated step: by Fisher's identity the conditional mean of the complete data's score is the gradient of the
  marginal likelihood itself. With the expected information of that it gives a step of scoring, which does not crawl
  where random effects are hardly known from the data. It is taken while it lowers the objective; where it does not, the
  step of the EM follows and the next accelerated one must be shorter.

The draws are the same in all iterations, so that the search is one for the minimum of a function. Near the end the
curvature is learned from the scores (BFGS). Then come iterations with draws of their own and the gain 1/k, the mean of
where each of them would end (Robbins & Monro). The spread of their scores says how far from the minimum the draws leave
the objective; the search ends when that is little.

References
----------
Leary R, Dunlavey M, Chittenden J, Matzuka B, Guzy S. QRPEM, a new standard of accuracy, precision, and efficiency in
NLME population PK/PD methods. Pharsight white paper, 2011. Jamshidian M, Jennrich RI. Acceleration of the EM algorithm
by using quasi-Newton methods. J R Stat Soc B 1997;59:569-587. Robbins H, Monro S. A stochastic approximation method.
Ann Math Stat 1951;22:400-407. Papaspiliopoulos O, Roberts GO, Sköld M. A general framework for the parametrization of
hierarchical models. Stat Sci 2007;22:59-73.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.mixed.em.control import controlled_shares
from pkpd.fit.mixed.em.omega_step import best_omega
from pkpd.fit.mixed.marginal.bounded import bounded_move, learned
from pkpd.fit.mixed.marginal.draws import Weighted, weighted_draws
from pkpd.fit.mixed.marginal.importance import DRAWS, importance_sampling
from pkpd.fit.mixed.marginal.information import expected_information
from pkpd.fit.mixed.marginal.integral import Likelihood, frame_of
from pkpd.fit.mixed.marginal.proposal import subject_keys
from pkpd.fit.mixed.modes.joint_rows import require_plain_errors
from pkpd.fit.mixed.modes.modes import Modes, conditional_modes
from pkpd.fit.mixed.problem.problem import Point, Problem

_REACH = 1.0  # the longest accelerated step: a factor of e for what is on a log scale
_DOUBTFUL = 5.0  # a promise of no more than this that was not kept: the curvature is to be learned
_FLAT = 0.01  # a direction is flat in which a step of 1 changes the objective by less than 0.005: its noise is no loss
CONVERGED, STOPPED, LOST = "converged", "stopped", "lost"


@dataclass(frozen=True)
class EMSettings:
    """How an EM by importance sampling goes.

    Attributes
    ----------
    draws : int
        Draws a subject at the mode in each iteration (the next power of two; an eighth as many from the prior); 0
        leaves the choice to the number of random effects.
    most : int
        Iterations at most, before those that are averaged.
    least_averaged, most_averaged : int
        Iterations that are averaged, at least and at most.
    near : float
        Expected gain of the objective from which on the curvature is learned; at 2 % of it averaging begins.
    excess : float
        The averaging ends when the draws leave no more than this between the objective and its minimum, as expected.
    final : int
        Draws a subject of the likelihood at the end; 0 leaves it out.
    accelerated : bool
        Whether accelerated steps are taken; without them the EM must come near alone.
    """

    draws: int = 0
    most: int = 200
    least_averaged: int = 6
    most_averaged: int = 100
    near: float = 0.5
    excess: float = 0.01
    final: int = 2 * DRAWS
    accelerated: bool = True


@dataclass(frozen=True, eq=False)
class EMRun:
    """What an EM by importance sampling found.

    Attributes
    ----------
    vector : array, shape (free,)
        Estimates, as a vector of the problem.
    likelihood : Likelihood or None
        By importance sampling at the estimates, with its error.
    excess : float
        How far above its minimum the draws leave the objective, as expected.
    monte_carlo : array, shape (free, free)
        Covariance of the vector by the draws alone.
    status : str
        ``"converged"``, ``"stopped"`` (too many iterations) or ``"lost"`` (no step could be taken).
    message : str
        The same in a sentence.
    vectors : array, shape (iterations, free)
        Where each iteration began.
    gains : array, shape (iterations,)
        What a quadratic model promised there.
    descent : int
        How many iterations came before those that were averaged.
    modes : Modes
        Conditional modes at the estimates.
    """

    vector: Array
    likelihood: Likelihood | None
    excess: float
    monte_carlo: Array
    status: str
    message: str
    vectors: Array
    gains: Array
    descent: int
    modes: Modes


def importance_em(
    problem: Problem, start: Array | None = None, settings: EMSettings = EMSettings(), seed: int = 1
) -> EMRun:
    """Maximise the marginal likelihood by an EM with importance sampling.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    start : array, shape (free,), optional
        Where to begin; the population's own values by default.
    settings : EMSettings
        Draws, iterations, when to stop.
    seed : int
        The same seed gives the same bits.

    Raises
    ------
    InputError
        If the population has priors, which this method does not know, or nothing that varies.
    """
    require_plain_errors(problem, "IMP")
    problems = []
    if problem.population.priors:
        problems.append("the EM by importance sampling knows no priors; use Laplace or quadrature")
    if not problem.effects:
        problems.append("there is no random effect to draw; use FOCEI, which is exact here")
    if problems:
        raise InputError(problems, "importance_em")
    return _Search(problem, settings, seed).run(problem.start if start is None else np.asarray(start, dtype=float))


@dataclass(frozen=True, eq=False)
class _Step:
    """Everything of one iteration: where, modes, draws, score and expected information of the objective."""

    point: Point
    modes: Modes
    drawn: Weighted
    objective: float
    score: Array
    information: Array


class _Search:
    """One run; it keeps the modes to begin the next search for them."""

    def __init__(self, problem: Problem, settings: EMSettings, seed: int) -> None:
        self.problem, self.settings, self.seed = problem, settings, seed
        self.keys = subject_keys(problem.data)
        size = len(problem.effects)
        draws = settings.draws or min(max(8 * (size + size * size), 128), 512)
        self.power = max(int(np.ceil(np.log2(draws))), 4)
        self.iteration = self.stream = 0
        self.eta: Array | None = None
        self.vectors: list[Array] = []
        self.gains: list[float] = []

    def run(self, vector: Array) -> EMRun:
        """Descend with the same draws throughout, learn the curvature near the end, then average over other draws."""
        step, reach, refused = self._step(vector), _REACH, False
        curvature: Array | None = None  # near the end: that of the objective itself, learned from the scores
        for begun in range(1, self.settings.most + 1):
            known = step.information if curvature is None else curvature
            gain = bounded_move(step.score, known, _REACH)[1]
            self.gains.append(gain)
            if curvature is not None and gain < 0.02 * self.settings.near:
                return self._averaged(step, curvature, begun)
            if curvature is None and (gain < self.settings.near or (refused and gain < _DOUBTFUL)):
                curvature = known
            move, _ = bounded_move(step.score, known, reach)
            bold = self._kept(step.point, move) if self.settings.accelerated or curvature is not None else None
            there = None if bold is None else self._step(bold)
            noise = -0.05 * self.settings.near if curvature is None else self.settings.near
            if there is None or not there.objective < step.objective + noise:
                if bold is not None:
                    refused = True
                    reach = max(0.25 * min(reach, float(np.linalg.norm(move))), 1e-3)
                moved = self._kept(step.point, em_move(self.problem, step))
                if moved is None:
                    return self._ended(step, np.inf, LOST, begun)
                there = self._step(moved)
            else:
                reach = min(2.0 * reach, _REACH)
            if curvature is not None:
                curvature = learned(curvature, there.point.vector - step.point.vector, there.score - step.score)
            step = there
        return self._ended(step, np.inf, STOPPED, self.settings.most)

    def _averaged(self, step: _Step, curvature: Array, begun: int) -> EMRun:
        """Take steps with other draws each time and the gain 1/k: the mean of where each of them would end."""
        settings, scores, excess = self.settings, [], np.inf
        covariance = np.full_like(curvature, np.nan)
        for k in range(1, settings.most_averaged + 1):
            move, _ = bounded_move(step.score, curvature, _REACH)
            if k > 1:  # the first was taken with the draws of the descent
                scores.append(step.score)
            moved = self._kept(step.point, move / max(k - 1, 1))
            if moved is None:
                return self._ended(step, np.inf, LOST, begun)
            self.stream = k
            step = self._step(moved)
            self.gains.append(bounded_move(step.score, curvature, _REACH)[1])
            if k > settings.least_averaged:
                excess, covariance = left_by_draws(curvature, np.array(scores))
                if excess <= settings.excess:
                    return self._ended(step, excess, CONVERGED, begun, covariance)
        return self._ended(step, excess, STOPPED, begun, covariance)

    def _ended(self, step: _Step, excess: float, status: str, em: int, covariance: Array | None = None) -> EMRun:
        free = len(step.point.vector)
        words = {
            CONVERGED: f"the search ended: the draws leave {excess:.2g} of the objective, as expected",
            STOPPED: f"the search took the most iterations it is given, {len(self.gains)}, and was not at its end: "
            "start from these estimates, or use method='SAEM'",
            LOST: "no step could be taken: start from other values",
        }
        likelihood = None
        if self.settings.final:
            likelihood = importance_sampling(self.problem, step.point, step.modes, self.settings.final, self.seed)
        return EMRun(
            step.point.vector, likelihood, excess, np.full((free, free), np.nan) if covariance is None else covariance,
            status, words[status], np.array(self.vectors), np.array(self.gains), em, step.modes,
        )  # fmt: skip

    def _step(self, vector: Array) -> _Step:
        """Draw at a vector; return the score of the objective there."""
        problem, point = self.problem, self.problem.at(vector)
        modes = conditional_modes(problem, point, self.eta)
        self.eta = modes.eta
        self.iteration += 1
        frame = frame_of(problem, point, modes)
        drawn = weighted_draws(problem, point, frame, self.power, 1, self.seed, True, self.keys, self.stream)
        drawn = replace(drawn, share=controlled_shares(drawn, frame, point, problem.shifts.effects))
        score = _score(problem, point, drawn)
        information = expected_information(problem, point, modes.at)
        self.vectors.append(vector)
        return _Step(point, modes, drawn, _objective(drawn), score, information)

    def _kept(self, point: Point, move: Array) -> Array | None:
        """Return where a move ends, shortened until the constraints hold there; None if it is no number."""
        if not np.isfinite(move).all():
            return None
        population = self.problem.population
        for _ in range(40):
            vector = point.vector + move
            values = population.parameters.from_vector(vector[: self.problem.places.parameters]).as_dict()
            if all(each.holds(values) for each in population.inequalities):
                return vector
            move = 0.5 * move
        return point.vector


def left_by_draws(curvature: Array, scores: Array) -> tuple[float, Array]:
    """Return how far above its minimum draws leave the objective, and the covariance of the vector by them.

    Parameters
    ----------
    curvature : array, shape (free, free)
        Second derivatives of the objective.
    scores : array, shape (iterations, free)
        Its gradient, each with draws of its own; they differ by where they were taken, too, and the differences of
        neighbours hold little of that.
    """
    differences = np.diff(scores, axis=0)
    noise = 0.5 * differences.T @ differences / len(differences)
    sizes, axes = np.linalg.eigh(curvature)
    inverse = (axes / np.maximum(sizes, _FLAT)) @ axes.T
    covariance = inverse @ noise @ inverse / len(scores)
    return 0.5 * float((curvature * covariance).sum()), covariance


def _objective(drawn: Weighted) -> float:
    """Return −2 log L by the draws; infinite where a subject has none that counts."""
    top = drawn.log_weight.max(axis=1)
    if not np.isfinite(top).all():
        return np.inf
    return -2.0 * float((top + np.log(np.exp(drawn.log_weight - top[:, None]).mean(axis=1))).sum())


def _score(problem: Problem, point: Point, drawn: Weighted) -> Array:
    r"""Return the gradient of the objective by Fisher's identity, shape (free,).

    For Ω the complete data are y and :math:`u = L^{-1}\eta`, with L the Cholesky factor: where Ω is nearly singular,
    the score of y and η would drown in noise.
    """
    places = problem.places
    score = np.zeros(len(point.vector))
    by_shift = np.einsum("ik,ika->ia", drawn.share, drawn.by_shift)
    links = np.broadcast_to(point.links, (len(by_shift), *point.links.shape[1:]))
    score[places.effects] = np.einsum("ia,iaf->f", by_shift, links)
    by_error = np.einsum("ik,ika->a", drawn.share, drawn.by_error)
    score[places.errors] = by_error[places.error_free] * point.error_slopes
    slope = drawn.by_shift @ problem.shifts.effects
    together = np.einsum("ika,ikb->ab", slope * drawn.share[:, :, None], drawn.white)
    score[places.parameters :] = np.einsum("ab,abp->p", together, point.root_change)
    return score


def em_move(problem: Problem, step: _Step) -> Array:
    """Return the step of the EM: in closed form where there is one, else a step of scoring for the complete data."""
    point, drawn, places, effects = step.point, step.drawn, problem.places, problem.shifts.effects
    count = problem.subjects
    move = np.zeros(len(point.vector))
    links = np.broadcast_to(point.links, (count, *point.links.shape[1:]))
    shared = point.matrix @ effects.T @ np.linalg.pinv(effects @ point.matrix @ effects.T, hermitian=True) @ links
    away = np.abs(effects @ shared - links).max(axis=(0, 1), initial=0.0)
    size = np.abs(links).max(axis=(0, 1), initial=0.0)
    beside = (away <= 1e-9 * size) & (size > 0)  # a random effect stands beside these
    alone = ~beside & (size > 0)
    mean, square = drawn.mean, drawn.square
    if beside.any():
        a = shared[:, :, beside]
        curved = np.einsum("iaf,ab,ibg->fg", a, point.inverse, a)
        pull = np.einsum("iaf,ab,ib->f", a, point.inverse, mean)
        gained = np.linalg.lstsq(curved, pull, rcond=None)[0]
        lost = a @ gained
        cross = mean[:, :, None] * lost[:, None, :]
        square = square - cross - np.swapaxes(cross, 1, 2) + lost[:, :, None] * lost[:, None, :]
        move[places.effects[beside]] = gained
    rest = np.concatenate([places.effects[alone], places.errors])
    if rest.size:
        terms = step.modes.at.terms
        curved = np.zeros((len(rest), len(rest)))
        few = int(alone.sum())
        z = links[:, :, alone]
        curved[:few, :few] = 2.0 * np.einsum("iaf,iab,ibg->fg", z, step.modes.at.expected, z, optimize=True)
        per = terms.sd_p[:, places.error_free] * point.error_slopes / terms.sd[:, None]
        curved[few:, few:] = 4.0 * per.T @ per
        part = -np.linalg.lstsq(curved, step.score[rest], rcond=None)[0]
        move[rest] = part * min(1.0, 0.7 / max(float(np.abs(part).max()), 1e-300))
    active = problem.shifts.active
    free = best_omega(point.omega, square.mean(axis=0), active, problem.occasions)
    move[places.parameters :] = free - point.vector[places.parameters :]
    return move
