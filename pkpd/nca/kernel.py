"""All parameters of all profiles, vectorised: blocks of profiles of similar length, samples down, profiles across.

Within a block times and concentrations are scaled by powers of two (exactly) so that products neither overflow nor
vanish; parameters are scaled back at the end. A parameter is a pair: its values and its reason codes (floor 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pkpd.nca import reasons
from pkpd.nca.areas import segments, total
from pkpd.nca.derived import Column, derive
from pkpd.nca.lambda_z import Terminal, terminal
from pkpd.nca.parameters import NAMES, PARAMETERS
from pkpd.nca.prepare import Codes, Prepared, prepare
from pkpd.nca.profiles import BOLUS, INFUSION, ORAL, Bools, Floats, Ints, Profiles
from pkpd.nca.rules import Rules

_BLOCK = 40_000  # samples in a block: its arrays stay in the processor's cache

# Powers of the time scale and of the concentration scale in a parameter of this unit.
_POWERS = {
    "time": (1, 0), "1/time": (-1, 0), "amount/volume": (0, 1), "1/volume": (0, 1), "time/volume": (1, 1),
    "time*amount/volume": (1, 1), "time^2*amount/volume": (2, 1), "volume": (0, -1), "volume/time": (-1, -1),
    "1": (0, 0), "%": (0, 0), "log": (0, 0),
}  # fmt: skip
# A zero in these can only be a number too small to represent.
_POSITIVE = frozenset(
    {"clast_pred", "lambda_z", "half_life", "cmax_dose"}
    | {f"{n}_{k}" for n in ("auc_inf", "aumc_inf", "cl", "vz", "vss", "mrt_inf") for k in ("obs", "pred")}
    | {f"auc_inf_{k}_dose" for k in ("obs", "pred")}
)
_AS_OBSERVED = ("cmax", "clast", "tmax", "tlast", "n_samples", "n_blq", "n_unusable")


class Computed(NamedTuple):
    """Result of the kernel: (profiles, parameters) in the order of `pkpd.nca.parameters.NAMES`."""

    values: Floats
    codes: Codes
    prepared: Prepared

    def of(self, name: str) -> Floats:
        """Values of one parameter over the profiles."""
        return self.values[:, NAMES.index(name)]


@dataclass(frozen=True, eq=False)
class _Block:
    """Some profiles, padded by repeating their last sample (which adds segments of no area)."""

    t: Floats
    c: Floats  # scaled
    log_c: Floats  # not scaled
    quantified: Bools
    time_scale: npt.NDArray[np.int32]
    scale: npt.NDArray[np.int32]
    last: Ints
    top: Ints


def compute(profiles: Profiles, rules: Rules) -> Computed:
    """Return every parameter of every profile, with a reason code for each that is missing.

    Parameters
    ----------
    profiles : Profiles
        The samples and doses; amounts in the concentration's amount unit (see `pkpd.units.coherent`).
    rules : Rules
        The choices.

    Returns
    -------
    Computed
        Values and codes, (profiles, parameters); a value is NaN exactly where its code is not 0.
    """
    ready = prepare(profiles, rules)
    n = len(profiles)
    values = np.full((len(NAMES), n), np.nan)
    codes = np.full((len(NAMES), n), reasons.NO_QUANTIFIABLE, dtype=np.int8)
    codes[:, ready.n_samples == 0] = reasons.NO_SAMPLES
    for name, counts in (("n_samples", ready.n_samples), ("n_blq", ready.n_blq), ("n_unusable", ready.n_unusable)):
        values[NAMES.index(name)] = counts
        codes[NAMES.index(name)] = reasons.COMPUTED
    with np.errstate(all="ignore"):
        for members in _blocks(ready):
            block = _block(ready, members)
            found = _parameters(block, ready, profiles, rules, members)
            for name, column in found.items():
                value, code = _unscaled(name, column, block)
                row = NAMES.index(name)
                values[row, members], codes[row, members] = value, code
    return Computed(values.T, codes.T, ready)  # one parameter of all profiles lies together in memory


def _blocks(ready: Prepared) -> Iterator[Ints]:
    """Profiles with a quantifiable sample, in groups of similar length and bounded size."""
    owner = np.repeat(np.arange(len(ready.counts)), ready.counts)
    some = np.bincount(owner[ready.quantified], minlength=len(ready.counts)) > 0
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


def _block(ready: Prepared, members: Ints) -> _Block:
    sizes = ready.counts[members]
    height = int(sizes.max())
    rank = np.minimum(np.arange(height)[:, None], sizes - 1)
    index = ready.offsets[members] + rank
    real = np.arange(height)[:, None] < sizes
    t, value = ready.times[index], ready.values[index]
    quantified = ready.quantified[index] & real
    last = height - 1 - np.argmax(quantified[::-1], axis=0)
    top = np.argmax(np.where(quantified, value, -1.0), axis=0)
    column = np.arange(len(members))
    scale = np.frexp(value[top, column])[1]
    time_scale = np.frexp(t[-1])[1]
    log_c = np.log(np.where(value > 0, value, 1.0))
    return _Block(np.ldexp(t, -time_scale), np.ldexp(value, -scale), log_c, quantified, time_scale, scale, last, top)


def _terminal(block: _Block, rules: Rules, route: npt.NDArray[np.int8], duration: Floats) -> Terminal:
    """The terminal regression over the samples that the rules admit."""
    height = np.arange(len(block.t))[:, None]
    by_route = route == BOLUS
    with_top = by_route if rules.lambda_z_cmax is None else np.full_like(by_route, rules.lambda_z_cmax)
    column = np.arange(len(route))
    end = np.ldexp(np.where(route == INFUSION, duration, 0.0), -block.time_scale)
    allowed = block.quantified & (height >= np.where(with_top, block.top, block.top + 1)) & (block.t >= end)
    y = block.log_c - block.log_c[block.last, column]
    found = terminal(block.t - block.t[block.last, column], y, allowed, rules.lambda_z_points, rules.lambda_z_tolerance)
    few = np.where(with_top, reasons.FEW_FROM_CMAX, reasons.FEW_AFTER_CMAX)
    few = np.where(block.t[block.top, column] < end, reasons.FEW_AFTER_INFUSION, few)
    code = np.where(allowed.sum(axis=0) < rules.lambda_z_points, few, found.code).astype(np.int8)
    return found._replace(code=code, start=found.start + block.t[block.last, column])


def _parameters(block: _Block, ready: Prepared, profiles: Profiles, rules: Rules, members: Ints) -> dict[str, Column]:
    """Every parameter of a block, still scaled."""
    column = np.arange(len(members))
    route, duration = profiles.route[members], profiles.duration[members]
    start_code = ready.start_code[members]
    begun = start_code == reasons.COMPUTED
    start = np.where(begun, np.ldexp(ready.start[members], -block.scale), block.c[0])
    start_log = np.where(
        begun & (start > 0), np.log(np.where(ready.start[members] > 0, ready.start[members], 1.0)), 0.0
    )
    # Time zero stands above the samples; where it is unknown the first sample stands there, adding no area.
    t = np.vstack([np.where(begun, 0.0, block.t[0]), block.t])
    c = np.vstack([start, block.c])
    log_c = np.vstack([start_log, block.log_c])
    positive = np.vstack([begun & (ready.start[members] > 0), block.c > 0])
    falls = (c[1:] < c[:-1]) & positive[1:] & positive[:-1] if rules.auc == "linear-up/log-down" else None
    area, moment = segments(t, c, log_c, falls)
    to_last = np.arange(len(area))[:, None] <= block.last
    first_quantified = np.argmax(block.quantified, axis=0)
    basis: dict[str, Any] = {
        "auc_last": (total(area * to_last), start_code),
        "aumc_last": (total(moment * to_last), start_code),
        "auc_all": (total(area), start_code),
        "back": np.where(ready.extrapolated[members], area[0], 0.0),
        "clast": block.c[block.last, column],
        "log_clast": block.log_c[block.last, column],
        "tlast": block.t[block.last, column],
        "cmax": block.c[block.top, column],
        "c0": (start, np.where(route == BOLUS, start_code, reasons.BOLUS_ONLY).astype(np.int8)),
        "tlag": np.where(first_quantified > 0, block.t[np.maximum(first_quantified - 1, 0), column], 0.0),
        "bolus": route == BOLUS, "infusion": route == INFUSION, "oral": route == ORAL,
        "dose": profiles.dose[members],
        "half_infusion": np.ldexp(0.5 * duration, -block.time_scale),
    }  # fmt: skip
    found = derive(basis, _terminal(block, rules, route, duration))
    index = ready.offsets[members]
    seen = np.zeros(len(members), dtype=np.int8)
    for name, at, source in (
        ("cmax", block.top, ready.values), ("clast", block.last, ready.values),
        ("tmax", block.top, ready.times), ("tlast", block.last, ready.times),
    ):  # fmt: skip
        found[name] = (source[index + at], seen)
    return found


def _unscaled(name: str, column: Column, block: _Block) -> Column:
    """Values in the units of the samples; NaN where there is a reason, a reason where there is no number."""
    value, code = column
    if name not in _AS_OBSERVED:
        time_power, power = _POWERS[PARAMETERS[name].unit]
        if time_power or power:
            value = np.ldexp(value, time_power * block.time_scale + power * block.scale)
    lost = ~np.isfinite(value)
    if name in _POSITIVE:
        lost |= value == 0
    code = np.where((code == reasons.COMPUTED) & lost, reasons.OUT_OF_RANGE, code)
    return np.where(code == reasons.COMPUTED, value, np.nan), code.astype(np.int8)
