r"""Maximisation of the expected complete likelihood over Ω, whatever is fixed in it.

With S the mean of ηηᵀ of a block over subjects, its copies and the occasions that occur, the block maximises
:math:`-\log|\Omega| - \mathrm{tr}(\Omega^{-1}S)`: it is S itself where nothing is fixed, its free diagonal where all covariances
are structural zeros, and otherwise found by scoring over the free numbers of the block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.fit.mixed.problem import Problem
from pkpd.population.blocks import OmegaBlock

_MOST = 30
_ENOUGH = 1e-16  # decrement of scoring, per subject
_FLOOR = 1e-10  # least variance beside the one before: Ω stays a covariance matrix


@dataclass(frozen=True, eq=False)
class BlockPlace:
    """A block of Ω and where its random effects stand.

    Attributes
    ----------
    block : OmegaBlock
        With its fixed elements.
    active : array of int, shape (active,)
        Its random effects whose variance is not fixed at 0.
    groups : array of int, shape (groups, active)
        Their places in the order of the chains: the block, its copies, every occasion.
    weights : array, shape (groups,)
        Of how many subjects each group occurs.
    """

    block: OmegaBlock
    active: Integers
    groups: Integers
    weights: Array

    @property
    def fixed(self) -> Flags:
        """Fixed elements of what is active."""
        return self.block.fixed[np.ix_(self.active, self.active)]


def block_places(problem: Problem, effects: Integers, mask: Array) -> tuple[BlockPlace, ...]:
    """Return where the blocks of Ω stand.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    effects : array of int, shape (random effects,)
        Order of the chains, as places in `Problem.effects`.
    mask : array, shape (subjects, random effects)
        Which random effects can act on which subject, in that order.
    """
    omega, used = problem.population.omega, 0
    where = {int(problem.shifts.active[k]): place for place, k in enumerate(effects)}  # among all → in the chains
    groups: list[list[list[int]]] = [[] for _ in omega.blocks]
    for level in ["subject", *["occasion"] * problem.occasions]:
        for k, block in enumerate(omega.blocks):
            if block.level != level:
                continue
            size = len(block.names)
            for _ in block.groups:
                groups[k].append([where.get(used + i, -1) for i in range(size)])
                used += size
    found = []
    for block, own in zip(omega.blocks, groups, strict=True):
        places = np.array(own, dtype=np.int64).reshape(-1, len(block.names))
        active = np.flatnonzero((places >= 0).all(axis=0)) if len(places) else np.empty(0, dtype=np.int64)
        if active.size:
            places = np.ascontiguousarray(places[:, active])
            found.append(BlockPlace(block, active, places, mask[:, places[:, 0]].sum(axis=0)))
    return tuple(found)


def assembled(places: tuple[BlockPlace, ...], matrices: tuple[Array, ...], size: int) -> Array:
    """Return Ω in the order of the chains from its blocks' active parts."""
    whole = np.zeros((size, size))
    for place, matrix in zip(places, matrices, strict=True):
        for group in place.groups:
            whole[group[:, None], group] = matrix
    return whole


def maximised(place: BlockPlace, moment: Array, before: Array, guard: float) -> Array:
    """Return the active part of a block that maximises the expected complete likelihood.

    Parameters
    ----------
    place : BlockPlace
        The block.
    moment : array, shape (random effects, random effects)
        Σ over subjects of E ηηᵀ, in the order of the chains.
    before : array, shape (active, active)
        The present matrix.
    guard : float
        A variance does not fall below this share of the present one (annealing).
    """
    fixed = place.fixed
    if fixed.all():
        return before
    total = np.zeros(before.shape)
    for group in place.groups:
        total += moment[group[:, None], group]
    mean = total / place.weights.sum()
    variance, least = np.diag(mean), np.maximum(guard, _FLOOR) * np.diag(before)
    if (variance < least).any():
        if guard <= _FLOOR:
            mean = mean + np.diag(np.maximum(least - variance, 0.0))
        else:
            ratio = np.sqrt(least / np.maximum(variance, 1e-300))
            grown = np.where(variance < least, ratio, 1.0)
            mean = mean * np.outer(grown, grown)
    if not fixed.any():
        return mean
    off = ~np.eye(len(mean), dtype=bool)
    if (fixed & off).sum() == off.sum() and not before[off].any():
        return np.diag(np.where(np.diag(fixed), np.diag(before), np.diag(mean)))
    return _scored(place, mean, before)


def _scored(place: BlockPlace, mean: Array, before: Array) -> Array:
    """Find the block by Fisher scoring over its free numbers; every step is halved until it does not worsen."""
    block, where = place.block, np.ix_(place.active, place.active)
    size = len(block.names)
    own = np.zeros((size, size))
    own[where] = before
    vector = block.factorisation.vector(own)

    def value(matrix: Array) -> float:
        sign, log_determinant = np.linalg.slogdet(matrix)
        if sign <= 0:
            return np.inf
        return float(log_determinant + np.trace(np.linalg.solve(matrix, mean)))

    matrix, change = (part[where] for part in block.factorisation.matrix(vector, size))
    best = value(matrix)
    for _ in range(_MOST):
        inverse = np.linalg.inv(matrix)
        along = np.einsum("ij,jkp->pik", inverse, change)  # Ω⁻¹ dΩ
        gradient = np.einsum("pik,ki->p", along, np.eye(len(matrix)) - inverse @ mean)
        information = np.einsum("pik,rki->pr", along, along)
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        decrement = float(step @ gradient)
        if decrement < _ENOUGH:
            break
        share = 1.0
        while share > 1e-6:
            trial = vector - share * step
            there, moved = (part[where] for part in block.factorisation.matrix(trial, size))
            found = value(there)
            if found <= best:
                break
            share *= 0.5
        else:
            break
        vector, matrix, change, best = trial, there, moved, found
    return matrix
