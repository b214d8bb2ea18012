"""What the user declares beside the tables: units and limits of quantification, checked before they are used."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pkpd import units as unit_tools
from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.errors import InputError, UnitError, nearest
from pkpd.io.cells import is_missing, number
from pkpd.io.columns import COVARIATES, RESERVED, fold, vocabulary
from pkpd.io.findings import Findings, say, shown
from pkpd.io.headings import is_unit
from pkpd.io.table import Table

_KINDS = {
    "time": ("time",),
    "dose": ("amount", "amount per kg"),
    "weight": ("body weight",),
    "duration": ("time",),
    "volume": ("volume", "amount"),
}

_TIMES = ("nominal_time", "until", "clock", "time_after_dose")


@dataclass(frozen=True)
class Limits:
    """Limits of quantification by analyte, in the analyte's unit."""

    lower: Mapping[str, float]
    upper: Mapping[str, float]


def unit_is_good(name: str, unit: object, findings: Findings) -> bool:
    """Say whether a unit exists and has the dimension that its name asks for; if not, that is a problem."""
    if not isinstance(unit, str):
        findings.problem(f"units: the unit of {name!r} is {shown(unit)}; expected a text such as 'ng/mL'")
        return False
    try:
        if name in _KINDS:
            unit_tools.require(unit, *_KINDS[name], what=repr(name))
        else:
            unit_tools.is_kind(unit, "time")
    except UnitError as error:
        own = f"; a unit of your own is written {{{unit}}}" if name not in _KINDS and not is_unit(unit) else ""
        findings.problem(f"units: {name!r}: {'; '.join(error.problems)}{own}")
        return False
    return True


def declared_units(units: object, findings: Findings) -> dict[str, str]:
    """Return the units by name, the reserved names spelled our way; a bad one is a problem and left out."""
    if not isinstance(units, Mapping):
        findings.problem(f"units: {shown(units)}; expected a mapping such as {{'time': 'h', 'IL21': 'ng/mL'}}")
        return {}
    words = vocabulary(RESERVED)
    result: dict[str, str] = {}
    for name, unit in units.items():
        if not isinstance(name, str) or not name.strip():
            findings.problem(f"units: {shown(name)} is not a name; expected a text such as 'IL21'")
            continue
        ours = words.get(fold(name), name)
        if ours in result:
            findings.problem(f"units: {name!r} is given twice")
        elif unit_is_good(ours, unit, findings):
            result[ours] = unit
    return result


def with_headings(units: Mapping[str, str], of_columns: Mapping[str, str], findings: Findings) -> dict[str, str]:
    """Return the units completed by those that stand in headings such as ``time (h)`` or ``weight [kg]``."""
    result = dict(units)
    for column, unit in of_columns.items():
        name = "time" if column in _TIMES else vocabulary(RESERVED).get(fold(column), column)
        if name in ("value", "amount", "amount_per_kg"):
            continue  # these are units of records: they are converted where the records are read
        covariate = vocabulary(COVARIATES).get(fold(name), "")
        spelled = next((n for n in units if fold(n) == fold(name)), covariate or name)
        if spelled in _KINDS and spelled not in result:
            if unit_is_good(spelled, unit, findings):
                result[spelled] = unit
        elif covariate and spelled not in result:
            result[spelled] = unit
        elif spelled in ("time", "weight", "duration", "volume") and result[spelled] != unit:
            findings.problem(f"units: the heading of {column!r} says {unit!r}, units= says {result[spelled]!r}")
    return result


def declared_limits(
    name: str, limits: object, units: Mapping[str, str], analytes: Iterable[str], findings: Findings
) -> dict[str, float]:
    """Return limits by analyte in the analyte's unit; ``"112 pg/mL"`` is converted, a bad one is a problem."""
    known = list(analytes)
    if limits is None:
        return {}
    if not isinstance(limits, Mapping):
        findings.problem(f"{name}: {shown(limits)}; expected a mapping from analyte to limit such as {{'IL21': 0.112}}")
        return {}
    by_fold = {fold(a): a for a in known}
    result = {}
    for given, limit in limits.items():
        analyte = by_fold.get(fold(given))
        if analyte is None:
            findings.problem(f"{name}: {given!r} is not an analyte of the study; {nearest(str(given), known)}")
            continue
        value = number(limit)
        if value is None and isinstance(limit, str):
            try:
                value, unit = unit_tools.quantity(limit)
                value = float(product(value, factor_between(unit, units.get(analyte, unit))))
            except InputError as error:
                findings.problem(f"{name}: {analyte!r}: {'; '.join(error.problems)}")
                continue
        if value is None or not (math.isfinite(value) and value > 0):
            findings.problem(f"{name}: {analyte!r} is {shown(limit)}; expected a number > 0")
            continue
        result[analyte] = value
    return result


def factor_between(source: str, target: str) -> float:
    """Return the factor between two units; whatever hinders the conversion (such as °C to °F) is a UnitError."""
    try:
        return unit_tools.factor(source, target)
    except UnitError:
        raise
    except Exception as error:  # pint has kinds of its own, and arithmetic can overflow
        raise UnitError(f"{source!r} cannot be converted to {target!r} by a factor ({error})") from None


def record_factors(
    table: Table, names: Sequence[str], units: Mapping[str, str], default: Mapping[str, str], findings: Findings
) -> tuple[Array, dict[str, str]]:
    """Return what every record is multiplied with to be in the unit of its name, and the units that records add.

    A name without a declared unit takes the unit that most of its records carry.

    Parameters
    ----------
    table : Table
        Records; the column ``unit`` is used when there is one.
    names : sequence of str
        What each record is a value of: an analyte, or ``"dose"``.
    units : mapping
        Declared units by name.
    default : mapping
        Unit by name of a record whose own cell is empty (from the heading of its column).
    findings : Findings
        Where problems go.
    """
    factors = np.ones(len(table))
    stated = [default.get(name, "") for name in names]
    if "unit" in table:
        pairs = zip(stated, table.columns["unit"], strict=True)
        stated = [usual if is_missing(cell) else str(cell).strip() for usual, cell in pairs]
    added: dict[str, str] = {}
    for name in sorted(set(names) - set(units) - {""}):
        counts = Counter(u for u, n in zip(stated, names, strict=True) if n == name and u)
        ranked = sorted(counts, key=lambda unit: (-counts[unit], unit))
        if ranked and name != "dose" and not is_unit(ranked[0]) and "unit" in table and "{" not in ranked[0]:
            added[name] = f"{{{ranked[0]}}}"  # nothing converts to it
            stated = [added[name] if (u, n) == (ranked[0], name) else u for u, n in zip(stated, names, strict=True)]
            findings.altered(
                f"{table.name}: {counts[ranked[0]]} records of {name} are in {shown(ranked[0])}, which is no known "
                f"unit; it is carried as {added[name]!r} and converts to none (units={{{name!r}: ...}} says another)"
            )
        elif ranked and unit_is_good(name, ranked[0], findings):
            added[name] = ranked[0]
    known = {**units, **added}
    converted: Counter[tuple[str, str]] = Counter()
    overridden: Counter[tuple[str, str]] = Counter()
    of_name: dict[str, set[str]] = {}
    for unit, name in zip(stated, names, strict=True):
        of_name.setdefault(name, set()).add(unit)
    always = {name: texts for name, texts in of_name.items() if len(texts) == 1}
    for i, (unit, name) in enumerate(zip(stated, names, strict=True) if any(stated) else ()):
        if not unit or name not in known or unit == known[name]:
            continue
        try:
            factors[i] = factor_between(unit, known[name])
            converted[name, unit] += 1
        except UnitError as error:
            if name in units and not is_unit(unit) and unit in always.get(name, ()):  # what was declared stands
                overridden[name, unit] += 1
                continue
            way = f" ({say(table.headings.get('unit', 'unit'), 'drop')} if units= is right)" if name in units else ""
            findings.problem(f"{table.place('unit', i)}: {'; '.join(error.problems)}{way}")
    for (name, unit), count in sorted(overridden.items()):
        heading = table.headings.get("unit", "unit")
        findings.altered(
            f"{table.name}: {count} records of {name} say {shown(unit)} in '{heading}', which is no unit known here; "
            f"they are taken to be in {known[name]}, as units= says"
        )
    for (name, unit), count in sorted(converted.items()):
        findings.altered(f"{table.name}: {count} records of {name} converted from {unit} to {known[name]}")
    return factors, added
