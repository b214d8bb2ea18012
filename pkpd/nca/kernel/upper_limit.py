"""Samples above the upper limit of quantification: known to be at least their limit, and no more than that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd.errors import warn
from pkpd.nca.kernel.profiles import Profiles
from pkpd.nca.rules import Rules

_NAMED = 5


def at_their_limit(profiles: Profiles, rules: Rules) -> Profiles:
    """Return the profiles with the limit in place of samples above it that have no value, if the rules say so.

    Cmax and areas are lower bounds then. Such a sample is no point of the terminal regression and none of the line to
    C0, unless the user chose it. A sample whose limit is not known stays without a value.

    Parameters
    ----------
    profiles : Profiles
        The samples.
    rules : Rules
        See `Rules.alq`.
    """
    if rules.alq == "drop" or not profiles.alq.any():
        return profiles
    put = profiles.alq & np.isnan(profiles.values) & np.isfinite(profiles.uloq)
    values = np.where(put, profiles.uloq, profiles.values)
    chosen = np.where(put & (profiles.chosen == 0), -1, profiles.chosen).astype(np.int8)
    return replace(profiles, values=values, chosen=chosen)


def warn_above_limit(profiles: Profiles) -> None:
    """Warn of samples above the upper limit of quantification, with their count and the subjects."""
    above = profiles.alq & (profiles.place == 0)
    if not above.any():
        return
    owners = np.unique(profiles.owner[above])
    people = list(dict.fromkeys(str(name) for name in profiles.labels["subject"][owners]))
    shown = ", ".join(people[:_NAMED]) + (f" and {len(people) - _NAMED} more" if len(people) > _NAMED else "")
    unknown = int((above & ~np.isfinite(profiles.values)).sum())
    words = "the limit stands for those without a value"
    if unknown:
        words = f"{unknown} of them have no value and take no part"
    warn(
        f"{int(above.sum())} samples of {len(people)} subjects ({shown}) are above the upper limit of "
        f"quantification: {words}, so Cmax and areas of {len(owners)} profiles are lower bounds (see flags)"
    )
