"""Must be shown: what sparse sampling does to NCA (il21.md, section 4), and design_bias against exact answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pandas
import pytest

from pkpd import il21, library
from pkpd.diagnostics import design_bias
from pkpd.dosing import Dose, bolus, oral
from pkpd.errors import InputError
from pkpd.fit import residual_error
from pkpd.nca import NAMES, PRESETS, Profiles, compute
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population
from pkpd.simulate import simulate

N = 4000
DOSE = bolus("30 ug/kg")
RULES = {"log": PRESETS["phoenix"], "linear": PRESETS["phoenix"].changed(auc="linear")}
M = 1 / 60
# Sampling times (h); bias of AUC0–t by linear-up/log-down and by linear trapezoids (%); t1/2 mean, median (h), CV (%).
TABLE = {
    "rich": ([5 * M, 15 * M, 30 * M, 1, 2, 4, 6, 8, 10, 12], 0.9, 5.3, 1.90, 1.86, 18),
    "default": ([5 * M, 1, 2, 4, 8], 9.0, 40.5, 1.89, 1.86, 17),
    "default + 24": ([5 * M, 1, 2, 4, 8, 24], 8.9, 40.2, 1.89, 1.85, 17),
    "5 min, .5, 2, 6, 24": ([5 * M, 0.5, 2, 6, 24], 2.6, 18.9, 1.35, 1.34, 12),
    "5 min, 2, 4, 6": ([5 * M, 2, 4, 6], 40.8, 115.1, 1.91, 1.86, 21),
    "15 min, 1, 4": ([15 * M, 1, 4], -12.8, -0.1, 0.97, 0.96, 8),
    "5 min, .25, 1, 4, 24": ([5 * M, 0.25, 1, 4, 24], -4.3, 8.7, 0.83, 0.81, 17),
    ".5, 2, 4, 8": ([0.5, 2, 4, 8], -25.1, -17.0, 1.91, 1.88, 17),
}
STATISTICS = ("bias, log", "bias, linear", "t1/2 mean", "t1/2 median", "t1/2 CV")
DIGITS = (0.1, 0.1, 0.01, 0.01, 1.0)
# Forty comparisons of two simulations: 3.3 standard errors leave 4 % that one of them is outside by chance.
REACH = 3.3


@cache
def found() -> dict[str, tuple[float, ...]]:
    """The five numbers of every design from `design_bias`."""
    jobs = [(name, rule) for name in TABLE for rule in RULES]

    def run(job: tuple[str, str]) -> pandas.DataFrame:
        name, rule = job
        return design_bias(il21.truth(), DOSE, TABLE[name][0], subjects=N, lloq=il21.LLOQ, rules=RULES[rule])

    with ThreadPoolExecutor(2) as pool:
        tables = dict(zip(jobs, pool.map(run, jobs), strict=True))
    numbers = {}
    for name in TABLE:
        log, linear = tables[name, "log"], tables[name, "linear"]
        half = log.loc["half_life"]
        pandas.testing.assert_series_equal(half, linear.loc["half_life"])  # λz has nothing to do with the areas
        bias = (log.loc["auc_last", "bias %"], linear.loc["auc_last", "bias %"])
        numbers[name] = (*bias, half["mean"], half["median"], half["CV %"])
    return numbers


@cache
def errors(name: str) -> tuple[float, ...]:
    """Monte-Carlo standard errors of the five numbers: bootstrap over patients simulated apart (another seed).

    The truth of each patient is dose/CL, without any integration. Resampling patients keeps AUC and truth together, and
    is honest about a CV that few outliers make (5 min, .25, 1, 4, 24 h: a 24 h sample just above the limit).
    """
    times = np.array(TABLE[name][0])
    drawn = simulate(il21.truth(), DOSE, subjects=N, seed=77, times=times)
    truth = 30_000 / drawn["CL"].values[0]
    sampled = Profiles.from_arrays(times, drawn["C_measured"].values[0], dose=Dose(0.0, 30_000.0), lloq=il21.LLOQ)
    values = {rule: compute(sampled, rules).values for rule, rules in RULES.items()}
    areas = {rule: v[:, NAMES.index("auc_last")] for rule, v in values.items()}
    half = values["log"][:, NAMES.index("half_life")]
    rng = np.random.default_rng(1)
    statistics = []
    for _ in range(150):
        k = rng.integers(N, size=N)
        h = half[k][np.isfinite(half[k])]
        bias = [100 * (areas[rule][k].mean() / truth[k].mean() - 1) for rule in RULES]
        statistics.append([*bias, h.mean(), np.median(h), 100 * h.std(ddof=1) / h.mean()])
    return tuple(np.std(statistics, axis=0, ddof=1))


@pytest.mark.parametrize("name", TABLE)
def test_table_of_section_4(name: str) -> None:
    """Within the errors of both simulations (N = 4000 each) and half a unit of the digit printed."""
    expected = TABLE[name][1:]
    for what, here, there, error, digit in zip(STATISTICS, found()[name], expected, errors(name), DIGITS, strict=True):
        assert abs(here - there) <= REACH * np.sqrt(2) * error + digit / 2, (what, here, there, error)


def test_the_errors_are_small_enough_to_tell_designs_apart() -> None:
    """A comparison that nothing could fail is no comparison: the biases are known to 0.6 points, half-lives to 1 %."""
    for name in TABLE:
        log, linear, mean, median, _ = errors(name)
        assert max(log, linear) < 0.6
        assert max(mean / TABLE[name][3], median / TABLE[name][4]) < 0.01


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
