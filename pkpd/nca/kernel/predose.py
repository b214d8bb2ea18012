"""The concentration that was there before a dose."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca.kernel.interval_end import usable
from pkpd.nca.kernel.profiles import BOLUS, NO_ROUTE, Profiles
from pkpd.nca.rules import Rules


def asked_of(profiles: Profiles, rules: Rules) -> Flags:
    """Return of which profiles the rules ask what was there before the dose, (profiles,)."""
    dosed: Flags = profiles.at_dose & (profiles.route != NO_ROUTE)
    return dosed if rules.predose_of == "every dose" else dosed & profiles.first


def predose_value(profiles: Profiles) -> Array:
    """Return the last concentration before the dose, (profiles,); BLQ is zero, NaN where nothing was sampled.

    A sample at the time of the dose was drawn before it, but after a bolus only if it is known to be.
    """
    owner = profiles.owner
    bolus = (profiles.route == BOLUS)[owner]
    with np.errstate(invalid="ignore"):
        early = (profiles.times < 0) | ((profiles.times == 0) & (profiles.before | ~bolus))
    rows = np.flatnonzero(usable(profiles) & early)
    found = np.where(profiles.outside[:, 0] < 0, profiles.outside[:, 1], np.nan)
    found[owner[rows]] = np.where(profiles.blq, 0.0, profiles.values)[rows]  # the last one of a profile stays
    return found
