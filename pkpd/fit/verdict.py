"""The verdict on a fit: converged or not, on a bound, identified or not, each in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.cautions import cautions
from pkpd.fit.objective import Objective, V
from pkpd.fit.search import GOOD_DECREMENT, Minimum
from pkpd.parameters import Parameters

CONVERGED, STOPPED, BOUND, UNIDENTIFIED, FAILED = "converged", "stopped short", "on a bound", "not identified", "failed"
UNBOUNDED = "unbounded"
HIGH_CONDITION = 1000.0  # the customary limit on NONMEM's condition number
_WIDE = 1.0  # a standard error of 1 on the log scale: the 95 % interval spans a factor of fifty
_FLAT = 0.01  # −2 log L that does not count as a difference


@dataclass(frozen=True, eq=False)
class Verdict:
    """What can be said of a minimum.

    Attributes
    ----------
    status : str
        ``"converged"``, ``"stopped short"``, ``"on a bound"``, ``"not identified"``, ``"unbounded"`` or ``"failed"``.
    message : str
        The reason, with what to do about it.
    covariance : array, shape (free, free)
        Of the estimates on the transformed scale; NaN where there is none.
    condition_number : float
        Largest over smallest eigenvalue of the correlation matrix of the estimates; infinite if singular.
    cautions : tuple of str
        What a converged fit does not know well.
    """

    status: str
    message: str
    covariance: Array
    condition_number: float
    cautions: tuple[str, ...] = ()


def judge(
    objective: Objective[V], minimum: Minimum[V], parameters: Parameters, adjust: Callable[[Array], Array]
) -> Verdict:
    """Judge a minimum by its gradient, its curvature and its bounds.

    Parameters
    ----------
    objective : Objective
        The function, asked again where a parameter may sit on a bound.
    minimum : Minimum
        Where the search ended.
    parameters : Parameters
        The values there.
    adjust : callable
        Turns the inverse-Hessian covariance into the one that is reported (sandwich, degrees of freedom).
    """
    free = parameters.free
    nothing = np.full((len(free), len(free)), np.nan)
    if not np.isfinite(minimum.value.objective):
        why = objective.trouble(minimum.vector) or "the likelihood is zero or not a number; try other values"
        return Verdict(FAILED, f"cannot be computed at the start values: {why}", nothing, math.nan)
    if not free:
        return Verdict(CONVERGED, "nothing was estimated", nothing, math.nan)
    plain, condition = invert(minimum.hessian)
    covariance = adjust(plain)
    wide = _wide(parameters, covariance)
    # At a bound scores and curvature vanish together, and a sandwich looks narrow: both variances are asked.
    loose = [n for n, v in zip(free, np.diag(plain), strict=True) if n in wide or not v < _WIDE**2]
    stuck = [n for n in loose if on_bound(objective, minimum, parameters, n)]
    if stuck:
        text = ", ".join(f"{n} = {parameters[n]:.3g}" for n in stuck)
        return Verdict(
            BOUND,
            f"the data cannot tell these from their bound: {text}; fix them there or drop them",
            covariance,
            condition,
        )
    if condition > HIGH_CONDITION or wide:
        message = _identify(parameters, minimum.hessian, plain, condition, covariance, wide)
        return Verdict(UNIDENTIFIED, message, covariance, condition)
    if not minimum.decrement < GOOD_DECREMENT:
        gain = f"a Newton step could still gain {minimum.decrement / 2:.2g} in −2 log L"
        return Verdict(STOPPED, f"{gain}; start from other values", covariance, condition)
    doubts = cautions(parameters, covariance, condition)
    more = f"; caution: {'; '.join(doubts)}" if doubts else ""
    return Verdict(CONVERGED, f"gradient zero, curvature positive{more}", covariance, condition, doubts)


def without_maximum(why: str, free: int) -> Verdict:
    """Return the verdict on a search that followed a likelihood which has no maximum; it has no covariance."""
    return Verdict(UNBOUNDED, why, np.full((free, free), np.nan), math.nan)


def _wide(parameters: Parameters, covariance: Array) -> list[str]:
    """Names whose standard error is above one on the log scale, or above the value itself for a bounded parameter."""
    found = []
    for name, variance, slope in zip(parameters.free, np.diag(covariance), parameters.slopes(), strict=True):
        item = parameters.get(name)
        limit = _WIDE if item.scale == "log" else abs(item.value / slope) if item.scale == "logit" else math.inf
        if not variance < limit**2:
            found.append(name)
    return found


def invert(hessian: Array) -> tuple[Array, float]:
    """Return the covariance 2·H⁻¹ and the condition number of its correlation matrix."""
    nothing = np.full(hessian.shape, np.nan)
    scale = np.sqrt(np.abs(np.diag(hessian)))
    if not np.isfinite(hessian).all() or (scale == 0).any():
        return nothing, math.inf
    size, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    if size.min() <= 1e-10 * size.max():
        return nothing, math.inf
    covariance = 2 * (vectors / size) @ vectors.T / np.outer(scale, scale)
    sd = np.sqrt(np.diag(covariance))
    eigenvalues = np.linalg.eigvalsh(covariance / np.outer(sd, sd))
    return covariance, float(eigenvalues.max() / eigenvalues.min())


def on_bound(objective: Objective[V], minimum: Minimum[V], parameters: Parameters, name: str) -> bool:
    """Say whether moving one parameter all the way to its nearer bound leaves the objective as it is."""
    item = parameters.get(name)
    if item.scale == "natural":
        return False
    k = parameters.free.index(name)
    away = -12.0 if item.scale == "log" else math.copysign(12.0, minimum.vector[k])
    moved = minimum.vector.copy()
    moved[k] += away
    return bool(abs(objective(moved).objective - minimum.value.objective) < _FLAT)


def _identify(
    parameters: Parameters, hessian: Array, plain: Array, condition: float, covariance: Array, wide: list[str]
) -> str:
    """Say which parameters the data leave open: wide ones, and those that only make up a flat direction together."""
    free = parameters.free
    if not np.isfinite(plain).all():
        scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
        _, vectors = np.linalg.eigh(np.nan_to_num(hessian / np.outer(scale, scale)))
        names, why = _large(free, vectors[:, 0]), "singular curvature"
        return f"the data do not determine {names} apart ({why}); fix one of them or add data"
    if condition <= HIGH_CONDITION:
        names = ", ".join(wide)
    else:
        sd = np.sqrt(np.diag(plain))
        names = _large(free, np.linalg.eigh(plain / np.outer(sd, sd))[1][:, -1]) + " apart"
    details = [f"condition number {condition:.3g}"]
    details += [
        f"{n} has SE {math.sqrt(covariance[k, k]):.2g} on the {parameters.get(n).scale} scale"
        for k, n in enumerate(free)
        if n in wide
    ]
    return f"the data do not determine {names} ({'; '.join(details)}); fix one of them or add data"


def _large(names: tuple[str, ...], direction: Array) -> str:
    """Names of the largest parts of a direction, largest first."""
    size = np.abs(direction)
    return ", ".join(names[k] for k in np.argsort(-size) if size[k] > 0.5 * size.max())
