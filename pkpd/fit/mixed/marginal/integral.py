"""The marginal likelihood as an integral over the random effects: what quadrature and importance sampling return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.fit.mixed.modes.modes import UNSOLVED, WORDS, Modes
from pkpd.fit.mixed.problem.problem import Point, Problem


@dataclass(frozen=True, eq=False)
class Likelihood:
    """−2 log marginal likelihood at one point, by a method that comes as near as one likes.

    Attributes
    ----------
    objective : float
        −2 log L without N·log 2π of the measured rows; NaN where a subject's part is.
    error : float
        Standard error of the objective by the draws; 0 for quadrature, which draws nothing.
    individual, individual_error : arrays, shape (subjects,)
        Each subject's part of the objective, and its standard error by the draws.
    mean : array, shape (subjects, random effects)
        Conditional means of the random effects, given the subject's data.
    covariance : array, shape (subjects, random effects, random effects)
        Their conditional covariances.
    method : str
        How it was computed, such as ``"adaptive quadrature, 5 nodes an effect"``.
    evaluations : int
        How often every subject was solved.
    effective : array, shape (subjects,)
        Effective sample size of the draws; NaN for quadrature.
    pareto : array, shape (subjects,)
        Pareto k̂ of the draws' weights: from 0.7 on they do not represent the subject; NaN for quadrature.
    reasons : tuple of str, one per subject
        Why a part is NaN, or what is doubtful about it; "" where nothing is.
    """

    objective: float
    error: float
    individual: Array
    individual_error: Array
    mean: Array
    covariance: Array
    method: str
    evaluations: int
    effective: Array
    pareto: Array
    reasons: tuple[str, ...]

    @property
    def sd(self) -> Array:
        """Conditional SDs of the random effects, shape (subjects, random effects)."""
        sd: Array = np.sqrt(np.einsum("iaa->ia", self.covariance))
        return sd


@dataclass(frozen=True, eq=False)
class Frame:
    """Where and how wide each subject's random effects are expected: the conditional mode and its half curvature.

    Attributes
    ----------
    white : array, shape (subjects, random effects)
        Modes, as :math:`u = L^{-1}\\eta`, which is standard normal a priori.
    half : array, shape (subjects, random effects, random effects)
        H: half of d²/du² of the joint density, exact, or expected where the exact one is not positive definite.
    root : array, shape (subjects, random effects, random effects)
        B with B·Bᵀ = H⁻¹, upper triangular.
    log_determinant : array, shape (subjects,)
        log |H|.
    exactly, known : arrays of bool, shape (subjects,)
        Whether H is the exact one; whether it is one of the two at all (if not, it is that of the prior, I).
    lost : array of bool, shape (subjects,)
        Subjects that could not be solved at their mode.
    """

    white: Array
    half: Array
    root: Array
    log_determinant: Array
    exactly: Flags
    known: Flags
    lost: Flags


def frame_of(problem: Problem, point: Point, modes: Modes) -> Frame:
    """Return where the integrals are taken, from the conditional modes.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    modes : Modes
        Conditional modes at this point.
    """
    effects, here = problem.shifts.effects @ point.root, modes.at
    unit = np.eye(effects.shape[1])
    lost = ~np.isfinite(here.objective) | (modes.status == UNSOLVED)
    exact = effects.T @ (0.5 * here.exact) @ effects + unit
    expected = effects.T @ here.expected @ effects + unit
    exactly = _positive(exact)
    half = np.where(exactly[:, None, None], exact, expected)
    known = ~lost & (exactly | _positive(expected))
    half = np.where(known[:, None, None], half, unit)
    lower = np.linalg.cholesky(half)
    root = np.swapaxes(np.linalg.inv(lower), 1, 2) if half.shape[1] else lower
    log_determinant = 2.0 * np.log(np.einsum("iaa->ia", lower)).sum(axis=1)
    return Frame(here.white, half, np.ascontiguousarray(root), log_determinant, exactly, known, lost)


def _positive(matrices: Array) -> Flags:
    """Return which symmetric matrices are positive definite, to rounding."""
    if not matrices.shape[1]:
        return np.ones(len(matrices), dtype=bool)
    sound = np.asarray(np.isfinite(matrices).all(axis=(1, 2)), dtype=bool)
    scale = np.sqrt(np.abs(np.einsum("iaa->ia", matrices)))
    scale = np.where(sound[:, None] & (scale > 0), scale, 1.0)
    whole = np.where(sound[:, None, None], matrices, 0.0) / (scale[:, :, None] * scale[:, None, :])
    smallest = np.linalg.eigvalsh(whole)
    return np.asarray(sound & (smallest[:, 0] > 1e-12), dtype=bool)


def reasons_of(modes: Modes, individual: Array, missed: Integers, places: int) -> tuple[str, ...]:
    """Return what is to be said of every subject's part.

    Parameters
    ----------
    modes : Modes
        Conditional modes.
    individual : array, shape (subjects,)
        The parts.
    missed : array of int, shape (subjects,)
        In how many places the subject could not be solved.
    places : int
        In how many it was tried.
    """
    said = []
    for status, value, count in zip(modes.status, individual, missed, strict=True):
        words = [WORDS[int(status)]] if WORDS[int(status)] else []
        if count and np.isfinite(value):
            words.append(f"could not be solved in {int(count)} of {places} places, which count as impossible")
        elif not np.isfinite(value) and not words:
            words.append("its likelihood is 0 to the last digit in all places that were tried")
        said.append("; ".join(words))
    return tuple(said)
