"""Three estimates of one ratio: within patients, between patients, and by status at the time in all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.trial.interaction.random_intercept import random_intercept

if TYPE_CHECKING:
    import pandas

COMPARISONS = ("paired", "unpaired", "time-varying status")


@dataclass(frozen=True)
class Estimate:
    """A difference of logarithms, with antibodies minus without, or the reason why there is none.

    Attributes
    ----------
    effect, se : float
        The difference and its standard error.
    freedom : int
        Degrees of freedom.
    positive, negative, profiles_positive, profiles_negative : int
        Patients and profiles of either kind.
    reason : str
        Why there is no interval.
    share : float
        Of a paired difference: its standard error over the SD within patients, as the numbers of profiles make it.
    within : float
        SD within patients, where all profiles were looked at.
    """

    effect: float
    se: float
    freedom: int
    positive: int
    negative: int
    profiles_positive: int
    profiles_negative: int
    reason: str = ""
    share: float = np.nan
    within: float = np.nan


def paired(data: pandas.DataFrame) -> Estimate:
    """Return the mean over patients of what changed after detection.

    Parameters
    ----------
    data : DataFrame
        Profiles: ``subject, day, y`` (logarithm), ``positive`` (at the time), ``ever`` (in any profile). A negative
        profile after a positive one of the same patient is none from before.
    """
    mine = data[data["ever"]]
    first = mine[mine["positive"]].groupby("subject")["day"].min()
    before = mine[~mine["positive"] & (mine["day"] < mine["subject"].map(first))]
    after = mine[mine["positive"]]
    change = (after.groupby("subject")["y"].mean() - before.groupby("subject")["y"].mean()).dropna()
    n, pairs = len(change), {*change.index}
    sizes = (n, n, int(after["subject"].isin(pairs).sum()), int(before["subject"].isin(pairs).sum()))
    effect = float(change.mean()) if n else np.nan
    if n < 2:
        return Estimate(effect, np.nan, 0, *sizes, f"{_patients(n)} profiles before and after detection; expected two")
    se = float(change.std(ddof=1) / np.sqrt(n))
    profiles = [rows.groupby("subject")["y"].size()[change.index] for rows in (before, after)]
    share = float(np.sqrt((1.0 / profiles[0] + 1.0 / profiles[1]).sum()) / n)
    return replace(_sure(effect, se, n - 1, sizes), share=share)


def unpaired(data: pandas.DataFrame) -> Estimate:
    """Return the difference of means of positive patients after detection and of patients who never were positive."""
    after, never = data[data["positive"]], data[~data["ever"]]
    yes, no = (rows.groupby("subject")["y"].mean().to_numpy(float) for rows in (after, never))
    sizes = (len(yes), len(no), len(after), len(never))
    if not len(yes) or not len(no):
        why = f"{len(yes)} positive and {len(no)} never positive patients; expected both"
        return Estimate(np.nan, np.nan, 0, *sizes, why)
    effect, freedom = float(yes.mean() - no.mean()), len(yes) + len(no) - 2
    if freedom < 1:
        return Estimate(effect, np.nan, 0, *sizes, "one patient of each kind has no spread")
    pooled = sum(float(((values - values.mean()) ** 2).sum()) for values in (yes, no)) / freedom
    return _sure(effect, float(np.sqrt(pooled * (1 / len(yes) + 1 / len(no)))), freedom, sizes)


def time_varying(data: pandas.DataFrame) -> Estimate:
    """Return the effect of the status at the time in all profiles, with a random level per patient.

    Days are a factor where the profiles leave room for it. All patients have one ratio. Where nobody changes status
    the comparison is one between patients and has their degrees of freedom, else those within patients.
    """
    status = data["positive"].to_numpy(float)
    codes: Integers = np.unique(data["subject"].astype(str), return_inverse=True)[1]
    people = int(codes.max()) + 1 if len(codes) else 0
    groups = [data.loc[data["positive"] == value, "subject"] for value in (True, False)]
    sizes = (groups[0].nunique(), groups[1].nunique(), len(groups[0]), len(groups[1]))
    if not sizes[0] or not sizes[1]:
        return Estimate(np.nan, np.nan, 0, *sizes, "all profiles with a known status have the same")
    days = data["day"].to_numpy(float)
    factor = (days[:, None] == np.unique(days)[None, 1:]).astype(float)
    x = np.column_stack([np.ones(len(status)), status, factor])
    who = (codes[:, None] == np.arange(people)).astype(float)
    if np.linalg.matrix_rank(x) < x.shape[1] or _left(who, x) < 1:
        x = x[:, :2]
    changes = np.linalg.matrix_rank(np.column_stack([who, x[:, 1]])) > people
    freedom = _left(who, x) if changes else people - 2
    if freedom < 1 or len(status) <= x.shape[1]:
        return Estimate(np.nan, np.nan, 0, *sizes, f"{len(status)} profiles of {_patients(people)} leave no spread")
    y: Array = data["y"].to_numpy(float)
    every = np.column_stack([who, x])
    fitted = every @ np.linalg.lstsq(every, y, rcond=None)[0]
    if float(np.abs(y - fitted).max()) < 1e-12 * max(1.0, float(np.abs(y).max())):
        return Estimate(np.nan, np.nan, 0, *sizes, "the values do not vary within patients: no interval")
    found = random_intercept(y, x, codes)
    sure = _sure(float(found.beta[1]), float(np.sqrt(found.covariance[1, 1])), freedom, sizes)
    return replace(sure, within=float(np.sqrt(found.within)))


def _left(who: Array, x: Array) -> int:
    """Degrees of freedom within patients."""
    return len(x) - int(np.linalg.matrix_rank(np.column_stack([who, x])))


def _sure(effect: float, se: float, freedom: int, sizes: tuple[int, int, int, int]) -> Estimate:
    reason = "" if se > 1e-12 else "the values do not vary: no interval"
    return Estimate(effect, se, freedom, *sizes, reason)


def _patients(n: int) -> str:
    return f"{n} patient has" if n == 1 else f"{n} patients have"
