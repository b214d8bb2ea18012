"""Rows of values for models whose equations change at times of their own (see `moments`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing import Dose
from pkpd.engine.code import Code
from pkpd.engine.jets import Jet
from pkpd.errors import InputError
from pkpd.records import Changes

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Expanded:
    """The rows of values with the model's own times among their changes.

    Attributes
    ----------
    source : array of int, rows
        Row of the caller's table behind each row.
    past : array, rows × times
        1 where a time is past.
    changes : list of Changes, one item per subject
        Times, with derivatives, from which the second, third … row holds.
    begins : array of int, caller's rows
        First row that stands for each of the caller's.
    moments : array, caller's rows × times
        The times.
    """

    source: Integers
    past: Array
    changes: list[Changes]
    begins: Integers
    moments: Array

    def holding(self, rows: Sequence[int] | Integers, when: Sequence[float] | Array) -> Integers:
        """Return the rows that stand for the caller's rows at given times."""
        ends = np.append(self.begins[1:], len(self.source))
        found = np.empty(len(rows), dtype=np.int64)
        for k, (row, t) in enumerate(zip(rows, when, strict=True)):
            choices = np.arange(self.begins[row], ends[row])
            wanted = self.moments[row] < t
            fits = (self.past[choices] == wanted).all(axis=1)
            found[k] = choices[int(np.argmax(fits))]
        return found


class OwnTimes:
    """A model's own times as code."""

    def __init__(self, code: Code) -> None:
        self._code, self._count = code, code.structure.moments
        self._slopes = len(code.structure.sensitivities)

    def expand(
        self, values: Array, doses: Sequence[Sequence[Dose]], times: Sequence[Any], changes: Sequence[Sequence[float]]
    ) -> Expanded:
        """Return the rows of values of every subject, cut at the model's own times.

        Raises
        ------
        InputError
            If a time is not a number, naming the row of values.
        """
        count, height = self._count, len(values)
        table = np.zeros((height, count * (1 + self._slopes)))
        given = np.concatenate([values, np.zeros((height, count))], axis=1)
        self._code.rows("moments", given, np.arange(height), table)
        at, slopes = table[:, :count], table[:, count:].reshape(height, count, self._slopes)
        if np.isnan(at).any():
            raise InputError(
                f"a time at which the model changes is not a number in row {r + 1} of the values"
                for r in np.flatnonzero(np.isnan(at).any(axis=1))[:20]
            )
        source, past, begins, moments = [], [], [], []
        row = 0
        for given_to, when, own in zip(doses, times, changes, strict=True):
            clock = np.asarray(when, dtype=float)
            begin = min([0.0, *(d.time for d in given_to), *clock])
            edges = [begin, *own, np.inf]
            late = getattr(own, "late", (False,) * len(own))
            mine: list[tuple[float, bool, Jet | None]] = []
            for k, (lo, hi) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
                if k:
                    mine.append((float(lo), late[k - 1], None))
                begins.append(len(source))
                source.append(row)
                past.append((at[row] <= lo).astype(float))
                for here in np.argsort(at[row], kind="stable"):
                    t = float(at[row, here])
                    if not lo < t < hi:
                        continue
                    # Equal times pass one after the other: each moves with its own parameters.
                    jet = np.concatenate([[t], slopes[row, here]])
                    mine.append((t, False, jet if slopes[row, here].any() else None))
                    source.append(row)
                    past.append(past[-1].copy())
                    past[-1][here] = 1.0
                row += 1
            moments.append(Changes(*zip(*mine, strict=True)) if mine else Changes())
        return Expanded(np.array(source), np.array(past).reshape(-1, count), moments, np.array(begins), at)
