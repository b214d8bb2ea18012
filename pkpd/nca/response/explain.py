"""Where the numbers of a response come from, in words."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from pkpd.errors import InputError, unknown_names
from pkpd.nca.response.parameters import (
    LIMIT_PARAMETERS,
    RESPONSE_PARAMETERS,
    SLOPE_PARAMETERS,
    VISIT_PARAMETERS,
    ResponseParameter,
)
from pkpd.nca.response.rules import ResponseRules

_ALONG = {"limit": LIMIT_PARAMETERS, "visit": VISIT_PARAMETERS, "stretch": SLOPE_PARAMETERS}
_ASKED = {"limit": "limits", "visit": "visits", "stretch": "slopes"}
_NAME = re.compile(r"([^\[\]]+)(?:\[(.*)\])?")
_CURVE = ("auec", "auc_", "time_", "t_recovery", "t_onset", "t_offset", "r_avg", "change_avg")
# What a baseline has no part in; of a limit only what is seen from the baseline has one.
_NO_BASELINE_IN = ("n_", "t_first", "t_last", "r_", "t_max", "t_min", "auec", "visit_value", "slope")
_SEEN_FROM_IT = ("t_onset", "t_offset", "time_across", "time_between_bt")


def is_response(result: xr.Dataset) -> bool:
    """Return whether a result is one of `pkpd.nca.nca_response`."""
    return result.attrs.get("kind") == "response"


def why_response(result: xr.Dataset, parameter: str, profile: int) -> str:
    """Return where a parameter of one response comes from, or why there is no number.

    Parameters
    ----------
    result : Dataset
        What `nca_response` returned.
    parameter : str
        Its name, or Phoenix's; of what was asked for with a label in brackets, ``"time_below_t[0.5]"``, else the
        first one is meant.
    profile : int
        Position of the profile.

    Raises
    ------
    InputError
        If there is no such parameter, or it was not asked for.
    """
    row = result.isel(profile=profile)
    name, dim, label, of = _asked(result, parameter)
    cell = row if dim == "" else row.sel({dim: label})
    reason = row["reason"].sel(parameter=name) if dim == "" else cell[f"reason_{dim}"].sel({f"{dim}_parameter": name})
    who = f"subject {row['subject'].item()}" + (f", period {row['period'].item()}" if "period" in row.coords else "")
    labelled = f" ({dim} {label})" if dim else ""
    window = f"{row['window'].item()} {row['window'].attrs['units']} after the first dose"
    head = f"{of.long_name}{labelled} of {who}, {window}"
    if text := str(reason.item()):
        return f"{head}: not computed, {text}."
    unit = result[name].attrs["units"]
    parts = [f"{head}: {cell[name].item():.6g}{'' if unit == '1' else f' {unit}'}."]
    if of.formula:
        parts.append(f"Formula: {of.formula}.")
    return " ".join(parts + _method(row, result, name, label if dim == "limit" else ""))


def _asked(result: xr.Dataset, parameter: str) -> tuple[str, str, str, ResponseParameter]:
    """Name, dimension, label and row of the table of what is asked about."""
    match = _NAME.fullmatch(parameter.strip())
    base, label = (match[1].strip(), match[2] or "") if match else (parameter, "")
    every = {"": RESPONSE_PARAMETERS, **_ALONG}
    names = {name: (name, dim, row) for dim, table in every.items() for name, row in table.items()}
    names |= {row.phoenix: names[name] for table in every.values() for name, row in table.items() if row.phoenix}
    if problems := unknown_names([base], names, "parameter"):
        raise InputError(problems, "why")
    name, dim, row = names[base]
    if dim == "":
        return name, dim, "", row
    if dim not in result.dims:
        raise InputError(f"the result does not hold {name!r}; it was made without {_ASKED[dim]}=[…]", "why")
    known = [str(one) for one in result[dim].values]
    if problems := unknown_names([label] if label else [], known, dim):
        raise InputError(problems, "why")
    return name, dim, label or known[0], row


def _method(row: xr.Dataset, result: xr.Dataset, name: str, limit: str) -> list[str]:
    """What the number depends on: baseline, beginning of the curve, how it runs, BLQ samples."""
    rules, parts = ResponseRules.from_json(str(result.attrs["rules"])), []
    own, time = (result[one].attrs["units"] for one in ("baseline", "t_last"))
    recovery = name in ("r_extreme", "t_extreme", "t_recovery", "time_to_recovery", "percent_recovered")
    free = name.startswith(_NO_BASELINE_IN) or (name in LIMIT_PARAMETERS and name not in _SEEN_FROM_IT)
    if recovery or limit.endswith("%") or not free:
        parts.append(_baseline_words(float(row["baseline"]), own, rules))
    if name.startswith(("r_max", "r_min", "t_max", "t_min")) or "_max" in name or "_min" in name or recovery:
        which = "after the beginning" if rules.extremes == "after the beginning" else "from the beginning on"
        parts.append(f"Taken from the samples {which}.")
    if recovery and name != "r_extreme" and name != "t_extreme":
        way = f"It counts from {float(row['r_extreme']):.6g} {own} at {float(row['t_extreme']):g} {time}"
        parts.append(f"{way}; recovered when {100 * rules.recovery:g} % of the change has gone.")
    if name.startswith(_CURVE):
        start = str(row["start"].item())
        begins = {
            "observed": "the sample there",
            "baseline put in": "the baseline, put in",
            "interpolated": "a value between the samples around it",
            "first sample": "the first sample",
        }[start]
        first, last = float(row["t_first"]), float(row["t_last"])
        parts.append(
            f"The curve begins at {first:g} {time} with {begins}, and ends at {last:g} {time}; {rules.curve} between "
            "samples, nothing extrapolated."
        )
    below = float(row["n_blq"])
    if np.isfinite(below) and below > 0 and not name.startswith("n_"):
        parts.append(f"{below:g} BLQ samples in it: {rules.blq}.")
    return parts


def _baseline_words(value: float, own: str, rules: ResponseRules) -> str:
    """The baseline and what it is."""
    if not np.isfinite(value):
        return ""
    if not isinstance(rules.baseline, str):
        return f"Baseline {value:.6g} {own}, as given."
    what = {"last": "the last sample", "first": "the first sample", "mean": "the mean of the samples"}[rules.baseline]
    before = "the first dose" if rules.baseline_of == "first dose" else "the beginning of the window"
    return f"Baseline {value:.6g} {own}: {what} before {before}."
