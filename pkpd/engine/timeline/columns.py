"""The doses and requested times of many subjects as columns; equal ones stand there once."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from pkpd.arrays import Flags, Integers
from pkpd.dosing import Dose
from pkpd.engine.timeline.lines import lengths, offsets, spread
from pkpd.engine.timeline.segments import LineLayout

_FIELDS = (
    "time", "amount", "rate", "duration", "interval", "additional", "route", "into", "modelled", "steady_state",
    "action", "reset",
)  # fmt: skip
_NUMBERS = 6  # of them
_fields = attrgetter(*_FIELDS)
RATE, DURATION = 1, 2
"""What of an infusion the model computes."""
_MODELLED = {"": 0, "rate": RATE, "duration": DURATION}


class DoseColumns:
    """The doses of many subjects, each set of doses once, in order of time.

    Attributes
    ----------
    of_subject : array of int, shape (subjects,)
        Which set each subject gets.
    begin : array of int, shape (sets + 1,)
        Where each set's doses begin.
    time, amount, rate, duration, interval, additional : arrays, shape (doses,)
        As in `Dose`.
    state, modelled : arrays of int, shape (doses,)
        State that each enters (-1: none); `RATE`, `DURATION` or 0.
    infusion : array of bool, shape (doses,)
        Whether it is one.
    simple : array of bool, shape (sets,)
        Whether all of a set are given, once or repeated, and only add to what is there.
    proportional : array of bool, shape (sets,)
        Whether what arrives of them changes nothing else: no rate is given and nothing modelled.
    """

    def __init__(self, doses: Sequence[Sequence[Dose]], layout: LineLayout) -> None:
        sets, self.of_subject = _distinct(doses, lambda given: tuple(map(_fields, given)))
        self.begin = offsets([len(given) for given in sets])
        rows = [row for given in sets for row in given]
        numbers = np.array([row[:_NUMBERS] for row in rows], dtype=float).reshape(-1, _NUMBERS)
        kinds = [row[_NUMBERS:] for row in rows]
        known = {kind: k for k, kind in enumerate(dict.fromkeys(kinds))}
        codes = np.array([_codes(kind, layout) for kind in known], dtype=np.int64).reshape(-1, 5)
        codes = codes[np.array([known[kind] for kind in kinds], dtype=np.int64)]
        owner = np.arange(len(sets)).repeat(lengths(self.begin))
        order = np.lexsort((numbers[:, 0], owner))  # stable: records at one time stay in their order
        self.time, self.amount, self.rate, self.duration, self.interval, self.additional = numbers[order].T
        self.state, self.modelled, infusion, added, reset = codes[order].T
        self.infusion: Flags = infusion > 0
        self.simple = _all((added > 0) & (reset == 0), owner, len(sets))
        self.proportional = _all((added > 0) & (self.rate == 0) & (self.modelled == 0), owner, len(sets))

    def of(self, sets: Integers) -> tuple[Integers, Integers]:
        """Return, for sets laid end to end, where their doses stand and how many each has."""
        sizes = lengths(self.begin)[sets]
        return spread(self.begin[sets], sizes), sizes


def _codes(kind: tuple[Any, ...], layout: LineLayout) -> tuple[int, int, bool, bool, bool]:
    """State and what is modelled of a dose; whether it is an infusion, is only added, resets."""
    route, into, modelled, steady_state, action, reset = kind
    state = layout.states.get(into, -1) if into else layout.entries.get(route, -1)
    added = state >= 0 and steady_state == "" and action == "add"
    return state, _MODELLED[modelled], route == "infusion", added, bool(reset)


class TimeColumns:
    """The requested times of many subjects, each set of times once.

    Attributes
    ----------
    of_subject : array of int, shape (subjects,)
        Which set each subject is asked for.
    begin : array of int, shape (sets + 1,)
        Where each set's times begin.
    time : array, shape (times,)
        Sorted within every set; of equal ones those before a dose come first.
    late : array of bool, shape (times,)
        Whether the value after a dose is meant.
    order : array of int, shape (times,)
        Place in the set, as asked for, of each sorted time.
    simple : array of bool, shape (sets,)
        Whether all times are finite, and before or after all doses of their time.
    """

    def __init__(self, times: Sequence[Any], after: Sequence[Any]) -> None:
        sets, self.of_subject = _distinct([*zip(times, after, strict=True)], _times_key, inside=True)
        clocks = [np.frombuffer(clock) for clock, _, _ in sets]
        self.begin = offsets([clock.size for clock in clocks])
        self.simple: Flags = np.array(
            [kind == np.bool_ and len(late) == clock.size for clock, (_, kind, late) in zip(clocks, sets, strict=True)],
            dtype=bool,
        )
        late = [
            np.frombuffer(late, dtype=bool) if simple else np.zeros(clock.size, dtype=bool)
            for clock, (_, _, late), simple in zip(clocks, sets, self.simple, strict=True)
        ]
        owner = np.arange(len(sets)).repeat(lengths(self.begin))
        clock, flags = np.concatenate(clocks), np.concatenate(late)
        self.simple &= _all(np.isfinite(clock), owner, len(sets))
        sorted_ = np.lexsort((flags, clock, owner))
        self.time, self.late = clock[sorted_], flags[sorted_]
        self.order: Integers = sorted_ - self.begin[:-1][owner]


def _times_key(asked: tuple[Any, Any]) -> tuple[bytes, Any, bytes]:
    clock, late = np.asarray(asked[0], dtype=float), np.asarray(asked[1])
    return clock.tobytes(), late.dtype, late.tobytes()


def _distinct(given: Sequence[Any], key: Any, inside: bool = False) -> tuple[list[Any], Integers]:
    """Return the keys that differ, and which of them belongs to each item.

    The same object is looked at once; `inside`: an item is a pair whose members may be the same objects.
    """
    seen: dict[Any, int] = {}
    kept = []  # an object that is gone may lend its identity to another
    known: dict[Any, int] = {}
    found = np.empty(len(given), dtype=np.int64)
    for k, item in enumerate(given):
        mark = (id(item[0]), id(item[1])) if inside else id(item)
        number = seen.get(mark)
        if number is None:
            number = seen[mark] = known.setdefault(key(item), len(known))
            kept.append(item)
        found[k] = number
    return [*known], found


def _all(flags: Flags, owner: Integers, count: int) -> Flags:
    """Whether all that belong to each owner are true."""
    everything: Flags = np.bincount(owner[~flags], minlength=count) == 0
    return everything
