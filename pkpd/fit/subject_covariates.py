"""The covariates of the subjects that were fitted: a table, one row each, which the fit keeps and hands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.covariate_names import covariate_called
from pkpd.model import Model
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

BESIDE = "_covariate"
"""Ends the name of a covariate that is called as something else already is."""
_TAKEN = ("subject", "replicate", "time", "status", "occasion", "occasion_time", "dose", "dose_time", "parameter")


def subject_covariates(
    study: Study, subjects: Sequence[Any], model: Model, needed: Iterable[str] = ()
) -> tuple[pandas.DataFrame | None, tuple[str, ...]]:
    """Return the covariates of subjects, and what is to be said of them.

    Parameters
    ----------
    study : Study
        Whose subjects they are.
    subjects : sequence
        Names, in the order of the rows.
    model : Model
        Where it calls a covariate otherwise than the study, its name stands.
    needed : iterable of str
        What else is needed by a name that may be spelled otherwise (in relations).

    Returns
    -------
    table : DataFrame or None
        One row per subject, one column per covariate; of one that changes in time each subject's first value. Its
        ``attrs["units"]`` holds the units. None if the study has no covariate.
    notes : tuple of str
        One sentence about covariates that change in time, one about those that had to be renamed.
    """
    import pandas

    table = study.subjects.set_index("subject").loc[list(subjects)]
    notes = []
    if study.changing:
        first = study.records.groupby("subject", sort=False)[list(study.changing)].first()
        table = table.drop(columns=[n for n in study.changing if n in table]).join(first)
        notes.append(f"of covariates that change in time the fit keeps the first value: {', '.join(study.changing)}")
    if not len(table.columns):
        return None, ()
    known = [str(name) for name in table.columns]
    new = {n: n for n in known}
    for name in dict.fromkeys([*model.covariates, *needed]):
        if name not in known and (theirs := covariate_called(name, known)) is not None:
            new[theirs] = name
    taken = {*model.parameters.names, *model.outputs, *model.states, *_TAKEN}
    both = [n for n in known if new[n] in taken]
    new |= {n: f"{new[n]}{BESIDE}" for n in both}
    if both:
        told = ", ".join(f"{n!r} as {new[n]!r}" for n in both)
        notes.append(f"covariates are called as something of the model or the result; the fit keeps {told}")
    columns = {new[n]: _plain(table[n]) for n in known}
    made = pandas.DataFrame(columns, index=pandas.Index(list(subjects), name="subject"))
    made.attrs["units"] = {new[n]: study.units[n] for n in known if n in study.units}
    return made, tuple(notes)


def joined(tables: Iterable[pandas.DataFrame | None]) -> pandas.DataFrame | None:
    """Return the tables of several subjects as one, with their units; None if there is none."""
    import pandas

    own = [table for table in tables if table is not None]
    if not own:
        return None
    units: dict[str, str] = {}
    for table in own:
        units |= units_of(table)
    made = pandas.concat(own)
    made.attrs = {"units": units}
    return made


def units_of(table: pandas.DataFrame) -> dict[str, str]:
    """Return the units that a table of covariates knows, by column."""
    found: Mapping[str, str] = table.attrs.get("units", {})
    return dict(found)


def _plain(column: pandas.Series) -> Any:
    """Numbers and truth values as NumPy has them, everything else as texts with None where one is missing."""
    missing = column.isna().to_numpy()
    if column.dtype.kind in "biuf":
        return column.to_numpy(float, na_value=np.nan) if missing.any() else column.to_numpy()
    texts = column.astype(object).where(~missing, None)
    return np.array([None if value is None else str(value) for value in texts], dtype=object)
