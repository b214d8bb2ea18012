"""Where the numbers of sparse results, collections, windows and thresholds come from, in words."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from pkpd.errors import InputError, unknown_names
from pkpd.nca import methods
from pkpd.nca.after.explain_samples import (
    whose,
    words_of_left_out,
    words_of_replaced,
    words_of_start,
    words_of_taken_off,
)
from pkpd.nca.after.explain_tail import goes_beyond, terminal_words
from pkpd.nca.converted import told_in
from pkpd.nca.rules import Rules
from pkpd.nca.sparse.parameters import NAMES, SPARSE_PARAMETERS, TO_INFINITY
from pkpd.nca.sparse.result import SparseResult
from pkpd.nca.sparse.rules import SparseRules
from pkpd.nca.study.excretion import EXCRETION

_AREAS_OF_MEANS = tuple(name for name in NAMES if not name.startswith(("cmax", "tmax", "clast", "tlast", "lambda_z")))


def why_sparse(result: SparseResult | xr.Dataset, parameter: str) -> str:
    """Return where a parameter of one group comes from.

    Parameters
    ----------
    result : SparseResult or Dataset
        One group.
    parameter : str
        Name of the parameter.

    Raises
    ------
    InputError
        If there is no such parameter.
    """
    if problems := unknown_names([parameter], NAMES, "parameter"):
        raise InputError(problems, "why")
    row = SPARSE_PARAMETERS[parameter]
    if isinstance(result, SparseResult):
        of, unit, rules = "the group", "", result.rules
        value, se = result.estimate[parameter], result.se[parameter]
        reason, no_error = result.reason[parameter], result.reason_se[parameter]
        start, flags, notes = result.start, result.flags, list(result.notes)
        times, means = result.times, result.mean
        subjects, samples, below = result.n_subjects, int(result.n_samples.sum()), int(result.n_blq.sum())
    else:
        cell = result.sel(parameter=parameter)
        of, unit = f"group {result['group'].item()}", str(cell["unit"].item())
        rules = SparseRules.from_json(str(result.attrs["rules"]))
        value, se = float(result[parameter]), float(cell["se"])
        reason, no_error = str(cell["reason"].item()), str(cell["reason_se"].item())
        start, flags = str(result["start"].item()), str(result["flags"].item())
        notes = json.loads(str(result.attrs.get("notes", "[]")))
        times, means = result["profile_time"].to_numpy(), result["profile_mean"].to_numpy()
        subjects, samples, below = (int(result[name]) for name in ("n_subjects", "n_samples", "n_blq"))
    head = f"{row.long_name} of the mean curve of {of}"
    if reason:
        return f"{head}: not computed, {reason}."
    spread = f" (standard error {se:.4g})" if np.isfinite(se) else f" (no standard error: {no_error})"
    parts = [f"{head}: {value:.6g}{f' {unit}' if unit not in ('', '1') else ''}{spread}."]
    shown = times[~np.isnan(means)]
    parts.append(f"Means of {samples} samples of {subjects} subjects at {', '.join(f'{t:g}' for t in shown)}.")
    if below:
        counts = {"zero": "count as zero", "lloq/2": "count as LLOQ/2", "drop": "are dropped"}[rules.blq]
        parts.append(f"{below} BLQ samples {counts}.")
    if start and parameter in _AREAS_OF_MEANS and parameter != "half_life":
        parts.append(f"{start[0].upper()}{start[1:]}.")
    if parameter in TO_INFINITY:
        kind = "means of the logarithms" if rules.tail_mean == "geometric" else "logarithms of the means"
        parts.append(f"Terminal regression over the last {rules.tail} times, through the {kind}.")
    if notes:
        parts.append(f"{'; '.join(notes)}.")
    careful = flags.removeprefix(start).removeprefix("; ")
    told = "" if isinstance(result, SparseResult) else told_in(result)
    if careful and (parameter in _AREAS_OF_MEANS or (parameter.startswith("cmax") and "upper limit" in careful)):
        parts.append(f"To be careful about: {careful}{told}.")
    return " ".join(parts)


def why_excreted(row: xr.Dataset, result: xr.Dataset, parameter: str) -> str:
    """Return where a parameter of collections comes from.

    Raises
    ------
    InputError
        If there is no such parameter.
    """
    alias = {a: name for name, of in EXCRETION.items() for a in (of.cdisc, of.phoenix, of.pknca) if a}
    name = parameter if parameter in EXCRETION else alias.get(parameter, parameter)
    if problems := unknown_names([name], EXCRETION, "parameter"):
        raise InputError(problems, "why")
    of = EXCRETION[name]
    head = f"{of.long_name} of {whose(row)}"
    reason = str(row["reason"].sel(parameter=name).item())
    if reason:
        return f"{head}: not computed, {reason}."
    unit, time = result[name].attrs["units"], result["collected_to"].attrs["units"]
    parts = [f"{head}: {row[name].item():.6g}{f' {unit}' if unit != '1' else ''}."]
    if formula := _FORMULAS.get(name):
        parts.append(f"Formula: {formula}.")
    begin, end = row["collected_from"].item(), row["collected_to"].item()
    parts.append(
        f"From {int(row['n_collections'])} collections, {begin:g} to {end:g} {time} after the dose; BLQ is zero."
    )
    if name in ("aurc_last", "aurc_all", "aurc_inf_obs"):
        parts.append("0 was put in at the dose.")
    if name in ("lambda_z", "half_life", "aurc_inf_obs", "clr_obs", "clr_pred"):
        of_what = "the concentration in blood" if name.startswith("clr") else "the excretion rate"
        parts.append(f"It depends on the terminal regression of {of_what}.")
    if against := str(row["doubt"].sel(parameter=name).item()) if "doubt" in row else "":
        parts.append(f"Not accepted by the limits: {against}{told_in(result)}.")
    return " ".join(parts)


_FORMULAS = {
    "amount_excreted": "Σ concentration·volume", "fraction_excreted": "amount/dose",
    "percent_excreted": "100·amount/dose", "max_rate": "largest concentration·volume/(end − begin)",
    "half_life": "ln 2/λz", "clr": "amount/AUC of the collected time", "clr_last": "amount/AUClast",
    "clr_obs": "amount/AUCinf", "clr_pred": "amount/AUCinf", "aurc_inf_obs": "AURClast + last rate/λz",
}  # fmt: skip


def why_window(row: xr.Dataset, result: xr.Dataset, name: str, which: str) -> str:
    """Return where an area over a window, or a time or an area above a threshold, comes from.

    Parameters
    ----------
    row, result : Dataset
        One profile, and all.
    name : str
        ``auc_window``, ``aumc_window``, ``time_above`` or ``auc_above``.
    which : str
        What stands in brackets behind the name: a window and a way to go on, or a threshold; "" is the first.

    Raises
    ------
    InputError
        If it was not asked for.
    """
    if name not in result:
        asked = "windows" if "window" in name else "above"
        raise InputError(f"the result does not hold {name!r}; it was made without {asked}=[…]", "why")
    rules, unit = Rules.from_json(str(result.attrs["rules"])), result["sample_time"].attrs.get("units", "")
    cell, end, kind = _cell(row, name, which, rules)
    label = ", ".join(str(cell[d].item()) for d in ("window", "extrapolation", "threshold") if d in cell[name].coords)
    head = f"{result[name].attrs['long_name']} {label} of {whose(row)}"
    reason = str(cell["reason_window" if "window" in name else "reason_above"].item())
    if reason:
        return f"{head}: not computed, {reason}."
    like = {"auc_window": "auc_tau", "aumc_window": "aumc_tau"}.get(name, "auc_above_start")
    row, rules = row.assign_coords(tau=end), rules.changed(partial=kind) if kind else rules
    tail = kind != "" and goes_beyond(row, end, kind, rules)
    parts = [f"{head}: {cell[name].item():.6g} {result[name].attrs['units']}."]
    parts += words_of_taken_off(row, like, rules, result["sample_value"].attrs.get("units", ""))
    parts += words_of_start(row, like, rules, unit) + words_of_replaced(row, like, rules, unit)
    beyond = f", beyond the last sample: {methods.TAILS[kind]}" if tail else ""
    if tail:
        parts += terminal_words(row, "lambda_z", result)
    method = methods.above(rules) if not kind else f"{methods.trapezoids(rules)}{beyond}"
    parts.append(f"Method: {method}.")
    return " ".join(parts + words_of_left_out(row, like, result, unit) + _above_limit(row))


def _above_limit(row: xr.Dataset) -> list[str]:
    """Samples above the upper limit of quantification: no limit of acceptance is asked of windows, but this is told."""
    flags = str(row["flags"].item()).split("; ") if "flags" in row.coords else []
    return [f"To be careful about: {text}{told_in(row)}." for text in flags if "above the upper limit" in text]


def _cell(row: xr.Dataset, name: str, which: str, rules: Rules) -> tuple[xr.Dataset, float, str]:
    """What was asked for, the end of the window and the way to go on (infinity and "" of a threshold)."""
    if "window" in name:
        window, _, kind = (part.strip() for part in which.partition(","))
        windows, kinds = row["window"].to_numpy().tolist(), row["extrapolation"].to_numpy().tolist()
        window, kind = window or windows[0], kind or rules.partial
        problems = unknown_names([window], windows, "window") + unknown_names([kind], kinds, "way to go on")
        if problems:
            raise InputError(problems, "why")
        end = float(window.split("–")[1])
        kind = "obs" if kind == "line" and np.isinf(end) else kind
        return row.sel(window=window, extrapolation=kind), end, kind
    levels = row["threshold"].to_numpy()
    try:
        wanted = float(which) if which else float(levels[0])
    except ValueError:
        wanted = np.nan
    place = np.flatnonzero(levels == wanted)
    if not len(place):
        known = ", ".join(f"{x:g}" for x in levels)
        raise InputError(f"unknown threshold {which!r}; expected one of {known}", "why")
    return row.isel(threshold=int(place[0])), np.inf, ""
