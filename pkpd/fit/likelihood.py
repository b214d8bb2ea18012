"""The likelihood of a study under a model: predictions and densities put together, as a function of one vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine import Compiled, Settings
from pkpd.fit.densities import Densities, Density, group_starts, group_sums, measured_rows
from pkpd.fit.predictions import Predicted, Predictions
from pkpd.fit.row_density import HALF_LOG_TWO_PI
from pkpd.observed import Observed
from pkpd.observed.naming import name_rows
from pkpd.parameters import Parameters, Scale
from pkpd.population import ResidualError


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the likelihood returns at one point of the transformed parameter space.

    Attributes
    ----------
    objective : float
        −2 log L without N·log 2π (NONMEM's scale).
    gradient : array, shape (free,)
        Its exact gradient.
    information : array, shape (free, free)
        Expected (Gauss–Newton) Hessian of the objective, positive semi-definite.
    scores : array, shape (subjects, free)
        Gradient of each subject's contribution.
    fitted, sd : arrays, shape (rows,)
        Predictions in the outputs' units, and residual SD on the error's scale.
    """

    objective: float
    gradient: Array
    information: Array
    scores: Array
    fitted: Array
    sd: Array


@dataclass(frozen=True, eq=False)
class _Places:
    """Where numbers stand: fixed for a likelihood, so that an evaluation is arithmetic with arrays alone.

    Attributes
    ----------
    values : array, shape (parameters,)
        All values; the free ones are replaced.
    free : array of int, shape (free,)
        Places of the free parameters among all.
    scale : Scale
        Of the free parameters.
    table : array, shape (value rows, inputs)
        Given values and covariates; a column of the common parameters is replaced.
    common : tuple of two arrays of int
        Columns of the table that are the same for all subjects, and the parameters that stand there.
    noise : array of int, shape (errors' parameters,)
        Places of the errors' parameters among all.
    moved : array of int, shape (sensitivities,)
        Place among the free of each parameter that the predictions are differentiated by.
    noisy : tuple of two arrays of int
        Which of the errors' parameters are free, and their places among the free.
    blocks : tuple
        Index grids of the information matrix: moved × moved, moved × noisy, noisy × moved, noisy × noisy.
    starts : array of int, shape (subjects + 1,)
        Where each subject's rows begin.
    """

    values: Array
    free: Integers
    scale: Scale
    table: Array
    common: tuple[Integers, Integers]
    noise: Integers
    moved: Integers
    noisy: tuple[Integers, Integers]
    blocks: tuple[tuple[Any, Any], ...]
    starts: Integers


@dataclass(frozen=True, eq=False)
class Likelihood:
    """A function of the free parameters' transformed vector; everything else is settled.

    Attributes
    ----------
    data : Observed
        Rows and doses.
    code : Compiled
        The model, with sensitivities for its free parameters.
    parameters : Parameters
        The model's and the residual errors' parameters.
    errors : tuple of ResidualError
        One per observed output.
    given : mapping
        Model parameter → one value per subject, where it is not common to all.
    settings : Settings
        Tolerances of the solver.
    """

    data: Observed
    code: Compiled
    parameters: Parameters
    errors: tuple[ResidualError, ...]
    given: dict[str, Array]
    settings: Settings

    @cached_property
    def predictions(self) -> Predictions:
        """The model's half."""
        return Predictions(self.data, self.code, self.settings)

    @cached_property
    def densities(self) -> Densities:
        """The errors' half."""
        return Densities(self.data, self.errors, self.data.outputs)

    @cached_property
    def _places(self) -> _Places:
        names, free = list(self.parameters.names), list(self.parameters.free)
        own = self.data.model.parameters.names
        table = np.zeros((len(self.data.covariates), len(own) + len(self.data.model.covariates)))
        for k, name in enumerate(own):
            if name in self.given:
                table[:, k] = self.given[name][self.data.value_subject]
        table[:, len(own) :] = self.data.covariates
        common = [k for k, name in enumerate(own) if name not in self.given]
        noise = self.densities.names
        own_noise = _integers([k for k, name in enumerate(noise) if name in free])
        noisy = _integers([free.index(noise[k]) for k in own_noise])
        moved = _integers([free.index(n) for n in self.code.sensitivities])
        return _Places(
            self.parameters.values,
            _integers([names.index(n) for n in free]),
            self.parameters.scale,
            table,
            (_integers(common), _integers([names.index(own[k]) for k in common])),
            _integers([names.index(n) for n in noise]),
            moved,
            (own_noise, noisy),
            tuple((a[:, None], b) for a in (moved, noisy) for b in (moved, noisy)),
            group_starts(self.data.subject, len(self.data.subjects)),
        )

    def values_at(self, vector: Array) -> Array:
        """Return the values of all parameters at a transformed vector, shape (parameters,)."""
        places = self._places
        values = places.values.copy()
        values[places.free] = places.scale.back(np.asarray(vector, dtype=float))
        return values

    def table(self, values: Array) -> Array:
        """Return the value table of the engine, subjects × inputs, from the values of all parameters."""
        columns, which = self._places.common
        table = self._places.table.copy()
        table[:, columns] = values[which]
        return table

    def __call__(self, vector: Array) -> Evaluation:
        """Evaluate at a transformed vector; a point that cannot be computed has an infinite objective."""
        values = self.values_at(vector)
        predicted = self.predictions.at(self.table(values))
        density = self.densities.at(predicted.f, values[self._places.noise])
        slopes = self._places.scale.slope(values[self._places.free])
        with np.errstate(all="ignore"):
            return self._assembled(predicted, density, slopes)

    def _assembled(self, predicted: Predicted, density: Density, slopes: Array) -> Evaluation:
        """Sum over rows and subjects; `slopes` lead from natural to transformed parameters, shape (free,)."""
        places, count = self._places, len(slopes)
        subjects, (own, noisy) = len(self.data.subjects), places.noisy
        df = predicted.slopes * slopes[places.moved]
        dp = density.p[:, own] * slopes[noisy]
        gradient = np.zeros((df.shape[0], count))
        gradient[:, places.moved] = density.f[:, None] * df
        gradient[:, noisy] += dp
        objective = float((density.value + self.densities.jacobian).sum())
        scores = group_sums(gradient, places.starts)
        information = self._information(density, df, slopes)
        if not np.isfinite(objective) or not np.isfinite(scores).all() or not np.isfinite(information).all():
            objective = np.inf
            scores, information = np.zeros((subjects, count)), np.eye(count)
        return Evaluation(objective, scores.sum(axis=0), information, scores, predicted.f, density.sd)

    def _information(self, density: Density, df: Array, slopes: Array) -> Array:
        """Expected Hessian on the transformed scale, shape (free, free)."""
        own, noisy = self._places.noisy
        steep = slopes[noisy]
        ff, fp, pp = density.expected
        model, across, back, errors = self._places.blocks
        information = np.zeros((len(slopes), len(slopes)))
        information[model] = df.T @ (ff[:, None] * df)
        mixed = df.T @ (fp[:, own] * steep)
        information[across], information[back] = mixed, mixed.T
        information[errors] = pp.sum(axis=0)[own[:, None], own] * (steep[:, None] * steep)
        return information

    def trouble(self, vector: Array) -> str:
        """Return why a point cannot be computed: the solver's advice for the first subject that failed, or nothing."""
        failure = self.predictions.at(self.table(self.values_at(vector))).failure()
        if failure is None:
            return self._impossible(vector)
        return f"subject {self.data.subjects[failure[0]]!r}: {failure[1]}"

    def _impossible(self, vector: Array) -> str:
        """Name the measured values that their residual error cannot hold (no prediction, or no spread)."""
        value, data = self(vector), self.data
        bad = measured_rows(self.densities.rows) & ~((value.sd > 0) & np.isfinite(value.fitted))
        for error in self.errors:
            with np.errstate(all="ignore"):
                bad |= measured_rows(data) & data.of(error.output) & ~np.isfinite(error.transform.to(value.fitted))
        if not bad.any():
            return ""
        k = int(np.flatnonzero(bad)[0])
        only = np.arange(bad.size) == k
        others = f" (and {bad.sum() - 1} more: {name_rows(data, bad & ~only)})" if bad.sum() > 1 else ""
        return (
            f"{name_rows(data, only)}: {self.data.outputs[data.output[k]]} was {data.value[k]:g}, the "
            f"prediction is {value.fitted[k]:g} and its residual error has no spread there{others}; choose another "
            "error (additive, or combined with a floor) or a model with a baseline, or leave it out (column 'excluded')"
        )

    @property
    def constant(self) -> float:
        """What turns the objective into −2 log L: N·log 2π of the measured rows (a censored row has none)."""
        return 2 * HALF_LOG_TWO_PI * int(measured_rows(self.densities.rows).sum())


def _integers(numbers: Sequence[int]) -> Integers:
    return np.array(numbers, dtype=np.int64)


def free_model_parameters(parameters: Parameters, model_names: Sequence[str]) -> tuple[str, ...]:
    """Return the free parameters that belong to the model (the others belong to residual errors)."""
    return tuple(n for n in parameters.free if n in model_names)
