"""Responses in closed form: effect compartment, direct effects, tolerance, irreversible effects, rhythm, shedding."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings
from pkpd.model import Model
from tests.library.library_runs import DRIVE, solve, values_of

TIMES = np.array([0.0, 0.5, 2.0, 7.0, 20.0, 60.0])
PK = library.one_compartment()
K, C0 = 0.1, 2.0  # typical CL = 5 L/h, V = 50 L, after 100 mg


def after_a_bolus(model: Model, **changed: float) -> dict[str, np.ndarray]:
    return solve(PK + model, values_of(PK + model, **changed), TIMES, [Dose(0, 100.0)], after=True)


def test_effect_compartment_in_closed_form() -> None:
    found = after_a_bolus(library.effect_compartment(), ke0=0.4)
    expected = C0 * 0.4 / (0.4 - K) * (np.exp(-K * TIMES) - np.exp(-0.4 * TIMES))
    np.testing.assert_allclose(found["Ce"], expected, rtol=1e-9, atol=1e-12)


def test_hysteresis_collapses() -> None:
    """Driven by Ce an effect has one value for one Ce, and two for one C."""
    model = PK + library.effect_compartment() + library.emax_effect(by="Ce")
    found = solve(model, values_of(model), TIMES, [Dose(0, 100.0)])
    ce, p = found["Ce"], values_of(model)
    np.testing.assert_allclose(found["E"], p["E_0"] + p["Emax_E"] * ce / (p["EC50_E"] + ce), rtol=1e-10)


DIRECT = {
    "linear": (library.linear_effect, lambda c, p: p["E_0"] + p["S_E"] * c),
    "log-linear": (library.log_linear_effect, lambda c, p: p["E_0"] + p["m_E"] * np.log1p(c / p["C0_E"])),
    "Emax": (library.emax_effect, lambda c, p: p["E_0"] + p["Emax_E"] * c / (p["EC50_E"] + c)),
    "sigmoid": (
        library.sigmoid_emax_effect,
        lambda c, p: p["E_0"] + p["Emax_E"] / (1 + (p["EC50_E"] / c) ** p["h_E"]),
    ),
    "Imax": (library.imax_effect, lambda c, p: p["E_0"] * (1 - p["Imax_E"] * c / (p["IC50_E"] + c))),
}


@pytest.mark.parametrize("kind", list(DIRECT))
def test_direct_effects_are_algebra(kind: str) -> None:
    make, formula = DIRECT[kind]
    p = values_of(PK + make(), E_0=3.0) | {"h_E": 2.6}
    found = after_a_bolus(make(), **{k: v for k, v in p.items() if k in make().parameters})
    np.testing.assert_allclose(found["E"], formula(C0 * np.exp(-K * TIMES), p), rtol=1e-10)
    before = solve(PK + make(), {n: p[n] for n in (PK + make()).parameters.names}, [0.0])
    assert before["E"][0] == pytest.approx(3.0, rel=1e-12)


def test_half_of_the_maximum_at_ec50() -> None:
    for make, size in ((library.emax_effect, "Emax_E"), (library.sigmoid_emax_effect, "Emax_E")):
        model = DRIVE + make()
        p = values_of(model, c=1.7, EC50_E=1.7, E_0=0.5)
        assert solve(model, p, [0.0])["E"][0] == pytest.approx(0.5 + p[size] / 2, rel=1e-12)


@pytest.mark.parametrize("make", [library.sigmoid_emax_effect, library.direct_effect])
def test_a_power_of_a_concentration_that_misses_zero(make: object) -> None:
    """Saturable elimination is integrated, and may end a rounding below zero: the effect is then its baseline."""
    model = library.michaelis_menten() + make()  # type: ignore[operator]
    for dose in (10.0, 100.0, 300.0):
        p = values_of(model, h_E=1.7, Vmax=60.0, V=10.0)
        found = solve(model, p, np.linspace(0, 60, 121), [Dose(0, dose)], settings=Settings())
        assert np.isfinite(found["E"]).all()
        assert found["E"][-1] == pytest.approx(1.0, abs=1e-6)


def test_a_decade_far_above_c0_adds_m_ln_10() -> None:
    model = DRIVE + library.log_linear_effect()
    high, low = (solve(model, values_of(model, c=c, m_E=4.0), [0.0])["E"][0] for c in (1e9, 1e8))
    assert high - low == pytest.approx(4 * np.log(10), rel=1e-7)


@pytest.mark.parametrize("inhibits", [False, True])
@pytest.mark.parametrize("drive", [0.3, 5.0])
def test_feedback_settles_at_the_root(inhibits: bool, drive: float) -> None:
    """Under a constant drive H: R = R0·√H and M = √H (Gabrielsson & Peletier 2008)."""
    model = DRIVE + library.feedback("R", inhibits=inhibits)
    p = values_of(model, c=drive, R_0=3.0)
    size, half = ("Imax_R", "IC50_R") if inhibits else ("Smax_R", "SC50_R")
    h = 1 + (-1 if inhibits else 1) * p[size] * drive / (p[half] + drive)
    found = solve(model, p, [3000.0])
    assert found["R"][0] == pytest.approx(3 * np.sqrt(h), rel=1e-8)
    assert found["R_moderator"][0] == pytest.approx(np.sqrt(h), rel=1e-8)


@pytest.mark.parametrize("make", [library.feedback, library.precursor_response])
@pytest.mark.parametrize("inhibits", [False, True])
def test_tolerance_and_rebound(make: object, inhibits: bool) -> None:
    """A long infusion: the response overshoots, comes back towards its baseline, and rebounds when it ends."""
    model = PK + make("R", inhibits=inhibits)  # type: ignore[operator]
    t = np.arange(0.0, 900.0, 1.0)
    p = values_of(model, R_0=3.0, CL=20.0)
    r = solve(model, p, t, [Dose(0, 9000.0, "infusion", 300.0)])["R"]
    sign = -1 if inhibits else 1
    during, late, later = sign * (r[:300] - 3), sign * (r[299] - 3), sign * (r[300:] - 3)
    assert during.max() > 0.3
    assert late < 0.8 * during.max()
    assert later.min() < -0.1
    assert abs(r[-1] - 3) < 0.05


def test_the_precursor_keeps_the_response_at_baseline_in_the_long_run() -> None:
    for inhibits in (False, True):
        model = DRIVE + library.precursor_response("R", inhibits=inhibits)
        assert solve(model, values_of(model, c=4.0, R_0=3.0), [6000.0])["R"][0] == pytest.approx(3.0, rel=1e-8)


def test_what_is_held_back_is_released_later() -> None:
    """The area above the baseline equals the area below: ∫(R − R0)dt = 0, the pool gives back what it kept."""
    model = PK + library.precursor_response("R", inhibits=True)
    t = np.linspace(0, 1500, 150_001)
    r = solve(model, values_of(model, R_0=3.0), t, [Dose(0, 500.0)])["R"]
    assert abs(np.trapezoid(r - 3, t)) < 1e-4 * np.trapezoid(np.abs(r - 3), t)


def test_the_antagonist_halves_the_effect_at_t50() -> None:
    model = DRIVE + library.antagonist_tolerance()
    p = values_of(model, c=2.0, T50_E=2.0, S_E=3.0, E_0=1.0, ktol_E=0.5)
    found = solve(model, p, [0.0, 1.0, 200.0])["E"]
    expected = 1 + 6 / (1 - np.expm1(-0.5 * np.array([0.0, 1.0, 200.0])))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert found[2] == pytest.approx(4.0, rel=1e-9)


def test_irreversible_effect_in_closed_form() -> None:
    """Constant C: R∞ = R0·kout/(kout + kC), exponential at that sum. Without turnover: R0·exp(−k·AUC)."""
    model = DRIVE + library.irreversible_effect("R")
    p = values_of(model, c=3.0, k_R=0.2, kout_R=0.1, R_0=5.0)
    rest = 5 * 0.1 / 0.7
    np.testing.assert_allclose(solve(model, p, TIMES)["R"], rest + (5 - rest) * np.exp(-0.7 * TIMES), rtol=1e-9)
    found = after_a_bolus(library.irreversible_effect("R"), k_R=0.2, kout_R=0.0, R_0=5.0)["R"]
    np.testing.assert_allclose(found, 5 * np.exp(-0.2 * C0 * -np.expm1(-K * TIMES) / K), rtol=1e-9)


def test_circadian_baseline() -> None:
    model = DRIVE + library.circadian_baseline("B")
    p = values_of(model, B_0=10.0, amp_B=0.4, peak_B=8.0)
    found = solve(model, p, [8.0, 20.0, 14.0, 32.0, 2.0])["B"]
    np.testing.assert_allclose(found, [14.0, 6.0, 10.0, 14.0, 10.0], rtol=1e-12)


@pytest.mark.parametrize(("period", "peak"), [(24.0, 8.0), (12.0, -3.0)])
def test_circadian_turnover_is_on_its_cycle_from_the_start(period: float, peak: float) -> None:
    """R = R0[1 + a·kout/√(kout² + ω²)·cos(ω(t − peak) − arctan(ω/kout))], from t = 0 on, every day alike."""
    model = DRIVE + library.circadian_turnover("R")
    p = values_of(model, c=0.0, R_0=10.0, amp_R=0.6, kout_R=0.3, peak_R=peak, period_R=period)
    t = np.linspace(0, 5 * period, 61)
    w = 2 * np.pi / period
    expected = 10 * (1 + 0.6 * 0.3 / np.hypot(0.3, w) * np.cos(w * (t - peak) - np.arctan(w / 0.3)))
    found = solve(model, p, t)["R"]
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    np.testing.assert_allclose(found[12:], found[:-12], rtol=1e-8)


def test_a_constant_inhibitor_scales_the_rhythm() -> None:
    model = DRIVE + library.circadian_turnover("R")
    p = values_of(model, c=3.0, R_0=10.0, Imax_R=0.8, IC50_R=1.0)
    t = 480.0 + np.linspace(0, 24, 9)
    free = solve(model, p | {"c": 0.0}, t)["R"]
    np.testing.assert_allclose(solve(model, p, t)["R"], (1 - 0.8 * 0.75) * free, rtol=1e-8)


def test_shedding_in_closed_form() -> None:
    """Constant cytokine: M = 1 + E(1 − e^(−km·t)), and the soluble receptor follows through kout."""
    model = DRIVE + library.receptor_shedding()
    p = values_of(model, c=2.0, sCD25_0=3.0, km_sCD25=0.05, kout_sCD25=0.09, Smax_sCD25=6.0, SC50_sCD25=1.0)
    m, k, e = 0.05, 0.09, 6 * 2 / 3
    expected = 3 * (1 + e * (1 - (k * np.exp(-m * TIMES) - m * np.exp(-k * TIMES)) / (k - m)))
    np.testing.assert_allclose(solve(model, p, TIMES)["sCD25"], expected, rtol=1e-9)


def test_shedding_outlasts_the_cytokine() -> None:
    """Released late: the peak comes after the drug's, where the response without the step is earlier."""
    t = np.arange(0.0, 200.0, 0.5)
    model = PK + library.receptor_shedding() + library.indirect_response("III", "R")
    p = values_of(model, CL=50.0, Smax_R=5.0, sCD25_0=1.0, kout_sCD25=0.1, kout_R=0.1)
    found = solve(model, p, t, [Dose(0, 100.0)])
    assert found["sCD25"].argmax() > found["R"].argmax() > found["C"].argmax()
