"""One block of random effects: its covariance, what is fixed in it, its level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.errors import InputError, nearest
from pkpd.files import Part
from pkpd.population.cholesky import Factorisation, factorisation

LEVELS = ("subject", "occasion")
PREFIX: Mapping[str, str] = {"subject": "eta", "occasion": "kappa"}
"""What the random effects of a level are called."""
START = 0.1
"""Variance where none is stated: on the log scale a CV of 32 %."""


@dataclass(frozen=True, eq=False)
class OmegaBlock(Part):
    """Random effects that may be correlated with each other, and with nothing else.

    Attributes
    ----------
    names : tuple of str
        What the random effects belong to, e.g. ``("CL", "V1")``.
    matrix : array, shape (elements, elements)
        Their covariance; symmetric, positive semi-definite.
    fixed : array of bool, shape (elements, elements)
        Elements that are never estimated; a structural zero is one that is fixed at 0.
    level : {"subject", "occasion"}
        Whether they differ between subjects or between occasions of a subject.
    copies : tuple of tuples of str
        Further groups of random effects with the same covariance (the same numbers, not only equal ones).
    stated : bool
        Whether the covariance was given; if not, it is a default start that must be estimated.
    """

    names: tuple[str, ...]
    matrix: Array
    fixed: Flags
    level: str = "subject"
    copies: tuple[tuple[str, ...], ...] = ()
    stated: bool = True

    def __post_init__(self) -> None:
        size = len(self.names)
        matrix = np.array(self.matrix, dtype=float)
        fixed = np.array(self.fixed, dtype=bool)
        problems = []
        if self.level not in LEVELS:
            problems.append(f"unknown level {self.level!r}; {nearest(self.level, LEVELS)}")
        if matrix.shape != (size, size) or not np.allclose(matrix, matrix.T, rtol=1e-10, atol=0):
            problems.append(f"omega of {self.names} has shape {matrix.shape}; expected symmetric {size} × {size}")
        elif not np.isfinite(matrix).all():
            problems.append(f"omega of {self.names} is not finite")
        else:
            problems += _sizes(self.names, matrix)
        problems += [f"{copy} repeats {self.names}; expected {size} names" for copy in self.copies if len(copy) != size]
        if problems:
            raise InputError(problems, "omega")
        matrix = np.tril(matrix) + np.tril(matrix, -1).T
        gone = np.diag(fixed) & (np.diag(matrix) == 0)
        fixed = fixed | fixed.T | gone | gone[:, None]
        for name, array in (("matrix", matrix), ("fixed", fixed)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the random effects: of the block, then of its copies."""
        return (self.names, *self.copies)

    @cached_property
    def factorisation(self) -> Factorisation:
        """How the covariance is made from free numbers."""
        return factorisation(self.matrix, self.fixed, self.names)


def _sizes(names: Sequence[str], matrix: Array) -> list[str]:
    size = np.linalg.eigvalsh(matrix) if len(names) else np.zeros(1)
    if size.min() < -1e-12 * max(size.max(), 1e-300):
        return [f"omega of {tuple(names)} is not positive semi-definite: smallest eigenvalue {size.min():.3g}"]
    return []
