"""The course of many virtual patients, each with doses of their own: drawn once, solved once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.dosing import Dose, Regimen
from pkpd.engine import Settings
from pkpd.model.evaluate import evaluate_text
from pkpd.population import Population
from pkpd.simulate.adaptive.trial import AdaptiveTrial


class Patients:
    """Patients of one drug: their parameters are known before their doses are decided.

    Parameters
    ----------
    population : Population
        Whom to draw.
    unit : str
        Unit of their doses; times are in hours.
    count : int
        How many.
    seed, block : int
        They name the random streams.
    settings : Settings
        Tolerances and threads.
    """

    def __init__(
        self, population: Population, unit: str, count: int, seed: int, block: int, settings: Settings
    ) -> None:
        self._trial = AdaptiveTrial(population, Regimen((), unit, "h"), count, seed, block, settings)
        self.values = self._trial.values

    def exposure(self, text: str, dose: Array) -> Array:
        """Return an exposure of every patient at doses in the model's unit, shape of (patients, doses).

        Parameters
        ----------
        text : str
            Expression in the parameters and ``dose``.
        dose : array, shape (doses,)
            Amounts.
        """
        columns = {name: np.asarray(value, dtype=float)[:, None] for name, value in self.values.items()
                   if np.asarray(value).dtype.kind in "fiu"}  # fmt: skip
        found = evaluate_text(text, {**columns, "dose": dose[None, :]})
        return np.broadcast_to(found, (len(self._trial.names), len(dose)))

    def solve(
        self, doses: Sequence[tuple[Dose, ...]], times: Array
    ) -> tuple[dict[str, Array], dict[str, Array], Flags]:
        """Return outputs and measurements, each (patients, times), and who was solved.

        Values at the time of a dose are those before it.

        Parameters
        ----------
        doses : sequence of tuple of Dose, shape (patients,)
            Everybody's.
        times : array
            In hours.
        """
        self._trial.doses = [[(dose, 1) for dose in own] for own in doses]
        solution = self._trial.solve(times, False)
        count = len(self._trial.names)
        exact = solution.outputs.reshape(count, len(times), -1).transpose(0, 2, 1)
        outputs = {name: exact[:, k] for k, name in enumerate(self._trial.code.outputs)}
        measured = self._trial.measurements(exact) if self._trial.population.errors else {}
        return outputs, measured, np.asarray(solution.status) == 0


__all__ = ["Patients"]
