"""Excretion in urine or faeces from collections: amounts, rates and renal clearance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas
import xarray as xr

from pkpd import units
from pkpd.arrays import Array, Integers
from pkpd.decimals import difference
from pkpd.dosing import ROUTES
from pkpd.errors import InputError, warn
from pkpd.nca import reasons
from pkpd.nca.kernel.accept import Acceptance, acceptance, line, not_met
from pkpd.nca.kernel.compute import Computed, as_analysed, compute
from pkpd.nca.kernel.profiles import ORAL, Profiles
from pkpd.nca.settings import NcaSettings
from pkpd.nca.study.base import scaled
from pkpd.nca.study.covariates import with_covariates
from pkpd.nca.study.dose_events import DoseEvents, dose_events
from pkpd.nca.study.drugs import of_drug
from pkpd.nca.study.intervals import profiles_of
from pkpd.nca.study.labels import OF_PERIODS
from pkpd.nca.study.lost_collections import lost, rests_on_amounts
from pkpd.nca.study.periods import ByPeriod, by_period
from pkpd.nca.study.provenance import attributes
from pkpd.nca.study.unsampled import warn_unsampled
from pkpd.study import Study


@dataclass(frozen=True, slots=True)
class _Row:
    symbol: str
    unit: str
    long_name: str
    cdisc: str = ""
    phoenix: str = ""
    pknca: str = ""


_AMOUNT, _RATE = "amount", "amount/time"
EXCRETION: Mapping[str, _Row] = MappingProxyType(
    {
        "n_collections": _Row("N", "1", "collections after the dose that can be used", "", "N_Samples"),
        "collected_from": _Row("t1", "time", "beginning of the first collection"),
        "collected_to": _Row("t2", "time", "end of the last collection"),
        "volume": _Row("V", "volume", "volume of all collections", "VOLPK", "Vol_UR", "volpk"),
        "amount_excreted": _Row("Ae", _AMOUNT, "amount excreted in all collections", "RCAMINT",
                                "Amount_Recovered", "ae"),
        "fraction_excreted": _Row("fe", "1", "part of the dose that was excreted", "FREXINT", "", "fe"),
        "percent_excreted": _Row("%fe", "%", "percentage of the dose that was excreted", "RCPCINT",
                                 "Percent_Recovered"),
        "max_rate": _Row("ERmax", _RATE, "largest excretion rate", "ERMAX", "Max_Rate", "ermax"),
        "t_max_rate": _Row("tmid(ERmax)", "time", "middle of the collection with the largest rate", "ERTMAX",
                           "Tmax_Rate", "ertmax"),
        "last_rate": _Row("ERlast", _RATE, "last rate that is not zero", "ERLST", "Rate_last"),
        "t_last_rate": _Row("tmid(ERlast)", "time", "middle of the last collection with a rate that is not zero",
                            "ERTLST", "Mid_Pt_last", "ertlst"),
        "aurc_last": _Row("AURClast", _AMOUNT, "area under the excretion rate to the last rate", "AURCLST",
                           "AURC_last"),
        "aurc_all": _Row("AURCall", _AMOUNT, "area under the excretion rate to the last collection", "AURCALL",
                         "AURC_all"),
        "aurc_inf_obs": _Row("AURCinf", _AMOUNT, "area under the excretion rate to infinity", "AURCIFO",
                             "AURC_INF_obs"),
        "lambda_z": _Row("λz", "1/time", "terminal rate constant of the excretion rate", "LAMZ", "Lambda_z"),
        "half_life": _Row("t1/2", "time", "terminal half-life of the excretion rate", "LAMZHL", "HL_Lambda_z"),
        "clr": _Row("CLR", "volume/time", "renal clearance: amount over AUC of the collected time", "RENALCL", "", ""),
        "clr_last": _Row("CLR,last", "volume/time", "renal clearance: amount over AUClast", "", "", "clr.last"),
        "clr_obs": _Row("CLR,obs", "volume/time", "renal clearance: amount over AUC to infinity (observed Clast)", "",
                        "", "clr.obs"),
        "clr_pred": _Row("CLR,pred", "volume/time", "renal clearance: amount over AUC to infinity (predicted Clast)",
                         "", "", "clr.pred"),
    }
)  # fmt: skip
"""Every parameter of an excretion, in the order of the result."""

_SENTENCES = {
    100: "no collection with a usable amount in this dosing interval",
    101: "no concentration in blood was analysed with it: name it in the same call of pkpd.nca",
    102: "the subject has no concentrations in blood in this dosing interval",
    103: "the collections do not cover the whole time from the dose to the end of the last one",
}
_NOTHING, _NO_PLASMA, _NO_PROFILE, _GAP = _SENTENCES


@dataclass(frozen=True, eq=False)
class _Collections:
    """Usable collections in order of profile; times count from the dose."""

    owner: Integers
    begin: Array
    end: Array
    volume: Array
    amount: Array
    events: DoseEvents
    event: Integers  # dose of every profile
    gap: Array  # largest time between two collections of a profile
    left_out: tuple[Integers, Array, Array]  # collections that cannot be used: profile, beginning, end


def is_excreted(study: Study, analyte: str) -> bool:
    """Return whether an analyte was measured in collections (records with an end)."""
    return bool(study.used(analyte)["until"].notna().any())


def excretion(study: Study, settings: NcaSettings) -> xr.Dataset:
    """Return what was excreted after every dose, and the renal clearance if the concentration in blood is named.

    ``Ae = Σ concentration·volume``, ``fe = Ae/dose``, rate of a collection ``concentration·volume/(end − begin)``
    at its middle; the rates make a curve that starts with zero at the dose and is treated as a concentration is.
    ``CLR = Ae/AUC``. BLQ collections count as zero.

    Parameters
    ----------
    study : Study
        With observations that have ``until`` and, unless they are amounts, ``volume``.
    settings : NcaSettings
        What is asked for; its analyte is the one in the collections, `plasma` the one in blood that it comes from.

    Returns
    -------
    xarray.Dataset
        One row per subject and dosing interval with collections; variables `EXCRETION`, ``reason`` and the
        coordinates of `pkpd.nca`.

    Warns
    -----
    DataWarning
        If collections lie before the first dose, run across a dose, or cannot be used, with their count.

    References
    ----------
    Certara, Phoenix WinNonlin user's guide, "Interval data parameters"; Rowland & Tozer, Clinical Pharmacokinetics
    and Pharmacodynamics, chapter on elimination.
    """
    if (periods := by_period(study)) is None:
        found = _excreted(study, settings)
    else:
        found = _by_period(_excreted(periods.study, settings), periods, attributes(study, settings))
    return with_covariates(found, study, EXCRETION)


def _excreted(study: Study, settings: NcaSettings) -> xr.Dataset:
    """The excretion of a study in which every subject has one period."""
    plasma, words = settings.plasma, _units(study, settings)
    warn_unsampled(study, settings.analyte)
    dosed = of_drug(study, plasma or settings.analyte, settings.drug)
    parts = _collections(dosed, settings.analyte, words)
    n = len(parts.event)
    values = {name: np.full(n, np.nan) for name in EXCRETION}
    codes = {name: np.zeros(n, dtype=np.int16) for name in EXCRETION}
    dose = parts.events.amount[parts.event]
    _amounts(parts, dose, values, codes)
    rates = _rates(parts, settings)
    for name, source in (("aurc_last", "auc_last"), ("aurc_all", "auc_all"), ("aurc_inf_obs", "auc_inf_obs"),
                         ("lambda_z", "lambda_z"), ("half_life", "half_life"), ("max_rate", "cmax"),
                         ("t_max_rate", "tmax"), ("last_rate", "clast"), ("t_last_rate", "tlast")):  # fmt: skip
        values[name], codes[name] = rates.of(source), rates.why(source).astype(np.int16)
    against_blood = _clearances(dosed, settings, plasma, parts, values, codes, words)
    found = _labelled(study, settings, plasma, parts, values, codes, words)
    missing = lost((parts.owner, parts.begin, parts.end), parts.left_out, settings.rules.accept_lost_collections,
                   words["time"])  # fmt: skip
    limits = Acceptance(n, (*missing, *line(rates, settings.rules)))
    return _with_acceptance(found, limits, against_blood)


def _with_acceptance(found: xr.Dataset, limits: Acceptance, against_blood: Mapping[str, Any]) -> xr.Dataset:
    """The result with what speaks against its numbers; what speaks against an AUC speaks against its clearance."""
    table = not_met(limits, list(EXCRETION), rests_on_amounts)
    for name, words in against_blood.items():
        own = table[:, list(EXCRETION).index(name)]
        own[:] = [f"{a}; AUC in blood: {b}" if a and b else f"AUC in blood: {b}" if b else a
                  for a, b in zip(own, words, strict=True)]  # fmt: skip
    flags = limits.flags
    found = found.assign(doubt=(("profile", "parameter"), table, {"long_name": "limits that speak against it"}))
    return found.assign_coords(
        accepted=("profile", flags == "", {"long_name": "every limit of acceptance in the rules is met"}),
        flags=("profile", flags, {"long_name": "limits of acceptance that are not met"}),
    )


def _by_period(found: xr.Dataset, periods: ByPeriod, attrs: dict[str, Any]) -> xr.Dataset:
    """The excretion of a study by period with the subjects' own identifiers, and what the whole study says."""
    by_name = {str(part): part for part in periods.parts}
    parts = [by_name[name] for name in found["subject"].to_numpy().tolist()]
    subjects = np.array([part.subject for part in parts], dtype=object)
    numeric = len(subjects) and all(isinstance(v, int | np.integer) for v in subjects)
    period = ("profile", np.array([part.period for part in parts], dtype=np.int64), {"long_name": OF_PERIODS["period"]})
    subject = ("profile", subjects.astype(np.int64) if numeric else subjects.astype(str).astype(object))
    return found.assign_coords(subject=subject, period=period).assign_attrs(attrs)


def _units(study: Study, settings: NcaSettings) -> dict[str, str]:
    """Units for the words time, amount and volume; what is excreted is never per kilogram."""
    own, dose = study.units.get(settings.analyte, "1"), settings.dose_unit or study.units.get("dose", "mg")
    dose = dose.split("/")[0].strip() if units.per_kg(dose) else dose
    time = study.units["time"]
    if units.is_kind(own, "concentration"):
        amount, volume, _ = units.coherent(dose, own)
        return {"time": time, "amount": amount, "volume": volume}
    if not units.is_kind(own, "amount"):
        raise InputError(f"{settings.analyte!r} was collected in {own!r}; expected a concentration or an amount", "nca")
    return {"time": time, "amount": own, "volume": study.units.get("volume", "mL")}


def _shown(study: Study, settings: NcaSettings, words: Mapping[str, str]) -> dict[str, str]:
    """Units as they are shown: amounts in the unit of the dose, volumes in that of the collections."""
    dose = settings.dose_unit or study.units.get("dose", words["amount"])
    dose = dose.split("/")[0].strip() if units.per_kg(dose) else dose
    return {**words, "amount": units.show(dose), "volume": study.units.get("volume", words["volume"])}


def _collections(study: Study, analyte: str, words: Mapping[str, str]) -> _Collections:
    table = study.observations[study.observations["analyte"] == study.analyte_named(analyte)]
    excluded = table["excluded"].to_numpy(dtype=bool)
    own = study.units.get(analyte, "1")
    value = np.where(table["blq"], 0.0, table["value"].to_numpy(dtype=float))
    volume = table["volume"].to_numpy(dtype=float, na_value=np.nan)
    if units.is_kind(own, "concentration"):
        volume = volume * units.factor(study.units.get("volume", words["volume"]), words["volume"])
        amount = np.where(value == 0, 0.0, value * volume)  # nothing excreted, whatever the volume
    else:
        amount = value
    events = dose_events(study, words["amount"])
    subject = pandas.Index(study.subject_ids).get_indexer(pandas.Index(table["subject"])).astype(np.intp)
    begin, end = table["time"].to_numpy(dtype=float), table["until"].to_numpy(dtype=float)
    n = len(events.time)
    who, when = np.concatenate([events.subject, subject]), np.concatenate([events.time, begin])
    order = np.lexsort((np.repeat([0, 1], [n, len(begin)]), when, who))  # a collection begins after the dose
    last = np.empty(len(who), dtype=np.intp)
    last[order] = np.cumsum(order < n) - 1
    event = last[n:]
    before = (event < 0) | (events.subject[np.maximum(event, 0)] != subject)
    across = ~before & (end > events.until[np.maximum(event, 0)])
    unusable = ~(np.isfinite(amount) & (amount >= 0) & (end >= begin))
    for which, words_ in ((before, "begin before the first dose"), (across & ~before, "run across the next dose"),
                          (unusable & ~before & ~across, "have no usable amount (value and volume)")):  # fmt: skip
        which = which & ~excluded
        if which.any():
            warn(f"{int(which.sum())} collections of {analyte} {words_} and are left out")
    keep = np.flatnonzero(~(before | across | unusable | excluded))
    keep = keep[np.lexsort((begin[keep], event[keep]))]
    mine, owner = np.unique(event[keep], return_inverse=True)
    zero = np.where(np.isinf(events.time[mine]), 0.0, events.time[mine])
    start, stop = difference(begin[keep], zero[owner]), difference(end[keep], zero[owner])
    away = np.flatnonzero(~before & (across | unusable | excluded) & np.isin(event, mine) & (end >= begin))
    whose = np.searchsorted(mine, event[away])
    left_out = (
        whose,
        difference(begin[away], zero[whose]),
        difference(np.minimum(end[away], events.until[event[away]]), zero[whose]),
    )
    gap = np.zeros(len(mine))
    same = owner[1:] == owner[:-1]
    np.maximum.at(gap, owner[1:][same], difference(start[1:], stop[:-1])[same])
    return _Collections(owner, start, stop, volume[keep], amount[keep], events, mine, gap, left_out)


def _amounts(parts: _Collections, dose: Array, values: dict[str, Array], codes: dict[str, Any]) -> None:
    """Sums over the collections of every profile."""
    n = len(parts.event)
    values["n_collections"] = np.bincount(parts.owner, minlength=n).astype(float)
    values["amount_excreted"] = np.bincount(parts.owner, parts.amount, minlength=n).astype(float)
    values["volume"] = np.bincount(parts.owner, parts.volume, minlength=n).astype(float)
    codes["volume"][np.isnan(values["volume"])] = _NOTHING
    head = np.searchsorted(parts.owner, np.arange(n))
    values["collected_from"] = parts.begin[head] if n else np.zeros(0)
    values["collected_to"] = np.zeros(n)
    np.maximum.at(values["collected_to"], parts.owner, parts.end)
    with np.errstate(all="ignore"):
        fraction = values["amount_excreted"] / dose
    why = np.where(np.isnan(dose), reasons.NO_DOSE, np.where(dose == 0, reasons.ZERO_DOSE, 0)).astype(np.int16)
    values["fraction_excreted"], values["percent_excreted"] = fraction, 100.0 * fraction
    codes["fraction_excreted"], codes["percent_excreted"] = why, why.copy()


def _rates(parts: _Collections, settings: NcaSettings) -> Computed:
    """The excretion rates at the middles of the collections as a curve that starts with zero at the dose."""
    n = len(parts.event)
    length = difference(parts.end, parts.begin)
    with np.errstate(all="ignore"):
        rate = np.where(length > 0, parts.amount / length, np.nan)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(parts.owner, minlength=n))]).astype(np.intp)
    curve = Profiles.from_arrays(0.5 * (parts.begin + parts.end), rate, offsets=offsets)
    oral = replace(curve, route=np.full(n, ORAL, dtype=np.int8))
    return compute(oral, settings.rules.changed(time_zero="zero", lambda_z_cmax=False))


def _clearances(
    study: Study, settings: NcaSettings, plasma: str | None, parts: _Collections, values: dict[str, Array],
    codes: dict[str, Any], words: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """Amount over the AUC of the collected time, AUClast and the AUCs to infinity; what speaks against these AUCs."""
    names = ("clr", "clr_last", "clr_obs", "clr_pred")
    if plasma is None:
        for name in names:
            codes[name][:] = _NO_PLASMA
        return {}
    blood = profiles_of(study, plasma, tau=settings.tau, steady_state=settings.steady_state)
    rank = {(s, k): i for i, (s, k) in enumerate(zip(blood.labels["subject"], blood.labels["interval"], strict=True))}
    ids = np.asarray(study.subject_ids, dtype=object)
    events = parts.events
    place = np.array(
        [rank.get((ids[events.subject[e]], int(events.number[e])), -1) for e in parts.event], dtype=np.intp
    )
    if not len(blood):
        for name in names:
            codes[name][:] = _NO_PROFILE
        return {}
    tau = np.full(len(blood), np.nan)
    tau[place[place >= 0]] = values["collected_to"][place >= 0]
    # What stands at a dose still comes from the dosing interval, not from the time of the collections.
    blood = as_analysed(replace(blood, tau=tau, cycle=blood.tau), settings.rules)
    found = compute(blood, settings.rules)
    limits = acceptance(found, blood, settings.rules, study.units["time"])
    against = {}
    from_start = values["collected_from"] <= 1e-9 * np.maximum(values["collected_to"], 1e-300)
    amount, _, _ = units.coherent(words["amount"], study.units[plasma])
    excreted = values["amount_excreted"] * units.factor(words["amount"], amount)
    for name, area in zip(names, ("auc_tau", "auc_last", "auc_inf_obs", "auc_inf_pred"), strict=True):
        value, code = found.of(area)[place], found.why(area)[place].astype(np.int16)
        with np.errstate(all="ignore"):
            values[name] = excreted / value
        codes[name] = np.where(place < 0, _NO_PROFILE, code).astype(np.int16)
        against[name] = np.where(place < 0, "", limits.of(area)[place])
    whole = from_start & (parts.gap <= 1e-9 * values["collected_to"])
    codes["clr"] = np.where(whole | (codes["clr"] != 0), codes["clr"], _GAP).astype(np.int16)
    return against


def _labelled(
    study: Study, settings: NcaSettings, plasma: str | None, parts: _Collections, values: dict[str, Array],
    codes: dict[str, Any], words: Mapping[str, str],
) -> xr.Dataset:  # fmt: skip
    """The result with units; a clearance has the volume unit of the concentration in blood."""
    blood, usual = words, words["volume"]
    if plasma is not None:
        blood = {**words, "volume": units.coherent(words["amount"], study.units[plasma])[1]}
        usual = units.usual_volume(_shown(study, settings, words)["amount"], study.units[plasma])
    shown = _shown(study, settings, words)
    in_blood = {**shown, "volume": usual}
    table = {**dict(enumerate(reasons.sentences(settings.rules.lambda_z_points))), **_SENTENCES}
    data: dict[str, Any] = {}
    sentences = np.full((len(parts.event), len(EXCRETION)), "", dtype=object)
    for k, (name, row) in enumerate(EXCRETION.items()):
        value, code = values[name], codes[name].astype(int)
        code = np.where((code == 0) & ~np.isfinite(value), reasons.OUT_OF_RANGE, code)
        base = blood if name.startswith("clr") else words
        inner = row.unit if row.unit in ("1", "%") else units.resolve(row.unit, base)
        unit = inner if inner in ("1", "%") else units.resolve(row.unit, in_blood if name.startswith("clr") else shown)
        value = scaled(value, 1.0 if inner == unit else units.factor(inner, unit))
        attrs = {"units": unit,
                 "long_name": row.long_name, "symbol": row.symbol, "cdisc": row.cdisc,
                 "method": "collections"}  # fmt: skip
        if row.cdisc:
            attrs["cdisc_by_route"] = "|".join([row.cdisc] * 3)
        data[name] = ("profile", np.where(code == 0, value, np.nan), attrs)
        sentences[:, k] = [table[c] for c in code.tolist()]
    data["reason"] = (("profile", "parameter"), sentences, {"long_name": "why there is no number"})
    events, mine = parts.events, parts.event
    subjects = np.asarray(study.subject_ids, dtype=object)[events.subject[mine]]
    numeric = len(subjects) and all(isinstance(v, int | np.integer) for v in subjects)
    routes = np.array([*ROUTES, ""], dtype=object)[events.route[mine].astype(np.intp)]
    dose_time = np.where(np.isinf(events.time[mine]), np.nan, events.time[mine])
    coordinates = {
        "parameter": list(EXCRETION),
        "subject": ("profile", subjects.astype(np.int64) if numeric else subjects.astype(str).astype(object)),
        "interval": ("profile", events.number[mine].astype(np.int64)),
        "occasion": ("profile", events.occasion[mine]),
        "dose_time": ("profile", dose_time, {"units": words["time"]}),
        "dose": (
            "profile",
            scaled(events.amount[mine], units.factor(words["amount"], shown["amount"])),
            {"units": shown["amount"]},
        ),
        "route": ("profile", routes),
    }
    return xr.Dataset(data, coordinates, attributes(study, settings))


def partner(study: Study, collected: str, others: list[str]) -> str | None:
    """Return the only concentration among other analytes, None if there is none.

    Raises
    ------
    InputError
        If there are several: it cannot be known from which one the excreted amount comes.
    """
    blood = [one for one in others if units.is_kind(study.units.get(one, "1"), "concentration")]
    if len(blood) > 1:
        raise InputError(
            f"{collected!r} could come from {', '.join(map(repr, blood))}; analyse it together with one of them", "nca"
        )
    return blood[0] if blood else None
