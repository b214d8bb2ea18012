"""What belongs to subjects or rows follows them when these are repeated: given values, limits of conditioned rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.fit import PopulationOptions
from pkpd.fit.steps import Problem, importance_sampling, marginal, problem_of, quadrature, quadrature_marginal, saem

ORAL = pkpd.library.one_compartment(absorption=True)
ADDITIVE = {"C": "additive"}
ONE = PopulationOptions(starts=1, check=False)


@pytest.fixture(scope="module")
def study() -> pkpd.Study:
    return pkpd.data.theophylline()


@pytest.fixture(scope="module")
def rates(study: pkpd.Study) -> pandas.DataFrame:
    """Absorption rates that differ five-fold between subjects."""
    return pandas.DataFrame({"ka": np.geomspace(0.8, 4.0, 12)}, index=list(study.subject_ids))


@pytest.fixture(scope="module")
def given(study: pkpd.Study, rates: pandas.DataFrame) -> pkpd.fit.PopulationFit:
    return pkpd.fit_population(ORAL, study, iiv=["CL", "V"], error=ADDITIVE, given=rates, options=ONE)


def censored_problem(kind: str, blq: str) -> Problem:
    """Theophylline without the samples before the dose, and with a limit of 3 mg/L."""
    table = pkpd.data.theophylline().observations
    table = table[table["time"] > 0]
    values = ["<3" if v < 3 else v for v in table["value"]]
    plain = pkpd.data.theophylline()
    samples = table[["subject", "time"]].assign(analyte="C", value=values)
    units = {"time": "h", "C": "mg/L", "dose": "mg/kg"}
    study = pkpd.read_study(samples, plain.doses[["subject", "time", "amount", "route"]], units=units)
    error = pkpd.fit.residual_error("C", kind)
    model = ORAL.in_units(time="h", amount="mg/kg", volume="L/kg").with_values(ka=1.6, CL=0.04, V=0.46)
    typical = model.parameters + error.start(np.array([4.0]), "mg/L")
    people = pkpd.Population(model, typical, pkpd.Omega.independent(ka=0.6, CL=0.26, V=0.14), (error,))
    return problem_of(people, study, blq=blq)


@pytest.mark.parametrize("blq", ["M1", "M2", "M3", "M4"])
def test_one_node_is_laplace_whatever_is_done_with_limits(blq: str) -> None:
    problem = censored_problem("additive", blq)
    point = problem.at(problem.start)
    there = marginal(problem, point, "Laplace")
    assert quadrature(problem, point, there.modes, nodes=1).objective == pytest.approx(there.objective, abs=1e-8)


@pytest.mark.parametrize("blq", ["M2", "M4"])
def test_draws_and_nodes_agree_where_rows_are_conditioned(blq: str) -> None:
    problem = censored_problem("additive", blq)
    point = problem.at(problem.start)
    drawn = importance_sampling(problem, point, draws=512)
    assert abs(drawn.objective - quadrature(problem, point).objective) < 4 * drawn.error + 0.01


def test_saem_conditions_rows_too() -> None:
    """Where it ends by M4, the exact objective of M4 is near its minimum; that of M2 is another one."""
    problem = censored_problem("additive", "M4")
    run = saem(problem, seed=2)
    there = quadrature_marginal(problem, problem.at(run.vector), 5)
    assert 0.5 * there.gradient @ np.linalg.solve(there.information, there.gradient) < 0.3


def test_given_values_stay_with_their_subjects_by_every_method(
    study: pkpd.Study, rates: pandas.DataFrame, given: pkpd.fit.PopulationFit
) -> None:
    assert given.estimate is not None
    problem = given.estimate.problem
    point = problem.at(given.vector)
    there = marginal(problem, point, "Laplace")
    assert quadrature(problem, point, nodes=1).objective == pytest.approx(there.objective, abs=1e-8)
    exact = quadrature(problem, point, nodes=7).objective
    drawn = importance_sampling(problem, point, draws=512)
    assert abs(drawn.objective - exact) < 4 * drawn.error + 0.01
    run = saem(problem, given.vector, seed=3)
    assert quadrature(problem, problem.at(run.vector), nodes=7).objective < exact + 0.1
    # the values matter: with everybody's ka at the median the same estimates are worth something else
    middle = replace(problem, given={"ka": np.full(12, rates["ka"].median())})
    assert abs(quadrature(middle, middle.at(given.vector), nodes=7).objective - exact) > 20


def test_individuals_show_what_was_given(rates: pandas.DataFrame, given: pkpd.fit.PopulationFit) -> None:
    np.testing.assert_array_equal(given.individuals["ka"], rates["ka"])
    np.testing.assert_array_equal(given.individual_values()["ka"], rates["ka"])
    assert given.table().loc["ka", "note"] == "given by subject: the median"


def test_a_variance_at_zero_has_no_interval_and_says_how_to_leave_it_out(study: pkpd.Study) -> None:
    with pytest.warns(pkpd.FitWarning, match=r"eta_ka ran to zero.*leave ka out of iiv=, or omega\.fix\(eta_ka=0\)"):
        fit = pkpd.fit_population(
            ORAL, study, {"ka": 0.08, "CL": 0.04, "V": 0.024}, error=ADDITIVE,
            options=PopulationOptions(starts=1, check=False, flip_flop=True),
        )  # fmt: skip
    table = fit.random_effects()
    assert table.loc["var(eta_ka)", ["SE", "RSE %", "90 % low", "90 % high"]].isna().all()
    assert "at 0" in table.loc["var(eta_ka)", "note"]
    assert table.loc["var(eta_CL)", ["SE", "90 % low", "90 % high"]].notna().all()
