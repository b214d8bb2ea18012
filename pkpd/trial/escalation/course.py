"""How trials of one design go on: states that are equal are one state with a weight, a probability or a count.

A design decides by what was seen, not by how it came about. So trials in the same state go on together: exactly, by the
probabilities of the next cohort's toxicities, or by drawing how many of the trials see how many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.errors import InputError
from pkpd.trial.escalation.states import STOP, Design, States, alike, first_level

MOST_STATES = 300_000


@dataclass(frozen=True, eq=False)
class Ends:
    """How trials ended, one state a row.

    Attributes
    ----------
    treated, toxic : array of int, shape (states, levels)
        Evaluable patients and toxicities.
    weight : array, shape (states,)
        Probability of the state, or number of trials.
    early : array of bool, shape (states,)
        Whether the rule ended the trial, not the number of patients.
    """

    treated: Integers
    toxic: Integers
    weight: Array
    early: Flags


def run(design: Design, toxicity: Array, trials: int | None, rng: np.random.Generator | None) -> Ends:
    """Return how trials end.

    Parameters
    ----------
    design : Design
        The rule.
    toxicity : array, shape (levels,)
        True probability of toxicity at each dose.
    trials : int or None
        How many are simulated; None computes exact probabilities.
    rng : numpy.random.Generator or None
        Where draws come from.

    Raises
    ------
    InputError
        If too many different states would have to be held.
    """
    levels = len(design.doses)
    treated, toxic = np.zeros((1, levels), dtype=np.int64), np.zeros((1, levels), dtype=np.int64)
    at, weight, total = np.array([first_level(design)]), np.array([1.0 if trials is None else float(trials)]), 0
    finished: list[Ends] = []
    while len(at):
        size = min(design.size, design.most - total)
        if len(at) * (size + 1) > MOST_STATES:
            raise InputError(
                f"the trials reach more than {MOST_STATES} different states; larger cohorts, fewer patients, or "
                "method='simulation' with fewer trials",
                "operating_characteristics",
            )
        parent, seen, weight = _cohort(toxicity[at], weight, size, None if trials is None else rng)
        at, treated, toxic = at[parent], treated[parent], toxic[parent]
        rows = np.arange(len(at))
        treated[rows, at] += size
        toxic[rows, at] += seen
        total += size
        if total >= design.most:
            finished.append(_ended(treated, toxic, weight, early=False))
            break
        following, _ = design.decide(States(treated, toxic, at, seen, np.full(len(at), size)))
        over = following == STOP
        finished.append(_ended(treated[over], toxic[over], weight[over], early=True))
        treated, toxic, at, weight = _merged(treated[~over], toxic[~over], following[~over], weight[~over])
    parts = (
        np.concatenate([getattr(end, name) for end in finished]) for name in ("treated", "toxic", "weight", "early")
    )
    return Ends(*parts)


def _ended(treated: Integers, toxic: Integers, weight: Array, early: bool) -> Ends:
    """Trials that are over, wherever their last cohort was."""
    treated, toxic, _, weight = _merged(treated, toxic, np.zeros(len(weight), dtype=np.int64), weight)
    return Ends(treated, toxic, weight, np.full(len(weight), early))


def _cohort(p: Array, weight: Array, size: int, rng: np.random.Generator | None) -> tuple[Integers, Integers, Array]:
    """Branch every state by the toxicities of its next cohort: where each comes from, how many it saw, its weight."""
    from scipy.special import comb

    k = np.arange(size + 1)
    shares = comb(size, k) * p[:, None] ** k * (1 - p[:, None]) ** (size - k)
    if rng is None:
        split = weight[:, None] * shares
    else:
        shares /= shares.sum(axis=1, keepdims=True)
        split = rng.multinomial(weight.astype(np.int64), shares).astype(float)
    parent, seen = np.nonzero(split > 0)
    return parent, seen, split[parent, seen]


def _merged(
    treated: Integers, toxic: Integers, at: Integers, weight: Array
) -> tuple[Integers, Integers, Integers, Array]:
    """Make equal states one, with the sum of their weights."""
    if not len(at):
        return treated, toxic, at, weight
    first, which = alike(treated, toxic, at[:, None])
    sums: Array = np.bincount(which, weight, minlength=len(first)).astype(np.float64)
    return treated[first], toxic[first], at[first], sums


__all__ = ["Ends", "run"]
