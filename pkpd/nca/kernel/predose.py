"""The concentration that was there before a dose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca.kernel.interval_end import usable
from pkpd.nca.kernel.profiles import BOLUS, NO_ROUTE, Profiles
from pkpd.nca.rules import Rules


def asked_of(profiles: Profiles, rules: Rules) -> Flags:
    """Return of which profiles the rules ask what was there before the dose, (profiles,)."""
    dosed: Flags = profiles.at_dose & (profiles.route != NO_ROUTE)
    return dosed if rules.predose_of == "every dose" else dosed & profiles.first


class Before(NamedTuple):
    """The last sample before the dose, (profiles,): its value (BLQ is zero) and time; NaN where there is none."""

    value: Array
    time: Array


def predose_sample(profiles: Profiles) -> Before:
    """Return the last sample before the dose of every profile.

    A sample at the time of the dose was drawn before it, but after a bolus only if it is known to be.
    """
    owner = profiles.owner
    bolus = (profiles.route == BOLUS)[owner]
    with np.errstate(invalid="ignore"):
        early = (profiles.times < 0) | ((profiles.times == 0) & (profiles.before | ~bolus))
    rows = np.flatnonzero(usable(profiles) & early)
    outside = profiles.outside[:, :2]
    with np.errstate(invalid="ignore"):
        time, value = np.where(outside[:, :1] < 0, outside, np.nan).T.copy()
    value[owner[rows]] = np.where(profiles.blq, 0.0, profiles.values)[rows]  # the last one of a profile stays
    time[owner[rows]] = profiles.times[rows]
    return Before(value, time)


def corrected(profiles: Profiles, rules: Rules, rate: Callable[[Profiles], Array]) -> tuple[Profiles, Flags]:
    """Return the profiles less what was there before the dose, and which ones something was taken off.

    Parameters
    ----------
    profiles : Profiles
        The samples as measured.
    rules : Rules
        See `Rules.predose_correction`.
    rate : callable
        Terminal rate constants of profiles, NaN where there is none; asked only for a correction by decay.
    """
    none = np.zeros(len(profiles), dtype=bool)
    if rules.predose_correction == "none":
        return profiles, none
    before = predose_sample(profiles)
    with np.errstate(invalid="ignore"):
        wanted = asked_of(profiles, rules) & (before.value > 0)
    fall = np.zeros(len(profiles))
    if rules.predose_correction == "decay" and wanted.any():
        fall = rate(profiles)
        wanted &= np.isfinite(fall)
    if not wanted.any():
        return profiles, none
    owner = profiles.owner
    with np.errstate(all="ignore"):
        baseline = before.value[owner] * np.exp(-fall[owner] * (profiles.times - before.time[owner]))
    off = wanted[owner] & ~profiles.blq & np.isfinite(profiles.values) & (profiles.times >= before.time[owner])
    values = np.where(off, np.maximum(profiles.values - baseline, 0.0), profiles.values)
    outside = profiles.outside.copy()
    outside[wanted, 1] = 0.0  # what was before the dose is taken off there as well
    return replace(profiles, values=values, outside=outside), wanted
