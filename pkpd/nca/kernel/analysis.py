"""The analysis of a block: curve, terminal regression and parameters, each made when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca import reasons
from pkpd.nca.kernel.above import area_above, time_above
from pkpd.nca.kernel.areas import SampledCurve, logarithmic
from pkpd.nca.kernel.block import ProfileBlock
from pkpd.nca.kernel.columns import Column, first, unless
from pkpd.nca.kernel.lambda_z import Terminal
from pkpd.nca.kernel.partial import Tail, extended, stretch
from pkpd.nca.kernel.points import terminal_of
from pkpd.nca.kernel.prepare import Codes
from pkpd.nca.kernel.profiles import INFUSION, NO_ROUTE

Made = TypeVar("Made")


class Known(NamedTuple):
    """What is known of one parameter of some profiles of a block: which ones, and their column."""

    where: Integers
    column: Column

    def over(self, column: Column) -> Column:
        """Return a column with what is known put in its place."""
        values, codes = np.array(column[0], dtype=np.float64), np.array(column[1])
        values[self.where], codes[self.where] = self.column
        return values, codes


@dataclass(frozen=True, eq=False)
class BlockAnalysis:
    """What is known of a block of n profiles; ``analysis["cmax"]`` is the column of a parameter.

    Attributes
    ----------
    block : ProfileBlock
        The samples.
    formulas : mapping of str to callable
        Parameter → the function that makes its column from the analysis.
    known : mapping of str to Known
        Parameters that are known of some profiles beforehand; the others that are made of them follow.
    """

    block: ProfileBlock
    formulas: Mapping[str, Formula] = field(repr=False, default_factory=dict)
    known: Mapping[str, Known] = field(repr=False, default_factory=dict)
    _made: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __getitem__(self, name: str) -> Column:
        column: Column | None = self._made.get(name)
        if column is None:
            column = self.formulas[name](self)
            if name in self.known:
                column = self.known[name].over(column)
            self._made[name] = column
        return column

    def once(self, make: Callable[[BlockAnalysis], Made]) -> Made:
        """Return what a function makes of the analysis; several parameters that are made of it share it."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    def scaled(self, name: str) -> Column:
        """Return the column of a concentration that was read off the samples, on the scale of the block."""
        value, code = self[name]
        return np.ldexp(value, -self.block.scale), code

    @cached_property
    def seen(self) -> Codes:
        """Why there is no concentration above zero, (n,)."""
        block = self.block
        below = block.ready.imputed[block.index].all(axis=0)
        nothing = np.where(below, reasons.NO_QUANTIFIABLE, reasons.ALL_ZERO)
        return np.where(block.unseen, nothing, reasons.COMPUTED).astype(np.int8)

    @cached_property
    def start_code(self) -> Codes:
        """Why there is no value at time zero, (n,)."""
        return self.block.ready.start.code[self.block.members]

    @cached_property
    def measured(self) -> Codes:
        """Why nothing can be said of the concentrations, (n,); zeros say that they are zero."""
        return np.where(self.block.all_zero, reasons.COMPUTED, self.seen).astype(np.int8)

    @cached_property
    def stays_zero(self) -> Flags:
        """Profiles that are all zero, with nothing above zero after an interval set by hand, (n,)."""
        found: Flags = self.block.all_zero & ~(self.block.ready.outside[self.block.members, 3] > 0)
        return found

    @cached_property
    def zero_throughout(self) -> Flags:
        """Those of two samples or more, (n,): their areas are zero wherever they begin."""
        return self.stays_zero & (self.block.ready.counts[self.block.members] > 1)

    @cached_property
    def begins(self) -> Codes:
        """Why an area has no beginning, (n,)."""
        return np.where(self.zero_throughout, reasons.COMPUTED, self.start_code).astype(np.int8)

    @cached_property
    def curve(self) -> SampledCurve:
        """The samples with the value at time zero on top; where it is unknown the first sample stands there."""
        block = self.block
        entry = block.ready.start.entry[block.members]
        entry = np.where(np.isnan(entry) & self.zero_throughout, 0.0, entry)
        known = ~np.isnan(entry)
        start = np.where(known, np.ldexp(entry, -block.scale), block.c[0])
        start_log = np.where(known & (entry > 0), np.log(np.where(entry > 0, entry, 1.0)), 0.0)
        t = np.vstack([np.where(known, 0.0, block.t[0]), block.t])
        c = np.vstack([start, block.c])
        positive = np.vstack([known & (entry > 0), block.c > 0])
        falls = logarithmic(c, positive, self.peak, block.rules.auc)
        return SampledCurve(t, c, np.vstack([start_log, block.log_c]), falls)

    @cached_property
    def peak(self) -> Integers:
        """Row of the curve with Cmax, or with a C0 that is larger, (n,)."""
        block = self.block
        start = np.ldexp(block.ready.start.entry[block.members], -block.scale)
        above = block.bolus & (start > block.c[block.top, block.columns])
        return np.where(above, 0, block.top + 1)

    @cached_property
    def segments(self) -> tuple[Array, Array]:
        """Area and first moment of every segment of the curve, (m, n) each."""
        return self.curve.segments()

    @cached_property
    def to_last(self) -> Flags:
        """Segments that AUClast counts, (m, n)."""
        counted: Flags = np.arange(len(self.block.t))[:, None] <= self.block.area_last
        return counted

    @cached_property
    def fit(self) -> Terminal:
        """The terminal regression, its times counted from the dose."""
        found = terminal_of(self.block)
        return found._replace(code=first(self.seen, found.code))

    @property
    def tobit(self) -> bool:
        """Whether the terminal regression is one by Tobit."""
        return self.block.rules.lambda_z_method == "tobit"

    @cached_property
    def clast(self) -> Array:
        """Last quantifiable concentration, (n,), scaled."""
        return self.block.c[self.block.last, self.block.columns]

    @cached_property
    def clast_pred(self) -> Array:
        """The terminal regression at Tlast, (n,), scaled."""
        return self.clast * np.exp(self.fit.level)

    @cached_property
    def tlast(self) -> Array:
        """Time of the last quantifiable concentration, (n,), scaled."""
        return self.block.t[self.block.last, self.block.columns]

    @cached_property
    def dose(self) -> Array:
        """Dose, (n,)."""
        return self.block.profiles.dose[self.block.members]

    @cached_property
    def dosed(self) -> Codes:
        """Why nothing can be divided by the dose, (n,)."""
        return first(unless(~np.isnan(self.dose), reasons.NO_DOSE), unless(~(self.dose == 0), reasons.ZERO_DOSE))

    @cached_property
    def half_infusion(self) -> Array:
        """Half the length of the infusion, (n,), scaled."""
        return self.block.scaled_time(0.5 * self.block.profiles.duration[self.block.members])

    @cached_property
    def infused(self) -> Codes:
        """Why there is no end of an infusion, (n,)."""
        return unless(self.block.route == INFUSION, reasons.INFUSION_ONLY)

    @cached_property
    def from_dose(self) -> Codes:
        """Why a residence time cannot count from the only dose, (n,); without a dose it counts from time zero."""
        at_dose = self.block.profiles.at_dose[self.block.members]
        return unless(at_dose | (self.block.route == NO_ROUTE), reasons.NOT_AT_DOSE)

    @cached_property
    def ends(self) -> Codes:
        """Why there is no end of the dosing interval, (n,); one set by hand may be endless."""
        return unless(np.isfinite(self.block.tau), reasons.NO_TAU)

    @cached_property
    def followed(self) -> tuple[SampledCurve, Tail]:
        """The curve with the first sample after an interval set by hand, and what follows."""
        block, fit = self.block, self.fit
        # What was zero for some time goes on as zero, by any rate.
        zero = self.stays_zero & (self.curve.t[-1] > self.curve.t[0])
        tail = Tail(
            block.area_last + 1, self.tlast, np.where(zero, 1.0, fit.rate), self.clast,
            np.where(zero, 0.0, self.clast_pred), np.where(zero, reasons.COMPUTED, fit.code).astype(np.int8),
            block.rules.auc,
        )  # fmt: skip
        after = block.ready.outside[block.members, 2:]
        log_value = np.log(np.where(after[:, 1] > 0, after[:, 1], 1.0))
        outside = np.column_stack([block.scaled_time(after[:, 0]), np.ldexp(after[:, 1], -block.scale), log_value])
        return extended(self.curve, tail, outside, block.ready.goes_on[block.members] | self.stays_zero)

    def window(self, a: float, b: float, kind: str) -> tuple[Column, Column]:
        """Return area and moment from `a` to `b` (after the dose), still scaled."""
        begin, end = (self.block.scaled_time(np.full(len(self.block.members), x)) for x in (a, b))
        curve, tail = self.followed
        part = stretch(curve, tail, begin, end, "obs" if kind == "line" and np.isinf(b) else kind)
        return (part.area, part.code), (part.moment, part.code)

    def above(self, level: Array) -> tuple[Column, Column]:
        """Return time and area above one threshold per profile, still scaled.

        Parameters
        ----------
        level : (n,)
            Thresholds, not scaled.
        """
        scaled = np.ldexp(level, -self.block.scale)
        log_level = np.log(np.where(level > 0, level, 1.0))
        rule = self.block.rules.auc if self.block.rules.above == "shifted samples" else ""
        time = time_above(self.curve, scaled, log_level)
        area = area_above(self.curve, scaled, log_level, self.peak, rule)
        return (time, self.measured), (area, self.measured)


Formula = Callable[[BlockAnalysis], Column]
"""Makes the column of a parameter from the analysis of a block."""
