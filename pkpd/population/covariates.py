"""Covariate relations: text that reads as a paper prints it, ``CL*(weight/70)**0.75``.

A relation of CL names CL itself (its typical value), covariates of the subject in the units of the study, and
coefficients, which are parameters of the population and need a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.arrays import Array
from pkpd.errors import InputError, nearest
from pkpd.model import Model, expressions
from pkpd.model.words import NUMBERS
from pkpd.parameters import Parameters

if TYPE_CHECKING:
    import pandas

_SHOWN = 10  # subjects that an error names


def relation_problems(relations: Mapping[str, str], model: Model, parameters: Parameters) -> list[str]:
    """Return one sentence for everything in which relations do not fit the model and the parameters."""
    problems = []
    own = set(model.parameters.names)
    taken = {*model.states, *model.outputs, expressions.TIME, expressions.TAD} - own
    for name, text in relations.items():
        if name not in own:
            problems.append(f"relation of {name!r}, which is no parameter; {nearest(name, model.parameters.names)}")
            continue
        try:
            names = expressions.names(text)
        except InputError as error:
            problems += [f"relation of {name}: {p}" for p in error.problems]
            continue
        if name not in names:
            problems.append(f"relation of {name}, {text!r}, does not name {name} itself, its typical value")
        others = sorted((names & own) - {name})
        problems += [f"relation of {name} uses {n!r}, another parameter; expected covariates" for n in others]
        problems += [f"relation of {name} uses {n!r} of the model; expected covariates" for n in sorted(names & taken)]
        problems += [
            f"coefficient {n!r} in the relation of {name} has no value"
            for n in sorted(names - own)
            if n in parameters and not np.isfinite(parameters[n])
        ]
    return problems


def needed_covariates(relations: Mapping[str, str], parameters: Parameters) -> tuple[str, ...]:
    """Return the covariates that relations need, in order: every name that is no parameter."""
    names = dict.fromkeys(n for text in relations.values() for n in sorted(expressions.names(text)))
    return tuple(n for n in names if n not in parameters and n not in NUMBERS)


def covariate_columns(
    names: Iterable[str], table: pandas.DataFrame, coefficients: Iterable[str] = ()
) -> dict[str, Array]:
    """Return covariates of the rows of a table as numbers, shape (rows,) each.

    Parameters
    ----------
    names : iterable of str
        What is needed.
    table : DataFrame
        One row per subject; a column ``subject`` or the index says who.
    coefficients : iterable of str
        Names that could have been meant instead, for suggestions.

    Raises
    ------
    InputError
        Listing every covariate that is no column, and those that are missing or no number, with the subjects.
    """
    known = [*(str(c) for c in table.columns if c != "subject"), *coefficients]
    who = np.asarray(table.get("subject", table.index))
    problems, columns = [], {}
    for name in names:
        if name not in table:
            problems.append(f"unknown covariate {name!r}; {nearest(name, known)}")
            continue
        try:
            columns[name] = table[name].to_numpy(dtype=float)
        except (TypeError, ValueError):
            problems.append(f"covariate {name!r} holds text; expected numbers (0 and 1 for a category)")
            continue
        if (bad := np.flatnonzero(~np.isfinite(columns[name]))).size:
            shown = list(dict.fromkeys(repr(_plain(who[k])) for k in bad))
            more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
            problems.append(f"covariate {name!r} is missing for subject {', '.join(shown[:_SHOWN])}{more}")
    if problems:
        raise InputError(problems, "covariates")
    return columns


def drawn_covariates(
    covariates: Any, subjects: int, rng: np.random.Generator, names: Iterable[str], coefficients: Iterable[str]
) -> dict[str, NDArray[Any]]:
    """Return covariates of drawn subjects, whole rows of a table or what a function draws; nothing without either.

    Those that `names` needs are checked to be numbers, where a function draws them.
    """
    if covariates is None:
        return {}
    if callable(covariates):
        table = covariates(rng, subjects)
        covariate_columns(names, table, coefficients)
    else:
        table = covariates.iloc[rng.integers(len(covariates), size=subjects)]
    return _columns(table)


def covariates_beside(covariates: Any, values: pandas.DataFrame | None, rows: Any) -> dict[str, NDArray[Any]] | None:
    """Return the covariates of the same subjects whose rows of values were drawn; None if they are of others.

    Parameters
    ----------
    covariates : DataFrame, callable or None
        Where virtual subjects take covariates from.
    values : DataFrame or None
        Values of known subjects.
    rows : array of int
        The drawn rows of `values`.
    """
    if values is None or covariates is None or callable(covariates):
        return None
    if values.index.name != "subject" or covariates.index.name != "subject" or not covariates.index.is_unique:
        return None
    place = covariates.index.get_indexer(values.index)
    return None if (place < 0).any() else _columns(covariates.iloc[place[rows]])


def typical_covariates(covariates: Any) -> pandas.DataFrame | None:
    """Return one row with the medians of a table's numbers, so that doses per kg find a weight; else None."""
    import pandas

    if covariates is None or callable(covariates):
        return None
    numbers = [name for name in covariates.columns if covariates[name].dtype.kind in "biuf" and name != "subject"]
    known = [name for name in numbers if covariates[name].notna().any()]
    made = pandas.DataFrame({name: [float(covariates[name].median())] for name in known})
    made.attrs = dict(covariates.attrs)
    return made if known else None


def _columns(table: pandas.DataFrame) -> dict[str, NDArray[Any]]:
    return {str(n): table[n].to_numpy(copy=True) for n in table.columns if n != "subject"}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
