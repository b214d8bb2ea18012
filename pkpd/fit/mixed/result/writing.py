"""Writing a population fit to one NetCDF file; `pkpd.fit.mixed.result.store` reads it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pkpd.about import package_version
from pkpd.errors import InputError
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.result.fit_parts import Computed
from pkpd.fit.mixed.result.plain import population_data
from pkpd.fit.mixed.result.reported import Reported
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas
    import xarray

FORMAT = 1
"""Raised whenever files of before cannot be read."""
ENGINE: Final = "h5netcdf"
WORDS = ("method", "covariance_kind", "objective", "minus2ll", "status", "message")
"""Parts of a fit that are written as they are."""
NUMBERS = ("decrement", "condition_number", "starts", "reached", "difference", "evaluations", "seconds")
"""Parts of its convergence report that are."""


def save(fit: Reported, path: str | Path) -> Path:
    """Write a fit to a NetCDF file; the file is there as a whole or not at all.

    Parameters
    ----------
    fit : Reported
        What to write.
    path : path
        Where; a file that is there is replaced.

    Raises
    ------
    InputError
        If the population holds something that is no data, such as a function that draws covariates.
    """
    import xarray

    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {str(path.parent)!r}", "save")
    root = xarray.Dataset(
        {
            "fit": ((), json.dumps(_words(fit))),
            "vector": ("free", fit.vector),
            "R": (("free", "other"), fit.uncertainty.r), "S": (("free", "other"), fit.uncertainty.s),
        } if fit.names else {"fit": ((), json.dumps(_words(fit)))},
        {"free": list(fit.names), "other": list(fit.names)} if fit.names else {},
        {
            "title": f"population fit of {fit.people.model.name}", "pkpd_version": package_version(), "format": FORMAT,
            "model_key": fit.people.model.key, "data_hash": fit.data_hash,
        },
    )  # fmt: skip
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        root.to_netcdf(part, engine=ENGINE)
        _portable(fit.individuals).to_netcdf(part, mode="a", group="individuals", engine=ENGINE)
        _rows(fit.predictions).to_netcdf(part, mode="a", group="predictions", engine=ENGINE)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _words(fit: Reported) -> dict[str, Any]:
    """Everything that is no array, for JSON."""
    ends = fit.convergence
    return {
        **{name: getattr(fit, name) for name in WORDS},
        "population": population_data(fit.people), "counts": asdict(fit.counts), "secondary": dict(fit.secondary),
        "cautions": list(fit.cautions), "notes": list(fit.notes), "problem": problem_data(fit),
        "attrs": json.loads(json.dumps(dict(fit.attrs), default=str)),
        "trace": [[s.evaluation, s.objective, s.gradient, list(s.vector), s.seconds] for s in fit.trace],
        "tried": [
            [t.label, t.start.tolist(), t.vector.tolist(), t.first, t.objective, t.status] for t in fit.tried
        ],
        "convergence": {
            **{n: getattr(ends, n) for n in NUMBERS}, "exact": None if ends.exact is None else asdict(ends.exact),
            "failed_modes": [[_name(k), v] for k, v in ends.failed_modes.items()],
            "unsolved": [[_name(k), v] for k, v in ends.unsolved.items()],
            "gradient": dict(ends.gradient), "scaled_gradient": dict(ends.scaled_gradient),
            "boundary": list(ends.boundary), "others": [list(o) for o in ends.others],
        },
    }  # fmt: skip


def problem_data(fit: Reported) -> dict[str, Any] | None:
    """Return what a problem is made of beside population and study, as plain data; None for a fit without one."""
    if fit.estimate is None:
        return None
    problem = fit.estimate.problem
    study = fit.tables.study if isinstance(fit.tables, Computed) else None
    return {
        "settings": asdict(problem.settings), "analytes": dict(problem.data.analytes),
        "blq": problem.censoring.method, "start": population_data(problem.population),
        "subjects": [_name(s) for s in problem.data.subjects],
        "filled": {} if study is None else _filled(problem, study),
    }  # fmt: skip


def _name(subject: Any) -> Any:
    return subject.item() if isinstance(subject, np.generic) else subject


def _filled(problem: Problem, study: Study) -> dict[str, list[Any]]:
    """Covariate → (subject, value) pairs that stood in the place of missing ones."""
    found: dict[str, list[Any]] = {}
    people = study.subjects.set_index("subject")
    first = np.searchsorted(problem.data.value_subject, np.arange(problem.subjects))
    names = list(problem.data.model.covariates)
    for name in problem.population.covariate_names:
        column = study.covariate(name)
        if column is None or column in study.changing:
            continue
        used = problem.data.covariates[first, names.index(name)]
        for subject, value in zip(problem.data.subjects, used.tolist(), strict=True):
            if not np.isfinite(float(people.loc[subject, column])):
                found.setdefault(column, []).append([_name(subject), value])
    return found


def _portable(data: xarray.Dataset) -> xarray.Dataset:
    """A Dataset whose texts are texts for HDF5, too."""
    return data.assign({n: v.astype(str) for n, v in data.data_vars.items() if v.dtype == object})


def _rows(table: pandas.DataFrame) -> xarray.Dataset:
    """A table as arrays by row; texts that are missing are empty."""
    import xarray

    found = {}
    for name in table.columns:
        column = table[name]
        if column.dtype == object or column.dtype.kind not in "biuf":
            values = column.tolist()
            whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values) and bool(values)
            array = np.array(values, dtype=np.int64) if whole else np.array([_text(v) for v in values], dtype=str)
        else:
            array = column.to_numpy()
        found[str(name)] = ("row", array)
    return xarray.Dataset(found)


def _text(value: Any) -> str:
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)
