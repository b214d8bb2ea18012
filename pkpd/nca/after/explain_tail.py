"""Whether a number depends on the terminal regression, and the words for it."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from pkpd.nca import methods
from pkpd.nca.converted import in_time_of
from pkpd.nca.kernel.parameters import PARAMETERS
from pkpd.nca.rules import Rules
from pkpd.nca.settings import NcaSettings

_ALWAYS = (methods.regression, methods.extrapolated, methods.over_tau_and_regression)
_OF_THE_LINE = re.compile(r"no (adjusted R²|span|points)$|(adjusted R²|span|points|half-life) ")


def depends_on_tail(row: xr.Dataset, name: str, rules: Rules) -> bool:
    """Return whether a number of one profile depends on λz.

    What needs the regression always does; what is measured over the dosing interval only if the interval ends after
    the samples and the rule `partial` goes on along the regression.

    Parameters
    ----------
    row : Dataset
        One profile of the result.
    name : str
        Name of the parameter.
    rules : Rules
        The choices.
    """
    method = PARAMETERS[name].method
    if method in _ALWAYS:
        return True
    return method is methods.over_tau and goes_beyond(row, float(row["tau"]), rules.partial, rules)


def goes_beyond(row: xr.Dataset, end: float, kind: str, rules: Rules) -> bool:
    """Return whether an area to `end` is continued along the regression, by a way to go on (`Rules.partial`)."""
    if kind in ("last", "all") or not end > 0:
        return False
    times = row["sample_time"].to_numpy()
    if kind == "line" and np.isfinite(end):
        last = np.nanmax(np.append(times, float(row["after_time"]) if "after_time" in row else np.nan))
    elif "after_counts" in row and bool(row["after_counts"]):
        last = float(row["after_time"])
    else:
        last = np.nanmax(np.where(_counted(row, rules), times, -np.inf), initial=-np.inf)
    return bool(end > last * (1 + 1e-12))  # an end that is read from a label has 15 digits


def _counted(row: xr.Dataset, rules: Rules) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Samples at which AUClast may end."""
    found = row["sample_quantified"].to_numpy()
    if rules.blq_imputed == "areas and lambda_z" and "sample_imputed" in row:
        found = found | (row["sample_imputed"].to_numpy() & (row["sample_value"].to_numpy() > 0))
    return np.asarray(found)


def terminal_words(row: xr.Dataset, name: str, result: xr.Dataset) -> list[str]:
    """Return the points and the line of the terminal regression, and how much of the number lies beyond the samples."""
    needed = ("lambda_z", "lambda_z_start", "lambda_z_end", "lambda_z_points", "lambda_z_intercept", "lambda_z_span",
              "lambda_z_r2_adjusted")  # fmt: skip
    if any(field not in row for field in needed) or not np.isfinite(row["lambda_z"].item()):
        return []
    unit = result["sample_time"].attrs.get("units", "")
    t, quantified = row["sample_time"].to_numpy(), row["sample_quantified"].to_numpy()
    first, last = row["lambda_z_start"].item(), row["lambda_z_end"].item()
    used = t[quantified & (t >= first) & (t <= last)]
    count = int(row["lambda_z_points"].item())
    listed = ", ".join(f"{x:g}" for x in used)
    whole = f"at {listed} {unit}" if len(used) == count else f"from {first:g} to {last:g} {unit}"
    text = (
        f"Terminal regression over {count} points {whole}{_by_hand(row, result)}: "
        f"ln C = {row['lambda_z_intercept'].item():.6g} − {row['lambda_z'].item():.6g}·t"
    )
    if np.isfinite(row["lambda_z_r2_adjusted"].item()):
        text += f", adjusted R² {row['lambda_z_r2_adjusted'].item():.4f}"
    text += f", span {row['lambda_z_span'].item():.2f} half-lives"
    return [f"{text}{_beyond(row, name)}."]


def _beyond(row: xr.Dataset, name: str) -> str:
    """How much of the area that the number is made of was not measured."""
    method = PARAMETERS[name].method
    if method is methods.regression:
        return ""
    if method in (methods.over_tau, methods.over_tau_and_regression):
        part, whole = "auc_tau_extrapolated", "AUCtau"
    elif name in ("vz_last", "vz_all"):
        return ""
    else:
        part, whole = f"auc_extrapolated_{'pred' if '_pred' in name else 'obs'}", "AUC"
    value = row[part].item() if part in row else np.nan
    return f"; {value:.1f} % of {whole} extrapolated" if np.isfinite(value) and value > 0 else ""


def _by_hand(row: xr.Dataset, result: xr.Dataset) -> str:
    """Whether the user chose the points."""
    if "settings" not in result.attrs:
        return ""
    begins, number, ratio = float(row["dose_time"]), int(row["interval"]), in_time_of(result)
    for one in NcaSettings.from_json(str(result.attrs["settings"])).points:
        mine = str(one.subject) == str(row["subject"].item()) and one.interval in (None, number)
        if mine and (one.begins is None or bool(np.isclose(ratio * one.begins, begins, rtol=1e-12, atol=0))):
            if one.use or one.between is not None:
                return " (chosen by hand)"
            left = ", ".join(f"{ratio * x:g}" for x in one.leave_out)
            return f" (left out by hand: {left})"
    return ""


def flags_of(row: xr.Dataset, name: str, tail: bool) -> str:
    """Return the limits of acceptance that speak against one number of a profile.

    Those of the regression are told of what goes on along it, too, such as AUCtau where the samples end before.
    """
    own = str(row["doubt"].sel(parameter=name).item()) if "doubt" in row else ""
    texts = own.split("; ") if own else []
    if tail and PARAMETERS[name].method is methods.over_tau:
        flags = str(row["flags"].item()).split("; ")
        texts += [text for text in flags if _OF_THE_LINE.match(text) and text not in texts]
    return "; ".join(texts)
