"""Compartments that are turned on and off: a model with a 0/1 covariate for each, and rows of values that change it.

A compartment that is off holds nothing and gives nothing; what flows to it from others is lost to them all the same
(NONMEM Users Guide VI, section V.H). A dose turns its compartment on when it enters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.dosing import Dose
from pkpd.model import Model, expressions
from pkpd.observed.every_record import EveryRecord
from pkpd.records import Changes

Status = tuple[bool, ...]
MOST = 1_000_000  # doses of one record; more are an error elsewhere


def covariate(state: str) -> str:
    """Name of the covariate that says whether a state is on."""
    return f"on_{state}"


def switched(model: Model, states: Iterable[str]) -> Model:
    """Return the model with states that can be turned off by covariates ``on_<state>`` of 1 and 0.

    Parameters
    ----------
    model : Model
        The model.
    states : iterable of str
        States that can be turned off. While one is off, its amount fades (so that there is a steady state) and nobody
        sees it.
    """
    chosen = tuple(states)
    seen = {expressions.symbol(s): expressions.symbol(covariate(s)) * expressions.symbol(s) for s in chosen}

    def text(old: str) -> str:
        return expressions.text_of(expressions.parse(old).xreplace(seen))

    equations = {}
    for state, old in model.equations.items():
        new = text(old)
        on = covariate(state)
        equations[state] = f"{on}*({new}) - (1 - {on})*{state}" if state in chosen else new
    return replace(
        model,
        equations=equations,
        outputs={name: text(old) for name, old in model.outputs.items()},
        covariates=(*model.covariates, *(covariate(s) for s in chosen)),
    )


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of values of one subject once its switches are rows, too.

    Attributes
    ----------
    row : array of int
        Row of covariates, within the subject, of each row of values.
    status : array, rows × states
        1 where a state is on.
    changes : Changes
        When the second, third … row begins to hold; those that only records refer to never do.
    dose_rows, time_rows : tuple of int
        As in `EveryRecord`.
    """

    row: Integers
    status: Array
    changes: Changes
    dose_rows: tuple[int, ...]
    time_rows: tuple[int, ...]


def rows_of(
    records: EveryRecord, subject: int, chosen: Sequence[str], entered: Sequence[tuple[float, str, int]]
) -> Rows:
    """Return one subject's rows of values with the status of every chosen state.

    Parameters
    ----------
    records : EveryRecord
        The records.
    subject : int
        Place of the subject.
    chosen : sequence of str
        States that can be turned off.
    entered : sequence
        When doses enter which state, and the number of doses up to each.
    """
    events = [(s.time, s.place, s.state, s.on) for s in records.switches[subject]]
    events += [(time, place, state, True) for time, state, place in entered if state in chosen]
    events.sort(key=lambda event: event[:2])
    moments: list[tuple[float, int, int, Status | None]] = []  # time, late, row of covariates (-1: the same), status
    own = records.changes[subject]
    moments += [(t, int(own.late[k]), k + 1, None) for k, t in enumerate(own)]
    moments += _moments(events, chosen)
    moments.sort(key=lambda moment: moment[:2])
    row, status = 0, (True,) * len(chosen)
    table: list[tuple[int, Status]] = [(row, status)]
    times: list[tuple[float, bool]] = []
    for time, late, new, now in moments:
        row, status = row if new < 0 else new, status if now is None else now
        table.append((row, status))
        times.append((time, bool(late)))
    places = {pair: k for k, pair in enumerate(table)}

    def place(pair: tuple[int, Status]) -> int:
        if pair not in places:
            places[pair] = len(table)
            table.append(pair)
            times.append((np.inf, False))
        return places[pair]

    seen = [
        place((r, _status(events, chosen, t, int(p))))
        for r, t, p in zip(records.time_rows[subject], records.times[subject], records.after[subject], strict=True)
    ]
    given = [
        place((r, _status(events, chosen, d.time, k + 1)))
        for k, (r, d) in enumerate(zip(records.dose_rows[subject], records.doses[subject], strict=True))
    ]
    return Rows(
        np.array([r for r, _ in table]), np.array([s for _, s in table], dtype=float).reshape(-1, len(chosen)),
        Changes([t for t, _ in times], [late for _, late in times]), tuple(given), tuple(seen),
    )  # fmt: skip


Event = tuple[float, int, str, bool]


def _after(status: Status, event: Event, chosen: Sequence[str]) -> Status:
    return tuple(event[3] if event[2] in ("", s) else was for s, was in zip(chosen, status, strict=True))


def _status(events: Sequence[Event], chosen: Sequence[str], time: float, place: int) -> Status:
    """What is on at a time once so many doses stand before."""
    status: Status = (True,) * len(chosen)
    for event in events:
        if event[:2] <= (time, place):
            status = _after(status, event, chosen)
    return status


def _moments(events: Sequence[Event], chosen: Sequence[str]) -> list[tuple[float, int, int, Status | None]]:
    """When which status begins: what is turned on is on before its time's doses, what is off is so after them."""
    found: list[tuple[float, int, int, Status | None]] = []
    status: Status = (True,) * len(chosen)
    for time in dict.fromkeys(event[0] for event in events):
        during, final = status, status
        for event in events:
            if event[0] == time:
                final = _after(final, event, chosen)
                during = tuple(a or b for a, b in zip(during, final, strict=True))
        if during != status:
            found.append((time, 0, -1, during))
        if final != during:
            found.append((time, 1, -1, final))
        status = final
    return found


def arrivals(doses: Sequence[Dose], lags: Sequence[float], until: float) -> list[tuple[float, str, int]]:
    """Return when doses enter which state, with the number of doses up to each."""
    found = []
    for k, (dose, lag) in enumerate(zip(doses, lags, strict=True)):
        if not dose.into or dose.action != "add" or (dose.reset and dose.amount == 0 and not dose.steady_state):
            continue
        seen = max(until - dose.time - lag, 0.0) / dose.interval if dose.additional else 0.0
        for j in range(math.floor(min(dose.additional, seen, MOST)) + 1):
            found.append((dose.time + j * dose.interval + lag, dose.into, k + 1))
        if dose.steady_state:
            found.append((dose.time, dose.into, k + 1))
    return found
