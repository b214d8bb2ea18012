"""The model's half of a likelihood: from values per subject to the prediction of every row, with its slopes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.engine import Compiled, Schedule, Settings, Solution
from pkpd.errors import naming
from pkpd.observed import Observed


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of one evaluation.

    Attributes
    ----------
    f : array, shape (rows,)
        Prediction of each row, in the output's unit; NaN where its subject could not be solved.
    slopes : array, shape (rows, sensitivities)
        Derivatives by the parameters of `Compiled.sensitivities`, on their natural scale.
    solution : Solution
        With the status of every subject.
    """

    f: Array
    slopes: Array
    solution: Solution

    def failure(self) -> tuple[int, str] | None:
        """Return the place of the first subject that could not be solved and the solver's advice, or None."""
        failed = np.flatnonzero(self.solution.status)
        return (int(failed[0]), self.solution.advice(int(failed[0]))) if failed.size else None


@dataclass(frozen=True, eq=False)
class Predictions:
    """A function of the values of every subject.

    Attributes
    ----------
    data : Observed
        Doses, times and which output each row observes.
    code : Compiled
        The model, with sensitivities for the parameters that are estimated.
    settings : Settings
        Tolerances of the solver.
    """

    data: Observed
    code: Compiled
    settings: Settings

    @cached_property
    def _lines(self) -> Schedule:
        """Time lines of a model that says nothing of its doses: no value counts, so they are laid out once."""
        return self._laid_out(np.zeros((len(self.data.covariates), len(self.code.inputs))))

    def _laid_out(self, table: Array) -> Schedule:
        data = self.data
        rows: Any = () if data.time_rows is None else (data.changes, data.dose_rows, data.time_rows)
        with naming(data.subjects, data.dose_records):
            return self.code.schedule(table, data.doses, data.times, data.after, *rows)

    def at(self, table: Array) -> Predicted:
        """Return the predictions for a table of values.

        Parameters
        ----------
        table : array, shape (value rows, inputs)
            Parameters, then covariates, in the order of `Compiled.inputs`: a row per subject, and one more for each
            of its changes (`Observed.changes`).
        """
        lines = self._laid_out(table) if self.code.plans else self._lines
        solution = self.code.run(table, lines, self.settings, states=False)
        rows = np.arange(self.data.output.size)
        return Predicted(
            solution.outputs[rows, self.data.output], solution.slopes[rows, self.data.output], solution
        )  # fmt: skip
