"""Must be shown: what is the same question has the same answer, whatever names, orders, units and workers there are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.engine import Settings
from pkpd.fit.inputs import ratio_of
from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.fit.mixed.search.objective import MarginalObjective
from pkpd.fit.mixed.verb import fit_population
from pkpd.io import read_nonmem
from pkpd.parameters import Parameters
from pkpd.population import Omega, Population, block, residual_error
from tests.fit.mixed.answers import CASES, ONE, anchor, anchor_case, fitted
from tests.fit.mixed.cases import ORAL_UNITS, Case, oral, phenobarbital, theophylline, theophylline_table

METHODS = ("FOCEI", "FOCE", "Laplace", "FO")


def everything(fit: PopulationFit) -> dict[str, float]:
    """Estimates, elements of Ω and standard errors by name."""
    names, matrix = fit.people.omega.names(), fit.people.omega.matrix()
    pairs = {f"{a},{b}": matrix[i, j] for i, a in enumerate(names) for j, b in enumerate(names) if a <= b}
    errors = {f"SE {n}": v for n, v in fit.standard_errors().items()}
    return {**fit.values, **pairs, **errors, "objective": fit.objective}


def assert_same(one: dict[str, float], other: dict[str, float], near: float = 1e-6) -> None:
    assert set(one) == set(other)
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=near, abs=1e-9), name


@pytest.mark.parametrize("method", METHODS)
def test_order_and_names_of_subjects(reference: Path, method: str) -> None:
    case, table = theophylline(reference), theophylline_table(reference)
    own = fitted(case, method)
    names = list(dict.fromkeys(table["ID"]))
    order = np.random.default_rng(3).permutation(len(names))
    parts = [table[table["ID"] == names[k]].assign(ID=100 + k) for k in order]
    other = fitted(Case(case.population, read_nonmem(pandas.concat(parts), units=ORAL_UNITS)), method)
    assert_same(everything(own), everything(other))
    before, after = (fit.individuals["objective"].to_series() for fit in (own, other))
    for k, name in enumerate(names):
        assert after[100 + k] == pytest.approx(before[name], abs=1e-5)


def test_order_of_parameters_and_of_random_effects(reference: Path) -> None:
    """A full Ω in the other order has another Cholesky root, and the same optimum."""
    case = phenobarbital(reference)
    own = case.population
    items = {p.name: p for p in own.parameters}
    order = ["add_C", "V", "CL"]
    parameters = Parameters(tuple(items[n] for n in order))
    matrix = own.omega.matrix()[::-1, ::-1]
    other = replace(own, parameters=parameters, omega=block("V", "CL", omega=matrix))
    one, two = fitted(case), fitted(Case(other, case.study))
    assert list(two.values) == order
    for name, value in one.values.items():
        assert two.values[name] == pytest.approx(value, rel=1e-5), name  # 0.998: a flat valley
    assert two.objective == pytest.approx(one.objective, abs=1e-6)
    np.testing.assert_allclose(two.people.omega.matrix()[::-1, ::-1], one.people.omega.matrix(), rtol=1e-4)


def test_order_of_independent_random_effects(reference: Path) -> None:
    case = theophylline(reference)
    own = case.population.omega.blocks
    other = replace(case.population, omega=Omega(own[::-1]))
    one, two = everything(fitted(case)), everything(fitted(Case(other, case.study)))
    assert_same({k: v for k, v in one.items() if "," not in k}, {k: v for k, v in two.items() if "," not in k})


def test_units(reference: Path) -> None:
    """Doses in µg, time in days, C in ng/mL: a population keeps its units, a model takes those of the study."""
    case, table = theophylline(reference), theophylline_table(reference)
    changed = table.assign(AMT=table["AMT"] * 1e3, TIME=table["TIME"] / 24, DV=table["DV"] * 1e3)
    study = read_nonmem(changed, units={"time": "day", "dose": "ug", "DV": "ng/mL"})
    assert_same(everything(fitted(case)), everything(fitted(Case(case.population, study))))
    model = pkpd.library.one_compartment(absorption=True)
    one, two = (fit_population(model, s, error={"C": "additive"}, options=ONE) for s in (case.study, study))
    mine, theirs = ({p.name: p.unit for p in fit.people.parameters} for fit in (one, two))
    assert mine["CL"] != theirs["CL"]
    for name, value in one.values.items():
        assert two.values[name] * ratio_of(theirs[name], mine[name]) == pytest.approx(value, rel=1e-6), name
    np.testing.assert_allclose(two.people.omega.matrix(), one.people.omega.matrix(), atol=1e-6)
    shift = 2 * one.counts.observations * np.log(two.values["add_C"] / one.values["add_C"])
    assert two.objective - shift == pytest.approx(one.objective, abs=1e-6)


@pytest.mark.parametrize("name", ["theophylline", "phenobarbital"])
def test_workers_give_the_same_bits(reference: Path, name: str) -> None:
    case = CASES[name](reference)
    fits = [
        fitted(case, options=replace(ONE, settings=Settings(method="explicit", max_steps=5000, workers=count)))
        for count in (1, 2, 4)
    ]
    for other in fits[1:]:
        assert np.array_equal(other.vector, fits[0].vector)
        assert other.objective == fits[0].objective


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["theophylline", "warfarin_pk", "phenobarbital", "occasions"])
def test_the_objective_is_a_function_of_the_vector(reference: Path, name: str, method: str) -> None:
    """Warm or cold, in any order: 1e-8 a subject (pitfall 1)."""
    occasions = name == "occasions"
    case = anchor_case(reference, anchor(reference, "warf_iov_focei")) if occasions else CASES[name](reference)
    problem = case.problem
    rng = np.random.default_rng(4)
    far = problem.start + 0.3 * rng.standard_normal((4, problem.start.size))
    places = np.concatenate([far, problem.start + 0.03 * rng.standard_normal((4, problem.start.size))])
    objective = MarginalObjective(problem, method)
    there, back = ([objective(x) for x in order] for order in (places, places[::-1]))
    for x, one, two in zip(places, there, back[::-1], strict=True):
        cold = marginal(problem, problem.at(x), method)
        for value in (one, two):
            np.testing.assert_allclose(value.marginal.individual, cold.individual, atol=1e-8, rtol=1e-10)
            np.testing.assert_allclose(value.gradient, cold.gradient, atol=1e-5, rtol=1e-5)


def test_a_subject_twice_counts_twice(reference: Path) -> None:
    """Every subject twice: the same estimates, twice the objective, standard errors by R smaller by √2."""
    case, table = theophylline(reference), theophylline_table(reference)
    twice = pandas.concat([table, table.assign(ID=table["ID"] + 100)])
    one, two = fitted(case), fitted(Case(case.population, read_nonmem(twice, units=ORAL_UNITS)))
    assert two.objective == pytest.approx(2 * one.objective, abs=1e-5)
    np.testing.assert_allclose(two.vector, one.vector, atol=1e-5)
    np.testing.assert_allclose(two.covariance, one.covariance / 2, rtol=1e-3, atol=1e-8)


def test_a_parameter_on_another_scale_is_the_same_fit(reference: Path) -> None:
    """Clearance as V·k: the same model with other parameters has the same optimum (all random effects multiply)."""
    case = theophylline(reference)
    model = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    error = residual_error("C", "additive")
    values = {"CL": 2.75, "V": 31.8, "ka": 1.59}
    wide = block("ka", "CL", "V", omega=np.diag([0.4, 0.07, 0.02]) + 0.001)
    direct = oral({**values, "add_C": 0.69}, wide, "additive", case.study)
    parameters = model.with_values(**values).parameters + error.start(np.array([1.0]), "mg/L").with_values(add_C=0.69)
    turned = Population(
        model, parameters, wide, (error,), exponents={"CL": "eta_CL + eta_V", "V": "eta_V", "ka": "eta_ka"}
    )
    one, two = fitted(direct), fitted(Case(turned, case.study))
    assert two.objective == pytest.approx(one.objective, abs=2e-3)
