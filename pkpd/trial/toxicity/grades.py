"""Grades of a table of laboratory values, row by row, each with its reason and its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.errors import InputError, few, nearest, shown, warn
from pkpd.trial.recist.scans import provenance
from pkpd.trial.toxicity.criteria import Criteria, Limit
from pkpd.trial.toxicity.criteria import criteria as criteria_of
from pkpd.trial.toxicity.judging import Judged, Known, judge, set_aside
from pkpd.trial.toxicity.lab_units import MOLAR_MASS, by_mass, factor, known_test
from pkpd.trial.toxicity.values import baseline_rows, read_values, said

if TYPE_CHECKING:
    import pandas

_ADDED = ("term", "direction", "grade", "lowest", "highest", "base", "reason", "other_unit", "is_baseline")


@checked
def grades(
    values: Any, criteria: Any = "CTCAE v3.0", *, limits: Any = None, columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Return the grade of every laboratory value, with its reason, and the range where the value does not decide.

    A value is graded in the column of the unit that it was reported in; limits are compared as decimals. Low and high
    values of one test are two terms: such a value has two rows.

    Parameters
    ----------
    values : DataFrame, path, or mapping
        One row per value: ``subject, test, value, unit``, and ``day, lln, uln, baseline`` (flag; else the last value up
        to day 1 is the baseline). What a version grades by, beyond the value, are columns of yes, no or nothing:
        ``symptoms, consequence`` (of uric acid), ``intervention, severe, life_threatening``.
    criteria : str, Criteria or table
        See `criteria`.
    limits : DataFrame, path, or mapping, optional
        Limits of normal for values without: ``test, lln, uln`` and, where they differ, ``laboratory, sex``, and
        ``since`` (with a column ``date`` of the values).
    columns : mapping, optional
        Our name → its heading in the values.

    Returns
    -------
    DataFrame
        The values with ``term, direction, grade, lowest, highest, base, reason, other_unit, is_baseline``. ``grade`` is
        NaN where ``lowest`` and ``highest`` differ; ``reason`` says why. ``other_unit`` names the grade by the column
        of the other unit, where the printed limits disagree.

    Raises
    ------
    InputError
        Listing all that cannot be used, such as units that a test cannot have.

    Warns
    -----
    DataWarning
        Counting values of tests that the criteria do not have; they stay, without a grade.
    """
    import pandas

    rules = criteria_of(criteria)
    table = read_values(values, limits, columns, rules.tests)
    clash = [name for name in _ADDED if name in table]
    if clash:
        raise InputError(f"the values have columns {', '.join(clash)} already; grades adds these", "grades")
    names = {name: known_test(name, rules.tests) for name in dict.fromkeys(table["test"])}
    table["test"] = [names[name] or name for name in table["test"]]
    unknown = [name for name, test in names.items() if test is None]
    if unknown and len(unknown) == len(names):
        raise InputError([f"{rules.name} has no test {shown(n)}; {nearest(n, rules.tests)}" for n in unknown], "grades")
    if unknown:
        many = int(table["test"].isin(unknown).sum())
        warn(f"{many} values have no grade: {rules.name} has no test {few(unknown)}")
    problems: list[str] = []
    flags = {need: said(table, need, problems) for need in sorted({*rules.table["needs"]} - {""}) if need in table}
    table["is_baseline"] = baseline_rows(table)
    parts = []
    for (test, unit), part in table.groupby(["test", "unit"], sort=False):
        if test in unknown:
            parts.append(part.assign(term="", direction="", grade=np.nan, lowest=np.nan, highest=np.nan, base=np.nan,
                                     reason=f"{rules.name} has no such test", other_unit=""))  # fmt: skip
            continue
        own = {name: values_[part.index.to_numpy()] for name, values_ in flags.items()}
        parts += _of_test(table, part, (str(test), str(unit)), rules, own, problems)
    if problems:
        raise InputError(problems, "grades")
    result = pandas.concat(parts, ignore_index=True) if parts else table.assign(**{key: [] for key in _ADDED[:-1]})
    result = result.sort_values("row", kind="stable", ignore_index=True)
    result.attrs.update(provenance(values), criteria=rules.name)
    return result


def _of_test(
    table: pandas.DataFrame, part: pandas.DataFrame, what: tuple[str, str], rules: Criteria, flags: dict[str, Array],
    problems: list[str],
) -> list[pandas.DataFrame]:  # fmt: skip
    """The rows of one test in one unit, once for each term."""
    test, unit = what
    found = []
    for (term, direction), limits in rules.terms(test).items():
        units_ = [one.units for one in limits if one.basis == "absolute"] or [one.units for one in limits]
        pair = units_[0]
        if not unit and any(limit.basis == "absolute" for limit in limits):
            problems.append(f"{len(part)} values of {test} (row {few(part['row'])}) have no unit; "
                            f"expected {' or '.join(dict.fromkeys(filter(None, pair)))}")  # fmt: skip
            return []
        ways = {k: f for k in (0, 1) if pair[k] and (f := factor(unit, pair[k], test)) is not None} if unit else {}
        if unit and not ways and any(pair):
            problems.append(f"{len(part)} values of {test} (row {few(part['row'])}) are in "
                            f"{shown(unit)}; expected {' or '.join(dict.fromkeys(filter(None, pair)))}")  # fmt: skip
            return []
        column = min(ways, default=0) if ways else _filled(limits)
        known = _known(table, part, test, ways.get(column, 1.0), flags, limits)
        judged = judge(limits, direction == "low", column, known)
        same = judged.low == judged.high
        found.append(part.assign(
            term=term, direction=direction, grade=np.where(same, judged.low, np.nan), lowest=judged.low,
            highest=judged.high, base=product(known.base, 1.0 / ways.get(column, 1.0)),
            reason=_reasons(limits, direction, column, known, judged),
            other_unit=_other(limits, direction, column, known, judged, test, pair),
        ))  # fmt: skip
    return found


def _filled(limits: Sequence[Limit]) -> int:
    return 1 if any(np.isnan(limit.limits[0]) for limit in limits) else 0


def _known(
    table: pandas.DataFrame, part: pandas.DataFrame, test: str, scale: float, flags: dict[str, Array],
    limits: Sequence[Limit],
) -> Known:  # fmt: skip
    """What is known of each value, in the unit of the column; so is a baseline, where its own unit converts."""

    def scaled(cells: pandas.Series) -> Array:
        return np.asarray(product(cells.to_numpy(float), scale), dtype=float)

    unit = str(part["unit"].iloc[0])
    base, abnormal = np.full(len(part), np.nan), np.full(len(part), np.nan)
    baselines = table[table["is_baseline"] & (table["test"] == test)]
    for other, own in baselines.groupby("unit", sort=False):
        ratio = 1.0 if other == unit else by_mass(str(other), unit, test) if other and unit else None
        if ratio is None:
            continue
        own = own.set_index("subject")
        value, upper = (part["subject"].map(own[name]).to_numpy(float) for name in ("value", "uln"))
        base = np.where(np.isnan(value), base, product(product(value, ratio), scale))
        abnormal = np.where(np.isnan(value) | np.isnan(upper), abnormal, value > upper)
    return Known(scaled(part["value"]), scaled(part["lln"]), scaled(part["uln"]), base, abnormal, flags)


def _reasons(limits: Sequence[Limit], direction: str, column: int, known: Known, judged: Judged) -> list[str]:
    """Why each value has its grade, or why it has none."""
    sign = "<" if direction == "low" else ">"
    units_ = next((one.units[column] for one in limits if one.basis == "absolute"), "")
    aside = set_aside(limits, known.flags)
    found = []
    for i, value in enumerate(known.value.tolist()):
        if np.isnan(value):
            found.append("not measured")
            continue
        k, left = int(judged.by[i]), int(judged.open[i])
        text = "no limit is passed"
        if k >= 0:
            limit = limits[k]
            equal = "=" if limit.inclusive else ""
            size = f"{limit.limits[column]:g}"
            edge = f"{size} {limit.units[column]}" if limit.basis == "absolute" else (
                limit.basis if limit.limits[column] == 1 else f"{size} × {limit.basis}")  # fmt: skip
            text = f"{value:g} {sign}{equal} {edge}" + (f" with {_words(limit.needs)}" if limit.needs else "")
        if left >= 0:
            low, high = int(judged.low[i]), int(judged.high[i])
            lacks = _lacking(limits[left], known, i)
            text += f"; {lacks} not known: grade {low} to {high}"
            if all(limit.needs for limit in limits if limit.grade > 1) and not units_ and not aside:
                text += "; not gradable by value"
        if aside and judged.low[i] > 0:
            text += f"; grade {aside[0].grade} is that of life-threatening consequences, of which there is no column"
        found.append(text)
    return found


def _lacking(limit: Limit, known: Known, i: int) -> str:
    """What would decide."""
    reference = {"LLN": known.lln, "ULN": known.uln, "baseline": known.base}.get(limit.basis)
    if reference is not None and np.isnan(reference[i]):
        return limit.basis
    if limit.baseline and np.isnan(known.abnormal[i]):
        return "baseline"
    return _words(limit.needs)


def _words(need: str) -> str:
    return need.replace("_", "-")


def _other(
    limits: Sequence[Limit], direction: str, column: int, known: Known, judged: Judged, test: str, pair: tuple[str, str]
) -> list[str]:
    """Grades by the other printed column, where they differ."""
    mass, empty = MOLAR_MASS.get(test), [""] * known.value.size
    if all(limit.basis != "absolute" for limit in limits):
        return empty  # multiples are the same in every unit
    if mass is None or not all(pair) or any(np.isnan(limit.limits[1 - column]) for limit in limits):
        return empty
    scale = mass / 10 if column == 0 else 10 / mass  # mmol/L · g/mol = mg/L
    moved = Known(known.value * scale, known.lln * scale, known.uln * scale, known.base * scale, known.abnormal,
                  known.flags)  # fmt: skip
    again = judge(limits, direction == "low", 1 - column, moved)
    return [
        "" if np.isnan(low) or (low, high) == (mine, most)
        else f"by {pair[1 - column]}: grade {int(low)}" + (f" to {int(high)}" if high > low else "")
        for low, high, mine, most in zip(again.low, again.high, judged.low, judged.high, strict=True)
    ]  # fmt: skip
