"""Problems that several tests of population fits use, and how an exact gradient is compared."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas

import pkpd
from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.io import read_nonmem
from pkpd.population import Omega, Population, ResidualError
from pkpd.study import Study

UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}


def oral_problem(
    study: Study, error: ResidualError, noise: dict[str, float], theta: dict[str, float], omega: Omega, blq: str = "M3"
) -> Problem:
    """One compartment with first-order absorption."""
    model = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    values = model.with_values(**theta).parameters + error.start(np.ones(1), "mg/L").with_values(**noise)
    return problem_of(Population(model, values, omega, (error,)), study, blq=blq)


def ten_subjects(seed: int = 1, rows: int = 6, lloq: float | None = None) -> Study:
    """Ten subjects after one oral dose of 100 mg, the last of them with a single sample."""
    rng = np.random.default_rng(seed)
    times = np.array([0.5, 1.5, 4.0, 9.0, 24.0, 48.0])[:rows]
    table = []
    for who in range(10):
        cl, v, ka = 0.13 * np.exp(0.3 * rng.normal()), 8 * np.exp(0.2 * rng.normal()), 0.8 * np.exp(0.4 * rng.normal())
        k = cl / v
        f = 100 / v * ka / (ka - k) * (np.exp(-k * times) - np.exp(-ka * times))
        y = f * np.exp(0.15 * rng.normal(size=rows))
        kept = slice(0, 1) if who == 9 else slice(None)
        for t, value in zip(times[kept], y[kept], strict=True):
            text = f"<{lloq}" if lloq is not None and value < lloq else f"{value:.5g}"
            table.append({"subject": who, "time": t, "analyte": "C", "value": text})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pkpd.read_study(
            pandas.DataFrame(table), pkpd.oral("100 mg"), units={"time": "h", "C": "mg/L", "dose": "mg"}
        )


def nonmem_study(path: Path) -> Study:
    """A study of oral doses in NONMEM's form."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_nonmem(path, units=UNITS, routes="oral")


def gradient_error(problem: Problem, method: str, along: int | None = None, step: float = 1e-4) -> float:
    """Largest error of the exact gradient by fourth-order differences, over the largest slope (at least 1).

    `along` takes as many random directions in place of every number of the vector.
    """
    x = problem.start
    ways = np.eye(len(x)) if along is None else np.random.default_rng(3).normal(size=(along, len(x)))

    def objective(at: np.ndarray) -> float:
        return marginal(problem, problem.at(at), method).objective

    exact = ways @ marginal(problem, problem.at(x), method).gradient
    found = np.array([
        (8 * (objective(x + e) - objective(x - e)) - objective(x + 2 * e) + objective(x - 2 * e)) / (12 * step)
        for e in ways * step
    ])  # fmt: skip
    return float(np.abs(exact - found).max() / max(1.0, np.abs(found).max()))
