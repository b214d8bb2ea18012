"""Conditional distributions of the random effects, given the data: means, SDs and samples beside the modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.mixed.marginal.draws import weighted_draws
from pkpd.fit.mixed.marginal.integral import frame_of
from pkpd.fit.mixed.marginal.pareto import pareto_shape
from pkpd.fit.mixed.modes.modes import conditional_modes
from pkpd.fit.mixed.result.estimate import Estimate
from pkpd.fit.mixed.result.individuals import plain_names

if TYPE_CHECKING:
    import xarray

_REPLICATES = 8


def conditional_distributions(estimate: Estimate, samples: int = 0, draws: int = 1000, seed: int = 1) -> xarray.Dataset:
    """Return means, SDs and samples of p(η | data, estimates), by importance sampling at the modes.

    Parameters
    ----------
    estimate : Estimate
        Where a search ended.
    samples : int
        How many samples of every subject are drawn, with replacement, from the weighted draws.
    draws : int
        Draws a subject.
    seed : int
        The same seed gives the same numbers.

    Returns
    -------
    xarray.Dataset
        ``mode``, ``mean``, ``sd`` (subject, random_effect), ``samples`` (sample, subject, random_effect) if asked for,
        ``effective`` sample size and ``pareto`` k̂ (subject); from 0.7 on the draws do not represent the subject.
    """
    import xarray

    if samples < 0 or draws < _REPLICATES:
        raise InputError(f"samples is {samples} and draws is {draws}; expected samples ≥ 0 and draws ≥ {_REPLICATES}")
    problem, point = estimate.problem, estimate.point
    modes = estimate.marginal.modes
    if modes.frozen is not None:  # those of FOCE are of another likelihood
        modes = conditional_modes(problem, point)
    frame = frame_of(problem, point, modes)
    power = max(int(np.ceil(np.log2(draws / _REPLICATES))), 3)
    drawn = weighted_draws(problem, point, frame, power, _REPLICATES, seed)
    mean = drawn.mean
    with np.errstate(all="ignore"):
        sd = np.sqrt(np.maximum(np.einsum("iaa->ia", drawn.square) - mean**2, 0.0))
        effective = 1.0 / (drawn.share**2).sum(axis=1)
    names = {"subject": plain_names(problem.data.subjects), "random_effect": list(problem.effects)}
    two = ("subject", "random_effect")
    variables: dict[str, object] = {
        "mode": (two, modes.eta, {"long_name": "conditional modes"}),
        "mean": (two, mean, {"long_name": "conditional means"}), "sd": (two, sd, {"long_name": "conditional SDs"}),
        "effective": ("subject", effective, {"long_name": "effective sample size"}),
        "pareto": ("subject", pareto_shape(drawn.log_weight), {"long_name": "Pareto shape of the weights"}),
    }  # fmt: skip
    if samples:
        variables["samples"] = (("sample", *two), _resampled(drawn.eta, drawn.share, samples, seed))
    return xarray.Dataset(variables, names, attrs={"method": "importance sampling", "seed": seed})


def _resampled(eta: Array, share: Array, samples: int, seed: int) -> Array:
    """Draw from weighted draws, systematically, in an order of chance; shape (samples, subjects, effects)."""
    rng = np.random.default_rng(seed)
    count = len(eta)
    found = np.full((samples, count, eta.shape[2]), np.nan)
    for i in range(count):
        if not share[i].any():
            continue
        steps = (np.arange(samples) + rng.uniform()) / samples
        places = np.minimum(np.searchsorted(np.cumsum(share[i]), steps), eta.shape[1] - 1)
        found[:, i] = eta[i, rng.permutation(places)]
    return found
