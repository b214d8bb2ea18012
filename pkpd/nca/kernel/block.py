"""A block of profiles, padded and scaled, and every parameter of it (floor 3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca import reasons
from pkpd.nca.kernel.above import area_above, time_above
from pkpd.nca.kernel.areas import Curve, logarithmic, total
from pkpd.nca.kernel.derived import (
    Basis,
    Column,
    Columns,
    back_extrapolated,
    by_dose,
    disposition,
    first,
    regression,
    residence,
    to_infinity,
    unless,
)
from pkpd.nca.kernel.lambda_z import Terminal
from pkpd.nca.kernel.partial import Stretch, Tail, extended, stretch
from pkpd.nca.kernel.points import terminal_of
from pkpd.nca.kernel.prepare import Codes, Prepared
from pkpd.nca.kernel.profiles import BOLUS, INFUSION, NO_ROUTE, ORAL, Profiles
from pkpd.nca.kernel.steady import interval
from pkpd.nca.rules import Rules

_SAME = 1e-9  # relative difference of two times that are the same


@dataclass(frozen=True, eq=False)
class Block:
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
    last, top, area_last : (n,) of int
        Rows of the last quantifiable sample, of Cmax, and of the end of AUClast.
    """

    AS_OBSERVED: ClassVar[tuple[str, ...]] = (
        "cmax", "clast", "cmin", "cstart", "ceoi", "ctrough", "tmax", "tlast", "tmin", "tfirst",
    )  # fmt: skip

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
    def of(cls, ready: Prepared, profiles: Profiles, rules: Rules, members: Integers) -> Block:
        """Gather some profiles that each have a quantifiable sample."""
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
        found: Flags = (self.route == BOLUS) & self.profiles.at_dose[self.members]
        return found

    @cached_property
    def curve(self) -> Curve:
        """The samples with the value at time zero on top; where it is unknown the first sample stands there."""
        entry = self.ready.start.entry[self.members]
        known = ~np.isnan(entry)
        start = np.where(known, np.ldexp(entry, -self.scale), self.c[0])
        start_log = np.where(known & (entry > 0), np.log(np.where(entry > 0, entry, 1.0)), 0.0)
        t = np.vstack([np.where(known, 0.0, self.t[0]), self.t])
        c = np.vstack([start, self.c])
        positive = np.vstack([known & (entry > 0), self.c > 0])
        return Curve(t, c, np.vstack([start_log, self.log_c]), logarithmic(c, positive, self.peak, self.rules.auc))

    @cached_property
    def peak(self) -> Integers:
        """Row of the curve with Cmax, or with a C0 that is larger."""
        start = np.ldexp(self.ready.start.entry[self.members], -self.scale)
        above = self.bolus & (start > self.c[self.top, np.arange(len(self.members))])
        return np.where(above, 0, self.top + 1)

    @cached_property
    def fit(self) -> Terminal:
        """The terminal regression, its times counted from the dose."""
        return terminal_of(self)

    @cached_property
    def basis(self) -> Basis:
        """What the derived parameters are made of."""
        column = np.arange(len(self.members))
        duration = self.profiles.duration[self.members]
        vss = np.ones(len(column), dtype=bool)
        if self.rules.vss == "intravenous":
            vss = (self.route == BOLUS) | (self.route == INFUSION)
        return Basis(
            fit=self.fit, tobit=self.rules.lambda_z_method == "tobit",
            clast=self.c[self.last, column], log_clast=self.log_c[self.last, column],
            tlast=self.t[self.last, column], t_area=self.t[self.area_last, column],
            dose=self.profiles.dose[self.members], half_infusion=self.scaled_time(0.5 * duration),
            bolus=self.bolus, vss=vss, from_dose=self._from_dose, tau=self.tau,
        )  # fmt: skip

    @property
    def _from_dose(self) -> Flags:
        """Whether a profile begins at its dose, or has none: then its times count from nothing else."""
        found: Flags = self.profiles.at_dose[self.members] | (self.route == NO_ROUTE)
        return found

    @cached_property
    def followed(self) -> tuple[Curve, Tail]:
        """The curve with the first sample after an interval set by hand, and what follows."""
        tail = Tail(
            self.area_last + 1, self.basis.tlast, self.fit.rate, self.basis.clast, self.basis.clast_pred,
            self.fit.code, self.rules.auc,
        )  # fmt: skip
        after = self.profiles.outside[self.members, 2:]
        log_value = np.log(np.where(after[:, 1] > 0, after[:, 1], 1.0))
        outside = np.column_stack([self.scaled_time(after[:, 0]), np.ldexp(after[:, 1], -self.scale), log_value])
        return extended(self.curve, tail, outside)

    def window(self, a: float, b: float, kind: str) -> tuple[Column, Column]:
        """Return area and moment from `a` to `b` (after the dose), still scaled."""
        begin, end = (self.scaled_time(np.full(len(self.members), x)) for x in (a, b))
        curve, tail = self.followed
        found = stretch(curve, tail, begin, end, "obs" if kind == "line" and np.isinf(b) else kind)
        return (found.area, found.code), (found.moment, found.code)

    def above(self, threshold: float) -> tuple[Column, Column]:
        """Return time and area above a threshold, still scaled."""
        level = np.full(len(self.members), threshold)
        return self._above(level)

    def _above(self, level: Array) -> tuple[Column, Column]:
        scaled = np.ldexp(level, -self.scale)
        log_level = np.log(np.where(level > 0, level, 1.0))
        rule = self.rules.auc if self.rules.above == "shifted samples" else ""
        time = time_above(self.curve, scaled, log_level)
        area = area_above(self.curve, scaled, log_level, self.peak, rule)
        seen = np.zeros(len(level), dtype=np.int8)
        return (time, seen), (area, seen)

    def parameters(self) -> Columns:
        """Return every parameter but the counts, still scaled, the observed ones as observed."""
        found = self._observed()
        found.update(regression(self.basis))
        area, moment = self.curve.segments()
        start_code = self.ready.start.code[self.members]
        rows = np.arange(len(area))[:, None]
        to_last = rows <= self.area_last
        found["auc_last"], found["aumc_last"] = (
            (total(area * to_last), start_code),
            (total(moment * to_last), start_code),
        )
        found["auc_all"], found["aumc_all"] = (total(area), start_code), (total(moment), start_code)
        found.update(to_infinity(self.basis, found["auc_last"], found["aumc_last"]))
        found.update(back_extrapolated(self.basis, self._back(area), found))
        for name, short in (("last", "last"), ("all", "all"), ("inf_obs", "obs"), ("inf_pred", "pred")):
            mrt = residence(found[f"aumc_{name}"], found[f"auc_{name}"], self.basis)
            found[f"mrt_{name}"] = mrt
            found.update(disposition(self.basis, short, found[f"auc_{name}"], mrt))
        found.update(self._interval(found))
        for end in ("start", "trough"):
            value, code = found[f"c{end}"]
            found[f"auc_above_{end}"] = (self._above(np.where(code == 0, value, 0.0))[1][0], first(code, start_code))
        found.update(self._by_dose(found))
        return {name: column for name, column in found.items() if not name.endswith("_scaled")}

    def _by_dose(self, found: Columns) -> Columns:
        """Quantities by dose; the observed ones were not scaled."""
        scaled = {n: (np.ldexp(found[n][0], -self.scale), found[n][1]) for n in ("cmax", "cmin", "clast", "ctrough")}
        return by_dose(self.basis, {**found, **scaled})

    def _back(self, area: Array) -> Array:
        """Area before the first sample of a bolus, or what C0 adds to the area that begins with zero."""
        back = area[0]
        if self.rules.back_extrapolated == "excess over time zero":
            back = back - 0.5 * self.curve.c[1] * (self.curve.t[1] - self.curve.t[0])
        return np.where(self.ready.start.extrapolated[self.members], back, 0.0)

    def _interval(self, found: Columns) -> Columns:
        """Parameters of the dosing interval."""
        there = ~np.isnan(self.tau)
        tau = np.where(there, self.tau, 0.0)
        zero = np.zeros(len(tau))
        curve, tail = self.followed
        over = stretch(curve, tail, zero, tau, self.rules.partial)
        endless = np.isinf(tau)
        if endless.any() and self.rules.partial == "line":  # there is no point at the end to draw a line to
            other = stretch(curve, tail, zero, tau, "obs")
            over = Stretch(
                np.where(endless, other.area, over.area), np.where(endless, other.moment, over.moment),
                np.where(endless, other.end, over.end), np.where(endless, other.code, over.code),
                np.where(endless, other.end_code, over.end_code),
            )  # fmt: skip
        parts, _ = curve.stretch(zero, np.minimum(tau, self.basis.tlast))
        scaled = {f"{n}_scaled": (np.ldexp(found[n][0], -self.scale), found[n][1]) for n in ("cmin", "ctrough")}
        scaled["cmax_scaled"] = self._highest()
        over = over._replace(end=np.where(there, over.end, np.nan))
        measured = total(np.where(np.arange(len(parts))[:, None] < tail.last, parts, 0.0))
        return interval(self.basis, over, measured, {**found, **scaled})

    def _highest(self) -> Column:
        """The largest quantifiable value up to the end of the interval, scaled."""
        inside = self.quantified & ((self.t <= self.tau * (1 + _SAME)) | np.isnan(self.tau))
        seen: Flags = np.asarray(inside.any(axis=0))
        return np.where(inside, self.c, 0.0).max(axis=0), unless(seen, reasons.NO_QUANTIFIABLE)

    def _observed(self) -> Columns:
        """Concentrations and times as they were observed, and C0 and Tlag."""
        n = len(self.members)
        seen = np.zeros(n, dtype=np.int8)
        start = self.ready.start
        given, code = start.value[self.members], start.code[self.members]
        low, when, no_sample = self._lowest(given)
        first_row = np.argmax(self.quantified, axis=0)
        begins = start.observed[self.members]
        if self.rules.time_zero_counts:
            begins = begins | ((code == reasons.COMPUTED) & ~start.extrapolated[self.members])
        tlag = self.scaled_time(self.ready.tlag[self.members])
        duration = self.profiles.duration[self.members]
        infused = unless(self.route == INFUSION, reasons.INFUSION_ONLY)
        stops = self.profiles.delay[self.members] + duration
        end, end_code = self._at(self.scaled_time(stops), reasons.NO_INFUSION_END)
        trough, trough_code = self._at(self.tau, reasons.NO_END_SAMPLE)
        no_tau = unless(np.isfinite(self.tau), reasons.NO_TAU)
        oral = unless((self.route == ORAL) | (self.rules.tlag == "any route"), reasons.EXTRAVASCULAR_ONLY)
        c0 = np.ldexp(given, -self.scale)
        return {
            "cmax": (self._raw(self.top), seen), "tmax": (self._raw_time(self.top), seen),
            "clast": (self._raw(self.last), seen), "tlast": (self._raw_time(self.last), seen),
            "tfirst": (self._raw_time(first_row), seen), "cmin": (low, no_sample), "tmin": (when, no_sample),
            "cstart": (given, unless(begins, reasons.NO_START_SAMPLE)),
            "ctrough": (trough, first(no_tau, trough_code)), "ceoi": (end, first(infused, end_code)),
            "c0": (c0, np.where(self.bolus, code, reasons.BOLUS_ONLY).astype(np.int8)), "tlag": (tlag, oral),
        }  # fmt: skip

    def _raw(self, row: Integers) -> Array:
        found: Array = self.ready.values[self.index[row, np.arange(len(row))]]
        return found

    def _raw_time(self, row: Integers) -> Array:
        found: Array = self.ready.times[self.index[row, np.arange(len(row))]]
        return found

    def _at(self, when: Array, missing: int) -> Column:
        """The value observed at a time, (n,), and a reason where there is no sample then."""
        match = np.abs(self.t - when) <= _SAME * np.abs(when)
        seen: Flags = np.asarray(match.any(axis=0))
        return self._raw(np.argmax(match, axis=0)), unless(seen, missing)

    def _lowest(self, given: Array) -> tuple[Array, Array, Codes]:
        """The smallest value up to the end of the interval, its time, and the reason where there is no sample."""
        inside = (self.t <= self.tau * (1 + _SAME)) | np.isnan(self.tau)
        code = unless(np.asarray(inside.any(axis=0)), reasons.NO_SAMPLES)
        row = np.argmin(np.where(inside, self.c, np.inf), axis=0)
        low, when = self._raw(row), self._raw_time(row)
        if not self.rules.time_zero_counts:
            return low, when, code
        start = self.ready.start
        plain = ~np.isnan(given) & ~start.extrapolated[self.members] & (~(given > low) | (code != reasons.COMPUTED))
        code = np.where(plain, reasons.COMPUTED, code).astype(np.int8)
        return np.where(plain, given, low), np.where(plain, 0.0, when), code


def _last_row(which: Flags) -> Integers:
    """Last row in which each column is true."""
    found: Integers = len(which) - 1 - np.argmax(which[::-1], axis=0)
    return found
