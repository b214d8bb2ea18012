"""Marginal likelihoods by name: what a search may minimise."""

from __future__ import annotations

from pkpd.arrays import Array
from pkpd.fit.mixed.marginal.laplacian import FO, FOCE, FOCEI, LAPLACE, Marginal, marginal
from pkpd.fit.mixed.marginal.quadrature import AGQ, NODES, quadrature_marginal
from pkpd.fit.mixed.modes.modes import EXACTLY
from pkpd.fit.mixed.problem.problem import Point, Problem

SEARCHED = (FOCEI, FOCE, LAPLACE, FO, AGQ)
"""Names of the marginal likelihoods that have a gradient."""


def marginal_by(
    problem: Problem, point: Point, method: str, start: Array | None = None, nodes: int = NODES,
    enough: float = EXACTLY,
) -> Marginal:  # fmt: skip
    """Return the marginal likelihood at a point by a method.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    method : str
        One of `SEARCHED`.
    start : array, shape (subjects, random effects), optional
        Where the search for the modes begins.
    nodes : int
        Of quadrature, an effect.
    enough : float
        gᵀH⁻¹g at which a mode is found; quadrature finds them exactly.
    """
    if method == AGQ:
        return quadrature_marginal(problem, point, nodes, start)
    return marginal(problem, point, method, start, enough)
