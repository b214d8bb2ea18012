"""Replicates that differ by the uncertainty of the estimates: a population of its own for each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.errors import InputError
from pkpd.loops import mapped
from pkpd.population import Population, Source

if TYPE_CHECKING:
    import xarray

_DRAWS = 0x5EED  # keeps the stream of the estimates apart from those of subjects and errors


def uncertain_replicates(
    source: Any,
    replicates: int,
    seed: int,
    simulated: Callable[[tuple[Population, int]], xarray.Dataset],
    executor: Executor | None = None,
    progress: bool = False,
) -> xarray.Dataset:
    """Return replicates, each simulated from a population of its own that is drawn by the uncertainty of the estimates.

    Parameters
    ----------
    source : Source
        A fit.
    replicates : int
        How many.
    seed : int
        Of the estimates, and of one stream for each replicate.
    simulated : callable
        One replicate of a pair: a population and a seed.
    executor : Executor, optional
        Who computes replicates.
    progress : bool
        Whether a bar counts them.

    Returns
    -------
    xarray.Dataset
        As `simulate` returns it, and ``typical`` (replicate, parameter): the typical values of each replicate.

    Raises
    ------
    InputError
        If the source has no uncertainty.
    """
    import xarray

    if isinstance(source, Population) or not isinstance(source, Source):
        kind = type(source).__name__
        raise InputError(f"a {kind} has no uncertainty; expected a fit with uncertain=True", "simulate")
    drawn = source.draws(replicates, np.random.default_rng([_DRAWS, seed]))
    seeds = np.random.SeedSequence([_DRAWS, seed, 1]).generate_state(replicates, np.uint32).tolist()
    parts = mapped(
        simulated, list(zip(drawn, seeds, strict=True)), [f"replicate {k}" for k in range(1, replicates + 1)],
        executor=executor, progress=progress, desc="simulation", unit="replicate",
    )  # fmt: skip
    parts = [part.assign_coords(replicate=[k]) for k, part in enumerate(parts, 1)]
    whole = xarray.concat(
        parts, "replicate", data_vars="minimal", coords="minimal", compat="override", join="exact",
        combine_attrs="override",
    )  # fmt: skip
    names = list(drawn[0].parameters.names)
    typical = ("replicate", "parameter"), np.array([p.parameters.values for p in drawn])
    found: xarray.Dataset = whole.assign_coords(parameter=names).assign(typical=typical)
    return found.assign_attrs(seed=seed, uncertainty="every replicate has estimates of its own")
