"""All parameters of all profiles, vectorised: blocks of profiles of similar length, samples down, profiles across.

Within a block times and concentrations are scaled by powers of two (exactly) so that products neither overflow nor
vanish; parameters are scaled back at the end. A parameter is a pair: its values and its reason codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pkpd.arguments import checked
from pkpd.arrays import Array, Integers
from pkpd.nca import reasons
from pkpd.nca.kernel.analysis import BlockAnalysis, Known
from pkpd.nca.kernel.block import ProfileBlock
from pkpd.nca.kernel.columns import Column
from pkpd.nca.kernel.interval_end import OF_INTERVAL, cut_at_end
from pkpd.nca.kernel.parameters import INDEX, NAMES, PARAMETERS
from pkpd.nca.kernel.partial import KINDS
from pkpd.nca.kernel.predose import corrected
from pkpd.nca.kernel.prepare import Codes, Prepared, apply_rules
from pkpd.nca.kernel.profiles import Profiles
from pkpd.nca.kernel.row import NcaParameter
from pkpd.nca.kernel.upper_limit import at_their_limit
from pkpd.nca.rules import Rules

_BLOCK = 40_000  # samples in a block: its arrays stay in the processor's cache
_CHUNK = 20_000  # profiles prepared at a time: what is not output stays small

# Powers of the time scale and of the concentration scale in a parameter of this unit.
_POWERS = {
    "time": (1, 0), "1/time": (-1, 0), "amount/volume": (0, 1), "1/volume": (0, 1), "time/volume": (1, 1),
    "time^2/volume": (2, 1), "time*amount/volume": (1, 1), "time^2*amount/volume": (2, 1), "volume": (0, -1),
    "volume/time": (-1, -1), "1": (0, 0), "%": (0, 0), "log": (0, 0),
}  # fmt: skip
_COLUMNS = {name: row.column for name, row in PARAMETERS.items() if row.column is not None}


class Extra(NamedTuple):
    """What was asked for beyond the table, codes beside the values.

    Attributes
    ----------
    area, moment, area_codes : (profiles, windows, kinds)
        AUC and AUMC of every window, for every way to go on after the last sample (`pkpd.nca.kernel.partial.KINDS`).
    time_above, area_above, above_codes : (profiles, thresholds)
        Time and area above every threshold.
    """

    area: Array
    moment: Array
    area_codes: Codes
    time_above: Array
    area_above: Array
    above_codes: Codes


@dataclass(frozen=True)
class Asked:
    """Windows (begin, end) after the dose and concentration thresholds to report on besides the table."""

    windows: tuple[tuple[float, float], ...] = ()
    thresholds: tuple[float, ...] = ()

    def empty(self, n: int) -> Extra:
        """Return room for the answers about `n` profiles."""
        wide, high = (n, len(self.windows), len(KINDS)), (n, len(self.thresholds))
        missing = reasons.NO_QUANTIFIABLE
        return Extra(
            np.full(wide, np.nan), np.full(wide, np.nan), np.full(wide, missing, dtype=np.int8),
            np.full(high, np.nan), np.full(high, np.nan), np.full(high, missing, dtype=np.int8),
        )  # fmt: skip


class Computed(NamedTuple):
    """Result of the kernel: (profiles, parameters) in the order of `pkpd.nca.NAMES`."""

    values: Array
    codes: Codes
    prepared: Prepared
    extra: Extra

    def of(self, name: str) -> Array:
        """Values of one parameter over the profiles."""
        return self.values[:, INDEX[name]]

    def why(self, name: str) -> Codes:
        """Reason codes of one parameter over the profiles."""
        return self.codes[:, INDEX[name]]


@dataclass(frozen=True, eq=False)
class _Output:
    """Where the blocks write; one parameter of all profiles lies together in memory."""

    values: Array
    codes: npt.NDArray[np.int8]
    extra: Extra = field(repr=False)

    @classmethod
    def room(cls, n: int, asked: Asked) -> _Output:
        """Return room for `n` profiles in which there is no quantifiable sample yet."""
        codes = np.full((len(NAMES), n), reasons.NO_QUANTIFIABLE, dtype=np.int8)
        return cls(np.full((len(NAMES), n), np.nan), codes, asked.empty(n))


@checked
def compute(profiles: Profiles, rules: Rules, asked: Asked | None = None) -> Computed:
    """Return every parameter of every profile, with a reason code for each that is missing.

    Parameters
    ----------
    profiles : Profiles
        The samples and doses; amounts in the concentration's amount unit (see `pkpd.units.coherent`).
    rules : Rules
        The choices.
    asked : Asked, optional
        Windows and thresholds to report on as well.

    Returns
    -------
    Computed
        Values and codes, (profiles, parameters); a value is NaN exactly where its code is not 0.
    """
    asked = asked or Asked()
    profiles = as_analysed(profiles, rules)
    n = len(profiles)
    out = _Output.room(n, asked)
    parts = []
    for begin in range(0, max(n, 1), _CHUNK):
        part = profiles.part(begin, min(begin + _CHUNK, n))
        parts.append(apply_rules(part, rules))
        place = slice(begin, begin + len(part))
        e = out.extra
        extra = Extra(
            e.area[place], e.moment[place], e.area_codes[place], e.time_above[place], e.area_above[place],
            e.above_codes[place],
        )  # fmt: skip
        _fill(part, parts[-1], rules, asked, _Output(out.values[:, place], out.codes[:, place], extra))
    return Computed(out.values.T, out.codes.T, Prepared.joined(parts), out.extra)


def as_analysed(profiles: Profiles, rules: Rules) -> Profiles:
    """Return the profiles with what the rules put in place of single values, or take off them, before anything else.

    Samples above their limit count as it, and what was there before the dose is taken off. Applied twice it changes
    nothing more.
    """
    limited = at_their_limit(profiles, rules)
    return corrected(limited, rules, lambda one: _terminal_rates(one, rules))[0]


def _terminal_rates(profiles: Profiles, rules: Rules) -> Array:
    """λz of samples as measured."""
    return compute(profiles, rules.changed(predose_correction="none")).of("lambda_z")


def _fill(profiles: Profiles, ready: Prepared, rules: Rules, asked: Asked, out: _Output) -> None:
    """Write the parameters of some profiles into their place."""
    late, inside = _inside(profiles, ready, rules)
    out.codes[:, ready.n_samples == 0] = reasons.NO_SAMPLES
    out.extra.area_codes[ready.n_samples == 0] = reasons.NO_SAMPLES
    out.extra.above_codes[ready.n_samples == 0] = reasons.NO_SAMPLES
    for p, row in enumerate(PARAMETERS.values()):
        if row.count is not None:
            out.values[p], out.codes[p] = row.count(ready), reasons.COMPUTED
    with np.errstate(all="ignore"):
        for members in _blocks(ready):
            block = ProfileBlock.of(ready, profiles, rules, members)
            analysis = BlockAnalysis(block, _COLUMNS, _known(block, late, inside))
            for p, row in enumerate(PARAMETERS.values()):
                if row.column is not None:
                    out.values[p, members], out.codes[p, members] = _unscaled(row, analysis)
            _answer(analysis, asked, out.extra)


def inside_intervals(profiles: Profiles, ready: Prepared, rules: Rules) -> tuple[Integers, Profiles, Prepared]:
    """Return which profiles have samples after their interval, and these profiles without those samples.

    Parameters
    ----------
    profiles, ready, rules : Profiles, Prepared, Rules
        All samples, the same as the rules have them, and the rules.
    """
    late, cut = cut_at_end(profiles, profiles.tau)
    return late, cut, apply_rules(cut, rules).starting_as(np.arange(len(late)), ready.start.of(late))


def analyses(profiles: Profiles, ready: Prepared, rules: Rules) -> Iterator[BlockAnalysis]:
    """Yield the analyses of all profiles that have a quantifiable sample, in blocks of similar length."""
    for members in _blocks(ready):
        yield BlockAnalysis(ProfileBlock.of(ready, profiles, rules, members), _COLUMNS)


def _inside(profiles: Profiles, ready: Prepared, rules: Rules) -> tuple[Integers, _Output]:
    """Profiles with samples after their interval, and their parameters without these samples."""
    late, cut, own = inside_intervals(profiles, ready, rules)
    out = _Output.room(len(late), Asked())
    if len(late):
        _fill(cut, own, rules, Asked(), out)
    return late, out


def _known(block: ProfileBlock, late: Integers, inside: _Output) -> dict[str, Known]:
    """The parameters of the intervals of those profiles of a block that have samples after it, on its scale."""
    if not len(late):
        return {}
    place = np.searchsorted(late, block.members)
    here = np.flatnonzero((place < len(late)) & (late[np.minimum(place, len(late) - 1)] == block.members))
    row = place[here]
    found = {}
    for name in OF_INTERVAL:
        column = inside.values[INDEX[name], row], inside.codes[INDEX[name], row]
        time_power, power = _power(PARAMETERS[name])
        shift = time_power * block.time_scale[here] + power * block.scale[here]
        found[name] = Known(here, (np.ldexp(column[0], -shift), column[1]))
    return found


def _blocks(ready: Prepared) -> Iterator[Integers]:
    """Profiles that can be analysed, in groups of similar length and bounded size.

    They have a quantifiable sample, or nothing but zeros (measured ones, or BLQ samples that count as zero), or one
    follows outside an interval set by hand.
    """
    owner, n = np.repeat(np.arange(len(ready.counts)), ready.counts), len(ready.counts)
    positive = np.bincount(owner[ready.values > 0], minlength=n) > 0
    some = (np.bincount(owner[ready.quantified], minlength=n) > 0) | ((ready.counts > 0) & (~positive | ready.goes_on))
    order = np.flatnonzero(some)
    order = order[np.argsort(ready.counts[order], kind="stable")]
    sizes = ready.counts[order]
    begin = 0
    while begin < len(order):
        # The longest profile of a block decides its height: take as many as fit, at least one.
        ahead = sizes[begin : begin + _BLOCK]
        height = ahead * np.arange(1, len(ahead) + 1)
        end = begin + max(1, int(np.searchsorted(height, _BLOCK, side="right")))
        yield order[begin:end]
        begin = end


def _answer(analysis: BlockAnalysis, asked: Asked, extra: Extra) -> None:
    """Write what was asked about windows and thresholds."""
    block, members = analysis.block, analysis.block.members
    for w, (a, b) in enumerate(asked.windows):
        for k, kind in enumerate(KINDS):
            area, moment = analysis.window(a, b, kind)
            both = (_finished(area, 1, 1, block), _finished(moment, 2, 1, block))
            extra.area[members, w, k], extra.moment[members, w, k], extra.area_codes[members, w, k] = _together(*both)
    for h, threshold in enumerate(asked.thresholds):
        time, area = analysis.above(np.full(len(members), threshold))
        both = (_finished(time, 1, 0, block), _finished(area, 1, 1, block))
        extra.time_above[members, h], extra.area_above[members, h], extra.above_codes[members, h] = _together(*both)


def _together(left: Column, right: Column) -> tuple[Array, Array, Codes]:
    """Two numbers that share their reason: where one is missing, both are."""
    code = np.maximum(left[1], right[1])
    missing = code != reasons.COMPUTED
    return np.where(missing, np.nan, left[0]), np.where(missing, np.nan, right[0]), code


def _unscaled(row: NcaParameter, analysis: BlockAnalysis) -> Column:
    """Values in the units of the samples; NaN where there is a reason, a reason where there is no number."""
    time_power, power = _power(row)
    return _finished(analysis[row.name], time_power, power, analysis.block, row.positive)


def _power(row: NcaParameter) -> tuple[int, int]:
    """Powers of the time scale and the concentration scale in the column of a parameter."""
    return (0, 0) if row.as_observed else _POWERS[row.unit]


def _finished(column: Column, time_power: int, power: int, block: ProfileBlock, positive: bool = False) -> Column:
    value, code = column
    if time_power or power:
        value = np.ldexp(value, time_power * block.time_scale + power * block.scale)
    lost = ~np.isfinite(value)
    if positive:
        lost |= (value == 0) & ~block.all_zero
    code = np.where((code == reasons.COMPUTED) & lost, reasons.OUT_OF_RANGE, code)
    return np.where(code == reasons.COMPUTED, value, np.nan), code.astype(np.int8)
