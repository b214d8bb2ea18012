"""Time lines of many subjects computed at once are those that are built one after the other, bit for bit."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Compiled, Schedule, compile_model
from pkpd.engine.timeline import schedule as room
from pkpd.errors import InputError
from pkpd.model import Model

SEED = 20261129
PARAMETERS = {"ka": 1.0, "k": 0.2, "F": 0.7, "FA": 0.9, "L": 0.5, "R": 10.0, "D": 2.0}
SLOPES = ("F", "L", "D", "k", "R")
LAGS = {"A": "L/2"}  # what enters G is not late: at one time some doses move with the lag and others do not


def model(**dosing: Any) -> Model:
    """Two compartments of which the doses say what is asked for."""
    equations = {"A": "ka*G - k*A", "G": "-ka*G"}
    doses = {"bolus": "A", "infusion": "A", "oral": "G"}
    return define(equations, PARAMETERS, outputs={"A": "A"}, doses=doses, **dosing)


def dose(rng: np.random.Generator, modelled: bool, simple: bool) -> Dose:
    """A dose at random; few hours make equal times likely."""
    time = float(3 * rng.integers(0, 5)) if rng.random() < 0.7 else float(rng.uniform(-3, 30))
    amount = 0.0 if rng.random() < 0.05 else float(rng.uniform(1, 100))
    more = {"additional": int(rng.integers(1, 5)), "interval": float(rng.choice([3.0, 6.0, 2.5]))}
    again: dict[str, Any] = more if rng.random() < 0.3 else {}
    ways = [
        lambda: Dose(time, amount, "oral", **again),
        lambda: Dose(time, amount, **again),
        lambda: Dose(time, amount, into="G", **again),
        lambda: Dose(time, amount, "infusion", duration=float(rng.choice([1.0, 2.0, 5.5])), **again),
        lambda: Dose(time, amount, "infusion", rate=float(rng.uniform(1, 50)), **again),
        lambda: Dose(time, amount, "infusion", modelled="rate", **again) if modelled else Dose(time, amount),
        lambda: Dose(time, amount, "infusion", modelled="duration", **again) if modelled else Dose(time, amount),
        lambda: Dose(time, amount, reset=True),
        lambda: Dose(time, amount, steady_state="instead", interval=5.0),
        lambda: Dose(time, amount, action="multiply"),
    ]
    return ways[rng.integers(7 if simple else len(ways))]()


def outcome(code: Compiled, call: tuple[Any, ...]) -> list[Any]:
    """All arrays of a schedule as bytes, or the problems."""
    try:
        found = code.schedule(*call)
    except InputError as error:
        return [str(error)]
    own = {field.name: getattr(found, field.name) for field in fields(Schedule) if field.init}
    trains = own.pop("trains")
    arrays = {name: None if a is None else (a.dtype.str, a.shape, a.tobytes()) for name, a in own.items()}
    return [arrays, len(trains)]


@pytest.mark.parametrize("slopes", [(), SLOPES])
@pytest.mark.parametrize("said", ["nothing", "share", "lag", "all"])
def test_at_once_is_one_by_one(said: str, slopes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Random doses of every kind, shared or not; some regimens hold what is never computed at once."""
    share: dict[str, Any] = {} if said == "nothing" else {"bioavailability": {"A": "FA", "G": "F"}}
    lag = {"lag": LAGS} if said in ("lag", "all") else {}
    infusions = {"infusion_rate": {"A": "R"}, "infusion_duration": {"A": "D"}} if said == "all" else {}
    code = compile_model(model(**share, **lag, **infusions), slopes)
    at_once, used = room.lines_at_once, []

    def counted(*arguments: Any) -> Any:
        lines, sound = at_once(*arguments)
        used.append(int(sound.sum()))
        return lines, sound

    calls = [a_call(np.random.default_rng([SEED, k]), said == "all") for k in range(25)]
    monkeypatch.setattr(room, "lines_at_once", counted)
    together = [outcome(code, call) for call in calls]
    assert sum(used) > 50
    monkeypatch.setattr(room, "_at_once", lambda asked, *_: (None, np.full(len(asked.doses), -1)))
    assert together == [outcome(code, call) for call in calls]


@pytest.mark.parametrize("first", ["oral", "bolus"])
def test_a_dose_that_moves_with_a_lag_has_a_segment_of_its_own(first: str) -> None:
    """Although another enters at that time: the lag is zero, its derivative is not."""
    code = compile_model(model(lag=LAGS), SLOPES)
    values = np.array([[*PARAMETERS.values()]] * 2)
    values[:, 4] = 0.0
    doses = [tuple(Dose(3.0, 1.0, route) for route in (first, "oral" if first == "bolus" else "bolus"))] * 2
    found = code.schedule(values, doses, [np.array([4.0])] * 2, [np.zeros(1, bool)] * 2)
    assert found.start.tolist() == [0.0, 0.0, 3.0, 3.0] * 2
    assert found.dstart[:, 1].tolist() == [0.0, 0.0, *((0.0, 0.5) if first == "oral" else (0.5, 0.0))] * 2


@pytest.mark.parametrize("way", ["at once", "one by one"])
def test_an_infusion_ends_before_what_is_given_at_that_time(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end at 3 h moves with the lag and has the first segment there; the oral dose does not and has the second."""
    if way == "one by one":
        monkeypatch.setattr(room, "_at_once", lambda asked, *_: (None, np.full(len(asked.doses), -1)))
    code = compile_model(model(lag=LAGS), SLOPES)
    values = np.array([[*PARAMETERS.values()]] * 2)
    values[:, 4] = 0.0
    doses = [(Dose(0.0, 30.0, "infusion", duration=3.0), Dose(3.0, 1.0, "oral"))] * 2
    found = code.schedule(values, doses, [np.array([4.0])] * 2, [np.zeros(1, bool)] * 2)
    assert found.start.tolist() == [0.0, 0.0, 3.0, 3.0] * 2
    assert found.dstart[:, 1].tolist() == [0.0, 0.5, 0.5, 0.0] * 2


def a_call(rng: np.random.Generator, modelled: bool) -> tuple[Any, ...]:
    """Values, doses, times, flags and changes of a few subjects, some of whom share some of them."""
    count, simple = int(rng.integers(1, 12)), rng.random() < 0.7
    table = np.array([*PARAMETERS.values()]) * np.exp(rng.normal(0, 0.3, (count, len(PARAMETERS))))
    if rng.random() < 0.3:
        table[:, 4] = 0.0  # no lag after all
    sets = [tuple(dose(rng, modelled, simple) for _ in range(rng.integers(0, 5))) for _ in range(4)]
    clocks = [np.round(rng.uniform(-2, 40, rng.integers(0, 9)), int(rng.integers(0, 3))) for _ in range(3)]
    flags = [rng.random(clock.size) < 0.5 for clock in clocks]
    given, wanted = rng.integers(0, 4, count), rng.integers(0, 3, count)
    doses = [sets[k] if rng.random() < 0.7 else [*sets[k]] for k in given]
    times = [clocks[k] if rng.random() < 0.5 else clocks[k].copy() for k in wanted]
    changes = [(5.0,) if rng.random() < 0.2 else () for _ in range(count)]
    table = np.repeat(table, [1 + len(own) for own in changes], axis=0)
    return table, doses, times, [flags[k] for k in wanted], changes


def test_whom_nothing_distinguishes_share_a_line() -> None:
    """Not so those for whom the model says something of their doses."""
    clock, late, given = np.array([1.0, 2.0]), np.zeros(2, bool), (Dose(0.0, 1.0),)
    values = np.array([[*PARAMETERS.values()]] * 3)
    plain = compile_model(model()).schedule(values, [given, [*given], given], [clock, clock.copy(), clock], [late] * 3)
    assert plain.line_of_subject.tolist() == [0, 0, 0]
    lagged = compile_model(model(lag=LAGS)).schedule(values, [given] * 3, [clock] * 3, [late] * 3)
    assert lagged.line_of_subject.tolist() == [0, 1, 2]
    assert np.diff(lagged.segments).tolist() == [3, 3, 3]
