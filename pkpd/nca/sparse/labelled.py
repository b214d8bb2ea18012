"""The sparse analysis of a study: labelled result with units and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from pkpd.arguments import checked
from pkpd.errors import InputError, warn
from pkpd.nca.sparse.analysis import analyse_pooled
from pkpd.nca.sparse.dataset import (
    attributes_of,
    coordinates_of,
    covariates_of,
    mean_curves,
    parameter_variables,
    result_tables,
)
from pkpd.nca.sparse.gather import GroupSamples, gather
from pkpd.nca.sparse.parameters import NAMES, SPARSE_PARAMETERS
from pkpd.nca.sparse.pooled import left_out
from pkpd.nca.sparse.result import SparseResult
from pkpd.nca.sparse.rules import SparseRules, sparse_preset
from pkpd.nca.sparse.samples import pool
from pkpd.nca.study.base import Base
from pkpd.nca.study.drugs import of_drug
from pkpd.study import Study

INTRAVENOUS_ONLY = "defined after intravenous doses only"
MIXED_ROUTES = "routes or lengths of infusion differ within the group, or no dose is known"
NOT_A_CONCENTRATION = "the analyte is not a concentration, so a dose cannot be divided by it"


@checked
def nca_sparse(
    study: Study,
    analyte: str | None = None,
    *,
    by: str | None = None,
    preset: str = "default",
    rules: SparseRules | None = None,
    dose_unit: str | None = None,
    drug: str | None = None,
    **changes: Any,
) -> xr.Dataset:
    """Return the non-compartmental analysis of the mean curve of every group, one row per group.

    Samples are pooled at their nominal time after the subject's first dose (the actual one where no nominal time is
    given); those before it or after a second dose take no part. Formulas: see `sparse`.

    Parameters
    ----------
    study : Study
        Observations and doses.
    analyte : str
        What to analyse.
    by : str, optional
        Covariate that makes the groups, or ``"dose"`` for the amount of the first dose; without, there is one group.
    preset : str
        Name of a set of rules, see `SPARSE_PRESETS`.
    rules : SparseRules, optional
        The rules themselves, instead of a preset.
    dose_unit : str, optional
        Unit of the doses to compute with; by default the study's own.
    drug : str, optional
        Into what the doses went that count, in a study of several drugs, as for `nca`; ``"all"``: all of them.
    **changes
        Single rules that differ, e.g. ``tail=4``; see `SparseRules`.

    Returns
    -------
    xarray.Dataset
        Dimension ``group`` with coordinates ``dose``, ``route``, ``duration``, ``design``, ``start`` (how the area
        begins where no mean stands at the dose), ``accepted``, ``flags`` (what to be careful about) and the covariates
        that have one value within every group. One float variable per parameter (`SPARSE_PARAMETERS`) with its
        ``units``; ``se``, ``df`` and the sentences ``reason`` (why there is no estimate) and ``reason_se`` (why there
        is no standard error, degrees of freedom or interval)
        by ``(group, parameter)``; ``lower`` and ``upper`` by ``(group, parameter, method)``; the mean curve as
        ``profile_…(group, point)``. The rules stand as JSON in ``attrs["rules"]``.

    Raises
    ------
    InputError
        If analyte, covariate, preset or rule does not exist, or a subject has two samples at one time.

    Warns
    -----
    DataWarning
        With a count: samples left out, times that cannot be pooled, subjects without a group.

    References
    ----------
    Bailer, J Pharmacokinet Biopharm 16:303-309 (1988); Holder, J Biopharm Stat 11:75-79 (2001); Wolfsegger & Jaki,
    J Pharmacokinet Pharmacodyn 36:479-494 (2009); Jaki & Wolfsegger, Stat Med 31:1059-1073 (2012).
    """
    if not isinstance(study, Study):
        raise InputError(f"study is a {type(study).__name__}; expected a Study (see pkpd.read_study)", "nca_sparse")
    chosen = (rules or sparse_preset(preset)).changed(**changes)
    analyte = study.analyte_named(analyte)
    base = Base.of(study, analyte, dose_unit)
    amount_unit = dose_unit or study.units.get("dose", "mg")
    groups = gather(of_drug(study, analyte, drug), analyte, by, amount_unit)
    found = [_analysed(group, chosen, base) for group in groups]
    data = {
        **parameter_variables(found, base),
        **result_tables(found, chosen, base),
        **mean_curves(found, base),
    }
    coordinates = coordinates_of(groups, found, chosen, base, amount_unit)
    shared = covariates_of(study, groups, {*data, *coordinates, "point"})
    attrs = attributes_of(study, analyte, by, chosen, found) | {"dose_unit": dose_unit or "", "drug": drug or ""}
    return xr.Dataset(data, {**coordinates, **shared}, attrs)


def rerun_sparse(study: Study, result: xr.Dataset, changes: dict[str, Any]) -> xr.Dataset:
    """Return the sparse analysis once more, by what its result was asked for and with changes.

    Raises
    ------
    InputError
        As `nca_sparse`.
    """
    attrs = {name: str(result.attrs.get(name, "")) for name in ("analyte", "by", "rules", "dose_unit", "drug")}
    asked = {name: attrs[name] or None for name in ("analyte", "by", "dose_unit", "drug")}
    return nca_sparse(study, **{**asked, "rules": SparseRules.from_json(attrs["rules"]), **changes})


def _analysed(group: GroupSamples, rules: SparseRules, base: Base) -> SparseResult:
    """One group's result; parameters that its doses do not allow are NaN with a reason."""
    meant = rules.for_route(group.route)
    pooled = pool(group.times, group.values, group.subjects, None, group.blq, group.lloq, meant)
    if lost := left_out(pooled):
        warn(f"group {group.label}: {lost}")
    found = analyse_pooled(pooled, meant, float(group.dose) * base.ratio, float(np.nan_to_num(group.duration)))
    found = replace(found, rules=rules)
    refused: dict[str, str] = {}
    if not base.concentration:
        refused |= {name: NOT_A_CONCENTRATION for name, row in SPARSE_PARAMETERS.items() if row.needs_dose}
    elif group.route == "oral":
        refused["vss_obs"] = INTRAVENOUS_ONLY
    if group.route == "" and not np.isnan(group.dose):
        refused |= dict.fromkeys(("mrt_inf_obs", "mrt_half_life", "vss_obs"), MIXED_ROUTES)
    return _without(found, refused) if refused else found


def _without(found: SparseResult, refused: Mapping[str, str]) -> SparseResult:
    """The same result without some parameters."""
    nan = float("nan")

    def blanked(column: Mapping[str, Any], blank: Any) -> Mapping[str, Any]:
        return MappingProxyType({name: blank if name in refused else value for name, value in column.items()})

    sentences = {name: found.reason[name] or refused.get(name, "") for name in NAMES}
    return replace(
        found, estimate=blanked(found.estimate, nan), se=blanked(found.se, nan), df=blanked(found.df, nan),
        interval=MappingProxyType({m: blanked(ends, (nan, nan)) for m, ends in found.interval.items()}),
        reason=MappingProxyType(sentences), reason_se=blanked(found.reason_se, "there is no estimate"),
    )  # fmt: skip
