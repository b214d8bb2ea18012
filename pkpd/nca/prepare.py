"""Applying the rules to the samples: what a BLQ value counts as, and the value at time zero (floor 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd.nca import reasons
from pkpd.nca.profiles import BOLUS, NO_ROUTE, Bools, Floats, Ints, Profiles
from pkpd.nca.rules import Rules

Codes = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Prepared:
    """The samples that take part, flat, and one value at time zero per profile.

    Attributes
    ----------
    times, values, quantified : (used samples,)
        Time, value as the rules have it, and whether it was quantified.
    offsets : (profiles + 1,)
        Where each profile begins.
    start, start_code : (profiles,)
        Value at the time of the dose (C0 for a bolus), or the reason why there is none.
    extrapolated : (profiles,) of bool
        Whether a bolus has no sample at the time of the dose, so that the first segment is back-extrapolated.
    n_samples, n_blq, n_unusable : (profiles,)
        Counts of the samples given.
    """

    times: Floats
    values: Floats
    quantified: Bools
    offsets: Ints
    start: Floats
    start_code: Codes
    extrapolated: Bools
    n_samples: Ints
    n_blq: Ints
    n_unusable: Ints

    @property
    def counts(self) -> Ints:
        """Number of samples of every profile that take part."""
        return np.diff(self.offsets)


def prepare(profiles: Profiles, rules: Rules) -> Prepared:
    """Return the samples that take part in the analysis.

    Samples without a finite time and a finite value ≥ 0 are set aside and counted; samples before the dose do
    not take part, nor does one at time zero of a bolus that was drawn before it, is zero or is BLQ.

    Parameters
    ----------
    profiles : Profiles
        The samples.
    rules : Rules
        The choices; see there.
    """
    owner, n = profiles.owner, len(profiles)
    bolus = (profiles.route == BOLUS)[owner]
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(profiles.times)
        usable &= profiles.blq | (np.isfinite(profiles.values) & (profiles.values >= 0))
        empty = profiles.blq | (profiles.values == 0)
        early = (profiles.times < 0) | (bolus & (profiles.before | ((profiles.times == 0) & empty)))
    live = usable & ~early
    quantified = live & ~profiles.blq & (profiles.values > 0)
    keep, value = _blq(profiles, rules, quantified, owner)
    keep &= live
    sizes = np.bincount(owner[keep], minlength=n)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
    times, values, quantified = profiles.times[keep], value[keep], quantified[keep]
    start, code, extrapolated = _time_zero(times, values, offsets, profiles, rules)
    return Prepared(
        times, values, quantified, offsets, start, code, extrapolated,
        np.bincount(owner[usable], minlength=n), np.bincount(owner[usable & profiles.blq], minlength=n),
        np.bincount(owner[~usable], minlength=n),
    )  # fmt: skip


def _blq(profiles: Profiles, rules: Rules, quantified: Bools, owner: Ints) -> tuple[Bools, Floats]:
    """Which samples stay, and their values with the BLQ ones replaced."""
    index = np.flatnonzero(quantified)
    first = np.full(len(profiles), len(owner), dtype=np.intp)
    last = np.full(len(profiles), -1, dtype=np.intp)
    last[owner[index]] = index  # the last assignment to a profile stays
    first[owner[index[::-1]]] = index[::-1]
    here = np.arange(len(owner))
    before, after = here < first[owner], here > last[owner]
    zero, half, drop = 0, 1, 2
    number = {"zero": zero, "lloq/2": half, "drop": drop}
    action = np.full(len(owner), number[rules.blq_between], dtype=np.int8)
    action[after] = number[rules.blq_after]
    if rules.blq_before == "by route":
        action[before] = np.where(profiles.route == BOLUS, drop, zero)[owner[before]]
    else:
        action[before] = number[rules.blq_before]
    halved = action == half
    keep = ~profiles.blq | ((action != drop) & ~(halved & np.isnan(profiles.lloq)))
    return keep, np.where(profiles.blq, np.where(halved, profiles.lloq / 2, 0.0), profiles.values)


def _time_zero(
    times: Floats, values: Floats, offsets: Ints, profiles: Profiles, rules: Rules
) -> tuple[Floats, Codes, Bools]:
    """Value at the time of the dose, the reason where there is none, and whether it is a back-extrapolated C0."""
    n = len(profiles)
    start = np.full(n, np.nan)
    code = np.full(n, reasons.NO_QUANTIFIABLE, dtype=np.int8)
    extrapolated = np.zeros(n, dtype=bool)
    some = np.flatnonzero(np.diff(offsets) > 0)
    if not len(some):
        return start, code, extrapolated
    head = offsets[some]
    at_zero = times[head] == 0
    route, first = profiles.route[some], profiles.first[some]
    found = np.where(at_zero, values[head], np.nan)
    why = np.where(at_zero, reasons.COMPUTED, reasons.NO_TIME_ZERO).astype(np.int8)
    bolus = (route == BOLUS) & ~at_zero
    known = (route != NO_ROUTE) & (route != BOLUS) & ~at_zero & (rules.time_zero == "by route")
    lowest = np.minimum.reduceat(values, head)
    found = np.where(known, np.where(first, 0.0, lowest), found)
    why[known] = reasons.COMPUTED
    c0, c0_code = _c0(times, values, head, offsets[some + 1], rules)
    start[some] = np.where(bolus, c0, found)
    code[some] = np.where(bolus, c0_code, why)
    extrapolated[some] = bolus
    return start, code, extrapolated


def _c0(times: Floats, values: Floats, head: Ints, end: Ints, rules: Rules) -> tuple[Floats, Codes]:
    """C0 = c1·(c1/c2)^(t1/(t2 − t1)), or c1 where the first two samples do not fall; needs two samples."""
    two = end - head >= 2
    following = np.where(two, head + 1, head)
    t1, c1, t2, c2 = times[head], values[head], times[following], values[following]
    falls = (t2 > t1) & (c2 > 0) & (c2 < c1) & (rules.c0 == "log back-extrapolation")
    with np.errstate(all="ignore"):
        line = c1 * np.exp((np.log(c1) - np.log(c2)) * (t1 / (t2 - t1)))
    code = np.where(two, reasons.COMPUTED, reasons.NO_C0).astype(np.int8)
    code[two & falls & ~np.isfinite(line)] = reasons.OUT_OF_RANGE
    return np.where(code == reasons.COMPUTED, np.where(falls, line, c1), np.nan), code
