"""Rules of PREDPP that its manual states, against arithmetic written out here; by closed form and integrated.

Sources: NONMEM Users Guide VI, chapter V (sections B, C, F.4, H) and NONMEM help, "dose event record", "SS dose event
record", "CMT", "EVID". No NONMEM run stands behind these; those that do are in ``test_nonmem_anchors.py``.
"""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from pkpd import define, predict
from pkpd.errors import InputError
from pkpd.io import read_nonmem
from pkpd.model import Model

K = 0.1
BOTH = pytest.mark.parametrize("linear", ["closed form", "ode"])


def one(**parts: object) -> Model:
    """One compartment that loses a tenth per hour; F1, LAG, D1, R1 and K1 may come from the records."""
    rate = parts.pop("rate", K)
    return define({"A": f"-{rate}*A"}, {"k": K}, outputs={"C": "A + 0"}, doses={"bolus": "A", "infusion": "A"}, **parts)


def two() -> Model:
    return define(
        {"G": "-0.5*G", "A": f"0.5*G - {K}*A"}, {"k": K}, outputs={"C": "A + 0", "depot": "G + 0"},
        doses={"oral": "G", "bolus": "A", "infusion": "A"},
    )  # fmt: skip


def answers(model: Model, rows: list[dict[str, float]], linear: str, output: str = "C") -> np.ndarray:
    table = pandas.DataFrame(rows).fillna(0.0).assign(ID=1)
    return predict(model, read_nonmem(table), linear=linear)[output].to_numpy()


def close(found: object, expected: object, linear: str) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10 if linear == "closed form" else 1e-6, atol=1e-8)


def dose(time: float, amount: float = 100, **more: float) -> dict[str, float]:
    return {"TIME": time, "EVID": 1, "AMT": amount, "CMT": 1, **more}


def seen(time: float, **more: float) -> dict[str, float]:
    return {"TIME": time, "EVID": 0, "AMT": 0, "CMT": 1, **more}


def left(*given: tuple[float, float], at: float) -> float:
    """What is left at a time of amounts given at times."""
    return float(sum(amount * np.exp(-K * (at - time)) for time, amount in given if time <= at))


def infused(rate: float, begin: float, end: float, at: float) -> float:
    """What is left at a time of an infusion."""
    stop = min(end, at)
    return 0.0 if at <= begin else rate / K * (1 - np.exp(-K * (stop - begin))) * np.exp(-K * (at - stop))


@BOTH
def test_an_additional_dose_has_the_lag_of_its_record_and_the_bioavailability_of_its_arrival(linear: str) -> None:
    model = one(lag={"A": "LAG"}, bioavailability={"A": "F1"}, covariates=("LAG", "F1"))
    rows = [
        dose(0, ADDL=2, II=10, LAG=3, F1=0.5), seen(2, LAG=0, F1=0.6), seen(6, LAG=0, F1=0.7),
        seen(13, LAG=0, F1=0.8), seen(23.5, LAG=0, F1=0.9), seen(30, LAG=0, F1=1.0),
    ]  # fmt: skip
    given = [(3, 70.0), (13, 80.0), (23, 90.0)]  # the second arrives at a record's very time
    close(answers(model, rows, linear), [left(*given, at=r["TIME"]) for r in rows], linear)


@BOTH
def test_a_dose_without_a_lag_has_the_values_of_its_record(linear: str) -> None:
    model = one(bioavailability={"A": "F1"}, covariates=("F1",))
    rows = [seen(0, F1=0.2), dose(1, F1=0.5), seen(1, F1=0.9), seen(4, F1=0.7)]
    close(answers(model, rows, linear)[1:], [50.0, 50.0, left((1, 50.0), at=4)], linear)


@BOTH
def test_a_modelled_duration_is_that_of_the_arrival_and_stays(linear: str) -> None:
    model = one(lag={"A": "1.0"}, infusion_duration={"A": "D1"}, covariates=("D1",))
    rows = [dose(0, RATE=-2, ADDL=1, II=10, D1=9), seen(2, D1=4), seen(3, D1=2), seen(12, D1=5), seen(20, D1=7)]
    runs = [(25.0, 1.0, 5.0), (20.0, 11.0, 16.0)]
    expected = [sum(infused(*run, at=r["TIME"]) for run in runs) for r in rows]
    close(answers(model, rows, linear), expected, linear)


@BOTH
def test_a_modelled_rate_changes_while_it_runs_until_all_is_in(linear: str) -> None:
    model = one(infusion_rate={"A": "R1"}, covariates=("R1",))
    rows = [dose(0, RATE=-1, R1=5), seen(2, R1=10), seen(5, R1=20), seen(6, R1=40), seen(9, R1=80)]
    runs: list[tuple[float, float, float]] = []
    left_over, begin = 100.0, 0.0
    for row in rows[1:]:  # every record's rate holds up to it
        length = min(row["TIME"] - begin, left_over / row["R1"])
        runs.append((row["R1"], begin, begin + length))
        left_over, begin = left_over - length * row["R1"], row["TIME"]
    assert left_over == 0
    expected = [sum(infused(*run, at=r["TIME"]) for run in runs) for r in rows]
    close(answers(model, rows, linear), expected, linear)


@BOTH
def test_a_steady_state_has_the_values_of_its_own_record(linear: str) -> None:
    model = one(rate="K1", covariates=("K1",))
    rows = [dose(0, SS=1, II=8, K1=0.2), seen(5, K1=0.4), seen(7, K1=0.1)]
    top = 100 / (1 - np.exp(-0.2 * 8))
    close(answers(model, rows, linear), [top, top * np.exp(-2.0), top * np.exp(-2.2)], linear)


@BOTH
def test_a_steady_state_among_records_of_its_time(linear: str) -> None:
    """Records of one time with values of their own: the steady state has its own, what follows that of its end."""
    model = one(rate="K1", lag={"A": "LAG"}, covariates=("K1", "LAG"))
    rows = [seen(0, K1=0.5), seen(5, K1=0.3), dose(5, SS=1, II=8, K1=0.2), seen(5, K1=0.9), seen(7, K1=0.1)]
    top = 100 / (1 - np.exp(-0.2 * 8))
    close(answers(model, [{**row, "LAG": 0} for row in rows], linear), [0, 0, top, top, top * np.exp(-0.2)], linear)


@BOTH
def test_a_steady_state_while_another_compartment_is_off(linear: str) -> None:
    rows = [dose(0), {"TIME": 2, "EVID": 2, "CMT": -1}, dose(3, 20, SS=1, II=6, CMT=2), seen(3), seen(5)]
    top = 20 / (1 - np.exp(-0.6))
    close(answers(two(), rows, linear)[2:], [top, top, top * np.exp(-0.2)], linear)


@BOTH
def test_records_at_one_time_act_in_their_order(linear: str) -> None:
    rows = [
        seen(0), dose(0), seen(0), dose(0, 50), seen(0), {"TIME": 0, "EVID": 3, "AMT": 0, "CMT": 0}, seen(0),
        dose(0, 7), seen(0), dose(0, 30, SS=1, II=5), seen(0), dose(0, 9, SS=2, II=5), seen(0), seen(2),
    ]  # fmt: skip
    first, second = 30 / (1 - np.exp(-0.5)), 9 / (1 - np.exp(-0.5))
    both = first + second
    expected = [0, 100, 100, 150, 150, 0, 0, 7, 7, first, first, both, both, both * np.exp(-0.2)]
    close(answers(one(), rows, linear), expected, linear)


@BOTH
def test_steady_state_three_is_one(linear: str) -> None:
    rows = [dose(0, 40), dose(3, SS=1, II=8, ADDL=1), seen(4), seen(12)]
    three = [{**row, "SS": 3} if row.get("SS") else row for row in rows]
    np.testing.assert_array_equal(answers(one(), three, linear), answers(one(), rows, linear))


@BOTH
def test_constant_infusions_that_end(linear: str) -> None:
    """A rate, the modelled rate, and none (what the model makes by itself); a lag does not act on them."""
    made = define(
        {"A": f"2 - {K}*A"}, {"k": K}, outputs={"C": "A + 0"}, doses={"bolus": "A", "infusion": "A"},
        infusion_rate={"A": "4.0"}, lag={"A": "1.5"},
    )  # fmt: skip
    for rate, level in ((6.0, 80.0), (-1.0, 60.0), (0.0, 20.0)):
        rows = [dose(1, 0, RATE=rate, SS=1), seen(1), seen(3)]
        close(answers(made, rows, linear), [level, level, 20 + (level - 20) * np.exp(-0.2)], linear)


@BOTH
def test_a_reset_may_start_the_clock_anew(linear: str) -> None:
    rows = [dose(0), seen(30), {"TIME": 0, "EVID": 4, "AMT": 50, "CMT": 1, "ADDL": 1, "II": 6}, seen(4), seen(8),
            {"TIME": -2, "EVID": 3, "AMT": 0, "CMT": 0}, seen(1), dose(2, 10), seen(3)]  # fmt: skip
    expected = [100, left((0, 100), at=30), 50, left((0, 50), at=4), left((0, 50), (6, 50), at=8), 0, 0, 10,
                left((2, 10), at=3)]  # fmt: skip
    close(answers(one(), rows, linear), expected, linear)


def test_a_model_that_uses_time_is_told_of_a_clock_that_starts_anew() -> None:
    rows = [dose(0), seen(30), {"TIME": 0, "EVID": 4, "AMT": 50, "CMT": 1}, seen(4)]
    model = define({"A": "-0.1*A"}, {"k": K}, outputs={"C": "A*exp(-0.01*t)"}, doses={"bolus": "A"})
    with pytest.raises(InputError, match="row 3, column TIME: time starts anew, and the model uses 't'"):
        answers(model, rows, "closed form")
    assert np.isfinite(answers(model, rows[:2], "closed form")).all()


@BOTH
def test_a_compartment_that_is_off_holds_and_gives_nothing(linear: str) -> None:
    """The depot is off from 2 to 4 h, then a dose turns it on; the central one from 6 to 7 h."""
    rows = [
        dose(0), seen(2), {"TIME": 2, "EVID": 2, "CMT": -1}, seen(2), seen(3), dose(4, 40), seen(5),
        {"TIME": 6, "EVID": 2, "CMT": -2}, seen(6.5), {"TIME": 7, "EVID": 2, "CMT": 2}, seen(7), seen(9),
    ]  # fmt: skip

    def bateman(amount: float, t: float) -> float:
        return amount * 0.5 / 0.4 * float(np.exp(-K * t) - np.exp(-0.5 * t))

    at2 = bateman(100, 2)
    at5 = at2 * np.exp(-0.3) + bateman(40, 1)
    depot7 = 40 * np.exp(-1.5)  # what it loses meanwhile is lost
    expected = [0, at2, at2, at2, at2 * np.exp(-0.1), at2 * np.exp(-0.2), at5, 0, 0, 0, 0, bateman(depot7, 2)]
    close(answers(two(), rows, linear), expected, linear)
    depot = [100, 100 * np.exp(-1), 0, 0, 0, 40, 40 * np.exp(-0.5), 40 * np.exp(-1), 40 * np.exp(-1.25), depot7, depot7,
             40 * np.exp(-2.5)]  # fmt: skip
    close(answers(two(), rows, linear, "depot"), depot, linear)


@BOTH
def test_on_and_off_by_observations_resets_and_lagged_doses(linear: str) -> None:
    model = define(
        {"A": f"-{K}*A"}, {"k": K}, outputs={"C": "A + 0"}, doses={"bolus": "A", "infusion": "A"}, lag={"A": "2.0"}
    )
    rows = [
        dose(0), seen(3, CMT=-1), seen(3), dose(4), seen(5), seen(7), {"TIME": 8, "EVID": 3, "CMT": -1}, seen(8),
        dose(8, SS=1, II=4), seen(8), seen(9), seen(11),
    ]  # fmt: skip
    steady = 100 / (1 - np.exp(-0.4))
    later = [steady * np.exp(-0.2), steady * np.exp(-0.2), steady * np.exp(-0.3), steady * np.exp(-0.1)]
    expected = [0, left((2, 100), at=3), 0, 0, 0, left((6, 100), at=7), 0, 0, *later]
    close(answers(model, rows, linear), expected, linear)


def test_compartments_may_be_called_by_their_states() -> None:
    numbers = [dose(0), {"TIME": 2, "EVID": 2, "CMT": -1}, seen(3, CMT=2), dose(4, CMT=2), seen(5)]
    named = [{**row, "CMT": {1: "G", 2: "A", -1: "-G"}[int(row["CMT"])]} for row in numbers]
    np.testing.assert_array_equal(answers(two(), named, "closed form"), answers(two(), numbers, "closed form"))
    with pytest.raises(InputError, match="compartment X is no state"):
        answers(two(), [{**dose(0), "CMT": "X"}, seen(1)], "closed form")


@BOTH
def test_an_infusion_into_a_state_without_a_route(linear: str) -> None:
    model = define({"G": "-0.5*G", "A": f"0.5*G - {K}*A"}, {"k": K}, outputs={"C": "A + 0"}, doses={"oral": "G"})
    rows = [dose(0, 40, RATE=10, CMT=2), seen(2), seen(6)]
    close(answers(model, rows, linear), [0, infused(10, 0, 4, 2), infused(10, 0, 4, 6)], linear)


@pytest.mark.parametrize("seed", range(6))
@BOTH
def test_random_regimens_are_the_sum_of_their_doses(seed: int, linear: str) -> None:
    """Lags beyond intervals, overlapping infusions, additional doses: every dose written out and summed by hand."""
    rng = np.random.default_rng(seed)
    lag, part = rng.uniform(0, 15), rng.uniform(0.3, 2)
    rows, runs = [], []
    for time in np.sort(rng.uniform(0, 20, 4)):
        more, interval = int(rng.integers(0, 4)), float(rng.uniform(2, 9))
        rate = float(rng.choice([0.0, 5.0, 60.0]))
        rows.append(dose(time, 80, RATE=rate, ADDL=more, II=interval))
        runs += [(time + lag + j * interval, rate) for j in range(more + 1)]
    rows += [seen(float(time)) for time in np.linspace(21, 60, 9)]
    model = one(lag={"A": "LAG"}, bioavailability={"A": "F1"}, covariates=("LAG", "F1"))
    found = answers(model, [{**row, "LAG": lag, "F1": part} for row in rows], linear)[4:]
    amount = 80 * part
    expected = [
        sum(infused(r, t, t + amount / r, row["TIME"]) if r else left((t, amount), at=row["TIME"]) for t, r in runs)
        for row in rows[4:]
    ]
    close(found, expected, linear)


@pytest.mark.parametrize("lag", [0.0, 2.0, 20.0, 23.0, 34.0])
@pytest.mark.parametrize("rate", [0.0, 25.0, 2.5])
@BOTH
def test_two_steady_states_are_the_sum_of_endless_doses(lag: float, rate: float, linear: str) -> None:
    """SS 1 at 0 and SS 2 at 12 h, every 24 h: each is what 400 doses before it and those after it come to."""
    model = one(lag={"A": "LAG"}, covariates=("LAG",))
    rows = [dose(0, 100, RATE=rate, II=24, SS=1, ADDL=3), dose(12, 50, RATE=rate / 2, II=24, SS=2, ADDL=3)]
    start = 12 + max(0.0, lag - 24)
    rows += [seen(time) for time in start + np.array([0.1, 2.5, 9.9, 12.3, 26.0, 41.0])]
    found = answers(model, [{**row, "LAG": lag} for row in rows], linear)[2:]
    trains = [(100.0, rate, 24.0 * k + lag) for k in range(-400, 4)]
    trains += [(50.0, rate / 2, 12 + 24.0 * k + lag) for k in range(-400, 4)]

    def total(at: float) -> float:
        given = [(amount, r, t) for amount, r, t in trains if t <= at]
        return float(
            sum(infused(r, t, t + amount / r, at) if r else left((t, amount), at=at) for amount, r, t in given)
        )

    close(found, [total(row["TIME"]) for row in rows[2:]], linear)


@BOTH
def test_a_steady_state_that_is_added_ends_nothing(linear: str) -> None:
    rows = [dose(0, 100, RATE=10), dose(4, 60, II=8, SS=2), seen(7), seen(15)]
    top = 60 / (1 - np.exp(-0.8))
    expected = [infused(10, 0, 10, at) + top * np.exp(-K * (at - 4)) for at in (7, 15)]
    close(answers(one(), rows, linear)[2:], expected, linear)


@BOTH
def test_a_record_before_an_arrival_with_a_longer_lag_leads_to_the_steady_state(linear: str) -> None:
    """SS computed as if there were no lag, then advanced by II − ALAG, which is negative: the closed form goes back.

    At a rate of 25 that leads below zero (issue 11): there it is what doses that arrive at −18, −42 … h come to.
    """
    model = one(lag={"A": "LAG"}, covariates=("LAG",))
    rows = [dose(0, 100, RATE=25.0, II=24, SS=1, LAG=30), seen(0, LAG=30), seen(5.9, LAG=30)]
    arrived = [-18.0 - 24 * k for k in range(400)]
    exact = [sum(infused(25.0, t, t + 4.0, at) for t in arrived) for at in (0.0, 5.9)]
    close(answers(model, rows, linear)[1:], exact, linear)
    for rate in (0.0, 2.5):
        rows = [dose(0, 100, RATE=rate, II=24, SS=1, LAG=30), seen(0, LAG=30), seen(6, LAG=30)]
        begun, ended = answers(model, rows, linear)[1:]
        count = int(np.ceil(100 / rate / 24)) if rate else 0
        grown = count * rate / K * (1 - np.exp(-K * 6))
        close(begun * np.exp(-K * 6) + grown, ended, linear)
