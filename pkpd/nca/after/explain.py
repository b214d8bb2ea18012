"""Where a number comes from, in words."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from pkpd.arguments import checked
from pkpd.errors import InputError, few, unknown_names
from pkpd.nca import methods
from pkpd.nca.after.explain_others import why_excreted, why_sparse, why_window
from pkpd.nca.after.explain_samples import (
    excluded_samples,
    listed,
    too_few,
    whose,
    words_of_left_out,
    words_of_replaced,
    words_of_start,
    words_of_taken_off,
)
from pkpd.nca.after.explain_tail import depends_on_tail, flags_of, terminal_words
from pkpd.nca.after.forms import in_rows
from pkpd.nca.converted import told_in
from pkpd.nca.kernel.parameters import PARAMETERS, parameter_name
from pkpd.nca.response.explain import is_response, why_response
from pkpd.nca.rules import Rules
from pkpd.nca.sparse.result import SparseResult

_ASKED_FOR = re.compile(r"(auc_window|aumc_window|time_above|auc_above)(\[.*\])?")


@checked
def why(result: xr.Dataset | xr.DataTree | SparseResult, parameter: str, profile: int | str = 0) -> str:
    """Return in words where a number comes from, or why there is none.

    Only what the number depends on is told.

    Parameters
    ----------
    result : Dataset, DataTree or SparseResult
        What `nca`, `nca_response`, `nca_sparse` or `sparse` returned. Of several analytes every one is
        told that has the parameter.
    parameter : str
        Name of the parameter, or one of its names in CDISC, Phoenix or PKNCA. An area over a window is called
        ``"auc_window[0–12, obs]"``, time above a concentration ``"time_above[5]"``, as in `summarise`; without the
        brackets the first one is meant.
    profile : int or str
        Position of the profile (of the group in a sparse result), or the subject (the group) if it has one profile.

    Returns
    -------
    str
        Value with unit, formula, the method; where the number depends on them: the value put in at the dose or how C0
        came about, BLQ samples that count, samples left out, the points and the line of the terminal regression; and
        what to be careful about.

    Raises
    ------
    InputError
        If there is no such parameter or profile.
    """
    if isinstance(result, SparseResult):
        return why_sparse(result, parameter)
    if isinstance(result, xr.DataTree):
        return _every(result, parameter, profile)
    assert isinstance(result, xr.Dataset)
    result = in_rows(result)
    if "group" in result.dims:
        return why_sparse(result.isel(group=_place(result, "group", profile)), parameter)
    place = _place(result, "profile", profile)
    row = result.isel(profile=place)
    if is_response(result):
        return why_response(result, parameter, place)
    if "amount_excreted" in result:
        return why_excreted(row, result, parameter)
    if found := _ASKED_FOR.fullmatch(parameter):
        return why_window(row, result, found[1], (found[2] or "")[1:-1])
    return _why(row, result, parameter_name(parameter))


def _place(result: xr.Dataset, dim: str, asked: int | str) -> int:
    """The position of a profile or group that is asked for by it or by its name."""
    name = "subject" if dim == "profile" else dim
    if isinstance(asked, str) and name in result.coords:
        known = [str(own) for own in np.atleast_1d(result[name].to_numpy()).tolist()]
        places = [k for k, own in enumerate(known) if own == asked]
        if len(places) == 1:
            return places[0]
        if places:
            several = f"{name} {asked!r} has {len(places)} profiles"
            raise InputError(f"{several}; expected the position of one: {few(str(k) for k in places)}")
        raise InputError(unknown_names([asked], list(dict.fromkeys(known)), name))
    if isinstance(asked, bool) or not isinstance(asked, int | np.integer) or not 0 <= asked < result.sizes[dim]:
        raise InputError(f"{dim} is {asked!r}; expected 0 to {result.sizes[dim] - 1}, or the name of a {name}")
    return int(asked)


def _every(tree: xr.DataTree, parameter: str, profile: int | str) -> str:
    """The words of every analyte that has the parameter."""
    texts, problems = [], []
    for name, child in tree.children.items():
        try:
            texts.append(f"{name}: {why(child.to_dataset(), parameter, profile)}")
        except InputError as error:
            problems.append(f"{name}: {error}")
    if not texts:
        raise InputError(problems or ["the tree holds no result"], "why")
    return "\n".join(texts)


def _why(row: xr.Dataset, result: xr.Dataset, name: str) -> str:
    """The words of one parameter of one profile."""
    if name not in result:
        raise InputError(f"the result does not hold {name!r}; it was made with parameters=[…] without it")
    rules, unit = Rules.from_json(str(result.attrs["rules"])), result["sample_time"].attrs.get("units", "")
    parameter = PARAMETERS[name]
    head = f"{parameter.long_name} of {whose(row)}"
    reason = str(row["reason"].sel(parameter=name).item())
    if reason:
        lost = excluded_samples(row, result)
        more = f" Left out: {listed(lost, unit)}." if lost else ""
        return f"{head}: not computed, {reason}{too_few(row, reason, unit)}.{more}"
    own = result[name].attrs["units"]
    tail = depends_on_tail(row, name, rules)
    parts = [f"{head}: {row[name].item():.6g}" + (f" {own}" if own != "1" else "") + "."]
    if parameter.formula:
        parts.append(f"Formula: {parameter.formula}.")
    parts += words_of_taken_off(row, name, rules, result["sample_value"].attrs.get("units", ""))
    parts += words_of_start(row, name, rules, unit) + words_of_replaced(row, name, rules, unit)
    if tail:
        parts += terminal_words(row, name, result)
    whole = tail or parameter.method is not methods.over_tau
    parts.append(f"Method: {result[name].attrs['method'] if whole else methods.trapezoids(rules)}.")
    parts += words_of_left_out(row, name, result, unit)
    return " ".join(parts + _cautions(row, name, result, tail))


def _cautions(row: xr.Dataset, name: str, result: xr.Dataset, tail: bool) -> list[str]:
    """Warnings that belong to the number."""
    rules, found = Rules.from_json(str(result.attrs["rules"])), []
    if flags := flags_of(row, name, tail):
        found.append(f"Not accepted by the limits: {flags}{told_in(result)}.")
    if name.startswith("cl_tau") or "_ss_" in name:
        found.append("It is the drug's own only if the interval is at steady state.")
    if name.startswith("mrt_") and "T/2" in PARAMETERS[name].formula and float(row["duration"]) > 0:
        found.append(f"The infusion takes {float(row['duration']):g}: half of it comes off.")
    if tail and rules.lambda_z_method == "tobit":
        found.append("BLQ samples count as left-censored.")
    return found
