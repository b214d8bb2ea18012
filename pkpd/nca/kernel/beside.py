"""The samples beside an interval set by hand, from which the values at its ends are made."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca.kernel.profiles import Profiles


def neighbours(profiles: Profiles, values: Array, kept: Flags, counted: Flags) -> tuple[Array, Flags]:
    """Return the last sample before and the first one after every profile, and whether a counted one follows.

    Parameters
    ----------
    profiles : Profiles
        The samples with their `place`.
    values : (samples,)
        As the rules have them.
    kept, counted : (samples,) of bool
        Samples that the rules keep; those that AUClast counts.

    Returns
    -------
    outside : (profiles, 4)
        See `Profiles`; where no sample has a place outside, what the profiles hold.
    goes_on : (profiles,) of bool
        Whether a counted sample lies after the interval.
    """
    goes_on = np.zeros(len(profiles), dtype=bool)
    if not profiles.place.any():
        return profiles.outside, goes_on
    outside, owner = profiles.outside.copy(), profiles.owner
    outside[~profiles.at_dose, :2] = np.nan  # a sample that the rules drop is no neighbour
    earlier = np.flatnonzero(kept & (profiles.place < 0))
    later = np.flatnonzero(kept & (profiles.place > 0))[::-1]
    # The last assignment to a profile stays: the sample that is nearest to the interval.
    outside[owner[earlier], 0], outside[owner[earlier], 1] = profiles.times[earlier], values[earlier]
    outside[owner[later], 2], outside[owner[later], 3] = profiles.times[later], values[later]
    goes_on[owner[counted & (profiles.place > 0)]] = True
    return outside, goes_on
