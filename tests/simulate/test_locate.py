"""Where courses turn and cross: closed forms, the printed numbers of the IL-21 case, and what must always hold."""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pandas
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

import pkpd
from pkpd import il21
from pkpd.dosing import Dose, Regimen, bolus, infusion, oral
from pkpd.errors import DataWarning, InputError
from pkpd.model import define
from pkpd.population import Population
from pkpd.simulate import simulate
from tests.examples import budget

locate = pkpd.locate
IV = define({"A": "-k*A"}, {"k": 0.2, "V": 10.0}, outputs={"C": "A/V"}, doses={"bolus": "A", "infusion": "A"})
ORAL = define({"G": "-ka*G", "A": "ka*G - ke*A"}, {"ka": 1.3, "ke": 0.17}, outputs={"C": "A/20"}, doses={"oral": "G"})


def events(found: xarray.Dataset, kind: str = "", subject: Any = None) -> pandas.DataFrame:
    table = found.drop_dims(["subject", "threshold"]).to_dataframe()
    table = table if not kind else table[table["kind"] == kind]
    return table if subject is None else table[table["event_subject"] == subject]


def test_tmax_of_an_oral_dose() -> None:
    """log(ka/ke)/(ka − ke), to rounding: it is a zero of the slope, not the highest of some points."""
    found = locate(ORAL, oral("100 mg"), "C", between=(0, 24))
    t = math.log(1.3 / 0.17) / (1.3 - 0.17)
    assert events(found)["kind"].tolist() == ["maximum"]
    assert float(found["event_time"][0]) == pytest.approx(t, rel=1e-10)
    c = 100 / 20 * 1.3 / (1.3 - 0.17) * (math.exp(-0.17 * t) - math.exp(-1.3 * t))
    assert float(found["peak"][0]) == pytest.approx(c, rel=1e-12)
    assert float(found["peak_time"][0]) == float(found["event_time"][0])
    assert float(found["nadir"][0]) == 0.0


@budget(max_examples=30)
@given(ka=st.floats(0.05, 50), ke=st.floats(0.005, 5), start=st.floats(0, 100), level=st.floats(0.05, 0.95))
def test_any_oral_dose(ka: float, ke: float, start: float, level: float) -> None:
    """The maximum and both crossings, one before and one after it, wherever they lie in the window."""
    if abs(ka / ke - 1) < 1e-3:
        return
    t = math.log(ka / ke) / (ka - ke)

    def curve(t: Any) -> Any:
        return 100 * ka / (ka - ke) * (np.exp(-ke * t) - np.exp(-ka * t)) / 20

    limit = level * curve(t)
    model = ORAL.with_values(ka=ka, ke=ke)
    found = locate(model, oral("100 mg", at=[start]), "C", thresholds=limit, between=(0, start + t + 8 / min(ka, ke)))
    assert events(found)["kind"].tolist() == ["rising", "maximum", "falling"]
    rise, top, fall = found["event_time"].values - start
    assert abs(top - t) < 2e-9 * t + 4 * np.spacing(start + t)
    np.testing.assert_allclose(curve(np.array([rise, fall])), limit, rtol=1e-7)
    assert rise < t < fall
    assert float(found["time_above"][0, 0]) == pytest.approx(fall - rise, rel=1e-9)


def test_crossing_of_an_exponential() -> None:
    """A bolus of 10 mg/L falls to 1 and to 0.001 at log(10)/k and log(10⁴)/k; it rises over both at the dose."""
    found = locate(IV, bolus("100 mg"), "C", thresholds=[1.0, 0.001], between=(0, 100))
    down = events(found, "falling")
    np.testing.assert_allclose(down["event_time"], [math.log(10) / 0.2, math.log(1e4) / 0.2], rtol=1e-11)
    np.testing.assert_allclose(down["event_threshold"], [1.0, 0.001])
    up = events(found, "rising")
    assert up["event_time"].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(up["value"], 10.0)
    np.testing.assert_allclose(found["time_above"].values[0], down["event_time"], rtol=1e-11)
    np.testing.assert_allclose(found["time_below"].values[0], 100 - down["event_time"], rtol=1e-11)


def test_jumps_are_troughs_and_peaks() -> None:
    """Peak: the value after a bolus; trough: the value before the next; both at the time of the dose."""
    found = locate(IV, bolus("100 mg", at=[0, 12, 24.0]), "C", between=(0, 36))
    table, q = events(found), math.exp(-2.4)
    assert table["kind"].tolist() == ["maximum", "minimum", "maximum", "minimum", "maximum"]
    assert table["event_time"].tolist() == [0, 12, 12, 24, 24]
    expected = [10, 10 * q, 10 * (1 + q), 10 * (q + q * q), 10 * (1 + q + q * q)]
    np.testing.assert_allclose(table["value"], expected, rtol=1e-12)
    assert float(found["nadir_time"][0]) == 12.0
    assert float(found["nadir"][0]) == pytest.approx(10 * q, rel=1e-12)


def test_infusions_turn_at_their_ends() -> None:
    """Two overlapping infusions: highest where the first ends; the rate is in the slope. Then a smooth crossing."""
    plan = infusion("100 mg", "2 h") + Regimen((Dose(1.0, 30.0, "infusion", duration=3.0),), "mg")

    def amount(t: float) -> float:
        parts = [(0.0, 2.0, 50.0), (1.0, 3.0, 10.0)]
        grown = [(r * (1 - math.exp(-0.2 * min(max(t - a, 0), d))), max(t - a - d, 0)) for a, d, r in parts]
        return sum(g / 0.2 * math.exp(-0.2 * late) for g, late in grown)

    found = locate(IV, plan, "A", thresholds=60.0, between=(0, 20))
    assert events(found)["kind"].tolist() == ["rising", "maximum", "falling"]
    assert float(events(found, "maximum")["event_time"].iloc[0]) == 2.0
    assert float(found["peak"][0]) == pytest.approx(amount(2.0), rel=1e-11)
    for time in found["event_time"].values[[0, 2]]:
        assert amount(time) == pytest.approx(60.0, rel=1e-10)


def test_an_infusion_can_turn_in_the_middle() -> None:
    """Rate r in, loss k·A and a falling input: A' = r + e^(−t) − k·A has its zero inside the infusion."""
    model = define(
        {"S": "-S", "A": "S - k*A"}, {"k": 0.5}, outputs={"y": "A"}, initial={"S": "4"}, doses={"infusion": "A"}
    )
    found = locate(model, infusion("2 mg", "10 h"), "y", between=(0, 10))
    (top,) = events(found, "maximum")["event_time"]
    # A = 0.4 + 8·(e^(−t/2) − e^(−t)) − 0.4·e^(−t/2): slope 8e^(−t) − 3.8e^(−t/2) = 0
    assert top == pytest.approx(-2 * math.log(3.8 / 8), rel=1e-10)


@pytest.mark.parametrize(("output", "kind", "value", "times"), [
    ("ALC", "nadir", 0.295182, (109.16, 445.16)), ("sCD25", "peak", 23.5654, (111.10, 447.10))
])  # fmt: skip
def test_the_typical_patient(output: str, kind: str, value: float, times: tuple[float, float]) -> None:
    """The printed nadir of ALC and maximum of sCD25 of both dosing weeks (il21.md, section 3)."""
    who = Population(il21.model(), il21.truth().parameters)
    week = [(0.0, 300.0), (336.0, 600.0)]
    for window, when in zip(week, times, strict=True):
        found = locate(who, il21.regimen(), output, between=window)
        assert abs(float(found[kind][0]) - value) <= 0.5001 * (1e-6 if output == "ALC" else 1e-4)
        assert abs(float(found[f"{kind}_time"][0]) - when) <= 0.005
    assert found[kind].attrs["units"] == ("10^9/L" if output == "ALC" else "ng/mL")


def test_the_nadir_by_another_way() -> None:
    """SciPy's LSODA at 1e-12 on the equations, and a root of its own slope: the same time to 1e-6 of the day."""
    from scipy.integrate import solve_ivp
    from scipy.optimize import brentq

    p = il21.truth().parameters.as_dict()

    def rhs(t: float, y: np.ndarray) -> list[float]:
        a, b, act, alc = y
        c = a / p["V1"]
        flow = p["Q"] * (c - b / p["V2"])
        return [
            -p["CL"] * c - flow, flow, p["kA"] * (c / (p["EC50"] + c) - act),
            p["kout"] * (p["L0"] - (1 + p["SL"] * act) * alc),
        ]  # fmt: skip

    state = np.array([0.0, 0.0, 0.0, p["L0"]])
    for day in range(5):
        state[0] += 30_000.0
        end = 24.0 * (day + 1) if day < 4 else 120.0
        run = solve_ivp(rhs, (24.0 * day, end), state, "LSODA", rtol=1e-12, atol=1e-12, dense_output=True)
        state = run.y[:, -1].copy()
    t = brentq(lambda t: rhs(t, run.sol(t))[3], 100, 118, xtol=1e-10)
    found = locate(Population(il21.model(), il21.truth().parameters), il21.regimen(), "ALC", between=(96, 120))
    (low,) = events(found, "minimum")["event_time"]
    assert abs(low - t) < 24e-6
    assert float(found["nadir"][0]) == pytest.approx(float(run.sol(t)[3]), rel=1e-9)


def test_a_rhythm_is_followed() -> None:
    """A sine of 24 h over two months without a dose: every turn, every crossing, at its closed form."""
    model = define({"R": "w*cos(w*t)"}, {"w": 2 * math.pi / 24}, outputs={"y": "R + 2"}, doses={"bolus": "R"})
    found = locate(model, bolus("0 mg"), "y", thresholds=2.5, between=(0, 1440), step=6)
    np.testing.assert_allclose(events(found, "maximum")["event_time"], 6 + 24 * np.arange(60), atol=1e-5)
    np.testing.assert_allclose(events(found, "minimum")["event_time"], 18 + 24 * np.arange(60), atol=1e-5)
    np.testing.assert_allclose(events(found, "rising")["event_time"], 2 + 24 * np.arange(60), atol=1e-6)
    np.testing.assert_allclose(events(found, "falling")["event_time"], 10 + 24 * np.arange(60), atol=1e-6)
    assert float(found["time_above"][0, 0]) == pytest.approx(480, abs=1e-5)


def test_a_brief_dip_between_grid_points() -> None:
    """y = (t − 5.3)² − small: two crossings 2e-4 h apart, far closer than any grid; found because the turn is."""
    model = define({"x": "2*(t - 5.3)"}, {"c": 5.3**2 - 1e-8}, outputs={"y": "x + c"}, doses={"bolus": "x"})
    found = locate(model, bolus("0 mg"), "y", thresholds=0.0, between=(0, 24), settings=pkpd.Settings(1e-13, 1e-13))
    assert events(found)["kind"].tolist() == ["falling", "minimum", "rising"]
    fall, low, rise = found["event_time"].values
    assert low == pytest.approx(5.3, abs=1e-9)
    assert (fall, rise) == (pytest.approx(5.2999, abs=1e-6), pytest.approx(5.3001, abs=1e-6))


def test_constants_and_plateaus() -> None:
    """What never moves has no event, is neither above nor below its own value; a rest between falls is no extremum."""
    model = define({"A": "-k*A"}, {"k": 0.2, "c": 3.0}, outputs={"y": "c", "z": "min(A, 40)"}, doses={"bolus": "A"})
    found = locate(model, bolus("100 mg"), "y", thresholds=[2.0, 3.0, 4.0], between=(0, 24))
    assert found.sizes["event"] == 0
    assert (float(found["nadir"][0]), float(found["peak"][0]), float(found["peak_time"][0])) == (3.0, 3.0, 0.0)
    np.testing.assert_array_equal(found["time_above"].values, [[24, 0, 0]])
    np.testing.assert_array_equal(found["time_below"].values, [[0, 0, 24]])
    # z: jumps to 40, stays until log(2.5)/k, falls: a maximum where the plateau begins, at its threshold no crossing.
    found = locate(model, bolus("100 mg"), "z", thresholds=[40.0, 20.0], between=(0, 24))
    table = events(found)
    assert table["kind"].tolist() == ["maximum", "rising", "falling"]
    np.testing.assert_allclose(table["event_time"], [0, 0, math.log(5) / 0.2], rtol=1e-9)
    np.testing.assert_allclose(found["time_above"].values[0], [0, math.log(5) / 0.2], rtol=1e-9)


def test_the_start_value_as_threshold() -> None:
    """Baseline, dip, return: leaving the baseline and coming back to it are no crossings."""
    model = define(
        {"A": "-A", "R": "k*(5 - R) - A*R"}, {"k": 0.3}, outputs={"R": "R"}, initial={"R": "5"}, doses={"bolus": "A"}
    )
    found = locate(model, bolus("3 mg", at=[10]), "R", thresholds=5.0, between=(0, 200))
    assert events(found)["kind"].tolist() == ["minimum"]
    below = float(found["time_below"][0, 0])
    assert 50 < below < 190.1  # until it is back, which rounding decides
    assert float(found["time_above"][0, 0]) == 0


def test_no_dose_at_all() -> None:
    found = locate(IV, Regimen((), "mg"), "C", thresholds=1.0)
    assert found.sizes["event"] == 0
    assert float(found["time_below"][0, 0]) == 168.0


def crowd(n: int = 40) -> tuple[Population, pandas.DataFrame]:
    rng = np.random.default_rng(1)
    table = pandas.DataFrame({"ka": rng.lognormal(0.3, 0.5, n), "ke": rng.lognormal(-2, 0.4, n)},
                             index=[f"P{k:02d}" for k in range(n)])  # fmt: skip
    return Population(ORAL, ORAL.parameters), table


def test_everybody_at_once_is_everybody_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit, whatever the number solved at a time; and everybody's tmax is the closed form."""
    people, table = crowd()
    options: dict[str, Any] = {"thresholds": [1.0, 3.0], "between": (0, 72)}
    whole = locate(people, oral("100 mg", at=[0, 48]), "C", individuals=table, **options)
    monkeypatch.setattr(sys.modules["pkpd.simulate.locate.verb"], "TOGETHER", 7)  # the verb hides its module
    xarray.testing.assert_identical(
        locate(people, oral("100 mg", at=[0, 48]), "C", individuals=table, **options), whole
    )
    alone = locate(people, oral("100 mg", at=[0, 48]), "C", individuals=table.iloc[[11]], **options)
    mine = events(whole, subject="P11").reset_index(drop=True)
    pandas.testing.assert_frame_equal(events(alone).reset_index(drop=True), mine)
    first = events(whole, "maximum").groupby("event_subject")["event_time"].first()
    exact = np.log(table["ka"] / table["ke"]) / (table["ka"] - table["ke"])
    np.testing.assert_allclose(first, exact, rtol=1e-9)


def test_the_subjects_are_those_of_simulate() -> None:
    """Same seed, same people: nadirs are below every simulated value, and reached to what the grid misses."""
    found = locate(il21.truth(), il21.regimen(), "ALC", subjects=30, seed=3)
    dense = simulate(il21.truth(), il21.regimen(), subjects=30, seed=3, times=np.arange(0, 600.1, 0.5))["ALC"].values[0]
    lowest = dense.min(axis=1)
    assert (found["nadir"].values <= lowest * (1 + 1e-7)).all()
    np.testing.assert_allclose(found["nadir"], lowest, rtol=1e-3)
    assert found["event_time"].attrs["units"] == "h"


@budget(max_examples=25)
@given(
    st.lists(st.tuples(st.floats(0, 60), st.floats(1, 200), st.sampled_from(["bolus", "infusion"])), min_size=1,
             max_size=5),
    st.floats(0.5, 20), st.floats(5, 55),
)  # fmt: skip
def test_what_always_holds(doses: list[tuple[float, float, str]], limit: float, cut: float) -> None:
    """Maxima and minima alternate, rising and falling too; times add up; windows that meet tile the whole one."""
    model = define(
        {"A": "-k*A - 0.1*A + 0.1*B", "B": "0.1*A - 0.1*B"}, {"k": 0.2, "V": 10.0}, outputs={"C": "A/V"},
        doses={"bolus": "A", "infusion": "A"},
    )  # fmt: skip
    plan = Regimen(tuple(Dose(t, a, r, duration=2.0 if r == "infusion" else 0.0) for t, a, r in doses), "mg")
    whole = locate(model, plan, "C", thresholds=limit, between=(0, 80))
    for pair in (("minimum", "maximum"), ("rising", "falling")):
        kinds = [k for k in whole["kind"].values if k in pair]
        assert all(a != b for a, b in pairwise(kinds))
    assert float(whole["time_below"][0, 0] + whole["time_above"][0, 0]) == pytest.approx(80, rel=1e-9)
    dense = simulate(model, plan, times=np.linspace(0.01, 80, 4001))["C"].values[0, 0]
    assert float(whole["peak"][0]) >= dense.max() * (1 - 1e-12)
    assert float(whole["nadir"][0]) <= dense.min() + 1e-12
    share = 80 * (dense > limit).mean()
    assert abs(float(whole["time_above"][0, 0]) - share) < 0.02 * (2 + 4 * len(doses))
    parts = [locate(model, plan, "C", thresholds=limit, between=w) for w in ((0, cut), (cut, 80))]
    joined = pandas.concat([events(p) for p in parts], ignore_index=True)
    pandas.testing.assert_frame_equal(joined, events(whole).reset_index(drop=True), rtol=1e-6, atol=1e-9)


def test_lags_and_units_of_time() -> None:
    """A lag of each subject's own moves the peak; a regimen in days gives times in days."""
    late = define({"A": "-k*A"}, {"k": 0.2, "lag": 1.0}, outputs={"y": "A"}, doses={"bolus": "A"}, lag={"A": "lag"})
    table = pandas.DataFrame({"lag": [0.0, 1.5, 3.25]})
    source = Population(late.in_units(time="h", amount="mg", volume="L"), late.parameters)
    found = locate(source, bolus("100 mg", days=[1, 2]).in_units("mg", "d"), "y", individuals=table)
    np.testing.assert_allclose(found["peak_time"] * 24, 24 + table["lag"], rtol=1e-12)
    assert found["peak_time"].attrs["units"] == "d"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_those_who_cannot_be_solved_are_counted() -> None:
    """R' = k·R² has no value at 5 h for k > 0.2; the others are as without them."""
    model = define({"R": "k*R**2"}, {"k": 0.1}, outputs={"y": "R"}, initial={"R": "1"}, doses={"bolus": "R"})
    table = pandas.DataFrame({"k": [0.05, 0.5, 0.1]}, index=["a", "b", "c"])
    with pytest.warns(DataWarning, match="1 of 3 subjects have no located course and are NaN; subject 'b': the step"):
        found = locate(model, bolus("0 mg"), "y", thresholds=1.2, between=(0, 5), individuals=table)
    assert found["status"].values.astype(bool).tolist() == [False, True, False]
    assert np.isnan(found["peak"].values).tolist() == [False, True, False]
    assert np.isnan(found["time_above"].values[:, 0]).tolist() == [False, True, False]
    np.testing.assert_allclose(found["event_time"], (1 - 1 / 1.2) / np.array([0.05, 0.1]), rtol=1e-8)
    good = locate(model, bolus("0 mg"), "y", thresholds=1.2, between=(0, 5), individuals=table.loc[["a", "c"]])
    xarray.testing.assert_identical(events(good).to_xarray(), events(found).to_xarray())


def test_an_output_that_is_no_number_is_said() -> None:
    model = define({"A": "-k*A"}, {"k": 0.2}, outputs={"y": "log(A - 1)"}, doses={"bolus": "A"})
    with pytest.warns(DataWarning, match=r"1 of 1 .* its (value|slope) is not a finite number at time"):
        found = locate(model, bolus("100 mg"), "y", between=(0, 100))
    assert np.isnan(found["peak"].values).all()
    assert found.sizes["event"] == 0


@pytest.mark.parametrize(
    "text", ["abs(A - 30)", "max(A, 20)", "A**0.5", "A**1.7/(3 + A**1.7)", "exp(-A/50)", "A*sin(t)"]
)
def test_slopes_of_every_function(text: str) -> None:
    """The derivative that is put together from symbols is that of the values (central differences)."""
    from pkpd.engine import Settings
    from pkpd.simulate.locate.course import Course

    model = define({"A": "-k*A"}, {"k": 0.2}, outputs={"half": "A/2", "y": text.replace("A", "(2*half)")},
                   doses={"bolus": "A", "infusion": "A"})  # fmt: skip
    course = Course(model, "y", np.array([[0.2]]), [(Dose(0, 50), Dose(1, 40, "infusion", duration=3.0))], (0.0, 9.0),
                    Settings())  # fmt: skip
    arcs = course.arcs()
    for time, arc in ((0.5, 1), (2.2, 2), (6.1, 3)):
        near = time + 1e-5 * np.array([-1, 0, 1])
        y, s = course.at(arcs, np.full(3, arc), near)
        assert s[1] == pytest.approx((y[2] - y[0]) / 2e-5, rel=1e-6, abs=1e-7)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(InputError, match="did you mean 'C'"):
        locate(IV, bolus("1 mg"), "c")
    with pytest.raises(InputError) as caught:
        locate(IV, bolus("1 mg"), "C", thresholds=[math.nan], between=(5, 5), subjects=0, step=-1, seed=-1)
    assert len(caught.value.problems) == 5
    with pytest.raises(InputError, match="did you mean 'k'"):
        locate(IV, bolus("1 mg"), "C", individuals=pandas.DataFrame({"K": [1.0]}))


def test_steady_state_resets_and_doses_that_multiply() -> None:
    """Oral at steady state: tmax = log(ka(1 − e^(−ke·τ))/(ke(1 − e^(−ka·τ))))/(ka − ke); halving, reset: jumps."""
    ka, ke, tau = 1.3, 0.17, 12.0
    doses = (
        Dose(0.0, 100.0, "oral", steady_state="instead", interval=tau, additional=1),
        Dose(30.0, 0.5, "bolus", into="A", action="multiply"), Dose(40.0, 0.0, reset=True),
    )  # fmt: skip
    model = define({"G": "-ka*G", "A": "ka*G - ke*A"}, {"ka": ka, "ke": ke}, outputs={"C": "A/20"},
                   doses={"oral": "G", "bolus": "A"})  # fmt: skip
    found = locate(model, Regimen(doses, "mg"), "C", thresholds=0.02, between=(0, 60))
    top = np.log(ka * -np.expm1(-ke * tau) / (ke * -np.expm1(-ka * tau))) / (ka - ke)
    np.testing.assert_allclose(events(found, "maximum")["event_time"][:2], [top, top + tau], rtol=1e-9)
    last = events(found).iloc[-1]
    assert (last["kind"], last["event_time"], last["value"]) == ("falling", 40.0, 0.0)
    assert float(found["time_below"][0, 0]) == 20.0


def test_a_window_before_everything() -> None:
    """Initial values hold from the beginning of the window, in every run alike: y = e^(−0.1·(t + 50)) from −50 on."""
    model = define({"R": "-k*R"}, {"k": 0.1}, outputs={"y": "R"}, initial={"R": "1"}, doses={"bolus": "R"})
    found = locate(model, bolus("1 mg"), "y", thresholds=0.5, between=(-50, 10))
    fall = events(found, "falling")["event_time"].to_numpy()
    assert fall[0] == pytest.approx(-50 + math.log(2) / 0.1, rel=1e-10)
    assert fall[1] == pytest.approx(math.log(2 * (1 + math.exp(-5))) / 0.1, rel=1e-10)
