"""Why planned doses were not given: less often than planned, an interruption, single omissions, or the end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Flags, Integers

GIVEN, OMITTED, LESS_OFTEN, INTERRUPTED, AFTER_LAST = range(5)
"""What became of a planned dose."""


class Run(NamedTuple):
    """Planned doses in succession that were given, and those after them in succession that were not.

    Attributes
    ----------
    start, empty, stop : int
        Place of the first, of the first that was not given, and the one after the last.
    """

    start: int
    empty: int
    stop: int

    @property
    def shape(self) -> tuple[int, int]:
        """How many were given, and how many were not."""
        return self.empty - self.start, self.stop - self.empty


def fates(day: Integers, block: Integers, filled: Flags, lasting: int) -> Integers:
    """Return what became of every planned dose, as one of `GIVEN` to `AFTER_LAST`.

    Parameters
    ----------
    day, block : array of int, shape (doses,)
        Day of each planned dose and the block that it belongs to.
    filled : array of bool, shape (doses,)
        Whether it was given.
    lasting : int
        A pattern that repeats for at least so many days is a lower frequency; doses that were left out on at least so
        many planned days in succession are an interruption.
    """
    fate = np.where(filled, GIVEN, OMITTED)
    if not filled.any():
        return np.full(len(filled), AFTER_LAST)
    last = int(np.flatnonzero(filled)[-1])
    fate[last + 1 :] = AFTER_LAST
    for b in np.unique(block):
        places = np.flatnonzero(block == b)
        if filled[places].any():
            _less_often(fate, runs(filled, int(places[0]), int(places[-1]) + 1), day, lasting)
    for start, stop in _stretches(fate == OMITTED):
        if len(np.unique(day[start:stop])) >= lasting:
            fate[start:stop] = INTERRUPTED
    return fate


def runs(filled: Flags, start: int, stop: int) -> list[Run]:
    """Return the runs of a block, from its first dose that was given."""
    given = _stretches(filled[start:stop])
    begins = [start + a for a, _ in given]
    empties = [start + b for _, b in given]
    return [Run(*run) for run in zip(begins, empties, [*begins[1:], stop], strict=True)]


def _less_often(fate: Integers, found: list[Run], day: Integers, lasting: int) -> None:
    """Mark what is left out by a pattern that repeats at least once; a longer gap after it has its share of it."""
    k = 0
    while k < len(found):
        given, empty = found[k].shape
        more = k + 1
        while more < len(found) and found[more].shape == (given, empty):
            more += 1
        # The first pattern ends a run at full frequency, so that run has at least as many doses given.
        lead = [run for run in found[max(k - 1, 0) : k] if run.shape[1] == empty and run.shape[0] >= given]
        cycles = [*lead, *found[k:more]]
        days = len(np.unique(day[cycles[0].empty - given : cycles[-1].stop]))
        if empty and len(cycles) >= 2 and days >= lasting:
            for run in cycles:
                fate[run.empty : run.stop] = LESS_OFTEN
            for run in found[more : more + 1]:  # cut short by the end, or a longer gap, which has its share of it
                if run.shape[0] == given:
                    fate[run.empty : min(run.empty + empty, run.stop)] = LESS_OFTEN
        k = more


def _stretches(flags: Flags) -> list[tuple[int, int]]:
    """Return where each stretch of yes begins and the place after it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def reduced_places(fate: Integers, lower: Flags) -> Integers:
    """Return the places of the doses that were reduced: lower ones, and those that a lower frequency begins with.

    A pattern begins with the dose that was given before the first one that it left out.
    """
    less = np.flatnonzero((fate == LESS_OFTEN) & (np.concatenate([[GIVEN], fate[:-1]]) == GIVEN))
    places: Integers = np.concatenate([np.flatnonzero(lower), np.maximum(less - 1, 0)])
    return places
