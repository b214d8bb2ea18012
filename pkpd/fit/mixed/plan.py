"""From a call to a problem: what a fit, an evaluation and an explanation begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pkpd.errors import InputError
from pkpd.fit.mixed.given import Given, known_of, subjects_with_values
from pkpd.fit.mixed.missing import with_missing
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.problem.possible import require_values
from pkpd.fit.mixed.problem.prepare import problem_from
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.request import Asked, EffectsAsked, Prepared, prepare_model, prepare_population
from pkpd.fit.mixed.search.flip_flop import constrained
from pkpd.model import Model
from pkpd.parameters import Parameters
from pkpd.population import ErrorKind, Population
from pkpd.study import Study


@dataclass(frozen=True, eq=False)
class Call:
    """The arguments of a fit, as they were given.

    Attributes
    ----------
    model, data, start, iiv, iov, covariates, error, given
        As in `fit_population`.
    """

    model: Model | Population
    data: Study
    start: Parameters | Mapping[str, float] | None = None
    iiv: EffectsAsked | None = None
    iov: EffectsAsked | None = None
    covariates: Mapping[str, str] | None = None
    error: Mapping[str, ErrorKind] | None = None
    given: Given | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """A problem with what is to be said of it.

    Attributes
    ----------
    problem : Problem
        What is fitted.
    study : Study
        The data that count.
    notes : tuple of str
        Start values, what was filled in, what was left out.
    """

    problem: Problem
    study: Study
    notes: tuple[str, ...]


def planned(call: Call, options: PopulationOptions) -> Plan:
    """Return the problem of a call.

    Raises
    ------
    InputError
        Listing everything that does not fit together.
    """
    study, filled = with_missing(call.data, options.missing)
    prepared, study, lost = _prepared(call, study, options)
    population = prepared.population if options.flip_flop else constrained(prepared.population)
    notes = (*prepared.notes, *filled, *lost)
    if not population.parameters.same_as(prepared.population.parameters):
        notes = (*notes, "absorption and elimination of the start values stood the other way round and changed places")
    problem = problem_from(population, prepared.data, study, options.settings, options.blq, prepared.given)
    require_values(problem, searched=options.starts > 0)
    return Plan(problem, study, notes)


def _prepared(call: Call, study: Study, options: PopulationOptions) -> tuple[Prepared, Study, tuple[str, ...]]:
    model = call.model
    if isinstance(model, Model):
        known = known_of(call.given, model)
        study, lost = subjects_with_values(study, known)
        asked = Asked(call.start, call.covariates or {}, call.error, call.iiv, call.iov, known, options.observed)
        return prepare_model(model, study, asked), study, lost
    told = {"iiv": call.iiv, "iov": call.iov, "covariates": call.covariates, "error": call.error, "given": call.given}
    if twice := [name for name, value in told.items() if value is not None]:
        raise InputError(f"a population brings its own {', '.join(twice)}; leave the argument out", "fit_population")
    if call.start is not None:
        values = call.start.as_dict() if isinstance(call.start, Parameters) else dict(call.start)
        model = replace(model, parameters=model.parameters.with_values(values))
    return prepare_population(model, study, options.observed), study, ()
