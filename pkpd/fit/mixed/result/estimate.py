"""Where a search for population estimates ended: what every report and every simulation of the fit starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.files import Part
from pkpd.fit.mixed.marginal.laplacian import Marginal
from pkpd.fit.mixed.problem.problem import Point, Problem
from pkpd.fit.mixed.search.objective import Step
from pkpd.fit.verdict import CONVERGED


@dataclass(frozen=True, eq=False)
class Tried(Part):
    """One start of a search and where it ended.

    Attributes
    ----------
    label : str
        Where the start came from, e.g. ``"two-stage"``.
    start, vector : array, shape (free,)
        Where it began and where it ended.
    first, objective : float
        The objective at both; infinite where it could not be computed.
    status : str
        As `Estimate.status`.
    """

    label: str
    start: Array
    vector: Array
    first: float
    objective: float
    status: str = ""


@dataclass(frozen=True)
class Exact(Part):
    """The marginal likelihood without the approximation of the fit's method, at the estimates.

    Attributes
    ----------
    value : float
        −2 log L without N·log 2π, as the objective.
    error : float
        Its Monte-Carlo standard error; 0 for quadrature.
    method : str
        ``"quadrature"`` or ``"importance sampling"``.
    sentence : str
        How it was computed, and whether it agrees with the objective.
    """

    value: float
    error: float
    method: str
    sentence: str


BY_CURVATURE = "standard errors from FOCEI's curvature: the information of the draws is indefinite by its noise"
"""Note of a SAEM fit whose information by Louis' method is no covariance."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Where a search ended.

    Attributes
    ----------
    problem : Problem
        What was fitted.
    method : str
        ``"FOCEI"``, ``"FOCE"``, ``"Laplace"`` …
    vector : array, shape (free,)
        The estimates: free parameters on their scales, then the free numbers of Ω.
    marginal : Marginal
        The objective there, with the conditional modes.
    hessian : array, shape (free, free)
        Second derivatives of the objective by the vector, 2R; NaN where not computed.
    decrement : float
        :math:`g^T H^{-1} g`: twice what a Newton step could still gain; NaN if H is not positive definite.
    evaluations : int
        How often the objective was computed.
    seconds : float
        Wall-clock time of the whole fit.
    trace : tuple of Step
        The search that ended best.
    tried : tuple of Tried
        All starts that were tried, best end first.
    status, message : str
        ``"converged"`` or what else, and why, with what to do about it.
    cautions : tuple of str
        What a converged fit does not know well.
    exact : Exact or None
        The marginal likelihood by quadrature or importance sampling; None if nobody asked.
    notes : tuple of str
        What was left out of the fit, which defaults were taken.
    run : SaemRun, EMRun or None
        The run of a method that draws, with its own trace and conditional distributions.
    """

    problem: Problem
    method: str
    vector: Array
    marginal: Marginal
    hessian: Array
    decrement: float = np.nan
    evaluations: int = 0
    seconds: float = np.nan
    trace: tuple[Step, ...] = ()
    tried: tuple[Tried, ...] = ()
    status: str = CONVERGED
    message: str = ""
    cautions: tuple[str, ...] = ()
    exact: Exact | None = None
    notes: tuple[str, ...] = ()
    run: Any = None

    @property
    def converged(self) -> bool:
        """Whether the status is ``"converged"``."""
        return self.status == CONVERGED

    @property
    def point(self) -> Point:
        """What the vector means."""
        return self.marginal.point

    @property
    def objective(self) -> float:
        """−2 log L without N·log 2π."""
        return self.marginal.objective
