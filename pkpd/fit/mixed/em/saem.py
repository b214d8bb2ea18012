r"""Stochastic approximation EM: the maximum of the exact marginal likelihood, without approximating the integral.

An iteration draws random effects given the data (`saem_chains`) and maximises the averaged complete likelihood
(`saem_step`). While the parameters are explored the average is that of the present chains (γ = 1), and variances fall
slowly (annealing); then :math:`\gamma_k = k^{-a}`, and the estimates are the mean of these iterations. At the end the
parameters rest: the chains give conditional means, SDs and samples, and score and information of the marginal
likelihood (`saem_louis`), which say what is left to gain, make up for it, and give standard errors.

References
----------
Delyon B, Lavielle M, Moulines E. Ann Stat 1999;27:94-128. Kuhn E, Lavielle M. Comput Stat Data Anal 2005;49:1020-1038.
Panhard X, Samson A. Biostatistics 2009;10:121-135 (occasions). Samson A, Lavielle M, Mentré F. Comput Stat Data Anal
2006;51:1562-1574 (censored data; here by their density instead of by drawing them). Karimi B, Lavielle M, Moulines E.
Comput Stat Data Anal 2020;141:123-138 (proposals about the modes).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.errors import InputError
from pkpd.fit.mixed.em.saem_chains import Chains
from pkpd.fit.mixed.em.saem_louis import Louis, LouisSums
from pkpd.fit.mixed.em.saem_settings import SaemSettings
from pkpd.fit.mixed.em.saem_step import Maximiser
from pkpd.fit.mixed.modes.joint_rows import require_plain_errors
from pkpd.fit.mixed.modes.modes import conditional_modes
from pkpd.fit.mixed.problem.problem import Point, Problem

BURN_IN, EXPLORATION, SMOOTHING, POLISH = range(4)
"""Phases of a run."""
_WINDOW = 20  # iterations that are compared with those before
_DRIFT = 0.3  # of a complete-data standard error, between two windows
_BATCHES = 4  # whose means say how exact the mean of all iterations is
_SETTLE = 4  # iterations after a step of the parameters, before draws count
_FARTHEST = 3.0  # complete-data standard errors that a step goes along an axis, at first
_LONGEST = 0.7  # longest step on the scales of estimation
_CHAINS = 120, 60  # subject-chains of a model with a closed form, and of others
_DRAWS = 1500, 200  # most iterations of drawing, likewise
_NEAR, _TOO_NOISY = 0.1, 0.3  # −2 log L that may be left to gain beside its noise, and noise that says nothing any more
_CHECK = 5  # iterations between two looks at what is reached


@dataclass(frozen=True, eq=False)
class SaemTrace:
    """What a run went through, an entry an iteration.

    Attributes
    ----------
    names : tuple of str
        Columns of `values`: free parameters, then free elements of Ω.
    values : array, shape (iterations, names)
        Natural values; variances and covariances for Ω.
    complete : array, shape (iterations,)
        −2 log density of the data given the random effects of the chains, mean over chains.
    phase : array of int, shape (iterations,)
        `BURN_IN`, `EXPLORATION`, `SMOOTHING` or `POLISH`.
    share : array, shape (iterations,)
        γ.
    """

    names: tuple[str, ...]
    values: Array
    complete: Array
    phase: Integers
    share: Array


@dataclass(frozen=True, eq=False)
class SaemRun:
    """A run of SAEM.

    Attributes
    ----------
    vector : array, shape (free,)
        Where it ended (`Problem.at`).
    point : Point
        What this vector means.
    trace : SaemTrace
        The way there.
    converged : bool
        Whether score and information say that nothing is left to gain.
    stopped_by : tuple of str
        Why each phase ended.
    shares : mapping
        Move → share of proposals taken at the end.
    mean, sd : arrays, shape (subjects, random effects)
        Conditional mean and SD of the random effects at the end.
    samples : array, shape (draws, subjects, random effects)
        Draws from their conditional distributions.
    louis : Louis
        Scores and observed information of the marginal likelihood there, with Monte-Carlo errors.
    seed : int
        Of all random numbers.
    chains : int
        Chains of every subject.
    """

    vector: Array
    point: Point
    trace: SaemTrace
    converged: bool
    stopped_by: tuple[str, ...]
    shares: dict[str, float]
    mean: Array
    sd: Array
    samples: Array
    louis: Louis
    seed: int
    chains: int


def saem(problem: Problem, start: Array | None = None, settings: SaemSettings | None = None, seed: int = 1) -> SaemRun:
    """Estimate a population by stochastic approximation EM.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    start : array, shape (free,), optional
        The vector to begin with; that of the population by default.
    settings : SaemSettings, optional
        Chains, iterations, moves.
    seed : int
        Of all random numbers: the same seed gives the same bits, in whatever order the subjects stand.

    Raises
    ------
    InputError
        If the population has priors, or random effects on residual errors or correlations of these, which are not part
        of this method yet.
    """
    settings = settings or SaemSettings()
    if problem.population.priors:
        raise InputError("SAEM does not know priors; leave them out, or take another method", "SAEM")
    require_plain_errors(problem, "SAEM")
    return _Run(problem, problem.start if start is None else np.asarray(start, dtype=float), settings, seed).finished()


class _Run:
    """A run while it goes on."""

    def __init__(self, problem: Problem, start: Array, settings: SaemSettings, seed: int) -> None:
        self.problem, self.settings, self.seed = problem, settings, seed
        closed = problem.codes[0].integrated is None
        self._most = settings.samples[1] or (_DRAWS[0] if closed else _DRAWS[1])
        wanted = settings.subject_chains or (_CHAINS[0] if closed else _CHAINS[1])
        copies = settings.chains or max(1, math.ceil(wanted / problem.subjects))
        self.chains = Chains(problem, copies, settings.moves, seed, settings.freedom)
        self.maximiser = Maximiser(problem, self.chains, start)
        self.vectors: list[Array] = []
        self.elements: list[Array] = []
        self.complete: list[float] = []
        self.phase: list[int] = []
        self.share: list[float] = []
        self.kept: deque[Array] = deque()
        self._centre(start)
        maximiser = self.maximiser
        self.chains.begin(maximiser.values, maximiser.errors, maximiser.inverse)

    def _centre(self, vector: Array, eta: Array | None = None) -> None:
        """Look for the conditional modes, and propose about them from now on."""
        if not len(self.problem.effects) or not self.settings.moves.centred + self.settings.moves.block:
            return
        modes = conditional_modes(self.problem, self.problem.at(vector), eta)
        self.chains.about(modes, self.maximiser.matrix, self.maximiser.inverse)

    def _recentre(self) -> None:
        self.chains.settle()
        eta = np.empty(self.maximiser.first.shape)
        eta[np.ix_(self.chains.order, self.chains.effects)] = self.maximiser.first
        self._centre(self.maximiser.whole_vector(), eta)

    def finished(self) -> SaemRun:
        """Go through all phases."""
        settings = self.settings
        for _ in range(settings.burn_in):
            self._iterate(BURN_IN, 1.0, 0.0)
        explored = self._explore()
        smoothed = self._smooth()
        louis, polished = self._polish()
        return self._result("the most" not in polished, (explored, smoothed, polished), louis)

    def _iterate(self, phase: int, share: float, adapt: float) -> None:
        chains, maximiser = self.chains, self.maximiser
        chains.sweep(maximiser.errors, maximiser.matrix, maximiser.inverse, adapt)
        moves = phase != BURN_IN
        guard = self.settings.annealing if phase == EXPLORATION else 0.0
        changed = maximiser.step(share, guard, moves, moves)
        chains.refresh(maximiser.values, maximiser.errors, maximiser.inverse, changed)
        self._note(phase, share)

    def _note(self, phase: int, share: float) -> None:
        chains, maximiser = self.chains, self.maximiser
        self.vectors.append(maximiser.whole_vector())
        self.elements.append(maximiser.free_elements())
        self.complete.append(float(chains.data.sum()) / chains.copies)
        self.phase.append(phase)
        self.share.append(share)

    def _explore(self) -> str:
        """Explore with γ = 1 until two windows of iterations do not differ."""
        least, most = self.settings.exploration
        begun = len(self.vectors)
        recentre = 8
        for k in range(1, most + 1):
            self._iterate(EXPLORATION, 1.0, 1.0 / math.sqrt(k))
            if k == recentre:
                self._recentre()
                recentre *= 2
            if self.settings.stop and k >= max(least, 2 * _WINDOW) and k % _CHECK == 0:
                drift = self._drift(begun)
                if drift <= _DRIFT:
                    return f"exploration ended after {k} iterations: drift {drift:.2g} complete-data standard errors"
        return f"exploration took the most iterations, {most}"

    def _drift(self, begun: int) -> float:
        recent = np.array(self.vectors[max(begun, len(self.vectors) - 2 * _WINDOW) :])
        away = recent[-_WINDOW:].mean(axis=0) - recent[:-_WINDOW].mean(axis=0)
        return float(np.max(np.abs(away) / self.maximiser.scales(), initial=0.0))

    def _smooth(self) -> str:
        """Average until the mean of the iterations rests; the parameters become that mean."""
        least, most = self.settings.smoothing
        self._recentre()
        why = f"smoothing took the most iterations, {most}"
        for k in range(1, most + 1):
            self._iterate(SMOOTHING, float(k) ** -self.settings.power, 0.0)
            if self.settings.stop and k >= least and k % _CHECK == 0:
                span = self._unrest(k)
                if span <= self.settings.rest:
                    why = f"smoothing ended after {k} iterations: error {span:.2g} complete-data standard errors"
                    break
        if self.settings.power < 1:
            kept, free = -self._kept(k), self.problem.places.parameters
            vector = np.mean(self.vectors[kept:], axis=0)[:free]
            self.maximiser.take(vector, np.mean(self.elements[kept:], axis=0))
        return why

    @staticmethod
    def _kept(k: int) -> int:
        """How many of the last iterations of smoothing are averaged: those after the first fifth."""
        return max(1, k - k // 5)

    def _unrest(self, k: int) -> float:
        """Return the largest Monte-Carlo error of the mean of the iterations, by means of batches."""
        recent = np.array(self.vectors[-self._kept(k) :])
        batches = np.array([part.mean(axis=0) for part in np.array_split(recent, _BATCHES)])
        error = batches.std(axis=0, ddof=1) / math.sqrt(_BATCHES)
        return float(np.max(error / self.maximiser.scales(), initial=0.0))

    def _polish(self) -> tuple[Louis, str]:
        """Draw with the parameters at rest, and go where score and information point, until there is nothing to gain.

        A step is taken back where the scores at both ends say that the likelihood has fallen: by the trapezium
        ½ (g₀ + g₁)ᵀδ.
        """
        settings, maximiser = self.settings, self.maximiser
        farthest, place, rounds = _FARTHEST, maximiser.whole_vector(), 0
        louis, kept = self._settled()
        while True:
            _, gain, noise = louis.step()
            if gain <= settings.gain + 2.0 * noise or rounds >= settings.rounds:
                break
            step = louis.step(farthest)[0]
            rounds += 1
            maximiser.move(place + step * min(1.0, _LONGEST / float(np.abs(step).max())))
            if rounds % 2 == 0:
                self._recentre()
            there = maximiser.whole_vector()
            self._note(POLISH, 0.0)
            other, drawn = self._settled()
            risen = 0.5 * float((louis.scores.sum(axis=0) + other.scores.sum(axis=0)) @ (there - place))
            if risen > 0:
                place, louis, kept = there, other, drawn
                farthest *= 1.5
            else:
                farthest *= 0.25
        maximiser.move(place)
        self.kept = kept
        words = f"a step of Newton's method would gain {gain:.2g} in −2 log L, of which {noise:.2g} is noise"
        if noise > _TOO_NOISY:
            return louis, f"polishing took the most iterations and is still noisy: {words}"
        return louis, words if gain <= _NEAR + 2.0 * noise else f"polishing took the most rounds: {words}"

    def _settled(self) -> tuple[Louis, deque[Array]]:
        """Return what draws say at the present parameters, and the last of the draws."""
        maximiser, chains = self.maximiser, self.chains
        chains.refresh(maximiser.values, maximiser.errors, maximiser.inverse)
        for _ in range(_SETTLE):
            chains.sweep(maximiser.errors, maximiser.matrix, maximiser.inverse, 0.0)
        chains.reset_counts()
        return self._drawn(LouisSums(maximiser))

    def _drawn(self, sums: LouisSums) -> tuple[Louis, deque[Array]]:
        """Draw until the noise of what a step would gain is small, or the gain stands out of it."""
        maximiser, chains, settings = self.maximiser, self.chains, self.settings
        least, most = settings.samples[0], self._most
        kept: deque[Array] = deque(maxlen=least)
        planned, done = least, 0
        while True:
            for _ in range(planned):
                chains.sweep(maximiser.errors, maximiser.matrix, maximiser.inverse, 0.0)
                sums.add()
                kept.append(chains.eta.copy())
            done += planned
            louis = sums.result()
            _, gain, noise = louis.step()
            if noise <= settings.noise or done >= most or gain > settings.gain + 10.0 * noise:
                return louis, kept
            planned = min(most - done, max(least, min(done, math.ceil(done * (noise / settings.noise - 1.0)))))

    def _result(self, converged: bool, why: tuple[str, ...], louis: Louis) -> SaemRun:
        problem, chains = self.problem, self.chains
        vector = self.maximiser.whole_vector()
        count, copies, size = problem.subjects, chains.copies, len(problem.effects)
        kept = np.empty((len(self.kept), copies, count, size))
        for k, eta in enumerate(self.kept):
            kept[k][:, chains.order[:, None], chains.effects] = eta.reshape(copies, count, size)
        samples = kept.reshape(-1, count, size)
        free = problem.places.parameters
        natural = np.array(self.vectors)
        natural[:, :free] = problem.population.parameters.scale.back(natural[:, :free])
        natural[:, free:] = self.elements
        trace = SaemTrace(
            problem.names, natural, np.array(self.complete), np.array(self.phase, dtype=np.int64), np.array(self.share)
        )  # fmt: skip
        return SaemRun(
            vector, problem.at(vector), trace, converged, why, chains.shares, samples.mean(axis=0),
            samples.std(axis=0, ddof=1), samples, louis, self.seed, copies,
        )  # fmt: skip


__all__ = ["BURN_IN", "EXPLORATION", "POLISH", "SMOOTHING", "SaemRun", "SaemSettings", "SaemTrace", "saem"]
