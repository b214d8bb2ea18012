"""A design in the units of the model: doses, and what the subjects of a study bring themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.arrays import Array, Integers
from pkpd.covariate_names import covariate_called
from pkpd.dosing import Regimen, converted
from pkpd.errors import InputError, warn
from pkpd.model import Model
from pkpd.model.model import WORDS
from pkpd.observed import Observed
from pkpd.population import Population
from pkpd.population.covariates import covariate_columns


def concrete(model: Model, regimen: Regimen) -> Model:
    """Give a model without units those of its parameters' values and of the regimen."""
    if model.base != WORDS:
        return model
    volume = next((p.unit for p in model.parameters if p.unit and not units.is_open(p.unit) and _volume(p.unit)), "L")
    tail = "/kg" if units.per_kg(volume) else ""
    amount = regimen.unit if units.per_kg(regimen.unit) == bool(tail) else "mg" + tail
    return _in_units(model, amount, volume)


@lru_cache(maxsize=16)
def _in_units(model: Model, amount: str, volume: str) -> Model:
    """The model with units, made once: every simulation of it then asks for the code of the same object."""
    return model.in_units(time="h", amount=amount, volume=volume)


def one_occasion(people: Population, regimen: Regimen, where: str) -> None:
    """Refuse a plan with occasions where values that change with them are not supported.

    Raises
    ------
    InputError
        If the plan has occasions and parameters differ between them.
    """
    if regimen.occasions and people.by_occasion:
        names = ", ".join(people.by_occasion)
        raise InputError(f"{names} differ between occasions, and the plan has several; use simulate", where)


def _volume(unit: str) -> bool:
    return units.is_kind(unit, "volume") or (units.per_kg(unit) and units.is_kind(f"{unit}*kg", "volume"))


def doses_for(
    regimen: Regimen, people: Population, model: Model, values: Mapping[str, NDArray[Any]], total: int
) -> list[Any]:
    """Return every subject's doses in the model's units; between doses per kg and absolute ones stands the weight.

    Raises
    ------
    InputError
        If a weight is needed and missing, naming the subjects of the population's table who have none.
    """
    unit, clock = model.base["amount"], model.base["time"]
    ratio, power = units.by_weight(regimen.unit, unit)
    if power == 0:
        return [regimen.in_units(unit, clock).doses] * total
    name = covariate_called("weight", values)
    if name is None:
        raise InputError(f"the regimen is in {regimen.unit!r} and the model in {unit!r}: covariates need a weight (kg)")
    require_covariates(people, (name,))
    own = covariate_units(people).get(name, "kg")
    plan = regimen.in_units(regimen.unit, clock).doses
    scales = ratio * (values[name].astype(float) * units.factor(own, "kg")) ** power
    return [tuple(converted(dose, float(scale), 1.0) for dose in plan) for scale in scales]


def weight_needed(regimen: Regimen, model: Model, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the name of the covariate that doses are computed with, if they are."""
    _, power = units.by_weight(regimen.unit, model.base["amount"])
    name = covariate_called("weight", values) if power else None
    return () if name is None else (name,)


def require_covariates(people: Population, names: Iterable[str]) -> None:
    """Refuse a table of covariates in which one that is needed is missing or no number, naming the subjects.

    Raises
    ------
    InputError
        Listing all of them.
    """
    table = people.covariates
    if table is not None and not callable(table):
        covariate_columns([n for n in names if n in table], table)


def covariate_units(people: Population) -> Mapping[str, str]:
    """Return the units of covariates by name, as far as the population's table says them."""
    table = people.covariates
    found: Mapping[str, str] = {} if table is None or callable(table) else table.attrs.get("units", {})
    return found


def plain_column(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as floating-point ones, everything else as texts; what is missing is NaN or empty."""
    if values.dtype.kind in "biuf":
        return values.astype(float)
    return np.array([value if isinstance(value, str) else "" for value in values.ravel()], dtype=str)


@dataclass(frozen=True, eq=False)
class Own:
    """What some subjects of a study bring themselves: a name, in which rows of values, and the values there."""

    name: str
    rows: Integers
    values: Array

    def into(self, drawn: NDArray[Any] | None, replicates: int, rows: int) -> Array:
        """Put the values into what was drawn, in every replicate; what has no own value keeps what was drawn."""
        column = np.full(replicates * rows, np.nan) if drawn is None else drawn.astype(float)
        column.reshape(replicates, rows)[:, self.rows] = self.values
        return column


def own_values(people: Population, observed: Observed) -> tuple[Own, ...]:
    """What a study's subjects bring themselves: covariates, and their own rows of individual parameters."""
    model, subject = people.model, observed.value_subject
    everywhere = np.arange(len(subject))
    brought = [Own(n, everywhere, observed.covariates[:, k]) for k, n in enumerate(model.covariates)]
    if people.table is not None:
        ids = observed.subjects
        known = np.array([name in people.table.index for name in ids])
        if known.any() and not known.all():
            text = f"{int((~known).sum())} of {len(ids)} subjects have no individual values and take another's"
            warn(text)
        rows = np.flatnonzero(known[subject])
        who = [ids[k] for k in subject[rows]]
        for name in people.table.columns:
            brought.append(Own(str(name), rows, people.table.loc[who, name].to_numpy(float)))
    return tuple(brought)
