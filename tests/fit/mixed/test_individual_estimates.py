"""Individual estimates of new patients: closed forms, the fit's own subjects, what cannot be estimated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from pkpd import DataWarning, InputError, define
from pkpd.fit.mixed.result.individual_estimates import individual_estimates
from pkpd.fit.mixed.result.population_fit import population_fit
from pkpd.io import read_nonmem
from pkpd.parameters import Parameters
from pkpd.population import Omega, Population, block, residual_error
from pkpd.study import Study
from tests.fit.mixed.cases import ferx, theophylline
from tests.fit.mixed.optima import optimum

TIMES = np.array([1.0, 2.0, 5.0])


def line(count: int, omega: Omega) -> tuple[Population, Study]:
    """A straight line, start and slope normal: y = b − k·t."""
    model = define({"A": "-k"}, {"k": 0.5, "b": 1.0}, outputs={"C": "A + b"}, doses={"bolus": "A"})
    rng = np.random.default_rng(3)
    rows = [{"ID": i, "TIME": 0.0, "AMT": 10.0, "EVID": 1, "MDV": 1, "DV": np.nan} for i in range(count)]
    rows += [
        {"ID": i, "TIME": t, "AMT": 0.0, "EVID": 0, "MDV": 0, "DV": 11 - 0.5 * t + rng.normal()}
        for i in range(count) for t in TIMES
    ]  # fmt: skip
    table = pandas.DataFrame(rows).sort_values(["ID", "TIME"], kind="stable")
    error = residual_error("C", "additive")
    parameters = model.parameters + error.start(np.array([1.0]), "mg/L").with_values(add_C=0.3)
    scales = dict.fromkeys(omega.effects(), "natural")
    return (
        Population(model, parameters, omega, (error,), scales=scales),
        read_nonmem(table, units={"time": "h", "dose": "mg", "DV": "mg/L"}),
    )


@pytest.mark.parametrize("method", ["Laplace", "FOCEI"])
def test_in_a_linear_model_they_are_the_best_linear_predictions(method: str) -> None:
    matrix = np.array([[0.04, 0.01], [0.01, 0.09]])
    people, study = line(5, block("k", "b", omega=matrix))
    own = individual_estimates(people, study, method=method)
    z = np.column_stack([-TIMES, np.ones(3)])
    away = study.observations["value"].to_numpy().reshape(5, 3) - (11 - 0.5 * TIMES)
    gain = matrix @ z.T @ np.linalg.inv(z @ matrix @ z.T + 0.09 * np.eye(3))
    np.testing.assert_allclose(own["eta"], away @ gain.T, atol=1e-9)
    covariance = matrix - gain @ z @ matrix
    np.testing.assert_allclose(own["covariance"], np.broadcast_to(covariance, (5, 2, 2)), rtol=1e-7)
    np.testing.assert_allclose(own["k_se"], own["eta_se"].sel(effect="k"), rtol=1e-7)
    marginal = z @ matrix @ z.T + 0.09 * np.eye(3)
    expected = np.einsum("ij,jk,ik->i", away, np.linalg.inv(marginal), away) + np.linalg.slogdet(marginal)[1]
    np.testing.assert_allclose(own["objective"], expected, rtol=1e-8)


def test_a_fits_own_subjects_alone_or_together(reference: Path) -> None:
    case = theophylline(reference)
    fit = population_fit(optimum(case.problem))
    every = individual_estimates(fit, case.study, method="FOCEI")
    for name in ("eta", "eta_se", "CL", "objective"):
        np.testing.assert_allclose(every[name], fit.individuals[name], rtol=1e-7, atol=1e-8)
    subject = case.study.subject_ids[4]
    alone = individual_estimates(fit, case.study.select(subjects=[subject]), method="FOCEI")
    np.testing.assert_allclose(alone["eta"][0], every["eta"].sel(subject=subject), atol=1e-9)
    np.testing.assert_allclose(every["CL_se"], every["CL"] * every["eta_se"].sel(effect="CL"), rtol=1e-7)


def test_an_effect_without_variance_stays_at_zero(reference: Path) -> None:
    case = theophylline(reference)
    people = Population(
        case.population.model, case.population.parameters, case.population.omega.fix(V=0), case.population.errors
    )
    own = individual_estimates(people, case.study)
    assert (own["eta"].sel(effect="V") == 0).all()
    assert (own["V"] == people.parameters["V"]).all()
    assert "V_se" not in own
    assert list(own["random_effect"].to_numpy()) == ["eta_ka", "eta_CL"]


def test_occasions_of_new_patients(reference: Path) -> None:
    omega = Omega.independent(CL=0.2, V=0.104, ka=0.16) + Omega.independent(CL=0.19).at_occasion()
    values = {"CL": 0.172762, "V": 8.62783, "ka": 1.17857, "prop_C": 0.18811}
    case = ferx(reference, "warfarin_iov.csv", "proportional", omega, **values)
    own = individual_estimates(case.population, case.study)
    total = own["eta"].sel(effect="CL") + own["kappa"].sel(kappa_of="CL")
    np.testing.assert_allclose(own["CL"], 0.172762 * np.exp(total))
    eta, kappa = (list(own["random_effect"].to_numpy()).index(n) for n in ("eta_CL", "kappa_CL_2"))
    c = own["covariance"].to_numpy()
    variance = c[:, eta, eta] + c[:, kappa, kappa] + 2 * c[:, eta, kappa]
    np.testing.assert_allclose(own["CL_se"][:, 1], own["CL"][:, 1] * np.sqrt(variance), rtol=1e-6)


def test_what_cannot_be_estimated_is_said_at_once(reference: Path) -> None:
    case = theophylline(reference)
    people = Population(case.population.model, case.population.parameters, block("CL", "V"), case.population.errors)
    with pytest.raises(InputError, match="2 problems"):
        individual_estimates(people, case.study, method="SAEM")


def test_a_subject_without_a_solution_does_not_spoil_the_others() -> None:
    people, study = line(3, Omega.independent(k=0.2))
    model = define(
        {"A": "-k*A + 1/(w - 1)"}, Parameters(people.model.parameters.items), outputs={"C": "A + b"},
        doses={"bolus": "A"}, covariates=("w",),
    )  # fmt: skip
    own = Population(model, people.parameters, people.omega, people.errors)
    subjects = study.subjects.assign(w=[3.0, 1.0, 3.0])
    patients = Study(study.observations, study.doses, subjects, units=study.units)
    with pytest.warns(DataWarning, match="1 of 3 subjects"):
        found = individual_estimates(own, patients)
    assert found["status"].to_numpy()[1] != "found"
    assert np.isnan(found["eta"].to_numpy()[1]).all()
    assert np.isnan(found["k"].to_numpy()[1])
    assert np.isfinite(found["objective"].to_numpy()[[0, 2]]).all()
