"""How a simulation is cut into pieces that know nothing of each other, each with random streams of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from pkpd.population import Population
from pkpd.simulate.resources import Resources

BLOCK = 1000
"""Subjects that share a random stream. It is part of what a seed means: another number, other subjects."""
PARAMETERS, ERRORS, DECISIONS = 0, 1, 2  # what a stream is for


def stream(seed: int, replicate: int, block: int, what: int) -> np.random.Generator:
    """Return the random stream of one block of one replicate for one purpose.

    The first block has the stream that a replicate had before there were blocks, so that a seed still means the same
    subjects.
    """
    key = (replicate, what, block) if block else (replicate, what)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def blocks(subjects: int) -> Iterator[tuple[int, slice]]:
    """Yield every block's number and its subjects."""
    for number, low in enumerate(range(0, subjects, BLOCK)):
        yield number, slice(low, min(low + BLOCK, subjects))


def drawn(people: Population, seed: int, replicate: int, subjects: int) -> dict[str, NDArray[Any]]:
    """Return parameters and covariates of all subjects of a replicate, those whom `simulate` draws piece by piece."""
    count = len(people.model.parameters)
    Resources().require(8.0 * count * subjects, f"{count} parameters of {subjects} subjects take", "simulation")
    parts = [
        people.draw(part.stop - part.start, stream(seed, replicate, block, PARAMETERS))
        for block, part in blocks(subjects)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@dataclass(frozen=True, slots=True)
class Piece:
    """What is drawn, solved and written at once.

    Attributes
    ----------
    number : int
        Its place among the pieces, from 0.
    replicates, subjects : tuple of int
        First, and one past the last, from 0.
    block : int
        Which block of subjects it is; with the replicate it names the random stream.
    """

    number: int
    replicates: tuple[int, int]
    subjects: tuple[int, int]
    block: int

    @property
    def shape(self) -> tuple[int, int]:
        """Number of replicates and of subjects."""
        return self.replicates[1] - self.replicates[0], self.subjects[1] - self.subjects[0]

    @property
    def region(self) -> dict[str, slice]:
        """Where its results belong."""
        return {"replicate": slice(*self.replicates), "subject": slice(*self.subjects)}

    def __str__(self) -> str:
        (a, b), (c, d) = self.replicates, self.subjects
        return f"piece {self.number + 1} (replicates {a + 1} to {b}, subjects {c + 1} to {d})"


@dataclass(frozen=True, slots=True)
class Cut(Sequence[Piece]):
    """The pieces of a simulation, made when they are asked for.

    Attributes
    ----------
    replicates, subjects : int
        How many there are.
    block : int
        Subjects in a block.
    """

    replicates: int
    subjects: int
    block: int

    @classmethod
    def of(cls, replicates: int, subjects: int, whole: bool = False) -> Cut:
        """Cut subjects into blocks; `whole` leaves a replicate in one piece, as the records of a study must be."""
        return cls(replicates, subjects, subjects if whole else min(subjects, BLOCK))

    @property
    def together(self) -> int:
        """Replicates in a piece: small ones share it, so that a piece is worth its overhead."""
        return min(self.replicates, max(1, BLOCK // self.subjects))

    @property
    def blocks(self) -> int:
        """Blocks of subjects in a replicate."""
        return -(-self.subjects // self.block)

    def __len__(self) -> int:
        return -(-self.replicates // self.together) * self.blocks

    @overload
    def __getitem__(self, index: int) -> Piece: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Piece]: ...

    def __getitem__(self, index: int | slice) -> Piece | Sequence[Piece]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        row, block = divmod(index, self.blocks)
        first, low = row * self.together, block * self.block
        many = min(first + self.together, self.replicates), min(low + self.block, self.subjects)
        return Piece(index, (first, many[0]), (low, many[1]), block)


@dataclass(frozen=True, eq=False)
class Part:
    """What a piece returns.

    Attributes
    ----------
    arrays : mapping
        Variable → its values in the piece.
    failed : int
        Subjects that could not be solved.
    advice : str
        Why not, for the first of them.
    """

    arrays: Mapping[str, NDArray[Any]]
    failed: int = 0
    advice: str = field(default="")
