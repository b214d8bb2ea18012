"""What a population fit is asked for, made into a population: units, start values, random effects, residual errors."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pkpd import units
from pkpd.arguments.kinds import Kind, Refused
from pkpd.arrays import Array
from pkpd.errors import InputError, PkpdError, nearest, unknown_names
from pkpd.fit.inputs import align, ratio_of, residual_errors, with_errors
from pkpd.fit.mixed.given import Known, observed_without, values_by_subject, with_population
from pkpd.fit.mixed.search.rough import rough_values
from pkpd.fit.start import initial_estimates, median_weight
from pkpd.model import Model, expressions
from pkpd.model.drug import measures_drug
from pkpd.observed import Observed, observe
from pkpd.observed.matching import in_study_units, match_outputs
from pkpd.observed.output_units import with_output_units
from pkpd.observed.sequence import occasion_labels
from pkpd.parameters import Parameter, Parameters
from pkpd.population import ErrorKind, Omega, Population, block
from pkpd.study import Study

EffectsAsked = Omega | Mapping[str, float] | Sequence[str]
"""Random effects: an Omega, names, or names with their SDs."""


def _effects_asked(value: object) -> object:
    if isinstance(value, Omega | str):
        return value
    if not isinstance(value, Iterable) or not all(isinstance(name, str) for name in value):
        raise Refused
    return value if isinstance(value, Mapping) else tuple(value)


RANDOM_EFFECTS = Kind(
    "an Omega, names such as ['CL', 'V'], or names with their SDs such as {'CL': 0.3}", _effects_asked
)
"""How random effects may be asked for."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A population in the units of its data, with what is to be said of it.

    Attributes
    ----------
    population : Population
        With start values.
    data : Observed
        The data as the typical model sees them, with the covariates of the relations.
    notes : tuple of str
        Which start values came from where.
    given : mapping
        Parameter → one value per subject, in the model's units.
    """

    population: Population
    data: Observed
    notes: tuple[str, ...]
    given: Mapping[str, Array] = field(default_factory=dict)


def omega_of(asked: EffectsAsked | None, level: str = "subject") -> Omega:
    """Return random effects as they were asked for.

    Parameters
    ----------
    asked : Omega, names or mapping, optional
        Names are independent random effects whose variances are estimated; a mapping holds their SDs.
    level : {"subject", "occasion"}
        Between subjects or between occasions.
    """
    if asked is None:
        return Omega()
    if isinstance(asked, str):
        asked = (asked,)
    if isinstance(asked, Omega):
        effects = asked
    elif isinstance(asked, Mapping):
        effects = Omega.independent(**asked)
    else:
        effects = Omega(tuple(b for name in asked for b in block(name).blocks))
    return effects.at_occasion() if level == "occasion" else effects


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked of a fit of a model.

    Attributes
    ----------
    start : Parameters or mapping, optional
        Start values, coefficients of covariates among them.
    relations : mapping
        Parameter → covariate relation.
    error : mapping, optional
        Output → kind of residual error.
    iiv, iov : optional
        Random effects between subjects (by default of every free parameter) and between occasions.
    known : Known
        What an earlier fit gives.
    observed : mapping, optional
        Output → analyte.
    """

    start: Parameters | Mapping[str, float] | None
    relations: Mapping[str, str]
    error: Mapping[str, ErrorKind] | None
    iiv: EffectsAsked | None
    iov: EffectsAsked | None
    known: Known
    observed: Mapping[str, str] | None


def prepare_model(model: Model, study: Study, asked: Asked) -> Prepared:
    """Return the population of a model: what nobody gave comes from NCA, from the data, or from the model.

    Parameters
    ----------
    model, study : Model, Study
        What is fitted to what.
    asked : Asked
        How.

    Raises
    ------
    InputError
        Listing everything that is unknown or without a value.
    """
    known = asked.known
    observed = observed_without(match_outputs(model, study, asked.observed), known, asked.error)
    model = with_output_units(in_study_units(model, study, observed), study, observed)
    told = _as_parameters(asked.start, model)
    coefficients = _coefficients(model, study, asked.relations, told)
    iov = omega_of(asked.iov, "occasion")
    if iov and len(labels := occasion_labels(study)) < 2:
        found = f"one occasion, {labels[0]!r}" if labels else "no occasions"
        raise InputError(
            f"iov needs at least two occasions, and the study has {found}; a column 'occasion' (OCC) names them",
            "fit_population",
        )
    if known.population is not None:
        iov = iov + Omega(known.population.omega.at("occasion"))
    relations = dict(asked.relations) | dict(known.population.relations if known.population else {})
    every = told + (known.population.parameters if known.population else Parameters(()))
    data = observed_with(model, study, relations, every, iov, observed)
    errors = residual_errors(data, _errors_asked(asked, known, data))
    own = told.subset([n for n in told.names if n not in coefficients.names])
    named = {n for e in errors for n in e.names}
    by_subject = values_by_subject(known, data)
    settled = {n: float(np.median(v)) for n, v in by_subject.items()}
    if known.population is not None:
        given = known.population.parameters
        settled |= {n: given[n] for n in model.parameters.names if n in given}
    model = model.with_values(**settled) if settled else model
    model = replace(model, parameters=model.parameters.fix(*settled))
    model, notes = _with_values(model, study, own.subset([n for n in own.names if n not in named]), data)
    parameters = with_errors(align(own, model, tuple(settled), errors), own, errors, data) + coefficients
    iiv = asked.iiv
    if iiv is None:
        iiv = [n for n in parameters.free if n in model.parameters]
    population = Population(model, parameters, omega_of(iiv) + omega_of(asked.iov, "occasion"), errors,
                            relations=dict(asked.relations))  # fmt: skip
    if known.population is not None:
        population = with_population(population, known.population, data)
    return Prepared(population, data, (*notes, *_unmatched(model, study, asked.observed)), by_subject)


def _unmatched(model: Model, study: Study, observed: Mapping[str, str] | None) -> tuple[str, ...]:
    """Say which analytes of the study no output of the model is, if any."""
    matched = set(match_outputs(model, study, observed).values())
    rest = [a for a in study.analytes if a not in matched]
    if not rest:
        return ()
    hint = "" if observed is not None else "; say options.observed={output: analyte} if one is"
    return (f"not fitted, for no output of the model is called so: {', '.join(map(repr, rest))}{hint}",)


def _errors_asked(asked: Asked, known: Known, data: Observed) -> dict[str, ErrorKind]:
    """Return the residual errors that are asked for, or that the given population brings."""
    brought = known.population.errors if known.population is not None else ()
    return {e.output: type(e) for e in brought if e.output in data.analytes} | dict(asked.error or {})


def prepare_population(population: Population, study: Study, observed: Mapping[str, str] | None) -> Prepared:
    """Return a population in the units of the data.

    Raises
    ------
    InputError
        If it has no residual error for what was measured.
    """
    matched = match_outputs(population.model, study, observed)
    model = with_output_units(in_study_units(population.model, study, matched), study, matched)
    data = observed_with(model, study, population.relations, population.parameters, population.omega, observed)
    lacking = [o for o in data.analytes if o not in {e.output for e in population.errors}]
    if lacking:
        raise InputError(
            [
                f"output {o!r} was measured and has no residual error; give errors=(residual_error({o!r}, kind),)"
                for o in lacking
            ],
            "population",
        )
    parameters = Parameters(tuple(
        _in_unit(p, model.parameters.get(p.name)) if p.name in model.parameters else p for p in population.parameters
    ))  # fmt: skip
    if missing := parameters.missing:
        raise InputError([f"parameter {n!r} has no value" for n in missing], "population")
    used = tuple(e for e in population.errors if e.output in data.analytes)
    unused = [n for e in population.errors if e not in used for n in e.names]
    return Prepared(
        replace(population, model=model, parameters=parameters.fix(*unused), errors=used),
        data,
        _unmatched(model, study, observed),
    )


def observed_with(
    model: Model, study: Study, relations: Mapping[str, str], parameters: Parameters, omega: Omega,
    observed: Mapping[str, str] | None,
) -> Observed:  # fmt: skip
    """Return the data as a model sees them that has the covariates of some relations and the marks of occasions."""
    needed = dict.fromkeys(n for text in relations.values() for n in sorted(expressions.names(text)))
    columns = [n for n in needed if n not in model.parameters and n not in parameters]
    occasions = len(occasion_labels(study)) if omega.effects("occasion") else 0
    marks = [f"occasion_{k}" for k in range(1, max(occasions, 1) + 1)] if omega.effects("occasion") else []
    every = dict.fromkeys([*model.covariates, *columns, *marks])
    return observe(replace(model, covariates=tuple(every)), study, observed).usable()


def _in_unit(theirs: Parameter, own: Parameter) -> Parameter:
    ratio = ratio_of(theirs.unit, own.unit)
    if ratio == 1.0:
        return replace(theirs, unit=own.unit or theirs.unit)
    scaled = {part: getattr(theirs, part) * ratio for part in ("value", "lower", "upper")}
    return replace(theirs, unit=own.unit, **scaled)


def _as_parameters(start: Parameters | Mapping[str, float] | None, model: Model) -> Parameters:
    if start is None:
        return Parameters(())
    if isinstance(start, Parameters):
        return start
    if not isinstance(start, Mapping):
        raise InputError(
            f"start is {start!r}; expected values by name, such as {{'CL': 3.0}}, or Parameters", "fit_population"
        )
    items = []
    for name, value in start.items():
        if name in model.parameters:
            items.append(model.parameters.with_values({name: value}).get(name))
        else:
            items.append(Parameter(name, float(value), "", -np.inf, np.inf))
    return Parameters(tuple(items))


def _coefficients(model: Model, study: Study, relations: Mapping[str, str], told: Parameters) -> Parameters:
    """Return the coefficients of covariate relations: names with a start value that are nothing of the model."""
    problems = unknown_names(relations, model.parameters.names, "parameter with a covariate relation")
    names = dict.fromkeys(n for text in relations.values() for n in sorted(expressions.names(text)))
    found = []
    for name in names:
        if name in model.parameters:
            continue
        if name in told:
            found.append(name)
        elif study.covariate(name) is None:
            known = [str(c) for c in (*study.subjects.columns, *study.changing)]
            problems.append(
                f"{name!r} in a covariate relation is no covariate of the study ({nearest(name, known)}); "
                f"a coefficient needs a start value, start={{{name!r}: 0.1}}"
            )
    if problems:
        raise InputError(problems, "covariates")
    return told.subset(found)


def _with_values(model: Model, study: Study, told: Parameters, data: Observed) -> tuple[Model, tuple[str, ...]]:
    """Return the model with values for what nobody told: from NCA and the data where they tell, else its own."""
    rest = [n for n in model.parameters.names if n not in told and not model.parameters.get(n).fixed]
    if not rest:
        return model, ()
    found = {n: v for n, v in _from_nca(model, study, data).items() if n in rest}
    notes = [_said(found, f"from NCA and the data{_by_weight(model, study)}")] if found else []
    lacking = [n for n in rest if n not in found and n in model.parameters.missing]
    if lacking:
        rough = {n: v for n, v in rough_values(data).items() if n in lacking}
        found |= rough
        if rough:
            notes.append(_said(rough, "from rough rules (dose over peak, doses over area)"))
    model = model.with_values(**found) if found else model
    if lacking := [n for n in rest if n in model.parameters.missing]:
        raise InputError(
            [f"no start value for {n!r} ({model.parameters.get(n).meaning}); say start={{{n!r}: …}}" for n in lacking],
            "start values",
        )
    if rest := [n for n in rest if n not in found]:
        notes.append(_said(rest, "as the model has it" if len(rest) == 1 else "as the model has them"))
    return model, tuple(notes)


def _said(names: Iterable[str], where: str) -> str:
    """A sentence on where start values come from."""
    listed = list(names)
    return f"start value{'' if len(listed) == 1 else 's'} of {', '.join(listed)} {where}"


def _by_weight(model: Model, study: Study) -> str:
    """Say that the median weight stands between start values and NCA, where one is per kg and the other is not."""
    if "dose" not in study.units or units.per_kg(study.units["dose"]) == units.per_kg(model.base["amount"]):
        return ""
    return f" (with the median weight, {median_weight([study]):g} kg)"


def _from_nca(model: Model, study: Study, data: Observed) -> dict[str, float]:
    """Return the start values that NCA and baselines tell; none where that is not possible."""
    given = dict.fromkeys(model.parameters.missing, 1.0)
    filled = model.with_values(**given) if given else model
    found: dict[str, float] = {}
    drug = [a for o, a in data.analytes.items() if measures_drug(data.model, o)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for source in ("nca", "study"):
            try:
                if source == "nca":
                    from pkpd.nca.result import nca  # a tenth of a second, which a fit with start values need not pay

                    told = initial_estimates(filled, nca(study.select(analytes=drug[:1])), observed=data.analytes)
                else:
                    told = initial_estimates(filled, study, observed=data.analytes)
            except PkpdError:
                continue
            found |= {p.name: p.value for p in told if p.value != filled.parameters[p.name]}
    return found
