"""Correlated residual errors of two outputs of one sample: scipy's normal vectors, exact gradients, what is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas
import pytest
from scipy.stats import multivariate_normal

import pkpd
from pkpd.errors import InputError
from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.fit.mixed.problem.pairs import pairs_of
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.population import Omega, Population, correlated, residual_error
from pkpd.study import Study
from tests.fit.mixed.gradients import gradient_error, ten_subjects

OMEGA = Omega.independent(CL=0.3, V=0.2, ka=0.6)
ERRORS = {
    "plain": (("proportional", {"prop_C": 0.2}), ("additive", {"add_A": 6.0}), 0.6),
    "both": (("combined", {"prop_C": 0.2, "add_C": 0.3}), ("combined", {"prop_A": 0.15, "add_A": 2.0}), -0.4),
    "log": (("log", {"sd_C": 0.2}), ("power", {"prop_A": 0.5, "power_A": 0.7}), 0.8),
}
UNITS = {"time": "h", "C": "mg/L", "A": "mg", "dose": "mg"}


def table() -> pandas.DataFrame:
    """Concentration and amount of ten subjects; the amount was not measured at the first time."""
    one = ten_subjects().observations[["subject", "time", "analyte", "value"]]
    two = one.assign(analyte="A", value=8 * one["value"] * np.exp(0.1 * np.random.default_rng(2).normal(size=len(one))))
    return pandas.concat([one, two[two["time"] > 1]])


def both_measured(which: str, omega: Omega, rho: float | None = None, study: Study | None = None) -> Problem:
    """One compartment whose amount is measured beside its concentration; without a correlation where ρ is NaN."""
    (kind1, noise1), (kind2, noise2), usual = ERRORS[which]
    rho = usual if rho is None else rho
    one = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    model = replace(one, outputs={**one.outputs, "A": "central"}, units={**one.units, "A": "mg"})
    errors = residual_error("C", kind1), residual_error("A", kind2)
    values = model.with_values(CL=0.14, V=7.5, ka=0.9).parameters
    values += errors[0].start(np.ones(1), "mg/L").with_values(**noise1)
    values += errors[1].start(np.ones(1), "mg").with_values(**noise2)
    couple = () if np.isnan(rho) else (correlated("C", "A"),)
    for each in couple:
        values += each.start(rho)
    people = Population(model, values, omega, errors, correlations=couple)
    return problem_of(people, study or pkpd.read_study(table(), pkpd.oral("100 mg"), units=UNITS))


@cache
def usual(which: str) -> Problem:
    return both_measured(which, OMEGA)


@pytest.mark.parametrize("method", ["FOCEI", "FOCE", "Laplace"])
@pytest.mark.parametrize("which", ERRORS)
def test_gradients_are_exact(which: str, method: str) -> None:
    assert gradient_error(usual(which), method, None if which == "both" else 2) < 1e-8


def covariance(problem: Problem, f: np.ndarray, rho: float, p1: float, p2: float) -> np.ndarray:
    """Covariance of all rows with a proportional error of C and an additive one of A, written by hand."""
    data = problem.data
    sd = np.where(data.of("C"), p1 * f, p2)
    same = (data.record[:, None] == data.record[None, :]) & (data.output[:, None] != data.output[None, :])
    found: np.ndarray = np.where(np.eye(len(f), dtype=bool), 1.0, np.where(same, rho, 0.0)) * np.outer(sd, sd)
    return found


def test_without_random_effects_it_is_a_normal_vector() -> None:
    """−2 log density of all rows from scipy, covariance written by hand: 1e-9."""
    problem = both_measured("plain", Omega())
    point = problem.at(problem.start)
    f = problem.respond(point, np.zeros((problem.subjects, 0)), 0).f
    whole = multivariate_normal(f, covariance(problem, f, 0.6, 0.2, 6.0)).logpdf(problem.data.lower)
    for method in ("FOCEI", "FOCE", "Laplace"):
        found = marginal(problem, point, method)
        assert found.objective + problem.constant == pytest.approx(-2 * whole, abs=1e-9)


def test_focei_by_hand() -> None:
    """H = Ω⁻¹ + f'Σ⁻¹f'ᵀ + ½ tr(Σ⁻¹ΣₐΣ⁻¹Σ_b) with matrices, Σₐ by differences."""
    problem = usual("plain")
    point = problem.at(problem.start)
    found = marginal(problem, point)
    eta, effects = found.modes.eta, problem.shifts.effects

    def at(moved: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        response = problem.respond(point, moved, 1)
        return response.f, response.first @ effects, covariance(problem, response.f, 0.6, 0.2, 6.0)

    f, a, sigma = at(eta)
    slopes = [(at(eta + step)[2] - at(eta - step)[2]) / 2e-5 for step in np.eye(3) * 1e-5]
    for who in range(problem.subjects):
        own = slice(problem.starts[who], problem.starts[who + 1])
        inverse = np.linalg.inv(sigma[own, own])
        ways = [inverse @ s[own, own] for s in slopes]
        half = point.inverse + a[own].T @ inverse @ a[own]
        half += 0.5 * np.array([[np.trace(one @ two) for two in ways] for one in ways])
        r = problem.data.lower[own] - f[own]
        expected = r @ inverse @ r + np.linalg.slogdet(sigma[own, own])[1] + eta[who] @ point.inverse @ eta[who]
        expected += point.log_determinant + np.linalg.slogdet(half)[1]
        assert found.individual[who] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("which", ERRORS)
def test_a_correlation_of_zero_is_none(which: str) -> None:
    problems = [both_measured(which, OMEGA, rho) for rho in (0.0, np.nan)]
    for method in ("FOCEI", "FOCE", "Laplace"):
        found = [marginal(p, p.at(p.start), method).objective for p in problems]
        assert found[0] == pytest.approx(found[1], abs=1e-10)


def test_what_is_refused() -> None:
    problem = usual("plain")
    with pytest.raises(InputError, match="correlated residual errors do not go with FO yet"):
        marginal(problem, problem.at(problem.start), "FO")
    with pytest.raises(InputError, match="cannot be correlated with itself"):
        correlated("C", "C")
    with pytest.raises(InputError, match=r"'B' has no residual error(.|\n)*'corr_C_B' is missing"):
        replace(problem.population, correlations=(correlated("C", "B"),))
    with pytest.raises(InputError, match="stands in two correlations"):
        replace(problem.population, correlations=(correlated("C", "A"), correlated("A", "C")))
    rows, data = table(), problem.data
    with pytest.raises(InputError, match="samples hold A more than once; which pair belongs together"):
        pairs_of(problem.population.correlations, replace(data, record=data.record // 2), problem.densities)
    apart = rows.assign(time=rows["time"] + np.where(rows["analyte"] == "A", 0.1, 0.0))
    with pytest.raises(InputError, match="no sample holds both C and A"):
        both_measured("plain", OMEGA, study=pkpd.read_study(apart, pkpd.oral("100 mg"), units=UNITS))
    with pytest.warns(UserWarning, match="below the LLOQ"):
        low = pkpd.read_study(rows, pkpd.oral("100 mg"), units=UNITS, lloq={"C": 4.5})
    with pytest.raises(InputError, match=r"\d+ samples have a value beyond a limit; use blq='M1'"):
        both_measured("plain", OMEGA, study=low)
