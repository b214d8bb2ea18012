"""One visit of a rule for dose reductions, for many patients at once: where they stood, what was seen, what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pkpd.arrays import Flags, Integers

STOPPED = -1
"""Instead of a level: treatment has ended for good."""

CONTINUE, HOLD, REDUCE, STOP = range(4)
ACTIONS = ("continue", "hold", "reduce", "stop")
"""What a grade can do, in the order of weight."""

(_GIVEN, _TOLERATED, _HELD, _REDUCED, _LOWERED, _STOPPED, _BELOW, _WAITS, _NOT_YET, _WORSE, _RESUMED, _TOO_LONG,
 _RAISED, _OFF) = range(14)  # fmt: skip

DONE = ("give", "give", "hold", "hold and reduce", "reduce", "stop", "stop", "hold", "hold", "hold and reduce",
        "resume", "stop", "raise", "none")  # fmt: skip
"""What was done, in the order of the codes."""


class DoseState(NamedTuple):
    """Where patients stand after a visit; arrays of integers of one shape.

    Attributes
    ----------
    level : array of int
        Place of the dose among the levels of the rule, that of the next dose while doses are held; −1: stopped.
    held : array of int
        Visits without a dose that are left, this one included; 0: doses are given from this visit on.
    worst : array of int
        Worst grade that the present hold has seen; 0 without one.
    waited : array of int
        Visits of the present hold so far.
    tolerated : array of int
        Visits with a grade 2 that changed nothing.
    well : array of int
        Visits in succession, after dosing at this level, with a grade at which doses may be resumed.
    """

    level: Integers
    held: Integers
    worst: Integers
    waited: Integers
    tolerated: Integers
    well: Integers

    @property
    def dosed(self) -> Flags:
        """Whether doses are given from this visit to the next."""
        found: Flags = (self.level >= 0) & (self.held == 0)
        return found


@dataclass(frozen=True)
class Steps:
    """What `advance` needs to know of a rule.

    Attributes
    ----------
    levels : int
        How many dose levels there are.
    action : tuple of int
        By grade 0 to 5: `CONTINUE`, `HOLD`, `REDUCE` or `STOP`.
    hold, longest : int
        Least and largest number of visits of a hold; longest 0: without an end.
    resume : int
        Highest grade at which doses are resumed.
    tolerated : int
        So many visits with grade 2 change nothing.
    raise_after : int
        So many visits in succession that are well raise a reduced dose by one level; 0: it stays reduced.
    """

    levels: int
    action: tuple[int, ...]
    hold: int
    longest: int
    resume: int
    tolerated: int
    raise_after: int


def begin(shape: int | tuple[int, ...]) -> DoseState:
    """Return patients who start at the first level."""
    return DoseState(*(np.zeros(shape, dtype=np.int64) for _ in DoseState._fields))


def advance(rule: Steps, before: DoseState, grade: Integers) -> tuple[DoseState, Integers]:
    """Return where everybody stands after a visit, and by which sentence of `reasons`.

    Parameters
    ----------
    rule : Steps
        The rule.
    before : DoseState
        After the visit before.
    grade : array of int, of the shape of the state
        What was seen at this visit, 0 to 5.
    """
    level, held, worst, waited, tolerated, well = before
    action = np.array(rule.action)
    off, on_hold = level == STOPPED, held > 0
    wants = action[grade]
    good = grade <= rule.resume
    last = level == rule.levels - 1
    # While doses are held, only what weighs more than the reason of the hold counts; a level is lost once a hold.
    worse = on_hold & (wants > action[worst]) & (wants == REDUCE)
    ends = on_hold & (held == 1) & good
    too_long = on_hold & ~ends & (waited >= rule.longest) if rule.longest else np.zeros_like(on_hold)
    spared = ~on_hold & (grade == 2) & ((wants == HOLD) | (wants == REDUCE)) & (tolerated < rule.tolerated)
    reduces = ~on_hold & ~spared & (wants == REDUCE)
    now_well = np.where(good, well + 1, 0)
    up = ~on_hold & good & (level > 0) & (now_well >= rule.raise_after) if rule.raise_after else np.zeros_like(on_hold)
    cases = {
        _OFF: off,
        _STOPPED: wants == STOP,
        _BELOW: (reduces | worse) & last,
        _TOO_LONG: too_long,
        _WORSE: worse,
        _RESUMED: ends,
        _NOT_YET: on_hold & (held == 1),
        _WAITS: on_hold,
        _TOLERATED: spared,
        _REDUCED if rule.hold else _LOWERED: reduces,
        _HELD: wants == HOLD,
        _RAISED: up,
    }
    code = np.select(list(cases.values()), list(cases), _GIVEN)
    over = np.isin(code, (_OFF, _STOPPED, _BELOW, _TOO_LONG))
    begins = np.isin(code, (_HELD, _REDUCED))
    stays = np.isin(code, (_WAITS, _NOT_YET, _WORSE))
    down = np.isin(code, (_REDUCED, _LOWERED, _WORSE)).astype(np.int64)
    up = code == _RAISED
    at_level = np.isin(code, (_GIVEN, _TOLERATED))
    after = DoseState(
        level=np.where(over, STOPPED, level + down - up),
        held=np.where(begins, rule.hold, np.where(stays, np.maximum(held - 1, 1), 0)),
        worst=np.where(begins, grade, np.where(stays, np.maximum(worst, grade), 0)),
        waited=np.where(begins, 1, np.where(stays, waited + 1, 0)),
        tolerated=np.where(over, 0, tolerated + (code == _TOLERATED)),
        well=np.where(at_level, now_well, 0),
    )
    return after, code


def reasons(rule: Steps) -> tuple[str, ...]:
    """Return what may be said of a visit, in the order of the codes."""
    visits = f"{rule.hold} visit{'s' if rule.hold != 1 else ''}"
    until = f"until grade ≤ {rule.resume}"
    return (
        "this grade changes nothing",
        f"grade 2, one of the first {rule.tolerated} times: tolerated",
        f"held for at least {visits} and {until}",
        f"held for at least {visits} and {until}, then one level lower",
        "one level lower at once",
        "this grade ends treatment",
        "it asks for a level below the lowest one: treatment ends",
        f"the hold of at least {visits} goes on",
        f"not yet grade ≤ {rule.resume}",
        "worse than what the hold was for: one level lower afterwards",
        f"grade ≤ {rule.resume} again",
        f"grade > {rule.resume} after {rule.longest} visits without a dose: treatment ends"
        if rule.resume < 5 else "",
        f"grade ≤ {rule.resume} at {rule.raise_after} visits in succession: one level higher",
        "treatment had ended",
    )  # fmt: skip
