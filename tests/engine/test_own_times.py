"""Equations that change at times of their own (conditions on t), and time after dose, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model, schedule
from pkpd.errors import InputError, ModelError

TIGHT = Settings(rtol=1e-11, atol=1e-13)
TIMES = np.array([0.5, 1.0, 2.9999, 3.0, 3.0001, 4.5, 9.0])


def solve(model, values, doses, times, sens=(), linear="closed form", settings=TIGHT, changes=None):
    code = compile_model(model, sens, linear)
    table = np.atleast_2d(np.asarray(values, dtype=float))
    count = len(table) if changes is None else len(changes)
    plan = code.schedule(table, [doses] * count, [times] * count, [np.zeros(len(times), bool)] * count, changes)
    found = code.run(table, plan, settings)
    assert not found.status.any(), found.advice(0)
    return found


def induced(power: str = "") -> object:
    """Clearance changes from CL1 to CL2 at T; with a power it is not linear."""
    return define(
        {"A": f"-(CL1 if t < T else CL2)/V*A{power}"}, {"CL1": 1.0, "CL2": 4.0, "V": 10.0, "T": 3.0},
        outputs={"C": "A/V"}, doses={"bolus": "A"},
    )  # fmt: skip


def exact(values: list[float], times: np.ndarray, dose: float = 100.0) -> np.ndarray:
    cl1, cl2, v, at = values
    first = np.minimum(times, at)
    return dose / v * np.exp(-cl1 / v * first - cl2 / v * (times - first))


@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("method", ["explicit", "stiff"])
def test_a_clearance_that_changes(linear: str, method: str) -> None:
    values = [1.0, 4.0, 10.0, 3.0]
    how = Settings(rtol=1e-11, atol=1e-13, method=method)
    found = solve(induced(), values, (Dose(0, 100.0),), TIMES, ("T", "CL1", "CL2"), linear, how)
    np.testing.assert_allclose(found.outputs[:, 0], exact(values, TIMES), rtol=1e-9)
    assert bool(compile_model(induced()).system.linear)  # constant within each segment: closed form
    c = found.outputs[:, 0]
    later = TIMES > 3.0  # before T nothing depends on it; at T itself the value is that before
    slope = np.where(later, (4.0 - 1.0) / 10.0 * c, 0.0)
    np.testing.assert_allclose(found.slopes[:, 0, 0], slope, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.slopes[:, 0, 1], -np.minimum(TIMES, 3.0) / 10 * c, rtol=1e-8)
    np.testing.assert_allclose(found.slopes[:, 0, 2], -np.maximum(TIMES - 3.0, 0) / 10 * c, rtol=1e-8, atol=1e-12)


def test_many_subjects_each_their_own_time() -> None:
    values = np.array([[1.0, 4.0, 10.0, t] for t in (-5.0, 0.0, 0.7, 3.0, 9.0, 50.0)])
    found = solve(induced(), values, (Dose(0, 100.0),), TIMES).outputs[:, 0].reshape(6, -1)
    for row, own in zip(found, values, strict=True):
        held = [own[0], own[1], own[2], max(own[3], 0.0)]
        np.testing.assert_allclose(row, exact(held, TIMES), rtol=1e-12)


def test_several_times_and_kinks_of_maxima() -> None:
    """max(t − T, 0) and a window T1 ≤ t < T2 are integrated without a step across their corners."""
    model = define(
        {"A": "max(t - T1, 0)", "B": "k if t >= T1 and t < T2 else 0"}, {"T1": 1.5, "T2": 4.0, "k": 2.0},
        outputs={"A": "A", "B": "B"},
    )  # fmt: skip
    found = solve(model, [1.5, 4.0, 2.0], (), TIMES, ("T1", "T2"), "ode")
    np.testing.assert_allclose(found.outputs[:, 0], np.maximum(TIMES - 1.5, 0) ** 2 / 2, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found.outputs[:, 1], 2 * np.clip(TIMES - 1.5, 0, 2.5), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found.slopes[:, 0, 0], -np.maximum(TIMES - 1.5, 0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.slopes[:, 1, 0], np.where(TIMES > 1.5, -2.0, 0.0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.slopes[:, 1, 1], np.where(TIMES > 4.0, 2.0, 0.0), rtol=1e-9, atol=1e-12)


def test_covariates_that_change_beside_it() -> None:
    """The volume of clearance changes with a covariate at 2 and by itself at T(w), which depends on the covariate."""
    model = define(
        {"A": "-(CL if t < T*w else 2*CL)*w/V*A"}, {"CL": 1.0, "V": 10.0, "T": 3.0}, outputs={"C": "A/V"},
        doses={"bolus": "A"}, covariates=("w",),
    )  # fmt: skip
    rows = [[1.0, 10.0, 3.0, 0.5], [1.0, 10.0, 3.0, 2.0]]  # T·w is 1.5 until time 2, 6 from then on
    found = solve(model, rows, (Dose(0, 100.0),), np.array([1.0, 2.0, 5.0, 8.0]), changes=[[2.0]]).outputs[:, 0]
    area = np.array([0.5 * 1, 0.5 * 1.5 + 0.5 * 2 * 0.5, 0, 0])
    area[2] = area[1] + 2 * 3
    area[3] = area[1] + 2 * 4 + 4 * 2
    np.testing.assert_allclose(found, 10 * np.exp(-area / 10), rtol=1e-12)


def test_it_must_be_scheduled_by_the_model() -> None:
    code = compile_model(induced())
    plan = schedule([()], [[1.0]], [[False]], code.entries, code.states)
    with pytest.raises(InputError, match=r"Compiled\.schedule"):
        code.run(np.array([[1.0, 4.0, 10.0, 3.0]]), plan)


def test_a_time_that_is_no_number() -> None:
    with pytest.raises(InputError, match="row 1"):
        solve(induced(), [1.0, 4.0, 10.0, np.nan], (), TIMES)


# ---- time after dose ----------------------------------------------------------------------------------------------


def hazard(shape: float) -> object:
    return define(
        {"G": "-b/td*(max(tad, 1e-12)/td)**(b - 1)*G", "A": "b/td*(max(tad, 1e-12)/td)**(b - 1)*G - k*A"},
        {"b": shape, "td": 2.0, "k": 0.0}, outputs={"G": "G", "A": "A", "since": "tad"}, doses={"oral": "G"},
    )  # fmt: skip


@pytest.mark.parametrize("method", ["explicit", "stiff"])
@pytest.mark.parametrize(("shape", "precision"), [(1.0, 1e-9), (2.5, 1e-9), (0.6, 1e-6)])
def test_weibull_absorption(shape: float, precision: float, method: str) -> None:
    """What is left of a single dose is exp(−(t/td)^b); a second dose starts the clock again for what is there."""
    how = Settings(rtol=1e-11, atol=1e-13, method=method)
    times = np.array([0.5, 2.0, 5.0, 6.0, 9.0])
    doses = (Dose(0, 10.0, "oral"), Dose(5.0, 10.0, "oral"))
    found = solve(hazard(shape), [shape, 2.0, 0.0], doses, times, settings=how).outputs
    left = 10 * np.exp(-((times / 2.0) ** shape))
    left[3:] = (left[2] + 10) * np.exp(-(((times[3:] - 5) / 2.0) ** shape))
    np.testing.assert_allclose(found[:, 0], left, rtol=precision)
    np.testing.assert_allclose(found[:, 0] + found[:, 1], [10, 10, 10, 20, 20], rtol=1e-9)
    np.testing.assert_allclose(found[:, 2], [0.5, 2, 5, 1, 4])  # at a dose: before it


def test_time_after_dose_counts_from_the_record_and_additional_doses_count() -> None:
    model = define(
        {"A": "-k*A"}, {"k": 0.3, "late": 0.5}, outputs={"since": "tad"}, doses={"bolus": "A"}, lag={"A": "late"},
    )  # fmt: skip
    times = np.array([-1.0, 0.0, 0.2, 3.9, 4.0, 4.3, 9.0, 20.0])
    doses = (Dose(0, 1.0, additional=2, interval=4.0),)
    found = solve(model, [0.3, 0.5], doses, times).outputs[:, 0]
    np.testing.assert_allclose(found, [0, 0, 0.2, 3.9, 4.0, 0.3, 1.0, 12.0], atol=1e-12)


def test_the_name_is_taken() -> None:
    with pytest.raises(ModelError, match="time after dose"):
        define({"A": "-tad*A"}, {"tad": 1.0})


@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_a_limit_of_the_time_after_dose_is_met_after_every_dose(linear: str) -> None:
    """Elimination is faster for the first D after each dose: exact courses and derivatives, also where doses cut it."""
    model = define(
        {"A": "-(k1 if tad < D else k2)*A"}, {"k1": 0.5, "k2": 0.1, "D": 3.0}, outputs={"A": "A"}, doses={"bolus": "A"}
    )  # fmt: skip
    doses = (Dose(1.0, 10.0, additional=1, interval=2.0), Dose(8.0, 5.0))  # at 1, 3 and 8: the first is cut short
    times = np.array([0.5, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0, 10.0, 11.0, 20.0])
    found = solve(model, [0.5, 0.1, 3.0], doses, times, ("D", "k1", "k2"), linear)
    fast = lambda t: np.clip(t - 1, 0, 2) + np.clip(t - 3, 0, 3) + np.clip(t - 8, 0, 3)  # noqa: E731

    def course(t: float) -> tuple[float, np.ndarray]:
        total, slopes = 0.0, np.zeros(3)
        for given, amount in ((1.0, 10.0), (3.0, 10.0), (8.0, 5.0)):
            if t > given:
                quick = fast(t) - fast(given)
                left = amount * np.exp(-0.5 * quick - 0.1 * (t - given - quick))
                ends = float(given < 6.0 < t) + float(t > 11.0)  # how many ends of the fast time lie between
                total += left
                slopes += left * np.array([-0.4 * ends, -quick, -(t - given - quick)])
        return total, slopes

    for row, slopes, t in zip(found.outputs[:, 0], found.slopes[:, 0], times, strict=True):
        value, derivative = course(float(t))
        assert row == pytest.approx(value, rel=1e-9, abs=1e-12)
        np.testing.assert_allclose(slopes, derivative, rtol=1e-8, atol=1e-9)
    assert compile_model(model).system.linear == ("A",)
