"""The first-order method: the density of a multivariate normal number, its gradient, and other programs' optimum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from pkpd.errors import InputError
from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.population import Omega, block, residual_error
from tests.fit.mixed.gradients import gradient_error, nonmem_study, oral_problem, ten_subjects

THETA = {"CL": 0.14, "V": 7.5, "ka": 0.9}
NOISE = {
    "additive": {"add_C": 0.9}, "proportional": {"prop_C": 0.2}, "combined": {"prop_C": 0.15, "add_C": 0.3},
    "combined1": {"prop_C": 0.1, "add_C": 0.3}, "power": {"prop_C": 0.3, "power_C": 0.7}, "log": {"sd_C": 0.2},
}  # fmt: skip
OMEGA = block("CL", "V", omega=[[0.09, 0.02], [0.02, 0.04]]) + Omega.independent(ka=0.4)


@pytest.mark.parametrize("kind", NOISE)
def test_it_is_the_density_of_the_linear_model(kind: str) -> None:
    """−2 log density of a normal vector with mean h(f₀) and covariance AΩAᵀ + V₀, from scipy: 1e-9."""
    problem = oral_problem(ten_subjects(), residual_error("C", kind), NOISE[kind], THETA, OMEGA)
    point = problem.at(problem.start)
    found = marginal(problem, point, "FO")
    zero = problem.respond(point, np.zeros((problem.subjects, 3)), 1)
    log = kind == "log"
    mean = np.log(zero.f) if log else zero.f
    y = np.log(problem.data.lower) if log else problem.data.lower
    a = (zero.first @ problem.shifts.effects) / (zero.f[:, None] if log else 1.0)
    p = NOISE[kind]
    sd = {
        "additive": lambda f: p["add_C"] + 0 * f, "proportional": lambda f: p["prop_C"] * f,
        "combined": lambda f: np.hypot(p["prop_C"] * f, p["add_C"]),
        "combined1": lambda f: p["prop_C"] * f + p["add_C"],
        "power": lambda f: p["prop_C"] * f ** p["power_C"], "log": lambda f: p["sd_C"] + 0 * f,
    }[kind](zero.f)  # fmt: skip
    for k in range(problem.subjects):
        own = slice(problem.starts[k], problem.starts[k + 1])
        covariance = a[own] @ point.matrix @ a[own].T + np.diag(sd[own] ** 2)
        expected = -2 * multivariate_normal(mean[own], covariance).logpdf(y[own]) - np.log(2 * np.pi) * len(y[own])
        expected += 2 * np.log(problem.data.lower[own]).sum() if log else 0.0
        assert found.individual[k] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", NOISE)
def test_its_gradient_is_exact(kind: str) -> None:
    problem = oral_problem(ten_subjects(), residual_error("C", kind), NOISE[kind], THETA, OMEGA)
    assert gradient_error(problem, "FO") < 1e-8


def test_without_random_effects_all_methods_are_one() -> None:
    problem = oral_problem(ten_subjects(), residual_error("C", "combined"), NOISE["combined"], THETA, Omega())
    values = [marginal(problem, problem.at(problem.start), m).objective for m in ("FO", "FOCE", "FOCEI", "Laplace")]
    assert values == pytest.approx([values[0]] * 4, abs=1e-10)


def test_theophylline(reference: Path) -> None:
    """Optimum 103.8691 (targets of several programs), from the exact gradient alone."""
    problem = oral_problem(
        nonmem_study(reference / "external" / "datasets" / "theo_sd.csv"), residual_error("C", "additive"),
        {"add_C": 0.7}, {"CL": 2.7, "V": 32.0, "ka": 1.6}, Omega.independent(ka=0.6, CL=0.3, V=0.2),
    )  # fmt: skip

    def both(x: np.ndarray) -> tuple[float, np.ndarray]:
        found = marginal(problem, problem.at(x), "FO")
        return found.objective, found.gradient

    end = minimize(both, problem.start, jac=True, method="BFGS", options={"gtol": 1e-5})
    assert end.fun == pytest.approx(103.8691, abs=1e-3)


def test_what_it_cannot_hold_is_said() -> None:
    problem = oral_problem(ten_subjects(lloq=5.0), residual_error("C", "additive"), NOISE["additive"], THETA, OMEGA)
    count = int((problem.data.kind != 0).sum())
    assert count > 0
    with pytest.raises(InputError, match=f"FO holds measured values alone, and {count} rows are censored"):
        marginal(problem, problem.at(problem.start), "FO")


def test_a_variance_that_vanishes() -> None:
    """ω of 1e-9 is no random effect, and its gradient is a number."""
    tiny = Omega.independent(CL=0.3, V=0.2, ka=1e-9)
    problems = [
        oral_problem(ten_subjects(), residual_error("C", "combined"), NOISE["combined"], THETA, omega)
        for omega in (tiny, Omega.independent(CL=0.3, V=0.2))
    ]
    found = [marginal(p, p.at(p.start), "FO") for p in problems]
    assert found[0].objective == pytest.approx(found[1].objective, abs=1e-9)
    np.testing.assert_allclose(found[0].gradient[:-1], found[1].gradient, atol=1e-8)
    assert abs(found[0].gradient[-1]) < 1e-9
