"""Fits from start values that are wrong on purpose: where they end, and what they say of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.population import Population
from tests.fit.mixed.answers import CASES, fitted

OPTIMA = {"theophylline": 116.8034, "warfarin_pk": 423.3273, "phenobarbital": 688.5221}
OTHER = 110.3348
"""Theophylline with absorption slower than elimination."""
DEFAULT = PopulationOptions(check=False)


def moved(population: Population, rng: np.random.Generator) -> Population:
    """Each typical value times or by 3, each variance times or by 5."""
    free, omega = population.parameters.free, population.omega
    typical = np.array([n in population.model.parameters for n in free])
    vector = population.parameters.to_vector() + np.log(3) * rng.choice([-1, 1], len(free)) * typical
    matrix = omega.to_vector()
    variances = np.array([name.startswith("var(") for name in omega.free])
    matrix = matrix + 0.5 * np.log(5) * rng.choice([-1, 1], len(matrix)) * variances
    return replace(population, parameters=population.parameters.from_vector(vector), omega=omega.from_vector(matrix))


def ends(
    reference: Path, name: str, count: int, options: PopulationOptions = DEFAULT, seed: int = 12
) -> list[PopulationFit]:
    """Fits of a case from so many wrong starts."""
    case, rng = CASES[name](reference), np.random.default_rng(seed)
    return [fitted(replace(case, population=moved(case.population, rng)), options=options) for _ in range(count)]


def check_ends(reference: Path, name: str, count: int, misses: int, seed: int = 12) -> None:
    """All but so many end at the optimum and say converged; none says so elsewhere."""
    fits = ends(reference, name, count, seed=seed)
    there = [abs(fit.objective - OPTIMA[name]) < 0.01 for fit in fits]
    assert sum(a and fit.converged for a, fit in zip(there, fits, strict=True)) >= count - misses
    assert not any(fit.converged and not a for a, fit in zip(there, fits, strict=True))


def check_both_sides(reference: Path, count: int, seed: int = 12) -> None:
    """Without ka > CL/V theophylline ends where absorption is the slower one, and names the textbook's optimum."""
    options = replace(DEFAULT, flip_flop=True)
    for fit in ends(reference, "theophylline", count, options, seed):
        assert abs(fit.objective - OTHER) < 0.01
        assert fit.values["ka"] < fit.values["CL"] / fit.values["V"]
        assert any("another optimum: objective 116.80" in note for note in fit.notes)
        assert not fit.converged
        assert "eta_ka" in fit.message
