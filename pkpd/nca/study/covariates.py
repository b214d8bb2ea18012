"""The subjects' covariates beside the numbers of their profiles, so that a summary can be made by any of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas
import xarray as xr

from pkpd.arrays import Array
from pkpd.errors import warn
from pkpd.periods import in_one_period
from pkpd.study import Study

_IN_FORCE = "value in force at the dose of the interval"


def with_covariates(found: xr.Dataset, study: Study, reserved: Iterable[str] = ()) -> xr.Dataset:
    """Return a result with one more coordinate over ``profile`` for every covariate of the study.

    Of a covariate that changes in time it is the value in force at the interval's dose; of a subject without a dose
    the first one. A covariate whose name is one of the result's is called ``covariate_…``, unless it says the same; a
    ``"/"`` in a name, which a tree of results and a file cannot hold, becomes `` per ``.

    Parameters
    ----------
    found : Dataset
        A result with the coordinates ``subject`` and ``dose_time`` over ``profile``, and perhaps ``period``.
    study : Study
        What was analysed.
    reserved : iterable of str
        Names that results of this kind have, beside those of this one.

    Warns
    -----
    DataWarning
        If covariates get another name, with their count.
    """
    place = {str(name): k for k, name in enumerate(study.subject_ids)}
    rows = np.array([place[str(name)] for name in found["subject"].to_numpy()], dtype=np.intp)
    people = study.subjects
    columns = {str(name): plain(people[name].iloc[rows]) for name in people.columns if name != "subject"}
    columns |= {name: _in_force(study, name, found, rows) for name in study.changing}
    taken = {*map(str, found.variables), *map(str, found.dims), *reserved}
    called = names_for({name: values for name, values in columns.items() if not _same(found, name, values)}, taken)
    moving = set(study.changing)
    coordinates = {}
    for name, label in called.items():
        words = f"{name}, {_IN_FORCE}" if name in moving else name
        unit = {"units": study.units[name]} if name in study.units else {}
        coordinates[label] = ("profile", columns[name], {"long_name": words, **unit})
    return found.assign_coords(coordinates)


def names_for(names: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Return what every covariate is called in a result that has some names already; other names are warned of."""
    used, found = set(taken), {}
    for name in names:
        label = name.replace("/", " per ")
        while label in used:
            label = f"covariate_{label}"
        used.add(label)
        found[name] = label
    if other := [f"{name!r} is {label!r}" for name, label in found.items() if name != label]:
        warn(f"{len(other)} covariates have another name in the result, which cannot hold theirs: {', '.join(other)}")
    return found


def plain(column: pandas.Series) -> npt.NDArray[Any]:
    """Return a covariate as an array that a file holds: truths, numbers, or else text ("" is missing)."""
    found: npt.NDArray[Any]
    kinds = pandas.api.types
    if kinds.is_bool_dtype(column) and not column.isna().any():
        found = column.to_numpy(dtype=bool)
    elif kinds.is_integer_dtype(column) and not column.isna().any():
        found = column.to_numpy(dtype=np.int64)
    elif kinds.is_numeric_dtype(column) and not kinds.is_bool_dtype(column):
        found = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        found = column.astype(object).where(column.notna(), "").map(str).to_numpy(dtype=object)
    return found


def alike_within(study: Study, groups: Sequence[npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the covariates of which every group of subjects has one value, one value a group.

    Parameters
    ----------
    study : Study
        Whose subjects they are.
    groups : sequence of arrays
        The subjects of every group, as the study names them.
    """
    people = study.subjects.set_index("subject")
    found = {}
    for name in people.columns:
        parts = [people[name].reindex(pandas.unique(subjects)) for subjects in groups]
        if groups and all(part.nunique(dropna=False) == 1 for part in parts):
            found[str(name)] = plain(pandas.concat([part.iloc[:1] for part in parts]))
    return found


def _same(found: xr.Dataset, name: str, values: npt.NDArray[Any]) -> bool:
    """Whether a label of the result has the covariate's name and says the same."""
    if name not in found.coords or found[name].dims != ("profile",):
        return False
    own = found[name].to_numpy()
    if own.dtype.kind in "if" and values.dtype.kind in "if":
        return bool(np.array_equal(own, values, equal_nan=True))
    return own.dtype.kind == values.dtype.kind and bool((own == values).all())


def _in_force(study: Study, name: str, found: xr.Dataset, rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """What a covariate that changes is at the dose of every profile."""
    records = study.records
    records = records[records[name].notna()].sort_values("time", kind="stable")
    times = {str(who): part["time"].to_numpy(float) for who, part in records.groupby("subject")}
    values = {str(who): part[name].to_numpy() for who, part in records.groupby("subject")}
    taken: list[Any] = []
    for who, when in zip(found["subject"].to_numpy().astype(str), _on_one_clock(study, found, rows), strict=True):
        clock, own = times.get(who, np.zeros(0)), values.get(who, np.zeros(0))
        if not len(own):
            taken.append(np.nan)
            continue
        late = study.carried == "next"  # a record's values act backward, to the record before
        k = np.searchsorted(clock, when, side="left") if late else np.searchsorted(clock, when, side="right") - 1
        taken.append(own[int(np.clip(k, 0, len(own) - 1))])
    return plain(pandas.Series(taken, dtype=None if taken else float))


def _on_one_clock(study: Study, found: xr.Dataset, rows: npt.NDArray[np.intp]) -> Array:
    """The times of the doses on the clock that never falls; before everything where there is no dose."""
    when: Array = np.where(np.isnan(found["dose_time"]), -np.inf, found["dose_time"]).astype(float)
    if "period" not in found.coords:
        return when
    tables = [in_one_period(table)[["subject", "period", "time", "clock"]]
              for table in (study.doses, study.observations)]  # fmt: skip
    both = pandas.concat([table for table in tables if len(table)])
    shift = (both["time"] - both["clock"]).groupby([both["subject"].map(str), both["period"]]).first()
    names = found["subject"].to_numpy().astype(str)
    pairs = zip(names, found["period"].to_numpy().tolist(), strict=True)
    later: Array = np.array([float(shift.get(pair, 0.0)) for pair in pairs])
    return when + later
