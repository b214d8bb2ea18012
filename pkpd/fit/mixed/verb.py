"""Fitting a population: the verb."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from pkpd.arguments import ANYTHING, checked
from pkpd.errors import FitWarning, InputError, nearest, warn
from pkpd.fit.inputs import A_KIND_BY_OUTPUT
from pkpd.fit.mixed.estimate import Estimate, Tried
from pkpd.fit.mixed.flip_flop import constrained
from pkpd.fit.mixed.laplacian import FO, FOCE, FOCEI, LAPLACE
from pkpd.fit.mixed.objective import MarginalObjective
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.population_fit import PopulationFit, population_fit
from pkpd.fit.mixed.prepare import problem_from
from pkpd.fit.mixed.problem import Problem
from pkpd.fit.mixed.request import RANDOM_EFFECTS, EffectsAsked, Prepared, prepare_model, prepare_population
from pkpd.fit.mixed.search import Attempt, optima, search_all
from pkpd.fit.mixed.starts import starts_of
from pkpd.fit.mixed.verdict import judge, with_exact
from pkpd.fit.verdict import CONVERGED
from pkpd.model import Model
from pkpd.parameters import Parameters
from pkpd.population import ErrorKind, Population
from pkpd.study import Study

METHODS = (FOCEI, FOCE, LAPLACE, FO)


@checked(start=ANYTHING, iiv=RANDOM_EFFECTS, iov=RANDOM_EFFECTS, error=A_KIND_BY_OUTPUT)
def fit_population(
    model: Model | Population,
    data: Study,
    start: Parameters | Mapping[str, float] | None = None,
    *,
    iiv: EffectsAsked | None = None,
    iov: EffectsAsked | None = None,
    covariates: Mapping[str, str] | None = None,
    error: Mapping[str, ErrorKind] | None = None,
    method: str = FOCEI,
    options: PopulationOptions | None = None,
) -> PopulationFit:
    """Fit a population."""
    began = time.perf_counter()
    options = options or PopulationOptions()
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}; {nearest(method, METHODS)}", "fit_population")
    prepared = _prepared(model, data, start, covariates, error, (iiv, iov), options)
    population = prepared.population if options.flip_flop else constrained(prepared.population)
    notes = prepared.notes
    if not population.parameters.same_as(prepared.population.parameters):
        notes = (*notes, "absorption and elimination of the start values stood the other way round and changed places")
    problem = problem_from(population, prepared.data, data, options.settings, options.blq)
    objective = MarginalObjective(problem, method)
    attempts = search_all(objective, starts_of(problem, options.starts))
    estimate = _judged(objective, attempts, notes)
    estimate = replace(estimate, seconds=time.perf_counter() - began)
    fit = population_fit(estimate, covariance=options.covariance, attrs=data.attrs)
    if fit.status != CONVERGED:
        warn(f"{fit.status}: {fit.message}", FitWarning)
    return fit


def _prepared(
    model: Model | Population, data: Study, start: Parameters | Mapping[str, float] | None,
    covariates: Mapping[str, str] | None, error: Mapping[str, ErrorKind] | None,
    effects: tuple[EffectsAsked | None, EffectsAsked | None], options: PopulationOptions,
) -> Prepared:  # fmt: skip
    if isinstance(model, Model):
        return prepare_model(model, data, start, covariates or {}, error, effects, options.observed)
    told = {"iiv": effects[0], "iov": effects[1], "covariates": covariates, "error": error}
    if twice := [name for name, value in told.items() if value is not None]:
        raise InputError(f"a population brings its own {', '.join(twice)}; leave the argument out", "fit_population")
    if start is not None:
        values = start.as_dict() if isinstance(start, Parameters) else dict(start)
        model = replace(model, parameters=model.parameters.with_values(values))
    return prepare_population(model, data, options.observed)


def _judged(objective: MarginalObjective, attempts: list[Attempt], notes: tuple[str, ...]) -> Estimate:
    best = attempts[0]
    judgement = judge(objective, best)
    there = best.minimum.value.marginal
    assert there is not None
    judgement = with_exact(judgement, there.objective, None, objective.problem.subjects)
    others = optima(attempts)[1:]
    tried = tuple(
        Tried(a.label, a.start, a.minimum.vector, a.first, a.objective, "" if a.complete else "met another search")
        for a in attempts
    )
    if others:
        notes = (*notes, *(_other(objective.problem, each) for each in others))
    return Estimate(
        objective.problem, objective.method, best.minimum.vector, there, best.minimum.hessian, best.minimum.decrement,
        objective.evaluations, trace=tuple(objective.trace), tried=tried, status=judgement.status,
        message=judgement.message, cautions=judgement.cautions, notes=notes,
    )  # fmt: skip


def _other(problem: Problem, attempt: Attempt) -> str:
    point = problem.at(attempt.minimum.vector)
    values = ", ".join(f"{p.name} {p.value:.4g}" for p in point.parameters if not p.fixed)
    return f"another optimum: objective {attempt.objective:.3f} at {values}"
