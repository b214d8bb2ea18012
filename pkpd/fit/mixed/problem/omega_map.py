"""The free numbers of Ω as a root of the covariance of all random effects that have a variance: quick, for a search."""

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

    def at(self, vector: Array) -> tuple[Array, Array]:
        """Return a root L of Ω, with L·Lᵀ = Ω, and dL/dvector.

        A variance may come as near to 0 as it likes: nothing is inverted.

        Parameters
        ----------
        vector : array, shape (free,)
            Free numbers (log-Cholesky).

        Returns
        -------
        arrays, shapes (random effects, random effects) and (random effects, random effects, free)
        """
        size = len(self.active)
        root, change = np.zeros((size, size)), np.zeros((size, size, len(vector)))
        for block, part, inside, places in self._pieces:
            if not inside.size:
                continue
            if inside.size == 1 and part.stop - part.start == 1:
                sd = np.exp(vector[part.start])
                for (k,) in places:
                    root[k, k] = change[k, k, part.start] = sd
                continue
            lower, slope = block.factorisation.factor(vector[part])
            rows = np.searchsorted(inside, block.factorisation.order)  # the rows of L as the user wrote them
            for where in places:
                spot = np.ix_(where[rows], where)
                root[spot] = lower
                change[:, :, part][spot] = slope
        return root, change
