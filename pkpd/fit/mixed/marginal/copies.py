r"""Many random effects of every subject at once: a problem in which each subject stands several times.

Quadrature and importance sampling need the joint density of data and random effects in hundreds of places a subject.
The engine solves them all in few calls, in pieces small enough for the memory; what is added up over rows is
compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.fit.densities import Densities, group_sums
from pkpd.fit.mixed.marginal.copy_kernels import joint_sums, slope_sums
from pkpd.fit.mixed.modes.joint_rows import row_sums
from pkpd.fit.mixed.problem.problem import Point, Problem
from pkpd.observed import MEASURED, Observed

MOST_NUMBERS = 4_000_000
"""Numbers (predictions and derivatives) of one piece: with what the engine needs beside them some 200 MB."""
_KEPT = 4  # repeated problems kept beside each problem
_BY_PROBLEM: WeakKeyDictionary[Problem, dict[int, Problem]] = WeakKeyDictionary()
_ROWS = ("output", "occasion", "kind", "time", "lower", "upper", "position")
_LISTS = ("subjects", "doses", "times", "after", "changes", "dose_rows", "time_rows", "dose_records")


@dataclass(frozen=True, eq=False)
class Joint:
    r"""Joint density of data and random effects in some places of every subject.

    Attributes
    ----------
    value : array, shape (subjects, places)
        :math:`\sum_j l_j + u^Tu`; infinite where the subject could not be solved.
    by_shift : array, shape (subjects, places, differentiated)
        dΣl by what predictions are differentiated by; no columns unless asked for.
    by_error : array, shape (subjects, places, errors' parameters)
        dΣl by the errors' parameters on their natural scale; no columns unless asked for.
    """

    value: Array
    by_shift: Array
    by_error: Array


def joint(problem: Problem, point: Point, white: Array, slopes: bool = False) -> Joint:
    """Return the joint density in some places of every subject.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    white : array, shape (subjects, places, random effects)
        :math:`u = L^{-1}\\eta`, standard normal a priori.
    slopes : bool
        Whether derivatives are wanted, too.
    """
    subjects, places, _ = white.shape
    size, noise = (len(problem.shifts.effects), len(point.errors)) if slopes else (0, 0)
    whole = Joint(
        np.empty((subjects, places)), np.empty((subjects, places, size)), np.empty((subjects, places, noise))
    )  # fmt: skip
    for part, found in joint_in_pieces(problem, point, white, slopes):
        whole.value[:, part], whole.by_shift[:, part], whole.by_error[:, part] = (
            found.value, found.by_shift, found.by_error
        )  # fmt: skip
    return whole


def joint_in_pieces(
    problem: Problem, point: Point, white: Array, slopes: bool = False
) -> Iterator[tuple[slice, Joint]]:
    """Yield the joint density for some of the places at a time, so that memory does not grow with their number.

    Parameters
    ----------
    problem, point, white, slopes
        As for `joint`.
    """
    subjects, places, effects = white.shape
    per_place = len(problem.data.time) * (1 + (len(problem.shifts.effects) + len(point.errors) if slopes else 1))
    pieces = max(1, -(-places * per_place // MOST_NUMBERS))
    count = max(1, -(-places // pieces))
    copies = copies_of(problem, count)
    extra = np.repeat(group_sums(problem.densities.jacobian, problem.starts), count)
    for lo in range(0, places, count):
        hi = min(lo + count, places)
        chosen = white[:, lo:hi]
        if hi - lo < count:  # the last piece is filled up with what it has
            chosen = np.concatenate([chosen, np.repeat(chosen[:, :1], count - (hi - lo), axis=1)], axis=1)
        found = _joint(copies, point, np.ascontiguousarray(chosen).reshape(subjects * count, effects), extra, slopes)
        value, by_shift, by_error = (a.reshape(subjects, count, *a.shape[1:])[:, : hi - lo] for a in found)
        yield slice(lo, hi), Joint(value, by_shift, by_error)


def _joint(problem: Problem, point: Point, white: Array, extra: Array, slopes: bool) -> tuple[Array, Array, Array]:
    response = problem.respond(point, white @ point.root.T, 1 if slopes else 0)
    count, size = len(white), response.first.shape[1]
    value = np.empty(count)
    if problem.pairs is not None or response.spread is not None:
        rows, by_shift, by_error = row_sums(problem, point, response, slopes)
        return rows + (white * white).sum(axis=1), by_shift, by_error
    if not slopes:
        mean, sd, given = _mean_sd_values(problem.densities, response.f, point.errors)
        joint_sums(problem.starts, problem.densities.limits[0], mean, sd, given, white, extra, value)
        return value, np.empty((count, 0)), np.empty((count, 0))
    density = problem.densities.at(response.f, point.errors)
    by_shift, by_error = np.empty((count, size)), np.empty((count, len(point.errors)))
    slope_sums(
        problem.starts, density.value, density.f, response.first, density.p, white, extra, value, by_shift,
        by_error,
    )  # fmt: skip
    return value, by_shift, by_error


def _mean_sd_values(densities: Densities, f: Array, errors: Array) -> tuple[Array, Array, Array]:
    """Return mean and SD of every row, and the term of every censored one (NaN marks a measured row)."""
    with np.errstate(all="ignore"):
        mean, spread = densities.mean_and_sd(f, errors, False)
        censored = np.flatnonzero((densities.rows.kind != MEASURED) | densities.windowed)
        if not censored.size:
            return np.ascontiguousarray(mean[0]), spread.sd, np.empty(0)
        given = np.full(f.size, np.nan)
        row = densities.row(mean[0, censored], spread.sd[censored], censored)
        given[censored] = np.where(np.isnan(row.value), np.inf, row.value)
        return np.ascontiguousarray(mean[0]), spread.sd, given


def copies_of(problem: Problem, count: int) -> Problem:
    """Return a problem in which each subject stands so many times, side by side; it is remembered.

    Parameters
    ----------
    problem : Problem
        Where each subject stands once.
    count : int
        How often each subject is to stand.
    """
    if count == 1:
        return problem
    known = _BY_PROBLEM.setdefault(problem, {})
    if count not in known:
        while len(known) >= _KEPT:
            del known[next(iter(known))]
        who = np.repeat(np.arange(problem.subjects), count)
        rows, _ = _repeated_places(problem.data.subject, problem.subjects, count)
        known[count] = with_rows(problem, repeated(problem.data, count), who, rows)
    return known[count]


def with_rows(problem: Problem, data: Observed, who: Integers, rows: Integers) -> Problem:
    """Return the problem of other data that are made of its subjects and rows.

    Parameters
    ----------
    problem : Problem
        Of all subjects.
    data : Observed
        The other data.
    who : array of int, shape (subjects of the other data,)
        Which subjects they are.
    rows : array of int, shape (rows of the other data,)
        Which rows.
    """
    window = problem.censoring.window
    if window is not None:
        window = (window[0][rows], window[1][rows])
    given = {name: values[who] for name, values in problem.given.items()}
    return replace(problem, data=data, given=given, censoring=replace(problem.censoring, window=window))


def repeated(data: Observed, count: int) -> Observed:
    """Return data in which each subject stands so many times, side by side.

    Parameters
    ----------
    data : Observed
        Where each subject stands once.
    count : int
        How often each subject is to stand.
    """
    subjects = len(data.subjects)
    who = np.repeat(np.arange(subjects), count)
    rows, sizes = _repeated_places(data.subject, subjects, count)
    values, _ = _repeated_places(data.value_subject, subjects, count)
    changed: dict[str, Any] = {name: getattr(data, name)[rows] for name in _ROWS}
    owner = np.repeat(np.arange(len(who)), sizes)
    record = data.record[rows]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (record[1:] != record[:-1]) | (owner[1:] != owner[:-1])
    for name in _LISTS:
        items = getattr(data, name)
        changed[name] = items and tuple(items[k] for k in who)
    return replace(
        data, **changed, subject=owner, record=np.cumsum(new) - 1, covariates=data.covariates[values]
    )  # fmt: skip


def _repeated_places(owner: Integers, subjects: int, count: int) -> tuple[Integers, Integers]:
    """Return which rows stand one after the other when each subject's are repeated, and how many each copy has."""
    edges = np.searchsorted(owner, np.arange(subjects + 1))
    sizes = np.repeat(np.diff(edges), count)
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if ends.size else 0
    return np.arange(total) + np.repeat(np.repeat(edges[:-1], count) - (ends - sizes), sizes), sizes
