"""The analysis of a study: profiles, kernel, labelled result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from pkpd.arguments import checked
from pkpd.errors import InputError, shown
from pkpd.nca import reasons
from pkpd.nca.kernel.accept import acceptance, accepted, not_met
from pkpd.nca.kernel.compute import as_analysed, compute
from pkpd.nca.kernel.parameters import INDEX, NAMES, parameter_names
from pkpd.nca.kernel.profiles import Profiles
from pkpd.nca.kernel.upper_limit import warn_above_limit
from pkpd.nca.rules import Rules, preset
from pkpd.nca.settings import NcaSettings, Points, pairs, thresholds
from pkpd.nca.study import labels
from pkpd.nca.study.base import Base
from pkpd.nca.study.by_hand import check_intervals, joined, profiles_between
from pkpd.nca.study.covariates import with_covariates
from pkpd.nca.study.drugs import of_drug
from pkpd.nca.study.excretion import excretion, is_excreted
from pkpd.nca.study.intervals import profiles_of
from pkpd.nca.study.points import with_points
from pkpd.nca.study.provenance import attributes
from pkpd.nca.study.sample_labels import around, excluded, samples, taken_off
from pkpd.nca.study.several import analyse_several
from pkpd.nca.study.unsampled import warn_unsampled
from pkpd.study import Study

_preset = preset
_COLLECTED = "was collected: intervals, windows, above, points and parameters are for concentrations"


@checked
def nca(
    study: Study,
    analyte: str | Sequence[str] | None = None,
    *,
    preset: str = "phoenix",
    rules: Rules | None = None,
    dose_unit: str | None = None,
    intervals: Any = None,
    tau: float | None = None,
    steady_state: bool = False,
    drug: str | None = None,
    windows: Iterable[Sequence[float]] = (),
    above: Iterable[float] = (),
    points: Iterable[Points] = (),
    parameters: Sequence[str] | None = None,
    **changes: Any,
) -> Any:
    """Return the non-compartmental parameters of an analyte, one row per subject and dosing interval.

    Parameters
    ----------
    study : Study
        Observations and doses.
    analyte : str or list of str, optional
        What to analyse; not needed where there is one. Several give one dataset each. Collections (urine) give their
        excretion, with renal clearances if one concentration in the list is where it comes from.
    preset : str
        Name of a set of rules, see `pkpd.nca.PRESETS`.
    rules : Rules, optional
        The rules themselves, instead of a preset.
    dose_unit : str, optional
        Unit of the doses, ``"mg"`` or ``"ug/kg"``; by default the study's own. A dose per kilogram gives clearances
        per kilogram; changing between the two takes the subjects' weights. Doses and what is divided by them have
        this unit; volumes the one that dose over concentration gives, where it has a usual name (ug by ng/mL: L), or
        L; or that of ``study.units["volume"]``, where nothing was collected.
    intervals : list of (start, end), or DataFrame, optional
        Intervals on the study's clock instead of those between the doses (a table may have a column subject);
        the word ``"doses"`` in the list keeps those as well. An end may be infinite.
    tau : float, optional
        Length of the dosing interval after a subject's last dose; by default as before it.
    steady_state : bool
        Whether the first recorded dose continues earlier ones.
    drug : str, optional
        Into what the doses went that count (column `into`), in a study of several drugs; ``"all"``: all of them. By
        default an analyte has the doses of its own name, and it is an error where that cannot be known.
    windows : list of (begin, end)
        Times after the dose between which areas are asked for in every profile.
    above : list of float
        Concentrations to report the time and the area above.
    points : list of Points
        Samples chosen for, or left out of, terminal regressions.
    parameters : list of str, optional
        Which parameters to return, by any of their names (`pkpd.nca.ALIASES`); all by default.
    **changes
        Single rules that differ, e.g. ``auc="linear"``; see `Rules`.

    Returns
    -------
    xarray.Dataset
        Dimension ``profile`` with coordinates ``subject``, ``interval``, ``occasion``, ``dose_time``,
        ``interval_end``, ``dose``, ``route``, ``duration``, ``tau``, ``accepted`` and ``flags`` (limits of
        acceptance that are not met), ``period`` where a subject has several, and the subject's covariates (of one that
        changes in time the value at the dose). One float variable per parameter
        (`PARAMETERS`) with ``units``, ``long_name``, ``symbol``, ``cdisc`` and ``method``;
        ``reason(profile, parameter)`` holds a sentence wherever the parameter is NaN and "" elsewhere;
        ``doubt(profile, parameter)`` the limits of acceptance that speak against this number, "" if none does;
        ``sample_time``, ``sample_value``, ``sample_quantified`` ``(profile, sample)`` are the samples as the
        rules left them, ``sample_imputed`` those with a value in place of a BLQ sample. Coordinates ``aside_time`` and
        ``aside_why`` ``(profile, aside)`` are the samples that took no part; ``start_value`` and ``start_how`` say
        from what value the areas begin.
        Windows and thresholds have variables of their own. It can be saved as NetCDF. For several analytes a
        DataTree with one such dataset each.

    Raises
    ------
    InputError
        If the study has no such analyte, or a preset, rule, parameter, interval or point does not exist.
    UnitError
        If `dose_unit` is not the unit of a dose.

    References
    ----------
    Gabrielsson & Weiner, Pharmacokinetic and Pharmacodynamic Data Analysis, chapter on non-compartmental analysis;
    Certara, Phoenix WinNonlin user's guide, "NCA computation rules".
    """
    if not isinstance(study, Study):
        raise InputError(f"study is a {type(study).__name__}; expected a Study (see pkpd.read_study)", "nca")
    if rules is not None and not isinstance(rules, Rules):
        raise InputError(f"rules is {rules!r}; expected Rules (a preset is named by preset={rules!r})", "nca")
    chosen = (rules or _preset(preset)).changed(**changes)
    by_hand, by_dose = _intervals(intervals, study)
    settings = NcaSettings(
        "", chosen, dose_unit, by_hand, by_dose, None if tau is None else _positive(tau), steady_state,
        pairs(windows, "windows"), thresholds(above), tuple(points), drug=drug,
    )  # fmt: skip
    names = list(NAMES) if parameters is None else list(dict.fromkeys(parameter_names(parameters)))
    if not names:
        raise InputError("parameters is empty; expected at least one, or None for all", "nca")
    if analyte is None:
        analyte = study.analyte_named(None)
    if isinstance(analyte, str):
        asked = settings.changed(analyte=analyte)
        if parameters is not None and is_excreted(study, analyte):
            raise InputError(f"{analyte!r} {_COLLECTED}", "nca")
        return analysed(study, asked, names)
    if isinstance(analyte, Sequence):
        return analyse_several(study, list(analyte), settings, lambda one: _one(study, one, names))
    raise InputError(f"analyte is {analyte!r}; expected a name or a list of names", "nca")


def analysed(study: Study, settings: NcaSettings, names: list[str] | None = None) -> xr.Dataset:
    """Return the analysis of one analyte by complete settings.

    Parameters
    ----------
    study : Study
        Observations and doses.
    settings : NcaSettings
        What is asked for.
    names : list of str, optional
        Names of the parameters wanted; by default all.

    Raises
    ------
    InputError
        If something is asked for that collections do not have, and as `nca`.
    """
    if not is_excreted(study, settings.analyte):
        return _one(study, settings, list(NAMES) if names is None else names)
    if settings.intervals is not None or settings.windows or settings.above or settings.points:
        raise InputError(f"{settings.analyte!r} {_COLLECTED}", "nca")
    return excretion(study, settings)


def checked_settings(changes: dict[str, Any], study: Study) -> dict[str, Any]:
    """Return changed settings in the form in which they are kept.

    Raises
    ------
    InputError
        If one is not of its kind.
    """
    found = dict(changes)
    if "intervals" in found:
        found["intervals"], found["by_dose"] = _intervals(found["intervals"], study)
    if "windows" in found:
        found["windows"] = pairs(found["windows"], "windows")
    if "above" in found:
        found["above"] = thresholds(found["above"])
    if found.get("tau") is not None:
        found["tau"] = _positive(found["tau"])
    if "points" in found:
        found["points"] = tuple(found["points"])
    return found


def _positive(tau: float) -> float:
    if isinstance(tau, bool) or not isinstance(tau, int | float | np.number) or not 0 < tau < float("inf"):
        raise InputError(f"tau is {shown(tau)}; expected a positive number in the study's time unit", "nca")
    return float(tau)


def _intervals(intervals: Any, study: Study) -> tuple[tuple[tuple[Any, ...], ...] | None, bool]:
    """Intervals by hand as records, and whether those between the doses are wanted as well."""
    if intervals is None:
        return None, True
    by_dose = False
    if isinstance(intervals, list | tuple):
        by_dose = any(isinstance(one, str) and one == "doses" for one in intervals)
        intervals = [one for one in intervals if not (isinstance(one, str) and one == "doses")]
    table = check_intervals(intervals, study)
    return tuple(table.itertuples(index=False, name=None)), by_dose


def _profiles(study: Study, settings: NcaSettings, unit: str | None) -> Profiles:
    parts = []
    study = of_drug(study, settings.analyte, settings.drug)
    warn_unsampled(study, settings.analyte)
    if settings.by_dose:
        parts.append(profiles_of(study, settings.analyte, unit, tau=settings.tau, steady_state=settings.steady_state))
    if settings.intervals is not None:
        import pandas

        table = pandas.DataFrame(list(settings.intervals), columns=["subject", "start", "end"])
        parts.append(profiles_between(study, settings.analyte, unit, table, settings.tau))
    return with_points(joined(parts), settings.points)


def _one(study: Study, settings: NcaSettings, names: list[str]) -> xr.Dataset:
    """The labelled result of one analyte."""
    rules = settings.rules
    base = Base.of(study, settings.analyte, settings.dose_unit)
    unit = base.words["amount"] if base.concentration else settings.dose_unit
    measured = _profiles(study, settings, unit)
    dose = measured.dose
    measured = replace(measured, dose=dose * base.ratio)
    profiles = as_analysed(measured, rules)
    warn_above_limit(profiles)
    found = compute(profiles, rules, settings.asked)
    if not base.concentration:
        found = labels.without_doses(found)
    data = labels.variables(found, profiles, rules, base, names)
    columns = [INDEX[name] for name in names]
    sentences = reasons.sentences(rules.lambda_z_points)[found.codes[:, columns].astype(np.intp)]
    data["reason"] = (("profile", "parameter"), sentences, {"long_name": "why there is no number"})
    # What is no concentration, an effect or a count, has a baseline by nature.
    asked = rules if base.concentration else rules.changed(accept_predose=None)
    limits = acceptance(found, profiles, asked, base.words["time"])
    data["doubt"] = (("profile", "parameter"), not_met(limits, names), {"long_name": "limits that speak against it"})
    data.update(samples(found, base))
    extra, more = labels.extras(found, settings, base)
    coordinates = {**labels.coordinates(profiles, dose, base, names), **around(found, profiles, base), **more}
    coordinates.update(taken_off(measured, profiles, base))
    met = accepted(limits)
    coordinates["accepted"] = ("profile", met, {"long_name": "every limit of acceptance in the rules is met"})
    coordinates["flags"] = ("profile", limits.flags, {"long_name": "limits of acceptance that are not met"})
    attrs = attributes(study, settings) | {"excluded_samples": excluded(study, settings.analyte)}
    return with_covariates(xr.Dataset({**data, **extra}, coordinates, attrs), study, NAMES)
