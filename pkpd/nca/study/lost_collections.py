"""Collections that are missing from an excretion: what was excreted in them is in no sum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.nca.kernel.accept import Doubt
from pkpd.nca.kernel.rests_on import LINE

COLLECTED, BLOOD = "collected", "blood"
_SAME = 1e-9
_SUMS = (
    "volume", "amount_excreted", "fraction_excreted", "percent_excreted", "max_rate", "t_max_rate", "aurc_last",
    "aurc_all", "aurc_inf_obs", "clr_last", "clr_obs", "clr_pred",
)  # fmt: skip
_OF_THE_LINE = ("lambda_z", "half_life", "aurc_inf_obs")


def rests_on_amounts(name: str) -> frozenset[str]:
    """Return what a parameter of an excretion rests on: collections, the terminal line of the rates."""
    bases = [COLLECTED] if name in _SUMS else []
    return frozenset(bases + ([LINE] if name in _OF_THE_LINE else []))


def holes(profile: Integers, begin: Array, end: Array, n: int) -> list[list[tuple[float, float]]]:
    """Return the stretches from the dose to the end of the last collection in which nothing was collected.

    Parameters
    ----------
    profile : (collections,) of int
        Profile of every usable collection, in order of profile and beginning.
    begin, end : (collections,)
        Times after the dose.
    n : int
        Number of profiles.
    """
    found: list[list[tuple[float, float]]] = [[] for _ in range(n)]
    reached = np.zeros(n)
    for i, a, b in zip(profile.tolist(), begin.tolist(), end.tolist(), strict=True):
        if a > reached[i] + _SAME * max(b, 1e-300):
            found[i].append((float(reached[i]), a))
        reached[i] = max(reached[i], b)
    return found


def lost(
    parts: tuple[Integers, Array, Array], left_out: tuple[Integers, Array, Array], most: float | None, time: str
) -> Iterator[Doubt]:
    """Yield the profiles with more holes and lost collections than the rules allow.

    Parameters
    ----------
    parts : (profile, begin, end)
        Usable collections in order of profile and beginning, times after the dose.
    left_out : (profile, begin, end)
        Collections of these profiles that cannot be used.
    most : number or None
        How many are allowed; None: any.
    time : str
        Unit of the times.
    """
    if most is None:
        return
    n = int(parts[0].max(initial=-1)) + 1
    missing = holes(*parts, n)
    reached = np.zeros(n)
    np.maximum.at(reached, parts[0], parts[2])
    for i, a, b in zip(*(column.tolist() for column in left_out), strict=True):
        if b > reached[i]:  # behind the last usable one; before it, it is a hole or was collected once more
            missing[i].append((max(a, float(reached[i])), b))
    for i, stretches in enumerate(missing):
        if len(stretches) > most:
            listed = ", ".join(f"{a:.6g} to {b:.6g}" for a, b in stretches)
            words = f"nothing collected from {listed} {time}: amounts are lower bounds"
            yield Doubt(i, words, frozenset([COLLECTED]))
