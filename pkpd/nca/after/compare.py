"""Ratios of parameters: between intervals (accumulation) and between treatments (bioavailability)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
import xarray as xr

from pkpd import units
from pkpd.arguments import A_LABEL, checked
from pkpd.errors import InputError, unknown_names
from pkpd.files import Part
from pkpd.nca.after.descriptive import level_problem
from pkpd.nca.after.ratios import Scale, join, one_side, paired_rows, parallel_rows
from pkpd.nca.given import A_RESULT
from pkpd.nca.kernel.parameters import PARAMETERS

_USUAL = ("auc_inf_obs", "auc_last", "cmax")
_EXPOSURE = ("amount/volume", "time*amount/volume", "time^2*amount/volume")
_COLUMNS = (
    "parameter", "design", "n_test", "n_reference", "n", "dropped", "ratio", "low", "high", "level", "cv", "freedom",
    "reason",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Comparison(Part):
    """Ratios of test to reference.

    Attributes
    ----------
    summary : DataFrame
        One row per parameter and design: ``n_test``, ``n_reference`` (subjects with a number on that side), ``n``
        (subjects in the ratio: pairs, or both groups together), ``dropped`` (subjects that are not), ``ratio``
        (geometric mean), ``low``, ``high`` (confidence limits), ``level``, ``cv`` (geometric CV of the subjects' own
        ratios, %; paired only), ``freedom`` (degrees of freedom) and ``reason``, a sentence where there is no ratio
        or no interval.
    subjects : DataFrame
        One row per subject and parameter: ``test``, ``reference``, ``dose_test``, ``dose_reference``, ``ratio`` and
        ``reason``, a sentence where there is no ratio.
    rules : dict
        What was done, in words.
    """

    summary: pandas.DataFrame
    subjects: pandas.DataFrame
    rules: dict[str, str]


@checked(test=A_RESULT, reference=A_RESULT)
def relative(
    test: xr.Dataset,
    reference: xr.Dataset,
    parameters: Sequence[str] | None = None,
    *,
    paired: bool | None = None,
    level: float = 0.9,
    normalise: bool = True,
    only_accepted: bool = True,
) -> Comparison:
    """Return geometric mean ratios of two sets of profiles with confidence intervals, e.g. a bioavailability.

    A subject's ratio is ``T·D_R/(R·D_T)`` for concentrations, areas and moments (``T/R`` for the rest, and without
    `normalise`); with both after one route and intravenous reference, that of AUC is F. Paired, ``exp`` of the mean
    of the subjects' ln ratios and of its t interval (n − 1 degrees of freedom). Parallel, ``exp`` of the difference
    of the groups' mean ln values, with Welch's interval and with the pooled one, each in a row of its own.
    Period and sequence of a crossover are not in the model.

    Parameters
    ----------
    test, reference : Dataset
        What `pkpd.nca.nca` returned, with at most one profile per subject each.
    parameters : sequence of str, optional
        Names; by default AUCinf, AUClast and Cmax.
    paired : bool, optional
        Whether ratios are made within subjects; by default if any subject is on both sides.
    level : float
        Confidence level.
    normalise : bool
        Whether concentrations, areas and moments are divided by the dose.
    only_accepted : bool
        Whether numbers that do not meet a limit of acceptance (``doubt``) are left out, with that as their reason.

    Raises
    ------
    InputError
        If a parameter does not exist, a subject has several profiles on one side, or a choice cannot be used.

    References
    ----------
    Rowland & Tozer, Clinical Pharmacokinetics and Pharmacodynamics, 4th ed. (2011), chapter on absorption (F);
    Welch BL. Biometrika 34 (1947) 28-35.
    """
    names = [p for p in _USUAL if p in test and p in reference] if parameters is None else list(parameters)
    problems = level_problem(level)
    if not names and parameters is None:
        problems.append(f"the results do not both hold {', '.join(_USUAL[:-1])} or {_USUAL[-1]}; say what to compare, "
                        "parameters=[…]")  # fmt: skip
    elif not names:
        problems.append("no parameter is named")
    for side, data in (("test", test), ("reference", reference)):
        known = [str(n) for n, v in data.data_vars.items() if v.dims == ("profile",)]
        problems += [f"{side}: {text}" for text in unknown_names(names, known, "parameter")]
        people, counts = np.unique(data["subject"].to_numpy().astype(str), return_counts=True)
        problems += [f"{side}: subject {s} has {n} profiles; expected one (choose an interval, or a period)"
                     for s, n in zip(people, counts, strict=True) if n > 1]  # fmt: skip
    if problems:
        raise InputError(problems, "relative")
    rows, frames = [], []
    doses = [str(data["dose"].attrs.get("units", "1")) for data in (reference, test)]
    dose_ratio = units.factor(*doses)
    for name in names:
        ratio = units.factor(str(reference[name].attrs["units"]), str(test[name].attrs["units"]))
        dosed = normalise and name in PARAMETERS and PARAMETERS[name].unit in _EXPOSURE
        other = one_side(reference, name, dosed, only_accepted, Scale(ratio, dose_ratio))
        sides = one_side(test, name, dosed, only_accepted), other
        within = bool(set(sides[0].index) & set(sides[1].index)) if paired is None else paired
        subjects = join(name, *sides, within)
        frames.append(subjects.drop(columns=["_test", "_reference"]))
        rows += paired_rows(name, subjects, level) if within else parallel_rows(name, subjects, level)
    return Comparison(pandas.DataFrame(rows, columns=list(_COLUMNS)), pandas.concat(frames, ignore_index=True),
                      _rules(level, normalise, only_accepted))  # fmt: skip


@checked(result=A_RESULT, test=A_LABEL, reference=A_LABEL)
def relative_by(result: xr.Dataset, by: str, test: Any, reference: Any, **options: Any) -> Comparison:
    """Return the ratios of two groups of profiles of one result; `options` are those of `relative`.

    Parameters
    ----------
    result : Dataset
        What `pkpd.nca.nca` returned; further coordinates over ``profile`` may be assigned, such as a treatment.
    by : str
        Coordinate that makes the groups, e.g. ``"treatment"``, ``"occasion"``, ``"route"`` or ``"interval"``. Of a
        crossover each subject's profile of one group is paired with that of the other, in whatever period it was.
    test, reference : object
        Its values in the two groups.

    Raises
    ------
    InputError
        If there is no such coordinate or value, and as `relative`.
    """
    if problems := unknown_names([by], [str(n) for n, v in result.coords.items() if v.dims == ("profile",)], "group"):
        raise InputError(problems, "relative")
    values = result[by].to_numpy()
    if values.dtype.kind in "OU":  # labels of visits are texts, also those that were numbers in the table
        test, reference = str(test), str(reference)
    if problems := unknown_names([test, reference], list(dict.fromkeys(values.tolist())), by):
        raise InputError(problems, "relative")
    one, other = (result.isel(profile=np.flatnonzero(values == group)) for group in (test, reference))
    return relative(one, other, **options)


@checked(result=A_RESULT)
def accumulation(
    result: xr.Dataset,
    parameters: Sequence[str] = ("auc_tau", "auc_last", "cmax"),
    *,
    first: int = 1,
    last: int | None = None,
    level: float = 0.9,
    normalise: bool = False,
    only_accepted: bool = True,
) -> Comparison:
    """Return accumulation ratios: a later dosing interval by an earlier one, within subjects.

    Parameters
    ----------
    result : Dataset
        What `pkpd.nca.nca` returned for several dosing intervals.
    parameters : sequence of str
        Names; those that the result does not have are an error, but for ``auc_tau`` in the default.
    first, last : int
        Numbers of the intervals; by default the last one of which a parameter has a number.
    level, normalise, only_accepted : float, bool, bool
        As in `relative`; doses are taken to be equal, since a ratio after a loading dose is one by intention.

    Raises
    ------
    InputError
        If an interval does not exist, there is none after the first, or as `relative`.

    References
    ----------
    Rowland & Tozer, Clinical Pharmacokinetics and Pharmacodynamics, 4th ed. (2011), chapter on multiple dosing.
    """
    if result.attrs.get("kind") == "response":
        raise InputError("a response is analysed by windows, not by dosing intervals; compare two of them with "
                         "relative_by(result, 'interval', …)", "accumulation")  # fmt: skip
    names = [p for p in parameters if p != "auc_tau" or p in result]
    numbers = result["interval"].to_numpy()
    if last is None:
        known = [p for p in names if p in result]
        there = np.any([np.isfinite(result[p].to_numpy()) for p in known], axis=0) if known else numbers > 0
        last = int(max(numbers[there], default=first))
    if problems := unknown_names([first, last], sorted({int(k) for k in numbers}), "interval"):
        raise InputError(problems, "accumulation")
    if last <= first:
        raise InputError(f"no interval after number {first} has a number; expected several doses", "accumulation")
    options = {"level": level, "normalise": normalise, "only_accepted": only_accepted}
    return relative_by(result, "interval", last, first, parameters=names, paired=True, **options)


def _rules(level: float, normalise: bool, only_accepted: bool) -> dict[str, str]:
    return {
        "scale": "natural logarithms; ratios are geometric means",
        "interval": f"{100 * level:g} % confidence interval by t; paired, Welch or pooled as the design says",
        "dose": "concentrations, areas and moments divided by the dose" if normalise else "not divided by the dose",
        "not_accepted": "counted as dropped" if only_accepted else "taken like any other number",
        "left_out": "subjects without a positive number (on both sides, if paired) are counted as dropped",
    }
