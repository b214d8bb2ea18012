"""R, S and sandwich against other programs; the delta method against differences; what is fixed is no parameter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pkpd import InputError
from pkpd.fit.mixed.result.quantities import (
    omega_quantities,
    parameter_quantities,
    secondary_quantities,
    spread_quantities,
    standard_secondary,
)
from pkpd.fit.mixed.result.uncertainty import COVARIANCES, Uncertainty, uncertainty_of
from pkpd.library import one_compartment, three_compartment, two_compartment
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population, block, residual_error
from tests.fit.mixed.cases import Case, ferx, phenobarbital, theophylline, warfarin
from tests.fit.mixed.optima import optimum

ALIAS = {
    "add": "add_C", "prop": "prop_C", "prop_sd": "prop_C", "omega_11": "var(eta_CL)", "omega_21": "cov(eta_CL, eta_V)",
    "omega_22": "var(eta_V)", "iov_CL": "var(kappa_CL)",
}  # fmt: skip


def standard_errors(case: Case, method: str, kind: str, order: list[str]) -> np.ndarray:
    """Standard errors in another program's order and on its scales (``log_CL`` is CL's relative one)."""
    problem = case.problem
    found = optimum(problem, method)
    covariance = uncertainty_of(found.marginal, found.hessian, problem.names).covariance(kind)
    people = problem.population_at(found.vector)
    own = {q.name: q for q in (*parameter_quantities(people), *omega_quantities(people))}
    errors = []
    for name in order:
        plain = name.removeprefix("log_").replace("omega2_", "w2")
        plain = f"var(eta_{plain[2:]})" if plain.startswith("w2") else ALIAS.get(plain, plain)
        scale = own[plain].value if name.startswith("log_") else 1.0
        errors.append(own[plain].standard_error(covariance) / scale)
    return np.array(errors)


@pytest.mark.parametrize("name", ["theophylline", "warfarin_pk", "phenobarbital"])
def test_three_covariances_agree_with_the_independent_evaluator(reference: Path, name: str) -> None:
    make = {"theophylline": theophylline, "warfarin_pk": warfarin, "phenobarbital": phenobarbital}[name]
    targets = json.loads((reference / "figures/estimation/targets.json").read_text())["targets"]
    target = next(t for t in targets if t["id"] == name)
    printed = target.get("standard_errors") or target["focei"]["se_by_R"]
    case = make(reference)
    for kind in COVARIANCES:
        own = standard_errors(case, "FOCEI", kind, printed["order"])
        np.testing.assert_allclose(own, printed[kind], rtol=5e-3, err_msg=kind)


@pytest.mark.parametrize(("run", "method"), [("warf10_focei", "FOCEI"), ("warf10_foce", "FOCE")])
def test_standard_errors_of_nonmem_with_and_without_interaction(reference: Path, run: str, method: str) -> None:
    anchor = _anchor(reference, run)
    omega = Omega.independent(**{n: v**0.5 for n, v in anchor["omega2"].items()})
    values = {**anchor["theta"], "prop_C": anchor["residual"]["prop_var"] ** 0.5}
    case = ferx(reference, "warfarin.csv", "proportional", omega, **values)
    for kind, printed in (("R", "R"), ("S", "S"), ("sandwich", "RSR")):
        own = standard_errors(case, method, kind, anchor["se"]["order"])
        np.testing.assert_allclose(own, anchor["se"][printed], rtol=5e-3, err_msg=kind)


def test_standard_errors_of_nonmem_with_occasions(reference: Path) -> None:
    anchor = _anchor(reference, "warf_iov_focei")
    sd = {n: v**0.5 for n, v in anchor["omega2"].items()}
    omega = Omega.independent(CL=sd["CL"], V=sd["V"], ka=sd["ka"]) + Omega.independent(CL=sd["iov_CL"]).at_occasion()
    variance = anchor["residual"]["prop_var"]
    case = ferx(reference, "warfarin_iov.csv", "proportional", omega, **anchor["theta"], prop_C=variance**0.5)
    order = ["prop_sd" if n == "prop_var" else n for n in anchor["se"]["order"]]
    own = standard_errors(case, "FOCEI", "R", order)
    own[order.index("prop_sd")] *= 2 * variance**0.5  # NONMEM's is that of the variance
    np.testing.assert_allclose(own, anchor["se"]["R_nonmem"], rtol=5e-3)


def _anchor(reference: Path, run: str) -> dict:
    runs = json.loads((reference / "external/ferx/anchors.json").read_text())["runs"]
    return next(r for r in runs if r["id"] == run)


def people() -> Population:
    """Full, occasion and fixed parts of Ω, a shared random effect, a logit and a normal parameter."""
    model = two_compartment(absorption=True, bioavailability=True).in_units(time="h", amount="mg", volume="L")
    error = residual_error("C", "combined")
    values = {"CL": 2.0, "V1": 10.0, "Q": 3.0, "V2": 20.0, "ka": 1.3, "F": 0.6}
    parameters = model.with_values(**values).parameters.fix("Q") + error.start(np.array([1.0]), "mg/L")
    parameters = parameters + Parameters((Parameter("power", 0.75, "", -np.inf, np.inf),))
    omega = block("CL", "V1", omega=[[0.09, 0.03], [0.03, 0.05]]) + Omega.independent(F=0.4, ka=0.5).fix("ka")
    omega = omega + Omega.independent(CL=0.2).at_occasion()
    return Population(
        model, parameters, omega, (error,), relations={"CL": "CL*(weight/70)**power"},
        exponents={"Q": "0.5*eta_CL + eta_V1", "CL": "eta_CL + kappa_CL"},
    )  # fmt: skip


def moved(own: Population, vector: np.ndarray) -> Population:
    count = len(own.parameters.free)
    return Population(
        own.model, own.parameters.from_vector(vector[:count]), own.omega.from_vector(vector[count:]), own.errors,
        relations=own.relations, exponents=own.exponents,
    )  # fmt: skip


def everything(own: Population) -> dict[str, tuple]:
    texts = {**standard_secondary(own), "ratio": "V1 - V2", "none": "Q*2"}
    found = {}
    for part in (
        parameter_quantities(own), omega_quantities(own), spread_quantities(own).values(),
        [*spread_quantities(own, "occasion").values()], secondary_quantities(own, texts),
    ):  # fmt: skip
        for q in part:
            found[f"{q.kind} {q.name} {len(found) if q.kind == 'CV %' else ''}"] = q
    return found


def test_every_slope_is_the_derivative_by_the_vector() -> None:
    own = people()
    x = np.concatenate([own.parameters.to_vector(), own.omega.to_vector()])
    here = everything(own)
    up, down = [], []
    for step in 1e-6 * np.eye(x.size):
        up.append([q.value for q in everything(moved(own, x + step)).values()])
        down.append([q.value for q in everything(moved(own, x - step)).values()])
    slopes = (np.array(up) - np.array(down)).T / 2e-6
    for q, slope in zip(here.values(), slopes, strict=True):
        np.testing.assert_allclose(q.slope, slope, rtol=1e-6, atol=1e-7 * max(1.0, abs(q.value)), err_msg=q.name)
        assert q.fixed == (not slope.any()), q.name


def test_quantities_are_what_their_names_say() -> None:
    found = {q.name: q for q in everything(people()).values()}
    assert found["corr(eta_CL, eta_V1)"].value == pytest.approx(0.03 / np.sqrt(0.09 * 0.05))
    assert found["CV(V1)"].value == pytest.approx(100 * np.sqrt(np.exp(0.05) - 1))
    assert found["CV(Q)"].value == pytest.approx(100 * np.sqrt(np.expm1(0.25 * 0.09 + 0.05 + 0.03)))
    assert found["SD(F)"].value == pytest.approx(0.4)  # logit-normal: on its scale
    assert found["var(eta_ka)"].fixed
    assert found["Q"].fixed
    assert not found["Q"].slope.any()
    assert "cov(eta_F, eta_ka)" not in found  # a structural zero
    occasions = spread_quantities(people(), "occasion")
    assert occasions["CL"].value == pytest.approx(100 * np.sqrt(np.expm1(0.04)))


def test_half_lives_of_library_models_are_those_of_their_equations() -> None:
    own = people()
    values = {q.name: q.value for q in secondary_quantities(own, standard_secondary(own))}
    p = own.parameters
    matrix = np.array([[-(p["CL"] + p["Q"]) / p["V1"], p["Q"] / p["V2"]], [p["Q"] / p["V1"], -p["Q"] / p["V2"]]])
    rates = np.sort(-np.linalg.eigvals(matrix))
    np.testing.assert_allclose([values["half_life_beta"], values["half_life_alpha"]], np.log(2) / rates)
    assert values["Vss"] == p["V1"] + p["V2"]
    one = one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=1.0, V=2.0)
    assert standard_secondary(Population(one, one.parameters)) == {"half_life": "log(2)*V/CL"}
    three = three_compartment().in_units(time="h", amount="mg", volume="L")
    assert set(standard_secondary(Population(three, three.parameters))) == {"Vss"}


def test_intervals_are_symmetric_on_the_scale_of_estimation_and_stay_inside() -> None:
    own = people()
    size = len(own.parameters.free) + len(own.omega.free)
    wide = 4.0 * np.eye(size)
    found = {q.name: q for q in everything(own).values()}
    low, high = found["CL"].interval(wide, 0.95)
    assert np.sqrt(low * high) == pytest.approx(2.0)
    assert np.log(high / 2.0) == pytest.approx(2 * 1.959964, rel=1e-6)
    assert 0 < found["F"].interval(wide, 0.95)[0] < found["F"].interval(wide, 0.95)[1] < 1
    low, high = found["corr(eta_CL, eta_V1)"].interval(0.01 * np.eye(size), 0.9)
    assert -1 < low < found["corr(eta_CL, eta_V1)"].value < high < 1
    assert np.isnan(found["Q"].interval(wide, 0.9)).all()


def test_unknown_names_and_kinds_are_told_at_once() -> None:
    with pytest.raises(InputError, match="2 problems") as error:
        secondary_quantities(people(), {"CL": "V1", "half": "log(2)*VV/CL"})
    assert "V" in str(error.value)
    with pytest.raises(InputError, match="sandwich"):
        Uncertainty(("a",), np.eye(1), np.eye(1)).covariance("sandwhich")


def test_a_matrix_that_is_none_says_why() -> None:
    names = ("a", "b")
    flat = Uncertainty(names, np.array([[1.0, 1.0], [1.0, 1.0]]), np.eye(2))
    for kind in ("R", "sandwich"):
        assert np.isnan(flat.covariance(kind)).all()
    assert "R is not positive definite" in flat.why_not("R")
    assert not flat.why_not("S")
    assert flat.condition_number("R") == np.inf
    known = Uncertainty(names, np.diag([1e8, 1e-8]), np.eye(2))
    assert known.condition_number("R") == pytest.approx(1.0)  # of the correlations: scales do not count


def test_permuted_parameters_have_the_same_errors_by_name(reference: Path) -> None:
    case = theophylline(reference)
    swapped = Population(
        case.population.model,
        case.population.parameters.subset(["V", "add_C", "ka", "CL"]),
        Omega.independent(**{n: float(np.sqrt(v)) for n, v in (("V", 0.0192), ("ka", 0.4), ("CL", 0.0693))}),
        case.population.errors,
    )
    order = ["CL", "ka", "V", "add", "w2ka", "w2CL", "w2V"]
    for kind in COVARIANCES:
        first = standard_errors(case, "FOCEI", kind, order)
        second = standard_errors(Case(swapped, case.study), "FOCEI", kind, order)
        np.testing.assert_allclose(first, second, rtol=1e-5)


def test_a_fixed_parameter_is_conditioned_on(reference: Path) -> None:
    case = theophylline(reference)
    whole = optimum(case.problem)
    free = uncertainty_of(whole.marginal, whole.hessian, case.problem.names)
    people = case.problem.population_at(whole.vector)
    held = Population(people.model, people.parameters.fix("ka"), people.omega.fix("V"), people.errors)
    problem = Case(held, case.study).problem
    part = optimum(problem)
    own = uncertainty_of(part.marginal, part.hessian, problem.names)
    assert own.names == ("CL", "V", "add_C", "var(eta_ka)", "var(eta_CL)")
    keep = [free.names.index(n) for n in own.names]
    np.testing.assert_allclose(own.r, free.r[np.ix_(keep, keep)], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(own.s, free.s[np.ix_(keep, keep)], rtol=1e-4, atol=1e-4)
