"""The score test of proportional hazards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pkpd.arrays import Array

TRANSFORMS = ("km", "rank", "log", "identity")


def score_tests(
    data: tuple[Array, Array, Array, Any], beta: Array, terms: Sequence[str], transform: str, efron: bool
) -> list[tuple[str, float, int]]:
    r"""Return χ² and degrees of freedom of every term, and of all.

    With the covariates' weighted mean :math:`\bar x_i` and covariance :math:`V_i` at the i-th event and the centred
    function of time :math:`g_i`, the score of the added coefficients is :math:`u = \sum g_i (x_i - \bar x_i)`, with
    information :math:`\sum g_i^2 V_i - (\sum g_i V_i)(\sum V_i)^{-1}(\sum g_i V_i)`.

    Parameters
    ----------
    data : tuple of arrays
        Durations, events, covariates, strata.
    beta : array, shape (columns,)
        Estimates.
    terms : sequence of str
        Covariate of every column.
    transform : {"km", "rank", "log", "identity"}
        Function of time.
    efron : bool
        Whether tied events leave the risk set one after the other.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515-526.
    """
    time, event, x, strata = data
    at, score, spread = _per_event(time, event, x, strata, beta, efron)
    g = _transformed(time, event, at, transform)
    g = g - g.mean()
    u = (g[:, None] * score).sum(axis=0)
    plain, once, twice = (np.tensordot(weight, spread, axes=1) for weight in (np.ones_like(g), g, g * g))
    # Each term is tested alone: only its own products with time are added to the model, all of whose coefficients stay.
    rows = []
    names = list(dict.fromkeys(terms))
    for name in [*names, "all"]:
        mine = np.array([name in ("all", term) for term in terms])
        cross = once[mine]
        information = twice[np.ix_(mine, mine)] - cross @ np.linalg.solve(plain, cross.T)
        rows.append((name, float(u[mine] @ np.linalg.solve(information, u[mine])), int(mine.sum())))
    return rows


def _per_event(
    time: Array, event: Array, x: Array, strata: Any, beta: Array, efron: bool
) -> tuple[Array, Array, Array]:
    """Time, x − x̄ and covariance of the covariates at every event, shapes (d,), (d, columns), (d, columns, columns)."""
    risk = np.exp((x - x.mean(axis=0)) @ beta)
    at, score, spread = [], [], []
    for layer in dict.fromkeys(strata):
        mine = strata == layer
        for when in np.unique(time[mine & (event > 0)]):
            there = mine & (time >= when)
            died = there & (event > 0) & (time == when)
            count = int(died.sum())
            for k in range(count):
                weight = np.where(died, 1.0 - k / count, 1.0)[there] * risk[there] if efron else risk[there]
                weight = weight / weight.sum()
                mean = weight @ x[there]
                centred = x[there] - mean
                # The events at one time share the mean of their risk sets; which comes first is not known.
                at.append(when)
                score.append(x[died][k] - mean)
                spread.append((weight[:, None] * centred).T @ centred)
    return np.array(at), np.array(score), np.array(spread)


def _transformed(time: Array, event: Array, at: Array, transform: str) -> Array:
    """The function of time at the events."""
    if transform == "identity":
        return at
    if transform == "log":
        return np.log(np.maximum(at, np.min(at[at > 0], initial=1.0) / 2.0))
    if transform == "rank":
        order = np.sort(time)  # of all patients, censored ones too
        return (np.searchsorted(order, at, side="left") + np.searchsorted(order, at, side="right") + 1) / 2.0
    when = np.unique(time[event > 0])
    n = len(time) - np.searchsorted(np.sort(time), when, side="left")
    deaths = np.sort(time[event > 0])
    d = np.searchsorted(deaths, when, side="right") - np.searchsorted(deaths, when, side="left")
    before = np.concatenate([[1.0], np.cumprod(1.0 - d / n)])[:-1]
    return np.asarray(1.0 - before[np.searchsorted(when, at)])
