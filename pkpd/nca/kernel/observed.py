"""Parameters that are read off the samples, and C0 and Tlag."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca import reasons
from pkpd.nca.kernel.analysis import BlockAnalysis
from pkpd.nca.kernel.columns import Column, first, unless
from pkpd.nca.kernel.interval_end import SAME
from pkpd.nca.kernel.prepare import Codes
from pkpd.nca.kernel.profiles import ORAL


def cmax(of: BlockAnalysis) -> Column:
    """Return the largest quantifiable concentration, as observed; zero where all are."""
    return of.block.value_in(of.block.top), of.measured


def tmax(of: BlockAnalysis) -> Column:
    """Return its time, as observed."""
    return of.block.time_in(of.block.top), of.seen


def clast(of: BlockAnalysis) -> Column:
    """Return the last quantifiable concentration, as observed."""
    return of.block.value_in(of.block.last), of.seen


def tlast(of: BlockAnalysis) -> Column:
    """Return its time, as observed."""
    return of.block.time_in(of.block.last), of.seen


def tfirst(of: BlockAnalysis) -> Column:
    """Return the time of the first quantifiable concentration, as observed."""
    return of.block.time_in(np.argmax(of.block.quantified, axis=0)), of.seen


def cmin(of: BlockAnalysis) -> Column:
    """Return the smallest concentration up to the end of the interval, as observed."""
    lowest = of.once(_lowest)
    return lowest.value, lowest.code


def tmin(of: BlockAnalysis) -> Column:
    """Return its time, as observed."""
    lowest = of.once(_lowest)
    return lowest.time, lowest.code


def cstart(of: BlockAnalysis) -> Column:
    """Return the concentration at the beginning of the interval, as observed."""
    start, members = of.block.ready.start, of.block.members
    begins = start.observed[members]
    if of.block.rules.time_zero_counts:
        begins = begins | ((of.start_code == reasons.COMPUTED) & ~start.extrapolated[members])
    return start.value[members], unless(begins, reasons.NO_START_SAMPLE)


def ceoi(of: BlockAnalysis) -> Column:
    """Return the concentration at the end of the infusion, as observed."""
    value, code = _at(of, of.block.scaled_time(of.block.infusion_end), reasons.NO_INFUSION_END)
    return value, first(of.infused, code)


def ctrough(of: BlockAnalysis) -> Column:
    """Return the concentration at the end of the interval, as observed."""
    value, code = _at(of, of.block.tau, reasons.NO_END_SAMPLE)
    return value, first(of.ends, code)


def c0(of: BlockAnalysis) -> Column:
    """Return the concentration at the time of a bolus."""
    value = np.ldexp(of.block.ready.start.value[of.block.members], -of.block.scale)
    return value, np.where(of.block.bolus, of.start_code, reasons.BOLUS_ONLY).astype(np.int8)


def tlag(of: BlockAnalysis) -> Column:
    """Return the time of the last sample before the first quantifiable one."""
    oral = unless((of.block.route == ORAL) | (of.block.rules.tlag == "any route"), reasons.EXTRAVASCULAR_ONLY)
    return of.block.scaled_time(of.block.ready.tlag[of.block.members]), first(of.seen, oral)


def highest(of: BlockAnalysis) -> Column:
    """Return the largest quantifiable value up to the end of the interval, scaled; zero where all are."""
    block = of.block
    inside = block.quantified | (block.c == 0)
    inside &= (block.t <= block.tau * (1 + SAME)) | np.isnan(block.tau)
    some: Flags = np.asarray(inside.any(axis=0))
    return np.where(inside, block.c, 0.0).max(axis=0), unless(some, reasons.NO_QUANTIFIABLE)


class _Lowest(NamedTuple):
    """The smallest value up to the end of the interval, its time, and why there is none, (n,) each."""

    value: Array
    time: Array
    code: Codes


def _lowest(of: BlockAnalysis) -> _Lowest:
    block, start = of.block, of.block.ready.start
    inside = (block.t <= block.tau * (1 + SAME)) | np.isnan(block.tau)
    code = unless(np.asarray(inside.any(axis=0)), reasons.NO_SAMPLES)
    row = np.argmin(np.where(inside, block.c, np.inf), axis=0)
    low, when = block.value_in(row), block.time_in(row)
    if not block.rules.time_zero_counts:
        return _Lowest(low, when, code)
    given = start.value[block.members]
    plain = ~np.isnan(given) & ~start.extrapolated[block.members] & (~(given > low) | (code != reasons.COMPUTED))
    code = np.where(plain, reasons.COMPUTED, code).astype(np.int8)
    return _Lowest(np.where(plain, given, low), np.where(plain, 0.0, when), code)


def _at(of: BlockAnalysis, when: Array, missing: int) -> Column:
    """The value observed at one time per profile, (n,), and a reason where there is no sample then."""
    match = np.abs(of.block.t - when) <= SAME * np.abs(when)
    there: Flags = np.asarray(match.any(axis=0))
    return of.block.value_in(np.argmax(match, axis=0)), unless(there, missing)
