"""The result of a population fit: criteria, shrinkage, tables, draws, words; that it can be simulated and pickled."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from scipy.stats import ttest_1samp

from pkpd import InputError, oral, simulate
from pkpd.fit.mixed.marginal.laplacian import FO, marginal
from pkpd.fit.mixed.modes.modes import conditional_modes
from pkpd.fit.mixed.result.estimate import Estimate, Exact, Tried
from pkpd.fit.mixed.result.fit_parts import mixed_numbers
from pkpd.fit.mixed.result.individuals import individuals_of
from pkpd.fit.mixed.result.population_fit import PopulationFit, population_fit
from pkpd.fit.mixed.result.quantities import standard_secondary
from pkpd.io import read_nonmem
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Source
from tests.fit.mixed.cases import ORAL_UNITS, Case, ferx, theophylline
from tests.fit.mixed.cases import oral as oral_case
from tests.fit.mixed.optima import optimum


@pytest.fixture(scope="module")
def case(reference: Path) -> Case:
    return theophylline(reference)


@pytest.fixture(scope="module")
def fit(case: Case) -> PopulationFit:
    found = optimum(case.problem)
    return population_fit(found, case.study, secondary=standard_secondary(case.population))


@pytest.fixture(scope="module")
def occasions(reference: Path) -> PopulationFit:
    omega = Omega.independent(CL=0.2, V=0.104, ka=0.16) + Omega.independent(CL=0.19).at_occasion()
    values = {"CL": 0.172762, "V": 8.62783, "ka": 1.17857, "prop_C": 0.18811}
    return population_fit(optimum(ferx(reference, "warfarin_iov.csv", "proportional", omega, **values).problem))


def test_criteria_are_those_of_their_formulas(fit: PopulationFit) -> None:
    assert fit.objective == pytest.approx(116.8034, abs=1e-4)
    assert fit.minus2ll == pytest.approx(359.404, abs=2e-3)
    assert fit.aic == pytest.approx(fit.minus2ll + 14)
    assert fit.bic == pytest.approx(fit.minus2ll + 7 * np.log(132))
    assert (fit.counts.mixed, fit.counts.fixed) == (6, 1)  # ka, CL, V and their variances; the residual error
    assert fit.bicc == pytest.approx(fit.minus2ll + 6 * np.log(12) + np.log(132))


def test_a_parameter_without_a_random_effect_counts_with_the_observations(case: Case) -> None:
    people = replace(case.population, omega=Omega.independent(ka=0.6, CL=0.26))
    own = population_fit(optimum(Case(people, case.study).problem)).counts
    assert (own.mixed, own.fixed) == (4, 2)  # V and the residual error
    fixed = replace(people, parameters=people.parameters.fix("V"), omega=people.omega.fix("CL"))
    own = population_fit(optimum(Case(fixed, case.study).problem)).counts
    assert (own.mixed, own.fixed) == (3, 1)


def test_a_coefficient_counts_with_what_it_acts_on(case: Case) -> None:
    """Weight on V, which has no random effect; age on CL, which has one."""
    power = Parameters(tuple(Parameter(n, 0.1, "", -np.inf, np.inf) for n in ("by_weight", "by_age")))
    people = replace(
        case.population, parameters=case.population.parameters + power, omega=Omega.independent(ka=0.6, CL=0.26),
        relations={"V": "V*(weight/70)**by_weight", "CL": "CL*(age/40)**by_age"},
    )  # fmt: skip
    assert mixed_numbers(people) == 5  # ka, CL, by_age, two variances; not V, by_weight, add_C


def test_shrinkage_is_not_centred_and_goes_over_all(fit: PopulationFit) -> None:
    own, eta = fit.shrinkage, fit.individuals["eta"].to_numpy()
    omega = np.sqrt(np.diag(fit.people.omega.matrix()))
    np.testing.assert_allclose(own["shrinkage SD %"], 100 * (1 - np.sqrt((eta**2).mean(axis=0)) / omega))
    np.testing.assert_allclose(own["shrinkage variance %"], 100 * (1 - (eta**2).mean(axis=0) / omega**2))
    np.testing.assert_allclose(own["mean"], eta.mean(axis=0))
    assert list(own.index) == ["eta_ka", "eta_CL", "eta_V"]
    np.testing.assert_allclose(own["p"], ttest_1samp(eta, 0.0).pvalue)
    residual = fit.predictions["IWRES"]
    assert fit.residual_shrinkage.loc["C", "shrinkage SD %"] == pytest.approx(100 * (1 - np.sqrt((residual**2).mean())))


def test_individuals_add_up_and_their_parameters_are_their_texts(fit: PopulationFit) -> None:
    own = fit.individuals
    assert float(own["objective"].sum()) == pytest.approx(fit.objective, abs=1e-9)
    for name in ("ka", "CL", "V"):
        np.testing.assert_allclose(own[name], fit.values[name] * np.exp(own["eta"].sel(effect=name)))
        np.testing.assert_allclose(fit.individual_values()[name], own[name])
    assert set(own["status"].to_numpy()) == {"found"}
    assert own["CL"].attrs["units"] == "L/h"
    assert (own["observations"] == 11).all()


def test_the_sd_of_a_mode_is_that_of_the_conditional_density(fit: PopulationFit, case: Case) -> None:
    """H of FOCEI is the expected curvature; under an additive error Σ f'f'ᵀ/σ² + Ω⁻¹."""
    problem, there = fit.estimate.problem, fit.estimate.marginal
    first = there.modes.at.response.first @ problem.shifts.effects
    for i in range(problem.subjects):
        rows = first[problem.data.subject == i]
        h = rows.T @ rows / fit.values["add_C"] ** 2 + np.linalg.inv(fit.people.omega.matrix())
        np.testing.assert_allclose(fit.individuals["covariance"][i], np.linalg.inv(h), rtol=1e-9)


def test_occasions_have_parameters_of_their_own(occasions: PopulationFit) -> None:
    own = occasions.individuals
    eta, kappa = own["eta"].sel(effect="CL"), own["kappa"].sel(kappa_of="CL")
    np.testing.assert_allclose(own["CL"], occasions.values["CL"] * np.exp(eta + kappa))
    np.testing.assert_allclose(own["CL_subject"], occasions.values["CL"] * np.exp(eta))
    assert own["V"].dims == ("subject",)
    np.testing.assert_allclose(occasions.individual_values()["CL"], own["CL_subject"])
    table = occasions.table()
    assert table.loc["CL", "IOV CV %"] == pytest.approx(100 * np.sqrt(np.expm1(0.0357135)), rel=2e-3)
    assert occasions.shrinkage.loc["kappa_CL", "n"] == 20


def test_a_covariate_that_changes_with_the_occasion_is_that_of_its_first_record(reference: Path) -> None:
    table = pandas.read_csv(reference / "external/ferx/warfarin_iov.csv").assign(WT=lambda t: 60.0 + 20.0 * t["OCC"])
    study = read_nonmem(table, units=ORAL_UNITS, routes="oral")
    omega = Omega.independent(CL=0.2, V=0.104) + Omega.independent(CL=0.19).at_occasion()
    values = {"CL": 0.172762, "V": 8.62783, "ka": 1.17857, "prop_C": 0.18811}
    people = replace(oral_case(values, omega, "proportional", study).population, relations={"CL": "CL*WT/70"})
    problem = Case(people, study).problem
    there = marginal(problem, problem.at(problem.start))
    own = individuals_of(problem, there, "FOCEI")
    total = own["eta"].sel(effect="CL") + own["kappa"].sel(kappa_of="CL")
    np.testing.assert_allclose(own["CL"], 0.172762 * np.array([80, 100]) / 70 * np.exp(total))


def test_tables_hold_what_is_estimated_by_name(fit: PopulationFit) -> None:
    table = fit.table(level=0.95)
    errors, intervals = fit.standard_errors(), fit.intervals(0.95)
    for name in ("ka", "CL", "V", "add_C"):
        assert table.loc[name, "estimate"] == fit.values[name]
        assert table.loc[name, "SE"] == errors[name]
        assert table.loc[name, "RSE %"] == pytest.approx(100 * errors[name] / fit.values[name])
        assert (table.loc[name, "95 % low"], table.loc[name, "95 % high"]) == intervals[name]
    assert table.loc["CL", "unit"] == "L/h"
    assert table.loc["ka", "IIV CV %"] == pytest.approx(100 * np.sqrt(np.expm1(0.4023558)), rel=1e-5)
    effects = fit.random_effects()
    assert effects.loc["var(eta_CL)", "estimate"] == pytest.approx(0.069095, abs=1e-5)
    half_life = fit.secondary_parameters().loc["half_life"]
    assert half_life["estimate"] == pytest.approx(np.log(2) * fit.values["V"] / fit.values["CL"])
    assert errors["half_life"] == half_life["SE"]


def test_another_covariance_changes_errors_and_nothing_else(fit: PopulationFit) -> None:
    other = fit.with_covariance("sandwich")
    assert other.values == fit.values
    assert other.standard_errors()["add_C"] == pytest.approx(0.094637, rel=5e-3)
    assert "robust" in other.summary()
    with pytest.raises(InputError, match="'sandwich'"):
        fit.with_covariance("sandwitch")


def test_fixed_elements_are_shown_as_fixed_and_have_no_error(case: Case) -> None:
    free = case.population
    people = replace(free, parameters=free.parameters.fix("ka"), omega=free.omega.fix("V"))
    fit = population_fit(optimum(Case(people, case.study).problem))
    assert "ka" not in fit.standard_errors()
    assert "var(eta_V)" not in fit.standard_errors()
    assert fit.table().loc["ka", "note"] == "fixed"
    assert fit.random_effects().loc["var(eta_V)", "note"] == "fixed"
    drawn = fit.draws(3, np.random.default_rng(1))
    assert {p.parameters["ka"] for p in drawn} == {people.parameters["ka"]}
    assert {p.omega.matrix()[2, 2] for p in drawn} == {people.omega.matrix()[2, 2]}


def test_draws_have_the_covariance_of_the_estimates(fit: PopulationFit) -> None:
    drawn = fit.draws(300, np.random.default_rng(7))
    vectors = np.array([np.concatenate([p.parameters.to_vector(), p.omega.to_vector()]) for p in drawn])
    spread = np.cov(vectors, rowvar=False)
    sd = np.sqrt(np.diag(fit.covariance))
    np.testing.assert_allclose(spread / np.outer(sd, sd), fit.covariance / np.outer(sd, sd), atol=0.2)
    np.testing.assert_allclose(vectors.mean(axis=0), fit.vector, atol=4 * sd.max() / np.sqrt(300))


def test_a_fit_is_a_source_of_simulations(fit: PopulationFit, occasions: PopulationFit) -> None:
    assert isinstance(fit, Source)
    plan = oral("320 mg")
    known = {"subjects": 400, "times": [1.0, 4.0, 12.0], "seed": 5, "progress": False}
    course = simulate(fit, plan, **known)
    spread = np.log(course["CL"]).std().item()
    assert spread == pytest.approx(0.2629, abs=0.03)
    noise = (course["C_measured"] - course["C"]).std().item()
    assert noise == pytest.approx(fit.values["add_C"], rel=0.06)
    uncertain = [simulate(p, plan, **known)["C"].median("subject") for p in fit.draws(3, np.random.default_rng(2))]
    assert len({float(u[0, 1]) for u in uncertain}) == 3
    assert simulate(occasions, oral("100 mg"), subjects=3, times=[1.0], progress=False)["CL"].size == 3


def test_uncertain_replicates_have_estimates_of_their_own(fit: PopulationFit, case: Case) -> None:
    plan, known = oral("320 mg"), {"subjects": 20, "times": [1.0, 4.0], "replicates": 40, "seed": 3, "progress": False}
    found = simulate(fit, plan, uncertain=True, **known)
    assert found.sizes["replicate"] == 40
    assert set(found["C"].dims) == {"replicate", "subject", "time"}
    typical = np.log(found["typical"].sel(parameter="CL"))
    error = fit.standard_errors()["CL"] / fit.values["CL"]
    assert typical.std().item() == pytest.approx(error, rel=0.4)
    means = np.log(found["CL"]).mean("subject") - typical  # what subjects add to it: 0.26/√20
    assert abs(means.mean().item()) < 0.05
    assert means.std().item() == pytest.approx(0.263 / np.sqrt(20), rel=0.4)
    assert found["C"].equals(simulate(fit, plan, uncertain=True, **known)["C"])
    assert not np.allclose(found["C"][0], found["C"][1])
    study = simulate(fit, case.study, replicates=2, uncertain=True, progress=False)
    assert study["value"].shape == (2, 132)
    with pytest.raises(InputError, match="has no uncertainty"):
        simulate(fit.population(), plan, uncertain=True, **known)
    with pytest.raises(InputError, match="leave store out"):
        simulate(fit, plan, uncertain=True, store="nowhere", **known)


def test_without_a_covariance_nothing_is_drawn_and_the_reason_is_said(fit: PopulationFit) -> None:
    flat = population_fit(replace(fit.estimate, hessian=np.zeros_like(fit.estimate.hessian)))
    with pytest.raises(InputError, match="R is not positive definite"):
        flat.draws(2, np.random.default_rng(1))
    assert np.isnan(flat.table()["SE"]).all()
    assert "no standard errors" in flat.summary()
    assert flat.with_covariance("S").table()["SE"].notna().all()


def test_words_say_status_criteria_and_sizes(fit: PopulationFit) -> None:
    text, page = repr(fit), fit._repr_html_()
    for word in ("converged", "116.8034", "BICc", "6 × ln 12 + 1 × ln 132", "half_life", "eta_ka", "ETABAR"):
        assert word in text
        assert word in page
    assert "NaN" not in text
    assert "nan" not in text
    assert r"add\_C" in fit.latex()
    assert fit.latex().count("&") % (fit.latex().splitlines()[2].count("&")) == 0
    stopped = population_fit(replace(fit.estimate, status="stopped short", message="a < b & c"))
    assert "#b00" in stopped._repr_html_()
    assert "a &lt; b &amp; c" in stopped._repr_html_()


def test_the_report_names_what_is_wrong(fit: PopulationFit) -> None:
    estimate = fit.estimate
    modes = estimate.marginal.modes
    status = modes.status.copy()
    status[2], status[4] = 1, 3
    bad = replace(estimate.marginal, modes=replace(modes, status=status))
    tried = (
        Tried("given", estimate.vector, estimate.vector, 120.0, estimate.objective),
        Tried("pooled", estimate.vector, estimate.vector, 140.0, estimate.objective + 3.0),
        Tried("pooled again", estimate.vector, estimate.vector, 140.0, estimate.objective + 3.001),
        Tried("broken", estimate.vector, estimate.vector, np.inf, np.inf),
    )
    exact = Exact(118.1, 0.0, "quadrature", "quadrature gives 118.10")
    ends = population_fit(replace(estimate, marginal=bad, tried=tried, exact=exact)).convergence
    assert set(ends.failed_modes) == {estimate.problem.data.subjects[2], estimate.problem.data.subjects[4]}
    assert (ends.starts, ends.reached) == (4, 1)
    assert [label for label, _ in ends.others] == ["pooled"]
    assert ends.difference == pytest.approx(118.1 - estimate.objective)
    assert "quadrature gives 118.10" in repr(ends)
    assert fit.convergence.failed_modes == {}
    assert fit.convergence.boundary == ()
    assert max(abs(g) for g in fit.convergence.scaled_gradient.values()) < 1e-4


def test_a_variance_that_ran_to_zero_is_said_to_be_on_the_boundary(case: Case) -> None:
    problem = case.problem
    vector = problem.start.copy()
    vector[problem.names.index("var(eta_V)")] = np.log(1e-6)
    there = marginal(problem, problem.at(vector))
    fit = population_fit(Estimate(problem, "FOCEI", vector, there, np.eye(vector.size)))
    assert any("variance of eta_V is at 0" in text for text in fit.convergence.boundary)
    assert len(fit.convergence.boundary) == 1


def test_a_pickled_fit_is_the_same_and_can_go_on(fit: PopulationFit) -> None:
    again = pickle.loads(pickle.dumps(fit))
    assert repr(again) == repr(fit)
    assert again.individuals.identical(fit.individuals)
    problem = again.estimate.problem
    assert marginal(problem, problem.at(again.vector)).objective == pytest.approx(fit.objective, abs=1e-9)


def test_after_fo_subjects_have_conditional_modes(case: Case) -> None:
    problem = case.problem
    there = marginal(problem, problem.at(problem.start), FO)
    fit = population_fit(Estimate(problem, FO, problem.start, there, np.eye(problem.start.size)))
    eta = conditional_modes(problem, there.point).eta
    np.testing.assert_allclose(fit.individuals["eta"], eta, atol=1e-8)
    assert float(fit.individuals["objective"].sum()) == pytest.approx(there.objective)
    assert fit.predictions["CWRES"].notna().all()


def test_a_log_normal_error_states_both_objectives(reference: Path) -> None:
    values = {"CL": 0.132695, "V": 7.73771, "ka": 0.810796, "sd_C": 0.01}
    omega = Omega.independent(CL=0.17, V=0.1, ka=0.58)
    problem = ferx(reference, "warfarin.csv", "log", omega, **values).problem
    there = marginal(problem, problem.at(problem.start))
    fit = population_fit(Estimate(problem, "FOCEI", problem.start, there, np.eye(problem.start.size)))
    shift = 2 * np.log(problem.data.lower).sum()
    assert f"{there.objective - shift:.4f}" in fit.summary()
