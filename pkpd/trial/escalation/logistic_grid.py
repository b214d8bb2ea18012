"""The posterior of a two-parameter logistic curve on a grid, for many trials at once.

Both parameters are analytic, so the trapezoidal rule converges faster than any power of the step. An interval of
toxicity has an edge that would spoil this. At a given slope the edge is a threshold of ln α; the integral up to it is
taken of the band-limited function through the values on the grid (a sum of sine integrals), which converges as fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pkpd.arrays import Array, Integers

_REACH = 6.0  # standard deviations of the prior
_STEP = 0.55  # of ln α, by the smallest SD that it can have at a given slope
_WIDEST, _SLOPE_STEP = 0.3, 0.3  # of ln α and ln β, and in standard deviations of the prior
_LEVER = 2.0  # of the typical slope; beyond it the step of the slope is up to half as long
_ROUND = 6  # patients: a grid is made for the next multiple
_BLOCK = 500  # trials whose densities are held at once


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of toxicity, shape (trials, levels) each.

    Attributes
    ----------
    mean : array
        Posterior mean of the probability of toxicity.
    inside, above : array
        Posterior probability that it lies in the target interval, and above it.
    """

    mean: Array
    inside: Array
    above: Array


@dataclass(frozen=True, eq=False)
class Grid:
    """A prior on a grid of n points.

    Attributes
    ----------
    log_prior : array, shape (n,)
        Its logarithm but for a constant.
    log_p, log_q : array, shape (levels, n)
        Logarithms of the probabilities of toxicity and of none.
    p, low, high : array, shape (n, levels)
        Probability of toxicity, and weights that add up to that of exceeding the ends of the target interval.
    """

    log_prior: Array
    log_p: Array
    log_q: Array
    p: Array
    low: Array
    high: Array

    def posterior(self, treated: Integers, toxic: Integers) -> Posterior:
        """Return what patients and toxicities say, shape (trials, levels) both."""
        shape = treated.shape
        mean, inside, above = np.empty(shape), np.empty(shape), np.empty(shape)
        for begin in range(0, len(treated), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            y = toxic[part]
            weights = y @ self.log_p + (treated[part] - y) @ self.log_q + self.log_prior
            np.exp(weights - weights.max(axis=1, keepdims=True), out=weights)
            weights /= weights.sum(axis=1, keepdims=True)
            mean[part] = weights @ self.p
            above[part] = np.clip(weights @ self.high, 0.0, 1.0)
            inside[part] = np.clip(weights @ self.low - above[part], 0.0, 1.0)
        return Posterior(mean, inside, above)


def fine_enough(patients: int) -> int:
    """Return the number of patients for which a grid is made: few different ones, so that grids can be kept."""
    return _ROUND * max(1, math.ceil(patients / _ROUND))


@lru_cache(maxsize=32)
def grid(
    doses: tuple[float, ...],
    reference: float,
    prior_mean: tuple[float, float],
    prior_sd: tuple[float, float],
    correlation: float,
    target: tuple[float, float],
    patients: int,
) -> Grid:
    """Return the grid of a design; it is kept.

    Parameters
    ----------
    doses, reference, prior_mean, prior_sd, correlation, target
        As in `Blrm`.
    patients : int
        For which it is fine enough: a patient tells at most 1/4 about ln α, which bounds its SD from below.
    """
    from scipy.special import log_expit, sici

    along = math.sqrt(1 - correlation**2) * prior_sd[0]  # SD of ln α at a given slope
    # ln α and u = (ln α − centre)/along; the information of a patient about a logit is p(1 − p) ≤ 1/4.
    step = min(_WIDEST, _WIDEST / along, _STEP / math.sqrt(1 + patients * along**2 / 4))
    # A slope moves the logit of a dose by β·ln(d/d*): the farther from the reference, the sharper the likelihood in it.
    leverage = math.exp(prior_mean[1]) * max(abs(math.log(dose / reference)) for dose in doses)
    slope_step = min(_SLOPE_STEP, _SLOPE_STEP / prior_sd[1]) * min(1.0, max(0.5, _LEVER / max(leverage, 1e-9)))
    u = np.arange(-math.ceil(_REACH / step), math.ceil(_REACH / step) + 1) * step
    v = np.arange(-math.ceil(_REACH / slope_step), math.ceil(_REACH / slope_step) + 1) * slope_step
    v, u = (each.ravel() for each in np.meshgrid(v, u, indexing="ij"))
    near = u**2 + v**2 <= _REACH**2
    u, v = u[near], v[near]
    centre = prior_mean[0] + correlation * prior_sd[0] * v
    log_alpha, slope = centre + along * u, np.exp(np.minimum(prior_mean[1] + prior_sd[1] * v, 700.0))
    rise = slope * np.log(np.asarray(doses) / reference)[:, None]  # (levels, n)
    logit = log_alpha + rise
    log_p = log_expit(logit)

    def beyond(end: float) -> Array:
        edge = (math.log(end / (1 - end)) - rise - centre) / along  # toxicity exceeds the end where u exceeds this
        share: Array = 0.5 + sici(np.clip(np.pi * (u - edge) / step, -1e8, 1e8))[0] / np.pi
        return share.T

    return Grid(
        -(u**2 + v**2) / 2, log_p, log_expit(-logit), np.exp(log_p).T, beyond(target[0]), beyond(target[1])
    )  # fmt: skip


__all__ = ["Grid", "Posterior", "fine_enough", "grid"]
