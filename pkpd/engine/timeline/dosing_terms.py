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
    by_amount : bool
        Whether what it says depends on the amount of the dose.
    """

    def __init__(self, code: Code, by_amount: bool = False) -> None:
        self._code, self.by_amount = code, by_amount
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
        full = np.concatenate([values, np.zeros((len(values), self._code.structure.event_count))], axis=1)
        met = Met(full, doses, rows, self.by_amount)
        said = SaidOfDoses(self, met, doses, rows, StateOfRoute(entries, states), whole)
        numbers = said.numbers
        bad = ~np.isfinite(numbers) | (numbers < 0)
        if bad.any():
            raise DoseError(self._not_numbers(numbers, np.argwhere(bad)[:20], met))
        return said

    def computed(self, met: Met, first: int = 0) -> tuple[Array, Array]:
        """Return what is said with every row of values (and amount) that is met, from one on, with derivatives."""
        rows, amounts = met.rows[first:], met.amounts[first:]
        table = np.zeros((len(rows), self._count * (1 + self._derivatives)))
        self._code.rows("dosing", met.values, np.array(rows), table, np.array(amounts)[:, None] if amounts else None)
        numbers, derivatives = table[:, : self._count], table[:, self._count :]
        if self.by_amount:  # nothing is given by a record without an amount
            none = np.array(amounts) == 0
            for k, (kind, _) in enumerate(self._places):
                numbers[none & ~np.isfinite(numbers[:, k]), k] = USUAL[kind]
        return numbers, derivatives.reshape(len(rows), self._count, self._derivatives)

    def _not_numbers(self, numbers: Array, bad: Integers, met: Met) -> Iterator[tuple[int | None, int | None, str]]:
        """What cannot be a lag, a share, a rate or a length, with the first subject and dose that it concerns."""
        names, owner = list(self._places), met.owners()
        for r, k in bad.tolist():
            kind, state = names[k]
            whose = owner.get(r, (None, None))
            place = "" if r in owner else f" in row {r + 1} of the values"
            place += f" for a dose of {met.amounts[r]:g}" if met.amounts else ""
            text = f"{kind.replace('_', ' ')} of {state!r} is {numbers[r, k]:g}{place}; expected a number ≥ 0"
            yield *whose, text

    def terms(self, state: str, said: SaidOfDoses, amount: float) -> Callable[[int], Terms]:
        """Return what is said of doses (of an amount) into a state, by row of values."""

        made: dict[int, Terms] = {}

        def terms(row: int) -> Terms:
            if row not in made:
                at = said.place(row, amount)
                numbers, derivatives = said.numbers[at], said.derivatives[at]
                lag, part, rate, length = (self._dual(kind, state, numbers, derivatives) for kind in DOSING)
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


class Met:
    """With which values something is said of doses: every row, or every row and amount that come together.

    Parameters
    ----------
    values : array, rows × inputs
        The rows of values.
    doses, rows : sequences, one item per subject
        The doses, and the row of values that holds at each.
    by_amount : bool
        Whether amounts matter.

    Attributes
    ----------
    rows : list of int
        The row of each pair.
    amounts : list of float
        Its amount; empty where amounts do not matter.
    """

    def __init__(
        self, values: Array, doses: Sequence[Sequence[Dose]], rows: Sequence[Sequence[int]], by_amount: bool
    ) -> None:
        self.values, self._doses, self._rows, self._by_amount = values, doses, rows, by_amount
        self._known: dict[tuple[int, float], int] = {}
        self.amounts: list[float] = []
        self.rows = [] if by_amount else list(range(len(values)))
        if by_amount:
            for given, own in zip(doses, rows, strict=True):
                for dose, row in zip(given, own, strict=True):
                    self.place(int(row), dose.amount)

    def place(self, row: int, amount: float) -> int:
        """Return where a row (and an amount) stands; a new pair stands behind the others."""
        if not self._by_amount:
            return row
        at = self._known.setdefault((row, amount), len(self.rows))
        if at == len(self.rows):
            self.rows.append(row)
            self.amounts.append(amount)
        return at

    def owners(self) -> dict[int, tuple[int, int]]:
        """Return the first subject and dose that each belongs to."""
        return {
            self.place(int(row), dose.amount): (k, number)
            for k, (given, own) in reversed([*enumerate(zip(self._doses, self._rows, strict=True))])
            for number, (dose, row) in reversed([*enumerate(zip(given, own, strict=True))])
        }


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
    met : Met
        With which values it says something.
    doses, rows : sequences, one item per subject
        The doses, and the row of values that holds at each.
    by_route : StateOfRoute
        Where doses enter.
    whole : frozenset of int
        As for `DosingTerms.of`.
    """

    def __init__(
        self, dosing: DosingTerms, met: Met, doses: Sequence[Sequence[Dose]],
        rows: Sequence[Sequence[int]], by_route: StateOfRoute, whole: frozenset[int] = frozenset(),
    ) -> None:  # fmt: skip
        self._dosing, self._met = dosing, met
        self.numbers, self.derivatives = dosing.computed(met)
        self._doses, self._rows, self._by_route = doses, rows, by_route
        self._whole = whole
        self._makers: dict[tuple[str, float], Callable[[int], Terms]] = {}

    def __len__(self) -> int:
        return len(self._doses)

    def __getitem__(self, subject: int) -> list[Terms]:
        found = []
        for dose, row in zip(self._doses[subject], self._rows[subject], strict=True):
            state = self._by_route.name(dose)
            key = state, dose.amount if self._dosing.by_amount else 0.0
            if key not in self._makers:
                self._makers[key] = self._dosing.terms(state, self, dose.amount)
            found.append(self._makers[key](row))
        return [replace(terms, whole=True) for terms in found] if subject in self._whole else found

    def first_row(self, subject: int) -> int:
        """Return the row of values that holds at a subject's first dose; -1 if there is no dose."""
        rows = self._rows[subject]
        return int(rows[0]) if len(rows) else -1

    @property
    def by_amount(self) -> bool:
        """Whether what is said depends on the amount of the dose."""
        return self._dosing.by_amount

    def place(self, row: int, amount: float) -> int:
        """Return where stands what is said with a row of values of a dose of an amount."""
        at = self._met.place(row, amount)
        if at == len(self.numbers):  # additional doses may meet other values than their record
            numbers, derivatives = self._dosing.computed(self._met, at)
            self.numbers = np.concatenate([self.numbers, numbers])
            self.derivatives = np.concatenate([self.derivatives, derivatives])
        return at

    def duals(self, kind: str, states: Integers, rows: Integers, amounts: Array) -> Array:
        """Return what is said of many doses.

        Parameters
        ----------
        kind : str
            ``"lag"``, ``"bioavailability"``, ``"infusion_rate"`` or ``"infusion_duration"``.
        states, rows : arrays of int, shape (doses,)
            The state that each enters, and the row of values that holds at it; -1: nothing is said.
        amounts : array, shape (doses,)
            The amount of each.

        Returns
        -------
        array, shape (doses, 1 + sensitivities)
            The values, with derivatives.
        """
        found = usual_duals(kind, len(states), self.derivatives.shape[2])
        columns = np.array([self._dosing.place(kind, name) for name in self._by_route.states], dtype=np.int64)
        said = np.flatnonzero((columns[states] >= 0) & (rows >= 0)) if len(columns) else np.zeros(0, dtype=np.int64)
        at = rows[said]
        if self.by_amount:
            pairs = zip(at.tolist(), amounts[said].tolist(), strict=True)
            at = np.array([self.place(*pair) for pair in pairs], dtype=np.int64)
        found[said, 0] = self.numbers[at, columns[states[said]]]
        found[said, 1:] = self.derivatives[at, columns[states[said]]]
        return found


def usual_duals(kind: str, count: int, derivatives: int) -> Array:
    """Return what holds of doses of which nothing is said, shape (doses, 1 + derivatives)."""
    found = np.zeros((count, 1 + derivatives))
    found[:, 0] = USUAL[kind]
    return found
