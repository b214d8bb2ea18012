r"""Covariance of the random effects: blocks, what is fixed, levels subject and occasion.

A random effect belongs to a name, mostly a parameter's. ``eta_CL`` is that of CL between subjects, ``kappa_CL_2`` that
of CL in the second occasion. All are normal with mean 0; on which scale they act is said by the parameter
(`pkpd.model.individual`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pkpd.arguments import A_SPREAD, checked
from pkpd.arrays import Array, Integers
from pkpd.errors import InputError, nearest
from pkpd.files import Part
from pkpd.population.blocks import LEVELS, PREFIX, START, OmegaBlock
from pkpd.population.cholesky import loadings


@dataclass(frozen=True, eq=False)
class Omega(Part):
    """Covariance of all random effects: blocks joined by ``+``.

    Make one with `block` or `Omega.independent`, e.g. ``block("CL", "V1", omega=[[0.09, 0.02], [0.02, 0.04]]) +
    Omega.independent(ka=0.5) + Omega.independent(CL=0.1).at_occasion()``.

    The random effects of ``K`` occasions are those between subjects, then those of the first occasion, of the second
    … All matrices stand in this order (`names`). What has a variance fixed at 0 stays in the matrix, with zeros.

    Attributes
    ----------
    blocks : tuple of OmegaBlock
        Independent of each other.
    """

    blocks: tuple[OmegaBlock, ...] = ()

    def __post_init__(self) -> None:
        problems = []
        for level in LEVELS:
            names = self.effects(level)
            problems += [f"the random effect of {n!r} stands twice" for n in dict.fromkeys(names) if names.count(n) > 1]
        if problems:
            raise InputError(problems, "omega")

    @classmethod
    @checked(sd=A_SPREAD)
    def independent(cls, /, **sd: float) -> Omega:
        """Return independent random effects from standard deviations, e.g. ``CL=0.3`` (on the log scale of CL)."""
        true = np.array([[True]])
        return cls(tuple(OmegaBlock((n,), np.array([[s * s]]), true if s == 0 else ~true) for n, s in sd.items()))

    def __add__(self, other: Omega) -> Omega:
        """Join independent blocks."""
        return Omega(self.blocks + other.blocks)

    def __bool__(self) -> bool:
        """Whether there is any random effect."""
        return bool(self.blocks)

    def at_occasion(self) -> Omega:
        """Return the same random effects between the occasions of a subject, in place of between subjects."""
        return Omega(tuple(replace(block, level="occasion") for block in self.blocks))

    @checked
    def same(self, *names: str) -> Omega:
        """Return this one block repeated for other random effects, which share its covariance.

        Raises
        ------
        InputError
            If there is not exactly one block.
        """
        if len(self.blocks) != 1:
            raise InputError(f"only one block can be repeated, and there are {len(self.blocks)}", "omega")
        return Omega((replace(self.blocks[0], copies=(*self.blocks[0].copies, names)),))

    @checked
    def fix(self, *elements: str | tuple[str, str], **variances: float) -> Omega:
        """Return the same with elements fixed.

        Parameters
        ----------
        *elements : str or (str, str)
            A random effect, whose variance is fixed, or two, whose covariance is; none fixes everything. Where CL
            differs between subjects and between occasions, say ``"eta_CL"`` or ``"kappa_CL"``.
        **variances : float
            Random effect → the variance at which it is fixed; 0 leaves it out.

        Raises
        ------
        InputError
            If a name is unknown or two effects stand in different blocks.
        """
        everything = not elements and not variances
        if everything:
            return Omega(tuple(replace(b, fixed=np.ones_like(b.fixed)) for b in self.blocks))
        result = self
        for element in elements:
            result = result._changed(element, True, None)
        for name, value in variances.items():
            if not (isinstance(value, (int, float)) and 0 <= value < math.inf):
                raise InputError(f"variance of {name!r} is {value!r}; expected a finite number ≥ 0", "omega")
            result = result._changed(name, True, float(value))
        return result

    def release(self, *elements: str | tuple[str, str]) -> Omega:
        """Return the same with elements free to be estimated, structural zeros too; names as in `fix`."""
        result = self
        for element in elements:
            result = result._changed(element, False, None)
        return result

    def _changed(self, element: str | tuple[str, str], fixed: bool, value: float | None) -> Omega:
        first, second = (element, element) if isinstance(element, str) else element
        (k, i), (other, j) = self._place(first), self._place(second)
        if k != other:
            raise InputError(f"{first!r} and {second!r} stand in different blocks: their covariance is 0", "omega")
        block = self.blocks[k]
        matrix, flags = block.matrix.copy(), block.fixed.copy()
        if value == 0.0:
            matrix[i], matrix[:, i] = 0.0, 0.0
        elif value is not None:
            matrix[i, i] = value
        if not fixed and i == j and flags[i].all() and matrix[i, i] == 0.0:
            matrix[i, i] = START
        flags[i, j] = flags[j, i] = fixed
        blocks = list(self.blocks)
        blocks[k] = replace(block, matrix=matrix, fixed=flags)
        return Omega(tuple(blocks))

    def _place(self, name: str) -> tuple[int, int]:
        """Block and place in it of a random effect, by its parameter's name or its own."""
        named = {
            (k, i): (n, f"{PREFIX[block.level]}_{n}")
            for k, block in enumerate(self.blocks)
            for group in block.groups
            for i, n in enumerate(group)
        }
        places = [place for place, aliases in named.items() if name in aliases]
        if not places:
            known = dict.fromkeys(alias for aliases in named.values() for alias in aliases)
            raise InputError(f"unknown random effect {name!r}; {nearest(name, known)}", "omega")
        if len(places) > 1:
            raise InputError(f"{name!r} varies at both levels; say 'eta_{name}' or 'kappa_{name}'", "omega")
        return places[0]

    def at(self, level: str) -> tuple[OmegaBlock, ...]:
        """Return the blocks of a level."""
        return tuple(block for block in self.blocks if block.level == level)

    def effects(self, level: str = "subject") -> tuple[str, ...]:
        """Return what the random effects of a level belong to, in order, e.g. ``("CL", "V1")``."""
        return tuple(name for block in self.at(level) for group in block.groups for name in group)

    def names(self, occasions: int = 1) -> tuple[str, ...]:
        """Return the names of all random effects: ``eta_CL`` … ``kappa_CL_1`` … ``kappa_CL_2`` …"""
        kappas = (f"kappa_{n}_{k}" for k in range(1, occasions + 1) for n in self.effects("occasion"))
        return (*(f"eta_{n}" for n in self.effects()), *kappas)

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free elements in the order of the vector, e.g. ``"var(eta_CL)"``, ``"cov(eta_CL, eta_V1)"``."""
        names = []
        for block in self.blocks:
            own = [f"{PREFIX[block.level]}_{n}" for n in block.names]
            for i, j in block.factorisation.pairs:
                low, high = sorted((i, j))
                names.append(f"var({own[i]})" if i == j else f"cov({own[low]}, {own[high]})")
        return tuple(names)

    @property
    def unstated(self) -> tuple[str, ...]:
        """Random effects whose covariance nobody gave: it must be estimated before it can be simulated."""
        return tuple(f"{PREFIX[b.level]}_{n}" for b in self.blocks if not b.stated for n in b.names)

    def to_vector(self) -> Array:
        """Return the free numbers (log-Cholesky), shape (free,).

        Raises
        ------
        InputError
            If the matrix is singular, which has no log-Cholesky vector, or if what is fixed leaves none.
        """
        parts, problems = [np.empty(0)], []
        for block in self.blocks:
            try:
                parts.append(block.factorisation.vector(block.matrix))
            except np.linalg.LinAlgError:
                problems.append(
                    f"omega of {block.names} is singular: it can be drawn from, but not estimated. Give effects that "
                    "move together one random effect (exponents), or fix the variance of one at 0"
                )
        if problems:
            raise InputError(problems, "omega")
        return np.concatenate(parts)

    def from_vector(self, vector: Array) -> Omega:
        """Return the same with the covariance that belongs to free numbers; what is fixed keeps its value exactly."""
        blocks = [
            replace(block, matrix=block.factorisation.matrix(part, len(block.names))[0], stated=True)
            for block, part in self._parts(vector)
        ]
        return Omega(tuple(blocks))

    def _parts(self, vector: Array) -> Iterator[tuple[OmegaBlock, Array]]:
        numbers = np.asarray(vector).ravel()
        sizes = [len(block.factorisation.pairs) for block in self.blocks]
        if numbers.size != sum(sizes):
            expected = f"{sum(sizes)}: {', '.join(self.free)}"
            raise InputError(f"the vector has {numbers.size} numbers; expected {expected}", "omega")
        ends = np.cumsum(sizes)
        return ((b, numbers[end - size : end]) for b, size, end in zip(self.blocks, sizes, ends, strict=True))

    def matrix(self, occasions: int = 1) -> Array:
        """Return the covariance of all random effects of a subject, shape (effects, effects), in the order of `names`.

        Parameters
        ----------
        occasions : int
            How many occasions the subject has; the block of an occasion stands there so many times.
        """
        return self._assembled([b.matrix for b in self.blocks], occasions)

    def derivative(self, occasions: int = 1) -> Array:
        """Return dΩ/dvector at the present Ω, shape (effects, effects, free)."""
        parts = list(self._parts(self.to_vector()))
        free = sum(len(part) for _, part in parts)
        wide, used = [], 0
        for block, part in parts:
            own = block.factorisation.matrix(part, len(block.names))[1]
            whole = np.zeros((*own.shape[:2], free))
            whole[:, :, used : used + len(part)] = own
            used += len(part)
            wide.append(whole)
        return self._assembled(wide, occasions, (free,))

    def inverse(self, occasions: int = 1) -> Array:
        """Return Ω⁻¹, shape (effects, effects); rows and columns of what is fixed at 0 are 0.

        Raises
        ------
        InputError
            If the rest is singular.
        """
        inverses = []
        for block in self.blocks:
            where = np.ix_(active := np.flatnonzero(np.diag(block.matrix) > 0), active)
            whole = np.zeros_like(block.matrix)
            factor = np.linalg.inv(self._cholesky(block, where))
            whole[where] = factor.T @ factor
            inverses.append(whole)
        return self._assembled(inverses, occasions)

    def log_determinant(self, occasions: int = 1) -> float:
        """Return log |Ω| without what is fixed at 0.

        Raises
        ------
        InputError
            If the rest is singular.
        """
        total = 0.0
        for block in self.blocks:
            active = np.flatnonzero(np.diag(block.matrix) > 0)
            times = len(block.groups) * (occasions if block.level == "occasion" else 1)
            total += times * 2.0 * float(np.log(np.diag(self._cholesky(block, np.ix_(active, active)))).sum())
        return total

    @staticmethod
    def _cholesky(block: OmegaBlock, where: tuple[Integers, ...]) -> Array:
        try:
            return np.asarray(np.linalg.cholesky(block.matrix[where]), dtype=np.float64)
        except np.linalg.LinAlgError:
            raise InputError(f"omega of {block.names} is singular: it has no inverse", "omega") from None

    def _assembled(self, arrays: Sequence[Array], occasions: int, tail: tuple[int, ...] = ()) -> Array:
        """Put one array per block on the diagonal, for its copies and for every occasion."""
        levels = ["subject", *["occasion"] * occasions]
        placed = [
            array
            for level in levels
            for block, array in zip(self.blocks, arrays, strict=True)
            if block.level == level
            for _ in block.groups
        ]
        size = sum(array.shape[0] for array in placed)
        whole, used = np.zeros((size, size, *tail)), 0
        for array in placed:
            part = slice(used, used + array.shape[0])
            whole[part, part] = array
            used += array.shape[0]
        return whole

    @cached_property
    def _loadings(self) -> dict[str, Array]:
        """By level a matrix L with L·Lᵀ = Ω of that level; one that is singular is allowed."""
        roots = [loadings(block.matrix) for block in self.blocks]
        etas = len(self.effects())
        whole = self._assembled(roots, 1)
        return {"subject": whole[:etas, :etas], "occasion": whole[etas:, etas:]}

    def draw(self, rng: np.random.Generator, subjects: int) -> Array:
        """Return random effects between subjects, shape (subjects, etas); a singular Ω is allowed."""
        root = self._loadings["subject"]
        drawn: Array = rng.standard_normal((subjects, len(root))) @ root.T
        return drawn

    def draw_occasions(self, rng: np.random.Generator, subjects: int, occasions: int) -> Array:
        """Return random effects between occasions, shape (subjects, occasions, kappas).

        The first occasions are the same however many follow.
        """
        root = self._loadings["occasion"]
        drawn = [rng.standard_normal((subjects, len(root))) @ root.T for _ in range(occasions)]
        return np.stack(drawn, axis=1) if drawn else np.empty((subjects, 0, len(root)))

    def __repr__(self) -> str:
        lines = []
        widest = max((len(name) for block in self.blocks for name in block.names), default=0)
        for block in self.blocks:
            for i, name in enumerate(block.names):
                also = "".join(f" = {PREFIX[block.level]}_{copy[i]}" for copy in block.copies)
                cells = zip(block.matrix[i], block.fixed[i], strict=True)
                row = "  ".join(f"{value:.4g}{'*' if fixed else ''}" for value, fixed in cells)
                lines.append(f"{PREFIX[block.level]}_{name:<{widest}}{also}  {row}")
            if not block.stated:
                lines.append("  (a start: to be estimated)")
        held = ["* fixed"] if any(any(map(any, block.fixed)) for block in self.blocks) else []
        return "\n".join([*lines, *held] if lines else ["no random effects"])


@checked
def block(
    *names: str,
    omega: Sequence[Sequence[float]] | Array | None = None,
    zeros: Sequence[tuple[str, str]] = (),
    level: str = "subject",
) -> Omega:
    """Return correlated random effects of a block from their covariance matrix.

    Parameters
    ----------
    *names : str
        What they belong to, mostly parameters.
    omega : array-like, shape (names, names), optional
        Symmetric, positive semi-definite, on the scale of the parameters (log where they are positive). A covariance
        of exactly 0 is a structural zero: it stays 0 (`Omega.release` frees it). Without it the covariance is to be
        estimated, every element of it.
    zeros : sequence of (str, str)
        Pairs whose covariance is 0 and stays 0.
    level : {"subject", "occasion"}
        Whether they differ between subjects or between occasions of a subject.

    Raises
    ------
    InputError
        If `omega` is not symmetric, not positive semi-definite or of another size.

    Examples
    --------
    >>> block("CL", "V1", omega=[[0.09, 0.02], [0.02, 0.04]]).free
    ('var(eta_CL)', 'cov(eta_CL, eta_V1)', 'var(eta_V1)')
    """
    size = len(names)
    try:
        matrix = np.eye(size) * START if omega is None else np.array(omega, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"omega of {names} is not a matrix of numbers", "omega") from None
    fixed = np.zeros(matrix.shape, dtype=bool)
    if omega is not None:
        fixed = matrix == 0.0
    for pair in zeros:
        if unknown := [n for n in pair if n not in names]:
            raise InputError(f"unknown random effect {unknown[0]!r}; {nearest(unknown[0], names)}", "omega")
        i, j = (names.index(n) for n in pair)
        matrix[i, j] = matrix[j, i] = 0.0
        fixed[i, j] = fixed[j, i] = True
    return Omega((OmegaBlock(names, matrix, fixed, level, stated=omega is not None),))
