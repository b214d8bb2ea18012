"""From the kernel's arrays to labelled variables: units, codes of CDISC, other programs' names, methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.dosing import ROUTES
from pkpd.nca import reasons
from pkpd.nca.kernel.compute import Computed
from pkpd.nca.kernel.parameters import INDEX, NAMES, PARAMETERS
from pkpd.nca.kernel.partial import KINDS
from pkpd.nca.kernel.profiles import ORAL, Profiles
from pkpd.nca.kernel.row import NcaParameter
from pkpd.nca.methods import TAILS
from pkpd.nca.rules import Rules
from pkpd.nca.settings import NcaSettings
from pkpd.nca.study.base import Base

COORDINATES = {
    "subject": "subject",
    "interval": "number of the dose that begins the interval, within the period; 0: no dose",
    "occasion": "label of the visit",
    "dose_time": "time of the dose, or the beginning of an interval set by hand, on the study's clock",
    "interval_end": "time from this dose to the next, infinite for the last; length of an interval set by hand",
}

OF_PERIODS = {
    "period": "1, 2, …: how often the subject's system has begun anew; times are on the period's own clock",
    "treatment": "treatment of the profile, where it differs within a subject",
}
"""Labels that are there where a subject has several periods, or several treatments."""


def without_doses(found: Computed) -> Computed:
    """Return the same numbers without those that need a dose."""
    values, codes = found.values.copy(), found.codes.copy()
    dosed = [INDEX[name] for name, row in PARAMETERS.items() if row.needs_dose]
    values[:, dosed], codes[:, dosed] = np.nan, reasons.NOT_A_CONCENTRATION
    return found._replace(values=values, codes=codes)


def variables(found: Computed, profiles: Profiles, rules: Rules, base: Base, names: list[str]) -> dict[str, Any]:
    """Return one variable per parameter."""
    shown: dict[str, str] = {}
    result: dict[str, Any] = {}
    for name in names:
        row = PARAMETERS[name]
        key = "1" if row.needs_dose and not base.concentration and row.unit != "%" else row.unit
        if key not in shown:
            shown[key] = base.unit(key)
        attrs = {"units": shown[key], "long_name": row.long_name, "symbol": row.symbol, "cdisc": _cdisc(row, profiles),
                 "method": row.method(rules)}  # fmt: skip
        if row.cdisc:
            attrs["cdisc_by_route"] = "|".join(_by_route(row))
        for other in ("phoenix", "pknca"):
            if getattr(row, other):
                attrs[other] = " ".join(getattr(row, other))
        values = base.shown(row.unit, np.ascontiguousarray(found.values[:, INDEX[name]]))
        result[name] = ("profile", values, attrs)
    return result


def _by_route(row: NcaParameter) -> tuple[str, str, str]:
    """The CDISC codes after a bolus, an infusion and an extravascular dose."""
    codes = row.cdisc
    if len(codes) == 3:
        return codes[0], codes[1], codes[2]
    return codes[0], codes[0], codes[-1]


def _cdisc(row: NcaParameter, profiles: Profiles) -> str:
    """The code for the routes that occur; several are separated by "|"."""
    if not row.cdisc:
        return ""
    present = np.unique(profiles.route[profiles.route >= 0]).tolist() or list(range(len(ROUTES)))
    codes = _by_route(row)
    return "|".join(dict.fromkeys(codes[2 if route == ORAL else route] for route in present))


def extras(found: Computed, settings: NcaSettings, base: Base) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return variables and coordinates of the windows and thresholds that were asked for."""
    extra = found.extra
    data: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    sentences = reasons.sentences(settings.rules.lambda_z_points)
    if settings.windows:
        dims = ("profile", "window", "extrapolation")
        area = base.unit(PARAMETERS["auc_last"].unit)
        data["auc_window"] = (dims, extra.area, {"units": area, "long_name": "AUC over the window"})
        moment = base.unit(PARAMETERS["aumc_last"].unit)
        data["aumc_window"] = (dims, extra.moment, {"units": moment, "long_name": "AUMC over the window"})
        data["reason_window"] = (dims, sentences[extra.area_codes.astype(np.intp)], {})
        coordinates["window"] = [f"{a:.15g}–{b:.15g}" for a, b in settings.windows]
        attrs = {"long_name": "how the area goes on after the last sample",
                 "meaning": "; ".join(f"{k}: {TAILS[k]}" for k in KINDS)}  # fmt: skip
        coordinates["extrapolation"] = ("extrapolation", list(KINDS), attrs)
    if settings.above:
        high = ("profile", "threshold")
        time, area = base.words["time"], base.unit(PARAMETERS["auc_last"].unit)
        data["time_above"] = (high, extra.time_above, {"units": time, "long_name": "time above the threshold"})
        data["auc_above"] = (high, extra.area_above, {"units": area, "long_name": "AUC above the threshold"})
        data["reason_above"] = (high, sentences[extra.above_codes.astype(np.intp)], {})
        coordinates["threshold"] = ("threshold", list(settings.above), {"units": base.own})
    return data, coordinates


def coordinates(profiles: Profiles, dose: Array, base: Base, names: list[str]) -> dict[str, Any]:
    """Return what names a profile: subject, interval, dose (in the unit shown) and route."""
    found: dict[str, Any] = {"parameter": list(names or NAMES)}
    for name, words in {**COORDINATES, **OF_PERIODS}.items():
        if name not in profiles.labels:
            continue
        values = profiles.labels[name]
        if name in ("subject", "occasion", "treatment"):
            numeric = name == "subject" and len(values) and all(isinstance(v, int | np.integer) for v in values)
            values = values.astype(np.int64) if numeric else np.array([str(v) for v in values], dtype=object)
        attrs = {"long_name": words}
        if name in ("dose_time", "interval_end"):
            attrs["units"] = base.words["time"]
        found[name] = ("profile", values, attrs)
    time = base.words["time"]
    routes = np.array([*ROUTES, ""], dtype=object)[profiles.route.astype(np.intp)]
    attrs = {"long_name": "amount of the dose", **({"units": base.dose} if base.dose else {})}
    found["dose"] = ("profile", dose, attrs)
    found["route"] = ("profile", routes, {"long_name": "route of the dose"})
    found["duration"] = ("profile", profiles.duration, {"long_name": "length of the infusion", "units": time})
    found["tau"] = ("profile", profiles.tau, {"long_name": "length of the dosing interval", "units": time})
    return found
