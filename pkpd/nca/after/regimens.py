"""A regimen predicted for every single-dose profile of an NCA."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from pkpd import units
from pkpd.arguments import checked, optional, some_times
from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.dosing import Regimen
from pkpd.errors import InputError
from pkpd.nca.after.accepted import doubts
from pkpd.nca.after.superposition import NO_TAIL, add_up, regular_interval
from pkpd.nca.given import OF_SAMPLES, needed
from pkpd.nca.kernel.curve import SingleDoseCurve, area_to, curve_of
from pkpd.nca.kernel.interpolation import LINEAR_LOG, METHODS

_NAMES = {
    "cmax_ss": ("C", "largest concentration at steady state"),
    "cmin_ss": ("C", "smallest concentration at steady state"),
    "ctrough_ss": ("C", "concentration at the end of the interval at steady state"),
    "cavg_ss": ("C", "average concentration at steady state"),
    "auc_tau_ss": ("A", "AUC of a dosing interval at steady state"),
    "fluctuation_ss": ("%", "fluctuation at steady state, (Cmax − Cmin)/Cavg"),
    "accumulation": ("1", "accumulation ratio, AUCtau at steady state by that after the first dose"),
}


@checked(result=OF_SAMPLES, at=optional(some_times()))
def superpose_study(
    result: xr.Dataset, regimen: Regimen, *, at: npt.ArrayLike | None = None, clast: str = "observed"
) -> xr.Dataset:
    """Return the concentrations and the steady state of a regimen, predicted from every profile of an NCA.

    Concentrations are those of the regimen as it stands; the numbers of steady state are those of its dose given for
    ever, and exist for a regular regimen (equal amounts at equal intervals) only. The curve of a profile starts at C0
    after a bolus, else at its sample at time 0 or at zero. The principle holds for profiles of a single dose, for
    kinetics that are proportional to the dose and do not change.

    Parameters
    ----------
    result : Dataset
        What `pkpd.nca.nca` returned.
    regimen : Regimen
        Doses by the route (and for infusions the duration) of the profiles; units are converted.
    at : (times,), optional
        Times on the regimen's clock in its time unit; by default every dose and 48 points between two doses, up to
        one interval after the last.
    clast : {"observed", "predicted"}
        Where the exponential after the last sample starts.

    Returns
    -------
    Dataset
        ``concentration (profile, time)``, at the time of a dose the value after it; ``cmax_ss``, ``cmin_ss``,
        ``ctrough_ss``, ``cavg_ss``, ``auc_tau_ss``, ``fluctuation_ss`` (%), ``accumulation``, each with ``units`` and
        ``long_name``; and ``reason (profile, quantity)``, a sentence wherever one of them has NaN; ``doubt
        (profile)``, the limits of acceptance that speak against the AUC to infinity of the profile.

    Raises
    ------
    InputError, UnitError
        If the regimen has no dose, its units do not fit the result's, or `clast` is unknown.

    References
    ----------
    Gibaldi & Perrier, Pharmacokinetics, 2nd ed. (1982), chapter on multiple dosing.
    """
    more = ["clast_pred"] * (clast == "predicted") + ["c0"] * ("bolus" in result["route"].values.tolist())
    needed(result, ("lambda_z", "auc_last", *more), "superposition")
    problems = [] if len(regimen) else ["the regimen has no dose"]
    problems += (
        [] if clast in ("observed", "predicted") else [f"clast is {clast!r}; expected 'observed' or 'predicted'"]
    )
    if not units.is_kind(str(result["sample_value"].attrs.get("units", "1")), "concentration"):
        problems.append("the analyte is not a concentration, so its course does not follow from a dose")
    if problems:
        raise InputError(problems, "superposition")
    plan = regimen.written_out().in_units(result["dose"].attrs["units"], result["sample_time"].attrs["units"])
    ratio = units.factor(regimen.time_unit, plan.time_unit)
    times = _grid(plan) if at is None else product(np.atleast_1d(np.asarray(at, dtype=np.float64)), ratio)
    tau, irregular = _interval_of(plan)
    n = result.sizes["profile"]
    concentration = np.full((n, len(times)), np.nan)
    numbers = np.full((n, len(_NAMES)), np.nan)
    why = np.full((n, len(_NAMES) + 1), "", dtype=object)
    for k in range(n):
        single, reason = _curve(result.isel(profile=k), plan, clast)
        if single is None:
            why[k] = reason
            continue
        scale = np.array([d.amount for d in plan]) / single.dose
        concentration[k] = add_up(single, np.array(plan.times), scale, times)
        if irregular:
            why[k, 1:] = irregular
        else:
            numbers[k] = _steady(single, tau, float(scale[0]))
        why[k, np.append(np.isnan(concentration[k]).any(), np.isnan(numbers[k])) & (why[k] == "")] = NO_TAIL
    found = _dataset(result, plan, tau, (times, concentration, numbers, why))
    words = {"long_name": "limits that speak against the profile's AUC to infinity, on which all rests"}
    return found.assign(doubt=("profile", doubts(result, "auc_inf_obs"), words))


def _steady(single: SingleDoseCurve, tau: float, scale: float) -> Array:
    """The numbers of steady state, in the order of `_NAMES`."""
    found = regular_interval(single, tau, np.inf, scale)
    numbers = [found.cmax, found.cmin, found.trough, found.cavg, found.auc_tau, found.fluctuation, found.accumulation]
    if not area_to(single, np.array([tau]))[0] > 0:
        numbers[-1] = np.nan
    return np.array(numbers)


def _grid(plan: Regimen) -> Array:
    """Every dose and 48 points between two."""
    edges = np.unique(plan.times)
    step = edges[-1] - edges[-2] if len(edges) > 1 else units.factor("day", plan.time_unit)
    edges = np.append(edges, edges[-1] + step)
    return np.unique(np.concatenate([np.linspace(a, b, 49) for a, b in pairwise(edges)]))


def _interval_of(plan: Regimen) -> tuple[float, str]:
    """The regimen's interval, or why it has none."""
    gaps = np.diff(plan.times)
    amounts = np.array([dose.amount for dose in plan])
    if not len(gaps):
        return np.nan, "a single dose has no steady state"
    if not np.allclose(gaps, gaps[0], rtol=1e-9, atol=0) or gaps[0] <= 0:
        return np.nan, "the doses are not equally spaced, so there is no dosing interval"
    if not np.allclose(amounts, amounts[0], rtol=1e-9, atol=0):
        return np.nan, "the doses are not equal, so there is no steady state"
    return float(gaps.mean()), ""


def _curve(row: xr.Dataset, plan: Regimen, clast: str) -> tuple[SingleDoseCurve | None, str]:
    """The profile's curve, or the reason why it cannot serve."""
    route, duration, dose = str(row["route"].item()), row["duration"].item(), row["dose"].item()
    if not (np.isfinite(dose) and dose > 0):
        return None, "the profile has no dose > 0"
    if other := sorted({d.route for d in plan} - {route}):
        return None, f"the profile's dose is {route or 'unknown'}, the regimen's {' and '.join(other)}"
    if any(not np.isclose(d.duration, duration, rtol=1e-6) for d in plan):
        return None, "the regimen's infusions last longer or shorter than the profile's"
    if row["interval"].item() > 1:
        return None, "not the first dose: what was left of doses before would be counted again"
    t, c = row["sample_time"].to_numpy(), row["sample_value"].to_numpy()
    there = np.isfinite(t) & np.isfinite(c) & (t >= 0)
    t, c = t[there], c[there]
    if not (c > 0).any():
        return None, "no quantifiable sample"
    if route == "bolus" and not (t == 0).any():
        c0 = row["c0"].item()
        if not np.isfinite(c0):
            return None, "no C0, so the curve has no beginning"
        t, c = np.append(0.0, t), np.append(c0, c)
    rule = json.loads(str(row.attrs.get("rules", "{}"))).get("auc", LINEAR_LOG)
    level = row["clast_pred"].item() if clast == "predicted" else "observed"
    method = rule if rule in METHODS else LINEAR_LOG
    keep = np.append(True, np.diff(t) > 0)
    rate = row["lambda_z"].item()
    return curve_of(t[keep], c[keep], dose=dose, lambda_z=rate, clast=level, method=method), ""


def _dataset(
    result: xr.Dataset, plan: Regimen, tau: float, found: tuple[Array, Array, Array, npt.NDArray[Any]]
) -> xr.Dataset:
    times, concentration, numbers, why = found
    unit = {"C": result["sample_value"].attrs["units"], "A": result["auc_last"].attrs["units"], "%": "%", "1": "1"}
    variables: dict[str, Any] = {
        "concentration": (("profile", "time"), concentration, {"units": unit["C"], "long_name": "predicted value"})
    }
    for column, (name, (kind, text)) in enumerate(_NAMES.items()):
        variables[name] = ("profile", numbers[:, column], {"units": unit[kind], "long_name": text})
    variables["reason"] = (("profile", "quantity"), why, {"long_name": "why there is no number"})
    coordinates = {str(k): v for k, v in result.coords.items() if v.dims == ("profile",)}
    attrs = {k: v for k, v in result.attrs.items() if k in ("analyte", "rules", "synthetic", "data_hash", "source")}
    attrs |= {"regimen": str(plan), "tau": tau, "principle": "superposition of the single-dose profile"}
    time = ("time", times, {"units": plan.time_unit, "long_name": "time on the regimen's clock"})
    return xr.Dataset(variables, {**coordinates, "time": time, "quantity": ["concentration", *_NAMES]}, attrs)
