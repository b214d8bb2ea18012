"""How much of an area the samples support, and where they do not.

Measured is a sample with a value of its own. Not supported is the area beyond the last quantifiable sample, the area
next to a value that was put in (for a BLQ sample, or at a later dose), and the area that a line bridges: one that is
long against the time the area covers, or that passes over a dose. Zero at a first dose is known, and a zero or BLQ
before the first quantifiable sample is what a lag looks like; C0 has a limit of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca.kernel.analysis import BlockAnalysis
from pkpd.nca.kernel.areas import SampledCurve, sum_parts
from pkpd.nca.kernel.compute import analyses, inside_intervals
from pkpd.nca.kernel.interval_end import SAME
from pkpd.nca.kernel.prepare import Prepared
from pkpd.nca.kernel.profiles import Profiles
from pkpd.nca.kernel.rests_on import ALL, LAST, TAU
from pkpd.nca.rules import Rules

IMPUTED, BRIDGED, BEYOND = "next to a value that was put in", "bridged", "beyond Tlast"


@dataclass(frozen=True, eq=False)
class Support:
    """The support of one kind of area.

    Attributes
    ----------
    measured : (profiles,)
        Measured samples from the beginning to the end of the area.
    part : (profiles,)
        Part of the area (%) that is not supported; NaN where there is no area.
    begin, end : (profiles,)
        The stretch with the largest part of it, after the dose.
    kind : (profiles,) of str
        Why that stretch is not supported; "" where all is.
    """

    measured: Array
    part: Array
    begin: Array
    end: Array
    kind: npt.NDArray[np.object_]

    @classmethod
    def unknown(cls, n: int) -> Support:
        """Return room for `n` profiles."""
        part, begin, end = np.full((3, n), np.nan)
        return cls(np.zeros(n), part, begin, end, np.full(n, "", dtype=object))


def support(profiles: Profiles, ready: Prepared, rules: Rules) -> dict[str, Support]:
    """Return how well AUCtau, AUClast and AUCall of every profile are supported, by what they are called.

    Parameters
    ----------
    profiles, ready, rules : Profiles, Prepared, Rules
        All samples, the same as the rules have them, and the rules.
    """
    found = {name: Support.unknown(len(profiles)) for name in (TAU, LAST, ALL)}
    endless = np.full(len(profiles), np.inf)
    for name in (LAST, ALL):
        found[name].measured[:] = _measured(ready, endless)
    for of in analyses(profiles, ready, rules):
        members = of.block.members
        _write(of, LAST, found[LAST], members)
        _write(of, ALL, found[ALL], members)
        _write(of, TAU, found[TAU], members)
    found[TAU].measured[:] = _measured(ready, profiles.tau)
    late, cut, own = inside_intervals(profiles, ready, rules)
    if len(late):
        found[TAU].measured[late] = _measured(own, cut.tau)
        found[TAU].part[late] = np.nan
        for of in analyses(cut, own, rules):
            _write(of, TAU, found[TAU], late[of.block.members])
    return found


def _measured(ready: Prepared, length: Array) -> Array:
    """Measured samples from the beginning to the end of every interval (of the profile where it has none)."""
    owner = np.repeat(np.arange(len(ready.counts)), ready.counts)
    end = np.where(length > 0, length * (1 + SAME), np.inf)[owner]
    counts = ~ready.imputed & ~ready.alq & (ready.times <= end)
    return np.bincount(owner[counts], minlength=len(ready.counts)).astype(np.float64)


def _write(of: BlockAnalysis, name: str, into: Support, where: Integers) -> None:
    """Work out the support of one kind of area for a block, and write it into its place."""
    block = of.block
    curve = of.followed[0] if name == TAU else of.curve
    last, end = block.last + 1, curve.t[-1]
    if name == LAST:
        end = curve.t[block.area_last + 1, block.columns]
    elif name == TAU:
        drawn_on = np.isfinite(block.ready.outside[block.members, 2])
        last = np.where(drawn_on, len(curve.c) - 1, last)
        end = np.where(np.isinf(block.tau), of.tlast, np.where(np.isnan(block.tau), 0.0, block.tau))
    area = of[f"auc_{name}"][0]
    parts, _ = curve.stretch(np.zeros(len(end)), end)
    inside = np.arange(len(parts))[:, None] < last
    guessed, bridged = _guessed(of, curve), _bridged(of, curve, end)
    doubtful = np.where(inside & (guessed | bridged) & (parts > 0), parts, 0.0)
    beyond = np.maximum(area - sum_parts(np.where(inside, parts, 0.0)), 0.0)
    endless = name == TAU and np.isinf(block.tau)  # an area to infinity is extrapolated by intention
    beyond = np.where(~endless & (beyond > SAME * area), beyond, 0.0)  # less is what rounding leaves
    worst = np.argmax(doubtful, axis=0)
    column = block.columns
    behind = beyond > doubtful[worst, column]
    begin = np.where(behind, np.minimum(curve.t[last, column], end), curve.t[worst, column])
    stop = np.where(behind, end, np.minimum(curve.t[worst + 1, column], end))
    kind = np.where(behind, BEYOND, np.where(guessed[worst, column], IMPUTED, BRIDGED)).astype(object)
    part = np.where(np.isfinite(area), 100.0 * (sum_parts(doubtful) + beyond) / area, np.nan)
    part = np.where((of[f"auc_{name}"][1] == 0) & (area > 0), part, np.nan)
    into.part[where], into.kind[where] = part, np.where(part > 0, kind, "")
    into.begin[where], into.end[where] = np.ldexp(begin, block.time_scale), np.ldexp(stop, block.time_scale)


def _guessed(of: BlockAnalysis, curve: SampledCurve) -> Flags:
    """Segments that begin or end at a value that was put in, (segments, n)."""
    block, start = of.block, of.block.ready.start
    members = block.members
    value, first = start.value[members], block.profiles.first[members]
    at_dose = ~np.isnan(value) & ~start.observed[members] & ~start.extrapolated[members]
    at_dose &= ~((value == 0) & first) & block.profiles.at_dose[members]
    height = np.arange(len(block.t))[:, None]
    between = (height > np.argmax(block.quantified, axis=0)) & (height < block.last)
    put = block.ready.imputed[block.index] & (between | (block.c > 0))
    points = np.vstack([at_dose, put, np.zeros((len(curve.t) - len(put) - 1, len(members)), dtype=bool)])
    found: Flags = points[1:] | points[:-1]
    return found


def _bridged(of: BlockAnalysis, curve: SampledCurve, end: Array) -> Flags:
    """Segments that are long against the time that the area covers, or pass over a dose, (segments, n)."""
    block = of.block
    length = np.minimum(curve.t[1:], end) - curve.t[:-1]
    long = length > 0.01 * block.rules.bridge_longest * end * (1 + SAME)
    before, at = block.ready.doses_before[block.index], block.ready.on_dose[block.index]
    at_start = block.profiles.at_dose[block.members]
    before, at = np.vstack([np.zeros_like(at_start, dtype=before.dtype), before]), np.vstack([at_start, at])
    passed = (before[1:] > before[:-1] + at[:-1]) | (at[1:] & at[:-1] & (curve.t[1 : len(at)] > curve.t[: len(at) - 1]))
    none = np.zeros((len(long) - len(passed), len(block.members)), dtype=bool)
    found: Flags = long | np.vstack([passed, none])
    return found
