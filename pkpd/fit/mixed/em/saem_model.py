"""Every subject several times side by side: predictions and densities of all chains in one run of the engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.em.saem_kernels import (
    ADDITIVE,
    COMBINED,
    GENERIC,
    PROPORTIONAL,
    WEIGHTED,
    WEIGHTED_SQUARE,
    data_terms,
    fill_table,
    row_sds,
)
from pkpd.fit.mixed.problem.problem import Point, Problem, Response
from pkpd.fit.mixed.problem.terms import terms_of
from pkpd.fit.row_density import row_density
from pkpd.observed import INTERVAL, Observed
from pkpd.population.residual import (
    Additive,
    Combined,
    LogNormal,
    Proportional,
    ResidualError,
    Weighted,
    WeightedSquare,
)

_SDS: dict[type[ResidualError], int] = {
    Additive: ADDITIVE, Proportional: PROPORTIONAL, Combined: COMBINED, LogNormal: ADDITIVE, Weighted: WEIGHTED,
    WeightedSquare: WEIGHTED_SQUARE,
}  # fmt: skip
_MANY = 2000  # subject-chains, from which on threads are worth their start


def sd_kind(error: ResidualError) -> int:
    """Return how the kernels compute the SD of an error, or `GENERIC`: from its text."""
    return _SDS.get(type(error), GENERIC)


def canonical_order(problem: Problem) -> Integers:
    """Return the subjects in an order that their data decide, shape (subjects,): not their names, places or units."""
    data = problem.data
    edges, starts = problem.starts, np.searchsorted(data.value_subject, np.arange(problem.subjects + 1))

    def key(i: int) -> tuple[object, ...]:
        mine = slice(edges[i], edges[i + 1])
        return (
            int(edges[i + 1] - edges[i]), data.lower[mine].tolist(), data.upper[mine].tolist(),
            data.time[mine].tolist(), [(d.time, d.amount) for d in data.doses[i]],
            data.covariates[starts[i] : starts[i + 1]].tolist(),
            [float(values[i]) for _, values in sorted(problem.given.items())],
        )  # fmt: skip

    return np.array(sorted(range(problem.subjects), key=key), dtype=np.int64)


def repeated(problem: Problem, places: Integers) -> Observed:
    """Return the data of some subjects, each as often as its place is named, as if they were different subjects."""
    data = problem.data
    sizes = np.diff(problem.starts)[places]
    first = np.repeat(problem.starts[:-1][places], sizes)
    inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    record = data.record[first + inside]
    owner = np.repeat(np.arange(len(places)), sizes)
    new = np.ones(len(record), dtype=bool)
    new[1:] = (record[1:] != record[:-1]) | (owner[1:] != owner[:-1])
    return replace(data.part(places.tolist()), subject=owner.astype(np.int64), record=np.cumsum(new) - 1)


class ChainModel:
    """Predictions and −2 log densities of some copies of all subjects; it keeps room to work in.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    places : array of int, shape (copies·subjects,)
        Subjects in the order in which they are computed, all of one copy before all of the next.
    effects : array of int, shape (random effects,)
        Order of the random effects here, as places in `Problem.effects`.

    Attributes
    ----------
    problem : Problem
        The same with the subjects repeated.
    starts : array of int, shape (copies·subjects + 1,)
        Where each one's rows begin.
    """

    def __init__(self, problem: Problem, places: Integers, effects: Integers) -> None:
        settings = problem.settings
        if len(places) < _MANY:
            settings = replace(settings, workers=1)
        data = repeated(problem, places)
        sizes = np.diff(problem.starts)[places]
        inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows = np.repeat(problem.starts[:-1][places], sizes) + inside
        self.problem = replace(
            problem, data=data, settings=settings, censoring=problem.censoring.of_rows(rows),
            given={name: values[places] for name, values in problem.given.items()},
        )  # fmt: skip
        self.starts = self.problem.starts
        self._code = self.problem.codes[0]
        base = self.problem._table
        self._table = base.base.copy()
        self._common, self._columns, self._owner = base.common, base.columns, base.owner
        self.effects = np.ascontiguousarray(problem.shifts.effects[:, effects])
        self._shifted = np.ascontiguousarray(self.effects[base.shifted])
        self._inverse_order = np.argsort(effects)
        self._count = np.arange(data.output.size)
        self.values = np.empty(0)
        self._describe()

    @property
    def closed(self) -> bool:
        """Whether the model has a closed form, so that a run costs little beside what comes around it."""
        return self._code.integrated is None

    def _describe(self) -> None:
        densities, rows = self.problem.densities, self.problem.data
        count = rows.output.size
        self.kinds = np.full(count, GENERIC, dtype=np.int64)
        self.first = np.zeros(count, dtype=np.int64)
        self.logarithmic = np.zeros(count, dtype=np.int64)
        self.lower, self.upper = (np.ascontiguousarray(limit) for limit in densities.limits)
        self.censoring = np.ascontiguousarray(rows.kind)
        self._between = np.flatnonzero(rows.kind == INTERVAL)
        self._seen = np.zeros(count)
        for each in densities._errors:
            kind = sd_kind(each.error)
            self.kinds[each.rows], self.first[each.rows] = kind, each.columns.start
            self._seen[each.rows] = each.reading[:, 1]
            if kind != GENERIC and each.error.scale == "log":
                self.logarithmic[each.rows] = 1
        self._generic = bool((self.kinds == GENERIC).any())
        self.special = bool(densities.windowed.any())

    def set_values(self, values: Array) -> None:
        """Write the values of all parameters of the population, shape (parameters,), into the engine's table."""
        columns, which = self._common
        self._table[:, columns] = values[which]
        self.values = values

    def predict(self, eta: Array) -> Array:
        """Return the predictions of random effects, shape (copies·subjects, random effects) → (rows,)."""
        fill_table(eta, self._shifted, self._columns, self._owner, self._table)
        problem = self.problem
        solution = self._code.run(
            self._table, problem._schedule(self._code, self._table, 0), problem.settings, states=False
        )
        found: Array = solution.outputs[self._count, problem.data.output]
        return found

    def mean_and_sd(self, f: Array, errors: Array) -> tuple[Array, Array, Integers]:
        """Return what `data_terms` and `squares` take: mean, SD, and where the mean's log is still to be taken."""
        sd = np.empty(f.size)
        if not self._generic:
            row_sds(f, self._seen, self.kinds, self.first, errors, sd)
            return f, sd, self.logarithmic
        with np.errstate(all="ignore"):
            mean, spread = self.problem.densities.mean_and_sd(f, errors, False)
        return mean[0], spread.sd, np.zeros_like(self.logarithmic)

    def densities(self, f: Array, errors: Array) -> Array:
        """Return −2 log density of the data of every copy of a subject, shape (copies·subjects,); infinite if none."""
        if self.special:
            with np.errstate(all="ignore"):
                total = group_sums(terms_of(self.problem.densities, f, errors).value, self.starts)
            return np.where(np.isfinite(total), total, np.inf)
        mean, sd, logarithmic = self.mean_and_sd(f, errors)
        value = np.empty(len(self.starts) - 1)
        data_terms(self.starts, mean, sd, logarithmic, self.lower, self.upper, self.censoring, value)
        if self._between.size:
            rows = self._between
            where = np.where(logarithmic[rows] == 1, np.log(mean[rows]), mean[rows])
            found = row_density(self.lower[rows], self.upper[rows], self.censoring[rows], where, sd[rows])
            value += np.bincount(self.problem.data.subject[rows], found.value, len(value))
            value[~np.isfinite(value)] = np.inf
        return value

    def respond(self, point: Point, eta: Array, order: int) -> Response:
        """Return predictions and their derivatives by what `Shifts.names` says; `eta` in the order of this model."""
        return self.problem.respond(point, np.ascontiguousarray(eta[:, self._inverse_order]), order)
