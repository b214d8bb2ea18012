r"""Draws of random effects for importance sampling: a t distribution at the mode, with a share of the prior.

The draws are quasi-random: the points of one scrambled Sobol sequence, moved for every subject and replicate by a
random digital shift of its own. Each replicate is then unbiased, replicates and subjects are independent, and the
spread between replicates is an honest measure of the error. A subject's shifts depend on the seed and on its own data
alone: neither the order nor the names of the subjects change anything.

References
----------
Owen AB. Randomly permuted (t,m,s)-nets and (t,s)-sequences. In: Monte Carlo and Quasi-Monte Carlo Methods, Springer
1995:299-317. Hesterberg T. Weighted average importance sampling and defensive mixture distributions. Technometrics
1995;37:185-194.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import gammaincinv, gammaln, ndtri

from pkpd.arrays import Array, Integers
from pkpd.fit.mixed.marginal.integral import Frame
from pkpd.observed import Observed

FREEDOM = 6.0
"""Degrees of freedom of the t distribution."""
DEFENSIVE = 8
"""One draw from the prior beside so many at the mode: a share of 11 %."""
_BITS = 30


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of every subject's random effects with the density they were drawn from.

    Attributes
    ----------
    white : array, shape (subjects, replicates, draws, random effects)
        :math:`u = L^{-1}\\eta`. The draws of a replicate: those at the mode, then those of the prior.
    log_density : array, shape (subjects, replicates, draws)
        Logarithm of the mixture's density, without (random effects / 2)·log 2π.
    """

    white: Array
    log_density: Array


def subject_keys(data: Observed) -> tuple[int, ...]:
    """Return a number for each subject that depends on its doses and samples alone, not on its name or its place.

    Subjects that are the same in everything are told apart by counting them.
    """
    edges = np.searchsorted(data.subject, np.arange(len(data.subjects) + 1))
    rows = np.searchsorted(data.value_subject, np.arange(len(data.subjects) + 1))
    seen: dict[int, int] = {}
    keys = []
    for k in range(len(data.subjects)):
        mine, values = slice(edges[k], edges[k + 1]), slice(rows[k], rows[k + 1])
        text = hashlib.blake2b(digest_size=7)
        for column in (data.time[mine], data.lower[mine], data.upper[mine], data.output[mine], data.covariates[values]):
            text.update(np.ascontiguousarray(column).tobytes())
        text.update(repr(data.doses[k]).encode())
        key = int.from_bytes(text.digest(), "little")
        seen[key] = seen.get(key, -1) + 1
        keys.append(key + (seen[key] << 56))
    return tuple(keys)


@lru_cache(maxsize=16)
def _sobol(dimensions: int, power: int, seed: int) -> Integers:
    """Return 2**power points of a scrambled Sobol sequence as whole numbers below 2**30, shape (points, dimensions)."""
    from scipy.stats import qmc  # half a second: only who draws waits for it

    points = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng([seed, dimensions])).random_base2(power)
    whole: Integers = np.minimum(np.floor(points * 2.0**_BITS), 2.0**_BITS - 1).astype(np.int64)
    whole.flags.writeable = False
    return whole


def draw_effects(frame: Frame, keys: Sequence[int], power: int, replicates: int, seed: int, stream: int = 0) -> Draws:
    """Return draws of every subject's random effects.

    Parameters
    ----------
    frame : Frame
        Modes and half curvatures.
    keys : sequence of int, one per subject
        What a subject's shifts are made of (`subject_keys`).
    power : int
        2**power draws at the mode in each replicate; an eighth as many come from the prior.
    replicates : int
        Independent replicates.
    seed : int
        The same seed gives the same draws.
    stream : int
        Another stream gives other shifts of the same sequence, such as those of the next iteration.
    """
    count, size = frame.white.shape
    many = 2**power
    few = max(many // DEFENSIVE, 1)
    shifts = np.empty((count, replicates, 2 * size + 1), dtype=np.int64)
    for i, key in enumerate(keys):
        own = np.random.Generator(np.random.Philox(key=[seed, key], counter=[0, 0, 0, stream]))
        shifts[i] = own.integers(0, 2**_BITS, size=(replicates, 2 * size + 1))
    points = _uniform(_sobol(size + 1, power, seed), shifts[:, :, : size + 1])
    normal = ndtri(points[..., :size])
    stretch = np.sqrt(0.5 * FREEDOM / gammaincinv(0.5 * FREEDOM, points[..., size]))
    away = np.einsum("iab,irkb->irka", frame.root, normal * stretch[..., None])
    near = frame.white[:, None, None] + away
    of_prior = _uniform(_sobol(max(size, 1), few.bit_length() - 1, seed)[:, :size], shifts[:, :, size + 1 :])
    whole = np.concatenate([near, ndtri(of_prior)], axis=2)
    off = whole - frame.white[:, None, None]
    distance = np.einsum("irka,iab,irkb->irk", off, frame.half, off, optimize=True)
    t = _log_t(distance, size) + 0.5 * frame.log_determinant[:, None, None]
    prior = -0.5 * (whole * whole).sum(axis=-1)
    mixed: Array = np.logaddexp(t + np.log(many / (many + few)), prior + np.log(few / (many + few)))
    return Draws(whole, mixed)


def _uniform(whole: Integers, shifts: Integers) -> Array:
    """Return points moved by digital shifts, inside (0, 1), shape (subjects, replicates, points, dimensions)."""
    return np.asarray(((whole ^ shifts[:, :, None, :]) + 0.5) * 2.0**-_BITS, dtype=np.float64)


def _log_t(distance: Array, size: int) -> Array:
    """Return the logarithm of the t density at squared distances, with (size / 2)·log 2π added and |H| left out."""
    constant = gammaln(0.5 * (FREEDOM + size)) - gammaln(0.5 * FREEDOM) - 0.5 * size * np.log(0.5 * FREEDOM)
    result: Array = constant - 0.5 * (FREEDOM + size) * np.log1p(distance / FREEDOM)
    return result
