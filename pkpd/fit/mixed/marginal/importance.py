r"""The marginal likelihood by importance sampling at the conditional modes, with its own error.

With q the density that random effects are drawn from, :math:`L_i = \mathrm{mean}_k\, p(y_i, \eta_k)/q(\eta_k)`. The
draws are a t distribution at the mode with the inverse half curvature and a share of the prior, quasi-random, in
independent replicates (`proposal`). The mean over the replicates is unbiased; its spread between them gives the
standard error of :math:`-2\log L`, subject by subject, and what the logarithm bends (half the relative variance) is
put right.
"""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.mixed.marginal.draws import weighted_draws
from pkpd.fit.mixed.marginal.integral import Likelihood, frame_of, reasons_of
from pkpd.fit.mixed.marginal.pareto import DOUBTFUL, pareto_shape
from pkpd.fit.mixed.marginal.proposal import DEFENSIVE
from pkpd.fit.mixed.modes.modes import Modes, conditional_modes
from pkpd.fit.mixed.problem.problem import Point, Problem

REPLICATES = 8
"""Independent replicates, from whose spread the error comes."""
DRAWS = 1000
"""Draws a subject at the mode, unless told otherwise."""


def importance_sampling(
    problem: Problem, point: Point, modes: Modes | None = None, draws: int = DRAWS, seed: int = 1
) -> Likelihood:
    """Return the marginal likelihood by importance sampling.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    modes : Modes, optional
        Conditional modes at this point with interaction (not those of FOCE); searched for when left out.
    draws : int
        Draws a subject at the mode, in eight replicates of the next power of two each; an eighth as many come from
        the prior.
    seed : int
        The same seed gives the same bits.
    """
    if draws < REPLICATES or seed < 0:
        raise InputError([f"draws is {draws} and seed is {seed}; expected draws ≥ {REPLICATES} and seed ≥ 0"])
    modes = conditional_modes(problem, point) if modes is None or modes.frozen is not None else modes
    frame = frame_of(problem, point, modes)
    power = max(int(np.ceil(np.log2(draws / REPLICATES))), 3)
    drawn = weighted_draws(problem, point, frame, power, REPLICATES, seed)
    likelihood, relative = _log_means(drawn.log_weight)
    known = ~frame.lost & np.isfinite(likelihood)
    individual = np.where(known, -2.0 * np.where(known, likelihood, 0.0) - relative, np.nan)
    error = np.where(np.isnan(individual), np.nan, 2.0 * np.sqrt(relative))
    with np.errstate(all="ignore"):
        effective = np.where(drawn.share.any(axis=1), 1.0 / (drawn.share**2).sum(axis=1), 0.0)
    mean = drawn.mean
    pareto = pareto_shape(drawn.log_weight)
    reasons = [
        text or (f"Pareto k̂ of the draws is {k:.2f}: they do not represent the subject" if k >= DOUBTFUL else "")
        for text, k in zip(reasons_of(modes, individual, drawn.missed, drawn.eta.shape[1]), pareto, strict=True)
    ]
    return Likelihood(
        float(individual.sum()), float(np.sqrt((error**2).sum())), individual, error, mean,
        drawn.square - mean[:, :, None] * mean[:, None, :],
        f"importance sampling, {REPLICATES} × {2**power} draws and an eighth from the prior",
        drawn.eta.shape[1], effective, pareto, tuple(reasons),
    )  # fmt: skip


def draws_needed(draws: int = DRAWS) -> int:
    """Return how often every subject will be solved."""
    power = max(int(np.ceil(np.log2(draws / REPLICATES))), 3)
    return int(REPLICATES * (2**power + 2**power // DEFENSIVE))


def _log_means(log_weight: Array) -> tuple[Array, Array]:
    """Return the logarithm of the mean weight and the relative variance of that mean, shape (subjects,) each."""
    parts = log_weight.reshape(len(log_weight), REPLICATES, -1)
    top = parts.max(axis=(1, 2))
    safe = np.where(np.isfinite(top), top, 0.0)
    means = np.exp(parts - safe[:, None, None]).mean(axis=2)  # subjects × replicates
    mean = means.mean(axis=1)
    with np.errstate(all="ignore"):
        relative = means.var(axis=1, ddof=1) / REPLICATES / mean**2
        return safe + np.log(mean), np.where(np.isfinite(relative), relative, np.inf)
