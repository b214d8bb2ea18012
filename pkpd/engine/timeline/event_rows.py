"""Rows of values for models whose equations change at times of their own (see `event_times`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Dose
from pkpd.engine.machine.code import Code
from pkpd.engine.symbolic.dual_numbers import Dual
from pkpd.engine.timeline.timeline import record_times
from pkpd.errors import InputError
from pkpd.records import Changes


@dataclass(frozen=True, eq=False)
class ExpandedRows:
    """The rows of values with the model's event times among their changes.

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
    starts : array, rows
        Time from which each row holds; minus infinity for the first of a caller's row.
    unsteady : array of bool, subjects
        Who has a dose at steady state though equations change inside the interval that it repeats.
    """

    source: Integers
    past: Array
    changes: list[Changes]
    begins: Integers
    starts: Array
    unsteady: Flags

    def holding(self, rows: Sequence[int] | Integers, when: Sequence[float] | Array) -> Integers:
        """Return the rows that stand for the caller's rows at given times."""
        ends = np.append(self.begins[1:], len(self.source))
        holding = [
            self.begins[row] + max(np.searchsorted(self.starts[self.begins[row] : ends[row]], t) - 1, 0)
            for row, t in zip(rows, when, strict=True)
        ]
        return np.array(holding, dtype=np.int64)


class EventTimes:
    """A model's event times as code."""

    def __init__(self, code: Code) -> None:
        self._code, self._count = code, code.structure.event_count
        self._from_dose = np.array(code.structure.from_dose, dtype=bool)
        self._sensitivities = len(code.structure.sensitivities)
        self._behind = np.zeros(len(code.structure.pairs))  # second derivatives of times are not needed

    def expand(
        self, values: Array, doses: Sequence[Sequence[Dose]], times: Sequence[Any], changes: Sequence[Sequence[float]]
    ) -> ExpandedRows:
        """Return the rows of values of every subject, cut at the model's event times.

        Raises
        ------
        InputError
            If a time is not a number, naming the row of values.
        """
        count, height = self._count, len(values)
        table = np.zeros((height, count * (1 + self._sensitivities)))
        given = np.concatenate([values, np.zeros((height, count))], axis=1)
        self._code.rows("event_times", given, np.arange(height), table)
        at, derivatives = table[:, :count], table[:, count:].reshape(height, count, self._sensitivities)
        if np.isnan(at).any():
            raise InputError(
                f"a time at which the model changes is not a number in row {r + 1} of the values"
                for r in np.flatnonzero(np.isnan(at).any(axis=1))[:20]
            )
        source: list[int] = []
        past: list[Array] = []
        starts: list[float] = []
        begins: list[int] = []
        cuts: list[Changes] = []
        unsteady: list[bool] = []
        row = 0
        for doses_of, wanted, changed in zip(doses, times, changes, strict=True):
            clock, here_rows = np.asarray(wanted, dtype=float), slice(row, row + 1 + len(changed))
            unsteady.append(any(self._is_unsteady(dose, at[here_rows]) for dose in doses_of if dose.steady_state))
            begin = min([0.0, *(d.time for d in doses_of), *clock])
            records = record_times(doses_of, float(clock.max(initial=begin)))
            late = getattr(changed, "late", (False,) * len(changed))
            cuts_here: list[tuple[float, bool, Dual | None]] = []
            for k, (lo, hi) in enumerate(pairwise([begin, *changed, np.inf])):
                if k:
                    cuts_here.append((float(lo), late[k - 1], None))
                begins.append(len(source))
                source.append(row)
                starts.append(-np.inf)
                past.append(self._flags(at[row], lo, records))
                for t, here, flag in self._meets(at[row], lo, hi, records):
                    # Equal times pass one after the other: each moves with its own parameters.
                    moved = flag == 1.0 and derivatives[row, here].any()
                    cuts_here.append(
                        (t, False, np.concatenate([[t], derivatives[row, here], self._behind]) if moved else None)
                    )
                    source.append(row)
                    starts.append(t)
                    past.append(past[-1].copy())
                    past[-1][here] = flag
                row += 1
            cuts.append(Changes(*zip(*cuts_here, strict=True)) if cuts_here else Changes())
        return ExpandedRows(
            np.array(source), np.array(past).reshape(-1, count), cuts, np.array(begins), np.array(starts),
            np.array(unsteady, dtype=bool),
        )  # fmt: skip

    def _is_unsteady(self, dose: Dose, at: Array) -> bool:
        """Whether equations changed while the dose was repeated: before the record, or within each interval."""
        interval = dose.interval if dose.amount > 0 else np.inf
        inside = np.where(self._from_dose, (at > 0) & (at < interval), at < dose.time)
        return bool(inside.any())

    def _flags(self, at: Array, t: float, records: Array) -> Array:
        """Which times are past at the beginning of a row."""
        last = records[records <= t]
        since = np.where(self._from_dose, t - last[-1] if len(last) else 0.0, t)
        return (at <= since).astype(float)

    def _meets(self, at: Array, lo: float, hi: float, records: Array) -> list[tuple[float, int, float]]:
        """When which time is met (1) or ahead again (0) within a row, in order."""
        meets = []
        for here, limit in enumerate(at.tolist()):
            if not self._from_dose[here]:
                meets.append((limit, here, 1.0))
                continue
            for begin, end in pairwise([*records.tolist(), np.inf]):
                meets.append((begin, here, float(limit <= 0)))
                if limit > 0 and begin + limit < end:
                    meets.append((begin + limit, here, 1.0))
        return sorted((f for f in meets if lo < f[0] < hi), key=lambda f: f[0])
