"""Superposition: closed forms of one compartment, additivity, PKNCA's numbers; interpolation between samples."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import curve_fit

from pkpd.dosing import Dose, Regimen, bolus
from pkpd.errors import InputError
from pkpd.nca import Profiles, Rules, compute, nca
from pkpd.nca.after.attainment import stable_trough, time_to_steady_state, trough_approach
from pkpd.nca.after.regimens import superpose_study
from pkpd.nca.after.superposition import steady_state, superpose
from pkpd.nca.kernel.extrapolation import Extrapolation
from pkpd.nca.kernel.interpolation import interpolate, interpolate_dosed
from tests.nca.nca_studies import make_study

RATE, C0 = 0.17, 12.0
TIMES = np.array([0, 1, 2, 4, 8, 12.0])
VALUES = C0 * np.exp(-RATE * TIMES)


def facts(reference: Path, category: str) -> list[dict[str, Any]]:
    """PKNCA's own answers of one category; null is not a number."""
    cases = json.loads((reference / "external/pknca/pknca_facts.json").read_text())["cases"]
    return [case for case in cases if case["category"] == category]


@st.composite
def single_doses(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float]:
    """Times from 0, concentrations (some zero, the largest positive) and a terminal rate."""
    steps = draw(st.lists(st.floats(0.1, 6), min_size=2, max_size=8))
    times = np.concatenate([[0.0], np.cumsum(steps)])
    levels = st.one_of(st.just(0.0), st.floats(1e-3, 1e3))
    values = np.array(draw(st.lists(levels, min_size=len(times), max_size=len(times))))
    values[draw(st.integers(0, len(times) - 1))] = 50.0
    return times, values, draw(st.floats(0.02, 2))


# --- interpolation ---------------------------------------------------------------------------------------------------


def test_pknca_interpolation(reference: Path) -> None:
    names = {"AUCinf": "inf", "AUClast": "last", "AUCall": "all"}
    cases = facts(reference, "interp_extrap")
    assert len(cases) >= 7
    for case in cases:
        given, options = case["inputs"], case["options"]
        samples = given["time"], given["conc"], given["time.out"]
        rate = given.get("lambda.z", np.nan)
        if case["function"] == "interp.extrap.conc.dose":
            found = interpolate_dosed(*samples, given["time.dose"], lambda_z=rate)
        else:
            found = interpolate(*samples, tail=Extrapolation(names[options.get("auc.type", "AUCinf")], rate))
        np.testing.assert_allclose(found, case["expected_in_test"], rtol=1e-12, err_msg=case["id"])


@given(single_doses(), st.sampled_from(["linear", "linear-up/log-down"]))
def test_interpolation_passes_through_samples_and_stays_between_neighbours(
    profile: tuple[np.ndarray, np.ndarray, float], method: str
) -> None:
    times, values, _ = profile
    last = np.flatnonzero(values > 0)[-1]
    t, c = times[: last + 1], values[: last + 1]
    np.testing.assert_array_equal(interpolate(times, values, t, method=method), c)
    middle = (t[1:] + t[:-1]) / 2
    found = interpolate(times, values, middle, method=method)
    both = np.stack([c[1:], c[:-1]])
    assert (found >= both.min(axis=0) * (1 - 1e-12)).all()
    assert (found <= both.max(axis=0) * (1 + 1e-12)).all()
    falls = (c[1:] < c[:-1]) & (c[1:] > 0) & (method != "linear")
    expected = np.where(falls, np.sqrt(c[1:] * c[:-1]), (c[1:] + c[:-1]) / 2)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_three_tails() -> None:
    samples = [0, 1, 2, 4], [0, 8, 4, 0]
    at = [-1, 3, 4, 5]
    np.testing.assert_allclose(interpolate(*samples, at, tail=Extrapolation("inf", np.log(2))), [0, 2, 1, 0.5])
    np.testing.assert_allclose(interpolate(*samples, at, tail=Extrapolation("inf", np.log(2), 8)), [0, 4, 2, 1])
    np.testing.assert_allclose(interpolate(*samples, at, tail="last", before=3), [3, 0, 0, 0])
    np.testing.assert_allclose(interpolate(*samples, at, tail="all"), [0, 2, 0, 0])
    assert np.isnan(interpolate(*samples, at)[1:]).all()
    np.testing.assert_array_equal(interpolate([0, 1], [0, 0], [0.5, 2]), [0, np.nan])


def test_nothing_rises_before_its_dose() -> None:
    times, values = [1, 2, 3, 5, 6, 7], [4, 2, 1, 8, 4, 2]
    at = np.array([3.5, 4.0, 4.5, 5.0, 9.0])
    oral = interpolate_dosed(times, values, at, [0, 4], lambda_z=np.log(2))
    np.testing.assert_allclose(oral, [2**-0.5, 0.5, (0.5 + 8) / 2, 8, 0.5])  # falls to 0.5, rises in a line to 8
    iv = interpolate_dosed(times, values, at, [0, 4], bolus=True, lambda_z=np.log(2))
    np.testing.assert_allclose(iv, [2**-0.5, 0.5, 16 / np.sqrt(2), 8, 0.5])  # C0 = 16
    unknown = interpolate_dosed(times, values, at, [0, 4])
    np.testing.assert_array_equal(np.isnan(unknown), [True, True, True, False, True])


def test_a_sample_at_the_time_of_a_dose_belongs_to_the_curve_before_it() -> None:
    """0.5 at 4 h was drawn before the dose: the fall from 2 ends there, and the rise to 8 begins there."""
    found = interpolate_dosed([0, 1, 2, 4, 5], [0, 4, 2, 0.5, 8], [0, 0.5, 3, 4, 4.5], [0, 4])
    np.testing.assert_allclose(found, [0, 2, 1, 0.5, 4.25], rtol=1e-12)


def test_a_bolus_whose_second_sample_is_zero_has_the_first_as_c0() -> None:
    found = interpolate_dosed([1, 2], [8, 0], [0.5, 2], [0], bolus=True, lambda_z=np.log(2))
    np.testing.assert_allclose(found, [8, 4], rtol=1e-12)


def test_all_problems_at_once() -> None:
    with pytest.raises(InputError) as caught:
        interpolate([1, 1, 2], [3, -1, np.inf], [1], method="lin", tail="infinity")
    for part in ("method is 'lin'", "tail is 'infinity'", "value -1.0 at time 1", "value inf", "2 samples at time 1"):
        assert part in str(caught.value)


# --- superposition ---------------------------------------------------------------------------------------------------


def test_pknca_superposition(reference: Path) -> None:
    cases = facts(reference, "superposition")
    assert len(cases) >= 2
    for case in cases:
        given, expected = case["inputs"], case["expected_in_test"]
        found = steady_state(given["time"], given["conc"], given["tau"], expected["time"], n=float(given["n.tau"]))
        np.testing.assert_allclose(found.values, expected["conc"], rtol=1e-13, err_msg=case["id"])


def test_one_exponential_has_the_textbook_steady_state() -> None:
    """Gibaldi & Perrier: C0·exp(−k·t)/(1 − exp(−k·τ)), average D/(CL·τ), accumulation 1/(1 − exp(−k·τ))."""
    tau = 5.0
    found = steady_state(TIMES, VALUES, tau, np.linspace(0, tau, 7))
    gain = 1 / -np.expm1(-RATE * tau)
    np.testing.assert_allclose(found.values, C0 * np.exp(-RATE * found.times) * gain, rtol=1e-12)
    np.testing.assert_allclose([found.cmax, found.cmin, found.trough], C0 * gain * np.exp([0, *[-RATE * tau] * 2]))
    np.testing.assert_allclose([found.auc_tau, found.cavg], [C0 / RATE, C0 / RATE / tau], rtol=1e-12)
    np.testing.assert_allclose(found.accumulation, gain, rtol=1e-12)
    np.testing.assert_allclose(found.swing, np.expm1(RATE * tau), rtol=1e-10)
    assert (found.tmax, found.reason) == (0, "")
    third = steady_state(TIMES, VALUES, tau, n=3, amount=2.0)
    np.testing.assert_allclose(third.cmax, 2 * C0 * np.exp(-RATE * tau * np.arange(3)).sum(), rtol=1e-12)
    assert list(third.table().columns) == ["time", "value"]


@given(single_doses(), st.lists(st.integers(0, 160), min_size=1, max_size=5), st.floats(0.1, 5))
def test_doses_add_scale_and_shift(
    profile: tuple[np.ndarray, np.ndarray, float], quarters: list[int], amount: float
) -> None:
    times, values, rate = profile
    when = np.array(quarters) / 4  # times whose sums and differences are exact
    at = np.array([0.25, 1.5, 10, 27, 60.0]) + 20
    amounts = amount * np.arange(1, len(when) + 1)
    whole = superpose(times, values, when, at, amounts=amounts, dose=2.0, lambda_z=rate)
    parts = [superpose(times, values, [w], at, lambda_z=rate) * a / 2 for w, a in zip(when, amounts, strict=True)]
    np.testing.assert_allclose(whole, np.sum(parts, axis=0), rtol=1e-12, atol=1e-300)
    moved = superpose(times, values, when + 64, at + 64, amounts=amounts, dose=2.0, lambda_z=rate)
    np.testing.assert_array_equal(moved, whole)


@given(single_doses(), st.floats(0.5, 30), st.integers(1, 6), st.sampled_from(["linear", "linear-up/log-down"]))
def test_the_nth_interval_is_the_sum_of_n_doses(
    profile: tuple[np.ndarray, np.ndarray, float], tau: float, n: int, method: str
) -> None:
    times, values, rate = profile
    at = tau * np.array([0.11, 0.47, 0.83])
    found = steady_state(times, values, tau, at, n=n, lambda_z=rate, method=method)
    doses = tau * np.arange(n)
    expected = superpose(times, values, doses, doses[-1] + at, lambda_z=rate, method=method)
    np.testing.assert_allclose(found.values, expected, rtol=1e-9, atol=1e-9)
    # Many finite doses approach the closed form of infinitely many.
    many = int(np.ceil((times[-1] + 40 / rate) / tau)) + 1
    late = steady_state(times, values, tau, at, n=many, lambda_z=rate, method=method)
    endless = steady_state(times, values, tau, at, lambda_z=rate, method=method)
    np.testing.assert_allclose(late.values, endless.values, rtol=1e-12)
    np.testing.assert_allclose(late.auc_tau, endless.auc_tau, rtol=1e-12)


@given(single_doses(), st.floats(0.5, 30))
def test_extremes_and_area_are_those_of_the_whole_curve(
    profile: tuple[np.ndarray, np.ndarray, float], tau: float
) -> None:
    times, values, rate = profile
    grid = np.linspace(0, tau, 301)
    found = steady_state(times, values, tau, grid, lambda_z=rate)
    assert found.values.max() <= found.cmax * (1 + 1e-9)
    assert found.values.min() >= found.cmin * (1 - 1e-9)
    assert found.cmin <= found.cavg * (1 + 1e-9)
    assert found.cavg <= found.cmax * (1 + 1e-9)
    corners = np.unique(np.concatenate([[0, tau], times % tau]))
    # Between corners the curve is smooth: Gauss points in eight parts of each piece see all of its area.
    edges = np.concatenate([np.linspace(a, b, 8, endpoint=False) for a, b in pairwise(corners)] + [[tau]])
    node, weight = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges) / 2
    points = (edges[:-1] + half)[:, None] + half[:, None] * node
    curve = steady_state(times, values, tau, points.ravel(), lambda_z=rate).values.reshape(points.shape)
    np.testing.assert_allclose((half * (curve @ weight)).sum(), found.auc_tau, rtol=1e-7)


def test_area_of_an_interval_is_exact() -> None:
    times, values, tau = [0, 1, 2, 3, 6, 9], [0, 5, 9, 9, 4, 0.5], 4.0
    for n in (1, 2, np.inf):
        found = steady_state(times, values, tau, n=n, lambda_z=0.4)
        corners = [*np.unique(np.array(times) % tau), tau]
        area = sum(
            quad(lambda s, n=n: steady_state(times, values, tau, [s], n=n, lambda_z=0.4).values[0], a, b)[0]
            for a, b in pairwise(corners)
        )
        np.testing.assert_allclose(found.auc_tau, area, rtol=1e-10)


def test_a_value_at_the_time_of_a_dose_is_the_one_after_it() -> None:
    after = superpose([0, 1, 2], [8, 4, 2], [0, 2], [0, 2], lambda_z=np.log(2))
    before = superpose([0, 1, 2], [8, 4, 2], [0, 2], [0, 2], lambda_z=np.log(2), before=True)
    np.testing.assert_allclose((after, before), ([8, 10], [0, 2]))


def test_straight_lines_where_they_are_asked_for() -> None:
    """Falls of 8 to 2 to 1 by 2 h each: at their middle 5 and 1.5, not the 4 and √2 of logarithms; then 1·exp(−t/2)."""
    single = [0, 2, 4], [8, 2, 1]
    found = superpose(*single, [0, 2], [1, 3], lambda_z=0.5, method="linear")
    np.testing.assert_allclose(found, [5, 1.5 + 5], rtol=1e-12)
    endless = steady_state(*single, 4.0, [1, 3], lambda_z=0.5, method="linear")
    np.testing.assert_allclose(endless.auc_tau, 10 + 3 + 1 / 0.5, rtol=1e-12)


def test_clast_predicted_starts_the_tail_only() -> None:
    t, c = np.array([0, 1, 2, 4, 8.0]), np.array([10, 6.1, 3.5, 1.4, 0.21])
    both = [superpose(t, c, [0], [7.9, 8, 10], clast=kind) for kind in ("observed", "predicted")]
    np.testing.assert_allclose(both[0][:2], both[1][:2])
    known = compute(Profiles.from_arrays(t, c, dose=Dose(0, 1)), Rules())
    fall = np.exp(-2 * known.of("lambda_z")[0])
    np.testing.assert_allclose(both[1][2], known.of("clast_pred")[0] * fall, rtol=1e-12)
    np.testing.assert_allclose(both[0][2], 0.21 * fall, rtol=1e-12)
    assert both[0][2] != both[1][2]


def test_without_a_terminal_rate_the_tail_is_not_known() -> None:
    rising = [0, 1, 2], [0, 1, 2]
    np.testing.assert_array_equal(superpose(*rising, [0], [1, 6]), [1, np.nan])
    found = steady_state(*rising, 12.0, [1, 6])
    assert "terminal rate" in found.reason
    assert np.isnan([found.cmax, found.cmin, found.auc_tau, found.accumulation]).all()
    assert "terminal rate" in time_to_steady_state([0, 1, 2], [0, 1, 2], 1.0).reason


def test_wrong_choices_are_listed() -> None:
    with pytest.raises(InputError) as caught:
        superpose([-1, 0, 1], [1, 2, 3], [0], [0], dose=0, lambda_z=-1, clast="last")
    for part in ("sample at time -1", "dose is 0", "lambda_z is -1", "clast is 'last'"):
        assert part in str(caught.value)
    with pytest.raises(InputError, match="expected one number"):
        superpose(TIMES, VALUES, [0, 1], [0], amounts=[1])
    with pytest.raises(InputError, match="tau is 0"):
        steady_state(TIMES, VALUES, 0)
    with pytest.raises(InputError, match=r"n is 1\.5"):
        steady_state(TIMES, VALUES, 1, n=1.5)


# --- how long it takes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.3, 2.0, 6.0, 24.0])
@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99])
def test_one_exponential_reaches_steady_state_after_a_known_dose(tau: float, fraction: float) -> None:
    expected = np.ceil(-np.log1p(-fraction) / (RATE * tau))
    for of in ("trough", "average"):
        found = time_to_steady_state(TIMES, VALUES, tau, fraction=fraction, of=of)
        assert found.dose == expected
        assert found.time == expected * tau
        np.testing.assert_allclose(found.reached, -np.expm1(-RATE * tau * expected), rtol=1e-9)


@given(single_doses(), st.floats(1, 20))
def test_it_is_the_first_such_dose(profile: tuple[np.ndarray, np.ndarray, float], tau: float) -> None:
    times, values, rate = profile
    dose = int(time_to_steady_state(times, values, tau, lambda_z=rate).dose)
    goal = 0.9 * steady_state(times, values, tau, lambda_z=rate).trough
    assert steady_state(times, values, tau, lambda_z=rate, n=dose).trough >= goal * (1 - 1e-12)
    if dose > 1:
        assert steady_state(times, values, tau, lambda_z=rate, n=dose - 1).trough < goal


def test_stable_troughs_by_hand() -> None:
    t = [24, 48, 72, 96, 120]
    found = stable_trough(t, [1, 2, 2.1, 2.0, 2.1])
    assert (found.dose, found.time) == (2, 48)
    assert stable_trough(t, [1, np.nan, 2, 2, 2]).dose == 3
    last = stable_trough(t, [1, 2, 2, 2, 4])
    assert np.isnan(last.dose)
    assert last.reason == "the last step is larger than 10 %"
    assert stable_trough(t[:1], [1]).reason == "fewer than 2 troughs"
    with pytest.raises(InputError, match="do not rise"):
        stable_trough([2, 1], [1, 1])


def test_monoexponential_approach_is_recovered_with_curve_fits_errors() -> None:
    t = 24.0 * np.arange(1, 9)
    exact = trough_approach(t, 5 * -np.expm1(-0.02 * t))
    np.testing.assert_allclose([exact.css, exact.rate, exact.time], [5, 0.02, np.log(10) / 0.02], rtol=1e-7)
    noisy = 5 * -np.expm1(-0.02 * t) + 0.1 * np.array([1, -1, 0.5, 0.3, -1, 1, -0.2, 0.4])
    found = trough_approach(t, noisy, fraction=0.95)
    best, spread = curve_fit(lambda x, css, k: css * -np.expm1(-k * x), t, noisy, p0=[5, 0.02])
    np.testing.assert_allclose([found.css, found.rate], best, rtol=1e-6)
    np.testing.assert_allclose([found.css_se, found.rate_se], np.sqrt(np.diag(spread)), rtol=1e-4)
    np.testing.assert_allclose(found.time_se, np.log(20) / found.rate**2 * found.rate_se)
    assert "no approach" in trough_approach(t, t).reason
    assert "no approach" in trough_approach(t, np.full(8, 3.0)).reason
    assert "fewer than 3" in trough_approach(t[:2], [1, 2]).reason


# --- a study ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result() -> Any:
    """Two boluses that are one exponential, one that rises to the end, one oral dose, a second dose of subject 0."""
    rows = [{"subject": s, "time": t, "value": (s + 1) * C0 * np.exp(-RATE * t)} for s in (0, 1) for t in (1, 2, 4, 8)]
    rows += [{"subject": 2, "time": t, "value": 1 + t} for t in (1, 2, 4, 8)]
    rows += [{"subject": 3, "time": t, "value": t * np.exp(-t)} for t in (1, 2, 4, 8)]
    rows += [{"subject": 0, "time": 24 + t, "value": C0 * np.exp(-RATE * t)} for t in (1, 2, 4, 8)]
    doses = [{"subject": s, "time": 0, "amount": 100.0, "route": "oral" if s == 3 else "bolus"} for s in range(4)]
    doses += [{"subject": 0, "time": 24, "amount": 100.0}]
    return nca(make_study(rows, doses, units={"time": "h", "dose": "mg", "C": "mg/L"}), "C")


def test_study_prediction_is_the_closed_form(result: Any) -> None:
    regimen = bolus("50000 ug", at=[0, 6, 12])
    found = superpose_study(result, regimen, at=[0, 3, 12, 15])
    gain = 1 / -np.expm1(-RATE * 6)
    one = {name: found[name].sel(profile=result["subject"].values == 1).item() for name in ("cmax_ss", "cmin_ss")}
    np.testing.assert_allclose(list(one.values()), [C0 * gain, C0 * gain * np.exp(-6 * RATE)], rtol=1e-10)
    mine = found.isel(profile=int(np.flatnonzero(result["subject"].values == 1)[0]))
    np.testing.assert_allclose(mine["auc_tau_ss"], C0 / RATE, rtol=1e-10)
    np.testing.assert_allclose(mine["accumulation"], gain, rtol=1e-10)
    decay = np.exp(-RATE * np.array([0, 3, 12, 15]))
    second, third = np.exp(-RATE * np.array([6, 9])), np.exp(-RATE * np.array([0, 3]))
    expected = C0 * np.array([decay[0], decay[1], *(decay[2:] + second + third)])
    np.testing.assert_allclose(mine["concentration"], expected, rtol=1e-10)
    assert (mine["concentration"].attrs["units"], mine["auc_tau_ss"].attrs["units"]) == ("mg/L", "h·mg/L")
    assert found.attrs["tau"] == 6


def test_every_missing_prediction_has_a_reason(result: Any) -> None:
    found = superpose_study(result, bolus("50 mg", at=[0, 6, 12]))
    for name in found["quantity"].values:
        lost = found[name].isnull()
        lost = lost.any("time") if "time" in lost.dims else lost
        np.testing.assert_array_equal(lost, found["reason"].sel(quantity=name) != "")
    text = {(int(s), int(i)): r for s, i, r in zip(found["subject"], found["interval"],
            found["reason"].sel(quantity="cmax_ss").values, strict=True)}  # fmt: skip
    assert text[1, 1] == ""
    assert "terminal rate" in text[2, 1]
    assert "oral, the regimen's bolus" in text[3, 1]
    assert "not the first dose" in text[0, 2]
    single = int(np.flatnonzero(result["subject"].values == 1)[0])
    for plan, why in (([0, 6, 18], "not equally spaced"), ([0], "single dose")):
        other = superpose_study(result, bolus("50 mg", at=plan), at=[1.0])
        assert why in other["reason"].sel(quantity="cmin_ss").values[single]
        assert other["reason"].sel(quantity="concentration").values[single] == ""
    uneven = superpose_study(result, Regimen((Dose(0, 100), Dose(6, 50)), "mg"))
    assert "not equal" in uneven["reason"].sel(quantity="cmin_ss").values[single]
    with pytest.raises(InputError, match="no dose"):
        superpose_study(result, Regimen((), "mg"))
    with pytest.raises(InputError, match="per kg"):
        superpose_study(result, bolus("50 mg/kg"))
