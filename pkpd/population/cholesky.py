r"""A covariance matrix as an unbounded vector: log-Cholesky with fixed elements, their derivatives.

:math:`\Omega = L L^T`. Row i of L is made from the rows above it, so that every element that is fixed keeps its value
exactly, whatever the free numbers are:

==========================  ==========================================================================================
free element (i, j)         :math:`L_{ij} = v`
fixed element (i, j)        :math:`L_{ij} = (\Omega_{ij} - \sum_{k<j} L_{ik} L_{jk}) / L_{jj}`; a structural zero is
                            fixed at 0
free variance of i          :math:`L_{ii} = e^v`
fixed variance of i         the row is scaled to the length :math:`\sqrt{\Omega_{ii}}`, with 1 on the diagonal before;
                            its fixed covariances must be 0, because the scaling would change others
fixed rows                  rows that hold nothing free, above all others: their Cholesky factor
==========================  ==========================================================================================

A variance that is fixed at 0 is left out: its row and its column are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.errors import InputError

FIXED_ROW, FREE_VARIANCE, FIXED_VARIANCE = 0, 1, 2
"""How the row of L is made."""


@dataclass(frozen=True, eq=False)
class Factorisation:
    """How a covariance matrix with fixed elements is made from a vector.

    Attributes
    ----------
    order : array of int, shape (active,)
        Elements in the order in which rows of L are made; what has a variance fixed at 0 is not among them.
    kinds : array of int, shape (active,)
        `FIXED_ROW`, `FREE_VARIANCE` or `FIXED_VARIANCE`, in that order.
    fixed : array of bool, shape (active, active)
        Fixed elements, in that order.
    target : array, shape (active, active)
        Values of the fixed elements, in that order.
    pairs : tuple of (int, int)
        Row and column of every free element in the matrix as the user wrote it, in the order of the vector.
    """

    order: Integers
    kinds: Integers
    fixed: Flags
    target: Array
    pairs: tuple[tuple[int, int], ...]

    def vector(self, matrix: Array) -> Array:
        """Return the free numbers of a covariance matrix, shape (free,); it must be positive definite.

        Raises
        ------
        numpy.linalg.LinAlgError
            If it is not.
        """
        factor = np.linalg.cholesky(matrix[np.ix_(self.order, self.order)])
        numbers = []
        for i in range(len(self.order)):
            for j in range(i + 1):
                if self.fixed[i, j]:
                    continue
                if i == j:
                    numbers.append(np.log(factor[i, i]))
                elif self.kinds[i] == FIXED_VARIANCE:
                    numbers.append(factor[i, j] / factor[i, i])
                else:
                    numbers.append(factor[i, j])
        return np.array(numbers, dtype=float)

    def factor(self, vector: Array) -> tuple[Array, Array]:
        """Return L and its derivatives, shapes (active, active) and (active, active, free), in the order of rows."""
        size, free = len(self.order), len(self.pairs)
        lower, slope = np.zeros((size, size)), np.zeros((size, size, free))
        used = 0
        for i in range(size):
            for j in range(i):
                if not self.fixed[i, j]:
                    lower[i, j], slope[i, j, used] = vector[used], 1.0
                    used += 1
                    continue
                rest = self.target[i, j] - lower[i, :j] @ lower[j, :j]
                change = -(lower[j, :j] @ slope[i, :j] + lower[i, :j] @ slope[j, :j])
                lower[i, j] = rest / lower[j, j]
                slope[i, j] = (change - lower[i, j] * slope[j, j]) / lower[j, j]
            if self.kinds[i] == FREE_VARIANCE:
                lower[i, i] = slope[i, i, used] = np.exp(vector[used])
                used += 1
            elif self.kinds[i] == FIXED_ROW:
                lower[i, i] = np.sqrt(self.target[i, i] - lower[i, :i] @ lower[i, :i])
            else:
                lower[i, i] = 1.0
                length = np.sqrt(lower[i] @ lower[i])
                change = (lower[i] @ slope[i]) / length
                scale = np.sqrt(self.target[i, i]) / length
                slope[i] = scale * (slope[i] - np.outer(lower[i], change) / length)
                lower[i] *= scale
        return lower, slope

    def matrix(self, vector: Array, whole: int) -> tuple[Array, Array]:
        """Return the covariance matrix and its derivatives, as the user wrote it.

        Parameters
        ----------
        vector : array, shape (free,)
            The free numbers.
        whole : int
            Size of the matrix, with what is fixed at 0.

        Returns
        -------
        arrays, shapes (whole, whole) and (whole, whole, free)
            Fixed elements are exactly what they are fixed at, and their derivatives exactly 0.
        """
        lower, slope = self.factor(vector)
        product = lower @ lower.T
        half = np.einsum("ikp,jk->ijp", slope, lower)
        change = half + half.transpose(1, 0, 2)
        product[self.fixed] = self.target[self.fixed]
        change[self.fixed] = 0.0
        matrix, derivative = np.zeros((whole, whole)), np.zeros((whole, whole, len(self.pairs)))
        where = np.ix_(self.order, self.order)
        matrix[where] = np.tril(product) + np.tril(product, -1).T
        derivative[where] = change
        return matrix, derivative


def factorisation(matrix: Array, fixed: Flags, names: Sequence[str]) -> Factorisation:
    """Return how a covariance matrix is made from a vector.

    The rows of L stand in the order of the matrix where that is possible, so that its vector is the usual
    log-Cholesky one; otherwise rows that hold nothing free come first, then those with a fixed variance.

    Parameters
    ----------
    matrix : array, shape (elements, elements)
        Holds the values of what is fixed.
    fixed : array of bool, shape (elements, elements)
        Which elements are fixed, symmetric.
    names : sequence of str
        Of the elements, for messages.

    Raises
    ------
    InputError
        If the fixed elements leave no exact way to write the others as free numbers.
    """
    variance = np.diag(fixed)
    active = np.flatnonzero(~(variance & (np.diag(matrix) == 0.0)))
    tied = fixed & (matrix != 0.0) & variance & variance[:, None]
    np.fill_diagonal(tied, False)
    rank = np.where(tied.any(axis=1), 0, np.where(variance, 1, 2))
    problem = ""
    for order in (active, active[np.argsort(rank[active], kind="stable")]):
        part, target = fixed[np.ix_(order, order)], matrix[np.ix_(order, order)]
        kinds, problem = _kinds(part, target, [names[k] for k in order])
        if not problem:
            pairs = tuple(
                (int(order[i]), int(order[j])) for i in range(len(order)) for j in range(i + 1) if not part[i, j]
            )
            return Factorisation(order.astype(np.int64), kinds, part, np.where(part, target, 0.0), pairs)
    raise InputError(problem, "omega")


def _kinds(fixed: Flags, target: Array, names: Sequence[str]) -> tuple[Integers, str]:
    """Return how each row is made, and a sentence if one cannot be."""
    kinds = np.full(len(names), FREE_VARIANCE, dtype=np.int64)
    above = True  # whether all rows so far are fixed
    for i, name in enumerate(names):
        above = above and bool(fixed[i, : i + 1].all())
        if above:
            kinds[i] = FIXED_ROW
        elif fixed[i, i]:
            others = np.flatnonzero(fixed[i, :i] & (target[i, :i] != 0.0))
            if others.size:
                return kinds, (
                    f"the variance of {name} is fixed beside its fixed covariance with {names[int(others[0])]}, while "
                    "other elements near them are free: no free numbers describe exactly these matrices. Free one of "
                    "the two, or fix the variances of both and every covariance between such pairs"
                )
            kinds[i] = FIXED_VARIANCE
    return kinds, ""


def loadings(matrix: Array) -> Array:
    """Return a square matrix L with L·Lᵀ = `matrix`: its Cholesky factor, or a symmetric root's columns if singular.

    Parameters
    ----------
    matrix : array, shape (elements, elements)
        Positive semi-definite.
    """
    if not np.any(matrix - np.diag(np.diag(matrix))):
        return np.diag(np.sqrt(np.diag(matrix)))
    active = np.flatnonzero(np.diag(matrix) > 0)
    result = np.zeros_like(matrix)
    where = np.ix_(active, active)
    try:
        result[where] = np.linalg.cholesky(matrix[where])
    except np.linalg.LinAlgError:
        size, vectors = np.linalg.eigh(matrix[where])
        result[where] = vectors * np.sqrt(np.clip(size, 0.0, None))
    return result
