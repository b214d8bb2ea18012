"""Logistic regression with Firth's penalty: finite where the data separate, and less biased in small samples."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from pkpd.arrays import Array
from pkpd.trial.penalised import Likelihood, inverse


def penalised(x: Array, y: Array) -> Likelihood:
    r"""Return :math:`\ell(\beta) + \tfrac12 \ln\det I(\beta)` of a logistic model, with its score and the information.

    Parameters
    ----------
    x : array, shape (rows, columns)
        With a column of ones.
    y : array, shape (rows,)
        0 or 1.

    References
    ----------
    Firth D. Biometrika 1993;80:27-38. Heinze G, Schemper M. Stat Med 2002;21:2409-2419.
    """

    def of(beta: Array) -> tuple[float, Array, Array]:
        eta = x @ beta
        p = expit(eta)
        weight = p * (1.0 - p)
        information = x.T @ (x * weight[:, None])
        sign, log_determinant = np.linalg.slogdet(information)
        likelihood = -float(np.logaddexp(0.0, np.where(y > 0.5, -eta, eta)).sum())
        leverage = weight * np.einsum("ij,jk,ik->i", x, inverse(information), x)
        score = x.T @ (y - p + leverage * (0.5 - p))
        return (likelihood + 0.5 * float(log_determinant) if sign > 0 else -np.inf), score, information

    return of
