"""Where a search may run away: variances to zero, residual errors to zero."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.mixed.marginal.laplacian import Marginal
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.observed import MEASURED

_COLLAPSED = 1e-3  # SD over what it may be, below which a variance counts as run to zero
_USUAL = 100.0  # mean square of weighted residuals of a model that goes through the values as near as its error says
_EXACT = 1e-7  # residual SD over the largest value, below which a model goes through all values


def collapsed(problem: Problem, vector: Array) -> list[int]:
    """Return the places in the vector of variances that ran to zero, or covariance matrices that became singular.

    An element of the diagonal of L is compared with the SD of its random effect, now and at the start.
    """
    point, begin, found = problem.at(vector), problem.at(problem.start), []
    for k, name in enumerate(problem.names[problem.places.parameters :]):
        if not name.startswith("var("):
            continue
        change = point.root_change[:, :, k]
        i, j = np.unravel_index(int(np.abs(begin.root_change[:, :, k]).argmax()), change.shape)
        own = float(abs(change[i, j]))  # dL_ii/dv = L_ii
        scale = max(float(np.linalg.norm(point.root[i])), float(np.linalg.norm(begin.root[i])))
        if own < _COLLAPSED * scale:
            found.append(problem.places.parameters + k)
    return found


def alone(problem: Problem, vector: Array, place: int) -> bool:
    """Say whether a collapsed element is a variance of zero; otherwise its random effect is a sum of others."""
    point, begin = problem.at(vector), problem.at(problem.start)
    change = begin.root_change[:, :, place - problem.places.parameters]
    i = int(np.unravel_index(int(np.abs(change).argmax()), change.shape)[0])
    return bool(np.linalg.norm(point.root[i]) < _COLLAPSED * np.linalg.norm(begin.root[i]))


def scale_of(problem: Problem, vector: Array, place: int) -> float:
    """Return the SD that a collapsed element is compared with: that of its random effect, else of its start."""
    point = problem.at(vector)
    change = problem.at(problem.start).root_change[:, :, place - problem.places.parameters]
    i = int(np.unravel_index(int(np.abs(change).argmax()), change.shape)[0])
    return float(max(np.sqrt(point.matrix[i, i]), 0.3 * np.abs(change).max()))


def exact_outputs(problem: Problem, there: Marginal) -> tuple[str, ...]:
    """Return the outputs whose residual SD is nothing beside their values: the likelihood has no maximum there."""
    data, terms, found = problem.data, there.modes.at.terms, []
    sd = terms.sd
    with np.errstate(all="ignore"):
        square = terms.value - problem.densities.jacobian - 2.0 * np.log(sd)  # of weighted residuals
    value = np.abs(problem.densities.limits[0])  # on the scale of the error
    for k, output in enumerate(data.outputs):
        rows = (data.output == k) & (data.kind == MEASURED)
        if rows.any() and sd[rows].max() < _EXACT * value[rows].max() and square[rows].mean() < _USUAL:
            found.append(output)
    return tuple(found)
