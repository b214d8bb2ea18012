"""From columns named as CDISC names them to the columns of `read_study`; what the readers here have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from os import PathLike, fspath
from typing import Any

from pkpd import units as unit_tools
from pkpd.decimals import product
from pkpd.errors import UnitError
from pkpd.io import columns as names
from pkpd.io.blq import reading
from pkpd.io.cdisc.iso import Moment, moment
from pkpd.io.cdisc.spelling import from_cdisc
from pkpd.io.cells import is_missing, label, number
from pkpd.io.findings import Findings
from pkpd.io.table import Table, load

Cells = dict[str, list[object]]
_WORDS = {"missing": "missing", "partial": "a partial date"}


def opened(
    name: str, source: object, known: Mapping[str, tuple[str, ...]], columns: Any, findings: Findings
) -> Table | None:
    """Return a table with its columns under the names of CDISC, None (and a problem) when it cannot be read."""
    sheet = load(name, fspath(source) if isinstance(source, PathLike) else source, findings)
    if sheet is None:
        return None
    words = names.vocabulary(known)
    spelled = {names.fold(h): h for h in sheet[0]}
    # A renaming may be meant for another of the tables: here it counts only when this one has the heading.
    mine = {t: o for t, o in columns.items() if names.fold(t) in spelled} if isinstance(columns, Mapping) else None
    renamed = names.check_renamed(mine, sheet[0], words, findings)
    table = names.match(name, sheet, words, renamed, findings, standard=True)[0]
    if "USUBJID" not in table:
        return table
    columns = {**table.columns, "subject": table.columns["USUBJID"]}  # so that messages can say whose row it is
    return replace(table, columns=columns, headings={**table.headings, "subject": table.headings["USUBJID"]})


def required(table: Table, columns: Mapping[str, str], findings: Findings) -> bool:
    """Say whether a table has all these columns; each that it lacks is a problem."""
    lacking = [column for column in columns if column not in table]
    for column in lacking:
        names.missing_column(table, column, columns[column], findings)
    return not lacking


def text(table: Table, column: str, i: int) -> str:
    """Return one cell as a text, "" when it is empty or no text."""
    return label(table.cell(column, i)) or ""


def moments(table: Table, column: str, findings: Findings, optional: bool = False) -> list[Moment | None]:
    """Return the dates of a column, None where there is none; partial and unreadable ones are problems."""
    dates: list[Moment | None] = []
    for i in range(len(table)):
        date = moment(table.cell(column, i))
        if isinstance(date, str):
            if not (optional and date == "missing"):
                cell = table.cell(column, i)
                what = _WORDS.get(date, "not a date")
                shown = "" if is_missing(cell) else f"{label(cell) or str(cell)[:40]!r} is "
                findings.problem(
                    f"{table.place(column, i)}: {shown}{what}; expected a date with a time of day such as "
                    "2014-03-01T08:30"
                )
            dates.append(None)
        else:
            dates.append(date)
    return dates


def check_zones(dated: Iterable[tuple[Table, str, Sequence[Moment | None]]], findings: Findings) -> None:
    """Report dates of which some have a time zone and others have none."""
    seen: dict[bool, str] = {}
    for table, column, dates in dated:
        for i, date in enumerate(dates):
            if date is not None:
                seen.setdefault(date.zoned, table.place(column, i))
    if len(seen) == 2:
        findings.problem(f"{seen[True]}: has a time zone, {seen[False]} has none; expected the same for all dates")


def elapsed(when: Moment | None, zero: Fraction | None, per: Fraction) -> float | None:
    """Return the time from a zero in a unit of `per` seconds, the nearest number there is."""
    return None if when is None or zero is None else float((when.seconds - zero) / per)


Source = tuple[str, str, str]  # columns of the number, of the text and of the unit


def results(table: Table, sources: Sequence[Source], limits: tuple[str, str], findings: Findings) -> Cells:
    """Return value, unit, flags and limits of every record from the first source that says anything.

    A text such as ``<0.1`` beside a number makes the record BLQ; the number is kept when it is below the limit.

    Parameters
    ----------
    table : Table
        Records under the names of CDISC.
    sources : sequence of triples
        Columns of the number, its text and its unit, the standardised result first.
    limits : pair of str
        Columns of the lower and the upper limit, in the unit of the first source.
    findings : Findings
        Where problems and notes go.
    """
    cells: Cells = {c: [None] * len(table) for c in ("value", "unit", "blq", "alq", "lloq", "uloq", "heading of value")}
    dropped = 0
    standard = sources[0][2]
    for i in range(len(table)):
        for source in sources:
            value, words = table.cell(source[0], i), table.cell(source[1], i)
            if not (is_missing(value) and is_missing(words)):
                break
        else:
            source = sources[0]
        cells["lloq"][i], cells["uloq"][i] = (_limit(table, c, i, (standard, source[2]), findings) for c in limits)
        cells["unit"][i] = from_cdisc(text(table, source[2], i)) or None
        beyond = reading(words)
        if not is_missing(value) and beyond is not None and beyond.side:
            flag, limit = ("blq", "lloq") if beyond.side == "below" else ("alq", "uloq")
            cells[flag][i] = True
            if is_missing(cells[limit][i]) and not math.isnan(beyond.limit):
                cells[limit][i] = beyond.limit
            edge, result = number(cells[limit][i]), number(value)
            if edge is not None and result is not None and (result >= edge if flag == "blq" else result <= edge):
                value, dropped = None, dropped + 1
        cells["value"][i] = words if is_missing(value) else value
        shown = source[1] if (is_missing(value) and source[1] in table) or source[0] not in table else source[0]
        cells["heading of value"][i] = table.headings.get(shown, shown)
    if dropped:
        findings.altered(f"{table.name}: {dropped} numbers beside a text beyond the limit are no results; left out")
    return cells


def _limit(table: Table, column: str, i: int, unit: tuple[str, str], findings: Findings) -> object:
    """Return a limit in the unit of the result, which may not be the standard unit that limits are given in."""
    cell = table.cell(column, i)
    given, used = (from_cdisc(text(table, u, i)) for u in unit)
    limit = number(cell)
    if is_missing(cell) or limit is None or not given or not used or given == used:
        return cell
    try:
        return float(product(limit, unit_tools.factor(given, used)))
    except UnitError as error:
        findings.problem(f"{table.place(column, i)}: {'; '.join(error.problems)}")
        return None


def with_specimens(analytes: Sequence[str], specimens: Sequence[str]) -> list[str]:
    """Return the names with their specimen, ``DRUG (URINE)``, where one test was measured in several."""
    measured_in: dict[str, set[str]] = {}
    for name, specimen in zip(analytes, specimens, strict=True):
        measured_in.setdefault(name, set()).add(specimen)
    return [
        f"{name} ({specimen})" if specimen and len(measured_in[name]) > 1 else name
        for name, specimen in zip(analytes, specimens, strict=True)
    ]


def mark(cell: object) -> str:
    """Return the side of the dose that a planned time point names: "pre", "post" or "" when it does not say."""
    folded = names.fold(label(cell) or "")
    if "predose" in folded or folded in ("pre", "beforedose", "trough"):
        return "pre"
    return "post" if folded in ("postdose", "post", "afterdose") else ""


def declared_by_partner(table: Table, keys: Iterable[str], units: dict[str, str], findings: Findings) -> set[str]:
    """Take the units of covariates from columns such as AGEU beside AGE; return the columns that held them."""
    by_fold = {names.fold(key): key for key in table.columns}
    known = names.vocabulary(names.COVARIATES)
    partners = set()
    for key in keys:
        partner = by_fold.get(names.fold(key) + "u")
        if partner is None:
            continue
        partners.add(partner)
        spelled = sorted({text(table, partner, i) for i in range(len(table))} - {""})
        if len(spelled) > 1:
            findings.problem(f"{table.name}, column '{table.headings.get(partner, partner)}': "
                             f"{', '.join(spelled)}; expected one unit")  # fmt: skip
        name = known.get(names.fold(key), key)
        if spelled and from_cdisc(spelled[0]) != "1":
            units.setdefault(name, from_cdisc(spelled[0]))
    return partners
