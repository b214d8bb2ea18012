"""The subjects: their identifiers, the same in every table, and their covariates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas

from pkpd import units as unit_tools
from pkpd.errors import few, nearest
from pkpd.io.cells import all_integers, is_missing, label, number, of_each
from pkpd.io.columns import COVARIATES, fold, missing_column, vocabulary
from pkpd.io.findings import Findings, shown
from pkpd.io.spoilt import report_spoilt
from pkpd.io.table import Table
from pkpd.records import RECORD_COLUMNS


def check_identifiers(table: Table, findings: Findings) -> list[str]:
    """Return the subject of every row, "" where there is none, which is a problem."""
    if "subject" not in table:
        missing_column(table, "subject", "the identifier of every record's subject", findings)
        return [""] * len(table)
    texts = [text or "" for text in of_each(label, table.columns["subject"])]
    if "" in texts:
        for i in (k for k, text in enumerate(texts) if not text):
            table.complain(findings, "subject", i, "an identifier, a number or a text")
    return texts


def unknown_subjects(table: Table, owners: Sequence[str], known: Sequence[str], findings: Findings) -> None:
    """Report every subject of a table that the table of subjects does not list."""
    counts, listed = Counter(owners), {*known}
    for name in counts:
        if name and name not in listed:
            i = owners.index(name)
            findings.problem(
                f"{table.place('subject', i)}: unknown subject ({counts[name]} rows); expected one of the table of "
                f"subjects; {nearest(name, known)}"
            )


def read_subjects(table: Table, units: Mapping[str, str], findings: Findings) -> pandas.DataFrame:
    """Return the table of subjects with its covariates; a subject listed twice is a problem."""
    owners = check_identifiers(table, findings)
    first: dict[str, int] = {}
    for i, name in enumerate(owners):
        if name and name in first:
            findings.problem(
                f"{table.place('subject', i)}: listed already in row {table.rows[first[name]]}; "
                "expected one row per subject"
            )
        first.setdefault(name, i)
    names = [name for name in first if name]
    columns: dict[str, object] = {"subject": names}
    for key in table.columns:
        if key not in ("subject", "row") and not report_spoilt([(table, key)], findings):
            cells = [table.columns[key][first[name]] for name in names]
            columns[spelled(key, units)] = _values(table, key, cells, [first[n] for n in names], findings)
    return pandas.DataFrame(columns)


def spelled(key: str, units: Mapping[str, str]) -> str:
    """Return the name of a covariate: ours when it is a known one, else as in `units`, else the heading."""
    ours = vocabulary(COVARIATES).get(fold(key))
    return ours or next((name for name in units if fold(name) == fold(key)), key)


def gather_covariates(
    tables: Sequence[Table],
    names: Sequence[str],
    units: Mapping[str, str],
    findings: Findings,
    constant: Collection[str] | None = None,
) -> tuple[pandas.DataFrame, tuple[str, ...]]:
    """Return the covariates that observations and doses carry, and the names of those that change in time.

    A column that is constant in each subject is a covariate; one of numbers that varies changes in time.

    Parameters
    ----------
    tables : sequence of Table
        Tables whose further columns are looked through.
    names : sequence of str
        Subjects.
    units : mapping
        Units by name, which spell covariates.
    findings : Findings
        Where problems and notes go.
    constant : collection of str, optional
        Covariates that may not change. Without it none may: one that varies is not used, which is noted.
        A weight that may not change and does is a problem.
    """
    columns: dict[str, object] = {"subject": list(names)}
    moving: list[str] = []
    for key in dict.fromkeys(spelled(k, units) for table in tables for k in table.extras):
        may_change = constant is not None and key not in constant
        if report_spoilt([(t, heading) for t in tables for heading in columns_of(t, key, units)], findings):
            continue
        cells, varying = _first_cells(tables, key, units)
        if varying and key == "weight" and not may_change:
            for cell in varying:
                before = cells[cell.owner]
                cell.table.complain(findings, cell.heading, cell.row, f"the weight {shown(before.content)} of row "
                                    f"{before.table.rows[before.row]}: one weight per subject")  # fmt: skip
        elif varying and may_change and key not in RECORD_COLUMNS and _all_numbers(tables, key, units):
            moving.append(key)
            continue
        if varying or not cells:
            why = "it varies within a subject" if varying else "it is empty"
            findings.altered(f"{tables[0].name}: the column '{key}' is not used: {why}")
            continue
        first = next(iter(cells.values()))
        positions = [cells[n].row if n in cells else 0 for n in names]
        columns[key] = _values(
            first.table, first.heading, [cells[n].content if n in cells else None for n in names], positions, findings
        )
    return pandas.DataFrame(columns), tuple(moving)


class _Cell(NamedTuple):
    """A cell of a covariate and where it stands."""

    content: object
    owner: str
    table: Table
    heading: str
    row: int


def columns_of(table: Table, key: str, units: Mapping[str, str]) -> list[str]:
    """Return the headings of a table that mean a covariate."""
    return [heading for heading in table.extras if spelled(heading, units) == key]


def _first_cells(tables: Sequence[Table], key: str, units: Mapping[str, str]) -> tuple[dict[str, _Cell], list[_Cell]]:
    """The first cell of every subject that is not empty, and those that say something else."""
    first: dict[str, _Cell] = {}
    varying: list[_Cell] = []
    for table in tables:
        owners = [label(cell) or "" for cell in table.columns.get("subject", [None] * len(table))]
        for heading in columns_of(table, key, units):
            for i, (content, owner) in enumerate(zip(table.columns[heading], owners, strict=True)):
                before = first.get(owner)
                if before is not None and before.content is content:
                    continue
                if not owner or is_missing(content):
                    continue
                if before is None:
                    first[owner] = _Cell(content, owner, table, heading, i)
                elif not _same(before.content, content):
                    varying.append(_Cell(content, owner, table, heading, i))
    return first, varying


def _all_numbers(tables: Sequence[Table], key: str, units: Mapping[str, str]) -> bool:
    """Say whether every cell of a covariate is empty or a finite number."""
    cells = (cell for table in tables for heading in columns_of(table, key, units) for cell in table.columns[heading])
    return all(value is not None and not np.isinf(value) for value in map(number, cells))


def _same(cell: object, other: object) -> bool:
    if type(cell) is type(other) is float and cell == other:
        return True
    a, b = number(cell), number(other)
    if a is not None and b is not None:
        return a == b
    return (label(cell) or shown(cell)) == (label(other) or shown(other))


def _values(
    table: Table, key: str, cells: Sequence[object], positions: Sequence[int], findings: Findings
) -> pandas.Series | list[float]:
    """Return a covariate as numbers if all of it are numbers, else as texts (missing ones as missing)."""
    weight = vocabulary(COVARIATES).get(fold(key)) == "weight"
    numbers = [number(cell) for cell in cells]
    for i, cell, value in zip(positions, cells, numbers, strict=True):
        if weight and (value is None or value <= 0):
            findings.problem(f"{table.place(key, i)}: {shown(cell)}; expected a weight > 0")
    if all(value is not None for value in numbers):
        return [float("nan") if value is None else value for value in numbers]
    texts = [None if is_missing(cell) else (label(cell) or shown(cell)) for cell in cells]
    told = sum(value is not None and not np.isnan(value) for value in numbers)
    stray = [k for k, value in enumerate(numbers) if value is None]
    if told > len(stray):
        heading, place = table.headings.get(key, key), table.place(key, positions[stray[0]])
        why = f"{place}: {shown(cells[stray[0]])} is no number, as {told} cells are"
        findings.altered(f"{table.name}: the column '{heading}' became texts: {why}")
    return pandas.Series(texts, dtype=object)


def check_weights(
    people: pandas.DataFrame, dosed: Sequence[str], unit: str, has_table: bool, findings: Findings
) -> None:
    """Warn about doses per kilogram whose subject has no weight: only absolute amounts need one, and ask for it."""
    if not unit_tools.per_kg(unit) or not dosed:
        return
    if "weight" not in people:
        sentence = f"doses: given in {unit} and no weights are known; absolute amounts cannot be computed"
        if has_table:
            found = few((repr(str(c)) for c in people.columns), "weight")
            findings.altered(f"{sentence} (subjects: no column 'weight'; found {found})")
        else:
            findings.fact(sentence)
        return
    lacking = [name for name in people["subject"][people["weight"].isna()] if name in set(dosed)]
    if lacking:
        findings.altered(
            f"subjects: {len(lacking)} subjects have no weight ({few(lacking)}) beside doses in {unit}; their absolute "
            "amounts cannot be computed"
        )


def identifiers(columns: Sequence[Sequence[str]]) -> dict[str, int | str]:
    """Return what each text stands for: integers if all are plain integers, else the texts themselves."""
    texts = dict.fromkeys(text for column in columns for text in column if text)
    return {text: int(text) for text in texts} if all_integers(texts) else {text: text for text in texts}
