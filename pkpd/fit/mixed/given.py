"""What a population fit is given of an earlier one: individual values (IPP), or a population with its data (PPP).

References
----------
Zhang L, Beal SL, Sheiner LB. Simultaneous vs. sequential analysis for population PK/PD data I. J Pharmacokinet
Pharmacodyn 2003;30:387-404.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pkpd.arrays import Array
from pkpd.errors import InputError, warn
from pkpd.fit.inputs import given_table, ratio_of
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.fit.result import Fit, Fits
from pkpd.model import Model
from pkpd.observed import Observed
from pkpd.parameters import Parameters
from pkpd.population import ErrorKind, Population, ResidualError
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

Given = Any
"""A `PopulationFit` or `Fits` or a table (IPP), or a `Population` (PPP)."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known before a fit.

    Attributes
    ----------
    table : DataFrame or None
        Subject × parameter: values that each subject has (IPP).
    units : mapping
        Unit of each of its columns; empty where it is the model's.
    population : Population or None
        Whose typical values, random effects and residual errors stay as they are (PPP).
    outputs : tuple of str
        Outputs that the earlier fit described; under IPP their data do not count again.
    """

    table: pandas.DataFrame | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    population: Population | None = None
    outputs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return self.table is not None or self.population is not None


def known_of(given: Given | None, model: Model) -> Known:
    """Return what is given, read.

    Raises
    ------
    InputError
        If it is nothing of this, or names no parameter of the model.
    """
    if given is None:
        return Known()
    if isinstance(given, Population):
        if not set(given.model.parameters.names) & set(model.parameters.names):
            raise InputError("given is a population without any parameter of the model", "given")
        return Known(population=given, outputs=tuple(e.output for e in given.errors))
    if isinstance(given, PopulationFit):
        table = given.individual_values()
        inside = [n for n in table.columns if n in model.parameters]
        if not inside:
            raise InputError(f"given has {list(table.columns)}, none of which is a parameter of the model", "given")
        own = {n: given.people.parameters.get(n).unit for n in inside}
        return Known(table[inside], own, outputs=tuple(e.output for e in given.people.errors))
    if isinstance(given, Fit):
        raise InputError(
            "given is a pooled fit; give its population (fit.population()) or fits of the subjects", "given"
        )
    table = given_table(given, model)
    assert table is not None  # a table is None only of nothing, or of a pooled fit
    units: dict[str, str] = {}
    outputs: tuple[str, ...] = ()
    if isinstance(given, Fits):
        first = next(iter(given.values()))
        units = {n: first.parameters.get(n).unit for n in map(str, table.columns) if n in first.parameters}
        outputs = tuple(e.output for e in first.errors)
    return Known(table, units, outputs=outputs)


def subjects_with_values(study: Study, known: Known) -> tuple[Study, tuple[str, ...]]:
    """Return the part of the study whose subjects have given values, and a note on who has none."""
    if known.table is None:
        return study, ()
    have = [s for s in study.subject_ids if s in known.table.index]
    lost = [s for s in study.subject_ids if s not in known.table.index]
    if not have:
        raise InputError("given names no subject of the study", "given")
    if not lost:
        return study, ()
    note = f"{len(lost)} subjects are left out because they have no given values: {', '.join(map(repr, lost[:5]))}"
    warn(note)
    return study.select(subjects=have), (note,)


def observed_without(matched: Mapping[str, str], known: Known, error: Mapping[str, ErrorKind] | None) -> dict[str, str]:
    """Return the outputs whose data count.

    Under IPP those with a residual error that is asked for, else those that the earlier fit did not describe.
    """
    if known.table is None:
        return dict(matched)
    kept = {o: a for o, a in matched.items() if (o in error if error else o not in known.outputs)}
    return kept or dict(matched)


def values_by_subject(known: Known, data: Observed) -> dict[str, Array]:
    """Return the given values of the data's subjects in the model's units, shape (subjects,) each."""
    if known.table is None:
        return {}
    rows = known.table.loc[list(data.subjects)]
    own = data.model.parameters
    return {
        n: rows[n].to_numpy(float) * ratio_of(known.units.get(n, ""), own.get(n).unit) for n in map(str, rows.columns)
    }


def with_population(population: Population, given: Population, data: Observed) -> Population:
    """Return a population with everything of a given one put in its place and fixed.

    Parameters
    ----------
    population : Population
        What is fitted.
    given : Population
        Typical values, relations, random effects and residual errors that stay.
    data : Observed
        Which outputs count.
    """
    values: dict[str, float] = {}
    for item in given.parameters:
        if item.name in population.parameters:
            values[item.name] = item.value * ratio_of(item.unit, population.parameters.get(item.name).unit)
    parameters = population.parameters.with_values(values).fix(*values)
    added = [p for p in given.parameters if p.name not in parameters and p.name in given.coefficients]
    parameters = parameters + Parameters(tuple(replace(p, fixed=True) for p in added))
    theirs = set(given.omega.effects()) | set(given.omega.effects("occasion"))
    rest = tuple(b for b in population.omega.blocks if not theirs & {n for g in b.groups for n in g})
    errors: tuple[ResidualError, ...] = tuple(
        next((e for e in given.errors if e.output == error.output), error) for error in population.errors
    )
    for error in errors:
        for name in error.names:
            if name in given.parameters and name not in parameters:
                parameters = parameters + Parameters((replace(given.parameters.get(name), fixed=True),))
    unused = {n for e in population.errors for n in e.names} - {n for e in errors for n in e.names}
    parameters = parameters.subset([n for n in parameters.names if n not in unused])
    return replace(
        population, parameters=parameters, omega=given.omega.fix() + type(population.omega)(rest), errors=errors,
        relations={**population.relations, **given.relations}, exponents={**population.exponents, **given.exponents},
        scales={**population.scales, **given.scales},
    )  # fmt: skip
