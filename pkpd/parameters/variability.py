"""How parameters vary between subjects: log-normal, with correlation, stated by factors or by a covariance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError, unknown_names
from pkpd.parameters.scale import Scale

_MOST_REDRAWS = 10_000


@dataclass(frozen=True, eq=False)
class Variability:
    r"""Log-normal variability between subjects: :math:`\theta_i = \theta\,e^{\eta_i}`, :math:`\eta_i = L z_i`.

    Parameters
    ----------
    names : tuple of str
        Parameters that vary.
    loadings : array, shape (parameters, factors)
        :math:`L`; the covariance of :math:`\eta` is :math:`\Omega = L L^T`. A factor shared by several parameters
        makes them move together, so a singular :math:`\Omega` is allowed.
    limits : mapping
        Limits of the individual value of a parameter, e.g. ``{"L0": (1.0, inf)}``: a subject outside is drawn
        again, as a screening visit does.
    bounds : mapping
        Bounds of parameters that are not simply positive; they choose the scale on which :math:`\eta` is added (log by
        default, logit between two bounds, the natural one without), as for `Parameter`.
    """

    names: tuple[str, ...]
    loadings: Array
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        loadings = np.atleast_2d(np.asarray(self.loadings, dtype=float)).copy()
        loadings.flags.writeable = False
        object.__setattr__(self, "loadings", loadings)
        problems = []
        if len(set(self.names)) != len(self.names):
            problems.append(f"a parameter stands twice in {self.names}")
        if loadings.shape[0] != len(self.names):
            problems.append(f"{len(self.names)} parameters but {loadings.shape[0]} rows of loadings")
        if not np.isfinite(loadings).all():
            problems.append("loadings are not finite")
        problems += unknown_names(self.limits, self.names, "parameter with limits")
        problems += [
            f"limits of {n!r} are {low} to {high}; expected lower < upper"
            for n, (low, high) in self.limits.items()
            if not low < high
        ]
        if problems:
            raise InputError(problems, "variability")

    @property
    def omega(self) -> Array:
        """Covariance matrix of the random effects on the log scale, shape (parameters, parameters)."""
        product: Array = self.loadings @ self.loadings.T
        return product

    def __add__(self, other: Variability) -> Variability:
        """Join independent groups of parameters."""
        a, b = self.loadings, other.loadings
        joined = np.zeros((a.shape[0] + b.shape[0], a.shape[1] + b.shape[1]))
        joined[: a.shape[0], : a.shape[1]] = a
        joined[a.shape[0] :, a.shape[1] :] = b
        return Variability(
            self.names + other.names, joined, {**self.limits, **other.limits}, {**self.bounds, **other.bounds}
        )

    @classmethod
    def independent(cls, limits: Mapping[str, tuple[float, float]] | None = None, /, **sd: float) -> Variability:
        """Return independent variability from standard deviations on the log scale, e.g. ``CL=0.3``."""
        wrong = [
            f"SD of {name!r} is {value!r}; expected a finite number ≥ 0 on the log scale"
            for name, value in sd.items()
            if not (isinstance(value, (int, float)) and 0 <= value < math.inf)
        ]
        if wrong:
            raise InputError(wrong, "variability")
        return cls(tuple(sd), np.diag(list(sd.values())), limits or {})

    @classmethod
    def from_factors(cls, factors: Sequence[Mapping[str, float]]) -> Variability:
        """Return variability made of shared factors: each maps the parameters it moves to its SD on the log scale."""
        names = tuple(dict.fromkeys(name for factor in factors for name in factor))
        return cls(names, np.array([[factor.get(name, 0.0) for factor in factors] for name in names]))

    def draw(self, typical: Mapping[str, float], subjects: int, rng: np.random.Generator) -> dict[str, Array]:
        """Return individual values of the parameters that vary, one array of shape (subjects,) each.

        Parameters
        ----------
        typical : mapping
            Typical value of every parameter.
        subjects : int
            How many subjects.
        rng : numpy.random.Generator
            Source of randomness.

        Raises
        ------
        InputError
            If limits cannot be met: after ten thousand rounds some subject is still outside.
        """
        if problems := unknown_names(self.names, typical, "parameter"):
            raise InputError(problems, "variability")
        eta = rng.standard_normal((subjects, self.loadings.shape[1])) @ self.loadings.T
        centre = np.array([typical[name] for name in self.names])
        limits = np.array([self.limits.get(name, (-math.inf, math.inf)) for name in self.names]).reshape(-1, 2)
        bounds = np.array([self.bounds.get(name, (0.0, math.inf)) for name in self.names]).reshape(-1, 2)
        scale = Scale(bounds[:, 0], bounds[:, 1])
        values = scale.moved(centre, eta)
        for _ in range(_MOST_REDRAWS):
            outside = np.flatnonzero(((values < limits[:, 0]) | (values > limits[:, 1])).any(axis=1))
            if not outside.size:
                return {name: values[:, k] for k, name in enumerate(self.names)}
            eta = rng.standard_normal((outside.size, self.loadings.shape[1])) @ self.loadings.T
            values[outside] = scale.moved(centre, eta)
        raise InputError(f"limits {dict(self.limits)} exclude practically every subject", "variability")


def block(*names: str, omega: Sequence[Sequence[float]]) -> Variability:
    """Return correlated variability of a block of parameters from its covariance matrix on the log scale.

    Parameters
    ----------
    *names : str
        Parameters of the block.
    omega : array-like, shape (parameters, parameters)
        Symmetric, positive semi-definite.

    Raises
    ------
    InputError
        If `omega` is not symmetric, not positive semi-definite or of another size.
    """
    try:
        matrix = np.asarray(omega, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"omega of {names} is not a matrix of numbers") from None
    if matrix.shape != (len(names), len(names)) or not np.allclose(matrix, matrix.T, rtol=1e-10, atol=0):
        raise InputError(f"omega of {names} has shape {matrix.shape}; expected symmetric {len(names)} × {len(names)}")
    size, vectors = np.linalg.eigh(matrix)
    if size.min() < -1e-12 * max(size.max(), 1e-300):
        raise InputError(f"omega of {names} is not positive semi-definite: smallest eigenvalue {size.min():.3g}")
    return Variability(names, vectors * np.sqrt(np.clip(size, 0.0, None)))
