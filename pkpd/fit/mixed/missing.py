"""Missing covariates: an error by default, or a stated policy whose value is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError, few, nearest, shown
from pkpd.study import Study


def _median(values: Array) -> float:
    return float(np.nanmedian(values))


def _mean(values: Array) -> float:
    return float(np.nanmean(values))


POLICIES = {"median": _median, "mean": _mean}
"""Word → what is made of the values of the other subjects."""


def with_missing(study: Study, policy: Mapping[str, float | str]) -> tuple[Study, tuple[str, ...]]:
    """Return the study with missing covariates put in, and a note with the value and the subjects of each.

    Parameters
    ----------
    study : Study
        The data.
    policy : mapping
        Covariate → a value, or ``"median"`` or ``"mean"`` of the subjects that have one.

    Raises
    ------
    InputError
        Listing unknown covariates and policies, and covariates that change in time.
    """
    if not policy:
        return study, ()
    table, notes, problems = study.subjects, [], []
    for name, told in policy.items():
        column = study.covariate(name)
        if column is None:
            known = [str(c) for c in table.columns if c != "subject"]
            problems.append(f"unknown covariate {name!r}; {nearest(name, known)}")
            continue
        if column in study.changing:
            problems.append(
                f"covariate {name!r} changes in time, and has no policy for what is missing; fill the table"
            )
            continue
        if isinstance(told, str) and told not in POLICIES:
            words = " or ".join(map(repr, POLICIES))
            problems.append(f"policy {shown(told)} of {name!r} is unknown; expected a number, {words}")
            continue
        values = table[column].astype(float)
        gone = values.isna().to_numpy()
        if not gone.any():
            continue
        value = POLICIES[told](values.to_numpy(float)) if isinstance(told, str) else float(told)
        if not np.isfinite(value):
            problems.append(f"covariate {name!r} is missing in every subject: there is no {told}")
            continue
        table[column] = values.fillna(value)
        who = table["subject"][gone].tolist()
        words = f"the {told}, " if isinstance(told, str) else ""
        notes.append(f"{name} is missing in subjects {few(map(repr, who))}: {words}{value:g}, stands in its place")
    if problems:
        raise InputError(problems, "missing covariates")
    return replace(study, _subjects=table), tuple(notes)
