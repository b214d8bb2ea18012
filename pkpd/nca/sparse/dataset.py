"""The variables, coordinates and attributes of the labelled sparse result."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import numpy as np

from pkpd import units
from pkpd.about import package_version
from pkpd.arrays import Array
from pkpd.nca.sparse.gather import GroupSamples
from pkpd.nca.sparse.parameters import NAMES, SPARSE_PARAMETERS, SparseParameter
from pkpd.nca.sparse.result import SparseResult
from pkpd.nca.sparse.rules import SparseRules
from pkpd.nca.study.base import Base
from pkpd.nca.study.covariates import alike_within, names_for
from pkpd.nca.study.provenance import data_attributes
from pkpd.study import Study


def _unit(row: SparseParameter, base: Base) -> str:
    return "1" if row.needs_dose and not base.concentration else base.unit(row.unit)


def parameter_variables(found: list[SparseResult], base: Base) -> dict[str, Any]:
    """Return one variable per parameter with its unit."""
    return {
        name: (
            "group",
            base.shown(row.unit, np.array([one.estimate[name] for one in found], dtype=np.float64)),
            {"units": _unit(row, base), "long_name": row.long_name, "symbol": row.symbol},
        )
        for name, row in SPARSE_PARAMETERS.items()
    }


def result_tables(found: list[SparseResult], rules: SparseRules, base: Base) -> dict[str, Any]:
    """Standard errors, degrees of freedom, intervals and reasons."""
    dims = ("group", "parameter")
    shape = (len(found), len(NAMES))
    texts = {"reason": "why there is no number", "reason_se": "why there is no standard error or interval"}
    names = {"se": "standard error, in the unit of the parameter", "df": "degrees of freedom"}
    data: dict[str, Any] = {}
    for name, words in names.items():
        table = np.array([[getattr(one, name)[p] for p in NAMES] for one in found], dtype=np.float64)
        table = table.reshape(shape)
        data[name] = (dims, _shown(table, base) if name == "se" else table, {"long_name": words})
    for name, words in texts.items():
        cells = np.empty(shape, dtype=object)
        for g, one in enumerate(found):
            cells[g] = [getattr(one, name)[p] for p in NAMES]
        data[name] = (dims, cells, {"long_name": words})
    ends = np.full((2, *shape, len(rules.methods)), np.nan)
    for g, one in enumerate(found):
        for m, method in enumerate(rules.methods):
            ends[:, g, :, m] = np.array([one.interval[method][p] for p in NAMES]).T
    for side, table in zip(("lower", "upper"), ends, strict=True):
        words = f"{side} end of the {100 * rules.level:g} % interval, in the unit of the parameter"
        data[side] = ((*dims, "method"), _shown(table, base), {"long_name": words})
    return data


def _shown(table: Array, base: Base) -> Array:
    """Standard errors or ends of intervals, a column a parameter, in the units of the parameters."""
    columns = [base.shown(row.unit, table[:, p]) for p, row in enumerate(SPARSE_PARAMETERS.values())]
    return np.stack(columns, axis=1)


def mean_curves(found: list[SparseResult], base: Base) -> dict[str, Any]:
    """The mean curves, padded with NaN."""
    width = max((len(one.times) for one in found), default=0)
    rows = {
        "time": ("times", base.words["time"], "time after the first dose"),
        "mean": ("mean", base.own, "mean"),
        "sd": ("sd", base.own, "standard deviation"),
        "se": ("se_mean", base.own, "standard error of the mean"),
        "n": ("n", "1", "values in the mean"),
        "n_samples": ("n_samples", "1", "samples drawn"),
        "n_blq": ("n_blq", "1", "samples below the limit of quantification"),
        "weight": ("weights", base.words["time"], "trapezoid weight in the area to the last time"),
    }
    data = {}
    for name, (field, unit, words) in rows.items():
        table = np.full((len(found), width), np.nan)
        for g, one in enumerate(found):
            column = getattr(one, field)
            table[g, : len(column)] = column
        data[f"profile_{name}"] = (("group", "point"), table, {"units": unit, "long_name": words})
    return data


def above_limit(count: int) -> str:
    """Return what samples above the upper limit of quantification do to a mean curve; "" without any."""
    return f"{count} samples above the upper limit of quantification: Cmax and areas are lower bounds" if count else ""


def coordinates_of(
    groups: list[GroupSamples], found: list[SparseResult], rules: SparseRules, base: Base,
    amount_unit: str,
) -> dict[str, Any]:  # fmt: skip
    """Return names of groups, parameters and methods, and what describes every group."""
    labels = [group.label for group in groups]
    numeric = bool(labels) and all(isinstance(v, int | float | np.number) for v in labels)
    names = np.array(labels if numeric else [str(v) for v in labels], dtype=None if numeric else object)
    parameter_units = [_unit(row, base) for row in SPARSE_PARAMETERS.values()]
    count = {
        "n_subjects": "subjects", "n_samples": "samples", "n_blq": "samples below the limit of quantification",
        "n_alq": "samples above the upper limit of quantification: means and areas are lower bounds",
    }  # fmt: skip
    totals = {
        "n_subjects": [one.n_subjects for one in found],
        "n_samples": [int(one.n_samples.sum()) for one in found],
        "n_blq": [int(one.n_blq.sum()) for one in found],
        "n_alq": [group.n_alq for group in groups],
    }
    flags = ["; ".join(filter(None, (one.flags, above_limit(g.n_alq)))) for one, g in zip(found, groups, strict=True)]
    return {
        "group": ("group", names),
        "parameter": ("parameter", np.array(NAMES, dtype=object)),
        "unit": ("parameter", np.array(parameter_units, dtype=object), {"long_name": "unit of the parameter"}),
        "method": ("method", np.array(rules.methods, dtype=object)),
        "design": ("group", np.array([one.design for one in found], dtype=object), {"long_name": "sampling design"}),
        "start": (
            "group",
            np.array([one.start for one in found], dtype=object),
            {"long_name": "how the area begins, where no mean stands at the dose"},
        ),
        "accepted": (
            "group",
            np.array([not text for text in flags], dtype=bool),
            {"long_name": "nothing calls for caution"},
        ),
        "flags": (
            "group",
            np.array(flags, dtype=object),
            {"long_name": "what to be careful about"},
        ),
        "dose": ("group", np.array([g.dose for g in groups], dtype=np.float64), {"units": units.show(amount_unit)}),
        "route": ("group", np.array([g.route for g in groups], dtype=object)),
        "duration": ("group", np.array([g.duration for g in groups], dtype=np.float64), {"units": base.words["time"]}),
        **{
            name: ("group", np.array(totals[name], dtype=np.int64), {"long_name": text}) for name, text in count.items()
        },
    }


def covariates_of(study: Study, groups: list[GroupSamples], taken: Collection[str]) -> dict[str, Any]:
    """Return the covariates of which every group has one value, as coordinates of the groups."""
    columns = alike_within(study, [group.subjects for group in groups])
    known = {name: {"units": study.units[name]} if name in study.units else {} for name in columns}
    return {label: ("group", columns[name], {"long_name": name, **known[name]})
            for name, label in names_for(columns, taken).items()}  # fmt: skip


def attributes_of(
    study: Study, analyte: str, by: str | None, rules: SparseRules, found: list[SparseResult]
) -> dict[str, Any]:
    """Return what was analysed, by which rules, and where the data come from."""
    attrs: dict[str, Any] = {
        "title": f"sparse non-compartmental analysis of {analyte}",
        "analyte": analyte,
        "by": by or "",
        "rules": rules.to_json(),
        "level": rules.level,
        "notes": json.dumps(sorted({note for one in found for note in one.notes})),
        "pkpd_version": package_version(),
    }
    return attrs | data_attributes(study)
