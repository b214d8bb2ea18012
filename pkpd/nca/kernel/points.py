"""Which samples the terminal regression may use, and the regression itself for a block of profiles."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca import reasons
from pkpd.nca.kernel import tobit
from pkpd.nca.kernel.block import ProfileBlock
from pkpd.nca.kernel.lambda_z import Terminal, Window, terminal
from pkpd.nca.kernel.profiles import INFUSION


def terminal_of(block: ProfileBlock) -> Terminal:
    """Return the terminal regression over the samples that the rules and the user admit.

    Parameters
    ----------
    block : ProfileBlock
        Some profiles.
    """
    rules = block.rules
    allowed, few = _allowed(block)
    column = np.arange(len(block.members))
    marks = block.ready.chosen[block.index]
    forced = ((marks > 0) & allowed).any(axis=0) | _asked_in_vain(block)
    window = Window(rules.lambda_z_points, rules.lambda_z_max_points or len(block.t), rules.lambda_z_tolerance, forced)
    origin = block.t[block.last, column]
    y = block.log_c - block.log_c[block.last, column]
    weights = None
    if rules.lambda_z_weights != "1":
        weights = np.exp(-y * (1.0 if rules.lambda_z_weights == "1/y" else 2.0))
    if rules.lambda_z_method == "tobit":
        found = _censored(block, allowed, forced)
    else:
        found = terminal(block.t, block.t - origin, y, allowed, weights, window)
    least = np.where(forced, 2, rules.lambda_z_points)
    few = np.where(forced, reasons.FEW_CHOSEN, few)
    return found._replace(code=np.where(allowed.sum(axis=0) < least, few, found.code).astype(np.int8))


def _asked_in_vain(block: ProfileBlock) -> Flags:
    """Profiles for which the user chose points, whether or not they can be used."""
    size = len(block.profiles)
    chosen = np.bincount(block.profiles.owner[block.profiles.chosen > 0], minlength=size) > 0
    found: Flags = chosen[block.members]
    return found


def _allowed(block: ProfileBlock) -> tuple[Flags, Integers]:
    """Samples that may take part, and the reason if they are too few."""
    rules, height = block.rules, np.arange(len(block.t))[:, None]
    column = np.arange(len(block.members))
    by_route = block.bolus
    with_top = by_route if rules.lambda_z_cmax is None else np.full_like(by_route, rules.lambda_z_cmax)
    end = block.scaled_time(np.where(block.route == INFUSION, block.infusion_end, 0.0))
    since = end
    if rules.lambda_z_not_before is not None:
        since = np.maximum(end, block.scaled_time(np.full(len(end), float(rules.lambda_z_not_before))))
    marks = block.ready.chosen[block.index]
    by_rule = block.counted & (height >= np.where(with_top, block.top, block.top + 1)) & (block.t >= since)
    by_hand = block.counted & (marks > 0)
    picked = _asked_in_vain(block)
    allowed = np.where(picked, by_hand, by_rule & (marks == 0))
    few = np.where(with_top, reasons.FEW_FROM_CMAX, reasons.FEW_AFTER_CMAX)
    few = np.where(block.t[block.top, column] < end, reasons.FEW_AFTER_INFUSION, few)
    return allowed, few


def _censored(block: ProfileBlock, allowed: Flags, forced: Flags) -> Terminal:
    """The Tobit regression of every profile: the window with the smallest residual SD for its number of points."""
    n = len(block.members)
    found = {name: np.full(n, np.nan) for name in ("rate", "level", "points", "start", "end", "sd", "below")}
    code = np.full(n, reasons.TOBIT_FAILED, dtype=np.int8)
    column = np.arange(n)
    t = np.ldexp(block.t, block.time_scale)
    most = block.rules.lambda_z_max_points or len(block.t) + len(block.profiles.times)
    for j in range(n):
        rows = np.flatnonzero(allowed[:, j] & block.quantified[:, j])  # an imputed sample is a censored one here
        if len(rows) < 2:
            continue
        when, limit = _below(block, j)
        least = 2 if forced[j] else block.rules.lambda_z_points
        begins = rows[:1] if forced[j] else rows[: max(len(rows) - least + 1, 0)]
        begins = begins[[bool(forced[j]) or (rows >= b).sum() + len(when) <= most for b in begins]]
        best, best_score = None, np.inf
        for begin in begins:
            used = rows[rows >= begin]
            line = tobit.fit(
                np.concatenate([t[used, j], when]), np.concatenate([block.log_c[used, j], np.log(limit)]),
                np.repeat([False, True], [len(used), len(when)]),
            )  # fmt: skip
            score = line.sd / np.sqrt(len(used) + len(when) - 1)
            if line.rate > 0 and score < best_score:
                best, best_score = (line, used), score
        if best is None:
            continue
        line, used = best
        last = t[block.last[j], j]
        found["rate"][j], found["sd"][j], found["below"][j] = line.rate, line.sd, len(when)
        found["level"][j] = line.intercept - line.rate * last - block.log_c[block.last[j], j]
        found["points"][j] = len(used) + len(when)
        found["start"][j], found["end"][j] = t[used[0], j], max(t[used[-1], j], *when) if len(when) else t[used[-1], j]
        code[j] = reasons.COMPUTED
    nothing = np.full(n, np.nan)
    scaled = {name: np.ldexp(found[name], -block.time_scale) for name in ("start", "end")}
    return Terminal(
        np.ldexp(found["rate"], block.time_scale)[column], found["level"], found["points"], scaled["start"],
        scaled["end"], nothing, nothing, nothing, found["sd"], found["below"], code,
    )  # fmt: skip


def _below(block: ProfileBlock, j: int) -> tuple[Array, Array]:
    """Times and limits of the BLQ samples after the last quantifiable one of a profile, whatever the BLQ rule."""
    profiles, i = block.profiles, int(block.members[j])
    own = slice(int(profiles.offsets[i]), int(profiles.offsets[i + 1]))
    t, limit = profiles.times[own], profiles.lloq[own]
    blq = profiles.blq[own] | (block.rules.zero_is_blq & (profiles.values[own] == 0))
    last = np.ldexp(block.t[block.last[j], j], block.time_scale[j])
    keep = blq & np.isfinite(t) & (t > last) & (limit > 0) & (limit < np.inf) & (profiles.chosen[own] >= 0)
    keep &= ~block.ready.late[own] & (profiles.place[own] == 0)
    return t[keep], limit[keep]
