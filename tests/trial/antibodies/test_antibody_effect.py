"""Ratios of exposure with antibodies to exposure without, against R; what could have been noticed."""

from __future__ import annotations

import warnings

import numpy as np
import pandas
import pytest
from scipy import stats

import pkpd
from pkpd import trial
from pkpd.errors import DataWarning, InputError
from pkpd.trial.antibodies.noticed import noncentrality

DAYS = [1, 43, 85, 127]
AUC = [200, 190, 96, 101, 150, 80, 71, 77, 310, 300, 290, 155, 180, 175, 190, 182, 240, 260, 251, 236, 99, 104, 98, 110]
POSITIVE = [0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, *[0] * 12]
WHEN = {"subject": np.repeat(range(1, 7), 4), "day": DAYS * 6}
EXPOSURES = pandas.DataFrame({**WHEN, "auc_last": AUC})
SAMPLES = pandas.DataFrame({**WHEN, "result": POSITIVE})


def row(found: trial.AntibodyEffect, comparison: str) -> pandas.Series:
    return found.table().set_index("comparison").loc[comparison]


def test_three_comparisons_against_r() -> None:
    """R 4.2.2, d: these 24 rows, y = log(auc), 90 % intervals, exponentiated.

    paired: t.test of mean(y[pos==1]) − mean(y[pos==0]) of subjects 1 to 3; unpaired: t.test(var.equal=TRUE) of the
    means of y[pos==1] of subjects 1 to 3 against means of 4 to 6; time-varying:
    lme(y ~ pos + factor(day), random = ~1 | subject, method = "REML"), intervals(level = .9).
    """
    found = trial.antibody_effect(EXPOSURES, SAMPLES)
    expected = {
        "paired": (0.5093169213, 0.4984770514, 0.5203925148, 2),
        "unpaired": (0.6316160154, 0.3119688265, 1.2787777399, 4),
        "time-varying status": (0.5069137992, 0.4777934641, 0.5378089471, 14),
    }
    for comparison, numbers in expected.items():
        np.testing.assert_allclose(
            row(found, comparison)[["ratio", "low", "high", "freedom"]].to_numpy(float), numbers, rtol=2e-6
        )
    assert row(found, "paired")[["positive", "profiles_positive", "profiles_negative"]].tolist() == [3, 6, 6]
    assert row(found, "unpaired")[["positive", "negative", "profiles_negative"]].tolist() == [3, 3, 12]


def test_noncentral_t_against_r() -> None:
    """R: power.t.test(n=3, sd=1, sig.level=.1, power=.8, type="one.sample", strict=TRUE)$delta; uniroot on pt(ncp=)."""
    assert noncentrality(2, 0.9, 0.8) / np.sqrt(3) == pytest.approx(2.297273472, rel=1e-6)
    assert noncentrality(50, 0.9, 0.8) * np.sqrt(1 / 3 + 1 / 49) == pytest.approx(1.499251059, rel=1e-6)


@pytest.mark.parametrize("freedom", [1, 2, 3, 14, 250])
@pytest.mark.parametrize("power", [0.2, 0.8, 0.99])
def test_noncentral_t_at_other_sizes(freedom: int, power: float) -> None:
    """The power at the effect found, by SciPy's distribution where it has one."""
    delta, t = noncentrality(freedom, 0.9, power), stats.t.ppf(0.95, freedom)
    lower = stats.nct.cdf(-t, freedom, delta)
    assert stats.nct.sf(t, freedom, delta) + (lower if np.isfinite(lower) else 0) == pytest.approx(power, abs=2e-6)


def test_what_three_patients_could_have_noticed() -> None:
    found = trial.detectable_antibody_ratio(3, 49, cv_within=15, cv_between=33, trials=20_000).set_index("design")
    within, between = np.log1p(0.15**2), np.log1p(0.33**2)
    ratio = found["ratio"]
    assert ratio["paired"] == pytest.approx(np.exp(2.297273472 * np.sqrt(2 * within)), rel=1e-6)
    assert ratio["unpaired"] == pytest.approx(np.exp(1.499251059 * np.sqrt(within + between)), rel=1e-6)
    assert ((found["low"] - 0.005 < 0.8) & (found["high"] + 0.005 > 0.8)).all()
    np.testing.assert_allclose(found["reciprocal"], 1 / ratio)
    alone = trial.detectable_antibody_ratio(1, 51, cv_within=15, cv_between=33).set_index("design")
    assert np.isnan(alone.loc["paired", "ratio"])
    assert alone.loc["paired", "reason"]
    assert alone.loc["unpaired", "ratio"] > ratio["unpaired"]


def test_paired_profiles_in_pairs_use_the_spread_of_all_patients() -> None:
    """`detectable` of the pairs: noncentrality × SD within all patients × √Σ(1/after + 1/before)/pairs, by hand."""
    found = trial.antibody_effect(EXPOSURES, SAMPLES)
    sigma = 0.04345022422  # R: m$sigma of the fit above
    share = np.sqrt((1 / 2 + 1 / 2) + (1 / 3 + 1) + (1 + 1 / 3)) / 3
    expected = np.exp(2.297273472 * np.sqrt(3) * share * sigma)  # R's delta of three pairs, in standard errors
    assert row(found, "paired")["detectable"] == pytest.approx(expected, rel=1e-5)


def test_a_profile_between_samples_that_differ_is_left_out_and_counted() -> None:
    more = pandas.concat([EXPOSURES, pandas.DataFrame({"subject": [1], "day": [50], "auc_last": [1.0]})])
    with pytest.warns(DataWarning, match="1 of 25 profiles"):
        found = trial.antibody_effect(more, SAMPLES)
    assert row(found, "paired")["ratio"] == pytest.approx(0.5093169213)
    assert found.profiles.query("day == 50")["status"].tolist() == ["unknown"]
    assert "immortal time" in str(found)


def test_status_is_that_at_the_time() -> None:
    """A patient who turns positive late has three profiles as a negative one: what one becomes is no status."""
    found = trial.antibody_effect(EXPOSURES, SAMPLES).profiles
    np.testing.assert_array_equal(found["status"] == "positive", np.array(POSITIVE) == 1)


def test_what_changes_in_everybody_is_no_effect_of_antibodies() -> None:
    """Exposure falls by a fifth from visit to visit in all, and not by antibodies: the third comparison is adjusted."""
    factor = np.tile(0.8 ** np.arange(4), 6) * np.repeat([1.0, 2.0, 1.5, 0.7, 1.2, 1.1], 4)
    noise = np.exp(0.01 * np.random.default_rng(1).standard_normal(24))
    found = trial.antibody_effect(EXPOSURES.assign(auc_last=100 * factor * noise), SAMPLES)
    assert row(found, "time-varying status")["ratio"] == pytest.approx(1, abs=0.02)
    assert row(found, "paired")["high"] < 0.8


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_from_simulation_to_ratio(ratio: float) -> None:
    """Synthetic patients, no residual error: within patients AUC changes by exactly 1/ratio."""
    model = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=4, V=20)
    people = pkpd.Population(model, model.parameters, pkpd.Omega.independent(CL=0.3))
    people = trial.immunogenic_population(people, trial.Immunogenicity(incidence=0.4, ratio=ratio, onset_to=40))
    starts = 24.0 * np.array([0.0, 42.0, 84.0])
    times = (starts[:, None] + np.linspace(0, 90, 46)).ravel()
    plan = pkpd.bolus("100 mg", at=starts.tolist())
    result = pkpd.simulate(people, plan, subjects=20, times=times, seed=4, at_dose="after")
    table = result["C"].to_series().reset_index(name="value")
    table = table[(table["value"] > 1e-8)].assign(analyte="C", mark="post")[
        ["subject", "time", "analyte", "value", "mark"]
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = pkpd.read_study(table, plan, units={"time": "h", "C": "mg/L", "dose": "mg"})
        exposures = pkpd.nca(study, "C")
    samples = trial.antibody_samples(result, [1, 43, 85])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # neither a lost profile nor a slow table
        found = trial.antibody_effect(exposures, samples, ["auc_inf_obs"])
    pairs = row(found, "paired")
    assert pairs["positive"] > 3
    assert pairs["ratio"] == pytest.approx(1 / ratio, rel=1e-3)


def test_too_few_say_why() -> None:
    nobody = trial.antibody_effect(EXPOSURES, SAMPLES.assign(result=0)).table()
    assert nobody["reason"].str.len().gt(0).all()
    assert nobody[["ratio", "low", "high", "detectable"]].isna().all().all()
    one = trial.antibody_effect(EXPOSURES, SAMPLES.assign(result=np.where(SAMPLES["subject"] == 1, POSITIVE, 0)))
    assert np.isfinite(row(one, "paired")["ratio"])
    assert np.isnan(row(one, "paired")["low"])
    assert "expected two" in row(one, "paired")["reason"]
    assert np.isfinite(row(one, "unpaired")["low"])
    flat = trial.antibody_effect(EXPOSURES.assign(auc_last=5.0), SAMPLES).table()
    assert flat["reason"].str.contains("do not vary").all()


def test_problems_are_said_at_once() -> None:
    with pytest.raises(InputError, match="auc_last"):
        trial.antibody_effect(EXPOSURES, SAMPLES, ["auc_lst"])
    with pytest.raises(InputError) as caught:
        trial.antibody_effect(EXPOSURES, SAMPLES, level=0, power=2)
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="no parameter is named"):
        trial.antibody_effect(EXPOSURES.rename(columns={"auc_last": "exposure"}), SAMPLES)
    with pytest.raises(InputError, match="no more than"):
        trial.detectable_antibody_ratio(3, 49, cv_within=15, cv_between=30, power=0.05)
    with pytest.raises(InputError) as caught:
        trial.detectable_antibody_ratio(3, 49, cv_within=0, cv_between=-1)
    assert len(caught.value.problems) == 2
    with pytest.warns(DataWarning, match="2 of 24 values"):
        trial.antibody_effect(EXPOSURES.assign(auc_last=[0, np.nan, *AUC[2:]]), SAMPLES)
