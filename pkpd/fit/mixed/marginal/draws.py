"""Draws of every subject's random effects with their weights: what importance sampling adds up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.fit.mixed.marginal.copies import joint
from pkpd.fit.mixed.marginal.integral import Frame
from pkpd.fit.mixed.marginal.proposal import draw_effects, subject_keys
from pkpd.fit.mixed.problem.problem import Point, Problem


@dataclass(frozen=True, eq=False)
class Weighted:
    """Draws of every subject's random effects with their weights.

    Attributes
    ----------
    white, eta : arrays, shape (subjects, draws, random effects)
        :math:`u = L^{-1}\\eta` and η; all replicates, one after the other.
    log_weight : array, shape (subjects, draws)
        log p(y, u) − log q(u), without N·log 2π; −∞ where the subject could not be solved.
    share : array, shape (subjects, draws)
        Weights that add up to 1; 0 throughout for a subject without any.
    missed : array of int, shape (subjects,)
        In how many draws the subject could not be solved.
    by_shift, by_error : arrays, shapes (subjects, draws, differentiated), (subjects, draws, errors' parameters)
        Slopes of −2 log p(y | η); no columns unless asked for.
    """

    white: Array
    eta: Array
    log_weight: Array
    share: Array
    missed: Integers
    by_shift: Array
    by_error: Array

    @property
    def mean(self) -> Array:
        """Conditional means, shape (subjects, random effects)."""
        result: Array = np.einsum("ik,ika->ia", self.share, self.eta)
        return result

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
    drawn = draw_effects(frame, keys or subject_keys(problem.data), power, replicates, seed, stream)
    count, _, _, size = drawn.white.shape
    white = drawn.white.reshape(count, -1, size)
    found = joint(problem, point, white, slopes)
    log_weight = -0.5 * found.value - drawn.log_density.reshape(count, -1)
    top = log_weight.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        share = np.exp(log_weight - np.where(np.isfinite(top), top, 0.0))
        total = share.sum(axis=1, keepdims=True)
        share = np.where(total > 0, share / np.where(total > 0, total, 1.0), 0.0)
    missed = (~np.isfinite(found.value)).sum(axis=1)
    return Weighted(white, white @ point.root.T, log_weight, share, missed, found.by_shift, found.by_error)
