"""The free numbers of Ω as the matrix of the random effects that have a variance, all occasions: quick, for a search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.population import Omega
from pkpd.population.blocks import OmegaBlock


@dataclass(frozen=True, eq=False)
class OmegaMap:
    """Where the blocks of an Ω stand in the matrix of the random effects of a subject.

    Attributes
    ----------
    omega : Omega
        Its structure, and the values of what is fixed.
    occasions : int
        Of a subject at most.
    active : array of int, shape (random effects,)
        Which of `Omega.names` have a variance.
    """

    omega: Omega
    occasions: int
    active: Integers

    @cached_property
    def _pieces(self) -> list[tuple[OmegaBlock, slice, Integers, list[Integers]]]:
        """Each block with its part of the vector, its rows that have a variance, and where its copies stand."""
        number = np.full(len(self.omega.names(self.occasions)), -1, dtype=np.int64)
        number[self.active] = np.arange(len(self.active))
        pieces: dict[int, tuple[OmegaBlock, slice, Integers, list[Integers]]] = {}
        used = 0
        for k, block in enumerate(self.omega.blocks):
            free = len(block.factorisation.pairs)
            inside = np.flatnonzero(np.diag(block.matrix) > 0).astype(np.int64)
            pieces[k] = (block, slice(used, used + free), inside, [])
            used += free
        place = 0
        for level in ("subject", *["occasion"] * self.occasions):
            for k, block in enumerate(self.omega.blocks):
                if block.level != level:
                    continue
                for group in block.groups:
                    where = number[place : place + len(group)]
                    pieces[k][3].append(where[where >= 0])
                    place += len(group)
        return list(pieces.values())

    def at(self, vector: Array) -> tuple[Array, Array, float, Array]:
        """Return Ω, Ω⁻¹, log |Ω| and dΩ/dvector.

        Parameters
        ----------
        vector : array, shape (free,)
            Free numbers (log-Cholesky).

        Returns
        -------
        matrix, inverse : arrays, shape (random effects, random effects)
        log_determinant : float
        change : array, shape (random effects, random effects, free)
        """
        size = len(self.active)
        matrix, inverse, log_determinant = np.zeros((size, size)), np.zeros((size, size)), 0.0
        change = np.zeros((size, size, len(vector)))
        for block, part, inside, places in self._pieces:
            if not inside.size:
                continue
            if inside.size == 1 and part.stop - part.start == 1:
                variance = np.exp(2.0 * vector[part.start])
                for (k,) in places:
                    matrix[k, k], inverse[k, k], change[k, k, part.start] = variance, 1.0 / variance, 2.0 * variance
                log_determinant += 2.0 * vector[part.start] * len(places)
                continue
            whole, slope = block.factorisation.matrix(vector[part], len(block.names))
            grid = np.ix_(inside, inside)
            own = whole[grid]
            factor = np.linalg.cholesky(own)
            root = np.linalg.inv(factor)
            for where in places:
                spot = np.ix_(where, where)
                matrix[spot], inverse[spot] = own, root.T @ root
                change[(*spot, part)] = slope[grid]
            log_determinant += 2.0 * float(np.log(np.diag(factor)).sum()) * len(places)
        return matrix, inverse, log_determinant, change
