"""Who gets which dose: cohorts of dose escalation, then the expansion at the dose that was chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Flags, Integers
from pkpd.trial.escalation.states import STOP, Design, States, first_level

NOBODY = -1
"""Level and cohort of a patient whom a trial did not enrol."""


@dataclass(frozen=True, eq=False)
class Enrolment:
    """Trials, one a row, and their patients in the order of enrolment.

    Attributes
    ----------
    level : array of int, shape (trials, patients)
        Dose level, `NOBODY` for a patient who was not enrolled.
    cohort : array of int, shape (trials, patients)
        Number of the cohort from 1; 0 in the expansion, `NOBODY` for a patient who was not enrolled.
    treated, toxic : array of int, shape (trials, levels)
        Evaluable patients of the escalation, and those with a dose-limiting toxicity.
    chosen : array of int, shape (trials,)
        Level of the expansion, `STOP` where no dose is recommended.
    complete : array of bool, shape (trials,)
        Whether the rule ended the escalation, or its planned number; not the lack of patients.
    steps : array of int, shape (trials, steps, 4)
        Of every cohort: level, evaluable patients, toxicities, level that followed (`STOP`: none); rows after the end
        are −2.
    """

    level: Integers
    cohort: Integers
    treated: Integers
    toxic: Integers
    chosen: Integers
    complete: Flags
    steps: Integers


def enrol(design: Design, toxic: Flags, evaluable: Flags) -> Enrolment:
    """Return who is treated at which level.

    Cohorts take the next patients until enough of them can be evaluated; who cannot is replaced. What is left of the
    patients is the expansion.

    Parameters
    ----------
    design : Design
        The rule of escalation.
    toxic : array of bool, shape (trials, patients, levels)
        Whether a patient would have a dose-limiting toxicity at each level.
    evaluable : array of bool, shape (trials, patients)
        Whether a patient could be evaluated without a toxicity; with one everybody can.
    """
    trials, patients, levels = toxic.shape
    every = np.arange(trials)
    level = np.full((trials, patients), NOBODY, dtype=np.int64)
    cohort = np.full((trials, patients), NOBODY, dtype=np.int64)
    treated, seen = np.zeros((trials, levels), dtype=np.int64), np.zeros((trials, levels), dtype=np.int64)
    at, next_one = np.full(trials, first_level(design)), np.zeros(trials, dtype=np.int64)
    going, complete = np.ones(trials, dtype=bool), np.zeros(trials, dtype=bool)
    steps: list[Integers] = []
    while going.any():
        last, size, wanted = (np.zeros(trials, dtype=np.int64) for _ in range(3))
        for k in every[going]:
            wanted[k] = min(design.size, design.most - treated[k].sum())
            events = toxic[k, next_one[k] :, at[k]]
            counted = events | evaluable[k, next_one[k] :]
            enough = np.searchsorted(np.cumsum(counted), wanted[k])
            who = slice(next_one[k], min(next_one[k] + enough + 1, patients))
            length = who.stop - who.start
            level[k, who], cohort[k, who] = at[k], len(steps) + 1
            size[k], last[k] = counted[:length].sum(), events[:length].sum()
            next_one[k] = who.stop
        treated[every, at] += size
        seen[every, at] += last
        following = np.full(trials, STOP, dtype=np.int64)
        ready = going & (size == wanted)
        if ready.any():
            followed, _ = design.decide(States(treated[ready], seen[ready], at[ready], last[ready], size[ready]))
            following[ready] = np.where(treated[ready].sum(axis=1) >= design.most, STOP, followed)
        complete |= ready & (following == STOP)
        step = np.stack([at, size, last, following], axis=1)
        steps.append(np.where(going[:, None], step, -2))
        going = ready & (following != STOP)
        at = np.where(going, following, at)
    chosen = np.where(complete, design.recommended(treated, seen), STOP)
    rest = (level == NOBODY) & (chosen != STOP)[:, None]
    level = np.where(rest, chosen[:, None], level)
    cohort[rest] = 0
    return Enrolment(level, cohort, treated, seen, chosen, complete, np.stack(steps, axis=1))


__all__ = ["NOBODY", "Enrolment", "enrol"]
