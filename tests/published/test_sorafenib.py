"""The published population of sorafenib: its printed numbers in both readings, and exposures in closed form."""

from __future__ import annotations

import numpy as np
import pytest

import pkpd
from pkpd import InputError, published
from pkpd.dosing import Dose, Regimen

# il21.md, section 8: CV 18.0, 68.7 and 61.9 %, correlation 0.778; 68.7 % is ω 0.687 or 0.622.
OMEGAS = {"cv": (0.180, 0.687, 0.619), "lognormal": (0.1786, 0.622, 0.570)}
STEADY = Regimen((Dose(0.0, 400.0, "oral", steady_state="instead", interval=12.0),), "mg")


@pytest.mark.parametrize("reading", OMEGAS)
def test_the_printed_variability(reading: str) -> None:
    """Standard deviations of CL, V and MTT on the log scale, the correlation, the residual errors; and as drawn."""
    people = published.sorafenib(reading=reading)
    sd = np.sqrt(np.diag(people.omega.matrix()))
    np.testing.assert_allclose(sd, OMEGAS[reading], atol=6e-4)
    assert people.omega.matrix()[0, 1] / (sd[0] * sd[1]) == pytest.approx(0.778)
    assert not people.omega.matrix()[2, :2].any()
    values = people.parameters.as_dict()
    assert (values["prop_C"], values["add_C"]) == (0.514, 0.001)
    drawn = pkpd.simulate(people, pkpd.oral("400 mg"), subjects=400, seed=1, times=[1e-3])
    logs = np.array([np.log(drawn[name].values[0]) for name in ("CL", "V", "MTT")])
    np.testing.assert_allclose(logs.mean(axis=1), np.log([8.13, 213.0, 1.98]), atol=4 * sd.max() / 20)
    np.testing.assert_allclose(logs.std(axis=1), sd, rtol=4 / np.sqrt(800))  # four Monte-Carlo errors


@pytest.mark.parametrize("recirculation", ["returned", "eliminated"])
def test_steady_exposures_follow_clearance(recirculation: str) -> None:
    """Everybody's AUC0-12 is D/((1 − Fbile)·CL) or D/CL; the range of the 83 patients that were observed is wider."""
    people = published.sorafenib(recirculation)
    grid = np.linspace(0, 12, 97)
    found = pkpd.simulate(people, STEADY, subjects=25, seed=2, times=grid, at_dose="after")
    area = np.trapezoid(found["C"].values[0], grid, axis=1)
    gone = found["CL"].values[0] * (0.502 if recirculation == "returned" else 1.0)
    np.testing.assert_allclose(area, 400 / gone, rtol=5e-3)
    assert np.median(area) == pytest.approx({"returned": 98.0, "eliminated": 49.2}[recirculation], rel=0.12)
    assert 11.8 < area.min() < area.max() < 199.6


def test_volume_is_in_proportion_to_weight() -> None:
    """Weights are drawn from those given; V is 213 L at 80 kg times weight/80, and nothing else has changed."""
    heavy = published.sorafenib(weights=[40.0, 160.0])
    plain = published.sorafenib(weights=[80.0, 80.0])
    options = {"subjects": 40, "seed": 3, "times": [2.0]}
    a, b = (pkpd.simulate(p, pkpd.oral("400 mg"), **options) for p in (heavy, plain))  # type: ignore[arg-type]
    np.testing.assert_array_equal(a["CL"], b["CL"])
    np.testing.assert_allclose(a["V"] / b["V"], a["weight"] / 80.0)
    assert set(a["weight"].values.ravel().tolist()) == {40.0, 160.0}


def test_choices_are_checked() -> None:
    with pytest.raises(InputError, match="did you mean 'lognormal'"):
        published.sorafenib(reading="lognorm")
    with pytest.raises(InputError, match="did you mean 'returned'"):
        published.sorafenib("return")
    with pytest.raises(InputError, match="weights have 2 that cannot be"):
        published.sorafenib(weights=[80.0, 0.0, float("nan")])
    with pytest.raises(InputError, match="there are no weights"):
        published.sorafenib(weights=[])
