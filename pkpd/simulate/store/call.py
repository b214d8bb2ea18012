"""What a call computes, in words and digests: by this a store knows whether it is asked for the same thing again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.about import package_version
from pkpd.dosing import Regimen
from pkpd.population import Population
from pkpd.simulate.run import Run
from pkpd.simulate.task import Task
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

STREAMS = 2
"""Raised whenever the same call would give other numbers: streams, order of draws, layout."""


def describe(run: Run, design: Regimen | Study, task: Task) -> dict[str, str]:
    """Return everything that the result depends on, by name.

    A function that draws covariates cannot be looked into; what it drew for the first piece stands for it.
    """
    people, settings = run.people, replace(run.settings, workers=None)
    sizes = task.layout.sizes
    rule = {"at_dose": run.at_dose} if isinstance(design, Regimen) else {}  # under a study its marks decide
    return {
        "pkpd": f"{package_version()} (streams {STREAMS})",
        "model": f"{people.model.name} {_digest([people.model.key, sorted(people.model.base.items())])}",
        "parameters": json.dumps({p.name: [p.value, p.unit] for p in people.parameters}),
        "random effects": _random_effects(people),
        "residual errors": ", ".join(f"{e.output} {e.label}" for e in people.errors) or "none",
        "individual values": _table(people.table),
        "covariates": "a function" if callable(people.covariates) else _table(people.covariates),
        "first subjects drawn": _arrays(task.first.items()),
        "design": _design(design),
        "subjects": str(task.cut.subjects),
        "replicates": str(task.cut.replicates),
        "seed": str(run.seed),
        **rule,
        "times": f"{sizes.get('time', sizes.get('record'))} "
        + _arrays((str(n), v.values) for n, v in task.layout.fixed.variables.items()),
        "settings": json.dumps(asdict(settings)),
        "kept": ", ".join(task.layout.variables),
    }  # fmt: skip


def _random_effects(people: Population) -> str:
    """How the parameters of a subject are made: texts, covariance, limits."""
    if not people.texts:
        return "none"
    limits = sorted((n, [*map(repr, b)]) for n, b in people.limits.items())
    matrix = people.omega.matrix().tolist()
    return f"{', '.join(people.texts)} " + _digest([sorted(people.texts.items()), people.omega.names(), matrix, limits])


def differences(stored: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
    """Return one sentence for everything in which two calls differ."""
    return [
        f"{name}: the store has {_short(stored.get(name))}, this call {_short(asked.get(name))}"
        for name in dict.fromkeys([*stored, *asked])
        if stored.get(name) != asked.get(name)
    ]


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= 200 else f"{text[:100]} … [{_digest(text)}]"


def _design(design: Regimen | Study) -> str:
    if isinstance(design, Study):
        return f"study {design.data_hash[:12]}"
    parts = [[asdict(d) for d in design], design.unit, design.time_unit, *design.occasions]
    return f"{design} {_digest(parts)}"


def _table(table: pandas.DataFrame | None) -> str:
    if table is None:
        return "none"
    text = table.to_csv(float_format="%.17g")
    return f"{len(table)} rows of {', '.join(map(str, table.columns))} {_digest(text)}"


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]


def _arrays(named: Iterable[tuple[str, Any]]) -> str:
    total = hashlib.sha256()
    for name, values in named:
        array = np.asarray(values)
        total.update(f"{name} {array.dtype} {array.shape}".encode())
        total.update(repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:12]
