"""Where trials of dose escalation stand: patients and toxicities of every dose level, and the level of the last cohort.

All designs decide for many trials at once; a single trial is a row. Levels count from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas

from pkpd.arrays import Array, Flags, Integers
from pkpd.errors import shown

STOP = -1
"""Instead of the level of the next cohort: there is none."""


@dataclass(frozen=True, eq=False)
class States:
    """Trials, one a row.

    Attributes
    ----------
    treated, toxic : array of int, shape (trials, levels)
        Evaluable patients, and those with a dose-limiting toxicity.
    at : array of int, shape (trials,)
        Level of the last cohort.
    last, size : array of int, shape (trials,)
        Toxicities and patients of the last cohort.
    """

    treated: Integers
    toxic: Integers
    at: Integers
    last: Integers
    size: Integers

    def __len__(self) -> int:
        return len(self.at)

    def here(self) -> tuple[Integers, Integers]:
        """Return patients and toxicities at the level of the last cohort, shape (trials,) each."""
        rows = np.arange(len(self.at))
        return self.treated[rows, self.at], self.toxic[rows, self.at]

    def tried(self) -> Flags:
        """Say which levels have patients, shape (trials, levels)."""
        found: Flags = self.treated > 0
        return found


@runtime_checkable
class Design(Protocol):
    """A rule for the dose of the next cohort, and for the dose that is recommended in the end.

    Attributes
    ----------
    name : str
        What it is called.
    doses : tuple of float
        Dose of every level, increasing.
    start : float or None
        Dose of the first cohort; None for the lowest.
    size, most : int
        Patients per cohort, and the largest number of evaluable patients.
    reasons : tuple of str
        Sentences; `decide` says by their place which one holds.
    goal : float or None
        Probability of toxicity that is aimed at; None where the rule has none.
    ceiling : float
        A true probability of toxicity above this is an overdose, where designs are judged.
    fixed : bool
        Whether the number of patients is planned, so that a dose can be recommended whenever the trial ends.
    """

    @property
    def name(self) -> str: ...
    @property
    def doses(self) -> tuple[float, ...]: ...
    @property
    def start(self) -> float | None: ...
    @property
    def size(self) -> int: ...
    @property
    def most(self) -> int: ...
    @property
    def reasons(self) -> tuple[str, ...]: ...
    @property
    def goal(self) -> float | None: ...
    @property
    def ceiling(self) -> float: ...
    @property
    def fixed(self) -> bool: ...

    def decide(self, states: States) -> tuple[Integers, Integers]:
        """Return the level of the next cohort (or `STOP`) and the place of the reason, shape (trials,) each."""

    def recommended(self, treated: Integers, toxic: Integers) -> Integers:
        """Return the level that is recommended when nobody more is treated; `STOP` if none is, shape (trials,)."""

    def view(self, treated: Integers, toxic: Integers) -> pandas.DataFrame:
        """Return what the rule sees at each dose of one trial."""


def first_level(design: Design) -> int:
    """Return the level of the first cohort."""
    return 0 if design.start is None else design.doses.index(design.start)


def plain_numbers(design: Design, *names: str) -> None:
    """Make sequences of numbers, an array or a column, tuples of floats in a frozen class."""
    for name in ("doses", *names):
        object.__setattr__(design, name, tuple(float(one) for one in getattr(design, name)))


def dose_problems(doses: Sequence[float], start: float | None) -> list[str]:
    """Return a sentence for whatever is wrong with dose levels."""
    problems = []
    values = np.asarray(doses, dtype=float)
    if not len(values) or not np.isfinite(values).all() or not (values > 0).all() or not (np.diff(values) > 0).all():
        problems.append(f"doses is {shown(tuple(doses))}; expected increasing numbers > 0, one a level")
    if start is not None and start not in tuple(doses):
        problems.append(f"start is {shown(start)}; expected one of the doses {shown(tuple(doses))}")
    return problems


def share_problems(**shares: float) -> list[str]:
    """Return a sentence for every number that is no probability strictly between 0 and 1."""
    return [f"{name} is {shown(p)}; expected a number between 0 and 1" for name, p in shares.items() if not 0 < p < 1]


def alike(*counts: Integers) -> tuple[Integers, Integers]:
    """Return where each different row of arrays side by side stands first, and which of these every row is.

    Parameters
    ----------
    *counts : array of int, shape (rows, any)
        Numbers below 32768.
    """
    rows = np.ascontiguousarray(np.concatenate(counts, axis=1).astype(np.int16))
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    return first, which.ravel()


def highest(possible: Flags) -> Integers:
    """Return the highest level that is possible in each trial, `STOP` where none is."""
    levels = np.arange(possible.shape[1])
    found: Integers = np.where(possible, levels, STOP).max(axis=1, initial=STOP)
    return found


def rates(treated: Integers, toxic: Integers) -> Array:
    """Return observed shares of toxicity, NaN where nobody was treated."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.where(treated > 0, toxic / np.maximum(treated, 1), np.nan)
    return found


def counted(doses: Sequence[float], treated: Integers, toxic: Integers) -> pandas.DataFrame:
    """Return dose, patients, toxicities and their share as a table, one row a level."""
    return pandas.DataFrame({"dose": doses, "patients": treated, "dlt": toxic, "rate": rates(treated, toxic)})


__all__ = [
    "STOP",
    "Design",
    "States",
    "alike",
    "counted",
    "dose_problems",
    "first_level",
    "highest",
    "plain_numbers",
    "rates",
    "share_problems",
]
