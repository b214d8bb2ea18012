r"""The marginal likelihood by importance sampling at the conditional modes, with its own error.

With q the density that random effects are drawn from, :math:`L_i = \mathrm{mean}_k\, p(y_i, \eta_k)/q(\eta_k)`. The draws are a
t distribution at the mode with the inverse half curvature and a share of the prior, quasi-random, in independent replicates
(`proposal`). The mean over the replicates is unbiased; its spread between them gives the standard error of
:math:`-2\log L`, subject by subject, and what the logarithm bends (half the relative variance) is put right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.errors import InputError
from pkpd.fit.mixed.copies import joint
from pkpd.fit.mixed.integral import Frame, Likelihood, frame_of, reasons_of
from pkpd.fit.mixed.modes import Modes, conditional_modes
from pkpd.fit.mixed.pareto import DOUBTFUL, pareto_shape
from pkpd.fit.mixed.problem import Point, Problem
from pkpd.fit.mixed.proposal import DEFENSIVE, draw_effects, subject_keys

REPLICATES = 8
"""Independent replicates, from whose spread the error comes."""
DRAWS = 1000
"""Draws a subject at the mode, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class Weighted:
    """Draws of every subject's random effects with their weights.

    Attributes
    ----------
    eta : array, shape (subjects, draws, random effects)
        All replicates, one after the other.
    log_weight : array, shape (subjects, draws)
        log p(y, η) − log q(η), without N·log 2π; −∞ where the subject could not be solved.
    share : array, shape (subjects, draws)
        Weights that add up to 1; 0 throughout for a subject without any.
    missed : array of int, shape (subjects,)
        In how many draws the subject could not be solved.
    by_shift, by_error : arrays, shapes (subjects, draws, differentiated), (subjects, draws, errors' parameters)
        Slopes of −2 log p(y | η); no columns unless asked for.
    """

    eta: Array
    log_weight: Array
    share: Array
    missed: Integers
    by_shift: Array
    by_error: Array

    @property
    def mean(self) -> Array:
        """Conditional means, shape (subjects, random effects)."""
        return np.einsum("ik,ika->ia", self.share, self.eta)

    @property
    def square(self) -> Array:
        """Conditional means of η ηᵀ, shape (subjects, random effects, random effects)."""
        result: Array = np.swapaxes(self.share[:, :, None] * self.eta, 1, 2) @ self.eta
        return result


def weighted_draws(
    problem: Problem, point: Point, frame: Frame, power: int, replicates: int, seed: int, slopes: bool = False,
    keys: tuple[int, ...] | None = None, stream: int = 0,
) -> Weighted:  # fmt: skip
    """Return draws with their weights.

    Parameters
    ----------
    problem, point : Problem, Point
        What is fitted, and where.
    frame : Frame
        Modes and half curvatures at the point or near it.
    power : int
        2**power draws at the mode in each replicate, an eighth as many from the prior.
    replicates, seed : int
        Independent replicates; what they are made of.
    slopes : bool
        Whether slopes are wanted, too.
    keys : tuple of int, optional
        `subject_keys` of the data, where they are known already.
    stream : int
        Another stream gives other draws.
    """
    drawn = draw_effects(point, frame, keys or subject_keys(problem.data), power, replicates, seed, stream)
    count, _, _, size = drawn.eta.shape
    eta = drawn.eta.reshape(count, -1, size)
    found = joint(problem, point, eta, slopes)
    log_weight = -0.5 * (found.value + point.log_determinant) - drawn.log_density.reshape(count, -1)
    top = log_weight.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        share = np.exp(log_weight - np.where(np.isfinite(top), top, 0.0))
        total = share.sum(axis=1, keepdims=True)
        share = np.where(total > 0, share / np.where(total > 0, total, 1.0), 0.0)
    missed = (~np.isfinite(found.value)).sum(axis=1)
    return Weighted(eta, log_weight, share, missed, found.by_shift, found.by_error)


def importance_sampling(
    problem: Problem, point: Point, modes: Modes | None = None, draws: int = DRAWS, seed: int = 1
) -> Likelihood:
    """Return the marginal likelihood by importance sampling.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    modes : Modes, optional
        Conditional modes at this point with interaction (not those of FOCE); searched for when left out.
    draws : int
        Draws a subject at the mode, in eight replicates of the next power of two each; an eighth as many come from
        the prior.
    seed : int
        The same seed gives the same bits.
    """
    if draws < REPLICATES or seed < 0:
        raise InputError([f"draws is {draws} and seed is {seed}; expected draws ≥ {REPLICATES} and seed ≥ 0"])
    modes = conditional_modes(problem, point) if modes is None or modes.frozen is not None else modes
    frame = frame_of(problem, point, modes)
    power = max(int(np.ceil(np.log2(draws / REPLICATES))), 3)
    drawn = weighted_draws(problem, point, frame, power, REPLICATES, seed)
    likelihood, relative = _log_means(drawn.log_weight)
    individual = np.where(frame.lost | ~np.isfinite(likelihood), np.nan, -2.0 * likelihood - relative)
    error = np.where(np.isnan(individual), np.nan, 2.0 * np.sqrt(relative))
    mean = drawn.mean
    with np.errstate(all="ignore"):
        effective = 1.0 / (drawn.share**2).sum(axis=1)
    pareto = pareto_shape(drawn.log_weight)
    reasons = [
        text or (f"Pareto k̂ of the draws is {k:.2f}: they do not represent the subject" if k >= DOUBTFUL else "")
        for text, k in zip(reasons_of(modes, individual, drawn.missed, drawn.eta.shape[1]), pareto, strict=True)
    ]
    return Likelihood(
        float(individual.sum()), float(np.sqrt((error**2).sum())), individual, error, mean,
        drawn.square - mean[:, :, None] * mean[:, None, :],
        f"importance sampling, {REPLICATES} × {2**power} draws and an eighth from the prior",
        drawn.eta.shape[1], np.where(drawn.share.any(axis=1), effective, 0.0), pareto, tuple(reasons),
    )  # fmt: skip


def draws_needed(draws: int = DRAWS) -> int:
    """Return how often every subject will be solved."""
    power = max(int(np.ceil(np.log2(draws / REPLICATES))), 3)
    return REPLICATES * (2**power + 2**power // DEFENSIVE)


def _log_means(log_weight: Array) -> tuple[Array, Array]:
    """Return the logarithm of the mean weight and the relative variance of that mean, shape (subjects,) each."""
    parts = log_weight.reshape(len(log_weight), REPLICATES, -1)
    top = parts.max(axis=(1, 2))
    safe = np.where(np.isfinite(top), top, 0.0)
    means = np.exp(parts - safe[:, None, None]).mean(axis=2)  # subjects × replicates
    mean = means.mean(axis=1)
    with np.errstate(all="ignore"):
        relative = means.var(axis=1, ddof=1) / REPLICATES / mean**2
        return safe + np.log(mean), np.where(np.isfinite(relative), relative, np.inf)
