"""Covariates beside what a population fit knows of its subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.result.individuals import plain_names
from pkpd.fit.subject_covariates import BESIDE, subject_covariates, units_of
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas
    import xarray


def fitted_covariates(problem: Problem, study: Study | None) -> tuple[pandas.DataFrame | None, tuple[str, ...]]:
    """Return the covariates of the subjects that were fitted, and what is to be said of them.

    What a relation or the model needs stands as it was fitted: where the study has none, what stood in its place.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    study : Study or None
        The data; without them only covariates that were needed are known.
    """
    import pandas

    data, people = problem.data, problem.population
    index = pandas.Index(plain_names(data.subjects), name="subject")
    table: pandas.DataFrame | None = None
    notes: tuple[str, ...] = ()
    if study is not None:
        table, notes = subject_covariates(study, data.subjects, people.model, people.covariate_names)
    names = dict.fromkeys([*people.model.covariates, *people.covariate_names])
    first = np.searchsorted(data.value_subject, np.arange(problem.subjects))
    place = list(data.model.covariates)
    own = {n: data.covariates[first, place.index(n)] for n in names if n in place}
    if table is None:
        return (pandas.DataFrame(own, index=index), notes) if own else (None, notes)
    units = units_of(table)
    lacking = {n: values for n, values in own.items() if n not in table or table[n].isna().any()}
    made = table.assign(**lacking).set_axis(index)
    made.attrs = {"units": units}
    return made, notes


def with_covariates(individuals: xarray.Dataset, table: pandas.DataFrame | None) -> xarray.Dataset:
    """Return what is known of subjects with their covariates as coordinates.

    A covariate that is called as a variable or a dimension is a coordinate ``<name>_covariate``.

    Parameters
    ----------
    individuals : Dataset
        With a dimension ``subject``.
    table : DataFrame or None
        One row per subject, in their order.
    """
    if table is None:
        return individuals
    units, coordinates = units_of(table), {}
    for column in table.columns:
        name = str(column)
        free = name not in individuals.variables and name not in individuals.dims
        about = {"covariate": name, "units": units[name]} if name in units else {"covariate": name}
        coordinates[name if free else f"{name}{BESIDE}"] = ("subject", _values(table[column]), about)
    return individuals.assign_coords(coordinates)


def covariates_of(individuals: xarray.Dataset) -> pandas.DataFrame | None:
    """Return the covariates that stand as coordinates, one row per subject; None if there are none."""
    import pandas

    found = {name: own for name, own in individuals.coords.items() if "covariate" in own.attrs}
    if not found:
        return None
    index = pandas.Index(individuals["subject"].to_numpy(), name="subject")
    table = pandas.DataFrame({own.attrs["covariate"]: own.to_numpy() for own in found.values()}, index=index)
    table.attrs["units"] = {
        own.attrs["covariate"]: own.attrs["units"] for own in found.values() if "units" in own.attrs
    }
    return table


def _values(column: pandas.Series) -> Any:
    """Numbers as they are, texts as texts; what is missing is empty."""
    if column.dtype.kind in "biuf":
        return column.to_numpy()
    return np.array([value if isinstance(value, str) else "" for value in column.tolist()], dtype=str)
