"""From the kernel's arrays to a labelled result: units, codes, reasons (floor 3)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from pkpd import units
from pkpd.dosing import ROUTES
from pkpd.errors import InputError, nearest
from pkpd.nca import reasons
from pkpd.nca.intervals import TIE_RULE, profiles_of
from pkpd.nca.kernel import Computed, compute
from pkpd.nca.parameters import NAMES, PARAMETERS, Parameter
from pkpd.nca.profiles import ORAL, Profiles
from pkpd.nca.rules import Rules, preset
from pkpd.study import Study

_LABELS = {
    "subject": "subject",
    "interval": "number of the dose that begins the interval; 0: the subject has no dose",
    "occasion": "label of the visit",
    "dose_time": "time of the dose on the study's clock",
    "interval_end": "time from this dose to the next, infinite for the last",
}


def nca(
    study: Study,
    analyte: str,
    *,
    preset: str = "phoenix",
    rules: Rules | None = None,
    dose_unit: str | None = None,
    **changes: Any,
) -> xr.Dataset:
    """Return the non-compartmental parameters of one analyte, one row per subject and dosing interval.

    Parameters
    ----------
    study : Study
        Observations and doses.
    analyte : str
        What to analyse.
    preset : str
        Name of a set of rules, see `pkpd.nca.PRESETS`.
    rules : Rules, optional
        The rules themselves, instead of a preset.
    dose_unit : str, optional
        Unit of the doses to compute with, ``"mg"`` or ``"ug/kg"``; by default the study's own. A dose per
        kilogram gives clearances per kilogram; changing between the two takes the subjects' weights.
    **changes
        Single rules that differ, e.g. ``auc="linear"``; see `Rules`.

    Returns
    -------
    xarray.Dataset
        Dimension ``profile`` with coordinates ``subject``, ``interval``, ``occasion``, ``dose_time``,
        ``interval_end``, ``dose``, ``route``, ``duration``. One float variable per parameter (`PARAMETERS`) with
        ``units``, ``long_name``, ``symbol``, ``cdisc`` and ``method``; ``reason(profile, parameter)`` holds a
        sentence wherever the parameter is NaN and "" elsewhere; ``sample_time``, ``sample_value``,
        ``sample_quantified`` ``(profile, sample)`` are the samples as the rules left them. It can be saved
        as NetCDF.

    Raises
    ------
    InputError
        If the study has no such analyte, or a preset or rule does not exist.
    UnitError
        If `dose_unit` is not the unit of a dose.

    References
    ----------
    Gabrielsson & Weiner, Pharmacokinetic and Pharmacodynamic Data Analysis, chapter on non-compartmental analysis;
    Certara, Phoenix WinNonlin user's guide, "NCA computation rules".
    """
    if not isinstance(study, Study):
        raise InputError(f"study is a {type(study).__name__}; expected a Study (see pkpd.read_study)", "nca")
    chosen = (rules or _preset(preset)).changed(**changes)
    base, concentration = _base_units(study, analyte, dose_unit)
    profiles = profiles_of(study, analyte, base["amount"] if concentration else dose_unit)
    found = compute(profiles, chosen)
    if not concentration:
        found = _without_doses(found)
    variables = _variables(found.values, profiles, chosen, base, concentration)
    sentences = reasons.sentences(chosen.lambda_z_points)[found.codes.astype(np.intp)]
    variables["reason"] = (("profile", "parameter"), sentences, {"long_name": "why there is no number"})
    variables.update(_samples(found, base))
    coordinates = _coordinates(profiles, base, concentration)
    return xr.Dataset(variables, coordinates, _attributes(study, analyte, chosen))


_preset = preset


def why(result: xr.Dataset, parameter: str, profile: int = 0) -> str:
    """Return in words where a number comes from, or why there is none.

    Parameters
    ----------
    result : Dataset
        What `nca` returned.
    parameter : str
        Name of the parameter.
    profile : int
        Position of the profile.

    Raises
    ------
    InputError
        If there is no such parameter or profile.
    """
    if parameter not in PARAMETERS:
        raise InputError(f"unknown parameter {parameter!r}; {nearest(parameter, NAMES)}")
    if not 0 <= profile < result.sizes["profile"]:
        raise InputError(f"profile is {profile}; expected 0 to {result.sizes['profile'] - 1}")
    row = result.isel(profile=profile)
    unit = result[parameter].attrs["units"]
    head = f"{PARAMETERS[parameter].long_name} of subject {row['subject'].item()}, interval {row['interval'].item()}"
    reason = str(row["reason"].sel(parameter=parameter).item())
    if reason:
        return f"{head}: not computed, {reason}."
    text = f"{head}: {row[parameter].item():.6g}" + (f" {unit}" if unit != "1" else "") + "."
    if np.isfinite(row["lambda_z"].item()):
        time = result["tmax"].attrs["units"]
        text += (
            f" Terminal regression over {row['lambda_z_points'].item():.0f} points from "
            f"{row['lambda_z_start'].item():g} to {row['lambda_z_end'].item():g} {time}, adjusted R² "
            f"{row['lambda_z_r2_adjusted'].item():.4f}, span {row['lambda_z_span'].item():.2f} half-lives"
        )
        beyond = row["auc_extrapolated_obs"].item()
        text += f"; {beyond:.1f} % of AUC extrapolated." if np.isfinite(beyond) else "."
    return f"{text} Method: {result[parameter].attrs['method']}."


def _base_units(study: Study, analyte: str, dose_unit: str | None) -> tuple[dict[str, str], bool]:
    """Units for the words time, amount and volume, and whether the analyte is a concentration."""
    own = study.units.get(analyte, "1")
    time = study.units["time"]
    if units.is_kind(own, "concentration"):
        amount, volume, _ = units.coherent(dose_unit or study.units.get("dose", "mg"), own)
        return {"time": time, "amount": amount, "volume": volume, "own": units.show(own)}, True
    return {"time": time, "amount": own, "volume": "1", "own": units.show(own)}, False


def _unit(row: Parameter, base: Mapping[str, str], concentration: bool) -> str:
    if row.unit == "log":
        return f"ln({base['own']})"
    if row.unit == "amount/volume":
        return base["own"]
    if row.needs_dose and not concentration:
        return "1"
    if row.unit in ("1", "%"):
        return row.unit
    return units.resolve(row.unit, base)


def _without_doses(found: Computed) -> Computed:
    """The same numbers without those that need a dose."""
    values, codes = found.values.copy(), found.codes.copy()
    dosed = [NAMES.index(name) for name, row in PARAMETERS.items() if row.needs_dose]
    values[:, dosed], codes[:, dosed] = np.nan, reasons.NOT_A_CONCENTRATION
    return found._replace(values=values, codes=codes)


def _variables(
    values: npt.NDArray[np.float64], profiles: Profiles, rules: Rules, base: Mapping[str, str], concentration: bool
) -> dict[str, Any]:
    shown: dict[str, str] = {}
    found: dict[str, Any] = {}
    for column, (name, row) in enumerate(PARAMETERS.items()):
        if row.unit not in shown or not concentration:
            shown[row.unit] = _unit(row, base, concentration)
        attrs = {"units": shown[row.unit], "long_name": row.long_name, "symbol": row.symbol,
                 "cdisc": _cdisc(row, profiles), "method": _method(name, rules)}  # fmt: skip
        found[name] = ("profile", np.ascontiguousarray(values[:, column]), attrs)
    return found


def _cdisc(row: Parameter, profiles: Profiles) -> str:
    """The code for the routes that occur; several are separated by "|"."""
    present = np.unique(profiles.route[profiles.route >= 0]).tolist() or list(range(len(ROUTES)))
    if not row.cdisc:
        return ""
    if len(row.cdisc) == 1:
        return row.cdisc[0]
    by_route = row.cdisc if len(row.cdisc) == 3 else (row.cdisc[0], row.cdisc[0], row.cdisc[1])
    return "|".join(dict.fromkeys(by_route[ORAL if route == ORAL else route] for route in present))


def _method(name: str, rules: Rules) -> str:
    """The rule that the number depends on most."""
    regression = f"best adjusted R² (tolerance {rules.lambda_z_tolerance:g}, at least {rules.lambda_z_points} points)"
    if name == "c0":
        return rules.c0
    if name.startswith(("lambda_z", "half_life", "clast_pred")):
        return regression
    if name.startswith(("auc", "aumc", "mrt", "cl_", "vz_", "vss_")):
        tail = "" if name.endswith(("_last", "_all", "_last_dose")) else f", {regression}"
        return f"{rules.auc} trapezoidal rule{tail}"
    return "observed"


def _samples(found: Computed, base: Mapping[str, str]) -> dict[str, Any]:
    """The samples as the rules left them, one row per profile, padded."""
    ready = found.prepared
    counts = ready.counts
    width = int(counts.max()) if len(counts) else 0
    real = np.arange(width) < counts[:, None]
    padded = {name: np.full(real.shape, np.nan) for name in ("sample_time", "sample_value")}
    padded["sample_time"][real], padded["sample_value"][real] = ready.times, ready.values
    quantified = np.zeros(real.shape, dtype=bool)
    quantified[real] = ready.quantified
    dims = ("profile", "sample")
    return {
        "sample_time": (dims, padded["sample_time"], {"units": base["time"], "long_name": "time after the dose"}),
        "sample_value": (dims, padded["sample_value"], {"units": base["own"], "long_name": "value that was used"}),
        "sample_quantified": (dims, quantified, {"long_name": "not below the limit of quantification"}),
    }


def _coordinates(profiles: Profiles, base: Mapping[str, str], concentration: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"parameter": list(NAMES)}
    for name, text in _LABELS.items():
        values = profiles.labels[name]
        if name in ("subject", "occasion"):
            numeric = name == "subject" and len(values) and all(isinstance(v, int | np.integer) for v in values)
            values = values.astype(np.int64) if numeric else np.array([str(v) for v in values], dtype=object)
        attrs = {"long_name": text}
        if name in ("dose_time", "interval_end"):
            attrs["units"] = base["time"]
        found[name] = ("profile", values, attrs)
    routes = np.array([*ROUTES, ""], dtype=object)[profiles.route.astype(np.intp)]
    attrs = {"long_name": "amount of the dose", **({"units": base["amount"]} if concentration else {})}
    found["dose"] = ("profile", profiles.dose, attrs)
    found["route"] = ("profile", routes, {"long_name": "route of the dose"})
    found["duration"] = ("profile", profiles.duration, {"long_name": "length of the infusion", "units": base["time"]})
    return found


def _attributes(study: Study, analyte: str, rules: Rules) -> dict[str, Any]:
    attrs: dict[str, Any] = {
        "title": f"non-compartmental analysis of {analyte}",
        "analyte": analyte,
        "rules": rules.to_json(),
        "equal_times": TIE_RULE,
        "pkpd_version": version("pkpd"),
    }
    for name in ("data_hash", "source", "synthetic"):
        value = getattr(study, name, None) or study.attrs.get(name)
        if value is not None:
            attrs[name] = int(value) if isinstance(value, bool) else str(value)
    return attrs
