"""How much of the planned doses virtual patients got while they were treated."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.trial.virtual.plan import VirtualPlan
from pkpd.trial.virtual.treatment import DAY


def intensities(
    plan: VirtualPlan, given: Array, when: Array, levels: Integers, until: Array, good: Flags
) -> dict[str, Array]:
    """Dose intensities in % of the plan up to the last day of treatment, and whether doses were reduced."""
    count = len(given)
    due = (when.ravel() / DAY + 1)[None, :] <= until[:, None]
    flat = given.reshape(count, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        drug = 100 * (flat * due).sum(axis=1) / (flat[:, :1] * due).sum(axis=1)
    lower = ((flat > 0) & (flat < flat[:, :1]) & due).any(axis=1)
    found = {"intensity": np.where(good, drug, np.nan), "reduced": good & lower}
    if plan.partner is not None:
        per_day = np.append(plan.partner.reduction.per_day, 0.0)  # the last one is that of STOPPED
        within = 7.0 * np.arange(levels.shape[1])[None, :] < until[:, None]
        dosed = per_day[levels]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = 100 * (dosed * within).sum(axis=1) / (per_day[0] * within.sum(axis=1))
        found["partner_intensity"] = np.where(good, share, np.nan)
        found["partner_reduced"] = good & ((levels != 0) & within).any(axis=1)
    return found


def weeks_of(weekly: Integers, until: Array) -> Integers:
    """Weekly values up to a day, 0 afterwards, shape (patients, weeks)."""
    return np.where(7.0 * np.arange(weekly.shape[1])[None, :] < until[:, None], weekly, 0)


__all__ = ["intensities", "weeks_of"]
