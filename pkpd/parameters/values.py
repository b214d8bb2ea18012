"""Parameter values with unit, bounds and what is fixed, and their round trip to an unbounded vector."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from pkpd import units
from pkpd.arguments import brief, checked, checked_fields
from pkpd.arrays import Array
from pkpd.errors import InputError, UnitError, nearest, unknown_names
from pkpd.files import Part
from pkpd.parameters.scale import Scale


@dataclass(frozen=True, slots=True)
class Parameter(Part):
    """One parameter: its value, unit, bounds, whether it is fixed, and what it means.

    Parameters
    ----------
    name : str
        The field's name, e.g. ``"CL"``.
    value : float
        NaN while no value is known.
    unit : str
        Unit; may contain the words ``time``, ``amount``, ``volume`` until the model's units are chosen.
    lower, upper : float
        Bounds; positive by default. They also choose the scale of estimation: log for ``(0, inf)``, logit for a
        finite interval, the natural scale without bounds.
    fixed : bool
        A fixed parameter is never estimated.
    meaning : str
        What it is, in words.
    """

    name: str
    value: float = math.nan
    unit: str = ""
    lower: float = 0.0
    upper: float = math.inf
    fixed: bool = False
    meaning: str = ""

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "parameter")
        if not self.lower < self.upper:
            raise InputError(f"parameter {self.name!r} has bounds {self.lower} to {self.upper}; expected lower < upper")
        if math.isinf(self.value):
            raise InputError(f"parameter {self.name!r} is {self.value}; expected a finite number")
        if not math.isnan(self.value) and not self.lower <= self.value <= self.upper:
            raise InputError(
                f"parameter {self.name!r} is {self.value:g}, outside its bounds {self.lower:g} to {self.upper:g}"
                + self._way_out()
            )

    def _way_out(self) -> str:
        """What to write when a value below 0 is meant: 0 is the lower bound unless another one is given."""
        if self.lower != 0.0 or self.value >= 0:
            return ""
        return (
            f"; if {self.name} may be negative, write Parameter({self.name!r}, {self.value:g}, lower=-math.inf), or "
            f"change an existing one by parameters.bound({self.name!r}, lower=-math.inf)"
        )

    @property
    def scale(self) -> str:
        """Scale of estimation: ``"log"``, ``"logit"``, or ``"natural"``."""
        if math.isfinite(self.lower) and math.isfinite(self.upper):
            return "logit"
        return "natural" if math.isinf(self.lower) and math.isinf(self.upper) else "log"


@dataclass(frozen=True)
class Parameters(Part):
    """An ordered, immutable set of parameters; read values with ``p["CL"]``, change them with `with_values`."""

    items: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        checked_fields(self, "parameters")
        names = self.names
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise InputError(f"parameters stand twice: {', '.join(twice)}")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(item.name for item in self.items)

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the parameters that are not fixed."""
        return tuple(item.name for item in self.items if not item.fixed)

    @property
    def values(self) -> Array:
        """All values in order, shape (parameters,)."""
        return np.array([item.value for item in self.items], dtype=float)

    @property
    def free_values(self) -> Array:
        """Values of the parameters that are not fixed, shape (free,)."""
        return np.array([item.value for item in self.items if not item.fixed], dtype=float)

    @property
    def scale(self) -> Scale:
        """Scale of estimation of the free parameters, with bounds of shape (free,)."""
        free = [item for item in self.items if not item.fixed]
        return Scale([item.lower for item in free], [item.upper for item in free])

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the parameters that have no value yet."""
        return tuple(item.name for item in self.items if math.isnan(item.value))

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.items)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @checked
    def get(self, name: str) -> Parameter:
        """Return one parameter; an unknown name suggests the nearest."""
        for item in self.items:
            if item.name == name:
                return item
        raise InputError(f"unknown parameter {name!r}; {nearest(name, self.names)}")

    def __getitem__(self, name: str) -> float:
        return self.get(name).value

    def as_dict(self) -> dict[str, float]:
        """Return the values by name."""
        return {item.name: item.value for item in self.items}

    def __add__(self, other: Parameters) -> Parameters:
        """Join two sets; a parameter in both must be the same thing, and a known value wins over none."""
        mine = {item.name: item for item in self.items}
        problems = []
        for item in other.items:
            have = mine.get(item.name)
            if have is None or (math.isnan(have.value) and have.unit == item.unit):
                mine[item.name] = item
            elif have.unit != item.unit or not (math.isnan(item.value) or have.value == item.value):
                problems.append(
                    f"parameter {item.name!r} stands in both with different values or units: "
                    f"{have.value:g} {have.unit} and {item.value:g} {item.unit}; rename one of them"
                )
        if problems:
            raise InputError(problems)
        return Parameters(tuple(mine.values()))

    @checked
    def change(self, names: Iterable[str], **attributes: Any) -> Parameters:
        """Return the set with some attributes of the named parameters replaced."""
        wanted = list(names)
        if problems := unknown_names(wanted, self.names, "parameter"):
            raise InputError(problems)
        return Parameters(tuple(replace(p, **attributes) if p.name in wanted else p for p in self.items))

    @checked
    def with_values(self, values: Mapping[str, float | str] | None = None, /, **more: float | str) -> Parameters:
        """Return the set with new values; a text such as ``"0.17 L/h/kg"`` is converted to the parameter's unit.

        Raises
        ------
        InputError
            Listing every unknown name, value out of bounds and unit that does not fit.
        """
        new = {**(values or {}), **more}
        problems = unknown_names(new, self.names, "parameter")
        changed: list[Parameter] = []
        for item in self.items:
            if item.name not in new:
                changed.append(item)
                continue
            try:
                changed.append(replace(item, value=_in_unit(new[item.name], item)))
            except (InputError, TypeError, ValueError) as error:
                problems.append(str(error))
        if problems:
            raise InputError(problems)
        return Parameters(tuple(changed))

    @checked
    def fix(self, *names: str) -> Parameters:
        """Return the set with these parameters fixed at their values."""
        return self.change(names, fixed=True)

    @checked
    def release(self, *names: str) -> Parameters:
        """Return the set with these parameters free to be estimated."""
        return self.change(names, fixed=False)

    @checked
    def bound(self, name: str, lower: float = -math.inf, upper: float = math.inf) -> Parameters:
        """Return the set with new bounds for one parameter."""
        return self.change([name], lower=lower, upper=upper)

    @checked
    def subset(self, names: Iterable[str]) -> Parameters:
        """Return the named parameters in the order asked for."""
        return Parameters(tuple(self.get(name) for name in names))

    def to_vector(self) -> Array:
        """Return the free values on their unbounded scales (log, logit, natural), shape (free,).

        Raises
        ------
        InputError
            If a free value is missing or sits exactly on a bound (its transform is infinite).
        """
        problems = [
            f"parameter {p.name!r} has no start value" if math.isnan(p.value) else
            f"parameter {p.name!r} starts on its bound {p.value:g}; start inside or fix it"
            for p in self.items
            if not p.fixed and (math.isnan(p.value) or (p.scale != "natural" and p.value in (p.lower, p.upper)))
        ]  # fmt: skip
        if problems:
            raise InputError(problems)
        return self.scale.to(self.free_values)

    @checked
    def from_vector(self, vector: Array) -> Parameters:
        """Return the set with the free values read back from their unbounded scales."""
        numbers = np.asarray(vector, dtype=float).ravel()
        if numbers.size != len(self.free):
            raise InputError(
                f"the vector has {numbers.size} numbers; expected {len(self.free)}: {', '.join(self.free)}"
            )
        free = iter(self.scale.back(numbers).tolist())
        return Parameters(tuple(p if p.fixed else replace(p, value=next(free)) for p in self.items))

    def same_as(self, other: Parameters) -> bool:
        """Say whether two sets are equal in everything, where no value equals no value."""

        def plain(p: Parameter) -> tuple[Any, ...]:
            value = None if math.isnan(p.value) else p.value
            return (p.name, value, p.unit, p.lower, p.upper, p.fixed, p.meaning)

        return [plain(p) for p in self.items] == [plain(p) for p in other.items]

    def slopes(self) -> Array:
        """Return d value / d transformed value of the free parameters, shape (free,)."""
        return self.scale.slope(self.free_values)

    def table(self) -> list[tuple[str, str, str, str]]:
        """Return rows of text: name, value with unit, bounds or "fixed", meaning."""
        rows = []
        for p in self.items:
            bounds = "fixed" if p.fixed else f"{p.lower:g} … {p.upper:g}"
            value = "no value" if math.isnan(p.value) else f"{p.value:.5g}"
            unit = f"({p.unit})" if p.unit and math.isnan(p.value) else p.unit
            rows.append((p.name, f"{value} {unit}".strip(), bounds, p.meaning))
        return rows

    def __repr__(self) -> str:
        return "\n".join(f"{a:<12} {b:<22} {c:<14} {d}".rstrip() for a, b, c, d in self.table())

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{h}</th>" for h in ("parameter", "value", "bounds", "meaning"))
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{html.escape(c)}</td>" for c in row) + "</tr>"
            for row in self.table()
        )
        return f"<table><tr>{head}</tr>{body}</table>"


def _in_unit(value: float | str, item: Parameter) -> float:
    if isinstance(value, str):
        if item.unit == "":
            raise UnitError(f"parameter {item.name!r} has no unit, but {value!r} was given")
        if units.is_open(item.unit):
            advice = 'choose them first: model.in_units(time="h", amount="mg", volume="L")'
            raise UnitError(f"parameter {item.name!r} is {item.unit!r} until the model has units; {advice}")
        try:
            number, unit = units.quantity(value)
            return number * units.factor(unit, item.unit)
        except UnitError as error:
            raise UnitError(f"parameter {item.name!r}: {error}") from None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"parameter {item.name!r} is {value!r}; expected a number, or a text with a unit") from None
