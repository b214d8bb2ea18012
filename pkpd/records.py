"""Event records of many subjects: doses, times to answer for, and covariates that change in time (floor 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pkpd.arrays import Array, Integers
from pkpd.dosing import Dose

if TYPE_CHECKING:
    import pandas


class Changes(tuple[float, ...]):
    """Times at which a subject's next row of values begins to hold.

    Attributes
    ----------
    late : tuple of bool
        Whether each acts after whatever happens at its time: the next record's covariates act backward to the record
        before, but what that record does is done with its own.
    """

    late: tuple[bool, ...]
    moves: tuple[Any, ...]

    def __new__(
        cls, times: Iterable[float] = (), late: Iterable[bool] | bool = False, moves: Iterable[Any] = ()
    ) -> Changes:
        """Make one from times and, for each or for all, whether it is late, and how it moves with parameters."""
        found = super().__new__(cls, (float(t) for t in times))
        found.late = (late,) * len(found) if isinstance(late, bool) else tuple(late)
        found.moves = tuple(moves)
        return found

    def __getnewargs__(self) -> tuple[tuple[float, ...], tuple[bool, ...], tuple[Any, ...]]:
        return tuple(self), self.late, self.moves

    @property
    def key(self) -> bytes:
        """What distinguishes equal times that move differently."""
        return b"|".join(b"" if m is None else m.tobytes() for m in self.moves)


@dataclass(frozen=True, slots=True)
class Switch:
    """A compartment is turned on or off.

    Attributes
    ----------
    time : float
        When.
    compartment : str
        Which, by number or name; "" means all of them.
    on : bool
        Whether it is on afterwards.
    place : int
        How many of the subject's doses stand before it.
    """

    time: float
    compartment: str
    on: bool
    place: int


@dataclass(frozen=True, eq=False)
class Records:
    """What happens to each subject and when its model is asked, in the order of the records.

    Attributes
    ----------
    subjects : tuple
        Identifiers, in the order in which they appear.
    doses : tuple, one item per subject
        Doses in the order of the records; `Dose.into` holds the number or the name of the compartment, or "".
    dose_rows, time_rows : tuple, one item per subject
        Which of the subject's rows of covariates belongs to each dose and to each record.
    times, after : tuple, one item per subject
        Time of every record, and how many of the subject's doses stand before it or in it. The clock runs on where the
        table's starts anew with a reset.
    covariates : mapping of str to array, (rows,)
        Values of the covariates, the rows of all subjects one after the other.
    changes : tuple of Changes, one item per subject
        Times from which the subject's second, third … row of covariates holds.
    switches : tuple of Switch, one item per subject
        Compartments that are turned on or off, in their order.
    table : DataFrame
        The records as they were read.
    """

    subjects: tuple[Any, ...]
    doses: tuple[tuple[Dose, ...], ...]
    dose_rows: tuple[tuple[int, ...], ...]
    time_rows: tuple[tuple[int, ...], ...]
    times: tuple[Array, ...]
    after: tuple[Integers, ...]
    covariates: dict[str, Array]
    changes: tuple[Changes, ...]
    switches: tuple[tuple[Switch, ...], ...]
    table: pandas.DataFrame

    @property
    def rows(self) -> int:
        """Number of rows of covariates."""
        return sum(1 + len(own) for own in self.changes)
