"""From a study to the samples of its groups, on the clock of every subject's first dose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas

from pkpd.arrays import Array, Flags
from pkpd.decimals import difference
from pkpd.dosing import Dose
from pkpd.errors import InputError, unknown_names, warn
from pkpd.nca.study.periods import ByPeriod, by_period
from pkpd.nca.study.unsampled import warn_unsampled
from pkpd.ordering import place_of
from pkpd.study import Study


@dataclass(frozen=True, eq=False)
class GroupSamples:
    """The samples of one group, and the first dose that its subjects share.

    `dose` is NaN where amounts differ or there is none; `route` is "" and `duration` NaN where these differ.
    """

    label: Any
    subjects: npt.NDArray[Any]
    times: Array
    values: Array
    blq: Flags
    lloq: Array
    dose: float
    route: str
    duration: float
    n_alq: int = 0


@dataclass(frozen=True)
class _First:
    """A subject's first dose (infinite `until` without a second one)."""

    time: float
    amount: float
    route: str
    duration: float
    until: float


def gather(study: Study, analyte: str, by: str | None, dose_unit: str) -> list[GroupSamples]:
    """Return the samples of one analyte after the first dose, group by group, in the order of the labels.

    Where subjects have several periods, every period has groups of its own.

    Parameters
    ----------
    study : Study
        Observations and doses.
    analyte : str
        What was measured.
    by : str, optional
        A covariate, or ``"dose"`` for the amount of the first dose; without, there is one group.
    dose_unit : str
        Unit of the amounts in the result.

    Raises
    ------
    InputError
        If the analyte or the covariate does not exist, or a weight is needed and missing.

    Warns
    -----
    DataWarning
        With a count: samples above the upper limit of quantification, samples that take no part, times that cannot be
        pooled, subjects without a group or without a sample.
    """
    if (periods := by_period(study)) is not None:
        return _of_periods(periods, analyte, by, dose_unit)
    warn_unsampled(study, analyte)
    table = _at_their_limit(study.used(analyte))
    first = _first_doses(study, dose_unit)
    label = _labels(study, by, first)
    table = _on_dose_clock(table, first)
    table["group"] = table["subject"].map(label)
    nowhere = table["group"].isna()
    if nowhere.any():
        people = table["subject"][nowhere].nunique()
        warn(f"{people} subjects have no {by!r} and are in no group ({int(nowhere.sum())} samples)")
    table = table[~nowhere]
    _warn_times(table)
    groups = sorted(table.groupby("group", sort=False), key=lambda part: place_of(part[0]))
    return [_group(key, part, first) for key, part in groups]


def _at_their_limit(table: pandas.DataFrame) -> pandas.DataFrame:
    """The samples with the limit in place of those above it that have no value, of which a warning tells."""
    above = table["alq"].to_numpy(dtype=bool)
    if not above.any():
        return table
    value, limit = table["value"].to_numpy(dtype=float), table["uloq"].to_numpy(dtype=float, na_value=np.nan)
    known = np.where(above & np.isnan(value), limit, value)
    unknown = int((above & np.isnan(known)).sum())
    words = "the limit stands for those without a value"
    if unknown:
        words = f"{unknown} of them have no value and take no part"
    warn(
        f"{int(above.sum())} samples of {table['subject'][above].nunique()} subjects are above the upper limit of "
        f"quantification: {words}, so means and areas at and around their times are lower bounds"
    )
    return table.assign(value=known)


def _of_periods(periods: ByPeriod, analyte: str, by: str | None, dose_unit: str) -> list[GroupSamples]:
    """The groups of every period for itself: their subjects are the same, their samples another curve."""
    found: list[GroupSamples] = []
    for k in sorted({part.period for part in periods.parts}):
        own = periods.study.select(subjects=[part for part in periods.parts if part.period == k])
        for group in gather(own, analyte, by, dose_unit) if analyte in own.analytes else ():
            label = f"period {k}" if by is None else f"{group.label}, period {k}"
            subjects = np.array([part.subject for part in group.subjects], dtype=object)
            found.append(replace(group, label=label, subjects=subjects))
    return found


def _first_doses(study: Study, unit: str) -> dict[Any, _First]:
    found = {}
    for name, doses in study.doses_in(unit, study.units["time"]).items():
        if not doses:
            found[name] = _First(0.0, np.nan, "", np.nan, np.inf)
            continue
        start = min(dose.time for dose in doses)
        now = [dose for dose in doses if dose.time == start]
        later = [dose.time for dose in doses if dose.time > start]
        alike = len({(dose.route, dose.duration) for dose in now}) == 1
        amount = sum(dose.amount for dose in now) if alike else np.nan
        found[name] = _First(start, float(amount), *_kind(now[0], alike), min(later, default=np.inf))
    return found


def _kind(dose: Dose, alike: bool) -> tuple[str, float]:
    return (dose.route, float(dose.duration)) if alike else ("", np.nan)


def _labels(study: Study, by: str | None, first: dict[Any, _First]) -> dict[Any, Any]:
    """The group of every subject; missing where it has none."""
    if by is None:
        return dict.fromkeys(study.subject_ids, "all")
    people = study.subjects
    if by == "dose" and "dose" not in people:
        # Amounts that differ by rounding of a conversion are one dose.
        return {name: float(f"{dose.amount:.12g}") for name, dose in first.items()}
    columns = [str(name) for name in people.columns if name != "subject"]
    problems = unknown_names([by], [*columns, "dose"], "covariate")
    if problems:
        raise InputError(problems, "nca_sparse")
    return dict(zip(people["subject"], people[by], strict=True))


def _on_dose_clock(table: pandas.DataFrame, first: dict[Any, _First]) -> pandas.DataFrame:
    """The samples of the first dosing interval with `pooled`, the time to pool on."""
    origin = table["subject"].map({name: dose.time for name, dose in first.items()}).astype(float)
    until = table["subject"].map({name: dose.until for name, dose in first.items()}).astype(float)
    actual = table["time"].astype(float)
    planned = table["nominal_time"].astype(float)
    pooled = _planned(planned, origin).where(planned.notna(), _minus(actual, origin))
    table = table.assign(pooled=pooled, planned=planned.notna())
    post = table["mark"].fillna("") == "post"
    late = (actual > until) | ((actual == until) & post)
    early = (table["pooled"] < 0) & ~late
    if late.any():
        warn(f"{int(late.sum())} samples after a subject's second dose take no part")
    if early.any():
        warn(f"{int(early.sum())} samples before the first dose take no part")
    table = table[~late & ~early]
    key = [table["subject"], table["pooled"]]
    after = (table["mark"].fillna("") == "post").groupby(key).transform("any") if len(table) else post[:0]
    double = after & (table["mark"].fillna("") != "post") & (table["pooled"] == 0)
    if double.any():
        warn(f"{int(double.sum())} samples before the dose give way to one of the same time that is marked 'post'")
    return table[~double].copy()


def _planned(planned: pandas.Series, origin: pandas.Series) -> pandas.Series:
    """Planned times after the dose; where doses strayed from one planned time, that time is the zero of all."""
    own = _minus(planned, origin)
    if own.nunique() <= planned.nunique():
        return own
    clock = np.unique(planned.dropna())
    marks = np.union1d(clock, [0.0])
    middle = float(origin.median())
    nearest = float(marks[np.argmin(np.abs(marks - middle))])
    # A planned time stands for the dose if it is nearer to it than half the distance to the next planned time.
    gap = float(np.diff(marks).min(initial=np.inf))
    zero = nearest if abs(nearest - middle) <= 0.5 * gap else middle
    warn(
        f"first doses were given at {origin.nunique()} times, which would scatter {len(own.dropna())} planned times; "
        f"these count from {zero:g} on the study's clock"
    )
    return _minus(planned, zero)


def _minus(times: pandas.Series, zero: pandas.Series | float) -> pandas.Series:
    """Differences of times as they are written, so that equal ones are pooled."""
    return pandas.Series(difference(times, zero), index=times.index)


def _warn_times(table: pandas.DataFrame) -> None:
    """Warn where samples without a planned time stand alone, so that they make a mean of one."""
    if not len(table):
        return
    alone = table.groupby(["group", "pooled"])["pooled"].transform("size") == 1
    strayed = alone & ~table["planned"]
    if strayed.any() and table["subject"].nunique() > 1:
        warn(
            f"{int(strayed.sum())} of {len(table)} samples have no nominal time and share their time with no other "
            "sample of the group; a mean of one value has no standard error (give nominal_time to pool them)"
        )


def _group(label: Any, part: pandas.DataFrame, first: dict[Any, _First]) -> GroupSamples:
    given = [first[name] for name in part["subject"].unique()]
    amounts = np.array([dose.amount for dose in given])
    same = bool(np.ptp(amounts) <= 1e-9 * np.abs(amounts).max()) if np.isfinite(amounts).all() else False
    alike = len({(dose.route, dose.duration) for dose in given}) == 1 and given[0].route != ""
    return GroupSamples(
        label=label,
        subjects=part["subject"].to_numpy(dtype=object),
        times=part["pooled"].to_numpy(dtype=np.float64),
        values=part["value"].to_numpy(dtype=np.float64),
        blq=part["blq"].to_numpy(dtype=bool),
        lloq=part["lloq"].to_numpy(dtype=np.float64, na_value=np.nan),
        dose=float(amounts[0]) if same else np.nan,
        route=given[0].route if alike else "",
        duration=given[0].duration if alike else np.nan,
        n_alq=int(part["alq"].sum()),
    )
