"""How the parameters of a population are found in SAEM: by a mean, by a mean of squares, or by a gradient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.fit.mixed.em.saem_chains import Chains, present
from pkpd.fit.mixed.em.saem_kernels import GENERIC
from pkpd.fit.mixed.em.saem_model import sd_kind
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.observed import MEASURED
from pkpd.population.residual import Combined

_EXACT = 1e-9  # relative


@dataclass(frozen=True, eq=False)
class Closed:
    """A residual error whose variance is a mean of squares.

    Attributes
    ----------
    place : int
        Its place among the errors' parameters.
    vector : int
        Its place in the vector.
    count : int
        Rows of one copy of all subjects.
    """

    place: int
    vector: int
    count: int


@dataclass(frozen=True, eq=False)
class Layout:
    """What each parameter is found by.

    Attributes
    ----------
    mask : array, shape (subjects, random effects)
        0 where a random effect belongs to an occasion that the subject does not have, in the order of the chains.
    means, others : arrays of int
        Fixed effects (places in `Shifts.free`) that are means of random effects, and those that are not.
    mean_places, other_places : arrays of int
        Their places in the vector.
    unmix : tuple of (array of int, array)
        Of each mean, the random effects that take up a shift of it, and how: (which, differentiated).
    closed : tuple of Closed
        Residual errors whose variance is a mean of squares.
    group : array of int, shape (rows of all chains,)
        Which of them a row belongs to, or -1.
    numeric_errors : array of int
        The other errors' parameters that are free, by their place among all of them.
    numeric : array of int
        Places in the vector of what follows a gradient: `other_places`, then these.
    spreads : array of int
        Places in the vector of all free errors' parameters, which annealing guards.
    bounded : array of bool, shape (free parameters,)
        Whether a parameter has a log or logit scale.
    """

    mask: Array
    means: Integers
    others: Integers
    mean_places: Integers
    other_places: Integers
    unmix: tuple[tuple[Integers, Array], ...]
    closed: tuple[Closed, ...]
    group: Integers
    numeric_errors: Integers
    numeric: Integers
    spreads: Integers
    bounded: Flags

    def design(self, links: Array) -> Array:
        """Return A = dη/dθ that keeps the individual parameters where they are, shape (1 or subjects, q, means).

        Parameters
        ----------
        links : array, shape (1 or subjects, differentiated, fixed effects)
            Z, subjects in the order of the chains.
        """
        whole = np.zeros((len(links), self.mask.shape[1], len(self.means)))
        for column, (k, (which, inverse)) in enumerate(zip(self.means, self.unmix, strict=True)):
            whole[:, which, column] = links[:, :, k] @ inverse.T
        if (self.mask == 1.0).all():
            return whole
        masked: Array = whole * self.mask[:, :, None]
        return masked


def layout_of(problem: Problem, chains: Chains, links: Array) -> Layout:
    """Return what each parameter is found by; `links` as `Layout.design` takes them."""
    means, others, unmix = _effects(problem, chains, links)
    closed, group, own, numeric = _errors(problem, chains)
    places = problem.places
    other_places = places.effects[others]
    bounded = [p.lower > -np.inf or p.upper < np.inf for p in problem.population.parameters.items if not p.fixed]
    return Layout(
        present(problem, chains.order, chains.effects), means, others, places.effects[means], other_places, unmix,
        closed, group, own, np.concatenate([other_places, numeric]).astype(np.int64), places.errors,
        np.array(bounded, dtype=bool),
    )  # fmt: skip


def _effects(
    problem: Problem, chains: Chains, links: Array
) -> tuple[Integers, Integers, tuple[tuple[Integers, Array], ...]]:
    """Find the fixed effects that are the mean of random effects: between subjects, else of occasions."""
    effects = chains.model.effects
    between = np.array([problem.effects[k].startswith("eta_") for k in chains.effects], dtype=bool)
    means, others, unmix = [], [], []
    for k in range(len(problem.shifts.free)):
        column = links[:, :, k]
        for which in (np.flatnonzero(between), np.arange(len(between))):
            part = effects[:, which]
            inverse = np.linalg.pinv(part) if part.size else np.zeros((0, len(effects)))
            found = column @ inverse.T
            if which.size and np.abs(found @ part.T - column).max() <= _EXACT * max(np.abs(column).max(), 1e-300):
                means.append(k)
                unmix.append((which, np.asarray(inverse, dtype=np.float64)))
                break
        else:
            others.append(k)
    return np.array(means, dtype=np.int64), np.array(others, dtype=np.int64), tuple(unmix)


def _errors(problem: Problem, chains: Chains) -> tuple[tuple[Closed, ...], Integers, Integers, Integers]:
    """Find the residual errors whose variance is a mean of squares, and the others."""
    model, densities, places = chains.model, problem.densities, problem.places
    group = np.full(len(model.lower), -1, dtype=np.int64)
    closed: list[Closed] = []
    numeric, own = [], []
    vector_place = {int(k): int(v) for k, v in zip(places.error_free, places.errors, strict=True)}
    for each, repeated in zip(densities._errors, model.problem.densities._errors, strict=True):
        plain = not model.special and sd_kind(each.error) != GENERIC and type(each.error) is not Combined
        measured = each.rows.size > 0 and bool((problem.data.kind[each.rows] == MEASURED).all())
        for k in range(each.columns.start, each.columns.stop):
            if k not in vector_place:
                continue
            item = problem.population.parameters.get(densities.names[k])
            if plain and measured and item.lower == 0.0 and np.isinf(item.upper):
                group[repeated.rows] = len(closed)
                closed.append(Closed(k, vector_place[k], each.rows.size))
            else:
                numeric.append(vector_place[k])
                own.append(k)
    return tuple(closed), group, np.array(own, dtype=np.int64), np.array(numeric, dtype=np.int64)
