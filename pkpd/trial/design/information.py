"""What a design tells of a population: the Fisher information of its typical values, variances and residual errors."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arguments import at_least, checked
from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.dosing import Regimen
from pkpd.engine import Settings, compile_model
from pkpd.engine.spread import sd_of
from pkpd.errors import InputError, few, nearest, shown
from pkpd.population import Population
from pkpd.simulate.designs import concrete, doses_for

if TYPE_CHECKING:
    import pandas

_STEP = 1e-4
"""Relative step of a central difference; of a random effect it is the step itself."""


@dataclass(frozen=True, eq=False)
class PopulationInformation:
    """The expected information of a design; that of several groups is the sum of theirs (``+``).

    Attributes
    ----------
    names : tuple of str
        Parameters: typical values, ``"var(eta_CL)"``, ``"cov(eta_CL, eta_V)"``, residual errors.
    values : array, shape (parameters,)
        Their values.
    matrix : array, shape (parameters, parameters)
        The information.
    full : bool
        Whether the variance's dependence on typical values is in it.
    subjects : int
        How many.
    """

    names: tuple[str, ...]
    values: Array
    matrix: Array
    full: bool
    subjects: int

    def __add__(self, other: PopulationInformation) -> PopulationInformation:
        if self.names != other.names or self.full != other.full or (self.values != other.values).any():
            raise InputError("the two are of other parameters, values or kinds; expected groups of one population")
        total = self.matrix + other.matrix
        return PopulationInformation(self.names, self.values, total, self.full, self.subjects + other.subjects)

    @property
    def log_determinant(self) -> float:
        """Logarithm of the determinant, by which D-optimal designs are compared; −inf if the design tells not all."""
        sign, value = np.linalg.slogdet(self._scaled)
        return float(value - 2 * np.log(np.abs(self._sizes)).sum()) if sign > 0 else -math.inf

    @property
    def condition_number(self) -> float:
        """Largest over smallest eigenvalue of the information on relative changes."""
        values = np.linalg.eigvalsh(self._scaled)
        return float(values[-1] / values[0]) if values[0] > 0 else math.inf

    @property
    def _sizes(self) -> Array:
        return np.where(self.values == 0, 1.0, self.values)

    @property
    def _scaled(self) -> Array:
        return self.matrix * self._sizes[:, None] * self._sizes[None, :]

    def table(self) -> pandas.DataFrame:
        """Return one row per parameter: ``parameter, value, se, rse`` (%); NaN throughout if the design tells not all.

        The reason is in ``attrs["reason"]``.
        """
        import pandas

        size = np.abs(self._sizes)
        reason, se = "", np.full(len(self.names), np.nan)
        eigenvalues, vectors = np.linalg.eigh(self._scaled)
        if eigenvalues[0] > 1e-13 * eigenvalues[-1]:
            se = np.sqrt(np.diag((vectors / eigenvalues) @ vectors.T)) * size
        else:
            unseen = np.abs(vectors[:, 0])
            names = [self.names[k] for k in np.argsort(-unseen) if unseen[k] > 0.1]
            reason = f"the design does not tell {few(names)} apart"
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = np.where(self.values == 0, np.nan, 100 * se / np.abs(self.values))
        table = pandas.DataFrame({"parameter": self.names, "value": self.values, "se": se, "rse": relative})
        table.attrs["reason"] = reason
        return table

    def summary(self) -> str:
        """Return the expected precision as text."""
        table = self.table()
        rows = table.to_string(index=False, float_format="{:.4g}".format)
        kind = "full" if self.full else "block-diagonal"
        head = f"{self.subjects} subjects, {kind} information, ln det {self.log_determinant:.4f}"
        return "\n".join([head, *([table.attrs["reason"]] if table.attrs["reason"] else []), rows])

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


@checked(subjects=at_least(1))
def population_information(
    population: Population,
    regimen: Regimen,
    times: Sequence[float] | Array | Mapping[str, Sequence[float]],
    *,
    subjects: int = 1,
    full: bool = False,
    settings: Settings | None = None,
) -> PopulationInformation:
    r"""Return the expected Fisher information of a population design, by first-order linearisation.

    With the prediction :math:`f`, :math:`G = \partial f/\partial\eta` at :math:`\eta = 0` and
    :math:`V = G\Omega G^T + \Sigma`, N subjects of one design give

    .. math:: M_{ij} = N\left[\frac{\partial f}{\partial\theta_i}^T V^{-1} \frac{\partial f}{\partial\theta_j}
        + \frac12 \mathrm{tr}\left(V^{-1}\frac{\partial V}{\partial\theta_i}V^{-1}\frac{\partial V}{\partial\theta_j}
        \right)\right]

    In the block-diagonal form V does not depend on typical values; that form agrees better with simulation (Nyberg).
    Outputs whose error is on the log scale count as their logarithm. Derivatives are central differences of whole
    solutions.

    Parameters
    ----------
    population : Population
        Model, typical values, Ω, residual errors. Fixed parameters and elements count as known. Random effects between
        occasions are refused.
    regimen : Regimen
        What every subject of the group gets.
    times : sequence of float, or mapping of output to sequence
        Times of the samples, in the regimen's unit, of every output that has a residual error.
    subjects : int
        N.
    full : bool
        Whether V depends on typical values.
    settings : Settings, optional
        Tolerances; by default 1e-10.

    Returns
    -------
    PopulationInformation
        `table` has the expected standard errors; variances are those of Ω, residual errors are standard deviations as
        the population has them (the relative error of a variance is twice that of its standard deviation).

    Raises
    ------
    InputError
        Listing everything that does not fit together.

    References
    ----------
    Retout S, Mentré F. J Biopharm Stat 2003;13:209-227. Nyberg J, Bazzoli C, Ogungbenro K, et al. Br J Clin Pharmacol
    2015;79:6-17.
    """
    clock = _times(population, times)
    errors = population.errors
    place = {name: k for k, name in enumerate(population.omega.names())}
    own = {name for error in errors for name in error.names}
    typical = [n for n in population.parameters.free if n not in own]
    residual = [n for n in population.parameters.free if n in own]
    elements = [tuple(place[n] for n in name[4:-1].split(", ")) for name in population.omega.free]
    elements = [pair if len(pair) == 2 else (pair[0], pair[0]) for pair in elements]

    variants = [{}, *({name: sign} for name in typical for sign in (1, -1))]
    f, g = _solved(population, regimen, clock, variants, settings or Settings(rtol=1e-10))
    omega = population.omega.matrix()
    values = np.array([population.parameters[n] for n in residual])
    at = [_step(population, name) for name in typical]
    slopes = [(f[1 + 2 * k] - f[2 + 2 * k]) / (2 * h) for k, h in enumerate(at)]
    variance = g[0] @ omega @ g[0].T + _sigma(population, clock, f[0], {})
    moved: list[Array] = [np.zeros_like(variance) for _ in typical]
    if full:
        whole = [one @ omega @ one.T + _sigma(population, clock, mean, {}) for one, mean in zip(g, f, strict=True)]
        moved = [(whole[1 + 2 * k] - whole[2 + 2 * k]) / (2 * h) for k, h in enumerate(at)]
    for i, j in elements:
        outer = np.outer(g[0][:, i], g[0][:, j])
        moved.append(outer if i == j else outer + outer.T)
    for name, value in zip(residual, values, strict=True):
        h = _STEP * abs(value) if value else _STEP
        up, down = (_sigma(population, clock, f[0], {name: value + sign * h}) for sign in (1, -1))
        moved.append((up - down) / (2 * h))
    inverse = np.linalg.inv(variance)
    solved = np.array([inverse @ one for one in moved])
    matrix = 0.5 * np.einsum("iab,jba->ij", solved, solved)
    means = np.array(slopes).reshape(len(typical), -1)
    matrix[: len(typical), : len(typical)] += means @ inverse @ means.T
    numbers = [population.parameters[n] for n in typical] + [omega[i, j] for i, j in elements] + [*values]
    names = (*typical, *population.omega.free, *residual)
    return PopulationInformation(names, np.array(numbers, dtype=float), subjects * matrix, full, subjects)


def _times(population: Population, times: Any) -> dict[str, Array]:
    """The times of every output with an error."""
    outputs = [error.output for error in population.errors]
    problems = [] if outputs else ["the population has no residual error; expected one for each measured output"]
    if population.omega.at("occasion"):
        problems.append("random effects between occasions are not supported")
    asked = dict(times) if isinstance(times, Mapping) else dict.fromkeys(outputs, times)
    problems += [f"{shown(name)} has times and no residual error; {nearest(name, outputs)}"
                 for name in asked if name not in outputs]  # fmt: skip
    if outputs and not asked:
        problems.append(f"times has no output; expected times of {few(outputs)}")
    found = {}
    for name, given in asked.items():
        try:
            found[name] = np.asarray(given, dtype=float).ravel()
        except (TypeError, ValueError):
            problems.append(f"times of {name} are {shown(given)}; expected numbers")
            continue
        if not len(found[name]) or not np.isfinite(found[name]).all():
            problems.append(f"times of {name} are {shown(given)}; expected at least one number, all finite")
    if problems:
        raise InputError(problems, "population_information")
    return found


def _step(population: Population, name: str) -> float:
    value = abs(population.parameters[name])
    return _STEP * value if value else _STEP


def _solved(
    people: Population, regimen: Regimen, clock: Mapping[str, Array], variants: Sequence[Mapping[str, int]],
    settings: Settings,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """Prediction and its derivatives by the random effects, of all samples, for every variant of typical values.

    Everything is solved at once, a row each: η = 0, and every random effect a step up and down.
    """
    effects = len(people.omega.names())
    eta = np.vstack([np.zeros(effects), _STEP * np.eye(effects), -_STEP * np.eye(effects)])
    columns: list[dict[str, Any]] = []
    for variant in variants:
        changed = {name: people.parameters[name] + sign * _step(people, name) for name, sign in variant.items()}
        one = replace(people, parameters=people.parameters.with_values(changed)) if changed else people
        covariates = {name: np.full(len(eta), value) for name, value in _covariates(people).items()}
        known = {name: np.full(len(eta), one.parameters[name]) for name in one.model.parameters.names}
        known |= covariates
        known |= {n: np.broadcast_to(v, len(eta)) for n, v in one.individual_values(eta, covariates=covariates).items()}
        columns.append(known)
    rows = {name: np.concatenate([one[name] for one in columns]) for name in columns[0]}
    model = concrete(people.model, regimen)
    code = compile_model(model)
    if missing := [name for name in code.inputs if name not in rows]:
        raise InputError([f"covariate {name!r} has no value" for name in missing], "population_information")
    count = len(variants) * len(eta)
    table = np.column_stack([np.asarray(rows[name], dtype=float) for name in code.inputs])
    when = np.unique(np.concatenate(list(clock.values())))
    grid = product(when, units.factor(regimen.time_unit, model.base["time"]))
    plans = doses_for(regimen, people, model, rows, count)
    plan = code.schedule(table, plans, [grid] * count, [np.zeros(grid.shape, dtype=bool)] * count)
    solution = code.run(table, plan, settings)
    if failed := int((np.asarray(solution.status) != 0).sum()):
        raise InputError(f"{failed} of {count} solutions failed: {solution.advice(int(np.argmax(solution.status)))}",
                         "population_information")  # fmt: skip
    every = solution.outputs.reshape(len(variants), len(eta), len(when), -1)
    parts = []
    for error in people.errors:
        if error.output not in clock:
            continue
        chosen = np.searchsorted(when, clock[error.output])
        values = every[:, :, chosen, code.outputs.index(error.output)]
        if error.scale == "log":
            if (values <= 0).any():
                raise InputError(f"{error.output} is 0 at a sample, and its error is on the log scale: choose times at "
                                 "which it is above 0", "population_information")  # fmt: skip
            values = np.log(values)
        parts.append(values)
    joined = np.concatenate(parts, axis=2)
    means = [joined[k, 0] for k in range(len(variants))]
    slopes = [((joined[k, 1 : 1 + effects] - joined[k, 1 + effects :]) / (2 * _STEP)).T for k in range(len(variants))]
    return means, slopes


def _covariates(people: Population) -> dict[str, float]:
    """The median of every covariate."""
    if people.covariates is None or callable(people.covariates):
        return {}
    numbers = people.covariates.select_dtypes("number")
    return {str(name): float(numbers[name].median()) for name in numbers}


def _sigma(people: Population, clock: Mapping[str, Array], mean: Array, changed: Mapping[str, float]) -> Array:
    """Covariance of the residual errors of all samples."""
    variances, begin = [], 0
    for error in people.errors:
        if error.output not in clock:
            continue
        f = mean[begin : begin + len(clock[error.output])]
        begin += len(f)
        own = np.array([changed.get(name, people.parameters[name]) for name in error.names])
        variances.append(sd_of(error, np.exp(f) if error.scale == "log" else f, own) ** 2)
    return np.diag(np.concatenate(variances))


__all__ = ["PopulationInformation", "population_information"]
