r"""The Ω that fits conditional second moments of random effects best: the M-step of an EM, for every pattern.

For each block :math:`\log|\Omega| + \mathrm{tr}(\Omega^{-1}S)` is minimised, where S is the mean of the second
moments over subjects and over all places where the block stands (occasions, copies). Where nothing but zeros outside
a diagonal is fixed, Ω is S there; otherwise Fisher's scoring finds it on the free numbers, and what is fixed keeps
its value exactly.
"""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.population import Omega
from pkpd.population.blocks import OmegaBlock

_STEPS, _ENOUGH = 50, 1e-12
_FLOOR = 1e-12  # a variance below it cannot be told from none


def best_omega(omega: Omega, moments: Array, active: Integers, occasions: int) -> Array:
    """Return the free numbers of Ω that fit second moments best, shape (free,).

    Parameters
    ----------
    omega : Omega
        The pattern, at values from which the search begins.
    moments : array, shape (random effects, random effects)
        Mean over the subjects of the conditional mean of η ηᵀ, for the effects that have a variance.
    active : array of int, shape (random effects,)
        Their places among all of `Omega.names`.
    occasions : int
        Most occasions of a subject.
    """
    whole = np.zeros((len(omega.names(occasions)),) * 2)
    whole[np.ix_(active, active)] = moments
    sums: dict[int, tuple[Array, int]] = {}
    used = 0
    for level in ("subject", *["occasion"] * occasions):
        for block in omega.at(level):
            for _ in block.groups:
                part = slice(used, used + len(block.names))
                total, count = sums.get(id(block), (0.0, 0))
                sums[id(block)] = total + whole[part, part], count + 1
                used += len(block.names)
    parts = [np.empty(0)]
    for block in omega.blocks:
        total, count = sums[id(block)]
        parts.append(_best_block(block, total / count))
    return np.concatenate(parts)


def _best_block(block: OmegaBlock, moments: Array) -> Array:
    """Return the free numbers of one block."""
    made = block.factorisation
    if not made.pairs:
        return np.empty(0)
    on = np.ix_(made.order, made.order)
    lower = made.fixed & ~np.eye(len(made.order), dtype=bool)
    diagonal = lower.sum() == lower.size - len(lower) and not made.target[lower].any()
    floor = _FLOOR * np.eye(len(moments))
    if not made.fixed.any() or (diagonal and not np.diag(made.fixed).any()):
        own = np.zeros_like(moments)
        own[on] = np.where(made.fixed, 0.0, moments[on])
        return made.vector(own + floor)
    vector = made.vector(block.matrix)
    value, slope, information = _expected(block, vector, moments[on], on)
    for _ in range(_STEPS):
        step = -np.linalg.lstsq(information, slope, rcond=None)[0]
        gain = -float(slope @ step)
        if gain < _ENOUGH:
            break
        for _ in range(30):
            trial = _expected(block, vector + step, moments[on], on)
            if trial[0] <= value + 1e-13 * abs(value):
                break
            step = 0.5 * step
        else:
            break
        vector, (value, slope, information) = vector + step, trial
    return vector


def _expected(block: OmegaBlock, vector: Array, moments: Array, on: tuple[Integers, ...]) -> tuple[float, Array, Array]:
    """Return log|Ω| + tr(Ω⁻¹S) with its gradient and expected Hessian by the free numbers."""
    matrix, change = block.factorisation.matrix(vector, len(block.names))
    own, moved = matrix[on], change[on]
    try:
        factor = np.linalg.inv(np.linalg.cholesky(own))
    except np.linalg.LinAlgError:
        return np.inf, np.zeros(len(vector)), np.eye(len(vector))
    inverse = factor.T @ factor
    value = -2.0 * float(np.log(np.diag(factor)).sum()) + float((inverse * moments).sum())
    pull = inverse - inverse @ moments @ inverse
    turned = np.einsum("ab,bcp->pac", inverse, moved)
    return value, np.einsum("ab,abp->p", pull, moved), np.einsum("pac,qca->pq", turned, turned)
