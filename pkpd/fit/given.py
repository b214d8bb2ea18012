"""What a fit without random effects is given of an earlier one: units, values of everybody, residual errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.errors import InputError
from pkpd.fit.fixed_effects import Request
from pkpd.fit.inputs import given_table, ratio_of
from pkpd.fit.result import Fit, Fits
from pkpd.model import Model
from pkpd.model.model import WORDS
from pkpd.observed import Observed

if TYPE_CHECKING:
    import pandas

GivenIndividually = Any
"""`Fits`, a pooled `Fit`, a table with a row per subject, or a mapping from subject to values by name."""


def as_table(given: GivenIndividually) -> Fits | Fit | pandas.DataFrame | None:
    """Return what was given, a mapping as a table.

    Raises
    ------
    InputError
        If it is nothing of this.
    """
    import pandas

    if given is None or isinstance(given, Fits | Fit | pandas.DataFrame):
        return given
    if isinstance(given, Mapping) and given and all(isinstance(row, Mapping) for row in given.values()):
        return pandas.DataFrame.from_dict({k: dict(row) for k, row in given.items()}, orient="index", dtype=float)
    raise InputError(
        f"given is a {type(given).__name__}; expected Fits, a Fit, a table with one row per subject, or a mapping such "
        'as {"subject 1": {"CL": 3.0}}', "fit_individuals",
    )  # fmt: skip


def source_of(given: Fits | Fit | pandas.DataFrame | None) -> Fit | None:
    """Return the fit, or the first of the fits, that was given; None where it was only values."""
    return given if isinstance(given, Fit) else next(iter(given.values())) if isinstance(given, Fits) else None


def in_units_of(given: Fits | Fit | pandas.DataFrame | None, model: Model) -> Model:
    """Return a model without units in those of the given fit; any other model as it is."""
    source = source_of(given)
    return model.in_units(**source.model.base) if source is not None and model.base == WORDS else model


def settled_values(given: Fits | Fit | pandas.DataFrame | None, model: Model) -> dict[str, float]:
    """Return the values that a pooled fit gives to everybody, in the model's units."""
    if not isinstance(given, Fit):
        return {}
    inside = [p for p in given.parameters if p.name in model.parameters]
    return {p.name: p.value * ratio_of(p.unit, model.parameters.get(p.name).unit) for p in inside}


def with_errors_of(request: Request, given: Fits | Fit | pandas.DataFrame | None, data: Observed) -> Request:
    """Return the request with the residual errors of what is given, for outputs of which nothing else was said.

    A pooled fit brings their values, too: where the search begins, or what stays if it was fixed.
    """
    source = source_of(given)
    if source is None:
        return request
    told = dict(request.error or {})
    theirs = [e for e in source.errors if e.output in data.analytes and e.output not in told]
    start = request.start
    if isinstance(given, Fit):
        start += given.parameters.subset([n for e in theirs for n in e.names if n not in start])
    return replace(request, start=start, error=told | {e.output: type(e) for e in theirs})


def subjects_without(given: Fits | Fit | pandas.DataFrame | None, model: Model, subjects: Any) -> dict[Any, str]:
    """Return why subjects cannot be fitted for want of a given value: they have no row, or one that is no number."""
    table = given_table(given, model)
    if table is None:
        return {}
    found = {}
    for subject in subjects:
        if subject not in table.index:
            found[subject] = "no given values (no converged fit)" if isinstance(given, Fits) else "no given values"
            continue
        lacking = table.columns[~np.isfinite(table.loc[subject].to_numpy(float))]
        if len(lacking):
            found[subject] = f"no given value of {', '.join(map(str, lacking))}"
    return found
