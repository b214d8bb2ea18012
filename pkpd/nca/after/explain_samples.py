"""In words, what became of the samples on the way to a number: put in, replaced, left out."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from pkpd.nca import methods
from pkpd.nca.converted import in_time_of
from pkpd.nca.kernel.parameters import PARAMETERS
from pkpd.nca.rules import Rules

_AREAS = (
    methods.trapezoids, methods.extrapolated, methods.over_tau, methods.over_tau_and_regression, methods.above,
)  # fmt: skip
_NOT_AREAS = ("ctau", "swing_tau")  # over the interval, but read at its end
_LOWEST = ("cmin", "tmin", "cstart", "ctrough", "swing", "fluctuation", "peak_trough")
_SHOWN = 12
_SAME = 1e-12  # times that differ by less are the same


def words_of_start(row: xr.Dataset, name: str, rules: Rules, unit: str) -> list[str]:
    """Return how the value at the beginning came about, where the number depends on it.

    Parameters
    ----------
    row : Dataset
        One profile of the result.
    name : str
        Name of the parameter.
    rules : Rules
        The choices.
    unit : str
        Unit of time.
    """
    base = name.removesuffix("_dose")
    how = str(row["start_how"].item()) if "start_how" in row else ""
    from_it = PARAMETERS[name].method in _AREAS and base not in _NOT_AREAS
    if not (from_it or base == "c0" or (how == "put in" and rules.time_zero_counts and base in _LOWEST)):
        return []
    value = float(row["start_value"]) if how else np.nan
    if how == "C0":
        return [f"C0 {value:.6g} {_c0(row, value, unit)}."]
    if how == "put in":
        ways = rules.ways("time_zero")
        return [
            f"{value:.6g} was put in at the dose, where there is no sample (rule time_zero: {', else '.join(ways)})."
        ]
    if how == "interpolated":
        return [f"It begins at {value:.6g}, interpolated between the samples around the beginning."]
    return ["C0 is the sample at the time of the dose."] if how == "observed" and base == "c0" else []


def _c0(row: xr.Dataset, value: float, unit: str) -> str:
    """Which of the ways to C0 gave it: seen by the first two samples."""
    t, c = row["sample_time"].to_numpy(), row["sample_value"].to_numpy()
    t, c = t[~np.isnan(t)], c[~np.isnan(t)]
    if not len(c):
        return "was put in"
    if value > c[0]:
        both = f" at {t[0]:g} and {t[1]:g} {unit}" if len(t) > 1 else ""
        return f"is back-extrapolated through the logarithms of the first two samples{both}"
    if value == c[0]:
        fall = len(c) > 1 and c[0] > c[1] > 0
        why = "the first two do not fall" if not fall else "the first two are not both within the limits"
        return f"is the first sample, at {t[0]:g} {unit}, since {why}"
    return "is the smallest value of the interval" if value > 0 else "is zero by the rules"


def words_of_replaced(row: xr.Dataset, name: str, rules: Rules, unit: str) -> list[str]:
    """Return the BLQ samples that count with a value in the number."""
    if "sample_imputed" not in row:
        return []
    end = _end(row, name, rules)
    t, c, put = (row[f"sample_{field}"].to_numpy() for field in ("time", "value", "imputed"))
    here = np.flatnonzero(put & (t <= end * (1 + 1e-9)))
    if not len(here):
        return []
    parts = []
    for value in dict.fromkeys(c[here].tolist()):
        when = ", ".join(f"{t[i]:g}" for i in here[:_SHOWN] if c[i] == value)
        if when:
            parts.append(f"{value:.6g} at {when} {unit}")
    more = f" and {len(here) - _SHOWN} more" if len(here) > _SHOWN else ""
    return [f"BLQ samples count as {'; '.join(parts)}{more}."]


def _end(row: xr.Dataset, name: str, rules: Rules) -> float:
    """Time up to which samples are part of the number; minus infinity if none are."""
    base, method = name.removesuffix("_dose"), PARAMETERS[name].method
    tlast = row["sample_time"].to_numpy()[row["sample_quantified"].to_numpy()].max(initial=-np.inf)
    imputed_last = rules.blq_imputed == "areas and lambda_z" or tlast == -np.inf
    to_last = np.inf if imputed_last else float(tlast)
    tau = float(row["tau"]) if "tau" in row and np.isfinite(float(row["tau"])) else np.inf
    if base in _LOWEST:
        return tau
    if method is methods.regression:
        return np.inf if rules.blq_imputed == "areas and lambda_z" else -np.inf
    if method not in _AREAS or base in _NOT_AREAS:
        return -np.inf
    if method in (methods.over_tau, methods.over_tau_and_regression):
        # After Tlast "line" and "all" go on through the samples, the other ways do without them.
        return tau if rules.partial in ("line", "all") or tau <= to_last else min(tau, to_last)
    return np.inf if method is methods.above or base.endswith("_all") else to_last


def whose(row: xr.Dataset) -> str:
    """Return the words for a profile: its subject, its period where there are several, and its interval."""
    period = f", period {row['period'].item()}" if "period" in row.coords else ""
    return f"subject {row['subject'].item()}{period}, interval {row['interval'].item()}"


def words_of_taken_off(row: xr.Dataset, name: str, rules: Rules, unit: str) -> list[str]:
    """Return what the rules took off all samples, because it was there before the dose."""
    level = float(row["taken_off"]) if "taken_off" in row.coords else 0.0
    if not level > 0 or PARAMETERS[name].count is not None:
        return []
    falling = ", falling with λz" if rules.predose_correction == "decay" else ""
    return [
        f"{level:.6g}{f' {unit}' if unit else ''}, there before the dose, is taken off the samples{falling} "
        f"(rule predose_correction: {rules.predose_correction})."
    ]


def words_of_left_out(row: xr.Dataset, name: str, result: xr.Dataset, unit: str) -> list[str]:
    """Return the samples that took no part in the number, and why."""
    method = PARAMETERS[name].method
    if PARAMETERS[name].count is not None:
        return []
    found = []
    if "aside_time" in row:
        of_areas = method is not methods.observed or name == "tlag"
        for time, why in zip(row["aside_time"].to_numpy(), row["aside_why"].to_numpy(), strict=True):
            if why and (of_areas or not (str(why).startswith("BLQ") or why == "before the dose")):
                found.append((float(time), str(why)))
    found += excluded_samples(row, result)
    return [f"Left out: {listed(found, unit)}."] if found else []


def excluded_samples(row: xr.Dataset, result: xr.Dataset) -> list[tuple[float, str]]:
    """Return the samples of the profile that the study excludes: time after the dose, and why."""
    begin = float(np.nan_to_num(float(row["dose_time"])))
    end = begin + float(np.nan_to_num(float(row["interval_end"]), nan=np.inf)) if "interval_end" in row else np.inf
    rows = json.loads(str(result.attrs.get("excluded_samples", "[]")))
    period, ratio = int(row["period"]) if "period" in row.coords else 1, in_time_of(result)
    mine = [
        (ratio * when, why)
        for who, when, why, of in rows
        if (who, of) == (str(row["subject"].item()), period)
        and begin * (1 - _SAME) <= ratio * when <= end * (1 + _SAME)
    ]
    return [(when - begin, f"excluded: {why}" if why else "excluded") for when, why in mine]


def listed(found: list[tuple[float, str]], unit: str) -> str:
    """Return samples with their reasons in one line."""
    texts = [f"{time:g} {unit} ({why})" if np.isfinite(time) else f"one without a time ({why})" for time, why in found]
    return ", ".join(texts[:_SHOWN]) + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")


def too_few(row: xr.Dataset, reason: str, unit: str) -> str:
    """Return where the samples stand, if there are too few for a terminal regression; "" for other reasons."""
    if not reason.startswith("fewer than") or "Cmax" not in reason or "sample_time" not in row:
        return ""
    seen = row["sample_quantified"].to_numpy()
    t, c = row["sample_time"].to_numpy()[seen], row["sample_value"].to_numpy()[seen]
    if not len(t):
        return ""
    top = t[np.argmax(c)]
    after = int((t > top).sum())
    if top == t[0] and t[0] > 0:
        return (
            f": sampling begins late, at {t[0]:g} {unit}, with the largest concentration; {_many(after)} after it "
            f"(of {len(t)} quantifiable ones)"
        )
    return f": Cmax is at {top:g} {unit}, and {_many(after)} after it (of {len(t)} quantifiable ones)"


def _many(count: int) -> str:
    return "no sample lies" if not count else "1 sample lies" if count == 1 else f"{count} samples lie"
