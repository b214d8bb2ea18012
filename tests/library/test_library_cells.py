"""Cells and tumours: myelosuppression (Friberg), tumour growth (Simeoni, Claret)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammainc

from pkpd import library
from pkpd.dosing import Dose
from tests.library.library_runs import DRIVE, FINE, solve, values_of

PK = library.one_compartment()
HOURS = np.arange(0.0, 1000.0, 1.0)
MARROW = PK + library.myelosuppression()


def neutrophils(dose: float, **changed: float) -> np.ndarray:
    found: np.ndarray = solve(MARROW, values_of(MARROW, **changed), HOURS, [Dose(0, dose)])["ANC"]
    return found


def test_neutrophils_fall_to_a_nadir_and_recover() -> None:
    """Down after the maturation, lower and not earlier with more drug, above the baseline once, back in the end."""
    small, large = neutrophils(20.0), neutrophils(60.0)
    for r in (small, large):
        nadir = int(r.argmin())
        assert 50.0 < HOURS[nadir] < 250.0
        assert r[nadir] < 0.9 * 5.0
        assert r[nadir:].max() > 5.05
        assert r[:10] == pytest.approx(5.0, rel=1e-3)
    assert large.min() < small.min()
    long = solve(MARROW, values_of(MARROW), [8000.0], [Dose(0, 60.0)])["ANC"]
    assert long[0] == pytest.approx(5.0, rel=1e-6)


def test_without_feedback_the_marrow_loses_exp_of_the_exposure() -> None:
    """γ = 0: ln(N∞/N0) = −ktr·slope·AUC, for linear and for Emax effects the integral of E."""
    p = values_of(MARROW, gamma_ANC=0.0, slope_ANC=2.0, MTT_ANC=100.0, CL=5.0)
    end = solve(MARROW, p, [3000.0], [Dose(0, 25.0)])["ANC"][0]
    assert np.log(end / 5) == pytest.approx(-0.04 * 2.0 * 25 / 5, rel=1e-8)
    model = PK + library.myelosuppression(effect="emax")
    p = values_of(model, gamma_ANC=0.0, Emax_ANC=3.0, EC50_ANC=0.4, CL=5.0, V=10.0)
    end = solve(model, p, [3000.0], [Dose(0, 25.0)])["ANC"][0]
    area = 3.0 / 0.5 * np.log1p(2.5 / 0.4)  # ∫Emax·C/(EC50 + C) of C = 2.5·exp(−0.5·t)
    assert np.log(end / 5) == pytest.approx(-0.04 * area, rel=1e-8)


def test_the_maturation_is_a_gamma_distribution() -> None:
    """γ = 0 and all proliferation stopped at once (C constant, E = 1): cells in blood are those still on the way.

    P falls as exp(−ktr·t), so N/N0 = 1 − gammainc(5, ktr·t): five equal steps, the mean of four of them is MTT.
    """
    model = DRIVE + library.myelosuppression()
    p = values_of(model, c=1.0, slope_ANC=1.0, gamma_ANC=0.0, MTT_ANC=80.0)
    times = np.array([5.0, 20.0, 60.0, 150.0, 400.0])
    found = solve(model, p, times)["ANC"]
    np.testing.assert_allclose(found, 5 * (1 - gammainc(5, 0.05 * times)), rtol=1e-7)


def test_only_the_ratio_to_the_baseline_matters() -> None:
    a, b = neutrophils(40.0), neutrophils(40.0, ANC_0=2.0)
    np.testing.assert_allclose(a / 5, b / 2, rtol=1e-7)


def test_stronger_feedback_recovers_sooner() -> None:
    weak, strong = neutrophils(40.0, gamma_ANC=0.1), neutrophils(40.0, gamma_ANC=0.3)
    assert strong.min() > weak.min()
    back = [int((r[r.argmin():] > 5.0).argmax() + r.argmin()) for r in (weak, strong)]  # fmt: skip
    assert back[1] < back[0]


TUMOUR = DRIVE + library.simeoni()
GROWN = {"lambda0_w": 0.01, "lambda1_w": 0.03}


def test_a_small_tumour_grows_exponentially_and_a_large_one_linearly() -> None:
    """w ≪ λ1/λ0 (3 g): w0·exp(λ0·t). w ≫ 3 g: w0 + λ1·t. The corrections are (w/3 g)^±20/20."""
    t = np.array([0.0, 20.0, 60.0])
    p = values_of(TUMOUR, c=0.0, w_0=0.01, **GROWN)
    np.testing.assert_allclose(solve(TUMOUR, p, t)["w"], 0.01 * np.exp(0.01 * t), rtol=1e-9)
    p |= {"w_0": 12.0}
    np.testing.assert_allclose(solve(TUMOUR, p, t)["w"], 12 + 0.03 * t, rtol=1e-9)


def test_the_change_from_exponential_to_linear() -> None:
    """Its own first integral: ln y + ∫((1 + y^ψ)^(1/ψ) − 1)/y dy = λ0·t with y = λ0·w/λ1, by quadrature."""
    from scipy.integrate import quad

    p = values_of(TUMOUR, c=0.0, w_0=1.0, **GROWN)
    w = solve(TUMOUR, p, [50.0, 120.0, 300.0])["w"]
    for t, end in zip((50.0, 120.0, 300.0), w, strict=True):
        took = quad(lambda y: (1 + y**20) ** (1 / 20) / y, 1 / 3, end / 3, epsabs=1e-13, epsrel=1e-13, limit=200)[0]
        assert took == pytest.approx(0.01 * t, rel=1e-8)


def test_damaged_cells_die_after_three_steps() -> None:
    """No growth: cycling cells fall as exp(−k2·AUC); what is damaged leaves as a gamma distribution of order 3."""
    model = PK + library.simeoni()
    p = values_of(model, lambda0_w=1e-15, w_0=2.0, k1_w=0.05, k2_w=0.5, CL=5000.0)  # the drug is gone at once
    t = np.array([1.0, 20.0, 60.0, 400.0])
    found = solve(model, p, t, [Dose(0, 5000.0)])["w"]
    left = 2 * np.exp(-0.5 * 5000 / 5000)
    np.testing.assert_allclose(found, left + (2 - left) * (1 - gammainc(3, 0.05 * t)), rtol=2e-3)
    assert found[-1] == pytest.approx(left, rel=1e-6)


@pytest.mark.parametrize(("part", "grows"), [(0.9, True), (1.1, False)])
def test_the_threshold_concentration(part: float, grows: bool) -> None:
    """Below λ0/k2 a tumour grows in the long run, above it vanishes (Simeoni et al. 2004)."""
    p = values_of(TUMOUR, w_0=0.01, k2_w=0.02, c=part * 0.01 / 0.02, **GROWN)
    w = solve(TUMOUR, p, [500.0, 1500.0])["w"]
    assert (w[1] > w[0]) == grows
    assert np.log(w[1] / w[0]) == pytest.approx(1000 * 0.01 * (1 - part), rel=1e-4)


@pytest.mark.parametrize("resistance", [0.0, 0.002])
def test_claret_in_closed_form(resistance: float) -> None:
    """Constant exposure: y0·exp(KL·t − KD·C·(1 − e^(−λt))/λ); without resistance y0·exp((KL − KD·C)t)."""
    model = DRIVE + library.claret()
    p = values_of(model, c=4.0, SLD_0=80.0, KL_SLD=0.001, KD_SLD=5e-4, lambda_SLD=resistance)
    t = np.array([0.0, 100.0, 700.0, 3000.0])
    exposure = 4 * (-np.expm1(-resistance * t) / resistance if resistance else t)
    np.testing.assert_allclose(solve(model, p, t)["SLD"], 80 * np.exp(0.001 * t - 5e-4 * exposure), rtol=1e-8)


def test_claret_smallest_size() -> None:
    """The nadir is at ln(KD·C/KL)/λ."""
    model = DRIVE + library.claret()
    p = values_of(model, c=4.0, SLD_0=80.0, KL_SLD=0.001, KD_SLD=5e-4, lambda_SLD=0.002)
    t = np.arange(0.0, 1000.0, 1.0)
    y = solve(model, p, t, settings=FINE)["SLD"]
    assert t[y.argmin()] == pytest.approx(np.log(4 * 5e-4 / 0.001) / 0.002, abs=1.0)
