"""The value from which a profile starts: C0 of a bolus, or what stands at time zero."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca import reasons
from pkpd.nca.kernel.interval_end import SAME
from pkpd.nca.kernel.profiles import BOLUS, NO_ROUTE, Profiles
from pkpd.nca.rules import Rules

_SHIFT = 0.05  # a predose sample may be moved by this part of the interval (PKNCA, vignette on imputation)


class Start(NamedTuple):
    """The value at the time of the dose, (profiles,); NaN where `code` is not 0.

    `observed`: a sample stands at time zero. `extrapolated`: the value is a C0 that was not observed. `entry`: the
    value from which areas over an interval start; where an interval set by hand begins between two samples it is
    interpolated, whatever the rules put in for `value`.
    """

    value: Array
    code: npt.NDArray[np.int8]
    observed: Flags
    extrapolated: Flags
    entry: Array

    def of(self, which: Integers) -> Start:
        """Return those of some profiles."""
        columns: Any = [column[which] for column in self]
        return Start(*columns)

    def but(self, which: Integers, other: Start) -> Start:
        """Return the same values with those of some profiles replaced."""
        columns: Any = [column.copy() for column in self]
        for column, new in zip(columns, other, strict=True):
            column[which] = new
        return Start(*columns)

    def replaced(self, other: Start, where: Flags) -> Start:
        """Return the same values with those of another set in some profiles."""
        which = np.flatnonzero(where)
        return self.but(which, other.of(which))


def time_zero(
    times: Array, values: Array, chosen: npt.NDArray[np.int8], offsets: Integers, profiles: Profiles, rules: Rules
) -> Start:
    """Return the value at the time of the dose by the rules `c0` and `time_zero`.

    Parameters
    ----------
    times, values, chosen : (used samples,)
        Samples that take part.
    offsets : (profiles + 1,)
        Where each profile begins.
    profiles : Profiles
        Routes, intervals and samples before the dose.
    rules : Rules
        The choices.
    """
    some = np.diff(offsets) > 0
    # A profile without a sample reads one that says nothing: zero after a first dose needs none.
    times, values, chosen = np.append(times, np.nan), np.append(values, np.nan), np.append(chosen, np.int8(0))
    head = np.where(some, offsets[:-1], len(times) - 1)
    end = np.where(some, offsets[1:], len(times))
    at_zero = times[head] == 0
    route = profiles.route
    lowest = _lowest(times[:-1], values[:-1], offsets, profiles.cycle)
    bolus = (route == BOLUS) & profiles.at_dose & ~at_zero
    crossing = _crossing(times[head], values[head], profiles.outside, rules.auc)
    crossing = np.where(profiles.at_dose, np.nan, crossing)
    value = np.where(at_zero, values[head], np.nan)
    code = np.where(at_zero, reasons.COMPUTED, reasons.NO_TIME_ZERO).astype(np.int8)
    c0, c0_code = _c0(times, values, chosen, head, end, lowest, rules.ways("c0"))
    value, code = np.where(bolus, c0, value), np.where(bolus, c0_code, code).astype(np.int8)
    other, known = _other(times[end - 1], (lowest, crossing), profiles, rules.ways("time_zero"))
    # Without a dose nothing is known of time zero, unless the interval was set by hand.
    open_ = ~at_zero & ~bolus & known & ((route != NO_ROUTE) | ~profiles.at_dose)
    value = np.where(open_, other, value)
    code = np.where(open_, reasons.COMPUTED, code).astype(np.int8)
    return Start(value, code, at_zero, bolus, np.where(np.isnan(crossing), value, crossing))


def _lowest(times: Array, values: Array, offsets: Integers, length: Array) -> Array:
    """Smallest value from the dose to the end of the dosing interval, (profiles,); NaN where none lies there."""
    counts = np.diff(offsets)
    end = np.repeat(np.where(np.isfinite(length) & (length > 0), length * (1 + SAME), np.inf), counts)
    inside = np.append(np.where(times <= end, values, np.inf), np.inf)  # the last one closes a profile without samples
    found = np.where(counts > 0, np.minimum.reduceat(inside, offsets[:-1]) if len(counts) else np.zeros(0), np.inf)
    return np.where(np.isfinite(found), found, np.nan)


def _crossing(t: Array, c: Array, outside: Array, rule: str) -> Array:
    """Value at time zero between the last sample before and the first one after, by the trapezoidal rule."""
    before, value = outside[:, 0], outside[:, 1]
    with np.errstate(all="ignore"):
        share = -before / (t - before)
        falls = (c > 0) & (value > c) & (rule != "linear")
        found = np.where(falls, value * (c / value) ** share, value + (c - value) * share)
        return np.where((before < 0) & (t > 0) & (value >= 0), found, np.nan)


def _other(
    last: Array, by_route: tuple[Array, Array], profiles: Profiles, ways: tuple[str, ...]
) -> tuple[Array, Flags]:
    """Value of an extravascular dose or infusion without a sample at its time, and whether there is one."""
    first, at_dose = profiles.first, profiles.at_dose
    lowest, crossing = by_route
    earlier, before = profiles.outside[:, 0], profiles.outside[:, 1]
    length = np.where(np.isfinite(profiles.cycle), profiles.cycle, last)
    with np.errstate(invalid="ignore"):
        near = np.isfinite(before) & (before >= 0) & (earlier < 0) & (-earlier <= _SHIFT * length)
    value, known = np.full(len(last), np.nan), np.zeros(len(last), dtype=bool)
    for way in ways:
        if way == "by route":
            found = np.where(at_dose, np.where(first, 0.0, lowest), crossing)
            there = ~np.isnan(found)
        elif way == "predose":
            found, there = before, near
        elif way == "smallest":
            found, there = lowest, ~np.isnan(lowest)
        else:
            found, there = np.zeros(len(last)), np.full(len(last), way == "zero")
        value, known = np.where(~known & there, found, value), known | there
    return value, known


def _c0(
    times: Array, values: Array, chosen: npt.NDArray[np.int8], head: Integers, end: Integers, lowest: Array,
    ways: tuple[str, ...],
) -> tuple[Array, npt.NDArray[np.int8]]:  # fmt: skip
    """C0 by the ways in turn; on the line through two samples it is c1·(c1/c2)^(t1/(t2 − t1))."""
    two = end - head >= 2
    following = np.where(two, head + 1, head)
    t1, c1, t2, c2 = times[head], values[head], times[following], values[following]
    outlier = (chosen[head] < 0) | (chosen[following] < 0)
    falls = two & (t2 > t1) & (c2 > 0) & (c2 < c1) & ~outlier
    with np.errstate(all="ignore"):
        line = c1 * np.exp((np.log(c1) - np.log(c2)) * (t1 / (t2 - t1)))
    every = np.ones(len(head), dtype=bool)
    answers = {
        "observed": (c1, ~every),  # a sample at time zero is not asked for here
        "log back-extrapolation": (line, falls), "first observed": (c1, two),
        "smallest": (lowest, ~np.isnan(lowest)), "zero": (np.zeros(len(head)), every),
    }  # fmt: skip
    value, known = np.full(len(head), np.nan), ~every
    for way in ways:
        found, there = answers[way]
        value, known = np.where(~known & there, found, value), known | there
    code = np.where(known, reasons.COMPUTED, np.where(two, reasons.NO_C0_WAY, reasons.NO_C0)).astype(np.int8)
    code[known & ~np.isfinite(value)] = reasons.OUT_OF_RANGE
    return np.where(code == reasons.COMPUTED, value, np.nan), code
