"""Must be shown: what sparse sampling does to NCA (il21.md, section 4), and design_bias against exact answers."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from pkpd import il21, library
from pkpd.diagnostics import design_bias
from pkpd.dosing import bolus, oral
from pkpd.errors import InputError
from pkpd.fit import residual_error
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population
from tests.sampling_designs import DOSE, REACH, TABLE, check_design, check_width

N = 4000


@pytest.mark.parametrize("name", ["rich", "default", "15 min, 1, 4"])
def test_table_of_section_4(name: str) -> None:
    """Three of the eight designs, 800 patients each."""
    check_design(name, 800)
    check_width(name, 800)


def test_mean_exposure_and_half_life_of_the_truth() -> None:
    """Section 4: mean AUC∞ 188.1 and mean t1/2β 1.90 h, both within 3.3 errors of N = 4000 twice."""
    table = design_bias(il21.truth(), DOSE, TABLE["default"][0], subjects=N, lloq=il21.LLOQ)
    area, half = table.loc["auc_last"], table.loc["half_life"]
    # AUC∞ = dose/CL with a log-SD of √(0.29² + 0.135²) = 0.32: CV 33 %.
    assert abs(area["truth"] - 188.1) < REACH * np.sqrt(2) * 0.33 * 188.1 / np.sqrt(N) + 0.05
    assert abs(half["truth"] - 1.90) < REACH * np.sqrt(2) * 0.19 * 1.9 / np.sqrt(N) + 0.005
    exact = 179.6407 * np.exp(0.5 * (0.29**2 + 0.135**2))  # mean of a log-normal
    assert abs(area["truth"] - exact) < REACH * 0.33 * exact / np.sqrt(N)
    assert area["n"] == N


def flat() -> Population:
    """One subject's worth of truth: no variability, no error; CL 2 L/h, V 10 L."""
    model = library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=2.0, V=10.0)
    return Population(model, model.parameters)


def test_a_mono_exponential_is_not_biased() -> None:
    """λz, CL and Vss are exact for every design; AUC0–t lacks what comes after the last sample, e^(−k·8) = 20.2 %."""
    table = design_bias(flat(), bolus("100 mg"), [1.0, 2.0, 4.0, 8.0], subjects=3)
    for name, value in {"half_life": np.log(2) / 0.2, "cl_obs": 2.0, "vss_obs": 10.0, "auc_inf_obs": 50.0}.items():
        assert table.loc[name, "truth"] == pytest.approx(value, rel=1e-6), name
        assert table.loc[name, "bias %"] == pytest.approx(0.0, abs=1e-4), name
    assert table.loc["auc_last", "bias %"] == pytest.approx(-100 * np.exp(-1.6), rel=1e-6)
    assert table.loc["auc_last", "truth"] == pytest.approx(50.0, rel=1e-6)
    assert table.loc["auc_last", "CV %"] == pytest.approx(0.0, abs=1e-6)
    assert (table["n"] == 3).all()


def test_truth_varies_with_the_subjects() -> None:
    """Mean of dose/CL over log-normal clearances, and CL itself: known in closed form."""
    base = flat()
    people = Population(base.model, base.parameters, Omega.independent(CL=0.4))
    table = design_bias(people, bolus("100 mg"), [0.5, 1, 2, 4, 8, 12], subjects=N, seed=3)
    for name, centre in (("auc_inf_obs", 50.0), ("cl_obs", 2.0)):
        mean = centre * np.exp(0.08)
        sd = mean * np.sqrt(np.expm1(0.16))
        assert abs(table.loc[name, "truth"] - mean) < 4 * sd / np.sqrt(N)
    # A few clear so slowly or so fast that 12 h and the trapezoids matter: below 1 % on average.
    assert abs(table.loc["cl_obs", "bias %"]) < 1.0


def test_samples_below_the_limit_do_not_count() -> None:
    """LLOQ 3 mg/L leaves 1, 2 and 4 h of 8.2, 6.7, 4.5, 2.0: AUC0–t ends at 4 h."""
    table = design_bias(flat(), bolus("100 mg"), [1.0, 2.0, 4.0, 8.0], subjects=1, lloq=3.0)
    assert table.loc["auc_last", "bias %"] == pytest.approx(-100 * np.exp(-0.8), rel=1e-6)


def test_units_of_dose_and_model_may_differ() -> None:
    a = design_bias(flat(), bolus("100 mg"), [1.0, 2.0, 4.0], subjects=2)
    b = design_bias(flat(), bolus("0.1 g"), [1.0, 2.0, 4.0], subjects=2)
    pandas.testing.assert_frame_equal(a, b, rtol=1e-9)
    later = design_bias(flat(), bolus("100 mg", at=[24.0]), [1.0, 2.0, 4.0], subjects=2)
    pandas.testing.assert_frame_equal(a, later, rtol=1e-9)


def test_residual_error_and_seed() -> None:
    base = flat()
    noise = Parameters((Parameter("prop_C", 0.2),))
    people = Population(base.model, base.parameters + noise, None, (residual_error("C", "proportional"),))
    tables = [design_bias(people, bolus("100 mg"), [1.0, 2.0, 4.0, 8.0], subjects=50, seed=s) for s in (1, 1, 2)]
    pandas.testing.assert_frame_equal(tables[0], tables[1])
    assert tables[0].loc["cmax", "mean"] != tables[2].loc["cmax", "mean"]
    assert tables[0].loc["auc_last", "CV %"] > 2


def test_an_oral_dose() -> None:
    """Rich sampling of an oral profile: exposure within 1 %."""
    model = library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    model = model.with_values(CL=2.0, V=10.0, ka=1.0)
    times = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 18, 24, 36]
    table = design_bias(Population(model, model.parameters), oral("100 mg"), times, subjects=1)
    assert table.loc["auc_inf_obs", "truth"] == pytest.approx(50.0, rel=2e-3)
    assert table.loc["auc_inf_obs", "bias %"] == pytest.approx(0.0, abs=1.0)


def test_what_cannot_be_asked() -> None:
    with pytest.raises(InputError, match="2 doses; expected one"):
        design_bias(flat(), bolus("100 mg", days=[1, 2]), [1.0])
    other = library.one_compartment().renamed(C="P").in_units(time="h", amount="mg", volume="L")
    with pytest.raises(InputError, match="unknown output 'C'"):
        design_bias(other.with_values(CL=1.0, V=1.0), bolus("100 mg"), [1.0])
