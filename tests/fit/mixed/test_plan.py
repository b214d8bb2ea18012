"""What a fit begins with: requests, start values, what is given, missing covariates, the explanation."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import InputError
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.plan import Call, planned
from pkpd.fit.mixed.verb import explain, fit_population
from pkpd.io import read_nonmem
from tests.fit.mixed.cases import ORAL_UNITS, theophylline, theophylline_table, warfarin_table

ORAL = pkpd.library.one_compartment(absorption=True)
ADDITIVE = {"C": "additive"}
ONE = PopulationOptions(starts=1, check=False)
PKPD = pkpd.define(
    {"depot": "-ka*depot", "centre": "ka*depot - CL/V*centre", "E": "e0*kout*(1 - emax*C/(ec50 + C)) - kout*E"},
    {"ka": 0.6, "CL": 0.13, "V": 8.0, "e0": 96.0, "kout": 0.05, "emax": 1.0, "ec50": 1.4},
    outputs={"C": "centre/V", "PCA": "E"}, initial={"E": "e0"}, doses={"oral": "depot"},
)  # fmt: skip


@pytest.fixture(scope="module")
def weighed(reference: Path) -> pkpd.Study:
    return read_nonmem(theophylline_table(reference).rename(columns={"Wt": "WT"}), units=ORAL_UNITS)


@pytest.fixture(scope="module")
def warfarin(reference: Path) -> pkpd.Study:
    return read_nonmem(warfarin_table(reference), units={"time": "h", "dose": "mg", "C": "mg/L", "PCA": "%"})


def test_nothing_has_to_be_typed(weighed: pkpd.Study) -> None:
    fit = fit_population(ORAL, weighed, error=ADDITIVE)
    assert fit.status == "converged"
    assert fit.objective == pytest.approx(116.8034, abs=1e-3)
    assert any("from NCA" in note for note in fit.notes)


def test_random_effects_are_asked_for_in_three_ways(weighed: pkpd.Study) -> None:
    asked = (["CL", "V"], {"CL": 0.3, "V": 0.2}, pkpd.Omega.independent(CL=0.3, V=0.2))
    names = [planned(Call(ORAL, weighed, iiv=iiv, error=ADDITIVE), ONE).problem.effects for iiv in asked]
    assert names == [("eta_CL", "eta_V")] * 3
    block = planned(Call(ORAL, weighed, iiv=pkpd.block("CL", "V"), error=ADDITIVE), ONE).problem
    assert "cov(eta_CL, eta_V)" in block.names


def test_a_covariate_relation_needs_covariates_and_coefficients_that_exist(weighed: pkpd.Study) -> None:
    relation = {"CL": "CL*(WT/70)**b"}
    with pytest.raises(InputError, match=r"'b' in a covariate relation is no covariate.*start=\{'b': 0.1\}"):
        fit_population(ORAL, weighed, covariates=relation)
    with pytest.raises(InputError, match="WT"):
        fit_population(ORAL, weighed, {"b": 0.75}, covariates={"CL": "CL*(WTT/70)**b"})
    fit = fit_population(ORAL, weighed, {"b": 0.75}, covariates=relation, error=ADDITIVE, options=ONE)
    plain = fit_population(ORAL, weighed, error=ADDITIVE, options=ONE)
    assert fit.objective < plain.objective  # it is nested in it
    fixed = fit_population(
        ORAL, weighed, pkpd.Parameters((pkpd.Parameter("b", 0.0, fixed=True, lower=-np.inf),)), covariates=relation,
        error=ADDITIVE, options=ONE,
    )  # fmt: skip
    assert fixed.objective == pytest.approx(plain.objective, abs=1e-6)
    assert len(fixed.names) == len(plain.names)


def test_a_missing_covariate_is_an_error_or_named(reference: Path) -> None:
    table = theophylline_table(reference).rename(columns={"Wt": "WT"})
    table.loc[table["ID"] == 3, "WT"] = np.nan
    study = read_nonmem(table, units=ORAL_UNITS)
    relation = {"CL": "CL*(WT/70)**0.75"}
    with pytest.raises(InputError, match="3"):
        fit_population(ORAL, study, covariates=relation)
    others = table[table["ID"] != 3].groupby("ID")["WT"].first()
    for told, value in (("median", others.median()), ("mean", others.mean()), (70, 70.0)):
        plan = planned(Call(ORAL, study, covariates=relation, error=ADDITIVE), PopulationOptions(missing={"WT": told}))
        note = next(n for n in plan.notes if "missing" in n)
        assert "subjects 3" in note
        assert f"{value:g}" in note
        assert plan.problem.data.covariates[2, 0] == pytest.approx(value)
    with pytest.raises(InputError, match="'modus'"):
        planned(Call(ORAL, study, covariates=relation), PopulationOptions(missing={"WT": "modus"}))
    with pytest.raises(InputError, match="WT"):
        planned(Call(ORAL, study, covariates=relation), PopulationOptions(missing={"WGT": 70}))


def test_the_start_stands_on_the_textbooks_side_of_flip_flop(weighed: pkpd.Study) -> None:
    turned = {"ka": 0.08, "CL": 2.7, "V": 1.7}
    plan = planned(Call(ORAL, weighed, turned, error=ADDITIVE), ONE)
    values = plan.problem.population.parameters
    assert values["ka"] == pytest.approx(2.7 / 1.7)
    assert values["CL"] / values["V"] == pytest.approx(0.08)
    assert any("changed places" in note for note in plan.notes)
    released = planned(Call(ORAL, weighed, turned, error=ADDITIVE), PopulationOptions(flip_flop=True))
    assert released.problem.population.parameters["ka"] == 0.08
    assert released.problem.population.constraints == ()


def test_individual_values_of_an_earlier_fit_hold_for_its_subjects(warfarin: pkpd.Study) -> None:
    options = PopulationOptions(observed={"C": "C"}, starts=1)
    pk = fit_population(ORAL, warfarin, error={"C": "combined"}, options=options)
    plan = planned(Call(PKPD, warfarin, error={"PCA": "additive"}, given=pk), ONE)
    problem = plan.problem
    assert set(problem.data.analytes) == {"PCA"}  # its own data do not count again
    assert set(problem.given) == {"ka", "CL", "V"}
    assert not set(problem.population.parameters.free) & {"ka", "CL", "V"}
    table = pk.individual_values()
    who = list(problem.data.subjects)
    np.testing.assert_allclose(problem.given["CL"], table.loc[who, "CL"])
    eta = np.zeros((problem.subjects, len(problem.effects)))
    f = problem.respond(problem.at(problem.start), eta, 0).f
    model = PKPD.in_units(time="h", amount="mg", volume="L")
    for k in (0, 17):
        own = model.with_values(**table.loc[who[k]].to_dict())
        rows = problem.data.subject == k
        told = pkpd.predict(own, warfarin.select(subjects=[who[k]]))
        told = told[told["analyte"] == "PCA"] if "analyte" in told else told
        values = pandas.Series(told["PCA"].to_numpy(), index=told["time"].to_numpy())
        np.testing.assert_allclose(f[rows], [values.loc[[t]].iloc[-1] for t in problem.data.time[rows]], rtol=1e-6)


def test_a_given_population_stays_while_its_data_count(warfarin: pkpd.Study) -> None:
    options = PopulationOptions(observed={"C": "C"}, starts=1)
    pk = fit_population(ORAL, warfarin, error={"C": "combined"}, options=options)
    plan = planned(Call(PKPD, warfarin, error={"PCA": "additive"}, given=pk.population()), ONE)
    problem = plan.problem
    assert set(problem.data.analytes) == {"C", "PCA"}
    assert set(problem.names) == {
        "e0", "kout", "emax", "ec50", "add_PCA", "var(eta_e0)", "var(eta_kout)", "var(eta_emax)", "var(eta_ec50)"
    }  # fmt: skip
    assert {"eta_ka", "eta_CL", "eta_V"} <= set(problem.effects)
    for name in ("ka", "CL", "V", "prop_C", "add_C"):
        assert problem.population.parameters[name] == pytest.approx(pk.values[name])
    by_name = dict(zip(problem.effects, np.diag(problem.at(problem.start).matrix), strict=True))
    own = dict(zip(pk.people.omega.names(), np.diag(pk.people.omega.matrix()), strict=True))
    assert {n: by_name[n] for n in own} == pytest.approx(own)


def test_subjects_without_given_values_are_counted(warfarin: pkpd.Study) -> None:
    table = pandas.DataFrame({"ka": 0.6, "CL": 0.13, "V": 8.0}, index=list(warfarin.subject_ids)[:20])
    table.index.name = "subject"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = planned(Call(PKPD, warfarin, error={"PCA": "additive"}, given=table), ONE)
    assert plan.problem.subjects == 20
    assert any("12 subjects are left out" in note for note in plan.notes)
    with pytest.raises(InputError, match="none of which is a parameter"):
        planned(Call(PKPD, warfarin, given=table.rename(columns={"ka": "k1", "CL": "k2", "V": "k3"})), ONE)


def test_an_explanation_says_what_will_be_fitted(weighed: pkpd.Study) -> None:
    told = explain(ORAL, weighed, {"b": 0.75}, covariates={"CL": "CL*(WT/70)**b"}, iiv=["CL", "V"], error=ADDITIVE)
    text = repr(told)
    assert told.names == ("ka", "CL", "V", "add_C", "b", "var(eta_CL)", "var(eta_V)")
    assert told.records == {("C", "measured"): 132}
    assert told.constraints == ("ka > CL/V",)
    assert told.rank == 7
    assert "exp(eta_CL)" in told.equations["CL"]
    assert "(WT / 70) ** b" in told.equations["CL"]
    rank = "rank of the information at the start: 7 of 7"
    for line in ("7 numbers, 12 subjects", "ka > CL/V", rank, "132 records of C"):
        assert line in text
    assert "<pre>" in told._repr_html_()


def test_an_explanation_sees_what_the_data_do_not(weighed: pkpd.Study) -> None:
    model = pkpd.library.one_compartment(absorption=True, bioavailability=True)
    told = explain(model, weighed, {"F": 0.5}, iiv=["CL"], error=ADDITIVE)
    assert told.rank < len(told.names)  # CL, V and F scale together
    assert "the data do not see" in repr(told)


def test_the_same_population_is_evaluated_elsewhere(reference: Path) -> None:
    case = theophylline(reference)
    fit = fit_population(case.population, case.study, options=PopulationOptions(starts=0))
    assert fit.status == "evaluated"
    assert fit.objective == pytest.approx(116.8037, abs=2e-4)
    assert fit.values == pytest.approx(case.population.parameters.as_dict())
    for word in ("iiv", "covariates", "error"):
        told = {"covariates": {"CL": "CL"}, "error": {"C": "additive"}}.get(word, ["CL"])
        with pytest.raises(InputError, match=f"brings its own {word}"):
            fit_population(case.population, case.study, **{word: told})


def test_an_unknown_method_suggests_the_nearest(weighed: pkpd.Study) -> None:
    with pytest.raises(InputError, match="FOCEI"):
        fit_population(ORAL, weighed, method="FOCI")


@pytest.mark.parametrize("method", ["SAEM", "IMP"])
def test_methods_that_draw_evaluate_by_importance_sampling(reference: Path, method: str) -> None:
    case = theophylline(reference)
    fit = fit_population(case.population, case.study, method=method, options=PopulationOptions(starts=0))
    exact = fit_population(case.population, case.study, method="AGQ", options=PopulationOptions(starts=0, nodes=9))
    assert fit.status == exact.status == "evaluated"
    assert fit.values == pytest.approx(case.population.parameters.as_dict())
    assert fit.exact is not None
    assert fit.objective == pytest.approx(exact.objective, abs=4 * fit.exact.error)
