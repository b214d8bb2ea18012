"""Which numbers of a result meet the limits of acceptance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr


def doubts(result: xr.Dataset, name: str) -> npt.NDArray[Any]:
    """Return the limits that speak against one number of every profile, in words, (profiles,).

    "" where none does, and throughout for a result without limits or a name that is no parameter.

    Parameters
    ----------
    result : Dataset
        What `pkpd.nca.nca` returned.
    name : str
        Name of a parameter.
    """
    if "doubt" in result and result["doubt"].dims == ("profile",):  # it concerns every number of a profile
        every: npt.NDArray[Any] = result["doubt"].to_numpy().astype(object)
        return every
    if "doubt" not in result or name not in result["parameter"].to_numpy():
        return np.full(result.sizes["profile"], "", dtype=object)
    found: npt.NDArray[Any] = result["doubt"].sel(parameter=name).to_numpy().astype(object)
    return found
