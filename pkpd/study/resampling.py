"""A bootstrap study: the subjects of a study drawn with replacement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import at_least, checked
from pkpd.arrays import Integers
from pkpd.errors import InputError, few, nearest, shown
from pkpd.study.study import Study

if TYPE_CHECKING:
    import pandas

ORIGIN = "origin"
"""The covariate that says which subject a drawn one is."""
_RESAMPLED = "resampled"
_STREAM = 0xB007  # keeps the draws of subjects apart from those of simulations with the same seed


@checked(seed=at_least(0))
def resample(study: Study, seed: int, by: str | None = None) -> Study:
    """Return a study of as many subjects, drawn with replacement: what a bootstrap of a fit or an analysis is made of.

    Parameters
    ----------
    study : Study
        From which subjects are drawn, each with all its samples, doses, records and covariates.
    seed : int
        The same seed draws the same subjects.
    by : str, optional
        A covariate: subjects are drawn within those that have its value, so that every group keeps its size.

    Returns
    -------
    Study
        Subjects are called ``"7 (1)"``, ``"7 (2)"`` … after the one they are; the covariate ``origin`` holds its name.
        In a study that was resampled already, ``origin`` goes on naming the first. A note says how many differ.

    Raises
    ------
    InputError
        If `by` is unknown, changes in time, is missing for subjects (who are named), or is another in every subject;
        if the study has a covariate ``origin`` of its own.

    References
    ----------
    Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall 1993, chapter 8 (what is drawn are the
    independent units: here subjects).
    """
    groups = _groups(study, by)
    rng = np.random.default_rng([_STREAM, seed])
    drawn = np.concatenate([rng.choice(group, size=len(group)) for group in groups])
    names = study.subject_ids
    copies: Counter[int] = Counter()
    taken: list[tuple[str, int]] = []
    for place in np.sort(drawn).tolist():
        copies[place] += 1
        taken.append((f"{names[place]} ({copies[place]})", place))
    taken.sort()  # tables are sorted by subject
    people = _rows(study._subjects, names, taken)
    if not (ORIGIN in people and _RESAMPLED in study.attrs):
        people[ORIGIN] = [names[place] for _, place in taken]
    how = f"seed {seed}" if by is None else f"seed {seed}, by {by}"
    note = f"bootstrap: {len(taken)} subjects drawn with replacement, {len(copies)} of {len(names)} different ({how})"
    return replace(
        study,
        _observations=_rows(study._observations, names, taken),
        _doses=_rows(study._doses, names, taken),
        _subjects=people,
        _records=None if study._records is None else _rows(study._records, names, taken),
        notes=(*study.notes, note),
        attrs={**study.attrs, _RESAMPLED: how},
    )


def _groups(study: Study, by: str | None) -> list[Integers]:
    """Places of the subjects of every stratum, in the order in which its first one stands."""
    people, problems = study._subjects, []
    if ORIGIN in people and _RESAMPLED not in study.attrs:
        problems.append(f"the study has a covariate {ORIGIN!r}; rename it, for resampled subjects carry theirs so")
    if not len(people):
        problems.append("the study has no subjects")
    everybody = [np.arange(len(people))]
    column = None if by is None else study.covariate(by)
    if by is not None and column is None:
        known = [str(name) for name in people.columns if name != "subject"]
        problems.append(f"unknown covariate {shown(by)}; {nearest(by, known)}")
    elif column in study.changing:
        problems.append(f"covariate {by!r} changes in time; strata need one that stays the same")
    elif column is not None:
        gone = people[column].isna()
        if gone.any():
            who = people["subject"][gone].tolist()
            problems.append(f"covariate {by!r} is missing for subject {few(map(repr, who))}")
        everybody = [np.flatnonzero(people[column] == value) for value in people[column].dropna().unique()]
        if len(everybody) == len(people) > 1:
            problems.append(f"covariate {by!r} is another in every subject: there is nobody to draw instead")
    if problems:
        raise InputError(problems, "resample")
    return everybody


def _rows(table: pandas.DataFrame, names: Sequence[Any], taken: Sequence[tuple[str, int]]) -> pandas.DataFrame:
    """The rows of drawn subjects under their new names, in the order of `taken`; each subject's own order stays."""
    where = table.groupby("subject", sort=False).indices
    nothing = np.empty(0, dtype=np.int64)
    parts = [where.get(names[place], nothing) for _, place in taken]
    rows = table.iloc[np.concatenate([nothing, *parts]).astype(np.int64)].reset_index(drop=True)
    owners = np.repeat(np.array([name for name, _ in taken], dtype=object), [len(part) for part in parts])
    return rows.assign(subject=owners)
