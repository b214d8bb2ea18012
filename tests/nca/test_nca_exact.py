"""Closed forms: what the rules must return exactly."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from pkpd.dosing import Dose
from pkpd.nca import Profiles, Rules, compute
from pkpd.nca.kernel.areas import pieces

TIMES = np.array([0.25, 0.5, 1, 2, 4, 8, 12.0])


def test_mono_exponential_bolus_is_exact() -> None:
    dose, volume, rate = 100.0, 7.0, 0.31
    found = compute(Profiles.from_arrays(TIMES, dose / volume * np.exp(-rate * TIMES), dose=Dose(0, dose)), Rules())
    expected = {
        "c0": dose / volume, "auc_inf_obs": dose / volume / rate, "auc_inf_pred": dose / volume / rate,
        "auc_last": dose / volume / rate * -np.expm1(-rate * 12), "aumc_inf_obs": dose / volume / rate**2,
        "half_life": np.log(2) / rate, "lambda_z": rate, "mrt_inf_obs": 1 / rate, "cl_obs": volume * rate,
        "vz_obs": volume, "vss_obs": volume, "lambda_z_intercept": np.log(dose / volume), "lambda_z_points": 7,
        "lambda_z_r2_adjusted": 1, "lambda_z_correlation": -1, "lambda_z_span": 11.75 * rate / np.log(2),
        "auc_extrapolated_obs": 100 * np.exp(-rate * 12), "auc_back_extrapolated_obs": -100 * np.expm1(-rate * 0.25),
        "cmax_dose": np.exp(-rate * 0.25) / volume, "auc_inf_obs_dose": 1 / volume / rate,
    }  # fmt: skip
    for name, value in expected.items():
        np.testing.assert_allclose(found.of(name), value, rtol=1e-10, err_msg=name)


def test_late_samples_of_a_bi_exponential_give_its_terminal_rate() -> None:
    t = np.array([0.1, 0.5, 1, 30, 40, 50, 60.0])
    c = 90 * np.exp(-2 * t) + 10 * np.exp(-0.05 * t)
    found = compute(Profiles.from_arrays(t, c, dose=Dose(0, 1)), Rules())
    assert found.of("lambda_z_points")[0] == 4
    np.testing.assert_allclose(found.of("lambda_z"), 0.05, rtol=1e-10)


def test_infusion_takes_half_its_length_off_the_residence_time() -> None:
    # Steady input of length 2 into one compartment; samples so dense that the trapezoids are exact to 1e-6.
    rate, length = 0.4, 2.0
    t = np.concatenate([np.linspace(0, length, 4001), np.linspace(length, 60, 4001)[1:]])
    c = np.where(t <= length, -np.expm1(-rate * t), -np.expm1(-rate * length) * np.exp(-rate * (t - length)))
    found = compute(Profiles.from_arrays(t, c, dose=Dose(0, length * rate * 5, "infusion", length)), Rules())
    np.testing.assert_allclose(found.of("mrt_inf_obs"), 1 / rate, rtol=1e-6)
    np.testing.assert_allclose(found.of("vss_obs"), 5.0, rtol=1e-6)
    assert found.of("lambda_z_start")[0] > length


@pytest.mark.parametrize("gap", [1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 0.05, 0.0951625, 0.2, 0.6, 0.9, 1 - 1e-9])
@pytest.mark.parametrize("t1", [0.0, 3.0, 1e6])
def test_log_segments_keep_their_digits_for_near_equal_values(gap: float, t1: float) -> None:
    c1, c2, t2 = 7.3, 7.3 * (1 - gap), t1 + 2.5
    if c2 == c1:
        pytest.skip("equal in floating point")
    t, c = np.array([[t1], [t2]]), np.array([[c1], [c2]])
    log_c = np.log(c)
    area, moment = pieces(t[:-1], t[1:], c[:-1], c[1:], log_c[:-1], log_c[1:], c[1:] < c[:-1])
    with mpmath.workdps(80):
        k = mpmath.log(mpmath.mpf(c1) / mpmath.mpf(c2)) / (mpmath.mpf(t2) - mpmath.mpf(t1))
        exact_area = (mpmath.mpf(c1) - mpmath.mpf(c2)) / k
        exact_moment = (mpmath.mpf(t1) * c1 - mpmath.mpf(t2) * c2) / k + (mpmath.mpf(c1) - mpmath.mpf(c2)) / k**2
    np.testing.assert_allclose(area[0, 0], float(exact_area), rtol=2e-15)
    np.testing.assert_allclose(moment[0, 0], float(exact_moment), rtol=2e-14)


def test_terminal_regression_equals_least_squares_on_every_window() -> None:
    rng = np.random.default_rng(5)
    t = np.sort(rng.uniform(0, 30, 9)) + 5e3
    c = np.exp(-0.1 * (t - 5e3) + rng.normal(0, 0.3, 9))
    found = compute(Profiles.from_arrays(t, c, dose=Dose(0, 1, "bolus")), Rules(lambda_z_tolerance=0.0))
    best = (-np.inf, 0, 0.0)
    for n in range(3, 10 - int(np.argmax(c))):
        slope = np.polyfit(t[-n:] - t[-1], np.log(c[-n:]), 1)[0]
        r2 = np.corrcoef(t[-n:] - t[-1], np.log(c[-n:]))[0, 1] ** 2
        if slope < 0:
            best = max(best, (1 - (1 - r2) * (n - 1) / (n - 2), n, -slope))
    np.testing.assert_allclose(found.of("lambda_z_r2_adjusted")[0], best[0], rtol=1e-12)
    assert found.of("lambda_z_points")[0] == best[1]
    np.testing.assert_allclose(found.of("lambda_z")[0], best[2], rtol=1e-11)


def test_sparse_il21_design_has_the_known_bias() -> None:
    """`il21.md` section 4, row "default": AUC +9.0 % (linear +40.5 %), half-life mean 1.89, median 1.86, CV 17 %."""
    rng, n, dose = np.random.default_rng(20140715), 4000, 30_000.0
    scale, eta_cl, eta_v = rng.normal(0, [[0.29], [0.135], [0.135]], (3, n))
    cl, q = 167 * np.exp(scale + eta_cl), 112.9 * np.exp(scale)
    v1, v2 = 64.6 * np.exp(scale + eta_v), 171.2 * np.exp(scale + eta_v)
    total = cl / v1 + q / v1 + q / v2
    root = np.sqrt(total**2 - 4 * cl / v1 * q / v2)
    fast, slow = (total + root) / 2, (total - root) / 2
    t = np.array([1 / 12, 1, 2, 4, 8])
    a, b = dose / v1 * (fast - q / v2) / root, dose / v1 * (q / v2 - slow) / root
    c = a[:, None] * np.exp(-fast[:, None] * t) + b[:, None] * np.exp(-slow[:, None] * t)
    c = np.maximum(c * (1 + 0.12 * rng.standard_normal(c.shape)) + 0.02 * rng.standard_normal(c.shape), 0)
    profiles = Profiles.from_arrays(t, c, dose=Dose(0, dose), lloq=0.112)
    true = dose / cl
    for rule, known in (("linear-up/log-down", 9.0), ("linear", 40.5)):
        auc = compute(profiles, Rules.phoenix(auc=rule)).of("auc_last")
        error = 100 * np.std(auc - auc.mean() / true.mean() * true) / true.mean() / np.sqrt(n)
        # The table is a Monte-Carlo result of the same size itself, given to 0.1.
        assert abs(100 * (auc.mean() / true.mean() - 1) - known) < 4 * np.sqrt(2) * error + 0.05
    half = compute(profiles, Rules()).of("half_life")
    assert not np.isnan(half).any()
    error = half.std() / np.sqrt(n)
    assert abs(half.mean() - 1.89) < 4 * np.sqrt(2) * error + 0.005
    assert abs(np.median(half) - 1.86) < 4 * np.sqrt(2) * 1.25 * error + 0.005
    assert 15.5 < 100 * half.std() / half.mean() < 18.5
