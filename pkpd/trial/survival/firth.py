"""Cox's model with Firth's penalty: finite where the partial likelihood grows without end."""

from __future__ import annotations

from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.trial.penalised import Likelihood, inverse


def penalised(time: Array, event: Array, x: Array, strata: Any, efron: bool) -> Likelihood:
    r"""Return :math:`\ell(\beta) + \tfrac12 \ln\det I(\beta)` of Cox's model, with its score and the information.

    :math:`\partial I/\partial\beta_r` is the sum over the events of the third central moments of the covariates in the
    risk set, so that the penalty adds half of
    :math:`\sum E[(x-\bar x)^T I^{-1} (x-\bar x)\,(x-\bar x)_r]` to the score.

    Parameters
    ----------
    time, event : array, shape (rows,)
        Durations; 1 where the event happened.
    x : array, shape (rows, columns)
        Covariates, of SD about 1.
    strata : array, shape (rows,)
        Each with its own baseline hazard.
    efron : bool
        Whether tied events leave the risk set one after the other.

    References
    ----------
    Heinze G, Schemper M. Biometrics 2001;57:114-119.
    """
    sets = []  # rows at risk, events of them, and the share of the events that is still there
    for layer in dict.fromkeys(strata):
        mine = strata == layer
        for when in np.unique(time[mine & (event > 0)]):
            rows = np.flatnonzero(mine & (time >= when))
            died = (event[rows] > 0) & (time[rows] == when)
            count = int(died.sum())
            left = 1.0 - np.arange(count) / count if efron else np.ones(count)
            sets.append((rows, died, left))

    def of(beta: Array) -> tuple[float, Array, Array]:
        eta = x @ beta
        value, score, information = 0.0, np.zeros(len(beta)), np.zeros((len(beta),) * 2)
        kept = []
        for rows, died, left in sets:
            top = float(eta[rows].max())
            there = np.where(died, left[:, None], 1.0) * np.exp(eta[rows] - top)  # events × rows
            total = there.sum(axis=1)
            weight = there / total[:, None]
            mean = weight @ x[rows]
            away = x[rows] - mean[:, None, :]  # events × rows × columns
            value += float(eta[rows][died].sum()) - float((np.log(total) + top).sum())
            score += x[rows][died].sum(axis=0) - mean.sum(axis=0)
            information += np.einsum("er,era,erb->ab", weight, away, away)
            kept.append((rows, weight, mean))
        sign, log_determinant = np.linalg.slogdet(information)
        spread = inverse(information)
        for rows, weight, mean in kept:
            away = x[rows] - mean[:, None, :]
            score += 0.5 * np.einsum("er,era,ab,erb,erc->c", weight, away, spread, away, away, optimize=True)
        return (value + 0.5 * float(log_determinant) if sign > 0 else -np.inf), score, information

    return of
