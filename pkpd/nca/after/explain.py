"""Where a number comes from, in words."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pkpd.errors import InputError
from pkpd.nca.after.accepted import doubts
from pkpd.nca.kernel.parameters import PARAMETERS, parameter_name
from pkpd.nca.rules import Rules

_USES_TAIL = ("inf", "obs", "pred", "lambda_z", "half_life", "vz", "accumulation")


def why(result: xr.Dataset, parameter: str, profile: int = 0) -> str:
    """Return in words where a number comes from, or why there is none.

    Parameters
    ----------
    result : Dataset
        What `nca` returned.
    parameter : str
        Name of the parameter, or one of its names in CDISC, Phoenix or PKNCA.
    profile : int
        Position of the profile.

    Returns
    -------
    str
        Value with unit, formula, the points and the line of the terminal regression where it takes part, the
        method, and what to be careful about.

    Raises
    ------
    InputError
        If there is no such parameter or profile.
    """
    name = parameter_name(parameter)
    if name not in result:
        raise InputError(f"the result does not hold {name!r}; it was made with parameters=[…] without it")
    if not 0 <= profile < result.sizes["profile"]:
        raise InputError(f"profile is {profile}; expected 0 to {result.sizes['profile'] - 1}")
    row = result.isel(profile=profile)
    words = PARAMETERS[name].long_name
    head = f"{words} of subject {row['subject'].item()}, interval {row['interval'].item()}"
    reason = str(row["reason"].sel(parameter=name).item())
    if reason:
        return f"{head}: not computed, {reason}."
    unit = result[name].attrs["units"]
    parts = [f"{head}: {row[name].item():.6g}" + (f" {unit}" if unit != "1" else "") + "."]
    if PARAMETERS[name].formula:
        parts.append(f"Formula: {PARAMETERS[name].formula}.")
    if any(part in name for part in _USES_TAIL) or name.startswith(("auc", "aumc", "cl", "mrt", "vss")):
        parts += _terminal(row, result["tmax"].attrs["units"] if "tmax" in result else "")
    parts.append(f"Method: {result[name].attrs['method']}.")
    parts += _cautions(row, name, result, profile)
    return " ".join(parts)


def _terminal(row: xr.Dataset, time: str) -> list[str]:
    """The points and the line of the terminal regression."""
    needed = ("lambda_z", "lambda_z_start", "lambda_z_end", "lambda_z_points", "lambda_z_intercept", "lambda_z_span",
              "lambda_z_r2_adjusted")  # fmt: skip
    if any(name not in row for name in needed) or not np.isfinite(row["lambda_z"].item()):
        return []
    t, quantified = row["sample_time"].to_numpy(), row["sample_quantified"].to_numpy()
    first, last = row["lambda_z_start"].item(), row["lambda_z_end"].item()
    used = t[quantified & (t >= first) & (t <= last)]
    count = int(row["lambda_z_points"].item())
    listed = ", ".join(f"{x:g}" for x in used)
    whole = f"at {listed} {time}" if len(used) == count else f"from {first:g} to {last:g} {time}"
    text = (
        f"Terminal regression over {count} points {whole}: ln C = {row['lambda_z_intercept'].item():.6g} − "
        f"{row['lambda_z'].item():.6g}·t"
    )
    if np.isfinite(row["lambda_z_r2_adjusted"].item()):
        text += f", adjusted R² {row['lambda_z_r2_adjusted'].item():.4f}"
    text += f", span {row['lambda_z_span'].item():.2f} half-lives"
    beyond = row["auc_extrapolated_obs"].item() if "auc_extrapolated_obs" in row else np.nan
    return [f"{text}; {beyond:.1f} % of AUC extrapolated." if np.isfinite(beyond) else f"{text}."]


def _cautions(row: xr.Dataset, name: str, result: xr.Dataset, profile: int) -> list[str]:
    """Warnings that belong to the number."""
    found = [f"Not accepted by the limits: {against}." for against in doubts(result, name)[[profile]] if against]
    for count, words in (("n_unusable", "unusable samples set aside"), ("n_after_end", "samples after the end")):
        if count in row and row[count].item() > 0:
            found.append(f"{row[count].item():.0f} {words}.")
    if name.startswith("cl_tau") or "_ss_" in name:
        found.append("It is the drug's own only if the interval is at steady state.")
    rules = Rules.from_json(str(result.attrs["rules"]))
    if rules.lambda_z_method == "tobit" and name.startswith("lambda_z"):
        found.append("BLQ samples count as left-censored.")
    return found
