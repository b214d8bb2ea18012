"""Lag, bioavailability, modelled rate and duration of every dose, with derivatives, from the model's expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pkpd.arrays import Array
from pkpd.dosing import Dose
from pkpd.engine.machine.code import Code
from pkpd.engine.timeline.terms import Terms
from pkpd.errors import InputError
from pkpd.model.model import DOSING

_USUAL = {"lag": 0.0, "bioavailability": 1.0, "infusion_rate": 0.0, "infusion_duration": 0.0}


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
        entries: Mapping[str, int], states: Sequence[str],
    ) -> list[list[Terms]]:  # fmt: skip
        """Return the terms of every dose of every subject.

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
            names = list(self._places)
            raise InputError(
                f"{names[k][0].replace('_', ' ')} of {names[k][1]!r} is {numbers[r, k]:g} in row {r + 1} of the "
                "values; expected a number ≥ 0"
                for r, k in np.argwhere(bad)[:20]
            )
        result: list[list[Terms]] = []
        makers: dict[str, Callable[[int], Terms]] = {}
        for given, rows_of in zip(doses, rows, strict=True):
            states_of = [d.into or (states[entries[d.route]] if d.route in entries else "") for d in given]
            for state in states_of:
                makers.setdefault(state, self._maker(state, numbers, derivatives))
            result.append([makers[state](row) for state, row in zip(states_of, rows_of, strict=True)])
        return result

    def _maker(self, state: str, numbers: Array, derivatives: Array) -> Callable[[int], Terms]:
        """Return what is said of doses into a state, by row of values."""

        made: dict[int, Terms] = {}

        def terms(row: int) -> Terms:
            if row not in made:
                lag, part, rate, length = (self._dual(kind, state, numbers[row], derivatives[row]) for kind in DOSING)
                made[row] = Terms(lag, part, rate, length, self._linear, row, terms)
            return made[row]

        return terms

    def _dual(self, kind: str, state: str, values: Array, derivatives: Array) -> Array:
        place = self._places.get((kind, state))
        if place is None:
            return np.concatenate([[_USUAL[kind]], np.zeros(self._derivatives)])
        return np.concatenate([[values[place]], derivatives[place]])
