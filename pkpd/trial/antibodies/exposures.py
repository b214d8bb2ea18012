"""Whether exposure differs when a patient has antibodies: within patients, between them, by status at the time."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from pkpd import units
from pkpd.arguments import checked
from pkpd.arrays import Array, Flags
from pkpd.errors import InputError, few, nearest, warn
from pkpd.trial.antibodies.compared import COMPARISONS, Estimate, paired, time_varying, unpaired
from pkpd.trial.antibodies.noticed import chances, noncentrality
from pkpd.trial.antibodies.samples import DAY, TIME, read_samples, status_at, with_day
from pkpd.trial.exposure_response.descriptive import numbers_of
from pkpd.trial.recist.scans import SUBJECT, provenance
from pkpd.trial.tables import read_table

if TYPE_CHECKING:
    import pandas

_USUAL = ("auc_last", "auc_inf_obs", "cmax", "ctrough")


@dataclass(frozen=True, eq=False)
class AntibodyEffect:
    """What antibodies do to exposure, as far as the data say.

    Attributes
    ----------
    results : DataFrame
        A row per parameter and comparison: ``parameter, comparison, positive, negative`` (patients),
        ``profiles_positive, profiles_negative, ratio`` (with antibodies over without), ``low, high, level, freedom,
        detectable`` (the smallest true ratio above 1 that it tells from 1 with `power`; its reciprocal likewise),
        ``reason``.
    profiles : DataFrame
        The exposures with ``status``: "positive", "negative", "unknown".
    caveats : tuple of str
        What the comparison cannot say.
    level, power : float
        Of the intervals, and of ``detectable``.
    attrs : dict
        What the data say of where they came from.
    """

    results: pandas.DataFrame
    profiles: pandas.DataFrame
    caveats: tuple[str, ...]
    level: float
    power: float
    attrs: dict[str, Any]

    def table(self) -> pandas.DataFrame:
        """Return a row per parameter and comparison."""
        return self.results.copy()

    def summary(self) -> str:
        """Return the comparisons in words, with what each could have noticed."""
        lines = []
        for row in self.results.itertuples(index=False):
            head = f"{row.parameter}, {row.comparison} ({row.positive} positive, {row.negative} negative patients)"
            if row.reason:
                lines.append(f"{head}: {row.reason}")
                continue
            lines.append(
                f"{head}: ratio {row.ratio:.3f}, {100 * row.level:g} % interval {row.low:.3f} to {row.high:.3f}; with "
                f"{100 * self.power:g} % power a ratio of {row.detectable:.2f} or {1 / row.detectable:.2f} is noticed"
            )
        return "\n".join([*lines, *(f"! {text}" for text in self.caveats)])

    __repr__ = __str__ = summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.results.to_html(index=False)}"


@checked
def antibody_effect(
    exposures: Any,
    samples: Any,
    parameters: Sequence[str] | None = None,
    *,
    level: float = 0.9,
    power: float = 0.8,
    columns: Mapping[str, str] | None = None,
    sample_columns: Mapping[str, str] | None = None,
) -> AntibodyEffect:
    """Return ratios of exposure with antibodies to exposure without, by what each patient was at the time.

    A profile is positive or negative by the samples around it: the latest up to its dose holds until the next one, if
    both agree or it was the last. Between a negative and a positive sample nobody knows; such profiles are counted and
    left out. Three comparisons, of logarithms:

    * *paired*: the profiles of a patient after detection against the same patient's before it; t, patients − 1;
    * *unpaired*: means of positive patients after detection against means of never positive patients; t, pooled;
    * *time-varying status*: all profiles, patients random (restricted likelihood), adjusted for the day where patients
      share days; what changes with time in everybody does not count as an effect of antibodies.

    Parameters
    ----------
    exposures : Dataset, DataFrame, path, or mapping of column to values
        A result of `pkpd.nca`, or a row per profile: ``subject, day`` (or ``time``, in hours) of its dose, parameters.
    samples : DataFrame, path, or mapping of column to values
        As for `antibody_status`.
    parameters : sequence of str, optional
        Which; by default ``auc_last``, ``auc_inf_obs``, ``cmax`` and ``ctrough``, those that are there.
    level : float
        Of the intervals.
    power : float
        Of what could have been noticed.
    columns, sample_columns : mapping, optional
        Our name → its heading in either table.

    Returns
    -------
    AntibodyEffect

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting profiles and values that are left out.

    Notes
    -----
    In a linear model the AUC ratio is the reciprocal of the clearance ratio. The paired comparison lets every patient
    have a ratio of one's own; the third takes one for all, and one SD within all patients. ``detectable`` takes
    observed spreads for true ones (in pairs the SD within all patients); `detectable_antibody_ratio` plans without
    data.
    """
    problems = chances(level, power)
    if problems:
        raise InputError(problems, "antibody_effect")
    tested = read_samples(samples, sample_columns)
    table = with_day(read_table(_frame(exposures), (SUBJECT, DAY, TIME), "exposures", named=columns), "exposures")
    names = [p for p in _USUAL if p in table] if parameters is None else list(dict.fromkeys(parameters))
    problems = [
        f"no column {name!r}; {nearest(name, [c for c in table if c != 'row'])}" for name in names if name not in table
    ]
    if not names:
        problems.append(f"no parameter is named, and the table has none of {', '.join(_USUAL)}")
    if problems:
        raise InputError(problems, "antibody_effect")
    status = _status(table, tested)
    caveats = _caveats(table, status, tested)
    if unknown := int(np.isnan(status).sum()):
        warn(f"{unknown} of {len(status)} profiles lie between samples that differ, or have none: left out")
    ever = _ever(table, status)
    rows = []
    for name in names:
        y = numbers_of(table, name, "exposures")
        usable = np.isfinite(y) & (y > 0)
        if not usable.all():
            warn(f"{name}: {int((~usable).sum())} of {len(y)} values are missing or have no logarithm; left out")
        here = usable & np.isfinite(status)
        data = table.loc[here, ["subject", "day"]]
        data = data.assign(y=np.log(y[here]), positive=status[here] == 1, ever=ever[here])
        found = [estimate(data) for estimate in (paired, unpaired, time_varying)]
        rows += [{"parameter": name, "comparison": comparison, **_row(estimate, found[-1].within, level, power)}
                 for comparison, estimate in zip(COMPARISONS, found, strict=True)]  # fmt: skip
    import pandas

    words = np.where(np.isnan(status), "unknown", np.where(status == 1, "positive", "negative"))
    profiles = table[["subject", "day", *names]].assign(status=words)
    attrs = {**provenance(samples), **provenance(exposures)}
    return AntibodyEffect(pandas.DataFrame(rows), profiles, caveats, level, power, attrs)


def _frame(data: Any) -> Any:
    """A result of NCA as a table with days; anything else as it is."""
    import pandas
    import xarray as xr

    if not isinstance(data, xr.Dataset):
        return data
    over = {str(k): v.to_numpy() for k, v in {**data.coords, **data.data_vars}.items() if v.dims == ("profile",)}
    lacking = [name for name in ("subject", "dose_time") if name not in over]
    if lacking:
        raise InputError(
            f"the result has no {few(lacking)} over profiles; expected what pkpd.nca returned", "exposures"
        )
    day = 1.0 + over["dose_time"] * units.factor(str(data["dose_time"].attrs.get("units", "h")), "day")
    kept = {name: values for name, values in over.items() if name not in ("profile", "time", "day")}
    return pandas.DataFrame({**kept, "day": day})


def _status(table: pandas.DataFrame, tested: pandas.DataFrame) -> Array:
    """What every profile is by the samples of its patient."""
    found = np.full(len(table), np.nan)
    usable = tested[tested["reportable"]]
    keys = {str(k): rows for k, rows in usable.groupby("subject")}
    day = table["day"].to_numpy(float)
    for name, places in table.groupby("subject").indices.items():
        rows = keys.get(str(name))
        if rows is not None:
            found[places] = status_at(day[places], rows["day"].to_numpy(float), rows["positive"].to_numpy(bool))
    return found


def _ever(table: pandas.DataFrame, status: Array) -> Flags:
    """Whether the patient of each profile has a positive one."""
    positive = {*table.loc[status == 1, "subject"]}
    return np.array([name in positive for name in table["subject"]], dtype=bool)


def _caveats(table: pandas.DataFrame, status: Array, tested: pandas.DataFrame) -> tuple[str, ...]:
    found = []
    last = tested[tested["reportable"]].groupby("subject")["day"].max()
    final = table["subject"].map(last).to_numpy(float)
    beyond = int(((table["day"].to_numpy(float) > final) & np.isfinite(status)).sum())
    if beyond:
        found.append(f"{beyond} profiles come after their patient's last sample, whose result is taken to hold")
    days = table.groupby("subject")["day"].nunique()
    if days.nunique() > 1:
        found.append(
            "immortal time: patients who stayed longer have more profiles and more chances to be found positive; the "
            "status is that at the time of each profile, never what the patient became later"
        )
    return tuple(found)


def _row(estimate: Estimate, within: float, level: float, power: float) -> dict[str, Any]:
    """Ratio, interval and what could have been noticed.

    The standard error of few pairs is itself hardly known: theirs is made from the SD within all patients.
    """
    sizes = {"positive": estimate.positive, "negative": estimate.negative,
             "profiles_positive": estimate.profiles_positive,
             "profiles_negative": estimate.profiles_negative}  # fmt: skip
    if estimate.reason:
        numbers = dict.fromkeys(("ratio", "low", "high", "freedom", "detectable"), np.nan)
        if np.isfinite(estimate.effect):
            numbers["ratio"] = float(np.exp(estimate.effect))
        return {**sizes, **numbers, "level": level, "reason": estimate.reason}
    reach = float(stdtrit(estimate.freedom, 0.5 + level / 2)) * estimate.se
    low, ratio, high = (float(np.exp(estimate.effect + by)) for by in (-reach, 0.0, reach))
    expected = estimate.share * within if np.isfinite(estimate.share * within) else estimate.se
    noticed = float(np.exp(noncentrality(estimate.freedom, level, power) * expected))
    return {**sizes, "ratio": ratio, "low": low, "high": high, "freedom": estimate.freedom, "detectable": noticed,
            "level": level, "reason": ""}  # fmt: skip
