"""From a population and a study to a problem: units, occasions, covariates, residual errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pkpd.arrays import Array
from pkpd.engine import Settings
from pkpd.fit.mixed.problem.censoring import censored
from pkpd.fit.mixed.problem.problem import Problem, occasion_count
from pkpd.fit.mixed.problem.shifts import shifts_of
from pkpd.observed import Observed, observe
from pkpd.observed.sequence import occasion_labels
from pkpd.population import Population
from pkpd.study import Study


def problem_of(population: Population, study: Study, settings: Settings | None = None, blq: str = "M3") -> Problem:
    """Return the problem of fitting a population to a study, both in the units of the population.

    Parameters
    ----------
    population : Population
        What is fitted.
    study : Study
        Doses, samples and covariates.
    settings : Settings, optional
        Tolerances of the solver.
    blq : {"M3", "M1", "M2", "M4"}
        What is done with values beyond a limit (`pkpd.fit.mixed.problem.censoring`).
    """
    occasions = max(len(occasion_labels(study)), 1) if population.omega.effects("occasion") else 1
    data = observe(population.individual_model(occasions), study).usable()
    return problem_from(population, data, study, settings, blq)


def problem_from(
    population: Population, data: Observed, study: Study, settings: Settings | None = None, blq: str = "M3",
    given: Mapping[str, Array] | None = None,
) -> Problem:  # fmt: skip
    """Return the problem of fitting a population to arrays that hold its covariates and the marks of its occasions.

    `given` holds parameters that every subject has its own value of, shape (subjects,) each.
    """
    data, censoring = censored(data, study, population.errors, blq)
    shifts = shifts_of(population, data, occasion_count(population, data))
    data = replace(data, model=shifts.model)
    settings = settings or Settings(method="explicit", max_steps=5000)
    problem = Problem(population, data, shifts, settings, censoring, given or {})
    _ = problem.pairs  # says at once which samples cannot be coupled
    return problem
