"""What follows Cmax and what follows Clast, by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pkpd.nca import Points, area, nca
from pkpd.nca.kernel.extrapolation import Extrapolation
from tests.nca.nca_studies import make_study

UNITS = {"time": "h", "C": "mg/L", "dose": "mg"}


@pytest.mark.parametrize(
    ("values", "top"), [((4.0, 8.0, 2.0, 1.0), 1), ((8.0, 4.0, 5.0, 1.0), 0), ((1.0, 3.0, 9.0, 3.0), 2)]
)
def test_the_piece_that_begins_at_cmax_is_logarithmic(values: tuple[float, ...], top: int) -> None:
    """Rule "linear/log after Cmax": straight lines up to Cmax, logarithms from there on, up or down."""
    samples = [{"subject": 1, "time": float(k + 1), "value": v} for k, v in enumerate(values)]
    study = make_study(samples, [{"subject": 1, "time": 0.0, "amount": 100.0, "route": "oral"}], units=UNITS)
    found = nca(study, "C", auc="linear/log after Cmax")["auc_last"].item()
    area = 0.5 * values[0]  # from 0 at the dose
    for k, (a, b) in enumerate(pairwise(values)):
        area += 0.5 * (a + b) if k < top else (a - b) / np.log(a / b)
    assert found == pytest.approx(area, rel=1e-12)


def test_the_predicted_tail_starts_from_the_regression() -> None:
    """AUCinf,pred − AUClast is exp(intercept − λz·tlast)/λz of numpy.polyfit; the observed one starts from Clast."""
    t, c = np.array([1.0, 2, 4, 6, 8, 10]), np.array([10.0, 8.0, 5.2, 2.9, 2.1, 1.0])
    samples = [{"subject": 1, "time": x, "value": v} for x, v in zip(t, c, strict=True)]
    study = make_study(samples, [{"subject": 1, "time": 0.0, "amount": 100.0, "route": "oral"}], units=UNITS)
    found = nca(study, "C", windows=[(0, 14)])
    points = int(found["lambda_z_points"].item())
    slope, intercept = np.polyfit(t[-points:], np.log(c[-points:]), 1)
    beyond = {"pred": np.exp(intercept + slope * t[-1]), "obs": c[-1]}
    for place, (kind, level) in zip((4, 3), beyond.items(), strict=True):
        tail = found[f"auc_inf_{kind}"].item() - found["auc_last"].item()
        assert tail == pytest.approx(level / -slope, rel=1e-9)
        window = found["auc_window"].values.ravel()[place] - found["auc_last"].item()  # 4 h of that tail
        assert window == pytest.approx(level / -slope * (1 - np.exp(4 * slope)), rel=1e-9)
    assert abs(beyond["pred"] / beyond["obs"] - 1) > 0.01


@pytest.mark.parametrize(("weights", "power"), [("1", 0.0), ("1/y", 1.0), ("1/y^2", 2.0)])
def test_weights_of_the_regression(weights: str, power: float) -> None:
    """`numpy.polyfit` takes the square roots of weights: C^(−power/2)."""
    t, c = np.array([1.0, 2, 4, 6, 8, 10]), np.array([10.0, 8.0, 5.2, 2.9, 2.1, 0.4])
    samples = [{"subject": 1, "time": x, "value": v} for x, v in zip(t, c, strict=True)]
    study = make_study(samples, [{"subject": 1, "time": 0.0, "amount": 100.0, "route": "oral"}], units=UNITS)
    found = nca(study, "C", points=[Points(1, use=(2.0, 4.0, 6.0, 8.0, 10.0))], lambda_z_weights=weights)
    slope, _ = np.polyfit(t[1:], np.log(c[1:]), 1, w=c[1:] ** (-power / 2))
    assert found["lambda_z"].item() == pytest.approx(-slope, rel=1e-9)


def test_a_regression_that_ends_before_the_last_sample() -> None:
    """Intercept and predicted Clast are those of numpy.polyfit through the chosen points, the latter at Tlast."""
    t, c = np.array([1.0, 2, 4, 6, 8, 10]), np.array([10.0, 8.0, 5.2, 2.9, 2.1, 0.4])
    samples = [{"subject": 1, "time": x, "value": v} for x, v in zip(t, c, strict=True)]
    study = make_study(samples, [{"subject": 1, "time": 0.0, "amount": 100.0, "route": "oral"}], units=UNITS)
    found = nca(study, "C", points=[Points(1, use=(2.0, 4.0, 6.0, 8.0))])
    slope, intercept = np.polyfit(t[1:5], np.log(c[1:5]), 1)
    assert found["lambda_z_intercept"].item() == pytest.approx(intercept, rel=1e-9)
    assert found["clast_pred"].item() == pytest.approx(np.exp(intercept + 10 * slope), rel=1e-9)


@pytest.mark.parametrize(
    ("begin", "end"), [(a, b) for a in (0.0, 3.0, 10.0, 14.0) for b in (10.0, 20.0, np.inf) if a < b]
)
def test_area_and_moment_of_an_exponential_over_any_stretch(begin: float, end: float) -> None:
    """C = 8·exp(−0.2·t), sampled to 10 h and extrapolated: area and moment are integrals in closed form."""
    rate, height = 0.2, 8.0
    times = np.array([0.0, 1, 2, 4, 7, 10])
    values = height * np.exp(-rate * times)
    found = area(times, values, begin, end, tail=Extrapolation("obs", lambda_z=rate))

    def integral(t: float) -> tuple[float, float]:
        left = np.exp(-rate * t) if np.isfinite(t) else 0.0
        gone = (rate * t + 1) * left if np.isfinite(t) else 0.0
        return height / rate * left, height / rate**2 * gone

    (first, first_moment), (last, last_moment) = integral(begin), integral(end)
    assert found.auc == pytest.approx(first - last, rel=1e-10)
    assert found.aumc == pytest.approx(first_moment - last_moment, rel=1e-10)


@pytest.mark.parametrize("tau", [6.0, 12.0, 24.0])
def test_accumulation_by_hand(tau: float) -> None:
    """1/(1 − exp(−λz·τ)), which is 1 for a drug that is gone, and not 0."""
    times = np.array([0.5, 1, 2, 4, 6])
    samples = [{"subject": 1, "time": x, "value": 8 * np.exp(-0.2 * x)} for x in times]
    study = make_study(samples, [{"subject": 1, "time": 0.0, "amount": 100.0}], units=UNITS)
    found = nca(study, "C", tau=tau)["accumulation_index"].item()
    assert found == pytest.approx(1 / (1 - np.exp(-0.2 * tau)), rel=1e-9)


def test_of_a_dosing_interval_whose_lowest_value_is_not_its_last() -> None:
    """The lag leaves Cmin 0.5 at 0.5 h and Ctau 1; straight lines, then 1·2^(−(t − 8)/2) after τ = 8 h."""
    profile = {0.0: 1.0, 0.5: 0.5, 2.0: 8.0, 4.0: 4.0, 6.0: 2.0, 8.0: 1.0}
    samples = [{"subject": 1, "time": t, "value": c} for t, c in profile.items()]
    study = make_study(samples, [{"subject": 1, "time": 0.0, "amount": 100.0, "route": "oral"}], units=UNITS)
    found = nca(study, "C", tau=8.0, auc="linear")
    whole = 0.375 + 6.375 + 12 + 6 + 3
    moment = 0.0625 + 12.1875 + 32 + 28 + 20
    assert found["auc_tau"].item() == pytest.approx(whole, rel=1e-12)
    assert found["fluctuation"].item() == pytest.approx(100 * (8 - 0.5) / (whole / 8), rel=1e-12)
    assert found["fluctuation_tau"].item() == pytest.approx(100 * (8 - 1) / (whole / 8), rel=1e-12)
    later = 2 / np.log(2)  # the area beyond τ; it stays τ longer in the intervals that follow
    assert found["mrt_ss_obs"].item() == pytest.approx((moment + 8 * later) / whole, rel=1e-9)
