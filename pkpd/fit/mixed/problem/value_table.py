"""The engine's table of values in a population fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.fit.mixed.problem.shifts import Shifts
from pkpd.observed import Observed


@dataclass(frozen=True, eq=False)
class ValueTable:
    """The engine's table of values: what stays, and where fixed effects and shifts are written."""

    base: Array
    common: tuple[Integers, Integers]
    columns: Integers
    shifted: Flags
    owner: Integers

    @classmethod
    def of(cls, data: Observed, shifts: Shifts, own: tuple[str, ...], given: Mapping[str, Array]) -> ValueTable:
        """Return the table of a problem.

        Parameters
        ----------
        data, shifts : Observed, Shifts
            Of the problem.
        own : tuple of str
            Names of the population's parameters.
        given : mapping
            Parameter → one value per subject.
        """
        names = data.model.parameters.names
        base = np.zeros((len(data.covariates), len(names) + len(data.model.covariates)))
        base[:, len(names) :] = data.covariates
        for name, values in given.items():
            base[:, names.index(name)] = values[data.value_subject]
        common = [k for k, n in enumerate(names) if n in own and n not in given]
        shifted = np.zeros(len(shifts.effects), dtype=bool)
        shifted[: len(shifts.names)] = [n not in own for n in shifts.names]
        columns = [names.index(n) for n in shifts.names if n not in own]
        return cls(
            base,
            (np.array(common, dtype=np.int64), np.array([own.index(names[k]) for k in common], dtype=np.int64)),
            np.array(columns, dtype=np.int64), shifted, data.value_subject,
        )  # fmt: skip

    def filled(self, values: Array, shifts: Array) -> Array:
        """Return the table for the values of all parameters and the shifts of every subject."""
        table = self.base.copy()
        columns, which = self.common
        table[:, columns] = values[which]
        table[:, self.columns] = shifts[:, self.shifted][self.owner]
        return table
