r"""Maximisation of the expected complete likelihood over Ω, whatever is fixed in it.

With S the mean of ηηᵀ of a block over subjects, its copies and the occasions that occur, the block maximises
:math:`-\log|\Omega| - \mathrm{tr}(\Omega^{-1}S)`: it is S itself where nothing is fixed, its free diagonal where all
covariances are structural zeros, and otherwise found by scoring over the free numbers of the block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.population.blocks import OmegaBlock

_MOST = 4  # steps of scoring; the next iteration goes on where these end
_ENOUGH = 1e-16  # decrement of scoring, per subject
_TIED = 0.1  # smallest eigenvalue of the correlations, from which on random effects are free enough to begin with
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

    @cached_property
    def fixed(self) -> Flags:
        """Fixed elements of what is active, shape (active, active)."""
        flags: Flags = self.block.fixed[np.ix_(self.active, self.active)]
        return flags

    @cached_property
    def rows(self) -> Integers:
        """Rows of the free elements among what is active, in the order of the block's vector."""
        return np.array([self._at(i) for i, _ in self.block.factorisation.pairs], dtype=np.int64)

    @cached_property
    def columns(self) -> Integers:
        """Their columns."""
        return np.array([self._at(j) for _, j in self.block.factorisation.pairs], dtype=np.int64)

    def _at(self, place: int) -> int:
        return int(np.flatnonzero(self.active == place)[0])

    def whole(self, matrix: Array) -> Array:
        """Return the block with what is fixed at 0."""
        size = len(self.block.names)
        found = np.zeros((size, size))
        found[np.ix_(self.active, self.active)] = matrix
        return found

    def vector(self, matrix: Array) -> Array:
        """Return the block's log-Cholesky numbers."""
        if matrix.size == 1:
            return np.array(0.5 * np.log(matrix[0, :1])) if len(self.rows) else np.empty(0)
        return self.block.factorisation.vector(self.whole(matrix))

    def change(self, vector: Array) -> Array:
        """Return dΩ/dvector of what is active, shape (active, active, numbers)."""
        where = np.ix_(self.active, self.active)
        return self.block.factorisation.matrix(vector, len(self.block.names))[1][where]

    def matrix(self, vector: Array) -> Array:
        """Return what is active for log-Cholesky numbers, shape (active, active)."""
        return self.block.factorisation.matrix(vector, len(self.block.names))[0][np.ix_(self.active, self.active)]

    def errors(self, matrix: Array) -> Array:
        """Return the standard errors of these numbers if random effects were known."""
        many = self.weights.sum()
        if matrix.size == 1:
            return np.full(len(self.rows), float(np.sqrt(0.5 / many)))
        if not len(self.rows):
            return np.empty(0)
        change = self.change(self.vector(matrix))
        along = np.einsum("ij,jkp->pik", np.linalg.inv(matrix), change)
        information = 0.5 * many * np.einsum("pik,rki->pr", along, along)
        return np.asarray(np.sqrt(np.maximum(np.diag(np.linalg.pinv(information)), 0.0)), dtype=np.float64)


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


def relaxed(place: BlockPlace, matrix: Array) -> Array:
    """Return a block to begin with: where it is nearly singular and nothing is fixed, with half the covariances.

    Random effects that are tied to each other cannot follow the data, and EM would take ages to untie them.
    """
    sd = np.sqrt(np.diag(matrix))
    if place.fixed.any() or np.linalg.eigvalsh(matrix / np.outer(sd, sd))[0] > _TIED:
        return matrix
    looser: Array = 0.5 * (matrix + np.diag(np.diag(matrix)))
    return looser


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
        return np.asarray(mean, dtype=np.float64)
    off = ~np.eye(len(mean), dtype=bool)
    if (fixed & off).sum() == off.sum() and not before[off].any():
        return np.asarray(np.diag(np.where(np.diag(fixed), np.diag(before), np.diag(mean))), dtype=np.float64)
    return _scored(place, mean, before)


def _scored(place: BlockPlace, mean: Array, before: Array) -> Array:
    """Find the block by Fisher scoring over its free numbers; every step is halved until it does not worsen."""
    block, where = place.block, np.ix_(place.active, place.active)
    size = len(block.names)
    vector = place.vector(before)

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
    return np.asarray(matrix, dtype=np.float64)
