r"""What was known before: priors as −2 log densities with their gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pkpd.arguments import checked_fields
from pkpd.arrays import Array
from pkpd.errors import InputError, unknown_names
from pkpd.files import Part
from pkpd.parameters import Parameters
from pkpd.population.blocks import PREFIX
from pkpd.population.omega import Omega


@dataclass(frozen=True, eq=False)
class PriorDensity:
    """A −2 log density and its gradients.

    Attributes
    ----------
    value : float
        With all constants.
    parameters : array, shape (free parameters,)
        Gradient by the vector of the typical values (`Parameters.to_vector`).
    omega : array, shape (free elements,)
        Gradient by the vector of the random effects' covariance (`Omega.to_vector`).
    """

    value: float
    parameters: Array
    omega: Array


class Prior(Protocol):
    """What a prior can do."""

    def problems(self, parameters: Parameters, omega: Omega) -> list[str]:
        """Return one sentence for everything in which it does not fit a population."""

    def density(self, parameters: Parameters, omega: Omega) -> PriorDensity:
        """Return its −2 log density at typical values and a covariance."""


@dataclass(frozen=True, eq=False)
class NormalPrior(Part):
    """Typical values that are normal on their scale of estimation (log where positive, logit between two bounds).

    Parameters
    ----------
    centre : mapping
        Parameter → its most likely value, on the natural scale.
    covariance : array-like, shape (parameters, parameters), or mapping
        On the scale of estimation; a mapping holds standard deviations instead. 0.2 for a positive parameter is 20 %.
    """

    centre: Mapping[str, float]
    covariance: Array | Mapping[str, float]

    def __post_init__(self) -> None:
        checked_fields(self, "prior")
        names = tuple(self.centre)
        given = self.covariance
        if isinstance(given, Mapping):
            if set(given) != set(names):
                raise InputError(f"standard deviations of {', '.join(given)}; expected {', '.join(names)}", "prior")
            given = np.diag([float(given[n]) ** 2 for n in names])
        matrix = np.array(given, dtype=float)
        if matrix.shape != (len(names),) * 2 or not _positive(matrix):
            raise InputError(f"covariance of {names} is no positive definite {len(names)} × {len(names)}", "prior")
        object.__setattr__(self, "centre", dict(self.centre))
        object.__setattr__(self, "covariance", matrix)

    def problems(self, parameters: Parameters, omega: Omega) -> list[str]:
        """Return one sentence for every unknown parameter and every centre outside the bounds."""
        if unknown := unknown_names(self.centre, parameters.names, "parameter in a prior"):
            return unknown
        try:
            self._vector(parameters, self.centre)
        except InputError as error:
            return [f"centre of a prior: {p}" for p in error.problems]
        return []

    def _vector(self, parameters: Parameters, values: Mapping[str, float]) -> Array:
        names = tuple(self.centre)
        return parameters.subset(names).release(*names).with_values(values).to_vector()

    def density(self, parameters: Parameters, omega: Omega) -> PriorDensity:
        """Return −2 log density; a parameter that is fixed has no gradient."""
        names, free = tuple(self.centre), parameters.free
        away = self._vector(parameters, {n: parameters[n] for n in names}) - self._vector(parameters, self.centre)
        covariance = np.asarray(self.covariance, dtype=float)
        pull = np.linalg.solve(covariance, away)
        value = float(away @ pull) + _log_determinant(covariance) + len(names) * math.log(2 * math.pi)
        gradient = np.zeros(len(free))
        for name, force in zip(names, pull, strict=True):
            if name in free:
                gradient[free.index(name)] = 2.0 * force
        return PriorDensity(value, gradient, np.zeros(len(omega.free)))


@dataclass(frozen=True, eq=False)
class InverseWishart(Part):
    r"""Covariance of some random effects, inverse-Wishart: :math:`p(\Omega) \propto |\Omega|^{-(\nu + p + 1)/2}
    e^{-\mathrm{tr}(\Psi\Omega^{-1})/2}`.

    It is a density of the matrix; the change to the log-Cholesky vector is not part of it, so that its mode is the mode
    of the matrix.

    Parameters
    ----------
    names : tuple of str
        Random effects, e.g. ``("CL", "V1")``.
    scale : array-like, shape (names, names)
        :math:`\Psi`, positive definite.
    degrees : float
        :math:`\nu`, above ``len(names) - 1``.
    level : {"subject", "occasion"}
        Level of the random effects.
    """

    names: tuple[str, ...]
    scale: Array
    degrees: float
    level: str = "subject"

    def __post_init__(self) -> None:
        checked_fields(self, "prior")
        matrix, size = np.array(self.scale, dtype=float), len(self.names)
        if matrix.shape != (size, size) or not _positive(matrix):
            raise InputError(f"scale of {self.names} is no positive definite {size} × {size}", "prior")
        if not self.degrees > size - 1:
            raise InputError(f"degrees is {self.degrees}; expected a number above {size - 1}", "prior")
        object.__setattr__(self, "scale", matrix)

    @classmethod
    def with_mode(cls, omega: Array, degrees: float, *names: str, level: str = "subject") -> InverseWishart:
        r"""Return the prior whose mode is `omega`: :math:`\Psi = (\nu + p + 1)\,\Omega`."""
        return cls(names, (degrees + len(names) + 1) * np.array(omega, dtype=float), degrees, level)

    def problems(self, parameters: Parameters, omega: Omega) -> list[str]:
        """Return one sentence for every unknown random effect, and if they are no positive definite part."""
        unknown = unknown_names(self.names, omega.effects(self.level), "random effect in a prior")
        if not unknown and not _positive(self._part(omega)):
            return [f"the covariance of {', '.join(self.names)} is singular, and a prior is stated for it"]
        return unknown

    def _where(self, omega: Omega) -> list[int]:
        tail = "_1" if self.level == "occasion" else ""
        names = omega.names()
        return [names.index(f"{PREFIX[self.level]}_{n}{tail}") for n in self.names]

    def _part(self, omega: Omega) -> Array:
        where = self._where(omega)
        part: Array = omega.matrix()[np.ix_(where, where)]
        return part

    def density(self, parameters: Parameters, omega: Omega) -> PriorDensity:
        """Return −2 log density of the covariance of these random effects."""
        from scipy.special import multigammaln  # a tenth of a second, which a simulation need not pay

        size, nu, where = len(self.names), float(self.degrees), self._where(omega)
        part = self._part(omega)
        inverse = np.linalg.inv(part)
        value = (
            (nu + size + 1) * _log_determinant(part)
            + float(np.trace(self.scale @ inverse))
            - nu * _log_determinant(self.scale)
            + nu * size * math.log(2.0)
            + 2.0 * float(multigammaln(nu / 2, size))
        )
        by_matrix = (nu + size + 1) * inverse - inverse @ self.scale @ inverse
        change = omega.derivative()[np.ix_(where, where)]
        return PriorDensity(value, np.zeros(len(parameters.free)), np.einsum("ij,ijk->k", by_matrix, change))


def _positive(matrix: Array) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return bool(np.isfinite(matrix).all() and np.allclose(matrix, matrix.T, rtol=1e-10, atol=0))


def _log_determinant(matrix: Array) -> float:
    return 2.0 * float(np.log(np.diag(np.linalg.cholesky(matrix))).sum())
