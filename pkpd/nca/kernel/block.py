"""A block of profiles, padded and scaled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Flags, Integers
from pkpd.decimals import total
from pkpd.nca.kernel.prepare import Prepared
from pkpd.nca.kernel.profiles import BOLUS, Profiles
from pkpd.nca.rules import Rules


@dataclass(frozen=True, eq=False)
class ProfileBlock:
    """Some profiles, padded by repeating their last sample (which adds segments of no area).

    Attributes
    ----------
    members : (n,) of int
        Which profiles.
    t, c : (m, n)
        Times and values, scaled by ``2**-time_scale`` and ``2**-scale``.
    log_c : (m, n)
        Logarithms of the positive values, not scaled.
    quantified : (m, n) of bool
        Real samples that were quantified.
    counted : (m, n) of bool
        These, and imputed ones if the rules let them take part in AUClast and the terminal regression.
    ready, profiles, rules : Prepared, Profiles, Rules
        All samples as the rules have them, what they were made from, and the rules.
    index : (m, n) of int
        Place of every sample in `ready`.
    time_scale, scale : (n,) of int
        Powers of two by which times and values were divided.
    last, top, area_last : (n,) of int
        Rows of the last quantifiable sample, of Cmax, and of the end of AUClast. Without a quantifiable sample: the
        last row, the first one and the last one.
    """

    members: Integers
    ready: Prepared
    profiles: Profiles
    rules: Rules
    index: Integers
    t: Array
    c: Array
    log_c: Array
    quantified: Flags
    counted: Flags
    time_scale: npt.NDArray[np.int32]
    scale: npt.NDArray[np.int32]
    last: Integers
    top: Integers
    area_last: Integers

    @classmethod
    def of(cls, ready: Prepared, profiles: Profiles, rules: Rules, members: Integers) -> ProfileBlock:
        """Gather some profiles that each have a sample that takes part."""
        sizes = ready.counts[members]
        height = int(sizes.max())
        rank = np.minimum(np.arange(height)[:, None], sizes - 1)
        index = ready.offsets[members] + rank
        real = np.arange(height)[:, None] < sizes
        t, value = ready.times[index], ready.values[index]
        quantified = ready.quantified[index] & real
        last = _last_row(quantified)
        level = np.where(quantified, value, -1.0)
        top = np.argmax(level, axis=0) if rules.tmax == "first" else height - 1 - np.argmax(level[::-1], axis=0)
        scale = np.frexp(value[top, np.arange(len(members))])[1]
        time_scale = np.frexp(t[-1])[1]
        log_c = np.log(np.where(value > 0, value, 1.0))
        counted = quantified
        if rules.blq_imputed == "areas and lambda_z":
            counted = quantified | (ready.imputed[index] & real & (value > 0))
        return cls(
            members, ready, profiles, rules, index, np.ldexp(t, -time_scale), np.ldexp(value, -scale), log_c,
            quantified, counted, time_scale, scale, last, top, _last_row(counted),
        )  # fmt: skip

    @cached_property
    def unseen(self) -> Flags:
        """Profiles without a quantifiable sample, (n,); rows at their ends say nothing of them."""
        return np.asarray(~self.quantified.any(axis=0))

    @cached_property
    def all_zero(self) -> Flags:
        """Profiles in which every value that takes part is zero, (n,)."""
        return np.asarray(~(self.c > 0).any(axis=0))

    def scaled_time(self, value: Array) -> Array:
        """Return times, (n,), on the scale of the block."""
        return np.ldexp(value, -self.time_scale)

    @cached_property
    def tau(self) -> Array:
        """Length of the dosing interval, scaled; an interval that is not positive is none."""
        tau = self.scaled_time(self.profiles.tau[self.members])
        return np.where(tau > 0, tau, np.nan)

    @cached_property
    def route(self) -> npt.NDArray[np.int8]:
        """Route of every profile's dose."""
        return self.profiles.route[self.members]

    @cached_property
    def bolus(self) -> Flags:
        """Profiles that begin with a bolus."""
        begins: Flags = (self.route == BOLUS) & self.profiles.at_dose[self.members]
        return begins

    @cached_property
    def infusion_end(self) -> Array:
        """Time at which the infusion (or nothing, after other routes: the dose) ends, not scaled, (n,)."""
        return total(self.profiles.delay[self.members], 1, self.profiles.duration[self.members])

    @property
    def columns(self) -> Integers:
        """Numbers of the profiles in the block, (n,): an index beside rows."""
        return np.arange(len(self.members))

    def value_in(self, row: Integers) -> Array:
        """Return the value in one row per profile as it was observed, (n,)."""
        values: Array = self.ready.values[self.index[row, self.columns]]
        return values

    def time_in(self, row: Integers) -> Array:
        """Return the time of one row per profile as it was observed, (n,)."""
        times: Array = self.ready.times[self.index[row, self.columns]]
        return times


def _last_row(which: Flags) -> Integers:
    """Last row in which each column is true."""
    rows: Integers = len(which) - 1 - np.argmax(which[::-1], axis=0)
    return rows
