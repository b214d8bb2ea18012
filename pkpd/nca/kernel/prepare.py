"""Applying the rules to the samples: which take part, with what value, and from what value they start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca.kernel.beside import neighbours
from pkpd.nca.kernel.blq import ended, replaced
from pkpd.nca.kernel.interval_end import cut_at_end
from pkpd.nca.kernel.interval_end import usable as usable_samples
from pkpd.nca.kernel.profiles import BOLUS, Profiles
from pkpd.nca.kernel.time_zero import Start, time_zero
from pkpd.nca.rules import Rules

Codes = npt.NDArray[np.int8]
FATES = ("", "outside the interval", "before the dose", "BLQ, dropped", "after the end of the profile", "not usable")
"""Why a sample takes no part; "": it does."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """The samples that take part, flat, and one value at time zero per profile.

    Attributes
    ----------
    times, values : (used samples,)
        Time, and value as the rules have it.
    quantified, imputed : (used samples,) of bool
        Whether it was quantified; whether the value was put in place of a BLQ sample.
    chosen : (used samples,) of int
        The user's choice for the terminal regression, see `Profiles`.
    alq, doses_before, on_dose : (used samples,)
        As in `Profiles`.
    offsets : (profiles + 1,)
        Where each profile begins.
    start : Start
        Value at the time of the dose.
    outside : (profiles, 4)
        Time and value of the samples next to the ends, see `Profiles`; as the rules have them.
    goes_on : (profiles,) of bool
        Whether a sample that counts follows after an interval set by hand.
    tlag : (profiles,)
        Time of the last sample before the first quantifiable one, zero if there is none; a BLQ sample that the
        rules drop is a sample as well.
    late : (samples,) of bool
        Samples as given that lie after the end of their profile.
    fate : (samples,) of int
        Index into `FATES`: why a sample as given takes no part.
    n_samples, n_blq, n_measured, n_alq, n_unusable, n_after_end : (profiles,)
        Counts of the samples given: usable; BLQ and within the limits of these; above the upper limit, usable or not;
        unusable; and set aside after the end of the profile.
    """

    times: Array
    values: Array
    quantified: Flags
    imputed: Flags
    chosen: npt.NDArray[np.int8]
    alq: Flags
    doses_before: Integers
    on_dose: Flags
    offsets: Integers
    start: Start
    outside: Array
    goes_on: Flags
    tlag: Array
    late: Flags
    fate: Codes
    n_samples: Integers
    n_blq: Integers
    n_measured: Integers
    n_alq: Integers
    n_unusable: Integers
    n_after_end: Integers

    @property
    def counts(self) -> Integers:
        """Number of samples of every profile that take part."""
        return np.diff(self.offsets)

    def starting_as(self, which: Integers, start: Start) -> Prepared:
        """Return the same samples with the values at time zero of some profiles replaced."""
        return replace(self, start=self.start.but(which, start))

    @classmethod
    def joined(cls, parts: Sequence[Prepared]) -> Prepared:
        """Return several sets of profiles as one, in their order."""
        if len(parts) == 1:
            return parts[0]
        whole: dict[str, Any] = {
            f.name: np.concatenate([getattr(part, f.name) for part in parts])
            for f in fields(cls)
            if f.name not in ("offsets", "start")
        }
        sizes = np.concatenate([[0], *(part.counts for part in parts)])
        start = Start(*(np.concatenate(columns) for columns in zip(*(part.start for part in parts), strict=True)))
        return cls(**whole, offsets=np.cumsum(sizes).astype(np.intp), start=start)


def apply_rules(profiles: Profiles, rules: Rules) -> Prepared:
    """Return the samples that take part in the analysis, and the values from which the profiles start.

    What a profile starts from is found without the samples after its dosing interval (see `interval_end`).

    Parameters
    ----------
    profiles : Profiles
        The samples.
    rules : Rules
        The choices; see there.
    """
    ready = _applied(profiles, rules)
    which, cut = cut_at_end(profiles, profiles.cycle)
    return ready.starting_as(which, _applied(cut, rules).start) if len(which) else ready


def _applied(profiles: Profiles, rules: Rules) -> Prepared:
    """The samples that take part.

    Samples without a finite time and a finite value ≥ 0 are set aside and counted; samples before the dose do
    not take part, nor does one at time zero of a bolus that was drawn before it, is zero or is BLQ. A BLQ sample
    lies before, between or after the quantifiable samples of its dose, also where an interval set by hand holds only
    some of them: the same area is the same number, asked for as a window or as an interval.
    """
    owner, n = profiles.owner, len(profiles)
    bolus = ((profiles.route == BOLUS) & profiles.at_dose)[owner]
    with np.errstate(invalid="ignore"):
        zero = profiles.values == 0
        blq = profiles.blq | (zero & rules.zero_is_blq)
        usable = usable_samples(profiles)
        early = (profiles.times < 0) | (bolus & (profiles.before | ((profiles.times == 0) & (blq | zero))))
    inside = profiles.place == 0
    live = usable & ~(early & inside)
    quantified = live & ~blq & (profiles.values > 0)
    late = ended(quantified, live, owner, rules.blq_run)
    live, quantified = live & ~late, quantified & ~late
    found = replaced(profiles, rules, blq, quantified, owner)
    kept = found.keep & live
    counts_too = rules.blq_imputed == "areas and lambda_z"
    counted = kept & (quantified | (found.imputed & (found.values > 0) & counts_too))
    counted &= (np.bincount(owner[quantified], minlength=n) > 0)[owner]  # where nothing is quantifiable nothing counts
    outside, goes_on = neighbours(profiles, found.values, kept, counted)
    keep = kept & inside
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner[keep], minlength=n))]).astype(np.intp)
    times, values, chosen = profiles.times[keep], found.values[keep], profiles.chosen[keep]

    def count(which: Flags) -> Integers:
        return np.bincount(owner[which & inside], minlength=n)

    start = time_zero(times, values, chosen, offsets, replace(profiles, outside=outside), rules)
    beside = np.bincount(owner[kept & ~inside], minlength=n) > 0
    if beside.any():  # C0 belongs to the dose: its first two samples, or the smallest, may lie outside the interval
        of_dose = replace(profiles, cycle=np.where(beside, np.nan, profiles.cycle))
        ends = np.concatenate([[0], np.cumsum(np.bincount(owner[kept], minlength=n))]).astype(np.intp)
        whole = time_zero(profiles.times[kept], found.values[kept], profiles.chosen[kept], ends, of_dose, rules)
        start = start.replaced(whole, (profiles.route == BOLUS) & profiles.at_dose)
    return Prepared(
        times, values, quantified[keep], found.imputed[keep], chosen, profiles.alq[keep],
        profiles.doses_before[keep], profiles.on_dose[keep], offsets, start, outside, goes_on,
        _tlag(profiles.times, live & inside, quantified & inside, owner, n), late & inside,
        np.select([~inside, ~usable, early, late, ~found.keep], [1, 5, 2, 4, 3], 0).astype(np.int8),
        count(usable), count(usable & blq), count(usable & ~blq & ~profiles.alq), count(profiles.alq),
        count(~usable), count(usable & late),
    )  # fmt: skip


def _tlag(times: Array, live: Flags, quantified: Flags, owner: Integers, n: int) -> Array:
    """Time of the last sample before the first quantifiable one of every profile; 0 where there is none."""
    index = np.flatnonzero(live)
    hit = np.flatnonzero(quantified[index])[::-1]
    first = np.full(n, -1, dtype=np.intp)
    first[owner[index[hit]]] = hit  # the last assignment to a profile stays: its first quantifiable sample
    before = np.maximum(first - 1, 0)
    found = np.zeros(n)
    if len(index):
        there = (first > 0) & (owner[index[before]] == np.arange(n))
        found[there] = times[index[before[there]]]
    return found
