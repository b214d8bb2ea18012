"""Antibodies of simulated patients: who has them, since when, and when a trial sees it."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from scipy import stats

import pkpd
from pkpd import trial
from pkpd.errors import InputError
from pkpd.trial.antibodies.assumed import drawn_onsets

ONE = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=2, V=20)
PEOPLE = pkpd.Population(ONE, ONE.parameters, pkpd.Omega.independent(CL=0.3, V=0.2))
PLAN = pkpd.bolus("100 mg", at=[24.0 * d for d in range(0, 140, 7)])
DAYS = [1, 29, 57, 85, 113, 141]


def simulated(assumed: trial.Immunogenicity, subjects: int = 150, **options: object) -> object:
    people = trial.immunogenic_population(PEOPLE, assumed)
    return pkpd.simulate(people, PLAN, subjects=subjects, times=[0.0, 24.0], seed=5, **options)


def test_the_share_and_the_window_are_those_assumed() -> None:
    rng = np.random.default_rng(1)
    assumed = trial.Immunogenicity(incidence=0.3, preexisting=0.1, transient=0.25, onset_from=20, onset_to=60)
    onset, end = drawn_onsets(assumed, rng, 40_000)
    induced = np.isfinite(onset) & (onset > 0)
    assert stats.binomtest(int(induced.sum()), 40_000, 0.3).pvalue > 0.001
    assert stats.binomtest(int((onset == 0).sum()), 40_000, 0.1).pvalue > 0.001
    assert stats.binomtest(int(np.isfinite(end).sum()), int(induced.sum()), 0.25).pvalue > 0.001
    assert stats.kstest(onset[induced], stats.uniform(20, 40).cdf).pvalue > 0.001
    lasts = end[np.isfinite(end)] - onset[np.isfinite(end)]
    assert stats.kstest(lasts, stats.uniform(28, 56).cdf).pvalue > 0.001
    assert np.isinf(end[~induced]).all()


def test_a_log_normal_onset_has_95_percent_in_the_window() -> None:
    assumed = trial.Immunogenicity(incidence=1.0, shape="log-normal", onset_from=14, onset_to=98)
    onset, _ = drawn_onsets(assumed, np.random.default_rng(2), 40_000)
    middle, spread = math.log(14 * 98) / 2, math.log(98 / 14) / 2 / stats.norm.ppf(0.975)
    assert stats.kstest(np.log(onset), stats.norm(middle, spread).cdf).pvalue > 0.001


def test_the_same_seed_draws_the_same_patients_as_without() -> None:
    found = simulated(trial.Immunogenicity(incidence=0.5), 50)
    plain = pkpd.simulate(PEOPLE, PLAN, subjects=50, times=[0.0, 24.0], seed=5)
    for name in ("CL", "V"):
        np.testing.assert_array_equal(found[name].values, plain[name].values)
    assert 10 < found["ADA"].values.sum() < 40


def test_own_covariates_stay_and_the_population_can_be_sent_to_another_process() -> None:
    import pandas

    people = pkpd.Population(
        ONE, ONE.parameters, pkpd.Omega.independent(CL=0.3), relations={"CL": "CL*weight/70"},
        covariates=pandas.DataFrame({"weight": [60.0, 80.0]}),
    )  # fmt: skip
    immune = pickle.loads(pickle.dumps(trial.immunogenic_population(people, trial.Immunogenicity(incidence=0.4))))
    found = pkpd.simulate(immune, PLAN, subjects=60, times=[24.0], seed=1)
    assert set(found["weight"].values.ravel()) == {60.0, 80.0}
    onset = found["onset_ADA"].values
    np.testing.assert_array_equal(onset < 1e9, found["ADA"].values == 1)
    assert ((onset >= 14 * 24) & (onset <= 98 * 24))[onset < 1e9].all()


def test_detection_is_the_first_sample_after_the_onset() -> None:
    result = simulated(trial.Immunogenicity(incidence=0.5))
    samples = trial.antibody_samples(result, DAYS)
    assert samples.attrs["synthetic"]
    patients = trial.antibody_status(samples).patients.set_index("subject")
    onset = samples.groupby("subject")["onset"].first()
    visits = np.array(DAYS, dtype=float)
    for subject, true in onset.items():
        row = patients.loc[subject]
        if np.isnan(true):
            assert row["status"] == "negative"
            assert np.isnan(row["first_positive"])
        else:  # all onsets lie before day 99, so day 113 sees every one
            assert row["first_positive"] == visits[visits >= true].min()
            assert row["last_negative"] == visits[visits < true].max()
            assert row["last_negative"] < true <= row["first_positive"]


def test_who_leaves_early_is_not_seen() -> None:
    result = simulated(trial.Immunogenicity(incidence=0.9), 40)
    until = {int(s): 30.0 for s in result["subject"].values[:20]}
    samples = trial.antibody_samples(result, DAYS, until=until)
    patients = trial.antibody_status(samples).patients
    assert (patients.loc[patients["subject"].isin(until), "samples"] == 1).all()
    assert (patients.loc[~patients["subject"].isin(until), "samples"] == 5).all()
    assert "immortal time" in str(trial.antibody_status(samples))


def test_an_assay_that_errs() -> None:
    result = simulated(trial.Immunogenicity(incidence=0.5), 400)
    samples = trial.antibody_samples(result, DAYS, sensitivity=0.7, specificity=0.9, seed=3)
    present, positive = samples["present"].to_numpy(), (samples["result"] == "positive").to_numpy()
    assert stats.binomtest(int(positive[present].sum()), int(present.sum()), 0.7).pvalue > 0.001
    assert stats.binomtest(int(positive[~present].sum()), int((~present).sum()), 0.1).pvalue > 0.001


def test_antibodies_that_go_away_are_not_found_later() -> None:
    result = simulated(trial.Immunogenicity(incidence=1.0, transient=1.0, lasting_from=20, lasting_to=40), 100)
    samples = trial.antibody_samples(result, range(1, 160))
    found = samples.groupby("subject")["result"].apply(lambda r: (r == "positive").sum())
    assert found.between(19, 41).all()
    assert set(trial.antibody_status(samples).patients["course"]) == {"transient"}


def test_several_replicates_have_patients_of_their_own() -> None:
    result = simulated(trial.Immunogenicity(incidence=0.5), 10, replicates=2)
    samples = trial.antibody_samples(result, DAYS)
    assert samples["subject"].nunique() == 20
    assert samples.loc[0, "subject"] == "1-1"


def test_auc_falls_as_clearance_rises() -> None:
    """Linear model: AUC over a whole course of disappearance is dose/CL, so its ratio is 1/ratio, per patient."""
    people = trial.immunogenic_population(PEOPLE, trial.Immunogenicity(incidence=1.0, ratio=2.5))
    times = np.concatenate([np.linspace(0, 400, 4001), 24.0 * 120 + np.linspace(0, 400, 4001)])
    plan = pkpd.bolus("100 mg", at=[0.0, 24.0 * 120])
    found = pkpd.simulate(people, plan, subjects=6, times=times, seed=2, at_dose="after")
    late = np.trapezoid(found["C"].values[0][:, 4001:], times[4001:])
    np.testing.assert_allclose(late, 100 / (2.5 * found["CL"].values[0]), rtol=1e-3)
    early = pkpd.simulate(PEOPLE, plan, subjects=6, times=times, seed=2, at_dose="after")["C"].values[0][:, :4001]
    np.testing.assert_allclose(late / np.trapezoid(early, times[:4001]), 1 / 2.5, rtol=2e-3)


def test_assumptions_say_that_they_are() -> None:
    table = trial.Immunogenicity().table()
    assert set(table["kind"]) == {"assumed"}
    assert "0.05769" in trial.Immunogenicity().summary()


def test_problems_are_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        trial.Immunogenicity(incidence=1.2, onset_from=30, onset_to=20, ratio=0, shape="uniforn")
    assert len(caught.value.problems) == 4
    assert "uniform" in str(caught.value)
    with pytest.raises(InputError, match="≤ 1"):
        trial.Immunogenicity(incidence=0.6, preexisting=0.6)
    open_units = pkpd.library.one_compartment().with_values(CL=1, V=1)
    with pytest.raises(InputError, match="unit of time"):
        trial.immunogenic_population(pkpd.Population(open_units, open_units.parameters))
    import pandas

    rows = pkpd.Population(ONE, ONE.parameters, table=pandas.DataFrame({"CL": [1.0, 2.0]}))
    with pytest.raises(InputError, match="with_antibodies"):
        trial.immunogenic_population(rows)
    with pytest.raises(InputError, match="already"):
        trial.immunogenic_population(trial.immunogenic_population(PEOPLE))
    plain = pkpd.simulate(PEOPLE, PLAN, subjects=3, times=[0.0], seed=1)
    with pytest.raises(InputError) as caught:
        trial.antibody_samples(plain, DAYS, sensitivity=1.5, specificity=-1)
    assert len(caught.value.problems) == 3
    result = simulated(trial.Immunogenicity(), 5)
    with pytest.raises(InputError, match="99"):
        trial.antibody_samples(result, DAYS, until={99: 30.0})
