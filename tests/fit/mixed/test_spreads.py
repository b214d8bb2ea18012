"""Random effects on residual errors: objectives from scipy's densities, exact gradients, occasions, what is refused."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

import pkpd
from pkpd.errors import InputError
from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.population import Omega, Population, block, residual_error
from tests.fit.mixed.gradients import gradient_error, ten_subjects

THETA = {"CL": 0.14, "V": 7.5, "ka": 0.9}
OMEGA = block("CL", "V", omega=[[0.09, 0.02], [0.02, 0.04]]) + Omega.independent(ka=0.6)
WHOLE = {"prop_C": "eta_noise", "add_C": "eta_noise"}


@cache
def problem(kind: str, effect: str, blq: str = "M3", lloq: float | None = None) -> Problem:
    noise = {
        "additive": {"add_C": 1.5}, "proportional": {"prop_C": 0.2}, "combined": {"prop_C": 0.15, "add_C": 0.3},
        "log": {"sd_C": 0.2}, "power": {"prop_C": 0.4, "power_C": 0.7},
    }[kind]  # fmt: skip
    return population_problem(kind, noise, OMEGA + Omega.independent(**{effect: 0.4}), blq, lloq)


def population_problem(
    kind: str, noise: dict[str, float], omega: Omega, blq: str = "M3", lloq: float | None = None, **more: object
) -> Problem:
    error = residual_error("C", kind)
    model = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    values = model.with_values(**THETA).parameters + error.start(np.ones(1), "mg/L").with_values(**noise)
    given: dict[str, object] = {"exponents": WHOLE if kind == "combined" else {}, **more}
    return problem_of(Population(model, values, omega, (error,), **given), ten_subjects(lloq=lloq), blq=blq)  # type: ignore[arg-type]


CASES = [
    ("additive", "add_C"), ("proportional", "prop_C"), ("combined", "noise"), ("log", "sd_C"), ("power", "prop_C"),
]  # fmt: skip


@pytest.mark.parametrize("method", ["FOCEI", "Laplace"])
@pytest.mark.parametrize(("kind", "effect"), CASES)
def test_gradients_are_exact(kind: str, effect: str, method: str) -> None:
    assert gradient_error(problem(kind, effect), method, None if kind == "combined" else 2) < 1e-7


@pytest.mark.parametrize(("blq", "method"), [("M3", "FOCEI"), ("M3", "Laplace"), ("M2", "FOCEI"), ("M4", "FOCEI")])
def test_gradients_are_exact_beyond_a_limit(blq: str, method: str) -> None:
    assert gradient_error(problem("combined", "noise", blq, 4.5), method, 3) < 1e-7


def test_laplace_and_focei_by_hand() -> None:
    """Mode by scipy's search over normal densities with SD·exp(η), Hessian by differences; FOCEI by its formula."""
    one = problem("proportional", "prop_C")
    point = one.at(one.start)
    laplace, focei = (marginal(one, point, m) for m in ("Laplace", "FOCEI"))
    names = list(one.effects)
    k = names.index("eta_prop_C")
    for who in (0, 4, 9):
        own = slice(one.starts[who], one.starts[who + 1])
        y = one.data.lower[own]

        def predicted(eta: np.ndarray, who: int = who, own: slice = own) -> tuple[np.ndarray, np.ndarray]:
            every = np.zeros((one.subjects, 4))
            every[who] = eta
            found = one.respond(point, every, 1)
            return found.f[own], found.first[own] @ one.shifts.effects

        def penalised(eta: np.ndarray, y: np.ndarray = y) -> float:
            f = predicted(eta)[0]
            density = norm.logpdf(y, f, 0.2 * f * np.exp(eta[k])).sum() + 0.5 * len(y) * np.log(2 * np.pi)
            return float(-2 * density + eta @ point.inverse @ eta)

        mode = minimize(penalised, np.zeros(4), method="BFGS", options={"gtol": 1e-7}).x
        np.testing.assert_allclose(laplace.modes.eta[who], mode, atol=2e-5)
        mode, h = laplace.modes.eta[who], 1e-3
        unit = np.eye(4) * h
        hessian = np.array([[
            (penalised(mode + a + b) - penalised(mode + a - b) - penalised(mode - a + b) + penalised(mode - a - b))
            / (4 * h * h) for b in unit] for a in unit])  # fmt: skip
        expected = penalised(mode) + point.log_determinant + np.linalg.slogdet(hessian / 2)[1]
        assert laplace.individual[who] == pytest.approx(expected, abs=1e-4)
        f, a = predicted(mode)
        variance = (0.2 * f * np.exp(mode[k])) ** 2
        c = 2 * variance[:, None] * (a / f[:, None] + np.eye(4)[k])  # dV/dη
        half = point.inverse + (a / variance[:, None]).T @ a + 0.5 * (c / variance[:, None] ** 2).T @ c
        expected = penalised(mode) + point.log_determinant + np.linalg.slogdet(half)[1]
        assert focei.individual[who] == pytest.approx(expected, abs=1e-7)


def test_a_tiny_variance_is_none() -> None:
    with_effect = population_problem("additive", {"add_C": 1.5}, OMEGA + Omega.independent(add_C=1e-5))
    without = population_problem("additive", {"add_C": 1.5}, OMEGA)
    found = [marginal(p, p.at(p.start), "FOCEI").objective for p in (with_effect, without)]
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_between_occasions() -> None:
    """Two occasions whose SDs differ: with one occasion each, κ is η; with two the gradient is exact."""
    table = ten_subjects().observations[["subject", "time", "analyte", "value"]]
    table["occasion"] = np.where(table["time"] < 5, 1, 2)
    units = {"time": "h", "C": "mg/L", "dose": "mg"}
    study = pkpd.read_study(table, pkpd.oral("100 mg"), units=units)
    error = residual_error("C", "proportional")
    model = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    values = model.with_values(**THETA).parameters + error.start(np.ones(1), "mg/L")
    omega = OMEGA + Omega.independent(prop_C=0.3) + Omega.independent(prop_C=0.2).at_occasion()
    two = problem_of(Population(model, values, omega, (error,)), study)
    assert two.effects[-3:] == ("eta_prop_C", "kappa_prop_C_1", "kappa_prop_C_2")
    for method in ("FOCEI", "Laplace"):
        assert gradient_error(two, method, 3) < 1e-7


def test_what_is_refused() -> None:
    one = problem("additive", "add_C")
    for method in ("FO", "FOCE"):
        with pytest.raises(InputError, match=f"{method} takes residual SDs without random effects"):
            marginal(one, one.at(one.start), method)
    noise = {"prop_C": 0.15, "add_C": 0.3}
    with pytest.raises(InputError, match=r"give exponents={'prop_C': 'eta_prop_C', 'add_C': 'eta_prop_C'}"):
        population_problem("combined", noise, OMEGA + Omega.independent(prop_C=0.3), exponents={})
    with pytest.raises(InputError, match=r"power_C alone does not .*'prop_C': 'eta_power_C'"):
        population_problem("power", {}, OMEGA + Omega.independent(power_C=0.3))
    bent = {"add_C": "exp(eta_add_C)"}
    with pytest.raises(InputError, match=r"the exponent of add_C is 'exp\(eta_add_C\)'; expected a sum of random"):
        population_problem("additive", {}, OMEGA + Omega.independent(add_C=0.3), exponents=bent)
