"""Lag, bioavailability, modelled rate and duration of every dose, with derivatives, from the model's expressions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.dosing import Dose
from pkpd.engine.machine.code import Code
from pkpd.engine.timeline.terms import Terms
from pkpd.errors import DoseError
from pkpd.model.model import DOSING

USUAL = {"lag": 0.0, "bioavailability": 1.0, "infusion_rate": 0.0, "infusion_duration": 0.0}


class DosingTerms:
    """What a model says of doses, as code; false if it says nothing.

    Parameters
    ----------
    code : Code
        The model's code.
    """

    def __init__(self, code: Code) -> None:
        self._code = code
        self._places = {pair: k for k, pair in enumerate(code.structure.dosing)}
        self._derivatives = len(code.structure.sensitivities) + len(code.structure.pairs)  # second ones, too
        self._count = len(self._places)
        self._linear = code.structure.all_linear

    def __bool__(self) -> bool:
        return self._count > 0

    def of(
        self, values: Array, doses: Sequence[Sequence[Dose]], rows: Sequence[Sequence[int]],
        entries: Mapping[str, int], states: Sequence[str], whole: frozenset[int] = frozenset(),
    ) -> SaidOfDoses:  # fmt: skip
        """Return what is said of every dose of every subject.

        Parameters
        ----------
        values : array, rows × inputs
            Values of the model's inputs.
        doses : sequence, one item per subject
            The doses.
        rows : sequence, one item per subject
            Row of values that holds at each dose.
        entries, states
            Route → index of its state; names of the states.
        whole : frozenset of int
            Subjects of whom every dose that is under way at a steady state arrives (`Terms.whole`).

        Raises
        ------
        InputError
            If a lag or a bioavailability is negative or not a number, naming the subject's place.
        """
        table = np.zeros((len(values), self._count * (1 + self._derivatives)))
        full = np.concatenate([values, np.zeros((len(values), self._code.structure.event_count))], axis=1)
        self._code.rows("dosing", full, np.arange(len(values)), table)
        numbers, derivatives = (
            table[:, : self._count],
            table[:, self._count :].reshape(len(values), self._count, self._derivatives),
        )
        bad = ~np.isfinite(numbers) | (numbers < 0)
        if bad.any():
            raise DoseError(self._not_numbers(numbers, np.argwhere(bad)[:20], rows))
        return SaidOfDoses(self, numbers, derivatives, doses, rows, StateOfRoute(entries, states), whole)

    def _not_numbers(
        self, numbers: Array, bad: Integers, rows: Sequence[Sequence[int]]
    ) -> Iterator[tuple[int | None, int | None, str]]:
        """What cannot be a lag, a share, a rate or a length, with the first subject and dose that it concerns."""
        names = list(self._places)
        owner = {int(row): (k, dose) for k, own in reversed([*enumerate(rows)]) for dose, row in enumerate(own)}
        for r, k in bad.tolist():
            kind, state = names[k]
            whose = owner.get(r, (None, None))
            place = "" if r in owner else f" in row {r + 1} of the values"
            text = f"{kind.replace('_', ' ')} of {state!r} is {numbers[r, k]:g}{place}; expected a number ≥ 0"
            yield *whose, text

    def terms(self, state: str, numbers: Array, derivatives: Array) -> Callable[[int], Terms]:
        """Return what is said of doses into a state, by row of values."""

        made: dict[int, Terms] = {}

        def terms(row: int) -> Terms:
            if row not in made:
                lag, part, rate, length = (self._dual(kind, state, numbers[row], derivatives[row]) for kind in DOSING)
                made[row] = Terms(lag, part, rate, length, self._linear, False, row, terms)
            return made[row]

        return terms

    def place(self, kind: str, state: str) -> int:
        """Return the column in which something is said of doses into a state; -1 where nothing is."""
        return self._places.get((kind, state), -1)

    def _dual(self, kind: str, state: str, values: Array, derivatives: Array) -> Array:
        place = self._places.get((kind, state))
        if place is None:
            return np.concatenate([[USUAL[kind]], np.zeros(self._derivatives)])
        return np.concatenate([[values[place]], derivatives[place]])


def rows_at_doses(
    doses: Sequence[Sequence[Dose]], changes: Sequence[Sequence[float]], first_row: Integers,
    counted: Sequence[Sequence[int]] | None = None,
) -> list[list[int]]:  # fmt: skip
    """Return the row of values that holds at every dose, one list per subject.

    Parameters
    ----------
    doses, changes : sequences, one item per subject
        The doses; times from which the subject's second, third … row holds.
    first_row : array of int, shape (subjects + 1,)
        Where each subject's rows begin in the table of values.
    counted : sequence, one item per subject, optional
        Which of the subject's rows holds at each dose; by default the one that holds from its time on.
    """
    rows = []
    for k, (given, changed, first) in enumerate(zip(doses, changes, first_row[:-1].tolist(), strict=True)):
        if counted is not None:
            rows.append([first + int(number) for number in counted[k]])
        elif len(changed):
            rows.append([first + bisect_right(changed, dose.time) for dose in given])
        else:
            rows.append([first] * len(given))
    return rows


class StateOfRoute(NamedTuple):
    """Route → index of the state that a dose enters by it; names of the states."""

    entries: Mapping[str, int]
    states: Sequence[str]

    def name(self, dose: Dose) -> str:
        """Return the state that a dose enters; nothing if there is none for its route."""
        return dose.into or (self.states[self.entries[dose.route]] if dose.route in self.entries else "")


class SaidOfDoses:
    """What a model says of the doses of many subjects: as `Terms` of one of them, or of all doses as arrays.

    Parameters
    ----------
    dosing : DosingTerms
        Where the model says what.
    numbers, derivatives : arrays, shapes (rows, columns) and (rows, columns, sensitivities)
        What it says with each row of values.
    doses, rows : sequences, one item per subject
        The doses, and the row of values that holds at each.
    by_route : StateOfRoute
        Where doses enter.
    whole : frozenset of int
        As for `DosingTerms.of`.
    """

    def __init__(
        self, dosing: DosingTerms, numbers: Array, derivatives: Array, doses: Sequence[Sequence[Dose]],
        rows: Sequence[Sequence[int]], by_route: StateOfRoute, whole: frozenset[int] = frozenset(),
    ) -> None:  # fmt: skip
        self._dosing, self._numbers, self._derivatives = dosing, numbers, derivatives
        self._doses, self._rows, self._by_route = doses, rows, by_route
        self._whole = whole
        self._makers: dict[str, Callable[[int], Terms]] = {}

    def __len__(self) -> int:
        return len(self._doses)

    def __getitem__(self, subject: int) -> list[Terms]:
        found = []
        for dose, row in zip(self._doses[subject], self._rows[subject], strict=True):
            state = self._by_route.name(dose)
            if state not in self._makers:
                self._makers[state] = self._dosing.terms(state, self._numbers, self._derivatives)
            found.append(self._makers[state](row))
        return [replace(terms, whole=True) for terms in found] if subject in self._whole else found

    def first_row(self, subject: int) -> int:
        """Return the row of values that holds at a subject's first dose; -1 if there is no dose."""
        rows = self._rows[subject]
        return int(rows[0]) if len(rows) else -1

    def duals(self, kind: str, states: Integers, rows: Integers) -> Array:
        """Return what is said of many doses.

        Parameters
        ----------
        kind : str
            ``"lag"``, ``"bioavailability"``, ``"infusion_rate"`` or ``"infusion_duration"``.
        states, rows : arrays of int, shape (doses,)
            The state that each enters, and the row of values that holds at it; -1: nothing is said.

        Returns
        -------
        array, shape (doses, 1 + sensitivities)
            The values, with derivatives.
        """
        found = usual_duals(kind, len(states), self._derivatives.shape[2])
        columns = np.array([self._dosing.place(kind, name) for name in self._by_route.states], dtype=np.int64)
        said = np.flatnonzero((columns[states] >= 0) & (rows >= 0)) if len(columns) else np.zeros(0, dtype=np.int64)
        found[said, 0] = self._numbers[rows[said], columns[states[said]]]
        found[said, 1:] = self._derivatives[rows[said], columns[states[said]]]
        return found


def usual_duals(kind: str, count: int, derivatives: int) -> Array:
    """Return what holds of doses of which nothing is said, shape (doses, 1 + derivatives)."""
    found = np.zeros((count, 1 + derivatives))
    found[:, 0] = USUAL[kind]
    return found
