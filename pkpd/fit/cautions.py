"""What a converged fit should say beside its word: estimates that the data hold only loosely."""

from __future__ import annotations

import math

import numpy as np

from pkpd.arrays import Array
from pkpd.parameters import Parameters

WIDE = 50.0
"""Relative standard error, %, above which an estimate is uncertain."""
CORRELATED = 0.95
"""Absolute correlation of two estimates above which the data hardly tell them apart."""
CONDITION = 100.0
"""Condition number above which estimates together are loosely held; above 1 000 they are not identified."""
NEAR = 0.01
"""Part of the way between two bounds (or of a lower bound above 0) within which an estimate is near its bound."""


def cautions(parameters: Parameters, covariance: Array, condition: float) -> tuple[str, ...]:
    """Return sentences on what a fit that converged does not know well; none if there is nothing to say.

    Parameters
    ----------
    parameters : Parameters
        The estimates.
    covariance : array, shape (free, free)
        Of the free parameters on their scales of estimation, as it is reported.
    condition : float
        Condition number of the estimates' correlation matrix.
    """
    if not np.isfinite(covariance).all():
        return ()
    pairs = _pairs(parameters.free, covariance)
    found = [*_uncertain(parameters, covariance), *pairs, *_near(parameters)]
    if condition > CONDITION and not pairs:
        found.append(f"the estimates are held only loosely together (condition number {condition:.3g})")
    return tuple(found)


def _uncertain(parameters: Parameters, covariance: Array) -> list[str]:
    found = []
    for name, variance, slope in zip(parameters.free, np.diag(covariance), parameters.slopes(), strict=True):
        value = parameters[name]
        relative = 100 * math.sqrt(max(float(variance), 0.0)) * abs(float(slope)) / abs(value) if value else 0.0
        if relative > WIDE:
            found.append(f"{name} is uncertain (RSE {relative:.0f} %)")
    return found


def _pairs(names: tuple[str, ...], covariance: Array) -> list[str]:
    sd = np.sqrt(np.diag(covariance))
    with np.errstate(all="ignore"):
        matrix = covariance / np.outer(sd, sd)
    return [
        f"{names[i]} and {names[j]} are hardly told apart (correlation {matrix[i, j]:.3f})"
        for i, j in np.argwhere(np.triu(np.abs(matrix) > CORRELATED, 1)).tolist()
    ]


def _near(parameters: Parameters) -> list[str]:
    found = []
    for name in parameters.free:
        item = parameters.get(name)
        width = item.upper - item.lower
        for bound in (item.lower, item.upper):
            room = NEAR * (width if math.isfinite(width) else abs(bound))
            if math.isfinite(bound) and abs(item.value - bound) < room:
                found.append(f"{name} = {item.value:.4g} is near its bound {bound:g}")
    return found
