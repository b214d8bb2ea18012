"""A population in words: what it says of whom, and nothing of what it leaves open."""

from __future__ import annotations

from typing import Any

from pkpd.errors import few, shown


def as_text(people: Any) -> str:
    """Return a population as a person reads it: model, typical values, random effects, errors, then what else is said.

    Parameters
    ----------
    people : Population
        The population; `Population` takes this as its ``__repr__``.
    """
    parts = [f"<Population: {people.model.name}>", repr(people.parameters), repr(people.omega)]
    parts += [f"{e.kind} residual error of {e.output}" for e in people.errors]
    parts += [f"{name} = {text}" for name, text in people.relations.items()]
    parts += [f"{name} varies with {text}" for name, text in people.exponents.items()]
    parts += [f"{name} on the {text} scale" for name, text in people.scales.items()]
    parts += [f"{name} from {low:g} to {high:g}" for name, (low, high) in people.limits.items()]
    parts += [*people.constraints, *(f"{c.first} correlated with {c.second}" for c in people.correlations)]
    parts += [f"prior: {shown(prior)}" for prior in people.priors]
    if people.table is not None:
        parts.append(f"{len(people.table)} known subjects ({few(people.table.columns)})")
    if people.covariates is not None:
        drawn = callable(people.covariates)
        parts.append("covariates drawn by a function" if drawn else f"covariates: {few(people.covariates.columns)}")
    return "\n".join(parts)
