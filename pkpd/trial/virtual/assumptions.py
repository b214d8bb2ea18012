"""Everything that a virtual trial assumes, in one table: what, its value, how it varies, and where it comes from."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.trial.virtual.layout import TRIALS
from pkpd.trial.virtual.plan import VirtualPlan, plain_fields

if TYPE_CHECKING:
    import pandas

    from pkpd.population import Population

COLUMNS = ("part", "name", "value", "unit", "varies", "kind", "source")
_ASSUMED = ("assumed", "")


def assumptions_of(plan: VirtualPlan) -> pandas.DataFrame:
    """Return one row per assumption: ``part, name, value, unit, varies`` (between patients), ``kind, source``.

    The rows are made from the plan itself, so that none can be missing: every field of it, and every parameter of its
    models. Kinds are those of `VirtualPlan.sources`.
    """
    import pandas

    rows: list[dict[str, str]] = []

    def add(part: str, name: str, value: Any, unit: str = "", varies: str = "") -> None:
        kind, source = plan.sources.get(f"{part}.{name}", plan.sources.get(name, _ASSUMED))
        rows.append({"part": part, "name": name, "value": _text(value), "unit": unit, "varies": varies, "kind": kind,
                     "source": source})  # fmt: skip

    for name, value in plain_fields(plan).items():
        if name not in ("drug", "partner", "scans", "laboratory"):
            add("trial", name, value)
    for part, value in plan.parts:
        for name, one in plain_fields(value).items():
            add(part, name, one)
        if hasattr(value, "population"):
            _parameters(value.population, lambda *row, part=part: add(part, *row))
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def _parameters(people: Population, add: Any) -> None:
    """Rows of a model: its name, equations by their digest, parameters, random effects, correlations."""
    add("model", people.model.name, "", "")
    effects, omega = people.omega.effects(), people.omega.matrix()
    for parameter in people.parameters:
        text = people.texts.get(parameter.name, "")
        bounds = people.limits.get(parameter.name)
        within = f", {bounds[0]:g} to {bounds[1]:g}" if bounds else ""
        add(parameter.name, parameter.value, parameter.unit or "", f"{text}{within}")
    for k, name in enumerate(effects):
        add(f"omega_{name}", math.sqrt(omega[k, k]), "", "standard deviation of the random effect")
    for i, j in zip(*np.nonzero(np.tril(omega, -1)), strict=True):
        correlation = omega[i, j] / math.sqrt(omega[i, i] * omega[j, j])
        add(f"correlation_{effects[i]}_{effects[j]}", correlation, "", "of two random effects")
    for error in people.errors:
        add(f"error_{error.output}", error.kind, "", "kind of residual error")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return ", ".join(_text(one) for one in value)
    return getattr(value, "label", None) or str(value)


def digest(plan: VirtualPlan, seed: int) -> str:
    """Return what names the numbers of a plan: all assumptions, the models' equations, the seed, the block."""
    models = [value.population.model.key for _, value in plan.parts if hasattr(value, "population")]
    values = [repr(float(p.value)) for _, value in plan.parts if hasattr(value, "population")
              for p in value.population.parameters]  # fmt: skip
    text = "\n".join(
        [assumptions_of(plan).to_csv(), repr(plain_fields(plan)), *models, *values, str(seed), str(TRIALS)]
    )
    return hashlib.sha256(text.encode()).hexdigest()


__all__ = ["COLUMNS", "assumptions_of", "digest"]
