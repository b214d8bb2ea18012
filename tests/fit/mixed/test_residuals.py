"""CWRES and CWRESI against NONMEM's table, closed forms, and what must not depend on anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from pkpd import InputError, define
from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.result.residuals import residuals, sd_parts
from pkpd.io import read_nonmem
from pkpd.population import Omega, Population, residual_error
from tests.fit.mixed.cases import ferx, theophylline
from tests.fit.mixed.test_pairs import both_measured
from tests.fit.mixed.test_spreads import problem as with_spread

DECAY = {"equations": {"A": "-ke*A"}, "parameters": {"ke": 0.5}, "outputs": {"C": "A"}, "doses": {"bolus": "A"}}


def decay(table: pandas.DataFrame, kind: str, values: dict[str, float], omega: float = 0.2) -> Problem:
    """One state that decays from 10; columns ID, TIME, DV."""
    first = table.drop_duplicates("ID").assign(TIME=0.0, AMT=10.0, EVID=1, MDV=1, DV=np.nan)
    rows = pandas.concat([first, table.assign(AMT=0.0, EVID=0, MDV=0)])
    rows = rows.sort_values(["ID", "TIME", "EVID"], ascending=[True, True, False], kind="stable")
    study = read_nonmem(rows, units={"time": "h", "dose": "mg", "DV": "mg/L"})
    model, error = define(**DECAY), residual_error("C", kind)
    parameters = model.parameters + error.start(np.array([1.0]), "mg/L").with_values(values)
    return problem_of(Population(model, parameters, Omega.independent(ke=omega), (error,)), study)


def test_every_column_of_nonmems_table(reference: Path) -> None:
    table = pandas.read_csv(reference / "external/datasets/Wang2007.csv").rename(columns={"Time": "TIME", "Y": "DV"})
    printed = pandas.read_csv(reference / "external/nonmem/wang2007_focei_prop_table.csv")
    problem = decay(table, "proportional", {"prop_C": 0.1**0.5})
    there = marginal(problem, problem.at(problem.start))
    own = residuals(problem, there.point, there.modes)
    for name in ("PRED", "IPRED", "IWRES", "CWRES", "CWRESI"):
        theirs = "IPRE" if name == "IPRED" else name
        np.testing.assert_allclose(own[name], printed[theirs], rtol=2e-4, atol=2e-5, err_msg=name)
    np.testing.assert_allclose(there.modes.eta[:, 0], printed["ETA1"][::2], atol=1e-6)
    np.testing.assert_allclose(there.individual, printed["OBJI"][::2], rtol=2e-5)


def test_in_a_linear_model_cwres_are_the_marginal_residuals() -> None:
    """With y = 10 − slope·t + ε nothing is approximated: mean and covariance are those without any mode."""
    model = define({"A": "-k"}, {"k": 0.5}, outputs={"C": "A"}, doses={"bolus": "A"})
    times, count = np.array([1.0, 2.0, 5.0]), 4
    rng = np.random.default_rng(3)
    rows = [{"ID": i, "TIME": 0.0, "AMT": 10.0, "EVID": 1, "MDV": 1, "DV": np.nan} for i in range(count)]
    rows += [
        {"ID": i, "TIME": t, "AMT": 0.0, "EVID": 0, "MDV": 0, "DV": 10 - 0.5 * t + rng.normal()}
        for i in range(count) for t in times
    ]  # fmt: skip
    table = pandas.DataFrame(rows).sort_values(["ID", "TIME"], kind="stable")
    study = read_nonmem(table, units={"time": "h", "dose": "mg", "DV": "mg/L"})
    error = residual_error("C", "additive")
    parameters = model.parameters + error.start(np.array([1.0]), "mg/L").with_values(add_C=0.3)
    people = Population(model, parameters, Omega.independent(k=0.2), (error,), scales={"k": "natural"})
    problem = problem_of(people, study)
    there = marginal(problem, problem.at(problem.start))
    for root in ("symmetric", "Cholesky"):
        own = residuals(problem, there.point, there.modes, root)
        covariance = 0.04 * np.outer(times, times) + 0.09 * np.eye(3)
        size, vectors = np.linalg.eigh(covariance)
        symmetric = (vectors / np.sqrt(size)) @ vectors.T
        white = symmetric if root == "symmetric" else np.linalg.inv(np.linalg.cholesky(covariance))
        expected = (own["value"].to_numpy().reshape(count, 3) - (10 - 0.5 * times)) @ white.T
        np.testing.assert_allclose(own["CWRES"].to_numpy().reshape(count, 3), expected, atol=1e-9)
        np.testing.assert_allclose(own["CWRESI"], own["CWRES"], atol=1e-12)  # the SD does not depend on η


def test_roots_agree_on_every_subjects_sum_of_squares(reference: Path) -> None:
    problem = theophylline(reference).problem
    there = marginal(problem, problem.at(problem.start))
    one, other = (residuals(problem, there.point, there.modes, root) for root in ("symmetric", "Cholesky"))
    assert np.abs(one["CWRES"] - other["CWRES"]).max() > 0.05
    sums = [(t["CWRES"] ** 2).groupby(t["subject"]).sum() for t in (one, other)]
    np.testing.assert_allclose(*sums, rtol=1e-10)
    with pytest.raises(InputError, match="Cholesky"):
        residuals(problem, there.point, there.modes, "cholesky")


def test_cwresi_of_a_combined_error_by_hand() -> None:
    table = pandas.DataFrame({"ID": [1, 1, 2, 2], "TIME": [1.0, 2, 1, 3], "DV": [6.0, 3.2, 5.0, 2.5]})
    small = decay(table, "combined", {"prop_C": 0.2, "add_C": 0.4})
    there = marginal(small, small.at(small.start))
    point, modes = there.point, there.modes
    own = residuals(small, point, modes)
    # CWRESI by hand: the two errors of a combined one are independent, each linear in η.
    eta, f = modes.eta[:, 0], own["IPRED"].to_numpy().reshape(2, 2)
    time = own["time"].to_numpy().reshape(2, 2)
    slope = -time * 0.5 * np.exp(eta)[:, None] * f
    for i in range(2):
        variance = 0.16 + 0.04 * ((f[i] - slope[i] * eta[i]) ** 2 + 0.04 * slope[i] ** 2)
        covariance = 0.04 * np.outer(slope[i], slope[i]) + np.diag(variance)
        size, vectors = np.linalg.eigh(covariance)
        away = own["value"].to_numpy().reshape(2, 2)[i] - (f[i] - slope[i] * eta[i])
        expected = (vectors / np.sqrt(size)) @ vectors.T @ away
        np.testing.assert_allclose(own["CWRESI"].to_numpy().reshape(2, 2)[i], expected, rtol=1e-7)
    assert point.matrix[0, 0] == pytest.approx(0.04)


def test_parts_of_a_combined_error() -> None:
    assert [text for text, _ in sd_parts(residual_error("C", "combined"))] == ["add", "prop * f"]
    assert sd_parts(residual_error("C", "proportional")) == []


def test_censored_rows_have_no_residual_and_say_why(reference: Path) -> None:
    omega = Omega.independent(CL=0.17, V=0.1, ka=0.58)
    values = {"CL": 0.132801, "V": 7.73139, "ka": 0.809824, "prop_C": 0.01076}
    problem = ferx(reference, "warfarin_bloq.csv", "proportional", omega, **values).problem
    there = marginal(problem, problem.at(problem.start))
    own = residuals(problem, there.point, there.modes)
    censored = own["note"] == "below the limit"
    assert censored.sum() == 10
    assert own.loc[censored, ["IWRES", "CWRES", "CWRESI"]].isna().all(axis=None)
    assert own.loc[~censored, ["PRED", "IPRED", "IWRES", "CWRES", "CWRESI"]].notna().all(axis=None)
    assert np.isfinite(own["IPRED"]).all()
    np.testing.assert_allclose(own.loc[censored, "value"], 2.0)  # the limit


def by_hand(problem: Problem, subject: int, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """E and C of one subject from predictions alone: differences for slopes, errors of neighbours correlated."""
    there = marginal(problem, problem.at(problem.start))
    eta, rows = there.modes.eta, problem.data.subject == subject
    ends = []
    for step in 1e-5 * np.eye(eta.shape[1]):
        up, down = problem.respond(there.point, eta + step, 0), problem.respond(there.point, eta - step, 0)
        ends.append((up.f - down.f)[rows] / 2e-5)
    slopes = np.array(ends).T
    f = there.modes.at.response.f[rows]
    output, record = problem.data.output[rows], problem.data.record[rows]
    sd = np.where(output == 0, 0.2 * f, 6.0)
    same = (record[:, None] == record[None, :]) & (output[:, None] != output[None, :])
    noise = np.outer(sd, sd) * (np.eye(f.size) + rho * same)
    return f - slopes @ eta[subject], slopes @ there.point.matrix @ slopes.T + noise


def test_correlated_errors_stand_in_the_covariance() -> None:
    problem = both_measured("plain", Omega.independent(CL=0.3, V=0.2, ka=0.6))
    there = marginal(problem, problem.at(problem.start))
    own = residuals(problem, there.point, there.modes, "Cholesky")
    for subject in (0, 7):
        mean, covariance = by_hand(problem, subject, 0.6)
        rows = problem.data.subject == subject
        expected = np.linalg.solve(np.linalg.cholesky(covariance), own["value"].to_numpy()[rows] - mean)
        np.testing.assert_allclose(own["CWRES"].to_numpy()[rows], expected, rtol=1e-5, atol=1e-7)


def test_a_random_effect_of_the_sd_is_in_it_and_linearised_with_it() -> None:
    problem = with_spread("additive", "add_C")
    there = marginal(problem, problem.at(problem.start))
    own = residuals(problem, there.point, there.modes)
    noise = list(problem.effects).index("eta_add_C")
    eta = there.modes.eta
    np.testing.assert_allclose(own["SD"], 1.5 * np.exp(eta[problem.data.subject, noise]))
    np.testing.assert_allclose(own["IWRES"], (own["value"] - own["IPRED"]) / own["SD"])
    slopes = there.modes.at.response.first @ problem.shifts.effects
    for subject in (1, 4):
        rows = problem.data.subject == subject
        h = 1.5 * np.exp(eta[subject, noise])
        variance = h**2 * ((1 - eta[subject, noise]) ** 2 + 0.4**2)
        covariance = slopes[rows] @ there.point.matrix @ slopes[rows].T + variance * np.eye(rows.sum())
        size, vectors = np.linalg.eigh(covariance)
        away = (own["value"] - own["IPRED"]).to_numpy()[rows] + slopes[rows] @ eta[subject]
        expected = (vectors / np.sqrt(size)) @ vectors.T @ away
        np.testing.assert_allclose(own["CWRESI"].to_numpy()[rows], expected, rtol=1e-6)
