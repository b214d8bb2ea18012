"""The verb `nca_response`: what a trial reports of a response without a model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pkpd import units
from pkpd.about import package_version
from pkpd.arguments import checked, from_json
from pkpd.arrays import Array
from pkpd.errors import InputError, shown, unknown_names
from pkpd.nca.response import dataset
from pkpd.nca.response.compute import limits_of, parameters_of, slopes_of, visits_of
from pkpd.nca.response.courses import WHOLE, Course, courses_of
from pkpd.nca.response.parameters import LIMIT_PARAMETERS, RESPONSE_PARAMETERS, SLOPE_PARAMETERS, VISIT_PARAMETERS
from pkpd.nca.response.rules import ResponseRules, response_preset
from pkpd.nca.settings import pairs
from pkpd.nca.study.covariates import with_covariates
from pkpd.nca.study.drugs import of_drug
from pkpd.nca.study.periods import by_period
from pkpd.nca.study.provenance import data_attributes
from pkpd.nca.study.unsampled import warn_unsampled
from pkpd.study import Study

_PERCENT = re.compile(r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*%\s*")
Limit = float | str
_RESERVED = (*LIMIT_PARAMETERS, *VISIT_PARAMETERS, *SLOPE_PARAMETERS, "limit", "visit", "stretch")


@checked
def nca_response(
    study: Study,
    analyte: str | Sequence[str] | None = None,
    *,
    limits: Iterable[float | str] = (),
    visits: Iterable[float | str] = (),
    windows: Iterable[Sequence[float]] = (),
    slopes: Iterable[Sequence[float]] = (),
    preset: str = "trial",
    rules: ResponseRules | None = None,
    drug: str | None = None,
    **changes: Any,
) -> Any:
    """Return the non-compartmental analysis of a response, one row per subject (and window).

    A response is anything measured that is there without the drug, whatever its unit: a biomarker, a cell count, a
    blood pressure. Its curve begins at the first dose and goes through all later ones to the last sample; nothing is
    extrapolated. Times count from the first dose (without one: on the study's own clock).

    Parameters
    ----------
    study : Study
        Observations and doses.
    analyte : str or list of str, optional
        What to analyse; not needed where there is one. Several give one dataset each.
    limits : list of float or str
        Levels, as numbers in the analyte's unit or as percentages of the baseline (``"50 %"``): areas and times above
        and below, first crossing and return.
    visits : list of float or str
        Visits at which value and change from baseline are reported: planned times as the table gives them (where it
        gives none, times after the first dose), or labels of occasions.
    windows : list of (begin, end)
        Times after the first dose; each is a row of its own. By default all the time from the first dose on.
    slopes : list of (begin, end)
        Stretches of time of which the slope of the response is reported.
    preset : str
        Name of a set of rules, see `pkpd.nca.RESPONSE_PRESETS`.
    rules : ResponseRules, optional
        The rules themselves, instead of a preset.
    drug : str, optional
        Into what the doses went from which times count, in a study of several drugs, as for `nca`; ``"all"``: all of
        them.
    **changes
        Single rules that differ, e.g. ``baseline="mean"``; see `ResponseRules`.

    Returns
    -------
    xarray.Dataset
        Dimension ``profile`` with coordinates ``subject``, ``interval`` and ``window``, ``dose_time``, ``dose`` and
        ``route`` of the first dose, ``start``, ``period`` where a subject has several, and the subject's covariates.
        One float variable per parameter (`RESPONSE_PARAMETERS`) with ``units``, ``long_name``, ``symbol``, ``formula``,
        ``phoenix`` and ``adam``; ``reason(profile, parameter)`` holds a sentence wherever it is NaN. What was asked
        for has the dimensions ``limit``, ``visit`` and ``stretch`` and reasons of its own (``reason_limit``, …).
        ``sample_time``, ``sample_value``, ``curve_time``, ``curve_value`` ``(profile, sample)`` are the samples and
        the curve. For several analytes a DataTree with one such dataset each.

    Raises
    ------
    InputError
        If the study has no such analyte, or a preset, rule, limit, visit, window or stretch cannot be used.

    References
    ----------
    Certara, Phoenix WinNonlin user's guide, "Drug effect calculation" and "Drug effect data (model 220)": names,
    areas, crossings. Gabrielsson & Weiner, Pharmacokinetic and Pharmacodynamic Data Analysis.
    """
    if not isinstance(study, Study):
        raise InputError(f"study is a {type(study).__name__}; expected a Study (see pkpd.read_study)", "nca_response")
    chosen = (rules or response_preset(preset)).changed(**changes)
    asked = {
        "limits": _limits(limits), "visits": _visits(visits),
        "windows": _windows(windows), "slopes": pairs(slopes, "slopes"),
    }  # fmt: skip
    if analyte is None or isinstance(analyte, str):
        return _one(study, study.analyte_named(analyte), chosen, asked, drug)
    names = list(analyte)
    problems = unknown_names(names, study.analytes, "analyte")
    problems += [f"{name!r} is named twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    problems += [f"{name!r} holds a '/', which a tree of results cannot; rename it" for name in names if "/" in name]
    if not names:
        problems.append("no analyte was named; expected one of " + ", ".join(study.analytes))
    if problems:
        raise InputError(problems, "nca_response")
    return xr.DataTree.from_dict({name: _one(study, name, chosen, asked, drug) for name in names})


def rerun_response(study: Study, result: xr.Dataset, changes: dict[str, Any]) -> xr.Dataset:
    """Return the analysis of a response once more, by what its result was asked for and with changes.

    Raises
    ------
    InputError
        As `nca_response`; or if the result does not hold what was asked for.
    """
    if "asked" not in result.attrs:
        raise InputError("the result holds no settings; expected what pkpd.nca.nca_response returned", "rerun")
    asked = from_json(str(result.attrs["asked"]), "rerun")
    if not isinstance(asked, dict):
        raise InputError("the result's settings are not what pkpd.nca.nca_response wrote", "rerun")
    asked["windows"] = [[a, np.inf if b is None else b] for a, b in asked.get("windows", [])]
    rules = ResponseRules.from_json(str(result.attrs["rules"]))
    found: xr.Dataset = nca_response(
        study,
        **{
            "analyte": str(result.attrs["analyte"]),
            "rules": rules,
            "drug": str(result.attrs.get("drug", "")) or None,
            **asked,
            **changes,
        },
    )
    return found


def _asked_for(asked: dict[str, Any]) -> str:
    """What a response was asked for as JSON; an end that is open is null."""
    windows = [[a, b if np.isfinite(b) else None] for a, b in asked["windows"]]
    return json.dumps({**{name: list(values) for name, values in asked.items()}, "windows": windows})


def _one(whole: Study, analyte: str, rules: ResponseRules, asked: dict[str, Any], drug: str | None) -> xr.Dataset:
    """The labelled result of one analyte."""
    study = of_drug(whole, analyte, drug)
    own, time, windows = study.units.get(analyte, "1"), study.units["time"], asked["windows"] or WHOLE
    warn_unsampled(study, analyte)
    periods = by_period(study)
    inner = study if periods is None else periods.study
    courses = courses_of(inner, analyte, rules, windows)
    subjects = [one.subject if periods is None else one.subject.subject for one in courses]
    found = parameters_of(courses, rules)
    data = dataset.variables(RESPONSE_PARAMETERS, [found], ("profile",), own, time)
    data["reason"] = dataset.reasons(found)
    coords = {"parameter": list(RESPONSE_PARAMETERS), **dataset.coordinates(study, courses, windows, own, subjects)}
    if periods is not None:
        coords |= {name: value for name, value in dataset.coordinates(inner, courses, windows, own, subjects).items()
                   if name in ("dose_time", "dose", "route")}  # fmt: skip
        coords["period"] = ("profile", np.array([one.subject.period for one in courses], dtype=np.int64))
    for dim, table, numbers in (
        ("limit", LIMIT_PARAMETERS, [limits_of(courses, rules, _levels(one, courses)) for one in asked["limits"]]),
        ("visit", VISIT_PARAMETERS, [visits_of(courses, rules, one) for one in asked["visits"]]),
        ("stretch", SLOPE_PARAMETERS, [slopes_of(courses, one) for one in asked["slopes"]]),
    ):
        if not numbers:
            continue
        data |= dataset.variables(table, numbers, ("profile", dim), own, time)
        data[f"reason_{dim}"] = dataset.reasons_along(numbers, dim, list(table))
        coords[f"{dim}_parameter"] = list(table)
        wanted = asked["slopes" if dim == "stretch" else f"{dim}s"]
        unit = own if dim == "limit" else units.show(time)
        named = dim == "visit" and any(isinstance(one, str) for one in wanted)
        coords[dim] = (dim, [_label(one) for one in wanted], {} if named else {"units": unit})
    data |= dataset.samples(courses, own, time)
    attrs = {
        "title": f"non-compartmental analysis of the response {analyte}",
        "analyte": analyte, "kind": "response", "rules": rules.to_json(), "asked": _asked_for(asked),
        "drug": drug or "", "pkpd_version": package_version(),
    }  # fmt: skip
    return with_covariates(xr.Dataset(data, coords, attrs | data_attributes(whole)), study, _RESERVED)


def _label(asked: Any) -> str:
    """What was asked for as a label."""
    if isinstance(asked, tuple):
        return f"{asked[0]:.15g}–{asked[1]:.15g}"
    return asked if isinstance(asked, str) else f"{asked:.15g}"


def _levels(limit: Limit, courses: Sequence[Course]) -> Array:
    """A limit as one level per course."""
    if isinstance(limit, str):
        return float(limit.removesuffix(" %")) / 100.0 * np.array([one.baseline for one in courses], dtype=float)
    return np.full(len(courses), limit)


def _listed(values: Iterable[Any], what: str) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"{what} is {shown(values)}; expected a list", what)
    return list(values)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return number and bool(np.isfinite(value))


def _limits(values: Iterable[Any]) -> tuple[Limit, ...]:
    """Limits as numbers, or as percentages in one spelling."""
    found: list[Limit] = []
    problems = []
    for k, one in enumerate(_listed(values, "limits"), start=1):
        if isinstance(one, str) and (match := _PERCENT.fullmatch(one)):
            found.append(f"{float(match[1]):.15g} %")
        elif _is_number(one):
            found.append(float(one))
        else:
            problems.append(f"limit {k} is {shown(one)}; expected a number in the analyte's unit, or a percentage of "
                            "the baseline such as '50 %'")  # fmt: skip
    return _once(found, problems, "limits")


def _visits(values: Iterable[Any]) -> tuple[Limit, ...]:
    """Visits as times or labels."""
    found: list[Limit] = []
    problems = []
    for k, one in enumerate(_listed(values, "visits"), start=1):
        if isinstance(one, str) or _is_number(one):
            found.append(one if isinstance(one, str) else float(one))
        else:
            problems.append(f"visit {k} is {shown(one)}; expected a time after the first dose, or an occasion's label")
    return _once(found, problems, "visits")


def _once(found: list[Limit], problems: list[str], what: str) -> tuple[Limit, ...]:
    labels = [_label(one) for one in found]
    problems += [f"{label} is named twice" for label in dict.fromkeys(labels) if labels.count(label) > 1]
    if problems:
        raise InputError(problems, what)
    return tuple(found)


def _windows(values: Iterable[Any]) -> tuple[tuple[float, float], ...]:
    """Windows as pairs of numbers; an end may be infinite."""
    listed = [tuple(one) if isinstance(one, Sequence) and not isinstance(one, str) else one
              for one in _listed(values, "windows")]  # fmt: skip
    return pairs(listed, "windows")
