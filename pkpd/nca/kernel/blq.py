"""What a sample below the limit of quantification counts as, and where a profile ends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca.kernel.profiles import BOLUS, Profiles
from pkpd.nca.rules import Rules

_ZERO, _HALF, _WHOLE, _DROP, _NUMBER = range(5)
_WORDS = {"zero": _ZERO, "lloq/2": _HALF, "lloq": _WHOLE, "drop": _DROP, "missing": _DROP}


class Replaced(NamedTuple):
    """Which samples stay, their values, and which of these were put in place of a BLQ sample."""

    keep: Flags
    values: Array
    imputed: Flags


def ended(quantified: Flags, live: Flags, owner: Integers, run: int | None) -> Flags:
    """Return which samples lie after a run of BLQ samples that ends their profile.

    Parameters
    ----------
    quantified, live : (samples,) of bool
        Quantifiable, and taking part at all.
    owner : (samples,) of int
        Profile of every sample.
    run : int or None
        Length of the run; None: profiles never end.
    """
    if run is None or not len(owner):
        return np.zeros(len(owner), dtype=bool)
    index = np.flatnonzero(live)
    mine, hit = owner[index], quantified[index]
    place = np.arange(len(index))
    seen = np.maximum.accumulate(np.where(hit, place, -1))
    known = (seen >= 0) & (mine[np.maximum(seen, 0)] == mine)
    full = known & (place - seen == run)
    end = np.full(int(owner[-1]) + 1, len(owner), dtype=np.intp)
    end[mine[full][::-1]] = index[full][::-1]  # the first run of a profile stays
    found: Flags = np.arange(len(owner)) > end[owner]
    return found


def replaced(profiles: Profiles, rules: Rules, blq: Flags, quantified: Flags, owner: Integers) -> Replaced:
    """Return the samples with every BLQ one replaced or dropped by its rule.

    Parameters
    ----------
    profiles : Profiles
        The samples.
    rules : Rules
        See `blq_before`, `blq_between`, `blq_after` and `blq_around`.
    blq, quantified : (samples,) of bool
        Below the limit; quantifiable and taking part.
    owner : (samples,) of int
        Profile of every sample.
    """
    before, after = _sides(profiles, rules, quantified, owner)
    code, number = _action(rules.blq_between)
    action = np.full(len(owner), code, dtype=np.int8)
    put = np.full(len(owner), number)
    for where, rule in ((after, rules.blq_after), (before, rules.blq_before)):
        if rule == "by route":
            action[where] = np.where(profiles.under == BOLUS, _DROP, _ZERO)[owner[where]]
            continue
        action[where], put[where] = _action(rule)
    lloq = np.where((profiles.lloq >= 0) & (profiles.lloq < np.inf), profiles.lloq, np.nan)
    limit = np.where(action == _HALF, lloq / 2, np.where(action == _WHOLE, lloq, put))
    value = np.where(action == _ZERO, 0.0, limit)
    dropped = (action == _DROP) | np.isnan(value)  # no LLOQ known: nothing to put there
    keep = ~blq | ~dropped
    return Replaced(keep, np.where(blq, np.where(dropped, 0.0, value), profiles.values), blq & ~dropped)


def _action(rule: str | float) -> tuple[int, float]:
    return (_WORDS[rule], 0.0) if isinstance(rule, str) else (_NUMBER, float(rule))


def _sides(profiles: Profiles, rules: Rules, quantified: Flags, owner: Integers) -> tuple[Flags, Flags]:
    """Samples before the first and after the last quantifiable one, or before and after Cmax."""
    index = np.flatnonzero(quantified)
    first = np.full(len(profiles), len(owner), dtype=np.intp)
    last = np.full(len(profiles), -1, dtype=np.intp)
    if rules.blq_around == "Cmax":
        turn = index if rules.tmax == "first" else -index
        order = index[np.lexsort((turn, -profiles.values[index], owner[index]))]
        first[owner[order[::-1]]] = order[::-1]  # the last assignment to a profile stays: its Cmax
        last = np.where(first < len(owner), first, -1)
    else:
        last[owner[index]] = index
        first[owner[index[::-1]]] = index[::-1]
    here = np.arange(len(owner))
    return here < first[owner], here > last[owner]
