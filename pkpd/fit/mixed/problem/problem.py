"""A population fit as a problem: its data, its predictions, its densities, and what a vector means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine import Compiled, Schedule, Settings, compile_model
from pkpd.errors import InputError, naming
from pkpd.fit.densities import Densities, group_starts, measured_rows
from pkpd.fit.mixed.problem.censoring import UNTOUCHED, Censoring
from pkpd.fit.mixed.problem.omega_map import OmegaMap
from pkpd.fit.mixed.problem.pairs import Pairs, pairs_of
from pkpd.fit.mixed.problem.shifts import Shifts
from pkpd.fit.mixed.problem.value_table import ValueTable
from pkpd.fit.row_density import HALF_LOG_TWO_PI
from pkpd.observed import Observed
from pkpd.parameters import Parameters
from pkpd.population import Omega, Population


@dataclass(frozen=True, eq=False)
class Point:
    """What a vector means: values, Ω, and how they move with the vector.

    Attributes
    ----------
    problem : Problem
        Whose vector it is.
    vector : array, shape (free,)
        Free parameters on their scales, then the free numbers of Ω (log-Cholesky).
    values : array, shape (parameters,)
        Typical values, coefficients and residual errors' parameters.
    root : array, shape (random effects, random effects)
        L with L·Lᵀ = Ω, of the random effects that have a variance, all occasions. Searches go by :math:`u =
        L^{-1}\\eta`, which is standard normal, however small a variance is.
    root_change : array, shape (random effects, random effects, free numbers of Ω)
        dL/dvector.
    links : array, shape (1 or subjects, differentiated, fixed effects)
        Z: what the predictions are differentiated by, by the free fixed effects' part of the vector.
    errors : array, shape (errors' parameters,)
        Values of the residual errors' parameters.
    error_slopes : array, shape (free errors' parameters,)
        d value / d vector.
    """

    problem: Problem
    vector: Array
    values: Array
    root: Array
    root_change: Array
    links: Array
    errors: Array
    error_slopes: Array

    @cached_property
    def matrix(self) -> Array:
        """Ω of the random effects that have a variance, all occasions."""
        whole: Array = self.root @ self.root.T
        return whole

    @cached_property
    def inverse(self) -> Array:
        """Ω⁻¹."""
        half = np.linalg.inv(self.root)
        return np.ascontiguousarray(half.T @ half)

    @cached_property
    def log_determinant(self) -> float:
        """log |Ω|."""
        return 2.0 * float(np.linalg.slogdet(self.root)[1]) if len(self.root) else 0.0

    @cached_property
    def change(self) -> Array:
        """dΩ/dvector, shape (random effects, random effects, free numbers of Ω)."""
        half = np.einsum("ikp,jk->ijp", self.root_change, self.root)
        whole: Array = half + half.transpose(1, 0, 2)
        return whole

    @cached_property
    def parameters(self) -> Parameters:
        """The values with names and bounds."""
        return self.problem.population.parameters.from_vector(self.vector[: self.problem.places.parameters])

    @cached_property
    def omega(self) -> Omega:
        """Ω with names and blocks."""
        return self.problem.population.omega.from_vector(self.vector[self.problem.places.parameters :])


@dataclass(frozen=True, eq=False)
class Response:
    """Predictions of every row with their derivatives by what `Shifts.names` says.

    Attributes
    ----------
    f : array, shape (rows,)
        In the output's unit; NaN where the subject could not be solved.
    first : array, shape (rows, differentiated + spreads)
        First derivatives; 0 by the spreads.
    second : array, shape (rows, differentiated + spreads, differentiated + spreads)
        Second derivatives; no rows unless asked for.
    status : array of int, shape (subjects,)
        0, or why the subject could not be solved.
    spread : array, shape (rows,), or None
        τ: log of what the residual SD is multiplied with; None where it is the same in everybody.
    """

    f: Array
    first: Array
    second: Array
    status: Integers
    spread: Array | None = None


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything of a population fit that does not change while it is searched.

    Attributes
    ----------
    population : Population
        What is fitted, in the units of the data, with its start.
    data : Observed
        Rows, doses and covariates; its model is that of one subject, with shifts.
    shifts : Shifts
        How random and fixed effects enter.
    settings : Settings
        Tolerances of the solver.
    censoring : Censoring
        What is done with values beyond a limit.
    """

    population: Population
    data: Observed
    shifts: Shifts
    settings: Settings
    censoring: Censoring = UNTOUCHED
    given: Mapping[str, Array] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle what the problem is made of; compiled code and time lines are made again."""
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}

    @cached_property
    def densities(self) -> Densities:
        """The errors' half of the likelihood."""
        couples = tuple(c.name for c in self.population.correlations)
        return Densities(self.data, self.population.errors, self.data.outputs, self.censoring.window, couples)

    @cached_property
    def pairs(self) -> Pairs | None:
        """Rows of one record whose errors are correlated; None where there are no correlations."""
        correlations = self.population.correlations
        return pairs_of(correlations, self.data, self.densities) if correlations else None

    @cached_property
    def starts(self) -> Integers:
        """Where each subject's rows begin, and where the last ends, shape (subjects + 1,)."""
        return group_starts(self.data.subject, self.subjects)

    @cached_property
    def exact_rows(self) -> Flags:
        """Rows whose exact curvature is taken by every method: censored ones, and those conditioned on a limit."""
        rows: Flags = ~measured_rows(self.data) | self.densities.windowed
        return rows

    @property
    def subjects(self) -> int:
        """How many subjects have rows."""
        return len(self.data.subjects)

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the random effects that have a variance, such as ``eta_CL`` and ``kappa_CL_1``."""
        every = self.population.omega.names(self.occasions)
        return tuple(every[k] for k in self.shifts.active)

    @cached_property
    def occasions(self) -> int:
        """Most occasions of a subject."""
        return occasion_count(self.population, self.data)

    @cached_property
    def places(self) -> Places:
        """Where numbers stand in the vector."""
        return Places.of(self)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the vector's numbers: free parameters, then free elements of Ω."""
        return (*self.population.parameters.free, *self.population.omega.free)

    @cached_property
    def start(self) -> Array:
        """The vector of the population's own values."""
        return np.concatenate([self.population.parameters.to_vector(), self.population.omega.to_vector()])

    @cached_property
    def constant(self) -> float:
        """What turns the objective into −2 log L: N·log 2π of the measured rows."""
        return 2 * HALF_LOG_TWO_PI * int(measured_rows(self.data).sum())

    @cached_property
    def jacobian(self) -> float:
        """What the objective holds for errors on another scale: 2Σ log y of log-normal errors.

        The objective is that of y; less this number it is that of log y, which programs print that are given log y.
        """
        return float(self.densities.jacobian.sum())

    def at(self, vector: Array) -> Point:
        """Return what a vector means."""
        vector = np.array(vector, dtype=float)
        places, own = self.places, self.population.parameters
        values = own.values.copy()
        values[places.free] = own.scale.back(vector[: places.parameters])
        slopes = own.scale.slope(values[places.free])
        root, root_change = self._omega_map.at(vector[places.parameters :])
        if self.shifts.plain:
            links = self._plain_links
        else:
            links = self.shifts.links(own.from_vector(vector[: places.parameters]), self._first_covariates)
        return Point(
            self, vector, values, root, root_change, links,
            values[places.error_values], slopes[places.errors],
        )  # fmt: skip

    @cached_property
    def _omega_map(self) -> OmegaMap:
        return OmegaMap(self.population.omega, self.occasions, self.shifts.active)

    @cached_property
    def _plain_links(self) -> Array:
        return self.shifts.links(self.population.parameters, {})

    def broken(self, point: Point) -> tuple[str, ...]:
        """Return the constraints that a point does not meet."""
        values = dict(zip(self.population.parameters.names, point.values.tolist(), strict=True))
        return tuple(c.text for c in self.population.inequalities if not c.holds(values))

    def population_at(self, vector: Array) -> Population:
        """Return the population with the values of a vector."""
        point = self.at(vector)
        return replace(self.population, parameters=point.parameters, omega=point.omega)

    @cached_property
    def _first_covariates(self) -> Mapping[str, Array]:
        names = list(self.data.model.covariates)
        first = np.searchsorted(self.data.value_subject, np.arange(self.subjects))
        return {n: self.data.covariates[first, names.index(n)] for n in self.population.covariate_names}

    @cached_property
    def codes(self) -> tuple[Compiled, Compiled, Compiled]:
        """The model without derivatives, with first and with second ones."""
        model, names = self.data.model, self.shifts.names
        return compile_model(model), compile_model(model, names), compile_model(model, names, order=2)

    @cached_property
    def _lines(self) -> dict[int, Schedule]:
        return {}

    def _schedule(self, code: Compiled, table: Array, order: int) -> Schedule:
        kept = None if code.plans else self._lines.get(0)
        if kept is None:
            data = self.data
            rows: Any = () if data.time_rows is None else (data.changes, data.dose_rows, data.time_rows)
            with naming(data.subjects, data.dose_records):
                kept = code.schedule(table, data.doses, data.times, data.after, *rows)
            if not code.plans:
                self._lines[0] = kept
        return kept

    @cached_property
    def _table(self) -> ValueTable:
        return ValueTable.of(self.data, self.shifts, self.population.parameters.names, self.given)

    def respond(self, point: Point, eta: Array, order: int = 2) -> Response:
        """Return the predictions for random effects of every subject.

        Parameters
        ----------
        point : Point
            Fixed effects.
        eta : array, shape (subjects, random effects)
            Random effects that have a variance, all occasions.
        order : {0, 1, 2}
            Highest derivative.
        """
        code = self.codes[order]
        shifts = eta @ self.shifts.effects.T
        table = self._table.filled(point.values, shifts)
        solution = code.run(table, self._schedule(code, table, order), self.settings, states=False)
        rows, output = self._rows
        first = solution.slopes[rows, output] if order else np.empty((len(rows), 0))
        second = solution.second[rows, output] if order == 2 else np.empty((0, 0, 0))
        spread = None
        if self.shifts.spreads:
            spread = self._spread_of(shifts)
            more = (0, len(self.shifts.spreads.effects))
            first = np.pad(first, ((0, 0), more)) if order else first
            second = np.pad(second, ((0, 0), more, more)) if order == 2 else second
        return Response(
            solution.outputs[rows, output], np.ascontiguousarray(first), np.ascontiguousarray(second), solution.status,
            spread,
        )  # fmt: skip

    def _spread_of(self, shifts: Array) -> Array:
        places = self.spread_places
        own = shifts[self.data.subject, places]
        return np.where(places >= 0, own, 0.0)

    @cached_property
    def spread_places(self) -> Integers:
        """Place of each row's spread among all that it depends on; -1 where it has none, shape (rows,)."""
        places = self.shifts.spreads.of_rows(self.data)
        found: Integers = np.where(places >= 0, places + len(self.shifts.names), -1)
        return found

    @cached_property
    def _rows(self) -> tuple[Integers, Integers]:
        return np.arange(self.data.output.size), self.data.output

    def advice(self, subject: int, point: Point, eta: Array) -> str:
        """Return why a subject cannot be solved at a point."""
        code = self.codes[0]
        table = self._table.filled(point.values, eta @ self.shifts.effects.T)
        return code.run(table, self._schedule(code, table, 0), self.settings, states=False).advice(subject)


@dataclass(frozen=True, eq=False)
class Places:
    """Where numbers stand in a problem's vector.

    Attributes
    ----------
    parameters, omega : int
        Numbers of free parameters and of free elements of Ω.
    free : array of int, shape (free parameters,)
        Places of the free parameters among all.
    effects : array of int, shape (fixed effects,)
        Places of the free fixed effects (`Shifts.free`) in the vector.
    errors : array of int, shape (free errors' parameters,)
        Places of the free parameters of residual errors in the vector.
    error_values : array of int, shape (errors' parameters,)
        Places of all parameters of residual errors among all parameters.
    error_free : array of int, shape (free errors' parameters,)
        Which of the errors' parameters are free.
    """

    parameters: int
    omega: int
    free: Integers
    effects: Integers
    errors: Integers
    error_values: Integers
    error_free: Integers

    @classmethod
    def of(cls, problem: Problem) -> Places:
        """Return where the numbers of a problem stand."""
        parameters = problem.population.parameters
        free, noise = list(parameters.free), problem.densities.names
        known = set(problem.shifts.free) | set(noise)
        if lost := [n for n in free if n not in known]:
            raise InputError([f"parameter {n!r} is free and acts on nothing that was observed" for n in lost])
        own = [k for k, name in enumerate(noise) if name in free]
        return cls(
            len(free), len(problem.population.omega.free),
            np.array([parameters.names.index(n) for n in free], dtype=np.int64),
            np.array([free.index(n) for n in problem.shifts.free], dtype=np.int64),
            np.array([free.index(noise[k]) for k in own], dtype=np.int64),
            np.array([parameters.names.index(n) for n in noise], dtype=np.int64),
            np.array(own, dtype=np.int64),
        )  # fmt: skip


def occasion_count(population: Population, data: Observed) -> int:
    """Return the most occasions of a subject: those of the study where anything differs between them, else 1."""
    return max(len(data.occasions), 1) if population.omega.effects("occasion") else 1
