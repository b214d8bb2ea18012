r"""How sure estimates are: the covariance of the vector by R, by S and by the sandwich.

With :math:`-\log L = \sum_i l_i` and v the vector of the fit,

.. math:: R = \frac{\partial^2}{\partial v\,\partial v^T}\sum_i l_i, \qquad
          S = \sum_i \frac{\partial l_i}{\partial v}\frac{\partial l_i}{\partial v^T}

give three covariances of the estimates: :math:`R^{-1}` is right if the model is, :math:`S^{-1}` too, but it needs many
subjects; the sandwich :math:`R^{-1} S R^{-1}` is right for many subjects even if the model is not quite.

References
----------
White H. Maximum likelihood estimation of misspecified models. Econometrica 1982;50:1-25.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError, nearest
from pkpd.files import Part
from pkpd.fit.mixed.marginal.laplacian import FOCEI, Marginal, marginal
from pkpd.fit.mixed.problem.problem import Problem

COVARIANCES = ("R", "S", "sandwich")
"""Kinds of covariance, by name."""
WORDS = {"R": "from the Hessian (R)", "S": "from the scores (S)", "sandwich": "robust (sandwich)"}
"""The same in words."""
_STEP = 1e-4  # of the vector: differences of a gradient that is exact to 1e-9
_SINGULAR = 1e-13  # smallest eigenvalue of a scaled matrix, relative to the largest, that counts as above 0


@dataclass(frozen=True, eq=False)
class Uncertainty(Part):
    """What the likelihood says of the estimates' covariance.

    Parameters
    ----------
    names : tuple of str
        Of the vector: free parameters on their scales, then free elements of Ω (log-Cholesky).
    r, s : array, shape (free, free)
        Half of the Hessian of the objective, and the sum of outer products of half of the subjects' gradients. NaN
        where they were not computed.
    """

    names: tuple[str, ...]
    r: Array
    s: Array

    def covariance(self, kind: str = "R") -> Array:
        """Return the covariance of the vector, shape (free, free); NaN where it does not exist (`why_not`).

        Parameters
        ----------
        kind : {"R", "S", "sandwich"}
            Which.
        """
        known(kind)
        return self._covariances[kind]

    @cached_property
    def _covariances(self) -> dict[str, Array]:
        by_r, by_s = inverse(self.r), inverse(self.s)
        middle = by_r @ self.s @ by_r
        return {"R": by_r, "S": by_s, "sandwich": 0.5 * (middle + middle.T)}

    def why_not(self, kind: str = "R") -> str:
        """Return why there is no covariance of a kind; empty where there is one."""
        known(kind)
        if np.isfinite(self.covariance(kind)).all():
            return ""
        label, matrix = ("S", self.s) if kind == "S" else ("R", self.r)
        if not np.isfinite(matrix).all():
            return f"{label} was not computed or is not finite"
        size = np.linalg.eigvalsh(_scaled(matrix)[0])
        return f"{label} is not positive definite (eigenvalues of its correlation form {size[0]:.2g} to {size[-1]:.2g})"

    def correlation(self, kind: str = "R") -> Array:
        """Return the correlation matrix of the vector, shape (free, free)."""
        covariance = self.covariance(kind)
        sd = np.sqrt(np.diag(covariance))
        with np.errstate(all="ignore"):
            result: Array = covariance / np.outer(sd, sd)
        return result

    def condition_number(self, kind: str = "R") -> float:
        """Return the largest over the smallest eigenvalue of the correlation matrix; infinite if there is none."""
        matrix = self.correlation(kind)
        if not len(matrix):
            return 1.0
        if not np.isfinite(matrix).all():
            return float("inf")
        size = np.linalg.eigvalsh(matrix)
        return float(size[-1] / size[0]) if size[0] > 0 else float("inf")


def known(kind: str) -> None:
    """Raise if there is no such kind of covariance."""
    if kind not in COVARIANCES:
        raise InputError(f"unknown covariance {kind!r}; {nearest(str(kind), COVARIANCES)}")


def uncertainty_of(there: Marginal, hessian: Array, names: tuple[str, ...]) -> Uncertainty:
    """Return what a marginal likelihood says of its estimates' covariance.

    Parameters
    ----------
    there : Marginal
        At the estimates.
    hessian : array, shape (free, free)
        Second derivatives of its objective.
    names : tuple of str
        Of the vector.
    """
    half = 0.5 * there.scores
    return Uncertainty(names, 0.25 * (hessian + hessian.T), half.T @ half)


def hessian_of(problem: Problem, there: Marginal, method: str = FOCEI) -> Array:
    """Return the second derivatives of the objective by the vector: central differences of the exact gradient.

    Modes begin where their own derivatives put them, so that an evaluation takes one or two Newton steps.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    there : Marginal
        Where, with the modes.
    method : str
        As in `pkpd.fit.mixed.marginal.laplacian.marginal`.
    """
    x, eta = there.point.vector, there.modes.eta
    columns = np.empty((x.size, x.size))
    for k in range(x.size):
        step = np.zeros_like(x)
        step[k] = _STEP
        ends = [
            marginal(problem, problem.at(x + sign * step), method, eta + sign * (there.drift @ step)).gradient
            for sign in (1.0, -1.0)
        ]
        columns[k] = (ends[0] - ends[1]) / (2 * _STEP)
    hessian: Array = 0.5 * (columns + columns.T)
    return hessian


def _scaled(matrix: Array) -> tuple[Array, Array]:
    """A symmetric matrix with ones on its diagonal, and what its rows were divided by."""
    size = np.sqrt(np.abs(np.diag(matrix)))
    size = np.where(size > 0, size, 1.0)
    return matrix / np.outer(size, size), size


def inverse(matrix: Array) -> Array:
    """Return the inverse of a positive definite matrix; NaN throughout where it is not."""
    nothing = np.full(matrix.shape, np.nan)
    if not matrix.size:
        return nothing
    if not np.isfinite(matrix).all():
        return nothing
    scaled, size = _scaled(matrix)
    values, vectors = np.linalg.eigh(scaled)
    if not values[0] > _SINGULAR * values[-1]:
        return nothing
    result: Array = (vectors / values) @ vectors.T / np.outer(size, size)
    return result
