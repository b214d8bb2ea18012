"""What a problem is made of beside its study: with both, a fit that was saved can go on where it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkpd.engine import Settings
from pkpd.files import Part
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.population import Population
from pkpd.study import Study


@dataclass(frozen=True, eq=False)
class Origin(Part):
    """What a problem is made of beside its study.

    Attributes
    ----------
    start : Population
        With the start values.
    settings : Settings
        Tolerances.
    analytes : mapping
        Output → analyte.
    blq : str
        What was done with values beyond a limit.
    subjects : tuple
        Those of the fit.
    filled : mapping
        Covariate → (subject, value) pairs that stood in the place of missing ones.
    """

    start: Population
    settings: Settings
    analytes: Mapping[str, str]
    blq: str
    subjects: tuple[Any, ...]
    filled: Mapping[str, tuple[tuple[Any, float], ...]]


def origin_of(problem: Problem, study: Study | None) -> Origin:
    """Return what a problem was made of.

    Parameters
    ----------
    problem : Problem
        Of a fit.
    study : Study or None
        Its data; without them nothing is known of covariates that were missing.
    """
    return Origin(
        problem.population, problem.settings, dict(problem.data.analytes), problem.censoring.method,
        tuple(problem.data.subjects), {} if study is None else _filled(problem, study),
    )  # fmt: skip


def _filled(problem: Problem, study: Study) -> dict[str, tuple[tuple[Any, float], ...]]:
    found: dict[str, tuple[tuple[Any, float], ...]] = {}
    people = study.subjects.set_index("subject")
    first = np.searchsorted(problem.data.value_subject, np.arange(problem.subjects))
    names = list(problem.data.model.covariates)
    for name in problem.population.covariate_names:
        column = study.covariate(name)
        if column is None or column in study.changing:
            continue
        used = problem.data.covariates[first, names.index(name)]
        pairs = zip(problem.data.subjects, used.tolist(), strict=True)
        missing = tuple((s, value) for s, value in pairs if not np.isfinite(float(people.loc[s, column])))
        found |= {column: missing} if missing else {}
    return found
