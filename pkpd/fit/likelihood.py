"""The likelihood of a study under a model: value, exact gradient and information, censored samples included (M3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from pkpd.arrays import Array, Integers
from pkpd.engine import Compiled, Settings, Solution
from pkpd.fit.data import ABOVE, BELOW, MEASURED, FitData
from pkpd.fit.residual import HALF_LOG_TWO_PI, ResidualError, log_density_constant, scale_of, spread
from pkpd.parameters import Parameters


@dataclass(frozen=True, eq=False)
class Value:
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
class Likelihood:
    """A function of the free parameters' transformed vector; everything else is settled.

    Attributes
    ----------
    data : FitData
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

    data: FitData
    code: Compiled
    parameters: Parameters
    errors: tuple[ResidualError, ...]
    given: dict[str, Array]
    settings: Settings

    def table(self, parameters: Parameters) -> Array:
        """Return the value table of the engine, subjects × inputs."""
        names = self.data.model.parameters.names
        table = np.empty((len(self.data.subjects), len(names) + len(self.data.model.covariates)))
        for k, name in enumerate(names):
            table[:, k] = self.given[name] if name in self.given else parameters[name]
        table[:, len(names) :] = self.data.covariates
        return table

    def __call__(self, vector: Array) -> Value:
        """Evaluate at a transformed vector; a point that cannot be computed has an infinite objective."""
        parameters = self.parameters.from_vector(vector)
        solution = self._solved(parameters)
        rows = np.arange(self.data.time.size)
        fitted = solution.outputs[rows, self.data.output]
        free = list(parameters.free)
        slopes = parameters.slopes()
        df = np.zeros((rows.size, len(free)))
        for j, name in enumerate(self.code.sensitivities):
            k = free.index(name)
            df[:, k] = solution.slopes[rows, self.data.output, j] * slopes[k]
        with np.errstate(all="ignore"):
            return self._assemble(parameters, fitted, df, slopes)

    def _solved(self, parameters: Parameters) -> Solution:
        """The model at given parameters; a lag or a modelled infusion moves the time lines with them."""
        table, data = self.table(parameters), self.data
        plan = self.code.schedule(table, data.doses, data.times, data.after) if self.code.plans else data.schedule
        return self.code.run(table, plan, self.settings)

    def _assemble(self, parameters: Parameters, fitted: Array, df: Array, slopes: Array) -> Value:
        free = list(parameters.free)
        count, subjects = len(free), len(self.data.subjects)
        objective = 0.0
        information, scores = np.zeros((count, count)), np.zeros((subjects, count))
        sd = np.full(fitted.shape, np.nan)
        for error in self.errors:
            rows = self.data.of(error.output)
            named = {n: (parameters[n], free.index(n) if n in free else -1) for n in error.names}
            dx = df[rows].copy()
            found = spread(error, fitted[rows], dx, named, self.data.value[rows])
            dg = found.dg
            for name in error.names:
                if name in free:  # the error's own parameters move on their transformed scales too
                    dg[:, free.index(name)] *= slopes[free.index(name)]
            sd[rows] = found.g
            y = scale_of(error, self.data.value[rows])
            value, gradient, hessian = _rows(y, self.data.censor[rows], found.f, found.g, found.df, dg)
            measured = self.data.value[rows][self.data.censor[rows] == MEASURED]
            objective += float(value.sum()) + log_density_constant(error, measured)
            information += hessian
            np.add.at(scores, self.data.subject[rows], gradient)
        if not np.isfinite(objective) or not np.isfinite(scores).all() or not np.isfinite(information).all():
            objective = np.inf
            scores, information = np.zeros_like(scores), np.eye(count)
        return Value(objective, scores.sum(axis=0), information, scores, fitted, sd)

    def trouble(self, vector: Array) -> str:
        """Return why a point cannot be computed: the solver's advice for the first subject that failed, or nothing."""
        solution = self._solved(self.parameters.from_vector(vector))
        failed = np.flatnonzero(solution.status)
        if not failed.size:
            return self._impossible(vector)
        return f"subject {self.data.subjects[int(failed[0])]!r}: {solution.advice(int(failed[0]))}"

    def _impossible(self, vector: Array) -> str:
        """Name the first measured value that its residual error cannot hold (no prediction, or no spread)."""
        value = self(vector)
        bad = (self.data.censor == MEASURED) & ~((value.sd > 0) & np.isfinite(value.fitted))
        if not bad.any():
            return ""
        k = int(np.flatnonzero(bad)[0])
        subject, output = self.data.subjects[self.data.subject[k]], self.data.outputs[self.data.output[k]]
        return (
            f"subject {subject!r} at time {self.data.time[k]:g}: {output} was {self.data.value[k]:g}, the "
            f"prediction is {value.fitted[k]:g} and its residual error has no spread there; choose another"
        )

    @property
    def constant(self) -> float:
        """What turns the objective into −2 log L: N·log 2π of the measured rows (a censored row has none)."""
        return 2 * HALF_LOG_TWO_PI * int((self.data.censor == MEASURED).sum())


def _rows(y: Array, censor: Integers, f: Array, g: Array, df: Array, dg: Array) -> tuple[Array, Array, Array]:
    """Return each row's −2 log L and gradient, and the summed expected Hessian."""
    z = (y - f) / g
    rel = dg / g[:, None]
    slope = -df / g[:, None] - z[:, None] * rel  # dz
    value, gradient = np.empty(y.shape), np.empty(df.shape)
    hessian = np.zeros((df.shape[1], df.shape[1]))
    m = censor == MEASURED
    value[m] = z[m] ** 2 + 2 * np.log(g[m])
    gradient[m] = 2 * z[m, None] * slope[m] + 2 * rel[m]
    scaled = df[m] / g[m, None]
    hessian += 2 * scaled.T @ scaled + 4 * rel[m].T @ rel[m]
    for kind, sign in ((BELOW, 1.0), (ABOVE, -1.0)):
        c = censor == kind
        if not c.any():
            continue
        u, du = sign * z[c], sign * slope[c]
        certain = u > 38.0  # Φ(38) is 1 to the last digit; a prediction of 0 with proportional error ends here
        u = np.where(certain, 38.0, u)
        du = np.where(certain[:, None], 0.0, du)
        log_phi = log_ndtr(u)
        ratio = np.exp(-0.5 * u * u - HALF_LOG_TWO_PI - log_phi)
        value[c] = -2 * log_phi
        gradient[c] = -2 * ratio[:, None] * du
        weight = np.maximum(ratio * (ratio + u), 0.0)
        hessian += 2 * (du * weight[:, None]).T @ du
    return value, gradient, hessian


def free_model_parameters(parameters: Parameters, model_names: Sequence[str]) -> tuple[str, ...]:
    """Return the free parameters that belong to the model (the others belong to residual errors)."""
    return tuple(n for n in parameters.free if n in model_names)
