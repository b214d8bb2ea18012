"""Absorption and elimination may change places: the constraint that keeps a search on one side, and the way across.

A one-compartment curve with absorption ka and elimination k = CL/V is the same when the two rates change places and V
becomes CL/ka. The textbook's side is ka > CL/V. The constraint is one of the typical values alone: the individuals'
distributions, and the objective inside, are what they are without it.
"""

from __future__ import annotations

from dataclasses import replace

from pkpd.fit.mixed.problem.problem import Problem
from pkpd.model import derivative_text, evaluate_text, expressions
from pkpd.model.absorption import absorption_steps
from pkpd.parameters import Parameters
from pkpd.population import Population


def absorption_constraints(population: Population) -> tuple[str, ...]:
    """Return the default constraints of an absorption model, such as ``("ka > CL/V",)``.

    Where somebody constrained these parameters already, or nothing of them is estimated, there is none.
    """
    told = {name for constraint in population.inequalities for name in constraint.names}
    found = []
    for rate, out in absorption_steps(population.model):
        names = {rate, *expressions.names(out)}
        if rate not in told and names & set(population.parameters.free):
            found.append(f"{rate} > {out}")
    return tuple(found)


def constrained(population: Population) -> Population:
    """Return the population with the default constraints, its typical values moved inside."""
    constraints = absorption_constraints(population)
    if not constraints:
        return population
    inside = replace(population, constraints=(*population.constraints, *constraints))
    return replace(inside, parameters=exchanged(inside.parameters, population)) if inside.broken else inside


def exchanged(parameters: Parameters, population: Population, across: bool = False) -> Parameters:
    """Return typical values with absorption and elimination changed where they stand the wrong way round.

    The curve stays the same for one compartment: ka becomes CL/V, and the volume CL/ka.

    Parameters
    ----------
    parameters : Parameters
        Typical values.
    population : Population
        Whose model it is.
    across : bool
        Change places where they stand the right way round, to the other side.
    """
    for rate, out in absorption_steps(population.model):
        values = parameters.as_dict()
        leaving = float(evaluate_text(out, values))
        if (values[rate] <= leaving) is across:
            continue
        volume = _volume(out, values)
        if volume is None:
            continue
        factor = leaving / values[rate]
        moved = {rate: leaving, volume: values[volume] * factor}
        if values[rate] == leaving:
            moved = {rate: 1.5 * leaving}
        free = {n: v for n, v in moved.items() if n in parameters.free}
        if len(free) == len(moved):
            parameters = parameters.with_values(free)
        if across:
            break
    return parameters


def _volume(out: str, values: dict[str, float]) -> str | None:
    """Return the parameter of an elimination rate that makes it smaller."""
    for name in sorted(expressions.names(out)):
        if float(evaluate_text(derivative_text(out, name), values)) < 0:
            return name
    return None


def other_side(problem: Problem, parameters: Parameters | None = None) -> Parameters | None:
    """Return typical values on the other side of flip-flop; None where there is none or a constraint forbids it.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    parameters : Parameters, optional
        Typical values to begin from; the population's own by default.
    """
    population = problem.population
    here = parameters or population.parameters
    moved = exchanged(here, population, across=True)
    if moved.same_as(here):
        moved = exchanged(here, population)
    if moved.same_as(here) or replace(population, parameters=moved).broken:
        return None
    return moved
