"""What belongs to the dosing interval: nothing after its end, whatever is sampled later.

Where an interval has a sample at its end, its parameters rest on the samples up to that one. Where it has none, they
also rest on the first sample after the end, to which the curve is drawn, and on no other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca.kernel.profiles import Profiles

SAME = 1e-9  # relative difference of two times that are the same

OF_INTERVAL = ("auc_tau", "aumc_tau", "auc_tau_extrapolated", "ctau", "ctrough", "cmin", "tmin", "c0", "cstart")
"""Parameters of the interval from which the others of the interval are made (Cavg, CLss, swing, …).

What stands at the dose is among them: where nothing in the interval is quantifiable, nothing is put in there.
"""


def usable(profiles: Profiles) -> Flags:
    """Return which samples have a finite time and a finite value ≥ 0, or are BLQ, (samples,)."""
    with np.errstate(invalid="ignore"):
        found: Flags = profiles.blq | (np.isfinite(profiles.values) & (profiles.values >= 0))
        return np.isfinite(profiles.times) & found


def last_time(profiles: Profiles, length: Array) -> Array:
    """Return until when samples belong to the interval, (profiles,): its end, or the first sample after it.

    Infinite where the interval has no end, or nothing is sampled after it.
    """
    owner, good = profiles.owner, usable(profiles)
    end = np.where(np.isfinite(length) & (length > 0), length, np.inf)
    late = end[owner]
    with np.errstate(invalid="ignore"):  # unusable times, and intervals without an end
        at_end = good & np.isfinite(late) & (np.abs(profiles.times - late) <= SAME * late)
    closed = np.bincount(owner[at_end], minlength=len(profiles)) > 0
    after = np.flatnonzero(good & (profiles.times > late))
    following = np.full(len(profiles), np.inf)
    following[owner[after[::-1]]] = profiles.times[after[::-1]]  # the last assignment stays: the first after the end
    return np.where(closed, end * (1 + SAME), following)


def cut_at_end(profiles: Profiles, length: Array) -> tuple[Integers, Profiles]:
    """Return which profiles have samples after their interval, and these without those samples.

    An interval set by hand has none: what lies outside of it has a place of its own (`Profiles.place`).

    Parameters
    ----------
    profiles : Profiles
        In time order.
    length : (profiles,)
        Length of every interval; NaN or infinite where it has no end.
    """
    none = np.zeros(0, dtype=np.intp)
    if not np.isfinite(length).any():
        return none, profiles.part(0, 0)
    limit, owner = last_time(profiles, length), profiles.owner
    with np.errstate(invalid="ignore"):
        behind = usable(profiles) & (profiles.times > limit[owner]) & (profiles.place == 0)
    which = np.flatnonzero(np.bincount(owner[behind], minlength=len(profiles)))
    if not len(which):
        return none, profiles.part(0, 0)
    return which, selected(profiles, which, ~behind)


def selected(profiles: Profiles, which: Integers, keep: Flags) -> Profiles:
    """Return some of the profiles with some of their samples.

    Parameters
    ----------
    profiles : Profiles
        All of them.
    which : (n,) of int
        Positions of the profiles wanted, in order.
    keep : (samples,) of bool
        Samples to keep.
    """
    owner = profiles.owner
    wanted = np.zeros(len(profiles), dtype=bool)
    wanted[which] = True
    take = keep & wanted[owner]
    counts = np.bincount(owner[take], minlength=len(profiles))[which]
    samples = {name: getattr(profiles, name)[take] for name in Profiles.OF_SAMPLES}
    own = {name: getattr(profiles, name)[which] for name in Profiles.OF_PROFILES}
    labels = {name: values[which] for name, values in profiles.labels.items()}
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
    return replace(profiles, **samples, **own, labels=labels, offsets=offsets)
