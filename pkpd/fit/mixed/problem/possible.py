"""What a search cannot begin with: outputs that are 0 throughout, and subjects whose covariates make no parameters."""

from __future__ import annotations

import numpy as np

from pkpd.errors import InputError
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.observed import MEASURED

_SHOWN = 5


def require_values(problem: Problem, searched: bool = True) -> None:
    """Raise where nothing can be fitted.

    Parameters
    ----------
    problem : Problem
        What is to be fitted.
    searched : bool
        Whether it is; an evaluation asks less.

    Raises
    ------
    InputError
        Listing outputs whose values are all 0, and parameters that a covariate puts outside their bounds.
    """
    problems = _impossible(problem)
    data = problem.data
    for k, output in enumerate(data.outputs):
        rows = (data.output == k) & (data.kind == MEASURED)
        if searched and rows.sum() > 1 and rows.sum() == (data.output == k).sum() and not data.upper[rows].any():
            what = data.analytes.get(output, output)
            problems.append(f"all {rows.sum()} values of {what!r} are 0: there is nothing to fit")
    if problems:
        raise InputError(problems, "fit_population")


def _impossible(problem: Problem) -> list[str]:
    """One sentence for every parameter that a relation puts outside its bounds in some subject, at the start values."""
    population, data = problem.population, problem.data
    if not population.relations:
        return []
    place = list(data.model.covariates)
    columns = {n: data.covariates[:, place.index(n)] for n in population.covariate_names}
    with np.errstate(all="ignore"):
        values = population.individual_values(np.zeros(len(population.omega.effects())), covariates=columns)
    found = []
    for name, text in population.relations.items():
        item = population.parameters.get(name)
        value = np.broadcast_to(values[name], data.value_subject.shape)
        with np.errstate(all="ignore"):
            bad = np.flatnonzero(~(np.isfinite(value) & (value > item.lower) & (value < item.upper)))
        if not bad.size:
            continue
        who = list(dict.fromkeys(str(data.subjects[data.value_subject[k]]) for k in bad))
        at = ", ".join(f"{n} = {columns[n][bad[0]]:g}" for n in columns if n in text)
        more = f" and {len(who) - _SHOWN} more" if len(who) > _SHOWN else ""
        found.append(
            f"{name} = {text} is {value[bad[0]]:.4g} in subject {', '.join(who[:_SHOWN])}{more} ({at}); expected a "
            f"value between {item.lower:g} and {item.upper:g}; is a missing covariate written as a number?"
        )
    return found
