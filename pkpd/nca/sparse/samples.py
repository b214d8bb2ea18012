"""Samples of many subjects as a table of subjects by times, and the design read from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas

from pkpd.arrays import Array, Flags, Integers
from pkpd.errors import InputError
from pkpd.nca.sparse.rules import SparseRules


@dataclass(frozen=True, eq=False)
class Pooled:
    """The samples of one group; J times, S subjects, in an order that does not depend on rows or names.

    Attributes
    ----------
    times : (J,)
        Distinct times, rising.
    values : (S, J)
        What takes part in the means, BLQ samples as the rules have them; NaN where there is nothing.
    seen : (S, J) of bool
        Where a sample was drawn, dropped BLQ samples included.
    empty : (S, J) of bool
        Samples that are BLQ or zero.
    blq : (S, J) of bool
        Samples that are BLQ.
    notes : tuple of str
        What was left out or assumed, with counts.
    """

    times: Array
    values: Array
    seen: Flags
    empty: Flags
    blq: Flags
    notes: tuple[str, ...] = ()

    @property
    def present(self) -> Flags:
        """Where a value takes part in the mean (S, J)."""
        return ~np.isnan(self.values)

    @property
    def design(self) -> str:
        """Serial, complete, batch or flexible; see `design_of`."""
        return design_of(self.seen)


def design_of(seen: Flags) -> str:
    """Return the design that subjects and times make.

    ``"serial"``: one sample per subject; ``"complete"``: every subject at every time; ``"batch"``: subjects fall into
    groups that share all their times, each of two or more subjects (groups may overlap in time) or without a time in
    common; ``"flexible"``: anything else; ``"none"``: no sample.
    """
    seen = seen[seen.any(axis=1)]
    if not seen.size:
        return "none"
    if bool((seen.sum(axis=1) == 1).all()):
        return "serial"
    if bool(seen[:, seen.any(axis=0)].all()):
        return "complete"
    patterns, sizes = np.unique(seen, axis=0, return_counts=True)
    batches = bool((sizes >= 2).all()) or bool((patterns.sum(axis=0) <= 1).all())
    return "batch" if batches else "flexible"


def pool(
    times: npt.ArrayLike,
    values: npt.ArrayLike,
    subjects: Sequence[Any] | npt.NDArray[Any] | None,
    batch: Sequence[Any] | npt.NDArray[Any] | None,
    blq: npt.ArrayLike | None,
    lloq: npt.ArrayLike,
    rules: SparseRules,
) -> Pooled:
    """Return the samples as a table of subjects by times.

    Raises
    ------
    InputError
        If the arrays do not fit each other, or a subject has two samples at one time.
    """
    time, value, below, limit = _numbers(times, values, blq, lloq)
    owner, notes = _owners(subjects, batch, len(time))
    usable = np.isfinite(time) & (below | np.isfinite(value))
    if rules.start != "first time":
        early = usable & (time < 0)
        usable &= ~early
        if early.any():
            notes.append(f"{int(early.sum())} samples before time zero take no part")
    lost = int((~np.isfinite(time) | ~(below | np.isfinite(value))).sum())
    if lost:
        notes.append(f"{lost} samples without a finite time and a finite value were left out")
    time, value, below, limit, owner = time[usable], value[usable], below[usable], limit[usable], owner[usable]
    kept, place = np.unique(time, return_inverse=True)
    people, row = np.unique(owner, return_inverse=True)
    _no_repeats(row, place, kept)
    as_blq = {"zero": np.zeros_like(value), "lloq/2": limit / 2, "drop": np.full_like(value, np.nan)}[rules.blq]
    counted = np.where(below, as_blq, value)
    unknown = int((below & np.isnan(counted)).sum()) if rules.blq == "lloq/2" else 0
    if unknown:
        notes.append(f"{unknown} BLQ samples without a known LLOQ were dropped from the means")
    shape = (len(people), len(kept))
    table = np.full(shape, np.nan)
    seen, empty, flags = (np.zeros(shape, dtype=bool) for _ in range(3))
    table[row, place] = counted
    seen[row, place] = True
    empty[row, place] = below | (value == 0)
    flags[row, place] = below
    order = _canonical(table, seen, flags)
    return Pooled(kept, table[order], seen[order], empty[order], flags[order], tuple(notes))


def _numbers(
    times: npt.ArrayLike, values: npt.ArrayLike, blq: npt.ArrayLike | None, lloq: npt.ArrayLike
) -> tuple[Array, Array, Flags, Array]:
    try:
        time = np.asarray(times, dtype=np.float64)
        value = np.asarray(values, dtype=np.float64)
        if time.ndim != 1 or time.shape != value.shape:
            raise ValueError(f"times have the shape {time.shape}, values {value.shape}; expected one flat length")
        limit = np.broadcast_to(np.asarray(lloq, dtype=np.float64), value.shape)
        with np.errstate(invalid="ignore"):
            below = value < limit if blq is None else np.broadcast_to(np.asarray(blq, dtype=bool), value.shape)
    except (ValueError, TypeError) as error:
        raise InputError(f"the arrays do not fit each other: {error}", "sparse") from None
    return time, value, below, limit


def _owners(subjects: Any, batch: Any, n: int) -> tuple[Integers, list[str]]:
    """A number per sample that tells its subject; samples without a name have a subject each."""
    problems, codes = [], []
    for what, names in (("subjects", subjects), ("batch", batch)):
        if names is None:
            continue
        column = pandas.Series(list(names), dtype=object)
        if len(column) != n:
            problems.append(f"{what} have {len(column)} entries for {n} samples; expected one for each")
        else:
            codes.append(pandas.factorize(column, use_na_sentinel=(what == "subjects"))[0].astype(np.intp))
    if problems:
        raise InputError(problems, "sparse")
    if subjects is None:
        return np.arange(n, dtype=np.intp), ["no subjects were given: every sample counts as a subject of its own"]
    owner = codes[0].copy()
    nameless = owner < 0
    if len(codes) == 2:  # numbering may begin again in every batch
        owner = codes[1] * (n + 1) + owner
    owner[nameless] = -1 - np.arange(int(nameless.sum()))
    notes = [f"{int(nameless.sum())} samples without a subject count as a subject each"] if nameless.any() else []
    return owner, notes


def _no_repeats(row: Integers, place: Integers, times: Array) -> None:
    """Raise if a subject has two samples at a time: it is not known which one belongs to the curve."""
    pairs, counts = np.unique(np.stack([row, place]), axis=1, return_counts=True)
    twice = np.flatnonzero(counts > 1)
    if len(twice):
        problems = [
            f"one subject has {counts[k]} samples at time {times[pairs[1, k]]:g}; expected one per subject and time"
            for k in twice[:10]
        ]
        raise InputError(problems, "sparse")


def _canonical(table: Array, seen: Flags, flags: Flags) -> Integers:
    """Order of the subjects by their samples alone, so that neither names nor rows matter to the bootstrap."""
    keys = [*np.nan_to_num(table).T[::-1], *flags.T[::-1], *(~seen).T[::-1]]
    return np.lexsort(keys) if keys else np.arange(len(table))
