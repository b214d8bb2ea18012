"""What a comparison is made of: sides, pairs, and the rows of its summary."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas
import xarray as xr

from pkpd.arrays import Array
from pkpd.nca.after.accepted import doubts
from pkpd.nca.after.descriptive import mean_difference, mean_interval


class Scale(NamedTuple):
    """What values and doses of one side are multiplied with, so that both sides have one unit."""

    value: float = 1.0
    dose: float = 1.0


_SAME = Scale()


def one_side(
    data: xr.Dataset, name: str, dosed: bool, only_accepted: bool = True, scale: Scale = _SAME
) -> pandas.DataFrame:
    """Return one row per subject: value by dose (where wanted), dose, and why there is no logarithm of it."""
    value, dose = scale.value * data[name].to_numpy().astype(float), scale.dose * data["dose"].to_numpy().astype(float)
    scaled = value / np.where(dose > 0, dose, np.nan) if dosed else value
    why = np.full(len(value), "", dtype=object)
    if "reason" in data and name in data["parameter"].to_numpy():
        why = data["reason"].sel(parameter=name).to_numpy().astype(object)
    why = np.where((why == "") & ~np.isfinite(value), "no number", why)
    why = np.where((why == "") & ~(value > 0), "not positive, so it has no logarithm", why)
    why = np.where((why == "") & ~np.isfinite(scaled), "no dose > 0 to divide by", why)
    if only_accepted:
        against = doubts(data, name)
        why = np.where((why == "") & (against != ""), "not accepted: " + against, why)
    columns = {"value": value, "scaled": scaled, "dose": dose, "why": why}
    return pandas.DataFrame(columns, index=pandas.Index(data["subject"].to_numpy(), name="subject"))


def join(name: str, test: pandas.DataFrame, reference: pandas.DataFrame, within: bool) -> pandas.DataFrame:
    """Return one row per subject with both sides, the ratio and why there is none."""
    both = test.add_suffix("_test").join(reference.add_suffix("_reference"), how="outer")
    reasons = []
    for t, r in zip(both["why_test"], both["why_reference"], strict=True):
        sides = {"test": "no profile" if pandas.isna(t) else t, "reference": "no profile" if pandas.isna(r) else r}
        found = [f"{side}: {why}" for side, why in sides.items() if why and (within or why != "no profile")]
        reasons.append("; ".join(found) or ("" if within else "parallel groups: no ratio within a subject"))
    ratio = np.where([not why for why in reasons], both["scaled_test"] / both["scaled_reference"], np.nan)
    return pandas.DataFrame(
        {
            "subject": both.index, "parameter": name, "test": both["value_test"].to_numpy(float),
            "reference": both["value_reference"].to_numpy(float), "dose_test": both["dose_test"].to_numpy(float),
            "dose_reference": both["dose_reference"].to_numpy(float), "ratio": ratio, "reason": reasons,
            "_test": np.where(both["why_test"] == "", both["scaled_test"], np.nan),
            "_reference": np.where(both["why_reference"] == "", both["scaled_reference"], np.nan),
        }
    )  # fmt: skip


def paired_rows(name: str, subjects: pandas.DataFrame, level: float) -> list[tuple[Any, ...]]:
    """Return the summary of ratios within subjects."""
    x, y = _logs(subjects)
    logs = np.log(subjects["ratio"].to_numpy(float))
    logs = logs[np.isfinite(logs)]
    n = len(logs)
    # Two pairs far apart have limits beyond every number: infinite, and no warning.
    with np.errstate(over="ignore"):
        found = [float(np.exp(v)) for v in mean_interval(logs, level)]
        cv = 100 * float(np.sqrt(np.expm1(logs.var(ddof=1)))) if n > 1 else np.nan
    why = ("no subject has both sides", "one pair has no interval", "")[min(n, 2)]
    return [(name, "paired", len(x), len(y), n, len(subjects) - n, *found, level, cv, n - 1.0 if n else np.nan, why)]


def parallel_rows(name: str, subjects: pandas.DataFrame, level: float) -> list[tuple[Any, ...]]:
    """Return the summary of two independent groups, by Welch and pooled."""
    x, y = _logs(subjects)
    n = len(x) + len(y)
    lost = int((subjects[["_test", "_reference"]].isna().all(axis=1)).sum())
    rows = []
    for pooled, design in ((False, "parallel, Welch"), (True, "parallel, pooled")):
        mean, low, high, freedom = mean_difference(x, y, level, pooled)
        why = "" if np.isfinite(low) else "too few subjects for an interval"
        why = why if len(x) and len(y) else "a group has no number"
        with np.errstate(over="ignore"):
            limits = [float(np.exp(v)) for v in (mean, low, high)]
        rows.append((name, design, len(x), len(y), n, lost, *limits, level, np.nan, freedom, why))
    return rows


def _logs(subjects: pandas.DataFrame) -> tuple[Array, Array]:
    """Logarithms of either side, of the subjects that have one."""
    test, reference = (np.log(subjects[c].dropna().to_numpy(float)) for c in ("_test", "_reference"))
    return test, reference
